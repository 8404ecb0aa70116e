"""A map as PDF or PNG: vectors, one page wide whatever its length, or on a sheet of paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.journeys.live import Chip, Place
from apps.journeys.sheets import Highlight, MapSheet, SheetStep
from apps.organizations.branding import is_colour, light_accent
from apps.touchpoints.models import Channel
from cxm.typesetting import Words, set_document
from cxm.web.templatetags.cx import chip_words

TEMPLATE: Final = Path(__file__).with_name("map.typ")
ACCENT: Final = "#0F766E"
LAYOUTS: Final = {
    "wide": gettext_lazy("One wide page"),
    "pages": gettext_lazy("Pages of A4"),
    "a3": gettext_lazy("Poster A3"),
    "a2": gettext_lazy("Poster A2"),
    "a1": gettext_lazy("Poster A1"),
    "a0": gettext_lazy("Poster A0"),
}
STEP_WIDTH: Final = 130
"""Points of a column."""
MOST_PIXELS: Final = 50_000_000
MOST_PIXELS_WIDE: Final = 16_000
PPI: Final = 144
"""Twice the 72 points of an inch."""
LABEL_WIDTH: Final = 92
MARGIN: Final = 34
MOST_HIGHLIGHTS: Final = 9


def map_pdf(sheet: MapSheet, *, layout: str = "wide") -> bytes:
    """The map and, on a page of their own, the delusions, pain points and opportunities that matter most.

    ``layout`` is one of LAYOUTS: posters are that one sheet. The curves of ``sheet`` are drawn with paint "literal" and
    STEP_WIDTH. 0.2 s for a map of ten steps; one of 40 stages and 400 cards takes about a second.
    """
    return set_document(TEMPLATE, map_data(sheet, layout), suffix="pdf")[0]


def map_png(sheet: MapSheet) -> bytes:
    """The map as a picture of twice its size on a screen; smaller where it would have more than 50 megapixels."""
    width = LABEL_WIDTH + 2 * MARGIN + STEP_WIDTH * max(len(sheet.steps), 1)
    guess = width * 1000.0
    ppi = min(PPI, 72 * MOST_PIXELS_WIDE / width, 72 * (MOST_PIXELS / guess) ** 0.5)
    return set_document(TEMPLATE, map_data(sheet, "wide") | {"findings": None}, suffix="png", ppi=ppi)[0]


def file_name(title: str, number: int | None, suffix: str) -> str:
    """A name for a file: the map's own, with its version."""
    plain = "".join(letter if letter.isalnum() or letter in " -_" else " " for letter in title)
    version = f" v{number}" if number else ""
    return f"{' '.join(plain.split())[:80] or 'map'}{version}.{suffix}"


def map_data(sheet: MapSheet, layout: str) -> dict[str, Any]:
    """What the template reads: every text as it can be printed."""
    words = Words()
    say = words.say
    organization = sheet.organization
    accent = light_accent(organization.accent).fill if is_colour(organization.accent or "") else ACCENT
    facts = [sheet.state, _("As is") if sheet.content["kind"] == "as_is" else _("To be")]
    if sheet.shows_scores:
        facts.append(_("scores: %(period)s") % {"period": sheet.period})
        facts += sheet.narrowed
        values = {"n": f"{sheet.answers:,}".replace(",", "\u202f"), "metric": sheet.content["metric"].upper()}
        facts.append(_("%(n)s answers to %(metric)s") % values)
    data = {
        "layout": layout,
        "accent": accent,
        "title": say(sheet.content["name"]),
        "organization": say(organization.name),
        "persona": say(sheet.persona),
        "tagline": say(sheet.tagline),
        "purpose": say(sheet.version.purpose) if sheet.version else "",
        "facts": [say(fact) for fact in facts],
        "step-width": STEP_WIDTH,
        "label-width": LABEL_WIDTH,
        "margin": MARGIN,
        "stages": [
            {
                "name": say(stage.name),
                "duration": say(stage.duration),
                "span": len(stage.steps),
                "chip": _chip(stage.measured.worst, words) if sheet.shows_scores and stage.measured.worst else None,
                "mixed": bool(stage.measured.mixed),
            }
            for stage in sheet.stages
        ],
        "shows-steps": any(
            len(stage.steps) != 1 or stage.steps[0].name not in (stage.name, "") for stage in sheet.stages
        ),
        "steps": [_step(step, sheet, words) for step in sheet.steps],
        "lanes": [{"key": lane["key"], "title": say(lane["title"])} for lane in sheet.lanes],
        "curve": str(sheet.curves.drawing) if sheet.steps else "",
        "labels": _labels(sheet),
        "legend": _legend(sheet),
        "findings": _findings(sheet, words),
    }
    made = date_format(timezone.localtime(sheet.made_at), "j M Y, H:i")
    foot = [organization.name, _("made %(at)s (%(zone)s)") % {"at": made, "zone": timezone.get_current_timezone_name()}]
    if words.named:
        foot.append(_("our fonts have no letters for %(letters)s: shown as □") % {"letters": ", ".join(words.named)})
    return data | {"foot": [say(part) for part in foot]}


def _labels(sheet: MapSheet) -> dict[str, str]:
    return {
        "steps": _("Steps"),
        "touchpoints": _("Touchpoints"),
        "emotion": _("Emotion"),
        "moment": _("Moment of truth"),
        "continued": _("continued"),
        "mixed": _("not comparable"),
    }


def _step(step: SheetStep, sheet: MapSheet, words: Words) -> dict[str, Any]:
    return {
        "name": words.say(step.name),
        "moment": step.moment_of_truth,
        "evidence": step.evidence,
        "places": [_place(place, sheet.shows_scores, words) for place in step.places],
        "cards": {
            lane: [{"text": words.say(card.text), "evidence": card.words} for card in cards]
            for lane, cards in step.cards.items()
        },
    }


def _place(place: Place, shows_scores: bool, words: Words) -> dict[str, Any]:
    channel = str(Channel(place.touchpoint.channel).label) if place.touchpoint else ""
    chips = [_chip(chip, words) for chip in place.chips] if shows_scores else []
    return {
        "name": words.say(place.name),
        "channel": channel,
        "chips": chips,
        "unmeasured": _("not measured") if shows_scores and not chips else "",
    }


def _chip(chip: Chip, words: Words) -> dict[str, Any]:
    """A score as the page prints it, with its n: paper has no link to the answers."""
    printed: Mapping[str, Any] = chip_words(chip.metric, chip.target, "", chip.label)
    if chip.metric is None:
        return {"text": f"{chip.label}: {_('asked on several scales')}", "more": "", "heat": "cx-none", "trend": ""}
    if not printed["value"]:
        return {"text": f"{chip.label}: {printed['why']}", "more": "", "heat": "cx-none", "trend": ""}
    more = [f"({printed['interval']})" if printed["interval"] else "", f"n\u00a0{printed['n']}", printed["weak"]]
    if printed["target"]:
        more.append("· " + printed["target"].replace(" ", "\u00a0"))
    trend = "" if chip.trend is None else "▲" if chip.trend.icon == "trending-up" else "▼"
    return {
        "text": words.say(f"{chip.label} {printed['value']}"),
        "more": words.say(" ".join(part for part in more if part)),
        "heat": printed["heat"],
        "trend": trend,
    }


def _legend(sheet: MapSheet) -> list[dict[str, str]]:
    entries = [{"kind": "belief", "text": _("What the team believes")}]
    if sheet.curves.has_insights:
        entries.append({"kind": "insights", "text": _("What insights say")})
    if sheet.shows_scores:
        metric = sheet.content["metric"].upper()
        entries += [
            {"kind": "measured", "text": _("What customers measured (%(metric)s)") % {"metric": metric}},
            {"kind": "below", "text": _("below target")},
            {"kind": "above", "text": _("at or above target")},
            {"kind": "weak", "text": _("fewer than 30 answers")},
        ]
    if any(step.moment_of_truth for step in sheet.steps):
        entries.append({"kind": "moment", "text": _("moment of truth")})
    return entries


def _findings(sheet: MapSheet, words: Words) -> dict[str, Any] | None:
    """The second page; None where there is nothing to say on it."""
    if not (sheet.pains or sheet.opportunities or sheet.curves.delusions):
        return None
    curves = sheet.curves
    if curves.delusions:
        quiet = ""
    elif curves.measured:
        quiet = _("No step is measured clearly away from where the team puts it.")
    else:
        quiet = _("No step is measured yet, so belief and measurement cannot be compared.")
    return {
        "title": _("What stands out"),
        "delusions": {
            "title": _("Biggest delusions"),
            "lead": _("Where customers say clearly otherwise than the team believes, the largest gap first."),
            "quiet": quiet if sheet.shows_scores else _("Scores are not shown on this sheet."),
            "items": [
                {
                    "text": words.say(gap.step),
                    "more": words.say(f"{gap.words[:1].upper()}{gap.words[1:]} ({gap.theirs}; {gap.customers})"),
                    "worse": gap.gap > 0,
                }
                for gap in curves.delusions[:MOST_HIGHLIGHTS]
            ],
        },
        "pains": _highlights(
            _("Pain points first to solve"),
            _("Measured before assumed, then moments of truth, then the worst steps."),
            sheet.pains,
            words,
        ),
        "opportunities": _highlights(
            _("Opportunities"), _("In the same order as the pain points."), sheet.opportunities, words
        ),
    }


def _highlights(title: str, lead: str, found: Sequence[Highlight], words: Words) -> dict[str, Any]:
    rest = len(found) - MOST_HIGHLIGHTS
    return {
        "title": title,
        "lead": lead,
        "quiet": "" if found else _("None on the map yet."),
        "items": [
            {
                "text": words.say(each.text),
                "more": words.say(
                    " · ".join(
                        part
                        for part in (
                            each.step,
                            _("moment of truth") if each.moment_of_truth else "",
                            each.evidence,
                            each.score,
                        )
                        if part
                    )
                ),
                "worse": False,
            }
            for each in found[:MOST_HIGHLIGHTS]
        ],
        "rest": _("and %(count)d more on the map") % {"count": rest} if rest > 0 else "",
    }
