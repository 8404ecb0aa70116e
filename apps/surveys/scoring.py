"""How the answers to a question are counted, in words for its author. The rules are those of the metric service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from apps.surveys.definition import SCORE_TYPES, Question

SATISFIED_BOX: Final = {3: "3", 4: "3–4", 5: "4–5", 6: "5–6", 7: "6–7", 10: "8–10"}
"""Which answers count as satisfied, by the number of points."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """``rule`` is the id that numbers carry ("" where nothing is measured); ``unit`` in words."""

    rule: str
    text: str
    unit: str = ""


def scoring_of(question: Question) -> Scoring:
    """The rule that counts this question's answers."""
    metric = question.metric
    if metric == "nps":
        return Scoring(
            "nps.v1",
            _("Share of 9–10 (promoters) minus share of 0–6 (detractors). 7–8 count in the total only."),
            _("points, -100 to 100"),
        )
    if metric == "csat":
        box = SATISFIED_BOX[question.scale]
        return Scoring("csat.top.v1", _("Share of answers that are %(box)s.") % {"box": box}, _("percent, 0 to 100"))
    if metric == "ces" and question.scale == 7:
        return Scoring("ces2.top3.v1", _("Share of answers that are 5–7. Higher is easier."), _("percent, 0 to 100"))
    if metric == "ces":
        return Scoring(
            "ces1.mean.v1",
            _("CES 1.0: the mean of the answers. Lower is easier; never mixed with CES 2.0."),
            _("mean, 1 to 5"),
        )
    if question.type in SCORE_TYPES:
        return Scoring("", _("Shown as a distribution with its mean. Counts for no metric."))
    if question.type == "statement":
        return Scoring("", _("Nothing is asked, so nothing is counted."))
    if question.type in ("choice", "multi_choice", "consent", "matrix"):
        return Scoring("", _("Shown as shares of the answers, with intervals. Counts for no metric."))
    if question.type == "ranking":
        return Scoring("", _("Shown as mean places. Counts for no metric."))
    return Scoring("", _("Listed with the answers. Counts for no metric."))
