"""A persona on paper and in a file, through the page and the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.personas.documents import export_persona
from apps.personas.services import publish_persona, update_persona
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, signed_in
from tests.factories.maps import a_persona

SYSTEM = Actor.system("test")
pytestmark = pytest.mark.django_db
HOSTILE = ['#panic("stop")', '"); #read("/etc/passwd")', "*bold* $x$ @ref = H", "مرحبا", "漢字 😀", "x" * 300]


@pytest.fixture
def acme() -> Any:
    return an_organization("Acme")


@pytest.mark.parametrize(("format", "start"), [("pdf", b"%PDF"), ("png", b"\x89PNG"), ("json", b"{")])
def test_page_and_api_give_the_same_file(acme: Any, format: str, start: bytes) -> None:
    with tenant(acme):
        persona = a_persona("Paula / Ü", quote=HOSTILE[0], needs=HOSTILE, goals=["Done by the weekend"])
    page = signed_in(a_member(acme)).get(f"/o/{acme.slug}/personas/{persona.pk}/export/persona.{format}")
    api = an_api_client(acme).get(f"/api/v1/personas/{persona.pk}/export/?format={format}")
    for response in (page, api):
        assert response.status_code == 200
        assert response.content.startswith(start)
        assert "attachment" in response["Content-Disposition"]


def test_an_empty_persona_has_a_sheet(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona("Nobody yet", needs=[])
        file = export_persona(actor=SYSTEM, organization=acme, persona=persona, format="pdf")
    assert file.body.startswith(b"%PDF")


def test_who_may_not_edit_is_given_what_was_published(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona("Paula", needs=["Published need"])
        publish_persona(actor=SYSTEM, persona=persona, purpose="First")
        persona.refresh_from_db()
        update_persona(actor=SYSTEM, persona=persona, revision=persona.revision, needs=["Draft need"])
    address = f"/o/{acme.slug}/personas/{persona.pk}/export/persona.json"
    employee = json.loads(signed_in(a_member(acme, "employee")).get(address).content)
    assert employee["needs"] == ["Published need"]
    assert json.loads(signed_in(a_member(acme)).get(address).content)["needs"] == ["Draft need"]
    first = json.loads(signed_in(a_member(acme)).get(f"{address}?version=1").content)
    assert first["needs"] == ["Published need"]


def test_others_and_unknown_ones_are_not_found(acme: Any) -> None:
    other = an_organization("Other")
    with tenant(other):
        theirs = a_persona("Theirs")
    with tenant(acme):
        ours = a_persona("Ours")
    browser, key = signed_in(a_member(acme)), an_api_client(acme)
    assert browser.get(f"/o/{acme.slug}/personas/{theirs.pk}/export/persona.pdf").status_code == 404
    assert key.get(f"/api/v1/personas/{theirs.pk}/export/?format=pdf").status_code == 404
    for tail in ("persona.exe", "persona.pdf?version=9", "persona.pdf?version=x"):
        assert browser.get(f"/o/{acme.slug}/personas/{ours.pk}/export/{tail}").status_code == 404
    for query in ("format=exe", "format=pdf&version=x"):
        assert key.get(f"/api/v1/personas/{ours.pk}/export/?{query}").status_code == 400
