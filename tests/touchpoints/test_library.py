"""The library: coverage, what is lacking, former names, trying an event, several at once, promises on pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.interactions.store import NewInteraction, record_interactions
from apps.metrics.folding import refold_organization
from apps.organizations.models import Unit
from apps.touchpoints import queries
from apps.touchpoints.durations import duration_words
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.services import update_touchpoint
from apps.touchpoints.wiring import touchpoint_rows
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, signed_in
from tests.factories.customers import a_customer
from tests.factories.maps import a_backstage_record, a_journey, a_touchpoint
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")
PROMISE = {"text": "Within 2 hours", "kept": {"event": "answered"}, "within_seconds": 7200}


def happened(name: str, hours_ago: float, customer: Any = None, **properties: Any) -> Any:
    customer = customer or a_customer()
    at = now() - timedelta(hours=hours_ago)
    row = NewInteraction(event=name, customer_id=customer.pk, occurred_at=at, properties=properties)
    record_interactions(actor=SYSTEM, rows=[row])
    return customer


def listed(client: Any, query: str) -> list[str]:
    page = client.get(f"/o/acme/touchpoints/{query}").content.decode()
    return sorted(name for name in ("Full", "Bare", "Half") if f">{name}</a>" in page)


@pytest.fixture
def library(acme: Any) -> Any:
    """One touchpoint that has everything, one that has nothing, one that has an event."""
    with tenant(acme):
        unit = Unit.objects.create(name="Care", code="care")
        full = a_touchpoint("Full", owner_unit=unit, event_match={"event": "asked"}, promise=PROMISE, channel="phone")
        a_touchpoint("Bare")
        a_touchpoint("Half", event_match={"event": "seen"})
        a_backstage_record(touchpoints=["full"])
        survey = a_survey("nps", touchpoint=full)
        for _number in range(30):
            an_answer(survey, 9)
        refold_organization()
        return full


def test_coverage_counts_and_leads_to_what_lacks(acme: Any, library: Any) -> None:
    client = signed_in(a_member(acme, "manager"))
    page = client.get("/o/acme/touchpoints/").content.decode()
    for words in (
        "1 of 3 have an owner", "2 of 3 are matched by an event", "1 of 3 have a survey", "1 of 3 make a promise",
        "1 of 3 were measured by 30 answers or more in 90 days", "1 of 3 name a process, system or team",
    ):  # fmt: skip
        assert words in page
    assert listed(client, "?lacks=event") == ["Bare"]
    assert listed(client, "?lacks=owner") == ["Bare", "Half"]
    assert listed(client, "?lacks=event&lacks=promise") == ["Bare", "Half"]
    assert listed(client, "?lacks=measured") == ["Bare", "Half"]
    assert listed(client, "?lacks=nonsense") == []
    api = an_api_client(acme)
    assert [row["key"] for row in api.get("/api/v1/touchpoints/", {"lacks": "survey"}).json()["results"]] == [
        "bare",
        "half",
    ]
    assert api.get("/api/v1/touchpoints/", {"lacks": "nonsense"}).status_code == 400


def test_who_may_not_see_surveys_or_scores_is_told_nothing_of_them(acme: Any, library: Any) -> None:
    client = signed_in(a_member(acme, "employee"))
    page = client.get("/o/acme/touchpoints/").content.decode()
    assert "1 of 3 have an owner" in page and "have a survey" not in page and "were measured" not in page
    assert listed(client, "?lacks=survey") == []
    detail = client.get(f"/o/acme/touchpoints/{library.pk}/").content.decode()
    assert "Within 2 hours" in detail and "Broken" not in detail and "Asked here" not in detail


def test_the_list_takes_the_touchpoints_of_one_map(acme: Any, globex: Any, library: Any) -> None:
    with tenant(acme):
        steps = [{"name": "One", "touchpoints": ["full"]}, {"name": "Two", "touchpoints": ["full", "half"]}]
        journey = a_journey("Moving", stages=[{"name": "S", "steps": steps}])
    with tenant(globex):
        theirs = a_journey("Theirs")
    client = signed_in(a_member(acme, "manager"))
    assert listed(client, f"?map={journey.pk}") == ["Full", "Half"]
    assert listed(client, f"?map={theirs.pk}") == []
    api = an_api_client(acme)
    assert len(api.get("/api/v1/touchpoints/", {"map": str(journey.pk)}).json()["results"]) == 2
    assert api.get("/api/v1/touchpoints/", {"map": str(theirs.pk)}).json()["results"] == []
    detail = client.get(f"/o/acme/touchpoints/{library.pk}/").content.decode()
    assert "Moving" in detail and "One, Two" in detail
    coverage = client.get(f"/o/acme/journeys/{journey.pk}/coverage/").content.decode()
    assert "1 of 2 have an owner" in coverage and "fewer than 30 answers" in coverage
    assert client.get(f"/o/acme/journeys/{theirs.pk}/coverage/").status_code == 404


def test_a_former_name_is_kept_found_and_forgotten_when_taken_up_again(acme: Any, library: Any) -> None:
    client = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        update_touchpoint(actor=SYSTEM, touchpoint=library, name="Service line")
        update_touchpoint(actor=SYSTEM, touchpoint=library, name="Hotline")
        library.refresh_from_db()
        assert library.key == "full"
        assert [row.name for row in queries.former_names([library.pk])[library.pk]] == ["Service line", "Full"]
    assert "formerly Service line, Full" in client.get("/o/acme/touchpoints/?q=service").content.decode()
    assert "Formerly" in client.get(f"/o/acme/touchpoints/{library.pk}/").content.decode()
    with tenant(acme):
        update_touchpoint(actor=SYSTEM, touchpoint=library, name="Full")
        assert {row.name for row in queries.former_names([library.pk])[library.pk]} == {"Service line", "Hotline"}


def test_an_event_is_tried_before_it_is_saved(acme: Any, globex: Any) -> None:
    with tenant(globex):
        happened("asked", 1)
    with tenant(acme):
        happened("asked", 30, topic="bill")
        happened("asked", 20, topic="move")
        happened("asked", 24 * 100, topic="bill")
    client = signed_in(a_member(acme, "manager"))
    url = "/o/acme/touchpoints/try/"
    assert "<b>2</b> interactions in 90 days" in client.get(url, {"event": "asked"}).content.decode()
    assert (
        "<b>1</b> interaction in 90 days"
        in client.get(url, {"event": "asked", "where": "topic: bill"}).content.decode()
    )
    assert "Matches nothing" in client.get(url, {"event": "missing"}).content.decode()
    assert client.get(url, {"event": "x", "where": "no colon"}).status_code == 422
    assert client.get(url, {"event": "x", "where": "a\x00: b"}).status_code == 422
    assert client.get(url).status_code == 200
    assert signed_in(a_member(acme, "employee")).get(url, {"event": "asked"}).status_code == 403


def test_several_are_changed_at_once(acme: Any, globex: Any, library: Any) -> None:
    client = signed_in(a_member(acme, "manager"))
    url = "/o/acme/touchpoints/bulk/"
    with tenant(globex):
        theirs = a_touchpoint("Theirs")
    with tenant(acme):
        unit = Unit.objects.create(name="Shop", code="shop")
        ids = [str(pk) for pk in Touchpoint.objects.filter(key__in=["bare", "half"]).values_list("pk", flat=True)]
    client.post(url, {"sel": [*ids, str(theirs.pk), "x"], "action": "owner", "owner_unit": str(unit.pk)})
    with tenant(acme):
        assert Touchpoint.objects.filter(owner_unit=unit).count() == 2
    client.post(url, {"sel": ids, "action": "owner", "owner_unit": ""})
    client.post(url, {"sel": ids[:1], "action": "archive"})
    client.post(url, {"action": "archive"})
    with tenant(acme):
        assert Touchpoint.objects.filter(owner_unit=unit).count() == 0
        assert Touchpoint.objects.exclude(archived_at=None).count() == 1
    with tenant(globex):
        assert Touchpoint.objects.filter(archived_at=None, owner_unit=None).count() == 1
    assert signed_in(a_member(acme, "employee")).post(url, {"sel": ids}).status_code == 403


def test_a_promise_is_made_on_the_page_and_shown(acme: Any) -> None:
    client = signed_in(a_member(acme, "manager"))
    form = {
        "name": "Question", "channel": "phone", "event": "asked", "promise_text": "Within 2 hours",
        "promise_kept": "answered", "promise_kept_where": "by: person", "promise_within": "2", "promise_unit": "hours",
    }  # fmt: skip
    refused = client.post("/o/acme/touchpoints/new/", {**form, "promise_kept": "", "promise_within": ""})
    assert refused.status_code == 422
    assert "id_promise_kept_error" in refused.content.decode() or "promise_kept" in refused.content.decode()
    made = client.post("/o/acme/touchpoints/new/", form)
    assert made.status_code == 302
    with tenant(acme):
        row = Touchpoint.objects.get(name="Question")
        assert row.promise == {
            "text": "Within 2 hours",
            "start": None,
            "kept": {"event": "answered", "where": {"by": "person"}},
            "within_seconds": 7200,
        }
        lucky = happened("asked", 10)
        happened("answered", 9, lucky, by="person")
        happened("asked", 10, a_customer(name="Unlucky <b>"))
    page = client.get(made["Location"]).content.decode()
    assert "Unlucky &lt;b&gt;" in page and "not kept so far" in page and "1 hour" in page
    assert "kept" in client.get("/o/acme/touchpoints/").content.decode()
    edit = client.get(f"{made['Location']}edit/").content.decode()
    assert "by: person" in edit
    assert client.post(f"{made['Location']}edit/", {"name": "Question", "channel": "phone"}).status_code == 302
    with tenant(acme):
        row.refresh_from_db()
        assert row.promise is None and row.event_match is None


def test_the_api_says_how_a_promise_was_kept(acme: Any, globex: Any) -> None:
    with tenant(acme):
        row = a_touchpoint("Question", event_match={"event": "asked"}, promise=PROMISE)
        a_touchpoint("Silent")
        unlucky = happened("asked", 10)
        happened("answered", 9, happened("asked", 10))
        happened("asked", 1)
    with tenant(globex):
        theirs = a_touchpoint("Theirs", event_match={"event": "asked"}, promise=PROMISE)
    api = an_api_client(acme)
    url = f"/api/v1/touchpoints/{row.key}/promise/"
    found = api.get(url).json()
    assert {name: found[name] for name in ("made", "kept", "broken", "open")} == {
        "made": 3,
        "kept": 1,
        "broken": 1,
        "open": 1,
    }
    assert found["share"]["value"] == 50 and found["share"]["n"] == 2 and found["share"]["rule"] == "promise.kept.v1"
    assert found["median_seconds"] == pytest.approx(3600, abs=1)
    assert [one["customer"] for one in found["recent_broken"]] == [str(unlucky.pk)]
    assert api.get(url, {"to": "2020-01-01"}).json()["made"] == 0
    assert api.get("/api/v1/touchpoints/silent/promise/").json()["promise"] is None
    assert api.get("/api/v1/touchpoints/theirs/promise/").status_code == 404
    assert api.get(f"/api/v1/touchpoints/{theirs.pk}/promise/").status_code == 404
    for wrong in (
        {"from": "yesterday"},
        {"from": "0001-01-01", "to": "9999-12-31T23:59:59"},
        {"from": "2026-02-01", "to": "2026-01-01"},
    ):
        assert api.get(url, wrong).status_code in (200, 400)
    assert an_api_client(acme, scopes=["touchpoints.view"]).get(url).status_code == 403
    blind = an_api_client(acme, scopes=["touchpoints.view", "metrics.view"])
    assert blind.get(url).json()["recent_broken"] is None


@pytest.mark.parametrize("path", ["/o/acme/touchpoints/", "/api/v1/touchpoints/"])
def test_the_list_costs_the_same_with_one_and_three(acme: Any, path: str) -> None:
    client = an_api_client(acme) if path.startswith("/api") else signed_in(a_member(acme, "manager"))

    def add() -> None:
        row = a_touchpoint(event_match={"event": "asked"}, promise=PROMISE)
        a_survey("nps", touchpoint=row)
        a_backstage_record(touchpoints=[row.key])
        a_journey(stages=[{"name": "S", "steps": [{"name": "T", "touchpoints": [row.key]}]}])
        update_touchpoint(actor=SYSTEM, touchpoint=row, name=f"{row.name} again")

    def cost() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(path).status_code == 200
        return len(seen)

    with tenant(acme):
        add()
    cost()
    one = cost()
    with tenant(acme):
        add()
        add()
    assert cost() == one


def test_an_export_holds_what_the_list_shows(acme: Any, library: Any) -> None:
    with tenant(acme):
        rows = list(touchpoint_rows(SYSTEM, acme, QueryDict("lacks=event")))
        assert [row[2] for row in rows] == ["Bare"]
        full = next(row for row in touchpoint_rows(SYSTEM, acme, QueryDict()) if row[2] == "Full")
        assert full[6:10] == ("Care", "asked", "Within 2 hours", 7200)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 seconds"), (59.6, "1 minute"), (3600, "1 hour"), (7500, "2 hours 5 minutes"), (90061, "1 day 1 hour")],
)
def test_times_read_as_people_say_them(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


def test_a_profile_shows_the_promises_made_to_this_customer(acme: Any) -> None:
    with tenant(acme):
        a_touchpoint("Question", event_match={"event": "asked"}, promise=PROMISE)
        one, other = happened("asked", 10), happened("asked", 10)
        happened("answered", 9, other)
        happened("asked", 1, one)
    client = signed_in(a_member(acme, "manager"))
    page = client.get(f"/o/acme/customers/{one.pk}/").content.decode()
    assert "1 broken" in page and "1 open" in page and "1 kept" not in page
    assert "Promises of the last 90 days" not in client.get(f"/o/acme/customers/{a_stranger(acme)}/").content.decode()


def a_stranger(acme: Any) -> Any:
    with tenant(acme):
        return a_customer().pk
