"""Taking an import back: what it made goes, what it changed gets its former values, and what others built on stays.

Step after step, each in chunks of one transaction, and each finding by itself what is left to do: what a killed worker
did not commit is simply still there. Whatever stays is counted with its reason.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from apps.audit.services import record
from apps.customers.identity import with_identities
from apps.customers.models import Customer
from apps.imports.models import ImportChange, ImportJob
from apps.imports.undone_customers import restore_customers
from apps.imports.writers.members import STAYS
from apps.interactions.models import Interaction, InteractionKey
from apps.interactions.store import NewInteraction, delete_interactions, record_interactions
from apps.metrics.totals import take_back_total
from apps.segments.models import SegmentMember
from apps.segments.services import remove_static_members, set_static_members
from apps.surveys.entries import NewResponse
from apps.surveys.models import Response
from apps.surveys.services import delete_responses, record_responses
from cxm.actor import Actor

CHUNK = 500
ACTOR = Actor.system("import undone")
Kept = Counter[str]

REASONS: Mapping[str, Any] = {
    "used": _("Customers that have got something else since: they stay"),
    "merged": _("Customers that have been merged since: they stay"),
    "changed": _("Fields of customers that have been changed since: they stay as they are"),
    "gone": _("Customers that are no longer there"),
    "response": _("Answers that have been changed or removed since: they stay as they are"),
    "interaction": _("Interactions whose customer is no longer there: they did not get their former values back"),
    "total": _("Totals that another import has replaced since: they stay"),
    "member": _("Former members of the list that are no longer there"),
}
"""Why something stays, by code."""


def take_back(job: ImportJob, *, lease: timedelta, until: float) -> bool:
    """Go on undoing; True when its turn is over and there is more. The job is claimed and being undone."""
    if "total" not in job.undo:
        job.undo = {"total": _count(job), "done": 0, "kept": {}}
        job.save(update_fields=["undo", "updated_at"])
    for step in STEPS:
        while True:
            handled = with_identities(lambda step=step: _chunk(job, step, lease))  # type: ignore[misc]
            if handled is None:
                return False
            if time.monotonic() > until:
                ImportJob.objects.filter(pk=job.pk, leased_until=job.leased_until).update(leased_until=None, attempts=0)
                return True
            if not handled:
                break
    with transaction.atomic():
        job.state, job.percent, job.undone_at = ImportJob.State.UNDONE, 100, now()
        job.leased_until, job.keep_until = None, None
        job.save()
        record(actor=ACTOR, action="imports.undone", target=job)
    return False


def _count(job: ImportJob) -> int:
    total = ImportChange.objects.filter(job=job).count()
    if job.kind == "interactions":
        total += Interaction.objects.filter(import_id=job.pk).count()
    if job.kind == "responses":
        total += Response.objects.filter(survey=job.survey_id, import_id=job.pk).count()
    return total


def _chunk(job: ImportJob, step: Step, lease: timedelta) -> int | None:
    """Do some of a step and move the job on; how much that was, None when another worker has the job."""
    current = ImportJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
    if current.leased_until != job.leased_until or current.state != ImportJob.State.UNDOING:
        return None
    kept: Kept = Counter()
    handled = step(current, kept)
    done = current.undo["done"] + handled
    undo = {
        "total": current.undo["total"],
        "done": done,
        "kept": dict(Counter(current.undo["kept"]) + kept),
    }
    fields = {
        "undo": undo,
        "percent": min(99, 100 * done // max(undo["total"], 1)),
        "leased_until": now() + lease,
    }
    ImportJob.objects.filter(pk=job.pk).update(**fields, updated_at=now())
    for name, value in fields.items():
        setattr(job, name, value)
    return handled


# -- steps: each does some of what is left and says how much ----------------------------------------------------------

Step = Callable[[ImportJob, Kept], int]


def _interactions(job: ImportJob, kept: Kept) -> int:
    return delete_interactions(which=Q(import_id=job.pk), limit=2 * CHUNK) if job.kind == "interactions" else 0


def _responses(job: ImportJob, kept: Kept) -> int:
    if job.kind != "responses":
        return 0
    assert job.survey_id is not None
    assert job.started_at is not None
    return delete_responses(
        actor=ACTOR,
        survey_id=job.survey_id,
        import_id=job.pk,
        since=job.started_at,
        until=job.finished_at or now(),
        limit=2 * CHUNK,
    )


def _former_interactions(job: ImportJob, kept: Kept) -> int:
    """What the import changed is stored again as it was, under the key that it had."""
    changes = _some(job, ImportChange.Kind.INTERACTION)
    people = {_former(change)[name] for change in changes for name in ("customer_id", "identity_id")}
    there = set(map(str, Customer.records.filter(pk__in=[pk for pk in people if pk]).values_list("pk", flat=True)))
    rows, keys = [], []
    for change in changes:
        former = _former(change)
        named = former["identity_id"] if former["identity_id"] in there else former["customer_id"]
        if former["customer_id"] and named not in there:
            kept["interaction"] += 1
            continue
        keys.append((change.subject, UUID(former["id"])))
        rows.append(
            NewInteraction(
                id=UUID(former["id"]),
                customer_id=UUID(named) if named else None,
                kind=former["kind"],
                event=former["event"],
                channel=former["channel"],
                occurred_at=datetime.fromisoformat(former["occurred_at"]),
                properties=former["properties"],
                source=Interaction.Source.IMPORT.value,
                import_id=UUID(former["import_id"]) if former["import_id"] else None,
            )
        )
    record_interactions(actor=ACTOR, rows=rows)
    for key_id, interaction_id in keys:
        InteractionKey.objects.filter(pk=key_id).update(interaction_id=interaction_id)
    return _forget(changes)


def _former_responses(job: ImportJob, kept: Kept) -> int:
    """What the import changed says again what it said, where nobody has changed it since."""
    changes = _some(job, ImportChange.Kind.RESPONSE)
    stored = {row.pk: row for row in Response.objects.filter(pk__in=[change.subject for change in changes])}
    entries = []
    for change in changes:
        row = stored.get(change.subject)
        if row is None or row.updated_at.isoformat() != change.stated["updated_at"]:
            kept["response"] += 1
            continue
        former = _former(change)
        entries.append(
            NewResponse(
                answers=former["answers"],
                customer_id=UUID(former["customer_id"]) if former["customer_id"] else None,
                touchpoint_id=UUID(former["touchpoint_id"]) if former["touchpoint_id"] else None,
                channel=former["channel"],
                language=former["language"],
                occurred_at=datetime.fromisoformat(former["occurred_at"]),
                attributes=former["attributes"],
                source_id=row.source_id,
            )
        )
    if entries:
        assert job.survey_id is not None
        outcome = record_responses(actor=ACTOR, survey_id=job.survey_id, entries=entries, source="import")
        kept["response"] += len(outcome.refused)
    return _forget(changes)


def _totals(job: ImportJob, kept: Kept) -> int:
    changes = _some(job, ImportChange.Kind.TOTAL)
    for change in changes:
        if not take_back_total(actor=ACTOR, total_id=change.subject, import_id=job.pk, former=change.former):
            kept["total"] += 1
    return _forget(changes)


def _members(job: ImportJob, kept: Kept) -> int:
    """Who came with the import leaves the list, who left with it comes back."""
    changes = _some(job, ImportChange.Kind.MEMBER)
    if not changes or job.segment is None:
        return _forget(changes)
    came = [change.subject for change in changes if change.former is None]
    theirs = SegmentMember.objects.filter(segment=job.segment, customer__in=came, import_id=job.pk)
    remove_static_members(
        actor=ACTOR, segment=job.segment, customer_ids=list(theirs.values_list("customer_id", flat=True))
    )
    left = [change.subject for change in changes if change.former is not None and change.former != STAYS]
    there = set(Customer.objects.filter(pk__in=left).values_list("pk", flat=True))
    kept["member"] += len(left) - len(there)
    set_static_members(actor=ACTOR, segment=job.segment, customer_ids=there, mode="add")
    return _forget(changes)


def _customers(job: ImportJob, kept: Kept) -> int:
    changes = _some(job, ImportChange.Kind.CUSTOMER)
    if changes:
        began, ended = job.started_at or job.created_at, job.finished_at or now()
        kept.update(restore_customers(actor=ACTOR, changes=changes, began=began, ended=ended))
    return _forget(changes)


STEPS: tuple[Step, ...] = (
    _interactions,
    _responses,
    _former_interactions,
    _former_responses,
    _totals,
    _members,
    _customers,
)


def _some(job: ImportJob, kind: str) -> list[ImportChange]:
    return list(ImportChange.objects.filter(job=job, kind=kind).order_by("subject")[:CHUNK])


def _former(change: ImportChange) -> dict[str, Any]:
    """What stood there before: an interaction or an answer in the journal was always changed, never made."""
    return change.former or {}


def _forget(changes: list[ImportChange]) -> int:
    ImportChange.objects.filter(pk__in=[change.pk for change in changes]).delete()
    return len(changes)
