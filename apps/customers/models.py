"""Who the customers are: identifiers, attributes, consent."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Coalesce, Concat, Lower
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


def searchable() -> Lower:
    """Identifiers and names in lower case, apart by line breaks (which no search text holds), as one text."""
    parts: list[Any] = []
    for column in ("name", "external_id", "email", "phone", "account"):
        parts += [models.Value("\n"), Coalesce(column, models.Value(""), output_field=models.TextField())]
    return Lower(Concat(*parts[1:], output_field=models.TextField()))


class Customer(TenantModel):
    """A person (or household) that the organisation serves. ``attributes`` is a flat JSON object (rules.py)."""

    class Stage(models.TextChoices):
        PROSPECT = "prospect", _("Prospect")
        CUSTOMER = "customer", _("Customer")
        FORMER = "former", _("Former customer")

    external_id = models.CharField(max_length=200, null=True, blank=True)
    email = models.EmailField(null=True, blank=True)
    phone = models.CharField(max_length=40, null=True, blank=True)
    name = models.CharField(max_length=200, blank=True)
    stage = models.CharField(max_length=8, choices=Stage.choices, default=Stage.CUSTOMER)
    account = models.CharField(max_length=200, blank=True)
    unit = TenantForeignKey("organizations.Unit", models.SET_NULL, null=True, blank=True, related_name="+")
    language = models.CharField(max_length=10, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    search_text = models.GeneratedField(expression=searchable(), output_field=models.TextField(), db_persist=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "external_id"], name="customer_external_id")]
        indexes = [
            models.Index(fields=["tenant", "email"], name="customer_email"),
            models.Index(fields=["tenant", "created_at", "id"], name="customer_recent"),
            models.Index(fields=["tenant", "updated_at", "id"], name="customer_changed"),
            models.Index(fields=["tenant", "name", "id"], name="customer_by_name"),
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="customer_search"),
        ]

    def __str__(self) -> str:
        return self.name or self.external_id or self.email or str(self.id)


class ConsentRecord(TenantModel):
    """One statement of consent or its withdrawal; the newest of a purpose and channel is in force."""

    class Purpose(models.TextChoices):
        SURVEYS = "surveys", _("Surveys")
        MARKETING = "marketing", _("Marketing")
        CONTACT = "contact", _("Being contacted")

    class Channel(models.TextChoices):
        EMAIL = "email", _("E-mail")
        SMS = "sms", _("SMS")
        ANY = "any", _("Any channel")

    class State(models.TextChoices):
        GIVEN = "given", _("Given")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    customer = TenantForeignKey(Customer, models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    state = models.CharField(max_length=10, choices=State.choices)
    text_version = models.CharField(max_length=40, blank=True)
    how = models.CharField(max_length=80, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["tenant", "customer", "purpose", "-at"], name="consent_latest")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.channel}: {self.state}"
