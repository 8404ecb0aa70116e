"""`surveys/` and `surveys/{id}/responses/`: shape of the representations, thin viewsets over services and queries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response as Answer

from apps.organizations.models import Organization
from apps.surveys import queries, services
from apps.surveys.catalogue import TEMPLATES
from apps.surveys.definition import parse_definition
from apps.surveys.entries import read_entry, read_language
from apps.surveys.files_api import ResponseFileViewSet
from apps.surveys.filters import ResponseFilter, SurveyFilter
from apps.surveys.holding import mask_answer
from apps.surveys.live import live_survey, published_definition
from apps.surveys.models import Response, Survey, SurveyVersion
from apps.surveys.representation import (
    represent_outcome,
    represent_recorded,
    represent_stored,
    represent_versions,
    represent_words_alone,
)
from apps.surveys.versions import Versions
from apps.surveys.wording import LANGUAGE_NAMES
from apps.touchpoints.models import Channel, Touchpoint
from cxm.api.problems import BadBody
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer, UtcDateTimeField, VersionNumberSerializer
from cxm.api.viewsets import (
    ApiView,
    CreateMixin,
    DestroyMixin,
    ListMixin,
    ResourceViewSet,
    RetrieveMixin,
    TenantViewSet,
    uuid_or_404,
)
from cxm.errors import DomainError
from cxm.scope import current_tenant_id


@extend_schema_field(OpenApiTypes.STR)
class TouchpointKeyField(serializers.Field):
    """A touchpoint by its key; null for none."""

    def to_internal_value(self, data: Any) -> Touchpoint | None:
        if data == "":
            return None
        found = Touchpoint.objects.filter(key=data).first() if isinstance(data, str) and len(data) <= 64 else None
        if found is None:
            raise serializers.ValidationError(_("There is no touchpoint with this key."), code="unknown")
        return found

    def to_representation(self, value: Touchpoint) -> str:
        return value.key


class SurveySerializer(TenantModelSerializer):
    """A survey. `definition` is the draft; what respondents see is frozen by `publish/` and read from `definition/`."""

    name = serializers.CharField(max_length=1_000)
    slug = serializers.CharField(required=False, allow_blank=True, max_length=1_000)
    kind = serializers.ChoiceField(choices=Survey.Kind.choices, required=False)
    relationship = serializers.BooleanField(required=False)
    anonymous = serializers.BooleanField(required=False)
    audience = serializers.ChoiceField(choices=Survey.Audience.choices, required=False)
    touchpoint = TouchpointKeyField(required=False, allow_null=True)
    languages = serializers.ListField(
        child=serializers.CharField(max_length=16), required=False, allow_null=True, max_length=30
    )
    definition = serializers.DictField(required=False, allow_null=True)
    template = serializers.CharField(
        required=False,
        write_only=True,
        max_length=64,
        help_text="When it is made: a template of `survey-templates/`. What is given besides goes before it.",
    )
    closes_at = UtcDateTimeField(required=False, allow_null=True, help_text="It takes no answers from then on.")
    answer_limit = serializers.IntegerField(
        required=False, allow_null=True, help_text="It takes no answers once it has so many submitted ones."
    )
    version = serializers.IntegerField(source="current_version", read_only=True, allow_null=True)

    class Meta:
        model = Survey
        fields = (
            "id",
            "name",
            "slug",
            "kind",
            "relationship",
            "anonymous",
            "audience",
            "touchpoint",
            "languages",
            "definition",
            "template",
            "closes_at",
            "answer_limit",
            "state",
            "version",
            "created_at",
            "updated_at",
            "closed_at",
        )
        read_only_fields = ("id", "state", "created_at", "updated_at", "closed_at")


class SurveyTemplateSerializer(TenantSerializer):
    """A survey to begin with. `definition` is in the languages asked for with `?languages=en,de`."""

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    kind = serializers.ChoiceField(choices=Survey.Kind.choices)
    relationship = serializers.BooleanField()
    anonymous = serializers.BooleanField()
    audience = serializers.ChoiceField(choices=Survey.Audience.choices)
    languages = serializers.ListField(child=serializers.CharField())
    definition = serializers.DictField()


class SurveyTemplatesSerializer(TenantSerializer):
    """Every template there is, in the form of a list."""

    results = SurveyTemplateSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class CustomerReferenceSerializer(TenantSerializer):
    """Whose answer it is: the first of these given counts. An unknown external_id or email makes the customer."""

    id = serializers.UUIDField(required=False, allow_null=True)
    external_id = serializers.CharField(required=False, allow_null=True)
    email = serializers.CharField(required=False, allow_null=True)


class NewResponseSerializer(TenantSerializer):
    """One answer to record. Describes the body for the schema; it is read by `read_entry`."""

    answers = serializers.DictField(help_text="By question id.")
    customer = CustomerReferenceSerializer(required=False, allow_null=True)
    touchpoint = serializers.CharField(required=False, allow_null=True, help_text="Key; the survey's by default.")
    channel = serializers.ChoiceField(choices=Channel.choices, required=False, allow_null=True)
    language = serializers.CharField(required=False, allow_null=True)
    occurred_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Now by default.")
    source_id = serializers.CharField(
        required=False, allow_null=True, help_text="Your own id: sent again, it changes the answer."
    )
    completed = serializers.BooleanField(required=False, default=True)
    contact_ok = serializers.BooleanField(required=False, allow_null=True)
    attributes = serializers.DictField(required=False, allow_null=True)


class StoredCustomerSerializer(TenantSerializer):
    """Whose answer it is."""

    id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)


class ResponseSerializer(TenantSerializer):
    """An answer as it is stored. Of an anonymous survey only what was written: times, scores and the rest are null."""

    id = serializers.UUIDField()
    survey = serializers.UUIDField()
    version = serializers.IntegerField()
    answers = serializers.DictField()
    completed = serializers.BooleanField()
    state = serializers.ChoiceField(choices=Response.State.choices)
    score = serializers.IntegerField(allow_null=True)
    metric = serializers.CharField(allow_null=True)
    comment = serializers.CharField(allow_blank=True)
    customer = StoredCustomerSerializer(allow_null=True)
    contact_ok = serializers.BooleanField()
    touchpoint = serializers.CharField(allow_null=True)
    channel = serializers.ChoiceField(choices=Channel.choices)
    unit = serializers.UUIDField(allow_null=True)
    language = serializers.CharField(allow_blank=True)
    occurred_at = UtcDateTimeField(allow_null=True)
    day = serializers.DateField(allow_null=True)
    recorded_at = UtcDateTimeField(allow_null=True)
    updated_at = UtcDateTimeField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]
    source_id = serializers.CharField(allow_null=True)
    attributes = serializers.DictField()

    def to_representation(self, instance: Response) -> dict[str, Any]:
        anonymous = getattr(instance, "of_anonymous", False)
        represented = represent_words_alone(instance) if anonymous else represent_stored(instance)
        return mask_answer(represented, instance, self.context["request"].actor)


class FieldErrorSerializer(TenantSerializer):
    """One thing that is wrong."""

    field = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    message = serializers.CharField()


class RefusedSerializer(TenantSerializer):
    """One answer of a list that was not taken."""

    index = serializers.IntegerField()
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment]


class ListOutcomeSerializer(TenantSerializer):
    """What became of a list."""

    accepted = serializers.IntegerField()
    refused = RefusedSerializer(many=True)


class DifferenceSerializer(TenantSerializer):
    """One thing that differs. A cosmetic one changes nothing but case, spaces and punctuation."""

    kind = serializers.CharField()
    question = serializers.CharField(allow_null=True)
    language = serializers.CharField(allow_null=True)
    text = serializers.CharField(help_text="The difference in words.")
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)
    cosmetic = serializers.BooleanField()


class BrokenLineSerializer(TenantSerializer):
    """A scored question that is not the one it was before."""

    question = serializers.CharField()
    metric = serializers.CharField(allow_null=True)
    reason = serializers.ChoiceField(choices=["wording", "scale"])


class VersionSerializer(TenantSerializer):
    """One version of a survey; `version` is null for the draft."""

    version = serializers.IntegerField(allow_null=True)
    published_at = UtcDateTimeField(allow_null=True)
    published_by = serializers.CharField(allow_blank=True)
    answers = serializers.IntegerField()
    differences = DifferenceSerializer(many=True)
    breaks = BrokenLineSerializer(many=True)


class ComparisonSerializer(TenantSerializer):
    """What differs from one version to another."""

    before = serializers.CharField()
    after = serializers.CharField()
    differences = DifferenceSerializer(many=True)


class VersionsSerializer(TenantSerializer):
    """All versions of a survey."""

    results = VersionSerializer(many=True)
    compared = ComparisonSerializer(allow_null=True)


class SurveyViewSet(TenantViewSet):
    """Surveys: a draft, its frozen versions, and the answers."""

    serializer_class = SurveySerializer
    filterset_class = SurveyFilter
    queryset = Survey.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"created_at": "created_at", "updated_at": "updated_at", "name": "name"}
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "surveys.view",
        "retrieve": "surveys.view",
        "create": "surveys.edit",
        "update": "surveys.edit",
        "partial_update": "surveys.edit",
        "destroy": "surveys.edit",
        "publish": "surveys.publish",
        "close": "surveys.publish",
        "definition": "surveys.view",
        "versions": "surveys.view",
    }

    def get_queryset(self) -> QuerySet[Survey]:
        return queries.surveys()

    def create_object(self, data: dict[str, Any]) -> Survey:
        if template := data.pop("template", ""):
            return services.create_from_template(actor=self.request.actor, template=template, **data)
        return services.create_survey(actor=self.request.actor, **data)

    def update_object(self, row: Survey, data: dict[str, Any]) -> Survey:
        return services.update_survey(actor=self.request.actor, survey=row, **data)

    def delete_object(self, row: Survey) -> None:
        services.delete_survey(actor=self.request.actor, survey=row)

    @extend_schema(request=None, responses=VersionNumberSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, id: str) -> Answer:
        """Freeze the draft as the next version and take answers to it."""
        version = services.publish_survey(actor=self.request.actor, survey=self.get_object_to_change())
        return Answer({"version": version.number})

    @extend_schema(request=None, responses=SurveySerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, id: str) -> Answer:
        """Take no further answers."""
        survey = services.close_survey(actor=self.request.actor, survey=self.get_object_to_change())
        return Answer(self.representation(self.reread(survey)))

    @extend_schema(
        parameters=[OpenApiParameter("version", str, description="A number, or `draft`; else the published one.")],
        responses={200: OpenApiTypes.OBJECT},
    )
    @action(detail=True, filterset_class=None)
    def definition(self, request: Request, id: str) -> Answer:
        """The definition as documented JSON: the published version, else the draft; or the one asked for."""
        survey = self.get_object()
        asked = request.query_params.get("version", "")
        number = survey.current_version
        if asked and asked != "draft":
            if not (asked.isascii() and asked.isdigit() and len(asked) <= 9):
                raise BadBody(_("Give the number of a version, or “draft”."), field="version")
            number = int(asked)
            if not SurveyVersion.objects.filter(survey=survey, number=number).exists():
                raise Http404
        if asked == "draft" or not number:
            return Answer(parse_definition(survey.definition).to_json())
        return Answer(published_definition(survey.pk, number).to_json())

    @extend_schema(
        parameters=[
            OpenApiParameter("before", str, description="A version to compare from: its number, or `draft`."),
            OpenApiParameter("after", str, description="A version to compare to; the newest by default."),
        ],
        responses={200: VersionsSerializer},
    )
    @action(detail=True, filterset_class=None)
    def versions(self, request: Request, id: str) -> Answer:
        """Published versions, newest first (the draft before them while it differs), each with what it changed.

        `compared` is what differs between `before` and `after`; without them, between the two newest.
        """
        versions = Versions(self.get_object())
        compared = versions.compare(request.query_params.get("before", ""), request.query_params.get("after", ""))
        return Answer(represent_versions(versions.all, compared))


class SurveyTemplatesView(ApiView):
    """The catalogue of templates: a short list that is always whole."""

    required_permissions: ClassVar[dict[str, str]] = {"get": "surveys.view"}

    @extend_schema(
        parameters=[
            OpenApiParameter("languages", str, description="Codes, with commas; all with wordings by default.")
        ],
        responses={200: SurveyTemplatesSerializer},
    )
    def get(self, request: Request) -> Answer:
        """Every template with its definition, the organisation's name filled in."""
        asked = request.query_params.get("languages", "")
        try:
            codes = [read_language(code) for code in asked.split(",")[:30] if code.strip()] or list(LANGUAGE_NAMES)
        except DomainError as error:
            raise BadBody(error.message, field="languages", code=error.code) from None
        name = Organization.objects.values_list("name", flat=True).get(pk=current_tenant_id())
        results = [
            {
                "id": template.id,
                "name": str(template.name),
                "description": str(template.description),
                "kind": template.kind,
                "relationship": template.relationship,
                "anonymous": template.anonymous,
                "audience": template.audience,
                "languages": list(LANGUAGE_NAMES),
                "definition": template.definition(codes, name).to_json(),
            }
            for template in TEMPLATES.values()
        ]
        return Answer({"results": results, "next": None})


class ResponseViewSet(ListMixin, RetrieveMixin, CreateMixin, DestroyMixin, ResourceViewSet):
    """Answers to one survey."""

    serializer_class = ResponseSerializer
    filterset_class = ResponseFilter
    queryset = Response.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"occurred_at": "occurred_at"}
    ordering = "-occurred_at"
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "feedback.view",
        "retrieve": "feedback.view",
        "create": "feedback.create",
        "destroy": "feedback.create",
    }

    def get_queryset(self) -> QuerySet[Response]:
        return queries.responses_of(self.survey(), self.request.actor)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        names = ResponseFilter.base_filters.keys() & self.request.query_params.keys()
        if names and queries.survey_is_anonymous(uuid_or_404(self.kwargs["survey_id"])):
            message = _("Answers of an anonymous survey are listed all together: leave the filters out.")
            raise BadBody(message, field=sorted(names)[0], code="anonymous")
        return super().filter_queryset(queryset)

    def survey(self) -> Survey:
        """The survey of the address. Raises Http404."""
        survey = queries.surveys().filter(pk=uuid_or_404(self.kwargs["survey_id"])).first()
        if survey is None:
            raise Http404
        return survey

    @extend_schema(
        request=PolymorphicProxySerializer(
            component_name="NewResponses",
            serializers=[NewResponseSerializer, NewResponseSerializer(many=True)],
            resource_type_field_name=None,
            many=False,
        ),
        responses={201: ResponseSerializer, 200: ListOutcomeSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Answer:
        """Record one answer (201), or a list of up to 1,000 (200, each taken or refused on its own)."""
        live = live_survey(uuid_or_404(self.kwargs["survey_id"]))
        if isinstance(request.data, list):
            outcome = services.record_responses(actor=self.request.actor, survey_id=live.id, entries=request.data)
            return Answer(represent_outcome(outcome))
        recorded = services.record_response(
            actor=self.request.actor, survey_id=live.id, entry=read_entry(self.object_body(), live)
        )
        body = represent_recorded(recorded)
        return Answer(body, status=status.HTTP_201_CREATED, headers=self.location(recorded.row))

    def location(self, row: Any) -> dict[str, str]:
        address = self.reverse_action("detail", kwargs={"survey_id": self.kwargs["survey_id"], "id": row.id})
        return {"Location": address}

    def delete_object(self, row: Response) -> None:
        services.delete_response(actor=self.request.actor, response=row)


def register(router: ApiRouter) -> None:
    """Add this app's resources to `/api/v1/`."""
    router.register("surveys", SurveyViewSet, basename="survey")
    router.register_view("survey-templates/", SurveyTemplatesView, name="survey-templates")
    router.register(r"surveys/(?P<survey_id>[^/.]+)/responses", ResponseViewSet, basename="response")
    router.register(r"surveys/(?P<survey_id>[^/.]+)/files", ResponseFileViewSet, basename="response-file")
