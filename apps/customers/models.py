"""Who the customers are: identifiers, attributes, consent."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Cast, Coalesce, Concat, Lower
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


def searchable() -> Lower:
    """Identifiers, names and the values of attributes in lower case, apart by line breaks, as one text."""
    parts: list[Any] = []
    for column in ("name", "external_id", "email", "phone", "account"):
        parts += [Coalesce(column, models.Value(""), output_field=models.TextField()), models.Value("\n")]
    values = models.Func(
        models.F("attributes"),
        models.Value("$.*"),
        function="jsonb_path_query_array",
        output_field=models.JSONField(),
    )
    return Lower(Concat(*parts, Cast(values, models.TextField()), output_field=models.TextField()))


class PersonManager(models.Manager["Customer"]):
    """Customers as people: a record that was merged into another one is not one of them."""

    def get_queryset(self) -> models.QuerySet[Customer]:
        return super().get_queryset().filter(merged_into=None)


class Customer(TenantModel):
    """A person (or household) that the organisation serves. ``attributes`` is a flat JSON object (rules.py).

    ``objects`` are people. A record that was merged stays, pointing at the person it is part of (always directly, never
    over another merged record), and only ``records`` finds it. ``said_at`` holds when each field ("name",
    "attributes.plan") was said, in microseconds since 1970, and under "" the time of all others (without one, that of
    the row's last change): late messages must not overwrite newer ones. Where the profile also shows what was said
    under other identifiers or records, ``base`` holds what was said of this record itself (identity_statements.py).
    ``alias_of`` is the external id that an alias call named as the same person. ``restricted_at``: the person asked
    that their data be kept but not used.
    """

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
    said_at = models.JSONField(default=dict, editable=False)
    base = models.JSONField(null=True, editable=False)
    alias_of = models.CharField(max_length=200, blank=True, editable=False)
    alias_at = models.DateTimeField(null=True, editable=False)
    merged_into = TenantForeignKey("self", models.PROTECT, null=True, editable=False, related_name="+", db_index=False)
    restricted_at = models.DateTimeField(null=True, editable=False)
    search_text = models.GeneratedField(expression=searchable(), output_field=models.TextField(), db_persist=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    records = models.Manager()
    objects = PersonManager()

    class Meta:
        default_manager_name = "objects"
        base_manager_name = "records"
        constraints = [models.UniqueConstraint(fields=["tenant", "external_id"], name="customer_external_id")]
        indexes = [
            models.Index(fields=["tenant", "email"], name="customer_email"),
            models.Index(fields=["tenant", "created_at", "id"], name="customer_recent"),
            models.Index(fields=["tenant", "updated_at", "id"], name="customer_changed"),
            models.Index(fields=["tenant", "name", "id"], name="customer_by_name"),
            models.Index(
                fields=["tenant", "merged_into"],
                condition=models.Q(merged_into__isnull=False),
                name="customer_merged",
            ),
            models.Index(fields=["tenant", "account", "id"], name="customer_of_account"),
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="customer_search"),
        ]

    def __str__(self) -> str:
        return self.name or self.external_id or self.email or str(self.id)


class CustomerIdentifier(TenantModel):
    """An e-mail address, phone number or anonymous id by which messages name a person (identity.py has the rules).

    A user id needs no row here: it is the ``external_id`` of its record. ``customer`` is the person the identifier
    belongs to now; an anonymous id that nobody was identified by has none. ``claimed_by`` names the higher identifier
    it was seen with ("user_id:u-17"), and ``claimed_at`` when first; ``traits`` holds what was said under this
    identifier alone: field -> [value, time]. ``home`` is the record that was made for it while nobody claimed it, and
    ``barred`` names holders that a colleague parted it from for good.
    """

    class Kind(models.TextChoices):
        EMAIL = "email", _("E-mail")
        PHONE = "phone", _("Phone")
        ANONYMOUS = "anonymous_id", _("Anonymous id")

    kind = models.CharField(max_length=12, choices=Kind.choices)
    value = models.CharField(max_length=255)
    customer = TenantForeignKey(Customer, models.CASCADE, null=True, related_name="identifiers", db_index=False)
    claimed_by = models.CharField(max_length=270, blank=True)
    claimed_at = models.DateTimeField(null=True)
    traits = models.JSONField(default=dict)
    home = TenantForeignKey(Customer, models.SET_NULL, null=True, related_name="+")
    barred = models.JSONField(default=list)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "value"], name="customer_identifier")]
        indexes = [
            models.Index(fields=["tenant", "customer", "kind"], name="identifier_of_customer"),
            models.Index(
                fields=["tenant", "claimed_by", "kind", "claimed_at"],
                condition=~models.Q(claimed_by=""),
                name="identifier_claims",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class CustomerMerge(TenantModel):
    """The journal of two records having become one person, with what it takes to undo it exactly.

    ``journal`` holds by holder (holders.py) the ids of what was moved, and by which identifier the records met. The
    fields need no copy: every record keeps its own (``Customer.base``). At most one merge of a record is in force.
    """

    class How(models.TextChoices):
        HAND = "hand", _("By hand")
        IDENTIFIED = "identified", _("One identifier for both")
        ALIAS = "alias", _("Alias")

    kept = TenantForeignKey(Customer, models.CASCADE, related_name="+")
    merged = TenantForeignKey(Customer, models.CASCADE, related_name="+")
    how = models.CharField(max_length=10, choices=How.choices)
    journal = models.JSONField(default=dict)
    merged_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    merged_at = models.DateTimeField(default=now)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "merged"], condition=models.Q(undone_at__isnull=True), name="merge_in_force"
            )
        ]


class Account(TenantModel):
    """A company that customers belong to. Customers name it by ``key`` (``Customer.account``): its id or its name."""

    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    said_at = models.JSONField(default=dict, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="account_key")]
        indexes = [models.Index(fields=["tenant", "name", "id"], name="account_by_name")]

    def __str__(self) -> str:
        return self.name or self.key


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
