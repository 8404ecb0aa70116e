"""What differs between two maps, field by field: substantive, of the team, or cosmetic."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from apps.journeys.content import complete
from apps.journeys.differences import Names, differences
from tests.journeys.test_content import a_map, card, stage, step

NAMES = Names({"form": "Form"}, {"u1": "Ada Roe"}, {"p1": "persona “Lena”"})


def whole(*stages: Any, **more: Any) -> Any:
    return {**complete(a_map(*stages)), **more}


def base() -> Any:
    return whole(stage("s", step("t", "form", cards=[card("c", "one"), card("d", "two")])), stage("u", step("v")))


def told(change: Any) -> list[tuple[str, bool, bool]]:
    new = deepcopy(base())
    change(new, new["stages"][0]["steps"][0])
    return [(found.sentence, found.substantive, found.cosmetic) for found in differences(base(), new, NAMES)]


def put(**facts: Any) -> Any:
    return lambda _map, step: step.update(facts)


def on_card(**facts: Any) -> Any:
    return lambda _map, step: step["cards"][0].update(facts)


@pytest.mark.parametrize(
    ("change", "sentence", "substantive", "cosmetic"),
    [
        (put(moment_of_truth=True), "“t” is a moment of truth now", False, False),
        (put(evidence="some"), "Evidence for “t” changed from not said to some data", False, False),
        (put(owner="u1"), "“t” belongs to Ada Roe instead of nobody", False, False),
        (put(owner="gone"), "“t” belongs to somebody who left instead of nobody", False, False),
        (put(review_date="2027-01-31"), "Review of “t” moved from no date to Jan. 31, 2027", False, False),
        (put(belief=-2.0), "The team's view of “t” changed from not set to −2", False, False),
        (put(name="T"), "Step “t” renamed to “T”", False, True),
        (put(touchpoints=[]), "Touchpoint “Form” removed from “t”", True, False),
        (on_card(text="uno"), "“one” reworded to “uno”", False, True),
        (on_card(image="x.webp"), "“one” has another picture", False, True),
        (on_card(evidence="measured"), "Evidence for “one” changed from assumption to measured", False, False),
        (on_card(owner="u1"), "“one” belongs to Ada Roe instead of nobody", False, False),
        (on_card(lane="pain_points"), "“one” moved to Pain points of “t”", True, False),
        (
            lambda _map, step: step["cards"].reverse(),
            "Cards in Customer actions of “t” stand in another order",
            False,
            True,
        ),
        (lambda map, _step: map.update(kind="to_be"), "The map shows how it shall be", False, False),
        (
            lambda map, _step: map.update(persona="p1"),
            "The map belongs to persona “Lena” instead of no persona",
            False,
            False,
        ),
        (lambda map, _step: map.update(metric="csat"), "Emotion is compared with CSAT instead of NPS", False, False),
        (
            lambda map, _step: map["stages"][0].update(duration="2 days"),
            "Duration of stage “s” changed from not said to “2 days”",
            False,
            False,
        ),
        (lambda map, _step: map["stages"].reverse(), "Stage “u” moved to position 1", True, False),
    ],
)  # fmt: skip
def test_one_change_is_told_once(change: Any, sentence: str, substantive: bool, cosmetic: bool) -> None:
    assert told(change) == [(sentence, substantive, cosmetic)]


def test_lanes_are_cosmetic() -> None:
    lanes = [
        {"key": "actions", "title": "What they do"},
        {"key": "pain_points", "title": ""},
        {"key": "thoughts", "title": ""},
        {"key": "legal", "title": "Legal"},
    ]
    found = told(lambda map, _step: map.update(lanes=lanes))
    assert {sentence for sentence, _substantive, _cosmetic in found} == {
        "Lane “Customer actions” renamed to “What they do”",
        "Lane “Pain points” moved to position 2",
        "Lane “Legal” added",
        "Lane “Opportunities” taken off",
    }
    assert all(cosmetic and not substantive for _sentence, substantive, cosmetic in found)


def test_versions_frozen_before_a_field_was_known_do_not_differ_by_it() -> None:
    old = a_map(stage("s", step("t", "form", cards=[card("c", "one")])))
    assert differences(complete(old), whole(*deepcopy(old["stages"]))) == []
