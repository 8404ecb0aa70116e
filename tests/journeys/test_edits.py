"""Single changes of a draft: versions by row, conflicts, undo and redo."""

from __future__ import annotations

from typing import Any

import pytest

from apps.journeys import content, services
from apps.journeys.drafts import read_draft
from apps.journeys.models import Card, Journey, MapEdit, Stage, Step, StepTouchpoint
from cxm.errors import Conflict, DomainError, NotAllowed, NotFound
from cxm.ids import uuid7
from cxm.scope import tenant
from tests.factories import an_actor
from tests.factories.maps import a_journey, a_touchpoint


def stages() -> Any:
    cards = [{"lane": "actions", "text": text} for text in ("one", "two", "three")]
    return [
        {"name": "Buy", "steps": [{"name": "Order", "cards": cards, "belief": 1}]},
        {"name": "Use", "steps": [{"name": "Open", "touchpoints": ["box"]}, {"name": "Call"}]},
    ]


@pytest.fixture
def mira(acme: Any) -> Any:
    return an_actor(acme, "manager")


@pytest.fixture
def journey(acme: Any, mira: Any) -> Any:
    """A map in the organisation in force for the test."""
    with tenant(acme):
        a_touchpoint("Box", key="box")
        yield a_journey("Moving", stages=stages())


def texts(journey: Any, step: str = "Order", lane: str = "actions") -> list[str]:
    found = [row for row in content.iter_steps(read_draft(journey).content["stages"]) if row["name"] == step]
    return [card["text"] for card in found[0]["cards"] if content.lane_key(card["lane"]) == lane]


def step(name: str) -> Step:
    return Step.objects.get(name=name)


def card(text: str) -> Card:
    return Card.objects.get(text=text)


def test_card_moves_down_its_lane_and_back_by_undo_and_again_by_redo(journey: Any, mira: Any) -> None:
    edit = services.move_card(actor=mira, journey=journey, card_id=card("one").pk, step_id=step("Order").pk, position=1)
    assert texts(journey) == ["two", "one", "three"]
    assert edit.said == "Moved “one” to Customer actions, Order, position 2"
    services.undo_edit(actor=mira, journey=journey)
    assert texts(journey) == ["one", "two", "three"]
    services.redo_edit(actor=mira, journey=journey)
    assert texts(journey) == ["two", "one", "three"]


def test_card_moves_to_another_step_and_keeps_its_id(journey: Any, mira: Any) -> None:
    before = card("two").pk
    services.move_card(actor=mira, journey=journey, card_id=before, step_id=step("Call").pk, position=0)
    assert texts(journey) == ["one", "three"]
    assert texts(journey, "Call") == ["two"]
    assert card("two").pk == before


def test_position_beyond_the_end_is_the_end(journey: Any, mira: Any) -> None:
    services.move_card(actor=mira, journey=journey, card_id=card("one").pk, step_id=step("Order").pk, position=99)
    assert texts(journey) == ["two", "three", "one"]
    services.move_card(actor=mira, journey=journey, card_id=card("one").pk, step_id=step("Order").pk, position=-5)
    assert texts(journey) == ["one", "two", "three"]


def test_two_people_on_different_cards_never_conflict(acme: Any, journey: Any, mira: Any) -> None:
    jonas = an_actor(acme, "manager")
    one, two = card("one"), card("two")
    services.edit_card(actor=mira, journey=journey, card_id=one.pk, text="uno", version=one.version)
    services.edit_card(actor=jonas, journey=journey, card_id=two.pk, text="dos", version=two.version)
    assert texts(journey) == ["uno", "dos", "three"]


def test_two_people_on_one_card_are_told_and_nothing_is_overwritten(acme: Any, journey: Any, mira: Any) -> None:
    jonas = an_actor(acme, "manager")
    seen = card("one")
    services.edit_card(actor=mira, journey=journey, card_id=seen.pk, text="uno", version=seen.version)
    with pytest.raises(services.EditConflict) as raised:
        services.edit_card(actor=jonas, journey=journey, card_id=seen.pk, text="eins", version=seen.version)
    assert raised.value.status == 412
    assert "eins" in raised.value.mine
    assert "uno" in raised.value.theirs
    assert texts(journey)[0] == "uno"


def test_the_same_change_sent_twice_counts_once(journey: Any, mira: Any) -> None:
    seen = card("one")
    first = services.edit_card(actor=mira, journey=journey, card_id=seen.pk, text="uno", version=seen.version)
    again = services.edit_card(actor=mira, journey=journey, card_id=seen.pk, text="uno", version=seen.version)
    assert again.changes[0].version == first.changes[0].version
    identifier = uuid7()
    for _ in range(2):
        services.add_card(
            actor=mira, journey=journey, step_id=step("Call").pk, lane="thoughts", text="Hm", id=identifier
        )
    assert Card.objects.filter(text="Hm").count() == 1


def test_an_id_of_another_map_is_refused(journey: Any, mira: Any) -> None:
    other = a_journey("Other")
    foreign = Card.objects.get(step__stage__journey=other)
    with pytest.raises(Conflict):
        services.add_card(actor=mira, journey=journey, step_id=step("Call").pk, lane="x", text="y", id=foreign.pk)
    with pytest.raises(NotFound):
        services.edit_card(actor=mira, journey=journey, card_id=foreign.pk, text="Mine")
    with pytest.raises(DomainError):
        services.move_card(actor=mira, journey=journey, card_id=card("one").pk, step_id=foreign.step_id, position=0)


def test_deleted_stage_comes_back_whole(journey: Any, mira: Any) -> None:
    before = read_draft(journey).content
    use = Stage.objects.get(name="Use")
    services.delete_stage(actor=mira, journey=journey, stage_id=use.pk)
    assert not StepTouchpoint.objects.exists()
    services.undo_edit(actor=mira, journey=journey)
    assert read_draft(journey).content == before
    services.redo_edit(actor=mira, journey=journey)
    assert [stage["name"] for stage in read_draft(journey).content["stages"]] == ["Buy"]


def test_deleted_step_and_card_come_back_at_their_place(journey: Any, mira: Any) -> None:
    before = read_draft(journey).content
    services.delete_card(actor=mira, journey=journey, card_id=card("two").pk)
    services.delete_step(actor=mira, journey=journey, step_id=step("Open").pk)
    assert texts(journey) == ["one", "three"]
    services.undo_edit(actor=mira, journey=journey)
    services.undo_edit(actor=mira, journey=journey)
    assert read_draft(journey).content == before


def test_undo_leaves_alone_what_somebody_changed_since(acme: Any, journey: Any, mira: Any) -> None:
    jonas = an_actor(acme, "manager")
    services.edit_card(actor=mira, journey=journey, card_id=card("one").pk, text="uno")
    services.edit_card(actor=jonas, journey=journey, card_id=card("uno").pk, text="eins")
    edit = services.undo_edit(actor=mira, journey=journey)
    assert edit.changes == ()
    assert texts(journey)[0] == "eins"


def test_undoing_a_new_stage_does_not_delete_what_others_wrote_in_it(acme: Any, journey: Any, mira: Any) -> None:
    jonas = an_actor(acme, "manager")
    services.add_stage(actor=mira, journey=journey, name="Leave")
    services.add_card(actor=jonas, journey=journey, step_id=step("Leave").pk, lane="thoughts", text="Bye")
    services.undo_edit(actor=mira, journey=journey)
    assert card("Bye").step.stage.name == "Leave"


def test_each_person_undoes_the_own_changes(acme: Any, journey: Any, mira: Any) -> None:
    jonas = an_actor(acme, "manager")
    services.edit_card(actor=mira, journey=journey, card_id=card("one").pk, text="uno")
    services.edit_card(actor=jonas, journey=journey, card_id=card("two").pk, text="dos")
    services.undo_edit(actor=mira, journey=journey)
    assert texts(journey) == ["one", "dos", "three"]
    assert services.undo_edit(actor=mira, journey=journey).changes == ()


def test_a_new_change_ends_what_could_be_redone(journey: Any, mira: Any) -> None:
    services.edit_card(actor=mira, journey=journey, card_id=card("one").pk, text="uno")
    services.undo_edit(actor=mira, journey=journey)
    services.edit_card(actor=mira, journey=journey, card_id=card("two").pk, text="dos")
    assert services.redo_edit(actor=mira, journey=journey).changes == ()
    assert texts(journey) == ["one", "dos", "three"]


def test_new_stage_has_a_column_that_is_renamed_with_it(journey: Any, mira: Any) -> None:
    edit = services.add_stage(actor=mira, journey=journey, name="Leave", position=0)
    services.rename_stage(actor=mira, journey=journey, stage_id=edit.changes[0].id, name="Say goodbye")
    first = read_draft(journey).content["stages"][0]
    assert (first["name"], [row["name"] for row in first["steps"]]) == ("Say goodbye", ["Say goodbye"])
    services.undo_edit(actor=mira, journey=journey)
    first = read_draft(journey).content["stages"][0]
    assert (first["name"], [row["name"] for row in first["steps"]]) == ("Leave", ["Leave"])


def test_steps_move_between_stages(journey: Any, mira: Any) -> None:
    buy = Stage.objects.get(name="Buy")
    services.move_step(actor=mira, journey=journey, step_id=step("Call").pk, stage_id=buy.pk, position=0)
    names = [[row["name"] for row in stage["steps"]] for stage in read_draft(journey).content["stages"]]
    assert names == [["Call", "Order"], ["Open"]]


def test_belief_is_kept_between_minus_two_and_two(journey: Any, mira: Any) -> None:
    services.set_belief(actor=mira, journey=journey, step_id=step("Order").pk, belief=-1.5)
    assert step("Order").belief == -1.5
    services.set_belief(actor=mira, journey=journey, step_id=step("Order").pk, belief=None)
    assert step("Order").belief is None
    with pytest.raises(DomainError):
        services.set_belief(actor=mira, journey=journey, step_id=step("Order").pk, belief=3)


def test_touchpoint_stands_once_on_a_step(journey: Any, mira: Any) -> None:
    box = a_touchpoint("Desk")
    place = services.place_touchpoint(actor=mira, journey=journey, step_id=step("Call").pk, touchpoint=box)
    with pytest.raises(Conflict):
        services.place_touchpoint(actor=mira, journey=journey, step_id=step("Call").pk, touchpoint=box)
    services.place_touchpoint(actor=mira, journey=journey, step_id=step("Open").pk, touchpoint=box)
    with pytest.raises(Conflict):
        services.move_place(
            actor=mira, journey=journey, place_id=place.changes[0].id, step_id=step("Open").pk, position=0
        )
    services.remove_place(actor=mira, journey=journey, place_id=place.changes[0].id)
    services.undo_edit(actor=mira, journey=journey)
    assert StepTouchpoint.objects.filter(step=step("Call"), touchpoint=box).exists()


def test_map_does_not_outgrow_its_limits(journey: Any, mira: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(38):
        services.add_stage(actor=mira, journey=journey, name=f"Stage {number}")
    with pytest.raises(DomainError) as raised:
        services.add_stage(actor=mira, journey=journey, name="One too many")
    assert raised.value.code == "max_items"
    assert Stage.objects.filter(journey=journey).count() == 40


def test_every_change_counts_and_is_audited(journey: Any, mira: Any) -> None:
    from apps.audit.models import AuditEntry

    before = Journey.objects.get(pk=journey.pk).revision
    services.edit_card(actor=mira, journey=journey, card_id=card("one").pk, text="uno")
    services.set_belief(actor=mira, journey=journey, step_id=step("Order").pk, belief=0)
    assert Journey.objects.get(pk=journey.pk).revision == before + 2
    actions = AuditEntry.objects.filter(target_id=journey.pk, actor_id=mira.id).order_by("at", "id")
    assert [entry.action for entry in actions] == ["journeys.card_changed", "journeys.step_changed"]


def test_changes_are_forgotten_after_seven_days(journey: Any, mira: Any) -> None:
    from datetime import timedelta

    from django.utils import timezone

    services.edit_card(actor=mira, journey=journey, card_id=card("one").pk, text="uno")
    MapEdit.objects.update(at=timezone.now() - timedelta(days=8))
    assert services.undo_edit(actor=mira, journey=journey).changes == ()
    services.edit_card(actor=mira, journey=journey, card_id=card("two").pk, text="dos")
    assert MapEdit.objects.count() == 1


@pytest.mark.parametrize("role", ["analyst", "employee", "agent"])
def test_who_may_not_edit_changes_nothing(acme: Any, journey: Any, role: str) -> None:
    actor = an_actor(acme, role)
    with pytest.raises(NotAllowed):
        services.add_stage(actor=actor, journey=journey, name="Mine")
    with pytest.raises(NotAllowed):
        services.delete_card(actor=actor, journey=journey, card_id=card("one").pk)
    with pytest.raises(NotAllowed):
        services.undo_edit(actor=actor, journey=journey)
    with pytest.raises(NotAllowed):
        services.publish_journey(actor=actor, journey=journey, purpose="Mine")
