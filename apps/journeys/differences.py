"""How two contents of a map differ, field by field, as a person would say it. Pure; contents are complete ones.

Three weights: what changes customers' experience is substantive (metrics.md); what changes only how the map reads is
cosmetic; the rest changes what the team knows, believes or answers for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from apps.journeys.content import (
    STANDARD_LANES,
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
    wording of a name or card and what the team believes never are. `cosmetic` is what changes nothing but how the map
    reads: another wording, order of cards, picture, lane. `touchpoints` are the keys whose experience the difference
    changed. `item` is the id of the stage, step or card it is about, "" for the map.
    """

    kind: Literal["added", "removed", "moved", "renamed", "changed"]
    what: Literal["map", "stage", "step", "touchpoint", "card"]
    sentence: str
    substantive: bool
    touchpoints: frozenset[str] = frozenset()
    cosmetic: bool = False
    item: str = ""

    def as_json(self) -> dict[str, object]:
        """The shape of the API."""
        return {
            "kind": self.kind,
            "what": self.what,
            "item": self.item or None,
            "sentence": self.sentence,
            "substantive": self.substantive,
            "cosmetic": self.cosmetic,
            "touchpoints": sorted(self.touchpoints),
        }


@dataclass(frozen=True)
class Names:
    """What readers call that which a content holds by key or id; what is not known is shown as it stands."""

    touchpoints: Mapping[str, str]
    people: Mapping[str, str]
    personas: Mapping[str, str]

    def touchpoint(self, key: str) -> str:
        return self.touchpoints.get(key, key)

    def person(self, pk: str | None) -> str:
        return self.people.get(pk, gettext("somebody who left")) if pk else gettext("nobody")

    def persona(self, pk: str | None) -> str:
        return self.personas.get(pk, gettext("a persona that is gone")) if pk else gettext("no persona")


NO_NAMES = Names({}, {}, {})


def differences(old: MapContent, new: MapContent, names: Names = NO_NAMES) -> list[Difference]:
    """What has to be done to `old` to get `new`, from the whole map down to the cards. Empty when nothing differs."""
    return [
        *_map_differences(old, new, names),
        *_lane_differences(old, new),
        *_stage_differences(old["stages"], new["stages"]),
        *_step_differences(old["stages"], new["stages"], names),
        *_touchpoint_differences(old["stages"], new["stages"], names.touchpoint),
        *_card_differences(old, new, names),
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


def _map_differences(old: MapContent, new: MapContent, names: Names) -> Iterator[Difference]:
    if old["name"] != new["name"]:
        sentence = gettext("Map renamed from “%(old)s” to “%(new)s”") % {"old": old["name"], "new": new["name"]}
        yield Difference("renamed", "map", sentence, False, cosmetic=True)
    if old["persona"] != new["persona"]:
        sentence = gettext("The map belongs to %(new)s instead of %(old)s")
        values = {"old": names.persona(old["persona"]), "new": names.persona(new["persona"])}
        yield Difference("changed", "map", sentence % values, False)
    if old["metric"] != new["metric"]:
        sentence = gettext("Emotion is compared with %(new)s instead of %(old)s")
        values = {"old": old["metric"].upper(), "new": new["metric"].upper()}
        yield Difference("changed", "map", sentence % values, False)
    if old["kind"] != new["kind"]:
        is_to_be = new["kind"] == "to_be"
        sentence = gettext("The map shows how it shall be") if is_to_be else gettext("The map shows how it is")
        yield Difference("changed", "map", sentence, False)


def _lane_differences(old: MapContent, new: MapContent) -> Iterator[Difference]:
    before, after = _lane_titles(old), _lane_titles(new)
    moved = moved_items(list(before), list(after))
    for key, title in after.items():
        if key not in before:
            sentence = gettext("Lane “%(name)s” added") % {"name": title}
            yield Difference("added", "map", sentence, False, cosmetic=True)
            continue
        if before[key] != title:
            sentence = gettext("Lane “%(old)s” renamed to “%(new)s”") % {"old": before[key], "new": title}
            yield Difference("renamed", "map", sentence, False, cosmetic=True)
        if key in moved:
            sentence = gettext("Lane “%(name)s” moved to position %(position)d")
            values = {"name": title, "position": list(after).index(key) + 1}
            yield Difference("moved", "map", sentence % values, False, cosmetic=True)
    for key, title in before.items():
        if key not in after:
            sentence = gettext("Lane “%(name)s” taken off") % {"name": title}
            yield Difference("removed", "map", sentence, False, cosmetic=True)


def _lane_titles(content: MapContent) -> dict[str, str]:
    """Titles of the lanes that are named, in order; what stands in other lanes is told card by card."""
    keys = [lane["key"] for lane in content["lanes"]] or list(STANDARD_LANES)
    return {key: lane_title(key, content["lanes"]) for key in keys}


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
            yield Difference("added", "stage", sentence % values, True, _keys_on(stage["steps"]), item=identifier)
            continue
        was = before[identifier]
        if was["name"] != stage["name"]:
            sentence = gettext("Stage “%(old)s” renamed to “%(new)s”") % {"old": was["name"], "new": stage["name"]}
            yield Difference("renamed", "stage", sentence, False, cosmetic=True, item=identifier)
        if was["duration"] != stage["duration"]:
            sentence = gettext("Duration of stage “%(name)s” changed from %(old)s to %(new)s")
            values = {"name": stage["name"], "old": _quoted(was["duration"]), "new": _quoted(stage["duration"])}
            yield Difference("changed", "stage", sentence % values, False, item=identifier)
        if identifier in moved:
            position = list(after).index(identifier) + 1
            sentence = gettext("Stage “%(name)s” moved to position %(position)d")
            values = {"name": stage["name"], "position": position}
            yield Difference("moved", "stage", sentence % values, True, _keys_on(stage["steps"]), item=identifier)
    for identifier, stage in before.items():
        if identifier not in after:
            sentence = gettext("Stage “%(name)s” removed") % {"name": stage["name"]}
            yield Difference("removed", "stage", sentence, True, _keys_on(stage["steps"]), item=identifier)


def _placed_steps(stages: list[StageContent]) -> dict[str, tuple[StageContent, StepContent]]:
    return {step["id"]: (stage, step) for stage in stages for step in stage["steps"]}


def _step_differences(old: list[StageContent], new: list[StageContent], names: Names) -> Iterator[Difference]:
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
                yield Difference("added", "step", sentence, True, keys, item=identifier)
            continue
        was_stage, was = before[identifier]
        if was["name"] != step["name"]:
            sentence = gettext("Step “%(old)s” renamed to “%(new)s”") % {"old": was["name"], "new": step["name"]}
            yield Difference("renamed", "step", sentence, False, cosmetic=True, item=identifier)
        if was_stage["id"] != stage["id"]:
            sentence = gettext("Step “%(name)s” moved from stage “%(old)s” to “%(stage)s”")
            moved = {**values, "old": was_stage["name"]}
            yield Difference("moved", "step", sentence % moved, True, keys, item=identifier)
        elif identifier in reordered:
            sentence = gettext("Step “%(name)s” moved within stage “%(stage)s”") % values
            yield Difference("moved", "step", sentence, True, keys, item=identifier)
        for sentence in _fact_sentences(was, step, names):
            yield Difference("changed", "step", sentence, False, item=identifier)
    for identifier, (stage, step) in before.items():
        if identifier not in after and stage["id"] in new_stages:
            sentence = gettext("Step “%(name)s” removed from stage “%(stage)s”")
            values = {"name": step["name"], "stage": stage["name"]}
            keys = frozenset(step["touchpoints"])
            yield Difference("removed", "step", sentence % values, True, keys, item=identifier)


def _fact_sentences(was: StepContent, step: StepContent, names: Names) -> Iterator[str]:
    """What the team says about a step beside its name and what stands on it."""
    named = {"name": step["name"]}
    if was["belief"] != step["belief"]:
        beliefs = {"old": belief_text(was["belief"]), "new": belief_text(step["belief"])}
        yield gettext("The team's view of “%(name)s” changed from %(old)s to %(new)s") % {**named, **beliefs}
    if was["moment_of_truth"] != step["moment_of_truth"]:
        is_now = gettext("“%(name)s” is a moment of truth now")
        was_then = gettext("“%(name)s” is no moment of truth any more")
        yield (is_now if step["moment_of_truth"] else was_then) % named
    if was["evidence"] != step["evidence"]:
        words = {"old": _evidence(was["evidence"]), "new": _evidence(step["evidence"])}
        yield gettext("Evidence for “%(name)s” changed from %(old)s to %(new)s") % {**named, **words}
    if was["owner"] != step["owner"]:
        people = {"old": names.person(was["owner"]), "new": names.person(step["owner"])}
        yield gettext("“%(name)s” belongs to %(new)s instead of %(old)s") % {**named, **people}
    if was["review_date"] != step["review_date"]:
        days = {"old": _day(was["review_date"]), "new": _day(step["review_date"])}
        yield gettext("Review of “%(name)s” moved from %(old)s to %(new)s") % {**named, **days}


def _evidence(evidence: str) -> str:
    return evidence_title(evidence) if evidence else gettext("not said")


def _day(text: str | None) -> str:
    day = parse_date(text) if text else None
    return date_format(day, "DATE_FORMAT") if day else gettext("no date")


def _quoted(text: str) -> str:
    return f"“{text}”" if text else gettext("not said")


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


def _card_differences(old: MapContent, new: MapContent, names: Names) -> Iterator[Difference]:
    before, after = _placed_cards(old["stages"]), _placed_cards(new["stages"])
    for identifier, (step, card) in after.items():
        lane = lane_key(card["lane"])
        lives = lane == "pain_points"
        values = {"text": card["text"], "lane": lane_title(lane, new["lanes"]), "step": step["name"]}
        if identifier not in before:
            sentence = gettext("“%(text)s” added to %(lane)s of “%(step)s”") % values
            yield Difference("added", "card", sentence, lives, item=identifier)
            continue
        was_step, was = before[identifier]
        if was["text"] != card["text"]:
            sentence = gettext("“%(old)s” reworded to “%(text)s”") % {**values, "old": was["text"]}
            yield Difference("renamed", "card", sentence, False, cosmetic=True, item=identifier)
        if was["image"] != card["image"]:
            words = (
                gettext("“%(text)s” has another picture") if card["image"] else gettext("“%(text)s” lost its picture")
            )
            yield Difference("changed", "card", words % values, False, cosmetic=True, item=identifier)
        if was["evidence"] != card["evidence"]:
            evidence = {"old": evidence_title(was["evidence"]), "new": evidence_title(card["evidence"])}
            sentence = gettext("Evidence for “%(text)s” changed from %(old)s to %(new)s") % {**values, **evidence}
            yield Difference("changed", "card", sentence, False, item=identifier)
        if was["owner"] != card["owner"]:
            people = {"old": names.person(was["owner"]), "new": names.person(card["owner"])}
            sentence = gettext("“%(text)s” belongs to %(new)s instead of %(old)s") % {**values, **people}
            yield Difference("changed", "card", sentence, False, item=identifier)
        if was_step["id"] != step["id"] or lane_key(was["lane"]) != lane:
            sentence = gettext("“%(text)s” moved to %(lane)s of “%(step)s”") % values
            pains = {lane, lane_key(was["lane"])}
            yield Difference("moved", "card", sentence, "pain_points" in pains, item=identifier)
    yield from _order_differences(old["stages"], new)
    for identifier, (step, card) in before.items():
        if identifier not in after:
            lane = lane_key(card["lane"])
            sentence = gettext("“%(text)s” removed from %(lane)s of “%(step)s”")
            values = {"text": card["text"], "lane": lane_title(lane, old["lanes"]), "step": step["name"]}
            yield Difference("removed", "card", sentence % values, lane == "pain_points", item=identifier)


def _order_differences(old: list[StageContent], new: MapContent) -> Iterator[Difference]:
    """One difference for each lane of a step whose cards stand in another order."""
    before = {step["id"]: _by_lane(step) for step in iter_steps(old)}
    for step in iter_steps(new["stages"]):
        for lane, cards in _by_lane(step).items():
            if moved_items(before.get(step["id"], {}).get(lane, []), cards):
                sentence = gettext("Cards in %(lane)s of “%(step)s” stand in another order")
                values = {"lane": lane_title(lane, new["lanes"]), "step": step["name"]}
                yield Difference("moved", "card", sentence % values, False, cosmetic=True, item=step["id"])


def _by_lane(step: StepContent) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for card in step["cards"]:
        found.setdefault(lane_key(card["lane"]), []).append(card["id"])
    return found
