"""Filters of the audit log, shared by page and API."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.audit.models import AuditEntry

#: No log is older; days before it cannot be told to the database in every zone.
FIRST_DAY = date(1970, 1, 2)


class AuditFilter(django_filters.FilterSet):
    """By action, who, what and day."""

    action = django_filters.CharFilter(
        label=_("Action"), lookup_expr="startswith", max_length=80, help_text=_("For example organizations.role")
    )
    actor_kind = django_filters.ChoiceFilter(
        label=_("Who"),
        choices=[
            ("user", _("People")),
            ("key", _("API keys")),
            ("respondent", _("Respondents")),
            ("guest", _("Guests of workshops")),
            ("system", _("The system")),
        ],
        empty_label=_("Anybody"),
    )
    actor = django_filters.UUIDFilter(label=_("Person or key"), field_name="actor_id")
    target = django_filters.UUIDFilter(label=_("Thing"), field_name="target_id")
    locals()["from"] = django_filters.DateFilter(label=_("From"), method="by_first_day")
    locals()["to"] = django_filters.DateFilter(label=_("To"), method="by_last_day")

    class Meta:
        model = AuditEntry
        fields: list[str] = []

    def by_first_day(self, rows: QuerySet[AuditEntry], _name: str, day: date) -> QuerySet[AuditEntry]:
        """From the beginning of the day in the organisation's zone."""
        return rows.filter(at__gte=self._midnight(day))

    def by_last_day(self, rows: QuerySet[AuditEntry], _name: str, day: date) -> QuerySet[AuditEntry]:
        """Up to the end of the day in the organisation's zone."""
        return rows if day == date.max else rows.filter(at__lt=self._midnight(day + timedelta(days=1)))

    def _midnight(self, day: date) -> datetime:
        organization = getattr(self.request, "organization", None)
        zone = ZoneInfo(organization.timezone) if organization else UTC
        return datetime.combine(max(day, FIRST_DAY), time.min, tzinfo=zone)
