"""Filters of the privacy desk, shared by page and API."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from apps.privacy.models import PrivacyRequest


class PrivacyRequestFilter(django_filters.FilterSet):
    """By state, kind, customer, and what is beyond its deadline."""

    state = django_filters.MultipleChoiceFilter(choices=PrivacyRequest.State.choices, label=_("State"))
    kind = django_filters.MultipleChoiceFilter(choices=PrivacyRequest.Kind.choices, label=_("Kind"))
    overdue = django_filters.BooleanFilter(method="by_overdue", label=_("Overdue"))
    customer = django_filters.UUIDFilter(field_name="subject_id", label=_("Customer"))

    class Meta:
        model = PrivacyRequest
        fields: tuple[str, ...] = ()

    def by_overdue(self, rows: QuerySet[PrivacyRequest], name: str, value: bool) -> QuerySet[PrivacyRequest]:
        """Waiting for an answer beyond the deadline, or not."""
        late = {"closed_at__isnull": True, "due_at__lt": now()}
        return rows.filter(**late) if value else rows.exclude(**late)
