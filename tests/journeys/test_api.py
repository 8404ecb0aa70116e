"""`journeys/` as outsiders use it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.journeys.models import JourneyVersion
from apps.metrics.folding import refold_organization
from apps.segments.models import Segment, SegmentMember
from apps.surveys.models import Survey
from cxm.scope import tenant
from tests.factories import an_api_client
from tests.factories.customers import a_customer
from tests.factories.maps import a_journey, a_touchpoint
from tests.factories.surveys import a_survey, an_answer

URL = "/api/v1/journeys/"


def body(*keys: str, name: str = "Moving") -> dict[str, Any]:
    steps = [
        {"name": f"Step {key}", "touchpoints": [key], "belief": 0.5, "cards": [{"lane": "pain", "text": "Slow"}]}
        for key in keys
    ]
    return {"name": name, "stages": [{"name": "Only stage", "steps": steps}]}


@pytest.fixture
def client(acme: Any) -> Any:
    with tenant(acme):
        a_touchpoint("Form", key="form")
        a_touchpoint("Call", key="call")
    return an_api_client(acme)


def test_map_is_read_back_as_it_was_sent(client: Any) -> None:
    made = client.post(URL, body("form", "call"), format="json")
    assert made.status_code == 201
    sent, got = body("form", "call"), made.json()
    assert (got["name"], got["persona"], got["version"]) == ("Moving", None, None)
    step = got["stages"][0]["steps"][0]
    assert (step["name"], step["touchpoints"], step["belief"]) == ("Step form", ["form"], 0.5)
    assert [(card["lane"], card["text"]) for card in step["cards"]] == [("pain", "Slow")]
    assert client.get(f"{URL}{got['id']}/").json() == got
    assert [row["id"] for row in client.get(URL).json()["results"]] == [got["id"]]
    assert len(sent["stages"]) == len(got["stages"])


def test_put_replaces_the_map_and_keeps_the_ids_of_what_stays(client: Any) -> None:
    made = client.post(URL, body("form", "call"), format="json").json()
    changed = client.put(f"{URL}{made['id']}/", body("call", "form"), format="json").json()
    before, after = made["stages"][0], changed["stages"][0]
    assert after["id"] == before["id"]
    assert [step["id"] for step in after["steps"]] == [step["id"] for step in reversed(before["steps"])]
    assert changed["revision"] == made["revision"] + 1


def test_patch_changes_only_what_is_sent(client: Any) -> None:
    made = client.post(URL, body("form"), format="json").json()
    changed = client.patch(f"{URL}{made['id']}/", {"name": "Leaving"}, format="json").json()
    assert (changed["name"], changed["stages"]) == ("Leaving", made["stages"])
    same = client.patch(f"{URL}{made['id']}/", {"name": "Leaving", "stages": made["stages"]}, format="json").json()
    assert same["revision"] == changed["revision"]


def test_if_match_of_an_older_state_is_refused(client: Any) -> None:
    made = client.post(URL, body("form"), format="json")
    url, etag = f"{URL}{made.json()['id']}/", made.headers["ETag"]
    assert client.patch(url, {"name": "A"}, format="json", headers={"if-match": etag}).status_code == 200
    refused = client.patch(url, {"name": "B"}, format="json", headers={"if-match": etag})
    assert refused.status_code == 412
    assert client.get(url).json()["name"] == "A"


def test_wrong_places_of_a_map_are_named(client: Any) -> None:
    answer = client.post(
        URL,
        {
            "name": "",
            "persona": "nobody",
            "stages": [{"name": "A", "steps": [{"touchpoints": ["ghost"], "belief": 7}]}],
        },
        format="json",
    )
    assert answer.status_code == 400
    unknown = client.post(URL, body("form", "ghost"), format="json")
    assert unknown.status_code == 400
    assert unknown.json()["errors"][0]["field"] == "stages.0.steps.1.touchpoints.0"
    assert client.get(URL).json()["results"] == []


@pytest.mark.parametrize(
    "stages",
    [
        "x",
        7,
        {},
        [1],
        [[]],
        [{"name": []}],
        [{"name": "A", "steps": "x"}],
        [{"name": "A"}] * 41,
        [{"name": "A", "steps": [None]}],
    ],
)
def test_hostile_maps_are_refused_not_broken(client: Any, stages: Any) -> None:
    assert client.post(URL, {"name": "X", "stages": stages}, format="json").status_code == 400


def test_touchpoint_of_another_organisation_does_not_exist(client: Any, globex: Any) -> None:
    with tenant(globex):
        a_touchpoint("Theirs", key="theirs")
        theirs = a_journey("Their map")
    assert client.post(URL, body("theirs"), format="json").status_code == 400
    never = client.get(f"{URL}0190f9f2-7c1e-7000-8000-000000000001/")
    for path in ("", "versions/", "scores/"):
        answer = client.get(f"{URL}{theirs.pk}/{path}")
        assert (answer.status_code, answer.json()) == (404, never.json())
    assert client.post(f"{URL}{theirs.pk}/publish/", {"purpose": "x"}, format="json").status_code == 404
    assert client.delete(f"{URL}{theirs.pk}/").status_code == 404
    with tenant(globex):
        theirs.refresh_from_db()
        assert theirs.published_version is None


def test_publication_needs_a_purpose_and_gives_the_number(client: Any) -> None:
    url = f"{URL}{client.post(URL, body('form'), format='json').json()['id']}/"
    assert client.post(url + "publish/", {}, format="json").status_code == 400
    assert client.post(url + "publish/", {"purpose": " "}, format="json").json()["errors"][0]["field"] == "purpose"
    assert client.post(url + "publish/", {"purpose": "As is"}, format="json").json() == {"version": 1}
    client.patch(url, {"name": "Other"}, format="json")
    assert client.post(url + "publish/", {"purpose": "New name"}, format="json").json() == {"version": 2}
    versions = client.get(url + "versions/").json()["results"]
    assert [(row["version"], row["purpose"]) for row in versions] == [(2, "New name"), (1, "As is")]
    assert versions[1]["in_force_from"] is None
    assert versions[1]["in_force_to"] == versions[0]["in_force_from"]
    assert versions[0]["in_force_to"] is None
    assert versions[1]["content"]["name"] == "Moving"


def test_empty_map_is_not_published(client: Any) -> None:
    url = f"{URL}{client.post(URL, {'name': 'Empty'}, format='json').json()['id']}/"
    answer = client.post(url + "publish/", {"purpose": "x"}, format="json")
    assert answer.status_code == 400
    assert client.get(url + "scores/").json() == {"version": None, "touchpoints": []}


def test_deleted_map_is_gone_and_a_published_one_is_kept_for_its_scores(acme: Any, client: Any) -> None:
    for published in (False, True):
        url = f"{URL}{client.post(URL, body('form'), format='json').json()['id']}/"
        if published:
            client.post(url + "publish/", {"purpose": "x"}, format="json")
        assert client.delete(url).status_code == 204
        assert client.get(url).status_code == 404
    with tenant(acme):
        assert JourneyVersion.objects.count() == 1


@pytest.fixture
def measured(acme: Any, client: Any) -> Any:
    """A map published twice, and answers about experiences before, between and after."""
    with tenant(acme):
        form = a_touchpoint("Measured", key="measured")
        survey = a_survey("nps", touchpoint=form)
    url = f"{URL}{client.post(URL, body('measured', 'call'), format='json').json()['id']}/"
    client.post(url + "publish/", {"purpose": "As is"}, format="json")
    client.post(url + "publish/", {"purpose": "Again"}, format="json")
    change = datetime(2026, 3, 15, 12, tzinfo=UTC)
    with tenant(acme):
        JourneyVersion.objects.filter(number=1).update(in_force_to=change)
        JourneyVersion.objects.filter(number=2).update(in_force_from=change)
        for days, score in ((-400, 0), (-1, 0), (-1, 9), (0, 10), (1, 10), (2, 10)):
            an_answer(survey, score, occurred_at=change + timedelta(days=days))
        refold_organization()
    return url


def nps(client: Any, url: str, query: str = "") -> tuple[int, Any]:
    found = client.get(f"{url}scores/{query}").json()
    assert [row["touchpoint"] for row in found["touchpoints"]] == ["measured", "call"]
    first = found["touchpoints"][0]["nps"]
    return found["version"], (first["n"], first["value"]) if first else None


def test_scores_without_version_are_the_published_map_over_the_whole_window(client: Any, measured: str) -> None:
    assert nps(client, measured) == (2, (6, pytest.approx(100 * (4 - 2) / 6, abs=1e-3)))
    assert nps(client, measured, "?from=2026-03-14&to=2026-03-14") == (2, (2, 0.0))
    assert nps(client, measured, "?from=2030-01-01") == (2, None)


def test_scores_of_a_version_are_those_while_it_was_in_force(client: Any, measured: str) -> None:
    assert nps(client, measured, "?version=1") == (1, (3, pytest.approx(-100 / 3, abs=1e-3)))
    assert nps(client, measured, "?version=2") == (2, (3, 100.0))
    assert nps(client, measured, "?version=1&from=2026-01-01") == (1, (2, 0.0))
    assert nps(client, measured, "?version=2&to=2026-03-16") == (2, (2, 100.0))
    assert nps(client, measured, "?version=1&from=2026-03-16") == (1, None)


def test_scores_of_a_segment_are_those_of_the_people_in_it_now(acme: Any, client: Any, measured: str) -> None:
    with tenant(acme):
        segment = Segment.objects.create(name="One", kind="static", state="ready", size=1)
        customer = a_customer()
        SegmentMember.objects.create(segment=segment, customer=customer)
        survey = Survey.objects.get()
        an_answer(survey, 10, customer_id=customer.pk, occurred_at=datetime(2026, 3, 14, 12, tzinfo=UTC))
        an_answer(survey, 0, customer_id=a_customer().pk, occurred_at=datetime(2026, 3, 16, 12, tzinfo=UTC))
    assert nps(client, measured, f"?segment={segment.pk}") == (2, (1, 100.0))
    assert nps(client, measured, f"?segment={segment.pk}&version=2") == (2, None)
    assert client.get(f"{measured}scores/?segment={customer.pk}").status_code == 400


def test_scores_have_the_promised_shape(client: Any, measured: str) -> None:
    first, second = client.get(measured + "scores/").json()["touchpoints"]
    assert set(first) == {"touchpoint", "name", "nps", "csat", "ces", "volume", "open_cases"}
    assert set(first["nps"]) == {
        "value", "low", "high", "n", "rule", "unit", "reliability", "suppressed", "distribution",
    }  # fmt: skip
    assert (first["csat"], first["ces"], first["volume"], first["open_cases"]) == (None, None, 0, 0)
    assert (second["nps"], second["name"]) == (None, "Call")


@pytest.mark.parametrize("query", ["?version=x", "?version=-1", "?version=²", "?version=1e9", "?from=yesterday"])
def test_unreadable_question_is_a_400(client: Any, measured: str, query: str) -> None:
    assert client.get(f"{measured}scores/{query}").status_code == 400


def test_version_that_never_was_is_a_404(client: Any, measured: str) -> None:
    assert client.get(measured + "scores/?version=9").status_code == 404
    assert client.get(measured + "scores/?version=0").status_code == 404


def test_metrics_filter_by_journey_knows_its_touchpoints(client: Any, measured: str) -> None:
    journey = measured.rstrip("/").rsplit("/", 1)[1]
    assert client.get(f"/api/v1/metrics/nps/?journey={journey}").json()["n"] == 6


def test_scopes_are_obeyed(acme: Any, client: Any) -> None:
    url = f"{URL}{client.post(URL, body('form'), format='json').json()['id']}/"
    reader = an_api_client(acme, ["journeys.view"])
    assert reader.get(url).status_code == 200
    assert reader.patch(url, {"name": "X"}, format="json").status_code == 403
    assert reader.post(url + "publish/", {"purpose": "X"}, format="json").status_code == 403
    assert reader.get(url + "scores/").status_code == 403


@pytest.mark.parametrize("path", ["", "{id}/", "{id}/versions/", "{id}/scores/"])
def test_reading_costs_the_same_however_much_there_is(acme: Any, client: Any, path: str) -> None:
    small = client.post(URL, body("form"), format="json").json()["id"]
    client.post(f"{URL}{small}/publish/", {"purpose": "x"}, format="json")
    client.get(URL + path.format(id=small))
    with CaptureQueriesContext(connection) as one:
        client.get(URL + path.format(id=small))
    with tenant(acme):
        keys = [a_touchpoint().key for _ in range(5)]
    for _ in range(2):
        big = client.post(URL, body("form", "call", *keys), format="json").json()["id"]
        client.post(f"{URL}{big}/publish/", {"purpose": "x"}, format="json")
    with CaptureQueriesContext(connection) as many:
        client.get(URL + path.format(id=big))
    assert len(many) == len(one)
