"""What the pages of paths show: numbers in words, ways with their links, in the order in which a reader needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext_noop as noop

from apps.journeys.queries import MapView
from apps.paths.drawing import Drawing, Place, Way, draw_paths, finding_of
from cxm.channels import Channel

THRESHOLDS: Final = (0, 1, 2, 5, 10, 20)
"""Per cent of customers below which a way is not drawn."""
USUAL: Final = 2
SHOWN_VARIANTS: Final = 10
KINDS: Final = {
    "next": gettext_lazy("next on the map"),
    "skip": gettext_lazy("skips"),
    "back": gettext_lazy("goes back"),
    "repeat": gettext_lazy("comes again"),
}
HEAT: Final = ("", "cx-h1", "cx-h2", "cx-h3")
UNITS: Final = (
    (86_400 * 365.25, noop("%s years")),
    (86_400.0, noop("%s days")),
    (3_600.0, noop("%s h")),
    (60.0, noop("%s min")),
)


def percent(share: float | None) -> str:
    """A share 0..1 as per cent, with a decimal under 10 %."""
    if share is None:
        return "–"
    value = 100 * share
    if 0 < value < 0.05:
        return "<0.1\u00a0%"
    return f"{value:.0f}\u00a0%" if value >= 10 or value == round(value) else f"{value:.1f}\u00a0%"


def took(seconds: float | None) -> str:
    """A time in the unit that suits it."""
    if seconds is None:
        return "–"
    for size, words in UNITS:
        if seconds >= size:
            value = seconds / size
            return _(words) % (f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0"))
    return _("%s s") % f"{seconds:.0f}"


def grouped(n: int) -> str:
    """A count with thin spaces between thousands."""
    return f"{n:,}".replace(",", "\u202f")


@dataclass(frozen=True, slots=True)
class Figure:
    """A share of customers with its interval in words and what it means."""

    label: str
    value: str
    interval: str
    count: str
    hint: str


def figures(result: Mapping[str, Any]) -> list[Figure]:
    """Who follows, skips, loops and drops off."""
    told = (
        ("follow", _("Follow the map"), _("met its touchpoints in its order, skipping none")),
        ("skip", _("Skip"), _("got further without a touchpoint before it")),
        ("loop", _("Loop"), _("came by again or went back")),
        ("drop_off", _("Stop on the way"), _("last seen before the end of the map")),
    )
    return [
        Figure(
            label,
            percent(result[name]["rate"]),
            _("(%(low)s to %(high)s)") % {"low": percent(result[name]["low"]), "high": percent(result[name]["high"])}
            if result[name]["rate"] is not None
            else "",
            grouped(result[name]["n"]),
            hint,
        )
        for name, label, hint in told
    ]


@dataclass(frozen=True, slots=True)
class Row:
    """An edge as a row of the table."""

    source: str
    target: str
    kind: str
    n: str
    customers: str
    share: str
    median: str
    quartiles: str
    url: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows of a result."""

    figures: list[Figure]
    drawing: Drawing
    rows: list[Row]
    hidden: int
    places: list[dict[str, Any]]
    variants: list[dict[str, Any]]
    stops: list[dict[str, Any]]


def present(result: Mapping[str, Any], view: MapView, *, least: int, between_url: str) -> Shown:
    """Everything a page shows of a map's real paths; ways below `least` per cent of customers are left out."""
    names = {key: row.name for key, row in view.touchpoints.items()}
    numbers = {one["touchpoint"]: number for number, one in enumerate(result["touchpoints"])}
    edges = sorted(result["edges"], key=lambda edge: -edge["customers"])
    drawn = [edge for edge in edges if 100 * edge["rate"] >= least]

    def way_url(edge: Mapping[str, Any]) -> str:
        return f"{between_url}{urlencode({'source': edge['from'], 'target': edge['to']})}"

    picture = draw_paths(
        [
            Place(
                one["touchpoint"],
                names[one["touchpoint"]],
                ngettext("%(n)s customer · %(share)s", "%(n)s customers · %(share)s", one["customers"])
                % {"n": grouped(one["customers"]), "share": percent(one["rate"])},
                one["rate"] or 0.0,
            )
            for one in result["touchpoints"]
        ],
        [
            Way(
                numbers[edge["from"]],
                numbers[edge["to"]],
                edge["kind"],
                edge["rate"],
                _words(edge),
                way_url(edge),
            )
            for edge in drawn
        ],
        title=_("Real paths on the map"),
        finding=finding_of(result, percent(result["follow"]["rate"])),
    )
    people = result["customers"]
    return Shown(
        figures=figures(result),
        drawing=picture,
        rows=[
            Row(
                names[edge["from"]],
                names[edge["to"]],
                str(KINDS[edge["kind"]]),
                grouped(edge["n"]),
                grouped(edge["customers"]),
                percent(edge["rate"]),
                took(edge["median_seconds"]),
                _("%(low)s to %(high)s") % {"low": took(edge["q1_seconds"]), "high": took(edge["q3_seconds"])},
                way_url(edge),
            )
            for edge in drawn
        ],
        hidden=len(edges) - len(drawn),
        places=[
            {
                **{
                    name: grouped(one[name])
                    for name in ("customers", "visits", "entered", "left", "skipped", "repeated")
                },
                "name": names[one["touchpoint"]],
                "pk": view.touchpoints[one["touchpoint"]].pk,
                "share": percent(one["rate"]),
            }
            for one in result["touchpoints"]
        ],
        variants=[
            {
                "names": [names[key] for key in one["touchpoints"]],
                "customers": grouped(one["customers"]),
                "share": percent(one["rate"]),
            }
            for one in result["variants"][:SHOWN_VARIANTS]
        ],
        stops=[
            {"name": names[one["touchpoint"]], "n": grouped(one["left"]), "share": percent(one["left"] / people)}
            for one in sorted(result["touchpoints"], key=lambda one: -one["left"])
            if one["left"]
        ],
    )


def _words(edge: Mapping[str, Any]) -> str:
    figure = f"{grouped(edge['customers'])} · {percent(edge['rate'])}"
    words = {
        "skip": pgettext("way on a map", "skip %s"),
        "back": pgettext("way on a map", "back %s"),
        "repeat": pgettext("way on a map", "again %s"),
    }
    return words[edge["kind"]] % figure if edge["kind"] in words else figure


def conversion_row(label: str, found: Mapping[str, Any]) -> dict[str, str]:
    """The figures between two touchpoints in words."""
    return {
        "label": label,
        "entered": grouped(found["entered"]),
        "achieved": grouped(found["achieved"]),
        "missed": grouped(found["not_achieved"]),
        "open": grouped(found["open"]),
        "rate": percent(found["rate"]),
        "interval": _("(%(low)s to %(high)s)") % {"low": percent(found["low"]), "high": percent(found["high"])}
        if found["rate"] is not None
        else "",
        "median": took(found["median_seconds"]),
    }


def matrix(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The hand-overs as a table: channels that occur, and a cell for every pair, darker the more there are."""
    labels = dict(Channel.choices)
    used = [name for name in Channel.values if any(name in (cell["from"], cell["to"]) for cell in cells)]
    most = max((cell["n"] for cell in cells), default=1)
    by_pair = {(cell["from"], cell["to"]): cell for cell in cells}
    rows = []
    for source in used:
        row: list[dict[str, str] | None] = []
        for target in used:
            cell = by_pair.get((source, target))
            if cell is None:
                row.append(None)
                continue
            row.append(
                {
                    "n": grouped(cell["n"]),
                    "median": took(cell["median_seconds"]),
                    "repeat": percent(cell["repeat_rate"]),
                    "heat": HEAT[min(3, 1 + int(3 * cell["n"] / most))],
                }
            )
        rows.append({"label": labels[source], "cells": row})
    return {"columns": [labels[name] for name in used], "rows": rows}
