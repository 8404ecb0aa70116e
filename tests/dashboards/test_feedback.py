"""The feedback list and its answers: filters, pages, rights, downloads."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.organizations.models import Unit
from apps.organizations.services import create_unit
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.customers import a_customer
from tests.factories.maps import a_touchpoint
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")


@pytest.fixture
def organization(db):
    return an_organization("Acme")


@pytest.fixture
def client(organization):
    return signed_in(a_member(organization, "manager"))


def at(day: int) -> datetime:
    return datetime(2026, 3, day, 12, tzinfo=UTC)


def listed(client, organization, query="") -> list[str]:
    body = client.get(f"/o/{organization.slug}/feedback/?{query}").content.decode()
    return [unescape(text).strip("“”") for text in re.findall(r'<p dir="auto">(.*?)</p>', body, re.S)]


@pytest.fixture
def three(organization):
    """A promoter on the web, a passive by phone, a dissatisfied one at a touchpoint."""
    with tenant(organization):
        nps = a_survey("nps", relationship=True)
        an_answer(nps, 9, "loved it", channel="web", language="en", occurred_at=at(1))
        an_answer(nps, 7, "so so", channel="phone", language="de", occurred_at=at(2))
        csat = a_survey("csat", touchpoint=a_touchpoint("Invoice", key="invoice"))
        an_answer(csat, 1, "too dear", channel="mail", language="en", occurred_at=at(3))
    return organization


def test_newest_answers_come_first(three, client):
    assert listed(client, three) == ["too dear", "so so", "loved it"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("metric=nps", ["so so", "loved it"]),
        ("band=promoter", ["loved it"]),
        ("band=passive", ["so so"]),
        ("band=detractor", ["too dear"]),
        ("score=7,9", ["so so", "loved it"]),
        ("score=1&metric=csat", ["too dear"]),
        ("touchpoint=invoice", ["too dear"]),
        ("channel=phone", ["so so"]),
        ("language=de", ["so so"]),
        ("q=LOVED", ["loved it"]),
        ("kind=relationship", ["so so", "loved it"]),
        ("kind=touchpoint", ["too dear"]),
        ("from=2026-03-02&to=2026-03-02", ["so so"]),
        ("from=2026-03-01T12:00:00Z&to=2026-03-02T12:00:00Z", ["loved it"]),
        ("q=%25", []),
    ],
)
def test_filters_keep_the_answers_that_fit(three, client, query, expected):
    assert listed(client, three, query) == expected


def test_filter_without_a_match_offers_to_clear_it(three, client):
    body = client.get(f"/o/{three.slug}/feedback/?q=nothing").content.decode()
    assert "No answers match" in body and "Clear filters" in body


@pytest.mark.parametrize(
    "query", ["metric=love", "band=x", "score=many", "customer=1", "kind=x", "cursor=x", "cursor=2026~1"]
)
def test_filter_that_means_nothing_is_refused(three, client, query):
    assert 400 <= client.get(f"/o/{three.slug}/feedback/?{query}").status_code < 500


@pytest.mark.parametrize("query", ["q=%00", "q=%ED%A0%80", "language=%00", "score=99999999999999999999", "cursor=%00"])
def test_no_input_breaks_the_page(three, client, query):
    assert client.get(f"/o/{three.slug}/feedback/?{query}").status_code < 500


def test_pages_follow_each_other_without_gap_or_repeat(organization, client):
    with tenant(organization):
        survey = a_survey("nps")
        for i in range(120):
            an_answer(survey, 9, f"c{i}", occurred_at=at(1) + timedelta(hours=i // 3))
    seen, query = [], ""
    for _ in range(4):
        body = client.get(f"/o/{organization.slug}/feedback/?{query}").content.decode()
        seen += re.findall(r"“(c\d+)”", body)
        following = re.search(r'rel="next" href="\?([^"]+)"', body)
        if not following:
            break
        query = unescape(following[1])
    assert len(seen) == 120 == len(set(seen))


def test_list_costs_the_same_number_of_queries_for_one_and_for_three(organization, client):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(f"/o/{organization.slug}/feedback/")
        return len(captured)

    def grow() -> None:
        with tenant(organization):
            an_answer(a_survey("nps", touchpoint=a_touchpoint()), 9, "Good", customer_id=a_customer().pk)

    grow()
    queries()
    one = queries()
    grow()
    grow()
    assert queries() == one


def test_member_of_a_branch_reads_the_answers_of_the_branch_alone(organization):
    with tenant(organization):
        north, south = create_unit(actor=SYSTEM, name="North"), create_unit(actor=SYSTEM, name="South")
        survey = a_survey("nps")
        an_answer(survey, 9, "from the north", unit_id=north.pk)
        southern = an_answer(survey, 9, "from the south", unit_id=south.pk)
        member = a_member(organization, "manager", unit=Unit.objects.get(pk=north.pk))
    visitor = signed_in(member)
    assert listed(visitor, organization) == ["from the north"]
    assert visitor.get(f"/o/{organization.slug}/feedback/{southern.pk}/").status_code == 404


def test_answer_is_shown_in_the_words_of_the_version_answered(organization, client):
    definition = {
        "version": 1,
        "languages": ["en", "de"],
        "pages": [
            {
                "id": "p",
                "questions": [
                    {"id": "score", "type": "nps", "title": {"en": "Would you recommend us?", "de": "Empfehlen?"}},
                    {
                        "id": "why",
                        "type": "choice",
                        "title": {"en": "Why?", "de": "Warum?"},
                        "choices": [{"id": "p", "label": {"en": "Price", "de": "Preis"}}],
                    },
                ],
            }
        ],
    }
    with tenant(organization):
        customer = a_customer(name="Ada Lovelace")
        survey = a_survey("nps", definition=definition)
        found = an_answer(survey, answers={"score": 8, "why": "p"}, language="de", customer_id=customer.pk)
    body = client.get(f"/o/{organization.slug}/feedback/{found.pk}/").content.decode()
    assert "Empfehlen?" in body and "Preis" in body and "Ada Lovelace" in body


def test_answer_of_another_organisation_is_not_there(organization, client):
    other = an_organization("Other")
    with tenant(other):
        theirs = an_answer(a_survey("nps"), 9, "secret")
    assert client.get(f"/o/{organization.slug}/feedback/{theirs.pk}/").status_code == 404
    assert listed(client, organization) == []


def test_anonymous_answer_has_no_page(organization, client):
    with tenant(organization):
        found = an_answer(a_survey("nps", anonymous=True), 9, "hush")
    assert client.get(f"/o/{organization.slug}/feedback/{found.pk}/").status_code == 404
    assert listed(client, organization) == []


@pytest.mark.parametrize(
    ("role", "page", "export"),
    [("owner", 200, 200), ("analyst", 200, 200), ("agent", 200, 403), ("employee", 403, 403)],
)
def test_roles_read_and_export_as_the_matrix_says(three, role, page, export):
    visitor = signed_in(a_member(three, role))
    assert visitor.get(f"/o/{three.slug}/feedback/").status_code == page
    assert visitor.get(f"/o/{three.slug}/feedback/export.csv").status_code == export


def test_export_holds_exactly_what_is_filtered_and_no_formula(organization, client):
    with tenant(organization):
        survey = a_survey("nps")
        an_answer(survey, 9, "=1+1", customer_id=a_customer(name="@ada").pk)
        an_answer(survey, 2, "left out")
    response = client.get(f"/o/{organization.slug}/feedback/export.csv?band=promoter")
    rows = list(csv.DictReader(b"".join(response).decode("utf-8-sig").splitlines()))
    assert [(row["score"], row["comment"], row["customer.name"]) for row in rows] == [("9", "'=1+1", "'@ada")]


def test_answers_of_one_customer_are_named_by_the_customer(organization, client):
    with tenant(organization):
        customer, survey = a_customer(name="Ada Lovelace"), a_survey("nps")
        an_answer(survey, 9, "by ada", customer_id=customer.pk)
        an_answer(survey, 9, "by nobody")
    assert listed(client, organization, f"customer={customer.pk}") == ["by ada"]
    body = client.get(f"/o/{organization.slug}/feedback/?customer={customer.pk}").content.decode()
    assert "Ada Lovelace" in body
