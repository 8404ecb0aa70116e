"""Providers of messages, and what they report."""

from __future__ import annotations

from itertools import count

from django.utils.timezone import now

from apps.messaging.models import DeliveryReport, LocalMessage, Provider
from tests.factories.registry import factory

_numbers = count(1)


@factory(Provider)
def a_provider(*, kind: str = "sms", backend: str = "local", is_active: bool = False) -> Provider:
    return Provider.objects.create(kind=kind, backend=backend, name="Try it out", is_active=is_active)


@factory(DeliveryReport)
def a_delivery_report() -> DeliveryReport:
    return DeliveryReport.objects.create(
        provider=a_provider(), event_id=f"event-{next(_numbers)}", kind="delivered", happened_at=now()
    )


@factory(LocalMessage)
def a_local_message() -> LocalMessage:
    return LocalMessage.objects.create(provider=a_provider(), to="+15550100", text="One question")
