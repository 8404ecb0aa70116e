"""The pages of real paths: what they show, who may see them, what a large count does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.paths import queries, services
from apps.paths.models import PathReport
from apps.touchpoints.models import Touchpoint
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, signed_in
from tests.factories.maps import a_journey, a_touchpoint
from tests.paths.by_hand import Event
from tests.paths.conftest import START, a_map, walk

HOUR = timedelta(hours=1)


def at(who: str, *names: str, start: Any = START, **values: Any) -> list[Event]:
    return [Event(who, name, start + number * HOUR, number, **values) for number, name in enumerate(names)]


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.content[:300]
    return " ".join(answer.content.decode().split())


@pytest.fixture
def journey(acme: Any) -> Any:
    with tenant(acme):
        made = a_map(("a", "b", "c"), name="Moving")
        walk([*at("ada", "a", "b", "c"), *at("bo", "a", "c", "a", "a"), *at("cy", "x")])
    return made


def url(organization: Any, journey: Any, path: str = "") -> str:
    return f"/o/{organization.slug}/journeys/{journey.pk}/paths/{path}"


def test_ways_are_drawn_on_the_map_and_told_as_a_table(acme: Any, journey: Any) -> None:
    client = signed_in(a_member(acme, "analyst"))
    page = text(client.get(url(acme, journey), {"period": "all", "least": "0"}))
    assert "Of 2 customers, 1 (50 %)" in page
    for words in (
        "cx-way-next",
        "cx-way-skip",
        "cx-way-back",
        "cx-way-repeat",
        "skip 1 · 50 %",
        "back 1 · 50 %",
        "again 1",
    ):
        assert words in page
    assert "2 different ones" in page
    assert "Add to library" not in page
    manager = text(signed_in(a_member(acme, "manager")).get(url(acme, journey), {"period": "all"}))
    assert f"{url(acme, journey, 'event/')}?event=x" in manager


def test_threshold_leaves_rarer_ways_out_and_says_so(acme: Any, journey: Any) -> None:
    with tenant(acme):
        walk([event for number in range(30) for event in at(f"c{number}", "a", "b", "c")])
    client = signed_in(a_member(acme, "analyst"))
    page = text(client.get(url(acme, journey), {"period": "all", "least": "10"}))
    assert "3 rarer ways are left out." in page
    assert "skip 1" not in page


def test_between_two_touchpoints_offers_the_segment_of_them(acme: Any, journey: Any) -> None:
    client = signed_in(a_member(acme, "manager"))
    page = text(
        client.get(url(acme, journey, "between/"), {"period": "all", "source": "a", "target": "b", "days": "5"})
    )
    assert "Make a segment of them" in page
    assert 'name="r-0.a_event" value="a"' in page
    for odd in ({"source": "zz"}, {"days": "-1"}, {"days": "x"}, {"target": "\x00"}):
        assert client.get(url(acme, journey, "between/"), odd).status_code == 200
    form = {
        "do": "refresh", "name": "A to B", "r.mode": "all", "r-0.kind": "sequence", "r-0.a_event": "a",
        "r-0.b_event": "b", "r-0.within_days": "5", "r-0.window": "ever",
    }  # fmt: skip
    assert 'value="5"' in text(client.post(f"/o/{acme.slug}/segments/new/", form))


def test_between_channels_is_a_heat_table(acme: Any, journey: Any) -> None:
    page = text(signed_in(a_member(acme, "analyst")).get(url(acme, journey, "channels/"), {"period": "all"}))
    assert "From channel to channel" in page
    assert "cx-h3" in page


def test_empty_map_and_map_without_events_say_what_to_do(acme: Any) -> None:
    with tenant(acme):
        empty = a_journey("Empty", stages=[])
        mute = a_map(("a",), name="Mute", matchers={"a": None})
    client = signed_in(a_member(acme, "manager"))
    for made in (empty, mute):
        for path in ("", "between/", "channels/"):
            assert "No touchpoint of this map has an event yet" in text(client.get(url(acme, made, path)))


def test_filters_that_cannot_be_read_are_named_and_the_page_stays(acme: Any, journey: Any) -> None:
    client = signed_in(a_member(acme, "analyst"))
    page = text(client.get(url(acme, journey), {"segment": "nobody", "from": "2026-01-01", "to": "2025-01-01"}))
    assert "There is no such segment here" in page
    for odd in ({"version": "9"}, {"version": "x"}, {"version": "1" * 40}):
        assert client.get(url(acme, journey), odd).status_code == 404
    for odd in (
        {"from": "9999-99-99"},
        {"channel": "\x00"},
        {"least": "x"},
        {"segment": "\ud800".encode("utf-8", "surrogatepass")},
    ):
        assert client.get(url(acme, journey), odd).status_code == 200


def test_event_becomes_a_touchpoint_or_is_given_to_one(acme: Any, journey: Any) -> None:
    with tenant(acme):
        a_touchpoint("Lobby", key="lobby")
        walk(at("ada", "tweet", start=START + 9 * HOUR), channel="social")
    client = signed_in(a_member(acme, "manager"))
    page = text(client.get(url(acme, journey, "event/"), {"event": "tweet"}))
    assert 'value="Tweet"' in page
    assert '<option value="social" selected>' in page
    made = client.post(url(acme, journey, "event/?event=tweet"), {"do": "claim", "name": "Tweet", "channel": "social"})
    assert made.status_code == 302
    with tenant(acme):
        assert Touchpoint.objects.get(name="Tweet").event_match == {"event": "tweet", "where": {}}
        lobby = Touchpoint.objects.get(key="lobby")
    given = client.post(url(acme, journey, "event/?event=x"), {"do": "give", "touchpoint": str(lobby.pk)})
    assert given.status_code == 302
    again = client.post(url(acme, journey, "event/?event=y"), {"do": "give", "touchpoint": str(lobby.pk)})
    assert again.status_code == 422
    with tenant(acme):
        assert Touchpoint.objects.get(key="lobby").event_match == {"event": "x", "where": {}}
    assert client.get(url(acme, journey, "event/")).status_code == 404
    assert signed_in(a_member(acme, "analyst")).get(url(acme, journey, "event/?event=x")).status_code == 403


def test_profile_tells_where_somebody_is(acme: Any, journey: Any) -> None:
    with tenant(acme):
        person = Customer.objects.get(external_id="bo")
    page = text(signed_in(a_member(acme, "analyst")).get(f"/o/{acme.slug}/customers/{person.pk}/"))
    assert "Where they are on the maps" in page
    assert "Expected next" in page
    agent = text(signed_in(a_member(acme, "agent")).get(f"/o/{acme.slug}/customers/{person.pk}/"))
    assert "Where they are on the maps" not in agent


def test_board_tells_who_really_walks_the_map_once_it_was_counted(acme: Any, journey: Any) -> None:
    client = signed_in(a_member(acme, "manager"))
    board = f"/o/{acme.slug}/journeys/{journey.pk}/"
    assert "Stop on the way" not in text(client.get(board))
    client.get(url(acme, journey), {"period": "all"})
    page = text(client.get(board))
    assert "Stop on the way" in page
    assert "% of customers came by" in page
    assert client.get(f"/o/{acme.slug}/journeys/paths/", {"journey": str(journey.pk)}).status_code == 302
    assert client.get(f"/o/{acme.slug}/journeys/paths/", {"journey": "x"}).status_code == 404
    employee = text(signed_in(a_member(acme, "employee")).get(board))
    assert "Stop on the way" not in employee


def test_page_costs_the_same_queries_with_one_touchpoint_and_three(acme: Any) -> None:
    with tenant(acme):
        small, large = a_map(("a",), name="Small"), a_map(("b", "c", "d"), name="Large")
        walk([*at("ada", "a", "b", "c", "d"), *at("bo", "d", "c", "b", "a")])
    client = signed_in(a_member(acme, "analyst"))
    counts = []
    for made in (small, large):
        client.get(url(acme, made), {"period": "all"})
        with CaptureQueriesContext(connection) as captured:
            client.get(url(acme, made), {"period": "all"})
        counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("role", ["employee", "agent"])
def test_roles_without_the_right_are_refused(acme: Any, journey: Any, role: str) -> None:
    client = signed_in(a_member(acme, role))
    for path in ("", "between/", "channels/", "event/?event=x"):
        assert client.get(url(acme, journey, path)).status_code == 403
    report = f"reports/{journey.pk}/"
    assert client.post(url(acme, journey, f"{report}stop/")).status_code == 403


def test_map_of_another_organisation_does_not_exist(acme: Any, globex: Any) -> None:
    with tenant(globex):
        theirs = a_map(("a",))
        walk(at("ada", "a"))
    client = signed_in(a_member(acme, "owner"))
    never = "0190f9f2-7c1e-7000-8000-000000000001"
    for path in ("", "between/", "channels/", "event/?event=a"):
        assert client.get(url(acme, theirs, path)).status_code == 404
    assert client.post(url(acme, theirs, f"reports/{never}/stop/")).status_code == 404
    assert client.get(f"/o/{acme.slug}/journeys/paths/", {"journey": str(theirs.pk)}).status_code == 404


@pytest.mark.django_db(transaction=True)
class TestLargeCounts:
    """More than may be counted while somebody waits: by a worker, with the newest numbers kept."""

    @pytest.fixture(autouse=True)
    def nothing_is_small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queries, "MOST_AT_ONCE", 2)

    def test_page_waits_then_shows_and_the_api_says_when_to_ask_again(self, acme: Any, journey: Any) -> None:
        client, api = signed_in(a_member(acme, "analyst")), an_api_client(acme)
        address = f"/api/v1/journeys/{journey.pk}/paths/"
        waiting = api.get(address)
        assert (waiting.status_code, waiting.json()) == (202, {"state": "computing", "percent": 0})
        assert int(waiting.headers["Retry-After"]) > 0
        assert "Being counted" in text(client.get(url(acme, journey), {"period": "all"}))
        with tenant(acme):
            report = PathReport.objects.get()
            services.run_report(report.pk)
        told = api.get(address)
        assert (told.status_code, told.json()["customers"]) == (200, 2)
        page = text(client.get(url(acme, journey), {"period": "all"}))
        assert "Being counted" not in page
        assert "As of" in page

    def test_changed_data_are_counted_again_while_the_former_numbers_stay(self, acme: Any, journey: Any) -> None:
        api = an_api_client(acme)
        address = f"/api/v1/journeys/{journey.pk}/paths/"
        api.get(address)
        with tenant(acme):
            report = PathReport.objects.get()
            services.run_report(report.pk)
            walk(at("di", "a", start=START + 5 * HOUR))
            assert services.mark_stale(START + 5 * HOUR, START + 5 * HOUR) == 1
            assert services.mark_stale(START, START) == 0
            PathReport.objects.update(as_of=now() - timedelta(minutes=5))
        assert api.get(address).status_code == 202
        page = text(signed_in(a_member(acme, "analyst")).get(url(acme, journey), {"period": "all"}))
        assert "Below are the numbers as they were." in page
        assert "Of 2 customers" in page
        with tenant(acme):
            services.run_report(report.pk)
        assert api.get(address).json()["customers"] == 3

    def test_stopped_count_stays_stopped_until_somebody_asks_again(self, acme: Any, journey: Any) -> None:
        client, api = signed_in(a_member(acme, "analyst")), an_api_client(acme)
        client.get(url(acme, journey), {"period": "all"})
        with tenant(acme):
            report = PathReport.objects.get()
        stop = client.post(url(acme, journey, f"reports/{report.pk}/stop/"), {"tab": "paths", "query": "period=all"})
        assert stop.headers["Location"].endswith("/paths/?period=all")
        assert "The count was stopped." in text(client.get(url(acme, journey), {"period": "all"}))
        assert api.get(f"/api/v1/journeys/{journey.pk}/paths/").status_code == 503
        with tenant(acme):
            services.run_report(report.pk)
            report.refresh_from_db()
        assert (report.state, report.result) == ("stopped", None)
        client.post(url(acme, journey, f"reports/{report.pk}/again/"))
        with tenant(acme):
            services.run_report(report.pk)
        assert "Of 2 customers" in text(client.get(url(acme, journey), {"period": "all"}))

    def test_count_that_is_stopped_while_it_runs_keeps_the_former_result(
        self, acme: Any, journey: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = signed_in(a_member(acme, "analyst"))
        client.get(url(acme, journey), {"period": "all"})
        with tenant(acme):
            report = PathReport.objects.get()
        usual = services.compute

        def stopped_meanwhile(*args: Any, **kwargs: Any) -> Any:
            services.cache.set(services._stop_key(report.pk), True)
            return usual(*args, **kwargs)

        monkeypatch.setattr(services, "compute", stopped_meanwhile)
        with tenant(acme):
            services.run_report(report.pk)
            report.refresh_from_db()
        assert (report.state, report.result, report.leased_until) == ("stopped", None, None)

    def test_conversion_and_hand_overs_are_counted_by_the_worker_as_well(self, acme: Any, journey: Any) -> None:
        client = signed_in(a_member(acme, "analyst"))
        for path in ("between/", "channels/"):
            assert "Being counted" in text(client.get(url(acme, journey, path), {"period": "all"}))
        with tenant(acme):
            for report in PathReport.objects.all():
                services.run_report(report.pk)
        assert "How many got there" in text(client.get(url(acme, journey, "between/"), {"period": "all"}))
        assert "From channel to channel" in text(client.get(url(acme, journey, "channels/"), {"period": "all"}))

    def test_two_organisations_ask_the_same_and_get_their_own(self, acme: Any, globex: Any, journey: Any) -> None:
        with tenant(globex):
            theirs = a_map(("a", "b", "c"), name="Moving")
            walk(at("zed", "a", "b", "c", "a"))
        for organization, made, people in ((acme, journey, 2), (globex, theirs, 1)):
            api = an_api_client(organization)
            api.get(f"/api/v1/journeys/{made.pk}/paths/")
            with tenant(organization):
                services.run_report(PathReport.objects.get().pk)
            assert api.get(f"/api/v1/journeys/{made.pk}/paths/").json()["customers"] == people
