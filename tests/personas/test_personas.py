"""Personas through their services, API and pages."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from apps.personas import content, services
from apps.personas.models import Persona
from cxm.actor import Actor
from cxm.errors import DomainError, DomainErrors, NotAllowed, PreconditionFailed
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_api_client, an_organization, signed_in
from tests.factories.maps import a_persona

pytestmark = pytest.mark.django_db
API = "/api/v1/personas/"
SYSTEM = Actor.system("test")


@pytest.fixture
def acme() -> Any:
    return an_organization("Acme")


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def picture(kind: str = "PNG", size: tuple[int, int] = (900, 600)) -> bytes:
    drawn = BytesIO()
    Image.new("RGB", size, "teal").save(drawn, kind)
    return drawn.getvalue()


def url(organization: Any, path: str = "") -> str:
    return f"/o/{organization.slug}/personas/{path}"


def test_persona_is_read_back_as_it_was_sent(acme: Any) -> None:
    client = an_api_client(acme)
    made = client.post(
        API, {"name": "Lena", "quote": "Quick!", "needs": ["A price", " "], "goals": "one\ntwo"}, format="json"
    )
    assert made.status_code == 201
    body = made.json()
    assert (body["name"], body["quote"], body["needs"], body["goals"]) == (
        "Lena",
        "Quick!",
        ["A price"],
        ["one", "two"],
    )
    assert (body["kind"], body["evidence_level"], body["version"], body["segment"]) == ("persona", "proto", None, None)
    assert set(content.SECTIONS) <= set(body)
    assert client.get(f"{API}{body['id']}/").json() == body
    changed = client.patch(f"{API}{body['id']}/", {"kind": "anti"}, format="json").json()
    assert (changed["kind"], changed["needs"]) == ("anti", ["A price"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "A", "kind": "hero"}, "kind"),
        ({"name": "A", "needs": 7}, "needs"),
        ({"name": "A", "needs": [7]}, "needs.0"),
        ({"name": "A", "needs": ["x" * 301]}, "needs.0"),
        ({"name": "A", "needs": ["x"] * 21}, "needs"),
        ({"name": "A", "review_date": "soon"}, "review_date"),
        ({"name": "A", "owner": "0190f9f2-7c1e-7000-8000-000000000001"}, "owner"),
    ],
)
def test_wrong_field_is_named(acme: Any, body: Any, field: str) -> None:
    answer = an_api_client(acme).post(API, body, format="json")
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_colleague_of_another_organisation_is_no_owner(acme: Any) -> None:
    theirs = a_member(an_organization("Globex"), "manager")
    with tenant(acme), pytest.raises(DomainErrors):
        services.create_persona(actor=SYSTEM, name="Lena", owner=theirs.pk)
    ours = a_member(acme, "manager")
    with tenant(acme):
        assert services.create_persona(actor=SYSTEM, name="Lena", owner=str(ours.pk)).owner_id == ours.pk


def test_versions_are_published_with_a_purpose_and_restored(acme: Any) -> None:
    client = an_api_client(acme)
    with tenant(acme):
        persona = a_persona("Lena", needs=["A price"])
    one = f"{API}{persona.pk}/"
    assert client.post(one + "publish/", {}, format="json").json()["errors"][0]["field"] == "purpose"
    assert client.post(one + "publish/", {"purpose": "First"}, format="json").json() == {"version": 1}
    client.patch(one, {"needs": ["A date"]}, format="json")
    assert client.post(one + "publish/", {"purpose": "Interviews"}, format="json").json() == {"version": 2}
    versions = client.get(one + "versions/").json()["results"]
    assert [(row["version"], row["purpose"], row["content"]["needs"]) for row in versions] == [
        (2, "Interviews", ["A date"]),
        (1, "First", ["A price"]),
    ]
    with tenant(acme):
        services.restore_version(actor=SYSTEM, persona=persona, number=1)
        assert Persona.objects.get(pk=persona.pk).fields["needs"] == ["A price"]


def test_scores_of_a_persona_without_a_segment_are_null(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona()
    answer = an_api_client(acme).get(f"{API}{persona.pk}/metrics/").json()
    assert {name: value for name, value in answer.items() if value is not None} == {"surveys": {}}
    assert {"segment", "size", "nps", "csat", "ces", "goal_performance", "retention", "value"} <= set(answer)


def test_other_organisation_is_nothing_here(acme: Any) -> None:
    globex = an_organization("Globex")
    with tenant(globex):
        theirs = a_persona("Their secret")
        services.publish_persona(actor=SYSTEM, persona=theirs, purpose="x")
    client, browser = an_api_client(acme), signed_in(a_member(acme, "manager"))
    never = client.get(f"{API}0190f9f2-7c1e-7000-8000-000000000001/").json()
    for path in ("", "versions/", "metrics/"):
        assert client.get(f"{API}{theirs.pk}/{path}").json() == never
    assert client.delete(f"{API}{theirs.pk}/").status_code == 404
    assert client.get(API).json()["results"] == []
    for path in ("", "edit/", "publish/", "versions/", "portrait/"):
        assert browser.get(url(acme, f"{theirs.pk}/{path}")).status_code == 404
    assert b"secret" not in browser.get(url(acme)).content


def test_employee_reads_the_published_sheet_without_buttons(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona("Lena", needs=["A price"])
    employee = signed_in(a_member(acme, "employee"))
    assert employee.get(url(acme, f"{persona.pk}/")).status_code == 404
    with tenant(acme):
        services.publish_persona(actor=SYSTEM, persona=persona, purpose="x")
        services.update_persona(actor=SYSTEM, persona=persona, needs=["A secret plan"], name="Lena K.")
    page = employee.get(url(acme, f"{persona.pk}/")).content.decode()
    assert "A price" in page
    for hidden in ("A secret plan", "Lena K.", "/edit/", "/publish/", "/archive/"):
        assert hidden not in page
    assert "Lena K." not in employee.get(url(acme)).content.decode()
    for path in ("edit/", "publish/", "archive/", "delete/", "versions/1/restore/"):
        assert employee.post(url(acme, f"{persona.pk}/{path}"), {"purpose": "x"}).status_code == 403
    with tenant(acme), pytest.raises(NotAllowed):
        services.update_persona(actor=an_actor(acme, "employee"), persona=persona, name="Mine")


def form_of(**values: str) -> dict[str, str]:
    return {"name": "Lena", "kind": "persona", "evidence_level": "proto", **values}


def test_persona_is_described_on_a_page(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    made = manager.post(url(acme, "new/"), form_of(needs="A price\nA date", quote="<script>alert(1)</script>"))
    assert made.status_code == 302
    page = manager.get(made["Location"]).content.decode()
    assert "A price" in page
    assert "<script>alert" not in page
    assert manager.post(url(acme, "new/"), form_of(name="")).status_code == 422
    assert b"Lena" in manager.get(url(acme)).content


def test_an_older_form_does_not_overwrite(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        persona = a_persona("Lena")
        services.update_persona(actor=SYSTEM, persona=persona, quote="Newer")
        with pytest.raises(PreconditionFailed):
            services.update_persona(actor=SYSTEM, persona=persona, quote="Older", revision=1)
    answer = manager.post(url(acme, f"{persona.pk}/edit/"), form_of(quote="Older", revision="1"))
    assert answer.status_code == 422
    assert b"Older" in answer.content
    with tenant(acme):
        assert Persona.objects.get(pk=persona.pk).quote == "Newer"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_portrait_is_drawn_anew_and_served_as_a_picture_only(acme: Any, kind: str) -> None:
    manager = signed_in(a_member(acme, "manager"))
    upload = SimpleUploadedFile("../../evil.html", picture(kind) + b"<script>", content_type="text/html")
    made = manager.post(url(acme, "new/"), {**form_of(), "portrait": upload})
    answer = manager.get(f"{made['Location']}portrait/")
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/webp", "nosniff")
    assert answer["Content-Disposition"].startswith("attachment")
    served = b"".join(answer.streaming_content)
    assert b"<script>" not in served
    with Image.open(BytesIO(served)) as drawn:
        assert max(drawn.size) == 512
    with tenant(acme):
        name = Persona.objects.get().portrait
    assert name.startswith(f"{acme.pk}/personas/")
    assert "evil" not in name


@pytest.mark.parametrize("raw", [b"", b"<svg onload=alert(1)>", b"\x89PNG\r\n\x1a\n broken", picture()[:200]])
def test_file_that_is_no_picture_is_refused(acme: Any, raw: bytes) -> None:
    with tenant(acme):
        persona = a_persona()
        with pytest.raises(DomainError) as raised:
            services.set_portrait(actor=SYSTEM, persona=persona, file=BytesIO(raw))
    assert raised.value.errors[0]["field"] == "portrait"


def test_picture_that_is_too_large_is_refused(acme: Any) -> None:
    with tenant(acme):
        persona = a_persona()
        for raw in (b"x" * (5 * 1024 * 1024 + 1), picture(size=(8000, 6000))):
            with pytest.raises(DomainError):
                services.set_portrait(actor=SYSTEM, persona=persona, file=BytesIO(raw))


def test_page_says_what_a_version_changed(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        persona = a_persona("Lena", needs=["A price"])
    one = url(acme, f"{persona.pk}/")
    assert b"Nothing is published yet" in manager.get(one + "versions/").content
    assert manager.post(one + "publish/", {"purpose": "First"}).status_code == 302
    with tenant(acme):
        services.update_persona(actor=SYSTEM, persona=persona, needs=["A date"], tagline="busy")
    assert "Needs: “A date” added" in manager.get(one + "publish/").content.decode()
    manager.post(one + "publish/", {"purpose": "Interviews"})
    page = manager.get(one + "versions/").content.decode()
    for words in ("Interviews", "Needs: “A price” removed", "In a few words added: “busy”"):
        assert words in page
    assert "A price" in manager.get(one + "?version=1").content.decode()
    assert manager.get(one + "?version=7").status_code == 404


def test_unpublished_persona_is_deleted_and_a_published_one_kept(acme: Any) -> None:
    client = an_api_client(acme)
    with tenant(acme):
        draft, published = a_persona(), a_persona()
        services.publish_persona(actor=SYSTEM, persona=published, purpose="x")
    for persona in (draft, published):
        assert client.delete(f"{API}{persona.pk}/").status_code == 204
        assert client.get(f"{API}{persona.pk}/").status_code == 404
    with tenant(acme):
        assert [row.pk for row in Persona.objects.all()] == [published.pk]
    assert [row["id"] for row in client.get(API + "?archived=true").json()["results"]] == [str(published.pk)]


@pytest.mark.parametrize("role", ["manager", "employee"])
def test_list_costs_the_same_with_one_row_and_with_three(acme: Any, role: str) -> None:
    client = signed_in(a_member(acme, role))

    def publish_one() -> None:
        with tenant(acme):
            services.publish_persona(actor=SYSTEM, persona=a_persona(), purpose="x")

    publish_one()
    client.get(url(acme))
    with CaptureQueriesContext(connection) as one:
        client.get(url(acme))
    publish_one()
    publish_one()
    with CaptureQueriesContext(connection) as three:
        client.get(url(acme))
    assert len(three) == len(one)
