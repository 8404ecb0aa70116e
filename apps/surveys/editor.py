"""What the editor shows of a draft: an outline of its pages, and one question with every field that it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from apps.surveys.definition import (
    METRICS,
    OPERATORS,
    SCALES,
    SCORE_TYPES,
    Definition,
    Question,
    Text,
)
from apps.surveys.drafts import OPS, rules_of, sources_for, version_of
from apps.surveys.scoring import Scoring, scoring_of
from apps.surveys.wording import LANGUAGE_NAMES, is_right_to_left
from cxm.errors import FieldError

TYPES: Final[Mapping[str, tuple[Any, str]]] = {
    "nps": (lazy("NPS, 0 to 10"), "heart-handshake"),
    "csat": (lazy("Satisfaction (CSAT)"), "mood-smile"),
    "ces": (lazy("Effort (CES)"), "stairs"),
    "rating": (lazy("Rating"), "star"),
    "choice": (lazy("One choice"), "circle-dot"),
    "multi_choice": (lazy("Several choices"), "square-check"),
    "matrix": (lazy("Matrix"), "table"),
    "ranking": (lazy("Ranking"), "sort-descending"),
    "text": (lazy("Text"), "message"),
    "number": (lazy("Number"), "number"),
    "date": (lazy("Date"), "calendar"),
    "consent": (lazy("Consent"), "checkbox"),
    "statement": (lazy("Statement"), "text-size"),
    "file": (lazy("File"), "paperclip"),
}
"""Every type of question: its name and its icon, in the order in which they are offered."""

OP_WORDS: Final[Mapping[str, Any]] = {
    "=": lazy("is"),
    "!=": lazy("is not"),
    "<": lazy("is less than"),
    "<=": lazy("is at most"),
    ">": lazy("is more than"),
    ">=": lazy("is at least"),
    "in": lazy("is one of"),
    "contains": lazy("contains"),
    "answered": lazy("was answered"),
}
BAND_WORDS: Final[Mapping[str, Any]] = {
    "low": lazy("After a low score"),
    "middle": lazy("After a score in between"),
    "high": lazy("After a high score"),
}
ENTRY_PARTS: Final = {"choices": "choice", "rows": "row"}
PANELS: Final = ("thanks", "hidden")
"""What can be edited besides questions; a ``~`` before the name tells it from a question's id in the address."""


@dataclass(frozen=True, slots=True)
class Words:
    """One language's input of a text."""

    name: str
    language: str
    language_name: str
    value: str
    direction: str
    missing: bool


@dataclass(frozen=True, slots=True)
class TextRow:
    """A text in every language, side by side. ``long`` makes it a box of several lines."""

    label: str
    words: list[Words]
    long: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One entry of a list to choose from."""

    value: str
    label: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One comparison of a condition. ``widget`` is select, checks, number, date, text or lines."""

    index: int
    sources: list[Option]
    ops: list[Option]
    widget: str
    options: list[Option]
    value: str


@dataclass(frozen=True, slots=True)
class Item:
    """A question in the outline. ``depends`` when it has a condition, ``warnings`` how much advice there is on it."""

    id: str
    number: int
    title: str
    type: str
    type_name: Any
    icon: str
    required: bool
    depends: bool
    starts_page: bool
    first: bool
    last: bool
    current: bool
    warnings: int


@dataclass(frozen=True, slots=True)
class Panel:
    """Everything about one question that can be changed."""

    id: str
    number: int
    type: str
    type_name: Any
    types: list[Option]
    version: str
    published: bool
    is_headline: bool
    title: TextRow
    required: bool
    can_be_required: bool
    scales: list[Option]
    metrics: list[Option]
    ends: list[TextRow]
    points: list[TextRow]
    choices: list[TextRow]
    rows: list[TextRow]
    follow_ups: list[TextRow]
    accept: list[Option]
    max_mb: int
    mode: str
    rules: list[RuleRow]
    can_depend: bool
    tokens: list[Option]
    scoring: Scoring


def outline(
    definition: Definition, current: str, language: str, warnings: Mapping[str, int]
) -> list[tuple[int, list[Item]]]:
    """The pages (counted from 1) with their questions, in a language."""
    pages: list[tuple[int, list[Item]]] = []
    number, total = 0, len(definition.questions)
    for page_number, page in enumerate(definition.pages, start=1):
        items = []
        for index, question in enumerate(page.questions):
            number += 1
            name, icon = TYPES[question.type]
            items.append(
                Item(
                    id=question.id,
                    number=number,
                    title=definition.text(question.title, language),
                    type=question.type,
                    type_name=name,
                    icon=icon,
                    required=question.required,
                    depends=question.show_if is not None,
                    starts_page=index == 0,
                    first=number == 1,
                    last=number == total,
                    current=question.id == current,
                    warnings=warnings.get(question.id, 0),
                )
            )
        pages.append((page_number, items))
    return pages


def panel(
    definition: Definition,
    raw: dict[str, Any],
    question_id: str,
    published: Collection[str],
    typed: Mapping[str, str] | None = None,
) -> Panel:
    """One question with all that can be changed about it.

    ``published`` are the ids that some version has; ``typed`` is what a form held that could not be saved.
    """
    question = definition.questions[question_id]
    kind, row = question.type, _Rows(definition, question, typed or {})
    ends = (question.low, question.high) if question.scale else ()
    sources = sources_for(raw, question_id)
    entries = next(q for page in raw["pages"] for q in page["questions"] if q["id"] == question_id)
    headline = definition.headline
    return Panel(
        id=question_id,
        number=list(definition.questions).index(question_id) + 1,
        type=kind,
        type_name=TYPES[kind][0],
        types=[Option(key, str(name), key == kind) for key, (name, _icon) in TYPES.items()],
        version=version_of(raw, f"q:{question_id}"),
        published=question_id in published,
        is_headline=headline is not None and headline.id == question_id,
        title=row("title", _("Question") if kind != "statement" else _("Text"), question.title, long=True),
        required=question.required,
        can_be_required=kind != "statement",
        scales=[Option(str(n), _scale_words(n), n == question.scale) for n in _scales(question)],
        metrics=_metric_options(question),
        ends=[
            row(f"label{point}", _("Words at %(n)d") % {"n": point}, question.labels.get(point, {})) for point in ends
        ],
        points=[
            row(f"label{point}", _("Words at %(n)d") % {"n": point}, question.labels.get(point, {}))
            for point in range(question.low + 1, question.high)
        ]
        if question.scale
        else [],
        choices=[
            row(f"choice-{choice.id}", _("Choice %(n)d") % {"n": number}, choice.label, id=choice.id)
            for number, choice in enumerate(question.choices, start=1)
        ],
        rows=[
            row(f"row-{entry.id}", _("Row %(n)d") % {"n": number}, entry.label, id=entry.id)
            for number, entry in enumerate(question.rows, start=1)
        ],
        follow_ups=[row(band, str(words), question.follow_up.get(band, {})) for band, words in BAND_WORDS.items()]
        if kind == "text"
        else [],
        accept=[
            Option("image", _("Pictures"), "image" in question.accept),
            Option("pdf", _("PDF documents"), "pdf" in question.accept),
        ],
        max_mb=question.max_mb,
        mode=question.show_if.mode if question.show_if else "all",
        rules=[_rule_row(definition, index, rule, sources) for index, rule in enumerate(rules_of(entries))],
        can_depend=bool(sources),
        tokens=tokens_for(definition, sources),
        scoring=scoring_of(question),
    )


class _Rows:
    """Makes the inputs of one question's texts."""

    def __init__(self, definition: Definition, question: Question, typed: Mapping[str, str]) -> None:
        self.definition, self.question, self.typed = definition, question, typed

    def __call__(self, part: str, label: str, texts: Text, *, long: bool = False, id: str = "") -> TextRow:
        name = f"{part}.{self.question.id}"
        return text_row(self.definition.languages, name, label, texts, long=long, id=id, typed=self.typed)


def text_row(
    languages: Sequence[str],
    name: str,
    label: str,
    texts: Text,
    *,
    long: bool = False,
    id: str = "",
    typed: Mapping[str, str] | None = None,
) -> TextRow:
    """A text in every language, with the names of its inputs. Missing is what another language has and this has not."""
    words = [
        Words(
            name=f"{name}.{code}",
            language=code,
            language_name=LANGUAGE_NAMES.get(code, code),
            value=(typed or {}).get(f"{name}.{code}", texts.get(code, "")),
            direction="rtl" if is_right_to_left(code) else "ltr",
            missing=bool(texts) and code not in texts,
        )
        for code in languages
    ]
    return TextRow(label, words, long, id)


def thanks_rows(definition: Definition, typed: Mapping[str, str] | None = None) -> list[TextRow]:
    """The words of the last page."""
    rows = [
        text_row(definition.languages, "thanks.title", _("Thanks"), definition.thank_you.get("title", {}), typed=typed),
        text_row(
            definition.languages,
            "thanks.text",
            _("Below the thanks"),
            definition.thank_you.get("text", {}),
            long=True,
            typed=typed,
        ),
    ]
    if definition.thank_you_link:
        label = definition.thank_you_link.label
        rows.append(text_row(definition.languages, "thanks.link", _("Words of the link"), label, typed=typed))
    return rows


def _scales(question: Question) -> list[int]:
    if question.type not in SCORE_TYPES:
        return []
    return sorted(SCALES[question.metric or question.type])


def _scale_words(points: int) -> str:
    return _("0 to 10") if points == 11 else _("1 to %(n)d") % {"n": points}


def _metric_options(question: Question) -> list[Option]:
    if question.type != "rating":
        return []
    names = {"csat": "CSAT", "ces": "CES"}
    offered = [Option(metric, names[metric], metric == question.metric) for metric in METRICS if metric in names]
    return [Option("", _("None"), not question.metric), *offered]


def source_name(definition: Definition, source: Mapping[str, Any]) -> str:
    """What a condition depends on, in words: a question's title, or a hidden field's name."""
    if source["type"] == "hidden":
        return _("Hidden field: %(name)s") % {"name": source.get("label") or source["id"]}
    question = definition.questions[source["id"]]
    title = definition.text(question.title, definition.languages[0])
    number = list(definition.questions).index(question.id) + 1
    return f"{number}. {title if len(title) <= 60 else title[:59] + '…'}"


def _rule_row(
    definition: Definition, index: int, rule: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]
) -> RuleRow:
    source = next(found for found in sources if found["id"] == rule["question"])
    op, value, kind = rule["op"], rule.get("value"), source["type"]
    offered = [known for known in OPERATORS if known in OPS[kind] or known == op]
    values = value if isinstance(value, list | tuple) else [value]
    options: list[Option] = []
    widget, text = "text", "" if value is None else str(value)
    if op == "answered" or kind == "consent":
        widget = "select"
        options = [Option("1", _("Yes"), value is not False), Option("0", _("No"), value is False)]
    elif kind in SCORE_TYPES:
        asked = definition.questions[source["id"]]
        widget = "checks" if op == "in" else "select"
        options = [Option(str(n), str(n), n in values) for n in range(asked.low, asked.high + 1)]
    elif source.get("choices"):
        asked = definition.questions[source["id"]]
        widget = "checks" if op == "in" else "select"
        options = [
            Option(choice.id, definition.text(choice.label, definition.languages[0]), choice.id in values)
            for choice in asked.choices
        ]
    elif op == "in":
        widget, text = "lines", "\n".join(map(str, values))
    elif kind in ("number", "date"):
        widget = kind
    return RuleRow(
        index=index,
        sources=[Option(known["id"], source_name(definition, known), known["id"] == source["id"]) for known in sources],
        ops=[Option(known, str(OP_WORDS[known]), known == op) for known in offered],
        widget=widget,
        options=options,
        value=text,
    )


def tokens_for(definition: Definition, sources: Sequence[Mapping[str, Any]]) -> list[Option]:
    """What can be repeated in a sentence: the text to insert, and its name."""
    tokens = [
        Option('{{ customer.first_name | default: "" }}', _("Customer’s first name")),
        Option("{{ organization }}", _("Name of the organisation")),
        Option("{{ touchpoint }}", _("Name of the touchpoint")),
    ]
    for source in sources:
        if source["type"] == "file":
            continue
        place = "hidden" if source["type"] == "hidden" else "answers"
        tokens.append(Option(f"{{{{ {place}.{source['id']} }}}}", source_name(definition, source)))
    return tokens


def explain(errors: Sequence[FieldError], raw: Mapping[str, Any]) -> list[FieldError]:
    """Errors of a definition with the editor's field names instead of paths, and the question they are about."""
    return [_explained(error, raw) for error in errors]


def _explained(error: FieldError, raw: Mapping[str, Any]) -> FieldError:
    path = error["field"].split(".")
    if path[:1] == ["definition"]:
        path = path[1:]
    if path[:1] == ["thank_you"]:
        return {**error, "field": ".".join(["thanks", *path[1:]])}
    if path[:1] != ["pages"] or len(path) < 5:
        return error
    try:
        question = raw["pages"][int(path[1])]["questions"][int(path[3])]
        name, title = question["id"], next(iter(question["title"].values()), question["id"])
        rest, message = path[4:], error["message"]
        if rest[0] == "show_if" and len(rest) >= 3:
            if error["code"] == "question":
                message = _("It depends on an answer that must be asked before it.")
            field_name = f"rule{rest[2]}-{rest[3] if len(rest) > 3 else 'value'}.{name}"
        elif rest[0] in ENTRY_PARTS and len(rest) >= 3:
            entry = question[rest[0]][int(rest[1])]
            field_name = ".".join([f"{ENTRY_PARTS[rest[0]]}-{entry['id']}", name, *rest[3:]])
        elif rest[0] == "labels" and len(rest) >= 2:
            field_name = ".".join([f"label{rest[1]}", name, *rest[2:]])
        elif rest[0] == "follow_up" and len(rest) >= 2:
            field_name = ".".join([rest[1], name, *rest[2:]])
        else:
            field_name = ".".join([rest[0], name, *rest[1:]])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return error
    short = title if len(title) <= 50 else title[:49] + "…"
    return {"field": field_name, "code": error["code"], "message": f"“{short}”: {message}"}
