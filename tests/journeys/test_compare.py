"""Two states of a map beside each other: what differs, whose scores, and who may see it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.journeys import services
from apps.journeys.alignment import align, merged
from apps.journeys.compare import compare_maps
from apps.journeys.content import complete
from apps.journeys.drafts import read_draft
from apps.journeys.models import Journey, JourneyVersion
from apps.metrics.folding import refold_organization
from apps.surveys.models import SurveyVersion
from apps.surveys.services import publish_survey, update_survey
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import DomainError, NotFound
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_api_client, signed_in
from tests.factories.maps import a_journey, a_touchpoint
from tests.factories.surveys import a_survey, an_answer
from tests.journeys.test_content import a_map, card, stage, step

SYSTEM = Actor.system("test")
BREAK = now() - timedelta(days=30)


@pytest.fixture
def journey(acme: Any) -> Any:
    """Two versions: the second moved the mail and renamed a step; they met thirty days ago."""
    with tenant(acme):
        for key in ("form", "mail", "call"):
            a_touchpoint(key.title(), key=key)
        choose = {"name": "Choose", "touchpoints": ["form"], "belief": 1}
        body = [
            {"name": "Buy", "steps": [choose, {"name": "Wait", "touchpoints": ["mail"]}]},
            {"name": "Use", "steps": [{"name": "Ask", "touchpoints": ["call"]}]},
        ]
        made = a_journey("Moving", stages=body, metric="csat")
        services.publish_journey(actor=SYSTEM, journey=made, purpose="Spring")
        body = read_draft(made).content["stages"]
        body[0]["steps"][0]["name"] = "Decide"
        body[0]["steps"][1]["touchpoints"] = []
        body[1]["steps"][0]["touchpoints"] = ["call", "mail"]
        made = services.update_journey(actor=SYSTEM, journey=made, stages=body)
        services.publish_journey(actor=SYSTEM, journey=made, purpose="Autumn")
        JourneyVersion.objects.filter(journey=made, number=1).update(in_force_to=BREAK)
        JourneyVersion.objects.filter(journey=made, number=2).update(in_force_from=BREAK)
        return Journey.objects.get(pk=made.pk)


def compared(acme: Any, journey: Any, a: str = "", b: str = "", actor: Actor = SYSTEM) -> Any:
    return compare_maps(actor=actor, organization=acme, journey=journey, a=a, b=b)


def answers(key: str, scores: dict[int, list[int]], kind: str = "csat") -> None:
    """Scores by days from the change of version."""
    survey = a_survey(kind, touchpoint=Touchpoint.objects.get(key=key))
    for days, given in scores.items():
        for score in given:
            an_answer(survey, score, occurred_at=BREAK + timedelta(days=days))


def test_items_of_both_sides_stand_in_one_order() -> None:
    assert merged(["a", "x", "b"], ["b", "a", "c"]) == ["b", "a", "x", "c"]
    assert merged(["x", "a"], ["a"]) == ["x", "a"]
    assert merged([], ["a"]) == ["a"] == merged(["a"], [])


def test_every_item_says_what_became_of_it() -> None:
    old = complete(
        a_map(stage("s", step("one", "form", cards=[card("c", "x"), card("d", "y")]), step("two")), stage("u"))
    )
    new = complete(
        a_map(stage("s", step("one", "mail", cards=[card("c", "z")])), stage("u", step("two")), stage("w", step("new")))
    )
    first, second, third = align(old, new)
    assert (first.state, second.state, third.state) == ("same", "same", "added")
    one, two = first.steps
    assert one.state == "same" and one.differs
    assert {place.key: place.state for place in one.places} == {"form": "removed", "mail": "added"}
    assert [(pair.state, bool(pair.a), bool(pair.b)) for pair in one.lanes[0].cards] == [
        ("changed", True, True),
        ("removed", True, False),
    ]
    assert two.is_gone and two.elsewhere == "u"
    assert second.steps[0].state == "moved" and second.steps[0].elsewhere == "s"


def test_each_version_has_the_scores_of_its_own_time(acme: Any, journey: Any) -> None:
    with tenant(acme):
        answers("form", {-10: [1] * 40, 10: [5] * 40})
        answers("mail", {-10: [5] * 40, 10: [5] * 39 + [1]})
        found = compared(acme, journey, "1", "2")
        (form,) = found.scores["form"].scores
        assert (form.a.value, form.a.n, form.b.value, form.b.n) == (0, 40, 100, 40)
        assert form.change.significant and form.change.better and form.change.difference == 100
        assert found.scores["form"].continues is True
        (mail,) = found.scores["mail"].scores
        assert found.scores["mail"].continues is False
        assert not mail.change.significant
        (back,) = compared(acme, journey, "2", "1").scores["form"].scores
        assert back.change.difference == -100 and not back.change.better


def test_no_difference_is_told_where_there_is_none_to_tell(acme: Any, journey: Any) -> None:
    with tenant(acme):
        answers("form", {-10: [5] * 3})
        answers("mail", {-10: [3] * 5}, kind="nps")
        found = compared(acme, journey, "1", "2")
        (form,) = found.scores["form"].scores
        assert (form.change, form.why, form.b) == (None, "few", None)
        draft = compared(acme, journey, "2", "draft")
        assert all(pair.b is None for one in draft.scores.values() for pair in one.scores)


def test_a_question_asked_in_other_words_between_them_is_not_compared(acme: Any, journey: Any) -> None:
    with tenant(acme):
        survey = a_survey("csat", touchpoint=Touchpoint.objects.get(key="form"))
        for days in (-10, 10):
            for _number in range(35):
                an_answer(survey, 4, occurred_at=BREAK + timedelta(days=days))
        definition = survey.definition
        for page in definition["pages"]:
            for question in page["questions"]:
                if question["id"] == "score":
                    question["title"] = dict.fromkeys(question["title"], "Was it worth the money at all?")
        update_survey(actor=SYSTEM, survey=survey, definition=definition)
        publish_survey(actor=SYSTEM, survey=survey)
        SurveyVersion.objects.filter(survey=survey, number=2).update(published_at=BREAK + timedelta(days=1))
        (form,) = compared(acme, journey, "1", "2").scores["form"].scores
        assert (form.change, form.why) == (None, "asked")
        assert form.a.n == form.b.n == 35


def test_a_to_be_map_stays_aligned_whatever_is_renamed(acme: Any, journey: Any) -> None:
    with tenant(acme):
        answers("form", {10: [5] * 40})
        made = services.make_to_be(actor=SYSTEM, journey=journey)
        assert (made.kind, made.as_is_id, made.name) == ("to_be", journey.pk, "Moving (to be)")
        same = compared(acme, made)
        assert same.differences == [] and not any(row.differs for row in same.stages)
        body = read_draft(made).content["stages"]
        body[0]["name"], body[0]["steps"][0]["name"] = "Get it", "Take it"
        body.reverse()
        services.update_journey(actor=SYSTEM, journey=made, stages=body)
        found = compared(acme, made)
        assert (found.a.journey, found.a.number, found.b.number) == (journey, 2, None)
        assert {one.sentence for one in found.differences} == {
            "Stage “Buy” renamed to “Get it”",
            "Stage “Use” moved to position 1",
            "Step “Decide” renamed to “Take it”",
        }
        services.publish_journey(actor=SYSTEM, journey=made, purpose="Goal")
        refold_organization()
        (form,) = compared(acme, made, str(journey.pk), "1").scores["form"].scores
        assert (form.change, form.why) == (None, "shared")
        around = compared(acme, journey, str(made.pk), "2")
        assert len(around.differences) == 3
        with pytest.raises(DomainError, match="already"):
            services.make_to_be(actor=SYSTEM, journey=made)


def test_two_maps_of_their_own_are_aligned_by_names(acme: Any, journey: Any) -> None:
    with tenant(acme):
        other = a_journey(
            "Other", stages=[{"name": "Buy", "steps": [{"name": "Decide", "touchpoints": ["form"], "belief": -1}]}]
        )
        found = compared(acme, other, f"{journey.pk}:2", "draft")
        assert "The team's view of “Decide” changed from +1 to −1" in {one.sentence for one in found.differences}
        assert found.scores["form"].continues is None


@pytest.mark.parametrize(
    "wrong", ["0", "9", "x", "-1", "1.5", "99999999999", "é", "draft:1", "01a20239-3be7-72fb-81d9-0464b9747845"]
)
def test_what_does_not_exist_is_not_found(acme: Any, journey: Any, wrong: str) -> None:
    client = signed_in(a_member(acme, "manager"))
    assert client.get(f"/o/acme/journeys/{journey.pk}/compare/", {"a": wrong}).status_code == 404
    assert client.get(f"/o/acme/journeys/{journey.pk}/compare/", {"b": "1\x00"}).status_code == 404
    assert an_api_client(acme).get(f"/api/v1/journeys/{journey.pk}/compare/", {"a": wrong}).status_code == 404


def test_who_may_not_edit_sees_versions_without_draft_and_without_scores(acme: Any, journey: Any) -> None:
    with tenant(acme):
        answers("form", {-10: [5] * 40})
        employee = an_actor(acme, "employee")
        assert compared(acme, journey, "1", "2", employee).scores == {}
        with pytest.raises(NotFound):
            compared(acme, journey, "1", "draft", employee)
        made = services.make_to_be(actor=SYSTEM, journey=journey)
        with pytest.raises(NotFound):
            compared(acme, journey, "1", str(made.pk), employee)
    client = signed_in(a_member(acme, "employee"))
    page = client.get(f"/o/acme/journeys/{journey.pk}/compare/")
    assert page.status_code == 200 and b"CSAT" not in page.content
    assert client.post(f"/o/acme/journeys/{journey.pk}/to-be/").status_code == 403


def test_maps_of_another_organisation_are_not_found(acme: Any, globex: Any, journey: Any) -> None:
    with tenant(globex):
        theirs = a_journey("Theirs")
    client = signed_in(a_member(acme, "manager"))
    assert client.get(f"/o/acme/journeys/{journey.pk}/compare/", {"a": str(theirs.pk)}).status_code == 404
    assert client.get(f"/o/acme/journeys/{theirs.pk}/compare/").status_code == 404
    assert client.post(f"/o/acme/journeys/{theirs.pk}/to-be/").status_code == 404


def test_pages_show_versions_and_their_scores(acme: Any, journey: Any) -> None:
    with tenant(acme):
        answers("form", {-10: [1] * 40, 10: [5] * 40})
    client = signed_in(a_member(acme, "manager"))
    page = client.get(f"/o/acme/journeys/{journey.pk}/compare/?a=1&b=2").content.decode()
    assert "better, and more than chance" in page and "its series runs on" in page
    assert "Wait" in page and "Only what differs" in page
    only = client.get(f"/o/acme/journeys/{journey.pk}/compare/?a=1&b=2&only=1").content.decode()
    assert len(only) < len(page) or "Use" in only
    versions = client.get(f"/o/acme/journeys/{journey.pk}/versions/").content.decode()
    assert "40 answers while it was in force" in versions and "1 cosmetic difference" in versions
    assert "Start anew with this version:" in versions and "Mail" in versions
    made = client.post(f"/o/acme/journeys/{journey.pk}/to-be/")
    assert made.status_code == 302
    listed = client.get("/o/acme/journeys/").content.decode()
    assert "Moving (to be)" in listed and "Beside" in listed
    assert "Side by side" in client.get(f"/o/acme/journeys/{journey.pk}/versions/").content.decode()


def test_comparing_costs_the_same_for_a_large_map(acme: Any, journey: Any) -> None:
    def cost(row: Any) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            compared(acme, row, "1", "draft")
        return len(seen)

    with tenant(acme):
        answers("form", {-10: [5]})
        compared(acme, journey, "1", "draft")
        few = cost(journey)
        keys = [a_touchpoint().key for _number in range(6)]
        large = a_journey(
            "Large",
            stages=[
                {
                    "name": f"S{n}",
                    "steps": [{"name": f"T{n}", "touchpoints": keys, "cards": [{"lane": "actions", "text": "x"}]}],
                }
                for n in range(8)
            ],
        )
        services.publish_journey(actor=SYSTEM, journey=large, purpose="Large")
        answers(keys[0], {-10: [5]})
        large.refresh_from_db()
        assert cost(large) <= few


def test_the_api_gives_versions_comparison_and_to_be_map(acme: Any, journey: Any) -> None:
    with tenant(acme):
        answers("form", {-10: [1] * 40, 10: [5] * 40})
    client = an_api_client(acme)
    base = f"/api/v1/journeys/{journey.pk}/"
    version = client.get(f"{base}versions/1/").json()
    assert (
        version["version"] == 1
        and version["in_force_from"] is None
        and version["content"]["stages"][0]["name"] == "Buy"
    )
    assert client.get(f"{base}versions/3/").status_code == 404
    found = client.get(f"{base}compare/", {"a": "1", "b": "2"}).json()
    assert (found["a"]["version"], found["b"]["version"]) == (1, 2)
    form = next(row for row in found["touchpoints"] if row["touchpoint"] == "form")
    assert form["series"] == "continues" and form["scores"]["csat"]["change"]["significant"] is True
    assert [one["cosmetic"] for one in found["differences"]] == [True, False]
    made = client.post(f"{base}to-be/")
    assert made.status_code == 201 and made.json()["as_is"] == str(journey.pk)
    again = client.post(f"/api/v1/journeys/{made.json()['id']}/to-be/")
    assert again.status_code == 400 and again.json()["errors"][0]["field"] == "kind"


def test_restoring_a_version_can_be_undone(acme: Any, journey: Any) -> None:
    with tenant(acme):
        editor = an_actor(acme, "manager")
        before = read_draft(journey).content["stages"]
        services.restore_version(actor=editor, journey=journey, number=1)
        assert read_draft(journey).content["stages"][0]["steps"][0]["name"] == "Choose"
        services.undo_edit(actor=editor, journey=journey)
        assert read_draft(journey).content["stages"] == before
