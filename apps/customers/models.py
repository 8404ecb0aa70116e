"""Who the customers are: identifiers, attributes, consent."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Customer(TenantModel):
    """A person (or household) that the organisation serves. ``attributes`` is a flat JSON object."""

    class Stage(models.TextChoices):
        PROSPECT = "prospect", "Prospect"
        CUSTOMER = "customer", "Customer"
        FORMER = "former", "Former customer"

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
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "external_id"], name="customer_external_id")]
        indexes = [
            models.Index(fields=["tenant", "email"], name="customer_email"),
            models.Index(fields=["tenant", "-created_at", "-id"], name="customer_recent"),
        ]

    def __str__(self) -> str:
        return self.name or self.external_id or self.email or str(self.id)


class ConsentRecord(TenantModel):
    """One statement of consent or its withdrawal; the newest of a purpose and channel is in force."""

    class State(models.TextChoices):
        GIVEN = "given", "Given"
        WITHDRAWN = "withdrawn", "Withdrawn"

    customer = TenantForeignKey(Customer, models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=20)
    channel = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=State.choices)
    text_version = models.CharField(max_length=40, blank=True)
    how = models.CharField(max_length=80, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["tenant", "customer", "purpose", "-at"], name="consent_latest")]
