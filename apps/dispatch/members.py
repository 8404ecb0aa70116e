"""Asking the organisation's own people: whom a survey for employees reaches, and inviting them.

Members have a ledger of contact frequency of their own. They have an e-mail address by nature; one who said stop is on
the suppression list by it. An invitation keeps who was asked and in which team; an answer to an anonymous survey keeps
neither (docs/adr/0052).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.audit.services import record
from apps.dispatch.eligibility import Assessment, Person, assess
from apps.dispatch.models import Invitation, InvitationBatch
from apps.dispatch.services import LONGEST_WAIT, InvitationCounts, count_rules, invitation_for, wake_sending
from apps.organizations.models import Membership, Organization, RoleGrant, Unit
from apps.organizations.queries import unit_tree
from apps.surveys.models import Survey
from apps.touchpoints.models import Channel
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError
from cxm.scope import current_tenant_id

_COLUMNS: Final = ("pk", "email", "name", "language", "timezone")


def invite_members(
    *, actor: Actor, survey: Survey, unit: Unit | UUID | None = None, send_at: datetime | None = None
) -> InvitationCounts:
    """Ask every active member of the organisation, or of a unit and those below it; one row each.

    Args:
        unit: a Unit or its id; members belong to the units of their roles. None is everybody.
        send_at: when to send, at most a year ahead; None or a time gone by means at once.

    Raises:
        NotAllowed: without `surveys.send` there.
        Conflict: the survey is not live.
        DomainError: naming `survey` (not for employees), `unit` or `send_at`.
    """
    actor.require("surveys.send")
    branch = branch_of(actor, unit)
    moment = now()
    if survey.audience != Survey.Audience.EMPLOYEES:
        message = _("This survey is for customers. Make one for employees, or send this one to customers.")
        raise DomainError(message, field="survey", code="audience")
    if send_at is not None and send_at > moment + LONGEST_WAIT:
        raise DomainError(_("Choose a time within the next 12 months."), field="send_at", code="too_late")
    with transaction.atomic():
        survey = Survey.objects.select_for_update(no_key=True, of=("self",)).get(pk=survey.pk)
        if survey.state != Survey.State.LIVE:
            raise Conflict(
                _("Only a published survey that is not closed can be sent. Publish it first."), code="not_live"
            )
        at = max(send_at or moment, moment)
        batch = InvitationBatch.objects.create(
            survey=survey, channel=Channel.EMAIL, send_at=at, created_by_id=actor.user_id
        )
        assessed = assess_members(survey=survey, people=lock_members(member_ids(branch)), send_at=at)
        Invitation.objects.bulk_create([invitation_for(batch, survey, one) for one in assessed], batch_size=1000)
        counts = count_rules(one.decision.rule for one in assessed)
        batch.eligible, batch.blocked = counts.eligible, counts.blocked
        batch.save(update_fields=["eligible", "blocked"])
        record(actor=actor, action="dispatch.members_invited", target=batch, fields=["survey", "send_at"])
        if counts.eligible:
            wake_sending()
    return InvitationCounts(counts.eligible, counts.blocked, batch.pk)


def branch_of(actor: Actor, unit: Unit | UUID | None) -> frozenset[UUID] | None:
    """The units that a choice of `unit` stands for; None is the whole organisation.

    Raises `DomainError` naming `unit` when there is no such unit, or when the actor may not send to it.
    """
    allowed = actor.visible_units("surveys.send")
    if unit is None:
        if allowed is not None:
            message = _("Choose a unit: you may send to your part of the organisation only.")
            raise DomainError(message, field="unit", code="required")
        return None
    branch = unit_tree().branch(unit.pk if isinstance(unit, Unit) else unit)
    if not branch or (allowed is not None and not branch <= allowed):
        raise DomainError(_("There is no unit with this id that you may send to."), field="unit", code="not_found")
    return branch


def member_ids(branch: frozenset[UUID] | None) -> QuerySet[Membership, UUID]:
    """The ids of the active members of the organisation, or of those with a role in one of these units."""
    rows = Membership.objects.filter(organization_id=current_tenant_id(), is_active=True, user__is_active=True)
    if branch is not None:
        rows = rows.filter(user_id__in=RoleGrant.objects.filter(unit_id__in=branch).values("user_id"))
    return rows.order_by("user_id").values_list("user_id", flat=True)


def lock_members(ids: Collection[UUID] | QuerySet[Membership, UUID]) -> list[Person]:
    """These members, their memberships locked in order of their ids: no two decisions over one at a time."""
    held = Membership.objects.filter(organization_id=current_tenant_id(), is_active=True, user_id__in=list(ids))
    held_ids = list(
        held.order_by("user_id").select_for_update(no_key=True, of=("self",)).values_list("user_id", flat=True)
    )
    teams = team_of(held_ids)
    rows = User.objects.filter(pk__in=held_ids, is_active=True).order_by("pk").values_list(*_COLUMNS)
    return [
        Person(
            id=pk,
            email=email,
            name=name,
            language=language,
            timezone=zone,
            created_at=None,
            unit_id=teams.get(pk),
            is_member=True,
        )
        for pk, email, name, language, zone in rows
    ]


def team_of(user_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The unit each member belongs to: that of the oldest role on a unit; without one the member is missing."""
    rows = RoleGrant.objects.filter(user_id__in=list(user_ids), unit__isnull=False).order_by("-created_at", "-pk")
    return {user: unit for user, unit in rows.values_list("user_id", "unit_id") if unit is not None}


def assess_members(*, survey: Survey, people: Sequence[Person], send_at: datetime) -> list[Assessment]:
    """Decide over members, in their order."""
    organization = Organization.objects.get(pk=current_tenant_id())
    return assess(organization=organization, survey=survey, people=people, send_at=send_at, channel=Channel.EMAIL)
