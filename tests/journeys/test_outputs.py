"""Maps on paper and in files, through pages and the API; templates to start from."""

from __future__ import annotations

import csv
import io
import json
import re
import zlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict

from apps.audit.models import AuditEntry
from apps.journeys import services
from apps.journeys.content import EVIDENCE, iter_steps, lane_key
from apps.journeys.documents import LAYOUTS, STEP_WIDTH, map_data, map_pdf, map_png
from apps.journeys.exchange import read_document
from apps.journeys.models import Journey
from apps.journeys.queries import draft_view
from apps.journeys.sheets import read_sheet
from apps.journeys.starting import map_templates, start_from_template
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_api_client, signed_in
from tests.factories.maps import a_journey, a_persona, a_touchpoint

SYSTEM = Actor.system("test")
HOSTILE = [
    '#panic("stop")',
    '"); #read("/etc/passwd")',
    "*bold* _x_ $x^2$ @ref <label> = Heading",
    "\\ ] } #[ // /* */ `raw`",
    "#import sys: *",
    "مرحبا بكم",
    "漢字 😀 שלום",
    "x" * 900,
    "a\u202eb\u200bc",
]


def a_hostile_map() -> Journey:
    cards = [
        {"lane": lane, "text": text}
        for text in HOSTILE
        for lane in ("actions", "pain_points", text[:30])
        if lane_key(lane)
    ]
    steps = [{"name": text[:100], "belief": 1, "touchpoints": [], "cards": cards} for text in HOSTILE]
    return a_journey(
        HOSTILE[0], stages=[{"name": text[:100], "duration": text[:50], "steps": steps[:2]} for text in HOSTILE]
    )


def sheet_of(organization: Any, journey: Journey) -> Any:
    return read_sheet(
        actor=SYSTEM,
        organization=organization,
        view=draft_view(journey),
        params=QueryDict(),
        paint="literal",
        step_width=STEP_WIDTH,
    )


def url(organization: Any, journey: Journey, format: str, query: str = "") -> str:
    return f"/o/{organization.slug}/journeys/{journey.pk}/export/map.{format}{query}"


def pages_of(pdf: bytes) -> int:
    """How many pages a PDF has; typst writes the tree of pages where everybody can read it or deflates it."""
    plain = [pdf, *(_inflated(found[1]) for found in re.finditer(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL))]
    return max(int(count) for text in plain for count in re.findall(rb"/Count (\d+)", text))


def _inflated(raw: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(raw)
    except zlib.error:
        return b""


# -- paper -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_that_people_wrote_runs_on_paper(acme, layout):
    with tenant(acme):
        sheet = sheet_of(acme, a_hostile_map())
        pdf = map_pdf(sheet, layout=layout)
    assert pdf.startswith(b"%PDF")
    assert b"root:" not in pdf


def test_a_wide_map_is_one_page_and_what_stands_out_is_the_next(acme):
    with tenant(acme):
        stages = [{"name": f"S{n}", "steps": [{"name": f"S{n}"}]} for n in range(40)]
        plain = sheet_of(acme, a_journey(stages=stages))
        assert pages_of(map_pdf(plain)) == 1
        stages[0]["steps"][0]["cards"] = [{"lane": "pain_points", "text": "Waits"}]  # type: ignore[index]
        telling = sheet_of(acme, a_journey(stages=stages))
        assert pages_of(map_pdf(telling)) == 2
        assert pages_of(map_pdf(telling, layout="a0")) == 1
        assert pages_of(map_pdf(telling, layout="pages")) > 8


def test_letters_without_a_shape_are_named_at_the_foot(acme):
    with tenant(acme):
        data = map_data(sheet_of(acme, a_hostile_map()), "wide")
    assert any("U+6F22" in part for part in data["foot"])
    said = [card["text"] for step in data["steps"] for card in step["cards"]["actions"]]
    assert "□□ □ □□□□" in said


def test_an_empty_map_and_one_with_empty_stages_have_a_sheet(acme):
    with tenant(acme):
        for stages in ([], [{"name": "Nothing yet", "steps": []}]):
            sheet = sheet_of(acme, a_journey("Empty", stages=stages))
            assert map_pdf(sheet).startswith(b"%PDF")
            assert map_png(sheet).startswith(b"\x89PNG")


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "start"),
    [("pdf", b"%PDF"), ("png", b"\x89PNG"), ("json", b"{"), ("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK")],
)
def test_pages_and_api_give_the_same_files(acme, format, start):
    with tenant(acme):
        journey = a_journey("Über: alles / nichts")
    page = signed_in(a_member(acme)).get(url(acme, journey, format))
    api = an_api_client(acme).get(f"/api/v1/journeys/{journey.pk}/export/?format={format}")
    for response in (page, api):
        assert response.status_code == 200
        assert response.content.startswith(start)
        assert "attachment" in response["Content-Disposition"]
    if format == "csv":
        assert page.content == api.content
    if format == "json":
        assert page.json() == api.json()
    with tenant(acme):
        assert AuditEntry.objects.filter(action="journeys.exported", fields=[format]).count() == 2


def test_who_may_not_edit_exports_what_was_published(acme):
    with tenant(acme):
        journey = a_journey("M", stages=[{"name": "Public", "steps": []}])
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="p")
        services.add_stage(actor=SYSTEM, journey=journey, name="Secret plans")
    employee = signed_in(a_member(acme, "employee"))
    assert b"Secret plans" not in employee.get(url(acme, journey, "json")).content
    assert b"Secret plans" in signed_in(a_member(acme)).get(url(acme, journey, "json")).content
    key = an_api_client(acme, ["journeys.view"])
    assert b"Secret plans" not in key.get(f"/api/v1/journeys/{journey.pk}/export/?format=json").content


def test_scores_are_on_no_paper_of_somebody_who_may_not_see_them(acme):
    with tenant(acme):
        journey = a_journey()
        sheet = read_sheet(
            actor=an_actor(acme, "employee"), organization=acme, view=draft_view(journey), params=QueryDict()
        )
    assert not sheet.shows_scores
    assert all(not place.chips for step in sheet.steps for place in step.places)


def test_maps_of_others_and_versions_that_never_were_are_not_found(acme, globex):
    with tenant(globex):
        theirs = a_journey()
    with tenant(acme):
        ours = a_journey()
    browser, key = signed_in(a_member(acme)), an_api_client(acme)
    for format in ("pdf", "json"):
        assert browser.get(url(acme, theirs, format)).status_code == 404
        assert key.get(f"/api/v1/journeys/{theirs.pk}/export/?format={format}").status_code == 404
        assert browser.get(url(acme, ours, format, "?version=9")).status_code == 404
    assert browser.get(url(acme, ours, "exe")).status_code == 404
    assert browser.get(url(acme, ours, "pdf", "?version=x")).status_code == 404
    assert browser.get(f"/o/{acme.slug}/journeys/{theirs.pk}/export/").status_code == 404
    assert browser.get(f"/o/{acme.slug}/journeys/{theirs.pk}/share/").status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("format=exe", "format"),
        ("format=pdf&layout=a9", "layout"),
        ("format=csv&form=x", "form"),
        ("format=pdf&from=x", "from"),
        ("format=pdf&segment=x", "segment"),
        ("format=pdf&version=x", "version"),
    ],
)
def test_what_is_wrong_with_an_export_is_named(acme, query, field):
    with tenant(acme):
        journey = a_journey()
    answer = an_api_client(acme).get(f"/api/v1/journeys/{journey.pk}/export/?{query}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_the_export_page_keeps_the_filters_of_the_map(acme):
    with tenant(acme):
        journey = a_journey()
    page = (
        signed_in(a_member(acme)).get(f"/o/{acme.slug}/journeys/{journey.pk}/export/?from=2026-01-01").content.decode()
    )
    for format in ("pdf", "png", "json", "csv", "xlsx"):
        assert f"/export/map.{format}" in page
    assert "layout=a0&amp;from=2026-01-01" in page


# -- taking maps in by pages and API -----------------------------------------------------------------------------------


def hidden(page: str, name: str) -> str:
    from html import unescape

    return unescape(re.search(rf'name="{name}" value="([^"]*)"', page)[1])  # type: ignore[index]


def test_pasting_is_looked_at_before_anything_is_written(acme):
    browser, address = signed_in(a_member(acme)), f"/o/{acme.slug}/journeys/import/"
    preview = browser.post(address, {"text": "# Buy\nPains: Waits\nTouchpoints: Drone\nStage: x"}).content.decode()
    assert "Waits" in preview and "Drone" in preview
    with tenant(acme):
        assert not Journey.objects.exists()
    done = browser.post(
        address,
        {"source": hidden(preview, "source"), "name": "Pasted", "lane_0": "pain_points", "create_touchpoints": "on"},
    )
    assert done.status_code == 302
    with tenant(acme):
        content = draft_view(Journey.objects.get(name="Pasted")).content
        assert content["stages"][0]["steps"][0]["cards"][0]["lane"] == "pain_points"
        assert Touchpoint.objects.get().name == "Drone"


def test_a_file_goes_onto_a_map_of_this_organisation_only(acme, globex):
    with tenant(globex):
        theirs = a_journey()
    with tenant(acme):
        ours = a_journey("Ours")
    browser, address = signed_in(a_member(acme)), f"/o/{acme.slug}/journeys/import/"
    upload = SimpleUploadedFile("wall.csv", b"Stage,Buy\nActions,Pays\n", "text/csv")
    assert browser.post(address, {"file": upload, "journey": str(theirs.pk)}).status_code == 422
    upload.seek(0)
    preview = browser.post(address, {"file": upload, "journey": str(ours.pk)}).content.decode()
    source = hidden(preview, "source")
    foreign = browser.post(address, {"source": source, "journey": str(theirs.pk), "lane_0": "actions"})
    assert foreign.status_code == 404
    assert browser.post(address, {"source": source, "journey": str(ours.pk), "lane_0": "actions"}).status_code == 302
    with tenant(acme):
        assert "Pays" in {
            card["text"] for step in iter_steps(draft_view(ours).content["stages"]) for card in step["cards"]
        }


@pytest.mark.parametrize(
    "source",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"source":1}',
        "[" * 9000,
        '{"source":"x","name":"","stages":[1],"lanes":{},"facts":{},"library":{}}',
    ],
)
def test_a_tampered_preview_is_no_map(acme, source):
    answer = signed_in(a_member(acme)).post(f"/o/{acme.slug}/journeys/import/", {"source": source, "name": "x"})
    assert answer.status_code == 404


def test_the_api_takes_text_documents_and_files(acme):
    client = an_api_client(acme)
    text = client.post("/api/v1/journeys/import/", {"text": "# Buy\nPains: Waits", "name": "A"}, format="json")
    assert text.status_code == 201
    assert text.json()["cards"] == 1
    document = client.get(f"/api/v1/journeys/{text.json()['journey']}/export/?format=json").json()
    copy = client.post("/api/v1/journeys/import/", {"document": document, "name": "B"}, format="json")
    assert copy.status_code == 201
    upload = SimpleUploadedFile("wall.csv", b"Stage,Buy\nYellow,Pays\n", "text/csv")
    form = {"file": upload, "name": "C", "lanes": json.dumps({"Yellow": "thoughts"})}
    filed = client.post("/api/v1/journeys/import/", form, format="multipart")
    assert filed.status_code == 201
    with tenant(acme):
        assert set(Journey.objects.values_list("name", flat=True)) == {"A", "B", "C"}
        cards = draft_view(Journey.objects.get(name="C")).content["stages"][0]["steps"][0]["cards"]
        assert [card["lane"] for card in cards] == ["thoughts"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(acme):
    body = {"text": "# Buy\nPains: Waits\nTouchpoints: Drone", "dry_run": True}
    answer = an_api_client(acme).post("/api/v1/journeys/import/", body, format="json")
    assert answer.status_code == 200
    assert answer.json()["lanes"] == {"Pains": 1}
    assert answer.json()["unknown_touchpoints"] == ["Drone"]
    with tenant(acme):
        assert not Journey.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "document"),
        ({"text": 5}, "text"),
        ({"document": []}, "file"),
        ({"document": {"stages": "x"}}, "stages"),
        ({"text": "# Buy", "name": 5}, "name"),
        ({"text": "# Buy", "name": ""}, "name"),
        ({"text": "# Buy", "name": "x", "journey": "nobody"}, "journey"),
        ({"text": "# Buy", "name": "x", "lanes": []}, "lanes"),
        ({"text": "# Buy\nA: b", "name": "x", "lanes": {"A": "touchpoints"}}, "lanes"),
        ({"text": "# Buy", "name": "x", "create_touchpoints": "yes"}, "create_touchpoints"),
        ({"text": "\t\t", "name": "x"}, "text"),
    ],
)
def test_what_is_wrong_with_an_import_is_named(acme, body, field):
    answer = an_api_client(acme).post("/api/v1/journeys/import/", body, format="json")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


# -- templates ---------------------------------------------------------------------------------------------------------


def test_every_template_is_a_whole_map_of_assumptions():
    templates = map_templates()
    assert {"telecom", "bank", "hospital", "online_shop", "public_service", "saas"} <= set(templates)
    for template in templates.values():
        read = read_document(template.document)
        keys = {entry["key"] for entry in template.touchpoints}
        placed = {key for step in read.steps for key, _name in [(ref["key"], "") for ref in step["touchpoints"]]}
        assert keys == placed, template.id
        assert 4 <= len(read.stages) <= 8
        assert 1 <= sum(step["moment_of_truth"] for step in read.steps) <= len(read.steps) // 2
        for step in read.steps:
            assert step["belief"] is None
            assert {card["evidence"] for card in step["cards"]} == {EVIDENCE[0]}
            assert {card["lane"] for card in step["cards"]} == {"actions", "thoughts", "pain_points", "opportunities"}
        assert all(entry["event_match"]["event"] and entry["channel"] for entry in template.touchpoints)


@pytest.mark.parametrize("template", sorted(map_templates()))
def test_a_template_makes_a_map_and_its_touchpoints_once(acme, template):
    with tenant(acme):
        first = start_from_template(actor=SYSTEM, template=template, name="One")
        made = Touchpoint.objects.count()
        second = start_from_template(actor=SYSTEM, template=template, name="Two", persona=a_persona("Paula"))
        assert made == len(map_templates()[template].touchpoints) == Touchpoint.objects.count()
        assert first.created and not second.created
        assert second.journey.persona.name == "Paula"


def test_touchpoints_of_a_template_are_found_by_name(acme):
    with tenant(acme):
        till = a_touchpoint("Shop visit", key="my_shop")
        taken = start_from_template(actor=SYSTEM, template="telecom")
        keys = {key for step in iter_steps(draft_view(taken.journey).content["stages"]) for key in step["touchpoints"]}
        assert till.key in keys and "shop_visit" not in keys


def test_the_new_map_page_shows_and_uses_templates(acme):
    browser, address = signed_in(a_member(acme)), f"/o/{acme.slug}/journeys/new/"
    assert all(template.name in browser.get(address).content.decode() for template in map_templates().values())
    assert "Proves who they are" in browser.get(f"{address}?template=bank").content.decode()
    assert browser.get(f"{address}?template=nothing").status_code == 404
    made = browser.post(address, {"template": "bank", "name": "Our bank", "metric": "nps"})
    assert made.status_code == 302
    outline = browser.post(f"{address}?start=outline", {"name": "Mine", "stages": "One\nTwo", "metric": "csat"})
    assert outline.status_code == 302
    with tenant(acme):
        assert set(Journey.objects.values_list("name", flat=True)) == {"Our bank", "Mine"}


def test_templates_in_the_api(acme):
    client = an_api_client(acme)
    listed = client.get("/api/v1/journey-templates/").json()["results"]
    assert len(listed) >= 6
    body = {"template": "saas", "name": "Ours", "kind": "to_be", "lanes": [{"key": "actions"}]}
    made = client.post("/api/v1/journeys/", body, format="json")
    assert made.status_code == 201
    assert made.json()["name"] == "Ours"
    assert made.json()["kind"] == "to_be"
    assert len(made.json()["stages"]) == len(next(each for each in listed if each["id"] == "saas")["stages"])
    assert client.post("/api/v1/journeys/", {"template": "x", "name": "X"}, format="json").status_code == 404
    reader = an_api_client(acme, ["journeys.view"])
    assert reader.post("/api/v1/journeys/", body, format="json").status_code == 403


def test_a_grid_export_has_lanes_in_rows_and_steps_in_columns(acme):
    with tenant(acme):
        journey = start_from_template(actor=SYSTEM, template="saas").journey
    body = signed_in(a_member(acme)).get(url(acme, journey, "csv")).content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(body)))
    assert rows[0][:2] == ["Stage", "Feel the problem"]
    assert rows[1][:2] == ["Step", "Has enough of the old way"]
    assert {"Customer actions", "Thoughts", "Pain points", "Opportunities", "Touchpoints"} <= {row[0] for row in rows}
