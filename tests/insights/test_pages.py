"""The insight pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.insights.models import Insight, InsightLink
from apps.journeys.models import Card, Step
from apps.opportunities.models import OpportunityInsight
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.exports import export_kinds
from cxm.scope import tenant
from tests.factories import an_organization
from tests.factories.customers import a_customer
from tests.factories.insights import an_insight, an_opportunity
from tests.factories.maps import a_journey, a_touchpoint
from tests.factories.surveys import a_survey, an_answer

BrowserAs = Callable[[str], Client]
SYSTEM = Actor.system("test")


def page(organization: Organization, tail: str = "") -> str:
    return f"/o/{organization.slug}/insights/{tail}"


def typed(**values: Any) -> dict[str, Any]:
    return {"title": "They wait", "kind": "interview", "people": "1", "consent": "not_needed", **values}


def test_insight_is_written_from_a_card_of_a_map(organization: Organization, browser_as: BrowserAs) -> None:
    journey = a_journey("Moving house")
    step, card = Step.objects.get(stage__journey=journey), Card.objects.get(step__stage__journey=journey)
    opportunity = an_opportunity()
    manager = browser_as("manager")
    path = page(organization, f"new/?journey={journey.pk}&step={step.pk}&card={card.pk}&opportunity={opportunity.pk}")
    html = manager.get(path).content.decode()
    assert "Card “Reads the letter” at Decide, on Moving house" in html
    boxes = [f"card:{journey.pk}:{card.pk}", f"opportunity:{opportunity.pk}"]
    sent = manager.post(path, typed(links=boxes, score="-1.0", add_step=f"{journey.pk}:{step.pk}"))
    insight = Insight.objects.get()
    assert sent["Location"] == page(organization, f"{insight.pk}/")
    assert set(InsightLink.objects.values_list("step_id", "card_id")) == {(step.pk, None), (None, card.pk)}
    assert OpportunityInsight.objects.get().opportunity == opportunity
    shown = manager.get(sent["Location"]).content.decode()
    assert "Reads the letter" in shown
    assert "−1 bad" in shown
    changed = manager.post(page(organization, f"{insight.pk}/edit/"), typed(title="Shorter", links=boxes[:1]))
    assert changed.status_code == 302
    assert not OpportunityInsight.objects.exists()
    assert InsightLink.objects.get().card_id == card.pk
    assert manager.post(page(organization, f"{insight.pk}/delete/")).status_code == 302
    assert not Insight.objects.exists()


def test_refused_form_says_why_and_keeps_what_was_typed(organization: Organization, browser_as: BrowserAs) -> None:
    manager = browser_as("manager")
    answer = manager.post(page(organization, "new/"), typed(title="", body="Kept", link="javascript:x", people="0"))
    assert answer.status_code == 422
    assert "Kept" in answer.content.decode()
    answer = manager.post(page(organization, "new/"), typed(link="javascript:x"))
    assert answer.status_code == 422
    assert "begins with http" in answer.content.decode()
    for query in ("journey=x&card=y", "journey=%00", "touchpoint=%00", "response=x", "opportunity=1"):
        assert manager.get(page(organization, f"new/?{query}")).status_code == 200


def test_answer_leads_to_a_new_insight(organization: Organization, browser_as: BrowserAs) -> None:
    answer = an_answer(a_survey("nps"), 2, "Greta here, call 030 12345678", customer_id=a_customer(name="Greta Ax").pk)
    manager = browser_as("manager")
    shown = manager.get(f"/o/{organization.slug}/feedback/{answer.pk}/").content.decode()
    assert f"/insights/new/?response={answer.pk}" in shown
    html = manager.get(page(organization, f"new/?response={answer.pk}")).content.decode()
    assert "[name] here, call [number]" in html
    assert "Greta here" not in html
    secret = an_answer(a_survey("nps", anonymous=True), 2, "Too slow")
    assert manager.get(page(organization, f"new/?response={secret.pk}")).status_code == 409
    hidden = manager.get(f"/o/{organization.slug}/feedback/{secret.pk}/").content.decode()
    assert "insights/new" not in hidden


def test_what_was_said_is_escaped_and_marked_old(organization: Organization, browser_as: BrowserAs) -> None:
    an_insight("<script>x</script>", body="<b>y</b>", source_date="2020-01-01", score=2)
    listed = browser_as("analyst").get(page(organization)).content.decode()
    assert "&lt;script&gt;x&lt;/script&gt;" in listed
    assert "Old" in listed
    detail = browser_as("analyst").get(page(organization, f"{Insight.objects.get().pk}/")).content.decode()
    assert "&lt;b&gt;y&lt;/b&gt;" in detail


def test_list_of_a_step_says_what_its_insights_say_together(organization: Organization, browser_as: BrowserAs) -> None:
    journey = a_journey("Moving house")
    step = Step.objects.get(stage__journey=journey)
    place = [{"journey": journey.pk, "step": step.pk}]
    an_insight(score=-2, steps=place), an_insight(score=-1, steps=place), an_insight(steps=place)
    html = browser_as("manager").get(page(organization, f"?journey={journey.pk}&step={step.pk}")).content.decode()
    assert "2 scored insights say −1.5" in html
    opened = browser_as("analyst").get(f"/o/{organization.slug}/journeys/{journey.pk}/insights/")
    assert opened.status_code == 404, "the map is not published, so an analyst does not know it"
    assert (
        browser_as("manager")
        .get(f"/o/{organization.slug}/journeys/{journey.pk}/insights/")["Location"]
        .endswith(f"?journey={journey.pk}")
    )


def test_selected_insights_are_linked_together(organization: Organization, browser_as: BrowserAs) -> None:
    one, two = an_insight(), an_insight()
    a_touchpoint(key="visit")
    manager = browser_as("manager")
    manager.post(page(organization, "link/"), {"sel": [str(one.pk), str(two.pk)], "add_touchpoint": "visit"})
    assert InsightLink.objects.count() == 2
    for body in (
        {},
        {"sel": "x", "add_touchpoint": "visit"},
        {"sel": str(one.pk)},
        {"sel": str(one.pk), "add_step": "x"},
    ):
        assert manager.post(page(organization, "link/"), body).status_code == 302
    assert InsightLink.objects.count() == 2


def test_list_asks_as_many_questions_for_three_as_for_one(organization: Organization, browser_as: BrowserAs) -> None:
    journey = a_journey()
    step, card = Step.objects.get(stage__journey=journey), Card.objects.get(step__stage__journey=journey)
    links: dict[str, Any] = {
        "steps": [{"journey": journey.pk, "step": step.pk}],
        "cards": [{"journey": journey.pk, "card": card.pk}],
    }
    browser = browser_as("manager")

    def ask() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(page(organization)).status_code == 200
        return len(asked)

    an_insight(**links)
    ask()
    one = ask()
    an_insight(**links), an_insight(**links, customer=a_customer().pk)
    assert ask() == one


@pytest.mark.parametrize("query", ["sort=learned", "sort=-score", "sort=x", "page=99", "q=%00", "kind=x", "step=x"])
def test_any_query_string_gets_a_page(organization: Organization, browser_as: BrowserAs, query: str) -> None:
    an_insight()
    assert browser_as("analyst").get(page(organization, f"?{query}")).status_code == 200


def test_roles_and_organisations(organization: Organization, browser_as: BrowserAs) -> None:
    other = an_organization("Other")
    with tenant(other):
        theirs = an_insight()
    ours = an_insight()
    manager, analyst, employee = (browser_as(role) for role in ("manager", "analyst", "employee"))
    for tail in ("", "edit/", "delete/"):
        assert manager.get(page(organization, f"{theirs.pk}/{tail}")).status_code == 404
    assert analyst.get(page(organization, f"{ours.pk}/")).status_code == 200
    assert analyst.get(page(organization, f"{ours.pk}/edit/")).status_code == 403
    assert employee.get(page(organization)).status_code == 403


def test_age_is_set_in_the_settings(organization: Organization, browser_as: BrowserAs) -> None:
    path = f"/o/{organization.slug}/settings/insights/"
    owner = browser_as("owner")
    assert owner.post(path, {"months": "6"}).status_code == 302
    assert 'value="6"' in owner.get(path).content.decode()
    assert owner.post(path, {"months": "0"}).status_code == 422
    assert browser_as("manager").get(path).status_code == 403


def test_export_holds_what_the_list_shows(organization: Organization) -> None:
    journey = a_journey("Moving house")
    step = Step.objects.get(stage__journey=journey)
    an_insight("At the step", steps=[{"journey": journey.pk, "step": step.pk}])
    an_insight("Elsewhere")
    kind = export_kinds()["insights"]
    query = QueryDict(f"journey={journey.pk}")
    kind.check(SYSTEM, organization, query)
    rows = list(kind.rows(SYSTEM, organization, query))
    assert [row[2] for row in rows] == ["At the step"]
    assert {len(row) for row in rows} == {len(kind.columns)}
    assert dict(zip(kind.columns, rows[0], strict=True))["places"] == "Moving house: Decide"
    csv.writer(io.StringIO()).writerows(rows)
