"""Data goes when its time is over, in chunks, and what counts stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.customers.models import Customer
from apps.customers.retention import RETENTION
from apps.dispatch.models import Invitation
from apps.interactions.models import Interaction
from apps.interactions.store import NewInteraction, record_interactions
from apps.organizations.models import Organization
from apps.outbox.models import OutboxEvent
from apps.privacy.models import PrivacyRequest
from apps.privacy.retention import apply_retention, months_ago, rules, set_retention
from apps.privacy.services import refuse_request
from apps.surveys.models import Response, ResponseRevision
from cxm.errors import DomainErrors, NotAllowed
from cxm.scope import tenant
from tests.factories import an_actor, an_api_client, an_organization
from tests.factories.customers import a_customer
from tests.factories.dispatch import an_invitation
from tests.factories.privacy import a_privacy_request
from tests.factories.surveys import a_survey, an_answer
from tests.privacy.conftest import SYSTEM, page


def old(days: int = 400) -> datetime:
    return now() - timedelta(days=days)


def interactions(customer: Customer, *ages: int) -> None:
    rows = [NewInteraction(event="Seen", occurred_at=old(days), customer_id=customer.pk) for days in ages]
    record_interactions(actor=SYSTEM, rows=rows)


@pytest.mark.parametrize(
    ("moment", "months", "earlier"),
    [
        (datetime(2026, 3, 31, tzinfo=UTC), 1, datetime(2026, 2, 28, tzinfo=UTC)),
        (datetime(2024, 3, 31, tzinfo=UTC), 1, datetime(2024, 2, 29, tzinfo=UTC)),
        (datetime(2026, 1, 15, tzinfo=UTC), 1, datetime(2025, 12, 15, tzinfo=UTC)),
        (datetime(2026, 12, 15, tzinfo=UTC), 12, datetime(2025, 12, 15, tzinfo=UTC)),
        (datetime(2026, 1, 1, tzinfo=UTC), 600, datetime(1976, 1, 1, tzinfo=UTC)),
    ],
)
def test_months_are_those_of_the_calendar(moment: datetime, months: int, earlier: datetime) -> None:
    assert months_ago(moment, months) == earlier


def test_every_kind_says_what_it_is_and_nothing_goes_without_a_rule(inside: Organization) -> None:
    assert set(RETENTION) >= {"interactions", "comments", "answers", "invitations", "customers", "privacy_requests"}
    interactions(a_customer(), 5_000)
    assert apply_retention(actor=SYSTEM) == {}
    assert Interaction.objects.count() == 1


def test_old_interactions_go_in_chunks_and_the_audit_log_has_the_numbers(
    inside: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a_customer()
    interactions(person, *range(370, 380), 10, 364)
    set_retention(actor=SYSTEM, months={"interactions": 12})
    monkeypatch.setitem(RETENTION, "interactions", replace(RETENTION["interactions"], chunk=4))
    assert apply_retention(actor=SYSTEM) == {"interactions": 10}
    assert Interaction.objects.count() == 2
    entries = AuditEntry.objects.filter(action="privacy.retention_applied").order_by("pk")
    assert [entry.fields for entry in entries] == [
        ["interactions", "rows: 4"],
        ["interactions", "rows: 4"],
        ["interactions", "rows: 2"],
    ]
    assert apply_retention(actor=SYSTEM) == {"interactions": 0}
    topics = OutboxEvent.objects.filter(topic="interactions.deleted")
    assert all(event.payload["customers"] == [str(person.pk)] for event in topics)


def test_words_and_person_of_old_answers_go_and_the_score_stays(inside: Organization) -> None:
    survey = a_survey()
    person = a_customer()
    for age, source_id in ((400, "old"), (10, "new")):
        an_answer(survey, 3, "first", customer_id=person.pk, source_id=source_id, occurred_at=old(age))
        an_answer(survey, 4, "second", customer_id=person.pk, source_id=source_id, occurred_at=old(age))
    set_retention(actor=SYSTEM, months={"comments": 12, "answers": 12})
    assert apply_retention(actor=SYSTEM) == {"comments": 1, "answers": 1}
    found = {row.source_id: (row.score, row.comment, row.customer_id) for row in Response.objects.all()}
    assert found == {None: (4, "", None), "new": (4, "second", person.pk)}
    assert ResponseRevision.objects.count() == 1
    assert apply_retention(actor=SYSTEM) == {"comments": 0, "answers": 0}


def test_invitations_that_a_contact_rule_needs_keep_their_person(inside: Organization) -> None:
    ages = (40, 200, 400)
    for age in ages:
        invitation = an_invitation()
        Invitation.objects.filter(pk=invitation.pk).update(send_at=old(age), state="sent")
    set_retention(actor=SYSTEM, months={"invitations": 3})
    assert apply_retention(actor=SYSTEM) == {"invitations": 2}
    Organization.objects.filter(pk=inside.pk).update(fatigue={"global_days": 300})
    assert Invitation.objects.filter(state="sent").count() == 3
    assert Invitation.objects.filter(customer=None).count() == 2


def test_only_people_who_did_nothing_for_so_long_are_erased(inside: Organization) -> None:
    quiet, wrote, acted, new = (a_customer() for _ in range(4))
    ids = [quiet.pk, wrote.pk, acted.pk]
    an_answer(a_survey(), 5, "x", customer_id=wrote.pk)
    an_answer(a_survey(), 5, "y", customer_id=quiet.pk, occurred_at=old(500))
    interactions(acted, 20)
    Customer.objects.filter(pk__in=ids).update(created_at=old(), updated_at=old())
    set_retention(actor=SYSTEM, months={"customers": 12})
    assert next(rule for rule in rules(counted=True) if rule.kind.name == "customers").would_remove == 1
    assert apply_retention(actor=SYSTEM) == {"customers": 1}
    assert set(Customer.objects.values_list("pk", flat=True)) == {wrote.pk, acted.pk, new.pk}
    assert sorted(Response.objects.values_list("comment", flat=True)) == ["", "x"]


def test_answered_requests_go_with_their_proof_and_open_ones_stay(inside: Organization) -> None:
    closed, waiting = a_privacy_request(), a_privacy_request()
    refuse_request(actor=SYSTEM, request=closed.pk, reason="unfounded")
    PrivacyRequest.objects.update(received_at=old(900), due_at=old(870))
    PrivacyRequest.objects.filter(pk=closed.pk).update(closed_at=old(800))
    set_retention(actor=SYSTEM, months={"privacy_requests": 24})
    assert apply_retention(actor=SYSTEM) == {"privacy_requests": 1}
    assert PrivacyRequest.objects.get().pk == waiting.pk


def test_rules_of_one_organisation_leave_another_alone(inside: Organization) -> None:
    interactions(a_customer(), 400)
    rival = an_organization("Rival")
    with tenant(rival):
        set_retention(actor=SYSTEM, months={"interactions": 1})
        assert apply_retention(actor=SYSTEM) == {"interactions": 0}
    assert Interaction.objects.count() == 1


@pytest.mark.parametrize(
    ("months", "field"),
    [
        ({"nothing": 3}, "nothing"),
        ({"interactions": 0}, "interactions"),
        ({"interactions": -1}, "interactions"),
        ({"interactions": 601}, "interactions"),
        ({"interactions": True}, "interactions"),
        ({"interactions": "12"}, "interactions"),
        ({"interactions": 1.5}, "interactions"),
        ({"customers": 5}, "customers"),
    ],
)
def test_wrong_months_are_refused_by_name(inside: Organization, months: dict[str, Any], field: str) -> None:
    with pytest.raises(DomainErrors) as refused:
        set_retention(actor=SYSTEM, months=months)
    assert [error["field"] for error in refused.value.errors] == [field]
    assert an_api_client(inside).put("/api/v1/privacy/retention/", {"rules": months}, format="json").status_code == 400


def test_page_shows_what_a_rule_would_remove_before_it_is_saved(inside: Organization, admin: Client) -> None:
    interactions(a_customer(), 400, 401, 402)
    path = page(inside, "settings/retention/")
    assert admin.get(path).status_code == 200
    html = admin.post(path, {"interactions": "12", "preview": "1"}).content.decode()
    assert "3 are older than 12 months" in html
    inside.refresh_from_db()
    assert inside.retention == {}
    assert admin.post(path, {"interactions": "0", "save": "1"}).status_code == 422
    assert admin.post(path, {"interactions": "12", "save": "1"}).status_code == 302
    inside.refresh_from_db()
    assert inside.retention == {"interactions": 12}
    assert admin.post(path, {"interactions": "", "save": "1"}).status_code == 302
    inside.refresh_from_db()
    assert inside.retention == {}
    assert admin.post(path, {"answer_days": "0", "days": "1"}).status_code == 422
    assert admin.post(path, {"answer_days": "14", "days": "1"}).status_code == 302
    assert 'value="14"' in admin.get(path).content.decode()


def test_api_reads_and_sets_rules(inside: Organization) -> None:
    client = an_api_client(inside)
    interactions(a_customer(), 400)
    answer = client.put("/api/v1/privacy/retention/", {"rules": {"interactions": 12}, "answer_days": 20}, format="json")
    assert answer.status_code == 200
    assert answer.json()["rules"]["interactions"]["would_remove"] == 1
    assert client.get("/api/v1/privacy/retention/").json()["answer_days"] == 20
    stale = client.put(
        "/api/v1/privacy/retention/", {"rules": {"interactions": 1}}, format="json", HTTP_IF_MATCH='"another"'
    )
    assert stale.status_code == 412
    assert client.get("/api/v1/privacy/retention/").json()["rules"]["interactions"]["months"] == 12
    for body in ({"rules": [1]}, {"rules": "x"}, {"answer_days": "x"}, {"answer_days": 10**30}):
        assert client.put("/api/v1/privacy/retention/", body, format="json").status_code == 400
    with pytest.raises(NotAllowed):
        set_retention(actor=an_actor(inside, "manager"), months={"interactions": 12})
