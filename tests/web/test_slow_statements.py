"""A page whose question takes too long ends with a clear answer; jobs have all the time they need."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from cxm import urls as pages
from cxm.api.problems import problem_exception_handler
from cxm.db.base import DatabaseWrapper
from cxm.db.limits import took_too_long
from cxm.scope import tenant
from tests.factories import an_organization


def slow(request: HttpRequest) -> HttpResponse:
    with tenant(an_organization("Slow")), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(20)")
    return HttpResponse("done")


urlpatterns = [path("slow/", slow), *pages.urlpatterns]
handler500 = pages.handler500


@pytest.fixture
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseWrapper, "statement_seconds", 0.05)


@override_settings(ROOT_URLCONF=__name__)
def test_a_page_says_that_its_question_took_too_long(db: None, little_time: None) -> None:
    answer = Client().get("/slow/")
    assert answer.status_code == 503
    assert "took too long" in answer.content.decode()
    assert Client().get("/slow/", HTTP_ACCEPT="application/json").json()["status"] == 503


def test_the_api_says_so_too(db: None, little_time: None) -> None:
    with pytest.raises(OperationalError) as caught:
        slow(RequestFactory().get("/"))
    assert took_too_long(caught.value)
    answer = problem_exception_handler(caught.value, {})
    assert answer is not None and answer.status_code == 503
    assert "took too long" in answer.data["detail"]


def test_other_processes_have_no_limit(db: None) -> None:
    with tenant(an_organization("Patient")), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        assert cursor.fetchone() == ("0",)


def test_the_limit_is_said_with_the_statement_and_not_shown_as_part_of_it(db: None, little_time: None) -> None:
    organization = an_organization("Brief")
    with tenant(organization), CaptureQueriesContext(connection) as queries, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        assert cursor.fetchone() == ("50ms",)
    assert [query["sql"] for query in queries] == ["SELECT current_setting('statement_timeout')"]
