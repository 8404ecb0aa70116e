"""Where a provider's reports and a person's replies come in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from apps.messaging.models import Provider
from cxm.tokens import TokenSubject, make_token, read_token

PURPOSE: Final = "provider"
_MAC_BYTES: Final = 8
HOOK_USER: Final = "cxm"

REPLY: Final = "r"
STOP: Final = "u"


def hook_token(provider: Provider) -> str:
    """What stands in the address of the provider's reports."""
    return make_token(PURPOSE, _organization(provider), provider.pk)


def read_hook_token(token: str) -> TokenSubject | None:
    """The organisation and the provider row a report's address speaks of."""
    return read_token(PURPOSE, token)


def hook_password(provider: Provider) -> str:
    """The password that providers without signatures send along: nothing is stored, it follows from the row."""
    secret = hmac.new(settings.SECRET_KEY.encode(), b"cxm.hooks\0" + provider.pk.bytes, hashlib.sha256)
    return secret.hexdigest()[:32]


def hook_url(provider: Provider, *, replies: bool = False, with_password: bool = False) -> str:
    """Where the provider posts its reports, or what people replied."""
    path = f"/hooks/{hook_token(provider)}/{'in/' if replies else ''}"
    if not with_password:
        return f"{settings.BASE_URL}{path}"
    parts = urlsplit(str(settings.BASE_URL))
    return f"{parts.scheme}://{HOOK_USER}:{hook_password(provider)}@{parts.netloc}{parts.path}{path}"


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """Which message a mail to a reply address answers; `stop` when the address is the one that ends all mail."""

    reference: UUID
    stop: bool


def reply_address(provider: Provider, inbound: str, reference: UUID, *, stop: bool = False) -> str:
    """`replies+<token>@in.example.com`: the address that answers to one message go to, "" without an inbound address.

    The token holds the message and 64 bits of a MAC, in letters and digits that survive being written in lower case.
    """
    local, at, domain = inbound.rpartition("@")
    if not at:
        return ""
    raw = reference.bytes + _mac(provider, reference)
    token = base64.b32encode(raw).decode().rstrip("=").lower()
    return f"{local}+{STOP if stop else REPLY}{token}@{domain}"


def read_reply_address(provider: Provider, address: str) -> ReplyAddress | None:
    """What a mail to `address` answers, or None where the address is none of ours."""
    local = address.rpartition("@")[0].lower()
    tag = local.rpartition("+")[2] if "+" in local else ""
    if len(tag) != 40 or tag[0] not in (REPLY, STOP) or not tag.isascii():
        return None
    try:
        raw = base64.b32decode(tag[1:].upper() + "=")
    except (binascii.Error, ValueError):
        return None
    reference = UUID(bytes=raw[:16])
    if not hmac.compare_digest(raw[16:], _mac(provider, reference)):
        return None
    return ReplyAddress(reference, tag[0] == STOP)


def _mac(provider: Provider, reference: UUID) -> bytes:
    body = b"cxm.replies\0" + _organization(provider).bytes + reference.bytes
    return hmac.new(settings.SECRET_KEY.encode(), body, hashlib.sha256).digest()[:_MAC_BYTES]


def _organization(provider: Provider) -> UUID:
    if provider.tenant_id is None:
        raise ValueError("a provider that was never stored has no address")
    return provider.tenant_id
