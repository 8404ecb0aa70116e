"""The lanes of a map: usual ones and own ones, renamed, moved, removed while empty, undone."""

from __future__ import annotations

from typing import Any

import pytest

from apps.journeys import content, services
from apps.journeys.drafts import read_draft
from apps.journeys.models import Card, Journey
from apps.journeys.services.edits import shown_lanes
from cxm.errors import Conflict, DomainError, NotAllowed, NotFound
from cxm.scope import tenant
from tests.factories import a_member, an_actor, signed_in
from tests.factories.maps import a_journey


@pytest.fixture
def mira(acme: Any) -> Any:
    return an_actor(acme, "manager")


@pytest.fixture
def journey(acme: Any) -> Any:
    cards = [{"lane": "pain", "text": "Slow"}, {"lane": "Smells", "text": "Of paint"}]
    with tenant(acme):
        yield a_journey("Moving", stages=[{"name": "Buy", "steps": [{"name": "Order", "cards": cards}]}])


def keys(journey: Any) -> list[str]:
    return [lane["key"] for lane in shown_lanes(Journey.objects.get(pk=journey.pk))]


def test_usual_lanes_first_then_those_in_use(journey: Any) -> None:
    assert keys(journey) == ["actions", "thoughts", "pain_points", "opportunities", "smells"]


def test_lane_is_added_renamed_moved_and_taken_off(journey: Any, mira: Any) -> None:
    known = {"actor": mira, "journey": journey}
    services.add_lane(**known, title="backstage")
    services.add_lane(**known, title="What we hear")
    services.rename_lane(**known, key="pain_points", title="What hurts them")
    services.move_lane(**known, key="what_we_hear", position=0)
    services.remove_lane(**known, key="thoughts")
    assert keys(journey) == ["what_we_hear", "actions", "pain_points", "opportunities", "smells", "backstage"]
    lanes = read_draft(Journey.objects.get(pk=journey.pk)).content["lanes"]
    assert content.lane_title("pain", lanes) == "What hurts them"
    assert content.lane_title("backstage", lanes) == "Backstage"
    for _ in range(5):
        services.undo_edit(**known)
    assert keys(journey) == ["actions", "thoughts", "pain_points", "opportunities", "smells"]
    services.redo_edit(**known)
    assert keys(journey)[-1] == "backstage"


def test_lane_with_cards_stays_and_a_map_keeps_one(journey: Any, mira: Any) -> None:
    known = {"actor": mira, "journey": journey}
    with pytest.raises(Conflict):
        services.remove_lane(**known, key="smells")
    Card.objects.all().delete()
    for key in ("thoughts", "pain_points", "opportunities"):
        services.remove_lane(**known, key=key)
    with pytest.raises(Conflict):
        services.remove_lane(**known, key="actions")


def test_wrong_lanes_are_refused_with_their_path(journey: Any, mira: Any) -> None:
    known = {"actor": mira, "journey": journey}
    for title in ("Thoughts", "touchpoints", "", "x" * 41, "a\x00b", "!!!"):
        with pytest.raises(DomainError):
            services.add_lane(**known, title=title)
    with pytest.raises(DomainError) as raised:
        services.set_lanes(**known, lanes=[{"key": "actions"}, {"title": "Customer action"}, 7, {"key": "actions"}])
    assert [error["field"] for error in raised.value.errors] == ["lanes.2", "lanes.2.title", "lanes.2.key", "lanes.3"]
    with pytest.raises(NotFound):
        services.rename_lane(**known, key="nothing", title="x")


def test_two_people_on_the_lanes_are_told(acme: Any, journey: Any, mira: Any) -> None:
    seen = Journey.objects.get(pk=journey.pk).lanes_version
    services.add_lane(actor=mira, journey=journey, title="backstage", version=seen)
    with pytest.raises(services.EditConflict):
        services.add_lane(actor=an_actor(acme, "manager"), journey=journey, title="owner", version=seen)


def test_who_may_not_edit_changes_no_lane(acme: Any, journey: Any) -> None:
    with pytest.raises(NotAllowed):
        services.add_lane(actor=an_actor(acme, "analyst"), journey=journey, title="Mine")
    client = signed_in(a_member(acme, "analyst"))
    assert (
        client.post(f"/o/{acme.slug}/journeys/{journey.pk}/lanes/", {"action": "add", "title": "x"}).status_code == 403
    )


def test_lanes_are_changed_by_plain_forms_and_shown_on_the_board(acme: Any, journey: Any) -> None:
    client = signed_in(a_member(acme, "manager"))
    where = f"/o/{acme.slug}/journeys/{journey.pk}/"
    assert client.get(f"{where}lanes/").status_code == 200
    assert client.post(f"{where}lanes/", {"action": "add", "title": "<b>Own"}).status_code == 302
    assert client.post(f"{where}lanes/", {"action": "up", "lane": "b_own"}).status_code == 302
    refused = client.post(f"{where}lanes/", {"action": "remove", "lane": "smells"})
    assert (refused.status_code, b"Cards stand in this lane" in refused.content) == (422, True)
    assert client.post(f"{where}lanes/", {"action": "remove", "lane": "nothing"}).status_code == 404
    assert client.post(f"{where}lanes/", {"action": "explode"}).status_code == 422
    for view in ("board", "table", "matrix"):
        page = client.get(f"{where}?view={view}").content.decode()
        assert "&lt;b&gt;Own" in page
        assert "<b>Own" not in page


def test_lanes_and_what_is_known_of_steps_go_through_versions_and_the_api_body(acme: Any, journey: Any) -> None:
    owner = a_member(acme, "manager")
    step = {"name": "Order", "moment_of_truth": True, "evidence": "some", "owner": str(owner.pk)}
    system = an_actor(acme, "manager")
    services.update_journey(
        actor=system,
        journey=journey,
        lanes=["Own"],
        stages=[{"name": "Buy", "steps": [{**step, "review_date": "2026-12-01"}]}],
    )
    version = services.publish_journey(actor=system, journey=journey, purpose="x")
    frozen = content.complete(version.content)
    assert frozen["lanes"] == [{"key": "own", "title": ""}]
    found = frozen["stages"][0]["steps"][0]
    assert {name: found[name] for name in ("moment_of_truth", "evidence", "owner", "review_date")} == {
        "moment_of_truth": True,
        "evidence": "some",
        "owner": str(owner.pk),
        "review_date": "2026-12-01",
    }


def test_version_frozen_before_these_fields_is_read_and_restored(acme: Any, journey: Any) -> None:
    system = an_actor(acme, "manager")
    version = services.publish_journey(actor=system, journey=journey, purpose="x")
    old = version.content
    for name in ("kind", "lanes"):
        old.pop(name)
    for step in content.iter_steps(old["stages"]):
        for name in content.STEP_FACTS:
            step.pop(name)
        for card in step["cards"]:
            card.pop("image"), card.pop("owner")
    version.content = old
    version.save()
    client = signed_in(a_member(acme, "employee"))
    assert b"Of paint" in client.get(f"/o/{acme.slug}/journeys/{journey.pk}/").content
    services.restore_version(actor=system, journey=journey, number=1)
    assert Card.objects.filter(text="Of paint", image="").exists()
