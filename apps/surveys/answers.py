"""Answers against a definition: what may be stored, what was blank, what a condition shows. Pure functions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.surveys.definition import (
    MAX_HIDDEN_TEXT,
    SCORE_TYPES,
    Condition,
    Definition,
    Question,
    Rule,
    is_date,
)
from cxm.errors import DomainErrors, FieldError
from cxm.ids import parse_uuid

Json = Any

MAX_ANSWER_TEXT: Final = 10_000
MAX_NUMBER: Final = 1e15

_WHOLE = re.compile(r"[+-]?[0-9]{1,15}(?:\.0*)?")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_YES: Final = frozenset({"1", "true", "on", "yes"})
_NO: Final = frozenset({"0", "false", "off", "no"})


@dataclass(frozen=True, slots=True)
class AnswerProblem:
    """Why one answer cannot be taken. ``code`` is stable: the respondent page has its own sentence for each."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckedAnswers:
    """Answers in their stored form (blank ones left out), and the problems by question id."""

    values: dict[str, Json] = field(default_factory=dict)
    errors: dict[str, AnswerProblem] = field(default_factory=dict)


class _Refused(Exception):
    """An answer that cannot be read as its question's type."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.problem = AnswerProblem(code, message)


def evaluate(condition: Condition | None, answers: Mapping[str, Json]) -> bool:
    """Whether a question with this condition is shown, given the answers before it (by question id, stored form).

    A blank answer is never less (or more) than a number, is equal to nothing and contains nothing; so only ``!=`` and
    ``answered`` with the value false hold for it.
    """
    if condition is None:
        return True
    results = (_holds(rule, answers.get(rule.question)) for rule in condition.rules)
    return all(results) if condition.mode == "all" else any(results)


def _holds(rule: Rule, answer: Json) -> bool:
    blank = is_blank(answer)
    if rule.op == "answered":
        return blank != bool(rule.value)
    if rule.op == "!=":
        return blank or answer != rule.value
    if blank:
        return False
    if rule.op == "=":
        return bool(answer == rule.value)
    if rule.op == "in":
        return answer in rule.value
    if rule.op == "contains":
        if isinstance(answer, str):
            return str(rule.value).casefold() in answer.casefold()
        return rule.value in answer
    if type(answer) is not type(rule.value) and not (_is_number(answer) and _is_number(rule.value)):
        return False
    return bool(_ORDER[rule.op](answer, rule.value))


_ORDER: Final[Mapping[str, Callable[[Json, Json], bool]]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_blank(value: Json) -> bool:
    """Whether an answer says nothing: absent, an empty or white text, an empty list or object."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, list | dict) and not value


def validate_answers(
    definition: Definition,
    answers: Mapping[str, Json],
    *,
    partial: bool = False,
    hidden: Mapping[str, str] | None = None,
) -> CheckedAnswers:
    """Check answers by question id and bring them into their stored form.

    Scores are whole numbers on the question's scale; numeric strings are read too, since forms send nothing else;
    booleans and 9.5 are refused. Answers to unknown questions, and to questions that the conditions hide, are left out.
    ``partial`` skips what is required: a respondent may be half way through. ``hidden`` are the values of the hidden
    fields, which conditions may name. That a file belongs to this survey is for who stores the answer to prove.
    """
    values: dict[str, Json] = {}
    facts = hidden or {}
    errors: dict[str, AnswerProblem] = {}
    for question in definition.questions.values():
        if question.type == "statement" or (
            question.show_if and not evaluate(question.show_if, {**facts, **values} if facts else values)
        ):
            continue
        raw = answers.get(question.id)
        try:
            if is_blank(raw):
                if question.required and not partial:
                    raise _Refused("required", _("This question needs an answer."))
                continue
            value = _READERS[question.type](question, raw)
            if not is_blank(value):
                values[question.id] = value
            if question.required and not partial:
                if is_blank(value) or value is False:
                    raise _Refused("required", _("This question needs an answer."))
                if question.type == "matrix" and len(value) < len(question.rows):
                    raise _Refused("rows", _("Every row needs an answer."))
        except _Refused as refused:
            errors[question.id] = refused.problem
    return CheckedAnswers(values, errors)


def _score(question: Question, raw: Json) -> int:
    value = whole_number(raw)
    if value is None:
        raise _Refused("score", _("A score is a whole number."))
    if not question.low <= value <= question.high:
        bounds = {"low": question.low, "high": question.high}
        raise _Refused("scale", _("The score must lie between %(low)d and %(high)d.") % bounds)
    return value


def whole_number(raw: Json) -> int | None:
    """A whole number from a JSON number or a numeric string; None for booleans, 9.5, 1e400 and everything else."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int):
        return raw if abs(raw) <= MAX_NUMBER else None
    if isinstance(raw, float):
        return int(raw) if math.isfinite(raw) and raw.is_integer() and abs(raw) <= MAX_NUMBER else None
    if isinstance(raw, str):
        text = raw.strip()
        return int(text.partition(".")[0]) if len(text) <= 40 and _WHOLE.fullmatch(text) else None
    return None


def _number(question: Question, raw: Json) -> int | float:
    whole = whole_number(raw)
    if whole is not None:
        return whole
    if isinstance(raw, float) and math.isfinite(raw) and abs(raw) <= MAX_NUMBER:
        return raw
    if isinstance(raw, str) and len(raw) <= 40 and _DECIMAL.fullmatch(raw.strip()):
        return float(raw)
    raise _Refused("number", _("This must be a number such as 12 or 12.5."))


def _text(question: Question, raw: Json) -> str:
    if not isinstance(raw, str):
        raise _Refused("text", _("This must be text."))
    text = raw.strip()
    if len(text) > MAX_ANSWER_TEXT:
        raise _Refused("too_long", _("Use at most %(n)d characters.") % {"n": MAX_ANSWER_TEXT})
    if _UNSTORABLE.search(text):
        raise _Refused("characters", _("This holds characters that cannot be stored."))
    return text


def _date(question: Question, raw: Json) -> str:
    if not is_date(raw):
        raise _Refused("date", _("This must be a day written YYYY-MM-DD."))
    return str(raw)


def _consent(question: Question, raw: Json) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower() if isinstance(raw, str | int) else ""
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise _Refused("consent", _("This must be true or false."))


def _chosen(question: Question, raw: Json) -> str:
    if not isinstance(raw, str) or not any(choice.id == raw for choice in question.choices):
        raise _Refused("choice", _("Choose one of the answers offered."))
    return raw


def _chosen_several(question: Question, raw: Json) -> list[str]:
    chosen = [raw] if isinstance(raw, str) else raw
    if not isinstance(chosen, list) or len(chosen) > len(question.choices) * 2:
        raise _Refused("choice", _("Choose from the answers offered."))
    picked = {_chosen(question, choice) for choice in chosen}
    return [choice.id for choice in question.choices if choice.id in picked]


def _ranked(question: Question, raw: Json) -> list[str]:
    if not isinstance(raw, list) or len(raw) > len(question.choices):
        raise _Refused("ranking", _("List the ids of the choices, best first."))
    ranked = [_chosen(question, choice) for choice in raw]
    if len(set(ranked)) != len(ranked):
        raise _Refused("ranking", _("Give every choice another place."))
    return ranked


def _matrix(question: Question, raw: Json) -> dict[str, str]:
    if not isinstance(raw, dict):
        raise _Refused("matrix", _("Give one choice for each row, by the row's id."))
    rows = {row.id for row in question.rows}
    unknown = [row for row in raw if row not in rows]
    if unknown:
        raise _Refused("matrix", _("There is a row that this question does not have."))
    return {row.id: _chosen(question, raw[row.id]) for row in question.rows if not is_blank(raw.get(row.id))}


def _file(question: Question, raw: Json) -> str:
    found = parse_uuid(raw) if isinstance(raw, str) else None
    if found is None:
        raise _Refused("file", _("Give the id of a file that was uploaded for this question."))
    return str(found)


_READERS: Final[Mapping[str, Callable[[Question, Json], Json]]] = {
    **dict.fromkeys(SCORE_TYPES, _score),
    "text": _text,
    "number": _number,
    "date": _date,
    "consent": _consent,
    "choice": _chosen,
    "multi_choice": _chosen_several,
    "ranking": _ranked,
    "matrix": _matrix,
    "file": _file,
}


def hidden_values(definition: Definition, *sources: Mapping[str, Json] | None) -> dict[str, str]:
    """The hidden fields that are given, as text; of several sources the last one that says something counts.

    Raises DomainErrors naming the field for what is no text or number, or too long.
    """
    values: dict[str, str] = {}
    errors: list[FieldError] = []
    for hidden in definition.hidden:
        for source in sources:
            raw = source.get(hidden.id) if source else None
            if is_blank(raw):
                continue
            text = str(raw).strip() if isinstance(raw, str | int | float) and not isinstance(raw, bool) else ""
            if not 0 < len(text) <= MAX_HIDDEN_TEXT or _UNSTORABLE.search(text):
                message = _("A hidden field is a text of at most %(n)d characters.") % {"n": MAX_HIDDEN_TEXT}
                errors.append({"field": f"answers.{hidden.id}", "code": "hidden", "message": message})
            else:
                values[hidden.id] = text
    if errors:
        raise DomainErrors(errors)
    return values


def hidden_of_address(definition: Definition, said: Mapping[str, str]) -> dict[str, str]:
    """The hidden fields in a link's address: what cannot be stored is left out, what is too long is cut."""
    found = {hidden.id: _UNSTORABLE.sub("", said.get(hidden.id, "")).strip() for hidden in definition.hidden}
    return {name: text[:MAX_HIDDEN_TEXT] for name, text in found.items() if text}


def headline_score(definition: Definition, values: Mapping[str, Json]) -> int | None:
    """The score that the survey is about, from checked answers; None when it was left blank."""
    question = definition.headline
    score = values.get(question.id) if question else None
    return score if isinstance(score, int) else None


def comment_text(definition: Definition, values: Mapping[str, Json]) -> str:
    """The text shown as the comment: the answer to the first open question, else to the first one answered."""
    first = definition.comment
    if first and isinstance(values.get(first.id), str):
        return str(values[first.id])
    for question in definition.questions.values():
        if question.type == "text" and isinstance(values.get(question.id), str):
            return str(values[question.id])
    return ""
