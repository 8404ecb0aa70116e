"""Coming back to an answer, what an invitation asks about, scanners that dwell, and staff who answer themselves."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from apps.dispatch.models import Invitation, LinkEvent
from apps.organizations.models import Organization
from apps.surveys.form_tokens import LIFETIME
from apps.surveys.links import respondent_token
from apps.surveys.models import Response, ResponseRevision
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.dispatch import an_invitation
from tests.factories.people import a_unit
from tests.factories.surveys import a_survey
from tests.surveys.test_respondent_pages import PAGES

pytestmark = pytest.mark.django_db
BROWSER = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"}
FOUR = {
    "pages": [
        {"questions": [{"id": name, "type": "text", "title": {"en": name.upper()}, "required": name == "d"}]}
        for name in "abcd"
    ]
}


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme")


def invited(acme: Organization, survey_values: dict[str, object], **invitation: object) -> tuple[str, Invitation]:
    with tenant(acme):
        made = an_invitation(a_survey("custom", relationship=True, **survey_values))
        for name, value in invitation.items():
            setattr(made, name, value)
        made.save()
        return f"/r/{respondent_token(acme.pk, made.pk)}/", made


def only(acme: Organization) -> Response:
    with tenant(acme):
        return Response.objects.get()


def token_in(html: str) -> str:
    return html.split('name="t" value="')[1].split('"')[0]


# -- coming back -------------------------------------------------------------------------------------------------------


def test_a_personal_link_goes_on_at_the_first_open_screen(acme: Organization) -> None:
    path, _invitation = invited(acme, {"definition": FOUR})
    phone, desk = Client(), Client()
    assert "1 of 4" in phone.get(path).content.decode()
    phone.post(path, {"q-a": "One", "page": "1"})
    phone.post(path, {"q-b": "Two", "page": "2"})
    there = desk.get(path).content.decode()
    assert "3 of 4" in there
    desk.post(path, {"q-a": "First", "page": "1"})  # the last write wins, and what it replaced is kept
    assert only(acme).answers == {"a": "First", "b": "Two"}
    with tenant(acme):
        assert [revision.answers for revision in ResponseRevision.objects.order_by("replaced_at")] == [
            {"a": "One"},
            {"a": "One", "b": "Two"},
        ]


def test_an_open_link_goes_on_by_the_address_it_shows(acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey("custom", definition=FOUR)
    address = f"/s/{acme.slug}/{survey.slug}/"
    phone = Client()
    first = phone.get(address).content.decode()
    assert "Continue on another device" not in first
    second = phone.get(phone.post(address, {"q-a": "One", "t": token_in(first), "page": "1"})["Location"])
    shown = second.content.decode().split('id="resume" value="')[1].split('"')[0].replace("&amp;", "&")
    assert shown.startswith("http")
    there = Client().get(shown[shown.index("/s/") :]).content.decode()
    assert "2 of 4" in there
    assert token_in(there) == token_in(first)
    Client().post(address, {"q-b": "Two", "t": token_in(there), "page": "2"})
    assert only(acme).answers == {"a": "One", "b": "Two"}


def test_an_answer_that_was_begun_can_be_finished_after_weeks(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant(acme):
        survey = a_survey("custom", definition=FOUR)
    address = f"/s/{acme.slug}/{survey.slug}/"
    begun, unbegun = (token_in(Client().get(address).content.decode()) for _ in range(2))
    Client().post(address, {"q-a": "One", "t": begun, "page": "1"})
    later = time.time() + LIFETIME + 60
    monkeypatch.setattr("apps.surveys.form_tokens.time.time", lambda: later)
    assert Client().post(address, {"q-b": "Two", "t": begun, "page": "2"}).status_code == 303
    assert Client().post(address, {"q-b": "Two", "t": unbegun, "page": "2"}).status_code == 422
    assert only(acme).answers == {"a": "One", "b": "Two"}


# -- what an invitation asks about -------------------------------------------------------------------------------------


def test_an_answer_counts_on_the_day_of_the_experience_and_inherits_its_facts(acme: Organization) -> None:
    then = now() - timedelta(days=9)
    with tenant(acme):
        unit = a_unit()
    path, _invitation = invited(
        acme, {"definition": PAGES}, experienced_at=then, attributes={"agent": "Kim"}, unit=unit
    )
    Client().post(path, {"q-score": "9", "page": "1"})
    Client().post(path, {"page": "2"})
    answer = only(acme)
    assert (answer.occurred_at, answer.day, answer.state) == (then, then.date(), "submitted")
    assert (answer.attributes, answer.unit_id) == ({"agent": "Kim"}, unit.pk)
    assert answer.recorded_at > then + timedelta(days=8)


def test_of_an_anonymous_surveys_invitation_only_unit_and_day_are_kept(acme: Organization) -> None:
    then = now() - timedelta(days=9)
    with tenant(acme):
        unit = a_unit()
        survey = a_survey(anonymous=True, relationship=True)
        invitation = an_invitation(survey)
        Invitation.objects.filter(pk=invitation.pk).update(
            experienced_at=then, attributes={"agent": "Kim"}, unit=unit, customer=None, member=a_member(acme)
        )
    path = f"/r/{respondent_token(acme.pk, invitation.pk)}/"
    client = Client()
    token = token_in(client.get(path).content.decode())
    assert client.post(path, {"q-score": "3", "t": token}).status_code == 303
    answer = only(acme)
    assert (answer.customer_id, answer.invitation_id, answer.attributes) == (None, None, {})
    assert (answer.unit_id, answer.day) == (unit.pk, then.date())
    assert (answer.occurred_at.hour, answer.occurred_at.minute, answer.occurred_at.microsecond) == (0, 0, 0)
    assert answer.recorded_at.date() == now().date()
    assert answer.recorded_at.microsecond == 0
    assert client.get(path).status_code == 410


def test_an_employee_is_told_that_the_name_is_seen(acme: Organization) -> None:
    path, invitation = invited(acme, {"definition": PAGES})
    with tenant(acme):
        Invitation.objects.filter(pk=invitation.pk).update(customer=None, member=a_member(acme))
    html = Client().get(path).content.decode()
    assert "Acme sees your answer together with your name." in html
    assert "customer number" not in Client().get(f"{path}privacy/").content.decode()
    assert "…@" in Client().get(f"{path}stop/").content.decode()
    assert Client().post(f"{path}stop/").status_code == 200


# -- scanners ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def provisional(acme: Organization) -> tuple[str, Invitation]:
    """An invitation, delivered a while ago, of an organisation that counts provisional answers."""
    acme.include_provisional = True
    acme.save()
    return invited(acme, {"definition": PAGES}, state="sent", sent_at=now() - timedelta(hours=1))


def dwell(path: str, score: int) -> None:
    browser = Client(headers=BROWSER)
    browser.get(f"{path}?s={score}")
    assert browser.post(f"{path}provisional/", {"s": str(score), "basis": "dwell"}).status_code == 200


def test_dwelling_counts_until_a_sign_of_a_scanner_takes_it_back(
    acme: Organization, provisional: tuple[str, Invitation]
) -> None:
    path, _invitation = provisional
    dwell(path, 9)
    assert only(acme).state == "provisional_dwell"
    Client(headers=BROWSER).get(f"{path}?s=2")  # another score within ten seconds
    voided = only(acme)
    assert (voided.state, voided.flags, voided.score) == ("partial", ["scanner"], 9)
    Client(headers=BROWSER).post(path, {"q-score": "7", "page": "1"})
    Client(headers=BROWSER).post(path, {"page": "2"})
    sent = only(acme)
    assert (sent.state, sent.flags, sent.score) == ("submitted", [], 7)


@pytest.mark.parametrize("sign", ["head", "headless", "program", "too_soon"])
def test_every_sign_of_a_scanner_keeps_dwelling_from_counting(
    acme: Organization, provisional: tuple[str, Invitation], sign: str
) -> None:
    path, invitation = provisional
    if sign == "head":
        Client(headers=BROWSER).head(path)
    elif sign == "headless":
        Client(headers={"User-Agent": "Mozilla/5.0 HeadlessChrome/140"}).get(path)
    elif sign == "program":
        Client(headers={"User-Agent": "Barracuda Sentinel"}).get(path)
    else:
        with tenant(acme):
            Invitation.objects.filter(pk=invitation.pk).update(delivered_at=now())
    dwell(path, 9)
    assert (only(acme).state, only(acme).flags) == ("partial", ["scanner"])


def test_a_touch_counts_whatever_opened_the_link(acme: Organization, provisional: tuple[str, Invitation]) -> None:
    path, _invitation = provisional
    Client(headers=BROWSER).head(path)
    Client(headers=BROWSER).get(f"{path}?s=9")
    Client(headers=BROWSER).post(f"{path}provisional/", {"s": "9", "basis": "interaction"})
    assert only(acme).state == "provisional_interaction"
    with tenant(acme):
        assert LinkEvent.objects.count() == 2


# -- staff -------------------------------------------------------------------------------------------------------------


def test_a_customers_answer_from_a_signed_in_colleague_is_flagged(acme: Organization) -> None:
    path, _invitation = invited(acme, {"definition": PAGES})
    colleague = signed_in(a_member(acme))
    colleague.post(path, {"q-score": "10", "page": "1"})
    colleague.post(path, {"page": "2"})
    assert only(acme).flags == ["staff_session"]


def test_somebody_of_another_organisation_is_no_staff_here(acme: Organization) -> None:
    path, _invitation = invited(acme, {"definition": PAGES})
    signed_in(a_member(an_organization("Other"))).post(path, {"q-score": "10", "page": "1"})
    assert only(acme).flags == []


def test_employees_answer_their_own_surveys_unflagged(acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey(audience="employees")
    address = f"/s/{acme.slug}/{survey.slug}/"
    colleague = signed_in(a_member(acme))
    token = token_in(colleague.get(address).content.decode())
    assert colleague.post(address, {"q-score": "10", "t": token}).status_code == 303
    assert only(acme).flags == []
