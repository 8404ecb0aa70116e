"""Real paths against a count by hand: random walks, and the corners one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.paths import computing
from apps.paths.computing import compute
from apps.paths.definition import Scope, define
from apps.paths.queries import map_for
from cxm.scope import tenant
from tests.paths.by_hand import Event, as_told, count_paths
from tests.paths.conftest import START, a_map, walk

NAMES = ("form", "call", "visit", "bill", "advert")
MATCHERS = {
    "form": {"event": "form"},
    "call": {"event": "call", "where": {"topic": "moving"}},
    "hotline": {"event": "call"},
    "bill": {"event": "bill", "where": {"paid": True}},
    "visit": {"event": "visit"},
}
ROUTE = ("form", "hotline", "call", "visit", "form", "bill")
events_of = st.lists(
    st.builds(
        Event,
        who=st.sampled_from(["ada", "bo", "cy", "di"]),
        name=st.sampled_from(NAMES),
        at=st.integers(0, 6).map(lambda hours: START + timedelta(hours=hours)),
        number=st.just(0),
        properties=st.sampled_from([{}, {"topic": "moving"}, {"paid": True}, {"paid": False, "topic": "moving"}]),
    ),
    max_size=30,
)


def numbered(events: list[Event]) -> list[Event]:
    return [Event(one.who, one.name, one.at, number, one.properties) for number, one in enumerate(events)]


class Undone(Exception):
    """Takes back what an example wrote."""


@given(events=events_of, portion=st.sampled_from([1, 3, 1_000]), in_slices=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_walks_are_counted_as_by_hand(acme: Any, events: list[Event], portion: int, in_slices: bool) -> None:
    events = numbered(events)
    matchers = [(key, MATCHERS[key]["event"], MATCHERS[key].get("where", {})) for key in dict.fromkeys(ROUTE)]
    usual = computing.PORTION
    try:
        computing.PORTION = portion
        with tenant(acme), transaction.atomic():
            journey = a_map(ROUTE, matchers=MATCHERS)
            walk(events)
            found = compute(
                "paths", define(map_for(journey), Scope()), progress=(lambda _done: None) if in_slices else None
            )
            assert as_told(found) == count_paths(events, matchers, ROUTE)
            raise Undone
    except Undone:
        pass
    finally:
        computing.PORTION = usual


def count(acme: Any, route: tuple[str, ...], events: list[Event], **values: Any) -> dict[str, Any]:
    with tenant(acme):
        journey = a_map(route, **values)
        walk(numbered(events))
        return compute("paths", define(map_for(journey), Scope()))


def at(who: str, *names: str) -> list[Event]:
    return [Event(who, name, START + timedelta(hours=number)) for number, name in enumerate(names)]


@pytest.mark.parametrize(
    ("walked", "follows", "skips", "loops", "drops"),
    [
        (("a", "b", "c"), True, False, False, False),
        (("a", "x", "b", "b", "c"), True, False, True, False),
        (("b", "a", "b", "c"), True, False, True, False),
        (("a", "c"), False, True, False, False),
        (("a", "c", "b"), False, False, True, True),
        (("a", "b"), False, False, False, True),
        (("c",), False, True, False, False),
    ],
)
def test_who_follows_skips_loops_and_drops_off(
    acme: Any, walked: tuple[str, ...], follows: bool, skips: bool, loops: bool, drops: bool
) -> None:
    found = count(acme, ("a", "b", "c"), at("ada", *walked))
    told = tuple(bool(found[name]["n"]) for name in ("follow", "skip", "loop", "drop_off"))
    assert told == (follows, skips, loops, drops)


def test_touchpoint_that_stands_twice_must_be_met_twice_but_once_where_it_stands_twice_in_a_row(acme: Any) -> None:
    events = at("ada", "a", "b", "a") + at("bo", "a", "b") + at("cy", "a", "a", "b", "a")
    found = count(acme, ("a", "a", "b", "a"), events)
    assert found["follow"]["n"] == 2
    assert {(one["from"], one["to"]): one["kind"] for one in found["edges"]} == {
        ("a", "a"): "repeat",
        ("a", "b"): "next",
        ("b", "a"): "next",
    }


def test_touchpoints_without_an_event_cannot_be_missed(acme: Any) -> None:
    found = count(acme, ("a", "lobby", "b"), at("ada", "a", "b"), matchers={"lobby": None})
    assert found["follow"] == {"n": 1, "rate": 1.0, "low": pytest.approx(0.2065, abs=1e-4), "high": 1.0}
    assert [one["touchpoint"] for one in found["touchpoints"]] == ["a", "b"]


def test_map_without_any_event_counts_nobody_and_lists_what_happened(acme: Any) -> None:
    found = count(acme, ("a",), at("ada", "x", "y", "x"), matchers={"a": None})
    assert (found["customers"], found["follow"]["rate"], found["edges"], found["variants"]) == (0, None, [], [])
    assert found["unmapped"] == [{"event": "x", "n": 2}, {"event": "y", "n": 1}]


def test_one_event_is_one_visit_without_an_edge(acme: Any) -> None:
    found = count(acme, ("a", "b"), at("ada", "a"))
    assert (found["customers"], found["edges"]) == (1, [])
    assert found["variants"] == [{"touchpoints": ["a"], "customers": 1, "rate": 1.0}]


def test_equal_times_keep_the_order_in_which_they_came(acme: Any) -> None:
    events = [Event("ada", name, START) for name in ("b", "a", "b", "a", "a")]
    found = count(acme, ("a", "b"), events)
    assert found["variants"][0]["touchpoints"] == ["b", "a", "b", "a", "a"]
    assert all(one["median_seconds"] == 0 for one in found["edges"])


def test_times_between_are_told_by_their_quartiles(acme: Any) -> None:
    events = []
    for number, hours in enumerate((1, 2, 3, 10)):
        events += [Event(f"c{number}", "a", START), Event(f"c{number}", "b", START + timedelta(hours=hours))]
    (edge,) = count(acme, ("a", "b"), events)["edges"]
    assert (edge["q1_seconds"], edge["median_seconds"], edge["q3_seconds"]) == (1.75 * 3600, 2.5 * 3600, 4.75 * 3600)
