"""Maps in and out of files: nothing is lost, nothing half-written, and what cannot be read is named."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from apps.journeys import services
from apps.journeys.content import lane_key
from apps.journeys.exchange import as_json, as_text, grid_rows, list_rows, read_document, read_file, read_pasted
from apps.journeys.models import Journey
from apps.journeys.queries import draft_view
from apps.journeys.services.exchanging import LEFT_OUT, import_map, plan_import
from apps.journeys.stickies import read_table, read_text
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import DomainError, NotAllowed
from cxm.scope import tenant
from cxm.spreadsheets import csv_lines, write_xlsx
from tests.factories import an_actor
from tests.factories.maps import a_journey, a_persona, a_touchpoint

SYSTEM = Actor.system("test")
NASTY = ["=1+1", "+SUM(A1)", "-2", "@cmd", "'quoted", "a\tb", 'He said "no"', "semi;colon, comma", "| pipe", "＝1"]


def a_full_map(**values: Any) -> Journey:
    """A map that uses everything a map can hold."""
    web, shop = a_touchpoint("Web shop", channel="web"), a_touchpoint("Branch, old", channel="in_person")
    stages = [
        {
            "name": "Find out",
            "duration": "2 weeks",
            "steps": [
                {
                    "name": "Search",
                    "belief": -1.5,
                    "moment_of_truth": True,
                    "evidence": "some",
                    "review_date": "2026-12-31",
                    "touchpoints": [web.key, shop.key],
                    "cards": [
                        {"lane": "actions", "text": "Compares prices", "evidence": "measured"},
                        {"lane": "actions", "text": "Asks a friend"},
                        {"lane": "pain_points", "text": "Says [measured] at the end [measured]"},
                        {"lane": "Backstage crew", "text": "Updates the list"},
                    ],
                },
                {"name": "Ask"},
            ],
        },
        {"name": "Buy", "steps": [{"name": "Pay", "belief": 0, "touchpoints": [web.key]}]},
        {"name": "Wait", "steps": []},
    ]
    lanes = [{"key": "actions", "title": "What they do"}, {"key": "pain_points"}, {"key": "thoughts"}]
    return a_journey("Everything", stages=stages, lanes=lanes, kind="to_be", metric="csat", **values)


def without_ids(value: Any) -> Any:
    """Content without the ids of its rows: those of a copy are its own."""
    if isinstance(value, dict):
        return {name: without_ids(inner) for name, inner in value.items() if name != "id"}
    return [without_ids(inner) for inner in value] if isinstance(value, list) else value


def by_lane(stages: Any) -> Any:
    """Stages with cards lane by lane, as a grid keeps them."""
    return [
        [
            (step["name"], sorted((card["lane"], card["text"], card["evidence"]) for card in step["cards"]))
            for step in stage["steps"]
        ]
        for stage in stages
    ]


def as_csv(rows: Any) -> bytes:
    return "".join(csv_lines(rows)).encode("utf-8-sig")


def file_of(tmp_path: Path, body: bytes, name: str = "map.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(body)
    return path


# -- round trips -------------------------------------------------------------------------------------------------------


def test_json_comes_back_as_it_went(acme, tmp_path):
    with tenant(acme):
        persona = a_persona("Paula")
        view = draft_view(a_full_map(persona=persona))
        path = file_of(tmp_path, as_text(as_json(view, persona_name="Paula")).encode(), "map.json")
        copy = import_map(actor=SYSTEM, read=read_file(path, "map.json")).journey
        assert without_ids(draft_view(copy).content) == without_ids(view.content)
        assert copy.persona_id == persona.pk


def test_json_of_another_organisation_brings_its_touchpoints_and_nobody_of_its_people(acme, globex, tmp_path):
    with tenant(acme):
        owner = an_actor(acme)
        view = draft_view(a_full_map(persona=a_persona("Paula")))
        body = as_json(view, persona_name="Paula")
        body["stages"][0]["steps"][0]["owner"] = str(owner.id)
        body["stages"][0]["steps"][0]["cards"][0]["image"] = f"{acme.pk}/journeys/{'0' * 32}.webp"
    with tenant(globex):
        read = read_document(json.loads(as_text(body)))
        plan = plan_import(read)
        assert {name for _key, name in plan.unknown} == {"Web shop", "Branch, old"}
        taken = import_map(actor=SYSTEM, read=read, create_touchpoints=True)
        assert {(row.name, row.channel) for row in Touchpoint.objects.all()} == {
            ("Web shop", "web"),
            ("Branch, old", "in_person"),
        }
        content = draft_view(taken.journey).content
        step = content["stages"][0]["steps"][0]
        assert step["owner"] is None
        assert step["cards"][0]["image"] == ""
        assert content["persona"] is None
        assert step["touchpoints"] == view.content["stages"][0]["steps"][0]["touchpoints"]


@pytest.mark.parametrize("rows_of", [grid_rows, list_rows])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_tables_come_back_with_the_same_cards_and_touchpoints(acme, tmp_path, rows_of, kind):
    with tenant(acme):
        view = draft_view(a_full_map())
        path = tmp_path / f"map.{kind}"
        if kind == "csv":
            path.write_bytes(as_csv(rows_of(view)))
        else:
            write_xlsx(path, rows_of(view))
        read = read_file(path, path.name)
        assert read.refused == []
        copy = import_map(actor=SYSTEM, read=read).journey
        there, here = draft_view(copy).content["stages"], view.content["stages"]
        filled = [stage for stage in here if stage["steps"]]
        titles = {"actions": "What they do", "pain_points": "Pain points"}
        for old, new in zip(filled, there, strict=False):
            assert (old["name"], old["duration"]) == (new["name"], new["duration"])
            for before, after in zip(old["steps"], new["steps"], strict=True):
                for name in ("name", "belief", "moment_of_truth", "evidence", "review_date", "touchpoints"):
                    assert before[name] == after[name]
                assert cards_of(after) == sorted(
                    (lane_key(titles.get(card["lane"], card["lane"])), card["text"], card["evidence"])
                    for card in before["cards"]
                )


def cards_of(step: Any) -> list[tuple[str, str, str]]:
    return sorted((lane_key(card["lane"]), card["text"], card["evidence"]) for card in step["cards"])


def test_texts_that_would_run_in_a_spreadsheet_do_not_and_come_back(acme, tmp_path):
    with tenant(acme):
        cards = [{"lane": "actions", "text": text} for text in NASTY]
        journey = a_journey(stages=[{"name": "=Stage", "steps": [{"name": "+Step", "cards": cards}]}])
        for rows_of in (grid_rows, list_rows):
            body = as_csv(rows_of(draft_view(journey)))
            for row in csv.reader(io.StringIO(body.decode("utf-8-sig"))):
                assert not any(cell.startswith(("=", "+", "-", "@", "\t", "＝")) for cell in row)
            read = read_file(file_of(tmp_path, body), "map.csv")
            assert [stage["name"] for stage in read.stages] == ["=Stage"]
            assert [card["text"] for card in read.steps[0]["cards"]] == [" ".join(text.split()) for text in NASTY]


# -- what people paste -------------------------------------------------------------------------------------------------


def test_a_grid_from_a_whiteboard_is_read(acme):
    pasted = (
        "\tFind out\t\tBuy\n"
        "Step\tSearch\tAsk\tPay\n"
        'Doing\tLooks around\tCalls us\t"Pays\nSigns"\n'
        "\tAsks friends\t\t\n"
        "Pains\t\tWaits 20 minutes [measured]\t\n"
        "Touchpoints\tWeb shop\tHotline\t\n"
    )
    read = read_text(pasted)
    assert read.refused == []
    assert [(stage["name"], [step["name"] for step in stage["steps"]]) for stage in read.stages] == [
        ("Find out", ["Search", "Ask"]),
        ("Buy", ["Pay"]),
    ]
    search, ask, pay = read.steps
    assert [card["text"] for card in search["cards"]] == ["Looks around", "Asks friends"]
    assert ask["cards"][1] == {"lane": "Pains", "text": "Waits 20 minutes", "evidence": "measured"}
    assert [card["text"] for card in pay["cards"]] == ["Pays", "Signs"]
    assert read.references == [("", "Web shop"), ("", "Hotline")]
    with tenant(acme):
        assert plan_import(read).lanes == {"Doing": "actions", "Pains": "pain_points"}


def test_lines_are_read_with_stages_steps_and_lanes():
    read = read_text(
        "# Buy\n## Pay\n- Pain points: Card refused\nThoughts: Why?\nTouchpoints: Till\nWaits\n"
        "\nStage: After\nGoes home"
    )
    assert [stage["name"] for stage in read.stages] == ["Buy", "After"]
    pay, after = read.steps
    assert [(card["lane"], card["text"]) for card in pay["cards"]] == [
        ("Pain points", "Card refused"),
        ("Thoughts", "Why?"),
        ("", "Waits"),
    ]
    assert pay["touchpoints"] == [{"key": "", "name": "Till"}]
    assert [card["text"] for card in after["cards"]] == ["Goes home"]


def test_a_list_of_stickies_as_whiteboards_export_it_is_read():
    read = read_table([["ID", "BG Color", "TEXT", "AREA"], ["1", "#fff", "Waits", "Buy"], ["2", "#f00", "Pays", "Buy"]])
    assert [stage["name"] for stage in read.stages] == ["Buy"]
    assert [(card["lane"], card["text"]) for card in read.steps[0]["cards"]] == [
        ("#fff", "Waits"),
        ("#f00", "Pays"),
    ]


def test_what_cannot_be_taken_is_refused_by_its_place_and_the_rest_stays():
    read = read_table(
        [
            ["Stage", "Buy", ""],
            ["Belief", "9", ""],
            ["Actions", "x" * 1001, "Nobody's column"],
            ["Thoughts", "Fine", ""],
            ["!!!", "No lane", ""],
            ["Evidence", "gut feeling", ""],
            ["Moment of truth", "perhaps", ""],
        ]
    )
    assert [(refused.where, bool(refused.reason)) for refused in read.refused] == [
        ("row 2, column 2", True),
        ("row 3, column 2", True),
        ("row 3, column 3", True),
        ("row 5, column 2", True),
        ("row 6, column 2", True),
        ("row 7, column 2", True),
    ]
    assert [card["text"] for card in read.steps[0]["cards"]] == ["Fine"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\x01\x02",
        b"PK\x03\x04 not a zip",
        b"{",
        b"{" * 6000,
        b'{"stages": ' + b"[" * 6000,
        b'{"stages": 5}',
        b'{"stages": [{"name": "\\u0000"}]}',
        b'{"stages": [{"name": "\\ud800"}]}',
        b'{"format": "other"}',
        b'{"format_version": 99, "stages": []}',
        b'{"stages": [{"name": "x", "steps": [{"name": "y", "belief": 1e400}]}]}',
        b"\xff\xfe\x00\xd8\x00\xd8",
        b'a,b\n"unclosed' + b"x" * 3_000_000,
        b"\t" * 100_000,
        b"x" * 5_000_000,
    ],
)
def test_odd_files_are_refused_or_read_as_nothing(acme, tmp_path, body):
    path = file_of(tmp_path, body)
    with tenant(acme):
        try:
            read = read_file(path, "odd.json")
            import_map(actor=SYSTEM, read=read, name="Odd")
        except DomainError as error:
            assert error.errors
            assert Journey.objects.count() == 0


# -- taking them in ----------------------------------------------------------------------------------------------------


def test_adding_to_a_map_is_one_change_that_undo_takes_back(acme):
    with tenant(acme):
        actor = an_actor(acme)
        journey = a_full_map()
        before = draft_view(journey).content["stages"]
        read = read_pasted("# find out\n## search\nThoughts: New thought\n# Brand new\nWaits")
        import_map(actor=actor, read=read, journey=journey)
        after = draft_view(journey).content["stages"]
        assert [stage["name"] for stage in after] == ["Find out", "Buy", "Wait", "Brand new"]
        assert "New thought" in {card["text"] for card in after[0]["steps"][0]["cards"]}
        assert {step["id"] for step in before[0]["steps"]} == {step["id"] for step in after[0]["steps"]}
        journey.refresh_from_db()
        services.undo_edit(actor=actor, journey=journey)
        assert by_lane(draft_view(journey).content["stages"]) == by_lane(before)
        services.redo_edit(actor=actor, journey=journey)
        assert by_lane(draft_view(journey).content["stages"]) == by_lane(after)


def test_undo_of_an_import_leaves_what_others_did_since(acme):
    with tenant(acme):
        actor, other = an_actor(acme), an_actor(acme)
        journey = a_full_map()
        import_map(actor=actor, read=read_pasted("# Brand new\nWaits"), journey=journey)
        services.add_stage(actor=other, journey=journey, name="Of somebody else")
        outcome = services.undo_edit(actor=actor, journey=journey)
        assert outcome.changes == ()
        names = [stage["name"] for stage in draft_view(journey).content["stages"]]
        assert names[-2:] == ["Brand new", "Of somebody else"]


def test_lanes_go_where_they_are_mapped_and_stay_out_where_they_are_not_wanted(acme):
    with tenant(acme):
        read = read_pasted("# Buy\nYellow: One\nPink: Two\nGreen: Three")
        taken = import_map(
            actor=SYSTEM, read=read, name="Mapped", lanes={"Yellow": "thoughts", "Pink": LEFT_OUT, "Green": ""}
        )
        cards = draft_view(taken.journey).content["stages"][0]["steps"][0]["cards"]
        assert {(card["lane"], card["text"]) for card in cards} == {("thoughts", "One"), ("Green", "Three")}


def test_unknown_touchpoints_are_made_or_left_out_as_asked(acme):
    with tenant(acme):
        known = a_touchpoint("Till")
        text = "# Buy\nTouchpoints: till\nTouchpoints: Drone"
        without = import_map(actor=SYSTEM, read=read_pasted(text), name="Without")
        assert without.left_out == ["Drone"]
        assert draft_view(without.journey).content["stages"][0]["steps"][0]["touchpoints"] == [known.key]
        made = import_map(actor=SYSTEM, read=read_pasted(text), name="With", create_touchpoints=True)
        assert [row.name for row in made.created] == ["Drone"]


def test_too_large_a_map_is_refused_as_a_whole(acme):
    with tenant(acme):
        read = read_pasted("\n".join(f"# Stage {n}\nWaits\nTouchpoints: T{n}" for n in range(41)))
        with pytest.raises(DomainError):
            import_map(actor=SYSTEM, read=read, name="Large", create_touchpoints=True)
        assert Journey.objects.count() == 0
        assert Touchpoint.objects.count() == 0


def test_who_may_not_edit_takes_nothing_in(acme):
    with tenant(acme):
        with pytest.raises(NotAllowed):
            import_map(actor=an_actor(acme, "employee"), read=read_pasted("# Buy\nWaits"), name="No")
        with pytest.raises(NotAllowed):
            import_map(actor=an_actor(acme, "analyst"), read=read_pasted("# Buy\nWaits"), journey=a_full_map())
