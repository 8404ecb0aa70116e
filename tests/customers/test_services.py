"""Every change to customers and their consent."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.customers import queries, services
from apps.customers.models import ConsentRecord, Customer
from apps.customers.services import CustomerReference
from apps.organizations.models import Organization, Unit
from cxm.actor import Actor, Grant
from cxm.errors import Conflict, DomainError, NotAllowed, NotFound
from cxm.scope import tenant
from tests.factories import an_organization, make
from tests.factories.customers import a_customer
from tests.factories.people import an_actor

SYSTEM = Actor.system("test")


@pytest.fixture
def acme(db: None) -> Organization:
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def branch_manager(unit: Unit) -> Actor:
    return Actor(kind="user", grants=(Grant(frozenset({"customers.view", "customers.edit"}), frozenset({unit.pk})),))


def test_create_writes_the_customer_and_the_audit_log_without_personal_values(acme: Organization) -> None:
    customer = services.create_customer(actor=SYSTEM, email="Ada@Example.com", name="Ada", attributes={"plan": "gold"})
    assert customer.email == "ada@example.com"
    entry = AuditEntry.objects.get(action="customers.created", target_id=customer.pk)
    assert entry.fields == ["attributes", "email", "name"]
    written = [entry.actor_name, entry.action, entry.target_type, *entry.fields]
    assert not [text for text in written if "ada" in text.lower() or "example" in text.lower()]


def test_external_id_belongs_to_one_customer(acme: Organization) -> None:
    first, second = a_customer(external_id="a"), a_customer(external_id="b")
    with pytest.raises(Conflict) as caught:
        services.create_customer(actor=SYSTEM, external_id="a")
    assert caught.value.errors[0]["field"] == "external_id"
    with pytest.raises(Conflict):
        services.update_customer(actor=SYSTEM, customer=second, external_id="a")
    services.update_customer(actor=SYSTEM, customer=first, external_id="a")


def test_two_organisations_may_use_the_same_external_id(acme: Organization) -> None:
    a_customer(external_id="a")
    with tenant(an_organization("Other")):
        assert a_customer(external_id="a").external_id == "a"
        assert Customer.objects.count() == 1


def test_all_wrong_fields_are_named_at_once(acme: Organization) -> None:
    with pytest.raises(DomainError) as caught:
        services.create_customer(actor=SYSTEM, email="x", phone="y", stage="z", unit=uuid4(), attributes={"a": {}})
    assert {error["field"] for error in caught.value.errors} == {"email", "phone", "stage", "unit", "attributes"}
    assert not Customer.objects.exists()


def test_update_changes_only_what_is_given(acme: Organization) -> None:
    customer = a_customer(name="Ada", email="a@b.de", attributes={"a": 1, "b": 2})
    before = Customer.objects.get(pk=customer.pk).updated_at
    services.update_customer(actor=SYSTEM, customer=customer, attributes={"c": 3})
    row = Customer.objects.get(pk=customer.pk)
    assert (row.name, row.email, row.attributes) == ("Ada", "a@b.de", {"c": 3})
    assert row.updated_at > before


def test_update_without_a_change_writes_nothing(acme: Organization) -> None:
    customer = a_customer(name="Ada", attributes={"a": 1})
    before = Customer.objects.get(pk=customer.pk).updated_at
    services.update_customer(actor=SYSTEM, customer=customer, name="Ada", attributes={"a": 1})
    assert Customer.objects.get(pk=customer.pk).updated_at == before
    services.update_customer(actor=SYSTEM, customer=customer, attributes={"a": True})
    assert Customer.objects.get(pk=customer.pk).attributes == {"a": True}


def test_upsert_makes_then_merges(acme: Organization) -> None:
    first, made = services.upsert_customer(
        actor=SYSTEM, external_id="u1", values={"name": "Ada", "attributes": {"a": 1}}
    )
    second, again = services.upsert_customer(actor=SYSTEM, external_id=" u1 ", values={"attributes": {"b": 2}})
    assert (made, again, first.pk) == (True, False, second.pk)
    assert (second.name, second.attributes) == ("Ada", {"a": 1, "b": 2})


def test_upsert_of_nobody_is_refused(acme: Organization) -> None:
    for wrong in ("", "null", "0"):
        with pytest.raises(DomainError):
            services.upsert_customer(actor=SYSTEM, external_id=wrong, values={})


def test_who_has_a_branch_keeps_customers_of_that_branch_only(acme: Organization) -> None:
    north, south = make(Unit), make(Unit)
    actor = branch_manager(north)
    inside, outside, of_no_unit = a_customer(unit=north), a_customer(unit=south), a_customer()
    assert set(queries.customers(actor)) == {inside}
    services.update_customer(actor=actor, customer=inside, name="New")
    for customer in (outside, of_no_unit):
        with pytest.raises(NotFound):
            queries.customer_for(actor, customer.pk)
    with pytest.raises(NotAllowed):
        services.update_customer(actor=actor, customer=outside, name="New")
    with pytest.raises(NotAllowed):
        services.update_customer(actor=actor, customer=inside, unit=south)
    with pytest.raises(DomainError):
        services.create_customer(actor=actor, name="Nobody's")
    assert services.create_customer(actor=actor, name="Ours", unit=north).unit == north


@pytest.mark.parametrize("role", ["analyst", "employee"])
def test_roles_without_the_right_change_nothing(acme: Organization, role: str) -> None:
    customer, actor = a_customer(), an_actor(acme, role)
    for attempt in (
        lambda: services.create_customer(actor=actor, name="x"),
        lambda: services.update_customer(actor=actor, customer=customer, name="x"),
        lambda: services.upsert_customer(actor=actor, external_id=customer.external_id, values={"name": "x"}),
        lambda: services.delete_customer(actor=actor, customer=customer),
        lambda: services.record_consent(actor=actor, customer=customer, purpose="surveys"),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    assert Customer.objects.get().name == customer.name


def test_newest_consent_of_a_purpose_and_channel_is_in_force(acme: Organization) -> None:
    customer = a_customer()
    services.record_consent(actor=SYSTEM, customer=customer, purpose="surveys", at=now() - timedelta(days=1))
    services.withdraw_consent(actor=SYSTEM, customer=customer, purpose="surveys", how="mail")
    services.record_consent(actor=SYSTEM, customer=customer, purpose="surveys", channel="sms")
    late = now() - timedelta(days=2)
    services.record_consent(actor=SYSTEM, customer=customer, purpose="surveys", at=late)
    in_force = {(c.purpose, c.channel): c.state for c in queries.consents_in_force(customer)}
    assert in_force == {("surveys", "any"): "withdrawn", ("surveys", "sms"): "given"}
    assert ConsentRecord.objects.count() == 4


def test_consent_is_checked(acme: Organization) -> None:
    with pytest.raises(DomainError) as caught:
        services.record_consent(
            actor=SYSTEM,
            customer=a_customer(),
            purpose="x",
            channel="y",
            state="z",
            how="h" * 81,
            at=now() + timedelta(days=1),
        )
    assert {error["field"] for error in caught.value.errors} == {"purpose", "channel", "state", "how", "at"}


def test_deleted_customer_leaves_no_consent(acme: Organization) -> None:
    customer = a_customer()
    services.record_consent(actor=SYSTEM, customer=customer, purpose="surveys")
    services.delete_customer(actor=SYSTEM, customer=customer)
    assert not Customer.objects.exists()
    assert not ConsentRecord.objects.exists()
    with pytest.raises(NotFound):
        services.delete_customer(actor=SYSTEM, customer=customer)


# -- references -------------------------------------------------------------------------------------------------------


def test_unknown_identifiers_make_customers_once(acme: Organization) -> None:
    known = a_customer(external_id="known", email="known@example.com")
    references = [
        CustomerReference(external_id="known"),
        CustomerReference(email="known@example.com"),
        CustomerReference(id=known.pk),
        CustomerReference(external_id="new"),
        CustomerReference(external_id="new"),
        CustomerReference(email="new@example.com"),
        CustomerReference(id=uuid4()),
    ]
    found = services.resolve_customers(actor=SYSTEM, references=references)
    assert [found.get(reference) for reference in references[:3]] == [known.pk] * 3
    assert references[-1] not in found
    assert Customer.objects.count() == 3
    assert services.resolve_customers(actor=SYSTEM, references=references) == found


def test_reference_is_read_from_json(acme: Organization) -> None:
    assert CustomerReference.of(None) is None
    assert CustomerReference.of({}) is None
    assert CustomerReference.of({"external_id": 17}) == CustomerReference(external_id="17")
    assert CustomerReference.of({"email": "A@B.de"}) == CustomerReference(email="a@b.de")
    for value, field in (
        ("x", "customer"),
        ({"id": "x"}, "customer.id"),
        ({"external_id": {}}, "customer.external_id"),
        ({"email": "x"}, "customer.email"),
        ({"email": True}, "customer.email"),
    ):
        with pytest.raises(DomainError) as caught:
            CustomerReference.of(value)
        assert caught.value.errors[0]["field"] == field


def test_unknown_id_is_refused(acme: Organization) -> None:
    with tenant(an_organization("Other")):
        theirs = a_customer()
    for pk in (theirs.pk, uuid4()):
        with pytest.raises(DomainError) as caught:
            services.resolve_customer(actor=SYSTEM, reference=CustomerReference(id=pk))
        assert caught.value.errors[0]["field"] == "customer.id"
