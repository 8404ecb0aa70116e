"""The official SDKs, unmodified, against a running server: people, traits, events, order, and once for every message.

Each tells the same story; the four may differ only in how they send it. The SDKs for Node.js are installed by
``make test`` (scripts/install_sdks.py) where there is Node.js.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import segment.analytics.client as segment
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.db import connections
from rudderstack.analytics.client import Client as RudderClient

from apps.customers.models import Account, Customer
from apps.interactions.models import Interaction, RefusedMessage
from apps.organizations.models import Organization
from apps.organizations.services import create_api_key
from cxm.actor import Actor
from cxm.draining import DrainedBodies
from cxm.ingest import FastLane
from cxm.scope import tenant
from scripts.install_sdks import SDKS, is_installed
from tests.factories import an_organization

pytestmark = pytest.mark.django_db(transaction=True)
SCRIPTS = Path(__file__).resolve().parents[1] / "sdks"
OLD = datetime(2020, 2, 3, 4, 5, 6, 789_000, UTC)
STEPS = 250


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not printed."""


class Server:
    """Our application on a port, which can lose its answers: the messages are stored, and the sender is told 500."""

    def __init__(self) -> None:
        self.host = ""
        self.application = DrainedBodies(FastLane(get_wsgi_application()))
        self.lose = 0
        self.requests: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        with self.lock:
            self.requests.append(dict(environ))
            is_lost = self.lose > 0
            self.lose -= is_lost
        # A library keeps its connection to us, and with it this thread, after its test: the database's is given back.
        try:
            if not is_lost:
                return list(self.application(environ, start_response))
            list(self.application(environ, lambda *_arguments: None))
        finally:
            connections.close_all()
        start_response("500 Lost", [("Content-Type", "text/plain"), ("Content-Length", "4")])
        return [b"lost"]


@pytest.fixture
def server() -> Iterator[Server]:
    application = Server()
    httpd = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    httpd.daemon_threads = True
    httpd.set_app(application)
    application.host = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield application
    httpd.shutdown()
    httpd.server_close()
    thread.join(timeout=10)


@pytest.fixture
def acme() -> Iterator[Organization]:
    """An organisation, in force."""
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


@pytest.fixture
def key(acme: Organization) -> str:
    return create_api_key(actor=Actor.system("test"), name="Site", kind="write")[1]


def tell(client: Any) -> None:
    """The story, in the calls that both Python SDKs share."""
    client.identify("u-1", {"email": "Ada@Example.com", "name": "Ada", "plan": "pro"})
    client.group("u-1", "acme-7", {"name": "Acme Ltd"})
    client.track(anonymous_id="a-1", event="Seen", properties={"price": 9.5})
    client.identify("u-2", anonymous_id="a-1")
    client.page("u-1", "Shop", "Prices", {"url": "https://shop.example/prices"})
    client.screen("u-1", None, "Basket")
    client.track(anonymous_id="a-2", event="Called")
    client.alias("a-2", "u-1")
    client.track("u-3", "Grüße 😀", timestamp=OLD)
    for number in range(STEPS):
        client.track("u-4", "Step", {"number": number})
    client.shutdown()


def by_segment_for_python(host: str, key: str, **options: Any) -> None:
    tell(segment.Client(key, host=host, upload_size=50, on_error=_fail, **options))


def by_rudderstack_for_python(host: str, key: str, **options: Any) -> None:
    tell(RudderClient(key, host=host, upload_size=50, on_error=_fail, **options))


def _fail(error: Exception, batch: list[Any]) -> None:
    logging.getLogger("tests").error("not sent: %s", error)


def by_node(script: str) -> Callable[..., None]:
    def run(host: str, key: str) -> None:
        node = shutil.which("node")
        if node is None or not is_installed():
            pytest.skip("Node.js or its SDKs are not installed: python scripts/install_sdks.py")
        done = subprocess.run(
            [node, str(SCRIPTS / script), host, key],
            env={**os.environ, "SDKS": str(SDKS)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    return run


SDKS_UNDER_TEST = {
    "segment-analytics-python": by_segment_for_python,
    "rudder-sdk-python": by_rudderstack_for_python,
    "@segment/analytics-node": by_node("segment.cjs"),
    "@rudderstack/rudder-sdk-node": by_node("rudder.cjs"),
}


def check_story(sdk: str) -> None:
    """Everything that was told is there, once, with whom it belongs to, in order."""
    people = {person.external_id: person for person in Customer.objects.all()}
    assert sorted(filter(None, people)) == ["u-1", "u-2", "u-3", "u-4"]
    ada = people["u-1"]
    assert (ada.email, ada.name, ada.attributes["plan"], ada.account) == ("ada@example.com", "Ada", "pro", "acme-7")
    assert Account.objects.get().name == "Acme Ltd"
    rows = list(Interaction.objects.exclude(event="Step").select_related("customer").order_by("event"))
    assert [(row.event, row.kind, row.customer.external_id if row.customer else None) for row in rows] == [
        ("Called", "event", "u-1"),
        ("Grüße 😀", "event", "u-3"),
        ("Page viewed", "page", "u-1"),
        ("Screen viewed", "screen", "u-1"),
        ("Seen", "event", "u-2"),
    ]
    by_name = {row.event: row for row in rows}
    assert by_name["Grüße 😀"].occurred_at == OLD
    assert by_name["Seen"].properties == {"price": 9.5}
    page = by_name["Page viewed"].properties
    assert (page["name"], page["url"]) == ("Prices", "https://shop.example/prices")
    assert by_name["Screen viewed"].properties["name"] == "Basket"
    numbers = [step.properties["number"] for step in Interaction.objects.filter(event="Step").order_by("id")]
    # the others send milliseconds: of messages in two batches made in the same one, nothing says which came first
    assert (numbers if sdk == "rudder-sdk-python" else sorted(numbers)) == list(range(STEPS))
    assert [str(row.reason) for row in RefusedMessage.objects.all()] == []


@pytest.mark.parametrize("sdk", SDKS_UNDER_TEST)
def test_an_sdk_works_by_changing_its_host(server: Server, key: str, sdk: str) -> None:
    SDKS_UNDER_TEST[sdk](server.host, key)
    check_story(sdk)
    assert {request["PATH_INFO"] for request in server.requests} == {"/v1/batch"}


@pytest.mark.parametrize("sdk", SDKS_UNDER_TEST)
def test_what_an_sdk_sends_again_counts_once(server: Server, key: str, sdk: str) -> None:
    server.lose = 2
    unusual = {"segment-analytics-python": {"gzip": True}, "rudder-sdk-python": {"gzip": False}}.get(sdk, {})
    SDKS_UNDER_TEST[sdk](server.host, key, **unusual)
    assert server.lose == 0
    check_story(sdk)
    if unusual:
        assert {"HTTP_CONTENT_ENCODING" in request for request in server.requests} == {unusual["gzip"]}


def test_an_sdk_hears_why_its_key_is_refused(server: Server, key: str) -> None:
    said: list[str] = []
    client = segment.Client(key[:-1], host=server.host, on_error=lambda error, _batch: said.append(str(error)))
    client.track("u-1", "Paid")
    client.shutdown()
    assert said and "invalid_write_key" in said[0]
    assert not Interaction.objects.exists()
