"""Two records made one person, and parted again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps as django_apps
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.customers import merging, services
from apps.customers.handlers import follow_merge
from apps.customers.identity import attach, clean_named, with_identities
from apps.customers.models import ConsentRecord, Customer, CustomerMerge
from apps.interactions.models import Interaction
from apps.interactions.store import NewInteraction, record_interactions
from apps.organizations.models import Organization, Unit
from apps.surveys.entries import read_entry
from apps.surveys.live import live_survey
from apps.surveys.models import Response
from apps.surveys.services import record_response
from cxm.actor import Actor, Grant
from cxm.errors import Conflict, DomainError, NotAllowed, NotFound
from cxm.scope import tenant
from tests.factories import an_organization, make
from tests.factories.customers import a_customer
from tests.factories.surveys import a_survey

SYSTEM = Actor.system("test")
START = datetime(2026, 3, 1, tzinfo=UTC)
LOGS = {"audit.AuditEntry", "outbox.OutboxEvent", "customers.CustomerMerge"}
TIMES = {"updated_at"}


@pytest.fixture
def acme(db: None) -> Iterator[Organization]:
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def everything() -> dict[str, Any]:
    """Every row of every tenant table that a merge could touch, but for logs and times of change."""
    found: dict[str, Any] = {}
    for model in django_apps.get_models():
        names = {field.name for field in model._meta.local_fields}
        if "tenant" not in names or model._meta.label in LOGS:
            continue
        columns = [f.attname for f in model._meta.local_concrete_fields if f.attname not in TIMES and not f.generated]
        rows = model._base_manager.order_by("pk").values(*columns)
        found[model._meta.label] = list(rows)
    return found


def did(customer: Customer, event: str, minute: int = 0) -> None:
    """Something this customer did, as a message of their user id."""
    at = START + timedelta(minutes=minute)
    named = clean_named(user_id=customer.external_id, at=at)
    row = NewInteraction(named=named, kind="event", event=event, channel="web", occurred_at=at)
    record_interactions(actor=SYSTEM, rows=[row])


def events_of(customer: Customer) -> list[str]:
    return list(Interaction.objects.filter(customer=customer).order_by("id").values_list("event", flat=True))


@pytest.fixture
def pair(acme: Organization) -> tuple[Customer, Customer]:
    kept = a_customer(external_id="k", name="Kay", email="k@b.de", attributes={"plan": "gold"})
    merged = a_customer(external_id="m", name="Em", phone="+49301234", attributes={"plan": "free", "city": "Ulm"})
    did(kept, "bought")
    did(merged, "called", 1)
    services.record_consent(actor=SYSTEM, customer=merged, purpose="surveys")
    return kept, merged


def test_merge_fills_empty_fields_and_brings_everything(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    person = Customer.objects.get()
    assert (person.pk, person.name, person.email, person.phone) == (kept.pk, "Kay", "k@b.de", "+49301234")
    assert person.attributes == {"plan": "free", "city": "Ulm"}
    assert events_of(person) == ["bought", "called"]
    assert ConsentRecord.objects.get().customer_id == kept.pk
    assert {row["value"] for row in merging.identifiers_of(person.pk)} == {"k", "m", "k@b.de", "+49301234"}
    assert AuditEntry.objects.get(action="customers.merged").target_id == kept.pk


def test_undo_restores_every_row(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    before = everything()
    merge = merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    assert everything() != before
    restored = merging.undo_merge(actor=SYSTEM, merge=merge)
    assert restored.pk == merged.pk
    assert everything() == before


def test_undo_restores_every_row_below_a_second_merge(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    top = a_customer(external_id="top", attributes={"tier": 1})
    before = everything()
    first = merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    second = merging.merge_customers(actor=SYSTEM, kept=top, merged=kept)
    assert events_of(top) == ["bought", "called"]
    merging.undo_merge(actor=SYSTEM, merge=first)
    assert (events_of(top), events_of(merged)) == (["bought"], ["called"])
    assert Customer.objects.get(pk=top.pk).attributes == {"tier": 1, "plan": "gold"}
    merging.undo_merge(actor=SYSTEM, merge=second)
    assert everything() == before


def test_undo_of_the_upper_merge_keeps_the_lower_one(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    top = a_customer(external_id="top")
    merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    between = everything()
    second = merging.merge_customers(actor=SYSTEM, kept=top, merged=kept)
    assert Customer.records.get(pk=merged.pk).merged_into_id == top.pk
    merging.undo_merge(actor=SYSTEM, merge=second)
    assert everything() == between
    assert ConsentRecord.objects.get().customer_id == kept.pk


def test_what_came_in_between_goes_with_its_identifiers(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    merge = merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    did(merged, "visited", 5)
    did(kept, "paid", 6)
    named = clean_named(user_id="m", at=now() + timedelta(seconds=5), traits={"name": "Emma", "city": "Bonn"})
    with_identities(lambda: attach([named]))
    person = Customer.objects.get()
    assert events_of(person) == ["bought", "called", "visited", "paid"]
    assert (person.name, person.attributes["city"]) == ("Emma", "Bonn")
    merging.undo_merge(actor=SYSTEM, merge=merge)
    assert (events_of(kept), events_of(merged)) == (["bought", "paid"], ["called", "visited"])
    kept.refresh_from_db()
    merged.refresh_from_db()
    assert (kept.name, kept.attributes) == ("Kay", {"plan": "gold"})
    assert (merged.name, merged.attributes) == ("Emma", {"plan": "free", "city": "Bonn"})


def test_a_field_emptied_after_the_merge_stays_empty(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    services.update_customer(actor=SYSTEM, customer=kept, phone="", attributes={"plan": "free"})
    person = Customer.objects.get()
    assert (person.phone, person.attributes) == (None, {"plan": "free"})


def test_an_undone_merge_by_an_address_does_not_come_back(acme: Organization) -> None:
    at = START
    with_identities(lambda: attach([clean_named(user_id="u", at=at), clean_named(email="x@y.de", at=at)]))
    lead = Customer.objects.get(external_id=None)
    both = clean_named(user_id="u", email="x@y.de", at=at)
    with_identities(lambda: attach([both]))
    merge = CustomerMerge.objects.get()
    merging.undo_merge(actor=SYSTEM, merge=merge)
    assert Customer.objects.get(external_id=None).pk == lead.pk
    with_identities(lambda: attach([both]))
    assert Customer.objects.count() == 2
    assert Customer.objects.get(email="x@y.de").pk == lead.pk


def test_an_alias_can_be_undone(acme: Organization) -> None:
    with_identities(lambda: attach([clean_named(user_id="a", at=START), clean_named(user_id="b", at=START)]))
    with_identities(lambda: attach([clean_named(user_id="b", alias_of="a", at=START)]))
    merging.undo_merge(actor=SYSTEM, merge=CustomerMerge.objects.get())
    assert set(Customer.objects.values_list("external_id", flat=True)) == {"a", "b"}


def test_references_to_a_merged_record_mean_the_person(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    references = [services.CustomerReference(id=merged.pk), services.CustomerReference(external_id="m")]
    found = services.resolve_customers(actor=SYSTEM, references=references)
    assert set(found.values()) == {kept.pk}
    row, made = services.upsert_customer(actor=SYSTEM, external_id="m", values={"name": "Emma"})
    assert (row.pk, row.name, made) == (kept.pk, "Emma", False)


def test_answers_under_a_merged_id_are_the_persons(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    survey = a_survey("nps")
    for name in ({"external_id": "m"}, {"id": str(merged.pk)}, {"email": "k@b.de"}):
        entry = read_entry({"answers": {"score": 9}, "customer": name}, live_survey(survey.pk))
        recorded = record_response(actor=SYSTEM, survey_id=survey.pk, entry=entry)
        assert recorded.customer is not None
        assert recorded.customer.id == kept.pk
    assert set(Response.objects.values_list("customer", flat=True)) == {kept.pk}


def test_what_was_filed_while_merging_is_brought_along(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    merge = merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    late = ConsentRecord.objects.create(customer=merged, purpose="contact", channel="any", state="given")
    follow_merge({"merged": str(merged.pk)})
    assert ConsentRecord.objects.get(pk=late.pk).customer_id == kept.pk
    merging.undo_merge(actor=SYSTEM, merge=merge)
    assert ConsentRecord.objects.get(pk=late.pk).customer_id == merged.pk


def test_what_cannot_be_merged_is_refused(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    with pytest.raises(DomainError) as caught:
        merging.merge_customers(actor=SYSTEM, kept=kept, merged=kept)
    assert caught.value.errors[0]["field"] == "customer"
    with pytest.raises(NotFound):
        merging.merge_customers(actor=SYSTEM, kept=kept, merged=uuid4())
    with tenant(an_organization("Other")):
        stranger = a_customer()
    with pytest.raises(NotFound):
        merging.merge_customers(actor=SYSTEM, kept=kept, merged=stranger)
    merge = merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    with pytest.raises(Conflict):
        merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    merging.undo_merge(actor=SYSTEM, merge=merge)
    with pytest.raises(Conflict):
        merging.undo_merge(actor=SYSTEM, merge=merge)


def test_both_customers_must_be_of_the_own_branch(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    unit = make(Unit)
    services.update_customer(actor=SYSTEM, customer=kept, unit=unit)
    manager = Actor(kind="user", grants=(Grant(frozenset({"customers.edit"}), frozenset({unit.pk})),))
    other = make(Unit)
    services.update_customer(actor=SYSTEM, customer=merged, unit=other)
    with pytest.raises(NotAllowed):
        merging.merge_customers(actor=manager, kept=kept, merged=merged)
    assert Customer.objects.count() == 2


def test_a_restriction_holds_for_the_person_and_ends_with_the_merge(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    Customer.objects.filter(pk=merged.pk).update(restricted_at=now())
    merge = merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    assert Customer.objects.get().restricted_at is not None
    merging.undo_merge(actor=SYSTEM, merge=merge)
    assert Customer.objects.get(pk=kept.pk).restricted_at is None


def test_removing_a_person_removes_the_merged_records(pair: tuple[Customer, Customer]) -> None:
    kept, merged = pair
    merging.merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    services.delete_customer(actor=SYSTEM, customer=kept)
    assert not Customer.records.exists()
    assert set(Interaction.objects.values_list("customer", flat=True)) == {None}
