"""Settings of DRF and of the schema; `cxm.settings` takes them over as they are."""

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["cxm.api.permissions.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["cxm.api.permissions.ActionPermission"],
    "DEFAULT_PARSER_CLASSES": ["cxm.api.parsers.SafeJsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["cxm.api.renderers.JsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "cxm.api.renderers.JsonOnly",
    "DEFAULT_PAGINATION_CLASS": "cxm.api.cursors.CursorPage",
    "DEFAULT_SCHEMA_CLASS": "cxm.api.schema.ApiSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "cxm.api.problems.problem_exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
    "COERCE_DECIMAL_TO_STRING": False,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "CXM REST API",
    "DESCRIPTION": "Customers, touchpoints, personas, journeys, surveys, answers, scores, ideas of one organisation.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "ChannelEnum": "apps.touchpoints.models.Channel",
        "TouchKindEnum": "apps.interactions.touch_kinds.TOUCH_CHOICES",
        "ConsentChannelEnum": "apps.customers.models.ConsentRecord.Channel",
        "SurveyKindEnum": "apps.surveys.models.Survey.Kind",
        "InvitationStateEnum": "apps.dispatch.models.Invitation.State",
        "ProviderBackendEnum": "apps.messaging.backends.CHOICES",
        "PrivacyKindEnum": "apps.privacy.models.PrivacyRequest.Kind",
        "PrivacyRefusalEnum": "apps.privacy.models.PrivacyRequest.Refusal",
        "IdentityMethodEnum": "apps.privacy.models.PrivacyRequest.IdentityMethod",
    },
    "GET_MOCK_REQUEST": "cxm.api.schema.mock_request",
    "SECURITY": [{"apiKey": []}],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "cxm.api.schema.add_common_answers",
    ],
}

DEFAULT_API_RATE_LIMIT = (50, 200)
"""Requests a second and burst of one API key."""
