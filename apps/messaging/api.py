"""`providers/`: accounts at providers of messages. Credentials go in and never come out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.messaging import services
from apps.messaging.backends import BACKENDS, CHOICES
from apps.messaging.models import Provider
from apps.messaging.rules import LONGEST_CREDENTIAL
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer
from cxm.api.viewsets import TenantViewSet, one_transaction
from cxm.errors import DomainError, DomainErrors, FieldError

_CREDENTIALS = frozenset(credential.name for backend in BACKENDS.values() for credential in backend.credentials)


class ProviderFilter(django_filters.FilterSet):
    """By kind, and whether messages leave through it."""

    kind = django_filters.ChoiceFilter(choices=Provider.Kind.choices)
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = Provider
        fields: tuple[str, ...] = ()


class ProviderSerializer(TenantModelSerializer):
    """An account at a provider. `credentials` are written only: a secret that is not sent stays what it was."""

    name = serializers.CharField(max_length=1000)
    backend = serializers.ChoiceField(choices=CHOICES)
    sender = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    per_second = serializers.IntegerField(required=False, min_value=0)
    per_day = serializers.IntegerField(required=False, min_value=0)
    credentials = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=LONGEST_CREDENTIAL), required=False, write_only=True
    )

    class Meta:
        model = Provider
        fields = (
            "id",
            "kind",
            "backend",
            "name",
            "sender",
            "per_second",
            "per_day",
            "credentials",
            "is_active",
            "last_event_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "kind", "is_active", "last_event_at", "created_at", "updated_at")


class NothingSerializer(TenantSerializer):
    """No fields."""


class ProviderViewSet(TenantViewSet):
    """Through whom an organisation's messages leave."""

    serializer_class = ProviderSerializer
    filterset_class = ProviderFilter
    queryset = Provider.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"name": "name", "created_at": "created_at"}
    ordering = "name"
    required_permissions: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            "list",
            "retrieve",
            "create",
            "update",
            "partial_update",
            "destroy",
            "activate",
            "deactivate",
        ),
        services.PERMISSION,
    )

    def get_queryset(self) -> QuerySet[Provider]:
        return Provider.objects.all()

    def create_object(self, data: dict[str, Any]) -> Provider:
        with _named_as_sent():
            return services.add_provider(actor=self.request.actor, **data)

    def update_object(self, row: Provider, data: dict[str, Any]) -> Provider:
        if data.pop("backend", row.backend) != row.backend:
            raise DomainError(_("An account stays with its provider. Add another one instead."), field="backend")
        with _named_as_sent():
            return services.change_provider(actor=self.request.actor, provider=row, **data)

    def delete_object(self, row: Provider) -> None:
        services.delete_provider(actor=self.request.actor, provider=row)

    @extend_schema(request=NothingSerializer, responses=ProviderSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def activate(self, request: Request, id: str) -> Response:
        """Let messages leave through it; another one of the same kind is switched off."""
        provider = self.get_object_to_change()
        services.activate_provider(actor=self.request.actor, provider=provider)
        return Response(self.representation(self.reread(provider)))

    @extend_schema(request=NothingSerializer, responses=ProviderSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def deactivate(self, request: Request, id: str) -> Response:
        """Send nothing more through it. What it still reports is heard."""
        provider = self.get_object_to_change()
        services.deactivate_provider(actor=self.request.actor, provider=provider)
        return Response(self.representation(self.reread(provider)))


@contextmanager
def _named_as_sent() -> Iterator[None]:
    """Name a credential by its path in the body."""
    try:
        yield
    except DomainErrors as error:
        raise DomainErrors([_renamed(item) for item in error.errors]) from None


def _renamed(item: FieldError) -> FieldError:
    inside = item["field"] in _CREDENTIALS
    return {**item, "field": f"credentials.{item['field']}"} if inside else item


def register(router: ApiRouter) -> None:
    """Add the providers to the API."""
    router.register("providers", ProviderViewSet, basename="provider")
