"""The OpenAPI document: valid, complete, and what the API really answers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate
from rest_framework.test import APIClient
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.api.views import openapi_document
from apps.organizations.models import Organization
from cxm.scope import tenant
from tests.api.operations import Operation, operations, slots_of

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FEW = settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_document_is_valid_openapi_3_1() -> None:
    document = json.loads(json.dumps(openapi_document()))
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_nothing_of_the_document_had_to_be_guessed() -> None:
    call_command("spectacular", "--fail-on-warn", file=os.devnull)


def test_document_is_served_as_json_and_yaml_without_a_key(db: None) -> None:
    as_json = Client().get("/api/schema/")
    as_yaml = Client().get("/api/schema/?format=yaml")
    assert as_json["Content-Type"].startswith("application/vnd.oai.openapi+json")
    assert as_yaml["Content-Type"].startswith("application/vnd.oai.openapi;")
    assert json.loads(as_json.content) == yaml.safe_load(as_yaml.content)


def test_every_operation_has_a_sentence_a_scope_and_its_problems() -> None:
    document = openapi_document()
    for operation in operations():
        described = document["paths"][operation.path][operation.method.lower()]
        assert described["description"].strip(), operation.key
        assert f"`{operation.permission}`" in described["description"], operation.key
        assert {"400", "401", "403", "404", "429"} <= described["responses"].keys(), operation.key


@pytest.fixture
def kept_connection() -> Iterator[None]:
    """The server's handler closes its connection between requests; here the test's transaction must survive them."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("no_limit", "kept_connection")
def test_answers_are_as_the_document_says(api: APIClient, acme: Organization) -> None:
    """A few generated calls of each operation, half of them on a row that exists: no 5xx, shapes as documented."""
    document = json.loads(json.dumps(openapi_document()))
    schema = schemathesis.openapi.from_dict(document)
    schema.app = get_wsgi_application()
    headers = {"Authorization": api._credentials["HTTP_AUTHORIZATION"]}
    known = {operation.key: operation for operation in operations()}
    found: list[str] = []
    asked = 0
    for result in schema.get_all_operations():
        generated = result.ok()
        operation = known[f"{generated.method.upper()} {generated.path}"]
        with tenant(acme):
            slots = slots_of(operation)
        try:
            ask(generated, operation, slots, headers)
        except FailureGroup as failures:
            found += [f"{operation.key}: {failure} {failure.message[:600]}" for failure in failures.exceptions]
        asked += 1
    assert asked == len(known)
    assert not found, "\n\n".join(found)


def ask(generated: Any, operation: Operation, slots: dict[str, Any], headers: dict[str, str]) -> None:
    """Call one operation with generated input and compare the answers with the document."""
    turn = iter(range(10**9))

    @FEW
    @given(case=generated.as_strategy())
    def run(case: Any) -> None:
        if slots and next(turn) % 4:
            case.path_parameters = {name: str(value) for name, value in slots.items()}
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS, headers=headers)

    run()
