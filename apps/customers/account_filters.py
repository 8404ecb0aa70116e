"""The filters of the account list, the same for page and API."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.customers import accounts
from apps.customers.models import Account


class AccountFilter(django_filters.FilterSet):
    """Search by name and key, for the page and the API."""

    q = django_filters.CharFilter(method="search", label=_("Search"), max_length=200)
    key = django_filters.CharFilter(lookup_expr="exact", label=_("Key"), max_length=200)

    class Meta:
        model = Account
        fields: tuple[str, ...] = ()

    def search(self, queryset: QuerySet[Account], _name: str, value: str) -> QuerySet[Account]:
        """Every word in name or key."""
        return accounts.matching_accounts(queryset, value)
