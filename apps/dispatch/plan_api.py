"""`send-plans/`: plans of sending, their start and end, what they would do, and the decision over every person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.dispatch import plan_queries, plans
from apps.dispatch.channels import PERSONAL_CHANNELS, TEXT_CHANNELS
from apps.dispatch.explaining import explanation
from apps.dispatch.filters import DecisionFilter, SendPlanFilter
from apps.dispatch.models import Invitation, SendPlan
from apps.dispatch.plan_shown import figures_of
from apps.dispatch.simulation import Simulation, simulate
from apps.messaging.transports import text_provider
from apps.surveys.models import Survey
from apps.touchpoints.models import Channel
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer
from cxm.api.viewsets import ListMixin, ResourceViewSet, TenantViewSet, one_transaction, uuid_or_404
from cxm.errors import Conflict, DomainError
from cxm.ids import parse_uuid

SEND = "surveys.send"

_TRIGGER = {
    "type": ["object", "null"],
    "description": 'The event that leads to the question: `{"event": name, "where": {property: value}}`.',
    "properties": {"event": {"type": "string"}, "where": {"type": "object"}},
}
_TEXTS = {
    "type": "object",
    "description": 'Own words by language, Liquid templates: `{"en": {"subject", "opening", "reminder_subject", '
    '"reminder_opening"}}`.',
    "additionalProperties": {"type": "object", "additionalProperties": {"type": "string"}},
}


@extend_schema_field(_TRIGGER)
class TriggerField(serializers.JSONField):
    """An event; the service says what is wrong with it."""


@extend_schema_field(_TEXTS)
class TextsField(serializers.JSONField):
    """Texts by language; the service says what is wrong with them."""


@extend_schema_field({"type": "array", "items": {"type": "integer"}, "maxItems": 2})
class DaysField(serializers.JSONField):
    """Days after the invitation; the service says what is wrong with them."""


class SendPlanSerializer(TenantModelSerializer):
    """A plan of sending. `state` and `reason` are changed by its actions; whom it reaches is fixed once it started."""

    survey = serializers.CharField(source="survey_id", max_length=64, required=False, help_text="Needed to make one.")
    name = serializers.CharField(required=False, max_length=1_000)
    channel = serializers.ChoiceField(choices=Channel.choices, required=False)
    segment = serializers.CharField(source="segment_id", required=False, allow_null=True, max_length=64)
    unit = serializers.CharField(source="unit_id", required=False, allow_null=True, max_length=64)
    trigger = TriggerField(required=False, allow_null=True)
    delay_minutes = serializers.IntegerField(required=False, allow_null=True)
    per_day = serializers.IntegerField(required=False, allow_null=True)
    repeat_days = serializers.IntegerField(required=False, allow_null=True)
    sample_percent = serializers.FloatField(required=False, allow_null=True)
    quota = serializers.IntegerField(required=False, allow_null=True)
    quota_period = serializers.ChoiceField(choices=SendPlan.Period.choices, required=False)
    reminder_days = DaysField(required=False, allow_null=True)
    stop_bounce_percent = serializers.FloatField(required=False, allow_null=True)
    stop_complaint_percent = serializers.FloatField(required=False, allow_null=True)
    ignore_new_customer_wait = serializers.BooleanField(required=False)
    reply_to = serializers.CharField(required=False, allow_blank=True, max_length=1_000)
    texts = TextsField(required=False, allow_null=True)

    class Meta:
        model = SendPlan
        fields = (
            "id",
            "survey",
            "name",
            "state",
            "reason",
            "channel",
            "segment",
            "trigger",
            "delay_minutes",
            "unit",
            "starts_at",
            "ends_at",
            "per_day",
            "repeat_days",
            "sample_percent",
            "quota",
            "quota_period",
            "reminder_days",
            "stop_bounce_percent",
            "stop_complaint_percent",
            "ignore_new_customer_wait",
            "reply_to",
            "texts",
            "next_run_at",
            "started_at",
            "ended_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = (
            "id",
            "state",
            "reason",
            "next_run_at",
            "started_at",
            "ended_at",
            "created_at",
            "updated_at",
        )
        extra_kwargs: ClassVar[dict[str, Any]] = {
            "starts_at": {"required": False, "allow_null": True},
            "ends_at": {"required": False, "allow_null": True},
        }


class RateSerializer(TenantSerializer):
    """A share 0..1 with its 95 % interval; null when `n` is 0."""

    rate = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()


class PlanProgressSerializer(TenantSerializer):
    """How far a plan is, in people. `sent` went out whatever became of it; `delivered` is sent less bounced."""

    considered = serializers.IntegerField()
    queued = serializers.IntegerField()
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField()
    bounced = serializers.IntegerField()
    answered = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    reminded = serializers.IntegerField()
    complained = serializers.IntegerField()
    blocked = serializers.DictField(child=serializers.IntegerField(), help_text="By rule.")
    response_rate = RateSerializer()
    coverage = RateSerializer(allow_null=True, help_text="Of experiences that became known; plans with a trigger only.")


_COUNTS = (
    "considered",
    "queued",
    "sent",
    "delivered",
    "bounced",
    "answered",
    "failed",
    "cancelled",
    "reminded",
    "complained",
)


class PlanDecisionSerializer(TenantModelSerializer):
    """The decision over one person with its figures. Of an anonymous survey `state` does not tell who answered."""

    customer = serializers.UUIDField(source="customer_id", allow_null=True)
    state = serializers.ChoiceField(choices=Invitation.State.choices, source="shown_state")
    figures = serializers.DictField(source="decision")
    sentence = serializers.SerializerMethodField()

    class Meta:
        model = Invitation
        fields = (
            "id",
            "customer",
            "channel",
            "language",
            "kind",
            "state",
            "reason",
            "figures",
            "sentence",
            "probability",
            "send_at",
            "sent_at",
            "created_at",
        )
        read_only_fields = fields

    def get_sentence(self, row: Invitation) -> str:
        """The decision in words."""
        return explanation(row, self.context["zone"])


class EstimateSerializer(TenantSerializer):
    """Answers to expect, by what was sent more than three days ago (`completed` of `delivered`)."""

    answers = serializers.IntegerField()
    low = serializers.IntegerField()
    high = serializers.IntegerField()
    rate = serializers.FloatField()
    completed = serializers.IntegerField()
    delivered = serializers.IntegerField()
    of_survey = serializers.BooleanField(help_text="False: by other surveys of the same audience.")


class SimulationSerializer(TenantSerializer):
    """What would happen if it were sent now. `is_done` false: counted for 20 seconds and not to the end."""

    is_done = serializers.BooleanField()
    considered = serializers.IntegerField()
    eligible = serializers.IntegerField()
    blocked = serializers.DictField(child=serializers.IntegerField())
    days = serializers.IntegerField(allow_null=True, help_text="How many days it takes at `per_day`.")
    forecast = serializers.ListField(
        child=serializers.IntegerField(), help_text="Who may be asked today and on each of the next 30 days."
    )
    estimate = EstimateSerializer(allow_null=True)


class StopSerializer(TenantSerializer):
    """Nothing has to be said."""


class SendPlanViewSet(TenantViewSet):
    """Plans of sending: a survey, whom it reaches, how and when, and what stops it."""

    serializer_class = SendPlanSerializer
    filterset_class = SendPlanFilter
    queryset = SendPlan.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"created_at": "created_at", "name": "name"}
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "surveys.view",
        "retrieve": "surveys.view",
        "create": SEND,
        "update": SEND,
        "partial_update": SEND,
        "destroy": SEND,
        "start": SEND,
        "pause": SEND,
        "resume": SEND,
        "stop": SEND,
        "simulate": SEND,
        "progress": "surveys.view",
    }

    def get_queryset(self) -> QuerySet[SendPlan]:
        writes = self.required_permissions.get(self.action or "") == SEND
        return plan_queries.visible_plans(self.request.actor, SEND if writes else "surveys.view")

    def create_object(self, data: dict[str, Any]) -> SendPlan:
        survey = _survey(data.pop("survey_id", None))
        check_channel(data.get("channel"))
        with named_as_sent():
            return plans.create_plan(actor=self.request.actor, survey=survey, **_columns(data))

    def update_object(self, row: SendPlan, data: dict[str, Any]) -> SendPlan:
        if "survey_id" in data and _survey(data.pop("survey_id")).pk != row.survey_id:
            raise DomainError(_("A plan stays with its survey. Make another one."), field="survey", code="immutable")
        if data.get("channel") != row.channel:
            check_channel(data.get("channel"))
        with named_as_sent():
            return plans.update_plan(actor=self.request.actor, plan=row, **_columns(data))

    def delete_object(self, row: SendPlan) -> None:
        plans.delete_plan(actor=self.request.actor, plan=row)

    @extend_schema(request=StopSerializer, responses=SendPlanSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def start(self, request: Request, id: str) -> Response:
        """Begin to send, at `starts_at` or at once. Starting an active plan changes nothing."""
        row = self.get_object_to_change()
        check_channel(row.channel)
        with named_as_sent():
            return self._changed(plans.start_plan(actor=self.request.actor, plan=row))

    @extend_schema(request=StopSerializer, responses=SendPlanSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def pause(self, request: Request, id: str) -> Response:
        """Stop sending for now; what is queued, and reminders, wait."""
        return self._changed(plans.pause_plan(actor=self.request.actor, plan=self.get_object_to_change()))

    @extend_schema(request=StopSerializer, responses=SendPlanSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def resume(self, request: Request, id: str) -> Response:
        """Send on."""
        return self._changed(plans.resume_plan(actor=self.request.actor, plan=self.get_object_to_change()))

    @extend_schema(request=StopSerializer, responses=SendPlanSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def stop(self, request: Request, id: str) -> Response:
        """End it for good: what is queued is cancelled, nobody is reminded."""
        return self._changed(plans.stop_plan(actor=self.request.actor, plan=self.get_object_to_change()))

    @extend_schema(request=StopSerializer, responses=SimulationSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def simulate(self, request: Request, id: str) -> Response:
        """What the plan would decide now, by rule; a forecast of 30 days; answers to expect. Writes nothing."""
        return Response(SimulationSerializer(simulated(self.get_object())).data)

    @extend_schema(responses=PlanProgressSerializer)
    @action(detail=True, filterset_class=None)
    def progress(self, request: Request, id: str) -> Response:
        """How far the plan is."""
        plan = self.get_object()
        found = plan_queries.progress_of(plan_queries.decisions_of(self.request.actor, plan))
        body: dict[str, Any] = {name: getattr(found, name) for name in _COUNTS}
        body["blocked"] = dict(found.blocked_by)
        body["response_rate"] = plan_queries.response_rate_of(found)
        body["coverage"] = plan_queries.coverage_of(found) if plan.trigger is not None else None
        return Response(PlanProgressSerializer(body).data)

    def _changed(self, plan: SendPlan) -> Response:
        return Response(self.representation(self.reread(plan)))


@contextmanager
def named_as_sent() -> Iterator[None]:
    """What a service refuses of `segment_id` is told of `segment`, as the API calls it."""
    try:
        yield
    except DomainError as error:
        for item in error.errors:
            item["field"] = "segment" if item["field"] == "segment_id" else item["field"]
        raise


def simulated(plan: SendPlan, *, seconds: float = 20.0) -> dict[str, Any]:
    """A simulation as the API tells it."""
    if plan.survey.audience == Survey.Audience.EMPLOYEES:
        found = plan_queries.simulate_members(plan)
    elif plan.segment_id is None and plan.trigger is None:
        raise DomainError(_("Choose whom to ask: a segment, or an event."), field="segment", code="required")
    else:
        found = simulate(plan_queries.trial_of(plan), Simulation(), seconds=seconds)
    figures = figures_of(plan, found, None)
    figures["blocked"] = {rule: number for rule, _name, number in figures["blocked"]}
    figures["forecast"] = [number for _day, number, _share in figures["forecast"]]
    return figures


class PlanDecisionViewSet(ListMixin, ResourceViewSet):
    """Everybody a plan decided over, with rule, figures and a sentence."""

    serializer_class = PlanDecisionSerializer
    filterset_class = DecisionFilter
    queryset = Invitation.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"created_at": "created_at", "send_at": "send_at"}
    required_permissions: ClassVar[dict[str, str]] = {"list": "surveys.view"}

    def get_queryset(self) -> QuerySet[Invitation]:
        if getattr(self, "swagger_fake_view", False):
            return Invitation.objects.none()
        plan = plan_queries.plan_for(self.request.actor, uuid_or_404(self.kwargs["plan_id"]))
        return plan_queries.decisions_of(self.request.actor, plan)

    def get_serializer_context(self) -> dict[str, Any]:
        organization = getattr(self.request, "organization", None)
        zone = ZoneInfo(organization.timezone if organization else "UTC")
        return {**super().get_serializer_context(), "zone": zone}


def check_channel(channel: str | None) -> None:
    """Raise `DomainError` naming `channel` when it carries no personal invitation, Conflict when nothing sends it."""
    if channel is None:
        return
    if channel not in PERSONAL_CHANNELS:
        message = _("Personal invitations go by %(channels)s, not by “%(channel)s”. Share the survey's link there.")
        names = ", ".join(sorted(PERSONAL_CHANNELS))
        raise DomainError(message % {"channels": names, "channel": channel}, field="channel", code="unsupported")
    if channel in TEXT_CHANNELS and text_provider() is None:
        message = _("Your organisation has no provider for “%(channel)s”. Add one in the settings, or send by email.")
        raise Conflict(message % {"channel": channel}, field="channel", code="no_provider")


def _survey(given: Any) -> Survey:
    pk = parse_uuid(given)
    survey = Survey.objects.select_related("touchpoint").filter(pk=pk).first() if pk else None
    if survey is None:
        raise DomainError(_("There is no survey with this id."), field="survey", code="not_found")
    return survey


def _columns(data: dict[str, Any]) -> dict[str, Any]:
    """The body's fields as columns of a plan."""
    values = dict(data)
    if "unit_id" in values:
        values["unit"] = values.pop("unit_id")
    return values


def register_send_plans(router: ApiRouter) -> None:
    """Add plans to the API."""
    router.register(r"send-plans/(?P<plan_id>[^/.]+)/decisions", PlanDecisionViewSet, basename="send-plan-decision")
    router.register("send-plans", SendPlanViewSet, basename="send-plan")
