"""The editor of a persona: field by field, undo and redo, lines moved, and what lines rest on."""

from __future__ import annotations

from typing import Any

import pytest

from apps.personas import editing, services
from apps.personas.drafts import tag_of
from apps.personas.evidence import missing_for_research
from apps.personas.models import Persona, PersonaChange
from cxm.actor import Actor
from cxm.errors import Conflict, DomainErrors, PreconditionFailed
from cxm.ids import uuid7
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_api_client, an_organization, signed_in
from tests.factories.maps import a_persona
from tests.factories.segments import a_segment

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")


@pytest.fixture
def acme() -> Any:
    return an_organization("Acme")


def url(organization: Any, persona: Persona, path: str = "") -> str:
    return f"/o/{organization.slug}/personas/{persona.pk}/{path}"


def saved(persona: Persona) -> Persona:
    return Persona.objects.get(pk=persona.pk)


def test_two_fields_do_not_meet_and_one_field_shows_both_values(acme: Any) -> None:
    first, second = (signed_in(a_member(acme, "manager")) for _number in range(2))
    with tenant(acme):
        persona = a_persona("Lena")
        tags = {field: tag_of(persona, field) for field in ("quote", "tagline", "needs")}

    def send(browser: Any, field: str, value: Any) -> Any:
        return browser.post(
            url(acme, persona, f"fields/{field}/"), {"value": value}, headers={"If-Match": f'"{tags[field]}"'}
        )

    assert send(first, "quote", "Quick!").status_code == 200
    assert send(second, "tagline", "young family").status_code == 200, "another field"
    refused = send(second, "quote", "Slow!")
    assert refused.status_code == 412
    assert (refused.json()["theirs"], refused.json()["mine"]) == ("Quick!", "Slow!")
    assert send(second, "quote", "Quick!").status_code == 200, "both say the same"
    tags["quote"] = refused.json()["tag"]
    assert send(second, "quote", "Slow!").json()["value"] == "Slow!"
    assert send(first, "needs", ["A date", " ", "A price"]).json()["value"] == ["A date", "A price"]
    with tenant(acme):
        assert (saved(persona).quote, saved(persona).tagline) == ("Slow!", "young family")


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("name", "", 422),
        ("name", "x" * 121, 422),
        ("quote", "a\x00b", 422),
        ("needs", ["x" * 301], 422),
        ("needs", [str(n) for n in range(21)], 422),
        ("kind", "robot", 422),
        ("owner", "nobody", 422),
        ("review_date", "tomorrow", 422),
        ("segment", "x", 404),
        ("claims", "x", 404),
        ("nothing", "x", 404),
    ],
)
def test_what_cannot_be_saved_is_named(acme: Any, field: str, value: Any, status: int) -> None:
    with tenant(acme):
        persona = a_persona()
    answer = signed_in(a_member(acme, "manager")).post(
        url(acme, persona, f"fields/{field}/"), {"value": value}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == status
    if status == 422:
        assert answer.json()["errors"][0]["field"].split(".")[0] == field
    with tenant(acme):
        assert saved(persona).revision == 1


def test_editor_is_for_those_who_edit_here(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona()
        services.publish_persona(actor=SYSTEM, persona=persona, purpose="x")
    employee, stranger = signed_in(a_member(acme, "employee")), signed_in(a_member(an_organization("B"), "owner"))
    for path in ("fields/quote/", "undo/", "evidence/", f"evidence/{uuid7()}/remove/"):
        assert employee.post(url(acme, persona, path), {"value": "x"}).status_code == 403, path
        assert stranger.post(url(acme, persona, path), {"value": "x"}).status_code == 404, path


def test_each_takes_back_their_own_changes(acme: Any) -> None:
    ann, ben = an_actor(acme, "manager"), an_actor(acme, "manager")
    with tenant(acme):
        persona = a_persona(needs=["A price"])
        editing.change_field(actor=ann, persona=persona, field="quote", value="One")
        editing.change_field(actor=ann, persona=persona, field="needs", value=["A price", "A date"])
        editing.change_field(actor=ben, persona=persona, field="tagline", value="young")
        editing.undo_change(actor=ann, persona=persona)
        assert saved(persona).fields["needs"] == ["A price"]
        assert saved(persona).tagline == "young", "somebody else's stays"
        editing.undo_change(actor=ann, persona=persona)
        assert saved(persona).quote == ""
        with pytest.raises(Conflict):
            editing.undo_change(actor=ann, persona=persona)
        editing.redo_change(actor=ann, persona=persona)
        assert saved(persona).quote == "One"
        assert editing.steps_of(actor=ann, persona=persona) == editing.Steps("Quote", "Needs")
        editing.change_field(actor=ben, persona=persona, field="quote", value="Two")
        with pytest.raises(Conflict):
            editing.undo_change(actor=ann, persona=persona)
        assert saved(persona).quote == "Two"


def test_owner_and_review_day_come_back_as_well(acme: Any) -> None:
    ann, owner = an_actor(acme, "manager"), a_member(acme, "manager")
    with tenant(acme):
        persona = a_persona()
        services.update_persona(actor=ann, persona=persona, owner=str(owner.pk), review_date="2026-03-01")
        editing.undo_change(actor=ann, persona=persona)
        assert (saved(persona).owner, saved(persona).review_date) == (None, None)
        editing.redo_change(actor=ann, persona=persona)
        assert saved(persona).owner == owner
        assert PersonaChange.objects.filter(persona=persona).count() == 1


def test_lines_are_moved_and_removed_without_scripts(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        persona = a_persona("Lena", needs=["One", "Two", "Three"])
    form = {"name": "Lena", "kind": "persona", "evidence_level": "proto"}

    def press(do: str, needs: list[str]) -> Any:
        return manager.post(url(acme, persona, "edit/"), {**form, "needs": [*needs, ""], "do": do})

    assert press("needs:2:up", ["One", "Two", "Three"])["Location"].endswith("/edit/#s-needs")
    with tenant(acme):
        assert saved(persona).fields["needs"] == ["One", "Three", "Two"]
    press("needs:0:remove", ["One", "Three", "Two"])
    with tenant(acme):
        assert saved(persona).fields["needs"] == ["Three", "Two"]
    assert "evidence/?section=needs&line=Two" in press("needs:1:evidence", ["Three", "Two"])["Location"]
    for hostile in ("needs:99:up", "needs:-1:up", "x:0:up", "needs:²:up", ":::", "needs:0:fly"):
        assert press(hostile, ["Three", "Two"]).status_code == 302
    with tenant(acme):
        assert saved(persona).fields["needs"] == ["Three", "Two"]


def test_conflict_of_forms_shows_what_stands_there_now(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        persona = a_persona("Lena")
        services.update_persona(actor=SYSTEM, persona=persona, quote="Theirs stands here")
    form = {"name": "Lena", "kind": "persona", "evidence_level": "proto", "quote": "Mine", "revision": "1"}
    html = manager.post(url(acme, persona, "edit/"), form).content.decode()
    assert "What stands there now" in html and "Theirs stands here" in html and "Mine</textarea>" in html
    assert 'name="revision" value="2"' in html, "saving again goes on top of it"


def test_evidence_follows_its_line_and_goes_with_it(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona(needs=["A price", "A date"])
        values = {"kind": "source", "level": "measured", "text": "12 interviews", "url": "https://example.com/a"}
        editing.add_evidence(actor=SYSTEM, persona=persona, section="needs", line="A price", **values)
        editing.change_field(actor=SYSTEM, persona=persona, field="needs", value=["A date", "A price"])
        assert saved(persona).backing[0]["line"] == "A price", "moved"
        editing.change_field(actor=SYSTEM, persona=persona, field="needs", value=["A date", "The price first"])
        assert saved(persona).backing[0]["line"] == "The price first", "reworded"
        ann = an_actor(acme, "manager")
        editing.change_field(actor=ann, persona=persona, field="needs", value=["A date"])
        assert saved(persona).backing == [], "removed"
        editing.undo_change(actor=ann, persona=persona)
        assert saved(persona).backing[0]["text"] == "12 interviews", "undo brings it back with the line"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "x" * 301}, "text"),
        ({"text": "a", "url": "javascript:alert(1)"}, "url"),
        ({"text": "a", "url": "https://["}, "url"),
        ({"text": "a", "level": "certain"}, "level"),
        ({"text": "a", "level": ["some"]}, "level"),
        ({"text": "a", "kind": "rumour"}, "kind"),
        ({"kind": "segment", "ref": "x"}, "ref"),
        ({"text": "a\x00"}, "text"),
        ({"text": 7}, "text"),
        ({"text": "a", "section": "needs", "line": ""}, "section"),
        ({"text": "a", "section": "secrets", "line": "x"}, "section"),
    ],
)
def test_unusable_evidence_is_refused_by_name(acme: Any, values: dict[str, Any], field: str) -> None:
    with tenant(acme):
        persona = a_persona()
        with pytest.raises(DomainErrors) as wrong:
            editing.add_evidence(actor=SYSTEM, persona=persona, **values)
        assert wrong.value.errors[0]["field"] == field
    answer = an_api_client(acme).patch(f"/api/v1/personas/{persona.pk}/", {"backing": [values]}, format="json")
    assert answer.status_code == 400


def test_evidence_is_added_shown_and_taken_away_on_pages(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        persona = a_persona("Lena", needs=["A price"])
        segment = a_segment(name="Young families")
    page = url(acme, persona, "evidence/?section=needs&line=A+price")
    assert "Nothing is named yet" in manager.get(page).content.decode()
    sent = {"kind": "source", "level": "some", "text": "<b>Interviews</b>", "url": "https://example.com/study"}
    assert manager.post(page, sent).status_code == 302
    assert manager.post(page, {**sent, "text": ""}).status_code == 422
    chosen = {"kind": "segment", "level": "measured", "ref_segment": str(segment.pk)}
    assert manager.post(page, chosen).status_code == 302
    html = manager.get(url(acme, persona)).content.decode()
    assert "&lt;b&gt;Interviews&lt;/b&gt;" in html and "Young families" in html and "2 pieces of evidence" in html
    with tenant(acme):
        first = saved(persona).backing[0]["id"]
    assert manager.post(url(acme, persona, f"evidence/{first}/remove/")).status_code == 302
    assert manager.post(url(acme, persona, f"evidence/{first}/remove/")).status_code == 404
    assert manager.get(url(acme, persona, "evidence/?section=needs&line=Nothing")).status_code == 404


def test_research_that_names_nothing_says_what_is_missing(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        persona = a_persona("Lena", evidence_level="research", needs=["A price"])
    assert "names nothing it rests on" in manager.get(url(acme, persona)).content.decode()
    assert "names nothing it rests on" in manager.get(url(acme, persona, "publish/")).content.decode()
    with tenant(acme):
        editing.add_evidence(actor=SYSTEM, persona=persona, section="needs", line="A price", text="Interviews")
    assert "names nothing it rests on" not in manager.get(url(acme, persona)).content.decode()
    assert missing_for_research({"evidence_level": "proto"}) == ""


def test_api_takes_reason_and_evidence_and_a_restore_brings_both_back(acme: Any) -> None:
    client = an_api_client(acme)
    item = {"section": "needs", "line": "A price", "text": "12 interviews", "level": "some"}
    made = client.post(
        "/api/v1/personas/",
        {
            "name": "Kevin",
            "kind": "anti",
            "reason": "Costs more than he brings",
            "needs": ["A price"],
            "backing": [item],
        },
        format="json",
    ).json()
    assert made["reason"] == "Costs more than he brings"
    assert made["backing"][0]["text"] == "12 interviews" and made["backing"][0]["kind"] == "source"
    address = f"/api/v1/personas/{made['id']}/"
    client.post(f"{address}publish/", {"purpose": "First"}, format="json")
    client.patch(address, {"needs": [], "reason": ""}, format="json")
    assert client.get(address).json()["backing"] == []
    with tenant(acme):
        persona = Persona.objects.get(pk=made["id"])
        services.restore_version(actor=SYSTEM, persona=persona, number=1)
        assert saved(persona).reason and saved(persona).backing[0]["line"] == "A price"
        with pytest.raises(PreconditionFailed):
            editing.change_field(actor=SYSTEM, persona=persona, field="quote", value="x", tag="old")
