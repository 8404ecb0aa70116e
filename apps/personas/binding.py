"""A persona and its segment: binding, the baseline of what its people are like, and comparing them with it.

`PersonaCheck` rows are the queue: one a persona that was ever bound, due every hour while it is. Comparing again
changes nothing but the time; whoever holds the row's lock does it, the others pass by.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.outbox.services import emit
from apps.personas import drift, people
from apps.personas.models import Persona, PersonaBaseline, PersonaCheck
from apps.segments.models import Segment
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError
from cxm.ids import parse_uuid

EVERY = timedelta(hours=1)
SOON = timedelta(seconds=30)
"""How long a check waits for a segment whose members are not known yet."""


def read_segment(value: object) -> Segment | None:
    """A segment of this organisation by itself or its id; None for none. Raises DomainError naming `segment`."""
    if value is None or value == "":
        return None
    identifier = value.pk if isinstance(value, Segment) else parse_uuid(value)
    segment = Segment.objects.filter(pk=identifier).first() if identifier else None
    if segment is None:
        raise DomainError(_("There is no segment with this id."), field="segment", code="not_found")
    return segment


@transaction.atomic
def bind_persona(*, actor: Actor, persona: Persona, segment: Segment | UUID | str | None) -> Persona:
    """Say which segment holds the people of a persona, or with None that none does. Counts at once, without publishing.

    Takes a baseline as soon as the members are known. What was measured before stays. Raises DomainError naming
    `segment`. Emits personas.bound or personas.unbound.
    """
    actor.require("personas.edit")
    persona = Persona.objects.select_for_update().get(pk=persona.pk)
    wanted = read_segment(segment)
    if (wanted.pk if wanted else None) == persona.segment_id:
        return persona
    if wanted is not None:
        # Whoever deletes the segment meanwhile waits, and then finds it in use.
        wanted = Segment.objects.select_for_update(no_key=True).get(pk=wanted.pk)
    persona.segment = wanted
    persona.save(update_fields=["segment", "updated_at"])
    check, _made = PersonaCheck.objects.get_or_create(persona=persona)
    check.state = PersonaCheck.State.WATCHED if wanted else PersonaCheck.State.STOPPED
    check.baseline = None
    check.due_at = now()
    check.claims, check.findings, check.alarm_since = [], [], None
    check.size = check.customers = check.checked_at = None
    check.save()
    record(actor=actor, action="personas.bound" if wanted else "personas.unbound", target=persona, fields=["segment"])
    emit("personas.bound" if wanted else "personas.unbound", {"persona": str(persona.pk)})
    if wanted is not None:
        _compare(actor, persona, check, PersonaBaseline.Reason.BOUND)
    return persona


@transaction.atomic
def take_baseline(*, actor: Actor, persona: Persona) -> PersonaBaseline:
    """Take the people as they are now for those the persona describes: later days are compared with today.

    Raises Conflict when it is bound to no segment, or to one whose members are not known yet.
    """
    actor.require("personas.edit")
    persona = Persona.objects.select_for_update(of=("self",)).select_related("segment").get(pk=persona.pk)
    check = PersonaCheck.objects.filter(persona=persona).first()
    if persona.segment is None or check is None:
        raise Conflict(_("This persona is bound to no segment."), code="not_bound")
    if persona.segment.size is None:
        raise Conflict(_("The members of the segment are not known yet. Try again in a moment."), code="computing")
    baseline = _take(actor, persona, PersonaBaseline.Reason.ACCEPTED)
    check.baseline = baseline
    _compare(actor, persona, check, PersonaBaseline.Reason.ACCEPTED)
    record(actor=actor, action="personas.baseline_taken", target=persona)
    return baseline


def follow_publication(*, actor: Actor, persona: Persona) -> None:
    """What was just published describes the people as they are: a new baseline. Inside the caller's transaction."""
    check = PersonaCheck.objects.filter(persona=persona, state=PersonaCheck.State.WATCHED).first()
    segment = Segment.objects.filter(pk=persona.segment_id).first() if persona.segment_id else None
    if check is None or segment is None or segment.size is None:
        return
    check.baseline = _take(actor, persona, PersonaBaseline.Reason.PUBLISHED)
    _compare(actor, persona, check, PersonaBaseline.Reason.PUBLISHED)


@transaction.atomic
def check_persona(check_id: UUID) -> bool:
    """Compare one persona with its people if that is due and nobody else does it; whether it was done. Repeatable."""
    due = PersonaCheck.objects.filter(pk=check_id, state=PersonaCheck.State.WATCHED, due_at__lte=now())
    check = due.select_for_update(skip_locked=True).first()
    if check is None:
        return False
    persona = Persona.objects.select_related("segment").get(pk=check.persona_id)
    _compare(Actor.system("persona check"), persona, check, PersonaBaseline.Reason.BOUND)
    return True


def measure_now(*, persona: Persona) -> None:
    """Measure a persona's claims anew after they were changed. Inside the caller's transaction."""
    check = PersonaCheck.objects.filter(persona=persona, state=PersonaCheck.State.WATCHED).first()
    if check is not None:
        _compare(Actor.system("claims changed"), persona, check, PersonaBaseline.Reason.BOUND)


def _compare(actor: Actor, persona: Persona, check: PersonaCheck, reason: str) -> None:
    """Write the newest comparison into the check; take a first baseline when there is none yet."""
    moment = now()
    segment = persona.segment
    if segment is None or segment.size is None:
        check.due_at = moment + SOON
        check.save()
        return
    if check.baseline is None:
        check.baseline = _take(actor, persona, reason)
    baseline = check.baseline
    like = [drift.Dimension.from_json(raw) for raw in baseline.makeup]
    before = drift.Population(baseline.size, baseline.customers, baseline.sample, like)
    current = people.population_of(segment.pk, like=like) if like else people.population_of(segment.pk)
    check.size, check.customers = current.size, current.customers
    check.findings = [finding.as_json() for finding in drift.compare(before, current)]
    check.claims = people.measure_claims(segment.pk, persona.claims)
    alarm = bool(check.findings) or any(claim["state"] == "broken" for claim in check.claims)
    if alarm and check.alarm_since is None:
        check.alarm_since = moment
        emit("personas.drifted", {"persona": str(persona.pk)})
    elif not alarm:
        check.alarm_since = None
    check.checked_at, check.due_at = moment, moment + EVERY
    check.save()


def _take(actor: Actor, persona: Persona, reason: str) -> PersonaBaseline:
    assert persona.segment is not None
    found = people.population_of(persona.segment.pk)
    return PersonaBaseline.objects.create(
        persona=persona,
        segment=persona.segment,
        segment_name=persona.segment.name,
        reason=reason,
        version=persona.published_version,
        size=found.size,
        customers=found.customers,
        sample=found.sample,
        makeup=[dimension.as_json() for dimension in found.dimensions],
        taken_by_id=actor.user_id,
    )
