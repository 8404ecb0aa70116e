"""What a respondent sees and sends: screens built from a definition, and answers read from a form. No requests here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.http import QueryDict

from apps.surveys.answers import AnswerProblem, evaluate, is_blank, validate_answers
from apps.surveys.definition import Definition, Question, piped
from apps.surveys.piping import ANSWERS, PipedValues, pipe
from apps.surveys.respondent_texts import OWN_NAMES, respondent_texts
from apps.surveys.uploads import ACCEPTED
from apps.surveys.wording import is_right_to_left

Json = Any

MAX_TEXT: Final = 4_000
"""Characters that a text box takes; the API takes more."""
_SECONDS: Final = {"text": 25, "matrix": 20, "ranking": 20, "file": 25}
_ERROR_TEXTS: Final = {
    "required": "error_required",
    "rows": "error_rows",
    "score": "error_scale",
    "scale": "error_scale",
    "choice": "error_choice",
    "number": "error_number",
    "date": "error_date",
    "ranking": "error_ranking",
    "too_long": "error_too_long",
    "file": "error_file",
    "file_kind": "error_file_kind",
    "file_size": "error_file_size",
    "file_pixels": "error_file_size",
    "file_unreadable": "error_file",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to choose. ``band`` is low, middle or high on a scale, "" elsewhere."""

    value: str
    label: str
    band: str = ""
    checked: bool = False
    words: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a matrix, or one choice of a ranking with its places."""

    name: str
    label: str
    options: list[Option]


@dataclass(frozen=True, slots=True)
class Field:
    """A question ready to be drawn, in one language."""

    id: str
    name: str
    type: str
    title: str
    required: bool
    options: list[Option] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    points: int = 0
    low_label: str = ""
    high_label: str = ""
    low: int = 0
    high: int = 0
    value: str = ""
    follow_up: dict[str, str] = field(default_factory=dict)
    error: str = ""
    autofocus: bool = False
    accept: str = ""
    hint: str = ""
    file_name: str = ""

    @property
    def is_scale(self) -> bool:
        """Whether it is answered by one number of a row."""
        return self.points > 0

    @property
    def every_point_has_words(self) -> bool:
        """Whether the points are better shown below each other, each with its words."""
        return self.is_scale and all(option.words for option in self.options)


@dataclass(frozen=True, slots=True)
class Screen:
    """One page of the respondent: its fields, where it stands among the others, and what is wrong on it."""

    number: int
    total: int
    fields: list[Field]
    is_last: bool

    @property
    def takes_files(self) -> bool:
        """Whether its form must be sent in parts."""
        return any(shown.type == "file" for shown in self.fields)

    @property
    def errors(self) -> list[Field]:
        """The fields that cannot be taken as they are."""
        return [shown for shown in self.fields if shown.error]


def visible_screens(
    definition: Definition, answers: Mapping[str, Json], hidden: Mapping[str, str] | None = None
) -> list[list[Question]]:
    """The screens that these answers and hidden fields lead through, each with the questions shown on it."""
    known = {**hidden, **answers} if hidden else answers
    screens = []
    for screen in definition.screens:
        shown = [question for question in screen if evaluate(question.show_if, known)]
        if shown:
            screens.append(shown)
    return screens


def field_name(question: Question, part: str = "") -> str:
    """The name of a question's form field; a matrix and a ranking have one for each row."""
    return f"q-{question.id}.{part}" if part else f"q-{question.id}"


def read_form(questions: Sequence[Question], form: QueryDict) -> dict[str, Json]:
    """What a form says about these questions, as the API would send it; unanswered ones are left out."""
    answers: dict[str, Json] = {}
    for question in questions:
        value: Json = None
        match question.type:
            case "statement":
                continue
            case "file":
                gone = form.get(field_name(question, "remove")) == "1"
                value = "" if gone else form.get(field_name(question, "kept"), "")
            case "multi_choice":
                value = form.getlist(field_name(question))
            case "matrix":
                rows = {row.id: form.get(field_name(question, row.id), "") for row in question.rows}
                value = {row: choice for row, choice in rows.items() if choice}
            case "ranking":
                value = _ranking(question, form)
            case "consent":
                value = form.get(field_name(question)) == "1"
            case _:
                value = form.get(field_name(question), "")
        if value not in ("", [], {}, None):
            answers[question.id] = value
    return answers


def _ranking(question: Question, form: QueryDict) -> list[str]:
    """The choices by the place each was given. Two in one place are named twice, which the check refuses."""
    places: dict[int, list[str]] = {}
    for choice in question.choices:
        place = form.get(field_name(question, choice.id), "")
        if place.isascii() and place.isdigit() and 0 < int(place[:4]) <= len(question.choices):
            places.setdefault(int(place[:4]), []).append(choice.id)
    if any(len(chosen) > 1 for chosen in places.values()):
        return [chosen[0] for chosen in places.values() for _again in chosen]
    return [places[place][0] for place in sorted(places)]


def build_screen(
    definition: Definition,
    answers: Mapping[str, Json],
    number: int,
    language: str,
    errors: Mapping[str, AnswerProblem] | None = None,
    *,
    values: PipedValues | None = None,
    file_names: Mapping[str, str] | None = None,
) -> Screen:
    """Screen ``number`` (from 1) in a language, with what was answered so far and what is wrong with it.

    ``values`` are what its sentences may repeat (``piped_values``), and the hidden fields of its conditions;
    ``file_names`` what the files given so far are called, by their ids.
    """
    values = values or PipedValues()
    screens = visible_screens(definition, answers, values.hidden)
    number = min(max(number, 1), len(screens))
    texts = respondent_texts(language)
    problems = errors or {}
    fields: list[Field] = []
    for question in screens[number - 1]:
        problem = problems.get(question.id)
        error = texts[_ERROR_TEXTS.get(problem.code, "error_invalid")] if problem else ""
        error = error.replace("{size}", str(question.max_mb))
        first_error = bool(error) and not any(shown.error for shown in fields)
        drawn = _field(definition, question, answers.get(question.id), language, values)
        if question.type == "file":
            drawn = replace(
                drawn,
                accept=",".join(ACCEPTED[kind] for kind in question.accept),
                hint=texts["_".join(("file", *question.accept))].replace("{size}", str(question.max_mb)),
                file_name=(file_names or {}).get(drawn.value, "") or texts["file_kept"],
            )
        fields.append(replace(drawn, error=error, autofocus=first_error))
    return Screen(number=number, total=len(screens), fields=fields, is_last=number == len(screens))


def _field(definition: Definition, question: Question, answer: Json, language: str, values: PipedValues) -> Field:
    def say(texts: Mapping[str, str]) -> str:
        return pipe(definition.text(texts, language), values)

    value, options, rows, columns = "", [], [], []
    scale = bool(question.scale)
    if scale:
        options = [
            Option(
                value=str(point),
                label=str(point),
                band=question.band(point),
                checked=str(answer) == str(point),
                words=say(question.labels.get(point, {})),
            )
            for point in range(question.low, question.high + 1)
        ]
    elif question.type in ("choice", "multi_choice"):
        chosen = answer if isinstance(answer, list) else [answer]
        options = [
            Option(value=choice.id, label=say(choice.label), checked=choice.id in chosen) for choice in question.choices
        ]
    elif question.type == "matrix":
        given = answer if isinstance(answer, dict) else {}
        columns = [say(choice.label) for choice in question.choices]
        for row in question.rows:
            cells = [
                Option(value=choice.id, label=say(choice.label), checked=given.get(row.id) == choice.id)
                for choice in question.choices
            ]
            rows.append(Row(field_name(question, row.id), say(row.label), cells))
    elif question.type == "ranking":
        order = answer if isinstance(answer, list) else []
        for choice in question.choices:
            place = order.index(choice.id) + 1 if choice.id in order else 0
            places = [
                Option(value=str(n), label=str(n), checked=place == n) for n in range(1, len(question.choices) + 1)
            ]
            rows.append(Row(field_name(question, choice.id), say(choice.label), places))
    elif question.type == "consent":
        value = "1" if answer is True else ""
    elif isinstance(answer, str | int | float):
        value = str(answer)
    return Field(
        id=question.id,
        name=field_name(question),
        type=question.type,
        title=say(question.title),
        required=question.required,
        options=options,
        rows=rows,
        columns=columns,
        points=question.scale,
        low_label=say(question.labels.get(question.low, {})) if scale else "",
        high_label=say(question.labels.get(question.high, {})) if scale else "",
        low=question.low if scale else 0,
        high=question.high if scale else 0,
        value=value,
        follow_up={band: say(text) for band, text in question.follow_up.items()},
    )


def piped_values(
    definition: Definition,
    answers: Mapping[str, Json],
    language: str,
    *,
    hidden: Mapping[str, str] | None = None,
    customer_name: str = "",
    organization: str = "",
    touchpoint: str = "",
) -> PipedValues:
    """What the survey's sentences may repeat, with choices in the respondent's words."""
    said = {
        question.id: words
        for question in definition.questions.values()
        if (words := answer_in_words(definition, question, answers.get(question.id), language))
    }
    return PipedValues(said, hidden or {}, customer_name, organization, touchpoint)


def answer_in_words(definition: Definition, question: Question, answer: Json, language: str) -> str:
    """An answer as it can stand in a sentence; "" for none, and for files, matrices and consent."""
    if is_blank(answer) or question.type in ("file", "matrix", "consent"):
        return ""
    if question.choices:
        labels = {choice.id: definition.text(choice.label, language) for choice in question.choices}
        chosen = answer if isinstance(answer, list) else [answer]
        return texts_joined([labels.get(str(choice), "") for choice in chosen], language)
    return str(answer) if isinstance(answer, str | int | float) else ""


def repeats_answers(definition: Definition) -> bool:
    """Whether the thanks repeat something that was answered."""
    return any(piece.source == ANSWERS for text in definition.thank_you.values() for _code, piece in piped(text))


def texts_joined(texts: Sequence[str], language: str) -> str:
    """Several words in a row, with the comma of the language's script."""
    comma = {"ar": "، ", "fa": "، ", "ur": "، ", "zh": "、", "ja": "、"}.get(language.partition("-")[0], ", ")
    return comma.join(text for text in texts if text)


def first_open_screen(
    definition: Definition, answers: Mapping[str, Json], hidden: Mapping[str, str] | None = None
) -> int:
    """Where somebody who comes back goes on.

    That is the first screen that still lacks a required answer, but no later than the one after the last answer.
    """
    missing = validate_answers(definition, answers, hidden=hidden).errors
    screens = visible_screens(definition, answers, hidden)
    answered = [number for number, shown in enumerate(screens, 1) if any(question.id in answers for question in shown)]
    lacking = [number for number, shown in enumerate(screens, 1) if any(question.id in missing for question in shown)]
    return min(*lacking[:1], max(answered, default=0) + 1, len(screens))


def choose_language(definition: Definition, *wanted: str) -> str:
    """The first of the wanted languages that the survey speaks, exactly or by its base; else the survey's first."""
    for code in wanted:
        normal = code.strip().replace("_", "-").lower()[:16]
        for candidate in (normal, normal.partition("-")[0]):
            if candidate in definition.languages:
                return candidate
    return definition.languages[0]


def accepted_languages(header: str) -> list[str]:
    """The languages of an Accept-Language header, best first; at most ten, anything odd left out."""
    weighted: list[tuple[float, str]] = []
    for part in header[:500].split(",")[:10]:
        code, _semicolon, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if code and code != "*" and math.isfinite(weight):
            weighted.append((-weight, code))
    return [code for _weight, code in sorted(weighted, key=lambda found: found[0])]


def language_choices(definition: Definition, current: str) -> list[tuple[str, str, str]]:
    """The survey's other languages as (code, own name, direction), for the switch at the top of the page."""
    return [
        (code, own_name(code), "rtl" if is_right_to_left(code) else "ltr")
        for code in definition.languages
        if code != current
    ]


def own_name(code: str) -> str:
    """What speakers of a language call it; the code itself for one that we have no name of."""
    base, _hyphen, region = code.partition("-")
    name = OWN_NAMES.get(base)
    return OWN_NAMES.get(code) or (f"{name} ({region.upper()})" if name and region else name) or code.upper()


def needed_minutes(definition: Definition) -> int:
    """How long all questions together take at a normal pace, at least one minute."""
    asked = [question for question in definition.questions.values() if question.type != "statement"]
    return max(1, round(sum(_SECONDS.get(question.type, 8) for question in asked) / 60))


def effort(definition: Definition, language: str) -> str:
    """ "1 minute · 2 questions", honestly: what all questions together take at a normal pace."""
    texts = respondent_texts(language)
    asked = [question for question in definition.questions.values() if question.type != "statement"]
    minutes = needed_minutes(definition)
    time = texts["minute"] if minutes == 1 else texts["minutes"].format(n=minutes)
    count = texts["question"] if len(asked) == 1 else texts["questions"].format(n=len(asked))
    return f"{time} · {count}"
