"""Customers and their consent."""

from itertools import count
from typing import Any

from apps.api.models import IdempotencyRecord
from apps.customers import services
from apps.customers.models import ConsentRecord, Customer
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


@factory(IdempotencyRecord)
def an_idempotency_record() -> IdempotencyRecord:
    return IdempotencyRecord.objects.create(key=f"key-{next(_numbers)}", actor_id=uuid7(), request_digest="0" * 64)
