"""Events reach their handlers once, whatever fails."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg2
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.organizations.models import Organization
from apps.outbox import registry
from apps.outbox.models import OutboxEvent
from apps.outbox.registry import handles
from apps.outbox.relay import MOST_ATTEMPTS, drain, pause_after
from apps.outbox.services import emit, emit_many, redrive_events
from cxm.scope import TenantNotSet, tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Iterator[Organization]:
    acme = Organization.objects.create(slug="acme", name="Acme")
    with tenant(acme):
        yield acme


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers registered by a test go with it; those of the apps keep out of its way."""
    monkeypatch.setattr(registry, "_handlers", {})
    monkeypatch.setattr(registry, "_by_topic", {})


def note(action: str) -> None:
    AuditEntry.objects.create(actor_kind="system", action=action)


def noted() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def waiting() -> list[tuple[str, int]]:
    return list(OutboxEvent.objects.order_by("pk").values_list("state", "attempts"))


def test_each_subscriber_gets_the_event_and_the_rows_go(organization: Organization) -> None:
    handles("tests.happened", name="tests.first")(lambda payload: note(f"first {payload['n']}"))
    handles("tests.happened", name="tests.second")(lambda payload: note(f"second {payload['n']}"))
    emit("tests.happened", {"n": 1})
    assert OutboxEvent.objects.values("event_id").distinct().count() == 1
    assert drain().handled == 2
    assert sorted(noted()) == ["first 1", "second 1"]
    assert waiting() == []


def test_event_nobody_listens_to_leaves_no_row(organization: Organization) -> None:
    emit("tests.unheard", {"n": 1})
    assert waiting() == []


def test_event_of_a_failed_transaction_never_was(organization: Organization) -> None:
    handles("tests.happened", name="tests.first")(lambda payload: note("first"))
    with pytest.raises(ValueError), transaction.atomic():
        emit("tests.happened", {"n": 1})
        raise ValueError
    assert waiting() == []


def test_batch_handler_gets_many_payloads_at_once_in_order(organization: Organization) -> None:
    calls: list[list[int]] = []
    handles("tests.happened", name="tests.batch", batch=True)(lambda many: calls.append([one["n"] for one in many]))
    emit_many("tests.happened", [{"n": n} for n in range(700)])
    assert drain().handled == 700
    assert [len(call) for call in calls] == [500, 200]
    assert [n for call in calls for n in call] == list(range(700))


def test_one_bad_payload_does_not_hold_up_its_batch(organization: Organization) -> None:
    @handles("tests.happened", name="tests.batch", batch=True)
    def fold(many: list[dict[str, Any]]) -> None:
        for one in many:
            note(f"n{one['n']}")
            if one["n"] == 2:
                raise ValueError("cannot fold")

    emit_many("tests.happened", [{"n": n} for n in range(4)])
    result = drain()
    assert (result.handled, result.failed) == (3, 1)
    assert sorted(noted()) == ["n0", "n1", "n3"]
    assert waiting() == [("pending", 1)]


def test_failing_handler_leaves_no_effect_and_waits_longer_each_time(organization: Organization) -> None:
    @handles("tests.happened", name="tests.fails")
    def fail(payload: dict[str, Any]) -> None:
        note("half done")
        raise KeyError("alice@example.org")

    emit("tests.happened", {"n": 1})
    with time_machine.travel(now(), tick=False) as clock:
        for attempt in range(1, MOST_ATTEMPTS):
            assert drain().failed == 1
            event = OutboxEvent.objects.get()
            assert (event.state, event.attempts) == ("pending", attempt)
            assert event.available_at == now() + pause_after(attempt)
            assert drain().handled == drain().failed == 0
            clock.shift(pause_after(attempt))
        assert drain().parked == 1
        clock.shift(timedelta(days=30))
        assert drain().parked == 0
    event = OutboxEvent.objects.get()
    assert (event.state, event.attempts) == ("parked", MOST_ATTEMPTS)
    assert event.error.startswith("KeyError at tests/outbox/test_relay.py")
    assert "alice" not in event.error
    assert noted() == []


def test_redriven_event_is_handled_when_the_cause_is_mended(organization: Organization) -> None:
    broken = True

    @handles("tests.happened", name="tests.mended")
    def run(payload: dict[str, Any]) -> None:
        if broken:
            raise RuntimeError
        note("done")

    emit("tests.happened", {"n": 1})
    OutboxEvent.objects.update(attempts=MOST_ATTEMPTS - 1)
    assert drain().parked == 1
    broken = False
    assert drain().handled == 0
    assert redrive_events() == 1
    assert drain().handled == 1
    assert noted() == ["done"]


def test_event_that_kills_its_worker_each_time_is_parked_without_another_try(organization: Organization) -> None:
    handles("tests.happened", name="tests.killer")(lambda payload: note("ran"))
    emit("tests.happened", {"n": 1})
    OutboxEvent.objects.update(attempts=MOST_ATTEMPTS)  # as many claims whose end was never recorded
    assert drain().parked == 1
    assert "worker died" in OutboxEvent.objects.get().error
    assert noted() == []


def test_suspect_event_is_handled_apart_from_fresh_ones(organization: Organization) -> None:
    calls: list[list[int]] = []
    handles("tests.happened", name="tests.batch", batch=True)(lambda many: calls.append([one["n"] for one in many]))
    emit_many("tests.happened", [{"n": n} for n in range(4)])
    OutboxEvent.objects.filter(payload__n=1).update(attempts=2)
    drain()
    assert calls == [[0, 2, 3], [1]]


def test_event_for_a_handler_that_is_gone_is_parked_with_the_reason(organization: Organization) -> None:
    OutboxEvent.objects.create(topic="tests.happened", handler="tests.gone", payload={})
    assert drain().parked == 1
    assert "no handler" in OutboxEvent.objects.get().error


def test_drain_leaves_other_organizations_alone(organization: Organization) -> None:
    handles("tests.happened", name="tests.first")(lambda payload: note(f"n{payload['n']}"))
    other = Organization.objects.create(slug="other", name="Other")
    with tenant(other):
        emit("tests.happened", {"n": 2})
    emit("tests.happened", {"n": 1})
    assert drain().handled == 1
    assert noted() == ["n1"]
    with tenant(other):
        assert waiting() == [("pending", 0)]


def test_emit_needs_an_organization() -> None:
    handles("tests.happened", name="tests.first")(lambda payload: None)
    with pytest.raises(TenantNotSet):
        emit("tests.happened", {"n": 1})


def test_two_handlers_cannot_share_a_name() -> None:
    handles("tests.happened", name="tests.same")(lambda payload: None)
    with pytest.raises(ValueError, match="two outbox handlers"):
        handles("tests.happened", name="tests.same")(lambda payload: None)


@pytest.mark.django_db(transaction=True)
def test_emit_outside_a_transaction_is_refused() -> None:
    acme = Organization.objects.create(slug="acme", name="Acme")
    handles("tests.happened", name="tests.first")(lambda payload: None)
    with tenant(acme), pytest.raises(RuntimeError, match="outside a transaction"):
        emit("tests.happened", {"n": 1})


@pytest.mark.django_db(transaction=True)
def test_drain_inside_a_transaction_is_refused() -> None:
    acme = Organization.objects.create(slug="acme", name="Acme")
    with tenant(acme), transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        drain()


@pytest.mark.django_db(transaction=True)
def test_second_drain_of_one_organization_returns_at_once() -> None:
    acme = Organization.objects.create(slug="acme", name="Acme")
    handles("tests.happened", name="tests.first")(lambda payload: None)
    with tenant(acme):
        with transaction.atomic():
            emit("tests.happened", {"n": 1})
        place = {name: value for name, value in connection.get_connection_params().items() if name != "cursor_factory"}
        with closing(psycopg2.connect(**place)) as other_worker, other_worker.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"outbox:{acme.pk}"])
            assert drain().handled == 0
            other_worker.rollback()
        assert drain().handled == 1


def test_command_lists_and_redrives_what_is_parked(organization: Organization) -> None:
    handles("tests.happened", name="tests.first")(lambda payload: note("done"))
    OutboxEvent.objects.create(
        topic="tests.happened",
        handler="tests.first",
        payload={},
        state="parked",
        attempts=8,
        error="KeyError at x.py:1",
    )
    output = StringIO()
    call_command("outbox", "list", stdout=output)
    assert "acme" in output.getvalue()
    assert "tests.first" in output.getvalue()
    assert "KeyError at x.py:1" in output.getvalue()
    call_command("outbox", "redrive", organization="acme", handler="tests.other", stdout=output)
    assert drain().handled == 0
    call_command("outbox", "redrive", organization="acme", stdout=output)
    assert drain().handled == 1
    event = uuid.uuid4()
    with pytest.raises(CommandError, match="no organisation"):
        call_command("outbox", "redrive", organization="nobody", event=str(event), stdout=output)
