"""`journeys/{id}/paths/`, `conversion/`, `handovers/` and `customers/{id}/position/` as outsiders use them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.interactions.store import NewInteraction, record_interactions
from apps.journeys.services import update_journey
from apps.touchpoints.models import Touchpoint
from cxm.scope import tenant
from tests.factories import an_api_client
from tests.factories.maps import a_journey, a_persona, a_touchpoint
from tests.factories.segments import a_list
from tests.factories.surveys import a_survey, an_answer
from tests.paths.by_hand import Event, as_told, count_paths
from tests.paths.conftest import START, SYSTEM, a_map, walk

HOUR = timedelta(hours=1)
NEVER = "0190f9f2-7c1e-7000-8000-000000000001"


def at(who: str, *names: str, start: Any = START, step: timedelta = HOUR, **values: Any) -> list[Event]:
    return [Event(who, name, start + number * step, number, **values) for number, name in enumerate(names)]


def paths(client: Any, journey: Any, **params: Any) -> dict[str, Any]:
    answer = client.get(f"/api/v1/journeys/{journey.pk}/paths/", params)
    assert answer.status_code == 200, answer.content
    return answer.json()


EVENTS = [
    *at("ada", "a", "b", "c"),
    *at("bo", "a", "c", "x", "c"),
    *at("cy", "b", "y"),
    *at("di", "x"),
]


def test_paths_have_the_promised_shape_and_the_numbers_of_a_count_by_hand(acme: Any) -> None:
    with tenant(acme):
        journey = a_map(("a", "b", "c"))
        walk(EVENTS)
    told = paths(an_api_client(acme), journey)
    assert as_told(told) == count_paths(EVENTS, [(key, key, {}) for key in "abc"], "abc")
    assert told["customers"] == 3
    assert {"n": 1, "rate": 1 / 3}.items() <= told["follow"].items()
    assert {"from": "a", "to": "b", "n": 1, "customers": 1, "median_seconds": 3600.0}.items() <= told["edges"][
        0
    ].items()
    assert {"touchpoints": ["a", "b", "c"], "customers": 1}.items() <= told["variants"][0].items()
    assert told["unmapped"] == [{"event": "x", "n": 2}, {"event": "y", "n": 1}]


def test_two_organisations_with_the_same_names_never_meet(acme: Any, globex: Any) -> None:
    with tenant(globex):
        theirs = a_map(("a", "b", "c"))
        walk(at("ada", "c", "b", "a", "z"))
    with tenant(acme):
        ours = a_map(("a", "b", "c"))
        walk(EVENTS)
        person = Customer.objects.get(external_id="ada")
    client = an_api_client(acme)
    assert as_told(paths(client, ours)) == count_paths(EVENTS, [(key, key, {}) for key in "abc"], "abc")
    assert paths(an_api_client(globex), theirs)["customers"] == 1
    for path in ("paths", "conversion", "handovers"):
        never = client.get(f"/api/v1/journeys/{NEVER}/{path}/")
        answer = client.get(f"/api/v1/journeys/{theirs.pk}/{path}/")
        assert (answer.status_code, answer.json()) == (404, never.json())
    stranger = an_api_client(globex).get(f"/api/v1/customers/{person.pk}/position/")
    assert (stranger.status_code, stranger.json()) == (404, client.get(f"/api/v1/customers/{NEVER}/position/").json())


def test_window_has_whole_days_and_instants(acme: Any) -> None:
    with tenant(acme):
        journey = a_map(("a", "b"))
        walk(at("ada", "a", "b", "a", "b", step=timedelta(days=1)))
    client = an_api_client(acme)
    assert paths(client, journey, **{"from": "2026-03-02", "to": "2026-03-03"})["variants"][0]["touchpoints"] == [
        "b",
        "a",
    ]
    until = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z"}
    assert paths(client, journey, **until)["variants"][0]["touchpoints"] == ["b"]
    assert paths(client, journey, **{"from": "2027-01-01"})["customers"] == 0


def test_only_customers_of_a_segment_persona_or_channel(acme: Any) -> None:
    with tenant(acme):
        journey = a_map(("a", "b"))
        walk(at("ada", "a", "b"), channel="phone")
        walk(at("bo", "b", "x"), channel="web")
        chosen = a_list(Customer.objects.get(external_id="bo"))
        loose = a_persona()
    client = an_api_client(acme)
    told = paths(client, journey, segment=str(chosen.pk))
    assert (told["customers"], told["follow"]["n"], told["unmapped"]) == (1, 0, [{"event": "x", "n": 1}])
    assert paths(client, journey, channel="phone")["variants"][0]["touchpoints"] == ["a", "b"]
    for params in (
        {"segment": NEVER},
        {"persona": str(loose.pk)},
        {"channel": "pigeon"},
        {"from": "x"},
        {"version": "x"},
    ):
        refused = client.get(f"/api/v1/journeys/{journey.pk}/paths/", params)
        assert refused.status_code in (400, 422), params
        assert refused.json()["errors"][0]["field"] in params
    assert client.get(f"/api/v1/journeys/{journey.pk}/paths/", {"version": "7"}).status_code == 404


def test_published_map_counts_until_the_next_is_published_and_the_draft_while_none_is(acme: Any) -> None:
    with tenant(acme):
        journey = a_map(("a", "b"))
        draft = a_journey(stages=[{"name": "All", "steps": [{"name": "One", "touchpoints": ["b"]}]}])
        update_journey(
            actor=SYSTEM, journey=journey, stages=[{"name": "All", "steps": [{"name": "X", "touchpoints": ["a"]}]}]
        )
        walk(at("ada", "a", "b"))
    client = an_api_client(acme)
    assert paths(client, journey)["follow"]["n"] == 1
    assert paths(client, journey, version=1)["variants"][0]["touchpoints"] == ["a", "b"]
    assert paths(client, draft)["variants"][0]["touchpoints"] == ["b"]


def test_events_of_touchpoints_elsewhere_are_claimed_and_visitors_are_told_apart(acme: Any) -> None:
    with tenant(acme):
        journey = a_map(("a",), matchers={"a": {"event": "page", "where": {"path": "/a"}}})
        a_touchpoint("Shop", key="shop", event_match={"event": "order"})
        a_touchpoint("Old", key="old", event_match={"event": "page", "where": {"path": "/old"}})
        walk([Event("ada", "page", START, 0, {"path": path}) for path in ("/a", "/old", "/b")])
        walk(at("ada", "order", "x"))
        record_interactions(
            actor=SYSTEM, rows=[NewInteraction(event="page", occurred_at=START, properties={"path": "/a"})]
        )
    told = paths(an_api_client(acme), journey)
    assert (told["customers"], told["anonymous"]) == (1, 1)
    assert told["unmapped"] == [{"event": "page", "n": 1}, {"event": "x", "n": 1}]
    assert told["elsewhere"] == [{"event": "order", "touchpoint": "shop", "n": 1}]


def test_people_joined_walk_one_way(acme: Any) -> None:
    with tenant(acme):
        journey = a_map(("a", "b"))
        walk([*at("ada", "a"), *at("ada2", "b", start=START + HOUR)])
        kept, other = (Customer.objects.get(external_id=name) for name in ("ada", "ada2"))
    client = an_api_client(acme)
    assert paths(client, journey)["follow"]["n"] == 0
    merged = client.post(f"/api/v1/customers/{kept.pk}/merge/", {"customer": str(other.pk)}, format="json")
    assert merged.status_code == 200
    assert paths(client, journey)["follow"] == {
        "n": 1,
        "rate": 1.0,
        "low": pytest.approx(0.2065, abs=1e-4),
        "high": 1.0,
    }


def test_conversion_tells_achieved_missed_and_open_apart(acme: Any) -> None:
    today = now().replace(microsecond=0)
    with tenant(acme):
        journey = a_map(("a", "b"))
        walk([Event("in-time", "a", START), Event("in-time", "b", START + timedelta(days=7))], channel="phone")
        walk(
            [Event("late", "a", START), Event("late", "b", START + timedelta(days=7, milliseconds=1))], channel="phone"
        )
        walk([Event("never", "a", START), Event("before", "b", START), Event("before", "a", START + HOUR)])
        walk([Event("open", "a", today - HOUR)])
        chosen = a_list(Customer.objects.get(external_id="in-time"))
    client = an_api_client(acme)
    url = f"/api/v1/journeys/{journey.pk}/conversion/"
    told = client.get(url, {"source": "a", "target": "b", "days": "7"}).json()
    of_all = {name: told["all"][name] for name in ("entered", "ended", "achieved", "not_achieved", "open", "rate")}
    assert of_all == {"entered": 5, "ended": 4, "achieved": 1, "not_achieved": 3, "open": 1, "rate": 0.25}
    assert told["all"]["median_seconds"] == 7 * 86_400
    by_channel = {row["channel"]: (row["entered"], row["achieved"]) for row in told["channels"]}
    assert by_channel == {"phone": (2, 1), "web": (3, 0)}
    assert [(row["segment"], row["entered"], row["achieved"]) for row in told["segments"]] == [(str(chosen.pk), 1, 1)]
    # who entered in the window may arrive after it
    within = client.get(url, {"days": "7", "from": "2026-03-01", "to": "2026-03-01"}).json()["all"]
    assert (within["entered"], within["achieved"]) == (4, 1)
    again = client.get(url, {"source": "a", "target": "a", "days": "7"}).json()["all"]
    assert (again["entered"], again["achieved"]) == (5, 0)
    for params in ({"source": "zz"}, {"days": "0"}, {"days": "x"}, {"days": "9" * 30}):
        assert client.get(url, params).status_code in (400, 422), params


def test_hand_overs_tell_volume_wait_and_repeat_contact(acme: Any) -> None:
    with tenant(acme):
        journey = a_map(("a", "b"))
        walk([Event("ada", "a", START)], channel="phone")
        walk([Event("ada", "a", START + timedelta(days=7))], channel="email")
        walk([Event("bo", "a", START)], channel="phone")
        walk([Event("bo", "b", START + timedelta(days=1))], channel="email")
        walk([Event("bo", "b", START + timedelta(days=9))], channel="phone")
    told = an_api_client(acme).get(f"/api/v1/journeys/{journey.pk}/handovers/").json()["cells"]
    day = 86_400.0
    assert told == [
        {"from": "email", "to": "phone", "n": 1, "median_seconds": 8 * day, "repeat_n": 0, "repeat_rate": 0.0},
        {"from": "phone", "to": "email", "n": 2, "median_seconds": 4 * day, "repeat_n": 1, "repeat_rate": 0.5},
    ]


def test_position_tells_where_somebody_is_and_what_others_did_next(acme: Any) -> None:
    today = now().replace(microsecond=0)
    with tenant(acme):
        a_map(("a", "b", "c"), name="Moving")
        a_map_of_nothing = a_journey("Never walked")
        for number in range(12):
            walk(at(f"other-{number}", "a", "b" if number < 9 else "c", start=START, step=2 * HOUR))
        walk(at("ada", "x", "a", start=today - timedelta(days=2)))
        person = Customer.objects.get(external_id="ada")
        survey = a_survey()
        for key, score in (("a", 9), ("b", 3)):
            an_answer(survey, score=score, customer_id=person.pk, touchpoint_id=Touchpoint.objects.get(key=key).pk)
    client = an_api_client(acme)
    (told,) = client.get(f"/api/v1/customers/{person.pk}/position/").json()["maps"]
    assert a_map_of_nothing.name not in str(told)
    assert (told["name"], told["step"], told["touchpoint"]) == ("Moving", "Step 0 a", "a")
    assert told["expected"] == {"touchpoint": "b", "step": "Step 1 b"}
    assert [(one["touchpoint"], one["n"], one["median_seconds"]) for one in told["next"]] == [
        ("b", 9, 7200.0),
        ("c", 3, 7200.0),
        (None, 1, None),
    ]
    assert (told["next_of"], told["typical_seconds"], told["late"]) == (13, 7200.0, True)
    assert (told["worst"]["touchpoint"], told["worst"]["score"]) == ("b", 3)


def test_position_costs_the_same_queries_with_one_map_and_three(acme: Any) -> None:
    with tenant(acme):
        a_map(("a", "b"), name="One")
        walk(at("ada", "a", "b", "a"))
        person = Customer.objects.get(external_id="ada")
    client = an_api_client(acme)
    url = f"/api/v1/customers/{person.pk}/position/"
    client.get(url)
    counts = []
    for maps in (1, 3):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(client.get(url).json()["maps"]) == maps
        counts.append(len(queries))
        if maps == 1:
            with tenant(acme):
                a_map(("c", "d"), name="Two")
                a_map(("e",), name="Three")
                walk(at("ada", "c", "e", "d"))
    assert counts[0] == counts[1]
