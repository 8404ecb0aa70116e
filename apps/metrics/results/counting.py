"""Counting what was said to every question, in the database: one statement for each kind of question.

No answer is loaded. Each statement reads the answers of one survey once, under whatever filters, and gives back
counts, as many rows as there are different values. ``by`` are columns to count apart by: none, or the circumstances
that answers of anonymous surveys may be told apart by.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from apps.metrics.results.questions import JoinedQuestion
from apps.surveys.definition import SCORE_TYPES, Condition, Rule
from apps.surveys.models import Response

SUBMITTED = Response.State.SUBMITTED
SCALAR_TYPES = SCORE_TYPES | {"choice", "consent", "date"}
MOST_BINS = 12
LATEST_TEXTS = 5

Key = tuple[Any, ...]
"""Values of the columns that are counted apart by."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How many answers there are, how many were asked a question, and how many of those that were asked answered it.

    ``shown`` counts sent answers whose conditions led to the question; of answers that were not sent off nobody knows
    what was seen, so only what they say counts: they were shown what they answered.
    """

    shown: int
    answered: int

    @property
    def skipped(self) -> int:
        return max(0, self.shown - self.answered)


@dataclass(slots=True)
class NumberSpread:
    """Numbers: their moments, quartiles, ends, and how many fall into bins of equal width from ``low`` on."""

    n: int
    mean: float
    deviation: float | None
    quartiles: tuple[float, float, float]
    low: float
    high: float
    bins: list[tuple[float, float, int]] = field(default_factory=list)


Rows = QuerySet[Response]
Values = dict[Key, dict[Any, int]]


def count_asked(rows: Rows, questions: Sequence[JoinedQuestion]) -> tuple[int, dict[str, Asked]]:
    """How many answers, and how often each question was asked and answered. One statement."""
    conditions: list[tuple[str, str, list[Any]]] = []
    for question in questions:
        always = [version for version, condition in question.conditions.items() if condition is None]
        parts = ["version = ANY(%s)"]
        values: list[Any] = [always]
        for version, condition in question.conditions.items():
            if condition is not None:
                sql, given = condition_sql(condition)
                parts.append(f"(version = %s AND ({sql}))")
                values += [version, *given]
        conditions.append((question.id, " OR ".join(parts), values))
    columns: list[str] = []
    filled: list[Any] = []
    for name, sql, values in conditions:
        columns.append(f"count(*) FILTER (WHERE state = %s AND ({sql}))")
        columns.append("count(*) FILTER (WHERE jsonb_exists(answers, %s))")
        columns.append("count(*) FILTER (WHERE state <> %s AND jsonb_exists(answers, %s))")
        filled += [str(SUBMITTED), *values, name, str(SUBMITTED), name]
    base, base_given = _base(rows)
    listed = ", ".join(["count(*)", *columns])
    (found,) = _fetch(f"SELECT {listed} FROM ({base}) r", [*filled, *base_given])
    asked = {}
    for index, (name, _sql, _values) in enumerate(conditions):
        shown, answered, unsent = found[1 + 3 * index : 4 + 3 * index]
        asked[name] = Asked(max(shown + unsent, answered), answered)
    return found[0], asked


def count_values(rows: Rows, questions: Sequence[JoinedQuestion], by: Sequence[str] = ()) -> dict[str, Values]:
    """How often each score, choice, yes or no, or month of a date was given. One statement, none without a question."""
    wanted = [question for question in questions if question.type in SCALAR_TYPES]
    if not wanted:
        return {}
    entries, values = [], []
    for question in wanted:
        if question.type == "date":
            entries.append("(%s, substring(r.answers ->> %s FROM 1 FOR 7))")
        else:
            entries.append("(%s, r.answers ->> %s)")
        values += [question.id, question.id]
    said = f"CROSS JOIN LATERAL (VALUES {', '.join(entries)}) said(question, value)"
    found = _counted(rows, by, said, values, ["said.value"], "said.value IS NOT NULL")
    scores = {question.id for question in wanted if question.type in SCORE_TYPES}
    return {
        name: {key: _as_scores(values) if name in scores else values for key, values in of.items()}
        for name, of in found.items()
    }


def count_several(rows: Rows, questions: Sequence[JoinedQuestion], by: Sequence[str] = ()) -> dict[str, Values]:
    """How often each of several choices was given. One statement, none without such a question."""
    return _expanded(rows, questions, by, "multi_choice", "jsonb_array_elements_text", "array", ["item.value"])


def count_matrix(rows: Rows, questions: Sequence[JoinedQuestion], by: Sequence[str] = ()) -> dict[str, Values]:
    """How often each choice was given in each row, by (row, choice). One statement, none without such a question."""
    return _expanded(rows, questions, by, "matrix", "jsonb_each_text", "object", ["item.key", "item.value"])


def count_places(rows: Rows, questions: Sequence[JoinedQuestion], by: Sequence[str] = ()) -> dict[str, Values]:
    """How often each choice stood in each place, by (choice, place). One statement, none without such a question."""
    return _expanded(rows, questions, by, "ranking", "jsonb_array_elements_text", "array", ["item.value", "item.place"])


def count_answered(rows: Rows, names: Sequence[str], by: Sequence[str] = ()) -> dict[str, dict[Key, int]]:
    """How many answers say anything to these questions. One statement, none without a question."""
    if not names:
        return {}
    said = f"CROSS JOIN LATERAL (VALUES {', '.join(['(%s)'] * len(names))}) said(question)"
    found = _counted(rows, by, said, list(names), ["TRUE"], "jsonb_exists(r.answers, said.question)")
    return {name: {key: values[True] for key, values in of.items()} for name, of in found.items()}


def spread_numbers(rows: Rows, questions: Sequence[JoinedQuestion]) -> dict[str, NumberSpread]:
    """Moments, quartiles and bins of each number asked. One statement, none without such a question."""
    wanted = [question.id for question in questions if question.type == "number"]
    if not wanted:
        return {}
    base, given = _base(rows)
    entries = ", ".join(["(%s)"] * len(wanted))
    sql = f"""
        WITH said AS MATERIALIZED (
            SELECT q.question, (r.answers ->> q.question)::float8 AS value
              FROM ({base}) r CROSS JOIN (VALUES {entries}) q(question)
             WHERE jsonb_typeof(r.answers -> q.question) = 'number'
        ), spread AS (
            SELECT question, count(*) AS n, avg(value) AS mean, stddev_samp(value) AS deviation,
                   percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY value) AS quartiles,
                   min(value) AS low, max(value) AS high
              FROM said GROUP BY question
        ), bins AS (
            SELECT said.question,
                   CASE WHEN spread.low = spread.high THEN 1 ELSE
                       least(width_bucket(said.value, spread.low, spread.high, {MOST_BINS}), {MOST_BINS}) END AS bin,
                   count(*) AS n
              FROM said JOIN spread USING (question) GROUP BY 1, 2
        )
        SELECT spread.question, spread.n, mean, deviation, quartiles, low, high,
               array_agg(bins.bin ORDER BY bins.bin), array_agg(bins.n ORDER BY bins.bin)
          FROM spread JOIN bins USING (question)
         GROUP BY 1, 2, 3, 4, 5, 6, 7
    """
    found = {}
    for name, n, mean, deviation, quartiles, low, high, bins, counts in _fetch(sql, [*given, *wanted]):
        filled = dict(zip(bins, counts, strict=True))
        width = (high - low) / MOST_BINS
        spans = range(1, MOST_BINS + 1) if width else (1,)
        found[name] = NumberSpread(
            n,
            mean,
            deviation,
            (quartiles[0], quartiles[1], quartiles[2]),
            low,
            high,
            [
                (low + (bin - 1) * width, high if bin == MOST_BINS else low + bin * width, filled.get(bin, 0))
                for bin in spans
            ],
        )
    return found


def sum_numbers(
    rows: Rows, questions: Sequence[JoinedQuestion], by: Sequence[str]
) -> dict[str, dict[Key, tuple[int, float, float]]]:
    """Number, sum and sum of squares of each number asked. One statement, none without such a question."""
    wanted = [question.id for question in questions if question.type == "number"]
    if not wanted:
        return {}
    base, given = _base(rows, by)
    groups = ", ".join(f"r.{column}" for column in by)
    sql = f"""
        SELECT q.question, {groups}, count(*), sum((r.answers ->> q.question)::float8),
               sum(((r.answers ->> q.question)::float8) ^ 2)
          FROM ({base}) r CROSS JOIN (VALUES {", ".join(["(%s)"] * len(wanted))}) q(question)
         WHERE jsonb_typeof(r.answers -> q.question) = 'number'
         GROUP BY q.question, {groups}
    """
    found: dict[str, dict[Key, tuple[int, float, float]]] = defaultdict(dict)
    for name, *rest in _fetch(sql, [*given, *wanted]):
        found[name][tuple(rest[: len(by)])] = (rest[-3], rest[-2], rest[-1])
    return found


def count_answers(rows: Rows, by: Sequence[str]) -> dict[Key, int]:
    """How many answers there are in each of the circumstances. One statement."""
    base, given = _base(rows, by)
    columns = ", ".join(f"r.{column}" for column in by)
    found = _fetch(f"SELECT {columns}, count(*) FROM ({base}) r GROUP BY {columns}", list(given))
    return {tuple(row[:-1]): row[-1] for row in found}


def latest_texts(rows: Rows, names: Sequence[str], most: int = LATEST_TEXTS) -> dict[str, list[UUID]]:
    """The newest answers that say something to each of these questions, by id of the answer. One statement."""
    if not names:
        return {}
    base, given = _base(rows)
    sql = f"""
        SELECT q.question, newest.id
          FROM (VALUES {", ".join(["(%s)"] * len(names))}) q(question)
         CROSS JOIN LATERAL (
            SELECT r.id, r.occurred_at FROM ({base}) r WHERE jsonb_exists(r.answers, q.question)
             ORDER BY r.day DESC, r.occurred_at DESC, r.id DESC LIMIT {most}) newest
         ORDER BY newest.occurred_at DESC, newest.id DESC
    """
    found: dict[str, list[UUID]] = defaultdict(list)
    for name, pk in _fetch(sql, [*names, *given]):
        found[name].append(pk)
    return found


def _expanded(
    rows: Rows,
    questions: Sequence[JoinedQuestion],
    by: Sequence[str],
    kind: str,
    function: str,
    shape: str,
    values: Sequence[str],
) -> dict[str, Values]:
    names = [question.id for question in questions if question.type == kind]
    if not names:
        return {}
    ordinal = " WITH ORDINALITY item(value, place)" if "item.place" in values else " item"
    if "item.key" in values:
        ordinal = " item(key, value)"
    elif "item.place" not in values:
        ordinal = " item(value)"
    empty = "'[]'::jsonb" if shape == "array" else "'{}'::jsonb"
    said = (
        f"CROSS JOIN LATERAL (VALUES {', '.join(['(%s, r.answers -> %s)'] * len(names))}) said(question, given)"
        f" CROSS JOIN LATERAL {function}("
        f"CASE jsonb_typeof(said.given) WHEN '{shape}' THEN said.given ELSE {empty} END){ordinal}"
    )
    return _counted(rows, by, said, [name for name in names for _ in range(2)], values, "said.given IS NOT NULL")


def _counted(
    rows: Rows, by: Sequence[str], said: str, given: Sequence[Any], values: Sequence[str], where: str
) -> dict[str, Values]:
    """Group what was said by question, the columns of ``by`` and the values; the counts."""
    base, base_given = _base(rows, by)
    columns = ["said.question", *(f"r.{column}" for column in by), *values]
    places = ", ".join(str(place) for place in range(1, len(columns) + 1))
    sql = f"SELECT {', '.join(columns)}, count(*) FROM ({base}) r {said} WHERE {where} GROUP BY {places}"
    found: dict[str, Values] = defaultdict(lambda: defaultdict(dict))
    for name, *rest, count in _fetch(sql, [*base_given, *given]):
        key, value = tuple(rest[: len(by)]), rest[len(by) :]
        found[name][key][value[0] if len(value) == 1 else tuple(value)] = count
    return found


def _base(rows: Rows, by: Collection[str] = ()) -> tuple[str, Sequence[Any]]:
    """The filtered answers as SQL, with no more columns than the statements read."""
    columns = {"id", "answers", "attributes", "version", "state", "day", "occurred_at", *by}
    return rows.order_by().values(*sorted(columns)).query.sql_with_params()


def _fetch(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def _as_scores(values: Mapping[str, int]) -> dict[int, int]:
    scores: dict[int, int] = defaultdict(int)
    for value, count in values.items():
        scores[int(float(value))] += count
    return dict(scores)


# Conditions, as `apps.surveys.answers.evaluate` decides them


def condition_sql(condition: Condition) -> tuple[str, list[Any]]:
    """A condition over ``answers`` and ``attributes`` (where hidden fields stand) as SQL, and its values."""
    parts, values = [], []
    for rule in condition.rules:
        sql, given = _rule_sql(rule)
        parts.append(f"({sql})")
        values += given
    return (" AND " if condition.mode == "all" else " OR ").join(parts), values


SAID = "coalesce(answers -> %s, attributes -> %s)"
FOLDED = f"replace(replace(lower({SAID} #>> '{{}}'), 'ß', 'ss'), 'ς', 'σ')"
"""Text without case as Python's `casefold` has it, as far as European languages need it."""
ORDER = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _rule_sql(rule: Rule) -> tuple[str, list[Any]]:
    name = [rule.question, rule.question]
    if rule.op == "answered":
        sql = f"({SAID} IS NOT NULL)"
        return (sql if rule.value else f"NOT {sql}"), name
    if rule.op == "in":
        choices = rule.value if isinstance(rule.value, list | tuple) else [rule.value]
        return f"coalesce({SAID} = ANY(%s::jsonb[]), FALSE)", [*name, [_json(value) for value in choices]]
    if rule.op == "contains":
        sql = (
            f"CASE jsonb_typeof({SAID}) WHEN 'string' THEN strpos({FOLDED}, %s) > 0"
            f" WHEN 'array' THEN jsonb_contains({SAID}, %s::jsonb) WHEN 'object' THEN jsonb_exists({SAID}, %s)"
            " ELSE FALSE END"
        )
        text = str(rule.value)
        return sql, [*name, *name, text.casefold(), *name, _json(rule.value), *name, text]
    if rule.op in ORDER:
        if isinstance(rule.value, str):
            return (
                f"coalesce(jsonb_typeof({SAID}) = 'string' AND ({SAID} #>> '{{}}') COLLATE \"C\" {rule.op} %s, FALSE)",
                [*name, *name, rule.value],
            )
        return (
            f"CASE jsonb_typeof({SAID}) WHEN 'number' THEN ({SAID} #>> '{{}}')::numeric {rule.op} %s ELSE FALSE END",
            [*name, *name, rule.value],
        )
    equal = f"coalesce({SAID} = %s::jsonb, FALSE)"
    return (equal if rule.op == "=" else f"NOT {equal}"), [*name, _json(rule.value)]


def _json(value: Any) -> str:
    return json.dumps(value)
