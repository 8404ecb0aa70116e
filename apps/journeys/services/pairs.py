"""A map of how it shall be, made from the map of how it is."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.journeys.alignment import counterpart, with_ids
from apps.journeys.content import NAME_LENGTH
from apps.journeys.drafts import read_draft, write_draft
from apps.journeys.models import Journey
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import DomainError


@transaction.atomic
def make_to_be(*, actor: Actor, journey: Journey) -> Journey:
    """Copy the draft of a map into a new map of how it shall be, which names the first as its as-is.

    Every stage, step and card of the copy has the id that follows from its original's (`counterpart`), so that the two
    stay aligned whatever is renamed or moved later. Raises DomainError for a map that is a to-be map itself.
    Emits journeys.journey_created.
    """
    actor.require("journeys.edit")
    journey = Journey.objects.select_for_update().get(pk=journey.pk)
    if journey.kind == Journey.Kind.TO_BE:
        message = _("This map shows how it shall be already. Make one from the map of how it is.")
        raise DomainError(message, field="kind", code="to_be")
    content = read_draft(journey).content
    ending = _(" (to be)")
    made = Journey.objects.create(
        name=journey.name[: NAME_LENGTH - len(ending)] + ending,
        kind=Journey.Kind.TO_BE,
        as_is=journey,
        persona_id=journey.persona_id,
        metric=journey.metric,
        lanes=journey.lanes,
        owner_id=journey.owner_id,
    )
    write_draft(made, with_ids(content["stages"], lambda item: counterpart(made.pk, item)))
    record(actor=actor, action="journeys.created", target=made, fields=["to be", str(journey.pk)])
    emit("journeys.journey_created", {"journey": str(made.pk)})
    return made
