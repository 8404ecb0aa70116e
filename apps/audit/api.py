"""``audit/``: the log, read only."""

from typing import Any

from django.db.models import QuerySet

from apps.audit import queries
from apps.audit.filters import AuditFilter
from apps.audit.models import AuditEntry
from cxm.api.serializers import TenantModelSerializer
from cxm.api.viewsets import ReadOnlyTenantViewSet


class AuditEntrySerializer(TenantModelSerializer):
    """One line of the log: ids and names of fields, never values."""

    class Meta:
        model = AuditEntry
        fields = (
            "id",
            "at",
            "actor_kind",
            "actor_id",
            "actor_name",
            "action",
            "target_type",
            "target_id",
            "fields",
            "ip",
        )


class AuditViewSet(ReadOnlyTenantViewSet):
    """Who did what, when, from where."""

    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
    ordering_fields = {"at": "at"}
    ordering = "-at"
    required_permissions = {"list": "audit.view", "retrieve": "audit.view"}

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return queries.entries()


def register(router: Any) -> None:
    """Add this app's resources to the API."""
    router.register("audit", AuditViewSet, basename="audit")
