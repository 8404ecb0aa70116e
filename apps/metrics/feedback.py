"""The answers behind the scores: the same filters as a metric, row by row.

A metric with n answers leads to a list of exactly these n. Answers of an anonymous survey are shown as rows only all
together and in sufficient number: a row under any other filter would tell more than the filter may.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import StartsWith
from django.http import QueryDict
from django.utils.translation import gettext

from apps.customers.masking import mask_text, may_read_unmasked
from apps.customers.services import people_of
from apps.metrics.counting import SurveyFacts, surveys_for
from apps.metrics.filters import UNSTORABLE, Errors, read_answer_filters, read_selection, values_of
from apps.metrics.scored_answers import further_questions
from apps.metrics.selection import Selection
from apps.metrics.statistics import COMMENT_THRESHOLD, TopBoxRule, rule_for
from apps.organizations.models import Organization
from apps.surveys.models import Response
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.ids import parse_uuid

METRICS = ("nps", "csat", "ces")
BANDS = ("promoter", "passive", "detractor")
KINDS = ("relationship", "touchpoint")
LONGEST_TEXT = 200
MOST_QUESTIONS = 20
QUESTION = re.compile(r"[A-Za-z0-9_-]{1,64}")
WHOLE = re.compile(r"-?[0-9]{1,15}")
MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class FeedbackFilter:
    """A selection, and the filters that only single answers have."""

    selection: Selection
    metric: str | None = None
    band: str | None = None
    scores: frozenset[int] | None = None
    scale: int | None = None
    commented: bool = False
    text: str = ""
    customer: UUID | None = None
    answers: tuple[tuple[str, str], ...] = ()
    answered: tuple[str, ...] = ()

    @property
    def narrow(self) -> bool:
        """Whether anything but the choice of surveys is filtered."""
        plain = Selection(
            surveys=self.selection.surveys,
            which=self.selection.which,
            zone=self.selection.zone,
            threshold=self.selection.threshold,
            include_provisional=self.selection.include_provisional,
        )
        return self != FeedbackFilter(plain)


@dataclass(frozen=True, slots=True)
class Feedback:
    """The rows of a filter, newest first, and what is not among them."""

    rows: QuerySet[Response]
    hidden_surveys: list[str]


def read_feedback_filter(params: QueryDict, *, actor: Actor, organization: Organization) -> FeedbackFilter:
    """The filters of the feedback list from a query string; those of `read_selection` and, of single answers:

    `metric` (answers with such a score), `band` (promoter, passive, detractor, or what these are on other scales),
    `score` (one or several), `scale`, `comment=1`, `q`, `customer`, `kind` (relationship or touchpoint surveys; both
    without it), `answer:QUESTION=VALUE` (of a matrix `answer:QUESTION.ROW`), `answered=QUESTION`, and those of
    `read_answer_filters`. Raises DomainErrors naming what cannot be understood.
    """
    problems = Errors()
    selection = read_selection(
        params, actor=actor, organization=organization, permission="feedback.view", errors=problems
    )
    kind = _one_of(params, "kind", KINDS, problems)
    scores = _numbers(params, "score", problems)
    scale = _numbers(params, "scale", problems)
    text = UNSTORABLE.sub("", params.get("q", "")).strip()[:LONGEST_TEXT]
    if text and mask_text(text) != text and not may_read_unmasked(actor):
        message = gettext("Your role does not show addresses and numbers in comments, so they cannot be searched.")
        problems.add("q", message, "masked")
    selection = read_answer_filters(params, selection, errors=problems)
    found = FeedbackFilter(
        selection=replace(selection, which=kind or "any"),  # type: ignore[arg-type]
        metric=_one_of(params, "metric", METRICS, problems),
        band=_one_of(params, "band", BANDS, problems),
        scores=scores,
        scale=min(scale) if scale else None,
        commented=params.get("comment", "") in ("1", "true", "on", "yes"),
        text=text,
        customer=_customer(params, problems),
        answers=_answers(params, problems),
        answered=tuple(name for name in values_of(params, "answered")[:MOST_QUESTIONS] if QUESTION.fullmatch(name)),
    )
    problems.raise_if_any()
    return found


def feedback(wanted: FeedbackFilter, *, among: Sequence[SurveyFacts] | None = None) -> Feedback:
    """The answers that fit, newest first. The rows cost nothing until they are read.

    One query for the surveys unless all of them are given in `among`, and one for an anonymous survey that is asked
    for by name and nothing else.
    """
    surveys = surveys_for(wanted.selection, among=among)
    shown, hidden = [], []
    for survey in surveys:
        if not survey.anonymous or _may_be_listed(wanted, survey):
            shown.append(survey.id)
        else:
            hidden.append(survey.name)
    selection = wanted.selection
    rows = selection.responses().filter(selection.window() & selection.dimensions(), survey__in=shown)
    if wanted.metric or wanted.band or wanted.scores is not None:
        rows = rows.filter(_scored(wanted, shown))
    if wanted.scale is not None:
        rows = rows.filter(scale=wanted.scale)
    for question, value in wanted.answers:
        rows = rows.filter(_answer_is(question, value))
    for question in wanted.answered:
        rows = rows.filter(answers__has_key=question)
    if wanted.commented:
        rows = rows.exclude(comment="")
    if wanted.text:
        rows = rows.filter(comment__icontains=wanted.text)
    if wanted.customer:
        rows = rows.filter(customer=wanted.customer)
    rows = rows.select_related("survey", "customer", "touchpoint", "unit").order_by("-occurred_at", "-id")
    return Feedback(rows, hidden)


def older_than(rows: QuerySet[Response], occurred_at: datetime, pk: UUID) -> QuerySet[Response]:
    """The rows after this one in a list ordered newest first: a page at any depth costs the same."""
    return rows.filter(Q(occurred_at__lt=occurred_at) | Q(occurred_at=occurred_at, pk__lt=pk))


def answer(pk: UUID, *, actor: Actor) -> Response:
    """One answer the actor may see. Raises NotFound, also for answers of anonymous surveys, which have no page."""
    units = actor.visible_units("feedback.view")
    rows = Response.objects.select_related("survey", "customer", "touchpoint", "unit").filter(survey__anonymous=False)
    if units is not None:
        rows = rows.filter(unit__in=units)
    found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def band_of(band: str, metric: str | None = None) -> Q:
    """Headline scores in a band, on every scale of the metric (of all without one).

    Promoters and the satisfied, detractors and the dissatisfied; between them passives.
    """
    wanted = METRICS if metric is None else (metric,)
    q = Q()
    if "nps" in wanted:
        q |= Q(metric="nps") & _between(band, 6, 9)
    for name in wanted:
        rule = rule_for(name)
        if isinstance(rule, TopBoxRule):
            for scale in rule.scales:
                top = rule.box(scale)
                q |= Q(metric=name, scale=scale) & _between(band, scale - top + 1, top)
    if "ces" in wanted:
        # Effort on five points: the less the better.
        mirrored = {"promoter": "detractor", "detractor": "promoter"}.get(band, band)
        q |= Q(metric="ces", scale=5) & _between(mirrored, 2, 4)
    return q


def _between(band: str, low: int, top: int) -> Q:
    """Scores up to `low`, from `top` on, or between the two."""
    if band == "promoter":
        return Q(score__gte=top)
    return Q(score__lte=low) if band == "detractor" else Q(score__gt=low, score__lt=top)


def _scored(wanted: FeedbackFilter, survey_ids: Sequence[UUID]) -> Q:
    """Answers with the metric, the band and the scores asked for; also where it is not their headline question."""
    headline = Q(score__isnull=False)
    if wanted.metric:
        headline &= Q(metric=wanted.metric)
    if wanted.band:
        headline &= band_of(wanted.band, wanted.metric)
    if wanted.scores is not None:
        headline &= Q(score__in=wanted.scores)
    if not wanted.metric or wanted.band or wanted.scores is not None:
        return headline
    for question in further_questions(survey_ids):
        if question.metric == wanted.metric:
            headline |= Q(survey=question.survey_id, version=question.version, answers__has_key=question.question) & ~Q(
                score_question=question.question
            )
    return headline


def _may_be_listed(wanted: FeedbackFilter, survey: SurveyFacts) -> bool:
    if wanted.narrow or wanted.selection.surveys != frozenset({survey.id}):
        return False
    n = wanted.selection.responses().filter(survey=survey.id).aggregate(n=Count("id"))["n"]
    return n >= max(COMMENT_THRESHOLD, wanted.selection.threshold)


def _answers(params: QueryDict, problems: Errors) -> tuple[tuple[str, str], ...]:
    """What `answer:QUESTION=VALUE` asks for."""
    found = []
    for name in params:
        if not name.startswith("answer:"):
            continue
        value = params.get(name) or ""
        question, dot, row = name[7:].partition(".")
        if not QUESTION.fullmatch(question) or (dot and not QUESTION.fullmatch(row)) or UNSTORABLE.search(value):
            problems.add(name[:120], gettext("Name one question and its answer, as in answer:reason=price."))
        elif value:
            found.append((name[7:], value[:LONGEST_TEXT]))
    return tuple(sorted(found)[:MOST_QUESTIONS])


def _answer_is(name: str, value: str) -> Q:
    """Answers that gave this value: a score or number, a choice, one of several, yes or no, a month, a row's choice."""
    question, _, row = name.partition(".")
    if row:
        return Q(answers__contains={question: {row: value}})
    q = Q(answers__contains={question: value}) | Q(answers__contains={question: [value]})
    if value in ("true", "false"):
        q |= Q(answers__contains={question: value == "true"})
    if WHOLE.fullmatch(value):
        q |= Q(answers__contains={question: int(value)})
    if MONTH.fullmatch(value):
        q |= Q(StartsWith(KeyTextTransform(question, "answers"), Value(value)))
    return q


def _one_of(params: QueryDict, name: str, allowed: Iterable[str], problems: Errors) -> str | None:
    value = params.get(name) or None
    if value and value not in allowed:
        message = gettext("Choose one of %(all)s.") % {"all": ", ".join(allowed)}
        problems.add(name, message)
        return None
    return value


def _numbers(params: QueryDict, name: str, problems: Errors) -> frozenset[int] | None:
    values = values_of(params, name)
    if not values:
        return None
    if not all(value.isascii() and value.isdigit() and int(value[:9]) <= 11 for value in values):
        problems.add(name, gettext("Scores are whole numbers from 0 to 11."))
        return None
    return frozenset(map(int, values))


def _customer(params: QueryDict, problems: Errors) -> UUID | None:
    value = params.get("customer", "").strip()
    if not value:
        return None
    pk = parse_uuid(value)
    person = people_of([pk]).get(pk) if pk else None
    if person is None:
        problems.add("customer", gettext("There is no such customer here."), "not_found")
    return person
