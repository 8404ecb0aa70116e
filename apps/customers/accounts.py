"""Accounts: the companies that customers belong to. A customer names one by its key (`Customer.account`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.identity_statements import (
    ATTRIBUTE,
    COLUMNS,
    Said,
    columns_of,
    flattened,
    lay_over,
    rank_of,
    said_by_values,
    said_of_columns,
    trim,
)
from apps.customers.models import Account, Customer
from apps.customers.queries import customers
from apps.customers.rules import clean_attributes, clean_text, merge_attributes
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError, NotFound

FIELDS = ("key", "name", "attributes")


@transaction.atomic
def create_account(*, actor: Actor, key: str, name: str = "", attributes: Mapping[str, Any] | None = None) -> Account:
    """Make an account; without a name the key is shown. Raises DomainErrors, and Conflict for a key that exists."""
    actor.require("customers.edit")
    values = _cleaned({"key": key, "name": name, "attributes": attributes or {}})
    try:
        with transaction.atomic():
            account = Account.objects.create(**{**values, "name": values["name"] or values["key"]})
    except IntegrityError as error:
        if "account_key" not in str(error):
            raise
        raise Conflict(_("There is an account with this key."), field="key", code="taken") from None
    record(actor=actor, action="customers.account_created", target=account, fields=sorted(values))
    emit("customers.account_created", {"account": str(account.pk)})
    return account


@transaction.atomic
def update_account(*, actor: Actor, account: Account | UUID, merge: bool = False, values: Mapping[str, Any]) -> Account:
    """Change name and attributes; the key stays for ever, as customers name the account by it.

    With `merge` the given attributes are laid over the stored ones (null takes one away), else they replace them.
    Raises NotFound, DomainErrors.
    """
    actor.require("customers.edit")
    row = _locked(account)
    cleaned = _cleaned({name: value for name, value in values.items() if name in FIELDS})
    if cleaned.pop("key", row.key) != row.key:
        raise DomainError(
            _("The key of an account cannot change: customers name it by this."), field="key", code="fixed"
        )
    if "name" in cleaned:
        cleaned["name"] = cleaned["name"] or row.key
    if merge and "attributes" in cleaned:
        cleaned["attributes"] = clean_attributes(merge_attributes(row.attributes, cleaned["attributes"]))
    changed = {name: value for name, value in cleaned.items() if getattr(row, name) != value}
    if not changed:
        return row
    rank = rank_of(now())
    said = said_by_values(changed, rank)
    if "attributes" in changed:
        said |= {ATTRIBUTE + name: (None, rank) for name in row.attributes.keys() - changed["attributes"].keys()}
    _lay(row, said)
    record(actor=actor, action="customers.account_updated", target=row, fields=sorted(changed))
    return row


@transaction.atomic
def delete_account(*, actor: Actor, account: Account | UUID) -> None:
    """Remove an account that nobody belongs to. Raises NotFound, Conflict while customers name it."""
    actor.require("customers.edit")
    row = _locked(account)
    if Customer.objects.filter(account=row.key).exists():
        message = _("Customers belong to this account. Give them another one first.")
        raise Conflict(message, code="in_use")
    record(actor=actor, action="customers.account_deleted", target=row)
    row.delete()


@transaction.atomic
def upsert_account(*, key: str, traits: Mapping[str, Any], at: datetime) -> Account | None:
    """Make the account with this key, or lay traits over it by the time they were said, as group calls do.

    ``name`` is its name, everything else an attribute (objects flattened with dots, at most 100). A key that cannot be
    one makes nothing: None. Not for people: their rights are not asked.
    """
    try:
        key = clean_text(key)
    except ValueError:
        return None
    if not key:
        return None
    known = Account.objects.filter(key=key).first()
    if known is None:
        Account.objects.bulk_create([Account(key=key, name="")], ignore_conflicts=True)
    row = Account.objects.select_for_update().get(key=key)
    rank = rank_of(at)
    rest = dict(traits)
    said: Said = {}
    name = rest.get("name")
    if isinstance(name, str):
        try:
            said["name"] = (clean_text(name) or None, rank)
            del rest["name"]
        except ValueError:
            said.pop("name", None)
    said |= {ATTRIBUTE + field: (value, rank) for field, value in flattened(rest).items()}
    trim(said)
    _lay(row, said, is_new=known is None)
    return row


def accounts(actor: Actor) -> QuerySet[Account]:
    """Every account, with the number of customers that the actor sees in it as `customer_count`."""
    per_account = (
        customers(actor)
        .filter(account=OuterRef("key"))
        .order_by()
        .values("account")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return Account.objects.annotate(customer_count=Coalesce(Subquery(per_account, output_field=IntegerField()), 0))


def matching_accounts(rows: QuerySet[Account], text: str) -> QuerySet[Account]:
    """Accounts whose name or key holds every word, in any case."""
    for word in text.replace("\x00", "").split()[:10]:
        rows = rows.filter(Q(name__icontains=word) | Q(key__icontains=word))
    return rows


def customers_of(actor: Actor, account: Account) -> QuerySet[Customer]:
    """The customers of an account that the actor may see."""
    return customers(actor).filter(account=account.key)


def account_for(actor: Actor, pk: UUID) -> Account:
    """One account with its count. Raises NotFound."""
    row = accounts(actor).filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


def account_named(key: str) -> Account | None:
    """The account that customers name by this key."""
    return Account.objects.filter(key=key).first() if key else None


def _lay(row: Account, said: Said, *, is_new: bool = False) -> None:
    """Lay statements over the account's own, store and tell what changed."""
    before = {**dict.fromkeys(COLUMNS), "name": row.name, "attributes": row.attributes, "said_at": row.said_at}
    whole = {} if is_new else said_of_columns({**before, "updated_at": row.updated_at})
    if not row.said_at and row.name == row.key:
        whole.pop("name", None)
    is_changed = lay_over(whole, said)
    if not is_changed and not is_new:
        return
    columns = columns_of(whole)
    columns["said_at"].pop("stage", None)
    shown = (row.name, row.attributes)
    row.name = columns["name"] or row.key
    row.attributes, row.said_at = columns["attributes"], columns["said_at"]
    row.save(update_fields=["name", "attributes", "said_at", "updated_at"])
    if is_new:
        emit("customers.account_created", {"account": str(row.pk)})
    elif shown != (row.name, row.attributes):
        emit("customers.account_updated", {"account": str(row.pk)})


def _cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    cleaned: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, value in values.items():
        try:
            cleaned[name] = clean_attributes(value) if name == "attributes" else clean_text(value)
        except ValueError as error:
            errors.append({"field": name, "code": "invalid", "message": str(error)})
    if "key" in cleaned and not cleaned["key"]:
        message = _("Give the account a key: its id in your other systems, or its name.")
        errors.append({"field": "key", "code": "required", "message": message})
    if errors:
        raise DomainErrors(errors)
    return cleaned


def _locked(account: Account | UUID) -> Account:
    pk = account.pk if isinstance(account, Account) else account
    row = Account.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise NotFound(_("There is no such account."))
    return row
