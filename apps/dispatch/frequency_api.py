"""`customers/{id}/contact-frequency/`: how often somebody was asked, and whether they may be asked now."""

from __future__ import annotations

from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.customers.queries import customer_for
from apps.dispatch.explaining import decision_sentence, explanation
from apps.dispatch.frequency import CounterUse, contact_frequency, may_be_asked, survey_to_ask
from apps.dispatch.models import Invitation
from apps.touchpoints.models import Channel
from cxm.api.problems import BadBody
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import ApiView, uuid_or_404
from cxm.ids import parse_uuid


class CounterSerializer(TenantSerializer):
    """One counter: `count` of `limit` surveys in `days` days; `free_from` is null while there is room."""

    rule = serializers.CharField()
    touchpoint = serializers.CharField(allow_null=True, help_text="Key of the touchpoint that is counted.")
    survey = serializers.UUIDField(allow_null=True, help_text="The survey that is counted, for want of a touchpoint.")
    limit = serializers.IntegerField()
    days = serializers.IntegerField(help_text="0: this rule is switched off.")
    count = serializers.IntegerField()
    free_from = UtcDateTimeField(allow_null=True)


class LedgerEntrySerializer(TenantSerializer):
    """One survey the customer was asked, or was not asked and why. Of anonymous surveys not whether it was answered."""

    invitation = serializers.UUIDField()
    survey = serializers.UUIDField()
    channel = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=Invitation.State.choices)
    reason = serializers.CharField(allow_blank=True)
    figures = serializers.DictField()
    sentence = serializers.CharField(allow_blank=True)
    send_at = UtcDateTimeField()
    sent_at = UtcDateTimeField(allow_null=True)


class DecisionSerializer(TenantSerializer):
    """Whether the customer may be asked a survey now. `rule` is "" when they may."""

    survey = serializers.UUIDField()
    channel = serializers.CharField()
    eligible = serializers.BooleanField()
    rule = serializers.CharField(allow_blank=True)
    figures = serializers.DictField()
    sentence = serializers.CharField(allow_blank=True)
    send_at = UtcDateTimeField(help_text="When it would go: business hours move it.")


class ContactFrequencySerializer(TenantSerializer):
    """Counters as they are now, the 50 newest entries of the ledger, and the decision where a survey was named."""

    customer = serializers.UUIDField()
    counters = CounterSerializer(many=True)
    ledger = LedgerEntrySerializer(many=True)
    decision = DecisionSerializer(allow_null=True)


class ContactFrequencyView(ApiView):
    """How often one customer was asked."""

    required_permissions: ClassVar[dict[str, str]] = {"get": "surveys.view"}

    @extend_schema(
        parameters=[
            OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH),
            OpenApiParameter("survey", OpenApiTypes.UUID, description="May the customer be asked this one now?"),
            OpenApiParameter("channel", OpenApiTypes.STR, description="email, sms or chat; email by default."),
        ],
        responses=ContactFrequencySerializer,
    )
    def get(self, request: Request, id: str) -> Response:
        """Every counter with when it frees up, the ledger, and with `survey` whether it may be asked now."""
        customer = customer_for(self.request.actor, uuid_or_404(id))
        self.request.actor.require("surveys.view", customer.unit_id)
        zone = ZoneInfo(self.request.organization.timezone)
        found = contact_frequency(customer)
        body = {
            "customer": customer.pk,
            "counters": [_counter(one) for one in found.counters],
            "ledger": [_entry(row, zone) for row in found.ledger],
            "decision": None,
        }
        if wanted := request.query_params.get("survey"):
            survey = survey_to_ask(parse_uuid(wanted))
            if survey is None:
                raise BadBody(_("There is no live survey for customers with this id."), field="survey")
            channel = request.query_params.get("channel") or Channel.EMAIL.value
            assessed = may_be_asked(customer=customer, survey=survey, channel=channel)
            body["decision"] = {
                "survey": survey.pk,
                "channel": channel,
                "eligible": assessed.decision.eligible,
                "rule": assessed.decision.rule,
                "figures": assessed.decision.figures,
                "sentence": decision_sentence(assessed.decision.rule, assessed.decision.figures, zone),
                "send_at": assessed.send_at,
            }
        return Response(ContactFrequencySerializer(body).data)


def _counter(one: CounterUse) -> dict[str, Any]:
    return {
        "rule": one.usage.rule,
        "touchpoint": one.touchpoint.key if one.touchpoint else None,
        "survey": one.survey.pk if one.survey else None,
        "limit": one.usage.limit,
        "days": one.usage.days,
        "count": one.usage.count,
        "free_from": one.usage.free_from,
    }


def _entry(row: Any, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "invitation": row.pk,
        "survey": row.survey_id,
        "channel": row.channel,
        "kind": row.kind,
        "state": row.shown_state,
        "reason": row.reason,
        "figures": row.decision,
        "sentence": explanation(row, zone),
        "send_at": row.send_at,
        "sent_at": row.sent_at,
    }


def register_contact_frequency(router: ApiRouter) -> None:
    """Add it to the API."""
    router.register_view(
        "customers/<str:id>/contact-frequency/", ContactFrequencyView, name="customer-contact-frequency"
    )
