"""From an anonymous answer no stored way leads to the person: not by a column, an id, a time, a log or an event."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.test import Client

from apps.customers.holders import HOLDERS
from apps.dispatch.models import Invitation
from apps.organizations.models import Organization
from apps.outbox.models import OutboxEvent
from apps.surveys.links import respondent_token
from apps.surveys.models import Response
from cxm.models import TenantModel
from cxm.scope import tenant
from tests.factories import an_organization
from tests.factories.dispatch import a_customer_to_ask, an_invitation
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.django_db

MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*")
MIDNIGHT = re.compile(r"T00:00:00Z?$")


def everything() -> dict[str, str]:
    """Every row of every table of the organisation in force, written out, by table and id."""
    found = {}
    for model in apps.get_models():
        if issubclass(model, TenantModel) or model is OutboxEvent:
            for row in model._default_manager.values():
                found[f"{model._meta.label} {row.get('id') or row.get('event_id')}"] = json.dumps(
                    row, cls=DjangoJSONEncoder, sort_keys=True
                )
    return found


def rows_with(rows: dict[str, str], *words: Any) -> dict[str, str]:
    return {name: text for name, text in rows.items() if any(str(word) in text for word in words)}


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme")


def test_no_row_holds_both_the_answer_and_the_person_nor_shares_a_moment_or_an_id(
    acme: Organization, caplog: Any
) -> None:
    with tenant(acme):
        survey = a_survey("nps", anonymous=True, relationship=True)
        customer = a_customer_to_ask(name="Vera Whisper")
        invitation = an_invitation(survey, customer=customer)
    address = f"/r/{respondent_token(acme.pk, invitation.pk)}/"
    client = Client(REMOTE_ADDR="203.0.113.77", HTTP_USER_AGENT="Whisper/1.0")
    page = client.get(address)
    assert page.status_code == 200
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.content.decode()))
    assert client.post(address, {**fields, "q-score": "2", "q-reason": "They must not know"}).status_code in (
        200,
        302,
        303,
    )
    with tenant(acme):
        (answer,) = Response.objects.filter(survey=survey)
        rows = everything()
    assert answer.answers["reason"] == "They must not know"
    assert (answer.customer_id, answer.invitation_id, answer.unit_id) == (None, None, None)

    person = (customer.pk, invitation.pk, customer.email, "Vera Whisper", "203.0.113.77", "Whisper/1.0")
    of_answer, of_person = rows_with(rows, answer.pk, "They must not know"), rows_with(rows, *person)
    assert of_answer and of_person
    assert not of_answer.keys() & of_person.keys(), "one row knows both"
    # Neither a name of one that the other carries, nor a moment at which both were written.
    moments = {moment for text in of_answer.values() for moment in MOMENT.findall(text) if not MIDNIGHT.search(moment)}
    shared = [name for name, text in of_person.items() if any(moment in text for moment in moments)]
    assert shared == []
    made = answer.pk.int >> 80  # milliseconds in a version 7 id
    assert made % 86_400_000 == 0 or answer.pk.version != 7, "the id tells the time"
    assert not [record for record in caplog.records if str(answer.pk) in record.getMessage()]
    with tenant(acme):
        links = apps.get_model("dispatch", "LinkEvent").objects.filter(invitation=invitation)
        assert not links.exists()


def test_a_copy_of_a_persons_data_does_not_say_whether_an_anonymous_survey_was_answered(acme: Organization) -> None:
    with tenant(acme):
        named, silent = a_survey("nps", relationship=True), a_survey("csat", anonymous=True)
        customer = a_customer_to_ask()
        told, kept = an_invitation(named, customer=customer), an_invitation(silent, customer=customer)
        Invitation.objects.filter(pk__in=(told.pk, kept.pk)).update(state=Invitation.State.COMPLETED)
        exported = {row["id"]: row["state"] for row in HOLDERS["invitations"].export(customer.pk)}
    assert exported == {str(told.pk): "completed", str(kept.pk): "sent"}
