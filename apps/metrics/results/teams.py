"""Results of a survey by team, up the tree of units, beside the customers' scores at the touchpoints each team owns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from apps.metrics.counting import SurveyFacts
from apps.metrics.queries import METRICS, Reading, touchpoint_readings
from apps.metrics.results import counting
from apps.metrics.results.questions import JoinedQuestion, joined_questions
from apps.metrics.results.reading import BY, AnonymousGroups, metric_of_scores, rule_of
from apps.metrics.selection import Selection
from apps.metrics.statistics import Metric, hidden_metric
from apps.metrics.statistics.privacy import Atom, Cell, enough, inside, summed
from apps.organizations.queries import unit_tree
from apps.organizations.unit_tree import Node, UnitTree
from apps.surveys.definition import SCORE_TYPES
from apps.touchpoints.models import Touchpoint

INDEX_RULE = "enablement.v1"


@dataclass(frozen=True, slots=True)
class OwnedTouchpoint:
    """A touchpoint that a team owns, and what customers say of it."""

    touchpoint: Touchpoint
    readings: Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A unit with everything below it: one score for each column, and its own touchpoints. `unit` is None for all."""

    unit: Node | None
    level: int
    scores: list[Metric]
    owned: list[OwnedTouchpoint]


@dataclass(frozen=True, slots=True)
class TeamTable:
    """The scored questions as columns (then the index, where there is one), and the units in the order of the tree."""

    questions: list[JoinedQuestion]
    has_index: bool
    whole: TeamRow
    rows: list[TeamRow]


def results_by_team(survey: SurveyFacts, selection: Selection) -> TeamTable:
    """Every unit the selection may show, with its branch. Six queries, whatever the number of units.

    Of an anonymous survey every number is a sum of atoms (statistics/privacy.py): a parent less its other branches is
    again a group of enough people.
    """
    tree = unit_tree()
    questions = [question for question in joined_questions(survey.id) if question.type in SCORE_TYPES]
    score = _scorer(survey, selection, questions, tree)
    ratings = [place for place, question in enumerate(questions) if not question.question.metric]

    def scores_of(branch: frozenset[UUID] | None) -> list[Metric]:
        found = [score(question, branch) for question in questions]
        return [*found, enablement_index([(found[place], questions[place]) for place in ratings])] if ratings else found

    owned = _owned_touchpoints(selection)
    rows = []
    for unit, level in tree.walk(selection.units):
        scores = scores_of(tree.branch(unit.id))
        if unit.id in owned or any(metric.n or metric.suppressed for metric in scores):
            rows.append(TeamRow(unit, level, scores, owned.get(unit.id, [])))
    return TeamTable(questions, bool(ratings), TeamRow(None, 0, scores_of(None), []), rows)


def enablement_index(parts: Sequence[tuple[Metric, JoinedQuestion]]) -> Metric:
    """Mean of the ratings, each from 0 (lowest point) to 100 (highest).

    The interval is the mean of the ratings' own intervals: never narrower than the true one, however much the answers
    to the ratings go together. n is that of the rating fewest answered. Hidden where one of them is.
    """
    if any(metric.suppressed for metric, _ in parts):
        return hidden_metric(INDEX_RULE, "percent")
    if any(metric.value is None for metric, _ in parts):
        return Metric(None, None, None, 0, INDEX_RULE, "percent", False, {})

    def mean(ends: Sequence[float | None]) -> float:
        shares = [
            100 * ((end or 0.0) - question.question.low) / (question.question.scale - 1)
            for end, (_, question) in zip(ends, parts, strict=True)
        ]
        return sum(shares) / len(shares)

    metrics = [metric for metric, _ in parts]
    return Metric(
        mean([metric.value for metric in metrics]),
        mean([metric.low for metric in metrics]),
        mean([metric.high for metric in metrics]),
        min(metric.n for metric in metrics),
        INDEX_RULE,
        "percent",
        False,
        {},
    )


Scorer = Callable[[JoinedQuestion, frozenset[UUID] | None], Metric]


def _scorer(survey: SurveyFacts, selection: Selection, questions: Sequence[JoinedQuestion], tree: UnitTree) -> Scorer:
    """How the score of a question in a branch (None: everybody the selection holds) is found. One statement."""
    if survey.anonymous:
        return _scorer_of_groups(survey, selection, questions)
    rows = selection.responses().filter(selection.window() & selection.dimensions(), survey=survey.id)
    counts = counting.count_values(rows, questions, ("unit_id",))

    def score(question: JoinedQuestion, branch: frozenset[UUID] | None) -> Metric:
        summed_up: dict[Any, int] = defaultdict(int)
        for (unit,), values in counts.get(question.id, {}).items():
            if branch is None or unit in branch:
                for value, n in values.items():
                    summed_up[value] += n
        return metric_of_scores(question, summed_up)

    return score


def _scorer_of_groups(survey: SurveyFacts, selection: Selection, questions: Sequence[JoinedQuestion]) -> Scorer:
    groups = AnonymousGroups(survey, selection)
    fits = enough(selection.threshold)
    rows = selection.responses().filter(survey=survey.id)
    counts = counting.count_values(rows, questions, BY) if groups.tellable else {}
    cells = {
        name: [Cell(groups.where(key), sum(values.values()), values) for key, values in of.items()]
        for name, of in counts.items()
    }
    cut: dict[str, list[Atom]] = {name: groups.atoms(of, fits) for name, of in cells.items()}

    def score(question: JoinedQuestion, branch: frozenset[UUID] | None) -> Metric:
        def wanted(where: Any) -> bool:
            within = branch is None or (bool(where.unit) and where.unit[-1] in branch)
            return within and groups.wanted(where)

        if not groups.tellable or (question.conditional and branch is not None):
            rule = rule_of(question)
            return hidden_metric(rule.id, rule.unit)
        seen, _hidden = inside(cut.get(question.id, []), wanted)
        n, values = summed(seen)
        if not n and any(wanted(cell.where) for cell in cells.get(question.id, [])):
            rule = rule_of(question)
            return hidden_metric(rule.id, rule.unit)
        return metric_of_scores(question, {value: int(count) for value, count in values.items()})

    return score


def _owned_touchpoints(selection: Selection) -> dict[UUID, list[OwnedTouchpoint]]:
    """The touchpoints in use by the unit that owns them, with what customers said there in the same window."""
    touchpoints = Touchpoint.objects.filter(archived_at=None, owner_unit__isnull=False).order_by("name", "id")
    owned: dict[UUID, list[OwnedTouchpoint]] = defaultdict(list)
    found = list(touchpoints)
    if not found:
        return owned
    of_customers = replace(selection, surveys=None, which="any")
    readings = touchpoint_readings(of_customers, METRICS)
    for touchpoint in found:
        if touchpoint.owner_unit_id:
            owned[touchpoint.owner_unit_id].append(OwnedTouchpoint(touchpoint, readings.get(touchpoint.pk, {})))
    return owned
