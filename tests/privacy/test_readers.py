"""Who sees the names and numbers in what customers wrote: the same answer on every surface."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils.timezone import now

from apps.imports.exports import request_export, run_export
from apps.interactions.store import NewInteraction, record_interactions
from apps.interactions.touches import add_touch
from apps.organizations.models import Organization
from apps.surveys.models import Response
from tests.factories import a_member, an_actor, an_api_client, signed_in
from tests.factories.customers import a_customer
from tests.factories.surveys import a_survey, an_answer
from tests.privacy.conftest import SYSTEM, page

WRITTEN = "10/10 says Ada Lovelace, call +49 30 1234567 or ada@example.com"
MASKED = "10/10 says [name] [name], call [number] or [e-mail]"


@pytest.fixture
def answer(inside: Organization) -> Response:
    person = a_customer(name="Ada Lovelace", external_id="c-ada")
    return an_answer(
        a_survey("nps", relationship=True), 10, WRITTEN, customer_id=person.pk, attributes={"mail": "ada@example.com"}
    )


def reader(organization: Organization, role: str) -> Client:
    return signed_in(a_member(organization, role))


@pytest.mark.parametrize(("role", "sees"), [("analyst", MASKED), ("manager", WRITTEN), ("agent", WRITTEN)])
def test_pages_show_comments_by_role(inside: Organization, answer: Response, role: str, sees: str) -> None:
    client = reader(inside, role)
    for rest in ("feedback/", f"feedback/{answer.pk}/", "", f"customers/{answer.customer_id}/"):
        html = client.get(page(inside, rest)).content.decode()
        assert sees in html, rest
        if role == "analyst":
            assert "ada@example.com" not in html.replace(f"{page(inside)}", ""), rest


def test_download_and_export_show_comments_by_role(inside: Organization, answer: Response) -> None:
    for role, sees in (("analyst", MASKED), ("manager", WRITTEN)):
        download = reader(inside, role).get(page(inside, "feedback/export.csv"))
        text = b"".join(download.streaming_content).decode("utf-8-sig")
        (row,) = csv.DictReader(io.StringIO(text))
        assert row["comment"] == sees
        job = request_export(actor=an_actor(inside, role), kind="responses", format="json", filters={})
        run_export(job.pk)
        job.refresh_from_db()
        (exported,) = json.loads((Path(settings.MEDIA_ROOT) / job.file).read_text())
        assert exported["comment"] == sees


def test_api_shows_words_by_scope(inside: Organization, answer: Response) -> None:
    path = f"/api/v1/surveys/{answer.survey_id}/responses/"
    blind = an_api_client(inside, ["feedback.view", "customers.view"])
    seeing = an_api_client(inside, ["feedback.view", "feedback.unmasked", "customers.view"])
    for client, sees, mail in ((blind, MASKED, "[e-mail]"), (seeing, WRITTEN, "ada@example.com")):
        (row,) = client.get(path).json()["results"]
        assert (row["comment"], row["answers"], row["attributes"]) == (
            sees,
            {"score": 10, "reason": sees},
            {"mail": mail},
        )
        assert client.get(f"{path}{answer.pk}/").json()["comment"] == sees
        timeline = client.get(f"/api/v1/customers/{answer.customer_id}/timeline/").json()["results"]
        assert [item["text"] for item in timeline if item["kind"] == "feedback"] == [sees]


def test_what_is_hidden_cannot_be_searched_either(inside: Organization, answer: Response) -> None:
    path = page(inside, "feedback/")
    assert reader(inside, "analyst").get(path, {"q": "ada@example.com"}).status_code in (400, 422)
    assert WRITTEN in reader(inside, "manager").get(path, {"q": "ada@example.com"}).content.decode()
    assert MASKED in reader(inside, "analyst").get(path, {"q": "10/10 says"}).content.decode()


def test_interactions_and_notes_show_words_by_role(inside: Organization) -> None:
    person = a_customer(name="Ada Lovelace")
    row = NewInteraction(event="Order placed", occurred_at=now(), customer_id=person.pk, properties={"mail": WRITTEN})
    record_interactions(actor=SYSTEM, rows=[row])
    add_touch(actor=SYSTEM, customer=person, values={"kind": "note", "text": WRITTEN})
    blind = an_api_client(inside, ["interactions.view", "customers.view"])
    seeing = an_api_client(inside, ["interactions.view", "customers.view", "feedback.unmasked"])
    for client, role, sees in ((blind, "analyst", MASKED), (seeing, "manager", WRITTEN)):
        (touch,) = client.get(f"/api/v1/customers/{person.pk}/touches/").json()["results"]
        assert touch["text"] == sees
        events = client.get("/api/v1/interactions/").json()["results"]
        assert [one["properties"]["mail"] for one in events if one["event"] == "Order placed"] == [sees]
        for rest in (f"customers/{person.pk}/", "events/"):
            assert sees in reader(inside, role).get(page(inside, rest)).content.decode(), rest
