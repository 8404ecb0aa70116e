"""What segments hold of a customer: that he belongs, for merging, the person's own copy, and erasing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from apps.segments.models import Segment, SegmentMember


class MembershipHolder:
    """Places on lists go along with a merge. Live segments need nothing: they are decided anew for both records."""

    name = "segments"

    def __init__(self, label: Any) -> None:
        self.label = label

    def move(self, merged: UUID, kept: UUID) -> list[str]:
        """Give the places on static lists to the person, where he has none of his own; their ids for the journal."""
        lists = SegmentMember.objects.filter(segment__kind=Segment.Kind.STATIC)
        own = lists.filter(customer_id=kept).values_list("segment_id", flat=True)
        ids = list(lists.filter(customer_id=merged).exclude(segment_id__in=list(own)).values_list("pk", flat=True))
        SegmentMember.objects.filter(pk__in=ids).update(customer_id=kept)
        return [str(pk) for pk in ids]

    def move_back(self, ids: list[str], merged: UUID, kept: UUID) -> None:
        """Give back the places that are still the person's."""
        SegmentMember.objects.filter(pk__in=ids, customer_id=kept).update(customer_id=merged)

    def export(self, customer: UUID) -> Iterator[dict[str, Any]]:
        """The segments that the person belongs to, oldest first."""
        rows = SegmentMember.objects.filter(customer_id=customer).select_related("segment").order_by("since", "pk")
        for row in rows.iterator(chunk_size=1000):
            yield {"segment": row.segment.name, "since": row.since.isoformat()}

    def erase(self, customer: UUID) -> int:
        """Take the person out of every segment."""
        return SegmentMember.objects.filter(customer_id=customer).delete()[0]
