"""`/api/v1/metrics/`: the promised shape, rights and errors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cxm.scope import tenant
from tests.factories import an_api_client, an_organization
from tests.factories.maps import a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer

FIELDS = {"value", "low", "high", "n", "rule", "unit", "reliability", "suppressed", "distribution"}


@pytest.fixture
def answered(db):
    organization = an_organization("Acme")
    with tenant(organization):
        survey = a_survey("nps", relationship=True)
        for score, n in ((9, 50), (7, 30), (0, 20)):
            for _ in range(n):
                an_answer(survey, score, occurred_at=datetime(2026, 3, 1, 12, tzinfo=UTC))
        fold_pending()
    return organization


def test_nps_answers_with_the_promised_shape(answered):
    body = an_api_client(answered).get("/api/v1/metrics/nps/?interval=month&by=channel").json()
    assert set(body) == FIELDS | {"series", "groups", "breaks"}
    assert {name: body[name] for name in ("value", "n", "rule", "unit", "reliability", "suppressed")} == {
        "value": 30.0,
        "n": 100,
        "rule": "nps.v1",
        "unit": "points",
        "reliability": "usable",
        "suppressed": False,
    }
    assert (round(body["low"], 1), round(body["high"], 1)) == (14.1, 44.2)
    assert body["distribution"] == {str(i): {9: 50, 7: 30, 0: 20}.get(i, 0) for i in range(11)}
    (period,) = body["series"]
    assert set(period) == FIELDS | {"period"}
    assert (period["period"], period["n"]) == ("2026-03-01", 100)
    (group,) = body["groups"]
    assert set(group) == FIELDS | {"key", "label"}


@pytest.mark.parametrize(("metric", "rule"), [("nps", "nps.v1"), ("csat", "csat.top.v1"), ("ces", "ces2.top3.v1")])
def test_nothing_answered_is_null_and_not_zero(db, metric, rule):
    body = an_api_client(an_organization("Empty")).get(f"/api/v1/metrics/{metric}/").json()
    assert (body["value"], body["n"], body["rule"], body["series"], body["groups"]) == (None, 0, rule, [], [])


def test_other_organisations_answers_do_not_show(answered):
    stranger = an_organization("Stranger")
    body = an_api_client(stranger).get("/api/v1/metrics/nps/").json()
    assert (body["value"], body["n"]) == (None, 0)


def test_key_without_the_scope_is_refused(answered):
    client = an_api_client(answered, scopes=["customers.view"])
    response = client.get("/api/v1/metrics/nps/")
    assert response.status_code == 403
    assert response["Content-Type"] == "application/problem+json"


def test_wrong_filters_are_named_in_a_problem(answered):
    response = an_api_client(answered).get("/api/v1/metrics/nps/?from=soon&channel=x&interval=eon")
    assert response.status_code == 400
    assert {error["field"] for error in response.json()["errors"]} == {"channel", "from", "interval"}


def test_unknown_metric_is_not_found(answered):
    assert an_api_client(answered).get("/api/v1/metrics/love/").status_code == 404


def test_touchpoint_is_named_by_key(answered):
    with tenant(answered):
        touchpoint = a_touchpoint("Invoice", key="invoice")
        an_answer(a_survey("csat", touchpoint=touchpoint), 5)
        fold_pending()
    body = an_api_client(answered).get("/api/v1/metrics/csat/?touchpoint=invoice").json()
    assert (body["value"], body["n"], body["unit"]) == (100.0, 1, "percent")


def test_groups_cost_the_same_number_of_queries_for_one_and_for_three(answered):
    client = an_api_client(answered)

    def answer_at(name: str) -> None:
        with tenant(answered):
            an_answer(a_survey("nps", touchpoint=a_touchpoint(name)), 9)
            fold_pending()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get("/api/v1/metrics/nps/?by=touchpoint")
        return len(captured)

    answer_at("One")
    queries()  # the key's first use is noted once
    one = queries()
    answer_at("Two")
    answer_at("Three")
    assert queries() == one
