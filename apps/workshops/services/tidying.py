"""What happens to workshops without anybody doing it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.workshops.models import Workshop, WorkshopGuest
from apps.workshops.services.hosting import close_workshop
from cxm.actor import Actor

NAMES_KEPT: Final = timedelta(days=30)
"""How long after a workshop the names of its guests stay on the host's page."""


@transaction.atomic
def tidy_workshops() -> tuple[int, int]:
    """Close what is past its time; forget names of guests 30 days after. How many of each.

    A vote that was open is over by then; closing it forgets what its voters' marks were made with.
    """
    now = timezone.now()
    due = list(Workshop.objects.select_for_update().filter(closed_at=None, ends_at__lte=now))
    for workshop in due:
        close_workshop(workshop, workshop.ends_at)
        record(actor=Actor.system("time is up"), action="workshops.ended", target=workshop)
    old = WorkshopGuest.objects.filter(workshop__closed_at__lt=now - NAMES_KEPT).exclude(session_hash="")
    ids = list(old.values_list("pk", flat=True))
    WorkshopGuest.objects.filter(pk__in=ids).update(name=_("Guest"), session_hash="")
    return len(due), len(ids)
