"""Inviting customers: what becomes of each, in counts and in rows."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.dispatch.models import Invitation, InvitationBatch
from apps.dispatch.services import InvitationCounts, cancel_batch, invite_customers, preview_invitations, retry_failed
from apps.dispatch.suppression import suppress
from cxm.actor import Actor, Grant
from cxm.errors import Conflict, DomainErrors, NotAllowed

from .conftest import Company


def invite(company: Company, survey: object, customers: list, **wishes: object) -> InvitationCounts:
    return invite_customers(
        actor=company.actor,
        survey=survey,  # type: ignore[arg-type]
        customer_ids=[customer.pk for customer in customers],
        **wishes,  # type: ignore[arg-type]
    )


def test_every_customer_gets_a_row_queued_or_blocked_with_its_rule_and_figures(nordwind: Company) -> None:
    survey = nordwind.survey()
    asked = nordwind.customer()
    newcomer = nordwind.customer(known_days=1)
    withdrawn = nordwind.customer(consent="withdrawn")
    silent = nordwind.customer()
    mailless = nordwind.customer(email=None)
    suppress(actor=nordwind.actor, email=silent.email.upper(), reason="manual")

    counts = invite(nordwind, survey, [asked, newcomer, withdrawn, silent, mailless])

    assert counts.eligible == 1
    assert counts.blocked == {"consent_withdrawn": 1, "new_customer_wait": 1, "no_address": 1, "suppressed": 1}
    rows = {row.customer_id: row for row in Invitation.objects.all()}
    assert rows[asked.pk].state == "queued"
    assert rows[asked.pk].decision["global"] == {"limit": 1, "days": 30, "count": 0}
    assert (rows[newcomer.pk].state, rows[newcomer.pk].reason) == ("blocked", "new_customer_wait")
    assert rows[newcomer.pk].decision["days"] == 3
    batch = InvitationBatch.objects.get(pk=counts.batch_id)
    assert (batch.eligible, batch.blocked) == (1, counts.blocked)
    assert AuditEntry.objects.filter(action="dispatch.invitations_made", target_id=batch.pk).exists()


def test_second_survey_within_the_cap_is_skipped_not_queued(nordwind: Company) -> None:
    customer = nordwind.customer()
    assert invite(nordwind, nordwind.survey(), [customer]).eligible == 1
    again = invite(nordwind, nordwind.survey(kind="csat", relationship=False), [customer])
    assert (again.eligible, again.blocked) == (0, {"global_cap": 1})
    assert Invitation.objects.filter(state="queued").count() == 1


def test_touchpoint_has_its_own_counter_once_the_global_cap_allows(nordwind: Company) -> None:
    nordwind.organization.fatigue = {"global_days": 30, "global_limit": 5}
    nordwind.organization.save()
    customer = nordwind.customer()
    visit = nordwind.survey("csat", relationship=False, touchpoint=nordwind.touchpoint("visit"))
    effort = nordwind.survey("ces", relationship=False, touchpoint=nordwind.touchpoint("visit"))
    bill = nordwind.survey("csat", relationship=False, touchpoint=nordwind.touchpoint("bill", "Bill"))
    relationship = nordwind.survey()
    assert invite(nordwind, visit, [customer]).eligible == 1
    assert invite(nordwind, effort, [customer]).blocked == {"transactional_cap": 1}
    assert invite(nordwind, bill, [customer]).eligible == 1
    assert invite(nordwind, relationship, [customer]).eligible == 1
    assert invite(nordwind, relationship, [customer]).blocked == {"relationship_cap": 1}


def test_planned_sending_counts_against_one_that_is_wanted_now(nordwind: Company) -> None:
    customer = nordwind.customer()
    survey = nordwind.survey()
    assert invite(nordwind, survey, [customer], send_at=now() + timedelta(days=10)).eligible == 1
    assert invite(nordwind, survey, [customer]).blocked == {"global_cap": 1}
    assert invite(nordwind, survey, [customer], send_at=now() + timedelta(days=50)).blocked == {"relationship_cap": 1}
    assert invite(nordwind, survey, [customer], send_at=now() + timedelta(days=101)).eligible == 1


def test_blocked_failed_and_cancelled_rows_are_no_contact(nordwind: Company) -> None:
    customer = nordwind.customer()
    survey = nordwind.survey()
    for state in ("blocked", "failed", "cancelled"):
        invite(nordwind, survey, [customer])
        Invitation.objects.filter(customer=customer, state="queued").update(state=state)
    assert invite(nordwind, survey, [customer]).eligible == 1


def test_newest_statement_of_consent_is_in_force(nordwind: Company) -> None:
    from apps.customers.models import ConsentRecord

    customer = nordwind.customer(consent="withdrawn")
    survey = nordwind.survey()
    assert invite(nordwind, survey, [customer]).blocked == {"consent_withdrawn": 1}
    ConsentRecord.objects.create(
        customer=customer, purpose="surveys", channel="any", state="given", at=now() + timedelta(seconds=1)
    )
    ConsentRecord.objects.create(
        customer=customer, purpose="marketing", channel="email", state="withdrawn", at=now() + timedelta(seconds=2)
    )
    assert invite(nordwind, survey, [customer]).eligible == 1


def test_opt_in_is_asked_for_only_when_switched_on(nordwind: Company) -> None:
    nordwind.organization.opt_in_required = True
    nordwind.organization.save()
    survey = nordwind.survey()
    counts = invite(nordwind, survey, [nordwind.customer(), nordwind.customer(consent="given")])
    assert (counts.eligible, counts.blocked) == (1, {"consent_missing": 1})


def test_business_hours_move_a_mail_to_the_recipients_next_open_hour(nordwind: Company) -> None:
    organization = nordwind.organization
    organization.business_hours_enabled = True
    organization.business_hours = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    organization.timezone = "Europe/Berlin"
    organization.save()
    survey = nordwind.survey()
    berlin, tokyo = nordwind.customer(), nordwind.customer(timezone="Asia/Tokyo")
    invite(nordwind, survey, [berlin, tokyo])
    import zoneinfo

    for customer, zone in ((berlin, "Europe/Berlin"), (tokyo, "Asia/Tokyo")):
        local = Invitation.objects.get(customer=customer).send_at.astimezone(zoneinfo.ZoneInfo(zone))
        assert local.weekday() < 5
        assert 9 <= local.hour < 17


def test_customer_named_twice_counts_once(nordwind: Company) -> None:
    customer = nordwind.customer()
    assert invite(nordwind, nordwind.survey(), [customer, customer, customer]).eligible == 1
    assert Invitation.objects.count() == 1


def test_unknown_customer_refuses_the_whole_call_and_is_named_by_position(
    nordwind: Company, make_company: object
) -> None:
    survey = nordwind.survey()
    known = nordwind.customer()
    other = make_company("other")  # type: ignore[operator]
    with other.scope():
        foreign = other.customer()
    with pytest.raises(DomainErrors) as refused:
        invite_customers(actor=nordwind.actor, survey=survey, customer_ids=[known.pk, known.pk, foreign.pk, uuid4()])
    assert [error["field"] for error in refused.value.errors] == ["customers.2", "customers.3"]
    assert {error["code"] for error in refused.value.errors} == {"not_found"}
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({"channel": "widget"}, "channel"),
        ({"send_at": now() + timedelta(days=400)}, "send_at"),
        ({"subject": "x" * 201}, "subject"),
        ({"subject": "a\r\nBcc: b"}, "subject"),
        ({"opening": "a\x00b"}, "opening"),
        ({"opening": "\ud800"}, "opening"),
        ({"reply_to": "not an address"}, "reply_to"),
    ],
)
def test_wrong_wish_names_its_field_and_writes_nothing(
    nordwind: Company, wishes: dict[str, object], field: str
) -> None:
    with pytest.raises(DomainErrors) as refused:
        invite(nordwind, nordwind.survey(), [nordwind.customer()], **wishes)
    assert [error["field"] for error in refused.value.errors] == [field]
    assert not InvitationBatch.objects.exists()


def test_nobody_at_all_is_refused(nordwind: Company) -> None:
    with pytest.raises(DomainErrors) as refused:
        invite(nordwind, nordwind.survey(), [])
    assert refused.value.errors[0]["field"] == "customers"


@pytest.mark.parametrize("state", ["draft", "closed"])
def test_survey_that_is_not_live_cannot_be_sent(nordwind: Company, state: str) -> None:
    with pytest.raises(Conflict):
        invite(nordwind, nordwind.survey(state=state), [nordwind.customer()])


def test_sending_needs_the_right_and_reaches_only_the_own_branch(nordwind: Company) -> None:
    from apps.organizations.models import Unit

    unit = Unit.objects.create(name="North", code="north")
    inside, outside = nordwind.customer(unit=unit), nordwind.customer()
    survey = nordwind.survey()
    nordwind.actor = Actor(kind="user", grants=(Grant(frozenset({"surveys.view"})),))
    with pytest.raises(NotAllowed):
        invite(nordwind, survey, [inside])
    nordwind.actor = Actor(kind="user", grants=(Grant(frozenset({"surveys.send"}), frozenset({unit.pk})),))
    with pytest.raises(DomainErrors):
        invite(nordwind, survey, [inside, outside])
    assert invite(nordwind, survey, [inside]).eligible == 1


def test_preview_says_what_sending_would_and_writes_nothing(nordwind: Company) -> None:
    survey = nordwind.survey()
    people = [nordwind.customer(), nordwind.customer(known_days=0)]
    preview = preview_invitations(actor=nordwind.actor, survey=survey, customer_ids=[one.pk for one in people])
    assert not Invitation.objects.exists()
    counts = invite(nordwind, survey, people)
    assert (preview.eligible, preview.blocked) == (counts.eligible, counts.blocked) == (1, {"new_customer_wait": 1})
    assert preview.batch_id is None


def test_switch_leaves_out_the_wait_of_new_customers(nordwind: Company) -> None:
    survey = nordwind.survey()
    customer = nordwind.customer(known_days=0)
    assert invite(nordwind, survey, [customer], ignore_new_customer_wait=True).eligible == 1


def test_language_is_the_customers_where_the_survey_has_it(nordwind: Company) -> None:
    survey = nordwind.survey(languages=["en", "de"])
    german, austrian, french = (nordwind.customer(language=code) for code in ("de", "de-at", "fr"))
    invite(nordwind, survey, [german, austrian, french])
    languages = dict(Invitation.objects.values_list("customer_id", "language"))
    assert [languages[one.pk] for one in (german, austrian, french)] == ["de", "de", "en"]


def test_deciding_costs_the_same_queries_for_one_and_for_many(
    nordwind: Company, django_assert_num_queries: object
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries(number: int) -> int:
        survey = nordwind.survey()
        people = [nordwind.customer() for _ in range(number)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            invite(nordwind, survey, people)
        return len(captured)

    assert queries(1) == queries(30)


def test_unsent_invitations_are_taken_back_and_failed_ones_tried_again(nordwind: Company) -> None:
    survey = nordwind.survey()
    counts = invite(nordwind, survey, [nordwind.customer(), nordwind.customer()])
    first = Invitation.objects.order_by("pk").first()
    assert first is not None
    Invitation.objects.filter(pk=first.pk).update(state="failed", reason="gave_up", attempts=8)
    assert cancel_batch(actor=nordwind.actor, batch=InvitationBatch.objects.get(pk=counts.batch_id)) == 1
    assert retry_failed(actor=nordwind.actor, survey=survey) == 1
    first.refresh_from_db()
    assert (first.state, first.attempts, first.reason) == ("queued", 0, "")
