"""Logs say what happened and to which organisation, never what people wrote."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from io import StringIO

import pytest
from django.test import Client

from cxm.errors import DomainError
from cxm.logging import describe_exception, logging_settings, redact
from cxm.scope import tenant


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """What the root logger writes, through the formatter of the settings."""
    stream = StringIO()
    config = logging_settings("INFO", for_people=False)["formatters"]["structured"]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(config.pop("()")(**config))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


def parsed(stream: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_is_json_with_the_organization_in_force(lines: StringIO) -> None:
    acme = uuid.uuid4()
    with tenant(acme):
        logging.getLogger("cxm.test").info("imported %d rows", 7, extra={"file_rows": 9})
    (line,) = parsed(lines)
    assert (line["event"], line["level"], line["file_rows"]) == ("imported 7 rows", "info", 9)
    assert line["organization"] == str(acme)


@pytest.mark.parametrize(
    "text",
    [
        "sent to alice@example.org today",
        "key cxm_api_0123_4567_abcdef refused",
        "GET /r/eyJhbGciOi.J9-token/ failed",
        "postgresql://cxm_app:hunter22@db/cxm",
        "session " + "k" * 43,
    ],
)
def test_what_identifies_or_opens_something_is_masked(text: str) -> None:
    masked = redact({"where": [text]})["where"][0]
    for secret in ("alice", "abcdef", "eyJ", "hunter22", "kkk"):
        assert secret not in masked


@pytest.mark.parametrize("name", ["password", "api_key", "email", "answers", "comment_text", "Authorization"])
def test_fields_that_hold_what_people_wrote_are_removed(lines: StringIO, name: str) -> None:
    logging.getLogger("cxm.test").info("noted", extra={name: "the agent was rude"})
    assert parsed(lines)[0][name] == "[removed]"


def test_exception_is_logged_by_type_and_place_without_its_message(lines: StringIO) -> None:
    try:
        raise KeyError("the agent was rude")
    except KeyError:
        logging.getLogger("cxm.test").exception("failed")
    (line,) = parsed(lines)
    assert str(line["exception"]).startswith("KeyError at tests/core/test_logging.py:")
    assert "rude" not in lines.getvalue()


def test_message_of_a_domain_error_is_kept() -> None:
    assert describe_exception(DomainError("The survey is closed.")) == "DomainError: The survey is closed."


@pytest.mark.django_db
def test_request_line_has_route_status_and_id_but_no_path(lines: StringIO, client: Client) -> None:
    answer = client.get("/o/secret-slug/nowhere/", headers={"X-Request-ID": "from-the-proxy-1"})
    assert answer["X-Request-ID"] == "from-the-proxy-1"
    (line,) = [line for line in parsed(lines) if line["logger"] == "cxm.requests"]
    assert (line["status"], line["method"], line["request"]) == (answer.status_code, "GET", "from-the-proxy-1")
    assert "secret-slug" not in lines.getvalue()


@pytest.mark.django_db
def test_request_id_that_is_no_id_is_replaced(client: Client) -> None:
    given = "x\ny" * 50
    made = client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"]
    assert made != given
    assert len(made) == 32
