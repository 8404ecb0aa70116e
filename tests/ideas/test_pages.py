"""The idea pages, as an employee on a phone and a CX manager use them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from apps.ideas.models import Idea, IdeaVote
from apps.organizations.models import Organization
from apps.touchpoints.models import Touchpoint
from cxm.scope import tenant
from tests.factories import an_organization
from tests.factories.ideas import a_comment, a_vote, an_idea

BrowserAs = Callable[[str], Client]


def page(organization: Organization, tail: str = "") -> str:
    return f"/o/{organization.slug}/ideas/{tail}"


def a_picture() -> SimpleUploadedFile:
    raw = io.BytesIO()
    Image.new("RGB", (40, 20), "blue").save(raw, "PNG")
    return SimpleUploadedFile("sketch.png", raw.getvalue(), "image/png")


def test_employee_submits_votes_and_comments(
    organization: Organization, browser_as: BrowserAs, tmp_path: Any, settings: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    employee = browser_as("employee")
    visit = Touchpoint.objects.create(key="visit", name="Meter visit")
    form = employee.get(page(organization, "new/?touchpoint=visit")).content.decode()
    assert f'<option value="{visit.pk}" selected>' in form
    sent = employee.post(
        page(organization, "new/"),
        {"title": "Say when we come", "body": "By SMS", "touchpoint": str(visit.pk), "picture": a_picture()},
    )
    idea = Idea.objects.get()
    assert sent.status_code == 302
    assert sent["Location"] == page(organization, f"{idea.pk}/")
    assert idea.touchpoint == visit
    shown = employee.get(sent["Location"]).content.decode()
    assert "Say when we come" in shown
    picture = employee.get(page(organization, f"{idea.pk}/picture/"))
    assert picture["Content-Type"] == "image/webp"
    assert picture["X-Content-Type-Options"] == "nosniff"
    assert employee.post(page(organization, f"{idea.pk}/vote/"), {"vote": "1"}).status_code == 302
    assert IdeaVote.objects.count() == 1
    assert employee.post(page(organization, f"{idea.pk}/comments/"), {"body": "<script>x</script>"}).status_code == 302
    shown = employee.get(sent["Location"]).content.decode()
    assert "&lt;script&gt;x&lt;/script&gt;" in shown
    assert "your vote" in shown
    assert employee.post(page(organization, f"{idea.pk}/vote/"), {"vote": "0"}).status_code == 302
    assert IdeaVote.objects.count() == 0


def test_vote_by_htmx_answers_with_the_button(organization: Organization, browser_as: BrowserAs) -> None:
    idea = an_idea()
    answer = browser_as("employee").post(
        page(organization, f"{idea.pk}/vote/"), {"vote": "1"}, headers={"HX-Request-Type": "partial"}
    )
    html = answer.content.decode()
    assert answer.status_code == 200
    assert 'aria-pressed="true"' in html
    assert "<html" not in html


def test_duplicates_are_suggested_while_typing(organization: Organization, browser_as: BrowserAs) -> None:
    an_idea("Show the waiting time on the hotline")
    browser = browser_as("employee")
    answer = browser.get(
        page(organization, "similar/"), {"title": "waiting time hotline"}, headers={"HX-Request-Type": "partial"}
    )
    assert "Show the waiting time" in answer.content.decode()
    assert browser.get(page(organization, "similar/"), {"title": "x\x00y" * 500}).status_code == 200


def test_title_is_asked_for(organization: Organization, browser_as: BrowserAs) -> None:
    answer = browser_as("employee").post(page(organization, "new/"), {"title": "", "body": "only text"})
    assert answer.status_code == 422
    assert "only text" in answer.content.decode(), "what was typed is kept"
    bad = SimpleUploadedFile("x.png", b"<svg onload=alert(1)>", "image/png")
    answer = browser_as("employee").post(page(organization, "new/"), {"title": "a", "picture": bad})
    assert answer.status_code == 422
    assert not Idea.objects.exists()


def test_name_can_be_left_out_only_where_allowed(organization: Organization, browser_as: BrowserAs) -> None:
    employee = browser_as("employee")
    assert "without my name" in employee.get(page(organization, "new/")).content.decode()
    employee.post(page(organization, "new/"), {"title": "a", "anonymous": "on"})
    assert Idea.objects.get().author is None
    organization.anonymous_ideas_allowed = False
    organization.save()
    assert "without my name" not in employee.get(page(organization, "new/")).content.decode()


def test_manager_answers_and_merges(organization: Organization, browser_as: BrowserAs) -> None:
    manager, idea, other = browser_as("manager"), an_idea("One"), an_idea("Two")
    path = page(organization, f"{idea.pk}/")
    assert manager.post(f"{path}status/", {"status": "planned", "official_answer": "In spring"}).status_code == 302
    assert "In spring" in manager.get(path).content.decode()
    assert manager.post(f"{path}merge/", {"into": "999"}).status_code == 422
    assert manager.post(f"{path}merge/", {"into": str(idea.number)}).status_code == 422
    assert manager.post(f"{path}merge/", {"into": str(other.number)})["Location"] == page(organization, f"{other.pk}/")
    assert "Merged into" in manager.get(path).content.decode()


def test_own_idea_is_edited_and_removed_by_its_author_only(organization: Organization, browser_as: BrowserAs) -> None:
    author, stranger = browser_as("employee"), browser_as("employee")
    author.post(page(organization, "new/"), {"title": "Mine"})
    idea = Idea.objects.get()
    for tail in ("edit/", "delete/"):
        assert stranger.get(page(organization, f"{idea.pk}/{tail}")).status_code == 404
    assert author.post(page(organization, f"{idea.pk}/edit/"), {"title": "Still mine"}).status_code == 302
    idea.refresh_from_db()
    assert idea.title == "Still mine"
    assert "Still mine" in author.get(page(organization, f"{idea.pk}/delete/")).content.decode()
    assert author.post(page(organization, f"{idea.pk}/delete/")).status_code == 302
    assert not Idea.objects.exists()


def test_list_is_filtered_sorted_and_leaves_merged_ideas_out(organization: Organization, browser_as: BrowserAs) -> None:
    from apps.ideas.services import merge_idea
    from cxm.actor import Actor

    browser = browser_as("employee")
    loved, merged, new = an_idea("Loved"), an_idea("Merged away"), an_idea("Youngest")
    a_vote(loved)
    merge_idea(actor=Actor.system("test"), idea=merged, into=loved)
    html = browser.get(page(organization)).content.decode()
    assert html.index("Youngest") < html.index("Loved")
    assert "Merged away" not in html
    html = browser.get(page(organization), {"sort": "votes"}).content.decode()
    assert html.index("Loved") < html.index("Youngest")
    html = browser.get(page(organization), {"status": "merged", "q": "away"}).content.decode()
    assert "Merged away" in html
    assert new.title not in html
    assert browser.get(page(organization), {"touchpoint": "nowhere", "sort": "x", "page": "x"}).status_code == 200


def test_list_costs_the_same_for_one_and_for_three(organization: Organization, browser_as: BrowserAs) -> None:
    browser = browser_as("employee")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(page(organization)).status_code == 200
        return len(captured)

    visit = Touchpoint.objects.create(key="visit", name="Visit")
    an_idea(touchpoint=visit)
    browser.get(page(organization))
    one = queries()
    a_comment(a_vote(an_idea(touchpoint=visit)).idea), an_idea()
    assert queries() == one


def test_other_organisations_idea_is_not_found(organization: Organization, browser_as: BrowserAs) -> None:
    browser = browser_as("owner")
    with tenant(an_organization("Other")):
        theirs = an_idea("Secret")
    for tail in ("", "edit/", "delete/", "picture/"):
        assert browser.get(page(organization, f"{theirs.pk}/{tail}")).status_code == 404
    for tail in ("vote/", "comments/", "status/", "merge/"):
        assert browser.post(page(organization, f"{theirs.pk}/{tail}"), {"body": "x"}).status_code == 404


@pytest.mark.parametrize("role", ["analyst", "employee", "agent"])
def test_only_managers_moderate(organization: Organization, browser_as: BrowserAs, role: str) -> None:
    browser, idea = browser_as(role), an_idea()
    assert "What becomes of it" not in browser.get(page(organization, f"{idea.pk}/")).content.decode()
    for tail in ("status/", "merge/"):
        assert browser.post(page(organization, f"{idea.pk}/{tail}"), {"status": "done"}).status_code == 403
