"""What a file can hold, and what its columns can be. Pure: no database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

_NAME = r"[^\x00-\x1f]{1,64}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of table.

    Args:
        targets: what a column may be, with a label. ``named`` matches further ones, ``attributes.NAME`` for example.
        required: groups of targets of which one must be mapped.
        chunk: rows of one transaction.
        dated: the target that holds a time, whose format may need to be said.
        has_numbers: rows have identities, so that the same file again changes nothing.
        hints: target -> pattern of the headings it usually has.
    """

    name: str
    label: Any
    explanation: Any
    targets: Mapping[str, Any]
    required: tuple[tuple[str, ...], ...]
    hints: Mapping[str, str]
    named: re.Pattern[str] | None = None
    named_as: str = ""
    chunk: int = 1000
    dated: str = ""
    has_numbers: bool = False
    makes_touchpoints: bool = False
    refused: Mapping[str, Any] = field(default_factory=dict)

    def knows(self, target: str) -> bool:
        """Whether a column may be this."""
        return target in self.targets or (self.named is not None and self.named.fullmatch(target) is not None)

    @property
    def choices(self) -> list[str]:
        """Its targets, for a message."""
        return [*self.targets, *([self.named_as] if self.named_as else [])]


_OF_CUSTOMER = {
    "customer.external_id": _("Customer number"),
    "customer.email": _("Customer’s e-mail"),
}
_HINT_OF_CUSTOMER = {
    "customer.external_id": r"customer_?(id|no|number)|user_?id|client_?id|kunden|case_?id|external_?id",
    "customer.email": r"e-?mail",
}
_NO_SHARES = _(
    "A score without its answers cannot be added to others. Give the number of answers for each score (score.0,"
    " score.1, ...): shares, averages, an NPS or its three groups do not say which scores were given."
)
_BY_MONTH = ("nps", "csat", "ces", "score", "average", "promoters", "passives", "detractors")

RESPONSES = Kind(
    name="responses",
    label=_("Answers to a survey"),
    explanation=_("One answer a row, with its score."),
    targets={
        "occurred_at": _("Date of the experience"),
        "score": _("Score"),
        "comment": _("Comment"),
        "touchpoint": _("Touchpoint"),
        "channel": _("Channel"),
        "language": _("Language"),
        **_OF_CUSTOMER,
        "source_id": _("Number of the answer in its source"),
    },
    required=(("score",),),
    hints={
        "occurred_at": r"date|time|when|datum|fecha|zeit",
        "score": r"score|points|punkte|rating|nps|csat|ces|note|answer_value",
        "comment": r"comment|verbatim|text|reason|feedback|kommentar|comentario",
        "touchpoint": r"touchpoint|stage|sub_?type|step|phase|survey|journey|kontaktpunkt",
        "channel": r"channel|kanal|canal",
        "language": r"lang|sprache|idioma|locale",
        "customer.external_id": r"customer_?(id|no|number)|user_?id|client_?id|kunden",
        "customer.email": r"e-?mail",
        "source_id": r"response_?id|answer_?id|record_?id|source_?id",
    },
    named=re.compile(rf"attributes\.{_NAME}"),
    named_as="attributes.NAME",
    chunk=500,
    dated="occurred_at",
    has_numbers=True,
    makes_touchpoints=True,
)
CUSTOMERS = Kind(
    name="customers",
    label=_("Customers"),
    explanation=_("One customer a row; those that exist are changed."),
    targets={
        "external_id": _("Customer number"),
        "email": _("E-mail"),
        "phone": _("Phone"),
        "name": _("Name"),
        "stage": _("Lifecycle stage"),
        "account": _("Company (account)"),
        "language": _("Language"),
        "timezone": _("Time zone"),
    },
    required=(("external_id",),),
    hints={
        "external_id": r"customer_?(id|no|number)|external|user_?id|client_?id|kunden_?nr|^id$",
        "email": r"e-?mail",
        "phone": r"phone|mobile|telefon|tel$",
        "name": r"name",
        "stage": r"stage|status|lifecycle",
        "account": r"account|company|firma|organi[sz]ation",
        "language": r"lang|sprache|locale",
        "timezone": r"time_?zone|^tz$",
    },
    named=re.compile(rf"attributes\.{_NAME}"),
    named_as="attributes.NAME",
)
INTERACTIONS = Kind(
    name="interactions",
    label=_("Interactions"),
    explanation=_("One event of a customer a row: what happened, and when."),
    targets={
        **_OF_CUSTOMER,
        "event": _("Event"),
        "occurred_at": _("Time of the event"),
        "channel": _("Channel"),
        "source_id": _("Number of the event in its source"),
    },
    required=(("customer.external_id", "customer.email"), ("event",), ("occurred_at",)),
    hints={
        **_HINT_OF_CUSTOMER,
        "event": r"event|activity|action|concept_?name|ereignis|aktivit|what|type",
        "occurred_at": r"date|time|when|datum|fecha|zeit",
        "channel": r"channel|kanal|canal",
        "source_id": r"event_?id|message_?id|record_?id|source_?id|interaction_?id",
    },
    named=re.compile(rf"properties\.{_NAME}"),
    named_as="properties.NAME",
    dated="occurred_at",
    has_numbers=True,
)
SEGMENT_MEMBERS = Kind(
    name="segment_members",
    label=_("Members of a static segment"),
    explanation=_("A list of customers that we know, by number, e-mail or id."),
    targets={**_OF_CUSTOMER, "customer.id": _("Our id of the customer")},
    required=(("customer.external_id", "customer.email", "customer.id"),),
    hints={**_HINT_OF_CUSTOMER, "customer.id": r"^(id|uuid|our_id)$"},
)
TOTALS = Kind(
    name="totals",
    label=_("Past results: counts of scores by month"),
    explanation=_("One month a row, and how many answers gave each score. Shown as imported totals."),
    targets={
        "month": _("Month"),
        "touchpoint": _("Touchpoint"),
        "channel": _("Channel"),
        **{f"score.{score}": _("Answers with score %(score)d") % {"score": score} for score in range(11)},
    },
    required=(("month",), tuple(f"score.{score}" for score in range(11))),
    hints={
        "month": r"month|monat|mes|date|datum|period",
        "touchpoint": r"touchpoint|stage|step|phase|kontaktpunkt",
        "channel": r"channel|kanal|canal",
        **{f"score.{score}": rf"^(score|n|count|c|points|answers|s)?_*0?{score}$" for score in range(11)},
    },
    dated="month",
    makes_touchpoints=True,
    refused=dict.fromkeys(_BY_MONTH, _NO_SHARES),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in (RESPONSES, CUSTOMERS, INTERACTIONS, SEGMENT_MEMBERS, TOTALS)}
