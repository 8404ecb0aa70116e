"""The survey definition, JSON version 1: what a survey asks, read strictly and kept as frozen objects.

``parse_definition`` is the only door. It collects every mistake with the path of the field, so that a person who
wrote the JSON by hand mends it in one go, and it returns a ``Definition`` that respondent pages, the API and the
import share. Nothing here touches the database.

Shapes that the documented JSON leaves open:

- ``scale``: the number of points, or ``{"min": 0, "max": 10}``. Eleven points are 0..10, every other scale starts at 1.
- ``labels``: the words at single points of a scale, ``{"1": {"en": "Very dissatisfied"}, "5": {...}}``.
- ``rows``: the lines of a matrix, as ``choices`` are its columns.
- ``follow_up``: on a text question, its wording once a score stands on the same screen:
  ``{"low": {...}, "middle": {...}, "high": {...}}``.
- ``thank_you``: ``{"title": {...}, "text": {...}, "link": {"url": "https://...", "label": {...}}}``. The link is shown
  to everybody, whatever the score.
- ``hidden``: ``[{"id": "order", "label": "Order number"}]``, facts that come with the link and are not asked. They
  share the ids of questions, and conditions may name them.
- ``accept`` and ``max_mb`` of a file question: ``["image", "pdf"]`` and 5.
- Titles, follow-ups and thanks may hold what was said before: ``{{ answers.score }}`` (see ``piping``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from apps.surveys.piping import ANSWERS, CUSTOMER, HIDDEN, Piece, PipingError, pieces
from cxm.errors import DomainErrors, FieldError

Json = Any
Text = Mapping[str, str]
"""One sentence in several languages, by language code."""

VERSION: Final = 1
SCORE_TYPES: Final = frozenset({"nps", "csat", "ces", "rating"})
CHOICE_TYPES: Final = frozenset({"choice", "multi_choice", "matrix", "ranking"})
ANSWERABLE_TYPES: Final = SCORE_TYPES | CHOICE_TYPES | {"text", "number", "date", "consent", "file"}
QUESTION_TYPES: Final = ANSWERABLE_TYPES | {"statement"}
ORDERED_TYPES: Final = SCORE_TYPES | {"number", "date"}
METRICS: Final = ("nps", "csat", "ces")

SCALES: Final[Mapping[str, frozenset[int]]] = {
    "nps": frozenset({11}),
    "csat": frozenset({3, 4, 5, 6, 7, 10}),
    "ces": frozenset({5, 7}),
    "rating": frozenset(range(2, 12)),
}
DEFAULT_SCALE: Final[Mapping[str, int]] = {"nps": 11, "csat": 5, "ces": 7, "rating": 5}

MAX_LANGUAGES: Final = 30
MAX_PAGES: Final = 50
MAX_QUESTIONS: Final = 200
MAX_CHOICES: Final = 200
MAX_ROWS: Final = 100
MAX_CONDITIONS: Final = 20
MAX_HIDDEN: Final = 20
MAX_HIDDEN_TEXT: Final = 200
MAX_LABEL: Final = 120
RESERVED_IDS: Final = frozenset({"c", "lang", "p", "page", "s", "t"})
"""What the address of a survey says itself, and no hidden field can."""
MAX_URL: Final = 1_000
FILE_KINDS: Final = ("image", "pdf")
MAX_FILE_MB: Final = 10
DEFAULT_FILE_MB: Final = 5
MAX_TEXT: Final = 2_000
MAX_ERRORS: Final = 50
"""A document wrong in more places than this is not described further: nobody reads on."""

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "contains", "answered"]
OPERATORS: Final = ("=", "!=", "<", "<=", ">", ">=", "in", "contains", "answered")
ORDER_OPERATORS: Final = frozenset({"<", "<=", ">", ">="})

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One comparison with the answer to an earlier question."""

    question: str
    op: Operator
    value: Json = None


@dataclass(frozen=True, slots=True)
class Condition:
    """When a question is shown: all of the rules, or any of them."""

    mode: Literal["all", "any"]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose, or one row of a matrix. The id is what an answer stores."""

    id: str
    label: Text


@dataclass(frozen=True, slots=True)
class Hidden:
    """A fact that comes with the link. ``label`` is its name for the organisation's own people."""

    id: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class ThankYouLink:
    """One address, offered to everybody who answered."""

    url: str
    label: Text


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``scale`` is the number of points of a score question, 0 for every other type.

    ``accept`` and ``max_mb`` (megabytes) say which files answer a file question.
    """

    id: str
    type: str
    title: Text
    metric: str = ""
    required: bool = False
    scale: int = 0
    labels: Mapping[int, Text] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    rows: tuple[Choice, ...] = ()
    follow_up: Mapping[str, Text] = field(default_factory=dict)
    show_if: Condition | None = None
    accept: tuple[str, ...] = ()
    max_mb: int = 0

    @property
    def depends_on(self) -> frozenset[str]:
        """The ids of the questions and hidden fields that its condition names and its sentences repeat."""
        named = {rule.question for rule in self.show_if.rules} if self.show_if else set()
        texts = [text for sentence in (self.title, *self.follow_up.values()) for text in sentence.values()]
        return frozenset(named | {piece.id for text in texts if "{{" in text for piece in pieces(text) if piece.id})

    @property
    def low(self) -> int:
        """The lowest point: eleven points are 0..10, every other scale starts at 1."""
        return 0 if self.scale == 11 else 1

    @property
    def high(self) -> int:
        """The highest point of the scale."""
        return self.low + self.scale - 1

    def band(self, score: int) -> Literal["low", "middle", "high"]:
        """Which follow-up wording a score calls for. On 0..10 these are detractor, passive and promoter."""
        if self.scale == 11:
            return "high" if score >= 9 else "middle" if score >= 7 else "low"
        share = (score - self.low) / (self.scale - 1)
        return "high" if share >= 0.75 else "middle" if share >= 0.5 else "low"

    def to_json(self) -> dict[str, Json]:
        """The documented JSON of this question, without what was left at its default."""
        out: dict[str, Json] = {"id": self.id, "type": self.type, "title": dict(self.title), "required": self.required}
        if self.metric:
            out["metric"] = self.metric
        if self.scale:
            out["scale"] = self.scale
        if self.labels:
            out["labels"] = {str(point): dict(text) for point, text in self.labels.items()}
        if self.choices:
            out["choices"] = [{"id": choice.id, "label": dict(choice.label)} for choice in self.choices]
        if self.rows:
            out["rows"] = [{"id": row.id, "label": dict(row.label)} for row in self.rows]
        if self.follow_up:
            out["follow_up"] = {band: dict(text) for band, text in self.follow_up.items()}
        if self.type == "file":
            out["accept"], out["max_mb"] = list(self.accept), self.max_mb
        if self.show_if:
            rules = []
            for rule in self.show_if.rules:
                value = list(rule.value) if isinstance(rule.value, tuple) else rule.value
                written: dict[str, Json] = {"question": rule.question, "op": rule.op, "value": value}
                rules.append(written)
            out["show_if"] = {self.show_if.mode: rules}
        return out


@dataclass(frozen=True, slots=True)
class Page:
    """Questions that the author put together."""

    id: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Definition:
    """A whole survey. The first language is the one that every text has."""

    languages: tuple[str, ...]
    pages: tuple[Page, ...]
    thank_you: Mapping[str, Text] = field(default_factory=dict)
    thank_you_link: ThankYouLink | None = None
    hidden: tuple[Hidden, ...] = ()

    @cached_property
    def file_questions(self) -> frozenset[str]:
        """The ids of the questions that are answered by a file."""
        return frozenset(question.id for question in self.questions.values() if question.type == "file")

    @cached_property
    def questions(self) -> dict[str, Question]:
        """Every question by id, in the order in which they are asked."""
        return {question.id: question for page in self.pages for question in page.questions}

    @cached_property
    def headline(self) -> Question | None:
        """The question whose score is the survey's: the first with a metric, else the first rating."""
        scored = [question for question in self.questions.values() if question.type in SCORE_TYPES]
        return next((question for question in scored if question.metric), scored[0] if scored else None)

    @cached_property
    def comment(self) -> Question | None:
        """The question whose text is shown as the comment of an answer: the first open one."""
        return next((question for question in self.questions.values() if question.type == "text"), None)

    @cached_property
    def screens(self) -> tuple[tuple[Question, ...], ...]:
        """The questions as they are shown, screen by screen.

        A question that depends on the answer to another one, or repeats it, starts a new screen when that one is on
        the same page: so conditions and piping work without any script.
        """
        screens: list[tuple[Question, ...]] = []
        for page in self.pages:
            screen: list[Question] = []
            for question in page.questions:
                here = {shown.id for shown in screen}
                if here & question.depends_on:
                    screens.append(tuple(screen))
                    screen = []
                screen.append(question)
            screens.append(tuple(screen))
        return tuple(screens)

    def text(self, texts: Text, language: str) -> str:
        """The text in the language, else in its base language ("de" for "de-at"), else in the survey's first."""
        return texts.get(language) or texts.get(language.partition("-")[0]) or texts.get(self.languages[0]) or ""

    def to_json(self) -> dict[str, Json]:
        """The documented JSON, normalised: what is frozen at publication and answered by ``definition/``."""
        thank_you: dict[str, Json] = {key: dict(text) for key, text in self.thank_you.items()}
        if self.thank_you_link:
            thank_you["link"] = {"url": self.thank_you_link.url, "label": dict(self.thank_you_link.label)}
        out: dict[str, Json] = {
            "version": VERSION,
            "languages": list(self.languages),
            "pages": [
                {"id": page.id, "questions": [question.to_json() for question in page.questions]} for page in self.pages
            ],
            "thank_you": thank_you,
        }
        if self.hidden:
            out["hidden"] = [
                {"id": hidden.id, **({"label": hidden.label} if hidden.label else {})} for hidden in self.hidden
            ]
        return out


class _Reader:
    """Walks a document and notes what is wrong where; readers return a harmless value after noting."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []
        self.languages: tuple[str, ...] = ("en",)
        self.hidden: dict[str, Hidden] = {}

    def wrong(self, path: str, code: str, message: str) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append({"field": path, "code": code, "message": message})

    def mapping(self, value: Json, path: str) -> Mapping[str, Json] | None:
        if isinstance(value, dict):
            return value
        self.wrong(path, "type", _("This must be an object."))
        return None

    def items(self, value: Json, path: str, *, least: int, most: int) -> list[Json]:
        if not isinstance(value, list):
            self.wrong(path, "type", _("This must be a list."))
            return []
        if len(value) < least:
            self.wrong(path, "too_few", _("Give at least %(n)d.") % {"n": least})
        if len(value) > most:
            self.wrong(path, "too_many", _("There can be at most %(n)d.") % {"n": most})
            return []
        return value

    def identifier(self, value: Json, path: str, seen: set[str]) -> str:
        if not isinstance(value, str) or not _ID.fullmatch(value):
            self.wrong(path, "id", _("An id is 1 to 64 letters, digits, hyphens or underscores, without spaces."))
            return ""
        if value in seen:
            self.wrong(path, "duplicate", _("The id “%(id)s” is used twice.") % {"id": value})
        seen.add(value)
        return value

    def flag(self, value: Json, path: str, default: bool) -> bool:
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self.wrong(path, "type", _("This must be true or false."))
        return default

    def sentence(self, value: Json, path: str, *, required: bool = True) -> dict[str, str]:
        """A text by language. The survey's first language must be there; languages it does not have are dropped."""
        if value is None or value == {}:
            if required:
                self.wrong(path, "required", _("Give the text in %(language)s.") % {"language": self.languages[0]})
            return {}
        if not isinstance(value, dict):
            self.wrong(path, "type", _('Give the text by language, for example {"en": "…"}.'))
            return {}
        texts: dict[str, str] = {}
        for language in self.languages:
            text = value.get(language)
            where = f"{path}.{language}"
            if text is None or (isinstance(text, str) and not text.strip()):
                if language == self.languages[0]:
                    self.wrong(where, "required", _("Give the text in %(language)s.") % {"language": language})
            elif not isinstance(text, str):
                self.wrong(where, "type", _("This must be text."))
            elif len(text) > MAX_TEXT:
                self.wrong(where, "too_long", _("Use at most %(n)d characters.") % {"n": MAX_TEXT})
            elif _UNSTORABLE.search(text):
                self.wrong(where, "characters", _("This holds characters that cannot be stored."))
            else:
                texts[language] = text.strip()
        return texts

    def known_languages(self, value: Json, path: str) -> None:
        languages: list[str] = []
        for index, code in enumerate(self.items(value, path, least=1, most=MAX_LANGUAGES)):
            normal = code.strip().replace("_", "-").lower() if isinstance(code, str) else ""
            if not _LANGUAGE.fullmatch(normal) or len(normal) > 16:
                self.wrong(f"{path}.{index}", "language", _("Give a language code such as “en” or “pt-br”."))
            elif normal in languages:
                self.wrong(f"{path}.{index}", "duplicate", _("The language “%(id)s” is used twice.") % {"id": normal})
            else:
                languages.append(normal)
        if languages:
            self.languages = tuple(languages)


def parse_definition(raw: Json) -> Definition:
    """Read a definition in the documented JSON (version 1), as Python objects.

    Unknown fields are ignored. Raises ``DomainErrors`` with every mistake found (at most 50), each with the path of
    its field, such as ``pages.0.questions.1.title.en``.
    """
    read = _Reader()
    document = read.mapping(raw, "definition")
    if document is None:
        raise DomainErrors(read.errors)
    version = document.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        read.wrong("version", "version", _("Only version 1 of the survey definition is known."))
    read.known_languages(document.get("languages", ["en"]), "languages")

    pages: list[Page] = []
    page_ids: set[str] = set()
    before: dict[str, Question] = {}
    used: set[str] = set()
    _read_hidden(read, document.get("hidden"), used)
    for number, raw_page in enumerate(read.items(document.get("pages"), "pages", least=1, most=MAX_PAGES)):
        path = f"pages.{number}"
        page = read.mapping(raw_page, path)
        if page is None:
            continue
        page_id = read.identifier(page.get("id", f"p{number + 1}"), f"{path}.id", page_ids)
        questions: list[Question] = []
        for index, raw_question in enumerate(
            read.items(page.get("questions"), f"{path}.questions", least=1, most=MAX_QUESTIONS)
        ):
            where = f"{path}.questions.{index}"
            question = _read_question(read, read.mapping(raw_question, where), where, used, before)
            if question:
                before[question.id] = question
                questions.append(question)
        pages.append(Page(page_id, tuple(questions)))
    if len(used) - len(read.hidden) > MAX_QUESTIONS:
        read.wrong("pages", "too_many", _("A survey has at most %(n)d questions.") % {"n": MAX_QUESTIONS})
    elif not read.errors and not any(question.type in ANSWERABLE_TYPES for question in before.values()):
        read.wrong("pages", "too_few", _("Give at least one question that can be answered."))
    thank_you = _read_thank_you(read, document.get("thank_you"))
    for key, sentence in thank_you.items():
        _check_piping(read, sentence, f"thank_you.{key}", before)
    link = _read_thank_you_link(read, document.get("thank_you"))
    if read.errors:
        raise DomainErrors(read.errors)
    return Definition(read.languages, tuple(pages), thank_you, link, tuple(read.hidden.values()))


def _read_hidden(read: _Reader, value: Json, used: set[str]) -> None:
    """The hidden fields, noted in the reader: conditions and sentences of all questions may name them."""
    if value is None:
        return
    for index, raw in enumerate(read.items(value, "hidden", least=0, most=MAX_HIDDEN)):
        path = f"hidden.{index}"
        entry = read.mapping(raw, path)
        if entry is None:
            continue
        hidden_id = read.identifier(entry.get("id"), f"{path}.id", used)
        label = entry.get("label")
        if label is None:
            label = ""
        elif not isinstance(label, str) or len(label) > MAX_LABEL or _UNSTORABLE.search(label):
            read.wrong(f"{path}.label", "label", _("Give a text of at most %(n)d characters.") % {"n": MAX_LABEL})
            label = ""
        if hidden_id in RESERVED_IDS:
            message = _("The addresses of surveys use “%(id)s” themselves: choose another id.")
            read.wrong(f"{path}.id", "reserved", message % {"id": hidden_id})
        elif hidden_id:
            read.hidden[hidden_id] = Hidden(hidden_id, " ".join(label.split()))


def _check_piping(read: _Reader, sentence: Text, path: str, before: Mapping[str, Question]) -> None:
    """Whether a sentence repeats only what is known when it is shown."""
    for language, text in sentence.items():
        if "{{" not in text:
            continue
        where = f"{path}.{language}"
        try:
            found = pieces(text)
        except PipingError as error:
            message = _(
                "“%(text)s” cannot be filled in. Write {{ answers.ID }}, {{ hidden.ID }}, {{ customer.name }}, "
                "{{ customer.first_name }}, {{ organization }} or {{ touchpoint }}."
            )
            read.wrong(where, "piping", message % {"text": error})
            continue
        for piece in found:
            question = before.get(piece.id)
            if piece.source == ANSWERS and (question is None or question.type in {"statement", "file"}):
                message = _("“%(id)s” is no question that is asked before this one.")
                read.wrong(where, "piping", message % {"id": piece.id})
            elif piece.source == HIDDEN and piece.id not in read.hidden:
                read.wrong(where, "piping", _("There is no hidden field “%(id)s”.") % {"id": piece.id})


def _refuse_piping(read: _Reader, sentence: Text, path: str) -> None:
    """Answers are counted by these words, so they are the same for everybody."""
    for language, text in sentence.items():
        if "{{" in text:
            message = _("Only questions, follow-ups and thanks can repeat what was said: leave the braces out here.")
            read.wrong(f"{path}.{language}", "piping", message)


def _read_question(
    read: _Reader, raw: Mapping[str, Json] | None, path: str, used: set[str], before: Mapping[str, Question]
) -> Question | None:
    """One question; None when it is too wrong to be referred to by later ones."""
    if raw is None:
        return None
    question_id = read.identifier(raw.get("id"), f"{path}.id", used)
    kind = raw.get("type")
    if not isinstance(kind, str) or kind not in QUESTION_TYPES:
        read.wrong(
            f"{path}.type",
            "type",
            _("The type must be one of %(types)s.") % {"types": ", ".join(sorted(QUESTION_TYPES))},
        )
        return None
    title = read.sentence(raw.get("title"), f"{path}.title")
    metric = _read_metric(read, raw.get("metric"), kind, f"{path}.metric")
    required = read.flag(raw.get("required"), f"{path}.required", default=False)
    scale = _read_scale(read, raw.get("scale"), kind, metric, f"{path}.scale") if kind in SCORE_TYPES else 0
    labels = _read_labels(read, raw.get("labels"), scale, f"{path}.labels") if scale else {}
    choices = _read_choices(read, raw.get("choices"), f"{path}.choices", MAX_CHOICES) if kind in CHOICE_TYPES else ()
    rows = _read_choices(read, raw.get("rows"), f"{path}.rows", MAX_ROWS) if kind == "matrix" else ()
    follow_up = {}
    if kind == "text" and raw.get("follow_up") is not None:
        bands = read.mapping(raw["follow_up"], f"{path}.follow_up") or {}
        follow_up = {
            band: read.sentence(bands[band], f"{path}.follow_up.{band}")
            for band in ("low", "middle", "high")
            if bands.get(band) is not None
        }
    accept, max_mb = _read_file_limits(read, raw, path) if kind == "file" else ((), 0)
    _check_piping(read, title, f"{path}.title", before)
    for band, sentence in follow_up.items():
        _check_piping(read, sentence, f"{path}.follow_up.{band}", before)
    for point, words in labels.items():
        _refuse_piping(read, words, f"{path}.labels.{point}")
    for name, entries in (("choices", choices), ("rows", rows)):
        for index, entry in enumerate(entries):
            _refuse_piping(read, entry.label, f"{path}.{name}.{index}.label")
    show_if = _read_condition(read, raw.get("show_if"), f"{path}.show_if", before)
    if not question_id:
        return None
    return Question(
        id=question_id,
        type=kind,
        title=title,
        metric=metric,
        required=required and kind != "statement",
        scale=scale,
        labels=labels,
        choices=choices,
        rows=rows,
        follow_up=follow_up,
        show_if=show_if,
        accept=accept,
        max_mb=max_mb,
    )


def _read_file_limits(read: _Reader, raw: Mapping[str, Json], path: str) -> tuple[tuple[str, ...], int]:
    """Which kinds of file are taken, and how large; both kinds and 5 MB by default."""
    accept, max_mb = raw.get("accept"), raw.get("max_mb")
    kinds: tuple[str, ...] = FILE_KINDS
    if accept is not None:
        given = read.items(accept, f"{path}.accept", least=1, most=len(FILE_KINDS))
        if any(not isinstance(kind, str) or kind not in FILE_KINDS for kind in given):
            read.wrong(f"{path}.accept", "accept", _("Files are of the kinds “image” and “pdf”."))
        kinds = tuple(kind for kind in FILE_KINDS if kind in given) or FILE_KINDS
    if max_mb is None:
        return kinds, DEFAULT_FILE_MB
    if isinstance(max_mb, bool) or not isinstance(max_mb, int) or not 1 <= max_mb <= MAX_FILE_MB:
        read.wrong(f"{path}.max_mb", "max_mb", _("Give a whole number of megabytes, 1 to %(n)d.") % {"n": MAX_FILE_MB})
        return kinds, DEFAULT_FILE_MB
    return kinds, max_mb


def _read_metric(read: _Reader, value: Json, kind: str, path: str) -> str:
    own = kind if kind in METRICS else ""
    if value is None or value == "" or value == own:
        return own
    if not isinstance(value, str) or value not in METRICS:
        read.wrong(path, "metric", _("The metric must be nps, csat or ces."))
    elif value == "nps":
        read.wrong(path, "metric", _("NPS is asked with a question of type nps only, on 0 to 10."))
    elif kind != "rating":
        read.wrong(path, "metric", _("Only a rating question can carry another metric."))
    else:
        return value
    return own


def _read_scale(read: _Reader, value: Json, kind: str, metric: str, path: str) -> int:
    """The number of points. 0 to 10 are eleven points, every other scale starts at 1."""
    measured = metric or kind
    if value is None:
        return DEFAULT_SCALE[measured]
    points = None
    if isinstance(value, dict):
        low, high = value.get("min"), value.get("max")
        whole = isinstance(low, int) and isinstance(high, int) and not isinstance(low, bool | type(None))
        if whole and (low, high) == (0, 10):
            points = 11
        elif whole and low == 1:
            points = high
    elif isinstance(value, int) and not isinstance(value, bool):
        points = 11 if measured == "nps" and value == 10 else value
    if isinstance(points, int) and not isinstance(points, bool) and points in SCALES[measured]:
        return points
    if measured == "nps":
        read.wrong(path, "scale", _("NPS exists on 0 to 10 only: leave the scale out."))
    else:
        allowed = ", ".join(str(points) for points in sorted(SCALES[measured]))
        read.wrong(path, "scale", _("The scale must have one of these numbers of points: %(n)s.") % {"n": allowed})
    return DEFAULT_SCALE[measured]


def _read_labels(read: _Reader, value: Json, scale: int, path: str) -> dict[int, Text]:
    if value is None:
        return {}
    low = 0 if scale == 11 else 1
    points = {str(point): point for point in range(low, low + scale)}
    ends = {"min": low, "low": low, "max": low + scale - 1, "high": low + scale - 1}
    labels: dict[int, Text] = {}
    for key, text in (read.mapping(value, path) or {}).items():
        point = points.get(key, ends.get(key))
        if point is None:
            read.wrong(
                path,
                "label",
                _("A label stands at a point of the scale, %(low)d to %(high)d.")
                % {"low": low, "high": low + scale - 1},
            )
            break
        labels[point] = read.sentence(text, f"{path}.{key}")
    return dict(sorted(labels.items()))


def _read_choices(read: _Reader, value: Json, path: str, most: int) -> tuple[Choice, ...]:
    choices: list[Choice] = []
    seen: set[str] = set()
    for index, raw in enumerate(read.items(value, path, least=1, most=most)):
        where = f"{path}.{index}"
        entry = read.mapping(raw, where)
        if entry is not None:
            choice_id = read.identifier(entry.get("id"), f"{where}.id", seen)
            choices.append(Choice(choice_id, read.sentence(entry.get("label"), f"{where}.label")))
    return tuple(choices)


def _read_condition(read: _Reader, value: Json, path: str, before: Mapping[str, Question]) -> Condition | None:
    if value is None:
        return None
    raw = read.mapping(value, path)
    if raw is None:
        return None
    modes = [mode for mode in ("all", "any") if mode in raw]
    if len(modes) != 1:
        read.wrong(path, "condition", _("A condition is either “all” or “any” with a list of comparisons."))
        return None
    mode: Literal["all", "any"] = "all" if modes[0] == "all" else "any"
    rules: list[Rule] = []
    for index, raw_rule in enumerate(read.items(raw[mode], f"{path}.{mode}", least=1, most=MAX_CONDITIONS)):
        rule = _read_rule(read, read.mapping(raw_rule, f"{path}.{mode}.{index}"), f"{path}.{mode}.{index}", before)
        if rule:
            rules.append(rule)
    return Condition(mode, tuple(rules)) if rules else None


def _read_rule(read: _Reader, raw: Mapping[str, Json] | None, path: str, before: Mapping[str, Question]) -> Rule | None:
    if raw is None:
        return None
    name, op, value = raw.get("question"), raw.get("op"), raw.get("value")
    if isinstance(name, str) and name in read.hidden:
        return _read_hidden_rule(read, name, op, value, path)
    question = before.get(name) if isinstance(name, str) else None
    if question is None or question.type == "statement":
        read.wrong(f"{path}.question", "question", _("Name a question that is asked before this one."))
        return None
    if op not in OPERATORS:
        read.wrong(f"{path}.op", "op", _("The op must be one of %(ops)s.") % {"ops": ", ".join(OPERATORS)})
        return None
    if op == "answered":
        return Rule(question.id, op, read.flag(value, f"{path}.value", default=True))
    if op in ORDER_OPERATORS and question.type not in ORDERED_TYPES:
        read.wrong(f"{path}.op", "op", _("“%(op)s” compares scores, numbers and dates only.") % {"op": op})
        return None
    if op == "contains" and question.type not in {"text", "multi_choice", "ranking"}:
        read.wrong(f"{path}.op", "op", _("“contains” looks into texts and multiple choices only."))
        return None
    if op in ("=", "!=", "in") and question.type in {"matrix", "ranking", "multi_choice", "file"}:
        read.wrong(f"{path}.op", "op", _("Use “contains” or “answered” with a question of this type."))
        return None
    expected = _expected_value(question, op)
    if op == "in":
        values = read.items(value, f"{path}.value", least=1, most=MAX_CHOICES)
        if any(expected(entry) is None for entry in values):
            read.wrong(f"{path}.value", "value", _("Every value must be a possible answer to that question."))
            return None
        return Rule(question.id, op, tuple(expected(entry) for entry in values))
    normal = expected(value)
    if normal is None:
        read.wrong(f"{path}.value", "value", _("The value must be a possible answer to that question."))
        return None
    return Rule(question.id, op, normal)


def _read_hidden_rule(read: _Reader, name: str, op: Json, value: Json, path: str) -> Rule | None:
    """A comparison with a hidden field, whose value is text."""
    if op == "answered":
        return Rule(name, op, read.flag(value, f"{path}.value", default=True))
    if op not in ("=", "!=", "in", "contains"):
        read.wrong(f"{path}.op", "op", _("A hidden field is compared by =, !=, in, contains or answered."))
        return None
    values = read.items(value, f"{path}.value", least=1, most=MAX_CHOICES) if op == "in" else [value]
    if not values or any(not isinstance(text, str) or not 0 < len(text) <= MAX_HIDDEN_TEXT for text in values):
        message = _("The value must be a text of 1 to %(n)d characters.") % {"n": MAX_HIDDEN_TEXT}
        read.wrong(f"{path}.value", "value", message)
        return None
    return Rule(name, op, tuple(values) if op == "in" else values[0])


def _expected_value(question: Question, op: str) -> Callable[[Json], Json]:
    """How a condition's value is read for a question: the normal form, or None when it can be no answer."""
    if question.type in SCORE_TYPES:
        return _plain_number
    if question.type == "number":
        return _plain_number
    if question.type == "date":
        return lambda value: value if is_date(value) else None
    if question.type == "consent":
        return lambda value: value if isinstance(value, bool) else None
    if question.choices:
        ids = {choice.id for choice in question.choices}
        return lambda value: value if isinstance(value, str) and value in ids else None
    return lambda value: value if isinstance(value, str) and 0 < len(value) <= MAX_TEXT else None


def _plain_number(value: Json) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -1e15 <= value <= 1e15 else None


def is_date(value: Json) -> bool:
    """Whether the value is a calendar day written YYYY-MM-DD."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _read_thank_you(read: _Reader, value: Json) -> dict[str, Text]:
    if value is None:
        return {}
    raw = read.mapping(value, "thank_you") or {}
    if not {"title", "text", "link"} & raw.keys() and raw.keys() & set(read.languages):
        return {"title": read.sentence(raw, "thank_you")}
    return {
        key: read.sentence(raw[key], f"thank_you.{key}", required=False)
        for key in ("title", "text")
        if raw.get(key) not in (None, {})
    }


def _read_thank_you_link(read: _Reader, value: Json) -> ThankYouLink | None:
    """The link of the last page, to a page of the web and to nothing that runs."""
    raw = value.get("link") if isinstance(value, dict) else None
    if raw is None or raw == {}:
        return None
    link = read.mapping(raw, "thank_you.link")
    if link is None:
        return None
    url = link.get("url")
    label = read.sentence(link.get("label"), "thank_you.link.label")
    _refuse_piping(read, label, "thank_you.link.label")
    if not is_web_address(url):
        read.wrong("thank_you.link.url", "url", _("Give a whole address that begins with https://."))
        return None
    return ThankYouLink(str(url), label) if label else None


def is_web_address(value: Json) -> bool:
    """Whether the value is an absolute https address with a host, without a user name, blanks or control characters."""
    if not isinstance(value, str) or len(value) > MAX_URL or re.search(r"[\s\x00-\x20\x7f\\<>\"\ud800-\udfff]", value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        return False


def texts_of(definition: Definition) -> Iterator[tuple[str, Text]]:
    """Every text with the path of its field, in reading order."""
    for page_number, page in enumerate(definition.pages):
        for number, question in enumerate(page.questions):
            path = f"pages.{page_number}.questions.{number}"
            yield f"{path}.title", question.title
            for point, text in question.labels.items():
                yield f"{path}.labels.{point}", text
            for index, choice in enumerate(question.choices):
                yield f"{path}.choices.{index}.label", choice.label
            for index, row in enumerate(question.rows):
                yield f"{path}.rows.{index}.label", row.label
            for band, text in question.follow_up.items():
                yield f"{path}.follow_up.{band}", text
    for key, text in definition.thank_you.items():
        yield f"thank_you.{key}", text
    if definition.thank_you_link:
        yield "thank_you.link.label", definition.thank_you_link.label


def piped(text: Text) -> Iterator[tuple[str, Piece]]:
    """Every place of a sentence that repeats something, with its language."""
    for language, words in text.items():
        if "{{" in words:
            for piece in pieces(words):
                yield language, piece


def problems_before_publication(
    definition: Definition, previous: Definition | None = None, *, anonymous: bool = False
) -> list[FieldError]:
    """What a draft may still lack but a published version may not.

    Every text in every language; every question id that an earlier version used still means the same (type, metric and
    scale), because charts join over versions by id; and an ``anonymous`` survey calls nobody by name.
    """
    errors: list[FieldError] = []
    for path, text in texts_of(definition):
        for language in definition.languages:
            if language not in text:
                message = _("Give the text in %(language)s, or remove that language.") % {"language": language}
                errors.append({"field": f"{path}.{language}", "code": "required", "message": message})
        for language, piece in piped(text) if anonymous else ():
            if piece.source.startswith(CUSTOMER):
                message = _("This survey is anonymous: it cannot call anybody by name.")
                errors.append({"field": f"{path}.{language}", "code": "piping", "message": message})
    for page_number, page in enumerate(definition.pages):
        for number, question in enumerate(page.questions):
            path = f"pages.{page_number}.questions.{number}"
            was = previous.questions.get(question.id) if previous else None
            if was and (was.type, was.metric, was.scale) != (question.type, question.metric, question.scale):
                message = _("“%(id)s” was another kind of question in the published version: use a new id.")
                errors.append({"field": f"{path}.id", "code": "changed", "message": message % {"id": question.id}})
    return errors[:MAX_ERRORS]
