"""`accounts/`: the companies that customers belong to."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.customers import accounts
from apps.customers.account_filters import AccountFilter
from apps.customers.api import AttributesField, CustomerSerializer
from apps.customers.models import Account
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer
from cxm.api.viewsets import TenantViewSet


class AccountSerializer(TenantModelSerializer):
    """An account. `customers` counts those the key may see; `key` is what a customer's `account` says, for ever."""

    key = serializers.CharField(required=False, max_length=1_000)
    name = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1_000)
    attributes = AttributesField(required=False)
    customers = serializers.IntegerField(source="customer_count", read_only=True)

    class Meta:
        model = Account
        fields = ("id", "key", "name", "attributes", "customers", "created_at", "updated_at")
        read_only_fields = ("id", "created_at", "updated_at")


class AccountViewSet(TenantViewSet):
    """The companies (or households) that customers belong to."""

    serializer_class = AccountSerializer
    filterset_class = AccountFilter
    queryset = Account.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"name": "name", "key": "key", "created_at": "created_at"}
    ordering = "name"
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "customers.view",
        "retrieve": "customers.view",
        "create": "customers.edit",
        "update": "customers.edit",
        "partial_update": "customers.edit",
        "destroy": "customers.edit",
        "customers": "customers.view",
    }

    def get_queryset(self) -> QuerySet[Account]:
        return accounts.accounts(self.request.actor)

    def create_object(self, data: dict[str, Any]) -> Account:
        values = {"key": "", **data, "name": data.get("name") or ""}
        return accounts.create_account(actor=self.request.actor, **values)

    def update_object(self, row: Account, data: dict[str, Any]) -> Account:
        merge = self.action == "partial_update"
        return accounts.update_account(actor=self.request.actor, account=row, merge=merge, values=data)

    def delete_object(self, row: Account) -> None:
        accounts.delete_account(actor=self.request.actor, account=row)

    @extend_schema(responses=CustomerSerializer(many=True))
    @action(
        detail=True,
        serializer_class=CustomerSerializer,
        filterset_class=None,
        ordering_fields={"created_at": "created_at", "name": "name"},
        ordering="-created_at",
    )
    def customers(self, request: Request, id: str) -> Response:
        """The customers of this account."""
        rows = self.paginate_queryset(
            self.filter_queryset(accounts.customers_of(self.request.actor, self.get_object()))
        )
        return self.get_paginated_response(CustomerSerializer(rows, many=True).data)


def register(router: ApiRouter) -> None:
    """Add accounts to the API."""
    router.register("accounts", AccountViewSet, basename="account")
