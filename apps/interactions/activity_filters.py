"""The filters of the activity list, the same for page and API."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.interactions.models import Activity
from cxm.channels import Channel


class ActivityFilter(django_filters.FilterSet):
    """By name, kind and channel."""

    q = django_filters.CharFilter(method="by_name", label=_("Search"), max_length=200)
    kind = django_filters.MultipleChoiceFilter(choices=Activity.Kind.choices, label=_("Kind"))
    channel = django_filters.MultipleChoiceFilter(choices=Channel.choices, label=_("Channel"))

    class Meta:
        model = Activity
        fields: tuple[str, ...] = ()

    def by_name(self, rows: QuerySet[Activity], _name: str, value: str) -> QuerySet[Activity]:
        """Activities whose name holds the text, in any case."""
        return rows.filter(name__icontains=value.strip())
