"""Erasing one person for good, wherever the platform knows of them.

One transaction. The apps that hold customer data take the person out of it (apps/customers/holders.py and traces.py),
then the person's own rows go. What stays is numbers: the bare scores, that something happened, that a survey was sent,
so that no published figure moves (docs/adr/0109). The erasure itself is written down without a personal value.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from apps.audit.services import record
from apps.customers.holders import HOLDERS
from apps.customers.identity import lock_identities
from apps.customers.models import Customer, CustomerIdentifier, CustomerMerge
from apps.customers.traces import TRACES, Traces, traces_of
from apps.outbox.services import emit
from apps.privacy.journal import Line, append, digests_of_line
from apps.privacy.models import Erasure, PrivacyRequest
from cxm.actor import Actor
from cxm.errors import NotFound


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: rows touched by holder. ``id`` is that of its line in the journal."""

    id: UUID
    customer: UUID
    found: dict[str, int]


def person_of(customer: UUID, *, lock: bool = False) -> Customer:
    """The person a record belongs to, itself unless it was merged. Raises NotFound."""
    records = Customer.records.select_for_update() if lock else Customer.records
    row = records.filter(pk=customer).first()
    if row is not None and row.merged_into_id:
        row = records.filter(pk=row.merged_into_id).first()
    if row is None:
        raise NotFound
    return row


@transaction.atomic
def erase_customer(*, actor: Actor, customer: UUID) -> Erased:
    """Erase a person with every record that was merged into them. There is no way back.

    Raises NotFound, NotAllowed without privacy.manage.
    """
    actor.require_everywhere("privacy.manage")
    lock_identities("exclusive")
    person = person_of(customer, lock=True)
    traces = traces_of(person.pk)
    found: dict[str, int] = {}
    for name, forget in TRACES.items():
        found[name] = forget(traces)
    for name, holder in HOLDERS.items():
        found[name] = found.get(name, 0) + sum(holder.erase(pk) for pk in traces.records)
    forget_claims(traces)
    record(actor=actor, action="customers.erased", target=person, fields=sorted(n for n, rows in found.items() if rows))
    emit("customers.customer_erased", {"customer": str(person.pk)})
    emit("customers.customer_deleted", {"customer": str(person.pk)})
    erasure = Erasure.objects.create(
        customers=[str(pk) for pk in traces.records],
        digests=digests_of_line(_identifiers(traces)),
        found={name: rows for name, rows in found.items() if rows},
        erased_by_id=actor.user_id,
    )
    delete_records(traces)
    transaction.on_commit(lambda: append([Line.of(erasure)]), robust=True)
    return Erased(erasure.pk, person.pk, erasure.found)


def _identifiers(traces: Traces) -> list[tuple[str, str]]:
    return [
        *(("email", value) for value in traces.emails),
        *(("phone", value) for value in traces.phones),
        *(("external_id", value) for value in traces.external_ids),
        *((CustomerIdentifier.Kind.ANONYMOUS.value, value) for value in traces.anonymous_ids),
    ]


def forget_claims(traces: Traces) -> None:
    """Others may say that they were seen with an identifier of the person: that goes too, with what was said then."""
    claims = [
        *(f"user_id:{value}" for value in traces.external_ids),
        *(f"email:{value}" for value in traces.emails),
        *(f"phone:{value}" for value in traces.phones),
        *(f"anonymous_id:{value}" for value in traces.anonymous_ids),
    ]
    CustomerIdentifier.objects.filter(claimed_by__in=claims).exclude(customer__in=traces.records).update(
        claimed_by="", claimed_at=None, traits={}
    )


def delete_records(traces: Traces) -> None:
    """The rows of the person and of every merged record, with what belongs to them alone."""
    about = Q(kept__in=traces.records) | Q(merged__in=traces.records)
    CustomerMerge.objects.filter(about).delete()
    CustomerIdentifier.objects.filter(customer__in=traces.records).delete()
    Customer.records.filter(merged_into=traces.customer).delete()
    Customer.records.filter(pk=traces.customer).delete()


def forget_requests(traces: Traces) -> int:
    """Requests of the person, also those that were never tied to a customer but are to be answered to an address."""
    about = Q(customer__in=traces.records) | Q(subject_id__in=traces.records)
    for email in traces.emails:
        about |= Q(reply_to__iexact=email)
    return forget_request_rows(PrivacyRequest.objects.filter(about))


def forget_request_rows(rows: QuerySet[PrivacyRequest]) -> int:
    """Empty what these requests say, and remove the copies made for them; the proof stays."""
    for file in rows.exclude(file="").values_list("file", flat=True):
        transaction.on_commit(lambda file=file: remove_file(file), robust=True)  # type: ignore[misc]
    return rows.update(person="", reply_to="", wish="", notes="", refusal_note="", file="", customer=None)


def remove_file(name: str) -> None:
    """Remove an upload by its name; gone already is gone."""
    (Path(settings.MEDIA_ROOT) / name).unlink(missing_ok=True)
