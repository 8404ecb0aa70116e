"""Customers and their consent."""

from itertools import count
from typing import Any

from apps.api.models import IdempotencyRecord
from apps.customers import accounts, merging, services
from apps.customers.models import Account, ConsentRecord, Customer, CustomerIdentifier, CustomerMerge
from cxm.actor import Actor
from cxm.ids import uuid7
from tests.factories.registry import factory

_numbers = count(1)


@factory(Customer)
def a_customer(**values: Any) -> Customer:
    number = next(_numbers)
    values = {"external_id": f"c-{number}", "name": f"Customer {number}", **values}
    return services.create_customer(actor=Actor.system("test"), **values)


@factory(ConsentRecord)
def a_consent_record() -> ConsentRecord:
    return services.record_consent(actor=Actor.system("test"), customer=a_customer(), purpose="surveys")


@factory(CustomerIdentifier)
def an_identifier() -> CustomerIdentifier:
    customer = a_customer(email=f"c{next(_numbers)}@example.com")
    return CustomerIdentifier.objects.get(customer=customer)


@factory(CustomerMerge)
def a_merge() -> CustomerMerge:
    return merging.merge_customers(actor=Actor.system("test"), kept=a_customer(), merged=a_customer())


@factory(Account)
def an_account(**values: Any) -> Account:
    number = next(_numbers)
    values = {"key": f"account-{number}", "name": f"Account {number}", **values}
    return accounts.create_account(actor=Actor.system("test"), **values)


@factory(IdempotencyRecord)
def an_idempotency_record() -> IdempotencyRecord:
    return IdempotencyRecord.objects.create(key=f"key-{next(_numbers)}", actor_id=uuid7(), request_digest="0" * 64)
