"""The editor of surveys through its pages: every change as a plain form, and as its script sends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.organizations.models import Organization
from apps.surveys import services
from apps.surveys.models import DraftStep, Survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme")


@pytest.fixture
def manager(acme: Organization) -> Client:
    return signed_in(a_member(acme, "manager"))


@pytest.fixture
def survey(acme: Organization) -> Survey:
    with tenant(acme):
        return services.create_from_template(
            actor=Actor.system("test"), template="closing_case", languages=["en", "de"]
        )


def page(organization: Organization, survey: Survey | None = None, part: str = "") -> str:
    return f"/o/{organization.slug}/surveys/" + (f"{survey.pk}/" if survey else "") + part


def draft(organization: Organization, survey: Survey) -> dict[str, Any]:
    with tenant(organization):
        definition: dict[str, Any] = Survey.objects.get(pk=survey.pk).definition
    return definition


def order(organization: Organization, survey: Survey) -> list[list[str]]:
    return [[question["id"] for question in found["questions"]] for found in draft(organization, survey)["pages"]]


def question(organization: Organization, survey: Survey, question_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        question
        for found in draft(organization, survey)["pages"]
        for question in found["questions"]
        if question["id"] == question_id
    )
    return found


class Editor:
    """One person at the editor: forms as the page sends them, changes as its script does."""

    def __init__(self, client: Client, organization: Organization, survey: Survey) -> None:
        self.client, self.organization, self.survey = client, organization, survey
        self.url = page(organization, survey, "edit/")

    def post(self, **fields: Any) -> Any:
        return self.client.post(self.url, fields)

    def patch(self, fields: dict[str, Any], version: str = "", part: str = "q:score") -> Any:
        from django.utils.http import urlencode

        headers = {"Accept": "application/json", **({"If-Match": f'"{version}"'} if version else {})}
        body = urlencode({"part": part, **fields}, doseq=True)
        return self.client.patch(self.url, body, content_type="application/x-www-form-urlencoded", headers=headers)

    def version(self, question_id: str = "score") -> str:
        html = self.client.get(f"{self.url}?q={question_id}").content.decode()
        return html.split('data-version="')[1].split('"')[0]


@pytest.fixture
def editor(manager: Client, acme: Organization, survey: Survey) -> Editor:
    return Editor(manager, acme, survey)


def test_template_becomes_a_draft_with_every_text_in_every_language(manager: Client, acme: Organization) -> None:
    gallery = manager.get(page(acme, part="new/")).content.decode()
    assert "After a closed case" in gallery
    assert "Employees: eNPS" in gallery
    made = manager.post(page(acme, part="new/"), {"template": "exit", "languages": ["en", "fr", "ar"]})
    with tenant(acme):
        survey = Survey.objects.get()
    assert made["Location"] == page(acme, survey, "edit/")
    assert (survey.name, survey.kind, survey.languages) == ("Leaving or cancelling", "custom", ["en", "fr", "ar"])
    assert "Version 1 is live." in manager.post(page(acme, survey, "publish/"), follow=True).content.decode()


def test_blank_survey_needs_a_name_and_a_kind(manager: Client, acme: Organization) -> None:
    response = manager.post(page(acme, part="new/"), {"template": "", "languages": ["en"]})
    assert response.status_code == 422
    assert response.content.decode().count("This field is required.") >= 2


def test_questions_of_every_type_are_added_changed_and_deleted_by_forms(
    editor: Editor, acme: Organization, survey: Survey
) -> None:
    types = ["nps", "csat", "ces", "rating", "choice", "multi_choice", "matrix", "ranking", "text", "number", "date"]
    for kind in [*types, "consent", "statement", "file"]:
        answer = editor.post(do="add", kind=kind, after="score", part="order")
        assert answer.status_code == 302, kind
        made = answer["Location"].rpartition("q=")[2]
        assert question(acme, survey, made)["type"] == kind
        assert set(question(acme, survey, made)["title"]) == {"en", "de"}
        assert editor.client.get(answer["Location"]).status_code == 200
        assert editor.post(do="duplicate", q=made, part="order").status_code == 302
        assert editor.post(do="delete", q=made, part="order").status_code == 302
    assert sum(len(found) for found in order(acme, survey)) == 5 + 14


def test_adding_stands_on_its_own_page_or_on_the_same(editor: Editor, acme: Organization, survey: Survey) -> None:
    editor.post(do="add", kind="text", after="score", part="order")
    pages = order(acme, survey)
    assert [len(found) for found in pages[:3]] == [1, 1, 1]
    assert pages[2] == ["reason"]
    editor.post(do="add", kind="text", after="reason", same_page="1", part="order")
    assert len(order(acme, survey)[2]) == 2


def test_moving_crosses_pages_and_refuses_to_pass_what_it_depends_on(
    editor: Editor, acme: Organization, survey: Survey
) -> None:
    assert order(acme, survey) == [["score", "reason"], ["solved"], ["still_open"], ["effort"]]
    editor.post(do="down", q="reason", part="order")
    assert order(acme, survey)[:2] == [["score"], ["reason", "solved"]]
    editor.post(do="move", q="effort", page="0", position="0", part="order")
    assert order(acme, survey) == [["effort", "score"], ["reason", "solved"], ["still_open"]]
    refused = editor.post(do="move", q="still_open", page="0", position="0", part="order")
    assert refused.status_code == 422
    assert "must be asked before it" in refused.content.decode()
    assert order(acme, survey)[2] == ["still_open"]
    editor.post(do="join", q="still_open", part="order")
    editor.post(do="split", q="solved", part="order")
    assert order(acme, survey) == [["effort", "score"], ["reason"], ["solved", "still_open"]]


def test_deleting_takes_the_comparisons_that_named_it_along(editor: Editor, acme: Organization, survey: Survey) -> None:
    answer = editor.client.post(editor.url, {"do": "delete", "q": "solved", "part": "order"}, follow=True)
    assert "with 1 comparison that named it" in answer.content.decode()
    assert "show_if" not in question(acme, survey, "still_open")
    editor.post(do="delete", q="score", part="order")
    for left in ("reason", "still_open"):
        editor.post(do="delete", q=left, part="order")
    last = editor.post(do="delete", q="effort", part="order")
    assert last.status_code == 422
    assert order(acme, survey) == [["effort"]]


def test_choices_are_added_several_at_once_moved_renamed_and_removed(
    editor: Editor, acme: Organization, survey: Survey
) -> None:
    editor.post(q="solved", part="q:solved", do="choice-add", lines="Not yet\n\n  Later ")
    labels = [choice["label"].get("en") for choice in question(acme, survey, "solved")["choices"]]
    assert labels == ["Yes", "Partly", "No", "Not yet", "Later"]
    editor.post(q="solved", part="q:solved", do="choice-up:later", **{"choice-yes.solved.de": "Ja, ganz"})
    choices = question(acme, survey, "solved")["choices"]
    assert [choice["id"] for choice in choices] == ["yes", "partly", "no", "later", "not-yet"]
    assert choices[0]["label"]["de"] == "Ja, ganz"
    named = editor.post(q="solved", part="q:solved", do="choice-remove:partly")
    assert named.status_code == 422
    assert "must be a possible answer" in named.content.decode()
    editor.post(q="solved", part="q:solved", do="choice-remove:yes")
    assert question(acme, survey, "solved")["choices"][0]["id"] == "partly"


def test_condition_is_built_from_picks_that_fit_the_question(
    editor: Editor, acme: Organization, survey: Survey
) -> None:
    editor.post(q="effort", part="q:effort", do="rule-add")
    assert question(acme, survey, "effort")["show_if"] == {
        "all": [{"question": "still_open", "op": "answered", "value": True}]
    }
    editor.post(q="effort", part="q:effort", **{"rule0-question.effort": "score"})
    assert question(acme, survey, "effort")["show_if"] == {"all": [{"question": "score", "op": "<=", "value": 3}]}
    editor.post(q="effort", part="q:effort", **{"rule0-op.effort": "in"})
    editor.post(q="effort", part="q:effort", **{"rule0-value.effort": ["", "1", "5"]})
    editor.post(q="effort", part="q:effort", do="rule-add", **{"mode.effort": "any"})
    condition = question(acme, survey, "effort")["show_if"]
    assert condition["any"][0] == {"question": "score", "op": "in", "value": [1, 5]}
    assert len(condition["any"]) == 2
    html = editor.client.get(f"{editor.url}?q=effort").content.decode()
    assert "is one of" in html
    assert 'name="rule0-value.effort" value="5" checked' in html
    for _ in range(2):
        editor.post(q="effort", part="q:effort", do="rule-remove:0")
    assert "show_if" not in question(acme, survey, "effort")


def test_scale_type_and_id_change_with_what_hangs_on_them(editor: Editor, acme: Organization, survey: Survey) -> None:
    editor.post(q="score", part="q:score", **{"scale.score": "7"})
    changed = question(acme, survey, "score")
    assert changed["scale"] == 7
    assert set(changed["labels"]) == {"1", "7"}
    editor.post(q="solved", part="q:solved", **{"id.solved": "resolved"})
    assert question(acme, survey, "still_open")["show_if"]["all"][0]["question"] == "resolved"
    editor.post(q="reason", part="q:reason", **{"title.reason.en": "Why {{ answers.score }}?"})
    editor.post(q="score", part="q:score", **{"id.score": "overall"})
    assert question(acme, survey, "reason")["title"]["en"] == "Why {{ answers.overall }}?"
    editor.post(q="reason", part="q:reason", **{"type.reason": "choice"})
    assert len(question(acme, survey, "reason")["choices"]) == 2
    assert "follow_up" not in question(acme, survey, "reason")


def test_thanks_link_and_hidden_fields_are_edited(editor: Editor, acme: Organization, survey: Survey) -> None:
    editor.post(part="texts", **{"thanks.text.en": "See you.", "thanks-url": "https://example.org/more"})
    thanks = draft(acme, survey)["thank_you"]
    assert thanks["text"] == {"en": "See you."}
    assert thanks["link"]["url"] == "https://example.org/more"
    editor.post(part="texts", do="hidden-add", q="~hidden")
    editor.post(part="texts", q="~hidden", **{"hidden-id.0": "order", "hidden-label.0": "Order number"})
    assert draft(acme, survey)["hidden"] == [{"id": "order", "label": "Order number"}]
    editor.post(q="still_open", part="q:still_open", **{"title.still_open.en": "Open with {{ hidden.order }}?"})
    named = editor.post(part="texts", q="~hidden", do="hidden-remove:order")
    assert named.status_code == 422
    refused = editor.post(part="texts", q="~thanks", **{"thanks-url": "javascript:alert(1)"})
    assert refused.status_code == 422


def test_script_saves_a_field_and_hears_the_new_version(editor: Editor, acme: Organization, survey: Survey) -> None:
    version = editor.version()
    saved = editor.patch({"title.score.de": "Wie war es?"}, version)
    assert saved.status_code == 200
    body = saved.json()
    assert body["saved"].startswith("All changes saved ")
    assert body["undo"] is True
    assert body["version"] == editor.version() != version
    assert question(acme, survey, "score")["title"]["de"] == "Wie war es?"
    assert question(acme, survey, "score")["required"] is True


def test_stale_version_is_refused_with_both_sides_and_nothing_is_overwritten(
    editor: Editor, acme: Organization, survey: Survey
) -> None:
    version = editor.version()
    editor.patch({"title.score.en": "Theirs?"}, version)
    stale = editor.patch({"title.score.en": "Mine?"}, version)
    assert stale.status_code == 412
    assert stale.json()["rows"] == [{"what": "title.en", "mine": "Mine?", "theirs": "Theirs?"}]
    assert question(acme, survey, "score")["title"]["en"] == "Theirs?"
    form = editor.post(q="score", part="q:score", version=version, **{"title.score.en": "Mine?"})
    assert form.status_code == 412
    assert "Theirs?" in form.content.decode()
    knowing = editor.patch({"title.score.en": "Mine?"}, stale.json()["version"])
    assert knowing.status_code == 200
    assert question(acme, survey, "score")["title"]["en"] == "Mine?"


def test_two_people_on_two_questions_do_not_meet(editor: Editor, acme: Organization, survey: Survey) -> None:
    score, reason = editor.version("score"), editor.version("reason")
    assert editor.patch({"title.score.en": "One?"}, score).status_code == 200
    assert editor.patch({"title.reason.en": "Two?"}, reason, part="q:reason").status_code == 200


def test_mistake_is_named_at_its_field_and_what_was_typed_stays(
    editor: Editor, acme: Organization, survey: Survey
) -> None:
    wrong = editor.patch({"title.score.en": ""})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "title.score.en"
    form = editor.post(q="score", part="q:score", **{"title.score.en": "", "title.score.de": "Getippt"})
    assert form.status_code == 422
    assert "Getippt" in form.content.decode()
    assert question(acme, survey, "score")["title"]["de"] != "Getippt"


def test_undo_and_redo_go_on_across_people_and_visits(editor: Editor, acme: Organization, survey: Survey) -> None:
    before = draft(acme, survey)
    editor.post(do="down", q="reason", part="order")
    colleague = signed_in(a_member(acme, "manager"))
    Editor(colleague, acme, survey).patch({"title.score.en": "Anders?"})
    assert colleague.post(page(acme, survey, "undo/")).status_code == 302
    assert question(acme, survey, "score")["title"]["en"] != "Anders?"
    undone = editor.client.post(page(acme, survey, "undo/"), headers={"Accept": "application/json"})
    assert undone.json()["redo"] is True
    assert undone.json()["undo"] is False
    assert draft(acme, survey) == before
    assert editor.client.post(page(acme, survey, "undo/")).status_code == 409
    for _ in range(2):
        editor.client.post(page(acme, survey, "redo/"))
    assert question(acme, survey, "score")["title"]["en"] == "Anders?"
    editor.client.post(page(acme, survey, "undo/"))
    editor.patch({"title.score.en": "Neu?"})
    assert editor.client.post(page(acme, survey, "redo/")).status_code == 409


def test_typing_on_in_one_field_is_one_step_and_a_hundred_are_kept(
    editor: Editor, acme: Organization, survey: Survey
) -> None:
    for text in ("H", "Ho", "How?"):
        editor.patch({"title.score.en": text})
    with tenant(acme):
        assert DraftStep.objects.count() == 2
    for number in range(110):
        editor.patch({"required.score": "1" if number % 2 else ""})
    with tenant(acme):
        assert DraftStep.objects.count() == 100
        assert DraftStep.objects.filter(current=True).count() == 1


def test_change_through_the_api_can_be_undone_in_the_editor(editor: Editor, acme: Organization, survey: Survey) -> None:
    before = draft(acme, survey)
    with tenant(acme):
        services.update_survey(actor=Actor.system("test"), survey=survey, languages=["en"])
    editor.client.post(page(acme, survey, "undo/"))
    assert draft(acme, survey) == before
    with tenant(acme):
        assert Survey.objects.get().languages == ["en", "de"]


def test_published_questions_keep_type_scale_and_id_in_the_editor(
    editor: Editor, acme: Organization, survey: Survey
) -> None:
    editor.client.post(page(acme, survey, "publish/"))
    html = editor.client.get(f"{editor.url}?q=score").content.decode()
    assert 'name="type.score"' not in html
    assert 'name="scale.score"' not in html
    assert 'name="id.score"' not in html


def test_scoring_rule_and_advice_stand_beside_the_question(editor: Editor) -> None:
    editor.post(q="score", part="q:score", **{"title.score.en": "How satisfied and happy were you?"})
    html = editor.client.get(f"{editor.url}?q=score").content.decode()
    assert "csat.top.v1" in html
    assert "4–5" in html
    assert "may ask two things" in html
    assert "no longer asks in the standard words" in html
    editor.post(q="score", part="q:score", do="standard")
    assert "no longer asks" not in editor.client.get(f"{editor.url}?q=score").content.decode()


def test_preview_walks_through_branches_and_stores_nothing(manager: Client, acme: Organization, survey: Survey) -> None:
    url = page(acme, survey, "preview/")
    first = manager.get(f"{url}?lang=de").content.decode()
    assert "Wie zufrieden waren Sie" in first
    assert "<script" not in first
    again = manager.post(url, {"page": "1", "lang": "en", "so_far": "{}"})
    assert "needs an answer" in again.content.decode() or "Please" in again.content.decode()
    second = manager.post(url, {"page": "1", "lang": "en", "so_far": "{}", "q-score": "4"}).content.decode()
    assert "Is your issue resolved?" in second
    third = manager.post(url, {"page": "2", "lang": "en", "so_far": '{"score": 4}', "q-solved": "no"}).content.decode()
    assert "What is still open?" in third
    skipped = manager.post(url, {"page": "2", "lang": "en", "so_far": '{"score": 4}', "q-solved": "yes"})
    assert "made it easy" in skipped.content.decode()
    back = manager.post(url, {"page": "2", "lang": "en", "so_far": '{"score": 4}', "go": "back"}).content.decode()
    assert "How satisfied" in back
    done = manager.post(url, {"page": "3", "lang": "en", "so_far": '{"score": 4, "solved": "yes"}'})
    assert "Start again" in done.content.decode()
    at = manager.get(f"{url}?at=still_open").content.decode()
    assert "What is still open?" in at


@pytest.mark.parametrize("so_far", ["[", "[1]", '{"score": {"a": 1}}', "[" * 50_000, "\x00", '{"x": "\\ud800"}'])
def test_preview_takes_nothing_for_granted(manager: Client, acme: Organization, survey: Survey, so_far: str) -> None:
    url = page(acme, survey, "preview/")
    assert manager.post(url, {"page": "99999", "lang": "xx", "so_far": so_far, "q-score": "11"}).status_code == 200


def test_settings_change_what_a_survey_is_and_when_it_ends(manager: Client, acme: Organization, survey: Survey) -> None:
    acme.timezone = "Europe/Berlin"
    acme.save()
    form = {
        "name": "After the case",
        "kind": "csat",
        "audience": "customers",
        "languages": ["de", "en", "ar"],
        "slug": "after-the-case",
        "closes_at": "2027-01-31T18:00",
        "answer_limit": "500",
    }
    assert manager.post(page(acme, survey, "settings/"), form).status_code == 302
    with tenant(acme):
        found = Survey.objects.get()
    assert (found.slug, found.answer_limit, found.languages) == ("after-the-case", 500, ["en", "de", "ar"])
    assert found.closes_at.isoformat() == "2027-01-31T17:00:00+00:00"
    assert 'value="2027-01-31T18:00"' in manager.get(page(acme, survey, "settings/")).content.decode()
    wrong = manager.post(page(acme, survey, "settings/"), {**form, "answer_limit": "0", "slug": "a b"})
    assert wrong.status_code == 422


def test_export_and_import_give_the_same_draft_back(manager: Client, acme: Organization, survey: Survey) -> None:
    before = draft(acme, survey)
    exported = manager.get(page(acme, survey, "export/"))
    assert "attachment" in exported["Content-Disposition"]
    assert json.loads(exported.content) == before
    editor = Editor(manager, acme, survey)
    editor.post(do="delete", q="score", part="order")
    upload = SimpleUploadedFile("survey.json", exported.content, content_type="application/json")
    assert manager.post(page(acme, survey, "import/"), {"file": upload}).status_code == 302
    assert draft(acme, survey) == before
    manager.post(page(acme, survey, "undo/"))
    assert "score" not in order(acme, survey)[0]
    pasted = {"name": "From a file", "definition": exported.content.decode()}
    assert manager.post(page(acme, part="import/"), pasted).status_code == 302
    with tenant(acme):
        made = Survey.objects.get(name="From a file")
    assert made.kind == "csat"
    assert made.definition == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "This is no JSON: line 1, column 2."),
        ("[" * 5_000 + "]" * 5_000, "This"),
        ('{"pages": ' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "}", "This"),
        ("[]", "A definition is a JSON object"),
        ('{"languages": ["en"], "pages": [{"questions": [{"id": "a b", "type": "text"}]}]}', "pages.0.questions.0.id"),
        ('{"pages": [{"questions": [{"id": "a", "type": "text", "title": {"en": "a\\u0000b"}}]}]}', "title.en"),
        ('{"pages": [{"questions": [{"id": "a", "type": "text", "title": {"en": "\\ud800"}}]}]}', "title.en"),
        ('{"x": ' + "9" * 6_000 + "}", "numbers that are too long"),
        ("\x00", "Null characters"),
        ("x" * 600_000, "too large"),
    ],
    ids=["cut", "deep list", "deep object", "list", "bad id", "NUL", "surrogate", "giant number", "raw NUL", "huge"],
)
def test_import_says_what_is_wrong_and_where(
    manager: Client, acme: Organization, survey: Survey, text: str, said: str
) -> None:
    before = draft(acme, survey)
    for url in (page(acme, survey, "import/"), page(acme, part="import/")):
        response = manager.post(url, {"name": "X", "definition": text})
        assert response.status_code == 422
        assert said in response.content.decode()
    assert draft(acme, survey) == before


def test_two_hundred_questions_with_marks_of_both_directions_are_edited(
    manager: Client, acme: Organization, survey: Survey
) -> None:
    title = {"en": "\u202eabc\u2069 <script>alert(1)</script>"}
    questions = [{"id": f"q{number}", "type": "text", "title": title} for number in range(200)]
    raw = {"languages": ["en"], "pages": [{"id": "p1", "questions": questions}]}
    manager.post(page(acme, survey, "import/"), {"definition": json.dumps(raw)})
    html = manager.get(page(acme, survey, "edit/")).content.decode()
    assert "200 questions" in html
    assert "<script>alert" not in html
    refused = Editor(manager, acme, survey).post(do="add", kind="text", part="order")
    assert refused.status_code == 422


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "nonsense"},
        {"do": "up", "q": "gone"},
        {"do": "choice-remove:gone", "q": "solved"},
        {"title.score.en": "a\x00b"},
        {"scale.score": "99999999999"},
        {"scale.score": "-1"},
        {"do": "move", "q": "score", "page": "x", "position": "9" * 400},
        {"do": "add", "kind": "<b>"},
        {"rule0-value.still_open": ["9" * 400]},
        {"rule0-op.still_open": "nonsense"},
        {"rule999-op.still_open": "="},
        {"type.score": "nonsense"},
        {"id.score": "reason"},
        {"max_mb.score": "x", "accept.score": "exe"},
        {"hidden-id.7": "x", "thanks-url": "x" * 5_000},
        {"title.score.en": "x" * 3_000},
    ],
)
def test_hostile_fields_never_break_the_page_or_the_draft(
    editor: Editor, acme: Organization, survey: Survey, fields: dict[str, Any]
) -> None:
    assert editor.client.post(editor.url, fields).status_code < 500
    assert editor.client.get(f"{editor.url}?q=" + "x" * 500).status_code == 200
    assert order(acme, survey)[1:] == [["solved"], ["still_open"], ["effort"]] or "scale.score" in fields


@pytest.mark.parametrize(("role", "sees"), [("manager", 200), ("analyst", 403), ("employee", 403), ("agent", 403)])
def test_editor_is_for_those_who_may_edit(acme: Organization, survey: Survey, role: str, sees: int) -> None:
    member = signed_in(a_member(acme, role))
    for part in ("edit/", "preview/", "settings/", "import/"):
        assert member.get(page(acme, survey, part)).status_code == sees
    assert member.get(page(acme, part="import/")).status_code == sees
    if sees == 403:
        for part in ("edit/", "undo/", "redo/", "import/", "settings/"):
            assert member.post(page(acme, survey, part)).status_code == 403
    assert member.get(page(acme, survey, "export/")).status_code == (200 if role in ("manager", "analyst") else 403)


def test_another_organisations_draft_is_not_there(manager: Client, acme: Organization) -> None:
    other = an_organization("Other")
    with tenant(other):
        foreign = a_survey(published=False, name="Secret of the others")
    before = draft(other, foreign)
    for part in ("edit/", "preview/", "settings/", "import/", "export/"):
        assert manager.get(page(acme, foreign, part)).status_code == 404
    for part in ("edit/", "undo/", "redo/", "import/", "settings/", "preview/"):
        assert manager.post(page(acme, foreign, part), {"do": "down", "q": "score"}).status_code == 404
    assert draft(other, foreign) == before


def test_editor_costs_the_same_however_many_questions(manager: Client, acme: Organization, survey: Survey) -> None:
    editor = Editor(manager, acme, survey)
    counts = []
    for _ in range(2):
        manager.get(editor.url)
        with CaptureQueriesContext(connection) as counted:
            manager.get(editor.url)
        counts.append(len(counted))
        for _more in range(3):
            editor.post(do="add", kind="choice", part="order")
    assert counts[0] == counts[1]


def test_answers_to_the_published_version_are_not_touched_by_the_draft(
    editor: Editor, acme: Organization, survey: Survey
) -> None:
    editor.client.post(page(acme, survey, "publish/"))
    with tenant(acme):
        answer = an_answer(Survey.objects.get(), answers={"score": 5, "solved": "yes"})
    editor.post(do="delete", q="solved", part="order")
    with tenant(acme):
        answer.refresh_from_db()
    assert answer.answers == {"score": 5, "solved": "yes"}


def test_dark_phone_of_the_preview_has_the_colours_of_a_dark_phone(
    manager: Client, acme: Organization, survey: Survey
) -> None:
    html = manager.get(f"{page(acme, survey, 'preview/')}?theme=dark").content.decode()
    address = page(acme, part="preview-dark.css")
    assert f'href="{address}"' in html
    assert address not in manager.get(page(acme, survey, "preview/")).content.decode()
    sheet = manager.get(address).content.decode()
    colours = sheet.partition("color-scheme:dark;")[2].partition("}")[0]
    assert f":root{{{colours}}}" in (Path(__file__).parents[2] / "static" / "survey.css").read_text("utf-8")


def test_language_added_later_comes_translated_as_far_as_the_catalogue_goes(
    manager: Client, acme: Organization, survey: Survey
) -> None:
    form = {"name": "X", "kind": "csat", "audience": "customers", "languages": ["en", "de", "es"]}
    assert manager.post(page(acme, survey, "settings/"), form).status_code == 302
    assert question(acme, survey, "solved")["title"]["es"] == "¿Se ha resuelto su asunto?"
    assert question(acme, survey, "solved")["choices"][0]["label"]["es"] == "Sí"
    titles = question(acme, survey, "score")["title"]
    assert titles["es"] == "¿Cuál fue su grado de satisfacción con la gestión de su caso?"
    assert question(acme, survey, "effort")["title"]["es"] == "Acme me facilitó resolver mi asunto."


def test_another_kind_keeps_the_questions_that_fit_it(manager: Client, acme: Organization, survey: Survey) -> None:
    before = draft(acme, survey)
    form = {"name": "X", "kind": "custom", "audience": "customers", "languages": ["en", "de"]}
    manager.post(page(acme, survey, "settings/"), form)
    assert draft(acme, survey) == before
    manager.post(page(acme, survey, "settings/"), {**form, "kind": "nps"})
    assert [len(found) for found in order(acme, survey)] == [2]
    manager.post(page(acme, survey, "undo/"))
    assert draft(acme, survey) == before
