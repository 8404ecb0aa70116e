"""The organisation's own words in an invitation: by language, templates in Liquid, checked when they are saved."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from django.utils.translation import gettext as _

from apps.dispatch.wording import Words, primary
from apps.messaging.liquid import check_template, is_template, names_in, render_template
from apps.surveys.piping import first_name
from cxm.errors import DomainError, DomainErrors, FieldError

log = logging.getLogger(__name__)

ALLOWED: Final = ("customer.name", "customer.first_name", "organization", "touchpoint", "attributes.*")
"""What a template may ask for."""

LONGEST: Final[Mapping[str, int]] = {
    "subject": 200,
    "opening": 2000,
    "reminder_subject": 200,
    "reminder_opening": 2000,
}
"""The texts there are, and how many characters of template each may have."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The organisation's own words in one language; empty ones are ours."""

    subject: str = ""
    opening: str = ""
    reminder_subject: str = ""
    reminder_opening: str = ""

    @classmethod
    def in_language(cls, texts: Mapping[str, Mapping[str, str]], language: str) -> Self:
        """The words for `language` (`pt-BR`, else `pt`) among those by language; all ours where there are none."""
        chosen = texts.get(language) or texts.get(primary(language)) or {}
        return cls(**{name: chosen.get(name, "") for name in LONGEST})

    def subject_of(self, *, reminder: bool, words: Words) -> str:
        """The subject to use, "" for ours. A reminder without one of its own says so before the first one."""
        if not reminder:
            return self.subject
        if self.reminder_subject:
            return self.reminder_subject
        return words.reminder.format(subject=self.subject) if self.subject else ""

    def opening_of(self, *, reminder: bool) -> str:
        """The opening to use, "" for ours."""
        return (self.reminder_opening or self.opening) if reminder else self.opening


def check_texts(texts: Any) -> dict[str, dict[str, str]]:
    """The texts by language as they may be stored, without the empty ones.

    Raises `DomainErrors` naming `texts`, `texts.<language>` or `texts.<language>.<name>`.
    """
    if not isinstance(texts, Mapping):
        raise _refused("texts", _("Give the texts by language: {“en”: {“subject”: …}}."))
    errors: list[FieldError] = []
    kept: dict[str, dict[str, str]] = {}
    for language, words in texts.items():
        if not isinstance(words, Mapping):
            errors += _refused(f"texts.{str(language)[:20]}", _("Give texts by name: subject, opening.")).errors
            continue
        for name, text in words.items():
            try:
                written = _checked(text, str(name), f"texts.{str(language)[:20]}.{str(name)[:40]}")
            except DomainError as error:
                errors += error.errors
                continue
            if written:
                kept.setdefault(str(language)[:20], {})[str(name)] = written
    if errors:
        raise DomainErrors(errors)
    return kept


def filled(template: str, *, name: str, organization: str, touchpoint: str, attributes: Mapping[str, str]) -> str:
    """The template for one person; "" when it cannot be filled, so that our own words stand in."""
    try:
        return render_template(
            template,
            {
                "customer": {"name": name, "first_name": first_name(name)},
                "organization": organization,
                "touchpoint": touchpoint,
                "attributes": attributes,
            },
        )
    except DomainError as error:
        log.warning("a text of the organisation's own could not be filled in: %s", error.code)
        return ""


def same_for_all(template: str, *, organization: str, touchpoint: str) -> str | None:
    """The template filled in where nothing in it differs between people, else None."""
    if not is_template(template):
        return template
    if not names_in(template) <= {"organization", "touchpoint"}:
        return None
    return filled(template, name="", organization=organization, touchpoint=touchpoint, attributes={})


def _checked(text: object, name: str, field: str) -> str:
    if name not in LONGEST:
        raise _refused(field, _("There is no such text. There are: %(names)s.") % {"names": ", ".join(LONGEST)})
    if not isinstance(text, str):
        raise _refused(field, _("Give a text."))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _refused(field, _("This text holds characters that cannot be stored.")) from None
    if "\x00" in text:
        raise _refused(field, _("This text holds characters that cannot be stored."))
    text = text.strip()
    if len(text) > LONGEST[name]:
        raise _refused(field, _("Use at most %(most)s characters.") % {"most": LONGEST[name]})
    check_template(text, ALLOWED, field=field)
    return text


def _refused(field: str, message: str) -> DomainError:
    return DomainError(message, field=field, code="invalid")
