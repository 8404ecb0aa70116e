"""What rules refer to: that it exists in this organisation, and that no segment leads back to itself."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.utils.translation import gettext as _

from apps.organizations.models import Unit
from apps.segments.describe import units_of
from apps.segments.models import Segment
from apps.segments.rule import AnswerLeaf, FieldLeaf, Group, Leaf, Place, Rule, SegmentLeaf, parse_rule
from apps.surveys.models import Survey
from apps.touchpoints.models import Touchpoint
from cxm.errors import DomainErrors, FieldError

MAX_CHAIN = 10
"""How deep segments may refer to segments that refer to segments."""
MAX_LEAVES_IN_ALL = 500
"""Conditions of a rule with those of every segment it refers to."""


def read_rule(raw: object, *, segment_id: UUID | None = None) -> Rule:
    """Read a rule as it came in and look up everything it refers to (one query a kind, none for kinds not used).

    ``segment_id``: the segment that the rule is for, which it must not lead back to.

    Raises:
        DomainErrors: everything that is wrong, each with its place.
    """
    rule = parse_rule(raw)
    placed = list(_placed(rule, ("rule",)))
    errors = [*_answer_errors(placed), *_unit_errors(placed), *_segment_errors(rule, placed, segment_id)]
    if errors:
        raise DomainErrors(errors)
    return rule


def stored_rules(needed: Rule | None = None) -> dict[UUID, Rule | None]:
    """The rules of every segment by id; None for a static list. One query; none when the rule needs no segment."""
    if needed is not None and not any(isinstance(leaf, SegmentLeaf) for leaf in needed.leaves()):
        return {}
    return {
        pk: None if kind == Segment.Kind.STATIC else parse_rule(rule)
        for pk, kind, rule in Segment.objects.values_list("pk", "kind", "rule")
    }


def referred_segments(rule: Rule, rules: Mapping[UUID, Rule | None]) -> set[UUID]:
    """Every segment that this rule leads to, over any number of steps."""
    found: set[UUID] = set()
    waiting: list[Rule] = [rule]
    while waiting:
        for leaf in waiting.pop().leaves():
            if isinstance(leaf, SegmentLeaf) and leaf.segment not in found:
                found.add(leaf.segment)
                inner = rules.get(leaf.segment)
                if inner is not None:
                    waiting.append(inner)
    return found


def _placed(group: Group, place: Place) -> list[tuple[Leaf, Place]]:
    found: list[tuple[Leaf, Place]] = []
    for number, part in enumerate(group.parts):
        here = (*place, group.mode, number)
        found += _placed(part, here) if isinstance(part, Group) else [(part, here)]
    return found


def _error(place: Place, message: str, code: str = "not_found") -> FieldError:
    return {"field": ".".join(map(str, place)), "code": code, "message": message}


def _answer_errors(placed: list[tuple[Leaf, Place]]) -> list[FieldError]:
    answers = [(leaf, (*place, "answer")) for leaf, place in placed if isinstance(leaf, AnswerLeaf)]
    surveys: dict[UUID, bool] = {}
    touchpoints: set[str] = set()
    if wanted := {leaf.survey for leaf, _place in answers if leaf.survey}:
        surveys = dict(Survey.objects.filter(pk__in=wanted).values_list("pk", "anonymous"))
    if keys := {leaf.touchpoint for leaf, _place in answers if leaf.touchpoint}:
        touchpoints = set(Touchpoint.objects.filter(key__in=keys).values_list("key", flat=True))
    errors = []
    for leaf, place in answers:
        if leaf.survey and leaf.survey not in surveys:
            errors.append(_error((*place, "survey"), _("There is no survey with this id.")))
        elif leaf.survey and surveys[leaf.survey]:
            message = _("This survey is anonymous: nobody can tell which customer gave which answer. Choose another.")
            errors.append(_error((*place, "survey"), message, "anonymous"))
        if leaf.touchpoint and leaf.touchpoint not in touchpoints:
            errors.append(_error((*place, "touchpoint"), _("There is no touchpoint with this key.")))
    return errors


def _unit_errors(placed: list[tuple[Leaf, Place]]) -> list[FieldError]:
    named = [
        (unit, (*place, "value"))
        for leaf, place in placed
        if isinstance(leaf, FieldLeaf) and leaf.field == "unit"
        for unit in units_of(leaf)
    ]
    if not named:
        return []
    known = set(Unit.objects.filter(pk__in={unit for unit, _place in named}).values_list("pk", flat=True))
    return [_error(place, _("There is no unit with this id.")) for unit, place in named if unit not in known]


def _segment_errors(rule: Rule, placed: list[tuple[Leaf, Place]], segment_id: UUID | None) -> list[FieldError]:
    named = [(leaf.segment, (*place, "segment")) for leaf, place in placed if isinstance(leaf, SegmentLeaf)]
    if not named and segment_id is None:
        return []
    names: dict[UUID, str] = {}
    rules: dict[UUID, Rule | None] = {}
    for pk, name, kind, raw in Segment.objects.values_list("pk", "name", "kind", "rule"):
        names[pk] = name
        rules[pk] = None if kind == Segment.Kind.STATIC else parse_rule(raw)
    errors = []
    for segment, place in named:
        if segment not in rules:
            errors.append(_error(place, _("There is no segment with this id.")))
        elif segment_id is not None and (chain := _chain(segment, segment_id, rules)):
            message = _("This would go round in a circle: %(chain)s.")
            shown = " → ".join(names.get(step, "?") for step in (segment_id, *chain))
            errors.append(_error(place, message % {"chain": shown}, "circle"))
    if not errors:
        errors += _size_errors(rule, rules, segment_id)
    return errors


def _chain(start: UUID, target: UUID, rules: Mapping[UUID, Rule | None]) -> list[UUID]:
    """The way from one segment to another over what their rules refer to; empty when there is none."""
    ways: dict[UUID, list[UUID]] = {start: [start]}
    waiting = [start]
    while waiting:
        here = waiting.pop(0)
        if here == target:
            return ways[here]
        rule = rules.get(here)
        for leaf in rule.leaves() if rule is not None else ():
            if isinstance(leaf, SegmentLeaf) and leaf.segment not in ways:
                ways[leaf.segment] = [*ways[here], leaf.segment]
                waiting.append(leaf.segment)
    return []


def _size_errors(rule: Rule, rules: dict[UUID, Rule | None], segment_id: UUID | None) -> list[FieldError]:
    """Whether this rule, and every rule that will lead to it, stays within the limits once written out."""
    if segment_id is not None:
        rules[segment_id] = rule
    known: dict[UUID, tuple[int, int]] = {}
    over = [rule, *(other for other in rules.values() if other is not None)] if segment_id is not None else [rule]
    for other in over:
        leaves, depth = _extent(other, rules, known)
        if depth > MAX_CHAIN:
            message = _("Segments would refer to segments more than %(limit)d deep. Shorten the chain.")
            return [_error(("rule",), message % {"limit": MAX_CHAIN}, "too_deep")]
        if leaves > MAX_LEAVES_IN_ALL:
            message = _("With the segments they refer to, a rule would have more than %(limit)d conditions.")
            return [_error(("rule",), message % {"limit": MAX_LEAVES_IN_ALL}, "too_many")]
    return []


def _extent(rule: Rule, rules: Mapping[UUID, Rule | None], known: dict[UUID, tuple[int, int]]) -> tuple[int, int]:
    """Leaves once every reference is written out, and how deep references go."""
    leaves = depth = 0
    for leaf in rule.leaves():
        leaves += 1
        inner = rules.get(leaf.segment) if isinstance(leaf, SegmentLeaf) else None
        if isinstance(leaf, SegmentLeaf):
            depth = max(depth, 1)
        if isinstance(leaf, SegmentLeaf) and inner is not None:
            if leaf.segment not in known:
                known[leaf.segment] = _extent(inner, rules, known)
            leaves += known[leaf.segment][0]
            depth = max(depth, 1 + known[leaf.segment][1])
    return leaves, depth
