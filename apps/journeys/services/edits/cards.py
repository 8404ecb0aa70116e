"""Cards: written, reworded, moved, deleted, with a picture and an owner."""

from __future__ import annotations

from typing import BinaryIO, Final, cast
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.journeys import content
from apps.journeys.content import lane_key, lane_title
from apps.journeys.models import Card, Journey
from apps.journeys.people import owner_named
from apps.journeys.services.edits.changes import Edit
from apps.journeys.services.edits.keeping import add, change_rows
from apps.journeys.services.edits.rows import get, landing, state_of
from apps.journeys.services.locking import lock_journey
from cxm.actor import Actor
from cxm.pictures import store_picture

PICTURE_SIDE: Final = 1200
"""Pixels on the longer side of a picture on a card."""

KEEP: Final = object()
"""Says of an owner or a picture that it stays."""


@transaction.atomic
def add_card(
    *,
    actor: Actor,
    journey: Journey,
    step_id: UUID,
    lane: str,
    text: str,
    evidence: str = "assumption",
    position: int | None = None,
    id: object = None,
) -> Edit:
    """Add a card. An id chosen by the caller makes a repeat harmless. Without a position it comes last in its lane."""
    journey = lock_journey(actor, journey)
    step = get(journey, "step", step_id, field="step")
    state = {
        **content.CARD_EXTRAS,
        "step": str(step.pk),
        "lane": content.read_lane(lane),
        "text": content.read_card_text(text),
        "evidence": content.read_choice(evidence, "evidence", content.EVIDENCE, "assumption"),
        "position": position,
    }
    return add(actor, journey, "card", id, state, _("Added “%(text)s”") % {"text": state["text"]})


@transaction.atomic
def edit_card(
    *,
    actor: Actor,
    journey: Journey,
    card_id: UUID,
    text: str | None = None,
    evidence: str | None = None,
    owner: object = KEEP,
    picture: BinaryIO | object | None = KEEP,
    version: int | None = None,
) -> Edit:
    """Reword a card, say how well it is backed and whose it is, give it a picture or (None) take it off.

    `owner` is a colleague, their id, or None for nobody. What is not named stays. A picture is drawn anew; old ones
    stay stored, because published versions show them. Raises DomainError naming `text`, `evidence`, `owner` or
    `picture`.
    """
    journey = lock_journey(actor, journey)
    row = get(journey, "card", card_id)
    before = state_of(row)
    after = dict(before)
    if text is not None:
        after["text"] = content.read_card_text(text)
    if evidence is not None:
        after["evidence"] = content.read_choice(evidence, "evidence", content.EVIDENCE, before["evidence"])
    if owner is not KEEP:
        after["owner"] = owner_named(owner, before["owner"])
    if picture is not KEEP:
        file = cast(BinaryIO | None, picture)
        after["image"] = store_picture(file, folder="journeys", longest_side=PICTURE_SIDE) if file else ""
    said = _("Changed “%(text)s”") % {"text": after["text"]}
    return change_rows(actor, journey, [("card", row, before, after)], version, said)


def set_card_owner(*, actor: Actor, journey: Journey, card_id: UUID, owner: object, version: int | None = None) -> Edit:
    """Say which colleague a card belongs to; None or "" for nobody. Raises DomainError naming `owner`."""
    return edit_card(actor=actor, journey=journey, card_id=card_id, owner=owner, version=version)


def set_card_image(
    *, actor: Actor, journey: Journey, card_id: UUID, file: BinaryIO | None, version: int | None = None
) -> Edit:
    """Put a picture on a card; None takes it off. Raises DomainError naming `picture`."""
    return edit_card(actor=actor, journey=journey, card_id=card_id, picture=file, version=version)


@transaction.atomic
def move_card(
    *,
    actor: Actor,
    journey: Journey,
    card_id: UUID,
    step_id: UUID,
    position: int,
    lane: str | None = None,
    version: int | None = None,
) -> Edit:
    """Move a card to a place of a step (0 is first of its lane), and to another lane when one is named."""
    journey = lock_journey(actor, journey)
    row = get(journey, "card", card_id)
    step = get(journey, "step", step_id, field="step")
    before = state_of(row)
    after = {**before, "step": str(step.pk)}
    if lane is not None and lane_key(lane) != lane_key(before["lane"]):
        after["lane"] = content.read_lane(lane)
    position = after["position"] = landing(Card(pk=row.pk, step=step, lane=after["lane"]), position)
    values = {
        "name": row.text,
        "lane": lane_title(after["lane"], journey.lanes),
        "step": step.name,
        "position": position + 1,
    }
    said = _("Moved “%(name)s” to %(lane)s, %(step)s, position %(position)d") % values
    return change_rows(actor, journey, [("card", row, before, after)], version, said)


@transaction.atomic
def delete_card(*, actor: Actor, journey: Journey, card_id: UUID, version: int | None = None) -> Edit:
    """Remove a card."""
    journey = lock_journey(actor, journey)
    row = get(journey, "card", card_id)
    said = _("Deleted “%(text)s”") % {"text": row.text}
    return change_rows(actor, journey, [("card", row, state_of(row), None)], version, said)
