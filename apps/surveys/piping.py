"""What was said before, put into a later sentence: `{{ answers.score }}`, `{{ customer.first_name | default: "you" }}`.

A small language of its own, because respondents' words come in here: names and one default, nothing that computes.
Values are plain text, escaped where they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MAX_PIPED: Final = 200
"""Characters of one value: a whole comment does not belong in a question."""

ANSWERS: Final = "answers"
HIDDEN: Final = "hidden"
CUSTOMER: Final = "customer"
WORDS: Final = frozenset({"customer.name", "customer.first_name", "organization", "touchpoint"})
"""What may be named besides answers and hidden fields."""

_PLACE = re.compile(r"\{\{([^{}]*)\}\}")
_EXPRESSION = re.compile(
    r"\s*(?:(?P<source>answers|hidden)\.(?P<id>[A-Za-z0-9_-]{1,64})|(?P<word>[a-z]{1,20}(?:\.[a-z_]{1,20})?))\s*"
    r'(?:\|\s*default\s*:\s*"(?P<default>[^"]*)"\s*)?'
)


class PipingError(ValueError):
    """A place between braces that names nothing; its text is the message."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One place in a text: where its value comes from, and what stands there without one."""

    source: str
    """``answers``, ``hidden``, or one of ``WORDS``."""
    id: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True)
class PipedValues:
    """What may be put into a respondent's sentences, each as plain text in the respondent's language."""

    answers: Mapping[str, str] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)
    customer_name: str = ""
    organization: str = ""
    touchpoint: str = ""

    def value(self, piece: Piece) -> str:
        """What stands in this place; the default when nothing was said."""
        if piece.source == ANSWERS:
            found = self.answers.get(piece.id, "")
        elif piece.source == HIDDEN:
            found = self.hidden.get(piece.id, "")
        elif piece.source == "customer.name":
            found = self.customer_name
        elif piece.source == "customer.first_name":
            found = first_name(self.customer_name)
        else:
            found = self.organization if piece.source == "organization" else self.touchpoint
        return " ".join(found.split())[:MAX_PIPED] or piece.default


def pieces(text: str) -> list[Piece]:
    """The places of a text, in order. Raises PipingError for braces around anything else than the names known here."""
    found = [_read(match[1]) for match in _PLACE.finditer(text)]
    rest = _PLACE.sub("", text)
    if "{{" in rest:
        raise PipingError(rest[rest.index("{{") :][:40])
    return found


def pipe(text: str, values: PipedValues) -> str:
    """The text with its places filled. A text that could not be published is left as it is."""
    if "{{" not in text:
        return text

    def fill(match: re.Match[str]) -> str:
        try:
            return values.value(_read(match[1]))
        except PipingError:
            return match[0]

    return _PLACE.sub(fill, text)


def first_name(name: str) -> str:
    """ "Lena" of "Lena Berg" and of "Berg, Lena"."""
    family, comma, given = name.partition(",")
    words = (given if comma and given.strip() else family).split()
    return words[0] if words else ""


def _read(inside: str) -> Piece:
    match = _EXPRESSION.fullmatch(inside)
    word = match["word"] if match else None
    if match is None or (word is not None and word not in WORDS):
        raise PipingError(f"{{{{{inside[:40]}}}}}")
    return Piece(word or match["source"], match["id"] or "", match["default"] or "")
