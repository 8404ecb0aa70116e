"""From draft to version, and back."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.journeys.content import complete_stages, read_text, touchpoint_keys
from apps.journeys.drafts import read_draft, touchpoint_ids, write_draft
from apps.journeys.models import Journey, JourneyVersion, MapEdit
from apps.journeys.services.locking import lock_journey
from apps.journeys.services.maps import touch_draft
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import DomainError, NotFound

PURPOSE_LENGTH = 400


@transaction.atomic
def publish_journey(*, actor: Actor, journey: Journey, purpose: object) -> JourneyVersion:
    """Freeze the draft as the next version, in force from now on; the first version reaches back without limit.

    Raises DomainError when the purpose is missing or longer than 400 characters, or the map is empty.
    Emits journeys.version_published.
    """
    actor.require("journeys.publish")
    journey = Journey.objects.select_for_update().get(pk=journey.pk)
    text = clean_purpose(purpose)
    content = read_draft(journey).content
    if not content["stages"]:
        raise DomainError(_("The map is empty. Add a stage first."), field="stages", code="empty")
    ids = touchpoint_ids(content["stages"])
    now = timezone.now()
    number = (journey.published_version or 0) + 1
    JourneyVersion.objects.filter(journey=journey, in_force_to=None).update(in_force_to=now)
    version = JourneyVersion.objects.create(
        journey=journey,
        number=number,
        content=content,
        touchpoint_ids={key: str(ids[key]) for key in touchpoint_keys(content)},
        purpose=text,
        published_at=now,
        in_force_from=now if number > 1 else None,
        published_by_id=actor.user_id,
    )
    journey.published_version = number
    journey.published_revision = journey.revision
    journey.save(update_fields=["published_version", "published_revision", "updated_at"])
    record(actor=actor, action="journeys.published", target=journey, fields=[f"version {number}"])
    emit("journeys.version_published", {"journey": str(journey.pk), "version": number})
    return version


@transaction.atomic
def restore_version(*, actor: Actor, journey: Journey, number: int) -> Journey:
    """Make the draft what a version was; nothing is published by it, and undo brings the draft back.

    Raises NotFound for a number that was never published, DomainErrors when one of its touchpoints is gone.
    """
    actor.require("journeys.edit")
    journey = lock_journey(actor, journey)
    version = JourneyVersion.objects.filter(journey=journey, number=number).first()
    if version is None:
        raise NotFound(_("There is no such version."))
    before = read_draft(journey).content["stages"]
    after = complete_stages(version.content["stages"])
    write_draft(journey, after)
    change = {"kind": "map", "id": str(journey.pk), "before": before, "after": after}
    MapEdit.objects.filter(journey=journey, actor_id=actor.id, undone=True).delete()
    MapEdit.objects.create(journey=journey, actor_id=actor.id, change=[change])
    touch_draft(actor, journey, "journeys.restored", [f"version {number}"])
    return journey


def clean_purpose(purpose: object) -> str:
    """Why something is published: 1 to 400 characters. Raises DomainError naming `purpose`."""
    if not isinstance(purpose, str) or not purpose.strip():
        raise DomainError(_("Say why: what changes for customers?"), field="purpose", code="required")
    return read_text(purpose, "purpose", PURPOSE_LENGTH)
