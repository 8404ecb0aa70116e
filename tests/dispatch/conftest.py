"""An organisation with a live survey and customers to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.utils.timezone import now

from apps.customers.models import ConsentRecord, Customer
from apps.organizations.models import Organization
from apps.surveys.models import Survey, SurveyVersion
from apps.surveys.wording import standard_definition
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.scope import tenant

from .smtp_sink import Sink, SinkServer

_numbers = count(1)


@dataclass
class Company:
    """An organisation and what the tests need of it; used within `with company.scope():`."""

    organization: Organization
    actor: Actor = field(default_factory=lambda: Actor.system("test"))

    def scope(self) -> Any:
        return tenant(self.organization)

    def touchpoint(self, key: str = "visit", name: str = "Meter visit") -> Touchpoint:
        return Touchpoint.objects.get_or_create(key=key, defaults={"name": name})[0]

    def survey(self, kind: str = "nps", *, relationship: bool = True, **fields: Any) -> Survey:
        number = next(_numbers)
        languages = fields.pop("languages", ["en"])
        definition = standard_definition(kind, languages, self.organization.name, "Meter visit").to_json()
        survey = Survey.objects.create(
            **{
                "name": f"Survey {number}",
                "slug": f"survey-{number}",
                "kind": kind,
                "relationship": relationship,
                "languages": languages,
                "definition": definition,
                "state": "live",
                "current_version": 1,
                **fields,
            }
        )
        SurveyVersion.objects.create(survey=survey, number=1, definition=definition)
        return survey

    def customer(self, *, known_days: float = 400, consent: str = "", **fields: Any) -> Customer:
        number = next(_numbers)
        customer = Customer.objects.create(
            **{
                "external_id": f"c{number}",
                "email": f"lena{number}@customer.example",
                "name": "Lena",
                "created_at": now() - timedelta(days=known_days),
                **fields,
            }
        )
        if consent:
            ConsentRecord.objects.create(customer=customer, purpose="surveys", channel="email", state=consent)
        return customer


def _company(name: str, **fields: Any) -> Company:
    number = next(_numbers)
    return Company(Organization.objects.create(slug=f"{name}-{number}", name=name.title(), **fields))


@pytest.fixture
def make_company(request: pytest.FixtureRequest) -> Callable[..., Company]:
    return _company


@pytest.fixture
def nordwind(db: None) -> Iterator[Company]:
    company = _company("nordwind")
    with company.scope():
        yield company


@pytest.fixture
def smtp(settings: Any) -> Iterator[Sink]:
    """Mail goes over SMTP to a sink, as with an EMAIL_URL."""
    with SinkServer() as server:
        settings.EMAIL_URL_IS_SET = True
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_TIMEOUT = 5
        yield server.sink
