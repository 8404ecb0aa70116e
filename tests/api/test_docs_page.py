"""The reference page drawn from the OpenAPI document."""

import re

import pytest
from django.test import Client

from apps.api.documentation import Reader, document_sections
from apps.api.views import openapi_document
from tests.api.operations import operations


@pytest.fixture
def page(db: None) -> str:
    response = Client().get("/api/docs/")
    assert response.status_code == 200
    return response.content.decode()


def test_page_shows_every_operation_and_every_problem(page: str) -> None:
    for operation in operations():
        assert f"<code>{operation.method} {operation.path}</code>" in page, operation.key
    for status in (400, 401, 403, 404, 409, 412, 413, 415, 422, 429):
        assert f"<code>{status}</code>" in page


def test_type_of_a_problem_is_a_place_on_the_page(page: str) -> None:
    kind = Client().get("/api/v1/customers/").json()["type"]
    address, _hash, anchor = kind.partition("#")
    assert address == "/api/docs/"
    assert f'id="{anchor}"' in page


def test_page_needs_no_script_and_nothing_from_elsewhere(page: str) -> None:
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "style=" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)


def test_anchors_are_unique(page: str) -> None:
    anchors = re.findall(r'\bid="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))


def test_example_holds_the_required_fields() -> None:
    reader = Reader({"components": {"schemas": {"Kind": {"enum": ["nps", "csat"]}}}})
    schema = {
        "type": "object",
        "required": ["name", "kind", "steps", "at"],
        "properties": {
            "name": {"type": "string"},
            "kind": {"$ref": "#/components/schemas/Kind"},
            "steps": {"type": "array", "items": {"type": "integer", "minimum": 3}},
            "at": {"type": ["string", "null"], "format": "date"},
            "note": {"type": "string"},
        },
    }
    assert reader.example(schema) == {"name": "text", "kind": "nps", "steps": [3], "at": "2026-11-21"}
    shown = {field.name: (field.kind, field.required) for field in reader.fields(schema)}
    assert shown["kind"] == ("one of nps, csat", True)
    assert shown["steps"] == ("list of integer", True)
    assert shown["at"] == ("string (date) or null", True)
    assert shown["note"] == ("string", False)


def test_curl_line_is_one_shell_command() -> None:
    import shlex

    for section in document_sections(openapi_document(), "http://localhost:8000/"):
        for operation in section.operations:
            words = shlex.split(operation.curl)
            assert words[0] == "curl"
            assert any(word.startswith("http://localhost:8000/api/v1/") for word in words)
