"""What the settings of an organisation may hold. Pure: values in, clean values or a named error out.

Each ``clean_*`` function returns the value in the one form that is stored and raises
:class:`cxm.errors.DomainError` naming the field and what to do.
"""

import re
import zoneinfo
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.organizations.branding import is_colour, is_readable_accent
from cxm.errors import DomainError

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: Open hours of a new organisation: local time, Monday to Friday.
DEFAULT_BUSINESS_HOURS: Final[dict[str, list[list[str]]]] = {
    day: [["09:00", "17:00"]] if day not in ("sat", "sun") else [] for day in WEEKDAYS
}

#: Contact-frequency settings: key -> (default, smallest, largest). A cap of n in d days; 0 days switches it off.
FATIGUE: Final[dict[str, tuple[int, int, int]]] = {
    "global_limit": (1, 1, 1000),
    "global_days": (30, 0, 3650),
    "relationship_limit": (1, 1, 1000),
    "relationship_days": (90, 0, 3650),
    "transactional_limit": (1, 1, 1000),
    "transactional_days": (14, 0, 3650),
    "new_customer_days": (3, 0, 3650),
}

DEFAULT_FATIGUE: Final = {key: default for key, (default, _low, _high) in FATIGUE.items()}

#: What an experience direction may be measured by.
DIRECTION_METRICS: Final = {
    "nps": gettext_lazy("Recommendation (NPS)"),
    "csat": gettext_lazy("Satisfaction (CSAT)"),
    "ces": gettext_lazy("Ease (CES)"),
    "time": gettext_lazy("Time taken"),
    "cost": gettext_lazy("Cost to the customer"),
    "errors": gettext_lazy("Errors and repeats"),
}

MOST_DIRECTIONS: Final = 3

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}\Z")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d\Z|24:00\Z")
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")

#: Words that stand first in an address of ours, or would mislead there.
RESERVED_SLUGS: Final = frozenset(
    {"admin", "api", "accounts", "app", "help", "invite", "me", "new", "o", "settings", "static", "support", "www"}
)


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """Every IANA zone name this installation knows, without the machine's own ``localtime``."""
    return frozenset(zoneinfo.available_timezones()) - {"localtime"}


def clean_text(value: object, *, field: str, longest: int, required: bool = True) -> str:
    """One line of text without control characters, stripped, at most ``longest`` characters."""
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise DomainError(_("Write this as text."), field=field, code="wrong_type")
    text = value.strip()
    if not text:
        if required:
            raise DomainError(_("This must not be empty."), field=field, code="required")
        return ""
    if len(text) > longest:
        raise DomainError(_("Use at most %(longest)d characters.") % {"longest": longest}, field=field, code="too_long")
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF or ord(character) == 127 for character in text):
        raise DomainError(_("This holds characters that cannot be stored. Type it anew."), field=field)
    return text


def clean_slug(value: object, *, field: str = "slug") -> str:
    """The organisation's part of its address: 2 to 50 of a-z, 0-9 and single hyphens, not a reserved word."""
    text = clean_text(value, field=field, longest=50)
    if len(text) < 2 or not SLUG.match(text):
        raise DomainError(
            _("Use 2 to 50 lower-case letters, digits and single hyphens, for example acme-energy."), field=field
        )
    if text in RESERVED_SLUGS:
        raise DomainError(_("“%(slug)s” is reserved. Choose another address.") % {"slug": text}, field=field)
    return text


def clean_timezone(value: object, *, field: str = "timezone") -> str:
    """An IANA time zone name."""
    text = clean_text(value, field=field, longest=64)
    if text not in time_zones():
        raise DomainError(
            _("There is no time zone “%(zone)s”. Use a name such as Europe/Berlin or UTC.") % {"zone": text},
            field=field,
            code="unknown_timezone",
        )
    return text


def clean_languages(value: object, *, field: str = "languages") -> list[str]:
    """The languages customers are asked in: 1 to 30 language codes, without repeats, in the order given."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DomainError(_("Give a list of language codes."), field=field, code="wrong_type")
    codes = list(dict.fromkeys(clean_text(code, field=field, longest=35) for code in value))
    for code in codes:
        if not _LANGUAGE.match(code):
            raise DomainError(
                _("“%(code)s” is not a language code. Use codes such as en, de or pt-BR.") % {"code": code},
                field=field,
            )
    if not 1 <= len(codes) <= 30:
        raise DomainError(_("Choose between 1 and 30 languages."), field=field)
    return codes


def clean_accent(value: object, *, field: str = "accent") -> str:
    """The accent colour as ``#RRGGBB``, or "" for the product's own. Refused when it cannot be read on white."""
    text = clean_text(value, field=field, longest=7, required=False).upper()
    if not text:
        return ""
    if not is_colour(text):
        raise DomainError(_("Write the colour as six digits after a #, for example #0F766E."), field=field)
    if not is_readable_accent(text):
        raise DomainError(
            _("This colour is too light: words in it cannot be read on white (the contrast must be 4.5 to 1 or "
              "more). Choose a darker tone."),
            field=field,
            code="low_contrast",
        )  # fmt: skip
    return text


def clean_business_hours(value: object, *, field: str = "business_hours") -> dict[str, list[list[str]]]:
    """Open hours in local time: weekday -> spans ``["09:00", "17:00"]`` that follow each other; "24:00" ends a day."""
    if not isinstance(value, Mapping) or not set(value) <= set(WEEKDAYS):
        raise DomainError(_("Give open hours by weekday: mon, tue, wed, thu, fri, sat, sun."), field=field)
    return {day: _clean_spans(value.get(day) or [], f"{field}.{day}") for day in WEEKDAYS}


def _clean_spans(spans: Any, field: str) -> list[list[str]]:
    if not isinstance(spans, Sequence) or isinstance(spans, str) or len(spans) > 6:
        raise DomainError(_("Give at most 6 spans of open hours a day."), field=field)
    clean: list[list[str]] = []
    for span in spans:
        good = (
            isinstance(span, Sequence)
            and not isinstance(span, str)
            and len(span) == 2
            and all(isinstance(clock, str) and _CLOCK.match(clock) for clock in span)
        )
        if not good:
            raise DomainError(_("Write open hours as 09:00 to 17:00."), field=field)
        opens, closes = span
        if opens >= closes or (clean and opens < clean[-1][1]):
            raise DomainError(
                _("Closing time must be later than opening time, and spans must not overlap."), field=field
            )
        clean.append([opens, closes])
    return clean


def clean_fatigue(value: object, *, field: str = "fatigue") -> dict[str, int]:
    """The contact-frequency settings, complete: absent keys take their default."""
    if not isinstance(value, Mapping):
        raise DomainError(_("Give the contact limits by name."), field=field, code="wrong_type")
    unknown = sorted(set(value) - set(FATIGUE))
    if unknown:
        raise DomainError(_("There is no contact limit “%(name)s”.") % {"name": unknown[0]}, field=field)
    clean = dict(DEFAULT_FATIGUE)
    for key, number in value.items():
        clean[key] = clean_whole_number(
            number, field=f"{field}.{key}", smallest=FATIGUE[key][1], largest=FATIGUE[key][2]
        )
    return clean


def clean_whole_number(value: object, *, field: str, smallest: int, largest: int) -> int:
    """A whole number within both bounds, inclusive."""
    if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= largest:
        raise DomainError(
            _("Give a whole number from %(smallest)d to %(largest)d.") % {"smallest": smallest, "largest": largest},
            field=field,
        )
    return value


def clean_directions(value: object, *, field: str = "experience_directions") -> list[dict[str, str]]:
    """Up to 3 directions ``{"name", "metric"}``: what the experience should become, and how one would know."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DomainError(_("Give a list of directions."), field=field, code="wrong_type")
    if len(value) > MOST_DIRECTIONS:
        raise DomainError(_("Choose at most 3 directions."), field=field, code="too_many")
    clean: list[dict[str, str]] = []
    for position, direction in enumerate(value):
        here = f"{field}.{position}"
        if not isinstance(direction, Mapping):
            raise DomainError(_("Give a direction its name and its metric."), field=here, code="wrong_type")
        name = clean_text(direction.get("name"), field=f"{here}.name", longest=60)
        metric = direction.get("metric")
        if not isinstance(metric, str) or metric not in DIRECTION_METRICS:
            raise DomainError(
                _("Choose what measures this direction: %(names)s.") % {"names": ", ".join(DIRECTION_METRICS)},
                field=f"{here}.metric",
            )
        if name.casefold() in (taken["name"].casefold() for taken in clean):
            raise DomainError(_("Two directions have the same name."), field=f"{here}.name")
        clean.append({"name": name, "metric": metric})
    return clean
