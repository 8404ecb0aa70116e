"""Every write of answers: new ones, repeats of a known one, and their removal."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.models import Customer
from apps.customers.services import CustomerReference, resolve_customer, resolve_customers
from apps.outbox.services import emit
from apps.outbox.tasks import drain_organization
from apps.surveys.entries import NewResponse, ResponseRow, make_row, read_entry
from apps.surveys.live import LiveSurvey, live_survey
from apps.surveys.models import Response, ResponseRevision
from apps.surveys.services.files import claim_files, files_in, give_files, remove_files_of
from apps.surveys.services.limits import full, over_limit
from apps.surveys.store import (
    CHANGED,
    DELETED,
    FoundCustomer,
    UnknownCustomer,
    event_payload,
    insert_many,
    insert_one,
    insert_one_of_link,
)
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError
from cxm.ids import first_id

MOST_AT_ONCE: Final = 1_000
"""Answers in one list."""

_RANK: Final = {
    Response.State.PARTIAL: 0,
    Response.State.PROVISIONAL_DWELL: 1,
    Response.State.PROVISIONAL_INTERACTION: 2,
    Response.State.SUBMITTED: 3,
}
_ANSWERED: Final = (
    "version", "answers", "score", "score_question", "metric", "scale", "comment", "state", "occurred_at", "day",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer as it is stored now: a new ``ResponseRow``, or the model of the one that was changed."""

    row: ResponseRow | Response
    created: bool
    customer: FoundCustomer | None = None


@dataclass(slots=True)
class RecordedList:
    """What became of a list of answers. ``refused`` holds the place in the list and what was wrong there."""

    accepted: int = 0
    created: int = 0
    refused: list[tuple[int, list[FieldError]]] = field(default_factory=list)


def record_response(*, actor: Actor, survey_id: UUID, entry: NewResponse, source: str = "api") -> Recorded:
    """Store one answer and emit ``surveys.response_recorded``; a repeat of a source_id or invitation changes it.

    An unknown external_id or e-mail makes the customer. A new answer of a known customer costs one statement, and
    outside a transaction one round trip.

    Raises NotFound for a survey that is not there, Conflict for one that takes no answers, DomainErrors naming the
    field (``answers.<question>``, ``customer.id``, ...), NotAllowed.
    """
    _require(actor)
    live = live_survey(survey_id)
    row = make_row(live, entry, source=source, now=datetime.now(UTC))
    reference = None if live.anonymous or entry.customer_id else entry.customer
    if live.answer_limit is None and not files_in(live.definition, row.answers):
        return _record(actor, live, entry, row, reference)
    with transaction.atomic():
        if problems := claim_files(live, [row]):
            raise DomainErrors(problems[row.id])
        if live.answer_limit is not None and over_limit(live, [row]):
            raise full()
        recorded = _record(actor, live, entry, row, reference)
        give_files(live, {recorded.row.id: row.answers})
        return recorded


def _record(
    actor: Actor, live: LiveSurvey, entry: NewResponse, row: ResponseRow, reference: CustomerReference | None
) -> Recorded:
    try:
        created, customer = insert_one(row, reference)
    except UnknownCustomer:
        return _record_for_new_customer(actor, live, entry, row, reference)
    if not created:
        return Recorded(_change_one(live, entry, row, customer), created=False)
    if customer:
        row.customer_id, row.unit_id = customer.id, customer.unit_id
    drain_organization.wake()
    return Recorded(row, created=True, customer=customer)


def record_first_answer_of_link(*, survey_id: UUID, entry: NewResponse, open_link_sql: str) -> bool:
    """Store the first answer to an invitation together with the proof that its link is good, in one statement.

    False, with nothing written, when the invitation has an answer already, is not open, or is of another survey: then
    ``record_response`` with what the link's keeper knows is the way. Raises as ``record_response`` does.
    """
    live = live_survey(survey_id)
    if live.anonymous or live.answer_limit is not None or entry.invitation_id is None:
        return False
    row = make_row(live, entry, source="page", now=datetime.now(UTC))
    if files_in(live.definition, row.answers):
        return False
    if not insert_one_of_link(row, open_link_sql, zone=live.zone.key):
        return False
    drain_organization.wake()
    return True


@transaction.atomic
def _record_for_new_customer(
    actor: Actor, live: LiveSurvey, entry: NewResponse, row: ResponseRow, reference: CustomerReference | None
) -> Recorded:
    """The customer and the answer, both or neither."""
    if reference is None:
        raise DomainError(_("There is no customer with this id."), field="customer.id", code="unknown")
    row.customer_id = resolve_customer(actor=actor, reference=reference)
    created, _nobody = insert_one(row)
    if not created:
        return Recorded(_change_one(live, entry, row, None), created=False)
    drain_organization.wake()
    return Recorded(row, created=True, customer=FoundCustomer(row.customer_id, None, reference.external_id))


def record_responses(
    *,
    actor: Actor,
    survey_id: UUID,
    entries: Sequence[Any],
    source: str = "api",
    import_id: UUID | None = None,
) -> RecordedList:
    """Store up to 1,000 answers of one survey; each is taken or refused on its own.

    ``entries`` are ``NewResponse`` objects or documented JSON objects. A source_id that is known, or that stands twice
    in the list, changes the answer. One INSERT for the new ones and one event for all; a few statements more when some
    are repeats. Raises NotFound, NotAllowed, and DomainError for a list that is too long.
    """
    _require(actor)
    if len(entries) > MOST_AT_ONCE:
        message = _("Send at most %(n)d answers at once.") % {"n": MOST_AT_ONCE}
        raise DomainError(message, code="too_many")
    live = live_survey(survey_id)
    now = datetime.now(UTC)
    outcome = RecordedList()
    prepared: list[tuple[int, NewResponse, ResponseRow]] = []
    for index, raw in enumerate(entries):
        try:
            entry = raw if isinstance(raw, NewResponse) else read_entry(raw, live)
            prepared.append((index, entry, make_row(live, entry, source=source, now=now, import_id=import_id)))
        except DomainError as error:
            outcome.refused.append((index, error.errors))
    if prepared:
        # Without customers to find, repeats to lay over, a limit to keep and files to claim there is one statement,
        # which is a transaction by itself.
        one_statement = live.answer_limit is None and not any(
            entry.customer or entry.source_id or files_in(live.definition, row.answers)
            for _index, entry, row in prepared
        )
        with contextlib.nullcontext() if one_statement else transaction.atomic():
            _store_list(actor, live, prepared, outcome)
    outcome.refused.sort(key=lambda refused: refused[0])
    return outcome


def _store_list(
    actor: Actor, live: LiveSurvey, prepared: list[tuple[int, NewResponse, ResponseRow]], outcome: RecordedList
) -> None:
    prepared = _within_limits(live, prepared, outcome)
    if not live.anonymous:
        prepared = _with_customers(actor, prepared, outcome)
    first: list[ResponseRow] = []
    named: dict[str, UUID] = {}
    for _index, _entry, row in prepared:
        if row.source_id is None or row.source_id not in named:
            first.append(row)
            if row.source_id is not None:
                named[row.source_id] = row.id
    created = insert_many(first)
    repeats = [(entry, row) for _index, entry, row in prepared if row.id not in created]
    give_files(live, {row.id: row.answers for row in first if row.id in created})
    if repeats:
        changed = _change_many(live, repeats)
        give_files(live, {found.pk: row.answers for found, (_entry, row) in zip(changed, repeats, strict=True)})
    if created:
        drain_organization.wake()
    outcome.accepted += len(prepared)
    outcome.created += len(created)


def _within_limits(
    live: LiveSurvey, prepared: list[tuple[int, NewResponse, ResponseRow]], outcome: RecordedList
) -> list[tuple[int, NewResponse, ResponseRow]]:
    """Refuse the answers whose files are not theirs, and then those that the survey has no room for."""
    problems = claim_files(live, [row for _index, _entry, row in prepared])
    if live.answer_limit is not None:
        rest = [row for _index, _entry, row in prepared if row.id not in problems]
        problems.update(dict.fromkeys(over_limit(live, rest), full().errors))
    outcome.refused += [(index, problems[row.id]) for index, _entry, row in prepared if row.id in problems]
    return [found for found in prepared if found[2].id not in problems]


def _with_customers(
    actor: Actor, prepared: list[tuple[int, NewResponse, ResponseRow]], outcome: RecordedList
) -> list[tuple[int, NewResponse, ResponseRow]]:
    """Fill in customers and their units; refuse the rows whose customer id is unknown."""
    references = {entry.customer for _index, entry, _row in prepared if entry.customer and not entry.customer_id}
    found = resolve_customers(actor=actor, references=references) if references else {}
    units = dict(Customer.objects.filter(pk__in=set(found.values())).values_list("pk", "unit_id")) if found else {}
    kept = []
    for index, entry, row in prepared:
        if entry.customer and not entry.customer_id:
            row.customer_id = found.get(entry.customer)
            if row.customer_id is None:
                message = _("There is no customer with this id.")
                outcome.refused.append((index, [{"field": "customer.id", "code": "unknown", "message": message}]))
                continue
            row.unit_id = units.get(row.customer_id)
        kept.append((index, entry, row))
    return kept


def _change_one(live: LiveSurvey, entry: NewResponse, row: ResponseRow, customer: FoundCustomer | None) -> Response:
    if customer:
        row.customer_id, row.unit_id = customer.id, customer.unit_id
    with transaction.atomic():
        return _change_many(live, [(entry, row)])[0]


def _change_many(live: LiveSurvey, repeats: Sequence[tuple[NewResponse, ResponseRow]]) -> list[Response]:
    """Lay answers over the ones that are stored under their source_id or invitation, in the order given.

    What is replaced is kept as a revision. An answer that says the same writes nothing; one event tells of all that
    changed, with the days before and after.
    """
    source_ids = sorted({row.source_id for _entry, row in repeats if row.source_id is not None})
    invitations = sorted({row.invitation_id for _entry, row in repeats if row.invitation_id is not None})
    stored = (
        Response.objects.select_for_update()
        .filter(Q(survey_id=live.id, source_id__in=source_ids) | Q(invitation_id__in=invitations))
        .order_by("pk")
    )
    by_source: dict[Any, Response] = {}
    for found in stored:
        by_source[found.source_id] = by_source[found.invitation_id] = found
    revisions: list[ResponseRevision] = []
    changed: dict[UUID, tuple[Response, set[str]]] = {}
    days: set[date] = set()
    results: list[Response] = []
    for entry, row in repeats:
        response = by_source.get(row.source_id if row.source_id is not None else row.invitation_id)
        if response is None:
            raise Conflict(_("This answer was removed at the same moment. Send it again."), code="removed")
        results.append(response)
        values = _changes(response, entry, row)
        if not values:
            continue
        if response.pk not in changed:
            revisions.append(_revision_of(response, row.recorded_at))
        days.add(response.day)
        for name, value in values.items():
            setattr(response, name, value)
        names = changed.setdefault(response.pk, (response, set()))[1]
        names.update(values)
    if changed:
        ResponseRevision.objects.bulk_create(revisions, batch_size=MOST_AT_ONCE)
        rows = [response for response, _names in changed.values()]
        fields = sorted(set().union(*(names for _response, names in changed.values())))
        Response.objects.bulk_update(rows, fields, batch_size=MOST_AT_ONCE)
        emit(CHANGED, event_payload(live.id, rows, days))
    return results


def _changes(response: Response, entry: NewResponse, row: ResponseRow) -> dict[str, Any]:
    """The columns that a repeat changes: the answers, and whatever else it says. A finished answer stays finished."""
    values: dict[str, Any] = {name: getattr(row, name) for name in _ANSWERED}
    if _RANK[Response.State(row.state)] < _RANK[Response.State(response.state)]:
        if row.state != Response.State.PARTIAL:
            return {}  # a provisional score says nothing about an answer that was sent
        values["state"] = response.state
    if entry.occurred_at is None:
        values["occurred_at"], values["day"] = response.occurred_at, response.day
    for said, names in (
        (entry.customer or entry.customer_id, ("customer_id", "unit_id")),
        (entry.touchpoint_id, ("touchpoint_id",)),
        (entry.channel, ("channel",)),
        (entry.language, ("language",)),
        (entry.contact_ok is not None, ("contact_ok",)),
    ):
        if said:
            values.update({name: getattr(row, name) for name in names})
    values["flags"] = [*response.flags, *(flag for flag in row.flags if flag not in response.flags)]
    if row.state == Response.State.SUBMITTED and row.source == "page":
        values["flags"] = [flag for flag in values["flags"] if flag != "scanner"]  # a person sent it after all
    if entry.attributes is not None:
        values["attributes"] = row.attributes
    elif row.attributes:
        values["attributes"] = {**response.attributes, **row.attributes}
    differing = {name: value for name, value in values.items() if getattr(response, name) != value}
    if not differing or differing.keys() == {"version"}:
        return {}
    return {**differing, "updated_at": row.recorded_at}


def _revision_of(response: Response, at: datetime) -> ResponseRevision:
    return ResponseRevision(
        response=response,
        answers=response.answers,
        score=response.score,
        state=response.state,
        occurred_at=response.occurred_at,
        replaced_at=at,
    )


@transaction.atomic
def delete_response(*, actor: Actor, response: Response) -> None:
    """Remove an answer with its revisions; emits ``surveys.response_deleted``."""
    actor.require("feedback.create", response.unit_id)
    payload = event_payload(response.survey_id, [response])
    record(actor=actor, action="surveys.response_deleted", target=response)
    remove_files_of([response.pk])
    response.delete()
    emit(DELETED, payload)


@transaction.atomic
def delete_responses(
    *, actor: Actor, survey_id: UUID, import_id: UUID, since: datetime, until: datetime, limit: int = 1_000
) -> int:
    """Remove at most ``limit`` answers that an import brought, with their revisions; how many there were.

    The import ran between ``since`` and ``until``, to within a minute: ids hold the time at which they were made, so
    that its answers are found without an index of their own. Emits ``surveys.response_deleted`` once for all.
    """
    actor.require("feedback.create")
    minute = timedelta(minutes=1)
    rows = list(
        Response.objects.filter(pk__gte=first_id(since - minute), pk__lt=first_id(until + minute))
        .filter(survey_id=survey_id, import_id=import_id)
        .order_by("pk")[:limit]
    )
    if rows:
        payload = event_payload(survey_id, rows)
        ids = [row.pk for row in rows]
        remove_files_of(ids)
        ResponseRevision.objects.filter(response__in=ids).delete()
        Response.objects.filter(pk__in=ids).delete()
        emit(DELETED, payload)
    return len(rows)


def _require(actor: Actor) -> None:
    if actor.kind not in ("respondent", "system"):
        actor.require("feedback.create")
