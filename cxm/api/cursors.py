"""Pages of a list by keyset: `{"results": [...], "next": url|null}`.

A page starts after the last row of the one before, by the values it was ordered by, so a page costs the same at any
depth, and rows added meanwhile neither repeat nor hide others. Cursors are opaque and signed: they only come from us.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.db.models import F, Field, Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from cxm.api.problems import BadBody

DEFAULT_LIMIT = 100
MAX_LIMIT = 500


def encode_cursor(purpose: str, position: Sequence[Any]) -> str:
    """An opaque signed text for a position in the list `purpose` (say path and ordering)."""
    payload = json.dumps(list(position), cls=JSONEncoder, separators=(",", ":")).encode()
    return Signer(salt=f"api.cursor:{purpose}").sign(base64.urlsafe_b64encode(payload).decode().rstrip("="))


def decode_cursor(purpose: str, cursor: str) -> list[Any]:
    """The position in a cursor made for the same purpose. Raises BadBody (400) for any other text."""
    try:
        payload = Signer(salt=f"api.cursor:{purpose}").unsign(cursor)
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (BadSignature, binascii.Error, ValueError):
        message = _("This cursor is not one of ours for this list and ordering. Start again without it.")
        raise BadBody(message, field="cursor", code="bad_cursor") from None


def read_limit(parameters: Mapping[str, str], *, default: int = DEFAULT_LIMIT, maximum: int = MAX_LIMIT) -> int:
    """`?limit=`, 1..maximum. Raises BadBody (400) for anything else."""
    text = parameters.get("limit", "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= maximum):
        message = _("limit must be a whole number from 1 to %(maximum)d.") % {"maximum": maximum}
        raise BadBody(message, field="limit", code="bad_limit")
    return int(text)


def next_url(request: Request, cursor: str) -> str:
    """The absolute address of this list from `cursor` on, other parameters kept."""
    kept = [(name, value) for name, value in parse_qsl(request.META.get("QUERY_STRING", "")) if name != "cursor"]
    return request.build_absolute_uri(f"{request.path}?{urlencode([*kept, ('cursor', cursor)])}")


class CursorPage(BasePagination):
    """Keyset pages of a queryset. The view declares `ordering_fields = {public name: column}` and `ordering = "-name"`.

    Ties are broken by id, in the same direction as the column, so that one index serves. Of a nullable column the
    nulls come last upwards and first downwards, as PostgreSQL's own indexes have them. Costs one query.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        limit = read_limit(request.query_params)
        name, descending = self.read_ordering(request, view)
        column = view.ordering_fields[name]
        purpose = f"{request.path}?{'-' if descending else ''}{name}"
        if text := request.query_params.get("cursor", ""):
            queryset = queryset.filter(after(queryset, column, descending, decode_cursor(purpose, text)))
        keys = [column] if column in ("id", "pk") else [column, "id"]
        rows = list(queryset.order_by(*(F(key).desc() if descending else F(key).asc() for key in keys))[: limit + 1])
        self.next: str | None = None
        if len(rows) > limit:
            rows = rows[:limit]
            position = [value_of(rows[-1], column), rows[-1].pk]
            self.next = next_url(request, encode_cursor(purpose, position))
        return rows

    def read_ordering(self, request: Request, view: Any) -> tuple[str, bool]:
        """`?ordering=name` or `-name` from the view's list. Raises BadBody (400) for another."""
        asked = request.query_params.get("ordering", "") or view.ordering
        name = asked.removeprefix("-")
        if name not in view.ordering_fields:
            names = ", ".join(sorted(view.ordering_fields))
            message = _("ordering must be one of %(names)s, with “-” in front to turn it round.") % {"names": names}
            raise BadBody(message, field="ordering", code="bad_ordering")
        return name, asked.startswith("-")

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.next})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return page_schema(schema)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = sorted(getattr(view, "ordering_fields", {}))
        ordering = {
            "name": "ordering",
            "in": "query",
            "description": "Order of the list; “-” in front turns it round.",
            "schema": {"type": "string", "enum": [sign + name for name in names for sign in ("", "-")]},
        }
        return [*PAGE_PARAMETERS, *([ordering] if names else [])]


PAGE_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "cursor",
        "in": "query",
        "description": "Where the page starts: take it from `next`, it is opaque.",
        "schema": {"type": "string"},
    },
    {
        "name": "limit",
        "in": "query",
        "description": "Rows on a page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    },
]


def page_schema(items: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI shape of a page, given that of the array of its rows."""
    return {
        "type": "object",
        "required": ["results", "next"],
        "properties": {
            "results": items,
            "next": {"type": ["string", "null"], "format": "uri"},
        },
    }


def after(queryset: QuerySet[Any], column: str, descending: bool, position: Sequence[Any]) -> Q:
    """The rows that come after a position (value of the column, id) in the ordering."""
    field, id_field = field_of(queryset, column), queryset.model._meta.pk
    try:
        raw, raw_id = position
        value = None if raw is None else field.to_python(raw)
        row_id = id_field.to_python(raw_id)
    except (ValueError, TypeError, ValidationError):
        raise BadBody(_("This cursor does not fit this list."), field="cursor", code="bad_cursor") from None
    beyond = "lt" if descending else "gt"
    if column in ("id", "pk"):
        return Q(**{f"pk__{beyond}": row_id})
    later_id = Q(**{f"pk__{beyond}": row_id})
    if value is None:
        same = Q(**{f"{column}__isnull": True}) & later_id
        return same | Q(**{f"{column}__isnull": False}) if descending else same
    # The first condition is implied by the second; it is there because an index can start from it.
    condition = Q(**{f"{column}__{beyond}e": value}) & (Q(**{f"{column}__{beyond}": value}) | later_id)
    nullable = getattr(field, "null", False)
    return condition | Q(**{f"{column}__isnull": True}) if nullable and not descending else condition


def field_of(queryset: QuerySet[Any], column: str) -> Field[Any, Any]:
    """The model field, or the output field of the annotation, that `column` names."""
    annotation = queryset.query.annotations.get(column)
    return annotation.output_field if annotation is not None else queryset.model._meta.get_field(column)


def value_of(row: Any, column: str) -> Any:
    """The value a row was ordered by."""
    return getattr(row, "pk" if column == "id" else column)
