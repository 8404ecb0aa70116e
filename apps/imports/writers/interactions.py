"""Rows as interactions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils.translation import gettext as _

from apps.customers.identity import Named
from apps.customers.rules import clean_email, clean_external_id
from apps.imports.dates import ISO, parse_date
from apps.imports.journal import Change
from apps.imports.mapping import ColumnMapping
from apps.imports.models import ImportChange, ImportJob
from apps.imports.staging import StagedRow
from apps.imports.writers.base import PeopleSeen, Refusal, Taken, Writer, free_values, reason_of
from apps.interactions.models import Interaction
from apps.interactions.store import NewInteraction, key_of, record_interactions
from cxm.channels import Channel
from cxm.errors import DomainError
from cxm.scope import current_tenant_id

PROPERTY = "properties."
SOURCE = Interaction.Source.IMPORT.value
MAX_EVENT = 200
MOST_TIMES = 10_000
MAX_PROPERTY = 1_000
CHANNELS = frozenset(Channel.values)
FORMER = ("id", "customer_id", "identity_id", "kind", "event", "channel", "occurred_at", "properties", "import_id")


class InteractionWriter(Writer):
    """Times decide the order, then the place in the file. A number that came before is changed to what the row says.

    Customers that nobody knew are made. Plain decimal numbers among the properties are stored as numbers.
    """

    def __init__(self, job: ImportJob, mapping: ColumnMapping, zone: ZoneInfo) -> None:
        self._import_id, self._zone = job.pk, zone
        self._date_format = mapping.date_format or ISO
        self._times: dict[str, datetime] = {}

    def take(self, rows: list[tuple[int, StagedRow]]) -> Taken:
        taken = Taken()
        new: list[NewInteraction] = []
        for index, row in rows:
            try:
                new.append(self._interaction(row))
            except (DomainError, ValueError) as error:
                taken.refusals.append(Refusal(index, reason_of(error)))
        seen = PeopleSeen(
            {row.named.user_id for row in new if row.named and row.named.user_id},
            {row.named.email for row in new if row.named and row.named.email and not row.named.user_id},
        )
        keys = [key_of(SOURCE, row.key or "") for row in new]
        before = _known(keys)
        recorded = record_interactions(actor=self.actor, rows=new, update_known=True)
        taken.created, taken.updated = recorded.inserted, recorded.updated
        taken.changes = [Change(ImportChange.Kind.CUSTOMER.value, pk) for pk in seen.made()]
        for position, pk in recorded.ids.items():
            key_id = keys[position]
            if key_id in before:
                changed = Change(ImportChange.Kind.INTERACTION.value, key_id, before[key_id], {"id": str(pk)})
                taken.changes.append(changed)
        return taken

    def _interaction(self, row: StagedRow) -> NewInteraction:
        values = row.values
        event = " ".join(values.get("event", "").split())
        if not event:
            raise ValueError(_("There is no event."))
        if len(event) > MAX_EVENT:
            raise ValueError(_("The name of an event has at most %(n)d characters.") % {"n": MAX_EVENT})
        external_id = clean_external_id(values.get("customer.external_id"))
        email = clean_email(values.get("customer.email"))
        if not external_id and not email:
            raise ValueError(_("There is no customer."))
        if "occurred_at" not in values:
            raise ValueError(_("There is no time."))
        occurred_at = self._time(values["occurred_at"])
        channel = values.get("channel", Channel.OTHER.value).lower()
        if channel not in CHANNELS:
            message = _("There is no channel “%(channel)s”. Known: %(known)s.")
            raise ValueError(message % {"channel": channel[:40], "known": ", ".join(Channel.values)})
        properties = free_values(values, PROPERTY, are_typed=True)
        for name, value in properties.items():
            if isinstance(value, str) and len(value) > MAX_PROPERTY:
                message = _("“%(name)s” has more than %(n)d characters.")
                raise ValueError(message % {"name": name, "n": MAX_PROPERTY})
        return NewInteraction(
            named=Named(user_id=external_id, email=email, phone=None, anonymous_id=None, at=occurred_at),
            event=event,
            channel=channel,
            occurred_at=occurred_at,
            properties=properties,
            source=SOURCE,
            key=values["source_id"],
            order=row.order,
            import_id=self._import_id,
        )

    def _time(self, text: str) -> datetime:
        """The instant; files of days say the same ones again and again."""
        known = self._times.get(text)
        if known is None:
            if len(self._times) > MOST_TIMES:
                self._times.clear()
            known = self._times[text] = parse_date(text, self._date_format, self._zone)
        return known


def _known(keys: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """By key the interactions that are there already, as the journal keeps them. One query when there is none.

    Two queries and no join: it would ask every month for every key.
    """
    tenant_id = str(current_tenant_id())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT interaction_id, id FROM interactions_interactionkey"
            " WHERE tenant_id = %s AND id = ANY(%s::uuid[]) AND interaction_id IS NOT NULL",
            [tenant_id, _array(keys)],
        )
        key_of_interaction = dict(cursor.fetchall())
        if not key_of_interaction:
            return {}
        ids = sorted(key_of_interaction)
        cursor.execute(
            f"SELECT {', '.join(FORMER)} FROM interactions_interaction"
            " WHERE tenant_id = %s AND id = ANY(%s::uuid[]) AND id BETWEEN %s AND %s",
            [tenant_id, _array(ids), str(ids[0]), str(ids[-1])],
        )
        return {
            key_of_interaction[row[0]]: dict(zip(FORMER, map(_plain, row), strict=True)) for row in cursor.fetchall()
        }


def _array(ids: Sequence[UUID]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"


def _plain(value: Any) -> Any:
    """A column as JSON has it."""
    if value is None or isinstance(value, str | dict):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)
