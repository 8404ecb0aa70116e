"""The content of a map as a value: what is taken, what is refused, what differs."""

from typing import Any

import pytest

from apps.journeys import content, differences
from apps.journeys.differences import Names
from cxm.errors import DomainErrors


def step(identifier: str, *keys: str, name: str = "", belief: float | None = None, cards: Any = ()) -> Any:
    return {
        "id": identifier,
        "name": name or identifier,
        "belief": belief,
        "touchpoints": list(keys),
        "cards": list(cards),
    }


def stage(identifier: str, *steps: Any, name: str = "") -> Any:
    return {"id": identifier, "name": name or identifier, "duration": "", "steps": list(steps)}


def card(identifier: str, text: str, lane: str = "actions") -> Any:
    return {"id": identifier, "lane": lane, "text": text, "evidence": "assumption"}


def a_map(*stages: Any, name: str = "Switching") -> Any:
    return content.complete({"name": name, "persona": None, "metric": "nps", "stages": list(stages)})


def sentences(old: Any, new: Any) -> list[str]:
    return [difference.sentence for difference in differences.differences(old, new)]


def refused(stages: object) -> dict[str, str]:
    with pytest.raises(DomainErrors) as raised:
        content.read_stages(stages)
    return {error["field"]: error["code"] for error in raised.value.errors}


def test_a_full_body_is_taken_and_completed() -> None:
    body = [
        {
            "name": " Sign up ",
            "steps": [
                {"name": "Form", "touchpoints": ["form"], "belief": -1, "cards": [{"lane": "pain", "text": "Slow"}]}
            ],
        }
    ]
    (found,) = content.read_stages(body)
    assert found["name"] == "Sign up"
    assert found["steps"][0]["belief"] == -1.0
    assert found["steps"][0]["cards"] == [
        {"id": "", "lane": "pain", "text": "Slow", "evidence": "assumption", "image": "", "owner": None}
    ]


def test_stages_steps_belief_and_cards_are_optional() -> None:
    assert content.read_stages(None) == []
    (found,) = content.read_stages([{"name": "Only a stage"}])
    assert found["steps"] == []


@pytest.mark.parametrize("body", ["stages", 7, {"name": "A"}, True])
def test_stages_that_are_no_list_are_refused(body: object) -> None:
    assert refused(body) == {"stages": "invalid"}


def test_every_error_names_its_path() -> None:
    body = [
        {
            "steps": [
                {
                    "name": 3,
                    "belief": 2.01,
                    "touchpoints": ["UPPER", "a", "a"],
                    "cards": ["x", {"lane": "touchpoints", "text": "y"}],
                }
            ]
        },
        None,
    ]
    assert refused(body) == {
        "stages.0.name": "required",
        "stages.0.steps.0.name": "invalid",
        "stages.0.steps.0.belief": "range",
        "stages.0.steps.0.touchpoints.0": "invalid",
        "stages.0.steps.0.touchpoints.2": "duplicate",
        "stages.0.steps.0.cards.0": "invalid",
        "stages.0.steps.0.cards.0.lane": "required",
        "stages.0.steps.0.cards.0.text": "required",
        "stages.0.steps.0.cards.1.lane": "reserved",
        "stages.1": "invalid",
        "stages.1.name": "required",
    }


@pytest.mark.parametrize("belief", [True, "1", float("nan"), float("inf"), 10**400, [], -2.5])
def test_a_belief_that_is_no_number_from_minus_two_to_two_is_refused(belief: object) -> None:
    assert list(refused([{"name": "A", "steps": [{"name": "B", "belief": belief}]}])) == ["stages.0.steps.0.belief"]


def test_characters_that_no_database_stores_are_refused() -> None:
    assert refused([{"name": "A\x00"}]) == {"stages.0.name": "invalid"}
    assert refused([{"name": "A\ud800"}]) == {"stages.0.name": "invalid"}


def test_sizes_are_limited() -> None:
    assert refused([{"name": "A"}] * 41) == {"stages": "max_items"}
    many_steps = [{"name": "A", "steps": [{"name": "B"}] * 101}] * 2
    assert refused(many_steps) == {"stages": "max_items"}
    assert refused([{"name": "A", "steps": [{"name": "B", "cards": [{"lane": "x", "text": "y"}] * 2001}]}]) == {
        "stages.0.steps.0.cards": "max_items"
    }
    assert refused([{"name": "A" * 121}]) == {"stages.0.name": "max_length"}


def test_one_id_twice_is_refused() -> None:
    identifier = "0190f9f2-7c1e-7000-8000-000000000001"
    assert refused([{"name": "A", "id": identifier}, {"name": "B", "id": identifier}]) == {"stages": "duplicate"}
    assert refused([{"name": "A", "id": 5}]) == {"stages.0.id": "invalid"}


def test_a_body_without_ids_keeps_those_of_equal_items() -> None:
    old = [stage("s1", step("t1", cards=[card("c1", "Calls")]), name="Buy"), stage("s2", name="Use")]
    body = content.read_stages(
        [
            {"name": "Use"},
            {"name": "Buy", "steps": [{"name": "t1", "cards": [{"lane": "action", "text": "Calls"}]}]},
            {"name": "Leave"},
        ]
    )
    kept = content.keep_ids(old, body)
    assert [item["id"] for item in kept[:2]] == ["s2", "s1"]
    assert kept[1]["steps"][0]["id"] == "t1"
    assert kept[1]["steps"][0]["cards"][0]["id"] == "c1"
    assert kept[2]["id"] not in {"s1", "s2", ""}


def test_an_id_of_another_map_is_not_taken_over() -> None:
    foreign = "0190f9f2-7c1e-7000-8000-000000000001"
    (kept,) = content.keep_ids([], content.read_stages([{"id": foreign, "name": "A"}]))
    assert kept["id"] != foreign


def test_two_equal_names_share_no_id() -> None:
    old = [stage("s1", name="Wait"), stage("s2", name="Wait")]
    kept = content.keep_ids(old, content.read_stages([{"name": "Wait"}, {"name": "Wait"}, {"name": "Wait"}]))
    assert [item["id"] for item in kept[:2]] == ["s1", "s2"]
    assert len({item["id"] for item in kept}) == 3


def test_lanes_are_known_by_their_usual_names() -> None:
    assert {content.lane_key(name) for name in ("pain", "Pain point", "pain_points", "PainPoints")} == {"pain_points"}
    shown = content.lanes_of([stage("s", step("t", cards=[card("c", "x", "backstage"), card("d", "y", "Legal team")]))])
    assert shown == ["actions", "thoughts", "pain_points", "opportunities", "backstage", "legal_team"]


def test_equal_versions_do_not_differ() -> None:
    same = a_map(stage("s", step("t", "form", cards=[card("c", "x")])))
    assert differences.differences(same, same) == []


def test_rewording_is_named_and_not_substantive() -> None:
    old = a_map(stage("s", step("t", belief=1, cards=[card("c", "x")])))
    new = a_map(stage("s", step("t", belief=-0.5, name="T2", cards=[card("c", "z")]), name="S2"), name="Moving")
    found = differences.differences(old, new)
    assert [difference.sentence for difference in found] == [
        "Map renamed from “Switching” to “Moving”",
        "Stage “s” renamed to “S2”",
        "Step “t” renamed to “T2”",
        "The team's view of “T2” changed from +1 to −0.5",
        "“x” reworded to “z”",
    ]
    assert not differences.is_substantive(found)
    assert differences.changed_touchpoints(old, new) == frozenset()


def test_one_stage_moved_names_only_that_stage() -> None:
    old = a_map(*[stage(name, step(f"{name}1", name.lower())) for name in "ABCD"])
    new = a_map(*[stage(name, step(f"{name}1", name.lower())) for name in "BCDA"])
    assert sentences(old, new) == ["Stage “A” moved to position 4"]
    assert differences.changed_touchpoints(old, new) == {"a"}


def test_touchpoints_added_removed_and_moved_are_substantive() -> None:
    old = a_map(stage("s", step("one", "form", "call"), step("two")))
    new = a_map(stage("s", step("one", "mail"), step("two", "call")))
    found = differences.differences(old, new, Names({"form": "Form", "call": "Call", "mail": "Mail"}, {}, {}))
    assert {difference.sentence for difference in found} == {
        "Touchpoint “Mail” added to “one”",
        "Touchpoint “Form” removed from “one”",
        "Touchpoint “Call” moved from “one” to “two”",
    }
    assert all(difference.substantive for difference in found)
    assert differences.changed_touchpoints(old, new) == {"form", "call", "mail"}


def test_a_moved_step_changes_its_touchpoints_only() -> None:
    old = a_map(stage("s", step("one", "form")), stage("u", step("two", "call")))
    new = a_map(stage("s"), stage("u", step("two", "call"), step("one", "form")))
    assert sentences(old, new) == ["Step “one” moved from stage “s” to “u”"]
    assert differences.changed_touchpoints(old, new) == {"form"}


def test_a_pain_point_is_substantive_and_an_action_is_not() -> None:
    old = a_map(stage("s", step("t")))
    pain = a_map(stage("s", step("t", cards=[card("c", "Slow", "pain")])))
    action = a_map(stage("s", step("t", cards=[card("c", "Calls")])))
    assert differences.is_substantive(differences.differences(old, pain))
    assert not differences.is_substantive(differences.differences(old, action))
    assert sentences(pain, old) == ["“Slow” removed from Pain points of “t”"]


def test_a_removed_stage_is_said_once() -> None:
    old = a_map(stage("s", step("one", "form", cards=[card("c", "x")])), stage("u", step("two")))
    new = a_map(stage("u", step("two")))
    assert sentences(old, new)[0] == "Stage “s” removed"
    assert "Step “one” removed from stage “s”" not in sentences(old, new)
    assert differences.changed_touchpoints(old, new) == {"form"}


def test_fewest_moves_are_found() -> None:
    assert differences.moved_items("abcde", "bcdea") == {"a"}
    assert differences.moved_items("abc", "cba") and len(differences.moved_items("abc", "cba")) == 2
    assert differences.moved_items("abc", "xayc") == set()
    assert differences.moved_items("", "abc") == set()
