"""Whether promises were kept: exactly what a plain count over every customer's events says."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest

from apps.interactions.models import Interaction
from apps.interactions.store import NewInteraction, record_interactions
from apps.organizations.models import Unit
from apps.touchpoints.promises import broken_promises, promises_kept
from apps.touchpoints.services import create_touchpoint, update_touchpoint
from cxm.actor import Actor
from cxm.errors import DomainErrors
from cxm.scope import tenant
from tests.factories import an_actor
from tests.factories.customers import a_customer
from tests.factories.maps import a_touchpoint

SYSTEM = Actor.system("test")
NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
HOUR = 3600


def promise(within: int = 2 * HOUR, **values: Any) -> dict[str, Any]:
    return {"text": "Within 2 hours", "kept": {"event": "answered"}, "within_seconds": within, **values}


def happened(*rows: tuple[Any, str, float] | tuple[Any, str, float, dict[str, Any]]) -> None:
    """(customer, event, hours after noon, properties) each."""
    new = [
        NewInteraction(
            event=row[1],
            customer_id=row[0].pk,
            occurred_at=NOON + timedelta(hours=row[2]),
            properties=row[3] if len(row) > 3 else {},
        )
        for row in rows
    ]
    record_interactions(actor=SYSTEM, rows=new)


def counted(touchpoint: Any, at: datetime = NOON + timedelta(days=2)) -> tuple[int, int, int, int]:
    found = promises_kept([touchpoint], start=NOON - timedelta(days=1), end=NOON + timedelta(days=1), at=at)
    kept = found[touchpoint.pk]
    return kept.made, kept.kept, kept.broken, kept.open


def test_a_promise_is_kept_broken_or_open(acme: Any) -> None:
    with tenant(acme):
        asked = a_touchpoint("Question", event_match={"event": "asked"}, promise=promise())
        people = [a_customer() for _number in range(4)]
        happened(
            (people[0], "asked", 0), (people[0], "answered", 2),  # on the very last moment
            (people[1], "asked", 0), (people[1], "answered", 2.001),
            (people[2], "asked", 0), (people[0], "answered", 0.5),
            (people[3], "answered", -0.1), (people[3], "asked", 0),
        )  # fmt: skip
        assert counted(asked) == (4, 1, 3, 0)
        assert counted(asked, at=NOON + timedelta(hours=1)) == (4, 1, 0, 3)
        assert counted(asked, at=NOON + timedelta(hours=2)) == (4, 1, 0, 3)


def test_an_event_that_makes_and_keeps_does_not_keep_itself(acme: Any) -> None:
    with tenant(acme):
        rule = promise(kept={"event": "called"}, start={"event": "called", "where": {}})
        row = a_touchpoint("Call back", promise=rule)
        one, two = a_customer(), a_customer()
        happened((one, "called", 0), (two, "called", 0), (two, "called", 0), (two, "called", 1))
        assert counted(row) == (4, 2, 2, 0)


def test_conditions_decide_what_counts(acme: Any) -> None:
    with tenant(acme):
        rule = promise(
            kept={"event": "mail", "where": {"type": "answer"}}, start={"event": "mail", "where": {"in": True}}
        )
        row = a_touchpoint("Mail", promise=rule)
        one = a_customer()
        happened((one, "mail", 0, {"in": True}), (one, "mail", 1, {"type": "advert"}), (one, "mail", 5, {"in": True}))
        assert counted(row) == (2, 0, 2, 0)
        happened((one, "mail", 1.5, {"type": "answer", "more": 1}))
        assert counted(row) == (2, 1, 1, 0)


@pytest.mark.parametrize("seed", range(6))
def test_counts_are_those_of_a_plain_count(acme: Any, seed: int) -> None:
    chance = random.Random(seed)
    with tenant(acme):
        same = seed % 3 == 2
        start = {"event": "a", "where": {"x": 1}} if seed % 2 else {"event": "a", "where": {}}
        kept = {"event": "a" if same else "b", "where": {"y": True} if seed > 2 else {}}
        within = chance.choice([1, HOUR, 7 * HOUR])
        rows = [a_touchpoint(f"T{seed}", promise=promise(within, start=start, kept=kept))]
        rows.append(a_touchpoint("Other", promise=promise(HOUR, start={"event": "b"}, kept={"event": "a"})))
        people = [a_customer() for _number in range(5)]
        happened(
            *[
                (
                    chance.choice(people),
                    chance.choice("aab"),
                    chance.choice([chance.randint(-30, 30), chance.uniform(-30, 30)]),
                    {"x": chance.randint(0, 1), "y": chance.random() < 0.5},
                )
                for _number in range(150)
            ]
        )
        first, end, at = NOON - timedelta(hours=20), NOON + timedelta(hours=20), NOON + timedelta(hours=22)
        found = promises_kept(rows, start=first, end=end, at=at)
        events = list(Interaction.objects.all())
        for row in rows:
            assert by_hand(row, events, first, end, at) == (
                found[row.pk].made,
                found[row.pk].kept,
                found[row.pk].broken,
                found[row.pk].open,
                pytest.approx(found[row.pk].median_seconds),
            )


def by_hand(row: Any, events: list[Interaction], first: datetime, end: datetime, at: datetime) -> tuple[Any, ...]:
    """Every start against every event of the same customer."""

    def fits(event: Interaction, match: Any) -> bool:
        where = match.get("where") or {}
        return event.event == match["event"] and all(event.properties.get(k) == v for k, v in where.items())

    limit = timedelta(seconds=row.promise["within_seconds"])
    tally = {"kept": 0, "broken": 0, "open": 0}
    times = []
    for start in events:
        if not (fits(start, row.promise["start"]) and first <= start.occurred_at < end):
            continue
        waits = [
            other.occurred_at - start.occurred_at
            for other in events
            if other.pk != start.pk
            and other.customer_id == start.customer_id
            and fits(other, row.promise["kept"])
            and timedelta() <= other.occurred_at - start.occurred_at <= limit
        ]
        if waits:
            tally["kept"] += 1
            times.append(min(waits).total_seconds())
        else:
            tally["broken" if start.occurred_at + limit < at else "open"] += 1
    return sum(tally.values()), *tally.values(), median(times) if times else None


def test_broken_ones_lead_only_to_customers_one_may_see(acme: Any) -> None:
    with tenant(acme):
        row = a_touchpoint("Question", event_match={"event": "asked"}, promise=promise())
        north = Unit.objects.create(name="North")
        inside, outside = a_customer(unit=north), a_customer()
        happened((inside, "asked", 0), (outside, "asked", 1), (outside, "answered", 4))
        window = {"start": NOON - timedelta(days=1), "end": NOON + timedelta(days=1), "at": NOON + timedelta(days=2)}
        everything = broken_promises(row, actor=SYSTEM, **window)
        assert [(one.customer, one.made_at, one.kept_at) for one in everything] == [
            (outside, NOON + timedelta(hours=1), NOON + timedelta(hours=4)),
            (inside, NOON, None),
        ]
        branch = an_actor(acme, "agent", unit=north)
        assert [one.customer for one in broken_promises(row, actor=branch, **window)] == [inside]
        assert broken_promises(row, actor=an_actor(acme, "employee"), **window) == []


def test_another_organisation_keeps_no_promise(acme: Any, globex: Any) -> None:
    with tenant(globex):
        theirs = a_customer()
        happened((theirs, "asked", 0), (theirs, "answered", 1))
    with tenant(acme):
        row = a_touchpoint("Question", event_match={"event": "asked"}, promise=promise())
        assert counted(row) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"text": ""}, "promise.text"),
        ({"kept": None}, "promise.kept"),
        ({"kept": {"event": ""}}, "promise.kept.event"),
        ({"kept": {"event": "x", "where": {"a": []}}}, "promise.kept.where.a"),
        ({"within_seconds": 0}, "promise.within_seconds"),
        ({"within_seconds": True}, "promise.within_seconds"),
        ({"within_seconds": 10**30}, "promise.within_seconds"),
        ({"start": "asked"}, "promise.start"),
        ({"text": "a\x00"}, "promise.text"),
    ],
)
def test_a_wrong_promise_is_named(acme: Any, wrong: Any, field: str) -> None:
    with tenant(acme), pytest.raises(DomainErrors) as refused:
        create_touchpoint(actor=SYSTEM, name="X", event_match={"event": "asked"}, promise=promise(**wrong))
    assert [error["field"] for error in refused.value.errors] == [field]


def test_a_promise_needs_an_event_that_makes_it(acme: Any) -> None:
    with tenant(acme):
        row = a_touchpoint("Question", event_match={"event": "asked"}, promise=promise())
        with pytest.raises(Exception, match="which event makes the promise"):
            update_touchpoint(actor=SYSTEM, touchpoint=row, event_match=None)
        assert update_touchpoint(actor=SYSTEM, touchpoint=row, event_match=None, promise=None).promise is None
