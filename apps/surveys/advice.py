"""What may be wrong with a draft, said before anybody answers it. Pure functions of a definition; nothing is refused.

Each piece of advice names its question, says what was noticed, and how to mend it. What only looks doubtful is worded
as a possibility ("may ask two things"): the author decides. Conditions are examined exactly (see ``paths``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from apps.surveys.answers import evaluate
from apps.surveys.catalogue_texts import NEW_CHOICES, NEW_ROWS
from apps.surveys.definition import SCORE_TYPES, Condition, Definition, Question, texts_of
from apps.surveys.paths import domain, reach_of, rules_about
from apps.surveys.wording import LANGUAGE_NAMES, is_standard_question

MAX_TITLE: Final = 160
MAX_CHOICE: Final = 80
MANY_QUESTIONS: Final = 10
SECONDS: Final = {"text": 25, "matrix": 20, "ranking": 20}
"""What a question takes, in seconds; eight where nothing is said. The same as on the respondent's page."""


@dataclass(frozen=True, slots=True)
class Advice:
    """``question`` is the id of the question it is about, "" for the whole survey; ``remedy`` says how to mend it.

    ``severity`` is ``warning`` for what is wrong whoever reads it, ``hint`` for what is worth a second look.
    """

    code: str
    question: str
    message: str
    remedy: str
    severity: str = "warning"


def advise(
    definition: Definition,
    *,
    organization: str,
    touchpoint: str = "",
    audience: str = "customers",
    anonymous: bool = False,
) -> list[Advice]:
    """Everything worth knowing about a draft, in the order of its questions, then about the whole."""
    found: list[Advice] = []
    for question in definition.questions.values():
        found += _wording(definition, question, organization, touchpoint, audience)
        found += _two_things(definition, question)
        found += _lengths(definition, question)
        found += _choices(definition, question)
        found += _way_out(question, anonymous)
        found += _reach(definition, question)
    found += _gaps(definition)
    found += _translations(definition)
    found += _effort(definition)
    order = {question_id: number for number, question_id in enumerate(definition.questions)}
    return sorted(found, key=lambda advice: order.get(advice.question, len(order)))


# -- words ------------------------------------------------------------------------------------------------------------


def _wording(
    definition: Definition, question: Question, organization: str, touchpoint: str, audience: str
) -> Iterator[Advice]:
    changed = [
        code
        for code in definition.languages
        if not is_standard_question(question, code, organization, touchpoint, audience=audience)
    ]
    if changed:
        yield Advice(
            "standard_wording",
            question.id,
            _("The %(metric)s question no longer asks in the standard words (%(languages)s).")
            % {"metric": question.metric.upper(), "languages": _names(changed)},
            _("Put the standard wording back, or read the score as a measure of your own: it compares with nobody’s."),
        )


_AND: Final[dict[str, re.Pattern[str]]] = {
    "en": re.compile(r"\b(?:and(?:/or)?|as well as)\b|&", re.IGNORECASE),
    "de": re.compile(r"\b(?:und(?:/oder)?|sowie)\b|&", re.IGNORECASE),
    "es": re.compile(r"\b(?:y(?:/o)?|así como)\b|\be(?=\s+h?i)|&", re.IGNORECASE),
    "fr": re.compile(r"\b(?:et(?:/ou)?|ainsi que)\b|&", re.IGNORECASE),
    # Arabic writes "and" onto the next word; with the article it is seldom anything else than "and the".
    "ar": re.compile(r"(?<!\w)و(?:ال(?!د(?!\w)|دة|دي|ده|دها|دك|له|ي(?!\w))\w+|\s)|بالإضافة إلى|و/أو|&"),
}
_FIXED_PHRASES: Final = re.compile(
    r"terms and conditions|research and development|trial and error|black and white|"
    r"nach und nach|ganz und gar|hin und wieder|"
    r"de vez en cuando y|"
    r"et cetera|tout à fait et",
    re.IGNORECASE,
)


def asks_two_things(text: str, language: str) -> bool:
    """Whether a sentence joins two things by a word for "and" of its language. A guess: "may ask two things"."""
    pattern = _AND.get(language.partition("-")[0])
    return bool(
        pattern and pattern.search(_FIXED_PHRASES.sub(" ", re.sub(r"\{\{.*?\}\}|“.*?”|\".*?\"|«.*?»", " ", text)))
    )


def _two_things(definition: Definition, question: Question) -> Iterator[Advice]:
    """One answer to two things says nothing about either; in open texts and consents it does no harm."""
    if question.type not in SCORE_TYPES | {"choice", "matrix"}:
        return
    texts = [question.title, *(row.label for row in question.rows)]
    languages = [
        code for code in definition.languages if any(asks_two_things(text.get(code, ""), code) for text in texts)
    ]
    if languages:
        yield Advice(
            "two_things",
            question.id,
            _("This may ask two things at once (%(languages)s).") % {"languages": _names(languages)},
            _("If somebody could answer the halves differently, make two questions of it."),
            "hint",
        )


def _lengths(definition: Definition, question: Question) -> Iterator[Advice]:
    long = [code for code, text in question.title.items() if len(text) > MAX_TITLE]
    if long:
        yield Advice(
            "too_long",
            question.id,
            _("Longer than %(n)d characters (%(languages)s): on a phone it fills the screen before the answers come.")
            % {"n": MAX_TITLE, "languages": _names(long)},
            _("Shorten it, or put the explanation into a statement before it."),
        )
    entries = (*question.choices, *question.rows)
    wordy = [entry.id for entry in entries if any(len(text) > MAX_CHOICE for text in entry.label.values())]
    if wordy:
        yield Advice(
            "too_long",
            question.id,
            _("A choice is longer than %(n)d characters.") % {"n": MAX_CHOICE},
            _("Shorten it to what tells it from the others."),
            "hint",
        )


def _translations(definition: Definition) -> Iterator[Advice]:
    lacking: dict[str, set[str]] = {}
    same: dict[str, set[str]] = {}
    first = definition.languages[0]
    paths = dict(texts_of(definition))
    for path, text in paths.items():
        about = _question_at(definition, path)
        for code in definition.languages[1:]:
            if code not in text:
                lacking.setdefault(about, set()).add(code)
            elif (
                path.endswith(".title")
                and text[code] == text.get(first)
                and len(text[code].split()) > 2
                and code.partition("-")[0] != first.partition("-")[0]
            ):
                same.setdefault(about, set()).add(code)
    for about, codes in lacking.items():
        yield Advice(
            "missing_translation",
            about,
            _("Not written in %(languages)s.") % {"languages": _names(sorted(codes))},
            _("Write it there, or take the language out: a published survey has every text in every language."),
        )
    for about, codes in same.items():
        yield Advice(
            "untranslated",
            about,
            _("The same words in %(first)s and %(languages)s.")
            % {"first": _names([first]), "languages": _names(sorted(codes))},
            _("Translate it, if it is not meant so."),
            "hint",
        )


def _question_at(definition: Definition, path: str) -> str:
    parts = path.split(".")
    if parts[0] != "pages":
        return ""
    return definition.pages[int(parts[1])].questions[int(parts[3])].id


# -- choices ----------------------------------------------------------------------------------------------------------

_PLACEHOLDERS: Final = frozenset(text for entry in (*NEW_CHOICES, *NEW_ROWS) for text in entry.values())
_NUMBER: Final = r"(\d{1,3}(?:[.,' \u202f]\d{3})+|\d+(?:[.,]\d{1,2})?)"
_RANGE: Final = re.compile(_NUMBER + r"\s*(?:-|–|—|to|bis|a|à|إلى)\s*" + _NUMBER)
_BELOW: Final = re.compile(
    r"(?:under|below|less than|fewer than|unter|weniger als|menos de|moins de|أقل من|<)\s*" + _NUMBER, re.IGNORECASE
)
_UP_TO: Final = re.compile(
    r"(?:up to|at most|bis zu|höchstens|hasta|jusqu’à|jusqu'à|حتى|≤|<=)\s*" + _NUMBER, re.IGNORECASE
)
_ABOVE: Final = re.compile(
    r"(?:over|above|more than|über|mehr als|más de|plus de|أكثر من|>)\s*" + _NUMBER, re.IGNORECASE
)
_FROM: Final = re.compile(
    r"(?:at least|from|mindestens|ab|al menos|desde|au moins|à partir de|على الأقل|≥|>=)\s*" + _NUMBER, re.IGNORECASE
)
_AND_MORE: Final = re.compile(
    _NUMBER + r"\s*(?:\+|or more|and more|or older|oder mehr|und mehr|o más|y más|ou plus|et plus|فأكثر|أو أكثر)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of numbers that a label names; open ends do not belong to it."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def overlaps(self, other: Span) -> bool:
        """Whether some number belongs to both."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        if low < high:
            return True
        if low > high:
            return False
        closed = [
            not (span.low_open and low == span.low) and not (span.high_open and low == span.high)
            for span in (self, other)
        ]
        return all(closed)


def read_span(label: str) -> Span | None:
    """The range of numbers in a label ("18–25", "under 18", "65+", "more than 5"), None when it names none."""
    if found := _RANGE.search(label):
        low, high = _amount(found[1]), _amount(found[2])
        return Span(low, high) if low <= high else None
    if found := _AND_MORE.search(label):
        return Span(_amount(found[1]), math.inf)
    for pattern, make in (
        (_UP_TO, lambda n: Span(-math.inf, n)),
        (_FROM, lambda n: Span(n, math.inf)),
        (_BELOW, lambda n: Span(-math.inf, n, high_open=True)),
        (_ABOVE, lambda n: Span(n, math.inf, low_open=True)),
    ):
        if found := pattern.search(label):
            return make(_amount(found[1]))
    plain = re.fullmatch(r"\s*" + _NUMBER + r"\s*", label)
    return Span(_amount(plain[1]), _amount(plain[1])) if plain else None


def _amount(text: str) -> float:
    """ "1.000", "1,000" and "1 000" are a thousand; "1.5" and "1,5" one and a half."""
    if re.fullmatch(r"\d{1,3}(?:[.,' \u202f]\d{3})+", text):
        return float(re.sub(r"\D", "", text))
    return float(text.replace(",", "."))


def _choices(definition: Definition, question: Question) -> Iterator[Advice]:
    first = definition.languages[0]
    entries = (*question.choices, *question.rows)
    if any(entry.label.get(first) in _PLACEHOLDERS for entry in entries):
        yield Advice(
            "placeholder",
            question.id,
            _("A choice still has the words it was made with."),
            _("Write what people can choose."),
        )
    for group in (question.choices, question.rows):
        labels = [entry.label.get(first, "").strip().casefold() for entry in group]
        if len(set(labels)) < len(labels):
            yield Advice(
                "same_choice",
                question.id,
                _("Two choices have the same words."),
                _("Remove one of them, or say what tells them apart."),
            )
    if question.type not in ("choice", "multi_choice"):
        return
    spans = [(choice.label.get(first, ""), read_span(choice.label.get(first, ""))) for choice in question.choices]
    for index, (label, span) in enumerate(spans):
        for other_label, other in spans[index + 1 :]:
            if span and other and span.overlaps(other):
                yield Advice(
                    "overlap",
                    question.id,
                    _("“%(a)s” and “%(b)s” overlap: some people belong to both.") % {"a": label, "b": other_label},
                    _("Let each begin where the one before has ended: 18–25, 26–35."),
                )
                return


# -- branches ---------------------------------------------------------------------------------------------------------


def _way_out(question: Question, anonymous: bool) -> Iterator[Advice]:
    if not question.required:
        return
    if question.type == "consent":
        yield Advice(
            "no_way_out",
            question.id,
            _("Whoever does not agree cannot go on: there is no way out of this page."),
            _("Leave it optional, and show what needs the consent only to those who gave it."),
        )
    elif question.type == "file":
        yield Advice(
            "no_way_out",
            question.id,
            _("Whoever has no file at hand cannot go on: there is no way out of this page."),
            _("Leave it optional."),
        )


def _reach(definition: Definition, question: Question) -> Iterator[Advice]:
    if question.show_if is None:
        return
    reach = reach_of(definition, question.id)
    if reach is None:
        yield Advice(
            "too_many_ways",
            question.id,
            _("Its condition tells too many cases apart to be checked here."),
            _("Walk through it on the phone beside, or use fewer comparisons."),
            "hint",
        )
        return
    if reach.witness is None:
        yield Advice(
            "never_shown",
            question.id,
            _("No answers lead to this question: its condition can never hold."),
            _("Change the condition: “any” instead of “all”, or comparisons that can hold together."),
        )
        return
    if not reach.can_be_hidden:
        yield Advice(
            "always_shown",
            question.id,
            _("Its condition always holds, so everybody is asked."),
            _("Take the condition away, or narrow it."),
            "hint",
        )
    if question.required:
        optional = [
            source
            for rule in question.show_if.rules
            if (source := definition.questions.get(rule.question)) and not source.required
        ]
        if optional and reach.can_be_hidden:
            title = definition.text(optional[0].title, definition.languages[0])
            yield Advice(
                "required_after_optional",
                question.id,
                _("It must be answered, but who skips “%(title)s” may never see it.") % {"title": _short(title)},
                _("Make that question required too, or leave this one optional."),
                "hint",
            )


def _gaps(definition: Definition) -> Iterator[Advice]:
    """Branches on one score or choice that leave some of its answers without any of them."""
    for source_id, rules in rules_about(definition).items():
        source = definition.questions.get(source_id)
        if source is None or source.type not in SCORE_TYPES | {"choice"}:
            continue
        branches = [
            question
            for question in definition.questions.values()
            if question.show_if and {rule.question for rule in question.show_if.rules} == {source_id}
        ]
        if len(branches) < 2:
            continue
        every: Iterable[object] = (
            range(source.low, source.high + 1) if source.scale else [choice.id for choice in source.choices]
        )
        left = [
            value for value in every if not any(evaluate(branch.show_if, {source_id: value}) for branch in branches)
        ]
        covered = len(left) < len(list(every))
        if left and covered and source.scale and domain(source, rules):
            yield Advice(
                "gap",
                source_id,
                _("Its branches leave out the answers %(values)s: nothing more is asked there.")
                % {"values": _span_words([int(str(value)) for value in left])},
                _("Nothing to do if that is meant; else widen a condition."),
                "hint",
            )


def _span_words(values: list[int]) -> str:
    if len(values) > 1 and values == list(range(values[0], values[-1] + 1)):
        return f"{values[0]}–{values[-1]}"
    return ", ".join(map(str, values))


def rule_never_holds(definition: Definition, question: Question) -> list[int]:
    """The comparisons of a condition (from 0) that no answer to their question fulfils."""
    never = []
    for index, rule in enumerate(question.show_if.rules if question.show_if else ()):
        source = definition.questions.get(rule.question)
        alone = Condition("all", (rule,))
        if source and not any(
            evaluate(alone, {} if value is None else {rule.question: value}) for value in domain(source, [rule])
        ):
            never.append(index)
    return never


# -- the whole --------------------------------------------------------------------------------------------------------


def seconds_of(definition: Definition) -> int:
    """What all questions together take at a normal pace."""
    return sum(
        SECONDS.get(question.type, 8) for question in definition.questions.values() if question.type != "statement"
    )


def _effort(definition: Definition) -> Iterator[Advice]:
    asked = [question for question in definition.questions.values() if question.type != "statement"]
    always = [question for question in asked if question.show_if is None]
    if len(always) > MANY_QUESTIONS:
        minutes = max(1, round(sum(SECONDS.get(question.type, 8) for question in always) / 60))
        yield Advice(
            "too_many_questions",
            "",
            _("Everybody is asked %(n)d questions, about %(minutes)d minutes. Beyond ten, many stop on the way.")
            % {"n": len(always), "minutes": minutes},
            _("Keep the score, its reason and what you will act on; ask the rest only of those it concerns."),
        )
    if not any(question.type in SCORE_TYPES for question in asked):
        yield Advice(
            "no_score",
            "",
            _("No question has a score: this survey shows on no map and in no trend."),
            _("Add one, unless you only want to hear reasons."),
            "hint",
        )


def _names(codes: Iterable[str]) -> str:
    return ", ".join(LANGUAGE_NAMES.get(code, code) for code in codes)


def _short(text: str) -> str:
    return text if len(text) <= 50 else text[:49] + "…"
