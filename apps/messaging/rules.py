"""What a provider row may hold: each reader gives the value as stored or raises `DomainError` naming its field."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.utils.translation import gettext as _

from apps.customers.rules import clean_email, clean_phone, clean_text
from apps.messaging.backends import INBOUND_ADDRESS, Backend
from apps.messaging.models import Provider
from cxm.errors import DomainError, DomainErrors, FieldError

MOST_PER_SECOND: Final = 1_000
MOST_PER_DAY: Final = 100_000_000
LONGEST_CREDENTIAL: Final = 1_000
LONGEST_INBOUND_NAME: Final = 22
"""Characters before the @ of the address for replies: 64 are allowed, and a + and 41 of ours follow."""

LONGEST_REPLY: Final = 1_600
"""Characters of an answer typed on the page of the local provider."""

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
_DOMAIN: Final = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_SENDER_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_SHORT_NUMBER: Final = re.compile(r"[0-9]{3,8}")


def name_of(value: object) -> str:
    """What people call the provider."""
    name = _text(value, "name", 120)
    if not name:
        raise DomainError(_("Give it a name."), field="name", code="required")
    return name


def sender_for(backend: Backend, value: object, credentials: Mapping[str, str]) -> str:
    """Who messages come from: an address of mail, or a number or name of text messages."""
    sender = _text(value, "sender", 254)
    if backend.is_local:
        return sender
    if backend.kind == Provider.Kind.EMAIL:
        try:
            address = clean_email(sender)
        except ValueError as error:
            raise DomainError(str(error), field="sender") from None
        if not address or not address.isascii():
            raise DomainError(
                _("Give the address mail comes from, for example survey@example.com."), field="sender", code="required"
            )
        return address
    if not sender and credentials.get("messaging_service_sid"):
        return ""
    if _SENDER_NAME.fullmatch(sender) or _SHORT_NUMBER.fullmatch(sender):
        return sender
    try:
        number = clean_phone(sender)
    except ValueError as error:
        raise DomainError(str(error), field="sender") from None
    if not number or not number.startswith("+"):
        raise DomainError(
            _("Give the number messages come from with its country, for example +49 30 123456, or a name of at most"
              " 11 letters and digits."),
            field="sender",
            code="required",
        )  # fmt: skip
    return number


def limit_of(value: object, field: str, most: int) -> int:
    """A limit of ours; 0 or nothing for none."""
    if value in (None, ""):
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise DomainError(
            _("Give a whole number from 0 (no limit) to %(most)s.") % {"most": f"{most:,}"}, field=field, code="invalid"
        )
    return value


def credentials_for(backend: Backend, values: Mapping[str, Any], former: Mapping[str, str]) -> dict[str, str]:
    """The credentials as they are kept. A secret that is left empty stays what it was.

    Raises `DomainErrors` naming every field that cannot be.
    """
    kept: dict[str, str] = {}
    errors: list[FieldError] = []
    for credential in backend.credentials:
        try:
            value = _credential(values.get(credential.name, ""), credential.name)
            if not value and (credential.secret or credential.name not in values):
                value = former.get(credential.name, "")
            if not value and credential.required:
                raise DomainError(
                    _("%(name)s is missing.") % {"name": credential.label}, field=credential.name, code="required"
                )
            if credential.choices and value not in dict(credential.choices):
                raise DomainError(_("Choose one of the list."), field=credential.name)
        except DomainError as error:
            errors += error.errors
            continue
        if value:
            kept[credential.name] = value
    if errors:
        raise DomainErrors(errors)
    return kept


def _credential(value: object, name: str) -> str:
    text = _text(value, name, LONGEST_CREDENTIAL)
    if not text:
        return ""
    if not text.isascii() or " " in text:
        raise DomainError(_("Copy this as the provider shows it: letters, digits and signs."), field=name)
    return _SHAPES[name](text) if name in _SHAPES else text


def _domain(value: str) -> str:
    value = value.lower()
    if _DOMAIN.fullmatch(value) is None:
        raise DomainError(_("Write a domain, for example mg.example.com."), field="sender_domain")
    return value


def _inbound(value: str) -> str:
    try:
        address = clean_email(value) or ""
    except ValueError as error:
        raise DomainError(str(error), field=INBOUND_ADDRESS) from None
    local = address.partition("@")[0]
    if "+" in local or len(local) > LONGEST_INBOUND_NAME:
        raise DomainError(
            _("Use at most %(most)d characters before the @ and no +: a mark for each message is put there.")
            % {"most": LONGEST_INBOUND_NAME},
            field=INBOUND_ADDRESS,
        )
    return address


def _sid(prefix: str, name: str) -> Callable[[str], str]:
    shape = re.compile(rf"{prefix}[0-9a-fA-F]{{32}}")

    def read(value: str) -> str:
        if shape.fullmatch(value) is None:
            raise DomainError(
                _("This begins with %(prefix)s, and 32 digits and letters a to f follow.") % {"prefix": prefix},
                field=name,
            )
        return value

    return read


def _public_key(value: str) -> str:
    try:
        load_der_public_key(base64.b64decode(value, validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise DomainError(
            _("This is no public key. Copy the whole verification key."), field="tracking_webhook_verification_key"
        ) from None
    return value


_SHAPES: Final[Mapping[str, Callable[[str], str]]] = {
    "sender_domain": _domain,
    INBOUND_ADDRESS: _inbound,
    "account_sid": _sid("AC", "account_sid"),
    "messaging_service_sid": _sid("MG", "messaging_service_sid"),
    "tracking_webhook_verification_key": _public_key,
}


def _text(value: object, field: str, most: int) -> str:
    if not isinstance(value, str) and value is not None:
        raise DomainError(_("Give a text."), field=field)
    try:
        text = clean_text(value, most)
        text.encode()
    except UnicodeEncodeError:
        raise DomainError(_("This text holds characters that cannot be stored."), field=field) from None
    except ValueError as error:
        raise DomainError(str(error), field=field) from None
    return text


def reply_of(value: object) -> str:
    """What somebody types as an answer on the page of the local provider; may have several lines."""
    if not isinstance(value, str):
        raise DomainError(_("Give a text."), field="text")
    text = "\n".join(line.strip() for line in value.strip().splitlines())
    if not text:
        raise DomainError(_("Write an answer, for example STOP."), field="text", code="required")
    if len(text) > LONGEST_REPLY:
        raise DomainError(_("Use at most %(most)d characters.") % {"most": LONGEST_REPLY}, field="text")
    if _CONTROL.search(text):
        raise DomainError(_("This text holds characters that cannot be stored."), field="text")
    return text
