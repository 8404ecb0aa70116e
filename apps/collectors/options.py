"""What can be set at a place, by its kind: read strictly, every mistake named. Pure but for hashing the PIN."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.contrib.auth.hashers import make_password
from django.utils.translation import gettext as _

from apps.collectors.models import Collector
from cxm.errors import DomainError, DomainErrors, FieldError
from cxm.texts import clean_text

HEADLINE_LENGTH: Final = 120
TEXT_LENGTH: Final = 300
MOST_SITES: Final = 20
TRIGGERS: Final = ("delay", "scroll", "exit")

_SITE = re.compile(
    r"(https?)://((?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(:[0-9]{1,5})?"
)
_PIN = re.compile(r"[0-9]{4,8}")


def default_options(kind: str) -> dict[str, Any]:
    """What a place of this kind does unless told otherwise."""
    if kind == Collector.Kind.KIOSK:
        return {"ask_text": False, "pin": ""}
    if kind == Collector.Kind.POSTER:
        return {"headline": "", "text": ""}
    return {"sites": [], "sample": 100, "trigger": "delay", "after": 5, "again": 90}


def read_options(kind: str, given: object, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The whole settings of a place: what was given, over what was set before, over the defaults.

    Unknown names are ignored. Raises DomainErrors naming ``settings.<name>``. A kiosk needs a PIN, a widget a site.
    """
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise DomainError(_('Must be an object such as {"sample": 50}.'), field="settings", code="type")
    values = {**default_options(kind), **(before or {})}
    errors: list[FieldError] = []
    for name, reader in _READERS[Collector.Kind(kind)].items():
        if name in given:
            try:
                values[name] = reader(given[name], f"settings.{name}")
            except DomainError as error:
                errors += error.errors
    for name, message in (
        ("pin", _("Choose a PIN of 4 to 8 digits: staff leave the kiosk with it.")),
        ("sites", _("Name the site that shows the widget, such as https://shop.example.com.")),
    ):
        wrong = {error["field"] for error in errors}
        if name in values and not values[name] and f"settings.{name}" not in wrong:
            errors.append({"field": f"settings.{name}", "code": "required", "message": message})
    if errors:
        raise DomainErrors(errors)
    return values


def shown_options(collector: Collector) -> dict[str, Any]:
    """The settings as they may be shown: without the PIN's hash."""
    return {name: value for name, value in collector.settings.items() if name != "pin"}


def read_site(value: object, field: str) -> str:
    """One origin that may show a widget, as a policy names it. Raises DomainError."""
    text = value.strip().lower().rstrip("/") if isinstance(value, str) else ""
    match = _SITE.fullmatch(text)
    if len(text) > 200 or match is None or (match[3] and not 0 < int(match[3][1:]) < 65_536) or match[2] == "*.":
        message = _("Give a site as https://shop.example.com, without a path; *. in front means all below it.")
        raise DomainError(message, field=field, code="site")
    return text


def _sites(value: object, field: str) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST_SITES:
        raise DomainError(_("Give a list of at most %(n)d sites.") % {"n": MOST_SITES}, field=field, code="type")
    return list(dict.fromkeys(read_site(site, field) for site in value))


def _pin(value: object, field: str) -> str:
    if not isinstance(value, str) or not _PIN.fullmatch(value):
        raise DomainError(_("A PIN has 4 to 8 digits."), field=field, code="pin")
    return make_password(value)


def _flag(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise DomainError(_("This must be true or false."), field=field, code="type")
    return value


def _between(low: int, high: int) -> Callable[[object, str], int]:
    def read(value: object, field: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            message = _("Must be a whole number from %(low)d to %(high)d.") % {"low": low, "high": high}
            raise DomainError(message, field=field, code="range")
        return value

    return read


def _trigger(value: object, field: str) -> str:
    if not isinstance(value, str) or value not in TRIGGERS:
        raise DomainError(_("Must be one of: %(names)s.") % {"names": ", ".join(TRIGGERS)}, field=field, code="choice")
    return value


def _text(limit: int) -> Callable[[object, str], str]:
    return lambda value, field: clean_text(value, field=field, limit=limit)


_READERS: Final[Mapping[str, Mapping[str, Callable[[object, str], Any]]]] = {
    Collector.Kind.KIOSK: {"ask_text": _flag, "pin": _pin},
    Collector.Kind.POSTER: {"headline": _text(HEADLINE_LENGTH), "text": _text(TEXT_LENGTH)},
    Collector.Kind.WIDGET: {
        "sites": _sites,
        "sample": _between(1, 100),
        "trigger": _trigger,
        "after": _between(0, 600),
        "again": _between(0, 730),
    },
}
