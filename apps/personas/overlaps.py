"""Two personas beside each other: what they say alike, what customers say of each, and who belongs to both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from apps.personas.content import CHOICES, SECTIONS, TEXTS
from apps.personas.differences import same_but_shape
from apps.personas.models import Persona
from apps.personas.sheet import People, people_of
from apps.segments.scores import Difference, Score, difference_of
from cxm.actor import Actor
from cxm.scope import current_tenant_id

_OVERLAP = """
SELECT count(*) FROM segments_segmentmember a
  JOIN segments_segmentmember b ON b.tenant_id = a.tenant_id AND b.customer_id = a.customer_id AND b.segment_id = %(b)s
  JOIN customers_customer c ON c.tenant_id = a.tenant_id AND c.id = a.customer_id
 WHERE a.tenant_id = %(tenant)s AND a.segment_id = %(a)s AND c.merged_into_id IS NULL AND c.restricted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: a draft or a version, with the people if it stands for the persona of today."""

    persona: Persona
    content: Mapping[str, Any]
    number: int | None
    people: People | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of one side; `shared` when the other side says the same."""

    text: str
    shared: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A part of both sides; `same` when they say the same."""

    title: str
    left: Sequence[Line]
    right: Sequence[Line]
    same: bool


@dataclass(frozen=True, slots=True)
class ScorePair:
    """One score of both sides; `difference` (right minus left) only where both are measured by one rule and enough."""

    title: str
    left: Score | None
    right: Score | None
    difference: Difference | None


def parts_of(left: Mapping[str, Any], right: Mapping[str, Any], words: Mapping[str, Mapping[str, Any]]) -> list[Part]:
    """Every part that says something on one side at least, in the order of the sheet.

    `words`: what the values of a choice are called.
    """
    found = []
    for field, title in {**CHOICES, **TEXTS, **SECTIONS}.items():
        if field == "name":
            continue
        lines = [_lines(content.get(field), words.get(field, {})) for content in (left, right)]
        if not any(lines):
            continue
        sides = [
            [Line(text, any(same_but_shape(text, other) for other in others)) for text in texts]
            for texts, others in (lines, (lines[1], lines[0]))
        ]
        same = all(line.shared for side in sides for line in side)
        found.append(Part(str(title), sides[0], sides[1], same))
    return found


def _lines(value: Any, words: Mapping[str, Any]) -> list[str]:
    if isinstance(value, list):
        return value
    return [str(words.get(value, value))] if value else []


def side_of(actor: Actor, organization: Any, persona: Persona, content: Mapping[str, Any], number: int | None) -> Side:
    """A side with its people; a version has none, because today's people are not those of that day."""
    return Side(persona, content, number, None if number else people_of(actor, organization, persona))


def score_pairs(left: Side, right: Side) -> list[ScorePair]:
    """The scores of both sides, each with whether the difference is beyond chance where it can be said."""
    scores = [{score.name: score for score in side.people.scores} if side.people else {} for side in (left, right)]
    found = []
    for name in ("nps", "csat", "ces"):
        pair = [of_side.get(name) for of_side in scores]
        shown = next((score for score in pair if score is not None), None)
        if shown is None:
            continue
        comparable = all(score is not None and score.metric is not None for score in pair)
        if comparable and pair[0] and pair[1] and pair[0].surveys == pair[1].surveys:
            difference = difference_of(pair[0].metric, pair[1].metric)
        else:
            difference = None
        found.append(ScorePair(shown.title, pair[0], pair[1], difference))
    return found


def overlap(left: UUID | None, right: UUID | None) -> int | None:
    """Customers in both segments now; None without two different segments. One query."""
    if left is None or right is None or left == right:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_OVERLAP, {"tenant": current_tenant_id(), "a": left, "b": right})
        return int(cursor.fetchone()[0])
