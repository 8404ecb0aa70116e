"""The dashboard page: what it says, to whom, and at what cost."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.maps import a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer


@pytest.fixture
def organization(db):
    return an_organization("Acme")


@pytest.fixture
def client(organization):
    return signed_in(a_member(organization, "manager"))


def text_of(response) -> str:
    """The words of a page, without markup."""
    body = response.content.decode() if not response.streaming else b"".join(response).decode("utf-8-sig")
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", body)))


def links_of(response) -> list[str]:
    return [unescape(url) for url in re.findall(r'href="([^"]+)"', response.content.decode())]


def answers(survey, *scores, **values):
    for score in scores:
        an_answer(survey, score, **values)


def home(organization, query=""):
    return f"/o/{organization.slug}/{query}"


def test_tiles_show_score_interval_and_number_of_answers(organization, client):
    with tenant(organization):
        answers(a_survey("nps", relationship=True), *[9] * 50, *[7] * 30, *[0] * 20)
        answers(a_survey("csat", relationship=True), *[5] * 80, *[1] * 20)
        fold_pending()
    page = text_of(client.get(home(organization)))
    assert "+30 (14 to 44)" in page
    assert "n 100" in page
    assert "80 % (71 to 87)" in page


def test_without_relationship_survey_the_tile_says_that_it_shows_touchpoint_surveys(organization, client):
    with tenant(organization):
        answers(a_survey("nps", touchpoint=a_touchpoint("Invoice", key="invoice")), 9, 9, 0)
        fold_pending()
    response = client.get(home(organization))
    assert "touchpoint surveys" in text_of(response)
    assert any("metric=nps" in url and "kind=touchpoint" in url for url in links_of(response))


def test_touchpoint_answers_are_never_added_to_the_relationship_headline(organization, client):
    with tenant(organization):
        answers(a_survey("nps", relationship=True), *[9] * 40)
        answers(a_survey("nps", touchpoint=a_touchpoint("Invoice")), *[0] * 40)
        fold_pending()
    page = text_of(client.get(home(organization)))
    assert "+100 (" in page and "n 40" in page
    assert "−100 (" in page  # the touchpoint's own row


def test_few_answers_are_shown_with_the_word_weak(organization, client):
    with tenant(organization):
        answers(a_survey("nps", touchpoint=a_touchpoint("City shop")), *[9] * 17)
        fold_pending()
    response = client.get(home(organization))
    row = re.search(r"<tr><th[^>]*><a[^>]*>City shop.*?</tr>", response.content.decode(), re.S)[0]
    assert "cx-hx" in row and "weak" in row and "+100" in row and ">17<" in row


def test_every_number_leads_to_as_many_answers(organization, client):
    with tenant(organization):
        invoice = a_touchpoint("Invoice", key="invoice")
        answers(a_survey("nps", relationship=True), 9, 9, 8, 3)
        answers(a_survey("nps", touchpoint=invoice), 10, 0)
        answers(a_survey("csat", touchpoint=invoice), 5, 4, 1)
        fold_pending()
    body = client.get(home(organization)).content.decode()
    tiles = re.findall(r'<h2><a href="([^"]+)">.*?n (\d+)', body, re.S)
    cells = re.findall(r'<td class="n"><a href="([^"]+)">(\d+)</a>', body)
    bands = re.findall(r'<a href="([^"]+band=[^"]+)">[^<]*· (\d+)</a>', body)
    periods = re.findall(r'<td class="r"><a href="([^"]+)">(\d+)</a>', body)
    assert len(tiles) >= 2 and cells and len(bands) == 3 and periods
    for url, n in [*tiles, *cells, *bands, *periods]:
        listed = client.get(unescape(url)).content.decode()
        assert re.search(r'id="list-h">([\d\u202f]+)', listed)[1] == n, url


def test_change_is_coloured_only_where_it_is_significant(organization, client):
    with tenant(organization):
        survey = a_survey("nps", relationship=True)
        answers(survey, *[0] * 30, occurred_at=now() - timedelta(days=100))
        answers(survey, *[10] * 30)
        weak = a_survey("csat", relationship=True)
        answers(weak, 5, 4, 1, occurred_at=now() - timedelta(days=100))
        answers(weak, 5, 5, 1)
        fold_pending()
    body = client.get(home(organization)).content.decode()
    assert re.search(r'cx-pill cx-up">.*?\+200', body, re.S)
    assert "within error margin" in body
    assert "vs prior 90 days" in body


def test_comments_are_those_behind_what_moved(organization, client):
    with tenant(organization):
        invoice = a_touchpoint("Invoice", key="invoice")
        survey, calm = a_survey("nps", touchpoint=invoice), a_survey("nps", touchpoint=a_touchpoint("Shop"))
        answers(survey, *[10] * 30, occurred_at=now() - timedelta(days=100))
        answers(survey, *[0] * 30, occurred_at=now() - timedelta(days=2))
        an_answer(survey, 0, "The bill doubled", occurred_at=now() - timedelta(days=2))
        an_answer(survey, 10, "Still fine for me", occurred_at=now() - timedelta(days=1))
        an_answer(calm, 5, "Nice shop")
        fold_pending()
    page = text_of(client.get(home(organization)))
    assert "Comments behind what moved" in page and "The bill doubled" in page
    assert "Nice shop" not in page and "Still fine for me" not in page


def test_without_any_survey_the_page_says_what_to_do(organization, client):
    page = text_of(client.get(home(organization)))
    assert "No scores yet" in page and "Make a survey" in page


def test_answers_on_several_scales_are_not_added(organization, client):
    seven = {
        "version": 1,
        "languages": ["en"],
        "pages": [{"id": "p", "questions": [{"id": "score", "type": "csat", "scale": 7, "title": {"en": "How?"}}]}],
    }
    with tenant(organization):
        answers(a_survey("csat", relationship=True), 5)
        answers(a_survey("csat", relationship=True, definition=seven), 7)
        fold_pending()
    assert "Asked on different scales: choose one survey." in text_of(client.get(home(organization)))


def test_what_people_wrote_is_never_markup(organization, client):
    with tenant(organization):
        survey = a_survey("nps", relationship=True, touchpoint=a_touchpoint("<b>Bold</b>"))
        an_answer(survey, 9, "<script>alert(1)</script>")
        fold_pending()
    body = client.get(home(organization)).content.decode()
    assert "<script>alert" not in body and "&lt;script&gt;alert" in body
    assert "<b>Bold</b>" not in body


def test_nothing_of_another_organisation_shows(organization, client):
    other = an_organization("Other")
    with tenant(other):
        an_answer(a_survey("nps", name="Zanzibar survey", relationship=True), 9, "Zanzibar comment")
        fold_pending()
    assert "Zanzibar" not in text_of(client.get(home(organization)))
    assert client.get(home(other)).status_code == 404


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("manager", 200), ("analyst", 200), ("agent", 200), ("employee", 403)]
)
def test_roles_see_the_dashboard_as_the_matrix_says(organization, role, status):
    visitor = signed_in(a_member(organization, role))
    assert visitor.get(home(organization)).status_code == status


@pytest.mark.parametrize("query", ["?survey=x", "?from=soon", "?unit=1", "?channel=telepathy"])
def test_filter_that_means_nothing_is_explained(organization, client, query):
    response = client.get(home(organization, query))
    assert 400 <= response.status_code < 500


@pytest.mark.parametrize("query", ["?interval=eon", "?show=love", "?from=0001-01-01&to=9999-12-31", "?page=%00"])
def test_odd_parameters_are_no_error(organization, client, query):
    with tenant(organization):
        answers(a_survey("nps", relationship=True), 9)
        fold_pending()
    assert client.get(home(organization, query)).status_code == 200


def test_page_costs_at_most_fifteen_queries_whatever_it_shows(organization, client):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(home(organization)).status_code == 200
        return len([q for q in captured.captured_queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))])

    def grow(name: str) -> None:
        with tenant(organization):
            answers(a_survey("nps", touchpoint=a_touchpoint(name)), 9, 3)
            an_answer(a_survey("csat", relationship=True), 4, "Fine")
            fold_pending()

    grow("One")
    client.get(home(organization))
    one = queries()
    grow("Two")
    grow("Three")
    assert queries() == one
    assert one <= 15


def test_export_holds_the_scores_of_the_page(organization, client):
    with tenant(organization):
        answers(a_survey("nps", relationship=True), 9, 9, 0, 0)
        answers(a_survey("nps", touchpoint=a_touchpoint("=cmd|calc")), 9)
        fold_pending()
    response = client.get(f"/o/{organization.slug}/scores.csv?period=all")
    rows = list(csv.reader(b"".join(response).decode("utf-8-sig").splitlines()))
    assert rows[1][:4] == ["nps", "total", "", "0.0"]
    assert "attachment" in response["Content-Disposition"]
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    assert any(cell == "'=cmd|calc" for row in rows for cell in row)
