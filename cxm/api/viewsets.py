"""The bases of every API view: one transaction, one permission a action, entity tags, idempotency, problems.

A resource says which queryset, serializer, filters, orderings and permissions it has, and which service does each
write; the rest is here:

    class TouchpointViewSet(TenantViewSet):
        serializer_class = TouchpointSerializer
        filterset_class = TouchpointFilter
        ordering_fields = {"created_at": "created_at", "name": "name"}
        ordering = "name"
        required_permissions = {"list": "touchpoints.view", ..., "destroy": "touchpoints.edit"}

        def get_queryset(self):
            return queries.touchpoints(self.request.actor)

        def create_object(self, data):
            return services.create_touchpoint(actor=self.request.actor, **data)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet, ViewSetMixin

from cxm.api.cursors import CursorPage
from cxm.api.etags import etag_of, is_fresh, require_match
from cxm.api.idempotency import answer_once, read_key
from cxm.api.parsers import MAX_BYTES, SafeJsonParser
from cxm.api.permissions import ActionPermission, KeyAuthentication
from cxm.api.problems import BadBody, problem_from_exception
from cxm.api.renderers import JsonOnly, JsonRenderer, render_json
from cxm.api.requests import ApiRequest

Handler = Callable[..., HttpResponseBase]

one_transaction = transaction.atomic(savepoint=False)
"""Makes an action one transaction also where requests are not; where they are it costs nothing."""


class ApiView(APIView):
    """A view of the API: keys only, JSON in and out, ETag on what it answers, Idempotency-Key on its POSTs."""

    request: ApiRequest
    authentication_classes = (KeyAuthentication,)
    permission_classes = (ActionPermission,)
    throttle_classes = ()  # the API middleware counts, so that refused requests count as well
    parser_classes: tuple[type[BaseParser], ...] = (SafeJsonParser,)
    renderer_classes = (JsonRenderer,)
    content_negotiation_class = JsonOnly
    metadata_class = None
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    max_body_bytes: int = MAX_BYTES
    required_permissions: ClassVar[Mapping[str, str]] = {}
    """Action (or lower-case HTTP method of a plain view) -> permission."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """DRF's dispatch, with a POST that carries an Idempotency-Key run through `answer_once`."""
        self.args, self.kwargs = args, kwargs
        request = self.initialize_request(request, *args, **kwargs)
        self.request = cast(ApiRequest, request)
        self.headers = self.default_response_headers
        response: Any
        try:
            self.initial(request, *args, **kwargs)
            name = (request.method or "").lower()
            handler: Handler = getattr(self, name, self.http_method_not_allowed)
            if name not in self.http_method_names:
                handler = self.http_method_not_allowed
            key = read_key(request) if name == "post" else ""
            if key:
                response = answer_once(request, key, lambda: self.run_in_savepoint(request, handler, *args, **kwargs))
            else:
                response = handler(request, *args, **kwargs)
        except Exception as error:
            response = self.handle_exception(error)
        self.response = self.finalize_response(request, response, *args, **kwargs)
        return self.response

    def run_in_savepoint(self, request: Request, handler: Handler, *args: Any, **kwargs: Any) -> HttpResponse:
        """Run the handler so that a refusal undoes its writes but leaves the idempotency row; a 5xx is raised."""
        try:
            with transaction.atomic():
                response: Any = handler(request, *args, **kwargs)
        except Exception as error:
            response = problem_from_exception(error)
            if response is None or response.status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
                raise
        response = self.finalize_response(request, response, *args, **kwargs)
        return response.render() if hasattr(response, "render") else response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add the entity tag; answer 304 when the client has this representation already.

        The tag is made of the body, or of what the response names in `tagged_by`: of all but the moment of an answer.
        """
        response = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(response, Response) and "ETag" not in response and tagged(request, response):
            etag = etag_of(render_json(getattr(response, "tagged_by", response.data)))
            if request.method in ("GET", "HEAD") and is_fresh(request.headers.get("If-None-Match", ""), etag):
                response = HttpResponseNotModified()
            response["ETag"] = etag
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-cache"
        patch_vary_headers(response, ["Authorization"])
        return response

    def object_body(self) -> dict[str, Any]:
        """The body, which must be a JSON object. Raises BadBody (400) otherwise."""
        if not isinstance(self.request.data, dict):
            raise BadBody("Send a JSON object.", code="not_an_object")
        return self.request.data


def tagged(request: Request, response: Response) -> bool:
    """Whether the answer is the representation of a resource: reads, and the writes that give the resource back."""
    if response.data is None:
        return False
    if request.method in ("GET", "HEAD", "PUT", "PATCH"):
        return response.status_code in (status.HTTP_200_OK, status.HTTP_201_CREATED)
    return response.status_code == status.HTTP_201_CREATED


class ApiViewSet(ViewSetMixin, ApiView):
    """A set of actions that is no plain collection of rows."""


class ResourceViewSet(ApiView, GenericViewSet):
    """Rows of one model of the organisation. Combine with the mixins below, or use TenantViewSet for all of them."""

    lookup_field = "id"
    pagination_class = CursorPage
    filter_backends = (DjangoFilterBackend,)
    ordering_fields: ClassVar[Mapping[str, str]] = {"created_at": "created_at"}
    """Public name -> column or annotation of the queryset."""
    ordering: str = "-created_at"

    def filter_lookup(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The one row the address names. Raises Http404 for an id that is no UUID: it cannot exist."""
        return queryset.filter(pk=uuid_or_404(self.kwargs[self.lookup_field]))

    def get_object(self) -> Any:
        """The row, through the permitted queryset; another organisation's is a 404 like one that never existed."""
        row = self.filter_lookup(self.get_queryset()).first()
        if row is None:
            raise Http404
        self.check_object_permissions(self.request, row)
        return row

    def get_object_to_change(self) -> Any:
        """The row for a write. With If-Match it is locked first, so that the state compared is the state changed."""
        if self.request.headers.get("If-Match"):
            model = self.get_queryset().model
            list(self.filter_lookup(model._default_manager.select_for_update().order_by()).values_list("pk"))
            row = self.get_object()
            require_match(self.request, etag_of(render_json(self.representation(row))))
            return row
        return self.get_object()

    def representation(self, row: Any) -> Any:
        """The resource as a GET of it answers."""
        return self.get_serializer(row).data

    def reread(self, row: Model) -> Any:
        """The row again through the permitted queryset; itself when the write moved it out of the actor's sight."""
        return self.get_queryset().filter(pk=row.pk).first() or row

    def validated(self, *, partial: bool = False, instance: Any = None) -> dict[str, Any]:
        """The body's fields, checked for shape. Raises ValidationError (400) naming each wrong one."""
        serializer = self.get_serializer(instance, data=self.request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def location(self, row: Any) -> dict[str, str]:
        """The Location header for a row just made."""
        return {"Location": self.reverse_action("detail", args=[getattr(row, self.lookup_field)])}

    def created(self, row: Model) -> Response:
        """201 with the representation and its address."""
        row = self.reread(row)
        return Response(self.representation(row), status=status.HTTP_201_CREATED, headers=self.location(row))


class ListMixin:
    """GET of the collection: filtered, ordered, by pages."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))  # type: ignore[attr-defined]
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)  # type: ignore[attr-defined]


class RetrieveMixin:
    """GET of one row."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.representation(self.get_object()))  # type: ignore[attr-defined]


class CreateMixin:
    """POST to the collection, through `create_object`."""

    @one_transaction
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.created(self.create_object(self.validated()))  # type: ignore[attr-defined]

    def create_object(self, data: dict[str, Any]) -> Any:
        """Call the service that makes the row."""
        raise NotImplementedError


class UpdateMixin:
    """PUT and PATCH of one row, through `update_object`."""

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.change(partial=False)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.change(partial=True)

    @one_transaction
    def change(self, *, partial: bool) -> Response:
        """Check If-Match and the body, call the service, answer with the new representation."""
        row = self.get_object_to_change()  # type: ignore[attr-defined]
        row = self.update_object(row, self.validated(partial=partial, instance=row))  # type: ignore[attr-defined]
        return Response(self.representation(self.reread(row)))  # type: ignore[attr-defined]

    def update_object(self, row: Any, data: dict[str, Any]) -> Any:
        """Call the service that changes the row; `data` holds only what was sent."""
        raise NotImplementedError


class DestroyMixin:
    """DELETE of one row, through `delete_object`."""

    @one_transaction
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.delete_object(self.get_object_to_change())  # type: ignore[attr-defined]
        return Response(status=status.HTTP_204_NO_CONTENT)

    def delete_object(self, row: Any) -> None:
        """Call the service that removes the row."""
        raise NotImplementedError


class ReadOnlyTenantViewSet(ListMixin, RetrieveMixin, ResourceViewSet):
    """A resource that is only read."""


class TenantViewSet(ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, ResourceViewSet):
    """A resource with the whole of CRUD."""


def uuid_or_404(text: str) -> UUID:
    """An id from an address. Raises Http404 when it is no UUID."""
    try:
        return UUID(text)
    except (ValueError, AttributeError, TypeError):
        raise Http404 from None
