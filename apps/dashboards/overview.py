"""What the dashboard shows, read in a handful of queries and made ready to print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from string import ascii_uppercase
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localdate
from django.utils.translation import gettext, ngettext

from apps.metrics.counting import (
    BEFORE,
    NOW,
    Interval,
    Split,
    SurveyFacts,
    Tallies,
    Tally,
    count,
    next_period,
    surveys_for,
)
from apps.metrics.feedback import band_of
from apps.metrics.queries import (
    Change,
    Period,
    Reading,
    breaks_in,
    read_tally,
    series_of,
    touchpoint_readings,
)
from apps.metrics.response_rates import ResponseRate, response_rate
from apps.metrics.selection import Selection
from apps.metrics.statistics import RULES, Metric, TopBoxRule
from apps.surveys.breaks import Break
from apps.surveys.definition import Question
from apps.surveys.models import Response
from apps.touchpoints.models import Touchpoint
from cxm.charts import (
    Bar,
    Note,
    Tone,
    TrendPoint,
    distribution,
    figure,
    figure_with_interval,
    signed_change,
    sparkline,
    trend,
)
from cxm.charts.figures import interval as interval_words

METRICS = ("nps", "csat", "ces")
MOST_ROWS = 12
MOST_COMMENTS = 6
MOST_MOVED = 3

NAMES = {
    "nps": lambda: gettext("Net Promoter Score"),
    "csat": lambda: gettext("Customer satisfaction"),
    "ces": lambda: gettext("Customer effort"),
}
SHORT = {"nps": "NPS", "csat": "CSAT", "ces": "CES"}


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline figure."""

    title: str
    metric: Metric | None
    change: Change | None
    hint: str
    note: str
    spark: SafeString
    url: str
    help: str


@dataclass(frozen=True, slots=True)
class TrendCard:
    """The chosen metric over time."""

    title: str
    drawing: SafeString
    table: dict[str, list]
    legend: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DistributionCard:
    """How often each score was given."""

    drawing: SafeString
    legend: list[tuple[str, SafeString]]
    caption: str


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One score of a touchpoint, its target, and the way to its answers."""

    metric: Metric | None
    target: float | None
    url: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A touchpoint with its scores; change and n are those of the first of them that is measured."""

    id: UUID
    name: str
    channel: str
    url: str
    cells: list[HeatCell]
    change: Change | None
    change_words: str
    unit: str
    n: int | None
    n_url: str


@dataclass(frozen=True, slots=True)
class Comments:
    """The newest comments behind what moved, or simply the newest when nothing did."""

    rows: list[Response]
    moved: list[str]
    comparable: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole dashboard."""

    tiles: list[Tile]
    trend: TrendCard | None
    distribution: DistributionCard | None
    rows: list[HeatRow]
    further_rows: int
    has_targets: bool
    comments: Comments
    shown_metric: str
    interval: Interval
    n: int
    ever_asked: bool


class Links:
    """Addresses of the answers behind a number: the page's filters with some more."""

    def __init__(self, feedback_url: str, params: QueryDict) -> None:
        self.feedback_url = feedback_url
        self.params = params
        self.kept = {name: values for name, values in params.lists() if name not in ("interval", "show", "period")}

    def to(self, **more: object) -> str:
        """The feedback list under the page's filters, with these added or replaced (`from_` for `from`)."""
        changed = {name.rstrip("_"): [str(value)] for name, value in more.items()}
        return f"{self.feedback_url}?{urlencode(self.kept | changed, doseq=True)}"

    def kind_of(self, relationship: bool) -> dict[str, str]:
        """The kind of survey a headline is from, as a filter; none where the page's filters name what counts."""
        if self.params.get("survey") or self.params.get("touchpoint") or self.params.get("journey"):
            return {}
        return {"kind": "relationship" if relationship else "touchpoint"}


@dataclass(frozen=True, slots=True)
class _Headline:
    """One metric of the tiles: its score, its periods, and which surveys it is from."""

    reading: Reading | None
    series: list[Period]
    relationship: bool


def usual_interval(selection: Selection) -> Interval:
    """Days for two weeks, weeks for a year, months beyond."""
    first, last = selection.days
    length = (last - first).days
    return "day" if length <= 14 else "week" if length <= 370 else "month"


def overview(
    selection: Selection,
    surveys: Sequence[SurveyFacts],
    touchpoints: Sequence[Touchpoint],
    *,
    links: Links,
    interval: Interval,
    shown_metric: str,
) -> Overview:
    """Everything on the dashboard. Four queries: counts by survey and period, scores by touchpoint, response rate,
    comments; two more for each anonymous survey of customers."""
    headlines = _headlines(selection, surveys, interval)
    chosen = headlines[shown_metric]
    readings = touchpoint_readings(
        selection, METRICS, compare_before=True, surveys=surveys_for(selection, "any", among=surveys)
    )
    rate = response_rate(
        selection, [survey.id for survey in surveys_for(selection, "any", among=surveys)], interval=interval
    )
    rows = _heat_rows(touchpoints, readings, links)
    period = period_in_words(selection)
    return Overview(
        tiles=[*(_tile(metric, headlines[metric], links, period) for metric in METRICS), _rate_tile(rate, period)],
        trend=_trend_card(shown_metric, chosen, interval, links, _breaks(selection, surveys, chosen, shown_metric))
        if chosen.series
        else None,
        distribution=_distribution_card(shown_metric, chosen, links),
        rows=rows[:MOST_ROWS],
        further_rows=max(0, len(rows) - MOST_ROWS),
        has_targets=any(touchpoint.target for touchpoint in touchpoints),
        comments=_comments(selection, surveys, headlines, touchpoints, readings),
        shown_metric=shown_metric,
        interval=interval,
        n=sum(headline.reading.metric.n for headline in headlines.values() if headline.reading),
        ever_asked=bool(surveys),
    )


# Tiles


def _headlines(selection: Selection, surveys: Sequence[SurveyFacts], interval: Interval) -> dict[str, _Headline]:
    """The headline of each metric: from the surveys named, else from relationship surveys, and only where there is
    none of those from touchpoint surveys, which are never added to them. One query."""
    asked = surveys_for(selection, "any", among=surveys)
    tallies = count(selection, asked, METRICS, split=Split(interval, by="relationship"), compare=True)
    if selection.surveys is not None or selection.touchpoints is not None:
        return {metric: _headline(metric, tallies, (True, False), interval) for metric in METRICS}
    kinds = {survey.kind for survey in asked if survey.relationship}
    found = {}
    for metric in METRICS:
        found[metric] = _headline(metric, tallies, (True,), interval)
        if metric not in kinds and not _answered(found[metric]):
            found[metric] = _headline(metric, tallies, (False,), interval)
    return found


def _breaks(
    selection: Selection, surveys: Sequence[SurveyFacts], headline: _Headline, metric: str
) -> list[tuple[str, Break]]:
    """The breaks of the surveys that the line of a metric is drawn from. Two queries at most."""
    named = selection.surveys is not None or selection.touchpoints is not None
    drawn = [
        survey
        for survey in surveys_for(selection, "any", among=surveys)
        if named or survey.relationship == headline.relationship
    ]
    names = {survey.id: survey.name for survey in drawn}
    return [(names[pk], one) for pk, one in breaks_in(selection, drawn, metric)]


def _answered(headline: _Headline) -> bool:
    return headline.reading is None or bool(headline.reading.metric.n)


def _headline(metric: str, tallies: Tallies, kinds: tuple[bool, ...], interval: Interval) -> _Headline:
    """The score of relationship surveys (True), touchpoint surveys (False), or both, out of counts by kind."""
    relationship = kinds == (True,)
    windows = {NOW: Tally(), BEFORE: Tally()}
    periods: dict[date, Tally] = {}
    for slot, tally in tallies.items():
        if slot.metric != metric or slot.key not in kinds:
            continue
        if slot.period is None:
            windows[slot.window].merge(tally)
        elif slot.window == NOW:
            periods.setdefault(slot.period, Tally()).merge(tally)
    reading = read_tally(metric, windows[BEFORE], windows[NOW])
    if reading is None:
        return _Headline(None, [], relationship)
    rule, scale = RULES[reading.metric.rule], len(reading.metric.distribution)
    return _Headline(reading, series_of(rule, scale, periods, interval), relationship)


def _tile(metric: str, headline: _Headline, links: Links, period: str) -> Tile:
    reading = headline.reading
    if reading is None:
        note = gettext("Asked on different scales: choose one survey.")
        return Tile(NAMES[metric](), None, None, "", note, SafeString(), links.to(metric=metric), metric)
    kind = links.kind_of(headline.relationship)
    hints = [_scale_hint(reading.metric)]
    if kind and not headline.relationship:
        hints.insert(0, gettext("touchpoint surveys"))
    return Tile(
        title=NAMES[metric](),
        metric=reading.metric,
        change=reading.change,
        hint=", ".join(hint for hint in hints if hint),
        note=_since(reading.change, period),
        spark=sparkline([period.metric.value for period in headline.series]),
        url=links.to(metric=metric, **kind),
        help=metric,
    )


def _rate_tile(rate: ResponseRate, period: str) -> Tile:
    asked = bool(rate.metric.n)
    return Tile(
        title=gettext("Response rate"),
        metric=rate.metric if asked else None,
        change=rate.change,
        hint="",
        note=_since(rate.change, period) if asked else gettext("No invitation was delivered in this period."),
        spark=sparkline([metric.value for metric in rate.series]),
        url="",
        help="response-rate",
    )


def _since(change: Change | None, period: str) -> str:
    """Since when a change is counted, where it is one."""
    return period if change and change.significant else ""


def _scale_hint(metric: Metric) -> str:
    """How the score was asked, in the rule's own terms; nothing for NPS, which has one scale."""
    rule, scale = RULES[metric.rule], len(metric.distribution)
    if isinstance(rule, TopBoxRule):
        top = scale - rule.box(scale) + 1
        return gettext("top %(box)s of %(scale)s") % {"box": top, "scale": scale}
    if rule.unit == "mean":
        return gettext("mean of %(scale)s, lower is better") % {"scale": scale}
    return ""


# Trend and distribution


def _trend_card(
    metric: str, headline: _Headline, interval: Interval, links: Links, breaks: Sequence[tuple[str, Break]] = ()
) -> TrendCard:
    assert headline.reading is not None
    kind = links.kind_of(headline.relationship)
    return trend_card(
        metric,
        headline.reading.metric,
        headline.series,
        interval,
        params=links.params,
        to=lambda **more: links.to(metric=metric, **more, **kind),
        breaks=breaks,
    )


def trend_card(
    metric: str,
    found: Metric,
    series: Sequence[Period],
    interval: Interval,
    *,
    params: QueryDict,
    to: Callable[..., str],
    breaks: Sequence[tuple[str, Break]] = (),
) -> TrendCard:
    """A score over time. `to` gives the address of the answers of a period; `breaks` are (survey, break)."""
    unit = found.unit
    rule = RULES[found.rule]
    by = {"day": gettext("by day"), "week": gettext("by week"), "month": gettext("by month")}[interval]
    title = gettext("%(metric)s %(by)s") % {"metric": SHORT[metric], "by": by}
    years = {period.start.year for period in series}
    points = [_point(period, interval, len(years) > 1) for period in series]
    notes, notes_legend = break_notes(series, interval, breaks)
    drawing = trend(
        points,
        id="trend",
        title=gettext("%(title)s, with 95 %% interval") % {"title": title},
        unit=unit,  # type: ignore[arg-type]
        limits=rule.limits(len(found.distribution)),
        notes=notes,
    )
    rows = []
    for period, point in zip(series, points, strict=True):
        last = next_period(period.start, interval) - timedelta(days=1)
        start, end = _within(params, period.start, last)
        url = to(from_=start.isoformat(), to_=end.isoformat())
        of = period.metric
        rows.append(
            [
                point.name,
                gettext("hidden: too few answers") if of.suppressed else figure(of.value, unit, decimals=1),  # type: ignore[arg-type]
                interval_words(of.low, of.high, unit, decimals=1),  # type: ignore[arg-type]
                format_html('<a href="{}">{}</a>', url, of.n) if url and of.n and not of.suppressed else str(of.n),
            ]
        )
    return TrendCard(
        title=gettext("%(metric)s over time") % {"metric": SHORT[metric]},
        drawing=drawing,
        table={
            "columns": [gettext("Period"), SHORT[metric], gettext("95 % interval"), gettext("Answers")],
            "rows": rows,
        },
        legend=[
            ("cx-kline", title),
            ("cx-kband", gettext("95 % interval")),
            ("cx-khollow", gettext("fewer than 30 answers")),
            *notes_legend,
        ],
    )


def break_notes(
    series: Sequence[Period], interval: Interval, breaks: Sequence[tuple[str, Break]]
) -> tuple[list[Note], list[tuple[str, str]]]:
    """Where the line of a score breaks: a note at the period of each break, and what the letters mean.

    The days are those of the organisation's calendar, whose zone is in force.
    """
    at: dict[int, list[str]] = {}
    for name, one in sorted(breaks, key=lambda pair: pair[1].at):
        day = localdate(one.at)
        index = next(
            (i for i, period in enumerate(series) if period.start <= day < next_period(period.start, interval)), None
        )
        if index is not None:
            words = {"survey": name, "n": one.version, "day": date_format(day, "j M Y")}
            at.setdefault(index, []).append(
                gettext("another scale in “%(survey)s” since version %(n)s, %(day)s") % words
                if one.what == "scale"
                else gettext("other words in “%(survey)s” since version %(n)s, %(day)s") % words
            )
    notes, legend = [], []
    for letter, (index, texts) in zip(ascii_uppercase, sorted(at.items()), strict=False):
        text = "; ".join(dict.fromkeys(texts))
        notes.append(Note(index, letter, text))
        legend.append(("", f"{letter}: {text}"))
    return notes, legend


def _within(params: QueryDict, start: date, end: date) -> tuple[date, date]:
    """A period cut to the window of the page, whose first and last periods may be parts of one."""
    first, last = params.get("from"), params.get("to")
    return max(start, date.fromisoformat(first)) if first and len(first) == 10 else start, (
        min(end, date.fromisoformat(last)) if last and len(last) == 10 else end
    )


def _point(period: Period, interval: Interval, with_year: bool) -> TrendPoint:
    day = date_format(period.start, "j M Y" if with_year else "j M")
    if interval == "month":
        label, name = date_format(period.start, "M Y" if with_year else "M"), date_format(period.start, "F Y")
    elif interval == "week":
        label, name = day, gettext("Week of %(day)s") % {"day": day}
    else:
        label, name = day, date_format(period.start, "D j M Y")
    metric = period.metric
    return TrendPoint(label, name, metric.value, metric.low, metric.high, metric.n)


def score_tones(metric: Metric, question: Question) -> dict[str, Tone]:
    """The same for a rating without a metric: by its bands."""
    if metric.rule in RULES:
        return tones(metric)
    words: dict[str, Tone] = {"low": "det", "middle": "pas", "high": "pro"}
    return {score: words[question.band(int(score))] for score in metric.distribution}


def tones(metric: Metric) -> dict[str, Tone]:
    """Score -> bad, neutral or good, as the rule counts it."""
    rule, scores = RULES[metric.rule], [int(score) for score in metric.distribution]
    scale = len(scores)
    if rule.metric == "nps":
        return {str(s): "pro" if s >= 9 else "pas" if s >= 7 else "det" for s in scores}
    if isinstance(rule, TopBoxRule):
        top, low = rule.box(scale), scale - rule.box(scale) + 1
        return {str(s): "pro" if s >= top else "det" if s <= low else "pas" for s in scores}
    return {str(s): "pro" if s <= 2 else "det" if s >= 4 else "pas" for s in scores}


def _distribution_card(metric: str, headline: _Headline, links: Links) -> DistributionCard | None:
    if headline.reading is None or not any(headline.reading.metric.distribution.values()):
        return None
    found = headline.reading.metric
    of_score = tones(found)
    bars = [Bar(score, n, of_score[score]) for score, n in found.distribution.items()]
    kind = links.kind_of(headline.relationship)
    words = _band_words(metric)
    legend = []
    for tone, band in (("det", "detractor"), ("pas", "passive"), ("pro", "promoter")):
        scores = [score for score, of in of_score.items() if of == tone]
        if not scores:
            continue
        n = sum(bar.count for bar in bars if bar.tone == tone)
        span = scores[0] if len(scores) == 1 else f"{scores[0]}–{scores[-1]}"
        url = links.to(metric=metric, band=band, **kind)
        legend.append((f"cx-k{tone}", format_html('<a href="{}">{} {} · {}</a>', url, words[tone], span, n)))
    return DistributionCard(
        drawing=distribution(bars, id="distribution", title=gettext("Distribution of %(n)s answers") % {"n": found.n}),
        legend=legend,
        caption=_caption(metric, found, bars),
    )


def _band_words(metric: str) -> dict[str, str]:
    if metric == "nps":
        return {"det": gettext("Detractors"), "pas": gettext("Passives"), "pro": gettext("Promoters")}
    if metric == "csat":
        return {"det": gettext("Dissatisfied"), "pas": gettext("Neutral"), "pro": gettext("Satisfied")}
    return {"det": gettext("Difficult"), "pas": gettext("Neutral"), "pro": gettext("Easy")}


def _caption(metric: str, found: Metric, bars: Iterable[Bar]) -> str:
    """How the headline follows from the bars."""
    bars = list(bars)

    def share(tone: str) -> str:
        hits = sum(bar.count for bar in bars if bar.tone == tone)
        return figure(100 * hits / found.n, "percent", decimals=1)

    printed = figure_with_interval(found.value, found.low, found.high, found.unit)  # type: ignore[arg-type]
    if metric == "nps":
        return gettext("%(pro)s promoters − %(det)s detractors = %(score)s, with its 95 %% interval.") % {
            "pro": share("pro"),
            "det": share("det"),
            "score": printed,
        }
    if found.unit == "mean":
        return gettext("Mean %(score)s, with its 95 %% interval.") % {"score": printed}
    return gettext("%(pro)s in the best box: %(score)s, with its 95 %% interval.") % {
        "pro": share("pro"),
        "score": printed,
    }


# Touchpoints


def _heat_rows(
    touchpoints: Sequence[Touchpoint], readings: dict[UUID, dict[str, Reading]], links: Links
) -> list[HeatRow]:
    """Touchpoints in use, the worst first; those without an answer last."""
    rows = []
    for touchpoint in touchpoints:
        measured = readings.get(touchpoint.pk, {})
        if touchpoint.archived_at and not measured:
            continue
        first = next((metric for metric in METRICS if metric in measured), None)
        cells = [
            HeatCell(
                metric=measured[metric].metric if metric in measured else None,
                target=_target(touchpoint, metric),
                url=links.to(touchpoint=touchpoint.key, metric=metric) if metric in measured else "",
            )
            for metric in METRICS
        ]
        lead = measured.get(first) if first else None
        rows.append(
            HeatRow(
                id=touchpoint.pk,
                name=touchpoint.name,
                channel=touchpoint.channel,
                url=links.to(touchpoint=touchpoint.key),
                cells=cells,
                change=lead.change if lead and lead.change and lead.change.significant else None,
                change_words=_words(lead.change) if lead and lead.change else "",
                unit=lead.metric.unit if lead else "points",
                n=lead.metric.n if lead else None,
                n_url=links.to(touchpoint=touchpoint.key, metric=first) if first else "",
            )
        )
    return sorted(rows, key=_worst_first)


def _worst_first(row: HeatRow) -> tuple[bool, bool, float, str]:
    lead = next((cell.metric for cell in row.cells if cell.metric), None)
    value = lead.value if lead and lead.value is not None else 0.0
    return lead is None, lead is not None and not lead.usable, value, row.name.casefold()


def _target(touchpoint: Touchpoint, metric: str) -> float | None:
    target = (touchpoint.target or {}).get(metric)
    return float(target) if isinstance(target, int | float) and not isinstance(target, bool) else None


# Comments


def _comments(
    selection: Selection,
    surveys: Sequence[SurveyFacts],
    headlines: dict[str, _Headline],
    touchpoints: Sequence[Touchpoint],
    readings: dict[UUID, dict[str, Reading]],
) -> Comments:
    """Comments from the touchpoints that moved most, on the side they moved to. One query.

    Anonymous surveys have no comments here: under a filter on time a single one may stand alone.
    """
    comparable = selection.before() is not None
    names = {touchpoint.pk: touchpoint.name for touchpoint in touchpoints}
    moves: list[tuple[float, str, Q]] = []
    for pk, measured in readings.items():
        for metric, reading in measured.items():
            if reading.change and reading.change.significant and pk in names:
                words = f"{names[pk]} ({SHORT[metric]} {_words(reading.change)})"
                moves.append((_size(reading.change), words, Q(touchpoint=pk) & _side(reading.change, metric)))
    for metric, headline in headlines.items():
        change = headline.reading.change if headline.reading else None
        if headline.relationship and change and change.significant:
            words = f"{NAMES[metric]()} {_words(change)}"
            moves.append((_size(change), words, Q(survey__relationship=True) & _side(change, metric)))
    moves = sorted(moves, key=lambda move: -move[0])[:MOST_MOVED]
    asked = [survey.id for survey in surveys_for(selection, "any", among=surveys) if not survey.anonymous]
    rows = (
        selection.responses()
        .filter(selection.window() & selection.dimensions(), survey__in=asked)
        .exclude(comment="")
        .select_related("touchpoint", "survey", "customer")
        .defer("answers", "attributes", "survey__definition", "survey__languages")
        .order_by("-occurred_at", "-id")
    )
    if moves:
        behind = Q()
        for _size_of_move, _name, q in moves:
            behind |= q
        found = list(rows.filter(behind)[:MOST_COMMENTS])
        if found:
            return Comments(found, list(dict.fromkeys(name for _, name, _ in moves)), comparable)
    return Comments(list(rows[:MOST_COMMENTS]), [], comparable)


def _size(change: Change) -> float:
    """A move as a share of its scale, so that points, percent and means can be ranked together."""
    return abs(change.difference) / {"points": 200, "percent": 100}.get(change.unit, 6)


def _words(change: Change) -> str:
    return signed_change(change.difference, change.unit)  # type: ignore[arg-type]


def _side(change: Change, metric: str) -> Q:
    return band_of("promoter" if change.better else "detractor", metric)


def period_in_words(selection: Selection) -> str:
    """ "vs prior 90 days", or nothing where there is no period before."""
    if selection.before() is None:
        return ""
    first, last = selection.days
    days = (last - first).days + 1
    return ngettext("vs prior %(n)s day", "vs prior %(n)s days", days) % {"n": days}
