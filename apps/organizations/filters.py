"""Filters shared by the pages and the API."""

from datetime import date

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.organizations import roles
from apps.organizations.models import Membership, RoleGrant, Unit
from apps.organizations.queries import valid_on


class MemberFilter(django_filters.FilterSet):
    """Members by name or address, role and state."""

    q = django_filters.CharFilter(label=_("Name or address"), method="by_text", max_length=100)
    role = django_filters.ChoiceFilter(
        label=_("Role"), choices=list(roles.ROLE_LABELS.items()), method="by_role", empty_label=_("Any role")
    )
    state = django_filters.ChoiceFilter(
        label=_("State"),
        choices=[("active", _("Active")), ("deactivated", _("Deactivated"))],
        method="by_state",
        empty_label=_("Any state"),
    )

    class Meta:
        model = Membership
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Membership], _name: str, text: str) -> QuerySet[Membership]:
        """People whose name or address contains the text."""
        return rows.filter(Q(user__name__icontains=text) | Q(user__email__icontains=text))

    def by_role(self, rows: QuerySet[Membership], _name: str, role: str) -> QuerySet[Membership]:
        """People who hold the role, anywhere."""
        return rows.filter(user_id__in=RoleGrant.objects.filter(role=role).values("user_id"))

    def by_state(self, rows: QuerySet[Membership], _name: str, state: str) -> QuerySet[Membership]:
        """Present or former members."""
        return rows.filter(is_active=state == "active")


class UnitFilter(django_filters.FilterSet):
    """Units by code, name, parent and the day they exist on."""

    q = django_filters.CharFilter(label=_("Name"), field_name="name", lookup_expr="icontains", max_length=120)
    code = django_filters.CharFilter(label=_("Code"), max_length=64)
    parent = django_filters.UUIDFilter(label=_("Belongs to"), field_name="parent_id")
    on = django_filters.DateFilter(label=_("Exists on"), method="by_day")

    class Meta:
        model = Unit
        fields: list[str] = []

    def by_day(self, rows: QuerySet[Unit], _name: str, day: date) -> QuerySet[Unit]:
        """Units that exist on the day."""
        return valid_on(rows, day)
