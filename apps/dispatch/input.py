"""Reading the free fields of this app: an address, a line of text. Pure."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from cxm.errors import DomainError

LONGEST_ADDRESS = 254


def address_field(text: str, field: str) -> str:
    """`text` as an e-mail address in lower case. Raises `DomainError` when it is none."""
    address = text.strip().lower()
    try:
        if len(address) > LONGEST_ADDRESS:
            raise ValidationError("too long")
        validate_email(address)
    except ValidationError:
        raise DomainError(_("Enter a full e-mail address, for example lena@example.com."), field=field) from None
    return address


def one_field(text: str, field: str, longest: int) -> str:
    """`text` stripped. Raises `DomainError` when it is too long or holds characters that cannot be stored."""
    text = text.strip()
    if len(text) > longest:
        raise DomainError(_("Use at most %(longest)d characters.") % {"longest": longest}, field=field, code="too_long")
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in text.replace("\n", "")):
        raise DomainError(_("This holds characters that cannot be stored. Type it anew."), field=field)
    return text
