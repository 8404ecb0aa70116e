"""How two contents of a persona differ, as a person would say it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from django.utils.translation import gettext

from apps.personas.content import CHOICES, SECTIONS, SUBSTANTIVE, TEXTS, complete
from apps.personas.models import Persona

ALIKE = 0.6
"""Least likeness (difflib's ratio) of two lines for the one to be the other, reworded."""

_WORDS = {
    "kind": dict(Persona.Kind.choices),
    "evidence_level": dict(Persona.Evidence.choices),
}


@dataclass(frozen=True)
class Difference:
    """One thing that differs. `substantive`: changes what they need; `cosmetic`: says the same in another shape."""

    kind: Literal["added", "removed", "changed", "moved"]
    field: str
    sentence: str
    substantive: bool = False
    cosmetic: bool = False


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """What changed from one content to the next, field by field. Empty when nothing did."""
    old, new = complete(old), complete(new)
    found: list[Difference] = []
    for field in (*TEXTS, *CHOICES):
        if old[field] != new[field]:
            found.append(_text(field, old[field], new[field]))
    if old["claims"] != new["claims"]:
        found.append(Difference("changed", "claims", gettext("Other claims about its people"), substantive=True))
    if old["portrait"] != new["portrait"]:
        found.append(Difference("changed", "portrait", gettext("Another portrait"), cosmetic=True))
    for section in SECTIONS:
        found += _section(section, old[section], new[section])
    return [*found, *_backing(old["backing"], new["backing"])]


def same_but_shape(old: str, new: str) -> bool:
    """Whether two texts differ in case, spaces and punctuation only."""
    return _letters(old) == _letters(new)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _text(field: str, before: str, after: str) -> Difference:
    words = _WORDS.get(field, {})
    title = TEXTS.get(field) or CHOICES[field]
    values = {"field": title, "old": words.get(before, before), "new": words.get(after, after)}
    if not before:
        return Difference("added", field, gettext("%(field)s added: “%(new)s”") % values)
    if not after:
        return Difference("removed", field, gettext("%(field)s removed: “%(old)s”") % values)
    sentence = gettext("%(field)s changed from “%(old)s” to “%(new)s”") % values
    return Difference("changed", field, sentence, field in CHOICES, same_but_shape(before, after))


def _section(field: str, before: Sequence[str], after: Sequence[str]) -> list[Difference]:
    """Lines that came, went or were reworded, and whether the rest stands in another order."""
    title, substantive = SECTIONS[field], field in SUBSTANTIVE
    gone = list((Counter(before) - Counter(after)).elements())
    come = list((Counter(after) - Counter(before)).elements())
    found = []
    for item in list(gone):
        other = max(come, key=lambda text, item=item: _likeness(item, text), default=None)  # type: ignore[misc]
        if other is None or _likeness(item, other) < ALIKE:
            continue
        gone.remove(item)
        come.remove(other)
        cosmetic = same_but_shape(item, other)
        values = {"field": title, "old": item, "new": other}
        sentence = gettext("%(field)s: “%(old)s” is now “%(new)s”") % values
        found.append(Difference("changed", field, sentence, substantive and not cosmetic, cosmetic))
    for item in come:
        sentence = gettext("%(field)s: “%(item)s” added") % {"field": title, "item": item}
        found.append(Difference("added", field, sentence, substantive))
    for item in gone:
        sentence = gettext("%(field)s: “%(item)s” removed") % {"field": title, "item": item}
        found.append(Difference("removed", field, sentence, substantive))
    kept = [item for item in before if item in after]
    if kept != [item for item in after if item in before] and not found:
        found.append(Difference("moved", field, gettext("%(field)s: order changed") % {"field": title}, cosmetic=True))
    return found


def _likeness(one: str, other: str) -> float:
    if same_but_shape(one, other):
        return 1.0
    return SequenceMatcher(None, one.casefold(), other.casefold()).ratio()


def _backing(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """What is named as evidence now and was not, and the other way round."""
    olds, news = {item["id"]: item for item in before}, {item["id"]: item for item in after}
    found = []
    for key, item in news.items():
        if key not in olds:
            found.append(Difference("added", "backing", gettext("Evidence added for “%(line)s”") % _about(item)))
    for key, item in olds.items():
        if key not in news:
            found.append(Difference("removed", "backing", gettext("Evidence removed from “%(line)s”") % _about(item)))
        elif item["level"] != news[key]["level"]:
            sentence = gettext("Another level of evidence for “%(line)s”") % _about(item)
            found.append(Difference("changed", "backing", sentence))
    return found


def _about(item: Mapping[str, Any]) -> dict[str, str]:
    return {"line": item["line"] or gettext("the persona as a whole")}
