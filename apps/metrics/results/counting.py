"""Counting what was said to every question, in the database: one statement for each kind of question.

No answer is loaded. Each statement reads the answers of one survey once, under whatever filters, and gives back
counts, as many rows as there are different values. ``by`` are columns to count apart by: none, or the circumstances
that answers of anonymous surveys may be told apart by.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from apps.metrics.results.questions import JoinedQuestion
from apps.surveys.definition import SCORE_TYPES, Condition, Rule
from apps.surveys.models import Response

SUBMITTED = Response.State.SUBMITTED
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
    """Numbers: their moments, quartiles, ends, and how many fall into bins of equal width from ``low`` on.

    A bin is its first value, its end and its count. Of whole numbers the end is the largest in it, of others the place
    where the next bin begins.
    """

    n: int
    mean: float
    deviation: float | None
    quartiles: tuple[float, float, float]
    low: float
    high: float
    bins: list[tuple[float, float, int]] = field(default_factory=list)


Rows = QuerySet[Response]
Values = dict[Key, dict[Any, int]]


def count_asked(
    rows: Rows, questions: Sequence[JoinedQuestion], *, sent_only: bool = False
) -> tuple[int, dict[str, Asked]]:
    """How many answers, and how often each question was asked and answered. One statement.

    With `sent_only` the rows hold no answers that were not sent off, and nothing is asked about those.
    """
    columns: dict[tuple[str, tuple[Any, ...]], int] = {}

    def column(sql: str, *values: Any) -> int:
        return columns.setdefault((f"count(*) FILTER (WHERE {sql})", values), 1 + len(columns))

    places = {}
    for question in questions:
        sql, values = _shown_sql(question)
        shown = column(f"state = %s AND ({sql})", str(SUBMITTED), *values)
        answered = column("jsonb_exists(answers, %s)", question.id)
        unsent = None if sent_only else column("state <> %s AND jsonb_exists(answers, %s)", str(SUBMITTED), question.id)
        places[question.id] = (shown, answered, unsent)
    base, given = _base(rows)
    listed = ", ".join(["count(*)", *(sql for sql, _ in columns)])
    filled = [_listed(value) for _, values in columns for value in values]
    (found,) = _fetch(f"SELECT {listed} FROM ({base}) r", [*filled, *given])
    asked = {}
    for name, (shown, answered, unsent) in places.items():
        seen = found[shown] + (found[unsent] if unsent else 0)
        asked[name] = Asked(max(seen, found[answered]), found[answered])
    return found[0], asked


def _shown_sql(question: JoinedQuestion) -> tuple[str, list[Any]]:
    """In which versions, and under which conditions, a question was asked. Lists are given as tuples."""
    always = tuple(version for version, condition in question.conditions.items() if condition is None)
    parts, values = ["version = ANY(%s)"], [always]
    for version, condition in question.conditions.items():
        if condition is not None:
            sql, given = condition_sql(condition)
            parts.append(f"(version = %s AND ({sql}))")
            values += [version, *given]  # type: ignore[list-item]
    return " OR ".join(parts), [tuple(value) if isinstance(value, list) else value for value in values]


def _listed(value: Any) -> Any:
    """An array as the driver takes it."""
    return list(value) if isinstance(value, tuple) else value


def count_values(rows: Rows, questions: Sequence[JoinedQuestion], by: Sequence[str] = ()) -> dict[str, Values]:
    """How often each score, choice, yes or no, or month of a date was given; of several choices each; of a matrix by
    (row, choice); of a ranking by (choice, place). One statement, none without such a question.

    Equal answers are counted first and taken apart afterwards: there are far fewer of them than answers.
    """
    wanted = [question for question in questions if question.type in SHAPES]
    if not wanted:
        return {}
    entries: list[str] = []
    values: list[Any] = []
    for question in wanted:
        value = "substring(r.answers ->> %s FROM 1 FOR 7)" if question.type == "date" else "r.answers ->> %s"
        entries.append(f"(%s, {value})")
        values += [question.id, question.id]
    base, given = _base(rows, by)
    columns = "".join(f", r.{column}" for column in by)
    kept = "".join(f", g.{column}" for column in by)
    kinds = [f"('{question.type}', %s)" for question in wanted]
    places = ", ".join(str(place) for place in range(1, 4 + len(by)))
    sql = f"""
        WITH g AS (
            SELECT said.question, said.value{columns}, count(*) AS n
              FROM ({base}) r CROSS JOIN LATERAL (VALUES {", ".join(entries)}) said(question, value)
             WHERE said.value IS NOT NULL
             GROUP BY said.question, said.value{columns}
        )
        SELECT g.question, item.value, item.further{kept}, sum(g.n)::bigint
          FROM g JOIN (VALUES {", ".join(kinds)}) kind(name, question) USING (question)
         CROSS JOIN LATERAL (
            SELECT g.value, NULL AS further WHERE kind.name NOT IN ('multi_choice', 'matrix', 'ranking')
             UNION ALL
            SELECT e.value, NULL FROM jsonb_array_elements_text(
                CASE WHEN kind.name = 'multi_choice' AND left(g.value, 1) = '[' THEN g.value::jsonb ELSE '[]' END) e
             UNION ALL
            SELECT e.key, e.value FROM jsonb_each_text(
                CASE WHEN kind.name = 'matrix' AND left(g.value, 1) = '{{' THEN g.value::jsonb ELSE '{{}}' END) e
             UNION ALL
            SELECT e.value, e.place::text FROM jsonb_array_elements_text(
                CASE WHEN kind.name = 'ranking' AND left(g.value, 1) = '[' THEN g.value::jsonb ELSE '[]' END
            ) WITH ORDINALITY e(value, place)
        ) item
         GROUP BY {places}
    """
    shapes = {question.id: SHAPES[question.type] for question in wanted}
    found: dict[str, Values] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for name, value, further, *key, count in _fetch(sql, [*given, *values, *(question.id for question in wanted)]):
        found[name][tuple(key)][shapes[name](value, further)] += count
    return found


def _plain(value: str, further: str | None) -> Any:
    return value


def _score(value: str, further: str | None) -> Any:
    return int(float(value))


def _pair(value: str, further: str | None) -> Any:
    return value, further


def _place(value: str, further: str | None) -> Any:
    return value, int(further or 0)


SHAPES: dict[str, Callable[[str, str | None], Any]] = {
    **dict.fromkeys(SCORE_TYPES, _score),
    **dict.fromkeys(("choice", "consent", "date", "multi_choice"), _plain),
    "matrix": _pair,
    "ranking": _place,
}
"""How the value of each type is kept."""


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
                   min(value) AS low, max(value) AS high, bool_and(value = floor(value)) AS whole
              FROM said GROUP BY question
        ), widths AS (
            SELECT *, CASE WHEN low = high THEN 1
                           WHEN whole THEN ceil((high - low + 1) / {MOST_BINS})
                           ELSE (high - low) / {MOST_BINS} END AS width
              FROM spread
        ), bins AS (
            SELECT said.question, least(floor((said.value - low) / width)::int + 1, {MOST_BINS}) AS bin, count(*) AS n
              FROM said JOIN widths USING (question) GROUP BY 1, 2
        )
        SELECT widths.question, widths.n, mean, deviation, quartiles, low, high, whole, width,
               array_agg(bins.bin ORDER BY bins.bin), array_agg(bins.n ORDER BY bins.bin)
          FROM widths JOIN bins USING (question)
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
    """
    found = {}
    for name, n, mean, deviation, quartiles, low, high, whole, width, bins, counts in _fetch(sql, [*given, *wanted]):
        filled = dict(zip(bins, counts, strict=True))
        last = min(MOST_BINS, int((high - low) // width) + 1)
        found[name] = NumberSpread(
            n,
            mean,
            deviation,
            (quartiles[0], quartiles[1], quartiles[2]),
            low,
            high,
            [
                (low + (bin - 1) * width, _end_of(bin, last, low, high, width, whole=whole), filled.get(bin, 0))
                for bin in range(1, last + 1)
            ],
        )
    return found


def _end_of(bin: int, last: int, low: float, high: float, width: float, *, whole: bool) -> float:
    """Where a bin ends: of whole numbers its largest, else where the next one begins."""
    if bin == last:
        return high
    return low + bin * width - (1 if whole else 0)


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
