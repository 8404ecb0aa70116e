"""How two contents of a map differ, field by field, as a person would say it. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext, ngettext

from apps.journeys.content import (
    CardContent,
    MapContent,
    StageContent,
    StepContent,
    belief_text,
    evidence_title,
    iter_steps,
    lane_key,
    lane_title,
)


@dataclass(frozen=True)
class Difference:
    """One thing that differs between two versions, as a person would say it.

    `substantive` follows metrics.md: a touchpoint, stage, step order or pain point added, removed or moved is; the
    wording of a name or card and what the team believes never are. `touchpoints` are the keys whose experience the
    difference changed.
    """

    kind: Literal["added", "removed", "moved", "renamed", "changed"]
    what: Literal["map", "stage", "step", "touchpoint", "card"]
    sentence: str
    substantive: bool
    touchpoints: frozenset[str] = frozenset()


def differences(old: MapContent, new: MapContent, touchpoint_name: Callable[[str], str] = str) -> list[Difference]:
    """What has to be done to `old` to get `new`, from the whole map down to the cards. Empty when nothing differs.

    `touchpoint_name` turns a key into the name a reader knows.
    """
    return [
        *_map_differences(old, new),
        *_stage_differences(old["stages"], new["stages"]),
        *_step_differences(old["stages"], new["stages"]),
        *_touchpoint_differences(old["stages"], new["stages"], touchpoint_name),
        *_card_differences(old["stages"], new["stages"]),
    ]


def is_substantive(found: Iterable[Difference]) -> bool:
    """Whether what customers live through differs, not only our wording of it."""
    return any(difference.substantive for difference in found)


def changed_touchpoints(old: MapContent, new: MapContent) -> frozenset[str]:
    """Keys of the touchpoints that `new` added, removed or moved: those whose scores start anew with it."""
    return frozenset(key for difference in differences(old, new) for key in difference.touchpoints)


def moved_items(old: Sequence[str], new: Sequence[str]) -> set[str]:
    """The fewest items of `new` that must move so that the items both lists hold stand in the same order.

    Items outside the longest increasing subsequence of old positions (patience sorting, O(n log n)).
    """
    position = {item: index for index, item in enumerate(old)}
    common = [item for item in new if item in position]
    tails: list[int] = []
    tail_items: list[str] = []
    before: dict[str, str | None] = {}
    for item in common:
        at = bisect_left(tails, position[item])
        before[item] = tail_items[at - 1] if at else None
        if at == len(tails):
            tails.append(position[item])
            tail_items.append(item)
        else:
            tails[at] = position[item]
            tail_items[at] = item
    kept: set[str] = set()
    last = tail_items[-1] if tail_items else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return set(common) - kept


def _map_differences(old: MapContent, new: MapContent) -> Iterator[Difference]:
    if old["name"] != new["name"]:
        sentence = gettext("Map renamed from “%(old)s” to “%(new)s”") % {"old": old["name"], "new": new["name"]}
        yield Difference("renamed", "map", sentence, False)
    if old["persona"] != new["persona"]:
        yield Difference("changed", "map", gettext("The map belongs to another persona"), False)
    if old["metric"] != new["metric"]:
        sentence = gettext("Emotion is compared with %(new)s instead of %(old)s")
        values = {"old": old["metric"].upper(), "new": new["metric"].upper()}
        yield Difference("changed", "map", sentence % values, False)


def _keys_on(steps: Iterable[StepContent]) -> frozenset[str]:
    return frozenset(key for step in steps for key in step["touchpoints"])


def _stage_differences(old: list[StageContent], new: list[StageContent]) -> Iterator[Difference]:
    before, after = {stage["id"]: stage for stage in old}, {stage["id"]: stage for stage in new}
    moved = moved_items(list(before), list(after))
    for identifier, stage in after.items():
        if identifier not in before:
            count = len(stage["steps"])
            sentence = ngettext(
                "Stage “%(name)s” added with %(count)d step", "Stage “%(name)s” added with %(count)d steps", count
            )
            values = {"name": stage["name"], "count": count}
            yield Difference("added", "stage", sentence % values, True, _keys_on(stage["steps"]))
            continue
        was = before[identifier]
        if was["name"] != stage["name"]:
            sentence = gettext("Stage “%(old)s” renamed to “%(new)s”") % {"old": was["name"], "new": stage["name"]}
            yield Difference("renamed", "stage", sentence, False)
        if was["duration"] != stage["duration"]:
            sentence = gettext("Duration of stage “%(name)s” is now “%(new)s”")
            values = {"name": stage["name"], "new": stage["duration"]}
            yield Difference("changed", "stage", sentence % values, False)
        if identifier in moved:
            position = list(after).index(identifier) + 1
            sentence = gettext("Stage “%(name)s” moved to position %(position)d")
            values = {"name": stage["name"], "position": position}
            yield Difference("moved", "stage", sentence % values, True, _keys_on(stage["steps"]))
    for identifier, stage in before.items():
        if identifier not in after:
            sentence = gettext("Stage “%(name)s” removed") % {"name": stage["name"]}
            yield Difference("removed", "stage", sentence, True, _keys_on(stage["steps"]))


def _placed_steps(stages: list[StageContent]) -> dict[str, tuple[StageContent, StepContent]]:
    return {step["id"]: (stage, step) for stage in stages for step in stage["steps"]}


def _step_differences(old: list[StageContent], new: list[StageContent]) -> Iterator[Difference]:
    before, after = _placed_steps(old), _placed_steps(new)
    old_stages, new_stages = {stage["id"] for stage in old}, {stage["id"] for stage in new}
    reordered: set[str] = set()
    by_stage = {stage["id"]: [step["id"] for step in stage["steps"]] for stage in old}
    for stage in new:
        reordered |= moved_items(by_stage.get(stage["id"], []), [step["id"] for step in stage["steps"]])
    for identifier, (stage, step) in after.items():
        values = {"name": step["name"], "stage": stage["name"]}
        keys = frozenset(step["touchpoints"])
        if identifier not in before:
            if stage["id"] in old_stages:
                sentence = gettext("Step “%(name)s” added to stage “%(stage)s”") % values
                yield Difference("added", "step", sentence, True, keys)
            continue
        was_stage, was = before[identifier]
        if was["name"] != step["name"]:
            sentence = gettext("Step “%(old)s” renamed to “%(new)s”") % {"old": was["name"], "new": step["name"]}
            yield Difference("renamed", "step", sentence, False)
        if was_stage["id"] != stage["id"]:
            sentence = gettext("Step “%(name)s” moved from stage “%(old)s” to “%(stage)s”")
            yield Difference("moved", "step", sentence % {**values, "old": was_stage["name"]}, True, keys)
        elif identifier in reordered:
            sentence = gettext("Step “%(name)s” moved within stage “%(stage)s”") % values
            yield Difference("moved", "step", sentence, True, keys)
        if was["belief"] != step["belief"]:
            sentence = gettext("The team's view of “%(name)s” changed from %(old)s to %(new)s")
            beliefs = {"old": belief_text(was["belief"]), "new": belief_text(step["belief"])}
            yield Difference("changed", "step", sentence % {**values, **beliefs}, False)
    for identifier, (stage, step) in before.items():
        if identifier not in after and stage["id"] in new_stages:
            sentence = gettext("Step “%(name)s” removed from stage “%(stage)s”")
            values = {"name": step["name"], "stage": stage["name"]}
            yield Difference("removed", "step", sentence % values, True, frozenset(step["touchpoints"]))


def _touchpoint_differences(
    old: list[StageContent], new: list[StageContent], name: Callable[[str], str]
) -> Iterator[Difference]:
    before, after = _where(old), _where(new)
    steps = {step["id"]: step["name"] for step in iter_steps(old)} | {
        step["id"]: step["name"] for step in iter_steps(new)
    }
    old_order = {step["id"]: step["touchpoints"] for step in iter_steps(old)}
    reordered: dict[str, str] = {}
    for step in iter_steps(new):
        for key in moved_items(old_order.get(step["id"], []), step["touchpoints"]):
            reordered.setdefault(key, step["name"])
    for key in dict.fromkeys([*after, *before]):
        left, joined = before.get(key, set()) - after.get(key, set()), after.get(key, set()) - before.get(key, set())
        named = {"name": name(key)}
        changed = frozenset({key})
        from_ = ", ".join(sorted(steps[step] for step in left))
        to = ", ".join(sorted(steps[step] for step in joined))
        if left and joined:
            sentence = gettext("Touchpoint “%(name)s” moved from “%(old)s” to “%(new)s”")
            yield Difference("moved", "touchpoint", sentence % {**named, "old": from_, "new": to}, True, changed)
        elif joined:
            sentence = gettext("Touchpoint “%(name)s” added to “%(new)s”") % {**named, "new": to}
            yield Difference("added", "touchpoint", sentence, True, changed)
        elif left:
            sentence = gettext("Touchpoint “%(name)s” removed from “%(old)s”") % {**named, "old": from_}
            yield Difference("removed", "touchpoint", sentence, True, changed)
        elif key in reordered:
            sentence = gettext("Touchpoint “%(name)s” moved within “%(new)s”") % {**named, "new": reordered[key]}
            yield Difference("moved", "touchpoint", sentence, True, changed)


def _where(stages: list[StageContent]) -> dict[str, set[str]]:
    """Touchpoint key -> ids of the steps it stands on."""
    found: dict[str, set[str]] = {}
    for step in iter_steps(stages):
        for key in step["touchpoints"]:
            found.setdefault(key, set()).add(step["id"])
    return found


def _placed_cards(stages: list[StageContent]) -> dict[str, tuple[StepContent, CardContent]]:
    return {card["id"]: (step, card) for step in iter_steps(stages) for card in step["cards"]}


def _card_differences(old: list[StageContent], new: list[StageContent]) -> Iterator[Difference]:
    before, after = _placed_cards(old), _placed_cards(new)
    for identifier, (step, card) in after.items():
        lane = lane_key(card["lane"])
        lives = lane == "pain_points"
        values = {"text": card["text"], "lane": lane_title(lane), "step": step["name"]}
        if identifier not in before:
            sentence = gettext("“%(text)s” added to %(lane)s of “%(step)s”") % values
            yield Difference("added", "card", sentence, lives)
            continue
        was_step, was = before[identifier]
        if was["text"] != card["text"]:
            sentence = gettext("“%(old)s” reworded to “%(text)s”") % {**values, "old": was["text"]}
            yield Difference("renamed", "card", sentence, False)
        if was["evidence"] != card["evidence"]:
            sentence = gettext("Evidence for “%(text)s” is now: %(new)s")
            yield Difference("changed", "card", sentence % {**values, "new": evidence_title(card["evidence"])}, False)
        if was_step["id"] != step["id"] or lane_key(was["lane"]) != lane:
            sentence = gettext("“%(text)s” moved to %(lane)s of “%(step)s”") % values
            pains = {lane, lane_key(was["lane"])}
            yield Difference("moved", "card", sentence, "pain_points" in pains)
    for identifier, (step, card) in before.items():
        if identifier not in after:
            lane = lane_key(card["lane"])
            sentence = gettext("“%(text)s” removed from %(lane)s of “%(step)s”")
            values = {"text": card["text"], "lane": lane_title(lane), "step": step["name"]}
            yield Difference("removed", "card", sentence % values, lane == "pain_points")
