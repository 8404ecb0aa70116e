"""Share links: who may make them, what strangers see, and that nothing else can be found out."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.personas.services import archive_persona, publish_persona, update_persona
from apps.sharing.models import ShareLink
from apps.sharing.services import create_share_link, revoke_share_link
from cxm.actor import Actor
from cxm.errors import DomainError, NotAllowed, NotFound
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_api_client, an_organization, signed_in
from tests.factories.maps import a_persona

SYSTEM = Actor.system("test")
PASSWORD = "open sesame 1"

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Any:
    return an_organization("Acme")


@pytest.fixture
def globex() -> Any:
    return an_organization("Globex")


def a_published_persona(name: str = "Paula") -> Any:
    persona = a_persona(name, quote="Call me on +49 30 1234567", needs=["To be told the price"])
    publish_persona(actor=SYSTEM, persona=persona, purpose="First")
    return persona


def share(organization: Any, **values: Any) -> tuple[ShareLink, str, Any]:
    with tenant(organization):
        persona = a_published_persona()
        link, key = create_share_link(actor=SYSTEM, kind="persona", object_id=persona.pk, **values)
    return link, key, persona


def path(key: str) -> str:
    return f"/share/{key}/"


# -- reading -----------------------------------------------------------------------------------------------------------


def test_a_stranger_reads_the_published_version_and_no_draft(acme):
    _link, key, persona = share(acme)
    with tenant(acme):
        persona.refresh_from_db()
        update_persona(actor=SYSTEM, persona=persona, revision=persona.revision, needs=["A secret draft"])
    page = Client().get(path(key)).content.decode()
    assert "To be told the price" in page
    assert "A secret draft" not in page


def test_the_link_follows_what_is_published_later(acme):
    _link, key, persona = share(acme)
    with tenant(acme):
        persona.refresh_from_db()
        update_persona(actor=SYSTEM, persona=persona, revision=persona.revision, needs=["Something newer"])
        publish_persona(actor=SYSTEM, persona=persona, purpose="Second")
    assert "Something newer" in Client().get(path(key)).content.decode()


def test_a_chosen_version_stays(acme):
    _link, key, persona = share(acme, options={"version": 1})
    with tenant(acme):
        persona.refresh_from_db()
        update_persona(actor=SYSTEM, persona=persona, revision=persona.revision, needs=["Something newer"])
        publish_persona(actor=SYSTEM, persona=persona, purpose="Second")
    page = Client().get(path(key)).content.decode()
    assert "To be told the price" in page
    assert "Something newer" not in page


def test_the_draft_is_shown_where_its_maker_chose_it(acme):
    _link, key, persona = share(acme, options={"version": "draft"})
    with tenant(acme):
        persona.refresh_from_db()
        update_persona(actor=SYSTEM, persona=persona, revision=persona.revision, needs=["As we think today"])
    assert "As we think today" in Client().get(path(key)).content.decode()


def test_quotes_are_hidden_unless_chosen_and_then_masked(acme):
    _link, plain, _persona = share(acme)
    _link, quoting, _persona = share(acme, options={"show_quotes": True})
    assert "Call me" not in Client().get(path(plain)).content.decode()
    page = Client().get(path(quoting)).content.decode()
    assert "Call me" in page
    assert "1234567" not in page


def test_no_search_engine_cache_or_referrer_learns_of_it(acme):
    link, key, _persona = share(acme)
    with tenant(acme):
        _link, locked = create_share_link(actor=SYSTEM, kind="persona", object_id=link.object_id, password=PASSWORD)
    for address in (path(key), path(locked), path("x" * 64)):
        response = Client().get(address)
        assert "noindex" in response["X-Robots-Tag"]
        assert response["Cache-Control"] == "no-store"
        assert response["Referrer-Policy"] == "no-referrer"
        policy = response["Content-Security-Policy"]
        assert "'nonce-" not in policy and "'unsafe-inline'" not in policy and "frame-ancestors 'none'" in policy


def test_somebody_signed_in_elsewhere_reads_it_like_anybody(acme, globex):
    _link, key, _persona = share(acme)
    stranger = signed_in(a_member(globex))
    assert stranger.get(path(key)).content == Client().get(path(key)).content


def test_views_are_counted_without_anything_about_the_reader(acme):
    link, key, _persona = share(acme)
    Client().get(path(key))
    Client().get(path(key))
    Client().head(path(key))
    with tenant(acme):
        link.refresh_from_db()
        assert link.opened == 2
        assert link.last_opened_at is not None


def test_a_shared_page_takes_no_writes(acme):
    _link, key, _persona = share(acme)
    assert Client().post(path(key), {"name": "x"}).status_code == 405


# -- and finding nothing -----------------------------------------------------------------------------------------------


def test_unknown_revoked_and_gone_are_one_answer(acme, globex):
    link, key, _persona = share(acme)
    _link, gone, persona = share(acme)
    with tenant(acme):
        revoke_share_link(actor=SYSTEM, link=link)
        archive_persona(actor=SYSTEM, persona=persona)
    # A key of another organisation's with the rest of this one.
    mixed = base64.urlsafe_b64encode(globex.pk.bytes + base64.urlsafe_b64decode(key)[16:]).decode()
    odd = ["x" * 64, "A" * 63, "ä" * 20, "0", "%00", key[:-1], key.swapcase(), mixed, key + "A"]
    answers = [Client().get(path(each)) for each in (key, gone, *odd)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_an_expired_link_says_so_and_nothing_more(acme):
    link, key, _persona = share(acme)
    with tenant(acme):
        ShareLink.objects.filter(pk=link.pk).update(expires_at=now() - timedelta(seconds=1))
    response = Client().get(path(key))
    assert response.status_code == 410
    assert "Paula" not in response.content.decode()
    assert "Acme" not in response.content.decode()


def test_only_the_hash_of_a_key_is_stored(acme):
    link, key, _persona = share(acme, password=PASSWORD)
    with tenant(acme):
        stored = repr(ShareLink.objects.filter(pk=link.pk).values().get())
    assert key not in stored
    assert PASSWORD not in stored


def test_files_of_another_kind_are_not_found(acme):
    _link, key, _persona = share(acme)
    for name in ("portrait.webp", "../../etc/passwd", "x"):
        assert Client().get(f"{path(key)}{name}").status_code == 404


# -- passwords ---------------------------------------------------------------------------------------------------------


def test_a_password_opens_the_page_for_this_browser_only(acme):
    _link, key, _persona = share(acme, password=PASSWORD)
    browser = Client()
    assert "Paula" not in browser.get(path(key)).content.decode()
    wrong = browser.post(path(key), {"password": "wrong"})
    assert wrong.status_code == 422
    assert "Paula" not in browser.get(path(key)).content.decode()
    right = browser.post(path(key), {"password": PASSWORD})
    assert right.status_code == 303
    cookie = right.cookies["cx-share"]
    assert cookie["httponly"] and cookie["path"] == path(key)
    assert "Paula" in browser.get(path(key)).content.decode()
    assert "Paula" not in Client().get(path(key)).content.decode()


def test_a_pass_is_worth_nothing_for_another_link_or_password(acme):
    link, key, _persona = share(acme, password=PASSWORD)
    _other, other_key, _persona = share(acme, password=PASSWORD)
    browser = Client()
    browser.post(path(key), {"password": PASSWORD})
    ours = browser.cookies["cx-share"].value
    stranger = Client()
    stranger.cookies["cx-share"] = ours
    assert "Paula" not in stranger.get(path(other_key)).content.decode()
    client = an_api_client(acme)
    assert (
        client.patch(f"/api/v1/share-links/{link.pk}/", {"password": "another one"}, format="json").status_code == 200
    )
    assert "Paula" not in browser.get(path(key)).content.decode()


def test_guessing_a_password_ends_soon(acme):
    _link, key, _persona = share(acme, password=PASSWORD)
    codes = [Client().post(path(key), {"password": f"guess {n}"}).status_code for n in range(12)]
    assert codes[0] == 422
    assert codes[-1] == 429
    assert Client().post(path(key), {"password": PASSWORD}).status_code == 429


@pytest.mark.parametrize("odd", ["", "\x00", "x" * 5000, "\ud800".encode("utf-8", "surrogatepass")])
def test_odd_passwords_are_refused_like_wrong_ones(acme, odd):
    _link, key, _persona = share(acme, password=PASSWORD)
    assert Client().post(path(key), {"password": odd}).status_code in (405, 422)


# -- making them -------------------------------------------------------------------------------------------------------


def test_the_api_gives_the_address_once(acme):
    _link, _key, persona = share(acme)
    client = an_api_client(acme)
    made = client.post("/api/v1/share-links/", {"kind": "persona", "object_id": str(persona.pk)}, format="json")
    assert made.status_code == 201
    address = made.json()["address"]
    assert "Paula" in Client().get("/" + address.split("/", 3)[3]).content.decode()
    again = client.get(f"/api/v1/share-links/{made.json()['id']}/").json()
    assert "address" not in again and "password" not in again
    assert client.delete(f"/api/v1/share-links/{made.json()['id']}/").status_code == 204
    assert Client().get("/" + address.split("/", 3)[3]).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "customer"}, "kind"),
        ({"options": []}, "options"),
        ({"options": {"version": -1}}, "options.version"),
        ({"options": {"version": 99}}, "options.version"),
        ({"options": {"version": {"a": 1}}}, "options.version"),
        ({"options": {"show_scores": "yes"}}, "options.show_scores"),
        ({"options": {"filters": {"sql": "1"}}}, "options.filters"),
        ({"options": {"filters": {"from": "\x00"}}}, "options.filters.from"),
        ({"options": {"filters": {"from": "2026-01-01"}}}, "options.filters.from"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 200}, "password"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2400-01-01T00:00:00Z"}, "expires_at"),
        ({"note": "x" * 121}, "note"),
    ],
)
def test_what_is_wrong_with_a_link_is_named(acme, body, field):
    _link, _key, persona = share(acme)
    answer = an_api_client(acme).post(
        "/api/v1/share-links/", {"kind": "persona", "object_id": str(persona.pk), **body}, format="json"
    )
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_another_organisations_persona_cannot_be_shared(acme, globex):
    _link, _key, persona = share(globex)
    client = an_api_client(acme)
    for identifier in (persona.pk, uuid4()):
        answer = client.post("/api/v1/share-links/", {"kind": "persona", "object_id": str(identifier)}, format="json")
        assert answer.status_code == 404
    manager = signed_in(a_member(acme))
    assert manager.get(f"/o/{acme.slug}/share-links/persona/{persona.pk}/").status_code == 404


def test_another_organisations_links_are_neither_listed_nor_revoked(acme, globex):
    link, key, _persona = share(globex)
    client = an_api_client(acme)
    assert client.get("/api/v1/share-links/").json()["results"] == []
    assert client.delete(f"/api/v1/share-links/{link.pk}/").status_code == 404
    manager = signed_in(a_member(acme))
    assert manager.post(f"/o/{acme.slug}/settings/share-links/{link.pk}/revoke/").status_code == 404
    assert Client().get(path(key)).status_code == 200


def test_who_may_not_share_makes_no_links(acme):
    _link, _key, persona = share(acme)
    for role in ("analyst", "employee", "agent"):
        with tenant(acme), pytest.raises(NotAllowed):
            create_share_link(actor=an_actor(acme, role), kind="persona", object_id=persona.pk)


def test_an_unpublished_persona_is_shared_only_as_a_draft(acme):
    with tenant(acme):
        persona = a_persona("Draft only")
        with pytest.raises(DomainError):
            create_share_link(actor=SYSTEM, kind="persona", object_id=persona.pk)
        create_share_link(actor=SYSTEM, kind="persona", object_id=persona.pk, options={"version": "draft"})
        archive_persona(actor=SYSTEM, persona=persona)
        with pytest.raises(NotFound):
            create_share_link(actor=SYSTEM, kind="persona", object_id=persona.pk, options={"version": "draft"})


def test_the_audit_log_says_who_made_and_who_revoked(acme):
    manager = a_member(acme)
    _link, _key, persona = share(acme)
    browser = signed_in(manager)
    page = f"/o/{acme.slug}/share-links/persona/{persona.pk}/"
    made = browser.post(page, {"days": "7", "version": "published", "note": "For the board"})
    assert made.status_code == 200
    with tenant(acme):
        link = ShareLink.objects.get(note="For the board")
        assert link.created_by_id == manager.pk
    back = browser.post(f"/o/{acme.slug}/settings/share-links/{link.pk}/revoke/", {"back": page})
    assert back["Location"] == page
    with tenant(acme):
        actions = AuditEntry.objects.filter(actor_id=manager.pk).values_list("action", flat=True)
        assert {"sharing.link_created", "sharing.link_revoked"} <= set(actions)


def test_the_address_stands_on_the_page_that_made_it_and_on_no_other(acme):
    browser = signed_in(a_member(acme))
    _link, _key, persona = share(acme)
    page = f"/o/{acme.slug}/share-links/persona/{persona.pk}/"
    made = browser.post(page, {"days": "7", "version": "published"}).content.decode()
    assert "/share/" in made.replace("/share-links/", "")
    for address in (page, f"/o/{acme.slug}/settings/share-links/"):
        assert "/share/" not in browser.get(address).content.decode().replace("/share-links/", "")


def test_revoking_leads_back_to_pages_of_ours_only(acme):
    browser = signed_in(a_member(acme))
    link, _key, _persona = share(acme)
    for back in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        answer = browser.post(f"/o/{acme.slug}/settings/share-links/{link.pk}/revoke/", {"back": back})
        assert answer["Location"].startswith(f"/o/{acme.slug}/")


def test_the_list_costs_the_same_for_one_link_and_for_three(acme):
    browser = signed_in(a_member(acme))
    counts = []
    for _round in range(2):
        share(acme)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(f"/o/{acme.slug}/settings/share-links/").status_code == 200
        counts.append(len(captured))
        share(acme)
    assert counts[0] == counts[1]
