"""The OpenAPI 3.1 document: what every operation has in common is written here once, not on each view."""

from __future__ import annotations

import inspect
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_mock_request
from drf_spectacular.utils import OpenApiParameter

from cxm.actor import Actor

PREFIX = "/api/v1/"
METHODS = ("get", "put", "patch", "post", "delete")

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem.",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Dotted path; empty for the whole request."},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}

USUAL = {
    "list": "List, by pages.",
    "retrieve": "Read one.",
    "create": "Make one.",
    "update": "Replace the fields that are sent, all required ones included.",
    "partial_update": "Change the fields that are sent.",
    "destroy": "Remove one.",
}

FAILURES = {
    "400": "The request could not be taken; `errors` names each field.",
    "401": "No valid API key.",
    "403": "The key does not carry the scope this needs.",
    "404": "No such thing in this organisation.",
    "405": "Another method is needed.",
    "409": "It clashes with what is stored.",
    "412": "If-Match names another state.",
    "413": "The body is too large.",
    "415": "The body is not of a type this takes.",
    "422": "The Idempotency-Key was used with another request.",
    "429": "Too many requests; wait `Retry-After` seconds.",
    "503": "Overloaded or restarting; wait `Retry-After` seconds.",
}
ALWAYS = ("400", "401", "403", "404", "405", "429", "503")
WITH_BODY = ("409", "413", "415")

ETAG_HEADER = {"ETag": {"description": "Strong entity tag of the representation.", "schema": {"type": "string"}}}


class ApiSchema(AutoSchema):
    """One operation, with the headers that all of its kind take and the permission it needs."""

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix(PREFIX).split("/")[0] or "root"]

    def get_override_parameters(self) -> list[Any]:
        if self.method == "POST":
            text = "Makes a repeat of this request have one effect and the same answer, for 24 hours."
            return [OpenApiParameter("Idempotency-Key", str, "header", description=text)]
        if self.method in ("PUT", "PATCH", "DELETE"):
            return [
                OpenApiParameter("If-Match", str, "header", description="ETag the change is based on; 412 if stale.")
            ]
        return []

    def get_description(self) -> str:  # type: ignore[override]
        permission = self.permission()
        needs = f"Needs the scope `{permission}`." if permission else ""
        return "\n\n".join(part for part in (self.own_description(), needs) if part)

    def own_description(self) -> str:
        """The docstring of the action; of the plain five that need none, what they do to this resource."""
        name = getattr(self.view, "action", "") or self.method.lower()
        if name in USUAL:
            title = inspect.getdoc(type(self.view)) or ""
            return " ".join(part for part in (USUAL[name], title.partition("\n")[0]) if part)
        text = getattr(getattr(self.view, name, None), "__doc__", None) or ""
        return " ".join(text.split())

    def permission(self) -> str | None:
        """The scope this operation asks for."""
        name = getattr(self.view, "action", None) or self.method.lower()
        return getattr(self.view, "required_permissions", {}).get(name)


class KeyScheme(OpenApiAuthenticationExtension):
    """How a key is sent."""

    target_class = "cxm.api.permissions.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "cxm_api_…"}


def mock_request(method: str, path: str, view: Any, original_request: Any, **kwargs: Any) -> Any:
    """The request that views see while they are described: of nobody in particular, who may see everything."""
    request = build_mock_request(method, path, view, original_request, **kwargs)
    request._request.actor = Actor.system("schema")
    request._request.organization = None
    return request


def add_common_answers(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Postprocessing hook: give every operation the problems it can answer with, and its ETag header."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        f"Problem{code}": {"description": text, "content": content} for code, text in FAILURES.items()
    }
    for item in result["paths"].values():
        for method in METHODS:
            if method in item:
                complete(method, item[method])
    name_types_once(result)
    return result


def name_types_once(node: Any) -> None:
    """A nullable field of a schema that already names null would name it twice, which JSON Schema does not allow."""
    if isinstance(node, dict):
        if isinstance(node.get("type"), list):
            node["type"] = list(dict.fromkeys(node["type"]))
        for inner in node.values():
            name_types_once(inner)
    elif isinstance(node, list):
        for inner in node:
            name_types_once(inner)


def complete(method: str, operation: dict[str, Any]) -> None:
    """Add the common answers to one operation."""
    codes = [*ALWAYS]
    if method in ("post", "put", "patch"):
        codes += WITH_BODY
    if method in ("put", "patch", "delete"):
        codes += ["412", "409"]
    if method == "post":
        codes += ["422"]
    responses = operation["responses"]
    for code, response in responses.items():
        if code in ("200", "201") and method != "delete" and (method != "post" or code == "201"):
            response.setdefault("headers", {}).update(ETAG_HEADER)
    if method == "get":
        responses.setdefault("304", {"description": "Not changed since If-None-Match."})
    for code in dict.fromkeys(codes):
        responses.setdefault(code, {"$ref": f"#/components/responses/Problem{code}"})
