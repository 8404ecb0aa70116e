"""Texts that people and other systems send, as services store them."""

from __future__ import annotations

from django.utils.translation import gettext as _

from cxm.errors import DomainError


def clean_text(value: object, *, field: str, limit: int, required: bool = False) -> str:
    """A stripped text of at most `limit` characters. Raises DomainError naming `field`."""
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise DomainError(_("Give a text here."), field=field)
    text = value.strip()
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise DomainError(_("Remove the characters that cannot be stored (NUL or half a character)."), field=field)
    if required and not text:
        raise DomainError(_("Must not be empty."), field=field, code="required")
    if len(text) > limit:
        message = _("Is %(length)d characters long; at most %(limit)d are kept.")
        raise DomainError(message % {"length": len(text), "limit": limit}, field=field, code="max_length")
    return text
