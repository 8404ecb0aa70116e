"""What is said about a map: as a whole, or about one step or card of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.comments.models import Comment
from apps.comments.services import resolve_comment
from apps.journeys import registry
from apps.journeys.models import Card, Step
from apps.journeys.services import delete_journey
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.ids import uuid7
from tests.factories.comments import a_comment
from tests.factories.maps import a_journey

SYSTEM = Actor.system("test")


def test_comment_names_the_card_it_is_about(organization: Organization, browser_as: Callable[[str], Client]) -> None:
    journey = a_journey("Move house")
    card, step = Card.objects.get(), Step.objects.get()
    a_comment("On the whole", thing=journey)
    a_comment("On the card", thing=journey, anchor=str(card.pk))
    done = a_comment("On the step", thing=journey, anchor=str(step.pk))
    base = f"/o/{organization.slug}/journeys/{journey.pk}/comments/"
    manager = browser_as("manager")
    html = manager.get(base).content.decode()
    assert "On the whole" in html and "On the card" in html and "Reads the letter" in html
    only = manager.get(f"{base}?anchor={card.pk}").content.decode()
    assert "On the card" in only and "On the whole" not in only
    way = manager.get(f"/o/{organization.slug}/journeys/comments/?journey={journey.pk}&card={card.pk}&step={step.pk}")
    assert way["Location"] == f"{base}?anchor={card.pk}"
    marks = registry.marks_of(actor=SYSTEM, journey_id=journey.pk)["comments"]
    assert marks == {str(card.pk): 1, str(step.pk): 1}
    resolve_comment(actor=SYSTEM, comment=done)
    assert registry.marks_of(actor=SYSTEM, journey_id=journey.pk)["comments"] == {str(card.pk): 1}


def test_comment_on_a_part_that_is_not_there_is_refused(organization: Organization) -> None:
    with pytest.raises(DomainError) as wrong:
        a_comment(thing=a_journey(), anchor=uuid7())
    assert wrong.value.errors[0]["field"] == "anchor"


def test_draft_map_is_hidden_from_employees(organization: Organization, browser_as: Callable[[str], Client]) -> None:
    journey = a_journey()
    base = f"/o/{organization.slug}/"
    assert browser_as("employee").get(f"{base}journeys/{journey.pk}/comments/").status_code == 404
    assert browser_as("employee").get(f"{base}journeys/comments/?journey={journey.pk}").status_code == 404
    nowhere = browser_as("manager").get(f"{base}journeys/comments/?journey=x")
    assert (nowhere.status_code, nowhere.headers["Location"]) == (302, f"{base}journeys/")


def test_comments_go_with_a_map_that_goes_for_good(organization: Organization) -> None:
    journey = a_journey()
    a_comment(thing=journey)
    delete_journey(actor=SYSTEM, journey=journey)
    assert not Comment.objects.exists()
