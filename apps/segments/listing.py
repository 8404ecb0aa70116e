"""What the pages of segments show beside the rows themselves: sentences, shares, and what uses them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from apps.customers.models import Customer
from apps.segments.describe import describe_rule, names_for
from apps.segments.models import Segment
from apps.segments.registry import uses_of
from apps.segments.rule import Rule, SegmentLeaf, parse_rule


@dataclass(frozen=True, slots=True)
class Listed:
    """A segment as a list shows it."""

    segment: Segment
    sentence: str
    share: str
    used_by: Sequence[str]


def listed(segments: Sequence[Segment]) -> list[Listed]:
    """These segments with all that a list says of them. The same number of queries however many they are."""
    rules = {segment.pk: rule_of(segment) for segment in segments}
    names = names_for(*(rule for rule in rules.values() if rule is not None))
    people = all_people() if segments else 0
    used = users_of([segment.pk for segment in segments])
    return [
        Listed(
            segment=segment,
            sentence=describe_rule(rule, names) if (rule := rules[segment.pk]) else _("Customers put on a list"),
            share=share_words(segment.size, people),
            used_by=used.get(segment.pk, []),
        )
        for segment in segments
    ]


def rule_of(segment: Segment) -> Rule | None:
    """The rule of a live segment; None for a list."""
    return None if segment.kind == Segment.Kind.STATIC else parse_rule(segment.rule)


def users_of(segment_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """What uses each of these segments, in words: other segments, then what apps above registered. One query each."""
    wanted, found = set(segment_ids), defaultdict(list)
    if not wanted:
        return {}
    live = Segment.objects.filter(kind=Segment.Kind.LIVE).order_by("name")
    for name, raw in live.values_list("name", "rule"):
        for pk in {leaf.segment for leaf in parse_rule(raw).leaves() if isinstance(leaf, SegmentLeaf)} & wanted:
            found[pk].append(_("Segment “%(name)s”") % {"name": name})
    for pk, labels in uses_of(wanted).items():
        found[pk] += labels
    return dict(found)


def all_people() -> int:
    """Everybody who can belong to a segment. One query."""
    return Customer.objects.filter(restricted_at=None).count()


def share_words(size: int | None, people: int) -> str:
    """A share of all customers in percent, "" where it cannot be told."""
    if size is None or not people:
        return ""
    share = 100 * size / people
    decimals = 1 if 0 < share < 10 else 0
    return _("%(number)s %%") % {"number": number_format(round(share, decimals), decimals)}
