"""The live layer of a map through its pages and the API: figures, filters, what leads where, and who sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate, now

from apps.journeys import services
from apps.journeys.drafts import read_draft
from apps.metrics.folding import refold_organization
from apps.metrics.queries import touchpoint_readings
from apps.metrics.selection import Selection
from apps.segments.models import Segment, SegmentMember
from apps.surveys.services import publish_survey, update_survey
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, signed_in
from tests.factories.customers import a_customer
from tests.factories.maps import a_journey, a_persona, a_touchpoint
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")
LINK = re.compile(r'href="([^"]*/feedback/\?[^"]*)"')


def map_of(*keys: str, metric: str = "nps", beliefs: Iterable[float | None] = (), **values: Any) -> Any:
    """A map with one step a touchpoint."""
    drawn = [*beliefs, *([None] * len(keys))]
    steps = [{"name": f"Step {key}", "touchpoints": [key], "belief": drawn[at]} for at, key in enumerate(keys)]
    return a_journey("Moving", stages=[{"name": "Buy", "steps": steps}], metric=metric, **values)


def asked(key: str, kind: str = "nps", **values: Any) -> Any:
    """A survey at a touchpoint of that key."""
    return a_survey(kind, touchpoint=a_touchpoint(key.title(), key=key), **values)


def answers(survey: Any, *scores: int, **values: Any) -> None:
    for score in scores:
        an_answer(survey, score, **values)


def url(organization: Any, journey: Any, path: str = "", **query: Any) -> str:
    return f"/o/{organization.slug}/journeys/{journey.pk}/{path}?{urlencode(query)}"


def curves_url(journey: Any) -> str:
    return f"/api/v1/journeys/{journey.pk}/curves/"


def words(page: Any) -> str:
    """A page's text, without tags and doubled spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())


def behind(client: Any, page: Any, **expected: str) -> int:
    """How many answers the list shows that the link with these parameters leads to."""
    links = {unescape(found) for found in LINK.findall(page.content.decode())}
    found = next(link for link in links if all(f"{name}={value}" in link for name, value in expected.items()))
    return client.get(found).context["page"].total


@pytest.fixture
def manager(acme: Any) -> Any:
    return signed_in(a_member(acme, "manager"))


def test_every_score_leads_to_exactly_its_answers_under_every_filter(acme: Any, manager: Any) -> None:
    with tenant(acme):
        survey = asked("box")
        journey = map_of("box")
        anna = a_customer(name="Anna")
        group = Segment.objects.create(name="Happy", kind="static", state="ready", size=1)
        SegmentMember.objects.create(segment=group, customer=anna)
        lena = a_persona("Lena")
        lena.segment_id = group.pk
        lena.save(update_fields=["segment"])
        answers(survey, 10, 9, 2, channel="web")
        answers(survey, 8, 7, channel="email", customer_id=anna.pk)
        answers(survey, 0, 1, 2, 3, occurred_at=now() - timedelta(days=100))
        refold_organization()
    today = localdate()
    for query, n in (
        ({}, 5),
        ({"period": "all"}, 9),
        ({"channel": "web"}, 3),
        ({"segment": group.pk}, 2),
        ({"persona": lena.pk}, 2),
        ({"channel": "web", "segment": group.pk}, 0),
        ({"from": today - timedelta(days=120), "to": today - timedelta(days=50)}, 4),
    ):
        page = manager.get(url(acme, journey, **query))
        if n:
            assert f"n {n}" in words(page), query
            assert behind(manager, page, touchpoint="box", metric="nps") == n, query
        else:
            assert "not measured" in words(page)
    assert "Happy" in words(manager.get(url(acme, journey, segment=group.pk)))


def test_filters_that_name_nothing_are_refused_by_name_and_break_nothing(acme: Any, globex: Any, manager: Any) -> None:
    with tenant(globex):
        theirs = Segment.objects.create(name="Theirs", kind="static", state="ready", size=0)
    with tenant(acme):
        journey = map_of(a_touchpoint(key="box").key)
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="x")
    client = an_api_client(acme)
    for name, value in (
        ("segment", str(theirs.pk)),
        ("segment", "none"),
        ("persona", "nobody"),
        ("channel", "pigeon"),
        ("from", "yesterday"),
    ):
        answer = client.get(curves_url(journey), {name: value})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)
    for query in ({"segment": theirs.pk}, {"channel": "pigeon"}, {"persona": "9" * 9000}):
        assert manager.get(url(acme, journey, **query)).status_code in (400, 422)
    assert manager.get(url(acme, journey, **{"from": "x"})).status_code == 200
    for version in ("x", "-1", "9" * 30):
        assert client.get(curves_url(journey), {"version": version}).status_code == 400
    assert client.get(curves_url(journey), {"version": "7"}).status_code == 404


def test_arrow_stands_only_where_the_score_clearly_moved(acme: Any, manager: Any) -> None:
    before = now() - timedelta(days=120)
    with tenant(acme):
        moved, still = asked("box"), asked("call")
        answers(moved, *[2] * 40, occurred_at=before)
        answers(moved, *[10] * 40)
        answers(still, *[10, 2] * 20, occurred_at=before)
        answers(still, *[10, 2] * 19, 10, 10)
        journey = map_of("box", "call")
        refold_organization()
    page = manager.get(url(acme, journey)).content.decode()
    assert page.count("trending-up") == 1
    assert "better than in the period before: +200" in unescape(page)
    assert "trending" not in manager.get(url(acme, journey, period="all")).content.decode()


def test_other_words_are_no_trend(acme: Any, manager: Any) -> None:
    with tenant(acme):
        survey = asked("box")
        answers(survey, *[2] * 40, occurred_at=now() - timedelta(days=120))
        definition = survey.definition
        definition["pages"][0]["questions"][0]["title"] = {"en": "Would you tell your mother about us?"}
        update_survey(actor=SYSTEM, survey=survey, definition=definition)
        publish_survey(actor=SYSTEM, survey=survey)
        answers(survey, *[10] * 40)
        journey = map_of("box")
        refold_organization()
    page = manager.get(url(acme, journey))
    assert "+100" in words(page)
    assert "trending" not in page.content.decode()


def test_touchpoints_asked_on_other_scales_are_marked_and_not_ranked(acme: Any, manager: Any) -> None:
    with tenant(acme):
        box = asked("box", "csat")
        answers(box, *[5] * 40)
        wide = a_survey("csat", touchpoint=a_touchpoint("Call", key="call"), published=False)
        question = wide.definition["pages"][0]["questions"][0]
        question["scale"] = 7
        question["labels"] = {}
        update_survey(actor=SYSTEM, survey=wide, definition=wide.definition)
        publish_survey(actor=SYSTEM, survey=wide)
        answers(wide, *[1] * 40)
        steps = [{"name": "Both", "touchpoints": ["box", "call"], "belief": 1}]
        journey = a_journey("Moving", stages=[{"name": "Buy", "steps": steps}], metric="csat")
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="x")
        refold_organization()
    told = words(manager.get(url(acme, journey)))
    assert "not comparable" in told
    assert told.count("Box is asked on 5 points, Call on 7.") == 3
    step = an_api_client(acme).get(curves_url(journey)).json()["steps"][0]
    assert (step["reason"], step["score"], step["touchpoint"]) == ("not_comparable", None, None)


def test_same_question_with_other_names_in_it_is_ranked(acme: Any) -> None:
    with tenant(acme):
        for key, score in (("box", 5), ("call", 1)):
            answers(asked(key, "csat"), *[score] * 40)
        journey = map_of("box", "call", metric="csat", beliefs=(-1, 1))
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="x")
        refold_organization()
    found = an_api_client(acme).get(curves_url(journey)).json()
    assert [step["against_belief"]["measured"] for step in found["steps"]] == [2, -2]
    assert len(found["delusions"]) == 2


def test_only_touchpoints_that_a_version_changed_start_anew(acme: Any, manager: Any) -> None:
    with tenant(acme):
        for key in ("box", "call"):
            answers(asked(key), *[10] * 3, occurred_at=now() - timedelta(days=2))
        journey = map_of("box")
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="First")
        step = {"name": "New", "touchpoints": ["call"]}
        stages = [*_stages(journey), {"name": "Use", "steps": [step]}]
        services.update_journey(actor=SYSTEM, journey=journey, stages=stages)
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="Second")
        journey.refresh_from_db()
        call = a_survey("nps", touchpoint=_touchpoint("call"))
        answers(call, 0, 0)
        refold_organization()
    page = manager.get(url(acme, journey))
    assert "counts since" in words(page)
    assert behind(manager, page, touchpoint="box") == 3
    assert behind(manager, page, touchpoint="call") == 2
    first = manager.get(url(acme, journey, version=1))
    assert behind(manager, first, touchpoint="box") == 3
    whole = an_api_client(acme).get(f"/api/v1/journeys/{journey.pk}/scores/").json()["touchpoints"]
    assert [row["nps"]["n"] for row in whole] == [3, 5]


def _stages(journey: Any) -> Any:
    return read_draft(journey).content["stages"]


def _touchpoint(key: str) -> Any:
    return Touchpoint.objects.get(key=key)


def test_too_few_anonymous_answers_stay_hidden_on_the_map(acme: Any, manager: Any) -> None:
    with tenant(acme):
        answers(asked("box", anonymous=True), 10, 0)
        journey = map_of("box", beliefs=(1,))
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="x")
        refold_organization()
    assert "hidden: too few answers" in words(manager.get(url(acme, journey)))
    step = an_api_client(acme).get(curves_url(journey)).json()["steps"][0]
    assert (step["reason"], step["score"], step["against_belief"]["measured"]) == ("hidden", None, None)


@pytest.fixture
def deluded(acme: Any) -> Any:
    """Believed good and bad the other way round than measured, and a weak third."""
    with tenant(acme):
        answers(asked("box"), *[0] * 40, comment="It cost me 4111 1111 1111 1111 and an evening")
        answers(asked("call"), *[10] * 40)
        answers(asked("chat"), *[10] * 5)
        journey = map_of("box", "call", "chat", beliefs=(2, -2, 1))
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="x")
        refold_organization()
    return journey


def test_delusions_are_listed_with_both_sides_answers_and_words(acme: Any, deluded: Any, manager: Any) -> None:
    page = manager.get(url(acme, deluded, "delusions/"))
    told = words(page)
    assert "Step box : worse than the team thinks" in told
    assert "the team: very good (+2.0), rank 1 of 2" in told
    assert "customers: −100 (−100 to −84), n 40, rank 2 of 2" in told
    assert "and an evening" in told
    assert "Only 5 of 30 answers" in told
    assert behind(manager, page, touchpoint="box") == 40
    on_map = manager.get(url(acme, deluded))
    assert "2 delusions" in words(on_map)
    assert behind(manager, on_map, touchpoint="chat") == 5


def test_quotes_are_masked_for_whom_the_role_masks_them(acme: Any, deluded: Any) -> None:
    for role, is_masked in (("manager", False), ("analyst", True)):
        told = words(signed_in(a_member(acme, role)).get(url(acme, deluded, "delusions/")))
        assert "and an evening" in told
        assert ("4111" in told) is not is_masked


def test_employee_reads_the_map_without_scores_and_has_no_page_of_curves(acme: Any, deluded: Any) -> None:
    employee = signed_in(a_member(acme, "employee"))
    page = employee.get(url(acme, deluded))
    assert page.status_code == 200
    for hidden in ("cx-elive", "delusion", "n 40", "not measured", "cx-period", "Measured"):
        assert hidden not in page.content.decode(), hidden
    assert "cx-eline" in page.content.decode()
    assert employee.get(url(acme, deluded, "delusions/")).status_code == 403
    agent = signed_in(a_member(acme, "agent"))
    assert "n 40" in words(agent.get(url(acme, deluded)))
    assert agent.get(url(acme, deluded, "delusions/")).status_code == 200


def test_other_organisations_maps_have_no_curves(acme: Any, globex: Any, manager: Any) -> None:
    with tenant(globex):
        theirs = map_of(a_touchpoint(key="box").key)
        services.publish_journey(actor=SYSTEM, journey=theirs, purpose="x")
    assert manager.get(url(acme, theirs, "delusions/")).status_code == 404
    client = an_api_client(acme)
    never = client.get("/api/v1/journeys/0190f9f2-7c1e-7000-8000-000000000001/curves/")
    answer = client.get(curves_url(theirs))
    assert (answer.status_code, answer.json()) == (404, never.json())


def test_empty_and_unpublished_maps_have_curves_without_points(acme: Any, manager: Any) -> None:
    with tenant(acme):
        empty = a_journey("Empty", stages=[])
        bare = a_journey("Bare", stages=[{"name": "A", "steps": []}])
    for journey in (empty, bare):
        page = manager.get(url(acme, journey, "delusions/"))
        assert "This map has no steps yet" in words(page)
        found = an_api_client(acme).get(curves_url(journey)).json()
        assert (found["version"], found["steps"]) == (None, [])


@pytest.mark.parametrize("path", ["", "delusions/"])
def test_live_pages_cost_the_same_however_many_touchpoints(acme: Any, manager: Any, path: str) -> None:
    with tenant(acme):
        surveys = [asked(key) for key in ("box", "call", "chat")]
        for survey in surveys:
            answers(survey, *[9] * 31)
        refold_organization()
        small = map_of("box", beliefs=(1,))
        big = map_of("box", "call", "chat", beliefs=(1, 1, 1))
    manager.get(url(acme, big, path))
    costs = []
    for journey in (small, big):
        with CaptureQueriesContext(connection) as found:
            assert manager.get(url(acme, journey, path)).status_code == 200
        costs.append(len(found))
    assert costs[0] == costs[1]


def test_curves_of_the_api_cost_the_same_however_many_touchpoints(acme: Any) -> None:
    with tenant(acme):
        for key in ("box", "call", "chat"):
            answers(asked(key), *[9] * 31)
        refold_organization()
        maps = [map_of("box", beliefs=(1,)), map_of("box", "call", "chat", beliefs=(1, 1, 1))]
        for journey in maps:
            services.publish_journey(actor=SYSTEM, journey=journey, purpose="x")
    client = an_api_client(acme)
    client.get(curves_url(maps[1]))
    costs = []
    for journey in maps:
        with CaptureQueriesContext(connection) as found:
            assert client.get(curves_url(journey)).status_code == 200
        costs.append(len(found))
    assert costs[0] == costs[1]


def test_window_between_instants_counts_each_answer_once_whatever_days_it_cuts(acme: Any) -> None:
    """Whole days come from the histograms, cut days from the answers: together exactly the answers in between."""
    with tenant(acme):
        survey = asked("box")
        anonymous = asked("call", anonymous=True)
        base = now().replace(hour=5, minute=0)
        moments = [base - timedelta(hours=7 * number) for number in range(40)]
        for moment in moments:
            an_answer(survey, 9, occurred_at=moment)
            an_answer(anonymous, 9, occurred_at=moment)
        refold_organization()
        box = survey.touchpoint_id
        for first, last in ((9, 2), (9, 8.9), (4.5, 4.45), (30, None), (None, 3), (0.01, None)):
            since = None if first is None else base - timedelta(days=first)
            until = None if last is None else base - timedelta(days=last)
            selection = Selection(which="any", since=since, until=until, zone=ZoneInfo(acme.timezone))
            expected = sum((since is None or at >= since) and (until is None or at < until) for at in moments)
            found = touchpoint_readings(selection).get(box, {})
            assert (found["nps"].metric.n if found else 0) == expected, (first, last)
