"""The door: who gets in with a code, how far, and how it ends."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from apps.audit.models import AuditEntry
from apps.journeys import services as map_services
from apps.journeys.models import Card, Journey, MapChange, Stage
from apps.segments.services import create_segment
from apps.workshops import rules, services
from apps.workshops.models import Workshop, WorkshopGuest
from cxm.actor import Actor
from cxm.errors import NotAllowed
from cxm.scope import tenant
from tests.factories import a_member, signed_in
from tests.factories.ideas import an_idea
from tests.factories.maps import a_journey, a_persona, a_touchpoint
from tests.factories.workshops import a_workshop
from tests.workshops.conftest import Room

JSON = {"HTTP_ACCEPT": "application/json"}
pytestmark = pytest.mark.django_db


def edits_of(room: Room) -> list[tuple[str, str, dict[str, Any]]]:
    """Every address through which a guest's browser can change or read the map: method, path below the map, body."""
    step, card = room.step(), room.cards()[0]
    with tenant(room.organization):
        stage = Stage.objects.filter(journey=room.journey).order_by("position")[0]
        place = step.placements.get()
    return [
        ("get", "", {}),
        ("get", "changes/", {"since": "1"}),
        ("get", "stages/new/", {}),
        ("post", "stages/new/", {"name": "Stage of a guest"}),
        ("get", f"stages/{stage.pk}/", {}),
        ("post", f"stages/{stage.pk}/", {"action": "rename", "name": "Renamed", "version": "1"}),
        ("get", "steps/new/", {"stage": str(stage.pk)}),
        ("post", "steps/new/", {"stage": str(stage.pk), "name": "Step of a guest"}),
        ("get", f"steps/{step.pk}/", {}),
        ("post", f"steps/{step.pk}/", {"action": "belief", "belief": "-1", "version": str(step.version)}),
        ("get", "cards/new/", {"step": str(step.pk), "lane": "actions"}),
        ("post", "cards/new/", {"step": str(step.pk), "lane": "actions", "text": "Written by a guest"}),
        ("get", f"cards/{card}/", {}),
        ("post", f"cards/{card}/", {"action": "save", "text": "Reworded by a guest", "version": "1"}),
        ("get", "places/new/", {"step": str(step.pk)}),
        ("post", "places/new/", {"step": str(step.pk), "touchpoint": str(place.touchpoint_id)}),
        ("get", f"places/{place.pk}/", {}),
        ("post", f"places/{place.pk}/", {"action": "later", "version": "1"}),
        ("get", "lanes/", {}),
        ("post", "lanes/", {"action": "add", "title": "Lane of a guest"}),
        ("post", "undo/", {}),
        ("post", "redo/", {}),
    ]


def send(client: Client, method: str, path: str, body: dict[str, Any], **headers: str) -> Any:
    return getattr(client, method)(path, body, **headers)


def test_a_guest_types_the_code_chooses_a_name_and_draws(room: Room) -> None:
    client = Client()
    found = client.post("/w/", {"code": f" {room.code.upper().replace('-', ' ')} "})
    assert (found.status_code, found["Location"]) == (302, room.door)
    assert room.workshop.title in client.get(room.door).content.decode()

    joined = client.post(room.door, {"name": "  Gina \t Guest "})
    assert (joined.status_code, joined["Location"]) == (302, f"{room.door}map/")
    cookie = joined.cookies["cxm_workshop"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", room.door)

    board = client.get(f"{room.door}map/?view=board").content.decode()
    assert "Prices are hidden" in board and f'data-base="{room.door}map/"' in board
    body = {"step": str(room.step().pk), "lane": "actions", "text": "Written by a guest"}
    saved = client.post(f"{room.door}map/cards/new/", body, **JSON)
    assert saved.status_code == 200, saved.content
    with tenant(room.organization):
        assert Card.objects.get(text="Written by a guest").step_id == room.step().pk
        change = MapChange.objects.filter(journey=room.journey).latest("revision")
        guest = WorkshopGuest.objects.get()
        assert (change.actor_name, change.actor_id) == ("Gina Guest", guest.pk)
        entry = AuditEntry.objects.filter(actor_kind="guest").latest("at")
        assert (entry.actor_name, entry.actor_id, entry.target_id) == ("Gina Guest", guest.pk, room.journey.pk)


def test_every_page_of_the_map_that_a_guest_may_use_answers(room: Room) -> None:
    client = room.guest()
    for method, path, body in edits_of(room):
        response = send(client, method, f"{room.door}map/{path}", body, **(JSON if method == "post" else {}))
        assert response.status_code in (200, 409), (method, path, response.status_code, response.content[:300])


def test_nobody_gets_to_a_map_without_having_joined(room: Room) -> None:
    for method, path, body in edits_of(room):
        response = send(Client(), method, f"{room.door}map/{path}", body)
        assert (response.status_code, response["Location"]) == (302, room.door), path
        assert send(Client(), method, f"{room.door}map/{path}", body, **JSON).status_code == 401, path
    with tenant(room.organization):
        assert Journey.objects.get(pk=room.journey.pk).revision == room.journey.revision


def test_a_guest_of_one_workshop_reaches_nothing_of_another(room: Room, other_room: Room) -> None:
    """Same organisation or another one: the cookie of one code is worth nothing under another."""
    with tenant(room.organization):
        second = a_journey("Second map of Acme")
        second_workshop = a_workshop(second)
    sibling = Room(room.organization, room.host, room.actor, second, second_workshop)
    client = room.guest()
    value = client.cookies["cxm_workshop"].value
    for target in (sibling, other_room):
        thief = Client()
        thief.cookies["cxm_workshop"] = value
        for method, path, body in edits_of(room):
            response = send(thief, method, f"{target.door}map/{path}", body, **JSON)
            assert response.status_code == 401, (path, response.content[:200])
        for path in ("state/", "vote/", "votes/1/"):
            assert thief.get(f"{target.door}{path}", **JSON).status_code == 401


def test_ids_of_other_maps_are_unknown_to_a_guest(room: Room, other_room: Room) -> None:
    """Also of another map of the same organisation, and though the addresses are right."""
    with tenant(room.organization):
        second = a_journey("Second map of Acme")
        card = Card.objects.get(step__stage__journey=second)
        stage, step, place = card.step.stage, card.step, card.step.placements.get()
        before = second.revision
    foreign = [(card.pk, stage.pk, step.pk, place.pk)]
    with tenant(other_room.organization):
        card2 = Card.objects.filter(step__stage__journey=other_room.journey)[0]
        foreign.append((card2.pk, card2.step.stage_id, card2.step_id, card2.step.stage_id))
    client = room.guest()
    for card_id, stage_id, step_id, place_id in foreign:
        for path, body in [
            (f"cards/{card_id}/", {"action": "save", "text": "Mine now", "version": "1"}),
            (f"cards/{card_id}/", {"action": "delete", "version": "1"}),
            (f"stages/{stage_id}/", {"action": "rename", "name": "Mine now", "version": "1"}),
            (f"steps/{step_id}/", {"action": "delete", "version": "1"}),
            (f"places/{place_id}/", {"action": "delete", "version": "1"}),
        ]:
            assert client.get(f"{room.door}map/{path}").status_code == 404, path
            assert client.post(f"{room.door}map/{path}", body, **JSON).status_code == 404, path
        add = {"step": str(step_id), "lane": "actions", "text": "Mine now"}
        assert client.post(f"{room.door}map/cards/new/", add, **JSON).status_code in (404, 422)
        own = room.cards()[0]
        move = {"action": "move", "step": str(step_id), "position": "0", "version": "1"}
        assert client.post(f"{room.door}map/cards/{own}/", move, **JSON).status_code in (404, 422)
    with tenant(room.organization):
        assert Journey.objects.get(pk=second.pk).revision == before
        assert not Card.objects.filter(text="Mine now").exists()


def test_a_guest_has_no_page_of_the_organisation(room: Room) -> None:
    client = room.guest()
    base = f"/o/{room.organization.slug}/"
    for path in ("journeys/", f"journeys/{room.journey.pk}/", "touchpoints/", "customers/", "feedback/", "settings/"):
        response = client.get(base + path)
        assert response.status_code == 302 and "/accounts/login" in response["Location"], path
    for path in ("edit/", "publish/", "versions/", "delete/", "archive/", "comments/", "compare/", "to-be/", "export/"):
        assert client.get(f"{room.door}map/{path}").status_code == 404, path
        assert client.post(f"{room.door}map/{path}", {"purpose": "x"}).status_code == 404, path
    assert client.get("/api/v1/journeys/").status_code == 401


def test_no_other_map_page_has_an_address_under_the_code() -> None:
    """A new page of maps is not offered to guests by itself."""
    names = {name for name in get_resolver().namespace_dict["workshop_map"][1].reverse_dict if isinstance(name, str)}
    assert names <= {
        "stage_new", "stage", "step_new", "step", "card_new", "card", "place_new", "place", "lanes", "undo", "redo",
        "changes", "picture",
    }  # fmt: skip


@pytest.mark.parametrize("shows_scores", [False, True])
def test_the_board_of_a_guest_leads_nowhere_else(room: Room, shows_scores: bool) -> None:
    with tenant(room.organization):
        services.change_workshop(actor=room.actor, workshop=room.workshop, shows_scores=shows_scores)
    client = room.guest()
    for view in ("board", "table", "matrix"):
        html = client.get(f"{room.door}map/?view={view}").content.decode()
        links = set(re.findall(r'(?<![\w-])(?:href|action|src|data-href|hx-get|hx-post)="([^"]*)"', html))
        allowed = (room.door, "/static/", "#", "?")
        strange = [link for link in links if link and not link.startswith(allowed)]
        own = {link.split("#")[0] for link in links if link.startswith(room.door) and "leave" not in link}
        dead = [link for link in own if client.get(link).status_code not in (200, 302, 405)]
        assert not dead, (view, dead)
        assert not strange, (view, [html[html.index(link) - 200 : html.index(link) + 80] for link in strange])


def test_a_guest_sees_no_score_and_no_other_version_unless_the_host_shows_scores(room: Room) -> None:
    with tenant(room.organization):
        create_segment(actor=room.actor, name="Secret segment", rule={"all": []})
        a_persona("Lena")
        an_idea(touchpoint=room.step().placements.get().touchpoint)
    client = room.guest()
    page = client.get(f"{room.door}map/?view=board&version=1&segment={room.journey.pk}")
    assert page.status_code == 200 and "Live scores" not in page.content.decode()
    with tenant(room.organization):
        services.change_workshop(actor=room.actor, workshop=room.workshop, shows_scores=True)
    shown = client.get(f"{room.door}map/?view=board").content.decode()
    assert "Live scores" in shown and "/feedback/" not in shown and "customers" not in shown
    assert "Secret segment" not in shown and "Lena" not in shown and "1 idea" not in shown


def test_the_library_is_closed_to_guests_until_the_host_opens_it(room: Room) -> None:
    with tenant(room.organization):
        secret = a_touchpoint("Secret merger desk")
    step = str(room.step().pk)
    client = room.guest()
    page = client.get(f"{room.door}map/places/new/?step={step}").content.decode()
    assert "Web site of Acme" in page and "Secret merger desk" not in page
    body = {"step": step, "touchpoint": str(secret.pk)}
    assert client.post(f"{room.door}map/places/new/", body, **JSON).status_code == 422
    new = {"step": step, "name": "Touchpoint of a guest", "channel": "web"}
    assert client.post(f"{room.door}map/places/new/", new, **JSON).status_code == 422
    with tenant(room.organization):
        services.change_workshop(actor=room.actor, workshop=room.workshop, opens_library=True)
    assert "Secret merger desk" in client.get(f"{room.door}map/places/new/?step={step}").content.decode()
    assert client.post(f"{room.door}map/places/new/", body, **JSON).status_code == 200


def test_a_guest_who_may_only_vote_reads_the_draft_and_changes_nothing(room: Room) -> None:
    with tenant(room.organization):
        services.change_workshop(actor=room.actor, workshop=room.workshop, guests_may="vote")
    client = room.guest()
    board = client.get(f"{room.door}map/?view=board")
    assert board.status_code == 200 and "Prices are hidden" in board.content.decode()
    assert "cards/new/" not in board.content.decode()
    for method, path, body in edits_of(room)[1:]:
        assert send(client, method, f"{room.door}map/{path}", body, **JSON).status_code == 404, path
    with tenant(room.organization):
        assert Journey.objects.get(pk=room.journey.pk).revision == room.journey.revision


def ended(room: Room) -> None:
    services.end_workshop(actor=room.actor, workshop=room.workshop)


def expired(room: Room) -> None:
    """The clock has moved on: the workshop opened two days ago, for one day."""
    now = timezone.now()
    Workshop.objects.filter(pk=room.workshop.pk).update(
        opens_at=now - timedelta(days=2), ends_at=now - timedelta(days=1)
    )


def removed(room: Room) -> None:
    services.remove_guest(actor=room.actor, guest=WorkshopGuest.objects.get(workshop=room.workshop))


def archived(room: Room) -> None:
    from apps.journeys.services import archive_journey

    archive_journey(actor=room.actor, journey=room.journey)


@pytest.mark.parametrize("over", [ended, expired, removed])
def test_after_the_end_a_guest_gets_no_further_and_keeps_what_was_typed(room: Room, over: Any) -> None:
    client = room.guest()
    calls = edits_of(room)
    with tenant(room.organization):
        over(room)
        before = Journey.objects.get(pk=room.journey.pk).revision
    for method, path, body in calls:
        page = send(client, method, f"{room.door}map/{path}", body)
        assert page.status_code == 403 and "The workshop has ended" in page.content.decode(), path
        data = send(client, method, f"{room.door}map/{path}", body, **JSON)
        assert data.status_code == 403 and data.json()["ended"] is True, path
    for path in ("state/", "vote/", "votes/1/"):
        assert client.get(f"{room.door}{path}", **JSON).status_code == 403
    text = "Three sentences <b>nobody</b> wants to lose"
    kept = client.post(f"{room.door}map/cards/new/", {"step": str(room.step().pk), "lane": "actions", "text": text})
    assert "Three sentences &lt;b&gt;nobody&lt;/b&gt; wants to lose" in kept.content.decode()
    with tenant(room.organization):
        assert Journey.objects.get(pk=room.journey.pk).revision == before


@pytest.mark.parametrize("over", [ended, expired, archived])
def test_strangers_cannot_tell_an_ended_code_from_one_that_never_was(room: Room, over: Any) -> None:
    with tenant(room.organization):
        over(room)
    gone, never = Client().get(room.door), Client().get("/w/bbb-bbb-bbb/")
    assert gone.status_code == never.status_code == 404

    def without_tokens(response: Any) -> str:
        return re.sub(
            r'(nonce|csrf[a-z]*|value|hx-headers:inherited|CSRFToken)[=":]+[^> ]*', "", response.content.decode()
        )

    assert without_tokens(gone) == without_tokens(never)
    assert Client().post(room.door, {"name": "Late"}).status_code == 404


def test_a_removed_guest_can_be_kept_out_by_a_new_code_while_the_others_stay(room: Room) -> None:
    gina, ben = room.guest("Gina"), room.guest("Ben")
    old = room.door
    with tenant(room.organization):
        services.remove_guest(actor=room.actor, guest=WorkshopGuest.objects.get(name="Gina"))
        room.workshop = services.renew_code(actor=room.actor, workshop=room.workshop)
    assert room.door != old
    assert gina.get(f"{old}map/").status_code == 403
    assert Client().get(old).status_code == 404
    assert Client().get(room.door).status_code == 200
    assert ben.get(f"{old}map/").status_code == 200


def test_a_picture_is_shown_to_a_guest_while_it_stands_on_the_map(room: Room, other_room: Room) -> None:
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(buffer, "PNG")
    client = room.guest()
    card = room.cards()[0]
    picture = SimpleUploadedFile("p.png", buffer.getvalue(), "image/png")
    body = {"action": "save", "text": "With a picture", "version": "1", "picture": picture}
    assert client.post(f"{room.door}map/cards/{card}/", body, **JSON).status_code == 200
    with tenant(room.organization):
        name = Card.objects.get(pk=card).image.rpartition("/")[2].removesuffix(".webp")
    address = f"map/pictures/{name}/"
    assert client.get(room.door + address)["Content-Type"] == "image/webp"
    assert other_room.guest().get(other_room.door + address).status_code == 404
    assert Client().get(room.door + address).status_code == 302
    with tenant(room.organization):
        ended(room)
    assert client.get(room.door + address).status_code == 403


@pytest.mark.parametrize("name", ["", "   ", "\x00", "***", "x" * 57, "\u202egnp.exe"])
def test_hostile_names_are_refused_with_a_reason(room: Room, name: str) -> None:
    body = f"name={quote(name.encode('utf-8', 'surrogatepass'))}"
    response = Client().post(room.door, body, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 422, response.content
    with tenant(room.organization):
        assert not WorkshopGuest.objects.exists()


def test_a_name_of_markup_is_text(room: Room) -> None:
    client = room.guest("<script>alert(1)</script>")
    page = client.get(f"{room.door}map/").content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page


def test_two_guests_of_one_name_can_be_told_apart(room: Room) -> None:
    room.guest("Gina")
    room.guest("gina")
    with tenant(room.organization):
        assert list(WorkshopGuest.objects.order_by("joined_at").values_list("name", flat=True)) == ["Gina", "gina 2"]


@pytest.mark.parametrize(
    "code", ["x", "bbb-bbb-bbb", "%00", "%ED%A0%80", "b" * 300, "aei-oua-eio", "..%2F..", "ббб-ббб-ббб"]
)
def test_hostile_codes_open_nothing(code: str) -> None:
    assert Client().get(f"/w/{code}/").status_code == 404
    assert Client().get(f"/w/{code}/map/").status_code == 404
    assert Client().post("/w/", {"code": code}).status_code in (302, 404)


def test_a_code_written_otherwise_leads_to_the_usual_address(room: Room) -> None:
    response = Client().get(f"/w/{room.code.upper().replace('-', '')}/")
    assert (response.status_code, response["Location"]) == (302, room.door)


def test_guessing_stops_after_a_while_and_people_who_are_in_go_on(room: Room) -> None:
    client = room.guest()
    stranger = Client()
    answers = [stranger.get("/w/bbb-bbb-bbb/").status_code for _try in range(rules.TRIES.burst + 1)]
    assert 404 in answers and answers[-1] == 429
    assert stranger.get(room.door).status_code == 429, "a right code is no way round the limit"
    assert Client(REMOTE_ADDR="198.51.100.9").get(room.door).status_code == 200
    assert client.get(f"{room.door}map/").status_code == 200


def test_a_guest_who_asks_too_much_is_slowed_down(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "ACTS", rules.Limit(rate=0.001, burst=2))
    client = room.guest()
    assert [client.get(f"{room.door}state/").status_code for _try in range(3)] == [200, 200, 429]


def test_a_code_is_nine_letters_no_other_code_is_like_it_and_none_is_stored(room: Room) -> None:
    code = rules.code_of(room.workshop.pk, 1)
    assert re.fullmatch(f"[{rules.LETTERS}]{{9}}", code)
    assert len({rules.code_of(room.workshop.pk, version) for version in range(1, 2_000)}) == 1_999
    from apps.workshops.models import WorkshopCode

    stored = str(list(WorkshopCode.objects.values_list()))
    assert code not in stored.upper() and rules.digest_of(code) in stored


def test_forms_of_guests_need_their_csrf_token(room: Room) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(room.door, {"name": "Gina"}).status_code == 403
    client.cookies["cxm_workshop"] = room.guest().cookies["cxm_workshop"].value
    body = {"step": str(room.step().pk), "lane": "actions", "text": "Forged"}
    assert client.post(f"{room.door}map/cards/new/", body).status_code == 403
    assert client.post(f"{room.door}vote/", {"place": "x:1"}).status_code == 403
    with tenant(room.organization):
        assert not Card.objects.filter(text="Forged").exists()


def test_a_workshop_that_opens_later_lets_nobody_in_before(room: Room) -> None:
    with tenant(room.organization):
        start = timezone.now() + timedelta(hours=3)
        later = a_workshop(a_journey("Later"), opens_at=start, ends_at=start + timedelta(hours=2))
    door = f"/w/{rules.in_groups(rules.code_of(later.pk, 1))}/"
    assert "opens on" in Client().get(door).content.decode()
    assert "map" not in Client().post(door, {"name": "Early"}).headers.get("Location", "")
    with tenant(room.organization):
        assert not WorkshopGuest.objects.exists()


def test_somebody_signed_in_elsewhere_is_a_guest_here_and_no_more(room: Room, other_room: Room) -> None:
    client = signed_in(a_member(other_room.organization, "owner"))
    client.post(room.door, {"name": "Visitor"})
    page = client.get(f"{room.door}map/")
    assert page.status_code == 200 and "/o/" not in page.content.decode()
    assert client.get(f"{room.door}map/edit/").status_code == 404


def test_a_host_who_hides_names_hides_them_from_guests(room: Room) -> None:
    with tenant(room.organization):
        services.change_workshop(actor=room.actor, workshop=room.workshop, shows_names=False)
    gina, ben = room.guest("Gina"), room.guest("Benedikt")
    revision = gina.get(f"{room.door}map/changes/", {"since": "1"}, **JSON).json()["revision"]
    body = {"step": str(room.step().pk), "lane": "actions", "text": "By somebody"}
    ben.post(f"{room.door}map/cards/new/", body, **JSON)
    seen = gina.get(f"{room.door}map/changes/", {"since": str(revision)}, **JSON)
    assert "By somebody" in seen.content.decode() and "Benedikt" not in seen.content.decode()


def test_the_room_is_full_at_a_hundred(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_GUESTS", 2)
    room.guest("Gina")
    room.guest("Ben")
    refused = Client().post(room.door, {"name": "Third"})
    assert refused.status_code == 422 and "full" in refused.content.decode()


def test_a_guest_leaves_and_is_out(room: Room) -> None:
    client = room.guest()
    assert client.post(f"{room.door}leave/").status_code == 200
    assert client.get(f"{room.door}map/").status_code == 302


def test_a_guest_actor_holds_no_permission(room: Room) -> None:
    actor = Actor.guest(room.workshop.pk, "Gina", things=frozenset({("journeys.edit", room.journey.pk)}))
    assert actor.permissions == frozenset() and not actor.can("journeys.edit")
    assert actor.can_with("journeys.edit", room.journey.pk) and not actor.can_with("journeys.edit", room.workshop.pk)


def test_what_is_done_to_a_whole_map_is_refused_to_guests_by_the_services_too(room: Room) -> None:
    things = frozenset({("journeys.edit", room.journey.pk), ("journeys.view", room.journey.pk)})
    guest = Actor.guest(room.workshop.pk, "Gina", things=things)
    with tenant(room.organization):
        known = {"actor": guest, "journey": room.journey}
        for attempt in (
            lambda: map_services.update_journey(**known, name="Taken over"),
            lambda: map_services.archive_journey(**known),
            lambda: map_services.unarchive_journey(**known),
            lambda: map_services.delete_journey(**known),
            lambda: map_services.publish_journey(**known, purpose="Mine"),
            lambda: map_services.restore_version(**known, number=1),
            lambda: services.end_workshop(actor=guest, workshop=room.workshop),
            lambda: services.start_timer(actor=guest, workshop=room.workshop, minutes=1),
        ):
            with pytest.raises(NotAllowed):
                attempt()
        assert map_services.add_stage(**known, name="Allowed").changes
