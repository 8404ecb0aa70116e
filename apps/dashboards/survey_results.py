"""The results of a survey made ready to print: a card for every question, with its chart, its table and its links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.formats import date_format, localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext

from apps.dashboards.overview import SHORT, TrendCard, score_tones, trend_card
from apps.metrics.results import MatrixRow, QuestionResult, Share, SurveyResults
from apps.metrics.results.counting import NumberSpread
from apps.metrics.statistics import Metric
from apps.organizations.models import Organization
from apps.surveys.differences import TYPE_NAMES
from cxm.charts import Bar, Column, columns, distribution, figure_with_interval, share_bar
from cxm.charts.figures import THIN, rounded
from cxm.web.templatetags.cx import cx_count, cx_time
from cxm.web.urls import org_url

LONGEST_COMMENT = 600


@dataclass(frozen=True, slots=True)
class Comment:
    """One thing somebody wrote; of an anonymous survey without a time and a way to the answer."""

    text: str
    when: SafeString
    url: str


@dataclass(frozen=True, slots=True)
class ShareLine:
    """One answer with its bar and its figures in words; `count` links to the answers behind it."""

    label: str
    bar: SafeString
    share: str
    count: SafeString


@dataclass(frozen=True, slots=True)
class MatrixLine:
    """One row of a matrix: cells of (class, figure, words)."""

    label: str
    cells: list[tuple[str, SafeString, str]]
    answered: int


@dataclass(slots=True)
class QuestionCard:
    """One question as a card of the page."""

    id: str
    title: str
    kind: str
    asked: str
    note: str = ""
    breaks: list[str] = field(default_factory=list)
    metric: Metric | None = None
    metric_name: str = ""
    drawing: SafeString = field(default_factory=SafeString)
    table: dict[str, list[Any]] | None = None
    caption: str = ""
    shares: list[ShareLine] = field(default_factory=list)
    shares_head: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    matrix: list[MatrixLine] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    comments_url: str = ""
    hidden: str = ""
    empty: bool = False


class AnswerLinks:
    """Addresses of the answers of one survey behind a number, under the page's filters.

    Answers of an anonymous survey are not listed under filters: there are no such addresses.
    """

    def __init__(self, organization: Organization, survey_id: object, params: QueryDict, *, anonymous: bool) -> None:
        self.feedback = org_url(organization, "dashboards:feedback")
        self.anonymous = anonymous
        kept = {name: values for name, values in params.lists() if name not in ("interval", "survey")}
        self.kept = {**kept, "survey": [str(survey_id)]}

    def to(self, **more: object) -> str:
        return self.with_names({name.rstrip("_"): value for name, value in more.items()})

    def with_names(self, more: dict[str, object]) -> str:
        """The list with these filters added or replaced; empty for an anonymous survey."""
        if self.anonymous:
            return ""
        changed = {name: [str(value)] for name, value in more.items()}
        return f"{self.feedback}?{urlencode(self.kept | changed, doseq=True)}"

    def count(self, n: int, more: dict[str, object]) -> SafeString:
        """A number, linked to its answers where there are any to list."""
        url = self.with_names(more) if n else ""
        return format_html('<a href="{}">{}</a>', url, cx_count(n)) if url else format_html("{}", cx_count(n))

    def comments(self, question: str) -> str:
        """All that was written to a question; of an anonymous survey, all that was written at all."""
        if self.anonymous:
            return f"{self.feedback}?{urlencode({'survey': self.kept['survey'][0]})}"
        return self.to(answered=question)


def results_trend(results: SurveyResults, links: AnswerLinks, params: QueryDict) -> TrendCard | None:
    """The headline over time, with the places where its line breaks."""
    if results.headline is None or all(period.metric.value is None for period in results.series):
        return None
    return trend_card(
        results.metric,
        results.headline,
        results.series,
        results.interval,
        params=params,
        to=lambda **more: links.to(metric=results.metric, **more),
        breaks=[(results.survey.name, one) for one in results.breaks],
    )


def question_cards(results: SurveyResults, links: AnswerLinks, organization: Organization) -> list[QuestionCard]:
    """Every question, in the order of the newest version."""
    return [
        _card(result, f"q{number}", results, links, organization) for number, result in enumerate(results.questions, 1)
    ]


def _card(
    result: QuestionResult, id: str, results: SurveyResults, links: AnswerLinks, organization: Organization
) -> QuestionCard:
    question = result.question
    card = QuestionCard(
        id=id,
        title=question.title,
        kind=str(TYPE_NAMES[question.type]),
        asked=_asked(result),
        note=_note(result),
        breaks=[_break_words(one) for one in result.breaks],
    )
    if result.suppressed:
        card.hidden = (
            gettext("Hidden: comments of an anonymous survey are shown all together, and not under filters.")
            if question.type == "text"
            else gettext("Hidden: too few people answered this to show it without telling who said what.")
        )
        return card
    if not result.answered:
        card.empty = True
        return card
    if result.score:
        _fill_score(card, result, links)
    elif result.shares:
        _fill_shares(card, result, links)
    elif result.rows:
        _fill_matrix(card, result.rows, question.id, links)
    elif result.ranks:
        _fill_ranks(card, result, links)
    elif result.number:
        _fill_number(card, result)
    elif result.months:
        _fill_months(card, result, links)
    if question.type == "file":
        card.caption = gettext("Files are read with their answers.")
        card.comments_url = links.to(answered=question.id)
    if question.type == "text":
        _fill_comments(card, result, results, links, organization)
    return card


def _asked(result: QuestionResult) -> str:
    """ "412 asked, 400 answered, 12 skipped", as far as it is known."""
    if result.suppressed:
        return gettext("too few answers")
    if result.shown is None:
        return gettext("%(n)s answered") % {"n": cx_count(result.answered)}
    return gettext("%(shown)s asked · %(answered)s answered · %(skipped)s skipped") % {
        "shown": cx_count(result.shown),
        "answered": cx_count(result.answered),
        "skipped": cx_count(result.skipped or 0),
    }


def _note(result: QuestionResult) -> str:
    versions = result.question.versions
    if result.question.retired:
        return gettext("No longer asked: version %(first)s to %(last)s.") % {
            "first": versions[0],
            "last": versions[-1],
        }
    return gettext("Asked since version %(n)s.") % {"n": versions[0]} if versions[0] > 1 else ""


def _break_words(one: Any) -> str:
    words = {"n": one.version, "day": date_format(one.at, "j M Y")}
    if one.what == "scale":
        return gettext("Another scale since version %(n)s, %(day)s.") % words
    return gettext("Other words since version %(n)s, %(day)s: compare scores before and after with care.") % words


def _fill_score(card: QuestionCard, result: QuestionResult, links: AnswerLinks) -> None:
    metric, question = result.score, result.question
    assert metric is not None
    card.metric = metric
    card.metric_name = SHORT.get(question.question.metric, gettext("Mean"))
    tones = score_tones(metric, result.question.question)
    bars = [Bar(score, n, tones[score]) for score, n in metric.distribution.items()]
    card.drawing = distribution(bars, id=card.id, title=gettext("How often each score was given"))
    card.table = {
        "columns": [gettext("Score"), gettext("Answers")],
        "rows": [[bar.label, links.count(bar.count, {f"answer:{question.id}": bar.label})] for bar in bars],
    }


def _fill_shares(card: QuestionCard, result: QuestionResult, links: AnswerLinks) -> None:
    question = result.question
    words = {"true": gettext("yes"), "false": gettext("no")} if question.type == "consent" else {}
    card.shares_head = [gettext("Answer"), gettext("Share"), gettext("of those who answered"), gettext("Answers")]
    card.shares = [
        ShareLine(
            words.get(share.id, share.label),
            share_bar(share.metric.value or 0.0, share.metric.low, share.metric.high),
            share_words(share.metric),
            links.count(share.count, {f"answer:{question.id}": share.id}),
        )
        for share in result.shares
    ]
    if question.type == "multi_choice":
        card.caption = gettext("Several answers were possible: the shares add up to more than 100%(percent)s.") % {
            "percent": f"{THIN}%"
        }


def share_words(metric: Metric) -> str:
    """ "34 % (30 to 38)"."""
    return figure_with_interval(metric.value, metric.low, metric.high, "percent")


def _fill_matrix(card: QuestionCard, rows: Sequence[MatrixRow], question: str, links: AnswerLinks) -> None:
    card.columns = [cell.label for cell in rows[0].cells]
    card.matrix = [
        MatrixLine(
            row.label,
            [
                (
                    _shade(cell),
                    links.count(cell.count, {f"answer:{question}.{row.id}": cell.id}),
                    share_words(cell.metric) if row.answered else "",
                )
                for cell in row.cells
            ],
            row.answered,
        )
        for row in rows
    ]
    card.caption = gettext("The stronger the colour of a cell, the larger its share of the row.")


def _shade(cell: Share) -> str:
    value = cell.metric.value or 0.0
    return f"cx-q{0 if not cell.count else min(4, 1 + int(value // 25))}"


def _fill_ranks(card: QuestionCard, result: QuestionResult, links: AnswerLinks) -> None:
    card.shares_head = [
        gettext("Answer"),
        gettext("Put first"),
        gettext("share of those who answered"),
        gettext("Mean place"),
    ]
    card.shares = [
        ShareLine(
            rank.label,
            share_bar(rank.first.metric.value or 0.0, rank.first.metric.low, rank.first.metric.high),
            share_words(rank.first.metric),
            format_html("{} <small>n {}</small>", "–" if rank.mean is None else rounded(rank.mean, 1), rank.placed),
        )
        for rank in result.ranks
    ]
    card.caption = gettext("Place 1 is the best. The mean is over those who gave the answer a place.")


def _fill_number(card: QuestionCard, result: QuestionResult) -> None:
    assert result.number is not None
    card.metric, card.metric_name = result.number.mean, gettext("Mean")
    spread = result.number.spread
    if spread is None:
        card.caption = gettext("Single numbers of an anonymous survey are not shown.")
        return
    card.drawing = columns(
        [Column(_short(low), _span(low, high), n) for low, high, n in spread.bins],
        id=card.id,
        title=gettext("How the numbers are spread"),
    )
    card.table = {
        "columns": [gettext("From to"), gettext("Answers")],
        "rows": [[_span(low, high), cx_count(n)] for low, high, n in spread.bins],
    }
    card.caption = _quartiles(spread)


def _quartiles(spread: NumberSpread) -> str:
    low, middle, high = (_short(value) for value in spread.quartiles)
    return gettext("Median %(middle)s; half of the answers lie between %(low)s and %(high)s.") % {
        "middle": middle,
        "low": low,
        "high": high,
    }


def _short(value: float) -> str:
    """A number as people write it: whole where it is, else two decimals."""
    return str(localize(int(value) if float(value).is_integer() else round(value, 2)))


def _span(low: float, high: float) -> str:
    return _short(low) if low == high else gettext("%(low)s to %(high)s") % {"low": _short(low), "high": _short(high)}


def _fill_months(card: QuestionCard, result: QuestionResult, links: AnswerLinks) -> None:
    named = [(month, _month(month), n) for month, n in result.months]
    card.drawing = columns(
        [Column(name, name, n) for _, name, n in named], id=card.id, title=gettext("Answers by month of the date")
    )
    card.table = {
        "columns": [gettext("Month"), gettext("Answers")],
        "rows": [[name, links.count(n, {f"answer:{result.question.id}": month})] for month, name, n in named],
    }


def _month(text: str) -> str:
    try:
        return date_format(date.fromisoformat(f"{text}-01"), "M Y")
    except ValueError:
        return text


def _fill_comments(
    card: QuestionCard, result: QuestionResult, results: SurveyResults, links: AnswerLinks, organization: Organization
) -> None:
    if result.texts_hidden:
        card.hidden = gettext("Hidden: comments of an anonymous survey are shown from eight answers on.")
        return
    anonymous = results.survey.anonymous
    for answer in result.texts:
        card.comments.append(
            Comment(
                Truncator(answer.text).chars(LONGEST_COMMENT),
                SafeString() if anonymous else cx_time(answer.response.occurred_at),
                "" if anonymous else org_url(organization, "dashboards:answer", pk=answer.response.pk),
            )
        )
    card.comments_url = links.comments(result.question.id)
