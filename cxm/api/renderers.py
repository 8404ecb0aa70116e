"""One JSON rendering for all answers, so that the same data always has the same bytes (and entity tag)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder


class JsonRenderer(BaseRenderer):
    """Compact UTF-8 JSON; NaN and Infinity, which are not JSON, are an error of ours."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else render_json(data)


class JsonOnly(BaseContentNegotiation):
    """The API speaks JSON whatever Accept says: an answer in the one format there is helps more than a 406."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        kind = (request.content_type or "").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


def render_json(data: Any) -> bytes:
    """The bytes of `data` as every answer of the API has them."""
    text = json.dumps(data, cls=JSONEncoder, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")
