"""`suppressions/`: the suppression list for other systems."""

from __future__ import annotations

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.customers.digests import digest_of
from apps.dispatch.models import Suppression
from apps.dispatch.suppression import MOST_AT_ONCE, add_suppressions, lift_suppression
from cxm.api.problems import BadBody
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer
from cxm.api.viewsets import ListMixin, ResourceViewSet, RetrieveMixin, one_transaction


class SuppressionFilter(django_filters.FilterSet):
    """By the whole address or number, and by reason."""

    email = django_filters.CharFilter(method="by_address", max_length=254)
    phone = django_filters.CharFilter(method="by_number", max_length=40)
    reason = django_filters.MultipleChoiceFilter(choices=Suppression.Reason.choices)

    class Meta:
        model = Suppression
        fields: tuple[str, ...] = ()

    def by_address(self, rows: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        """The entry of this address, also when of an erased person only a digest is kept."""
        email = value.strip().lower()
        return rows.filter(email=email) | rows.filter(digest=digest_of("email", email))

    def by_number(self, rows: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        """The entry of this phone number, as customers have it; also when only a digest is kept."""
        phone = value.strip()
        return rows.filter(phone=phone) | rows.filter(digest=digest_of("phone", phone))


class SuppressionSerializer(TenantModelSerializer):
    """Somebody who is never mailed. Of a person who was erased there is no address."""

    email = serializers.SerializerMethodField()
    phone = serializers.SerializerMethodField()
    customer = serializers.UUIDField(source="customer_id", allow_null=True)
    erased = serializers.SerializerMethodField()

    class Meta:
        model = Suppression
        fields = ("id", "email", "phone", "customer", "erased", "reason", "note", "at")
        read_only_fields = fields

    def get_email(self, row: Suppression) -> str | None:
        """The address, or null."""
        return row.email or None

    def get_phone(self, row: Suppression) -> str | None:
        """The number, or null."""
        return row.phone or None

    def get_erased(self, row: Suppression) -> bool:
        """Whether only a digest of the address is kept."""
        return bool(row.digest)


class AddressesField(serializers.ListField):
    """Addresses as text, read without a serializer a piece: there may be 10,000."""

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            raise serializers.ValidationError(_("Give a list of e-mail addresses."), code="not_a_list")
        if len(data) > MOST_AT_ONCE:
            raise serializers.ValidationError(_("Give at most 10,000 addresses at a time."), code="too_many")
        wrong = next((place for place, text in enumerate(data) if not isinstance(text, str)), None)
        if wrong is not None:
            raise serializers.ValidationError({str(wrong): [_("Send text.")]})
        return data


class NewSuppressionsSerializer(TenantSerializer):
    """One address, or a list."""

    email = serializers.CharField(required=False, max_length=1_000)
    emails = AddressesField(child=serializers.CharField(), required=False)
    note = serializers.CharField(required=False, allow_blank=True, max_length=1_000, default="")


class RefusedAddressSerializer(TenantSerializer):
    """An entry of the list that is no address."""

    index = serializers.IntegerField()
    email = serializers.CharField()


class SuppressedSerializer(TenantSerializer):
    """What became of the list."""

    added = serializers.IntegerField()
    known = serializers.IntegerField()
    refused = RefusedAddressSerializer(many=True)


class LiftSerializer(TenantSerializer):
    """Why somebody may be mailed again. What the person said needs `asked_by_person`."""

    reason = serializers.CharField(max_length=1_000, allow_blank=True, default="")
    asked_by_person = serializers.BooleanField(default=False)


class SuppressionViewSet(ListMixin, RetrieveMixin, ResourceViewSet):
    """Who is never mailed, whatever queued the mail."""

    serializer_class = SuppressionSerializer
    filterset_class = SuppressionFilter
    queryset = Suppression.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"at": "at"}
    ordering = "-at"
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "surveys.send",
        "retrieve": "surveys.send",
        "create": "surveys.send",
        "lift": "organization.settings",
    }

    def get_queryset(self) -> QuerySet[Suppression]:
        return Suppression.objects.in_force()

    @extend_schema(request=NewSuppressionsSerializer, responses={200: SuppressedSerializer})
    @one_transaction
    def create(self, request: Request) -> Response:
        """Never mail these addresses again. What is no address is left out and named by its place."""
        wish = NewSuppressionsSerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        given = wish.validated_data
        if ("email" in given) == ("emails" in given):
            raise BadBody(_("Send either `email` or `emails`."), field="emails", code="required")
        emails = given.get("emails", [given["email"]] if "email" in given else [])
        outcome = add_suppressions(actor=self.request.actor, emails=emails, note=given["note"])
        if "email" in given and outcome.refused:
            raise BadBody(_("Enter a full e-mail address, for example lena@example.com."), field="email")
        body = {
            "added": outcome.added,
            "known": outcome.known,
            "refused": [{"index": index, "email": email} for index, email in outcome.refused],
        }
        return Response(body)

    @extend_schema(request=LiftSerializer, responses={204: None})
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def lift(self, request: Request, id: str) -> Response:
        """Take somebody off the list. The entry stays as history, with the reason."""
        wish = LiftSerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        lift_suppression(actor=self.request.actor, suppression=self.get_object_to_change(), **wish.validated_data)
        return Response(status=status.HTTP_204_NO_CONTENT)


def register_suppressions(router: ApiRouter) -> None:
    """Add the suppression list to the API."""
    router.register("suppressions", SuppressionViewSet, basename="suppression")
