"""Surveys for employees: members and teams, with a ledger of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from apps.accounts.models import User
from apps.dispatch import plans
from apps.dispatch.members import invite_members
from apps.dispatch.models import Invitation, MailboxMessage
from apps.dispatch.planning import run_due_plans
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.services import invite_customers
from apps.dispatch.suppression import suppress
from apps.organizations.models import Membership, Unit
from apps.surveys.links import link_keeper
from cxm.actor import Actor, Grant
from cxm.errors import Conflict, DomainError
from cxm.scope import tenant
from tests.factories import a_member, an_organization
from tests.factories.customers import a_customer

from .conftest import Company

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Any:
    organization = an_organization("Acme")
    with tenant(organization):
        yield Company(organization)


def asked() -> set[str]:
    rows = Invitation.objects.filter(member__isnull=False).exclude(state="blocked")
    return set(rows.values_list("member__email", flat=True))


def staff(company: Company) -> dict[str, User]:
    north = Unit.objects.create(name="North", code="north")
    harbour = Unit.objects.create(name="Harbour", code="harbour", parent=north)
    south = Unit.objects.create(name="South", code="south")
    people = {
        "north": a_member(company.organization, "employee", unit=north),
        "harbour": a_member(company.organization, "employee", unit=harbour),
        "south": a_member(company.organization, "employee", unit=south),
    }
    return people


def test_every_active_member_is_asked_by_mail(company: Company) -> None:
    people = staff(company)
    gone = a_member(company.organization, "employee")
    Membership.objects.filter(user=gone).update(is_active=False)
    survey = company.survey(audience="employees")
    counts = invite_members(actor=company.actor, survey=survey)
    everybody = {user.email for user in people.values()} | {company_owner(company)}
    assert counts.eligible == 4
    assert asked() == everybody
    assert send_due_invitations().sent == 4
    assert set(MailboxMessage.objects.values_list("to", flat=True)) == everybody
    invitation = Invitation.objects.get(member=people["harbour"])
    assert invitation.unit is not None
    assert (invitation.unit.code, invitation.customer_id) == ("harbour", None)


def company_owner(company: Company) -> str:
    return Membership.objects.order_by("joined_at").first().user.email  # type: ignore[union-attr]


def test_unit_stands_for_its_branch(company: Company) -> None:
    people = staff(company)
    north = Unit.objects.get(code="north")
    invite_members(actor=company.actor, survey=company.survey(audience="employees"), unit=north)
    assert asked() == {people["north"].email, people["harbour"].email}


def test_manager_of_a_branch_asks_the_branch_only(company: Company) -> None:
    people = staff(company)
    south = Unit.objects.get(code="south")
    manager = Actor("user", name="Sam", grants=(Grant(frozenset({"surveys.send"}), frozenset({south.pk})),))
    survey = company.survey(audience="employees")
    for unit in (None, Unit.objects.get(code="north").pk):
        with pytest.raises(DomainError) as refused:
            invite_members(actor=manager, survey=survey, unit=unit)
        assert refused.value.errors[0]["field"] == "unit"
    invite_members(actor=manager, survey=survey, unit=south)
    assert asked() == {people["south"].email}


def test_member_who_said_stop_is_not_asked_and_nothing_counts_for_customers(company: Company) -> None:
    people = staff(company)
    suppress(actor=company.actor, email=people["north"].email, reason="unsubscribed")
    survey = company.survey(audience="employees")
    counts = invite_members(actor=company.actor, survey=survey)
    assert (counts.eligible, counts.blocked) == (3, {"suppressed": 1})
    again = invite_members(actor=company.actor, survey=survey)
    assert again.blocked == {"suppressed": 1, "global_cap": 3}
    customer = a_customer(email=people["south"].email)
    type(customer).objects.update(created_at=now() - timedelta(days=90))
    counts = invite_customers(actor=company.actor, survey=company.survey(), customer_ids=[customer.pk])
    assert counts.eligible == 1, "a customer has a ledger of one's own"


def test_stop_of_a_member_between_decision_and_sending_is_obeyed(company: Company) -> None:
    people = staff(company)
    invite_members(actor=company.actor, survey=company.survey(audience="employees"))
    suppress(actor=company.actor, email=people["north"].email, reason="unsubscribed")
    Membership.objects.filter(user=people["south"]).update(is_active=False)
    send_due_invitations()
    assert people["north"].email not in MailboxMessage.objects.values_list("to", flat=True)
    assert Invitation.objects.get(member=people["south"]).reason == "anonymised"


def test_customers_survey_is_not_for_members_nor_the_other_way_round(company: Company) -> None:
    with pytest.raises(DomainError) as refused:
        invite_members(actor=company.actor, survey=company.survey())
    assert refused.value.errors[0]["field"] == "survey"
    with pytest.raises(DomainError) as refused:
        invite_customers(
            actor=company.actor, survey=company.survey(audience="employees"), customer_ids=[company.customer().pk]
        )
    assert refused.value.errors[0]["field"] == "survey"
    with pytest.raises(Conflict):
        invite_members(actor=company.actor, survey=company.survey(audience="employees", state="draft"))


def test_plan_for_employees_drips_over_members(company: Company) -> None:
    staff(company)
    survey = company.survey(audience="employees")
    plan = plans.create_plan(actor=company.actor, survey=survey, per_day=3, repeat_days=90)
    plans.start_plan(actor=company.actor, plan=plan)
    run_due_plans()
    assert len(asked()) == 3
    run_due_plans()
    assert len(asked()) == 3


def test_anonymous_answer_of_a_member_leaves_no_time(company: Company) -> None:
    staff(company)
    invite_members(actor=company.actor, survey=company.survey(audience="employees", anonymous=True))
    send_due_invitations()
    invitation = Invitation.objects.first()
    assert invitation is not None
    keeper = link_keeper()
    assert keeper is not None
    link = keeper.resolve(invitation.pk)
    assert link is not None
    assert link.member
    assert keeper.claim_single_answer(link)
    assert not keeper.claim_single_answer(link)
    invitation.refresh_from_db()
    assert (invitation.state, invitation.completed_at) == ("completed", None)
