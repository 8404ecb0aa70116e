"""Every write of customers and their consent. Merging has a module of its own (merging.py), so have accounts."""

from apps.customers.services.consent import record_consent, withdraw_consent
from apps.customers.services.fields import FIELDS, clean_value, clean_values
from apps.customers.services.records import (
    create_customer,
    delete_customer,
    person_of_external_id,
    record_customer_viewed,
    update_customer,
    upsert_customer,
)
from apps.customers.services.references import (
    CustomerReference,
    people_called,
    people_of,
    resolve_customer,
    resolve_customers,
)

__all__ = [
    "FIELDS",
    "CustomerReference",
    "clean_value",
    "clean_values",
    "create_customer",
    "delete_customer",
    "people_called",
    "people_of",
    "person_of_external_id",
    "record_consent",
    "record_customer_viewed",
    "resolve_customer",
    "resolve_customers",
    "update_customer",
    "upsert_customer",
    "withdraw_consent",
]
