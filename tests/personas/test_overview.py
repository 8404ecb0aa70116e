"""Pages over several personas: gallery, two beside each other, our customer, reviews that are due."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.journeys.models import Journey
from apps.outbox.relay import drain
from apps.personas import services
from apps.personas.differences import differences
from apps.personas.models import Persona, ReviewNotice
from apps.personas.overlaps import overlap
from apps.personas.reviews import tell_owners
from apps.segments.scores import difference_of, headlines_of, scores_of
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.customers import a_customer
from tests.factories.maps import a_journey, a_persona
from tests.factories.metrics import fold_pending
from tests.factories.segments import a_list
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
YESTERDAY = timedelta(days=1)


@pytest.fixture
def acme() -> Any:
    return an_organization("Acme")


def url(organization: Any, path: str) -> str:
    return f"/o/{organization.slug}/{path}"


def published(name: str, **values: Any) -> Persona:
    persona = a_persona(name, **values)
    services.publish_persona(actor=SYSTEM, persona=persona, purpose="First")
    return Persona.objects.get(pk=persona.pk)


def test_gallery_filters_sorts_and_marks_anti_personas(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        published("Lena", tagline="young family")
        a_persona("Kevin", kind="anti", reason="He pays nothing", review_date="2026-01-01")
    html = manager.get(url(acme, "personas/")).content.decode()
    assert html.index("Lena") < html.index("Kevin"), "those we serve come first"
    assert "Anti-persona: not who we serve" in html and "He pays nothing" in html and "Review is due" in html
    for query, seen, hidden in (
        ("q=young", "Lena", "Kevin"),
        ("kind=anti", "Kevin", "Lena"),
        ("state=draft", "Kevin", "Lena"),
        ("state=published", "Lena", "Kevin"),
        ("state=due", "Kevin", "Lena"),
    ):
        html = manager.get(url(acme, f"personas/?{query}")).content.decode().partition('id="list"')[2]
        assert seen in html and hidden not in html, query
    for hostile in ("sort=x", "kind=x", "state=%00", "q=" + "a" * 300, "page=x"):
        assert manager.get(url(acme, f"personas/?{hostile}")).status_code == 200, hostile


def test_gallery_shows_size_and_score_and_costs_the_same_for_many(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        survey = a_survey("nps", relationship=True)

        def one(name: str) -> None:
            customer = a_customer()
            segment = a_list(customer, name=f"People of {name}")
            an_answer(survey, 9, customer_id=customer.pk)
            fold_pending()
            a_persona(name, segment=str(segment.pk))

        one("First")
    manager.get(url(acme, "personas/"))
    with CaptureQueriesContext(connection) as few:
        html = manager.get(url(acme, "personas/")).content.decode()
    assert "+100" in html
    with tenant(acme):
        one("Second")
        one("Third")
    with CaptureQueriesContext(connection) as many:
        manager.get(url(acme, "personas/"))
    assert len(many) == len(few)


def test_headline_is_what_the_sheet_says(acme: Any) -> None:
    with tenant(acme):
        survey, customers = a_survey("nps", relationship=True), [a_customer() for _number in range(3)]
        segment = a_list(*customers)
        for customer, given in zip(customers, (10, 9, 3), strict=True):
            an_answer(survey, given, customer_id=customer.pk)
        fold_pending()
        asked = {"actor": SYSTEM, "organization": acme}
        (sheet,) = [score for score in scores_of(segment_id=segment.pk, **asked) if score.name == "nps"]
        assert headlines_of(metric="nps", segment_ids=[segment.pk], **asked)[segment.pk] == sheet.metric
        assert difference_of(sheet.metric, sheet.metric) is None, "three answers are too few"


def test_two_personas_beside_each_other(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        both, one = a_customer(), a_customer()
        first, second = a_list(both, one, name="First people"), a_list(both, name="Second people")
        left = a_persona("Lena", needs=["A price.", "A date"], segment=str(first.pk))
        right = a_persona("Kurt", needs=["a price"], segment=str(second.pk))
        assert overlap(first.pk, second.pk) == 1
        assert overlap(first.pk, first.pk) is None
    html = manager.get(url(acme, f"personas/compare/?a={left.pk}&b={right.pk}")).content.decode()
    assert "customer belongs to both" in html and "First people" in html and "= both" in html
    assert manager.get(url(acme, "personas/compare/")).status_code == 200
    assert manager.get(url(acme, f"personas/compare/?a={left.pk}&b=nothing")).status_code == 404
    assert manager.get(url(acme, f"personas/compare/?a={left.pk}&va=9&b={right.pk}")).status_code == 404


def test_two_versions_beside_each_other(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        persona = published("Lena", needs=["A price"])
        services.update_persona(actor=SYSTEM, persona=persona, needs=["A date"])
    html = manager.get(url(acme, f"personas/compare/?a={persona.pk}&va=1&b={persona.pk}")).content.decode()
    assert "version 1" in html and "A price" in html and "A date" in html


def test_strangers_personas_cannot_be_compared(acme: Any) -> None:
    manager = signed_in(a_member(acme, "manager"))
    with tenant(acme):
        own = a_persona("Own")
    with tenant(an_organization("Other")):
        foreign = a_persona("Foreign")
    assert manager.get(url(acme, f"personas/compare/?a={own.pk}&b={foreign.pk}")).status_code == 404
    assert b"Foreign" not in manager.get(url(acme, "personas/compare/")).content


def test_our_customer_shows_what_is_published_with_its_maps(acme: Any) -> None:
    employee = signed_in(a_member(acme, "employee"))
    assert "Nothing is published yet" in employee.get(url(acme, "our-customer/")).content.decode()
    with tenant(acme):
        lena = published("Lena", needs=["To be told the price"])
        published("Kevin", kind="anti", reason="We would lose on him")
        a_persona("Secret draft")
        journey = a_journey("Move house", persona=lena)
        Journey.objects.filter(pk=journey.pk).update(published_version=1)
        a_journey("Hidden map", persona=lena)
    html = employee.get(url(acme, "our-customer/")).content.decode()
    assert "To be told the price" in html and "Move house" in html
    assert html.index("Whom we do not serve") < html.index("We would lose on him")
    assert "Secret draft" not in html and "Hidden map" not in html


@pytest.mark.parametrize("path", ["our-customer/", "reviews/"])
def test_overview_costs_the_same_for_one_and_for_three(acme: Any, path: str) -> None:
    manager = signed_in(a_member(acme, "manager"))

    def one() -> None:
        with tenant(acme):
            published("Lena", review_date="2026-01-01")

    one()
    manager.get(url(acme, path))
    with CaptureQueriesContext(connection) as few:
        manager.get(url(acme, path))
    one()
    one()
    with CaptureQueriesContext(connection) as many:
        manager.get(url(acme, path))
    assert len(many) == len(few)


def test_reviews_that_are_due_are_listed_and_told_once(acme: Any) -> None:
    owner = a_member(acme, "manager", name="Olga Reviewer")
    day = timezone.localdate() - YESTERDAY
    with tenant(acme):
        persona = a_persona("Lena", owner=str(owner.pk), review_date=day.isoformat())
        a_persona("Fresh", owner=str(owner.pk), review_date=timezone.localdate().isoformat())
        journey = a_journey("Move house")
        Journey.objects.filter(pk=journey.pk).update(review_date=day)
        a_persona("Archived", review_date="2026-01-01")
        services.archive_persona(actor=SYSTEM, persona=Persona.objects.get(name="Archived"))
    html = signed_in(owner).get(url(acme, "reviews/")).content.decode()
    assert "Lena" in html and "Move house" in html and "Fresh" not in html and "Archived</a>" not in html
    mine = signed_in(owner).get(url(acme, "reviews/?mine=1")).content.decode()
    assert "Lena" in mine and "Move house" not in mine
    with tenant(acme):
        assert tell_owners() == 1
        assert tell_owners() == 0
        drain()
        (sent,) = [message for message in mail.outbox if message.to == [owner.email]]
        assert "Lena" in sent.subject
        services.update_persona(actor=SYSTEM, persona=persona, review_date=date(2025, 12, 1).isoformat())
        assert tell_owners() == 1, "another day is another notice"
        assert ReviewNotice.objects.count() == 2


def test_review_that_was_done_meanwhile_is_not_told(acme: Any) -> None:
    owner = a_member(acme, "manager")
    with tenant(acme):
        persona = a_persona("Lena", owner=str(owner.pk), review_date="2026-01-01")
        tell_owners()
        services.update_persona(actor=SYSTEM, persona=persona, review_date="2099-01-01")
        drain()
    assert [message for message in mail.outbox if message.to == [owner.email]] == []


def test_differences_say_what_is_cosmetic() -> None:
    old = {"name": "Lena", "needs": ["A price first", "A date"], "kind": "persona"}
    new = {"name": "LENA", "needs": ["A date", "A price, first!"], "kind": "anti"}
    found = {difference.field: difference for difference in differences(old, new)}
    assert found["name"].cosmetic
    assert found["needs"].cosmetic and not found["needs"].substantive
    assert "Anti-persona" in found["kind"].sentence and found["kind"].substantive
    (moved,) = differences({"needs": ["a", "b"]}, {"needs": ["b", "a"]})
    assert moved.kind == "moved" and moved.cosmetic
    (reworded,) = differences({"needs": ["To know the price before"]}, {"needs": ["To know the price early"]})
    assert reworded.kind == "changed" and reworded.substantive
    assert differences(old, old) == []


def test_chooser_of_a_map_marks_anti_personas(acme: Any) -> None:
    with tenant(acme):
        a_persona("Kevin", kind="anti")
    html = signed_in(a_member(acme, "manager")).get(url(acme, "journeys/new/?start=blank")).content.decode()
    assert "Kevin (anti-persona)" in html
