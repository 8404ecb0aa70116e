"""The filters of the invitation list, the same for page and API."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.dispatch.explaining import RULE_NAMES
from apps.dispatch.models import Invitation


class InvitationFilter(django_filters.FilterSet):
    """By what became of the invitation, by the rule that blocked it, by sending and by customer."""

    state = django_filters.MultipleChoiceFilter(
        choices=Invitation.State.choices, field_name="shown_state", label=_("State")
    )
    reason = django_filters.MultipleChoiceFilter(
        method="by_reason", choices=list(RULE_NAMES.items()), label=_("Reason")
    )
    batch = django_filters.UUIDFilter(field_name="batch_id", label=_("Sending"))
    customer = django_filters.UUIDFilter(field_name="customer_id", label=_("Customer"))

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = ()

    def by_reason(self, queryset: QuerySet[Invitation], name: str, value: list[str]) -> QuerySet[Invitation]:
        """Blocked by one of these rules."""
        return queryset.filter(state=Invitation.State.BLOCKED, reason__in=value) if value else queryset
