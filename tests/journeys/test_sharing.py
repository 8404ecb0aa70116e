"""A shared map: what strangers see of it, and what they never see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.journeys import services
from apps.metrics.folding import refold_organization
from apps.organizations.services import create_unit
from apps.segments.services import create_segment
from apps.sharing.models import ShareLink
from apps.sharing.services import create_share_link
from cxm.actor import Actor
from cxm.errors import DomainError, NotAllowed
from cxm.scope import tenant
from tests.factories import an_actor, an_organization
from tests.factories.customers import a_customer
from tests.factories.maps import a_persona, a_touchpoint
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")
pytestmark = pytest.mark.django_db


def a_map(touchpoint: Any = None, **values: Any) -> Any:
    """A published map with a quote among its thoughts and a touchpoint."""
    key = (touchpoint or a_touchpoint("Till")).key
    cards = [
        {"lane": "thoughts", "text": "Ring me on +49 30 1234567 she said"},
        {"lane": "pain_points", "text": "Waits in line"},
    ]
    steps = [{"name": "Pay", "touchpoints": [key], "belief": 1, "cards": cards}]
    journey = services.create_journey(actor=SYSTEM, name="Buying", stages=[{"name": "Buy", "steps": steps}], **values)
    services.publish_journey(actor=SYSTEM, journey=journey, purpose="For everybody")
    journey.refresh_from_db()
    return journey


def link(journey: Any, actor: Actor = SYSTEM, **values: Any) -> str:
    return create_share_link(actor=actor, kind="journey", object_id=journey.pk, **values)[1]


def read(key: str) -> str:
    response = Client().get(f"/share/{key}/")
    assert response.status_code == 200
    return response.content.decode()


def answered(touchpoint: Any, *scores: int, **values: Any) -> Any:
    survey = a_survey("nps", touchpoint=touchpoint, **values)
    greta = a_customer(name="Greta Secret")
    for score in scores:
        an_answer(survey, score, "Greta Secret says hello", customer_id=greta.pk)
    refold_organization()
    return survey


def test_a_stranger_sees_the_published_map_and_neither_draft_nor_scores_nor_quotes(acme: Any) -> None:
    with tenant(acme):
        touchpoint = a_touchpoint("Till")
        answered(touchpoint, *[10] * 40)
        journey = a_map(touchpoint)
        services.add_stage(actor=SYSTEM, journey=journey, name="Secret plans")
        key = link(journey)
    page = read(key)
    assert "Waits in line" in page and "Till" in page and "For everybody" in page
    assert "Secret plans" not in page
    assert "NPS +100" not in page and "not measured" not in page
    assert "Ring me" not in page


def test_scores_are_live_where_chosen_and_lead_nowhere(acme: Any) -> None:
    with tenant(acme):
        touchpoint = a_touchpoint("Till")
        journey = a_map(touchpoint)
        key = link(journey, options={"show_scores": True})
        assert "not measured" in read(key)
        answered(touchpoint, *[10] * 40)
    page = read(key)
    assert "NPS +100" in page and "n 40" in page
    assert f"/o/{acme.slug}/" not in page
    assert "Greta" not in page and "Secret" not in page


def test_quotes_are_masked(acme: Any) -> None:
    with tenant(acme):
        key = link(a_map(), options={"show_quotes": True})
    page = read(key)
    assert "Ring me" in page
    assert "1234567" not in page


def test_few_answers_to_an_anonymous_survey_stay_hidden(acme: Any) -> None:
    with tenant(acme):
        touchpoint = a_touchpoint("Till")
        survey = a_survey("nps", touchpoint=touchpoint, anonymous=True)
        for score in (10, 10, 10):
            an_answer(survey, score)
        refold_organization()
        key = link(a_map(touchpoint), options={"show_scores": True})
    page = read(key)
    assert "hidden" in page
    assert "NPS +100" not in page and "n 3" not in page


def test_a_chosen_version_stays_when_another_is_published(acme: Any) -> None:
    with tenant(acme):
        journey = a_map()
        key, newest = link(journey, options={"version": 1}), link(journey)
        services.add_stage(actor=SYSTEM, journey=journey, name="Aftercare")
        journey.refresh_from_db()
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="Second")
    assert "Aftercare" not in read(key)
    assert "Aftercare" in read(newest)


def test_the_persona_is_named_only_as_published(acme: Any) -> None:
    with tenant(acme):
        key = link(a_map(persona=a_persona("Unpublished Ursula")))
    assert "Ursula" not in read(key)


def test_filters_of_the_link_hold_and_a_segment_that_is_gone_ends_it(acme: Any) -> None:
    with tenant(acme):
        touchpoint = a_touchpoint("Till")
        answered(touchpoint, *[10] * 40)
        segment = create_segment(actor=SYSTEM, name="Nobody", kind="static")
        journey = a_map(touchpoint)
        key = link(journey, options={"show_scores": True, "filters": {"segment": str(segment.pk)}})
        assert "NPS +100" not in read(key)
        with pytest.raises(DomainError):
            link(journey, options={"filters": {"from": "yesterday"}})
        with pytest.raises(DomainError):
            link(journey, options={"filters": {"segment": str(journey.pk)}})
        other = an_organization("Other")
    with tenant(other):
        foreign = create_segment(actor=SYSTEM, name="Theirs", kind="static")
    with tenant(acme), pytest.raises(DomainError):
        link(journey, options={"filters": {"segment": str(foreign.pk)}})


def test_a_link_shows_no_more_branches_than_its_maker_sees(acme: Any) -> None:
    with tenant(acme):
        north, south = create_unit(actor=SYSTEM, name="North"), create_unit(actor=SYSTEM, name="South")
        touchpoint = a_touchpoint("Till")
        survey = a_survey("nps", touchpoint=touchpoint)
        for _number in range(30):
            an_answer(survey, 10, unit_id=north.pk)
            an_answer(survey, 0, unit_id=south.pk)
        refold_organization()
        journey = a_map(touchpoint)
        local = an_actor(acme, "manager", unit=north)
        key, whole = link(journey, local, options={"show_scores": True}), link(journey, options={"show_scores": True})
    assert "NPS +100" in read(key)
    assert "NPS +100" not in read(whole)


def test_who_may_not_see_scores_or_drafts_shares_neither(acme: Any) -> None:
    with tenant(acme):
        journey = a_map()
        sharer = Actor(kind="user", grants=(an_actor(acme, "employee").grants[0],))
        with pytest.raises(NotAllowed):
            link(journey, sharer)


def test_an_archived_map_and_a_link_of_one_are_gone(acme: Any) -> None:
    with tenant(acme):
        journey = a_map()
        key = link(journey)
        services.archive_journey(actor=SYSTEM, journey=journey)
    assert Client().get(f"/share/{key}/").status_code == 404
    with tenant(acme):
        services.unarchive_journey(actor=SYSTEM, journey=journey)
    assert Client().get(f"/share/{key}/").status_code == 200


def test_the_link_of_somebody_who_left_stays(acme: Any) -> None:
    with tenant(acme):
        maker = an_actor(acme)
        key = link(a_map(), maker)
        ShareLink.objects.update(created_by=None)
    assert "Waits in line" in read(key)


def test_the_pdf_of_a_link_holds_what_the_page_holds(acme: Any) -> None:
    with tenant(acme):
        key = link(a_map())
    response = Client().get(f"/share/{key}/map.pdf")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/pdf"
    assert response["X-Robots-Tag"] == "noindex"
    assert response.content.startswith(b"%PDF")


def test_other_organisations_pictures_are_not_reached_through_a_link(acme: Any) -> None:
    with tenant(acme):
        key = link(a_map())
    for name in (f"{'0' * 32}.webp", "x.webp", "..%2f..%2fx"):
        assert Client().get(f"/share/{key}/{name}").status_code == 404


def test_an_expired_link_shows_nothing_of_the_map(acme: Any) -> None:
    with tenant(acme):
        key = link(a_map())
        ShareLink.objects.update(expires_at=now() - timedelta(minutes=1))
    for path in ("", "map.pdf"):
        response = Client().get(f"/share/{key}/{path}")
        assert response.status_code == 410
        assert b"Buying" not in response.content


def test_a_shared_map_costs_the_same_for_one_step_and_for_three(acme: Any) -> None:
    with tenant(acme):
        counts = []
        for steps in (1, 3):
            keys = [a_touchpoint(f"T{steps}{at}").key for at in range(steps)]
            body = [{"name": f"S{at}", "touchpoints": [key]} for at, key in enumerate(keys)]
            journey = services.create_journey(actor=SYSTEM, name="M", stages=[{"name": "Buy", "steps": body}])
            services.publish_journey(actor=SYSTEM, journey=journey, purpose="p")
            key = link(journey, options={"show_scores": True})
            read(key)
            with CaptureQueriesContext(connection) as captured:
                read(key)
            counts.append(len(captured))
    assert counts[0] == counts[1]


def test_customers_named_like_a_card_are_not_looked_up(acme: Any) -> None:
    with tenant(acme):
        a_customer(name="Greta Secret", email="greta@example.com")
        key = link(a_map(), options={"show_scores": True, "show_quotes": True})
    assert "greta@example.com" not in read(key)


def test_nobody_holds_the_workers_by_drawing_documents(acme: Any) -> None:
    with tenant(acme):
        key = link(a_map())
    codes = [Client().get(f"/share/{key}/map.pdf").status_code for _number in range(12)]
    assert codes[0] == 200
    assert codes[-1] == 429
    assert Client().get(f"/share/{key}/").status_code == 200
