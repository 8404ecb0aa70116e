"""A persona and its people: bound, measured, compared with a baseline, and what becomes of an alarm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.customers.models import Customer
from apps.personas import binding, services, tasks
from apps.personas.models import Persona, PersonaBaseline, PersonaCheck
from apps.personas.sheet import people_of
from apps.segments.models import Segment, SegmentMember
from apps.segments.services import create_segment, delete_segment
from cxm.actor import Actor
from cxm.errors import Conflict, DomainErrors, NotAllowed
from cxm.scope import current_tenant_id, no_tenant, tenant
from tests.factories import a_member, an_actor, an_api_client, an_organization, signed_in
from tests.factories.maps import a_persona
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db
API = "/api/v1/personas/"
SYSTEM = Actor.system("test")


@pytest.fixture
def acme() -> Any:
    return an_organization("Acme")


def people(count: int, **values: Any) -> list[Customer]:
    """Customers made at once: how they came about is not asked here."""
    return Customer.objects.bulk_create([Customer(name=f"Person {number}", **values) for number in range(count)])


def a_group(members: list[Customer], name: str = "Group") -> Segment:
    segment = Segment.objects.create(name=name, kind="static", state="ready", size=len(members))
    SegmentMember.objects.bulk_create([SegmentMember(segment=segment, customer=one) for one in members])
    return segment


def look_again() -> None:
    """What the sweep does when an hour has passed."""
    PersonaCheck.objects.update(due_at=now() - timedelta(seconds=1))
    for check in PersonaCheck.objects.all():
        binding.check_persona(check.pk)


def test_bound_persona_has_size_share_and_scores_of_its_people(acme: Any) -> None:
    with tenant(acme):
        members = people(3)
        people(5)
        survey = a_survey("nps", relationship=True)
        for one, given in zip(members, (10, 9, 0), strict=True):
            an_answer(survey, given, customer_id=one.pk)
        an_answer(survey, 0)
        fold_pending()
        segment, persona = a_group(members), a_persona("Lena")
    client = an_api_client(acme)
    bound = client.patch(f"{API}{persona.pk}/", {"segment": str(segment.pk)}, format="json")
    assert (bound.status_code, bound.json()["segment"]) == (200, str(segment.pk))
    found = client.get(f"{API}{persona.pk}/metrics/").json()
    assert (found["segment"], found["size"], found["customers"], found["share"]) == (str(segment.pk), 3, 8, 0.375)
    scores = client.get(f"/api/v1/metrics/nps/?persona={persona.pk}").json()
    assert found["nps"] == {name: scores[name] for name in found["nps"]}
    assert (found["nps"]["n"], found["csat"]["n"], found["csat"]["value"]) == (3, 0, None)
    assert found["surveys"] == {"nps": "relationship", "csat": "touchpoint", "ces": "touchpoint"}
    assert found["drift"]["baseline_at"] and found["drift"]["alarm_since"] is None


@pytest.mark.parametrize("wrong", ["0190f9f2-7c1e-7000-8000-000000000001", "theirs"])
def test_segment_that_is_not_here_is_named(acme: Any, wrong: str) -> None:
    with tenant(an_organization("Other")):
        theirs = a_group(people(1))
    with tenant(acme):
        persona = a_persona()
    value = str(theirs.pk) if wrong == "theirs" else wrong
    answer = an_api_client(acme).patch(f"{API}{persona.pk}/", {"segment": value}, format="json")
    assert answer.status_code == 400
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("segment", "not_found")]


def test_claims_are_measured_of_those_of_whom_it_is_known(acme: Any) -> None:
    with tenant(acme):
        members = people(40, attributes={"plan": "gold"}) + people(20, attributes={"plan": "silver"}) + people(15)
        persona = a_persona(
            segment=a_group(members),
            claims=[
                {"attribute": "plan", "op": "=", "value": "gold", "at_least": 0.5},
                {"attribute": "plan", "op": "!=", "value": "gold", "at_least": 0.9},
                {"field": "stage", "value": "customer", "at_least": 1},
                {"attribute": "plan", "op": "exists", "at_least": 0.2},
            ],
        )
        found = people_of(SYSTEM, acme, persona)
        assert [(claim.n, claim.state) for claim in found.claims] == [
            (60, "holds"),
            (60, "broken"),
            (75, "open"),
            (75, "holds"),
        ]
        assert found.claims[0].words.startswith("plan is")
        assert (found.claims[0].share, found.claims[1].share) == ("67 %", "33 %")
        assert found.check is not None and found.check.alarm_since is not None


def test_changed_claims_are_measured_at_once_and_published_with_the_persona(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona(segment=a_group(people(40, attributes={"plan": "gold"})))
        services.publish_persona(actor=SYSTEM, persona=persona, purpose="First")
        claim = {"attribute": "plan", "op": "=", "value": "silver", "at_least": 0.5}
        services.update_persona(actor=SYSTEM, persona=persona, claims=[claim])
        assert PersonaCheck.objects.get().alarm_since is not None
        services.update_persona(actor=SYSTEM, persona=persona, claims=[{**claim, "value": "gold"}])
        assert PersonaCheck.objects.get().alarm_since is None
        version = services.publish_persona(actor=SYSTEM, persona=persona, purpose="Second")
        assert version.content["claims"] == [{**claim, "value": "gold"}]


@pytest.mark.parametrize(
    ("claims", "field"),
    [
        ("gold", "claims"),
        (["gold"], "claims.0"),
        ([{"event": "x", "at_least": 0.5}], "claims.0"),
        ([{"attribute": "plan", "value": "gold"}], "claims.0.at_least"),
        ([{"attribute": "plan", "value": "gold", "at_least": 60}], "claims.0.at_least"),
        ([{"attribute": "plan", "op": "near", "value": "gold", "at_least": 0.5}], "claims.0.op"),
        ([{"field": "shoe", "value": 4, "at_least": 0.5}], "claims.0.field"),
        ([{"attribute": "plan", "at_least": 0.5}], "claims.0.value"),
        ([{"attribute": "plan", "value": "x", "at_least": 0.5}] * 21, "claims"),
    ],
)
def test_wrong_claim_is_named_by_its_place(acme: Any, claims: Any, field: str) -> None:
    with tenant(acme):
        persona = a_persona()
    answer = an_api_client(acme).patch(f"{API}{persona.pk}/", {"claims": claims}, format="json")
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_moved_make_up_is_an_alarm_with_a_sentence_until_it_is_the_new_baseline(acme: Any) -> None:
    with tenant(acme):
        members = people(310, attributes={"plan": "gold"}) + people(190, attributes={"plan": "silver"})
        persona = a_persona("Lena", segment=a_group(members))
        look_again()
        assert PersonaCheck.objects.get().alarm_since is None
        moved = [one.pk for one in members[:110]]
        Customer.objects.filter(pk__in=moved).update(attributes={"plan": "silver"})
        look_again()
        found = people_of(SYSTEM, acme, persona)
        assert [one.sentence for one in found.findings] == ["Share with plan = gold: 62 % → 40 % (n 500)"]
        since = PersonaCheck.objects.get().alarm_since
        look_again()
        assert PersonaCheck.objects.get().alarm_since == since is not None
    client = signed_in(a_member(acme, "manager"))
    page = f"/o/{acme.slug}/personas/{persona.pk}/"
    assert "Share with plan = gold: 62 % → 40 % (n 500)" in client.get(page).content.decode()
    assert "People have changed" in client.get(f"/o/{acme.slug}/personas/").content.decode()
    assert client.post(f"{page}baseline/").status_code == 302
    assert "People have changed" not in client.get(f"/o/{acme.slug}/personas/").content.decode()
    with tenant(acme):
        assert PersonaCheck.objects.get().alarm_since is None
        assert list(PersonaBaseline.objects.order_by("taken_at").values_list("reason", flat=True)) == [
            "bound",
            "accepted",
        ]
        assert AuditEntry.objects.filter(action="personas.baseline_taken", target_id=persona.pk).count() == 1


def test_shrunken_segment_is_an_alarm(acme: Any) -> None:
    with tenant(acme):
        members = people(300)
        people(700)
        persona = a_persona(segment=a_group(members))
        SegmentMember.objects.filter(customer__in=members[:150]).delete()
        look_again()
        (found,) = people_of(SYSTEM, acme, persona).findings
        assert found.sentence == "Share of all customers: 30 % → 15 % (300 → 150 people)"


def test_each_publication_takes_a_baseline(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona(segment=a_group(people(40)))
        services.publish_persona(actor=SYSTEM, persona=persona, purpose="First")
        newest = PersonaBaseline.objects.order_by("-taken_at").first()
        assert newest is not None and (newest.reason, newest.version) == ("published", 1)
        assert PersonaCheck.objects.get().baseline == newest


def test_unbinding_keeps_what_was_measured_and_frees_the_segment(acme: Any) -> None:
    with tenant(acme):
        segment = create_segment(actor=SYSTEM, name="Everybody", rule={"all": []})
        persona = a_persona("Lena", segment=segment)
        with pytest.raises(Conflict) as refused:
            delete_segment(actor=SYSTEM, segment=segment)
        assert "Lena" in refused.value.message
        services.update_persona(actor=SYSTEM, persona=persona, segment=None)
        assert PersonaCheck.objects.get().state == "stopped"
        assert not binding.check_persona(PersonaCheck.objects.get().pk)
        delete_segment(actor=SYSTEM, segment=segment)
        kept = PersonaBaseline.objects.get()
        assert (kept.segment_id, kept.segment_name) == (None, "Everybody")
    client = an_api_client(acme)
    assert client.get(f"{API}{persona.pk}/metrics/").json()["size"] is None


def test_check_waits_for_a_segment_whose_members_are_not_known(acme: Any) -> None:
    with tenant(acme):
        segment = Segment.objects.create(name="Slow", kind="static", state="computing")
        persona = a_persona(segment=segment)
        assert not PersonaBaseline.objects.exists()
        with pytest.raises(Conflict):
            binding.take_baseline(actor=SYSTEM, persona=persona)
        Segment.objects.update(size=0, state="ready")
        look_again()
        assert PersonaBaseline.objects.get().reason == "bound"


def test_what_is_not_due_is_not_looked_at_again(acme: Any) -> None:
    with tenant(acme):
        a_persona(segment=a_group(people(1)))
        check = PersonaCheck.objects.get()
        assert not binding.check_persona(check.pk)
        PersonaCheck.objects.update(due_at=now() - timedelta(seconds=1))
        assert binding.check_persona(check.pk)
        assert not binding.check_persona(check.pk)


def test_sweep_hands_out_what_is_due_and_the_task_does_it(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[tuple[Any, str]] = []
    monkeypatch.setattr(tasks.compare_persona, "delay", lambda pk: handed.append((current_tenant_id(), pk)))
    due, quiet, stopped = (an_organization(name) for name in ("Due", "Quiet", "Stopped"))
    for organization in (due, quiet, stopped):
        with tenant(organization):
            persona = a_persona(segment=a_group(people(1)))
            if organization is not quiet:
                PersonaCheck.objects.update(due_at=now() - timedelta(hours=2))
            if organization is stopped:
                services.update_persona(actor=SYSTEM, persona=persona, segment=None)
                PersonaCheck.objects.update(due_at=now() - timedelta(hours=2))
    tasks.sweep_persona_checks()
    ((organization_id, check_id),) = handed
    assert organization_id == due.pk
    with no_tenant():
        tasks.compare_persona.apply((check_id,), headers={"cxm_organization": str(due.pk)}).get()
    with tenant(due):
        assert PersonaCheck.objects.get().due_at > now() + timedelta(minutes=50)


def test_bound_persona_is_deleted_with_its_baselines_and_the_segment_stays(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona(segment=a_group(people(2)))
        services.delete_persona(actor=SYSTEM, persona=persona)
        assert not PersonaBaseline.objects.exists() and not PersonaCheck.objects.exists()
        assert Segment.objects.exists()


def test_restricted_customers_are_not_counted(acme: Any) -> None:
    with tenant(acme):
        members = people(40, attributes={"plan": "gold"})
        Customer.objects.filter(pk=members[0].pk).update(restricted_at=now())
        a_persona(segment=a_group(members))
        assert PersonaBaseline.objects.get().size == 39


def test_who_may_not_edit_binds_nothing_and_sees_no_scores_without_the_right(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona("Lena", segment=a_group(people(2)))
        services.publish_persona(actor=SYSTEM, persona=persona, purpose="First")
        with pytest.raises(NotAllowed):
            binding.bind_persona(actor=an_actor(acme, "analyst"), persona=persona, segment=None)
    employee = signed_in(a_member(acme, "employee"))
    page = f"/o/{acme.slug}/personas/{persona.pk}/"
    shown = employee.get(page).content.decode()
    assert "2</b>" in shown and "Net Promoter Score" not in shown
    assert employee.get(f"{page}segment/").status_code == 403
    assert employee.post(f"{page}baseline/").status_code == 403


def test_pages_of_another_organisation_do_not_exist(acme: Any) -> None:
    with tenant(an_organization("Other")):
        theirs = a_persona("Theirs")
    client = signed_in(a_member(acme, "manager"))
    for path in ("segment/", "baseline/"):
        assert client.post(f"/o/{acme.slug}/personas/{theirs.pk}/{path}").status_code == 404


def test_binding_and_claims_on_the_page(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona("Lena")
        segment = a_group(people(40, attributes={"plan": "gold", "age": 30}), "First bill")
    with tenant(an_organization("Other")):
        a_group(people(1), "Their secret")
    client = signed_in(a_member(acme, "manager"))
    path = f"/o/{acme.slug}/personas/{persona.pk}/segment/"
    opened = client.get(path).content.decode()
    assert "First bill" in opened and "Their secret" not in opened
    wish = {
        "segment": str(segment.pk),
        "c-0.name": "plan",
        "c-0.op": "=",
        "c-0.value": "gold",
        "c-0.at_least": "60 %",
        "c-1.name": "",
        "c-1.op": "=",
        "c-1.value": "",
        "c-1.at_least": "",
        "c-2.name": "field:stage",
        "c-2.op": "in",
        "c-2.value": "customer, former",
        "c-2.at_least": "lots",
        "do": "save",
    }
    refused = client.post(path, wish)
    assert refused.status_code == 422
    assert "Give a share from 0 to 1" in refused.content.decode()
    assert client.post(path, {**wish, "c-2.at_least": "50"}).status_code == 302
    with tenant(acme):
        persona = Persona.objects.get(pk=persona.pk)
        assert (persona.segment_id, [claim["at_least"] for claim in persona.claims]) == (segment.pk, [0.6, 0.5])
    shown = client.get(f"/o/{acme.slug}/personas/{persona.pk}/").content.decode()
    assert "First bill" in shown and "plan is" in shown and "Holds" in shown


def test_list_costs_the_same_for_one_and_for_three(acme: Any) -> None:
    client = signed_in(a_member(acme, "manager"))

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get(f"/o/{acme.slug}/personas/").status_code == 200
        return len(caught)

    def another(number: int) -> None:
        with tenant(acme):
            a_persona(segment=a_group(people(1), f"Group {number}"))

    another(1)
    queries()
    one = queries()
    another(2)
    another(3)
    assert queries() == one


def test_claims_that_are_no_claims_do_not_half_bind(acme: Any) -> None:
    with tenant(acme):
        persona, segment = a_persona(), a_group(people(1))
        with pytest.raises(DomainErrors):
            services.update_persona(actor=SYSTEM, persona=persona, segment=segment, claims=["x"])
        assert Persona.objects.get().segment_id is None
