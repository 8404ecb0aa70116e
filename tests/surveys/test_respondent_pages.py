"""The respondent's pages: what they show, what they store, and what they must never do."""

from __future__ import annotations

import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from apps.dispatch.models import Invitation, LinkEvent, Suppression
from apps.organizations.models import Organization
from apps.surveys import services
from apps.surveys.form_tokens import new_form_token
from apps.surveys.links import respondent_token
from apps.surveys.models import Response, ResponseRevision, Survey
from cxm.actor import Actor
from cxm.scope import tenant
from cxm.tokens import make_token
from tests.factories import an_organization
from tests.factories.dispatch import an_invitation
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
PAGES = {
    "languages": ["en"],
    "pages": [
        {"id": "p1", "questions": [{"id": "score", "type": "nps", "required": True, "title": {"en": "Recommend?"}}]},
        {
            "id": "p2",
            "questions": [
                {
                    "id": "why",
                    "type": "text",
                    "required": True,
                    "title": {"en": "What went wrong?"},
                    "show_if": {"all": [{"question": "score", "op": "<", "value": 7}]},
                },
                {"id": "more", "type": "text", "title": {"en": "Anything else?"}},
            ],
        },
    ],
}
EVERY_TYPE = {
    "languages": ["en"],
    "pages": [
        {
            "id": "p1",
            "questions": [
                {"id": "nps", "type": "nps", "required": True, "title": {"en": "NPS"}},
                {"id": "stars", "type": "rating", "scale": 3, "title": {"en": "Rating"}},
                {"id": "one", "type": "choice", "title": {"en": "One"}, "choices": [{"id": "a", "label": {"en": "A"}}]},
                {
                    "id": "some",
                    "type": "multi_choice",
                    "title": {"en": "Some"},
                    "choices": [{"id": "a", "label": {"en": "A"}}, {"id": "b", "label": {"en": "B"}}],
                },
                {
                    "id": "grid",
                    "type": "matrix",
                    "title": {"en": "Grid"},
                    "choices": [{"id": "y", "label": {"en": "Yes"}}],
                    "rows": [{"id": "r", "label": {"en": "Row"}}],
                },
                {
                    "id": "order",
                    "type": "ranking",
                    "title": {"en": "Order"},
                    "choices": [{"id": "a", "label": {"en": "A"}}, {"id": "b", "label": {"en": "B"}}],
                },
                {"id": "text", "type": "text", "title": {"en": "Text"}},
                {"id": "number", "type": "number", "title": {"en": "Number"}},
                {"id": "day", "type": "date", "title": {"en": "Day"}},
                {"id": "yes", "type": "consent", "title": {"en": "I agree"}},
                {"id": "note", "type": "statement", "title": {"en": "A remark"}},
            ],
        }
    ],
}


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme")


def invited(acme: Organization, kind: str = "nps", **values: Any) -> tuple[str, Invitation]:
    """The address of a personal link, and its invitation."""
    with tenant(acme):
        invitation = an_invitation(a_survey(kind, **values))
        return f"/r/{respondent_token(acme.pk, invitation.pk)}/", invitation


def answers(acme: Organization) -> list[Response]:
    with tenant(acme):
        return list(Response.objects.order_by("recorded_at"))


def test_the_page_asks_in_a_fieldset_whose_legend_is_the_heading(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme)
    page = client.get(path)
    html = page.content.decode()
    assert page.status_code == 200
    assert re.search(r"<legend><h1>How likely are you to recommend Acme[^<]*</h1></legend>", html)
    assert len(re.findall(r'<input type="radio"[^>]* name="q-score"', html)) == 11
    assert html.count("<h1") == 1
    assert "0 = Not at all likely" in html
    assert "10 = Extremely likely" in html


def test_pages_set_no_cookie_and_stay_private(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme)
    for address in (path, f"{path}done/", f"{path}stop/", f"{path}privacy/", "/r/nonsense/"):
        response = client.get(address)
        assert not response.cookies
        assert response["Cache-Control"] == "no-store"
        assert response["Referrer-Policy"] == "no-referrer"
        assert "noindex" in response["X-Robots-Tag"]
        policy = response["Content-Security-Policy"]
        assert "trusted-types 'none'" in policy
        assert "unsafe" not in policy
        html = response.content.decode()
        assert not re.search(r"style=|<style|\son\w+=|<script(?![^>]*src=)|https?://(?!www\.w3\.org)", html)


def test_an_answer_is_stored_for_the_customer_and_thanked(client: Client, acme: Organization) -> None:
    path, invitation = invited(acme)
    form = {"q-score": "9", "q-reason": "Quick", "contact": "1", "page": "1", "lang": "en"}
    response = client.post(path, form)
    assert (response.status_code, response["Location"]) == (303, f"{path}done/?lang=en")
    assert "Thank you" in client.get(f"{path}done/").content.decode()
    [answer] = answers(acme)
    assert (answer.score, answer.comment, answer.state, answer.channel) == (9, "Quick", "submitted", "email")
    assert (answer.customer_id, answer.invitation_id) == (invitation.customer_id, invitation.pk)
    assert (answer.contact_ok, answer.source) == (True, "page")


def test_opening_a_link_never_answers(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme)
    for score in range(11):
        assert client.get(f"{path}?s={score}").status_code == 200
        assert client.head(f"{path}?s={score}").status_code == 200
    assert answers(acme) == []
    with tenant(acme):
        assert LinkEvent.objects.count() == 22


@pytest.mark.django_db(transaction=True)
def test_eleven_scanners_at_once_answer_nothing() -> None:
    acme = an_organization("Scanned")
    path, _invitation = invited(acme)

    def scan(score: int) -> list[int]:
        try:
            browser = Client()
            return [browser.get(f"{path}?s={score}").status_code, browser.head(f"{path}?s={score}").status_code]
        finally:
            connection.close()

    with ThreadPoolExecutor(11) as pool:
        statuses = [status for pair in pool.map(scan, range(11)) for status in pair]
    assert statuses == [200] * 22
    assert answers(acme) == []


@pytest.mark.django_db(transaction=True)
def test_fifty_sends_at_once_are_one_answer() -> None:
    acme = an_organization("Crowded")
    path, _invitation = invited(acme)

    def send(number: int) -> int:
        try:
            return Client().post(path, {"q-score": str(number % 11), "page": "1"}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(send, range(50)))
    assert statuses == [303] * 50
    assert len(answers(acme)) == 1


def test_a_score_from_the_mail_is_chosen_but_not_counted(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme)
    html = client.get(f"{path}?s=9").content.decode()
    assert re.search(r'<input type="radio"[^>]* value="9"[^>]* checked', html)
    assert "You chose 9 in the email. It counts when you send it." in html
    for odd in ("11", "-1", "nine", "9.5", "%00", "9" * 5000):
        assert " checked" not in client.get(f"{path}?s={odd}").content.decode()


def test_a_missing_score_is_asked_for_again_with_the_text_kept(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme)
    response = client.post(path, {"q-reason": "<b>Because</b>", "page": "1", "lang": "en"})
    html = response.content.decode()
    assert response.status_code == 422
    assert 'href="#q-score"' in html
    assert "autofocus" in html
    assert "&lt;b&gt;Because&lt;/b&gt;" in html
    assert answers(acme) == []


@pytest.mark.parametrize("score", ["11", "-1", "9.5", "nine", "9\x00", "\u0669", "9" * 5000])
def test_a_score_off_the_scale_is_refused(client: Client, acme: Organization, score: str) -> None:
    path, _invitation = invited(acme)
    assert client.post(path, {"q-score": score}).status_code == 422
    assert answers(acme) == []


def test_sending_again_changes_the_answer_and_keeps_the_old_one(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme)
    client.post(path, {"q-score": "3"})
    assert re.search(r'value="3"[^>]* checked', client.get(path).content.decode())
    client.post(path, {"q-score": "8"})
    [answer] = answers(acme)
    assert answer.score == 8
    with tenant(acme):
        assert ResponseRevision.objects.get().score == 3


def test_the_script_gets_the_next_address_instead_of_a_redirect(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme)
    response = client.post(path, {"q-score": "9", "lang": "en"}, HTTP_ACCEPT="application/json")
    assert response.json() == {"next": f"{path}done/?lang=en"}


def test_every_question_type_can_be_answered_by_a_plain_form(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme, "custom", definition=EVERY_TYPE)
    assert client.get(path).status_code == 200
    form = {
        "q-nps": "10",
        "q-stars": "2",
        "q-one": "a",
        "q-some": ["a", "b"],
        "q-grid.r": "y",
        "q-order.a": "2",
        "q-order.b": "1",
        "q-text": "Hello",
        "q-number": "12.5",
        "q-day": "2026-01-31",
        "q-yes": "1",
    }
    assert client.post(path, form).status_code == 303
    [answer] = answers(acme)
    assert answer.answers == {
        "nps": 10,
        "stars": 2,
        "one": "a",
        "some": ["a", "b"],
        "grid": {"r": "y"},
        "order": ["b", "a"],
        "text": "Hello",
        "number": 12.5,
        "day": "2026-01-31",
        "yes": True,
    }
    again = client.get(path).content.decode()
    assert again.count(" checked") == 7
    assert again.count(" selected") == 2


def test_wrong_answers_of_every_type_are_explained_where_they_stand(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme, "custom", definition=EVERY_TYPE)
    form = {
        "q-one": "x",
        "q-some": "x",
        "q-grid.r": "x",
        "q-order.a": "1",
        "q-order.b": "1",
        "q-number": "x",
        "q-day": "x",
    }
    html = client.post(path, form).content.decode()
    for name in ("q-nps", "q-one", "q-some", "q-grid", "q-order", "q-number", "q-day"):
        assert f'href="#{name}"' in html
        assert f'id="{name}"' in html


def test_pages_are_saved_one_by_one_and_conditions_lead_on(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme, "custom", definition=PAGES)
    assert "1 of 2" in client.get(path).content.decode()
    response = client.post(path, {"q-score": "3", "page": "1"})
    assert answers(acme)[0].state == "partial"
    second = client.get(response["Location"]).content.decode()
    assert "What went wrong?" in second
    assert "2 of 2" in second
    assert client.post(path, {"page": "2"}).status_code == 422
    assert "What went wrong?" in client.get(path).content.decode()  # comes back where it was left, on any device
    back = client.post(path, {"page": "2", "q-why": "Late", "go": "back"})
    assert "page=1" in back["Location"]
    assert client.post(path, {"page": "2", "q-why": "Late"})["Location"].startswith(f"{path}done/")
    [answer] = answers(acme)
    assert (answer.answers, answer.state) == ({"score": 3, "why": "Late"}, "submitted")


def test_a_happy_respondent_is_not_asked_what_went_wrong(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme, "custom", definition=PAGES)
    response = client.post(path, {"q-score": "9", "page": "1"})
    assert "What went wrong?" not in client.get(response["Location"]).content.decode()
    assert client.post(path, {"page": "2"})["Location"].startswith(f"{path}done/")


def test_languages_are_chosen_in_order(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme, languages=["en", "de", "ar"])
    arabic = client.get(f"{path}?lang=ar").content.decode()
    assert '<html lang="ar" dir="rtl">' in arabic
    assert "إرسال الإجابة" in arabic
    assert '<html lang="en"' in client.get(path, HTTP_ACCEPT_LANGUAGE="de").content.decode()  # as the mail was
    with tenant(acme):
        poster = f"/s/{acme.slug}/{a_survey(languages=['en', 'de']).slug}/"
    assert '<html lang="de"' in client.get(poster, HTTP_ACCEPT_LANGUAGE="it;q=0.9,de-AT;q=0.8").content.decode()
    assert '<html lang="en"' in client.get(f"{poster}?lang=xx", HTTP_ACCEPT_LANGUAGE=";;,,q=").content.decode()


def test_links_that_lead_nowhere_are_all_the_same(client: Client, acme: Organization) -> None:
    path, invitation = invited(acme)
    token = path.split("/")[2]
    other = an_organization("Other")
    wrong = [
        token[:-1],
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        "x" * 66,
        respondent_token(other.pk, invitation.pk),
        make_token("unsubscribe", acme.pk, invitation.pk),
        respondent_token(acme.pk, acme.pk),
    ]
    pages = set()
    for bad in wrong:
        for page in ("", "done/", "stop/", "privacy/"):
            response = client.get(f"/r/{bad}/{page}")
            assert response.status_code == 404
            pages.add(response.content)
        assert client.post(f"/r/{bad}/", {"q-score": "9"}).status_code == 404
    assert len(pages) == 1
    assert answers(acme) == []


def test_a_closed_survey_says_so(client: Client, acme: Organization) -> None:
    path, invitation = invited(acme)
    with tenant(acme):
        services.close_survey(actor=SYSTEM, survey=Survey.objects.get(pk=invitation.survey_id))
    assert client.get(path).status_code == 410
    assert client.post(path, {"q-score": "9"}).status_code == 410
    assert client.get(f"{path}stop/").status_code == 200
    assert answers(acme) == []


def test_stopping_needs_a_button_and_works_at_once(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme)
    for _ in range(2):
        assert client.get(f"{path}stop/").status_code == 200
    with tenant(acme):
        assert not Suppression.objects.exists()
    one_click = Client(enforce_csrf_checks=True).post(
        f"{path}stop/", "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )
    assert one_click.status_code == 200
    assert not one_click.cookies
    with tenant(acme):
        assert Suppression.objects.count() == 1


def test_an_anonymous_survey_by_invitation_keeps_no_way_back(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme, anonymous=True)
    html = client.get(path).content.decode()
    assert 'name="contact"' not in html
    token = re.search(r'name="t" value="([^"]+)"', html)
    assert token
    assert client.post(path, {"q-score": "2", "t": token[1]}).status_code == 303
    [answer] = answers(acme)
    assert (answer.customer_id, answer.invitation_id, answer.contact_ok) == (None, None, False)
    assert answer.recorded_at == answer.occurred_at
    assert (answer.recorded_at.hour, answer.recorded_at.minute, answer.id.version) == (0, 0, 4)
    with tenant(acme):
        assert not LinkEvent.objects.exists()
    assert client.post(path, {"q-score": "9", "t": token[1]}).status_code == 410
    assert client.get(path).status_code == 410
    assert len(answers(acme)) == 1


def test_provisional_scores_are_off_unless_the_organisation_wants_them(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme)
    assert client.post(f"{path}provisional/", {"s": "9", "basis": "interaction"}).status_code == 404
    assert "data-provisional" not in client.get(f"{path}?s=9").content.decode()
    assert answers(acme) == []


def test_a_provisional_score_is_kept_taken_back_and_replaced(client: Client, acme: Organization) -> None:
    Organization.objects.filter(pk=acme.pk).update(include_provisional=True)
    path, _invitation = invited(acme)
    browser = {"HTTP_USER_AGENT": "Mozilla/5.0 (iPhone)"}
    assert "It counts once you touch this page." in client.get(f"{path}?s=9", **browser).content.decode()
    assert client.get(f"{path}provisional/").status_code == 405
    assert client.post(f"{path}provisional/", {"s": "99"}, **browser).status_code == 422
    client.post(f"{path}provisional/", {"s": "9", "basis": "interaction"}, **browser)
    assert [answer.state for answer in answers(acme)] == ["provisional_interaction"]
    assert client.post(f"{path}provisional/", {"undo": "1"}, **browser).json() == {"undone": True}
    assert answers(acme) == []
    client.post(f"{path}provisional/", {"s": "9", "basis": "interaction"}, **browser)
    client.post(path, {"q-score": "4"}, **browser)
    assert client.post(f"{path}provisional/", {"undo": "1"}, **browser).json() == {"undone": False}
    assert [(answer.score, answer.state) for answer in answers(acme)] == [(4, "submitted")]


def test_what_looks_like_a_scanner_is_flagged_and_not_counted(client: Client, acme: Organization) -> None:
    Organization.objects.filter(pk=acme.pk).update(include_provisional=True)
    path, _invitation = invited(acme)
    client.post(f"{path}provisional/", {"s": "9", "basis": "dwell"}, HTTP_USER_AGENT="HeadlessChrome")
    [answer] = answers(acme)
    assert (answer.state, answer.flags) == ("partial", ["scanner"])


def test_an_open_link_takes_answers_without_a_person(client: Client, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey(name="Poster")
    path = f"/s/{acme.slug}/{survey.slug}/"
    html = client.get(f"{path}?c=qr&s=7").content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html))
    assert client.post(path, {**fields, "q-score": "7"}).status_code == 303
    assert client.post(path, {**fields, "q-score": "8"}).status_code == 303
    [answer] = answers(acme)
    assert (answer.score, answer.channel, answer.customer_id) == (8, "qr", None)


def test_an_open_form_that_is_not_ours_is_shown_again_with_a_new_token(client: Client, acme: Organization) -> None:
    with tenant(acme):
        survey, other = a_survey(), a_survey()
    path = f"/s/{acme.slug}/{survey.slug}/"
    for token in ("", "nonsense", new_form_token(other.pk).text):
        response = client.post(path, {"q-score": "7", "q-reason": "Kept", "t": token})
        assert response.status_code == 422
        assert "Kept" in response.content.decode()
    assert answers(acme) == []
    fresh = re.search(r'name="t" value="([^"]+)"', response.content.decode())
    assert fresh
    assert client.post(path, {"q-score": "7", "t": fresh[1]}).status_code == 303


def test_open_links_to_drafts_and_to_nothing_are_the_same(client: Client, acme: Organization) -> None:
    with tenant(acme):
        draft = a_survey(published=False)
    pages = {client.get(f"/s/{slug}/").content for slug in (f"{acme.slug}/{draft.slug}", f"{acme.slug}/x", "no/where")}
    assert len(pages) == 1


def test_pages_are_light(client: Client, acme: Organization) -> None:
    path, _invitation = invited(acme, languages=["en", "de", "ar"])
    static = Path(settings.STATICFILES_DIRS[0])
    script = len(gzip.compress((static / "cx/survey.js").read_bytes()))
    parts = [
        client.get(f"{path}?s=9").content,
        *((static / name).read_bytes() for name in ("survey.css", "favicon.svg")),
    ]
    assert script <= 2048
    assert script + sum(len(gzip.compress(part)) for part in parts) <= 10_240


def test_the_accent_is_a_stylesheet_of_its_own(client: Client, acme: Organization) -> None:
    Organization.objects.filter(pk=acme.pk).update(accent="#8A1C7C")
    path, _invitation = invited(acme)
    assert f"/brand/{acme.slug}/survey.css" in client.get(path).content.decode()
    sheet = client.get(f"/brand/{acme.slug}/survey.css")
    assert sheet["Content-Type"].startswith("text/css")
    assert "--ac:#" in sheet.content.decode()
