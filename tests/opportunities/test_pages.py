"""The opportunity pages: list, roadmap, matrix, and one opportunity with its evidence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.journeys.models import Card, Step
from apps.opportunities.matrix import build_matrix
from apps.opportunities.models import Opportunity
from apps.opportunities.queries import opportunities
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization
from tests.factories.ideas import an_idea
from tests.factories.insights import an_insight, an_opportunity
from tests.factories.maps import a_journey, a_persona, a_touchpoint

BrowserAs = Callable[[str], Client]
SYSTEM = Actor.system("test")


def page(organization: Organization, tail: str = "") -> str:
    return f"/o/{organization.slug}/opportunities/{tail}"


def typed(**values: Any) -> dict[str, Any]:
    return {"title": "How might we answer at once?", "status": "new", "horizon": "later", **values}


def test_opportunity_is_written_from_a_card_of_a_map(organization: Organization, browser_as: BrowserAs) -> None:
    journey = a_journey("Moving house", persona=a_persona("Lena"))
    card = Card.objects.get(step__stage__journey=journey)
    manager = browser_as("manager")
    path = page(organization, f"new/?journey={journey.pk}&step={card.step_id}&card={card.pk}")
    html = manager.get(path).content.decode()
    assert 'value="How might we "' in html
    assert "Reads the letter</textarea>" in html
    assert f'<option value="card={journey.pk}:{card.pk}" selected>' in html
    place = f"card={journey.pk}:{card.pk}"
    sent = manager.post(path, typed(pain_point="Reads the letter", place=place, customer_value="4"))
    row = Opportunity.objects.get()
    assert sent["Location"] == page(organization, f"{row.pk}/")
    assert (row.card_id, row.step_id, row.pain_point, row.customer_value) == (
        card.pk,
        card.step_id,
        "Reads the letter",
        4,
    )
    kept = manager.post(page(organization, f"{row.pk}/edit/"), typed(title="Shorter", place=place))
    assert kept.status_code == 302
    row.refresh_from_db()
    assert (row.title, row.card_id, row.customer_value) == ("Shorter", card.pk, None)
    step = Step.objects.get(pk=card.step_id)
    manager.post(page(organization, f"{row.pk}/edit/"), typed(place=f"{journey.pk}:{step.pk}"))
    row.refresh_from_db()
    assert (row.step_id, row.card_id) == (step.pk, None)
    manager.post(page(organization, f"{row.pk}/edit/"), typed(place=""))
    row.refresh_from_db()
    assert row.journey_id is None
    assert manager.post(page(organization, f"{row.pk}/delete/")).status_code == 302
    assert not Opportunity.objects.exists()


def test_refused_form_says_why(organization: Organization, browser_as: BrowserAs) -> None:
    manager = browser_as("manager")
    answer = manager.post(page(organization, "new/"), typed(title="", description="Kept"))
    assert answer.status_code == 422
    assert "Kept" in answer.content.decode()
    assert manager.post(page(organization, "new/"), typed(place="x:y")).status_code == 422
    assert manager.post(page(organization, "new/"), typed(due_date="1900-01-01")).status_code == 422
    for query in ("journey=x", "journey=%00&card=1", "touchpoint=%00", "insight=x"):
        assert manager.get(page(organization, f"new/?{query}")).status_code == 200


def test_evidence_is_linked_shown_and_taken_away(organization: Organization, browser_as: BrowserAs) -> None:
    row, insight, idea = an_opportunity(), an_insight("They wait", score=-1), an_idea("Call back")
    manager = browser_as("manager")
    path = page(organization, f"{row.pk}/evidence/")
    manager.post(path, {"insight": str(insight.pk), "idea": str(idea.number)})
    shown = manager.get(page(organization, f"{row.pk}/")).content.decode()
    assert "They wait" in shown
    assert "Call back" in shown
    assert "The evidence suggests" in shown
    # One insight of -1 alone: 1 + 4 * 0.75.
    assert '<span class="cx-num">4.0</span>' in shown
    assert manager.post(path, {"idea": "999"}).status_code == 422
    manager.post(path, {"remove_insight": str(insight.pk)})
    manager.post(path, {"remove_idea": str(idea.pk)})
    assert opportunities(SYSTEM).get().evidence_count == 0


def test_employee_sees_how_many_insights_there_are_not_what_they_say(
    organization: Organization, browser_as: BrowserAs
) -> None:
    row = an_opportunity(insights=[an_insight("They wait", score=-2).pk])
    shown = browser_as("employee").get(page(organization, f"{row.pk}/")).content.decode()
    assert "They wait" not in shown
    assert "not what they say" in shown
    assert "The evidence suggests" not in shown
    analyst = browser_as("analyst").get(page(organization, f"{row.pk}/")).content.decode()
    assert "They wait" in analyst
    assert "Link</button>" not in analyst


def test_move_without_scripts_offers_to_undo_it(organization: Organization, browser_as: BrowserAs) -> None:
    first, second = an_opportunity("First"), an_opportunity("Second")
    manager = browser_as("manager")
    path = page(organization, f"{second.pk}/move/")
    board = page(organization, "roadmap/?q=s")
    moved = manager.post(path, {"status": "planned", "next": board})
    second.refresh_from_db()
    assert second.status == "planned"
    html = manager.get(moved["Location"]).content.decode()
    assert "Moved “Second” to Planned." in html
    undone = manager.post(path, {"status": "new", "after": str(first.pk), "next": moved["Location"], "undone": "1"})
    assert undone["Location"] == board
    assert list(Opportunity.objects.order_by("rank").values_list("title", "status")) == [
        ("First", "new"),
        ("Second", "new"),
    ]
    up = f"{path}?after="
    assert f'formaction="{up}"' in manager.get(board).content.decode()
    manager.post(up, {"status": "new", "next": board})
    assert list(Opportunity.objects.order_by("rank").values_list("title", flat=True)) == ["Second", "First"]
    elsewhere = manager.post(path, {"status": "done", "next": "https://evil.example/"})
    assert elsewhere["Location"] == page(organization, f"{second.pk}/")


def test_move_tells_our_module_what_undoes_it(organization: Organization, browser_as: BrowserAs) -> None:
    row = an_opportunity("First")
    answer = browser_as("manager").post(
        page(organization, f"{row.pk}/move/"), {"horizon": "now", "after": ""}, headers={"Accept": "application/json"}
    )
    assert json.loads(answer.content) == {
        "said": "Moved “First” to Now",
        "undo": {"horizon": "later", "after": ""},
    }


def test_board_shows_every_column_and_says_what_it_hides(organization: Organization, browser_as: BrowserAs) -> None:
    for number in range(32):
        Opportunity.objects.create(title=f"Many {number}", rank=number, status="planned")
    html = browser_as("employee").get(page(organization, "roadmap/")).content.decode()
    assert html.count('class="cx-road-k"') == 30
    assert "2 more in the list" in html
    assert "popovertarget" not in html.partition("<cx-roadmap")[2].partition("</cx-roadmap>")[0]
    by_horizon = browser_as("employee").get(page(organization, "roadmap/?by=horizon")).content.decode()
    assert by_horizon.count('class="cx-road-c"') == 3


@pytest.mark.parametrize("tail", ["", "roadmap/", "roadmap/?by=horizon", "matrix/"])
def test_pages_ask_as_many_questions_for_three_as_for_one(
    organization: Organization, browser_as: BrowserAs, tail: str
) -> None:
    journey = a_journey()
    card = Card.objects.get(step__stage__journey=journey)
    browser = browser_as("manager")

    def one_more() -> None:
        an_opportunity(
            journey=journey.pk,
            card=card.pk,
            persona=a_persona(),
            touchpoint=a_touchpoint().key,
            owner=str(a_member(organization).pk),
            insights=[an_insight().pk],
            customer_value=3,
            effort=2,
        )

    def ask() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(page(organization, tail)).status_code == 200
        return len(asked)

    one_more()
    ask()
    one = ask()
    one_more(), one_more()
    assert ask() == one


def test_matrix_numbers_dots_and_lists_what_is_not_scored(organization: Organization, browser_as: BrowserAs) -> None:
    an_opportunity("Quick win", customer_value=5, effort=1)
    an_opportunity("Big thing", customer_value=5, effort=5, business_value=2)
    an_opportunity("Who knows")
    an_opportunity("Given up long ago", customer_value=1, effort=1, status="dropped")
    html = browser_as("employee").get(page(organization, "matrix/")).content.decode()
    assert "Customer value against Effort" in html
    assert "1 is worth much (4 or 5) for little effort (1 or 2)." in html
    assert "Not scored on these axes" in html
    assert "Given up long ago" not in html
    asked = browser_as("employee").get(page(organization, "matrix/?status=dropped")).content.decode()
    assert "Given up long ago" in asked
    other = browser_as("employee").get(page(organization, "matrix/?x=evidence&y=business_value")).content.decode()
    assert "Business value against Pieces of evidence" in other


def test_matrix_keeps_dots_of_one_cell_apart(organization: Organization) -> None:
    for number in range(70):
        Opportunity.objects.create(title=f"o{number}", rank=number, customer_value=3, effort=3)
    built = build_matrix(list(opportunities(SYSTEM).order_by("rank")), "effort", "customer_value")
    assert (len(built.dots), built.more) == (60, 10)
    places = {part.partition('r="')[0] for part in built.drawing.split("<circle ")[1:61]}
    assert len(places) == 60


def test_matrix_words_are_escaped(organization: Organization, browser_as: BrowserAs) -> None:
    an_opportunity("<script>x</script>", customer_value=1, effort=1)
    for tail in ("", "matrix/", "roadmap/"):
        html = browser_as("employee").get(page(organization, tail)).content.decode()
        assert "&lt;script&gt;x&lt;/script&gt;" in html
        assert "<script>x" not in html


@pytest.mark.parametrize(
    "query", ["x=effort&y=effort", "x=a&y=b", "sort=-evidence", "status=x", "q=%00", "journey=x", "page=9", "moved=x"]
)
def test_any_query_string_gets_a_page(organization: Organization, browser_as: BrowserAs, query: str) -> None:
    an_opportunity(customer_value=2, effort=2)
    for tail in ("", "roadmap/", "matrix/"):
        assert browser_as("employee").get(page(organization, f"{tail}?{query}")).status_code == 200


def test_map_leads_to_its_opportunities(organization: Organization, browser_as: BrowserAs) -> None:
    journey = a_journey("Moving house")
    step = Step.objects.get(stage__journey=journey)
    an_opportunity("Here", journey=journey.pk, step=step.pk), an_opportunity("Elsewhere")
    manager = browser_as("manager")
    leads = manager.get(f"/o/{organization.slug}/journeys/{journey.pk}/opportunities/")
    html = manager.get(leads["Location"]).content.decode()
    listed = html.partition('id="list"')[2]
    assert "Here" in listed
    assert "Elsewhere" not in listed
    assert f'<option value="{step.pk}"' in html, "the steps of the map are offered as a filter"
    chosen = manager.get(page(organization, f"?journey={journey.pk}&step={step.pk}")).content.decode()
    assert "Here" in chosen.partition('id="list"')[2]


def test_roles_and_organisations(organization: Organization, browser_as: BrowserAs) -> None:
    with tenant(an_organization("Other")):
        theirs = an_opportunity()
    ours = an_opportunity()
    manager, employee = browser_as("manager"), browser_as("employee")
    for tail in ("", "edit/", "delete/"):
        assert manager.get(page(organization, f"{theirs.pk}/{tail}")).status_code == 404
    for tail in ("move/", "score/", "evidence/"):
        assert manager.post(page(organization, f"{theirs.pk}/{tail}"), {"status": "done"}).status_code == 404
        assert employee.post(page(organization, f"{ours.pk}/{tail}"), {"status": "done"}).status_code == 403
    assert employee.get(page(organization, f"{ours.pk}/")).status_code == 200
    assert employee.get(page(organization, "new/")).status_code == 403


def test_scores_are_given_beside_the_evidence(organization: Organization, browser_as: BrowserAs) -> None:
    row = an_opportunity()
    manager = browser_as("manager")
    path = page(organization, f"{row.pk}/score/")
    manager.post(path, {"customer_value": "5", "business_value": "", "effort": "1"})
    row.refresh_from_db()
    assert (row.customer_value, row.business_value, row.effort) == (5, None, 1)
    assert manager.post(path, {"customer_value": "9"}).status_code == 422
