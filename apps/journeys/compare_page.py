"""A comparison as its page shows it: two columns of words and scores for every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.journeys.alignment import StagePair, State, StepPair
from apps.journeys.compare import Comparison, ScorePair, TouchpointScores, Why
from apps.journeys.content import StepContent, belief_text, evidence_title
from apps.metrics.queries import Change
from cxm.charts import Unit, signed_change

Which = Literal["a", "b"]

STATES: Mapping[State, Any] = {
    "added": gettext_lazy("added"),
    "removed": gettext_lazy("removed"),
    "moved": gettext_lazy("moved"),
    "changed": gettext_lazy("changed"),
}
WHYS: Mapping[Why, Any] = {
    "asked": gettext_lazy("not comparable: the question was changed between them"),
    "scale": gettext_lazy("not comparable: asked on different scales"),
    "shared": gettext_lazy("no difference: both were in force at the same time and share answers"),
    "few": gettext_lazy("too few answers on one side to compare"),
}


@dataclass(frozen=True)
class ItemRow:
    """A touchpoint or card on one side. `state` is "" for what does not differ; `chips` are (label, metric)."""

    text: str
    state: str
    words: str
    chips: list[tuple[str, Any]]
    url: str = ""


@dataclass(frozen=True)
class SideOfStep:
    """One column of a step; `name` is "" where both sides call it the same."""

    name: str
    belief: str
    facts: list[str]
    places: list[ItemRow]
    lanes: list[tuple[str, list[ItemRow]]]


@dataclass(frozen=True)
class ScoreLine:
    """How one metric of a touchpoint went from left to right."""

    touchpoint: str
    metric: str
    change: Change | None
    interval: str
    verdict: str
    series: str
    lower_is_better: bool


@dataclass(frozen=True)
class StepRow:
    """A step with both columns. `elsewhere` says which stage the other side has it in."""

    name: str
    state: str
    words: str
    elsewhere: str
    is_gone: bool
    a: SideOfStep | None
    b: SideOfStep | None
    belief: str
    scores: list[ScoreLine]


@dataclass(frozen=True)
class StageRow:
    """A stage with its steps."""

    name: str
    state: str
    words: str
    steps: list[StepRow]


def build_page(compared: Comparison, *, only_differing: bool = False) -> list[StageRow]:
    """The stages in order; with `only_differing` those and their steps that differ."""
    return [_stage(compared, stage, only_differing) for stage in compared.stages if stage.differs or not only_differing]


def _stage(compared: Comparison, stage: StagePair, only_differing: bool) -> StageRow:
    names = [side["name"] for side in (stage.a, stage.b) if side is not None]
    return StageRow(
        " → ".join(dict.fromkeys(names)),
        _state(_shown_state(stage)),
        _words(_shown_state(stage)),
        [_step(compared, step) for step in stage.steps if step.differs or not only_differing],
    )


def _step(compared: Comparison, step: StepPair) -> StepRow:
    names = [side["name"] for side in (step.a, step.b) if side is not None]
    words = _("stands in “%(stage)s” on the right") if step.is_gone else _("stood in “%(stage)s” on the left")
    return StepRow(
        name=" → ".join(dict.fromkeys(names)),
        state=_state(_shown_state(step)),
        words=_words(_shown_state(step)),
        elsewhere=words % {"stage": step.elsewhere} if step.elsewhere else "",
        is_gone=step.is_gone,
        a=_side(compared, step, step.a, "a"),
        b=_side(compared, step, step.b, "b"),
        belief=_belief_change(step),
        scores=[] if step.is_gone else _score_lines(compared, step),
    )


def _side(compared: Comparison, pair: StepPair, step: StepContent | None, which: Which) -> SideOfStep | None:
    if step is None:
        return None
    facts = [_("Moment of truth")] if step["moment_of_truth"] else []
    if step["evidence"]:
        facts.append(_("Evidence: %(evidence)s") % {"evidence": evidence_title(step["evidence"])})
    lanes = []
    for lane in pair.lanes:
        cards = [(card, card.a if which == "a" else card.b) for card in lane.cards]
        rows = [ItemRow(own["text"], _state(card.state), _words(card.state), []) for card, own in cards if own]
        if rows:
            lanes.append((lane.title, rows))
    places = [
        ItemRow(
            _name(compared, place.key),
            _state(place.state),
            _words(place.state),
            _chips(compared.scores.get(place.key), which),
        )
        for place in pair.places
        if (place.in_a if which == "a" else place.in_b)
    ]
    other = pair.b if which == "a" else pair.a
    name = "" if other and other["name"] == step["name"] else step["name"]
    return SideOfStep(name, belief_text(step["belief"]), facts, places, lanes)


def _chips(found: TouchpointScores | None, which: Which) -> list[tuple[str, Any]]:
    pairs = found.scores if found else []
    return [
        (pair.metric.upper(), metric) for pair in pairs if (metric := pair.a if which == "a" else pair.b) is not None
    ]


def _score_lines(compared: Comparison, step: StepPair) -> list[ScoreLine]:
    found = []
    for place in step.places:
        scores = compared.scores.get(place.key)
        for pair in scores.scores if scores else []:
            if pair.a is not None and pair.b is not None:
                found.append(_score_line(_name(compared, place.key), scores, pair))
    return found


def _score_line(name: str, scores: TouchpointScores | None, pair: ScorePair) -> ScoreLine:
    continues = scores.continues if scores else None
    series = {
        True: _("not changed between the two: its series runs on"),
        False: _("changed between the two: its series starts anew"),
        None: "",
    }[continues]
    change = pair.change
    if change is None:
        return ScoreLine(name, pair.metric.upper(), None, "", str(WHYS.get(pair.why, "")), series, False)
    verdict = _("within error margin")
    if change.significant:
        verdict = _("better, and more than chance") if change.better else _("worse, and more than chance")
    rises = change.difference > 0
    return ScoreLine(
        name,
        pair.metric.upper(),
        change,
        _interval(change),
        verdict,
        series,
        lower_is_better=change.significant and rises != change.better,
    )


def _interval(change: Change) -> str:
    unit = cast(Unit, change.unit)
    return _("%(low)s to %(high)s") % {
        "low": signed_change(change.low, unit),
        "high": signed_change(change.high, unit),
    }


def _belief_change(step: StepPair) -> str:
    if step.a is None or step.b is None or step.a["belief"] == step.b["belief"]:
        return ""
    words = {"old": belief_text(step.a["belief"]), "new": belief_text(step.b["belief"])}
    return _("The team's view: %(old)s on the left, %(new)s on the right") % words


def _name(compared: Comparison, key: str) -> str:
    row = compared.touchpoints.get(key)
    return row.name if row else key


def _shown_state(pair: StagePair | StepPair) -> State:
    """What became of a stage or step; one in which something differs is changed."""
    return "changed" if pair.state == "same" and pair.differs else pair.state


def _state(state: State) -> str:
    return "" if state == "same" else state


def _words(state: State) -> str:
    return str(STATES.get(state, ""))
