"""Comparing stored values with those of a rule, as SQL that never fails whatever is stored.

What is stored is JSON of any type. Numbers compare as numbers and ISO dates as dates; values of
different types are different, never an error. Every value of a rule is bound, none is written into the SQL.

A condition here is NULL where there is no value, and NULL counts as false; negations are closed by :func:`negated`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from apps.segments.rule import ISO_MOMENT, ISO_OFFSET, NEGATIONS, Comparison, Scalar, has_offset, is_day, is_moment


@dataclass(slots=True)
class Binder:
    """Collects parameters; a value that was bound before gets the same name again, so that equal SQL is equal text."""

    values: dict[str, Any] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def bind(self, value: Any, cast: str = "") -> str:
        """A placeholder for the value, with a cast where PostgreSQL could not tell its type."""
        key = f"{type(value).__name__} {value!r}"
        name = self._names.setdefault(key, f"p{len(self._names)}")
        self.values[name] = value
        return f"%({name})s{cast}"

    def json(self, value: Any) -> str:
        """A placeholder for the value as jsonb."""
        return self.bind(json.dumps(value, ensure_ascii=False), "::jsonb")


@dataclass(frozen=True, slots=True)
class Clock:
    """When a rule is asked, and in which zone dates are days."""

    at: datetime
    zone: str

    def before(self, days: int) -> datetime:
        """The instant that many times 24 hours before."""
        return self.at - timedelta(days=days)


def negated(condition: str) -> str:
    """True where the condition is false or there is no value."""
    return f"NOT coalesce({condition}, FALSE)"


def compare_json(value: str, test: Comparison, binder: Binder, clock: Clock) -> str:
    """A condition on an SQL expression of type jsonb."""
    if test.op in NEGATIONS:
        return negated(compare_json(value, Comparison(NEGATIONS[test.op], test.value), binder, clock))
    if test.op == "exists":
        return f"{value} NOT IN ('null'::jsonb, '\"\"'::jsonb)"
    if test.op in ("within_last_days", "more_than_days_ago"):
        return compare_moment(moment(value, binder, clock), test, binder, clock)
    if test.op == "in":
        return _json_in(value, _several(test), binder, clock)
    if test.op == "contains":
        return _json_contains(value, _one(test), binder)
    if test.op == "starts_with":
        text = f"starts_with(lower({value} #>> '{{}}'), lower({binder.bind(_one(test))}))"
        return f"(jsonb_typeof({value}) = 'string' AND {text})"
    if is_moment(test.value):
        return compare_moment(moment(value, binder, clock), test, binder, clock)
    if test.op == "=":
        return f"{value} = {binder.json(test.value)}"
    return f"(jsonb_typeof({value}) = 'number' AND {value} {test.op} {binder.json(test.value)})"


def compare_text(column: str, test: Comparison, binder: Binder) -> str:
    """A condition on a column of text, where empty is the same as none."""
    if test.op in NEGATIONS:
        return negated(compare_text(column, Comparison(NEGATIONS[test.op], test.value), binder))
    if test.op == "exists":
        return f"{column} <> ''"
    if test.op == "in":
        return f"{column} = ANY({binder.bind(list(_several(test)), '::text[]')})"
    if test.op == "contains":
        return f"strpos(lower({column}), lower({binder.bind(_one(test))})) > 0"
    if test.op == "starts_with":
        return f"starts_with(lower({column}), lower({binder.bind(_one(test))}))"
    return f"{column} = {binder.bind(test.value)}"


def compare_moment(moment: str, test: Comparison, binder: Binder, clock: Clock) -> str:
    """A condition on an expression of type timestamptz: by days where the rule names a day, else by instants."""
    if test.op in NEGATIONS:
        return negated(compare_moment(moment, Comparison(NEGATIONS[test.op], test.value), binder, clock))
    if test.op == "within_last_days":
        start, end = binder.bind(clock.before(_days(test))), binder.bind(clock.at)
        return f"{moment} BETWEEN {start} AND {end}"
    if test.op == "more_than_days_ago":
        return f"{moment} < {binder.bind(clock.before(_days(test)))}"
    value, zone = str(test.value), binder.bind(clock.zone)
    if is_day(value):
        return f"({moment} AT TIME ZONE {zone})::date {test.op} {binder.bind(value)}::date"
    if has_offset(value):
        return f"{moment} {test.op} {binder.bind(value)}::timestamptz"
    return f"{moment} {test.op} {binder.bind(value)}::timestamp AT TIME ZONE {zone}"


def moment(value: str, binder: Binder, clock: Clock) -> str:
    """The instant that a JSON text names, or NULL. A time without an offset is one of the organisation's zone."""
    text = f"({value} #>> '{{}}')"
    return (
        f"(CASE WHEN jsonb_typeof({value}) = 'string' AND {text} ~ {binder.bind(ISO_MOMENT)}"
        f" THEN CASE WHEN {text} ~ {binder.bind(ISO_OFFSET)} THEN {text}::timestamptz"
        f" ELSE {text}::timestamp AT TIME ZONE {binder.bind(clock.zone)} END END)"
    )


def _json_in(value: str, wanted: Iterable[Scalar], binder: Binder, clock: Clock) -> str:
    moments = [one for one in wanted if is_moment(one)]
    plain = [json.dumps(one, ensure_ascii=False) for one in wanted if not is_moment(one)]
    conditions = [compare_json(value, Comparison("=", one), binder, clock) for one in moments]
    if plain:
        conditions.append(f"{value} = ANY({binder.bind(plain, '::jsonb[]')})")
    return f"({' OR '.join(conditions)})"


def _json_contains(value: str, wanted: Scalar, binder: Binder) -> str:
    """A list holds the value, or a text holds the text in any case."""
    in_list = f"(jsonb_typeof({value}) = 'array' AND {value} @> {binder.json([wanted])})"
    if not isinstance(wanted, str):
        return in_list
    in_text = f"strpos(lower({value} #>> '{{}}'), lower({binder.bind(wanted)})) > 0"
    return f"({in_list} OR (jsonb_typeof({value}) = 'string' AND {in_text}))"


def _one(test: Comparison) -> Scalar:
    assert test.value is not None and not isinstance(test.value, tuple)
    return test.value


def _several(test: Comparison) -> tuple[Scalar, ...]:
    assert isinstance(test.value, tuple)
    return test.value


def _days(test: Comparison) -> int:
    assert isinstance(test.value, int)
    return test.value
