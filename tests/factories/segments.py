"""Segments and who belongs to them."""

from itertools import count
from typing import Any

from apps.segments import services
from apps.segments.models import Segment, SegmentMember
from cxm.actor import Actor
from tests.factories.customers import a_customer
from tests.factories.registry import factory

_numbers = count(1)
SYSTEM = Actor.system("test")


@factory(Segment)
def a_segment(rule: Any = None, **values: Any) -> Segment:
    """A live segment of everybody, or by this rule; computed."""
    values.setdefault("name", f"Segment {next(_numbers)}")
    return services.create_segment(actor=SYSTEM, rule=rule or {"all": []}, **values)


def a_list(*customers: Any, **values: Any) -> Segment:
    """A static segment with these customers."""
    values.setdefault("name", f"List {next(_numbers)}")
    segment = services.create_segment(actor=SYSTEM, kind="static", **values)
    services.set_static_members(actor=SYSTEM, segment=segment, customer_ids=[one.pk for one in customers])
    segment.refresh_from_db()
    return segment


@factory(SegmentMember)
def a_segment_member() -> SegmentMember:
    return SegmentMember.objects.get(segment=a_list(a_customer()))
