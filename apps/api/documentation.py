"""The OpenAPI document as the reference page shows it: operations with their fields and a curl line. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cxm.api.problems import KINDS
from cxm.api.schema import METHODS

Schema = Mapping[str, Any]
MAX_FIELD_DEPTH = 3
EXAMPLES = {
    "uuid": "018f3c1e-7d2a-7000-8000-000000000001",
    "date-time": "2026-11-21T09:30:00Z",
    "date": "2026-11-21",
    "email": "ada@example.com",
    "uri": "https://example.com/",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a field of a body."""

    name: str
    kind: str
    required: bool
    text: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address."""

    anchor: str
    method: str
    path: str
    summary: str
    text: str
    scope: str
    parameters: list[Field]
    body: list[Field]
    answers: list[tuple[str, str]]
    answer_fields: list[Field]
    curl: str


@dataclass(frozen=True, slots=True)
class Section:
    """The operations of one resource."""

    anchor: str
    title: str
    operations: list[Operation]


def document_sections(document: Schema, base_url: str) -> list[Section]:
    """The document's operations by tag, in the order of the document; `base_url` goes into the curl lines."""
    reader = Reader(document)
    sections: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                sections.setdefault(operation["tags"][0], []).append(
                    reader.operation(path, method, operation, base_url)
                )
    return [Section(f"resource-{tag}", tag, operations) for tag, operations in sections.items()]


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of failure; `anchor` is the fragment of its type URI."""

    anchor: str
    status: int
    title: str
    text: str


def document_problems() -> list[Problem]:
    """Every kind of failure there is."""
    return [Problem(f"problem-{slug}", status, title, text) for status, (slug, title, text) in KINDS.items()]


class Reader:
    """Reads operations and schemas of one document, following its references."""

    def __init__(self, document: Schema) -> None:
        self.document = document

    def operation(self, path: str, method: str, operation: Schema, base_url: str) -> Operation:
        """One operation ready to be shown."""
        text, _split, scope = operation.get("description", "").rpartition("Needs the scope `")
        if not _split:
            text, scope = scope, ""
        first, _dot, rest = text.strip().partition(". ")
        body = self.content_schema(operation.get("requestBody", {}))
        success = next((code for code in operation["responses"] if code.startswith("2")), "")
        answers = [
            (code, self.resolve(answer).get("description", "")) for code, answer in operation["responses"].items()
        ]
        answer = self.content_schema(operation["responses"].get(success, {}))
        return Operation(
            anchor=re.sub(r"[^a-z0-9]+", "-", f"{method} {path}".lower()).strip("-"),
            method=method.upper(),
            path=path,
            summary=first.rstrip(".") or operation["operationId"].replace("_", " "),
            text=rest,
            scope=scope.removesuffix("`."),
            parameters=[self.parameter(parameter) for parameter in operation.get("parameters", [])],
            body=list(self.fields(body)) if body else [],
            answers=sorted(answers),
            answer_fields=list(self.fields(answer)) if answer else [],
            curl=self.curl(path, method, body, base_url),
        )

    def parameter(self, parameter: Schema) -> Field:
        """A path, query or header parameter."""
        parameter = self.resolve(parameter)
        return Field(
            name=parameter["name"],
            kind=self.kind(parameter.get("schema", {})),
            required=parameter.get("required", False),
            text=parameter.get("description", ""),
            place=parameter["in"],
        )

    def fields(self, schema: Schema, prefix: str = "", depth: int = 1) -> Iterator[Field]:
        """The fields of an object, nested ones with dotted names (`stages[].name`)."""
        schema = self.resolve(schema)
        if "oneOf" in schema and "properties" not in schema:
            schema = self.resolve(schema["oneOf"][0])
        if schema.get("type") == "array":
            yield from self.fields(schema.get("items", {}), f"{prefix}[].", depth)
            return
        for name, inner in schema.get("properties", {}).items():
            resolved = self.resolve(inner)
            yield Field(
                name=f"{prefix}{name}",
                kind=self.kind(inner),
                required=name in schema.get("required", ()),
                text=inner.get("description", "") or resolved.get("description", ""),
                place="read only" if inner.get("readOnly") else "",
            )
            if depth < MAX_FIELD_DEPTH:
                inside = resolved.get("items", {}) if resolved.get("type") == "array" else resolved
                dots = "[]." if resolved.get("type") == "array" else "."
                yield from self.fields(inside, f"{prefix}{name}{dots}", depth + 1)

    def kind(self, schema: Schema) -> str:
        """The type in words: `string (email)`, `one of nps, csat`, `list of object`, with `or null`."""
        resolved = self.resolve(schema)
        types = resolved.get("type", "")
        names = list(types) if isinstance(types, list) else [types] if types else []
        nullable = "null" in names
        name = next((n for n in names if n != "null"), "")
        if "enum" in resolved:
            name = "one of " + ", ".join(str(value) for value in resolved["enum"] if value not in (None, ""))
        elif choices := resolved.get("oneOf") or resolved.get("anyOf"):
            kinds = dict.fromkeys(self.kind(choice) for choice in choices)
            nullable = nullable or "null" in kinds or "" in kinds
            name = " or ".join(kind for kind in kinds if kind not in ("null", ""))
        elif name == "array":
            name = f"list of {self.kind(resolved.get('items', {})) or 'values'}"
        elif form := resolved.get("format"):
            name = f"{name} ({form})"
        return f"{name or 'any'} or null" if nullable else name or "any"

    def content_schema(self, holder: Schema) -> Schema | None:
        """The schema of a body or an answer, JSON before forms; None when it has no content."""
        content = self.resolve(holder).get("content", {})
        media = content.get("application/json") or next(iter(content.values()), None)
        return media.get("schema") if media else None

    def curl(self, path: str, method: str, body: Schema | None, base_url: str) -> str:
        """A line for a shell."""
        address = base_url.rstrip("/") + re.sub(r"\{(\w+)\}", r"<\1>", path)
        parts = ["curl"]
        if method != "get":
            parts += ["-X", method.upper()]
        parts += [shlex.quote(address), "-H", '"Authorization: Bearer $CXM_KEY"']
        if body is not None:
            example = json.dumps(self.example(body), ensure_ascii=False)
            parts += ["-H", '"Content-Type: application/json"', "-d", shlex.quote(example)]
        return " ".join(parts)

    def example(self, schema: Schema, depth: int = 0) -> Any:
        """A plausible value: the schema's own example, else one of its type; objects hold what is required."""
        schema = self.resolve(schema)
        for given in ("example", "default", "const"):
            if schema.get(given) is not None:
                return schema[given]
        if schema.get("examples"):
            return schema["examples"][0]
        if schema.get("enum"):
            return schema["enum"][0]
        for choice in ("oneOf", "anyOf", "allOf"):
            if schema.get(choice):
                return self.example(schema[choice][0], depth)
        types = schema.get("type", "")
        kind = next((t for t in types if t != "null"), "") if isinstance(types, list) else types
        if kind == "object":
            wanted = schema.get("required") or list(schema.get("properties", {}))[:2]
            properties = schema.get("properties", {})
            return {
                name: self.example(properties[name], depth + 1) for name in wanted if name in properties and depth < 4
            }
        if kind == "array":
            return [self.example(schema.get("items", {}), depth + 1)] if depth < 4 else []
        if kind in ("integer", "number"):
            return schema.get("minimum", 1)
        if kind == "boolean":
            return True
        return EXAMPLES.get(schema.get("format", ""), "text")

    def resolve(self, schema: Schema) -> Schema:
        """Follow `$ref` (also as the only member of allOf)."""
        if len(schema.get("allOf", ())) == 1:
            schema = {**self.resolve(schema["allOf"][0]), **{k: v for k, v in schema.items() if k != "allOf"}}
        while "$ref" in schema:
            target: Any = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        return schema
