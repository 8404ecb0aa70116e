"""Rows as interactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from apps.customers.identity import Named
from apps.customers.rules import clean_email, clean_external_id
from apps.imports.dates import ISO, parse_date
from apps.imports.journal import Change
from apps.imports.mapping import ColumnMapping
from apps.imports.models import ImportChange, ImportJob
from apps.imports.staging import StagedRow
from apps.imports.writers.base import PeopleSeen, Refusal, Taken, Writer, free_values, reason_of
from apps.interactions.models import Interaction, InteractionKey
from apps.interactions.store import NewInteraction, key_of, record_interactions
from cxm.channels import Channel
from cxm.errors import DomainError

PROPERTY = "properties."
SOURCE = Interaction.Source.IMPORT.value
MAX_EVENT = 200
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
        before = _known(new)
        recorded = record_interactions(actor=self.actor, rows=new, update_known=True)
        taken.created, taken.updated = recorded.inserted, recorded.updated
        taken.changes = [Change(ImportChange.Kind.CUSTOMER.value, pk) for pk in seen.made()]
        for position, pk in recorded.ids.items():
            key_id = key_of(SOURCE, new[position].key or "")
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
        occurred_at = parse_date(values["occurred_at"], self._date_format, self._zone)
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


def _known(rows: Sequence[NewInteraction]) -> dict[UUID, dict[str, Any]]:
    """By key the interactions that are there already, as the journal keeps them. One query when there is none."""
    keys = [key_of(SOURCE, row.key or "") for row in rows]
    found = InteractionKey.objects.filter(pk__in=keys, interaction_id__isnull=False)
    by_interaction = {interaction: key for key, interaction in found.values_list("pk", "interaction_id")}
    if not by_interaction:
        return {}
    stored = Interaction.objects.filter(pk__in=by_interaction).values(*FORMER)
    return {
        by_interaction[row["id"]]: {
            name: value if isinstance(value, str | dict) or value is None else _text(value)
            for name, value in row.items()
        }
        for row in stored
    }


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
