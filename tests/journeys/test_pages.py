"""The pages of journey maps: as plain forms, as the board's script uses them, and for every role."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.journeys import services
from apps.journeys.drafts import read_draft
from apps.journeys.models import Card, Journey, Stage, Step, StepTouchpoint
from apps.metrics.folding import refold_organization
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, signed_in
from tests.factories.maps import a_journey, a_persona, a_touchpoint
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")


def stages() -> Any:
    cards = [{"lane": "actions", "text": "one"}, {"lane": "actions", "text": "two"}]
    return [
        {"name": "Buy", "duration": "2–4 weeks", "steps": [{"name": "Buy", "cards": cards, "belief": 1}]},
        {"name": "Use", "steps": [{"name": "Use", "touchpoints": ["box"], "belief": -1}]},
    ]


@pytest.fixture
def journey(acme: Any) -> Any:
    with tenant(acme):
        a_touchpoint("Box & string", key="box")
        return a_journey("Moving", stages=stages(), persona=a_persona("Lena K."))


@pytest.fixture
def manager(acme: Any) -> Any:
    return signed_in(a_member(acme, "manager"))


@pytest.fixture
def employee(acme: Any) -> Any:
    return signed_in(a_member(acme, "employee"))


def url(organization: Any, path: str = "") -> str:
    return f"/o/{organization.slug}/journeys/{path}"


def script(version: int | None = None) -> dict[str, str]:
    headers = {"accept": "application/json"}
    return headers if version is None else {**headers, "if-match": f'"{version}"'}


def draft(acme: Any, journey: Any) -> Any:
    with tenant(acme):
        return read_draft(journey).content["stages"]


def test_first_map_is_made_of_a_name_and_lines(acme: Any, manager: Any) -> None:
    page = manager.get(url(acme, "new/") + "?start=outline")
    assert b"Become aware" in page.content
    answer = manager.post(url(acme, "new/"), {"name": "My map", "stages": "Look\n\n Buy \n", "metric": "nps"})
    assert answer.status_code == 302
    with tenant(acme):
        made = Journey.objects.get(name="My map")
        assert [(s["name"], len(s["steps"])) for s in read_draft(made).content["stages"]] == [("Look", 1), ("Buy", 1)]
    board = manager.get(answer["Location"])
    assert board.status_code == 200
    assert b"Look" in board.content


def test_name_is_asked_for_and_what_was_typed_is_kept(acme: Any, manager: Any) -> None:
    answer = manager.post(url(acme, "new/"), {"name": "", "stages": "Look", "metric": "nps"})
    assert answer.status_code == 422
    assert b"Look" in answer.content
    too_many = manager.post(url(acme, "new/"), {"name": "X", "stages": "A\n" * 41, "metric": "nps"})
    assert too_many.status_code == 422


def test_board_shows_cards_chips_and_what_is_not_measured(acme: Any, journey: Any, manager: Any) -> None:
    page = manager.get(url(acme, f"{journey.pk}/")).content.decode()
    assert "Box &amp; string" in page
    assert "not measured" in page
    with tenant(acme):
        survey = a_survey("nps", touchpoint=Step.objects.get(name="Use").placements.get().touchpoint)
        for _ in range(40):
            an_answer(survey, 10)
        refold_organization()
    page = manager.get(url(acme, f"{journey.pk}/")).content.decode()
    assert "+100" in page
    assert "touchpoint=box&amp;metric=nps" in page


def test_few_answers_are_called_weak(acme: Any, journey: Any, manager: Any) -> None:
    with tenant(acme):
        survey = a_survey("nps", touchpoint=Step.objects.get(name="Use").placements.get().touchpoint)
        for _ in range(12):
            an_answer(survey, 10)
        refold_organization()
    page = manager.get(url(acme, f"{journey.pk}/")).content.decode()
    assert "cx-hx" in page
    assert "weak" in page
    assert "fewer than 30 answers" in page


def test_employee_reads_what_is_published_without_buttons_and_scores(
    acme: Any, journey: Any, manager: Any, employee: Any
) -> None:
    assert employee.get(url(acme, f"{journey.pk}/")).status_code == 404
    assert b"Moving" not in employee.get(url(acme)).content
    manager.post(url(acme, f"{journey.pk}/publish/"), {"purpose": "First picture"})
    with tenant(acme):
        services.add_stage(actor=SYSTEM, journey=journey, name="Secret plan")
    assert b"Moving" in employee.get(url(acme)).content
    page = employee.get(url(acme, f"{journey.pk}/")).content.decode()
    assert "Box &amp; string" in page
    for hidden in ("Secret plan", "/edit/", "cards/new/", "cx-km", "not measured", "/publish/"):
        assert hidden not in page


@pytest.mark.parametrize("role", ["analyst", "employee", "agent"])
def test_who_may_not_edit_is_refused_everywhere(acme: Any, journey: Any, role: str) -> None:
    client = signed_in(a_member(acme, role))
    with tenant(acme):
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="x")
        card, step, stage = Card.objects.first(), Step.objects.first(), Stage.objects.first()
        place = StepTouchpoint.objects.first()
    before = draft(acme, journey)
    paths = ["edit/", "archive/", "delete/", "undo/", "redo/", "stages/new/", "steps/new/", "cards/new/", "places/new/",
             "publish/", "versions/1/restore/", f"cards/{card.pk}/", f"steps/{step.pk}/", f"stages/{stage.pk}/",
             f"places/{place.pk}/"]  # fmt: skip
    for path in paths:
        assert client.post(url(acme, f"{journey.pk}/{path}"), {"action": "delete"}).status_code == 403, path
    assert client.post(url(acme, "new/"), {"name": "Mine"}).status_code == 403
    assert client.get(url(acme, f"{journey.pk}/versions/")).status_code == 200
    assert draft(acme, journey) == before


def test_other_organisation_is_nothing_here(acme: Any, globex: Any, manager: Any) -> None:
    with tenant(globex):
        theirs = a_journey("Their plan")
        card, step = Card.objects.first(), Step.objects.first()
        stage, place = Stage.objects.first(), StepTouchpoint.objects.first()
    assert b"Their plan" not in manager.get(url(acme)).content
    for path in ("", "edit/", "publish/", "versions/", f"cards/{card.pk}/", f"steps/{step.pk}/"):
        assert manager.get(url(acme, f"{theirs.pk}/{path}")).status_code == 404
        assert manager.get(url(globex, f"{theirs.pk}/{path}")).status_code == 404
    with tenant(acme):
        ours = a_journey("Ours")
    for path in (f"cards/{card.pk}/", f"steps/{step.pk}/", f"stages/{stage.pk}/", f"places/{place.pk}/"):
        assert manager.get(url(acme, f"{ours.pk}/{path}")).status_code == 404
        answer = manager.post(url(acme, f"{ours.pk}/{path}"), {"action": "delete"}, headers=script())
        assert answer.status_code == 404
    with tenant(globex):
        assert Card.objects.filter(pk=card.pk).exists()


def test_card_is_written_moved_and_deleted_by_plain_forms(acme: Any, journey: Any, manager: Any) -> None:
    base = url(acme, f"{journey.pk}/")
    step = draft(acme, journey)[0]["steps"][0]["id"]
    form = manager.get(base + f"cards/new/?step={step}&lane=thoughts")
    assert form.status_code == 200
    posted = {"step": step, "lane": "thoughts", "text": "Hm", "evidence": "some"}
    assert manager.post(base + "cards/new/", posted).status_code == 302
    with tenant(acme):
        card = Card.objects.get(text="Hm")
    assert (card.lane, card.evidence) == ("thoughts", "some")
    item = base + f"cards/{card.pk}/"
    assert manager.get(item).status_code == 200
    saved = manager.post(item, {"action": "save", "version": card.version, "text": "Hm!", "evidence": "measured"})
    assert saved.status_code == 302
    assert manager.post(item, {"action": "later", "version": card.version + 1}).status_code == 302
    assert draft(acme, journey)[1]["steps"][0]["cards"][0]["text"] == "Hm!"
    assert manager.post(item, {"action": "delete"}).status_code == 302
    assert manager.get(item).status_code == 404
    assert manager.post(base + "undo/").status_code == 302
    assert draft(acme, journey)[1]["steps"][0]["cards"][0]["text"] == "Hm!"
    assert manager.post(base + "redo/").status_code == 302
    assert draft(acme, journey)[1]["steps"][0]["cards"] == []


def test_an_older_form_shows_both_versions_and_can_be_sent_again(acme: Any, journey: Any, manager: Any) -> None:
    with tenant(acme):
        card = Card.objects.get(text="one")
        services.edit_card(actor=SYSTEM, journey=journey, card_id=card.pk, text="uno")
    item = url(acme, f"{journey.pk}/cards/{card.pk}/")
    sent = {"action": "save", "version": card.version, "text": "eins", "evidence": "some"}
    page = manager.post(item, sent)
    assert page.status_code == 412
    assert b"uno" in page.content
    assert b"eins" in page.content
    assert manager.post(item, {**sent, "version": card.version + 1}).status_code == 302
    assert draft(acme, journey)[0]["steps"][0]["cards"][0]["text"] == "eins"


def test_script_gets_the_change_its_version_and_what_can_be_undone(acme: Any, journey: Any, manager: Any) -> None:
    with tenant(acme):
        card = Card.objects.get(text="one")
        other = str(Card.objects.get(text="two").pk)
    item = url(acme, f"{journey.pk}/cards/{card.pk}/")
    step = str(card.step_id)
    answer = manager.post(item, {"action": "move", "step": step, "position": "1"}, headers=script(card.version))
    body = answer.json()
    assert answer.status_code == 200
    assert body["changes"] == [
        {
            "kind": "card",
            "id": str(card.pk),
            "version": card.version + 1,
            "state": {
                "step": step,
                "lane": "actions",
                "text": "one",
                "evidence": "assumption",
                "image": "",
                "owner": None,
                "position": 1,
            },
            "order": [other, str(card.pk)],
        }
    ]
    assert (body["undo"], body["redo"], body["reload"]) == (True, False, False)
    assert body["saved"].startswith("All changes saved")
    old = manager.post(item, {"action": "save", "text": "eins"}, headers=script(card.version))
    assert old.status_code == 412
    assert "eins" in old.json()["mine"]
    assert old.json()["changes"][0]["version"] == card.version + 1
    undone = manager.post(url(acme, f"{journey.pk}/undo/"), headers=script()).json()
    assert undone["changes"][0]["state"]["position"] == 0
    assert (undone["undo"], undone["redo"]) == (False, True)


def test_script_adds_once_however_often_it_asks(acme: Any, journey: Any, manager: Any) -> None:
    step = draft(acme, journey)[0]["steps"][0]["id"]
    sent = {"id": "01980000-0000-7000-8000-000000000001", "step": step, "lane": "thoughts", "text": "Hm"}
    for _ in range(2):
        answer = manager.post(url(acme, f"{journey.pk}/cards/new/"), sent, headers=script())
        assert answer.status_code == 200
    with tenant(acme):
        assert Card.objects.filter(text="Hm").count() == 1


def test_columns_are_told_to_be_drawn_anew(acme: Any, journey: Any, manager: Any) -> None:
    added = manager.post(url(acme, f"{journey.pk}/stages/new/"), {"name": "Leave"}, headers=script()).json()
    assert added["reload"] is True
    stage = added["changes"][0]["id"]
    renamed = manager.post(
        url(acme, f"{journey.pk}/stages/{stage}/"), {"action": "rename", "name": "Go"}, headers=script(1)
    ).json()
    assert [change["kind"] for change in renamed["changes"]] == ["stage", "step"]
    assert renamed["reload"] is False
    moved = manager.post(url(acme, f"{journey.pk}/stages/{stage}/"), {"action": "earlier"}, headers=script()).json()
    assert moved["reload"] is True
    assert [row["name"] for row in draft(acme, journey)] == ["Buy", "Go", "Use"]


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("cards/new/", {"lane": "actions", "text": "x"}),
        ("cards/new/", {"step": "nobody", "lane": "actions", "text": "x"}),
        ("cards/new/", {"step": "{step}", "lane": "actions", "text": "  "}),
        ("cards/new/", {"step": "{step}", "lane": "", "text": "x"}),
        ("cards/new/", {"step": "{step}", "lane": "touchpoints", "text": "x"}),
        ("cards/new/", {"step": "{step}", "lane": "a", "text": "x" * 1001}),
        ("cards/new/", {"step": "{step}", "lane": "a\x00b", "text": "x"}),
        ("cards/new/", {"id": "7", "step": "{step}", "lane": "a", "text": "x"}),
        ("steps/{step}/", {"action": "belief", "belief": "9"}),
        ("steps/{step}/", {"action": "belief", "belief": "nan"}),
        ("steps/{step}/", {"action": "rename", "name": ""}),
        ("steps/new/", {"name": "x", "stage": "{step}"}),
        ("places/new/", {"step": "{step}", "touchpoint": "nobody"}),
        ("stages/new/", {"name": "\x00"}),
    ],
)
def test_wrong_input_is_refused_and_nothing_changes(
    acme: Any, journey: Any, manager: Any, path: str, sent: dict[str, str]
) -> None:
    before = draft(acme, journey)
    step = before[0]["steps"][0]["id"]
    sent = {name: value.replace("{step}", step) for name, value in sent.items()}
    target = url(acme, f"{journey.pk}/{path.replace('{step}', step)}")
    for headers in (script(), {}):
        answer = manager.post(target, sent, headers=headers)
        assert 400 <= answer.status_code < 500, answer.content[:300]
    assert draft(acme, journey) == before


def test_script_that_is_typed_stays_text(acme: Any, journey: Any, manager: Any) -> None:
    step = draft(acme, journey)[0]["steps"][0]["id"]
    sent = {"step": step, "lane": "<script>lane", "text": "<script>alert(1)</script>", "evidence": "some"}
    manager.post(url(acme, f"{journey.pk}/cards/new/"), sent)
    for view in ("board", "table"):
        page = manager.get(url(acme, f"{journey.pk}/?view={view}")).content
        assert b"<script>alert" not in page
        assert b"&lt;script&gt;alert" in page


def test_publication_asks_for_the_purpose_and_lists_what_differs(acme: Any, journey: Any, manager: Any) -> None:
    base = url(acme, f"{journey.pk}/")
    assert manager.get(base + "versions/").status_code == 200
    assert manager.post(base + "publish/", {"purpose": ""}).status_code == 422
    assert manager.post(base + "publish/", {"purpose": "First picture"}).status_code == 302
    with tenant(acme):
        services.delete_stage(actor=SYSTEM, journey=journey, stage_id=Stage.objects.get(name="Use").pk)
    page = manager.get(base + "publish/").content.decode()
    assert "Stage “Use” removed" in page
    manager.post(base + "publish/", {"purpose": "Use is gone"})
    page = manager.get(base + "versions/").content.decode()
    for words in ("First picture", "Use is gone", "Stage “Use” removed", "Box &amp; string", "Reaches back"):
        assert words in page
    assert "Use" in manager.get(base + "?version=1").content.decode()
    assert manager.get(base + "?version=3").status_code == 404
    assert manager.get(base + "?version=x").status_code == 404


def test_restored_version_is_the_draft_and_undo_brings_the_other_back(acme: Any, journey: Any, manager: Any) -> None:
    base = url(acme, f"{journey.pk}/")
    manager.post(base + "publish/", {"purpose": "First picture"})
    before = draft(acme, journey)
    with tenant(acme):
        services.delete_stage(actor=SYSTEM, journey=journey, stage_id=Stage.objects.get(name="Use").pk)
    after = draft(acme, journey)
    assert manager.post(base + "versions/1/restore/").status_code == 302
    assert draft(acme, journey) == before
    manager.post(base + "undo/")
    assert draft(acme, journey) == after
    assert manager.post(base + "versions/9/restore/").status_code == 404


def test_archived_map_leaves_the_list_and_comes_back(acme: Any, journey: Any, manager: Any) -> None:
    base = url(acme, f"{journey.pk}/")
    manager.post(base + "archive/")
    assert b"Moving" not in manager.get(url(acme)).content
    assert b"Moving" in manager.get(url(acme, "?archived=1")).content
    assert b"cards/new/" not in manager.get(base).content
    manager.post(base + "archive/")
    assert b"Moving" in manager.get(url(acme)).content
    manager.post(base + "delete/")
    assert manager.get(base).status_code == 404


def test_phones_get_the_table(acme: Any, journey: Any, manager: Any) -> None:
    phone = {"user-agent": "Mozilla/5.0 (Linux; Android 14) Chrome/130 Mobile Safari"}
    assert b"<cx-board" in manager.get(url(acme, f"{journey.pk}/")).content
    assert b"<cx-board" not in manager.get(url(acme, f"{journey.pk}/"), headers=phone).content
    assert b"<cx-board" in manager.get(url(acme, f"{journey.pk}/?view=board"), headers=phone).content


def test_unreadable_period_and_empty_map_are_no_error(acme: Any, journey: Any, manager: Any) -> None:
    assert manager.get(url(acme, f"{journey.pk}/?from=never&to=2026-01-01")).status_code == 200
    with tenant(acme):
        empty = a_journey("Empty", stages=[])
        bare = a_journey("Bare", stages=[{"name": "No step"}])
    assert b"Add the first stage" in manager.get(url(acme, f"{empty.pk}/")).content
    assert b"Add a step" in manager.get(url(acme, f"{bare.pk}/")).content
    assert manager.get(url(acme, f"{bare.pk}/?view=table")).status_code == 200


@pytest.mark.parametrize("path", ["{id}/", "{id}/?view=table", "{id}/versions/", ""])
def test_pages_cost_the_same_however_large_the_map(acme: Any, manager: Any, path: str) -> None:
    with tenant(acme):
        small = a_journey("Small")
        services.publish_journey(actor=SYSTEM, journey=small, purpose="x")
    manager.get(url(acme, path.format(id=small.pk)))
    with CaptureQueriesContext(connection) as one:
        manager.get(url(acme, path.format(id=small.pk)))
    with tenant(acme):
        keys = [a_touchpoint().key for _ in range(3)]
        cards = [{"lane": "thoughts", "text": f"{number}"} for number in range(5)]
        steps = [{"name": key, "touchpoints": [key], "belief": 1, "cards": cards} for key in keys]
        for _ in range(2):
            big = a_journey("Big", stages=[{"name": f"{number}", "steps": steps} for number in range(3)])
            services.publish_journey(actor=SYSTEM, journey=big, purpose="x")
    with CaptureQueriesContext(connection) as many:
        manager.get(url(acme, path.format(id=big.pk)))
    assert len(many) == len(one)


def test_emotion_lane_alone_is_given_to_htmx(acme: Any, journey: Any, manager: Any) -> None:
    answer = manager.get(url(acme, f"{journey.pk}/"), headers={"hx-request": "true", "hx-request-type": "partial"})
    assert answer.content.strip().startswith(b'<tr id="emotion"')
