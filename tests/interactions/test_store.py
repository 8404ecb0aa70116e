"""Storing interactions: keys count once, changes are laid over, people are attached, and others are told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Q

from apps.customers.identity import clean_named
from apps.customers.models import Customer
from apps.interactions.models import Interaction, InteractionKey
from apps.interactions.store import (
    DELETED,
    RECORDED,
    NewInteraction,
    delete_interactions,
    key_of,
    record_interactions,
)
from apps.organizations.models import Organization, Unit
from apps.outbox.models import OutboxEvent
from apps.outbox.registry import _by_topic, _handlers, handles
from cxm.actor import Actor
from cxm.errors import NotAllowed, NotFound
from cxm.scope import tenant
from tests.factories import an_actor, an_organization, make

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def acme() -> Iterator[Organization]:
    """An organisation, in force."""
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


@pytest.fixture
def listener() -> Iterator[None]:
    """Somebody who listens, so that events are written, and is gone afterwards."""
    name = "tests.hear_interactions"
    handler = handles(RECORDED, DELETED, name=name)(lambda payload: None)
    yield
    del _handlers[name]
    for topic in (RECORDED, DELETED):
        _by_topic[topic] = [known for known in _by_topic[topic] if known.run is not handler]


def told(topic: str = RECORDED) -> list[dict[str, Any]]:
    """What was said to the listener."""
    found = OutboxEvent.objects.filter(topic=topic, handler="tests.hear_interactions").order_by("created_at", "id")
    return list(found.values_list("payload", flat=True))


def paid(**more: Any) -> NewInteraction:
    named = clean_named(user_id=more.pop("user_id", "u-1"), at=AT)
    return NewInteraction(**{"event": "Paid", "occurred_at": AT, "named": named, "source": "import", **more})


def record(*rows: NewInteraction, **options: Any) -> Any:
    return record_interactions(actor=SYSTEM, rows=rows, **options)


def test_nothing_to_record_is_nothing(acme: Organization) -> None:
    assert record().inserted == 0


def test_a_key_counts_once_within_its_source(acme: Organization) -> None:
    assert record(paid(key="1"), paid(key="2"), paid(key="1")).inserted == 2
    again = record(paid(key="1"), paid(key="3"), paid())
    assert (again.inserted, again.repeated, again.updated) == (2, 1, 0)
    assert record(paid(key="1", source="ingest")).inserted == 1
    assert Interaction.objects.count() == 5
    assert InteractionKey.objects.get(pk=key_of("import", "2")).interaction_id in Interaction.objects.values_list(
        "pk", flat=True
    )


def test_the_order_of_a_file_is_kept_at_one_time(acme: Organization) -> None:
    numbers = [7, 3, 9, 1, 8, 2]
    rows = [paid(event=f"E{place}", order=place, key=str(number)) for place, number in enumerate(numbers)]
    record(*rows)
    assert list(Interaction.objects.order_by("id").values_list("event", flat=True)) == [f"E{n}" for n in range(6)]


def test_the_first_of_two_with_one_key_counts_and_the_last_when_updating(acme: Organization) -> None:
    record(paid(key="1", event="First"), paid(key="1", event="Second"))
    record(paid(key="2", event="Third"), paid(key="2", event="Fourth"), update_known=True)
    assert sorted(Interaction.objects.values_list("event", flat=True)) == ["First", "Fourth"]


def test_a_known_key_is_left_alone_unless_asked_to_change(acme: Organization) -> None:
    record(paid(key="1", properties={"amount": 1}))
    record(paid(key="1", properties={"amount": 2}))
    assert Interaction.objects.get().properties == {"amount": 1}


def test_a_known_key_takes_over_what_changed(acme: Organization) -> None:
    record(paid(key="1", properties={"amount": 1}), paid(key="2"))
    before = Interaction.objects.get(properties__amount=1)
    changed = record(paid(key="1", properties={"amount": 2}, channel="phone"), paid(key="2"), update_known=True)
    assert (changed.inserted, changed.updated, changed.repeated) == (0, 1, 1)
    after = Interaction.objects.get(properties__amount=2)
    assert (after.pk, after.channel) == (before.pk, "phone")
    assert Interaction.objects.count() == 2


def test_a_known_key_moves_to_the_month_of_its_new_time(acme: Organization) -> None:
    record(paid(key="1"))
    earlier = AT - timedelta(days=200)
    assert record(paid(key="1", occurred_at=earlier), update_known=True).updated == 1
    row = Interaction.objects.get()
    assert row.occurred_at == earlier
    assert InteractionKey.objects.get().interaction_id == row.pk
    assert record(paid(key="1", occurred_at=earlier), update_known=True).repeated == 1


def test_a_known_key_follows_to_another_customer(acme: Organization) -> None:
    record(paid(key="1"))
    record(paid(key="1", user_id="u-2"), update_known=True)
    assert Interaction.objects.get().customer == Customer.objects.get(external_id="u-2")


def test_what_was_deleted_is_stored_anew_by_an_import_and_stays_away_from_ingest(acme: Organization) -> None:
    record(paid(key="1"), paid(key="1", source="ingest"))
    assert delete_interactions(which=Q()) == 2
    assert record(paid(key="1", source="ingest")).repeated == 1
    assert record(paid(key="1"), update_known=True).inserted == 1
    assert Interaction.objects.get().source == "import"
    assert record(paid(key="1"), update_known=True).repeated == 1


def test_others_are_told_once_for_all(acme: Organization, listener: None) -> None:
    record(paid(key="1"), paid(key="2", event="Sent", user_id="u-2", occurred_at=AT + timedelta(days=1)))
    people = sorted(str(pk) for pk in Customer.objects.values_list("pk", flat=True))
    assert told() == [
        {
            "customers": people,
            "events": ["Paid", "Sent"],
            "from": AT.isoformat(),
            "to": (AT + timedelta(days=1)).isoformat(),
        }
    ]


def test_nobody_is_told_of_repeats(acme: Organization, listener: None) -> None:
    record(paid(key="1"))
    record(paid(key="1"))
    record(paid(key="1"), update_known=True)
    assert len(told()) == 1


def test_others_are_told_of_what_was_and_what_is(acme: Organization, listener: None) -> None:
    record(paid(key="1", event="Payd"))
    record(paid(key="1", user_id="u-2"), update_known=True)
    was, now = Customer.objects.get(external_id="u-1"), Customer.objects.get(external_id="u-2")
    said = [(set(payload["customers"]), set(payload["events"])) for payload in told()[1:]]
    assert sorted(said, key=str) == sorted([({str(now.pk)}, {"Paid"}), ({str(was.pk)}, {"Payd"})], key=str)


def test_others_are_told_of_what_was_deleted(acme: Organization, listener: None) -> None:
    record(paid(key="1"), paid(key="2", event="Sent"))
    assert delete_interactions(which=Q(event="Sent")) == 1
    assert [payload["events"] for payload in told(DELETED)] == [["Sent"]]
    assert delete_interactions(which=Q(event="Sent")) == 0
    assert len(told(DELETED)) == 1


def test_deleting_stops_at_its_limit(acme: Organization) -> None:
    record(*(paid() for _number in range(5)))
    assert [delete_interactions(which=Q(), limit=2) for _round in range(4)] == [2, 2, 1, 0]


def test_rows_of_a_known_customer_need_no_name(acme: Organization) -> None:
    person = Customer.objects.create(name="Ada")
    record(paid(named=None, customer_id=person.pk))
    row = Interaction.objects.get()
    assert (row.customer_id, row.identity_id) == (person.pk, person.pk)


def test_rows_of_a_merged_record_are_the_persons(acme: Organization) -> None:
    person = Customer.objects.create(name="Ada")
    merged = Customer.objects.create(name="A.", merged_into=person)
    record(paid(named=None, customer_id=merged.pk))
    row = Interaction.objects.get()
    assert (row.customer_id, row.identity_id) == (person.pk, merged.pk)


def test_an_unknown_customer_is_refused_like_another_organisations(acme: Organization) -> None:
    beta = an_organization("Beta")
    with tenant(beta):
        theirs = Customer.objects.create(name="Theirs")
    for pk in (theirs.pk, uuid4()):
        with pytest.raises(NotFound) as refused:
            record(paid(named=None, customer_id=pk))
        assert refused.value.errors[0]["field"] == "customer"
    assert not Interaction.objects.exists()


def test_only_who_may_create_interactions_does(acme: Organization) -> None:
    for role, is_allowed in (("manager", True), ("agent", True), ("analyst", False), ("employee", False)):
        actor = an_actor(acme, role)
        if is_allowed:
            record_interactions(actor=actor, rows=[paid()])
        else:
            with pytest.raises(NotAllowed):
                record_interactions(actor=actor, rows=[paid()])


def test_a_branch_can_only_record_for_its_own_customers(acme: Organization) -> None:
    unit = make(Unit)
    actor = an_actor(acme, "agent", unit=unit)
    mine, other = Customer.objects.create(name="Mine", unit=unit), Customer.objects.create(name="Other")
    record_interactions(actor=actor, rows=[paid(named=None, customer_id=mine.pk)])
    assert Interaction.objects.get().unit_id == unit.pk
    with pytest.raises(NotAllowed):
        record_interactions(actor=actor, rows=[paid(named=None, customer_id=other.pk)])
    assert Interaction.objects.count() == 1


def test_more_rows_than_fit_a_statement_are_all_stored(acme: Organization) -> None:
    rows = [paid(key=str(number), order=number) for number in range(2_300)]
    assert record(*rows).inserted == 2_300
    assert record(*rows).repeated == 2_300
    assert Interaction.objects.count() == 2_300


def test_many_rows_cost_as_many_queries_as_one(acme: Organization, django_assert_num_queries) -> None:
    record(paid(key="0"))
    for rows in (1, 50):
        with django_assert_num_queries(5):
            record(*(paid(key=f"{rows}-{number}") for number in range(rows)))


@pytest.mark.django_db(transaction=True)
def test_the_same_batch_sent_by_eight_at_once_counts_once() -> None:
    acme = an_organization("Acme")
    rows = [paid(key=str(number), user_id=f"u-{number % 7}") for number in range(60)]
    outcomes: list[int] = []
    failures: list[BaseException] = []
    together = threading.Barrier(8)

    def send(reverse: bool) -> None:
        try:
            together.wait(timeout=20)
            with tenant(acme):
                outcomes.append(record(*(reversed(rows) if reverse else rows)).inserted)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    senders = [threading.Thread(target=send, args=(number % 2 == 1,)) for number in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(timeout=60)
    assert failures == []
    assert sum(outcomes) == 60
    with tenant(acme):
        assert Interaction.objects.count() == InteractionKey.objects.count() == 60
        assert Customer.objects.count() == 7
