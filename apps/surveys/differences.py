"""What differs between two versions of a survey, in the words of somebody who edits one. Pure functions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.surveys.breaks import plain
from apps.surveys.definition import Choice, Condition, Definition, Question, Text

LONGEST_NAME: Final = 80
LONGEST_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. ``kind`` is stable (``wording_changed``); ``question`` is empty for the whole survey.

    ``before`` and ``after`` are the words of it, in ``language`` where it is a text. A ``cosmetic`` one changes nothing
    but case, spaces and punctuation.
    """

    kind: str
    text: str
    question: str = ""
    language: str = ""
    before: str = ""
    after: str = ""
    cosmetic: bool = False

    def as_json(self) -> dict[str, Any]:
        """The shape of the API."""
        return {
            "kind": self.kind,
            "question": self.question or None,
            "language": self.language or None,
            "text": self.text,
            "before": self.before or None,
            "after": self.after or None,
            "cosmetic": self.cosmetic,
        }


def differences(before: Definition, after: Definition) -> list[Difference]:
    """Everything that differs, in the order of the later version; what was removed stands first."""
    found = [
        Difference("question_removed", _("Question removed: “%(name)s”") % {"name": _name(before, question)}, name)
        for name, question in before.questions.items()
        if name not in after.questions
    ]
    moved = _moved(list(before.questions), list(after.questions))
    for name, question in after.questions.items():
        former = before.questions.get(name)
        if former is None:
            text = _("Question added: “%(name)s” (%(type)s)")
            found.append(
                Difference(
                    "question_added", text % {"name": _name(after, question), "type": TYPE_NAMES[question.type]}, name
                )
            )
            continue
        if name in moved:
            found.append(
                Difference("question_moved", _("Question moved: “%(name)s”") % {"name": _name(after, question)}, name)
            )
        found += _of_question(before, former, after, question)
    return [*found, *_of_survey(before, after)]


TYPE_NAMES: Final[Mapping[str, str | Promise]] = {
    "nps": gettext_lazy("NPS"),
    "csat": gettext_lazy("CSAT"),
    "ces": gettext_lazy("CES"),
    "rating": gettext_lazy("rating"),
    "choice": gettext_lazy("one choice"),
    "multi_choice": gettext_lazy("several choices"),
    "matrix": gettext_lazy("matrix"),
    "ranking": gettext_lazy("ranking"),
    "text": gettext_lazy("text"),
    "number": gettext_lazy("number"),
    "date": gettext_lazy("date"),
    "consent": gettext_lazy("consent"),
    "statement": gettext_lazy("statement"),
    "file": gettext_lazy("file"),
}


def _name(definition: Definition, question: Question) -> str:
    return Truncator(definition.text(question.title, definition.languages[0])).chars(LONGEST_NAME)


def _of_question(old: Definition, before: Question, new: Definition, after: Question) -> Iterator[Difference]:
    named = {"name": _name(new, after)}
    if before.type != after.type:
        words = {**named, "before": TYPE_NAMES[before.type], "after": TYPE_NAMES[after.type]}
        yield Difference("type_changed", _("Type of “%(name)s”: %(before)s, now %(after)s") % words, after.id)
    if before.scale != after.scale:
        words = {**named, "before": str(before.scale), "after": str(after.scale)}
        text = _("Scale of “%(name)s”: %(before)s points, now %(after)s") % words
        yield Difference("scale_changed", text, after.id)
    if before.metric != after.metric:
        words = {**named, "before": before.metric.upper() or _("none"), "after": after.metric.upper() or _("none")}
        yield Difference("metric_changed", _("Metric of “%(name)s”: %(before)s, now %(after)s") % words, after.id)
    yield from _of_text("wording_changed", _("Wording of “%(name)s”") % named, before.title, after.title, after.id)
    for point in sorted(before.labels.keys() | after.labels.keys()):
        about = _("Words at %(point)s of “%(name)s”") % {**named, "point": point}
        yield from _of_text("label_changed", about, before.labels.get(point), after.labels.get(point), after.id)
    for band, band_name in (("low", _("low scores")), ("middle", _("middle scores")), ("high", _("high scores"))):
        about = _("Wording of “%(name)s” after %(band)s") % {**named, "band": band_name}
        yield from _of_text("follow_up_changed", about, before.follow_up.get(band), after.follow_up.get(band), after.id)
    yield from _of_choices(old, new, after, before.choices, after.choices, CHOICE_WORDS)
    yield from _of_choices(old, new, after, before.rows, after.rows, ROW_WORDS)
    if before.required != after.required:
        text = _("“%(name)s” now needs an answer") if after.required else _("“%(name)s” may now be skipped")
        yield Difference("required_changed", text % named, after.id)
    if before.show_if != after.show_if:
        yield Difference(
            "condition_changed",
            _("When “%(name)s” is shown") % named,
            after.id,
            before=condition_in_words(old, before.show_if),
            after=condition_in_words(new, after.show_if),
        )
    if (before.accept, before.max_mb) != (after.accept, after.max_mb):
        yield Difference(
            "file_limits_changed",
            _("Files that “%(name)s” takes") % named,
            after.id,
            before=f"{', '.join(before.accept)}, {before.max_mb} MB",
            after=f"{', '.join(after.accept)}, {after.max_mb} MB",
        )


CHOICE_WORDS: Final = {
    "added": ("choice_added", gettext_lazy("Choice added to “%(name)s”: %(label)s")),
    "removed": ("choice_removed", gettext_lazy("Choice removed from “%(name)s”: %(label)s")),
    "changed": ("choice_changed", gettext_lazy("Choice “%(label)s” of “%(name)s”")),
    "moved": ("choices_moved", gettext_lazy("Choices of “%(name)s” in another order")),
}
ROW_WORDS: Final = {
    "added": ("row_added", gettext_lazy("Row added to “%(name)s”: %(label)s")),
    "removed": ("row_removed", gettext_lazy("Row removed from “%(name)s”: %(label)s")),
    "changed": ("row_changed", gettext_lazy("Row “%(label)s” of “%(name)s”")),
    "moved": ("rows_moved", gettext_lazy("Rows of “%(name)s” in another order")),
}


def _of_choices(
    old: Definition,
    new: Definition,
    question: Question,
    before: Sequence[Choice],
    after: Sequence[Choice],
    words: Mapping[str, tuple[str, Any]],
) -> Iterator[Difference]:
    formerly = {choice.id: choice for choice in before}
    now = {choice.id: choice for choice in after}

    def told(what: str, definition: Definition, choice: Choice | None = None) -> tuple[str, str]:
        kind, text = words[what]
        label = definition.text(choice.label, definition.languages[0]) if choice else ""
        return kind, str(text) % {"name": _name(new, question), "label": Truncator(label).chars(LONGEST_NAME)}

    for choice in before:
        if choice.id not in now:
            yield Difference(*told("removed", old, choice), question.id)
    for choice in after:
        if choice.id not in formerly:
            yield Difference(*told("added", new, choice), question.id)
        else:
            kind, about = told("changed", new, choice)
            yield from _of_text(kind, about, formerly[choice.id].label, choice.label, question.id)
    if [name for name in formerly if name in now] != [name for name in now if name in formerly]:
        yield Difference(*told("moved", new), question.id)


def _of_survey(before: Definition, after: Definition) -> Iterator[Difference]:
    for language in after.languages:
        if language not in before.languages:
            yield Difference("language_added", _("Language added: %(code)s") % {"code": language})
    for language in before.languages:
        if language not in after.languages:
            yield Difference("language_removed", _("Language removed: %(code)s") % {"code": language})
    pages = [[question.id for question in page.questions] for page in before.pages]
    kept = before.questions.keys() & after.questions.keys()
    now = [[question.id for question in page.questions] for page in after.pages]
    same_order = [name for page in pages for name in page if name in kept] == [
        name for page in now for name in page if name in kept
    ]
    if same_order and _cuts(pages, kept) != _cuts(now, kept):
        yield Difference("pages_changed", _("Questions are spread over the pages in another way"))
    names = {"title": _("Title of the thank-you page"), "text": _("Text of the thank-you page")}
    for key, about in names.items():
        yield from _of_text("thank_you_changed", about, before.thank_you.get(key), after.thank_you.get(key), "")
    if before.thank_you_link != after.thank_you_link:
        yield Difference(
            "thank_you_changed",
            _("Link of the thank-you page"),
            before=before.thank_you_link.url if before.thank_you_link else "",
            after=after.thank_you_link.url if after.thank_you_link else "",
        )
    formerly, fields = {hidden.id for hidden in before.hidden}, {hidden.id for hidden in after.hidden}
    for name in sorted(fields - formerly):
        yield Difference("hidden_added", _("Hidden field added: %(name)s") % {"name": name})
    for name in sorted(formerly - fields):
        yield Difference("hidden_removed", _("Hidden field removed: %(name)s") % {"name": name})


def _cuts(pages: Sequence[Sequence[str]], kept: frozenset[str] | set[str]) -> list[list[str]]:
    return [page for page in ([name for name in page if name in kept] for page in pages) if page]


def _of_text(kind: str, about: str, before: Text | None, after: Text | None, question: str) -> Iterator[Difference]:
    """One difference a language that both versions have; a text that one of them lacks altogether is one too."""
    before, after = before or {}, after or {}
    languages = [*after, *(language for language in before if language not in after)]
    for language in languages:
        old, new = before.get(language, ""), after.get(language, "")
        if old == new or (before and after and not (old and new)):
            continue  # a language that came or went is told once for the whole survey
        yield Difference(
            kind,
            about,
            question,
            language,
            Truncator(old).chars(LONGEST_TEXT),
            Truncator(new).chars(LONGEST_TEXT),
            cosmetic=bool(old and new) and plain(old) == plain(new),
        )


def _moved(before: Sequence[str], after: Sequence[str]) -> set[str]:
    """The fewest ids that must have moved to turn one order into the other."""
    place = {name: index for index, name in enumerate(before)}
    kept = [name for name in after if name in place]
    # The longest run that stayed in order (patience sorting); everything else moved.
    tails: list[int] = []
    owners: list[str] = []
    parents: dict[str, str | None] = {}
    for name in kept:
        spot = bisect_left(tails, place[name])
        tails[spot : spot + 1] = [place[name]]
        owners[spot : spot + 1] = [name]
        parents[name] = owners[spot - 1] if spot else None
    stayed: set[str] = set()
    step = owners[-1] if owners else None
    while step is not None:
        stayed.add(step)
        step = parents[step]
    return set(kept) - stayed


def condition_in_words(definition: Definition, condition: Condition | None) -> str:
    """When a question is shown: "“Score” is at most 6, and …"."""
    if condition is None:
        return _("always")
    joined = _(" and ") if condition.mode == "all" else _(" or ")
    return joined.join(_rule_in_words(definition, rule.question, rule.op, rule.value) for rule in condition.rules)


def _rule_in_words(definition: Definition, name: str, op: str, value: Any) -> str:
    question = definition.questions.get(name)
    language = definition.languages[0]
    labels = {choice.id: definition.text(choice.label, language) for choice in question.choices} if question else {}

    def said(one: Any) -> str:
        if isinstance(one, bool):
            return _("yes") if one else _("no")
        return labels.get(str(one), str(one))

    written = ", ".join(said(one) for one in value) if isinstance(value, list | tuple) else said(value)
    words = {"name": _name(definition, question) if question else name, "value": written}
    if op == "answered":
        return (_("“%(name)s” is answered") if value else _("“%(name)s” is not answered")) % words
    return str(OPERATOR_WORDS[op]) % words


OPERATOR_WORDS: Final[Mapping[str, str | Promise]] = {
    "=": gettext_lazy("“%(name)s” is %(value)s"),
    "!=": gettext_lazy("“%(name)s” is not %(value)s"),
    "<": gettext_lazy("“%(name)s” is below %(value)s"),
    "<=": gettext_lazy("“%(name)s” is at most %(value)s"),
    ">": gettext_lazy("“%(name)s” is above %(value)s"),
    ">=": gettext_lazy("“%(name)s” is at least %(value)s"),
    "in": gettext_lazy("“%(name)s” is one of %(value)s"),
    "contains": gettext_lazy("“%(name)s” contains %(value)s"),
}
