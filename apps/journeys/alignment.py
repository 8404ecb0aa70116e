"""Two contents of a map side by side: stages, steps, touchpoints and cards in one order, each with what became of it.

Pure. What belongs together has the same id. Two maps are brought onto common ids first: a map made from another by
ids that follow from the original's (`counterpart`), anything else by equal names (`onto_ids_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID, uuid5

from apps.journeys.content import (
    CardContent,
    MapContent,
    StageContent,
    StepContent,
    iter_steps,
    keep_ids,
    lane_key,
    lane_title,
    lanes_of,
)
from apps.journeys.differences import Difference, differences

State = Literal["same", "added", "removed", "moved", "changed"]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Pair(Generic[Item]):
    """One item as it is on either side, None where it does not stand."""

    a: Item | None
    b: Item | None
    state: State


@dataclass(frozen=True)
class PlacePair:
    """A touchpoint on a step: whether each side has it there. `moved`: the other side has it on another step."""

    key: str
    in_a: bool
    in_b: bool
    state: State


@dataclass(frozen=True)
class LanePair:
    """The cards of a step in one lane."""

    key: str
    title: str
    cards: list[Pair[CardContent]]


@dataclass(frozen=True)
class StepPair(Pair[StepContent]):
    """A step with what stands on it. `elsewhere` names the stage the other side has it in, "" when it is this one.

    With `is_gone` the step is only pointed at here: it is compared where side b has it.
    """

    places: list[PlacePair] = field(default_factory=list)
    lanes: list[LanePair] = field(default_factory=list)
    elsewhere: str = ""
    is_gone: bool = False

    @property
    def differs(self) -> bool:
        """Whether anything about the step or on it differs."""
        return (
            self.state != "same"
            or any(place.state != "same" for place in self.places)
            or any(card.state != "same" for lane in self.lanes for card in lane.cards)
        )


@dataclass(frozen=True)
class StagePair(Pair[StageContent]):
    """A stage with its steps."""

    steps: list[StepPair] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether anything about the stage or in it differs."""
        return self.state != "same" or any(step.differs for step in self.steps)


def counterpart(map_id: UUID, item: str) -> str:
    """The id that a stage, step or card has on the map that was made from its own: no table has to remember it."""
    return str(uuid5(map_id, item))


def with_ids(stages: Iterable[StageContent], new_id: Callable[[str], str]) -> list[StageContent]:
    """The stages with every id replaced."""
    return [
        {
            **stage,
            "id": new_id(stage["id"]),
            "steps": [
                {
                    **step,
                    "id": new_id(step["id"]),
                    "cards": [{**card, "id": new_id(card["id"])} for card in step["cards"]],
                }
                for step in stage["steps"]
            ],
        }
        for stage in stages
    ]


def onto_ids_of(target: MapContent, content: MapContent) -> MapContent:
    """The content of another map with the ids that equally named stages, steps and cards have in `target`."""
    return {**content, "stages": keep_ids(target["stages"], content["stages"])}


def align(a: MapContent, b: MapContent, found: Sequence[Difference] | None = None) -> list[StagePair]:
    """The stages of both in b's order; what only a has stands after what it followed there.

    `found` are the differences between them, when they were worked out already.
    """
    told = _told(differences(a, b) if found is None else found)
    before, after = {stage["id"]: stage for stage in a["stages"]}, {stage["id"]: stage for stage in b["stages"]}
    sides = _Sides(a, b)
    return [
        StagePair(
            before.get(stage_id),
            after.get(stage_id),
            _state(stage_id, before, after, told),
            _steps(sides, before.get(stage_id), after.get(stage_id), told),
        )
        for stage_id in merged(list(before), list(after))
    ]


def merged(a: Sequence[str], b: Sequence[str]) -> list[str]:
    """All items of both: b in its order, and what only a has after the item that it followed in a."""
    shown = set(b)
    following: dict[str, list[str]] = {}
    last = ""
    for item in a:
        if item in shown:
            last = item
        else:
            following.setdefault(last, []).append(item)
    return [*following.get("", []), *(found for item in b for found in (item, *following.get(item, [])))]


class _Sides:
    """What both contents hold, by id."""

    def __init__(self, a: MapContent, b: MapContent) -> None:
        self.lanes = [*b["lanes"], *a["lanes"]]
        self.lane_keys = list(dict.fromkeys([*lanes_of(b["stages"], b["lanes"]), *lanes_of(a["stages"], a["lanes"])]))
        self.steps = [{step["id"]: step for step in iter_steps(side["stages"])} for side in (a, b)]
        self.stage_of = [
            {step["id"]: stage["name"] for stage in side["stages"] for step in stage["steps"]} for side in (a, b)
        ]
        self.cards = [{card["id"]: card for step in steps.values() for card in step["cards"]} for steps in self.steps]
        self.keys = [{key for step in steps.values() for key in step["touchpoints"]} for steps in self.steps]


def _told(found: Sequence[Difference]) -> Mapping[str, set[str]]:
    kinds: dict[str, set[str]] = {}
    for difference in found:
        kinds.setdefault(difference.item, set()).add(difference.kind)
    return kinds


def _state(item: str, before: Mapping[str, Any], after: Mapping[str, Any], told: Mapping[str, set[str]]) -> State:
    if item not in before:
        return "added"
    if item not in after:
        return "removed"
    kinds = told.get(item, set())
    if "moved" in kinds:
        return "moved"
    return "changed" if kinds else "same"


def _steps(
    sides: _Sides, was: StageContent | None, now: StageContent | None, told: Mapping[str, set[str]]
) -> list[StepPair]:
    here_a = [step["id"] for step in was["steps"]] if was else []
    here_b = [step["id"] for step in now["steps"]] if now else []
    found = []
    for step_id in merged(here_a, here_b):
        a, b = sides.steps[0].get(step_id), sides.steps[1].get(step_id)
        if step_id not in here_b and b is not None:
            found.append(StepPair(a, None, "moved", elsewhere=sides.stage_of[1][step_id], is_gone=True))
            continue
        moved_from = sides.stage_of[0].get(step_id, "") if step_id not in here_a else ""
        state = _state(step_id, sides.steps[0], sides.steps[1], told)
        found.append(StepPair(a, b, state, _places(sides, a, b), _lanes(sides, a, b, told), elsewhere=moved_from))
    return found


def _places(sides: _Sides, a: StepContent | None, b: StepContent | None) -> list[PlacePair]:
    in_a, in_b = (step["touchpoints"] if step else [] for step in (a, b))
    found = []
    for key in merged(in_a, in_b):
        state: State = "same"
        if key not in in_a:
            state = "moved" if key in sides.keys[0] else "added"
        elif key not in in_b:
            state = "moved" if key in sides.keys[1] else "removed"
        found.append(PlacePair(key, key in in_a, key in in_b, state))
    return found


def _lanes(sides: _Sides, a: StepContent | None, b: StepContent | None, told: Mapping[str, set[str]]) -> list[LanePair]:
    by_lane = [_cards_by_lane(step) for step in (a, b)]
    found = []
    for lane in sides.lane_keys:
        cards = []
        here_a, here_b = by_lane[0].get(lane, {}), by_lane[1].get(lane, {})
        for card_id in merged(list(here_a), list(here_b)):
            state = _state(card_id, sides.cards[0], sides.cards[1], told)
            cards.append(Pair(here_a.get(card_id), here_b.get(card_id), state))
        if cards:
            found.append(LanePair(lane, lane_title(lane, sides.lanes), cards))
    return found


def _cards_by_lane(step: StepContent | None) -> dict[str, dict[str, CardContent]]:
    found: dict[str, dict[str, CardContent]] = {}
    for card in step["cards"] if step else []:
        found.setdefault(lane_key(card["lane"]), {})[card["id"]] = card
    return found
