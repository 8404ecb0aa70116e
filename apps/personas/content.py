"""The content of a persona as plain JSON: what a version freezes, what the API takes, how two versions differ. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.translation import gettext, gettext_lazy

from cxm.errors import FieldError

NAME_LENGTH = 120
TAGLINE_LENGTH = 200
QUOTE_LENGTH = 400
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


@dataclass(frozen=True)
class Difference:
    """One thing that differs between two versions of a persona, as a person would say it."""

    kind: Literal["added", "removed", "changed"]
    field: str
    sentence: str
    substantive: bool


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """What changed from one content to the next, field by field. Empty when nothing did."""
    found: list[Difference] = []
    for field, title in {**TEXTS, **CHOICES}.items():
        before, after = old.get(field, ""), new.get(field, "")
        if before == after:
            continue
        values = {"field": title, "old": before, "new": after}
        if not before:
            found.append(Difference("added", field, gettext("%(field)s added: “%(new)s”") % values, False))
        elif not after:
            found.append(Difference("removed", field, gettext("%(field)s removed: “%(old)s”") % values, False))
        else:
            sentence = gettext("%(field)s changed from “%(old)s” to “%(new)s”") % values
            found.append(Difference("changed", field, sentence, False))
    if old.get("claims", []) != new.get("claims", []):
        found.append(Difference("changed", "claims", gettext("Other claims about its people"), True))
    if old.get("portrait", "") != new.get("portrait", ""):
        found.append(Difference("changed", "portrait", gettext("Another portrait"), False))
    for field, title in SECTIONS.items():
        before_items, after_items = old.get(field, []), new.get(field, [])
        substantive = field in SUBSTANTIVE
        for item in after_items:
            if item not in before_items:
                sentence = gettext("%(field)s: “%(item)s” added") % {"field": title, "item": item}
                found.append(Difference("added", field, sentence, substantive))
        for item in before_items:
            if item not in after_items:
                sentence = gettext("%(field)s: “%(item)s” removed") % {"field": title, "item": item}
                found.append(Difference("removed", field, sentence, substantive))
        if before_items != after_items and sorted(before_items) == sorted(after_items):
            sentence = gettext("%(field)s: order changed") % {"field": title}
            found.append(Difference("changed", field, sentence, False))
    return found
