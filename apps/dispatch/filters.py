"""The filters of the invitation list, the same for page and API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.dispatch.explaining import RULE_NAMES
from apps.dispatch.models import Invitation, SendPlan
from apps.surveys.models import Survey


def every_survey(_request: Any) -> QuerySet[Survey]:
    """The surveys to choose from; read when the filter is used."""
    return Survey.objects.order_by("name", "pk").only("pk", "name")


class SendPlanFilter(django_filters.FilterSet):
    """Sendings by name, state and survey."""

    q = django_filters.CharFilter(field_name="name", lookup_expr="icontains", max_length=120, label=_("Name"))
    state = django_filters.MultipleChoiceFilter(choices=SendPlan.State.choices, label=_("State"))
    survey = django_filters.ModelChoiceFilter(queryset=every_survey, label=_("Survey"))

    class Meta:
        model = SendPlan
        fields: tuple[str, ...] = ()


class InvitationFilter(django_filters.FilterSet):
    """By what became of the invitation, by the rule that blocked it, by sending and by customer."""

    state = django_filters.MultipleChoiceFilter(
        choices=Invitation.State.choices, field_name="shown_state", label=_("State")
    )
    reason = django_filters.MultipleChoiceFilter(
        method="by_reason", choices=list(RULE_NAMES.items()), label=_("Reason")
    )
    plan = django_filters.UUIDFilter(field_name="plan_id", label=_("Sending plan"))
    batch = django_filters.UUIDFilter(field_name="batch_id", label=_("Sending"))
    customer = django_filters.UUIDFilter(field_name="customer_id", label=_("Customer"))

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = ()

    def by_reason(self, queryset: QuerySet[Invitation], name: str, value: list[str]) -> QuerySet[Invitation]:
        """Blocked by one of these rules."""
        return queryset.filter(state=Invitation.State.BLOCKED, reason__in=value) if value else queryset


class DecisionFilter(django_filters.FilterSet):
    """The decisions of one sending: by state, by the rule that blocked, and by the customer's name or id."""

    q = django_filters.CharFilter(method="by_text", max_length=200, label=_("Name or external id"))
    state = django_filters.MultipleChoiceFilter(
        choices=Invitation.State.choices, field_name="shown_state", label=_("State")
    )
    reason = django_filters.MultipleChoiceFilter(
        method="by_reason", choices=list(RULE_NAMES.items()), label=_("Reason")
    )

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = ()

    def by_text(self, queryset: QuerySet[Invitation], name: str, value: str) -> QuerySet[Invitation]:
        """Of customers, or members, whose name holds the text, or whose external id it is."""
        about = Q(customer__name__icontains=value) | Q(customer__external_id=value) | Q(member__name__icontains=value)
        return queryset.filter(about)

    def by_reason(self, queryset: QuerySet[Invitation], name: str, value: list[str]) -> QuerySet[Invitation]:
        """Blocked by one of these rules."""
        return queryset.filter(state=Invitation.State.BLOCKED, reason__in=value) if value else queryset
