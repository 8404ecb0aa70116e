"""The thread on a page, with and without scripts, and the page of mentions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.comments.models import Comment, CommentMention
from apps.organizations.models import Organization
from apps.organizations.queries import actor_for
from apps.personas.models import Persona
from apps.personas.services import publish_persona
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, signed_in
from tests.factories.comments import a_comment
from tests.factories.maps import a_persona

BrowserAs = Callable[[str], Client]
FRAGMENT = {"HX-Request-Type": "partial"}


def sheet(organization: Organization, persona: Persona) -> str:
    return f"/o/{organization.slug}/personas/{persona.pk}/"


def thread(organization: Organization, persona: Persona) -> str:
    return f"/o/{organization.slug}/comments/persona/{persona.pk}/"


def test_comment_answer_change_resolve_and_remove_without_scripts(
    organization: Organization, browser_as: BrowserAs
) -> None:
    persona, manager = a_persona(), browser_as("manager")
    sent = manager.post(thread(organization, persona), {"body": "<script>x</script> first"})
    comment = Comment.objects.get()
    assert sent["Location"] == f"{sheet(organization, persona)}#c-{comment.pk}"
    html = manager.get(sheet(organization, persona)).content.decode()
    assert "&lt;script&gt;x&lt;/script&gt; first" in html
    assert f'id="c-{comment.pk}"' in html
    manager.post(thread(organization, persona), {"body": "an answer", "parent": str(comment.pk)})
    base = f"/o/{organization.slug}/comments/{comment.pk}"
    assert manager.post(f"{base}/edit/", {"body": "second thought"}).status_code == 302
    assert "second thought" in manager.get(sheet(organization, persona)).content.decode()
    manager.post(f"{base}/resolve/")
    assert "Resolved: what Manager said" in manager.get(sheet(organization, persona)).content.decode()
    manager.post(f"{base}/resolve/", {"resolved": "0"})
    manager.post(f"{base}/delete/")
    html = manager.get(sheet(organization, persona)).content.decode()
    assert "This comment was removed." in html and "an answer" in html


def test_fragment_replaces_the_thread_alone(organization: Organization, browser_as: BrowserAs) -> None:
    persona, manager = a_persona(), browser_as("manager")
    answer = manager.post(thread(organization, persona), {"body": "Hello"}, headers=FRAGMENT)
    html = answer.content.decode()
    assert answer.status_code == 200 and "<html" not in html and html.startswith("<section")
    assert "Hello" in html


def test_refused_text_is_kept_where_it_was_typed(organization: Organization, browser_as: BrowserAs) -> None:
    a_member(organization, "manager", name="Ada Blum")
    a_member(organization, "admin", name="Ada Blum")
    persona, manager = a_persona(), browser_as("manager")
    answer = manager.post(thread(organization, persona), {"body": "Dear @Ada Blum"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Dear @Ada Blum</textarea>" in html and "Ada Blum (2)" in html
    assert manager.post(thread(organization, persona), {"body": ""}, headers=FRAGMENT).status_code == 422
    assert manager.post(thread(organization, persona), {"body": "a", "parent": "x"}).status_code == 422
    assert not Comment.objects.exists()


def test_strangers_find_nothing(organization: Organization, browser_as: BrowserAs) -> None:
    with tenant(an_organization("Other")):
        foreign = a_persona()
        comment = a_comment("Foreign", thing=foreign)
    manager, employee, draft = browser_as("manager"), browser_as("employee"), a_persona()
    assert manager.get(thread(organization, foreign)).status_code == 404
    assert manager.get(thread(organization, foreign) + "people/").status_code == 404
    assert manager.post(thread(organization, foreign), {"body": "x"}).status_code == 404
    for what in ("edit", "delete", "resolve"):
        found = manager.post(f"/o/{organization.slug}/comments/{comment.pk}/{what}/", {"body": "x"})
        assert found.status_code == 404, what
    assert employee.get(thread(organization, draft)).status_code == 404
    assert manager.get(f"/o/{organization.slug}/comments/nothing/{draft.pk}/").status_code == 404


def test_colleagues_are_offered_by_the_beginning_of_a_name(organization: Organization, browser_as: BrowserAs) -> None:
    a_member(organization, "manager", name="Ada Blum")
    a_member(organization, "employee", name="Adam Employee")
    people = browser_as("manager").get(thread(organization, a_persona()) + "people/?q=ad").json()["people"]
    assert people == [{"name": "Ada Blum", "role": "CX manager"}], "an employee does not see the draft"
    assert browser_as("manager").get(thread(organization, a_persona()) + "people/?q=" + "%00" * 90).status_code == 200


def test_mentions_stand_on_a_page_and_are_read_by_opening(organization: Organization, browser_as: BrowserAs) -> None:
    ada = a_member(organization, "manager", name="Ada Blum")
    persona, reader = a_persona("Lena"), signed_in(ada)
    comment = a_comment("Look, @Ada Blum", thing=persona)
    mention = CommentMention.objects.get()
    page = f"/o/{organization.slug}/mentions/"
    html = reader.get(page).content.decode()
    assert "Open: Lena" in html and "1 unread mention<" in html
    opened = reader.get(f"{page}{mention.pk}/")
    assert opened["Location"] == f"{sheet(organization, persona)}#c-{comment.pk}"
    assert "0 unread mentions" in reader.get(page).content.decode()
    assert browser_as("owner").get(f"{page}{mention.pk}/").status_code == 404, "somebody else's"
    a_comment("Again, @Ada Blum", thing=persona)
    assert reader.post(f"{page}read/").status_code == 302
    assert not CommentMention.objects.filter(read_at=None).exists()


def test_what_can_no_longer_be_seen_is_not_quoted(organization: Organization) -> None:
    emil = a_member(organization, "employee", name="Emil Eager")
    persona = a_persona("Lena")
    publish_persona(actor=Actor.system("test"), persona=persona, purpose="First")
    a_comment("Secret plan, @Emil Eager", thing=persona)
    Persona.objects.update(published_version=None)
    html = signed_in(emil).get(f"/o/{organization.slug}/mentions/").content.decode()
    assert "Secret plan" not in html and "You can no longer see" in html


def test_former_colleague_keeps_the_name(organization: Organization, browser_as: BrowserAs) -> None:
    ada = a_member(organization, "manager", name="Ada Blum")
    persona = a_persona()
    a_comment("I was here", thing=persona, actor=actor_for(ada, organization))
    ada.delete()
    assert "Ada Blum" in browser_as("manager").get(sheet(organization, persona)).content.decode()


@pytest.mark.parametrize("rows", [1, 3])
def test_thread_costs_the_same_however_long(organization: Organization, browser_as: BrowserAs, rows: int) -> None:
    a_member(organization, "manager", name="Ada Blum")
    persona, manager = a_persona(), browser_as("manager")
    counts = []
    for extra in (1, rows):
        for _number in range(extra):
            first = a_comment("Hello @Ada Blum", thing=persona)
            a_comment("Well, @Ada Blum", thing=persona, parent=first)
        with CaptureQueriesContext(
            connection,
        ) as found:
            manager.get(thread(organization, persona))
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_api_lists_writes_and_resolves(organization: Organization) -> None:
    client, persona = an_api_client(organization), a_persona()
    made = client.post(
        "/api/v1/comments/", {"kind": "persona", "object": str(persona.pk), "body": "From a system"}, format="json"
    )
    assert made.status_code == 201, made.content
    assert made.json()["author"]["id"] is None
    a_comment("Elsewhere")
    listed = client.get(f"/api/v1/comments/?kind=persona&object={persona.pk}").json()["results"]
    assert [row["body"] for row in listed] == ["From a system"]
    address = f"/api/v1/comments/{made.json()['id']}/"
    assert client.patch(address, {"body": "Changed"}, format="json").json()["body"] == "Changed"
    assert client.post(f"{address}resolve/", {}, format="json").json()["resolved_at"] is not None
    assert client.delete(address).status_code == 204
    missing = client.post("/api/v1/comments/", {"kind": "nope", "object": str(persona.pk), "body": "x"}, format="json")
    assert missing.status_code == 400 and missing.json()["errors"][0]["field"] == "object"
