"""The dashboard and the feedback list under a segment or a persona: the same numbers as the API."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from apps.personas.models import Persona
from apps.segments.models import Segment, SegmentMember
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, signed_in
from tests.factories.customers import a_customer
from tests.factories.maps import a_persona
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Any:
    return an_organization("Acme")


@pytest.fixture
def bound(acme: Any) -> Persona:
    """A persona whose segment holds two of three people who answered."""
    with tenant(acme):
        survey = a_survey("nps", relationship=True)
        segment = Segment.objects.create(name="First bill", kind="static", state="ready", size=2)
        for number, given in enumerate((10, 9, 0)):
            customer = a_customer()
            an_answer(survey, given, "Because.", customer_id=customer.pk)
            if number < 2:
                SegmentMember.objects.create(segment=segment, customer=customer)
        fold_pending()
        persona = a_persona("Lena")
        Persona.objects.filter(pk=persona.pk).update(segment=segment)
        persona.refresh_from_db()
    return persona


@pytest.mark.parametrize("by", ["segment", "persona"])
def test_tile_under_the_filter_says_what_the_api_says_and_leads_to_as_many_answers(
    acme: Any, bound: Persona, by: str
) -> None:
    query = f"{by}={bound.segment_id if by == 'segment' else bound.pk}"
    client = signed_in(a_member(acme, "analyst"))
    page = client.get(f"/o/{acme.slug}/?{query}&period=all").content.decode()
    api = an_api_client(acme).get(f"/api/v1/metrics/nps/?{query}").json()
    assert (api["value"], api["n"]) == (100.0, 2)
    assert "+100" in page and "n 2" in page
    link = next(
        unescape(url) for url in re.findall(r'href="([^"]+)"', page) if "feedback/?" in url and "metric=nps" in url
    )
    assert query in link
    assert "2 answers" in client.get(link).content.decode()


def test_filter_stands_as_a_chip_that_can_be_removed(acme: Any, bound: Persona) -> None:
    page = signed_in(a_member(acme, "analyst")).get(f"/o/{acme.slug}/feedback/?segment={bound.segment_id}")
    assert "Remove filter Segment" in page.content.decode()
    assert "First bill" in page.content.decode()


def test_unbound_personas_and_those_of_others_are_not_offered(acme: Any, bound: Persona) -> None:
    other = an_organization("Other")
    with tenant(other):
        theirs = a_persona("Their persona")
        segment = Segment.objects.create(name="Their segment", kind="static", state="ready")
        Persona.objects.filter(pk=theirs.pk).update(segment=segment)
    with tenant(acme):
        a_persona("Unbound persona")
    client = signed_in(a_member(acme, "manager"))
    for path in ("", "feedback/"):
        page = client.get(f"/o/{acme.slug}/{path}").content.decode()
        assert "First bill" in page and "Lena" in page
        assert "Their" not in page and "Unbound persona" not in page
        assert client.get(f"/o/{acme.slug}/{path}?segment={segment.pk}").status_code == 422


def test_names_of_segments_are_offered_to_who_may_see_segments(acme: Any, bound: Persona) -> None:
    assert "First bill" in signed_in(a_member(acme, "analyst")).get(f"/o/{acme.slug}/").content.decode()
    page = signed_in(a_member(acme, "agent")).get(f"/o/{acme.slug}/").content.decode()
    assert "First bill" not in page
