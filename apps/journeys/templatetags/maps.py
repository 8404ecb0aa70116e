"""Parts of a map that stand on it hundreds of times: written in Python, since a template for each takes far longer."""

from __future__ import annotations

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from apps.journeys.curves import Table
from apps.journeys.live import Chip, Place
from cxm.web.templatetags.cx import cx_chip, cx_icon, cx_time

register = template.Library()
NOTHING = SafeString()


@register.simple_tag(takes_context=True)
def map_scores(context: template.Context, place: Place) -> SafeString:
    """What is measured at a touchpoint, and how often it was met: scores, trends, interactions, cases, ideas."""
    parts: list[SafeString] = []
    if context.get("can_measure"):
        parts += [_chip(chip, place.id) for chip in place.chips] or [_unmeasured(place, bool(context.get("editable")))]
        if place.since:
            words = gettext("counts since")
            parts.append(format_html('<span class="cx-muted">{} {}</span>', words, cx_time(place.since, "exact")))
    if n := place.volume:
        parts.append(_tag(ngettext("%(n)s interaction", "%(n)s interactions", n) % {"n": n}))
    if n := place.open_cases:
        parts.append(_tag(ngettext("%(n)s open case", "%(n)s open cases", n) % {"n": n}))
    if n := place.ideas:
        words = ngettext("%(n)s idea", "%(n)s ideas", n) % {"n": n}
        if place.ideas_url:
            parts.append(format_html('<a class="cx-tag" href="{}">{}</a>', place.ideas_url, words))
        else:
            parts.append(_tag(words))
    return SafeString("".join(parts))


@register.simple_tag
def not_comparable(id: str, why: str, label: str = "") -> SafeString:
    """ "Not comparable", with the reason a press away. `id` is unique on the page."""
    never = gettext("Scores of different questions are never ranked or averaged.")
    return format_html(
        '<button class="cx-pill cx-flat" type="button" popovertarget="mixed-{}">{} {}</button>'
        '<span popover id="mixed-{}" class="cx-menu cx-pad cx-12" dir="auto">{} {}</span>',
        id,
        " ".join(filter(None, [label, gettext("not comparable")])),
        cx_icon("help-circle", "s"),
        id,
        why,
        never,
    )


@register.simple_tag
def curve_table(table: Table) -> SafeString:
    """The curves as a table, folded away under "Show as table"."""
    heads = format_html_join("", '<th scope="col">{}</th>', ((column,) for column in table.columns))
    rows = format_html_join(
        "",
        '<tr><th scope="row" dir="auto">{}</th>{}</tr>',
        ((row[0], format_html_join("", '<td dir="auto">{}</td>', ((cell,) for cell in row[1:]))) for row in table.rows),
    )
    return format_html(
        '<details class="cx-data cx-data-w"><summary>{}</summary>'
        '<div class="cx-scroll" tabindex="0" role="group" aria-label="{}">'
        '<table class="cx-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div></details>',
        gettext("Show as table"),
        gettext("The chart as a table"),
        heads,
        rows,
    )


def _chip(chip: Chip, place_id: str) -> SafeString:
    """One score with its n and its trend; or that it cannot be had of these answers."""
    found = NOTHING
    if chip.metric is not None:
        found = cx_chip(chip.metric, chip.target, chip.url, chip.label)
        if chip.trend:
            found += format_html(
                '<span class="cx-trd {}" title="{}">{}<span class="cx-sr">{} {}</span></span>',
                chip.trend.tone,
                chip.trend.words,
                cx_icon(chip.trend.icon, "s"),
                chip.label,
                chip.trend.words,
            )
        if chip.metric.n and not chip.metric.suppressed:
            found += format_html('<span class="cx-muted cx-num">n {}</span>', chip.metric.n)
    if why := chip.mixed:
        found += not_comparable(f"{place_id}-{chip.name}", why, chip.label)
    return found


def _unmeasured(place: Place, editable: bool) -> SafeString:
    words = gettext("not measured")
    if place.survey_url and editable:
        title = gettext("Create a survey for it")
        return format_html('<a class="cx-muted" href="{}" title="{}">{}</a>', place.survey_url, title, words)
    return format_html('<span class="cx-muted">{}</span>', words)


def _tag(words: str) -> SafeString:
    return format_html('<span class="cx-tag">{}</span>', words)
