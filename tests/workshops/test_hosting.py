"""The host's side: starting, settings, guests, the end; the timer; who may; what it costs; the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import AuditEntry
from apps.journeys.services import archive_journey, delete_journey
from apps.workshops import rules, services
from apps.workshops.models import VoteRound, Workshop, WorkshopCode, WorkshopGuest
from apps.workshops.wiring import workshop_bar
from cxm.errors import Conflict, DomainError
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, signed_in
from tests.factories.maps import a_journey
from tests.factories.workshops import a_guest, a_round, a_workshop, some_dots
from tests.workshops.conftest import Room

JSON = {"HTTP_ACCEPT": "application/json"}
API = "/api/v1/workshops/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def fresh(room: Room) -> Any:
    """A second map of the organisation, without a workshop, and its page."""
    with tenant(room.organization):
        journey = a_journey("Fresh map")
    return journey, f"/o/{room.organization.slug}/journeys/{journey.pk}/workshop/"


def test_a_host_starts_a_workshop_for_a_day_and_shows_the_code(room: Room, fresh: Any) -> None:
    journey, base = fresh
    client = room.host_client()
    assert "Start a workshop" in client.get(base).content.decode()
    sent = {"action": "start", "title": "Kick-off", "hours": "24", "guests_may": "edit", "votes_per_person": "4"}
    assert client.post(base, sent)["Location"] == base
    with tenant(room.organization):
        workshop = Workshop.objects.get(journey=journey)
        assert (workshop.title, workshop.votes_per_person, workshop.host_id) == ("Kick-off", 4, room.host.pk)
        assert timedelta(hours=23) < workshop.ends_at - timezone.now() <= timedelta(days=1)
        assert AuditEntry.objects.filter(action="workshops.started", target_id=workshop.pk).exists()
    code = rules.in_groups(rules.code_of(workshop.pk, 1))
    for path in (base, f"{base}screen/"):
        assert code in client.get(path).content.decode()
    picture = client.get(f"{base}qr.svg")
    assert picture["Content-Type"] == "image/svg+xml" and picture.content.startswith(b"<svg")


def test_the_board_offers_the_workshop_and_shows_its_bar(room: Room, fresh: Any) -> None:
    client = room.host_client()
    board = client.get(f"/o/{room.organization.slug}/journeys/{room.journey.pk}/?view=board").content.decode()
    assert 'id="cx-workshop"' in board and room.base in board
    journey, base = fresh
    other = client.get(f"/o/{room.organization.slug}/journeys/{journey.pk}/?view=board").content.decode()
    assert 'id="cx-workshop"' not in other and base in other


@pytest.mark.parametrize("role", ["analyst", "employee", "agent"])
def test_roles_without_the_right_host_nothing(room: Room, fresh: Any, role: str) -> None:
    client = signed_in(a_member(room.organization, role))
    _journey, base = fresh
    for path in (base, room.base, f"{room.base}screen/", f"{room.base}qr.svg"):
        assert client.get(path).status_code == 403, path
    assert client.post(base, {"action": "start", "title": "x", "hours": "2"}).status_code == 403
    for action in ("end", "extend", "renew", "reveal", "timer_start", "settings", "round"):
        assert client.post(room.base, {"action": action, "minutes": "5"}).status_code == 403, action
    with tenant(room.organization):
        assert Workshop.objects.get().closed_at is None


def test_another_organisation_finds_no_workshop(room: Room, other_room: Room) -> None:
    client = other_room.host_client()
    foreign = f"/o/{other_room.organization.slug}/journeys/{room.journey.pk}/workshop/"
    for path in ("", "screen/", "qr.svg", "state/", "vote/", "votes/1/", f"{room.workshop.pk}/"):
        assert client.get(foreign + path).status_code == 404, path
    assert client.get(f"{room.base}state/").status_code == 404
    with tenant(room.organization):
        guest = a_guest(room.workshop)
    assert (
        other_room.host_client().post(other_room.base, {"action": "remove", "guest": str(guest.pk)}).status_code == 404
    )
    with tenant(room.organization):
        assert WorkshopGuest.objects.get().removed_at is None


def test_one_workshop_of_a_map_at_a_time_and_none_on_an_archived_one(room: Room) -> None:
    with tenant(room.organization):
        with pytest.raises(Conflict):
            a_workshop(room.journey)
        services.end_workshop(actor=room.actor, workshop=room.workshop)
        services.end_workshop(actor=room.actor, workshop=room.workshop)
        again = a_workshop(room.journey)
        assert again.pk != room.workshop.pk
        services.end_workshop(actor=room.actor, workshop=again)
        archive_journey(actor=room.actor, journey=room.journey)
        with pytest.raises(Conflict):
            a_workshop(room.journey)


@pytest.mark.parametrize(
    "values",
    [
        {"title": "x" * 121},
        {"title": "a\x00b"},
        {"guests_may": "everything"},
        {"votes_per_person": 0},
        {"votes_per_person": 10**30},
        {"votes_per_person": "3"},
        {"shows_names": "yes"},
        {"ends_at": "tomorrow"},
        {"ends_at": timezone.now() - timedelta(minutes=1)},
        {"ends_at": timezone.now() + timedelta(days=8)},
        {"opens_at": timezone.now() + timedelta(days=900)},
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(room: Room, fresh: Any, values: dict[str, Any]) -> None:
    journey, _base = fresh
    with tenant(room.organization), pytest.raises(DomainError) as refused:
        a_workshop(journey, **values)
    assert [error["field"] for error in refused.value.errors] == [next(iter(values))]


def test_a_day_longer_but_not_longer_than_a_week(room: Room) -> None:
    client = room.host_client()
    for _day in range(6):
        assert client.post(room.base, {"action": "extend"}).status_code == 302
    assert client.post(room.base, {"action": "extend"}).status_code == 409
    with tenant(room.organization):
        workshop = Workshop.objects.get()
        assert workshop.ends_at - workshop.opens_at == rules.LONGEST
    assert WorkshopCode.objects.get(workshop_id=workshop.pk).ends_at == workshop.ends_at


def test_buttons_that_come_too_late_or_say_nothing_are_answered(room: Room) -> None:
    client = room.host_client()
    assert client.post(room.base, {}).status_code == 422
    assert client.post(room.base, {"action": "fly"}).status_code == 422
    assert client.post(room.base, {"action": "remove", "guest": "x"}).status_code == 404
    assert client.post(room.base, {"action": "reveal"}).status_code == 409
    assert client.post(room.base, {"action": "timer_start", "minutes": "\x00"}).status_code == 422
    assert client.post(room.base, {"action": "timer_start", "minutes": "481"}).status_code == 422
    assert client.post(room.base, {"action": "round", "question": "", "lanes": "nowhere"}).status_code == 422
    assert client.post(room.base, {"action": "end"}).status_code == 302
    assert client.post(room.base, {"action": "end"}).status_code == 409


# ---------------------------------------------------------------------------------------------------------------------
# The timer


def test_the_timer_is_one_for_all_and_counts_by_the_server(room: Room) -> None:
    host, guest = room.host_client(), room.guest()

    def timer(client: Client, base: str) -> Any:
        return client.get(f"{base}state/", **JSON).json()["timer"]

    assert timer(guest, room.door) == {"state": "none", "left": 0, "ends": None}
    host.post(room.base, {"action": "timer_start", "minutes": "5"})
    assert timer(guest, room.door)["ends"] == timer(host, room.base)["ends"]
    assert timer(guest, room.door)["state"] == "running" and 298 <= timer(guest, room.door)["left"] <= 300
    with tenant(room.organization):
        Workshop.objects.update(timer_ends_at=timezone.now() + timedelta(seconds=100))
    host.post(room.base, {"action": "timer_pause"})
    paused = timer(guest, room.door)
    assert paused["state"] == "paused" and 99 <= paused["left"] <= 100 and paused["ends"] is None
    host.post(room.base, {"action": "timer_extend", "minutes": "1"})
    assert timer(guest, room.door)["left"] == paused["left"] + 60
    host.post(room.base, {"action": "timer_resume"})
    assert timer(guest, room.door)["state"] == "running"
    with tenant(room.organization):
        Workshop.objects.update(timer_ends_at=timezone.now() - timedelta(seconds=1))
    assert timer(guest, room.door)["state"] == "over"
    assert "time is up" in guest.get(f"{room.door}vote/").content.decode()
    quiet = host.post(room.base, {"action": "timer_extend", "minutes": "2"}, **JSON)
    assert quiet.json()["timer"]["state"] == "running"
    host.post(room.base, {"action": "timer_stop"})
    assert timer(guest, room.door)["state"] == "none"
    assert host.post(room.base, {"action": "timer_pause"}).status_code == 409


def test_guests_do_not_touch_the_timer(room: Room) -> None:
    guest = room.guest()
    assert guest.post(f"{room.door}state/", {"action": "timer_start", "minutes": "5"}, **JSON).status_code in (200, 405)
    assert guest.post(room.base, {"action": "timer_start", "minutes": "5"}).status_code == 302
    with tenant(room.organization):
        assert Workshop.objects.get().timer_ends_at is None


# ---------------------------------------------------------------------------------------------------------------------
# By itself


def test_what_is_past_its_time_is_closed_and_names_are_forgotten_a_month_later(room: Room) -> None:
    room.guest("Gina")
    with tenant(room.organization):
        a_round(room.workshop, lanes=["pain_points"])
        assert services.tidy_workshops() == (0, 0)
        now = timezone.now()
        Workshop.objects.update(opens_at=now - timedelta(days=2), ends_at=now - timedelta(days=1))
        assert services.tidy_workshops() == (1, 0)
        assert VoteRound.objects.get().salt == ""
        assert Workshop.objects.get().closed_at == Workshop.objects.get().ends_at
        Workshop.objects.update(closed_at=now - timedelta(days=31))
        assert services.tidy_workshops() == (0, 1)
        assert WorkshopGuest.objects.get().name == "Guest"
        assert services.tidy_workshops() == (0, 0)


def test_a_map_that_goes_takes_its_workshops_along(room: Room) -> None:
    with tenant(room.organization):
        some_dots(a_round(room.workshop, lanes=["pain_points"]), room.cards()[0])
        delete_journey(actor=room.actor, journey=room.journey)
        assert not Workshop.objects.exists()
    assert Client().get(room.door).status_code == 404


def test_old_hashes_of_codes_go(room: Room, fresh: Any) -> None:
    WorkshopCode.objects.update(ends_at=timezone.now() - timedelta(days=40))
    journey, _base = fresh
    with tenant(room.organization):
        workshop = a_workshop(journey)
    assert list(WorkshopCode.objects.values_list("workshop_id", flat=True)) == [workshop.pk]


# ---------------------------------------------------------------------------------------------------------------------
# What it costs


def cost(client: Client, path: str, **headers: str) -> int:
    client.get(path, **headers)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path, **headers).status_code == 200
    return len(captured)


def test_pages_cost_the_same_with_more_guests_rounds_and_dots(room: Room) -> None:
    host, guest = room.host_client(), room.guest("Gina")

    def grow(number: int) -> None:
        with tenant(room.organization):
            for _more in range(number):
                round = a_round(room.workshop, lanes=["pain_points"])
                some_dots(round, room.cards()[0])
                services.reveal_round(actor=room.actor, round=round)

    grow(1)
    paths = [(host, room.base), (guest, f"{room.door}vote/"), (guest, f"{room.door}votes/1/")]
    before = [cost(client, path) for client, path in paths]
    state = cost(guest, f"{room.door}state/", **JSON)
    grow(2)
    assert [cost(client, path) for client, path in paths] == before
    assert cost(guest, f"{room.door}state/", **JSON) == state <= 8


def test_a_board_without_a_workshop_pays_one_query_for_the_bar(room: Room, fresh: Any) -> None:
    class Request:
        organization, actor, META = room.organization, room.actor, {}

    journey, _base = fresh
    with tenant(room.organization):
        with CaptureQueriesContext(connection) as without:
            assert workshop_bar(request=Request(), journey_id=journey.pk) == ""
        assert len(without) == 1


# ---------------------------------------------------------------------------------------------------------------------
# The API


def test_a_workshop_is_opened_read_and_ended_over_the_api(room: Room, fresh: Any) -> None:
    journey, _base = fresh
    client = an_api_client(room.organization, ["workshops.host"])
    made = client.post(API, {"journey": str(journey.pk), "title": "By API", "guests_may": "vote"}, format="json")
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["address"].endswith(f"/w/{body['code']}/") and body["guests_may"] == "vote"
    with tenant(room.organization):
        round = a_round(Workshop.objects.get(pk=body["id"]), question="First?", lanes=["actions"])
        some_dots(round, dots=2)
    url = f"{API}{body['id']}/"
    assert client.get(f"{url}results/").json() == {"results": []}, "a vote that runs tells nothing"
    ended = client.post(f"{url}end/", format="json")
    assert ended.status_code == 200 and ended.json()["closed_at"] and ended.json()["code"] == ""
    (result,) = client.get(f"{url}results/").json()["results"]
    assert (result["question"], result["voters"], result["dots"]) == ("First?", 1, 2)
    assert [(place["rank"], place["label"], place["tie"]) for place in result["places"]] == [
        (1, "Reads the letter", False)
    ]
    listed = client.get(API, {"journey": str(journey.pk), "closed": "true"}).json()["results"]
    assert [row["id"] for row in listed] == [body["id"]]


def test_the_api_refuses_what_the_page_refuses(room: Room, other_room: Room) -> None:
    client = an_api_client(room.organization, ["workshops.host"])
    for journey in (str(other_room.journey.pk), "x", None, str(room.workshop.pk)):
        assert client.post(API, {"journey": journey}, format="json").status_code == 400, journey
    assert client.post(API, {"journey": str(room.journey.pk)}, format="json").status_code == 409
    assert client.get(f"{API}{other_room.workshop.pk}/").status_code == 404
    assert client.post(f"{API}{other_room.workshop.pk}/end/", format="json").status_code == 404
    assert client.get(f"{API}{other_room.workshop.pk}/results/").status_code == 404
    reader = an_api_client(room.organization, ["journeys.view", "journeys.edit"])
    assert reader.get(API).status_code == 403
