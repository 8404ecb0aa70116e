"""Which answers lead to which question, computed exactly by what its conditions can tell apart.

A condition tells answers apart only by the comparisons it makes. So every question that conditions name is reduced to
the few answers that these comparisons treat differently (and to no answer, where it may be skipped), and the ways
through the survey are all combinations of those. That is exact, not a sample. Where there are more than ``MAX_WAYS``
combinations nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations, pairwise
from typing import Any, Final

from apps.surveys.answers import evaluate
from apps.surveys.definition import SCORE_TYPES, Condition, Definition, Question, Rule

Json = Any
MAX_WAYS: Final = 20_000
MAX_MENTIONED: Final = 10
"""Choices (or words) of one question that conditions look for; beyond these the subsets are too many to try."""
NEUTRAL: Final = "\ue000"
"""A text that holds none of the words that conditions look for."""


class TooMany(Exception):
    """The conditions tell more ways apart than can be tried."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of one question: answers that lead to it (None when none do), and whether some lead past it."""

    witness: Mapping[str, Json] | None
    can_be_hidden: bool


def rules_about(definition: Definition) -> dict[str, list[Rule]]:
    """The comparisons that conditions make, by the question or hidden field they name."""
    found: dict[str, list[Rule]] = {}
    for question in definition.questions.values():
        for rule in question.show_if.rules if question.show_if else ():
            found.setdefault(rule.question, []).append(rule)
    return found


def reach_of(definition: Definition, question_id: str) -> Reach | None:
    """Whether a question can be shown, and whether it can be left out; None when there are too many ways to try."""
    question = definition.questions[question_id]
    if question.show_if is None:
        return Reach({}, can_be_hidden=False)
    witness: Mapping[str, Json] | None = None
    hidden = False
    try:
        for answers in ways_to(definition, question_id):
            if evaluate(question.show_if, answers):
                witness = witness if witness is not None else answers
            else:
                hidden = True
            if hidden and witness is not None:
                break
    except TooMany:
        return None
    return Reach(witness, hidden)


def ways_to(definition: Definition, question_id: str) -> Iterator[dict[str, Json]]:
    """Every combination of answers that the condition of a question can tell apart. Raises TooMany."""
    rules = rules_about(definition)
    needed = _needed(definition, question_id)
    asked = [question for question in definition.questions.values() if question.id in needed]
    fields = [hidden.id for hidden in definition.hidden if hidden.id in needed]
    domains = {field: distinct([None, *_texts(rules[field])], rules[field]) for field in fields}
    for question in asked:
        domains[question.id] = domain(question, rules[question.id])
    count = 1
    for values in domains.values():
        count *= max(len(values), 1)
        if count > MAX_WAYS:
            raise TooMany
    yield from _extend(fields, asked, domains, {})


def _needed(definition: Definition, question_id: str) -> set[str]:
    """What decides about a question: what its condition names, and what decides about those."""
    needed: set[str] = set()
    waiting = [question_id]
    while waiting:
        question = definition.questions.get(waiting.pop())
        for rule in question.show_if.rules if question and question.show_if else ():
            if rule.question not in needed:
                needed.add(rule.question)
                waiting.append(rule.question)
    return needed


def _extend(
    fields: list[str], asked: list[Question], domains: Mapping[str, list[Json]], answers: dict[str, Json]
) -> Iterator[dict[str, Json]]:
    if fields:
        for value in domains[fields[0]]:
            more = answers if value is None else {**answers, fields[0]: value}
            yield from _extend(fields[1:], asked, domains, more)
    elif not asked:
        yield answers
    elif not evaluate(asked[0].show_if, answers):
        yield from _extend(fields, asked[1:], domains, answers)
    else:
        for value in domains[asked[0].id]:
            more = answers if value is None else {**answers, asked[0].id: value}
            yield from _extend(fields, asked[1:], domains, more)


def domain(question: Question, rules: list[Rule]) -> list[Json]:
    """The answers to a question that these comparisons treat differently; None where it may be skipped."""
    values = _answers(question, rules)
    if not question.required:
        values = [None, *values]
    elif question.type == "consent":
        values = [True]
    return distinct(values, rules)


def distinct(values: list[Json], rules: list[Rule]) -> list[Json]:
    """One value for each way in which the comparisons can turn out."""
    kept: dict[tuple[bool, ...], Json] = {}
    for value in values:
        answers = {} if value is None else {rules[0].question: value}
        outcome = tuple(evaluate(Condition("all", (rule,)), answers) for rule in rules)
        kept.setdefault(outcome, value)
    return list(kept.values())


def _answers(question: Question, rules: list[Rule]) -> list[Json]:
    kind = question.type
    if kind in SCORE_TYPES:
        return list(range(question.low, question.high + 1))
    if kind == "choice":
        return [choice.id for choice in question.choices]
    if kind in ("multi_choice", "ranking"):
        return _subsets(question, rules)
    if kind == "consent":
        return [True, False]
    if kind == "number":
        return _numbers(rules)
    if kind == "date":
        return _days(rules)
    if kind == "text":
        return _texts(rules)
    if kind == "matrix":
        return [{question.rows[0].id: question.choices[0].id}]
    return ["file"]


def _subsets(question: Question, rules: list[Rule]) -> list[Json]:
    """Every set of the choices that comparisons look for, with one that none looks for where there is one."""
    mentioned = sorted({rule.value for rule in rules if rule.op == "contains"})
    if len(mentioned) > MAX_MENTIONED:
        raise TooMany
    other = [choice.id for choice in question.choices if choice.id not in mentioned][:1]
    chosen = [list(some) for size in range(1, len(mentioned) + 1) for some in combinations(mentioned, size)]
    return ([other] if other else []) + chosen


def _mentioned(rules: list[Rule]) -> list[Json]:
    """The values that comparisons name, those of lists one by one."""
    return [
        value
        for rule in rules
        if rule.op != "answered"
        for value in (rule.value if isinstance(rule.value, tuple | list) else (rule.value,))
    ]


def _numbers(rules: list[Rule]) -> list[Json]:
    """The numbers named, one between each two, and one beyond each end."""
    named = sorted(set(_mentioned(rules)))
    if not named:
        return [0]
    between = [(low + high) / 2 for low, high in pairwise(named)]
    return [named[0] - 1, *named, *between, named[-1] + 1]


def _days(rules: list[Rule]) -> list[Json]:
    """The days named and those beside them: between two days there may be none, so neighbours are enough."""
    days: set[date] = set()
    for value in _mentioned(rules):
        named = date.fromisoformat(value)
        days.add(named)
        for step in (-1, 1):
            try:
                days.add(named + timedelta(days=step))
            except OverflowError:
                continue
    return [day.isoformat() for day in sorted(days)] or ["2026-01-01"]


def _texts(rules: list[Rule]) -> list[Json]:
    """The texts named, texts with every set of the words looked for, and one with none of them."""
    exact = [value for rule in rules if rule.op in ("=", "!=", "in") for value in _mentioned([rule])]
    words = sorted({rule.value for rule in rules if rule.op == "contains"})
    if len(words) > MAX_MENTIONED:
        raise TooMany
    mixed = [NEUTRAL.join(["", *some, ""]) for size in range(1, len(words) + 1) for some in combinations(words, size)]
    return [NEUTRAL, *exact, *mixed]
