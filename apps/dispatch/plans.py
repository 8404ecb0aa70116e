"""Sending plans: made, changed, started, paused, resumed, stopped, removed. What they do is in `planning`, `triggers`.

A plan is a draft until it is started. It sends while it is active, rests while it is paused, and ends finished (nobody
left, its quota reached, its time over) or stopped (by somebody, or by its stop rules). An ended plan is history.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.dispatch.claiming import HELD
from apps.dispatch.eligibility import CUSTOMER_COLUMNS, Person, sending_time
from apps.dispatch.members import branch_of
from apps.dispatch.models import Invitation, SendPlan
from apps.dispatch.plan_fields import read_plan_fields
from apps.dispatch.services import wake_planning, wake_sending
from apps.organizations.models import Organization
from apps.outbox.services import emit
from apps.surveys.models import Survey
from apps.touchpoints.models import Channel
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError, NotFound
from cxm.scope import current_tenant_id

STOPPED_BY_HAND: Final = "by_hand"
BOUNCES: Final = "bounces"
COMPLAINTS: Final = "complaints"
QUOTA_REACHED: Final = "quota"
ENDED: Final = "ended"
EVERYBODY_CONSIDERED: Final = "everybody"
SURVEY_CLOSED: Final = "survey_closed"
NO_SEGMENT: Final = "no_segment"
REASONS: Final = (
    STOPPED_BY_HAND, BOUNCES, COMPLAINTS, QUOTA_REACHED, ENDED, EVERYBODY_CONSIDERED, SURVEY_CLOSED, NO_SEGMENT,
)  # fmt: skip
"""Why a plan ended (`SendPlan.reason`)."""

_FIXED_ONCE_STARTED: Final = ("channel", "segment_id", "trigger", "unit", "starts_at")


@transaction.atomic
def create_plan(*, actor: Actor, survey: Survey, **fields: Any) -> SendPlan:
    """Make a draft of a plan. Fields are columns of SendPlan (`plan_fields.READERS`); `name` defaults to the survey's.

    Raises NotAllowed, and DomainErrors naming each wrong field. Emits `dispatch.plan_created`.
    """
    actor.require("surveys.send")
    values = read_plan_fields({"name": survey.name, **fields})
    plan = SendPlan(survey=survey, created_by_id=actor.user_id, **values)
    _check(actor, plan, survey)
    plan.save(force_insert=True)
    record(actor=actor, action="dispatch.plan_created", target=plan)
    emit("dispatch.plan_created", {"plan": str(plan.pk)})
    return plan


@transaction.atomic
def update_plan(*, actor: Actor, plan: SendPlan, **fields: Any) -> SendPlan:
    """Change a plan that has not ended. Whom it reaches, from when and how are fixed once it was started.

    Raises Conflict for an ended plan, DomainErrors naming each wrong field. Emits `dispatch.plan_changed`.
    """
    plan = _lock(actor, plan)
    if plan.state in (SendPlan.State.FINISHED, SendPlan.State.STOPPED):
        raise Conflict(_("This plan has ended. Make a new one."), code="ended")
    values = read_plan_fields(fields)
    changed = [name for name, value in values.items() if getattr(plan, name) != value]
    fixed = [name for name in changed if plan.started_at and name in _FIXED_ONCE_STARTED]
    if fixed:
        message = _("This cannot change once the plan was started. Stop it and make a new one.")
        raise DomainErrors([{"field": name, "code": "fixed", "message": message} for name in fixed])
    for name in changed:
        setattr(plan, name, values[name])
    _check(actor, plan, plan.survey)
    if changed:
        if plan.state == SendPlan.State.ACTIVE:
            plan.next_run_at = now()
        plan.save()
        record(actor=actor, action="dispatch.plan_changed", target=plan, fields=changed)
        emit("dispatch.plan_changed", {"plan": str(plan.pk), "fields": changed})
        if plan.state == SendPlan.State.ACTIVE:
            wake_planning()
    return plan


@transaction.atomic
def start_plan(*, actor: Actor, plan: SendPlan) -> SendPlan:
    """Begin to send, at `starts_at` or at once. Starting an active plan changes nothing.

    Raises Conflict when it was started before or the survey is not live, DomainErrors when it is not complete.
    Emits `dispatch.plan_started`.
    """
    plan = _lock(actor, plan)
    if plan.state == SendPlan.State.ACTIVE:
        return plan
    if plan.state != SendPlan.State.DRAFT:
        raise Conflict(_("Only a draft can be started. A paused plan is resumed."), code="state")
    _check_complete(plan)
    _check_live(plan.survey)
    moment = now()
    plan.state, plan.started_at, plan.next_run_at = SendPlan.State.ACTIVE, moment, max(moment, plan.starts_at)
    plan.save(update_fields=["state", "started_at", "next_run_at", "updated_at"])
    _tell(actor, plan, "started")
    wake_planning()
    return plan


@transaction.atomic
def pause_plan(*, actor: Actor, plan: SendPlan) -> SendPlan:
    """Stop sending for now; what is queued, and reminders, wait. Events that happen meanwhile are not asked about.

    Effective when this returns, but for the one message that each worker has in hand. Pausing twice changes nothing.
    Raises Conflict when the plan is not active. Emits `dispatch.plan_paused`.
    """
    plan = _lock(actor, plan)
    if plan.state == SendPlan.State.PAUSED:
        return plan
    _must_be(plan, SendPlan.State.ACTIVE, _("Only a plan that is sending can be paused."))
    plan.state, plan.next_run_at, plan.leased_until = SendPlan.State.PAUSED, None, None
    plan.save(update_fields=["state", "next_run_at", "leased_until", "updated_at"])
    _waiting(plan).update(leased_until=HELD)
    _tell(actor, plan, "paused")
    return plan


@transaction.atomic
def resume_plan(*, actor: Actor, plan: SendPlan) -> SendPlan:
    """Send on. What waited past its time goes in the next business hours of its recipient.

    Raises Conflict when the plan is not paused or the survey is not live. Emits `dispatch.plan_resumed`.
    """
    plan = _lock(actor, plan)
    if plan.state == SendPlan.State.ACTIVE:
        return plan
    _must_be(plan, SendPlan.State.PAUSED, _("Only a paused plan can be resumed."))
    _check_live(plan.survey)
    plan.state, plan.next_run_at = SendPlan.State.ACTIVE, max(now(), plan.starts_at)
    plan.save(update_fields=["state", "next_run_at", "updated_at"])
    _put_off_overdue(plan)
    _waiting(plan).update(leased_until=None)
    _tell(actor, plan, "resumed")
    wake_planning()
    wake_sending()
    return plan


@transaction.atomic
def stop_plan(*, actor: Actor, plan: SendPlan, reason: str = STOPPED_BY_HAND) -> SendPlan:
    """End a plan for good, a finished one too: what is queued is cancelled, nobody is reminded any more.

    Stopping twice changes nothing. `reason` is one of `REASONS`. Raises Conflict for a draft.
    Emits `dispatch.plan_stopped`.
    """
    plan = _lock(actor, plan)
    if plan.state == SendPlan.State.STOPPED:
        return plan
    if plan.state == SendPlan.State.DRAFT:
        raise Conflict(_("Only a plan that was started can be stopped. Delete the draft."), code="state")
    end(plan, SendPlan.State.STOPPED, reason)
    Invitation.objects.filter(plan=plan, state=Invitation.State.QUEUED).update(
        state=Invitation.State.CANCELLED, reason="plan_stopped", leased_until=None
    )
    Invitation.objects.filter(plan=plan, remind_at__isnull=False).update(remind_at=None)
    _tell(actor, plan, "stopped")
    return plan


@transaction.atomic
def delete_plan(*, actor: Actor, plan: SendPlan) -> None:
    """Remove a draft. Raises Conflict for a plan that was started: it says who was asked."""
    plan = _lock(actor, plan)
    _must_be(plan, SendPlan.State.DRAFT, _("Only a draft can be deleted. What was started stays as history: stop it."))
    record(actor=actor, action="dispatch.plan_deleted", target=plan)
    emit("dispatch.plan_deleted", {"plan": str(plan.pk)})
    plan.delete()


def finish_plan(*, actor: Actor, plan: SendPlan, reason: str) -> None:
    """End an active plan that has done its work: what is queued still goes, reminders too. For the planner.

    The caller holds the plan's lock, in a transaction. Emits `dispatch.plan_finished`.
    """
    end(plan, SendPlan.State.FINISHED, reason)
    _tell(actor, plan, "finished")


def end(plan: SendPlan, state: str, reason: str) -> None:
    """Write that a plan ended."""
    plan.state, plan.reason, plan.ended_at = state, reason[:40], now()
    plan.next_run_at = plan.leased_until = None
    plan.save(update_fields=["state", "reason", "ended_at", "next_run_at", "leased_until", "updated_at"])


def branch_of_plan(plan: SendPlan) -> frozenset[UUID] | None:
    """The units whose customers or members a plan may reach; None is everybody."""
    return branch_of(Actor.system("sending plan"), plan.unit_id) if plan.unit_id else None


def _check(actor: Actor, plan: SendPlan, survey: Survey) -> None:
    """What no plan may be, draft or not."""
    errors: list[FieldError] = []

    def wrong(field: str, code: str, message: str) -> None:
        errors.append({"field": field, "code": code, "message": message})

    try:
        branch_of(actor, plan.unit_id)
    except DomainError as error:
        errors += error.errors
    if plan.ends_at is not None and plan.ends_at <= plan.starts_at:
        wrong("ends_at", "order", _("The end must lie after the start."))
    if survey.audience == Survey.Audience.EMPLOYEES:
        for field in ("segment_id", "trigger"):
            if getattr(plan, field) is not None:
                wrong(field, "audience", _("A survey for employees goes to members: choose a unit, or everybody."))
        if plan.channel != Channel.EMAIL:
            wrong("channel", "audience", _("Members are asked by e-mail."))
    if plan.trigger is None and plan.delay_minutes:
        wrong("delay_minutes", "no_trigger", _("A delay counts from an event: choose the event."))
    if errors:
        raise DomainErrors(errors)


def _check_complete(plan: SendPlan) -> None:
    """What a plan needs before it starts."""
    if plan.survey.audience == Survey.Audience.CUSTOMERS and plan.segment_id is None and plan.trigger is None:
        message = _("Choose whom to ask: a segment, or an event that leads to the question.")
        raise DomainError(message, field="segment_id", code="required")
    if plan.ends_at is not None and plan.ends_at <= now():
        raise DomainError(_("The end lies in the past. Choose a later one."), field="ends_at", code="past")


def _check_live(survey: Survey) -> None:
    if survey.state != Survey.State.LIVE:
        raise Conflict(_("Only a published survey that is not closed can be sent. Publish it first."), code="not_live")


def _must_be(plan: SendPlan, state: str, message: str) -> None:
    if plan.state != state:
        raise Conflict(message, code="state")


def _lock(actor: Actor, plan: SendPlan) -> SendPlan:
    """The plan as it is now, locked. Raises NotAllowed, and NotFound outside the actor's part of the organisation."""
    actor.require("surveys.send")
    found = (
        SendPlan.objects.select_for_update(no_key=True, of=("self",))
        .select_related("survey")
        .filter(pk=plan.pk)
        .first()
    )
    if found is None:
        raise NotFound
    allowed = actor.visible_units("surveys.send")
    if allowed is not None and found.unit_id not in allowed:
        raise NotFound
    return found


def _waiting(plan: SendPlan) -> Any:
    """Invitations of the plan that are queued, and those that are to be reminded."""
    waits = Q(state=Invitation.State.QUEUED) | Q(state=Invitation.State.SENT, remind_at__isnull=False)
    return Invitation.objects.filter(waits, plan=plan)


def _put_off_overdue(plan: SendPlan) -> None:
    """Move what waited past its time into the next business hours of each recipient."""
    organization = Organization.objects.get(pk=current_tenant_id())
    if not organization.business_hours_enabled:
        return
    moment = now()
    rows = _waiting(plan).filter(state=Invitation.State.QUEUED, send_at__lt=moment, customer__isnull=False)
    columns = [f"customer__{name}" for name in CUSTOMER_COLUMNS]
    batch: list[Invitation] = []
    for pk, *person in rows.values_list("pk", *columns).iterator(chunk_size=2000):
        batch.append(Invitation(pk=pk, send_at=sending_time(organization, Person.from_row(person), moment)))
    Invitation.objects.bulk_update(batch, ["send_at"], batch_size=1000)


def _tell(actor: Actor, plan: SendPlan, what: str) -> None:
    record(actor=actor, action=f"dispatch.plan_{what}", target=plan)
    emit(f"dispatch.plan_{what}", {"plan": str(plan.pk)})
