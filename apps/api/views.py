"""The root listing, the OpenAPI document and the page made from it."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any, ClassVar

import yaml
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from apps.api.documentation import document_problems, document_sections
from cxm.api.problems import problem_http_response
from cxm.api.renderers import render_json
from cxm.api.routers import ApiRouter
from cxm.api.viewsets import ApiView
from cxm.web.views import public_view, render_page

JSON_TYPE = "application/vnd.oai.openapi+json"
YAML_TYPE = "application/vnd.oai.openapi"


class PermanentRedirectKeepingMethod(HttpResponsePermanentRedirect):
    """308: the client repeats the same method and body at the other address."""

    status_code = HTTPStatus.PERMANENT_REDIRECT


class RootView(ApiView):
    """The resources of the API."""

    router: ApiRouter = None  # type: ignore[assignment]
    required_permissions: ClassVar[dict[str, str]] = {"get": "organization.view"}

    @extend_schema(responses={200: {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}}})
    def get(self, request: Request) -> Response:
        """Every top-level resource with its address."""
        return Response({name: reverse(url, request=request) for name, url in self.router.collections().items()})


@cache
def openapi_document() -> dict[str, Any]:
    """The OpenAPI 3.1 document. The same for every organisation, so made once a process (about a second)."""
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document


@cache
def openapi_text(kind: str) -> bytes:
    """The document as JSON or YAML text."""
    if kind == YAML_TYPE:
        return yaml.safe_dump(openapi_document(), sort_keys=False, allow_unicode=True).encode()
    return render_json(openapi_document())


@public_view
@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document: JSON, or YAML with `?format=yaml` or an Accept header that names yaml."""
    wants_yaml = request.GET.get("format") == "yaml" or "yaml" in request.headers.get("Accept", "")
    kind = YAML_TYPE if wants_yaml else JSON_TYPE
    return HttpResponse(openapi_text(kind), content_type=f"{kind}; charset=utf-8")


@public_view
@csrf_exempt
def unknown_address(request: HttpRequest, rest: str) -> HttpResponse:
    """What no other route takes: on to the same address with its last slash when that exists, else a problem."""
    if not rest.endswith("/") and resolve(f"{request.path_info}/").func is not unknown_address:
        return PermanentRedirectKeepingMethod(request.get_full_path(force_append_slash=True))
    return problem_http_response(HTTPStatus.NOT_FOUND)


@public_view
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The reference, drawn from the document; needs no script and nothing from elsewhere."""
    base_url = request.build_absolute_uri("/")
    context = {
        "sections": document_sections(openapi_document(), base_url),
        "problems": document_problems(),
        "root": f"{base_url}api/v1/",
    }
    return render_page(request, "api/docs.html", context)
