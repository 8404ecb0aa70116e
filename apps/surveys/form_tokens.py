"""What a respondent's form carries instead of a CSRF cookie: a MAC over the survey, the time and a nonce.

Frames block cookies and respondents have none. The nonce also names the answer of somebody who came without an
invitation, so that sending twice changes one answer instead of making two.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import struct
import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.utils.crypto import salted_hmac

LIFETIME: Final = 7 * 24 * 3600
"""Seconds that a new form may stay open: a phone that was offline over a weekend still delivers."""

_NONCE_BYTES: Final = 12
_MAC_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class FormToken:
    """A form that we made: its nonce (24 hexadecimal digits), and the token's text."""

    nonce: str
    text: str
    is_old: bool = False
    """Whether it was made longer ago than a form may stay open: then only an answer that was begun goes on with it."""

    @property
    def source_id(self) -> str:
        """What the answer of this form is known by."""
        return f"link:{self.nonce}"


def new_form_token(survey_id: UUID) -> FormToken:
    """The token of a form that is being shown."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    body = struct.pack(">I", int(time.time())) + nonce
    text = base64.urlsafe_b64encode(body + _mac(survey_id, body)).decode()
    return FormToken(nonce.hex(), text)


def read_form_token(survey_id: UUID, text: str) -> FormToken | None:
    """The token of a form that came back; None when it is not ours or of another survey."""
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True) if len(text) <= 64 and text.isascii() else b""
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 4 + _NONCE_BYTES + _MAC_BYTES:
        return None
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(survey_id, body)):
        return None
    age = time.time() - struct.unpack(">I", body[:4])[0]
    return FormToken(body[4:].hex(), text, is_old=age > LIFETIME)


def _mac(survey_id: UUID, body: bytes) -> bytes:
    return salted_hmac("surveys.form", survey_id.bytes + body, algorithm="sha256").digest()[:_MAC_BYTES]
