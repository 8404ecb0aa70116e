"""The filters of the customer list, the same for page and API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.customers.models import Customer
from apps.customers.search import matching
from apps.organizations.models import Unit


def units(request: Any) -> QuerySet[Unit]:
    """The units of the organisation in force; read when the filter is used, not when this module is loaded."""
    return Unit.objects.order_by("name")


class CustomerFilter(django_filters.FilterSet):
    """Search and the columns people sort customers by."""

    q = django_filters.CharFilter(method="search_text", label=_("Search"), max_length=200)
    stage = django_filters.MultipleChoiceFilter(choices=Customer.Stage.choices, label=_("Stage"))
    unit = django_filters.ModelChoiceFilter(queryset=units, label=_("Unit"), empty_label=_("All units"))
    account = django_filters.CharFilter(lookup_expr="exact", label=_("Account"), max_length=200)
    external_id = django_filters.CharFilter(lookup_expr="exact", label=_("External id"), max_length=200)
    email = django_filters.CharFilter(method="by_email", label=_("E-mail"), max_length=254)

    class Meta:
        model = Customer
        fields: tuple[str, ...] = ()

    def search_text(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        """Every word anywhere in the searchable columns."""
        return matching(queryset, value)

    def by_email(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        """The whole address, in any case."""
        return queryset.filter(email=value.strip().lower())


def register_customer_filter(name: str, made: django_filters.Filter) -> None:
    """Add a filter that an app above answers, such as membership of a segment. Called in its `wiring.py`."""
    CustomerFilter.base_filters[name] = made
