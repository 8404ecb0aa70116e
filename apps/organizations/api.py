"""``units/`` and ``members/`` over the same services, queries and filters as the pages."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.organizations import queries, services
from apps.organizations.filters import MemberFilter, UnitFilter
from apps.organizations.models import ColleagueInvitation, Membership, Unit
from cxm.api.etags import etag_of, require_match
from cxm.api.renderers import render_json
from cxm.api.serializers import TenantModelSerializer, TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import ResourceViewSet, TenantViewSet
from cxm.errors import DomainError


class UnitSerializer(TenantModelSerializer):
    """A unit of the organisation tree; ``parent`` is the id of the unit above, null at the top."""

    code = serializers.CharField(max_length=64, required=False, allow_blank=True)
    parent = serializers.UUIDField(source="parent_id", required=False, allow_null=True)  # type: ignore[assignment]

    class Meta:
        model = Unit
        fields = ("id", "name", "code", "parent", "valid_from", "valid_to", "created_at", "updated_at")
        read_only_fields = ("id", "created_at", "updated_at")


class UnitViewSet(TenantViewSet):
    """The organisation tree."""

    serializer_class = UnitSerializer
    filterset_class = UnitFilter
    ordering_fields = {"name": "name", "code": "code", "created_at": "created_at"}
    ordering = "name"
    required_permissions = {
        "list": "units.view",
        "retrieve": "units.view",
        "create": "units.manage",
        "update": "units.manage",
        "partial_update": "units.manage",
        "destroy": "units.manage",
    }

    def get_queryset(self) -> QuerySet[Unit]:
        return queries.units(self.request.actor).order_by()

    def create_object(self, data: dict[str, Any]) -> Unit:
        return services.create_unit(actor=self.request.actor, **self._with_parent(data))

    def update_object(self, row: Unit, data: dict[str, Any]) -> Unit:
        return services.update_unit(actor=self.request.actor, unit=row, **self._with_parent(data))

    def delete_object(self, row: Unit) -> None:
        services.delete_unit(actor=self.request.actor, unit=row)

    def _with_parent(self, data: dict[str, Any]) -> dict[str, Any]:
        """The data with the unit instead of its id."""
        if "parent_id" in data:
            data["parent"] = named_unit(self.get_queryset(), data.pop("parent_id"), field="parent")
        return data


class GrantSerializer(TenantSerializer):
    """A role, on the whole organisation (``unit`` null) or on a branch."""

    role = serializers.CharField()
    unit = serializers.UUIDField(source="unit_id", allow_null=True)


class MemberSerializer(TenantSerializer):
    """Somebody who belongs here, did, or is invited. ``role`` and ``unit`` are the widest of ``roles``."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["active", "deactivated", "invited"])
    role = serializers.CharField(allow_null=True)
    unit = serializers.UUIDField(allow_null=True)
    roles = GrantSerializer(many=True)
    joined_at = UtcDateTimeField(allow_null=True)


class RoleSerializer(TenantSerializer):
    """What is sent to invite somebody or to change a role."""

    email = serializers.CharField(max_length=254)
    role = serializers.CharField(max_length=20)
    unit = serializers.UUIDField(required=False, allow_null=True, default=None)


class MemberViewSet(ResourceViewSet):
    """Members, and the people who are invited. Creating invites, deleting deactivates or withdraws the invitation."""

    queryset = Membership.objects.none()
    serializer_class = MemberSerializer
    filterset_class = MemberFilter
    ordering_fields = {"joined_at": "joined_at"}
    ordering = "joined_at"
    required_permissions = {
        "list": "members.view",
        "retrieve": "members.view",
        "create": "members.manage",
        "partial_update": "members.manage",
        "destroy": "members.manage",
    }

    def get_queryset(self) -> QuerySet[Membership]:
        return queries.members(self.request.actor)

    def list(self, request: Request) -> Response:
        """Present and former members; with ``?state=invited`` the open invitations instead."""
        if request.query_params.get("state") == "invited":
            invited = queries.open_invitations(self.request.actor).order_by().annotate(joined_at=F("created_at"))
            page = self.paginate_queryset(invited) or []
            return self.get_paginated_response([self.of_invitation(row) for row in page])
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        grants = queries.grants_of([row.user_id for row in rows])
        return self.get_paginated_response([of_member(row, grants[row.user_id]) for row in rows])

    def retrieve(self, request: Request, id: str) -> Response:
        """One member or invitation."""
        return Response(self.representation(self.get_object()))

    @transaction.atomic
    def create(self, request: Request) -> Response:
        """Invite a colleague by e-mail."""
        data = self._body()
        invitation = services.invite_colleague(actor=self.request.actor, **data)
        return Response(
            self.of_invitation(invitation), status=status.HTTP_201_CREATED, headers=self.location(invitation)
        )

    @transaction.atomic
    def partial_update(self, request: Request, id: str) -> Response:
        """Make ``role`` (on ``unit``) the person's one role."""
        row = self.get_object_to_change()
        data = self._body(email=row.email if isinstance(row, ColleagueInvitation) else "")
        if isinstance(row, ColleagueInvitation):
            row = services.invite_colleague(actor=self.request.actor, **data)
        else:
            row = services.change_role(actor=self.request.actor, member=row, role=data["role"], unit=data["unit"])
        return Response(self.representation(row))

    @transaction.atomic
    def destroy(self, request: Request, id: str) -> Response:
        """Deactivate the member, or withdraw the invitation."""
        row = self.get_object_to_change()
        if isinstance(row, ColleagueInvitation):
            services.revoke_invitation(actor=self.request.actor, invitation=row)
        else:
            services.deactivate_member(actor=self.request.actor, member=row)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def get_object(self) -> Membership | ColleagueInvitation:
        try:
            return super().get_object()
        except Http404:
            return get_object_or_404(self.filter_lookup(queries.open_invitations(self.request.actor)))

    def get_object_to_change(self) -> Membership | ColleagueInvitation:
        """As everywhere, but what If-Match compares is written by two different models."""
        row = self.get_object()
        if self.request.headers.get("If-Match"):
            type(row)._default_manager.select_for_update().get(pk=row.pk)
            row = self.get_object()
            require_match(self.request, etag_of(render_json(self.representation(row))))
        return row

    def representation(self, row: Any) -> dict[str, Any]:
        if isinstance(row, ColleagueInvitation):
            return self.of_invitation(row)
        return of_member(row, queries.grants_of([row.user_id])[row.user_id])

    def of_invitation(self, row: ColleagueInvitation) -> dict[str, Any]:
        """Somebody who has not accepted yet."""
        return MemberSerializer(
            {
                "id": row.pk,
                "email": row.email,
                "name": "",
                "state": "invited",
                "role": row.role,
                "unit": row.unit_id,
                "roles": [row],
                "joined_at": None,
            }
        ).data

    def _body(self, email: str = "") -> dict[str, Any]:
        """Address, role and unit of the body; a known ``email`` is not asked for."""
        body = {**self.object_body(), **({"email": email} if email else {})}
        if self.action == "partial_update":
            body.setdefault("email", "unchanged")
        serializer = RoleSerializer(data=body)
        serializer.is_valid(raise_exception=True)
        data = dict(serializer.validated_data)
        data["unit"] = named_unit(queries.units(self.request.actor), data["unit"], field="unit")
        return data


def of_member(row: Membership, grants: list[Any]) -> dict[str, Any]:
    """A present or former member."""
    first = grants[0] if grants else None
    return MemberSerializer(
        {
            "id": row.pk,
            "email": row.user.email,
            "name": row.user.name,
            "state": "active" if row.is_active else "deactivated",
            "role": first.role if first else None,
            "unit": first.unit_id if first else None,
            "roles": grants,
            "joined_at": row.joined_at,
        }
    ).data


def named_unit(rows: QuerySet[Unit], unit_id: UUID | None, *, field: str) -> Unit | None:
    """The unit of this id among those the actor may see. Raises DomainError naming the field when there is none."""
    if unit_id is None:
        return None
    unit = rows.filter(pk=unit_id).first()
    if unit is None:
        raise DomainError("There is no unit with this id.", field=field, code="unknown_unit")
    return unit


def register(router: Any) -> None:
    """Add this app's resources to the API."""
    router.register("units", UnitViewSet, basename="unit")
    router.register("members", MemberViewSet, basename="member")
