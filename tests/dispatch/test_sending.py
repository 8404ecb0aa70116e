"""From a queued row to a mail: what leaves, how it is marked, and what is never mailed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from apps.customers.models import ConsentRecord
from apps.dispatch.models import Invitation, MailboxMessage, Suppression
from apps.dispatch.sending import CLAIM, SendingDesk, claim_due, message_id, send_due_invitations
from apps.dispatch.services import cancel_batch, invite_customers
from apps.dispatch.suppression import suppress
from apps.dispatch.transport import open_transport
from apps.surveys.links import read_respondent_token
from apps.surveys.models import Survey

from .conftest import Company
from .smtp_sink import Sink


def queue(company: Company, number: int = 1, **wishes: Any) -> list[Invitation]:
    survey = wishes.pop("survey", None) or company.survey()
    customers = wishes.pop("customers", None) or [company.customer() for _ in range(number)]
    invite_customers(actor=company.actor, survey=survey, customer_ids=[customer.pk for customer in customers], **wishes)
    return list(Invitation.objects.filter(survey=survey).order_by("pk"))


def states() -> list[str]:
    return sorted(Invitation.objects.values_list("state", flat=True))


def rested(invitation: Invitation) -> None:
    """As if the back-off of the row were over."""
    Invitation.objects.filter(pk=invitation.pk).update(leased_until=now() - timedelta(seconds=1))


def test_mail_reaches_the_mailbox_with_link_headers_and_scores(nordwind: Company) -> None:
    [invitation] = queue(nordwind, reply_to="service@nordwind.example")
    assert send_due_invitations().sent == 1
    mail = MailboxMessage.objects.get(organization=nordwind.organization)
    invitation.refresh_from_db()
    assert invitation.state == "sent"
    assert invitation.sent_at is not None
    assert mail.to == invitation.customer.email  # type: ignore[union-attr]
    links = set(re.findall(r"http://[^\s\"<]+/r/([^/]+)/", mail.html + mail.text))
    assert len(links) == 1
    subject = read_respondent_token(links.pop())
    assert subject is not None
    assert (subject.organization_id, subject.row_id) == (nordwind.organization.pk, invitation.pk)
    assert [f"?s={score}" in mail.html for score in range(11)] == [True] * 11
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(r"<http://[^>]+/r/[^/]+/stop/>", mail.headers["List-Unsubscribe"])
    assert mail.headers["Auto-Submitted"] == "auto-generated"
    assert mail.headers["Reply-To"] == "service@nordwind.example"
    assert mail.headers["From"].startswith("Nordwind <")
    assert invitation.batch_id.hex in mail.headers["Feedback-ID"]


def test_mail_goes_over_smtp_on_one_connection(nordwind: Company, smtp: Sink) -> None:
    invitations = queue(nordwind, 5)
    assert send_due_invitations().sent == 5
    assert states() == ["sent"] * 5
    assert sorted(smtp.recipients) == sorted(i.customer.email for i in invitations)  # type: ignore[union-attr]
    assert len(smtp.connections) == 1
    assert not MailboxMessage.objects.exists()
    identities = {message["Message-ID"] for _recipient, message in smtp.received}
    assert identities == {message_id(nordwind.organization.pk, i.pk) for i in invitations}
    message = smtp.received[0][1]
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_nothing_goes_before_its_time(nordwind: Company) -> None:
    queue(nordwind, send_at=now() + timedelta(hours=1))
    assert send_due_invitations().sent == 0
    Invitation.objects.update(send_at=now() - timedelta(seconds=1))
    assert send_due_invitations().sent == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c, i: suppress(actor=c.actor, email=i.customer.email, reason="manual"), "suppressed"),
        (lambda c, i: Suppression.objects.create(email=i.customer.email, reason="complaint"), "suppressed"),
        (lambda c, i: Suppression.objects.create(customer=i.customer, reason="opt_out_word"), "suppressed"),
        (
            lambda c, i: ConsentRecord.objects.create(
                customer=i.customer, purpose="surveys", channel="email", state="withdrawn"
            ),
            "consent_withdrawn",
        ),
        (lambda c, i: Survey.objects.filter(pk=i.survey_id).update(state="closed"), "survey_not_live"),
        (lambda c, i: type(i.customer).objects.filter(pk=i.customer_id).update(email=None), "no_address"),
        (lambda c, i: type(i.customer).objects.filter(pk=i.customer_id).delete(), "anonymised"),
    ],
)
def test_what_changed_after_queueing_is_obeyed(
    nordwind: Company, smtp: Sink, change: Callable[[Company, Invitation], object], reason: str
) -> None:
    [invitation] = queue(nordwind)
    change(nordwind, invitation)
    assert send_due_invitations().sent == 0
    invitation.refresh_from_db()
    assert (invitation.state, invitation.reason) == ("blocked", reason)
    assert smtp.received == []


def test_suppression_between_claim_and_sending_is_obeyed(nordwind: Company, smtp: Sink) -> None:
    """The check is made for every mail, not once for a claim."""
    first, second = queue(nordwind, 2)
    address = second.customer.email  # type: ignore[union-attr]
    claim = claim_due(CLAIM)
    suppress(actor=nordwind.actor, email=address, reason="unsubscribed")
    with open_transport() as transport:
        assert SendingDesk(nordwind.organization, transport).send_claim(claim).sent == 1
    assert smtp.recipients == [first.customer.email]  # type: ignore[union-attr]


def test_cancelled_batch_is_not_sent(nordwind: Company, smtp: Sink) -> None:
    [invitation] = queue(nordwind)
    cancel_batch(actor=nordwind.actor, batch=invitation.batch)
    assert send_due_invitations().sent == 0
    assert (states(), smtp.received) == (["cancelled"], [])


def test_address_the_server_does_not_know_bounces_and_is_suppressed(nordwind: Company, smtp: Sink) -> None:
    bad, good = queue(nordwind, 2)
    smtp.refusals[bad.customer.email] = "550 5.1.1 no such user"  # type: ignore[index, union-attr]
    assert send_due_invitations().sent == 1
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, bad.reason) == ("bounced", "smtp_550_5.1.1")
    assert good.state == "sent"
    assert Suppression.objects.get().reason == "bounce"


def test_refusal_for_policy_suppresses_nobody(nordwind: Company, smtp: Sink) -> None:
    [invitation] = queue(nordwind)
    smtp.refusals[invitation.customer.email] = "550 5.7.1 blocked by policy"  # type: ignore[index, union-attr]
    send_due_invitations()
    invitation.refresh_from_db()
    assert (invitation.state, invitation.reason) == ("failed", "smtp_550_5.7.1")
    assert not Suppression.objects.exists()


def test_refusal_for_now_is_tried_again_later_and_parked_after_eight(nordwind: Company, smtp: Sink) -> None:
    [invitation] = queue(nordwind)
    smtp.refusals[invitation.customer.email] = "451 4.2.1 mailbox busy"  # type: ignore[index, union-attr]
    for attempt in range(1, 9):
        assert send_due_invitations().sent == 0
        invitation.refresh_from_db()
        assert invitation.attempts == attempt
        assert send_due_invitations().handled == 0, "the row rests"
        rested(invitation)
    assert (invitation.state, invitation.reason) == ("failed", "smtp_451_4.2.1")
    assert send_due_invitations().handled == 0


def test_server_that_is_away_delays_and_charges_only_the_mail_that_met_it(nordwind: Company, settings: Any) -> None:
    settings.EMAIL_URL_IS_SET = True
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 1, 1
    queue(nordwind, 3)
    assert send_due_invitations().handled == 0
    assert states() == ["queued"] * 3
    assert sorted(Invitation.objects.values_list("attempts", flat=True)) == [0, 0, 1]
    settings.EMAIL_URL_IS_SET = False
    Invitation.objects.update(leased_until=None)
    assert send_due_invitations().sent == 3


def test_survey_that_cannot_be_rendered_is_parked_and_holds_up_nobody(nordwind: Company, smtp: Sink) -> None:
    broken = nordwind.survey()
    [poison] = queue(nordwind, survey=broken)
    broken.definition = {"version": 99}
    broken.save()
    broken.versions.all().delete()
    [fine] = queue(nordwind)
    for _ in range(8):
        send_due_invitations()
        rested(poison)
    poison.refresh_from_db()
    fine.refresh_from_db()
    assert poison.state == "failed"
    assert poison.reason.startswith("error_")
    assert fine.state == "sent"


def test_worker_that_dies_with_a_lease_loses_nothing(nordwind: Company, smtp: Sink) -> None:
    queue(nordwind, 3)
    dead = claim_due(2)
    assert len(dead.rows) == 2
    assert send_due_invitations().sent == 1, "the leased rows are not taken"
    Invitation.objects.filter(pk__in=[row.pk for row in dead.rows]).update(leased_until=now() - timedelta(seconds=1))
    assert send_due_invitations().sent == 2
    assert len(set(smtp.recipients)) == len(smtp.recipients) == 3


def test_row_that_kills_its_worker_every_time_is_parked(nordwind: Company) -> None:
    [invitation] = queue(nordwind)
    for _ in range(8):
        assert len(claim_due(CLAIM).rows) == 1
        rested(invitation)
    assert claim_due(CLAIM).rows == []
    invitation.refresh_from_db()
    assert (invitation.state, invitation.reason) == ("failed", "gave_up")


def test_slow_sending_keeps_its_lease(nordwind: Company, time_machine: Any) -> None:
    queue(nordwind, 2)
    claim = claim_due(CLAIM)
    before = claim.until
    time_machine.move_to(now() + timedelta(seconds=20), tick=False)
    assert claim.kept(0) > before
    assert set(Invitation.objects.values_list("leased_until", flat=True)) == {claim.until}


def test_run_stops_in_time_for_others_and_says_there_is_more(nordwind: Company, smtp: Sink) -> None:
    queue(nordwind, 5)
    run = send_due_invitations(most=2)
    assert (run.sent, run.more) == (2, True)
    assert send_due_invitations(longest=timedelta(0)).sent == 0
    run = send_due_invitations(most=10)
    assert (run.sent, run.more) == (3, False)


def test_each_customer_is_written_to_in_the_own_language(nordwind: Company) -> None:
    survey = nordwind.survey(languages=["en", "de", "ar"])
    customers = [nordwind.customer(language=code, name="") for code in ("de", "ar", "en")]
    queue(nordwind, survey=survey, customers=customers)
    send_due_invitations()
    html = {mail.to: mail.html for mail in MailboxMessage.objects.all()}
    assert 'lang="de" dir="ltr"' in html[customers[0].email]
    assert 'lang="ar" dir="rtl"' in html[customers[1].email]
    assert "weiterempfehlen" in html[customers[0].email]
    assert "recommend Nordwind" in html[customers[2].email]


def test_other_organisations_mail_is_not_touched(nordwind: Company, make_company: Callable[..., Company]) -> None:
    other = make_company("other")
    with other.scope():
        queue(other)
    queue(nordwind)
    assert send_due_invitations().handled == 1
    with other.scope():
        assert states() == ["queued"]
        assert send_due_invitations().sent == 1
    mine = MailboxMessage.objects.filter(organization=nordwind.organization)
    assert mine.count() == 1


def test_row_that_kills_its_worker_takes_none_of_its_neighbours_along(nordwind: Company, smtp: Sink) -> None:
    """Whoever is claimed together with it is charged too, so what was tried is claimed in ever smaller groups."""
    poison = queue(nordwind, 120)[0]
    for _ in range(60):
        claim = claim_due(CLAIM)
        if poison.pk in [row.pk for row in claim.rows]:
            Invitation.objects.filter(leased_until=claim.until).update(leased_until=now() - timedelta(seconds=1))
            continue
        if claim.rows:
            with open_transport() as transport:
                SendingDesk(nordwind.organization, transport).send_claim(claim)
    poison.refresh_from_db()
    assert (poison.state, poison.reason) == ("failed", "gave_up")
    assert len(set(smtp.recipients)) == 119
