"""What open boards are told of each other: changes in order, who is here, and nothing of another organisation."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from apps.journeys import services
from apps.journeys.models import Card, Journey, MapChange, Stage, Step
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, signed_in
from tests.factories.maps import a_journey

SYSTEM = Actor.system("test")
JSON = {"accept": "application/json"}


@pytest.fixture(autouse=True)
def nobody_is_here() -> Any:
    cache.clear()


@pytest.fixture
def journey(acme: Any) -> Any:
    cards = [{"lane": "actions", "text": text} for text in ("one", "two")]
    with tenant(acme):
        return a_journey("Moving", stages=[{"name": "Buy", "steps": [{"name": "Order", "cards": cards}]}])


@pytest.fixture
def mira(acme: Any) -> Any:
    return a_member(acme, "manager", name="Mira Lund")


@pytest.fixture
def jonas(acme: Any) -> Any:
    return a_member(acme, "manager", name="Jonas Berg")


def base(organization: Any, journey: Any) -> str:
    return f"/o/{organization.slug}/journeys/{journey.pk}/"


def a_picture() -> SimpleUploadedFile:
    out = BytesIO()
    Image.new("RGB", (40, 20), "teal").save(out, "PNG")
    return SimpleUploadedFile("photo.png", out.getvalue(), content_type="image/png")


def test_every_write_is_told_in_order_with_who_did_it(acme: Any, journey: Any, mira: Any, jonas: Any) -> None:
    client, watcher = signed_in(mira), signed_in(jonas)
    with tenant(acme):
        card, other = Card.objects.get(text="one"), Card.objects.get(text="two")
        step, stage = Step.objects.get(), Stage.objects.get()
    where = base(acme, journey)
    client.post(f"{where}cards/{card.pk}/", {"action": "down"}, headers=JSON)
    client.post(f"{where}steps/{step.pk}/", {"action": "facts", "moment_of_truth": "on"}, headers=JSON)
    client.post(f"{where}lanes/", {"action": "add", "title": "Smells"}, headers=JSON)
    client.post(f"{where}cards/{other.pk}/", {"action": "delete"}, headers=JSON)
    client.post(f"{where}undo/", headers=JSON)
    answer = watcher.get(f"{where}changes/?since=1", headers=JSON).json()
    assert (answer["revision"], answer["reload"]) == (6, False)
    assert [(change["kind"], change["by"], change["mine"]) for change in answer["changes"]] == [
        (kind, "Mira Lund", False) for kind in ("card", "step", "lanes", "card", "card")
    ]
    moved, facts, lanes, deleted, undone = answer["changes"]
    assert moved["order"] == [str(other.pk), str(card.pk)]
    assert facts["state"]["moment_of_truth"] is True
    assert lanes["redraw"] is True
    assert deleted["state"] is None
    assert undone["state"]["text"] == "two"
    assert [change["revision"] for change in answer["changes"]] == [2, 3, 4, 5, 6]
    assert client.get(f"{where}changes/?since=5", headers=JSON).json()["changes"][0]["mine"] is True
    assert stage.version == 1


@pytest.mark.parametrize("since", ["", "0", "99", "x", "-1", "9" * 30])
def test_a_screen_that_cannot_catch_up_takes_the_map_anew(acme: Any, journey: Any, mira: Any, since: str) -> None:
    with tenant(acme):
        services.add_stage(actor=SYSTEM, journey=journey, name="Use")
        MapChange.objects.all().delete()
    answer = signed_in(mira).get(f"{base(acme, journey)}changes/?since={since}", headers=JSON)
    assert answer.status_code == 200
    assert answer.json()["reload"] is True
    assert signed_in(mira).get(f"{base(acme, journey)}changes/?since=2", headers=JSON).json()["reload"] is False


def test_replacing_the_whole_map_is_told_as_one_change(acme: Any, journey: Any, mira: Any) -> None:
    with tenant(acme):
        services.update_journey(actor=SYSTEM, journey=journey, stages=[{"name": "Other"}], owner=mira.pk)
    answer = signed_in(mira).get(f"{base(acme, journey)}changes/?since=1", headers=JSON).json()
    assert [(change["kind"], change["redraw"]) for change in answer["changes"]] == [("map", True)]


def test_who_is_here_and_where_they_write(acme: Any, journey: Any, mira: Any, jonas: Any) -> None:
    where = base(acme, journey) + "changes/?since=1"
    first, second = signed_in(mira), signed_in(jonas)
    assert first.get(where, headers=JSON).json()["who"] == []
    assert second.get(f"{where}&at=abc", headers=JSON).json()["who"] == [
        {"name": "Mira Lund", "initials": "ML", "where": ""}
    ]
    assert first.get(where, headers=JSON).json()["who"] == [{"name": "Jonas Berg", "initials": "JB", "where": "abc"}]


def test_presence_and_changes_of_another_map_or_organisation_are_not_told(
    acme: Any, globex: Any, journey: Any, mira: Any
) -> None:
    stranger = signed_in(a_member(globex, "manager", name="Eve"))
    with tenant(globex):
        theirs = a_journey("Their plan")
        services.add_stage(actor=SYSTEM, journey=theirs, name="Secret")
    assert stranger.get(f"{base(globex, theirs)}changes/?since=1", headers=JSON).json()["changes"]
    client = signed_in(mira)
    assert client.get(f"{base(acme, theirs)}changes/?since=1", headers=JSON).status_code == 404
    assert client.get(f"{base(globex, theirs)}changes/?since=1", headers=JSON).status_code == 404
    assert client.get(f"{base(acme, journey)}changes/?since=1", headers=JSON).json()["who"] == []


@pytest.mark.parametrize("role", ["analyst", "employee", "agent"])
def test_who_may_not_edit_is_not_told(acme: Any, journey: Any, role: str) -> None:
    client = signed_in(a_member(acme, role))
    assert client.get(f"{base(acme, journey)}changes/?since=1", headers=JSON).status_code == 403


def test_asking_costs_the_same_however_much_happened_and_writes_nothing(acme: Any, journey: Any, mira: Any) -> None:
    client, where = signed_in(mira), base(acme, journey) + "changes/?since=1"
    with tenant(acme):
        services.add_stage(actor=SYSTEM, journey=journey, name="One")
    client.get(where, headers=JSON)
    with CaptureQueriesContext(connection) as one:
        client.get(where, headers=JSON)
    with tenant(acme):
        for number in range(5):
            services.add_stage(actor=SYSTEM, journey=journey, name=f"{number}")
    with CaptureQueriesContext(connection) as many:
        client.get(where, headers=JSON)
    assert len(one) == len(many)
    written = [query["sql"] for query in many if query["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")]
    assert written == []


def test_picture_is_drawn_anew_served_and_undone(acme: Any, globex: Any, journey: Any, mira: Any) -> None:
    client, where = signed_in(mira), base(acme, journey)
    with tenant(acme):
        card = Card.objects.get(text="one")
    sent = {"action": "save", "version": card.version, "text": "one", "evidence": "some", "picture": a_picture()}
    assert client.post(f"{where}cards/{card.pk}/", sent).status_code == 302
    with tenant(acme):
        card.refresh_from_db()
    address = f"{where}pictures/{card.picture_name}/"
    assert address in client.get(where).content.decode()
    answer = client.get(address)
    assert answer["Content-Type"] == "image/webp"
    assert b"".join(answer.streaming_content)[8:12] == b"WEBP"
    outsider = signed_in(a_member(globex, "manager"))
    with tenant(globex):
        theirs = a_journey("Theirs")
    assert outsider.get(f"{base(globex, theirs)}pictures/{card.picture_name}/").status_code == 404
    client.post(f"{where}undo/")
    with tenant(acme):
        assert Card.objects.get(text="one").image == ""
    client.post(f"{where}redo/")
    with tenant(acme):
        assert Card.objects.get(text="one").image == card.image
    removed = client.post(f"{where}cards/{card.pk}/", {"action": "save", "remove_picture": "on"}, headers=JSON)
    assert removed.json()["changes"][0]["state"]["image"] == ""


def test_what_is_no_picture_is_refused(acme: Any, journey: Any, mira: Any) -> None:
    with tenant(acme):
        card = Card.objects.get(text="one")
    file = SimpleUploadedFile("photo.png", b"<svg onload=alert(1)>", content_type="image/png")
    address = f"{base(acme, journey)}cards/{card.pk}/"
    answer = signed_in(mira).post(address, {"action": "save", "text": "one", "evidence": "some", "picture": file})
    assert answer.status_code == 422
    assert b"no picture we can read" in answer.content


def test_owner_is_a_colleague_and_shown_with_initials(
    acme: Any, globex: Any, journey: Any, mira: Any, jonas: Any
) -> None:
    client, where = signed_in(mira), base(acme, journey)
    with tenant(acme):
        card = Card.objects.get(text="one")
    stranger = a_member(globex, "manager", name="Eve")
    address = f"{where}cards/{card.pk}/"
    refused = client.post(address, {"action": "save", "owner": str(stranger.pk)}, headers=JSON)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "owner")
    answer = client.post(address, {"action": "save", "owner": str(jonas.pk)}, headers=JSON).json()
    assert answer["people"] == {str(jonas.pk): {"name": "Jonas Berg", "initials": "JB"}}
    assert "Owner: Jonas Berg" in client.get(where).content.decode()


def test_facts_of_a_step_are_said_and_undone(acme: Any, journey: Any, mira: Any, jonas: Any) -> None:
    client, where = signed_in(mira), base(acme, journey)
    with tenant(acme):
        step = Step.objects.get()
    sent = {"action": "save", "name": "Order", "moment_of_truth": "on", "evidence": "some", "owner": str(jonas.pk)}
    client.post(f"{where}steps/{step.pk}/", {**sent, "review_date": "2020-01-31"})
    page = client.get(where).content.decode()
    assert "review overdue" in page
    assert "Owner: Jonas Berg" in page
    matrix = client.get(f"{where}?view=matrix&only=overdue").content.decode()
    assert "1 of 1 steps" in matrix
    client.post(f"{where}undo/")
    with tenant(acme):
        step.refresh_from_db()
    assert (step.moment_of_truth, step.evidence, step.owner_id, step.review_date) == (False, "", None, None)
    refused = client.post(f"{where}steps/{step.pk}/", {"action": "facts", "review_date": "soon"}, headers=JSON)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "review_date")


def test_map_has_an_owner_a_kind_and_a_review_that_can_be_overdue(acme: Any, journey: Any, mira: Any) -> None:
    client = signed_in(mira)
    with tenant(acme):
        later = a_journey("As it is")
        a_journey("Not due")
    sent = {"name": "Moving", "metric": "nps", "kind": "to_be", "as_is": str(later.pk), "owner": str(mira.pk)}
    assert client.post(f"{base(acme, journey)}edit/", {**sent, "review_date": "2020-01-31"}).status_code == 302
    with tenant(acme):
        found = Journey.objects.get(pk=journey.pk)
    assert (found.kind, found.as_is_id, found.owner_id) == ("to_be", later.pk, mira.pk)
    page = client.get(f"/o/{acme.slug}/journeys/?overdue=1").content.decode()
    assert "Moving" in page
    assert "Not due" not in page
    assert "Mira Lund" in page
    assert "overdue" in page
    assert str(later.pk) in client.get(base(acme, journey)).content.decode()
    assert client.post(f"{base(acme, journey)}edit/", {**sent, "as_is": str(journey.pk)}).status_code == 422
