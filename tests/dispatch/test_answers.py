"""What an answer does to its invitation, and what STOP does to everything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from apps.customers.services import CustomerReference
from apps.dispatch.links import InvitationLinks, masked
from apps.dispatch.models import Invitation, LinkEvent, Suppression
from apps.dispatch.queries import response_counts, suspected_scanner_hits
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.services import MOST_LINK_EVENTS, invite_customers
from apps.outbox.relay import drain
from apps.surveys.entries import NewResponse
from apps.surveys.models import Response
from apps.surveys.services import record_response, record_responses
from cxm.actor import Actor
from tests.factories.dispatch import a_customer_to_ask, an_invitation
from tests.factories.surveys import a_survey, an_answer

from .conftest import Company


def heard() -> None:
    """Let the subscribers of what was recorded do their work."""
    drain()


def test_answer_completes_its_invitation_and_the_rate_counts_it(nordwind: Company) -> None:
    survey = a_survey(relationship=True)
    first, _second = an_invitation(survey), an_invitation(survey)
    send_due_invitations()
    assert response_counts().delivered == 2
    an_answer(survey, 9, invitation_id=first.pk, customer_id=first.customer_id)
    heard()
    first.refresh_from_db()
    assert first.state == "completed"
    assert first.completed_at is not None
    counts = response_counts(survey_ids=[survey.pk])
    assert (counts.sent, counts.bounced, counts.delivered, counts.completed) == (2, 0, 2, 1)


def test_unfinished_answer_completes_nothing(nordwind: Company) -> None:
    invitation = an_invitation()
    send_due_invitations()
    an_answer(invitation.survey, 9, invitation_id=invitation.pk, state=Response.State.PARTIAL)
    heard()
    invitation.refresh_from_db()
    assert invitation.state == "sent"


def test_rate_leaves_out_blocked_queued_and_bounced(nordwind: Company) -> None:
    survey = a_survey(relationship=True)
    for state in ("queued", "blocked", "failed", "cancelled", "sent", "bounced", "completed"):
        invitation = an_invitation(survey)
        Invitation.objects.filter(pk=invitation.pk).update(state=state)
    counts = response_counts(start=now() - timedelta(hours=1), end=now() + timedelta(hours=1))
    assert (counts.sent, counts.bounced, counts.delivered, counts.completed) == (3, 1, 2, 1)
    assert response_counts(start=now() + timedelta(hours=1)).sent == 0


@pytest.mark.parametrize("text", ["STOP", "Stop.", "unsubscribe"])
def test_opt_out_word_in_an_answer_suppresses_and_the_answer_counts(nordwind: Company, text: str) -> None:
    survey = a_survey(relationship=True)
    customer = a_customer_to_ask()
    other = a_survey("csat")
    waiting = an_invitation(other, customer)
    response = an_answer(survey, 10, text, customer=CustomerReference(external_id=customer.external_id))
    heard()
    assert Suppression.objects.get().reason == "opt_out_word"
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == ("blocked", "suppressed")
    assert Response.objects.get(pk=response.pk).score == 10
    later = invite_customers(actor=nordwind.actor, survey=other, customer_ids=[customer.pk])
    assert later.blocked == {"suppressed": 1}


def test_opt_out_word_in_an_import_suppresses_customers_without_an_address_too(nordwind: Company) -> None:
    survey = a_survey(relationship=True)
    entries = [
        {"answers": {"score": 7, "reason": text}, "customer": {"external_id": external_id}}
        for external_id, text in (("a", "STOP"), ("b", "Stop the price rises"), ("c", ""))
    ]
    entries.append({"answers": {"score": 7, "reason": "stop"}})
    outcome = record_responses(actor=Actor.system("import"), survey_id=survey.pk, entries=entries, source="import")
    assert outcome.accepted == 4
    heard()
    [suppression] = Suppression.objects.select_related("customer")
    assert suppression.customer is not None
    assert (suppression.email, suppression.customer.external_id) == ("", "a")
    suppression.customer.email = "a@example.com"
    suppression.customer.save()
    counts = invite_customers(actor=nordwind.actor, survey=survey, customer_ids=[suppression.customer.pk])
    assert counts.blocked == {"suppressed": 1}


def test_stop_on_the_page_suppresses_at_once_and_twice_is_once(nordwind: Company) -> None:
    invitation = an_invitation()
    send_due_invitations()
    keeper = InvitationLinks()
    link = keeper.resolve(invitation.pk)
    assert link is not None
    keeper.stop(link, ip="203.0.113.9")
    keeper.stop(link, ip="203.0.113.9")
    suppression = Suppression.objects.get()
    assert suppression.reason == "unsubscribed"
    assert suppression.email == invitation.customer.email  # type: ignore[union-attr]


def test_link_of_an_invitation_says_what_the_page_needs(nordwind: Company) -> None:
    invitation = an_invitation()
    keeper = InvitationLinks()
    link = keeper.resolve(invitation.pk)
    assert link is not None
    assert (link.survey_id, link.customer_id, link.closed, link.answered) == (
        invitation.survey_id,
        invitation.customer_id,
        False,
        False,
    )
    assert link.address.startswith("c…@")
    for state, closed in (("blocked", None), ("cancelled", True), ("failed", True), ("completed", False)):
        Invitation.objects.filter(pk=invitation.pk).update(state=state)
        found = keeper.resolve(invitation.pk)
        assert (found.closed if found else None) == closed
    assert keeper.resolve(nordwind.organization.pk) is None


@pytest.mark.parametrize(("address", "shown"), [("lena@example.com", "l…@example.com"), ("", ""), ("x", "")])
def test_masked_address_shows_the_first_letter_and_the_host(address: str, shown: str) -> None:
    assert masked(address) == shown


def test_anonymous_survey_completes_without_a_time_and_keeps_no_visits(nordwind: Company) -> None:
    survey = a_survey(relationship=True, anonymous=True)
    invitation = an_invitation(survey)
    send_due_invitations()
    keeper = InvitationLinks()
    link = keeper.resolve(invitation.pk)
    assert link is not None
    keeper.record_visit(link, kind="get", score=None, user_agent="Mozilla/5.0")
    assert keeper.claim_single_answer(link)
    assert not keeper.claim_single_answer(link)
    invitation.refresh_from_db()
    assert (invitation.state, invitation.completed_at) == ("completed", None)
    assert not LinkEvent.objects.exists()


def test_visits_are_kept_up_to_a_limit_and_never_answer(nordwind: Company) -> None:
    invitation = an_invitation()
    keeper = InvitationLinks()
    link = keeper.resolve(invitation.pk)
    assert link is not None
    for _ in range(MOST_LINK_EVENTS + 5):
        keeper.record_visit(link, kind="prefill", score=9, user_agent="Mozilla/5.0 HeadlessChrome/120")
    assert LinkEvent.objects.count() == MOST_LINK_EVENTS
    assert not Response.objects.exists()


def test_scanner_hits_are_counted_and_people_are_not(nordwind: Company) -> None:
    survey = a_survey(relationship=True)
    at = now()

    def hits(*events: tuple[float, str, int | None, str]) -> None:
        invitation = an_invitation(survey)
        Invitation.objects.filter(pk=invitation.pk).update(state="sent", sent_at=at)
        for seconds, kind, score, agent in events:
            LinkEvent.objects.create(
                invitation=invitation, kind=kind, score=score, agent=agent, at=at + timedelta(seconds=seconds)
            )

    hits((60, "prefill", 9, "browser"), (80, "prefill", 8, "browser"), (100, "get", None, "browser"))
    assert suspected_scanner_hits(survey) == 0
    hits((60, "prefill", 0, "browser"), (61, "prefill", 10, "browser"))
    hits((60, "head", None, "browser"), (2, "get", None, "browser"), (60, "get", None, "program"))
    hits((60, "prefill", 7, "headless"))
    assert suspected_scanner_hits(survey) == 6


def test_answers_of_the_api_and_the_page_are_heard_alike(nordwind: Company) -> None:
    survey = a_survey(relationship=True)
    customer = a_customer_to_ask()
    entry: Any = NewResponse(
        answers={"score": 3, "reason": "Baja"}, customer=CustomerReference(id=customer.pk), language="es"
    )
    record_response(actor=Actor.respondent(), survey_id=survey.pk, entry=entry, source="page")
    heard()
    assert Suppression.objects.get().email == customer.email
