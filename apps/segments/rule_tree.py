"""What a rule is made of: frozen values, made by reading (rule.py), and what may stand in them.

A value here makes sense: it can be compiled (compiler.py) and said in words (describe.py) without asking again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

MAX_DEPTH = 6
MAX_LEAVES = 100
MAX_PARTS = 100
MAX_NAME = 200
MAX_TEXT = 1_000
MAX_VALUES = 1_000
MAX_CONDITIONS = 20
MAX_DAYS = 3_650
MAX_COUNT = 1_000_000
MAX_NUMBER = 10**15
MAX_ERRORS = 50

MODES = ("all", "any", "none")
COMPARING = ("=", "!=", "<", "<=", ">", ">=")
LISTED = ("in", "not_in")
TEXTUAL = ("contains", "not_contains", "starts_with")
PRESENCE = ("exists", "missing")
RELATIVE = ("within_last_days", "more_than_days_ago")
OPERATORS = (*COMPARING, *LISTED, *TEXTUAL, *PRESENCE, *RELATIVE)
NEGATIONS = {"!=": "=", "not_in": "in", "not_contains": "contains", "missing": "exists"}
"""Operators that are true where their opposite is not, so also where there is no value."""

TEXT_FIELDS = ("email", "phone", "name", "external_id", "account", "language", "timezone")
FIELD_OPERATORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(TEXT_FIELDS, ("=", "!=", *LISTED, *TEXTUAL, *PRESENCE)),
    "stage": ("=", "!=", *LISTED),
    "unit": ("=", "!=", *LISTED, *PRESENCE),
    "created_at": (*COMPARING, *RELATIVE),
}
SCORE_OPERATORS = (*COMPARING, *LISTED, *PRESENCE)
METRICS = ("nps", "csat", "ces")

_DAYS_OF_MONTHS = (
    r"(?:(?:(?!0000)\d{4})-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    r"|02-(?:0[1-9]|1\d|2[0-8]))"
    r"|(?:(?!0000)(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00))-02-29)"
)
ISO_MOMENT = (
    rf"^{_DAYS_OF_MONTHS}"
    r"(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?)?$"
)
"""A date that exists, or such a date with a time, in ISO 8601. Python and PostgreSQL read the expression alike, and
what it takes never makes a cast fail."""
ISO_OFFSET = r"[T ].*(?:Z|[+-]\d\d:?\d\d)$"
"""Whether a time that ISO_MOMENT took says its offset from UTC."""
_DAY = re.compile(rf"{_DAYS_OF_MONTHS}\Z")
_MOMENT = re.compile(ISO_MOMENT[:-1] + r"\Z")
_OFFSET = re.compile(ISO_OFFSET[:-1] + r"\Z")

Scalar = str | int | float | bool
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """An operator and what it compares with: one scalar, several (``in``), days (relative), or None (presence)."""

    op: str
    value: Scalar | tuple[Scalar, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """The fields ``op`` and ``value``."""
        if self.value is None:
            return {"op": self.op}
        return {"op": self.op, "value": list(self.value) if isinstance(self.value, tuple) else self.value}


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time: the last ``days`` times 24 hours, or from and to; neither is ever.

    A date is a whole day in the organisation's zone, both ends included; an instant at the end is excluded.
    """

    days: int | None = None
    start: date | datetime | None = None
    end: date | datetime | None = None

    def __bool__(self) -> bool:
        return self.days is not None or self.start is not None or self.end is not None

    def as_json(self) -> dict[str, Any]:
        """The field ``within``, empty for ever."""
        if self.days is not None:
            return {"within": {"days": self.days}}
        ends = {name: _said(when) for name, when in (("from", self.start), ("to", self.end)) if when is not None}
        return {"within": ends} if ends else {}


EVER = Window()


@dataclass(frozen=True, slots=True)
class FieldLeaf:
    """A column of the customer."""

    field: str
    test: Comparison

    def as_json(self) -> dict[str, Any]:
        """The leaf in its normal form."""
        return {"field": self.field, **self.test.as_json()}


@dataclass(frozen=True, slots=True)
class AttributeLeaf:
    """An attribute of the customer, or of the customer's company."""

    name: str
    test: Comparison
    of_account: bool = False

    def as_json(self) -> dict[str, Any]:
        """The leaf in its normal form."""
        return {"account_attribute" if self.of_account else "attribute": self.name, **self.test.as_json()}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a property of an event must be."""

    property: str
    test: Comparison

    def as_json(self) -> dict[str, Any]:
        """One entry of ``where``."""
        return {"property": self.property, **self.test.as_json()}


@dataclass(frozen=True, slots=True)
class Step:
    """Events of one name whose properties meet every condition."""

    event: str
    where: tuple[Condition, ...] = ()
    channel: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The fields ``event``, ``where`` and ``channel``."""
        made: dict[str, Any] = {"event": self.event}
        if self.where:
            made["where"] = [condition.as_json() for condition in self.where]
        if self.channel:
            made["channel"] = self.channel
        return made


@dataclass(frozen=True, slots=True)
class EventLeaf:
    """How often an event happened in a window."""

    step: Step
    count_op: str = ">="
    count: int = 1
    window: Window = EVER

    def as_json(self) -> dict[str, Any]:
        """The leaf in its normal form."""
        counted = {"count": {"op": self.count_op, "value": self.count}}
        return {**self.step.as_json(), **counted, **self.window.as_json()}

    @property
    def takes_none(self) -> bool:
        """Whether customers without a single such event belong."""
        return holds(0, self.count_op, self.count)


@dataclass(frozen=True, slots=True)
class SequenceLeaf:
    """One event in a window, and another one at or after it within so many times 24 hours, both ends included."""

    first: Step
    then: Step
    within_days: int
    window: Window = EVER

    def as_json(self) -> dict[str, Any]:
        """The leaf in its normal form."""
        steps = [self.first.as_json(), self.then.as_json()]
        return {"sequence": steps, "within_days": self.within_days, **self.window.as_json()}


@dataclass(frozen=True, slots=True)
class AnswerLeaf:
    """What was answered: a score, or with ``question`` and no ``metric`` whatever stands in that answer."""

    test: Comparison
    metric: str | None = None
    survey: UUID | None = None
    touchpoint: str | None = None
    question: str | None = None
    latest: bool = True
    window: Window = EVER

    @property
    def is_score(self) -> bool:
        """Whether the scores of measured questions are compared."""
        return self.metric is not None or self.question is None

    def as_json(self) -> dict[str, Any]:
        """The leaf in its normal form."""
        named = {
            "metric": self.metric,
            "survey": str(self.survey) if self.survey else None,
            "touchpoint": self.touchpoint,
            "question": self.question,
        }
        return {
            "answer": {name: value for name, value in named.items() if value is not None},
            "which": "latest" if self.latest else "any",
            **self.test.as_json(),
            **self.window.as_json(),
        }


@dataclass(frozen=True, slots=True)
class SegmentLeaf:
    """Membership of another segment."""

    segment: UUID

    def as_json(self) -> dict[str, Any]:
        """The leaf in its normal form."""
        return {"segment": str(self.segment)}


@dataclass(frozen=True, slots=True)
class ConsentLeaf:
    """The statement in force on a purpose, for a channel or for any."""

    purpose: str
    channel: str
    state: str

    def as_json(self) -> dict[str, Any]:
        """The leaf in its normal form."""
        return {"consent": {"purpose": self.purpose, "channel": self.channel}, "state": self.state}


@dataclass(frozen=True, slots=True)
class BucketLeaf:
    """A stable random share of all customers, in percent: from (included) to (excluded)."""

    start: int | float
    end: int | float
    salt: str = ""

    def as_json(self) -> dict[str, Any]:
        """The leaf in its normal form."""
        return {"bucket": {"from": self.start, "to": self.end}, "salt": self.salt}


Leaf = FieldLeaf | AttributeLeaf | EventLeaf | SequenceLeaf | AnswerLeaf | SegmentLeaf | ConsentLeaf | BucketLeaf


@dataclass(frozen=True, slots=True)
class Group:
    """Every (``all``), at least one (``any``) or no (``none``) part holds. An empty ``all`` is everybody."""

    mode: str
    parts: tuple[Group | Leaf, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The group in its normal form."""
        return {self.mode: [part.as_json() for part in self.parts]}

    def leaves(self) -> Iterator[Leaf]:
        """Every leaf, in order."""
        for part in self.parts:
            if isinstance(part, Group):
                yield from part.leaves()
            else:
                yield part


Rule = Group
EVERYBODY = Group("all")


def holds(count: int, op: str, value: int) -> bool:
    """Whether a count meets a comparison."""
    return {
        "=": count == value,
        "!=": count != value,
        "<": count < value,
        "<=": count <= value,
        ">": count > value,
        ">=": count >= value,
    }[op]


def is_day(value: object) -> bool:
    """Whether this is the text of a date that exists, such as 2024-02-29."""
    return isinstance(value, str) and _DAY.match(value) is not None


def is_moment(value: object) -> bool:
    """Whether this is the text of a date or of a date with a time, in ISO 8601."""
    return isinstance(value, str) and _MOMENT.match(value) is not None


def has_offset(value: str) -> bool:
    """Whether a moment says its offset from UTC."""
    return _OFFSET.search(value) is not None


def _said(when: date | datetime) -> str:
    if isinstance(when, datetime):
        return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return when.isoformat()
