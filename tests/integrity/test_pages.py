"""The pages of integrity: what they say, who may see what, and that size costs no queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.integrity.flags import FLAGS
from apps.organizations.models import Organization, Unit
from apps.outbox.relay import drain
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, signed_in
from tests.factories.customers import a_customer
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer
from tests.integrity.population import a_measured_touchpoint, an_experience, asked, days_ago

PAGES = ("", "?by=unit", "?by=agent", "respondents/", "flags/")
OPERATIONS = ("coverage/", "coverage/?by=unit", "coverage/?by=agent", "representativeness/", "flags/")
HOSTILE = (
    "survey=x",
    "survey=%00",
    "touchpoint=%ED%A0%80",
    "unit=999999999999999999999999",
    "from=yesterday",
    "from=2026-02-30",
    "to=9999-99-99",
    "from=2026-05-02&to=2026-05-01",
    "by=soul",
    "metric=loyalty",
    "flag=nobody",
    "by_segment=x",
    "by_segment=%00",
    "by_segment=" + ",".join(f"00000000-0000-4000-8000-{number:012}" for number in range(7)),
)  # fmt: skip
ODD_BUT_TRUE = (
    "from=0001-01-01&to=9999-12-31",
    "from=9999-12-31",
    "to=0001-01-01",
    "period=all",
    "metric=ces",
    "survey=",
    "attribute:plan=gold&channel=email",
)


def page(organization: Organization, path: str = "") -> str:
    return f"/o/{organization.slug}/integrity/{path}"


def body(client: Any, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, response.content[-500:]
    return response.content.decode()


def some_of_everything(number: int = 1) -> None:
    """So many touchpoints, agents, units and marked answers."""
    for place in range(number):
        survey = a_measured_touchpoint(f"Call {place}")
        unit = Unit.objects.create(name=f"Branch {place}", code=f"b{place}")
        experience = an_experience(a_customer(unit=unit), event=f"Call {place}", agent=f"Agent {place}", unit=unit)
        invitation = asked(survey, experience.customer, experience=experience, state="completed")
        an_answer(
            survey,
            10,
            "She asked me to give a 10",
            customer_id=experience.customer_id,
            invitation_id=invitation.pk,
            attributes={"agent": f"Agent {place}"},
        )
    fold_pending()
    drain()


def test_empty_pages_say_what_to_do(acme: Organization) -> None:
    client = signed_in(a_member(acme, "owner"))
    assert "Nothing to cover yet" in body(client, page(acme))
    assert "Nobody was asked or answered in this period" in body(client, page(acme, "respondents/"))
    text = body(client, page(acme, "flags/"))
    assert "No answer is in doubt" in text
    assert "No answer in this period has a mark." in text


def test_the_pages_show_coverage_marks_and_both_scores(acme: Organization) -> None:
    some_of_everything()
    client = signed_in(a_member(acme, "owner"))
    text = body(client, page(acme, "?by=agent"))
    assert "Agent 0" in text and "too few to say" in text
    text = body(client, page(acme, "flags/"))
    assert "Says that a score was asked for" in text and "She asked me to give a 10" in text
    text = body(client, page(acme, "respondents/"))
    assert "Weighting needs at least 30 answers of known customers; there are 1." in text


def test_comments_are_masked_for_who_may_not_read_them_whole(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    customer = a_customer(name="Ada Lovelace")
    an_answer(survey, 10, "Call me: ada@example.com, I was asked to give a 10", customer_id=customer.pk,
              flags=("coached_comment",))  # fmt: skip
    assert "ada@example.com" in body(signed_in(a_member(acme, "owner")), page(acme, "flags/"))
    assert "ada@example.com" not in body(signed_in(a_member(acme, "analyst")), page(acme, "flags/"))


@pytest.mark.parametrize("role", ["owner", "admin", "manager", "analyst", "agent"])
def test_roles_that_see_scores_see_the_pages(acme: Organization, role: str) -> None:
    client = signed_in(a_member(acme, role))
    assert [client.get(page(acme, path)).status_code for path in PAGES] == [200] * len(PAGES)


def test_employees_and_other_organisations_do_not(acme: Organization, other: Organization) -> None:
    employee, stranger = signed_in(a_member(acme, "employee")), signed_in(a_member(other, "owner"))
    for path in PAGES:
        assert employee.get(page(acme, path)).status_code == 403
        assert stranger.get(page(acme, path)).status_code == 404
    client = an_api_client(acme, ["customers.view"])
    for path in OPERATIONS:
        assert client.get(f"/api/v1/integrity/{path}").status_code == 403


def test_another_organisations_rows_show_nowhere(acme: Organization, other: Organization) -> None:
    with tenant(other):
        some_of_everything()
    client, api = signed_in(a_member(acme, "owner")), an_api_client(acme)
    for path in PAGES:
        text = body(client, page(acme, path))
        assert "Agent 0" not in text and "asked me" not in text and "Branch 0" not in text
    assert api.get("/api/v1/integrity/coverage/?by=agent").json()["groups"] == []
    assert api.get("/api/v1/integrity/flags/").json()["answers"] == 0
    assert api.get("/api/v1/integrity/representativeness/").json()["customers"] == 0


def test_a_branch_manager_sees_the_own_branch_alone(acme: Organization) -> None:
    some_of_everything(2)
    north = Unit.objects.get(code="b0")
    client = signed_in(a_member(acme, "manager", unit=north))
    text = body(client, page(acme, "?by=agent"))
    assert "Agent 0" in text and "Agent 1" not in text
    assert "Branch 1" not in body(client, page(acme, "?by=unit"))
    text = body(client, page(acme, "respondents/"))
    assert ">1<" in text


@pytest.mark.parametrize("query", HOSTILE)
def test_a_filter_that_cannot_be_read_is_named(acme: Organization, query: str) -> None:
    client, api = signed_in(a_member(acme, "owner")), an_api_client(acme)
    for path in ("", "respondents/", "flags/"):
        assert client.get(page(acme, f"{path}?{query}")).status_code == 422
    for path in ("coverage/", "representativeness/", "flags/"):
        response = api.get(f"/api/v1/integrity/{path}?{query}")
        assert response.status_code == 400
        assert "%00" in query or response.json()["errors"][0]["field"] in query


@pytest.mark.parametrize("query", ODD_BUT_TRUE)
def test_an_odd_filter_is_answered(acme: Organization, query: str) -> None:
    some_of_everything()
    client, api = signed_in(a_member(acme, "owner")), an_api_client(acme)
    for path in PAGES:
        assert client.get(page(acme, path + ("&" if "?" in path else "?") + query)).status_code == 200
    for path in OPERATIONS:
        address = f"/api/v1/integrity/{path}{'&' if '?' in path else '?'}{query}"
        assert api.get(address).status_code == 200


def test_the_api_takes_instants(acme: Organization) -> None:
    some_of_everything()
    api = an_api_client(acme)
    for path in OPERATIONS:
        joint = "&" if "?" in path else "?"
        period = f"from={days_ago(30):%Y-%m-%dT%H:%M:%SZ}&to={days_ago(0):%Y-%m-%dT%H:%M:%SZ}"
        assert api.get(f"/api/v1/integrity/{path}{joint}{period}").status_code == 200
    found = api.get(f"/api/v1/integrity/coverage/?from={days_ago(11):%Y-%m-%dT%H:%M:%SZ}").json()
    assert found["total"]["experiences"] == 1
    found = api.get(f"/api/v1/integrity/coverage/?from={days_ago(9):%Y-%m-%dT%H:%M:%SZ}").json()
    assert found["total"]["experiences"] == 0


@pytest.mark.parametrize(
    "cursor", ["x", "2026-01-01~x", "2026-01-01~00000000-0000-4000-8000-000000000000", "~", "%00~"]
)
def test_a_cursor_that_leads_nowhere_is_refused(acme: Organization, cursor: str) -> None:
    client = signed_in(a_member(acme, "owner"))
    assert client.get(page(acme, f"flags/?cursor={cursor}")).status_code == 422


def test_long_lists_of_marked_answers_come_in_pages(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    for number in range(53):
        an_answer(survey, 10, f"Comment {number:02}.", flags=("hand_picked",), occurred_at=days_ago(number / 10 + 1))
    client = signed_in(a_member(acme, "owner"))
    first = client.get(page(acme, "flags/"))
    shown, following = first.content.decode(), first.context["page"].next_url
    assert "Comment 49." in shown and "Comment 50." not in shown
    second = client.get(page(acme, f"flags/{following}"))
    text = second.content.decode()
    assert "Comment 50." in text and "Comment 52." in text and "Comment 49." not in text
    assert second.context["page"].next_url is None


@pytest.mark.parametrize("path", PAGES)
def test_more_rows_cost_no_more_queries(acme: Organization, path: str) -> None:
    client = signed_in(a_member(acme, "owner"))
    counts = []
    for number in (1, 2):
        some_of_everything_more(number)
        client.get(page(acme, path))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(page(acme, path)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def some_of_everything_more(number: int) -> None:
    """One of everything at first, three in the end."""
    start = Unit.objects.count()
    for place in range(start, start + number):
        survey = a_measured_touchpoint(f"Visit {place}")
        unit = Unit.objects.create(name=f"Shop {place}", code=f"s{place}")
        for _times in range(11):
            experience = an_experience(a_customer(unit=unit), event=f"Visit {place}", agent=f"Kim {place}", unit=unit)
            an_experience(experience.customer, event=f"Visit {place}", agent=f"Kim {place}", unit=unit, days=9)
        an_answer(survey, 3, flags=("coached_comment",), customer_id=experience.customer_id, unit_id=unit.pk)
    fold_pending()


def test_the_api_says_what_the_pages_say(acme: Organization) -> None:
    some_of_everything()
    api = an_api_client(acme)
    coverage = api.get("/api/v1/integrity/coverage/?by=agent").json()
    (row,) = coverage["groups"]
    assert (row["key"], row["experiences"], row["invited"], row["coverage"]["value"]) == ("Agent 0", 1, 1, 100)
    assert row["response_rate"]["value"] == 100 and row["score"]["value"] == 100
    flags = api.get("/api/v1/integrity/flags/").json()
    assert [(flag["code"], flag["answers"], flag["without"]) for flag in flags["flags"]] == [
        ("coached_comment", 1, None)
    ]
    assert set(flags["flags"][0]) >= {"label", "why", "caution"}
    found = api.get("/api/v1/integrity/representativeness/").json()
    assert found["plain"]["n"] == 1 and found["weighted"] is None and "30 answers" in found["not_defined"]
    assert [group["key"] for group in found["groups"]] == [
        "under_90_days", "90_to_365_days", "1_to_3_years", "over_3_years",
    ]  # fmt: skip


def test_every_mark_is_explained_in_words() -> None:
    for flag in FLAGS.values():
        assert str(flag.label) and str(flag.why).endswith(".") and str(flag.caution).endswith(".")


def test_a_survey_that_was_sent_says_its_response_rate_and_its_coverage(
    acme: Organization, other: Organization
) -> None:
    with tenant(other):
        asked(a_measured_touchpoint(), (elsewhere := an_experience()).customer, experience=elsewhere)
    survey = a_measured_touchpoint()
    seen = [an_experience(days=5) for _ in range(3)]
    asked(survey, seen[0].customer, experience=seen[0], days=4)
    address = f"/o/{acme.slug}/surveys/{survey.pk}/"
    said = " ".join(body(signed_in(a_member(acme, "manager")), address).split())
    assert "33 % (6 to 79) of 3 experiences in 90 days were asked about" in said
    assert "0 of 1 delivered" in said


def test_a_survey_that_was_never_sent_speaks_of_no_coverage(acme: Organization) -> None:
    survey = a_measured_touchpoint()
    an_experience(days=5)
    said = body(signed_in(a_member(acme, "manager")), f"/o/{acme.slug}/surveys/{survey.pk}/")
    assert "experiences in 90 days" not in said
