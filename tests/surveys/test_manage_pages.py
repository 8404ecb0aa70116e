"""The managers' pages of surveys."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.customers.models import Customer
from apps.customers.services import CustomerReference
from apps.metrics.folding import refold_organization
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.maps import a_touchpoint
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme")


@pytest.fixture
def manager(acme: Organization) -> Client:
    return signed_in(a_member(acme, "manager"))


def page(acme: Organization, survey: Survey | None = None, part: str = "") -> str:
    return f"/o/{acme.slug}/surveys/" + (f"{survey.pk}/" if survey else "") + part


def survey_of(organization: Organization, **values: Any) -> Survey:
    with tenant(organization):
        return a_survey(**values)


def test_from_nothing_to_a_live_survey_by_forms_alone(manager: Client, acme: Organization) -> None:
    with tenant(acme):
        touchpoint = a_touchpoint("Billing")
    assert "No surveys yet" in manager.get(page(acme)).content.decode()
    fresh = manager.get(f"{page(acme, part='new/')}?touchpoint={touchpoint.key}&kind=csat").content.decode()
    assert f'value="{touchpoint.pk}" selected' in fresh
    made = manager.post(
        page(acme, part="new/"),
        {"name": "After the bill", "kind": "csat", "touchpoint": str(touchpoint.pk), "languages": ["en", "ar"]},
    )
    with tenant(acme):
        survey = Survey.objects.get()
    assert made["Location"] == page(acme, survey, "edit/")
    edit = manager.get(made["Location"]).content.decode()
    assert "How satisfied were you with Billing?" in edit
    assert "العربية" in edit
    published = manager.post(page(acme, survey, "publish/"), follow=True)
    assert "Version 1 is live." in published.content.decode()
    detail = manager.get(page(acme, survey)).content.decode()
    assert f"/s/{acme.slug}/{survey.slug}/" in detail
    assert manager.get(page(acme, survey, "qr.svg"))["Content-Type"] == "image/svg+xml"
    manager.post(page(acme, survey, "close/"))
    with tenant(acme):
        assert Survey.objects.get().state == "closed"


def test_a_missing_name_is_said_at_the_field(manager: Client, acme: Organization) -> None:
    response = manager.post(page(acme, part="new/"), {"kind": "nps"})
    assert response.status_code == 422
    assert 'aria-invalid="true"' in response.content.decode()


def words(survey: Survey, **changes: str) -> dict[str, Any]:
    """The edit form's fields, unchanged but for these."""
    form: dict[str, Any] = {"name": survey.name, "kind": survey.kind, "languages": survey.languages}
    for question in survey.definition["pages"][0]["questions"]:
        for language, text in question["title"].items():
            form[f"title.{question['id']}.{language}"] = text
        for band, texts in question.get("follow_up", {}).items():
            form |= {f"{band}.{question['id']}.{language}": text for language, text in texts.items()}
        for point, texts in question.get("labels", {}).items():
            form |= {f"label{point}.{question['id']}.{language}": text for language, text in texts.items()}
    for key, texts in survey.definition["thank_you"].items():
        form |= {f"thanks.{key}.{language}": text for language, text in texts.items()}
    return {**form, **changes}


def test_saving_unchanged_words_changes_nothing(manager: Client, acme: Organization) -> None:
    survey = survey_of(acme, languages=["en", "de"])
    assert manager.post(page(acme, survey, "edit/"), words(survey)).status_code == 302
    with tenant(acme):
        assert Survey.objects.get().definition == survey.definition


def test_another_wording_is_saved_warned_of_and_taken_back(manager: Client, acme: Organization) -> None:
    survey = survey_of(acme)
    warning = "no longer asks in the standard words"
    assert warning not in manager.get(page(acme, survey, "edit/")).content.decode()
    manager.post(page(acme, survey, "edit/"), words(survey, **{"title.score.en": "Do you <b>like</b> us?"}))
    edited = manager.get(page(acme, survey, "edit/")).content.decode()
    assert warning in edited
    assert "<b>like</b>" not in edited
    assert "The draft differs from version 1" in manager.get(page(acme, survey)).content.decode()
    manager.post(page(acme, survey, "standard/"))
    assert warning not in manager.get(page(acme, survey, "edit/")).content.decode()


def test_the_preview_shows_what_is_typed_and_stores_nothing(manager: Client, acme: Organization) -> None:
    survey = survey_of(acme, languages=["en", "ar"])
    typed = words(survey, **{"title.score.ar": "جديد", "preview_language": "ar"})
    response = manager.post(page(acme, survey, "preview/"), typed)
    html = response.content.decode()
    assert "جديد" in html
    assert 'dir="rtl"' in html
    assert "<script" not in html
    assert "frame-ancestors 'self'" in response["Content-Security-Policy"]
    with tenant(acme):
        assert Survey.objects.get().definition == survey.definition


def test_a_draft_that_lacks_a_text_says_so_instead_of_going_live(manager: Client, acme: Organization) -> None:
    survey = survey_of(acme, published=False, languages=["en", "de"])
    manager.post(page(acme, survey, "edit/"), words(survey, **{"title.reason.de": ""}))
    assert "Give the text in de" in manager.get(page(acme, survey, "edit/")).content.decode()
    manager.post(page(acme, survey, "publish/"))
    with tenant(acme):
        assert Survey.objects.get().state == "draft"


@pytest.mark.parametrize(
    ("role", "sees", "changes"),
    [("owner", 200, 302), ("manager", 200, 302), ("analyst", 200, 403), ("employee", 403, 403), ("agent", 403, 403)],
)
def test_pages_obey_the_role(acme: Organization, role: str, sees: int, changes: int) -> None:
    survey, member = survey_of(acme), signed_in(a_member(acme, role))
    for address in (page(acme), page(acme, survey), page(acme, survey, "qr.svg")):
        assert member.get(address).status_code == sees
    for part in ("publish/", "standard/", "close/"):
        assert member.post(page(acme, survey, part)).status_code == changes
    assert (member.get(page(acme, survey, "edit/")).status_code == 200) is (changes == 302)


def test_another_organisations_survey_is_not_there(manager: Client, acme: Organization) -> None:
    other = an_organization("Other")
    foreign = survey_of(other, name="Secret of the others")
    for part in ("", "edit/", "preview/", "qr.svg"):
        assert manager.get(page(acme, foreign, part)).status_code == 404
    for part in ("publish/", "close/", "delete/", "standard/", "edit/"):
        assert manager.post(page(acme, foreign, part)).status_code == 404
    assert manager.get(page(other, foreign)).status_code == 404
    assert "Secret of the others" not in manager.get(page(acme)).content.decode()


def test_a_survey_with_answers_cannot_be_deleted_by_page(manager: Client, acme: Organization) -> None:
    survey = survey_of(acme)
    with tenant(acme):
        an_answer(survey)
    assert manager.post(page(acme, survey, "delete/")).status_code == 409
    assert "Delete survey" not in manager.get(page(acme, survey)).content.decode()


def test_the_list_costs_the_same_for_one_and_three(manager: Client, acme: Organization) -> None:
    counts = []
    for rows in (1, 2):
        for _ in range(rows):
            with tenant(acme):
                an_answer(a_survey("csat", touchpoint=a_touchpoint()), 5)
        manager.get(page(acme))
        with CaptureQueriesContext(connection) as counted:
            assert manager.get(page(acme)).status_code == 200
        counts.append(len(counted))
    assert counts[0] == counts[1]


def test_answers_stand_on_the_customers_timeline(manager: Client, acme: Organization) -> None:
    with tenant(acme):
        an_answer(a_survey(), 9, "Lovely", customer=CustomerReference(external_id="C-1"))
        customer = Customer.objects.get()
    assert "Lovely" in manager.get(f"/o/{acme.slug}/customers/{customer.pk}/").content.decode()


def test_scores_and_their_spread_stand_on_the_pages_once_folded(manager: Client, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey()
        for score in (10, 10, 9, 7, 3):
            an_answer(survey, score)
        refold_organization()
    detail = manager.get(page(acme, survey)).content.decode()
    assert "+40" in detail
    assert "Show as table" in detail
    assert f"/o/{acme.slug}/feedback/?survey={survey.pk}" in detail
    assert "+40" in manager.get(page(acme)).content.decode()


def test_an_anonymous_survey_shows_no_spread_below_its_threshold(manager: Client, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey(anonymous=True)
        for score in (10, 3):
            an_answer(survey, score)
        refold_organization()
    assert "Show as table" not in manager.get(page(acme, survey)).content.decode()
