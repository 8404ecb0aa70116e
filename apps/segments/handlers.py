"""What segments do when something happened below them: decide anew for the customers it happened to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from apps.customers.models import Account, Customer
from apps.outbox.registry import handles
from apps.segments.compiler import Dependencies
from apps.segments.refresh import MOST_FOLLOWED, follow, live_segments, recount, request_refresh
from apps.surveys.models import Response
from cxm.ids import parse_uuid

Payload = dict[str, Any]


@handles(
    "customers.customer_created",
    "customers.customer_updated",
    "customers.customer_deleted",
    "customers.customers_merged",
    "customers.customers_unmerged",
    "customers.customer_erased",
    name="segments.follow_customers",
    batch=True,
)
def follow_customers(payloads: list[Payload]) -> None:
    """Decide anew for customers who are new, changed, gone, joined or parted.

    A change of fields concerns rules that look at the customer. Anything else can change what a person is, and with it
    everything that is counted by person.
    """
    unusual = [payload for payload in payloads if not _is_plain(payload)]
    changed = _all_customers(payload for payload in payloads if _is_plain(payload))
    others = _all_customers(unusual)
    people = set(Customer.objects.filter(pk__in=others).values_list("pk", flat=True)) if others else set()
    follow(others, lambda _needs: True)
    follow(changed - others, lambda needs: needs.customer or needs.account)
    if others - people or any("merged" in payload or "fields" in payload for payload in unusual):
        recount()


@handles("customers.account_created", "customers.account_updated", name="segments.follow_accounts", batch=True)
def follow_accounts(payloads: list[Payload]) -> None:
    """Decide anew for everybody who belongs to a company that is new or changed (nobody belongs to a deleted one)."""
    ids = {pk for payload in payloads if (pk := parse_uuid(payload.get("account"))) is not None}
    keys = list(Account.objects.filter(pk__in=ids).values_list("key", flat=True))
    people = Customer.objects.filter(account__in=keys).values_list("pk", flat=True)[: MOST_FOLLOWED + 1]
    follow(set(people), lambda needs: needs.account)


@handles("customers.consent_recorded", name="segments.follow_consent", batch=True)
def follow_consent(payloads: list[Payload]) -> None:
    """Decide anew for customers who agreed or withdrew."""
    follow(_all_customers(payloads), lambda needs: needs.consent)


@handles("interactions.recorded", "interactions.deleted", name="segments.follow_interactions", batch=True)
def follow_interactions(payloads: list[Payload]) -> None:
    """Decide anew for customers who did something, or of whom something was taken back, where a rule names it."""
    events = {name for payload in payloads for name in payload.get("events", ())}

    def concerns(needs: Dependencies) -> bool:
        return bool(needs.events & events)

    follow(_all_customers(payloads), concerns)


@handles(
    "surveys.response_recorded",
    "surveys.response_changed",
    "surveys.response_deleted",
    name="segments.follow_answers",
    batch=True,
)
def follow_answers(payloads: list[Payload]) -> None:
    """Decide anew for customers who answered. Whose a deleted answer was, nobody can say: then for everybody."""
    ids = {pk for payload in payloads for text in payload.get("responses", ()) if (pk := parse_uuid(text))}
    found = dict(Response.objects.filter(pk__in=ids).values_list("pk", "customer_id"))
    customers = {customer for customer in found.values() if customer is not None} | _all_customers(payloads)
    follow(customers, lambda needs: needs.answers)
    if len(found) < len(ids):
        request_refresh(segment.id for segment in live_segments()[0] if segment.needs.answers)


@handles("organizations.timezone_changed", name="segments.follow_zone")
def follow_zone(payload: Payload) -> None:
    """Dates are days of the organisation's calendar."""
    request_refresh(segment.id for segment in live_segments()[0] if segment.needs.dates)


@handles("organizations.unit_changed", name="segments.follow_units", batch=True)
def follow_units(payloads: list[Payload]) -> None:
    """A unit in a rule stands for its branch."""
    request_refresh(segment.id for segment in live_segments()[0] if segment.needs.unit)


@handles("organizations.settings_changed", name="segments.follow_settings")
def follow_settings(payload: Payload) -> None:
    """Whether provisional answers count decides for everybody who gave one."""
    if "include_provisional" in payload.get("fields", ()):
        request_refresh(segment.id for segment in live_segments()[0] if segment.needs.answers)


def customers_in(payload: Mapping[str, Any]) -> set[UUID]:
    """The customers that an event names."""
    named: list[Any] = [payload.get("customer"), *payload.get("customers", ())]
    return {pk for text in named if text is not None and (pk := parse_uuid(text)) is not None}


def _all_customers(payloads: Iterable[Mapping[str, Any]]) -> set[UUID]:
    return {pk for payload in payloads for pk in customers_in(payload)}


def _is_plain(payload: Mapping[str, Any]) -> bool:
    """Whether only fields of a person changed, none of them one that says who is a person to work with."""
    return "merged" not in payload and "fields" in payload and "restricted_at" not in payload["fields"]
