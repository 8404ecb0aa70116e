"""What people ask about their own data, and who was erased."""

from __future__ import annotations

from typing import Any

from apps.privacy import services
from apps.privacy.erasure import erase_customer
from apps.privacy.models import Erasure, PrivacyRequest, PrivacySettings
from cxm.actor import Actor
from tests.factories.customers import a_customer
from tests.factories.registry import factory

SYSTEM = Actor.system("test")


def a_privacy_request(kind: str = "access", **values: Any) -> PrivacyRequest:
    """An open request; of a new customer unless `customer` is given."""
    values.setdefault("customer", a_customer().pk)
    return services.open_request(actor=SYSTEM, kind=kind, **values)


@factory(PrivacyRequest)
def _request() -> PrivacyRequest:
    return a_privacy_request()


@factory(PrivacySettings)
def _settings() -> PrivacySettings:
    services.set_answer_days(actor=SYSTEM, days=21)
    return PrivacySettings.objects.get()


@factory(Erasure)
def _erasure() -> Erasure:
    return Erasure.objects.get(pk=erase_customer(actor=SYSTEM, customer=a_customer().pk).id)
