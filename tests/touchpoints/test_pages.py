"""The pages of the touchpoint library."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.interactions.event_match import value_of
from apps.metrics.folding import refold_organization
from apps.touchpoints import services
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.maps import a_journey, a_touchpoint
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Any:
    return an_organization("Acme")


def url(organization: Any, path: str = "") -> str:
    return f"/o/{organization.slug}/touchpoints/{path}"


def test_touchpoint_is_made_changed_and_put_away_on_pages(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    form = {
        "name": "Front desk",
        "channel": "in_person",
        "event": "visit",
        "where": "first: true\nfloor: 2",
        "nps": "30",
    }
    made = manager.post(url(acme, "new/"), form)
    assert made.status_code == 302
    with tenant(acme):
        row = Touchpoint.objects.get()
    assert (row.key, row.event_match) == ("front-desk", {"event": "visit", "where": {"first": True, "floor": 2}})
    assert row.target == {"nps": 30.0}
    page = manager.get(url(acme, f"{row.pk}/edit/")).content.decode()
    assert "floor: 2" in page
    assert manager.post(url(acme, f"{row.pk}/edit/"), {**form, "name": "Desk"}).status_code == 302
    assert b"Desk" in manager.get(url(acme)).content
    assert manager.post(url(acme, f"{row.pk}/archive/")).status_code == 302
    assert b"Front desk" not in manager.get(url(acme)).content
    assert manager.post(url(acme, f"{row.pk}/archive/")).status_code == 302
    assert manager.post(url(acme, f"{row.pk}/delete/")).status_code == 302
    assert manager.get(url(acme, f"{row.pk}/")).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"channel": "pigeon"}, {"where": "no colon"}, {"nps": "101"}, {"event": "", "where": "a: 1"}],
)
def test_wrong_form_says_so_and_keeps_what_was_typed(acme: Any, wrong: dict[str, str]) -> None:
    manager = signed_in(a_member(acme, "manager"))
    answer = manager.post(url(acme, "new/"), {"name": "Kept name", "channel": "web", "description": "Kept", **wrong})
    assert answer.status_code == 422
    assert b"Kept" in answer.content
    with tenant(acme):
        assert not Touchpoint.objects.exists()


def test_used_touchpoint_is_not_deleted_and_the_page_says_where_it_is_used(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        desk = a_touchpoint("Desk", key="desk")
        a_journey("Moving house", stages=[{"name": "A", "steps": [{"name": "B", "touchpoints": ["desk"]}]}])
    answer = manager.post(url(acme, f"{desk.pk}/delete/"))
    assert answer.status_code == 409
    assert b"Moving house" in answer.content
    assert b"Moving house" in manager.get(url(acme, f"{desk.pk}/")).content


def test_scores_are_shown_to_those_who_may_see_them(acme: Any) -> None:
    with tenant(acme):
        desk = a_touchpoint("Desk", key="desk")
        survey = a_survey("csat", touchpoint=desk)
        for _ in range(30):
            an_answer(survey, 5)
        refold_organization()
    manager, employee = signed_in(a_member(acme, "manager")), signed_in(a_member(acme, "employee"))
    for path in ("", f"{desk.pk}/"):
        page = manager.get(url(acme, path)).content.decode()
        assert "touchpoint=desk&amp;metric=csat" in page
        hidden = employee.get(url(acme, path)).content.decode()
        assert "Desk" in hidden
        assert "metric=csat" not in hidden
        assert "/edit/" not in hidden


def test_coverage_counts_owner_event_and_survey(acme: Any) -> None:
    with tenant(acme):
        a_touchpoint("Bare")
        a_touchpoint("Matched", event_match={"event": "visit"})
        a_survey("nps", touchpoint=a_touchpoint("Surveyed"))
        services.archive_touchpoint(actor=Actor.system("test"), touchpoint=a_touchpoint("Old"))
    page = signed_in(a_member(acme, "manager")).get(url(acme)).content.decode()
    for words in ("0 of 3 have an owner", "1 of 3 are matched by an event", "1 of 3 have a survey"):
        assert words in page


def test_other_organisation_is_nothing_here(acme: Any) -> None:
    globex = an_organization("Globex")
    with tenant(globex):
        theirs = a_touchpoint("Their secret desk")
    manager = signed_in(a_member(acme, "manager"))
    assert b"secret" not in manager.get(url(acme)).content
    assert b"secret desk" not in manager.get(url(acme, "?q=secret")).content
    for path in ("", "edit/"):
        assert manager.get(url(acme, f"{theirs.pk}/{path}")).status_code == 404
    for path in ("edit/", "archive/", "delete/"):
        assert manager.post(url(acme, f"{theirs.pk}/{path}"), {"name": "Mine", "channel": "web"}).status_code == 404
    with tenant(globex):
        assert Touchpoint.objects.get().name == "Their secret desk"


@pytest.mark.parametrize("role", ["analyst", "employee", "agent"])
def test_who_may_not_edit_is_refused(acme: Any, role: str) -> None:
    with tenant(acme):
        desk = a_touchpoint("Desk")
    client = signed_in(a_member(acme, role))
    assert client.get(url(acme)).status_code == 200
    assert b"touchpoints/new/" not in client.get(url(acme)).content
    for path in ("new/", f"{desk.pk}/edit/", f"{desk.pk}/archive/", f"{desk.pk}/delete/"):
        assert client.post(url(acme, path), {"name": "Mine", "channel": "web"}).status_code == 403


@pytest.mark.parametrize("path", ["", "?channel=web&sort=-name", "{id}/"])
def test_pages_cost_the_same_with_one_row_and_with_three(acme: Any, path: str) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        first = a_touchpoint("A", key="a", channel="web")
        a_journey(stages=[{"name": "A", "steps": [{"name": "B", "touchpoints": ["a"]}]}])
    manager.get(url(acme, path.format(id=first.pk)))
    with CaptureQueriesContext(connection) as one:
        manager.get(url(acme, path.format(id=first.pk)))
    with tenant(acme):
        a_touchpoint("B", key="b", channel="web")
        a_touchpoint("C", key="c", channel="web")
        a_journey(stages=[{"name": "A", "steps": [{"name": "B", "touchpoints": ["a", "b", "c"]}]}])
    with CaptureQueriesContext(connection) as three:
        manager.get(url(acme, path.format(id=first.pk)))
    assert len(three) == len(one)


@pytest.mark.parametrize(
    "query", ["?channel=pigeon", "?q=%00", "?page=9999", "?sort=-nothing", "?archived=perhaps", "?owner_unit=7"]
)
def test_unreadable_filters_are_no_error(acme: Any, query: str) -> None:
    assert signed_in(a_member(acme, "manager")).get(url(acme, query)).status_code == 200


def test_typed_values_mean_what_they_look_like() -> None:
    typed = ["true", "null", "12", "1.5", "12a", "nan", "1e999", "9" * 40, ""]
    assert [value_of(text) for text in typed] == [True, None, 12, 1.5, "12a", "nan", "1e999", "9" * 40, ""]
