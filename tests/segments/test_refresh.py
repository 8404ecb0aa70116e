"""Members are what the rule says, whatever happened and in whatever order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection, transaction
from django.db.models import Q
from django.utils.timezone import now

from apps.customers.accounts import create_account, update_account
from apps.customers.identity import Named
from apps.customers.merging import merge_customers, undo_merge
from apps.customers.models import Account, Customer
from apps.customers.restriction import lift_restriction, restrict_customer
from apps.customers.services import CustomerReference, delete_customer, record_consent, update_customer
from apps.interactions.models import Interaction
from apps.interactions.store import NewInteraction, delete_interactions, record_interactions
from apps.organizations.models import Organization
from apps.organizations.services import update_settings
from apps.outbox.relay import drain
from apps.segments import membership, queries, refresh, services, tasks
from apps.segments.models import Segment, SegmentMember
from apps.surveys.services import delete_response
from cxm.actor import Actor
from cxm.errors import Conflict
from cxm.scope import current_tenant_id, tenant
from tests.factories import an_organization
from tests.factories.customers import a_customer
from tests.factories.segments import a_list, a_segment
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")
BOUGHT_TWICE = {"event": "Purchase", "count": {"op": ">=", "value": 2}, "within": {"days": 90}}


def did(customer: Customer, event: str = "Purchase", *, days_ago: float = 1, **values: Any) -> None:
    """Record that a customer did something."""
    at = now() - timedelta(days=days_ago)
    row = NewInteraction(event=event, occurred_at=at, customer_id=customer.pk, **values)
    record_interactions(actor=SYSTEM, rows=[row])


def settle() -> None:
    """What the workers do: hand out events, then refresh what is due."""
    while drain().handled:
        pass
    while refresh.refresh_due().done:
        pass


def names(segment: Segment) -> list[str]:
    """Who belongs, and that the size says so."""
    segment.refresh_from_db()
    found = sorted(queries.members(SYSTEM, segment).values_list("name", flat=True))
    assert segment.size == len(found)
    return found


def since(segment: Segment, customer: Customer) -> datetime:
    return SegmentMember.objects.get(segment=segment, customer=customer).since


# -- following events


def test_a_new_segment_is_computed_at_once(acme: Organization) -> None:
    ada, bob = a_customer(name="Ada"), a_customer(name="Bob")
    for customer in (ada, ada, bob):
        did(customer)
    segment = a_segment(BOUGHT_TWICE)
    assert names(segment) == ["Ada"]
    assert (segment.state, segment.is_time_bound) == ("ready", True)
    assert segment.computed_at is not None


def test_events_make_members_late_ones_too_and_deletion_unmakes_them(acme: Organization) -> None:
    ada = a_customer(name="Ada")
    segment = a_segment(BOUGHT_TWICE)
    did(ada)
    settle()
    assert names(segment) == []
    did(ada, days_ago=60)  # comes late
    settle()
    assert names(segment) == ["Ada"]
    first = Interaction.objects.earliest("id")
    delete_interactions(which=Q(pk=first.pk))
    settle()
    assert names(segment) == []


def test_who_stays_keeps_the_time_since_which(acme: Organization) -> None:
    ada = a_customer(name="Ada", attributes={"plan": "pro"})
    segment = a_segment({"attribute": "plan", "op": "=", "value": "pro"})
    began = since(segment, ada)
    update_customer(actor=SYSTEM, customer=ada, values={"attributes": {"plan": "pro", "n": 1}})
    settle()
    refresh.request_refresh([segment.pk])
    settle()
    assert since(segment, ada) == began


def test_customers_are_followed_when_new_changed_restricted_and_deleted(acme: Organization) -> None:
    segment = a_segment({"none": [{"attribute": "plan", "op": "=", "value": "free"}]})
    ada, bob = a_customer(name="Ada"), a_customer(name="Bob", attributes={"plan": "free"})
    settle()
    assert names(segment) == ["Ada"]
    update_customer(actor=SYSTEM, customer=bob, values={"attributes": {"plan": "pro"}})
    settle()
    assert names(segment) == ["Ada", "Bob"]
    restrict_customer(actor=SYSTEM, customer=bob.pk)
    settle()
    assert names(segment) == ["Ada"]
    lift_restriction(actor=SYSTEM, customer=bob.pk)
    settle()
    assert names(segment) == ["Ada", "Bob"]
    delete_customer(actor=SYSTEM, customer=ada)
    settle()
    assert names(segment) == ["Bob"]


def test_answers_and_consent_are_followed(acme: Organization) -> None:
    survey, ada = a_survey("nps"), a_customer(name="Ada")
    unhappy = a_segment({"answer": {"survey": str(survey.pk)}, "op": "<", "value": 7})
    silent = a_segment({"consent": {"purpose": "surveys"}, "state": "unknown"})
    assert (names(unhappy), names(silent)) == ([], ["Ada"])
    answer = an_answer(survey, 3, customer=CustomerReference(id=ada.pk), source_id="a")
    record_consent(actor=SYSTEM, customer=ada, purpose="surveys")
    settle()
    assert (names(unhappy), names(silent)) == (["Ada"], [])
    an_answer(survey, 9, customer=CustomerReference(id=ada.pk), source_id="a")  # a repeat changes it
    settle()
    assert names(unhappy) == []
    an_answer(survey, 2, customer=CustomerReference(id=ada.pk), source_id="a")
    settle()
    assert names(unhappy) == ["Ada"]
    answer.refresh_from_db()
    delete_response(actor=SYSTEM, response=answer)
    settle()
    assert names(unhappy) == []


def test_merges_join_what_two_did_and_undoing_parts_it(acme: Organization) -> None:
    ada, adele, bob = (a_customer(name=name) for name in ("Ada", "Adele", "Bob"))
    for customer in (ada, adele, bob):
        did(customer)
    twice, guests = a_segment(BOUGHT_TWICE), a_list(adele, bob)
    once = a_segment({"event": "Purchase", "count": {"op": "=", "value": 1}})
    merge = merge_customers(actor=SYSTEM, kept=ada, merged=adele)
    settle()
    assert (names(twice), names(once), names(guests)) == (["Ada"], ["Bob"], ["Ada", "Bob"])
    undo_merge(actor=SYSTEM, merge=merge)
    settle()
    assert (names(twice), names(once), names(guests)) == ([], ["Ada", "Adele", "Bob"], ["Adele", "Bob"])


def test_an_anonymous_history_counts_once_it_has_a_name(acme: Organization) -> None:
    segment, at = a_segment(BOUGHT_TWICE), now() - timedelta(days=2)
    visitor = Named(user_id=None, email=None, phone=None, anonymous_id="a-1", at=at)
    rows = [NewInteraction(event="Purchase", occurred_at=at, named=visitor) for _number in range(2)]
    record_interactions(actor=SYSTEM, rows=rows)
    settle()
    assert names(segment) == []
    ada = Named(user_id="u-1", email=None, phone=None, anonymous_id="a-1", at=now(), traits={"name": "Ada"})
    record_interactions(actor=SYSTEM, rows=[NewInteraction(event="Visit", occurred_at=now(), named=ada)])
    settle()
    assert names(segment) == ["Ada"]


def test_companies_are_followed_by_their_people(acme: Organization) -> None:
    a_customer(name="Ada", account="acme")
    a_customer(name="Bob", account="other")
    segment = a_segment({"account_attribute": "tier", "op": "=", "value": "gold"})
    assert names(segment) == []
    account = Account.objects.filter(key="acme").first() or create_account(actor=SYSTEM, key="acme")
    update_account(actor=SYSTEM, account=account, values={"attributes": {"tier": "gold"}})
    settle()
    assert names(segment) == ["Ada"]


def test_an_event_no_rule_names_decides_nothing(acme: Organization) -> None:
    ada = a_customer(name="Ada")
    segment = a_segment(BOUGHT_TWICE)
    settle()
    before = Segment.objects.get(pk=segment.pk).revision
    did(ada, "Visit")
    settle()
    assert Segment.objects.get(pk=segment.pk).revision == before
    did(ada, "Purchase")
    settle()
    assert Segment.objects.get(pk=segment.pk).revision > before


# -- time and settings


def test_moving_windows_are_refreshed_while_nothing_happens(acme: Organization) -> None:
    with time_machine.travel(datetime(2026, 6, 1, tzinfo=UTC), tick=False) as clock:
        ada = a_customer(name="Ada")
        did(ada, days_ago=89)
        did(ada, days_ago=1)
        segment = a_segment(BOUGHT_TWICE)
        settle()
        assert names(segment) == ["Ada"]
        clock.shift(timedelta(days=1, minutes=1))
        settle()
        assert names(segment) == []
        assert segment.refresh_at == now() + refresh.TIME_BOUND_EVERY


def test_a_new_time_zone_and_another_count_of_answers_refresh(acme: Organization) -> None:
    at = datetime(2026, 3, 1, 1, tzinfo=UTC)
    ada, survey = a_customer(name="Ada"), a_survey("nps")
    record_interactions(actor=SYSTEM, rows=[NewInteraction(event="Visit", occurred_at=at, customer_id=ada.pk)])
    march = a_segment({"event": "Visit", "within": {"from": "2026-03-01"}})
    answer = an_answer(survey, 3, customer=CustomerReference(id=ada.pk))
    type(answer).objects.filter(pk=answer.pk).update(state="provisional_dwell")
    unhappy = a_segment({"answer": {"metric": "nps"}, "op": "<", "value": 7})
    settle()
    assert (names(march), names(unhappy)) == (["Ada"], [])
    update_settings(actor=SYSTEM, timezone="America/New_York", include_provisional=True)
    settle()
    assert (names(march), names(unhappy)) == ([], ["Ada"])


# -- segments of segments, lists


def test_segments_follow_those_they_refer_to(acme: Organization) -> None:
    ada, bob = a_customer(name="Ada", attributes={"n": 1}), a_customer(name="Bob", attributes={"n": 5})
    inner = a_segment({"attribute": "n", "op": ">", "value": 3})
    listed = a_list(ada)
    outer = a_segment({"any": [{"segment": str(inner.pk)}, {"segment": str(listed.pk)}]})
    assert names(outer) == ["Ada", "Bob"]
    services.update_segment(actor=SYSTEM, segment=inner, rule={"attribute": "n", "op": ">", "value": 9})
    services.remove_static_members(actor=SYSTEM, segment=listed, customer_ids=[ada.pk])
    settle()
    assert names(outer) == []
    services.set_static_members(actor=SYSTEM, segment=listed, customer_ids=[ada.pk, bob.pk], mode="replace")
    settle()
    assert (names(listed), names(outer)) == (["Ada", "Bob"], ["Ada", "Bob"])
    update_customer(actor=SYSTEM, customer=bob, values={"attributes": {"n": 10}})
    services.set_static_members(actor=SYSTEM, segment=listed, customer_ids=[ada.pk], mode="replace")
    settle()
    assert (names(listed), names(inner), names(outer)) == (["Ada"], ["Bob"], ["Ada", "Bob"])


def test_lists_are_set_by_hand_and_rules_are_not(acme: Organization) -> None:
    ada, bob = a_customer(name="Ada"), a_customer(name="Bob")
    listed, live = a_list(ada), a_segment()
    assert services.set_static_members(actor=SYSTEM, segment=listed, customer_ids=[ada.pk, bob.pk]) == 1
    assert names(listed) == ["Ada", "Bob"]
    with pytest.raises(Conflict):
        services.set_static_members(actor=SYSTEM, segment=live, customer_ids=[ada.pk])
    delete_customer(actor=SYSTEM, customer=ada)
    settle()
    assert names(listed) == ["Bob"]


# -- the queue


def test_what_is_not_quick_is_left_to_a_worker(acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    a_customer(name="Ada")
    monkeypatch.setattr(services, "QUICK_MEMBERS", 0)
    segment = a_segment()
    assert (segment.state, segment.size) == ("computing", None)
    settle()
    assert names(segment) == ["Ada"]
    assert segment.state == "ready"


def test_a_lost_worker_loses_nothing(acme: Organization) -> None:
    ada = a_customer(name="Ada")
    segment = a_segment()
    SegmentMember.objects.all().delete()
    refresh.request_refresh([segment.pk])
    assert refresh._claim() == segment.pk  # and then its worker is killed
    assert refresh.refresh_due().done == 0
    with time_machine.travel(now() + refresh.LEASE + timedelta(seconds=1)):
        assert refresh.refresh_due().done == 1
    assert SegmentMember.objects.filter(customer=ada).exists()


def test_what_fails_eight_times_is_parked_with_its_error(acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = a_segment()
    refresh.request_refresh([segment.pk])
    monkeypatch.setattr(membership, "CHUNK", None)  # breaks every computation that has something to do
    SegmentMember.objects.all().delete()
    a_customer()
    at = now()
    for number in range(1, refresh.MOST_ATTEMPTS + 1):
        at += timedelta(days=1)
        with time_machine.travel(at):
            assert refresh.refresh_due().failed == 1, number
    segment.refresh_from_db()
    assert (segment.state, segment.refresh_at, segment.leased_until) == ("failed", None, None)
    assert segment.error.startswith("TypeError")
    monkeypatch.undo()
    services.refresh_now(actor=SYSTEM, segment=segment)
    settle()
    segment.refresh_from_db()
    assert (segment.state, segment.error, segment.size) == ("ready", "", 1)


def test_a_rule_changed_during_a_refresh_wins(acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    a_customer(name="Ada", attributes={"n": 1})
    a_customer(name="Bob", attributes={"n": 2})
    segment = a_segment({"attribute": "n", "op": "=", "value": 1})
    SegmentMember.objects.all().delete()
    refresh.request_refresh([segment.pk])
    difference = membership.difference

    def overtaken(*args: Any) -> Any:
        found = difference(*args)
        monkeypatch.setattr(membership, "difference", difference)
        services.update_segment(actor=SYSTEM, segment=segment, rule={"attribute": "n", "op": "=", "value": 2})
        return found

    monkeypatch.setattr(membership, "difference", overtaken)
    settle()
    assert names(segment) == ["Bob"]


def test_the_sweep_finds_what_is_due_in_every_organisation(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[object] = []
    monkeypatch.setattr(tasks, "wake", lambda: woken.append(current_tenant_id()))
    organizations = [an_organization("Acme"), an_organization("Other"), an_organization("Quiet")]
    for organization in organizations:
        with tenant(organization):
            segment = a_segment()
            if organization.name != "Quiet":
                refresh.request_refresh([segment.pk])
    tasks.sweep_due_segments()
    assert woken == [organization.pk for organization in organizations[:2]]


# -- at the same time


@pytest.fixture
def committed(transactional_db: None) -> Iterator[Organization]:
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def in_thread(organization: Organization, work: Any) -> threading.Thread:
    def run() -> None:
        try:
            with tenant(organization):
                work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_refresh_does_not_undo_what_happened_while_it_computed(
    committed: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ada meets the rule when the set is computed and no longer when it is applied; Bob the other way round."""
    ada, bob = a_customer(name="Ada", attributes={"n": 1}), a_customer(name="Bob", attributes={"n": 0})
    segment = a_segment({"attribute": "n", "op": "=", "value": 1})
    settle()
    SegmentMember.objects.filter(customer=ada).delete()
    SegmentMember.objects.create(segment=segment, customer=bob)  # so that both stand in the difference
    refresh.request_refresh([segment.pk])
    difference = membership.difference

    def overtaken(*args: Any) -> Any:
        found = difference(*args)
        thread = in_thread(committed, lambda: (swap(ada, 0), swap(bob, 1), drain()))
        thread.join()
        return found

    monkeypatch.setattr(membership, "difference", overtaken)
    assert refresh.refresh_due().done == 1
    assert names(segment) == ["Bob"]


def swap(customer: Customer, n: int) -> None:
    update_customer(actor=SYSTEM, customer=customer, values={"attributes": {"n": n}})


def test_many_at_once_end_where_the_rule_says(committed: Organization) -> None:
    people = [a_customer(name=f"P{number:02}") for number in range(8)]
    segment = a_segment({"event": "Purchase", "count": {"op": ">=", "value": 3}})
    settle()
    stop = threading.Event()

    def buy(share: list[Customer]) -> None:
        for _round in range(3):
            for customer in share:
                did(customer)

    def work() -> None:
        while not stop.is_set():
            try:
                drain()
                with transaction.atomic():
                    refresh.request_refresh([segment.pk])
                refresh.refresh_due()
            except OperationalError:
                continue

    workers = [in_thread(committed, work) for _number in range(2)]
    buyers = [in_thread(committed, lambda share=share: buy(share)) for share in (people[:4], people[3:6])]
    for thread in buyers:
        thread.join()
    stop.set()
    for thread in workers:
        thread.join()
    settle()
    assert names(segment) == [f"P{number:02}" for number in range(6)]
