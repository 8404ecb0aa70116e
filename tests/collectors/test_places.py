"""Places: their addresses, the pages and the API that keep them, and answers that say where they were given."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEntry
from apps.collectors.addresses import address_of, collector_token, find_place
from apps.collectors.models import Collector
from apps.collectors.services import (
    create_collector,
    delete_collector,
    renew_collector,
    revoke_collector,
    update_collector,
)
from apps.organizations.models import Organization, Unit
from apps.surveys.models import Response, Survey
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, NotAllowed
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_api_client, an_organization, make, signed_in
from tests.factories.collectors import SETTINGS, a_collector
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
HOSTILE = [None, "", 0, "\x00", "\ud800", [], {}, {"a": {}}, 10**400, "x" * 5_000, True, ["\x00"], -1]


def path_of(address: str) -> str:
    """An address without its host."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def poster_path(collector: Collector, organization: Organization) -> str:
    return path_of(address_of(collector, collector.survey, organization))


def answer_at(path: str, score: int = 9) -> Any:
    """Open a poster's link and answer as a browser does: the form's own fields and a score."""
    client = Client()
    shown = client.get(path)
    assert shown.status_code == 200, shown.content
    fields = hidden_fields(shown.content.decode())
    return client.post(urlsplit(path).path, {**fields, "q-score": str(score)})


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of a respondent's form."""
    import re

    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))


@pytest.mark.parametrize("kind", ["poster", "kiosk", "widget"])
def test_an_address_leads_to_its_place_and_to_no_other_kind(kind: str) -> None:
    organization = an_organization()
    with tenant(organization):
        collector = a_collector(kind=kind)
    found = find_place(kind, collector_token(collector))
    assert found is not None
    assert (found.collector.pk, found.organization.pk, found.is_ended) == (collector.pk, organization.pk, False)
    for other in {"poster", "kiosk", "widget"} - {kind}:
        assert find_place(other, collector_token(collector)) is None
    for wrong in ("", "x", "é" * 66, collector_token(collector)[:-1], collector_token(collector)[:-1] + "!", "A" * 66):
        assert find_place(kind, wrong) is None


def test_a_poster_gives_the_answer_its_unit_and_touchpoint() -> None:
    organization = an_organization()
    with tenant(organization):
        unit, touchpoint = make(Unit), make(Touchpoint)
        collector = a_collector(unit=unit, touchpoint=touchpoint)
    assert answer_at(poster_path(collector, organization)).status_code == 303
    with tenant(organization):
        answer = Response.objects.get()
    assert (answer.unit_id, answer.touchpoint_id, answer.channel) == (unit.pk, touchpoint.pk, "qr")
    assert answer.source_id is not None
    assert answer.source_id.startswith(collector.pk.hex)
    assert answer.state == Response.State.SUBMITTED


def test_a_poster_that_ended_still_takes_answers_but_not_for_the_place() -> None:
    """The survey is open; only that the paper hangs there is no longer believed."""
    organization = an_organization()
    with tenant(organization):
        collector = a_collector(unit=make(Unit))
    path = poster_path(collector, organization)
    with tenant(organization):
        revoke_collector(actor=SYSTEM, collector=collector)
    assert answer_at(path).status_code == 303
    with tenant(organization):
        assert Response.objects.get().unit_id is None


@pytest.mark.parametrize("of", ["another survey", "another organisation", "nothing"])
def test_a_poster_of_something_else_names_no_place(of: str) -> None:
    organization, other = an_organization("Acme"), an_organization("Other")
    with tenant(other):
        foreign = a_collector(unit=make(Unit))
    with tenant(organization):
        survey = a_survey()
        elsewhere = a_collector(a_survey(), unit=make(Unit))
    token = {
        "another survey": collector_token(elsewhere),
        "another organisation": collector_token(foreign),
        "nothing": "\x00" * 66,
    }[of]
    home = reverse("open_survey", args=[organization.slug, survey.slug])
    client = Client()
    fields = hidden_fields(client.get(home, {"p": token}).content.decode())
    assert client.post(home, {**fields, "q-score": "3", "p": token}).status_code == 303
    with tenant(organization):
        assert Response.objects.get().unit_id is None
    with tenant(other):
        assert not Response.objects.exists()


def test_renewing_ends_the_old_address_and_opens_an_ended_place() -> None:
    organization = an_organization()
    with tenant(organization):
        collector = a_collector(kind="kiosk")
        before = collector_token(collector)
        revoke_collector(actor=SYSTEM, collector=collector)
        collector = renew_collector(actor=SYSTEM, collector=collector)
    old, new = find_place("kiosk", before), find_place("kiosk", collector_token(collector))
    assert old is not None
    assert old.is_ended
    assert new is not None
    assert not new.is_ended


def test_the_last_address_cannot_be_renewed() -> None:
    with tenant(an_organization()):
        collector = a_collector()
        Collector.objects.update(key_version=255)
        with pytest.raises(Conflict):
            renew_collector(actor=SYSTEM, collector=collector)


def test_every_write_needs_the_right_and_is_audited() -> None:
    organization = an_organization()
    with tenant(organization):
        survey, collector = a_survey(), a_collector()
        analyst = an_actor(organization, "analyst")
        for write in (
            lambda: create_collector(actor=analyst, survey=survey, kind="poster", name="Door"),
            lambda: update_collector(actor=analyst, collector=collector, name="Door"),
            lambda: revoke_collector(actor=analyst, collector=collector),
            lambda: renew_collector(actor=analyst, collector=collector),
            lambda: delete_collector(actor=analyst, collector=collector),
        ):
            with pytest.raises(NotAllowed):
                write()
        manager = an_actor(organization, "manager")
        made = create_collector(actor=manager, survey=survey, kind="poster", name="Door")
        update_collector(actor=manager, collector=made, name="Back door")
        revoke_collector(actor=manager, collector=made)
        renew_collector(actor=manager, collector=made)
        delete_collector(actor=manager, collector=made)
        actions = set(AuditEntry.objects.filter(target_id=made.pk).values_list("action", flat=True))
    assert actions == {f"collectors.{what}" for what in ("created", "changed", "revoked", "renewed", "deleted")}


def test_who_runs_a_branch_gives_answers_to_that_branch_alone() -> None:
    organization = an_organization()
    with tenant(organization):
        survey, own, foreign = a_survey(), make(Unit), make(Unit)
        actor = an_actor(organization, "manager", unit=own)
        made = create_collector(actor=actor, survey=survey, kind="poster", name="Door", unit=own)
        with pytest.raises(NotAllowed):
            create_collector(actor=actor, survey=survey, kind="poster", name="Door", unit=foreign)
        with pytest.raises(NotAllowed):
            update_collector(actor=actor, collector=made, unit=foreign)


@pytest.mark.parametrize("kind", ["poster", "kiosk", "widget"])
@pytest.mark.parametrize(
    "name", ["pin", "ask_text", "headline", "text", "sites", "sample", "trigger", "after", "again"]
)
def test_settings_take_nothing_odd(kind: str, name: str) -> None:
    with tenant(an_organization()):
        survey = a_survey()
        for odd in HOSTILE:
            given = {**SETTINGS[kind], name: odd}
            try:
                made = create_collector(actor=SYSTEM, survey=survey, kind=kind, name="x", settings=given)
            except DomainError as refused:
                assert {error["field"] for error in refused.errors} == {f"settings.{name}"}
            else:
                made.refresh_from_db()


@pytest.mark.parametrize(
    "site", ["https://shop.example.com", "http://localhost:3000", "https://*.example.com", "HTTPS://Shop.Example.com/"]
)
def test_a_site_is_an_origin(site: str) -> None:
    with tenant(an_organization()):
        made = a_collector(kind="widget", settings={"sites": [site]})
    assert made.settings["sites"] == [site.lower().rstrip("/")]


@pytest.mark.parametrize(
    "site",
    [
        "shop.example.com", "https://a.com/path", "https://a.com; script-src *", "javascript:alert(1)", "*", "https://*",
        "https://", "https://a.com https://b.com", "data:text/html", "https://a.com:0", "https://a.com:99999", "https://a..com",
    ],
)  # fmt: skip
def test_what_is_no_origin_never_reaches_the_policy(site: str) -> None:
    with tenant(an_organization()), pytest.raises(DomainError) as refused:
        a_collector(kind="widget", settings={"sites": [site]})
    assert refused.value.errors[0]["field"] == "settings.sites"


def test_a_kiosk_needs_a_pin_and_keeps_only_its_hash() -> None:
    with tenant(an_organization()):
        survey = a_survey()
        with pytest.raises(DomainError) as refused:
            create_collector(actor=SYSTEM, survey=survey, kind="kiosk", name="Door")
        assert refused.value.errors[0]["field"] == "settings.pin"
        made = a_collector(survey, kind="kiosk")
        update_collector(actor=SYSTEM, collector=made, settings={"ask_text": True})
        made.refresh_from_db()
    assert "4711" not in made.settings["pin"]
    assert made.settings["ask_text"] is True


def test_a_survey_with_places_is_closed_and_not_deleted() -> None:
    organization = an_organization()
    with tenant(organization):
        collector = a_collector()
    client = signed_in(a_member(organization))
    path = f"/o/{organization.slug}/surveys/{collector.survey_id}/delete/"
    assert client.post(path).status_code == 409
    with tenant(organization):
        assert Survey.objects.exists()


# -- pages -------------------------------------------------------------------------------------------------------------


def share_path(organization: Organization, survey: Survey, rest: str = "") -> str:
    return f"/o/{organization.slug}/surveys/{survey.pk}/share/{rest}"


def test_the_page_lists_places_with_what_they_brought() -> None:
    organization = an_organization()
    with tenant(organization):
        collector = a_collector(name="Main entrance")
    assert answer_at(poster_path(collector, organization)).status_code == 303
    with tenant(organization):
        an_answer(collector.survey, 3)  # by the API: of no place
        page = signed_in(a_member(organization)).get(share_path(organization, collector.survey)).content.decode()
    row = page.split("Main entrance")[1].split("</tr>")[0]
    assert '<td class="r">1</td>' in row.replace(" </td>", "</td>")


def test_the_page_costs_the_same_however_many_places(django_assert_num_queries: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    organization = an_organization()
    client = signed_in(a_member(organization))
    counts = []
    for more in (1, 2):
        with tenant(organization):
            survey = Survey.objects.first() or a_survey()
            for _n in range(more):
                a_collector(survey, unit=make(Unit), touchpoint=make(Touchpoint))
        client.get(share_path(organization, survey))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(share_path(organization, survey)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("poster", {"headline": "How was your visit?", "language": "en"}),
        ("kiosk", {"pin": "1234", "language": "en"}),
        (
            "widget",
            {"sites": "https://shop.example.com\n", "sample": "50", "trigger": "exit", "after": "3", "again": "90"},
        ),
    ],
)
def test_a_place_is_opened_changed_and_ended_by_page(kind: str, fields: dict[str, str]) -> None:
    organization = an_organization()
    with tenant(organization):
        survey = a_survey()
    client = signed_in(a_member(organization))
    assert client.get(share_path(organization, survey, f"new/{kind}/")).status_code == 200
    assert client.post(share_path(organization, survey, f"new/{kind}/"), {"name": ""}).status_code == 422
    assert client.post(share_path(organization, survey, f"new/{kind}/"), {"name": "Door", **fields}).status_code == 302
    with tenant(organization):
        made = Collector.objects.get()
    home = share_path(organization, survey, f"{made.pk}/")
    assert client.get(home).status_code == 200
    fields.pop("pin", None)  # empty keeps the one there is
    assert client.post(f"{home}edit/", {"name": "Back door", **fields}).status_code == 302
    assert client.post(f"{home}revoke/").status_code == 302
    with tenant(organization):
        made = Collector.objects.get()
    assert made.name == "Back door"
    assert made.revoked_at is not None
    assert client.post(f"{home}renew/").status_code == 302
    assert client.post(f"{home}delete/").status_code == 302
    with tenant(organization):
        assert not Collector.objects.exists()


def test_the_line_for_a_web_site_says_what_differs() -> None:
    organization = an_organization()
    with tenant(organization):
        collector = a_collector(kind="widget", settings={"sample": 25})
    page = signed_in(a_member(organization)).get(share_path(organization, collector.survey, f"{collector.pk}/"))
    text = page.content.decode()
    assert f"{settings.BASE_URL}/e/v1.js" in text
    assert collector_token(collector) in text
    assert "data-sample=&quot;25&quot;" in text
    assert "data-trigger" not in text


def test_only_who_may_edit_reads_the_key_of_a_widget() -> None:
    from apps.collectors.addresses import identity_key

    organization = an_organization()
    with tenant(organization):
        collector = a_collector(kind="widget")
    path = share_path(organization, collector.survey, f"{collector.pk}/")
    assert identity_key(collector) in signed_in(a_member(organization, "manager")).get(path).content.decode()
    analyst = signed_in(a_member(organization, "analyst")).get(path)
    assert analyst.status_code == 200
    assert identity_key(collector) not in analyst.content.decode()


def test_another_organisations_places_are_not_there() -> None:
    organization, other = an_organization("Acme"), an_organization("Other")
    with tenant(other):
        foreign = a_collector()
    with tenant(organization):
        survey = a_survey()
    client = signed_in(a_member(organization))
    assert client.get(share_path(organization, foreign.survey)).status_code == 404
    for rest in ("", "edit/", "qr.svg", "poster-a4.pdf"):
        assert client.get(share_path(organization, survey, f"{foreign.pk}/{rest}")).status_code == 404
    for rest in ("revoke/", "renew/", "delete/"):
        assert client.post(share_path(organization, survey, f"{foreign.pk}/{rest}")).status_code == 404
    with tenant(other):
        assert Collector.objects.get().revoked_at is None


# -- API ---------------------------------------------------------------------------------------------------------------


def test_the_api_keeps_places() -> None:
    organization = an_organization()
    with tenant(organization):
        survey, unit, touchpoint = a_survey(), make(Unit), make(Touchpoint)
    api = an_api_client(organization)
    body = {
        "survey": str(survey.pk),
        "kind": "kiosk",
        "name": "Door",
        "unit": str(unit.pk),
        "touchpoint": touchpoint.key,
        "settings": {"pin": "1234"},
    }
    made = api.post("/api/v1/collectors/", body, format="json")
    assert made.status_code == 201, made.content
    said = made.json()
    assert said["settings"] == {"ask_text": False}
    assert (said["unit"], said["touchpoint"], said["answers"]) == (str(unit.pk), touchpoint.key, 0)
    assert "/k/" in said["address"]
    one = f"/api/v1/collectors/{said['id']}/"
    changed = api.patch(one, {"settings": {"ask_text": True}, "touchpoint": None}, format="json").json()
    assert (changed["settings"], changed["touchpoint"]) == ({"ask_text": True}, None)
    assert api.patch(one, {"survey": str(unit.pk)}, format="json").status_code == 400
    ended = api.post(f"{one}revoke/").json()
    assert ended["revoked_at"]
    renewed = api.post(f"{one}renew/").json()
    assert renewed["revoked_at"] is None
    assert renewed["address"] != said["address"]
    listed = api.get("/api/v1/collectors/", {"survey": str(survey.pk), "kind": "kiosk", "revoked": "false"}).json()
    assert [row["id"] for row in listed["results"]] == [said["id"]]
    assert api.delete(one).status_code == 204


def test_the_api_names_each_wrong_field() -> None:
    organization = an_organization()
    with tenant(organization):
        survey = a_survey()
    api = an_api_client(organization)
    body = {
        "survey": str(survey.pk), "kind": "widget", "name": "x" * 200, "touchpoint": "nowhere", "unit": str(survey.pk),
        "language": "xx", "settings": {"sample": 0},
    }  # fmt: skip
    refused = api.post("/api/v1/collectors/", body, format="json")
    assert refused.status_code == 400
    assert {error["field"] for error in refused.json()["errors"]} == {
        "name", "touchpoint", "unit", "language", "settings.sample", "settings.sites",
    }  # fmt: skip


def test_a_qr_code_holds_the_address() -> None:
    zxing = pytest.importorskip("zxingcpp")
    from io import BytesIO

    from PIL import Image

    organization = an_organization()
    with tenant(organization):
        collector = a_collector()
    client = signed_in(a_member(organization))
    picture = client.get(share_path(organization, collector.survey, f"{collector.pk}/qr.png"))
    (read,) = zxing.read_barcodes(Image.open(BytesIO(picture.content)))
    assert read.text == address_of(collector, collector.survey, organization)
    assert parse_qs(urlsplit(read.text).query)["p"] == [collector_token(collector)]
