"""Surveys: made, edited, published as frozen versions, closed, removed."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from apps.audit.models import AuditEntry
from apps.organizations.models import Organization
from apps.surveys import services
from apps.surveys.models import Survey, SurveyVersion
from cxm.actor import Actor
from cxm.errors import Conflict, DomainErrors, NotAllowed, NotFound
from cxm.scope import tenant
from tests.factories import an_actor, an_organization
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")


@pytest.fixture
def acme() -> Iterator[Organization]:
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def test_a_survey_without_definition_asks_the_standard_questions(acme: Organization) -> None:
    survey = services.create_survey(actor=SYSTEM, name="Relationship", kind="nps", relationship=True)
    questions = survey.definition["pages"][0]["questions"]
    assert questions[0]["title"]["en"] == "How likely are you to recommend Acme to a friend or colleague?"
    assert [question["type"] for question in questions] == ["nps", "text"]
    assert (survey.state, survey.slug, survey.languages) == ("draft", "relationship", ["en"])


def test_names_may_repeat_but_addresses_do_not(acme: Organization) -> None:
    first, second = a_survey(name="Same"), a_survey(name="Same")
    assert first.slug != second.slug
    with pytest.raises(Conflict):
        services.create_survey(actor=SYSTEM, name="Third", slug=first.slug)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "x", "kind": "stars"}, "kind"),
        ({"name": "x", "audience": "robots"}, "audience"),
        ({"name": "x", "relationship": "yes"}, "relationship"),
        ({"name": "x", "languages": "en"}, "languages"),
        ({"name": "x", "languages": ["not a language"]}, "languages"),
        ({"name": "x", "slug": "a b"}, "slug"),
        ({"name": "x", "definition": {"pages": []}}, "definition.pages"),
        ({"name": "x", "definition": "pages"}, "definition"),
    ],
)
def test_a_refusal_names_the_field(acme: Organization, values: dict, field: str) -> None:
    with pytest.raises(DomainErrors) as refused:
        services.create_survey(actor=SYSTEM, **values)
    assert field in {error["field"] for error in refused.value.errors}


def test_a_published_version_never_changes(acme: Organization) -> None:
    survey = a_survey()
    frozen = copy.deepcopy(SurveyVersion.objects.get(survey=survey).definition)
    edited = copy.deepcopy(frozen)
    edited["pages"][0]["questions"][1]["title"]["en"] = "And why?"
    services.update_survey(actor=SYSTEM, survey=survey, definition=edited)
    assert SurveyVersion.objects.get(survey=survey).definition == frozen
    second = services.publish_survey(actor=SYSTEM, survey=survey)
    assert second.number == 2
    assert SurveyVersion.objects.get(survey=survey, number=1).definition == frozen


def test_publishing_the_same_draft_again_makes_no_version(acme: Organization) -> None:
    survey = a_survey()
    assert services.publish_survey(actor=SYSTEM, survey=survey).number == 1
    assert SurveyVersion.objects.filter(survey=survey).count() == 1


def test_a_draft_with_missing_texts_is_not_published(acme: Organization) -> None:
    survey = a_survey(published=False, languages=["en", "de"])
    definition = copy.deepcopy(survey.definition)
    del definition["pages"][0]["questions"][0]["title"]["de"]
    services.update_survey(actor=SYSTEM, survey=survey, definition=definition)
    with pytest.raises(DomainErrors) as refused:
        services.publish_survey(actor=SYSTEM, survey=survey)
    assert [error["field"] for error in refused.value.errors] == ["pages.0.questions.0.title.de"]


def test_a_new_language_starts_with_its_standard_wording(acme: Organization) -> None:
    survey = a_survey(published=False)
    survey = services.update_survey(actor=SYSTEM, survey=survey, languages=["en", "ar"])
    assert survey.languages == ["en", "ar"]
    assert "Acme" in survey.definition["pages"][0]["questions"][0]["title"]["ar"]
    services.publish_survey(actor=SYSTEM, survey=survey)


def test_the_standard_wording_comes_back_on_request(acme: Organization) -> None:
    survey = a_survey(published=False)
    before = copy.deepcopy(survey.definition)
    changed = copy.deepcopy(before)
    changed["pages"][0]["questions"][0]["title"]["en"] = "Like us?"
    services.update_survey(actor=SYSTEM, survey=survey, definition=changed)
    assert services.use_standard_wording(actor=SYSTEM, survey=survey).definition == before


@pytest.mark.parametrize("change", [{"kind": "csat"}, {"anonymous": True}, {"slug": "elsewhere"}])
def test_what_answers_depend_on_is_fixed_by_publication(acme: Organization, change: dict) -> None:
    with pytest.raises(Conflict):
        services.update_survey(actor=SYSTEM, survey=a_survey(), **change)


def test_closing_and_opening_again(acme: Organization) -> None:
    survey = services.close_survey(actor=SYSTEM, survey=a_survey())
    assert survey.state == "closed"
    assert survey.closed_at is not None
    assert services.publish_survey(actor=SYSTEM, survey=survey).number == 1
    survey.refresh_from_db()
    assert (survey.state, survey.closed_at) == ("live", None)
    with pytest.raises(Conflict):
        services.close_survey(actor=SYSTEM, survey=a_survey(published=False))


def test_a_survey_with_answers_is_never_deleted(acme: Organization) -> None:
    survey = a_survey()
    an_answer(survey)
    with pytest.raises(Conflict):
        services.delete_survey(actor=SYSTEM, survey=survey)
    unanswered = a_survey()
    services.delete_survey(actor=SYSTEM, survey=unanswered)
    assert list(Survey.objects.all()) == [survey]


@pytest.mark.parametrize("role", ["analyst", "employee", "agent"])
def test_roles_without_the_right_change_no_survey(acme: Organization, role: str) -> None:
    actor, survey = an_actor(acme, role), a_survey()
    for write in (
        lambda: services.create_survey(actor=actor, name="x"),
        lambda: services.update_survey(actor=actor, survey=survey, name="x"),
        lambda: services.publish_survey(actor=actor, survey=survey),
        lambda: services.close_survey(actor=actor, survey=survey),
        lambda: services.delete_survey(actor=actor, survey=survey),
    ):
        with pytest.raises(NotAllowed):
            write()


def test_another_organisations_survey_is_not_there(acme: Organization) -> None:
    other = an_organization("Other")
    with tenant(other):
        foreign = a_survey()
    with pytest.raises(NotFound):
        services.update_survey(actor=SYSTEM, survey=foreign, name="Mine now")
    with pytest.raises(NotFound):
        services.publish_survey(actor=SYSTEM, survey=foreign)


def test_writes_are_in_the_audit_log_without_values(acme: Organization) -> None:
    survey = a_survey(name="Secret plan")
    actions = list(AuditEntry.objects.filter(target_id=survey.pk).order_by("at").values_list("action", flat=True))
    assert actions == ["surveys.created", "surveys.published"]
