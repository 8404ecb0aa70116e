"""Tasks run inside one organisation, or say so; sending them never holds up or breaks a request."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import transaction

from cxm import tasks
from cxm.celery import app
from cxm.logging import current_request_id, reset_request_id, set_request_id
from cxm.scope import TenantNotSet, current_scope, current_tenant_id, tenant
from cxm.tasks import ORGANIZATION_HEADER, PLATFORM_HEADER, platform_task, tenant_task
from cxm.wakeups import Wakeups

seen: list[Any] = []


@tenant_task
def note_scope() -> None:
    seen.append((current_tenant_id(), current_request_id()))


@platform_task(every=3600.0)
def note_platform() -> None:
    seen.append(current_scope())


@pytest.fixture(autouse=True)
def forget() -> None:
    seen.clear()


def run(task: Any, headers: dict[str, str]) -> None:
    """Run a task as a worker does, from a message with these headers."""
    task.apply(headers=headers, throw=True)


def test_tenant_task_runs_in_the_organization_of_its_message() -> None:
    acme, bravo = uuid.uuid4(), uuid.uuid4()
    with tenant(bravo):  # whatever is in force around it
        run(note_scope, {ORGANIZATION_HEADER: str(acme), "cxm_request": "request-1"})
        assert current_tenant_id() == bravo
    assert seen == [(acme, "request-1")]
    assert current_request_id() == ""


@pytest.mark.parametrize("headers", [{}, {PLATFORM_HEADER: "1"}, {ORGANIZATION_HEADER: ""}])
def test_tenant_task_without_an_organization_is_refused(headers: dict[str, str]) -> None:
    with tenant(uuid.uuid4()), pytest.raises(TenantNotSet):
        run(note_scope, headers)
    assert seen == []


def test_platform_task_runs_with_no_organization_in_force() -> None:
    with tenant(uuid.uuid4()):
        run(note_platform, {PLATFORM_HEADER: "1"})
    assert seen == [None]


def test_platform_task_without_its_mark_is_refused() -> None:
    with pytest.raises(TenantNotSet):
        run(note_platform, {ORGANIZATION_HEADER: str(uuid.uuid4())})


def test_task_called_as_a_function_needs_an_organization() -> None:
    with pytest.raises(TenantNotSet):
        note_scope()
    acme = uuid.uuid4()
    with tenant(acme):
        note_scope()
    assert seen == [(acme, "")]


def test_sending_a_tenant_task_without_an_organization_is_refused() -> None:
    for send in (note_scope.delay, note_scope.wake):
        with pytest.raises(TenantNotSet):
            send()


def test_every_task_of_the_apps_is_scoped() -> None:
    app.loader.import_default_modules()
    ours = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    assert "apps.outbox.tasks.sweep_outbox" in ours
    assert [name for name, task in ours.items() if not isinstance(task, tasks.ScopedTask)] == []


def test_rounds_of_beat_do_not_pile_up() -> None:
    assert app.conf.beat_schedule["apps.outbox.tasks.sweep_outbox"]["options"] == {"expires": 2.0}


def test_settings_lose_no_task_of_a_killed_worker() -> None:
    conf = app.conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.broker_transport_options["visibility_timeout"] > conf.task_time_limit
    assert conf.accept_content == ["json"]


@pytest.mark.django_db(transaction=True)
def test_task_is_sent_after_commit_and_not_after_a_rollback(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[Any] = []
    monkeypatch.setattr(tasks.wakeups, "request", lambda purpose, send: requested.append(purpose))
    acme = uuid.uuid4()
    with tenant(acme):
        with transaction.atomic():
            note_scope.wake()
            assert requested == []
        assert requested == [("tests.core.test_tasks.note_scope", str(acme), ())]
        with pytest.raises(ValueError), transaction.atomic():
            note_scope.wake()
            raise ValueError
    assert len(requested) == 1


def test_request_id_travels_with_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, str]] = []
    monkeypatch.setattr(tasks.TenantTask, "_send", lambda self, args, headers, **options: sent.append(headers))
    token = set_request_id("request-7")
    try:
        with tenant(uuid.uuid4()):
            note_scope.delay()
    finally:
        reset_request_id(token)
    assert sent[0]["cxm_request"] == "request-7"


def test_wakeups_for_one_purpose_are_joined_and_errors_stay_inside() -> None:
    wakeups = Wakeups(pause=0.2)
    counted: list[str] = []
    done = threading.Event()

    def count(name: str) -> None:
        counted.append(name)
        if name == "last":
            done.set()
        raise ConnectionError("the broker is away")

    for _ in range(100):
        wakeups.request("one", lambda: count("one"))
    wakeups.request("other", lambda: count("other"))
    wakeups.request("one", lambda: count("last"))
    assert done.wait(30)
    assert counted.count("other") == 1
    assert 1 <= len(counted) <= 3
