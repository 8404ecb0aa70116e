"""What a customer's fields may hold. Pure: values in, clean values or a sentence out.

Every function takes what somebody typed or sent and returns what is stored. A value that cannot be taken raises
`ValueError` with a sentence for the person who sent it.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

MAX_EXTERNAL_ID = 200
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_NAME = 64
MAX_ATTRIBUTE_TEXT = 1_000
MAX_ATTRIBUTE_LIST = 100

BLOCKED_IDENTIFIERS = frozenset(
    {"null", "none", "nil", "undefined", "nan", "n/a", "na", "unknown", "anonymous", "guest", "-1", "true", "false"}
)
"""What broken integrations send as an id for everybody; taken as an id it would make one person of all of them."""
NOBODY = gettext_lazy("“%(value)s” stands for nobody. Send the customer's own id, or leave it out.")
ZEROS = re.compile(r"[0\-.\s]+")
LINE_END = re.compile(r"\r?\n")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
PHONE_NOISE = re.compile(r"[\s().\-/\u00a0]")
PHONE = re.compile(r"\+?[0-9]{3,15}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,6})?")


def is_blocked_identifier(value: str) -> bool:
    """Whether a value stands for nobody (`null`, `-1`, `anonymous`, zeros), in any case."""
    value = value.strip()
    return value.lower() in BLOCKED_IDENTIFIERS or ZEROS.fullmatch(value) is not None


def clean_external_id(value: str | None) -> str | None:
    """The organisation's own id of the customer: 1..200 characters, none of them a control character; "" is none."""
    value = (value or "").strip()
    if not value:
        return None
    if is_blocked_identifier(value):
        raise ValueError(NOBODY % {"value": value[:40]})
    if len(value) > MAX_EXTERNAL_ID:
        raise ValueError(_("Use at most %(limit)d characters.") % {"limit": MAX_EXTERNAL_ID})
    if CONTROL.search(value):
        raise ValueError(_("Control characters cannot stand in an id."))
    return value


def clean_email(value: str | None) -> str | None:
    """A valid address in lower case; "" is none."""
    value = (value or "").strip().lower()
    if not value:
        return None
    try:
        validate_email(value)
    except ValidationError:
        raise ValueError(_("This is not an e-mail address.")) from None
    if len(value) > 254:
        raise ValueError(_("This e-mail address is too long."))
    return value


def clean_phone(value: str | None) -> str | None:
    """Digits with an optional + in front (`+4930123456`); spaces, dots, brackets, dashes are dropped, 00 becomes +."""
    value = PHONE_NOISE.sub("", value or "")
    if not value:
        return None
    if value.startswith("00"):
        value = "+" + value[2:]
    if PHONE.fullmatch(value) is None or not value.strip("+0"):
        raise ValueError(_("Write the number with 3 to 15 digits, best as +49 30 123456."))
    return value


def clean_text(value: str | None, limit: int = 200) -> str:
    """One line of text; runs of space and line breaks become one space."""
    value = " ".join((value or "").split())
    if CONTROL.search(value):
        raise ValueError(_("Control characters cannot stand here."))
    if len(value) > limit:
        raise ValueError(_("Use at most %(limit)d characters.") % {"limit": limit})
    return value


def clean_language(value: str | None) -> str:
    """A language tag such as `de` or `pt-BR`; "" when not known."""
    value = (value or "").strip().replace("_", "-")
    if value and LANGUAGE.fullmatch(value) is None:
        raise ValueError(_("Write a language as de, en or pt-BR."))
    return value


def clean_timezone(value: str | None) -> str:
    """A name of the IANA time zone database; "" when not known."""
    value = (value or "").strip()
    if value:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(_("Write a time zone as Europe/Berlin.")) from None
    return value


def clean_attributes(value: Any) -> dict[str, Any]:
    """A flat object of text, numbers, booleans, dates (as text), null, and lists of these.

    At most 100 attributes, names of 1..64 characters, text of at most 1,000 characters, lists of at most 100 values.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(_("attributes must be an object of names and values."))
    if len(value) > MAX_ATTRIBUTES:
        raise ValueError(_("A customer can have at most %(limit)d attributes.") % {"limit": MAX_ATTRIBUTES})
    cleaned = {clean_attribute_name(name): clean_attribute(str(name), inner) for name, inner in value.items()}
    if len(cleaned) < len(value):
        raise ValueError(_("Two attributes have the same name."))
    return cleaned


def clean_attribute_name(name: Any) -> str:
    """1..64 characters, no control characters."""
    name = str(name).strip()
    if not 1 <= len(name) <= MAX_ATTRIBUTE_NAME or CONTROL.search(name):
        message = _("The name of an attribute needs 1 to %(limit)d characters: “%(name)s”.")
        raise ValueError(message % {"limit": MAX_ATTRIBUTE_NAME, "name": CONTROL.sub("?", name[:40])})
    return name


def clean_attribute(name: str, value: Any, *, in_list: bool = False) -> Any:
    """One value; `name` is for the sentence."""
    shown = {"name": name[:MAX_ATTRIBUTE_NAME], "limit": MAX_ATTRIBUTE_TEXT, "count": MAX_ATTRIBUTE_LIST}
    if isinstance(value, list) and not in_list:
        if len(value) > MAX_ATTRIBUTE_LIST:
            raise ValueError(_("“%(name)s” can hold at most %(count)d values.") % shown)
        return [clean_attribute(name, inner, in_list=True) for inner in value]
    if isinstance(value, dict | list):
        raise ValueError(_("“%(name)s” must be text, a number, true, false, null, or a list of these.") % shown)
    if isinstance(value, str):
        if len(value) > MAX_ATTRIBUTE_TEXT:
            raise ValueError(_("“%(name)s” can hold at most %(limit)d characters.") % shown)
        if "\x00" in value:
            raise ValueError(_("“%(name)s” holds a NUL character.") % shown)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(_("“%(name)s” must be a finite number.") % shown)
    return value


def merge_attributes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """`new` laid over `old`; null takes a name away (RFC 7396)."""
    return {name: value for name, value in {**old, **new}.items() if name not in new or value is not None}


CLEANERS = {
    "external_id": clean_external_id,
    "email": clean_email,
    "phone": clean_phone,
    "name": clean_text,
    "account": clean_text,
    "language": clean_language,
    "timezone": clean_timezone,
    "attributes": clean_attributes,
}


def attributes_to_lines(attributes: dict[str, Any]) -> str:
    """Attributes as lines `name: value` for a form; `attributes_from_lines` reads the same attributes back."""
    return "\n".join(f"{name}: {value_to_text(value)}" for name, value in attributes.items())


def attributes_from_lines(text: str) -> dict[str, Any]:
    """Attributes from lines `name: value`. Numbers, true, false, null, lists and "quoted text" are read as JSON.

    Raises ValueError naming the line that has no colon, or a name given twice.
    """
    attributes: dict[str, Any] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        name = name.strip()
        if not colon or not name:
            raise ValueError(_("Line %(line)d: write it as name: value.") % {"line": number})
        if name in attributes:
            raise ValueError(_("Line %(line)d: “%(name)s” stands there twice.") % {"line": number, "name": name})
        attributes[name] = text_to_value(value.strip())
    return attributes


def value_to_text(value: Any) -> str:
    """One value as a person writes it; text that would be read as something else is quoted."""
    if isinstance(value, str) and value == value.strip() and value.isprintable() and text_to_value(value) == value:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return quoted if quoted.isprintable() else json.dumps(value)


def text_to_value(text: str) -> Any:
    """A JSON scalar or list, else the text itself."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, dict) else value
