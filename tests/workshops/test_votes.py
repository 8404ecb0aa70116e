"""Silent voting: limits, secrecy until the end, and results."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import AuditEntry
from apps.journeys import services as map_services
from apps.journeys.models import Card
from apps.workshops import queries, rules, services
from apps.workshops.models import VoteDots, VoteRound, WorkshopGuest
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError
from cxm.ids import uuid7
from cxm.scope import tenant
from tests.factories import a_member, signed_in
from tests.factories.maps import a_journey
from tests.factories.workshops import a_round
from tests.workshops.conftest import Room, a_room

JSON = {"HTTP_ACCEPT": "application/json"}
pytestmark = pytest.mark.django_db


def open_vote(room: Room, **values: Any) -> VoteRound:
    with tenant(room.organization):
        return a_round(room.workshop, **{"question": "What first?", "lanes": ["pain_points"], **values})


def dot(client: Client, base: str, thing: Any, dots: int) -> Any:
    return client.post(f"{base}vote/", {"place": f"{thing}:{dots}"}, **JSON)


def test_everybody_votes_and_the_result_is_ranked_with_ties_as_ties(room: Room) -> None:
    open_vote(room, votes_per_person=3)
    first, second, third = room.cards()
    gina, ben, host = room.guest("Gina"), room.guest("Ben"), room.host_client()
    assert dot(gina, room.door, first, 2).json() == {"dots": 2, "left": 1, "say": "1 dot left."}
    assert dot(gina, room.door, second, 1).json()["left"] == 0
    assert dot(ben, room.door, second, 1).json()["left"] == 2
    assert dot(host, room.base, third, 1).json()["left"] == 2
    revealed = host.post(room.base, {"action": "reveal"})
    assert revealed["Location"] == f"{room.base}votes/1/"
    with tenant(room.organization):
        result = queries.result_of(queries.round_of(room.workshop, 1))
        assert result is not None and (result.voters, result.dots) == (3, 5)
        assert [(p.rank, p.label, p.dots, p.voters, p.is_tie) for p in result.places] == [
            (1, "Prices are hidden", 2, 1, True),
            (1, "Nobody answers", 2, 2, True),
            (3, "The key is late", 1, 1, False),
        ]
    for client, base in ((gina, room.door), (host, room.base)):
        dots = client.get(f"{base}votes/1/", **JSON).json()["dots"]
        assert dots == {str(first): 2, str(second): 2, str(third): 1}
        page = client.get(f"{base}votes/1/").content.decode()
        assert "3 people voted" in page and page.count(">tie<") == 2


def test_before_the_end_the_server_sends_nobody_anything_of_others(room: Room) -> None:
    """Whatever others voted, every payload of the round is the same, byte for byte but for what never is."""
    open_vote(room)
    first, second, _third = room.cards()
    watcher, host, voter = room.guest("Watcher"), room.host_client(), room.guest("Voter")
    pages = [
        (watcher, f"{room.door}vote/", {}),
        (watcher, f"{room.door}state/", JSON),
        (watcher, f"{room.door}map/?view=board", {}),
        (host, room.base, {}),
        (host, f"{room.base}vote/", {}),
        (host, f"{room.base}state/", JSON),
        (host, f"/o/{room.organization.slug}/journeys/{room.journey.pk}/?view=board", {}),
    ]

    def seen() -> list[str]:
        found = []
        for client, path, headers in pages:
            text = client.get(path, **headers).content.decode()
            text = re.sub(
                r'nonce="[^"]*"|csrfmiddlewaretoken" value="[^"]*"|"X-CSRFToken":"[^"]*"|"now": \d+', "", text
            )
            found.append(re.sub(r"<time[^>]*>[^<]*</time>", "", text))
        return found

    seen()
    before = seen()
    assert dot(voter, room.door, first, 3).status_code == 200
    assert dot(voter, room.door, second, 1).status_code == 200
    assert seen() == before
    for client, base in ((watcher, room.door), (host, room.base)):
        assert client.get(f"{base}votes/1/", **JSON).status_code == 409
        early = client.get(f"{base}votes/1/")
        assert (early.status_code, early["Location"]) == (302, f"{base}vote/")
    with tenant(room.organization):
        assert queries.result_of(queries.round_of(room.workshop, 1)) is None
        assert queries.dots_on_map(actor=room.actor, journey_id=room.journey.pk) == {}


def test_no_dot_names_its_voter_and_after_the_end_none_leads_back(room: Room) -> None:
    round = open_vote(room)
    gina = room.guest("Gina")
    dot(gina, room.door, room.cards()[0], 1)
    with tenant(room.organization):
        guest = WorkshopGuest.objects.get()
        (dots,) = VoteDots.objects.all()
        assert str(guest.pk) not in dots.voter and guest.pk.hex not in dots.voter
        assert not AuditEntry.objects.filter(actor_id=guest.pk).exclude(action="workshops.joined").exists()
        services.reveal_round(actor=room.actor, round=round)
        round.refresh_from_db()
        assert round.salt == ""
        assert dots.voter not in {rules.mark_of(salt, guest.pk) for salt in ("", round.question)}


def test_dots_can_be_changed_until_the_end_and_not_after(room: Room) -> None:
    open_vote(room, votes_per_person=2, most_per_thing=1)
    first, second, third = room.cards()
    gina = room.guest()
    assert dot(gina, room.door, first, 2).status_code == 422, "more than one thing may have"
    assert dot(gina, room.door, first, 1).json()["left"] == 1
    assert dot(gina, room.door, first, 1).json()["left"] == 1, "sending twice is voting once"
    assert dot(gina, room.door, second, 1).json()["left"] == 0
    refused = dot(gina, room.door, third, 1)
    assert refused.status_code == 409 and "0 left" in refused.json()["title"]
    assert dot(gina, room.door, first, 0).json()["left"] == 1
    assert dot(gina, room.door, third, 1).json()["left"] == 0
    room.host_client().post(room.base, {"action": "reveal"})
    assert dot(gina, room.door, third, 0).status_code == 422
    with tenant(room.organization):
        assert VoteDots.objects.count() == 2


def test_a_round_ends_by_its_time_and_shows_itself(room: Room) -> None:
    round = open_vote(room, minutes=5)
    gina = room.guest()
    dot(gina, room.door, room.cards()[0], 1)
    with tenant(room.organization):
        VoteRound.objects.filter(pk=round.pk).update(ends_at=timezone.now() - timedelta(seconds=1))
    assert dot(gina, room.door, room.cards()[0], 2).status_code == 422
    assert gina.get(f"{room.door}votes/1/").status_code == 200
    assert gina.get(f"{room.door}state/", **JSON).json()["last"]["number"] == 1


def test_only_what_stands_for_election_can_be_voted_on(room: Room, other_room: Room) -> None:
    round = open_vote(room)
    gina = room.guest()
    with tenant(room.organization):
        second = a_journey("Second map")
        foreign = Card.objects.get(step__stage__journey=second).pk
    things = [room.cards("actions")[0], foreign, other_room.cards()[0], room.step().pk, uuid7()]
    for thing in things:
        assert dot(gina, room.door, thing, 1).status_code == 404, thing
    for place in (
        "",
        "x",
        "x:1",
        f"{room.cards()[0]}",
        f"{room.cards()[0]}:",
        f"{room.cards()[0]}:-1",
        f"{room.cards()[0]}:99999999999",
    ):
        assert gina.post(f"{room.door}vote/", {"place": place}, **JSON).status_code in (404, 422), place
    with tenant(room.organization):
        assert not VoteDots.objects.filter(round=round).exists()


def test_steps_can_be_voted_on(room: Room) -> None:
    open_vote(room, lanes=["steps"])
    gina = room.guest()
    page = gina.get(f"{room.door}vote/").content.decode()
    assert "Compare" in page and "Prices are hidden" not in page
    assert dot(gina, room.door, room.step().pk, 1).status_code == 200


def test_a_guest_of_another_workshop_cannot_vote_here(room: Room) -> None:
    round = open_vote(room)
    with tenant(room.organization):
        stranger = Actor.guest(uuid7(), "Stranger", things=frozenset({("workshops.vote", uuid7())}))
        key = Actor(kind="key", id=uuid7())
        for actor in (stranger, key):
            with pytest.raises(DomainError):
                services.set_dots(actor=actor, round=round, thing=room.cards()[0], dots=1)


def test_every_member_who_sees_maps_votes_and_only_hosts_run_the_vote(room: Room) -> None:
    with tenant(room.organization):
        map_services.publish_journey(actor=room.actor, journey=room.journey, purpose="So that all see it")
    open_vote(room)
    employee = signed_in(a_member(room.organization, "employee"))
    assert employee.get(f"{room.base}vote/").status_code == 200
    assert dot(employee, room.base, room.cards()[0], 1).status_code == 200
    assert employee.get(room.base).status_code == 403
    assert employee.post(room.base, {"action": "reveal"}).status_code == 403


def test_one_vote_at_a_time_and_its_settings_are_checked(room: Room) -> None:
    with tenant(room.organization):
        for values in (
            {"question": ""},
            {"question": "\x00"},
            {"lanes": []},
            {"lanes": "pain_points"},
            {"lanes": ["x" * 90]},
            {"votes_per_person": 51},
            {"votes_per_person": True},
            {"most_per_thing": 0},
            {"votes_per_person": 2, "most_per_thing": 3},
            {"minutes": 100_000},
        ):
            with pytest.raises(DomainError):
                a_round(room.workshop, **values)
        a_round(room.workshop)
        with pytest.raises(Conflict):
            a_round(room.workshop)


def test_ending_the_workshop_reveals_the_vote(room: Room) -> None:
    open_vote(room)
    dot(room.guest(), room.door, room.cards()[0], 1)
    with tenant(room.organization):
        services.end_workshop(actor=room.actor, workshop=room.workshop)
        assert VoteRound.objects.get().revealed_at is not None
    page = room.host_client().get(f"{room.base}{room.workshop.pk}/").content.decode()
    assert "Prices are hidden" in page and "Gina" in page
    with tenant(room.organization):
        map_services.publish_journey(actor=room.actor, journey=room.journey, purpose="So that all see it")
    employee = signed_in(a_member(room.organization, "employee"))
    shown = employee.get(f"{room.base}{room.workshop.pk}/").content.decode()
    assert "Prices are hidden" in shown and "Gina" not in shown


def test_a_result_keeps_what_was_deleted_since(room: Room) -> None:
    round = open_vote(room)
    card = room.cards()[0]
    dot(room.guest(), room.door, card, 1)
    with tenant(room.organization):
        map_services.delete_card(actor=room.actor, journey=room.journey, card_id=card)
        services.reveal_round(actor=room.actor, round=round)
        result = queries.result_of(queries.round_of(room.workshop, 1))
        assert result is not None
        assert [(place.label, place.where) for place in result.places] == [("Prices are hidden", "")]


def test_dots_stand_on_the_board_when_the_vote_is_over(room: Room) -> None:
    open_vote(room)
    dot(room.guest(), room.door, room.cards()[0], 3)
    host = room.host_client()
    host.post(room.base, {"action": "reveal"})
    board = host.get(f"/o/{room.organization.slug}/journeys/{room.journey.pk}/?view=board").content.decode()
    assert "last-vote" in board
    led = host.get(f"/o/{room.organization.slug}/workshops/last-vote/?journey={room.journey.pk}")
    assert led["Location"] == f"{room.base}votes/1/"


def test_voting_works_as_a_plain_form(room: Room) -> None:
    open_vote(room)
    gina = room.guest()
    card = room.cards()[0]
    placed = gina.post(f"{room.door}vote/", {"place": f"{card}:1", "round": "1"})
    assert placed["Location"] == f"{room.door}vote/#t-{card}"
    page = gina.get(f"{room.door}vote/").content.decode()
    assert f'value="{card}:2"' in page and f'value="{card}:0"' in page
    stale = gina.post(f"{room.door}vote/", {"place": f"{card}:1", "round": "7"})
    assert stale.status_code == 422


def test_a_ballot_costs_the_same_however_much_is_on_it(room: Room) -> None:
    open_vote(room)
    gina = room.guest()
    gina.get(f"{room.door}vote/")

    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert gina.get(f"{room.door}vote/").status_code == 200
        return len(captured)

    one = cost()
    with tenant(room.organization):
        for number in range(3):
            map_services.add_card(
                actor=room.actor,
                journey=room.journey,
                step_id=room.step().pk,
                lane="pain_points",
                text=f"More {number}",
            )
    assert cost() == one


@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_when_dots_are_sent_at_the_same_moment() -> None:
    room = a_room()
    round = open_vote(room, votes_per_person=2)
    cards = room.cards()
    with tenant(room.organization):
        guest = services.join_workshop(workshop=room.workshop, name="Gina").guest
    actor = Actor.guest(guest.pk, "Gina", things=frozenset({("workshops.vote", room.workshop.pk)}))
    start = threading.Barrier(9)
    outcomes: list[str] = []

    def send(thing: Any, dots: int) -> None:
        start.wait()
        try:
            with tenant(room.organization):
                services.set_dots(actor=actor, round=round, thing=thing, dots=dots)
            outcomes.append("placed")
        except Conflict:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(cards[n % 3], 2)) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with tenant(room.organization):
        placed = list(VoteDots.objects.filter(round=round).values_list("dots", flat=True))
    assert placed == [2]
    assert outcomes.count("placed") == 3 and outcomes.count("refused") == 6
