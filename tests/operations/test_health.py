"""The three addresses that machines ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from apps.organizations.models import Organization
from apps.outbox.models import OutboxEvent
from cxm import health
from cxm.scope import tenant


@pytest.fixture(autouse=True)
def fresh_answer() -> Iterator[None]:
    health._kept = (0.0, {})
    health._broker.cache_clear()
    yield
    health._broker.cache_clear()


@pytest.mark.django_db(transaction=True)
def test_ready_when_database_broker_and_migrations_are(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    checks = answer.json()["checks"]
    assert {name: checks[name]["ok"] for name in checks} == dict.fromkeys(
        ("database", "broker", "migrations", "queues"), True
    )
    assert answer["Cache-Control"].startswith("max-age=0, no-cache")


@pytest.mark.django_db(transaction=True)
def test_unready_without_a_broker_says_which_part(client: Client, settings) -> None:
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock?db=0"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"]["ok"] is False
    assert answer.json()["checks"]["database"]["ok"] is True


@pytest.mark.django_db(transaction=True)
def test_unready_before_the_schema_is_this_version(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = frozenset({*health._migrations_on_disk(), ("surveys", "9999_from_tomorrow")})
    monkeypatch.setattr(health, "_migrations_on_disk", lambda: newer)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"]["missing"] == 1


@pytest.mark.django_db(transaction=True)
def test_late_work_is_reported_and_does_not_make_the_web_unready(client: Client) -> None:
    acme = Organization.objects.create(slug="acme", name="Acme")
    with tenant(acme):
        event = OutboxEvent.objects.create(topic="tests.happened", handler="tests.late", payload={})
        event.available_at = event.created_at.replace(year=2020)
        event.save()
    answer = client.get("/readyz")
    assert answer.status_code == 200
    queues = answer.json()["checks"]["queues"]
    assert (queues["ok"], queues["outbox"]["depth"]) == (False, 1)
    assert queues["outbox"]["oldest_due_seconds"] > 3600
    figures = client.get("/metrics", REMOTE_ADDR="127.0.0.1").content.decode()
    assert 'cxm_queue_depth{queue="outbox"} 1.0' in figures


def test_alive_needs_no_database(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("headers", "address", "status"),
    [
        ({}, "127.0.0.1", 200),
        ({}, "::1", 200),
        ({}, "203.0.113.9", 404),
        ({"X-Forwarded-For": "203.0.113.9"}, "127.0.0.1", 404),
        ({}, "", 404),
    ],
)
def test_figures_are_for_this_machine_only(client: Client, headers: dict[str, str], address: str, status: int) -> None:
    assert client.get("/metrics", REMOTE_ADDR=address, headers=headers).status_code == status


@pytest.mark.django_db(transaction=True)
def test_figures_elsewhere_need_the_token(client: Client, settings) -> None:
    settings.METRICS_TOKEN = "figures-please"
    for given, status in (("Bearer figures-please", 200), ("Bearer wrong", 404), ("", 404)):
        answer = client.get("/metrics", REMOTE_ADDR="203.0.113.9", headers={"Authorization": given})
        assert answer.status_code == status
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_requests_are_counted_by_route_and_not_by_path(client: Client) -> None:
    client.get("/o/some-secret-slug/")
    figures = client.get("/metrics", REMOTE_ADDR="127.0.0.1").content.decode()
    assert "cxm_request_seconds_count" in figures
    assert "some-secret-slug" not in figures


def test_health_addresses_take_no_post(client: Client) -> None:
    assert {client.post(path).status_code for path in ("/healthz", "/readyz", "/metrics")} == {405}
