"""From counts to what is said of each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from apps.metrics.counting import (
    BEFORE,
    CIRCUMSTANCES,
    NOW,
    Interval,
    Slot,
    Split,
    SurveyFacts,
    Tally,
    circumstances,
    count,
)
from apps.metrics.queries import Change, Period, read_tally, series_of
from apps.metrics.results import counting
from apps.metrics.results.counting import Asked, NumberSpread
from apps.metrics.results.questions import JoinedQuestion, joined_questions
from apps.metrics.selection import Selection
from apps.metrics.statistics import (
    COMMENT_THRESHOLD,
    NUMBER_RULE,
    RATING,
    RULES,
    Histogram,
    Metric,
    Rule,
    hidden_metric,
    measure,
    measure_mean,
    measure_share,
    rule_for,
)
from apps.metrics.statistics.privacy import (
    Atom,
    Cell,
    Circumstances,
    Fits,
    atoms,
    enough,
    enough_of_each,
    inside,
    steps_for,
    summed,
)
from apps.organizations.queries import unit_tree
from apps.surveys.breaks import Break, breaks_of_surveys
from apps.surveys.definition import SCORE_TYPES
from apps.surveys.holding import readable
from apps.surveys.models import Response
from cxm.actor import Actor

BY = tuple(CIRCUMSTANCES.values())
YES, NO = "true", "false"


@dataclass(frozen=True, slots=True)
class Share:
    """How many gave one answer, and the share of those who answered that they are."""

    id: str
    label: str
    count: int
    metric: Metric


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One row of a matrix: how many answered it, and how often each column was chosen."""

    id: str
    label: str
    answered: int
    cells: list[Share]


@dataclass(frozen=True, slots=True)
class Rank:
    """One choice of a ranking: its mean place (1 is best) among those who placed it, and who put it first."""

    id: str
    label: str
    placed: int
    mean: float | None
    first: Share


@dataclass(frozen=True, slots=True)
class NumberResult:
    """Numbers: the mean with its interval; quartiles, ends and bins where nobody could be made out by them."""

    mean: Metric
    spread: NumberSpread | None


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """One comment as this reader may read it."""

    response: Response
    text: str


@dataclass(slots=True)
class QuestionResult:
    """What was said to one question. `shown` and `skipped` are None where they are not known or not told.

    `suppressed` means that there are answers, of too few people to be shown: not the same as no answers.
    """

    question: JoinedQuestion
    shown: int | None = 0
    answered: int = 0
    skipped: int | None = 0
    suppressed: bool = False
    score: Metric | None = None
    shares: list[Share] = field(default_factory=list)
    rows: list[MatrixRow] = field(default_factory=list)
    ranks: list[Rank] = field(default_factory=list)
    number: NumberResult | None = None
    months: list[tuple[str, int]] = field(default_factory=list)
    texts: list[TextAnswer] = field(default_factory=list)
    texts_hidden: bool = False
    breaks: list[Break] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SurveyResults:
    """The results of a survey. `n` are the answers that count under the filters, None when too few to be told."""

    survey: SurveyFacts
    n: int | None
    metric: str
    headline: Metric | None
    change: Change | None
    series: list[Period]
    interval: Interval
    breaks: list[Break]
    questions: list[QuestionResult]
    narrowed: bool
    mixed_scales: bool = False


def results_of_survey(
    survey: SurveyFacts, selection: Selection, *, metric: str, interval: Interval, actor: Actor
) -> SurveyResults:
    """Everything about one survey under these filters, as this actor may read it.

    `selection` names the survey. About ten statements, whatever the number of questions and answers: counts of scores
    by period, versions, breaks, one for each kind of question, and the newest comments.
    """
    questions = joined_questions(survey.id)
    breaks = breaks_of_surveys([survey.id]).get(survey.id, [])
    if survey.anonymous and selection.narrowed:
        n, found = _of_groups(survey, selection, questions)
    else:
        n, found = _of_all(survey, selection, questions, actor)
    for result in found:
        result.breaks = [one for one in breaks if one.question == result.question.id]
    reading, series = None, []
    if metric:
        tallies = count(selection, [survey], [metric], split=Split(interval), compare=True)
        reading = read_tally(metric, tallies.get(Slot(metric, BEFORE)), tallies.get(Slot(metric)))
        if reading:
            periods: dict[Any, Tally] = {
                slot.period: tally for slot, tally in tallies.items() if slot.period and slot.window == NOW
            }
            rule, scale = RULES[reading.metric.rule], len(reading.metric.distribution)
            series = series_of(rule, scale, periods, interval)
    return SurveyResults(
        survey=survey,
        n=n,
        metric=metric,
        headline=reading.metric if reading else None,
        change=reading.change if reading else None,
        series=series,
        interval=interval,
        breaks=[one for one in breaks if one.metric == metric and metric],
        questions=found,
        narrowed=selection.narrowed,
        mixed_scales=bool(metric) and reading is None,
    )


# Identified surveys, and anonymous ones as a whole


def _of_all(
    survey: SurveyFacts, selection: Selection, questions: Sequence[JoinedQuestion], actor: Actor
) -> tuple[int | None, list[QuestionResult]]:
    rows = selection.responses().filter(selection.window() & selection.dimensions(), survey=survey.id)
    sent_only = selection.states is None and not selection.include_provisional
    n, asked = counting.count_asked(rows, questions, sent_only=sent_only)
    counts = counting.count_values(rows, questions)
    spreads = counting.spread_numbers(rows, questions)
    floor = selection.threshold if survey.anonymous else 1
    found = []
    for question in questions:
        of = asked.get(question.id, Asked(0, 0))
        result = QuestionResult(question, of.shown, of.answered, of.skipped, suppressed=0 < of.answered < floor)
        if result.suppressed:
            result.shown = result.skipped = None
            hide(result)
        else:
            fill(result, counts.get(question.id, {}).get((), {}))
            if spread := spreads.get(question.id):
                result.number = _number(spread, told=not survey.anonymous)
        found.append(result)
    if n < floor:
        return (None if n else 0), found
    _add_texts(survey, selection, rows, found, actor)
    return n, found


def _number(spread: NumberSpread, *, told: bool) -> NumberResult:
    """Of an anonymous survey the mean alone: the ends are what single people said."""
    return NumberResult(measure_mean(spread.n, spread.mean, spread.deviation), spread if told else None)


def _add_texts(
    survey: SurveyFacts,
    selection: Selection,
    rows: Any,
    found: Sequence[QuestionResult],
    actor: Actor,
) -> None:
    """The newest comments to each open question. Two queries. Of an anonymous survey from eight answers on."""
    floor = max(COMMENT_THRESHOLD, selection.threshold) if survey.anonymous else 1
    open_questions = [result for result in found if result.question.type == "text" and result.answered]
    for result in open_questions:
        result.texts_hidden = result.answered < floor or not actor.can("feedback.view")
    readable_ones = [result for result in open_questions if not result.texts_hidden]
    latest = counting.latest_texts(rows, [result.question.id for result in readable_ones])
    wanted = {pk for ids in latest.values() for pk in ids}
    responses = {
        response.pk: response
        for response in (Response.objects.select_related("customer", "survey").filter(pk__in=wanted) if wanted else ())
    }
    for result in readable_ones:
        for pk in latest.get(result.question.id, ()):
            if pk in responses:
                text = str(responses[pk].answers.get(result.question.id, ""))
                result.texts.append(TextAnswer(responses[pk], readable(responses[pk], actor, text)))


# Anonymous surveys under filters


def _of_groups(
    survey: SurveyFacts, selection: Selection, questions: Sequence[JoinedQuestion]
) -> tuple[int | None, list[QuestionResult]]:
    """What may be shown of an anonymous survey under filters: groups of people that no two filters can isolate."""
    rows = selection.responses().filter(survey=survey.id)
    groups = AnonymousGroups(survey, selection)
    if not groups.tellable:
        found = [QuestionResult(question, None, 0, None, suppressed=True) for question in questions]
        for result in found:
            hide(result)
        return None, found
    everybody = counting.count_answers(rows, BY)
    n = groups.number([Cell(groups.where(key), count, {}) for key, count in everybody.items()])
    counts = counting.count_values(rows, questions, BY)
    names = [question.id for question in questions if question.type in COUNTED_APART]
    answered = counting.count_answered(rows, names, BY)
    sums = counting.sum_numbers(rows, questions, BY)
    return n, [_of_group(question, groups, counts, answered, sums) for question in questions]


COUNTED_APART = {"multi_choice", "matrix", "ranking", "file", "text"}
"""Types whose values do not add up to the number of people who answered."""


def _of_group(
    question: JoinedQuestion,
    groups: AnonymousGroups,
    counts: Mapping[str, Mapping[Any, Mapping[Any, int]]],
    answered: Mapping[str, Mapping[Any, int]],
    sums: Mapping[str, Mapping[Any, tuple[int, float, float]]],
) -> QuestionResult:
    result = QuestionResult(question, None, 0, None)
    of = counts.get(question.id, {})
    if question.type == "number":
        cells = [
            Cell(groups.where(key), n, {"sum": total, "squares": squares})
            for key, (n, total, squares) in sums.get(question.id, {}).items()
        ]
    else:
        people = answered.get(question.id) or {key: sum(values.values()) for key, values in of.items()}
        cells = [Cell(groups.where(key), n, of.get(key, {})) for key, n in people.items()]
    if not cells:
        return result
    n: int | None = None
    values: dict[Any, float] = {}
    if not question.conditional and question.type != "text":
        n, values = groups.shown(cells, groups.fits_of(question.type))
    if n is None:
        result.suppressed = True
        result.texts_hidden = question.type == "text"
        hide(result)
        return result
    result.answered = n
    if question.type == "number":
        result.number = NumberResult(_mean_of_sums(n, values), None)
    elif n:
        fill(result, {value: int(count) for value, count in values.items()})
    return result


def _mean_of_sums(n: int, sums: Mapping[str, float]) -> Metric:
    if not n:
        return measure_mean(0, 0.0, None)
    mean = sums["sum"] / n
    variance = max(0.0, (sums["squares"] - n * mean * mean) / (n - 1)) if n > 1 else None
    return measure_mean(n, mean, None if variance is None else sqrt(variance))


class AnonymousGroups:
    """Which groups of people of one anonymous survey a selection may show."""

    def __init__(self, survey: SurveyFacts, selection: Selection) -> None:
        self.survey = survey
        self.selection = selection
        self.tree = unit_tree()
        self.first, self.last = selection.days

    @property
    def tellable(self) -> bool:
        """Whether anything is shown under these filters at all: nothing is when they look at single answers."""
        touchpoints = self.selection.touchpoints
        bound = touchpoints is not None and self.survey.touchpoint_id in touchpoints
        crossed = self.selection.channels is not None and touchpoints is not None and not bound
        return not (self.selection.tells_people_apart or self.selection.populations or crossed)

    def where(self, key: Sequence[Any]) -> Circumstances:
        return circumstances(dict(zip(CIRCUMSTANCES, key, strict=True)), self.tree)

    def fits_of(self, kind: str) -> Fits:
        """Scores and numbers are told of groups; of choices no group tells what only few of it chose."""
        threshold = self.selection.threshold
        if kind in SCORE_TYPES or kind in ("number", "file"):
            return enough(threshold)
        if kind == "ranking":
            return enough_of_each(threshold, lambda value: value[1] == 1)
        return enough_of_each(threshold)

    def atoms(self, cells: Sequence[Cell], fits: Fits) -> list[Atom]:
        return atoms(cells, steps_for(cells, employees=self.survey.employees), fits, self.selection.threshold)

    def wanted(self, where: Circumstances) -> bool:
        return self.selection.covers(where) and self.first <= where.day <= self.last

    def shown(self, cells: Sequence[Cell], fits: Fits) -> tuple[int | None, dict[Any, float]]:
        """How many people are shown, and sums over them; None where there are some, but too few."""
        seen, _hidden = inside(self.atoms(cells, fits), self.wanted)
        n, sums = summed(seen)
        if not n and any(self.wanted(cell.where) for cell in cells):
            return None, {}
        return n, sums

    def number(self, cells: Sequence[Cell]) -> int | None:
        return self.shown(cells, enough(self.selection.threshold))[0]


# What a question's counts say


def hide(result: QuestionResult) -> None:
    """Say of what kind the number is that is not shown."""
    result.suppressed = True
    if result.question.type in SCORE_TYPES:
        rule = rule_of(result.question)
        result.score = hidden_metric(rule.id, rule.unit)
        result.score.distribution.update(Histogram.empty(result.question.question.scale).as_json())
    elif result.question.type == "number":
        result.number = NumberResult(hidden_metric(NUMBER_RULE, "mean"), None)


def fill(result: QuestionResult, values: Mapping[Any, int]) -> None:
    """Add what the counts of a question's values say, by its type."""
    question, n = result.question, result.answered
    if question.type in SCORE_TYPES:
        result.score = metric_of_scores(question, values)
    elif question.type in ("choice", "multi_choice"):
        result.shares = _shares(question, values, n)
    elif question.type == "consent":
        given = ((name, values.get(name, 0)) for name in (YES, NO))
        result.shares = [Share(name, name, times, measure_share(times, n)) for name, times in given]
    elif question.type == "date":
        result.months = sorted(values.items())
    elif question.type == "matrix":
        result.rows = _matrix(question, values)
    elif question.type == "ranking":
        result.ranks = _ranks(question, values, n)


def rule_of(question: JoinedQuestion) -> Rule:
    """The rule a scored question is measured by: its metric's headline rule, or the mean of a plain rating."""
    metric, scale = question.question.metric, question.question.scale
    if not metric:
        return RATING
    if metric == "ces" and scale == 5:
        return RULES["ces1.mean.v1"]
    return rule_for(metric)


def metric_of_scores(question: JoinedQuestion, values: Mapping[int, int]) -> Metric:
    """The score of a question from how often each point was given; points off its scale do not count."""
    scale = question.question.scale
    rule = rule_of(question)
    low = question.question.low
    return measure(rule, Histogram.of(scale, {s: n for s, n in values.items() if low <= s < low + scale}))


def _shares(question: JoinedQuestion, counts: Mapping[str, int], n: int) -> list[Share]:
    """A share for every choice, then for values that no version offers (imported answers), by their own name."""
    known = {choice.id: question.label(choice) for choice in question.question.choices}
    names = [*known, *sorted(name for name in counts if name not in known)]
    return [
        Share(name, known.get(name, name), counts.get(name, 0), measure_share(counts.get(name, 0), n)) for name in names
    ]


def _matrix(question: JoinedQuestion, counts: Mapping[tuple[str, str], int]) -> list[MatrixRow]:
    rows = []
    for row in question.question.rows:
        of_row = {column: n for (name, column), n in counts.items() if name == row.id}
        answered = sum(of_row.values())
        rows.append(MatrixRow(row.id, question.label(row), answered, _shares(question, of_row, answered)))
    return rows


def _ranks(question: JoinedQuestion, counts: Mapping[tuple[str, int], int], n: int) -> list[Rank]:
    """The choices, the best mean place first; those nobody placed last."""
    ranks = []
    for choice in question.question.choices:
        places = {int(place): times for (name, place), times in counts.items() if name == choice.id}
        placed = sum(places.values())
        first = places.get(1, 0)
        label = question.label(choice)
        mean = sum(place * times for place, times in places.items()) / placed if placed else None
        ranks.append(Rank(choice.id, label, placed, mean, Share(choice.id, label, first, measure_share(first, n))))
    return sorted(ranks, key=lambda rank: (rank.mean is None, rank.mean or 0.0))
