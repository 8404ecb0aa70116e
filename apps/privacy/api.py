"""`privacy/requests/`, `privacy/retention/`, and one customer's `export/`, `erase/`, `restrict/`."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.customers.restriction import lift_restriction, restrict_customer
from apps.organizations.models import Organization
from apps.privacy import queries, retention, services
from apps.privacy.erasure import erase_customer, person_of
from apps.privacy.filters import PrivacyRequestFilter
from apps.privacy.models import PrivacyRequest
from apps.privacy.personal_copy import export_customer
from cxm.api.etags import etag_of, require_match
from cxm.api.problems import BadBody
from cxm.api.renderers import render_json
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import ApiView, ApiViewSet, TenantViewSet, one_transaction, uuid_or_404
from cxm.scope import current_tenant_id

MANAGE = "privacy.manage"


@extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": True}})
class ProofField(serializers.JSONField):
    """The steps of a request: `step`, `at`, `by`, and figures."""


class PrivacyRequestSerializer(TenantModelSerializer):
    """What somebody asked about their own data. What was said is empty once the person is erased."""

    kind = serializers.ChoiceField(choices=PrivacyRequest.Kind.choices)
    state = serializers.ChoiceField(choices=PrivacyRequest.State.choices, read_only=True)
    customer = serializers.UUIDField(source="customer_id", required=False, allow_null=True)
    subject = serializers.UUIDField(source="subject_id", read_only=True, allow_null=True)
    person = serializers.CharField(required=False, allow_blank=True, max_length=1_000)
    reply_to = serializers.CharField(required=False, allow_blank=True, max_length=1_000)
    wish = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    came_by = serializers.ChoiceField(choices=PrivacyRequest.CameBy.choices, required=False)
    received_at = UtcDateTimeField(required=False)
    due_at = UtcDateTimeField(required=False)
    assigned_to = serializers.UUIDField(source="assigned_to_id", required=False, allow_null=True)
    waiting = serializers.BooleanField(required=False, write_only=True)
    days_left = serializers.IntegerField(read_only=True)
    overdue = serializers.BooleanField(source="is_overdue", read_only=True)
    identity = serializers.ChoiceField(choices=PrivacyRequest.Identity.choices, read_only=True)
    identity_method = serializers.ChoiceField(
        choices=PrivacyRequest.IdentityMethod.choices, read_only=True, allow_blank=True
    )
    refusal = serializers.ChoiceField(choices=PrivacyRequest.Refusal.choices, read_only=True, allow_blank=True)
    proof = ProofField(read_only=True)

    class Meta:
        model = PrivacyRequest
        fields = (
            "id",
            "kind",
            "state",
            "customer",
            "subject",
            "person",
            "reply_to",
            "wish",
            "notes",
            "came_by",
            "received_at",
            "due_at",
            "days_left",
            "overdue",
            "assigned_to",
            "waiting",
            "identity",
            "identity_method",
            "identity_at",
            "refusal",
            "refusal_note",
            "proof",
            "file_sha256",
            "file_size",
            "closed_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = (
            "id",
            "identity_method",
            "identity_at",
            "refusal",
            "refusal_note",
            "file_sha256",
            "file_size",
            "closed_at",
            "created_at",
            "updated_at",
        )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The sent fields under the names the services use."""
        values: dict[str, Any] = super().to_internal_value(data)
        for stored, sent in (("customer_id", "customer"), ("assigned_to_id", "assigned_to")):
            if stored in values:
                values[sent] = values.pop(stored)
        return values


class IdentitySerializer(TenantSerializer):
    """How it was made sure who asks, and what came out."""

    method = serializers.ChoiceField(choices=PrivacyRequest.IdentityMethod.choices)
    confirmed = serializers.BooleanField()


class CompleteSerializer(TenantSerializer):
    """For a correction: the fields of the customer to change. Nothing when the profile was corrected already."""

    changes = serializers.DictField(required=False)


class RefuseSerializer(TenantSerializer):
    """Why a request is not fulfilled."""

    reason = serializers.ChoiceField(choices=PrivacyRequest.Refusal.choices)
    note = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")


class PrivacyRequestViewSet(TenantViewSet):
    """What people ask about their own data, and the proof of the answer."""

    serializer_class = PrivacyRequestSerializer
    filterset_class = PrivacyRequestFilter
    queryset = PrivacyRequest.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {
        "created_at": "created_at",
        "received_at": "received_at",
        "due_at": "due_at",
    }
    required_permissions: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            "list",
            "retrieve",
            "create",
            "update",
            "partial_update",
            "destroy",
            "identity",
            "complete",
            "refuse",
        ),
        MANAGE,
    )

    def get_queryset(self) -> QuerySet[PrivacyRequest]:
        return PrivacyRequest.objects.all()

    def create_object(self, data: dict[str, Any]) -> PrivacyRequest:
        data.pop("waiting", None)
        return services.open_request(actor=self.request.actor, **data)

    def update_object(self, row: PrivacyRequest, data: dict[str, Any]) -> PrivacyRequest:
        return services.update_request(actor=self.request.actor, request=row.pk, values=data)

    def delete_object(self, row: PrivacyRequest) -> None:
        services.delete_request(actor=self.request.actor, request=row.pk)

    @extend_schema(request=IdentitySerializer, responses=PrivacyRequestSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def identity(self, request: Request, id: str) -> Response:
        """Record how it was made sure who asks."""
        wish = IdentitySerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        row = self.get_object_to_change()
        return self._answer(services.check_identity(actor=self.request.actor, request=row.pk, **wish.validated_data))

    @extend_schema(request=CompleteSerializer, responses=PrivacyRequestSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def complete(self, request: Request, id: str) -> Response:
        """Do what was asked for: write the copy, correct, restrict, stop, erase. Erasing cannot be undone."""
        wish = CompleteSerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        row = self.get_object_to_change()
        changes = wish.validated_data.get("changes")
        return self._answer(services.complete_request(actor=self.request.actor, request=row.pk, changes=changes))

    @extend_schema(request=RefuseSerializer, responses=PrivacyRequestSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def refuse(self, request: Request, id: str) -> Response:
        """Close the request without doing it, with the reason."""
        wish = RefuseSerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        row = self.get_object_to_change()
        return self._answer(services.refuse_request(actor=self.request.actor, request=row.pk, **wish.validated_data))

    def _answer(self, row: PrivacyRequest) -> Response:
        return Response(self.representation(self.reread(row)))


class EraseSerializer(TenantSerializer):
    """Why, for the record of who reads the request; it is not stored."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=1_000)


class ErasedSerializer(TenantSerializer):
    """What an erasure did: rows touched, by where they were."""

    erasure = serializers.UUIDField()
    customer = serializers.UUIDField()
    found = serializers.DictField(child=serializers.IntegerField())


class RestrictSerializer(TenantSerializer):
    """Whether the person's data is kept without being used."""

    restricted = serializers.BooleanField()


class RestrictionSerializer(TenantSerializer):
    """Since when the person's data is not used; null when it is."""

    restricted_at = UtcDateTimeField(allow_null=True)


@extend_schema(parameters=[OpenApiParameter("customer_id", OpenApiTypes.UUID, OpenApiParameter.PATH)])
class PersonViewSet(ApiViewSet):
    """The rights of one customer."""

    required_permissions: ClassVar[dict[str, str]] = {"export": MANAGE, "erase": MANAGE, "restrict": MANAGE}

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    @action(detail=False, methods=["get"])
    def export(self, request: Request, customer_id: str) -> HttpResponseBase:
        """Everything held of this person as JSON, sent while it is read. Taking it is written to the audit log."""
        pk = uuid_or_404(customer_id)
        pieces = export_customer(actor=self.request.actor, customer=pk)
        if request.method == "HEAD":
            return HttpResponse(content_type="application/json")
        return StreamingHttpResponse(
            (piece.encode("utf-8", "surrogatepass") for piece in pieces),
            content_type="application/json",
            headers={"Cache-Control": "private, no-store"},
        )

    @extend_schema(request=EraseSerializer, responses=ErasedSerializer)
    @action(detail=False, methods=["post"])
    @one_transaction
    def erase(self, request: Request, customer_id: str) -> Response:
        """Erase this person for good. Scores and volumes stay as they were."""
        pk = uuid_or_404(customer_id)
        if request.data:
            EraseSerializer(data=self.object_body()).is_valid(raise_exception=True)
        erased = erase_customer(actor=self.request.actor, customer=pk)
        body = {"erasure": str(erased.id), "customer": str(erased.customer), "found": erased.found}
        return Response(body, status=status.HTTP_200_OK)

    @extend_schema(request=RestrictSerializer, responses=RestrictionSerializer)
    @action(detail=False, methods=["post"])
    @one_transaction
    def restrict(self, request: Request, customer_id: str) -> Response:
        """Keep this person's data without using it, or use it again."""
        wish = RestrictSerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        change = restrict_customer if wish.validated_data["restricted"] else lift_restriction
        row = change(actor=self.request.actor, customer=person_of(uuid_or_404(customer_id)).pk)
        return Response(RestrictionSerializer(row).data)


class RetentionRuleSerializer(TenantSerializer):
    """A kind of data: months it is kept (null: for ever), and what that would remove now."""

    label = serializers.CharField()  # type: ignore[assignment]
    effect = serializers.CharField()
    months = serializers.IntegerField(allow_null=True)
    least = serializers.IntegerField()
    would_remove = serializers.IntegerField(allow_null=True)


class RetentionSerializer(TenantSerializer):
    """The rules by kind, and the days to answer a request."""

    answer_days = serializers.IntegerField()
    rules = serializers.DictField(child=RetentionRuleSerializer())


class NewRetentionSerializer(TenantSerializer):
    """Months by kind, null to keep; kinds that are not sent stay as they are."""

    answer_days = serializers.IntegerField(required=False)
    rules = serializers.DictField(child=serializers.IntegerField(allow_null=True), required=False)


class RetentionView(ApiView):
    """How long each kind of data is kept."""

    required_permissions: ClassVar[dict[str, str]] = {"get": MANAGE, "head": MANAGE, "put": MANAGE}

    @extend_schema(responses=RetentionSerializer)
    def get(self, request: Request) -> Response:
        """The rules, with what each would remove now."""
        return Response(self.representation())

    @extend_schema(request=NewRetentionSerializer, responses=RetentionSerializer)
    @one_transaction
    def put(self, request: Request) -> Response:
        """Set rules. What is older goes within the next hours."""
        body = self.object_body()
        months = body.get("rules", {})
        if not isinstance(months, dict):
            raise BadBody(_("Send an object of kinds and months."), field="rules")
        if request.headers.get("If-Match"):
            list(Organization.objects.select_for_update().filter(pk=current_tenant_id()).values_list("pk"))
            require_match(request, etag_of(render_json(self.representation())))
        if "answer_days" in body:
            services.set_answer_days(actor=self.request.actor, days=body["answer_days"])
        retention.set_retention(actor=self.request.actor, months=months)
        return Response(self.representation())

    def representation(self) -> dict[str, Any]:
        """The rules as they are answered."""
        return {
            "answer_days": queries.answer_days(),
            "rules": {
                rule.kind.name: {
                    "label": str(rule.kind.label),
                    "effect": str(rule.kind.effect),
                    "months": rule.months,
                    "least": rule.kind.least,
                    "would_remove": rule.would_remove,
                }
                for rule in retention.rules(counted=True)
            },
        }


def register(router: ApiRouter) -> None:
    """Add this app's resources to the API."""
    router.register("privacy/requests", PrivacyRequestViewSet, basename="privacy-request")
    router.register(r"customers/(?P<customer_id>[^/.]+)", PersonViewSet, basename="customer-rights")
    router.register_view("privacy/retention/", RetentionView, name="privacy-retention")
