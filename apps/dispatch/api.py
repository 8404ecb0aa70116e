"""`surveys/{id}/invitations/`: shape of the representations, thin viewset over services and queries."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.dispatch import queries, services
from apps.dispatch.audiences import Audience, members_of
from apps.dispatch.filters import InvitationFilter
from apps.dispatch.frequency_api import register_contact_frequency
from apps.dispatch.models import Invitation
from apps.dispatch.plan_api import EstimateSerializer, check_channel, register_send_plans
from apps.dispatch.simulation import estimate_answers
from apps.dispatch.suppression_api import register_suppressions
from apps.surveys.models import Survey
from apps.touchpoints.models import Channel
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer
from cxm.api.viewsets import ListMixin, ResourceViewSet, uuid_or_404
from cxm.ids import parse_uuid


class InvitedCustomerSerializer(TenantSerializer):
    """Whom the invitation is for."""

    id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)


class InvitationSerializer(TenantModelSerializer):
    """One customer and this survey: what became of it, and if blocked, by which rule with which figures.

    Of an anonymous survey the state does not tell who answered: it stays `sent`.
    """

    batch = serializers.UUIDField(source="batch_id")
    plan = serializers.UUIDField(source="plan_id", allow_null=True)
    customer = InvitedCustomerSerializer(allow_null=True)
    state = serializers.ChoiceField(choices=Invitation.State.choices, source="shown_state")
    figures = serializers.DictField(source="decision")

    class Meta:
        model = Invitation
        fields = (
            "id",
            "batch",
            "plan",
            "customer",
            "channel",
            "language",
            "kind",
            "state",
            "reason",
            "figures",
            "probability",
            "attempts",
            "send_at",
            "sent_at",
            "completed_at",
            "created_at",
        )
        read_only_fields = fields


class CustomerIdsField(serializers.ListField):
    """Ids of customers, read without a serializer a piece: there may be 10,000."""

    def to_internal_value(self, data: Any) -> list[UUID]:
        if not isinstance(data, list):
            raise serializers.ValidationError(_("Give a list of customer ids."), code="not_a_list")
        if len(data) > services.MOST_CUSTOMERS:
            raise serializers.ValidationError(_("Choose at most 10,000 customers at a time."), code="too_many")
        ids: list[UUID] = []
        wrong: dict[str, Any] = {}
        for position, text in enumerate(data):
            try:
                ids.append(UUID(text))
            except (ValueError, TypeError, AttributeError):
                if len(wrong) < 100:
                    wrong[str(position)] = [serializers.ErrorDetail(_("This is not an id."), code="invalid")]
        if wrong:
            raise serializers.ValidationError(wrong)
        return ids


class InviteSerializer(TenantSerializer):
    """Whom to ask, and when. Give `customers`, or the id of a segment."""

    customers = CustomerIdsField(child=serializers.UUIDField(), required=False, allow_null=True)
    segment = serializers.CharField(required=False, allow_null=True, max_length=64)
    send_at = serializers.DateTimeField(required=False, allow_null=True, help_text="At once by default.")
    channel = serializers.ChoiceField(choices=Channel.choices, required=False, default=Channel.EMAIL)
    ignore_new_customer_wait = serializers.BooleanField(required=False, default=False)
    subject = serializers.CharField(required=False, allow_blank=True, max_length=1_000, default="")
    opening = serializers.CharField(required=False, allow_blank=True, max_length=5_000, default="")
    reply_to = serializers.CharField(required=False, allow_blank=True, max_length=1_000, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("segment") and attrs.get("customers") is not None:
            message = _("Give either customers or a segment, not both.")
            raise serializers.ValidationError({"segment": message}, code="both")
        if not attrs.get("segment") and attrs.get("customers") is None:
            raise serializers.ValidationError({"customers": _("Say whom to ask.")}, code="required")
        return attrs


class InvitationCountsSerializer(TenantSerializer):
    """How many customers are asked, and how many are not, by rule."""

    eligible = serializers.IntegerField()
    blocked = serializers.DictField(child=serializers.IntegerField())
    batch = serializers.UUIDField(source="batch_id")
    left_out = serializers.IntegerField(help_text="Members of a segment beyond 50,000, who wait for the next call.")


class InvitationSimulationSerializer(TenantSerializer):
    """What would become of a wish to ask. `estimate` is null where nothing was sent yet that it could be judged by."""

    eligible = serializers.IntegerField()
    blocked = serializers.DictField(child=serializers.IntegerField())
    left_out = serializers.IntegerField(help_text="Members of a segment beyond 50,000.")
    estimate = EstimateSerializer(allow_null=True)


class InvitationViewSet(ListMixin, ResourceViewSet):
    """The invitations of a survey."""

    serializer_class = InvitationSerializer
    filterset_class = InvitationFilter
    queryset = Invitation.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"created_at": "created_at", "send_at": "send_at"}
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "surveys.view",
        "create": "surveys.send",
        "simulate": "surveys.send",
    }

    def survey(self) -> Survey:
        """The survey of the address. Raises Http404."""
        survey = Survey.objects.filter(pk=uuid_or_404(self.kwargs["survey_id"])).first()
        if survey is None:
            raise Http404
        return survey

    def get_queryset(self) -> QuerySet[Invitation]:
        if getattr(self, "swagger_fake_view", False):
            return Invitation.objects.none()
        return queries.visible_invitations(self.request.actor, self.survey())

    @extend_schema(request=InviteSerializer, responses={202: InvitationCountsSerializer})
    def create(self, request: Request, survey_id: str) -> Response:
        """Ask customers: those whom a rule protects are blocked, with the rule, and the others' messages are queued."""
        survey, audience, values = self.wish()
        counts = services.invite_customers(
            actor=self.request.actor, survey=survey, customer_ids=audience.customer_ids, most=audience.most, **values
        )
        body = {"eligible": counts.eligible, "blocked": counts.blocked, "batch_id": counts.batch_id}
        answer = InvitationCountsSerializer({**body, "left_out": audience.left_out})
        return Response(answer.data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=InviteSerializer, responses={200: InvitationSimulationSerializer})
    @action(detail=False, methods=["post"], filterset_class=None, ordering_fields={})
    def simulate(self, request: Request, survey_id: str) -> Response:
        """What the same body would do if it were sent now: how many are eligible, and who is not, by rule."""
        survey, audience, values = self.wish()
        for words in ("subject", "opening", "reply_to"):
            values.pop(words)
        counts = services.preview_invitations(
            actor=self.request.actor, survey=survey, customer_ids=audience.customer_ids, most=audience.most, **values
        )
        body = {
            "eligible": counts.eligible,
            "blocked": counts.blocked,
            "left_out": audience.left_out,
            "estimate": estimate_answers(survey, counts.eligible),
        }
        return Response(InvitationSimulationSerializer(body).data)

    def wish(self) -> tuple[Survey, Audience, dict[str, Any]]:
        """The survey, whom to ask, and how, as the body says. Raises 400 naming each wrong field."""
        survey = self.survey()
        serializer = InviteSerializer(data=self.object_body())
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        segment, customers = values.pop("segment", None), values.pop("customers", None)
        actor = self.request.actor
        actor.require("surveys.send")
        check_channel(values["channel"])
        audience = members_of(actor, survey, parse_uuid(segment)) if segment else Audience(customers, len(customers))
        return survey, audience, values


def register(router: ApiRouter) -> None:
    """Add this app's resources to the API."""
    router.register(r"surveys/(?P<survey_id>[^/.]+)/invitations", InvitationViewSet, basename="invitation")
    register_suppressions(router)
    register_contact_frequency(router)
    register_send_plans(router)
