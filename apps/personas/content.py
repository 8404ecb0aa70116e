"""The content of a persona as plain JSON: what a version freezes, what the API takes, how two versions differ. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from cxm.errors import FieldError

NAME_LENGTH = 120
TAGLINE_LENGTH = 200
QUOTE_LENGTH = 400
REASON_LENGTH = 400
ITEM_LENGTH = 300
MAX_ITEMS = 20

SECTIONS = {
    "demographics": gettext_lazy("Demographics"),
    "behaviours": gettext_lazy("Behaviours"),
    "lifestyle": gettext_lazy("Lifestyle"),
    "motivations": gettext_lazy("Motivations"),
    "challenges": gettext_lazy("Challenges"),
    "needs": gettext_lazy("Needs"),
    "goals": gettext_lazy("Goals"),
    "frustrations": gettext_lazy("Frustrations"),
    "channels": gettext_lazy("Channels"),
    "evidence": gettext_lazy("Evidence"),
}
"""Parts of a persona, each a list of short texts. `evidence` names what it rests on: interviews, data, studies."""

TEXTS = {
    "name": gettext_lazy("Name"),
    "tagline": gettext_lazy("In a few words"),
    "quote": gettext_lazy("Quote"),
    "reason": gettext_lazy("Why we do not serve them"),
}
CHOICES = {"kind": gettext_lazy("Kind"), "evidence_level": gettext_lazy("Evidence level")}

SUBSTANTIVE = frozenset({"needs", "goals", "challenges", "frustrations", "motivations"})
"""Sections whose items say what customers need; a change there is one of substance, not of wording."""


def read_section(value: object, field: str, errors: list[FieldError]) -> list[str]:
    """A list of short texts from a list, a text with one item a line, or an object of names and values."""
    if value is None:
        return []
    if isinstance(value, str):
        value = value.splitlines()
    elif isinstance(value, Mapping):
        value = [f"{name}: {part}" for name, part in value.items()]
    if not isinstance(value, list):
        errors.append(_error(field, gettext("Give a list of texts, or one text with an item on each line.")))
        return []
    items = []
    for index, raw in enumerate(value):
        if not isinstance(raw, str):
            errors.append(_error(f"{field}.{index}", gettext("Give a text here.")))
            continue
        item = raw.strip()
        if unstorable(item):
            errors.append(_error(f"{field}.{index}", gettext("Remove the characters that cannot be stored.")))
        elif len(item) > ITEM_LENGTH:
            message = gettext("At most %(limit)d characters an item.") % {"limit": ITEM_LENGTH}
            errors.append(_error(f"{field}.{index}", message, "max_length"))
        elif item:
            items.append(item)
    if len(items) > MAX_ITEMS:
        message = gettext("At most %(limit)d items.") % {"limit": MAX_ITEMS}
        errors.append(_error(field, message, "max_items"))
    return items[:MAX_ITEMS]


def read_text(value: object, field: str, limit: int, errors: list[FieldError], *, required: bool = False) -> str:
    """A stripped text of at most `limit` characters; "" after an error."""
    if value is not None and not isinstance(value, str):
        errors.append(_error(field, gettext("Give a text here.")))
        return ""
    text = (value or "").strip()
    if unstorable(text):
        errors.append(_error(field, gettext("Remove the characters that cannot be stored.")))
        return ""
    if required and not text:
        errors.append(_error(field, gettext("Must not be empty."), "required"))
    if len(text) > limit:
        errors.append(_error(field, gettext("At most %(limit)d characters.") % {"limit": limit}, "max_length"))
        return ""
    return text


def unstorable(text: str) -> bool:
    """Whether the text holds what no database stores: NUL or half a character."""
    return any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text)


def _error(field: str, message: str, code: str = "invalid") -> FieldError:
    return {"field": field, "code": code, "message": message}


def complete(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A content with everything in it that there is now; what was frozen before there was such a thing lacks it."""
    empty: dict[str, Any] = {"portrait": "", "claims": [], "backing": []}
    texts = dict.fromkeys(TEXTS, "")
    choices = {"kind": "persona", "evidence_level": "proto"}
    return {**texts, **choices, **empty, **{section: [] for section in SECTIONS}, **raw}
