"""Celery tasks that know which organisation they work for.

``@tenant_task`` for work inside one organisation, ``@platform_task`` for work across them::

    @tenant_task
    def run_import(import_id: str) -> None: ...

    run_import.wake(str(job.id))        # after commit, without waiting for the broker: the usual way
    run_import.delay(str(job.id))       # now, raising when the broker is away

    @platform_task(every=2.0)
    def sweep() -> None: ...

A tenant task carries its organisation in the message's headers and enters it before it runs. A task that comes with
neither an organisation nor the platform's mark is refused: it never runs against "whatever is in force".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, cast

from celery import Task
from django.db import transaction

from cxm.celery import app
from cxm.logging import current_request_id, reset_request_id, set_request_id
from cxm.scope import TenantNotSet, current_tenant_id, no_tenant, tenant
from cxm.wakeups import wakeups

ORGANIZATION_HEADER = "cxm_organization"
PLATFORM_HEADER = "cxm_platform"
REQUEST_HEADER = "cxm_request"


class ScopedTask(Task):
    """What both kinds share."""

    abstract = True

    def wake(self, *args: Any) -> None:
        """Run this task soon after the current transaction commits (at once outside one).

        Never waits for the broker and never raises for it: keep what is due in rows, and sweep them. The same task
        with the same arguments is sent at most every 250 ms.
        """
        headers = self.scope_headers()
        purpose = (self.name, *headers.values(), args)
        send = partial(self._send, args, {**headers, REQUEST_HEADER: current_request_id()})
        transaction.on_commit(partial(wakeups.request, purpose, send))

    def apply_async(  # type: ignore[override]
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        *,
        headers: dict[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """Send the task with the scope in force. Raises TenantNotSet where a tenant task has none."""
        own = {REQUEST_HEADER: current_request_id(), **self.scope_headers()}
        return self._send(args, {**(headers or {}), **own}, kwargs=kwargs, **options)

    def _send(self, args: tuple[Any, ...] | None, headers: dict[str, Any], **options: Any) -> Any:
        return super().apply_async(args=args, headers=headers, **options)

    def scope_headers(self) -> dict[str, str]:
        """The headers that say for whom the task is."""
        raise NotImplementedError

    def header(self, name: str) -> str:
        """A header of the message that is being worked on; "" for none."""
        return str((self.request.headers or {}).get(name) or "")

    def run_in(self, scope: AbstractContextManager[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the task's function in a scope, under the id of the request that caused it."""
        token = set_request_id(self.header(REQUEST_HEADER))
        try:
            with scope:
                return self.run(*args, **kwargs)
        finally:
            reset_request_id(token)


class TenantTask(ScopedTask):
    """A task inside one organisation: the one in force where it was sent."""

    abstract = True

    def scope_headers(self) -> dict[str, str]:
        return {ORGANIZATION_HEADER: str(current_tenant_id())}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.request.called_directly:
            current_tenant_id()
            return self.run(*args, **kwargs)
        organization = self.header(ORGANIZATION_HEADER)
        if not organization:
            raise TenantNotSet(f"the task {self.name} came without an organisation")
        return self.run_in(tenant(uuid.UUID(organization)), args, kwargs)


class PlatformTask(ScopedTask):
    """A task across organisations. It runs with none in force: it enters each, or hands each to a tenant task."""

    abstract = True

    def scope_headers(self) -> dict[str, str]:
        return {PLATFORM_HEADER: "1"}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.request.called_directly:
            with no_tenant():
                return self.run(*args, **kwargs)
        if not self.header(PLATFORM_HEADER):
            raise TenantNotSet(f"the task {self.name} came without the platform's mark")
        return self.run_in(no_tenant(), args, kwargs)


def tenant_task(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Make a function a task inside one organisation (:class:`TenantTask`); options are Celery's."""
    if function is None:
        return partial(tenant_task, **options)
    return cast(TenantTask, _register(function, TenantTask, options))


def platform_task(function: Callable[..., Any] | None = None, *, every: float | None = None, **options: Any) -> Any:
    """Make a function a task across organisations (:class:`PlatformTask`).

    ``every`` has beat send it again and again after that many seconds. A round that no worker took in the meantime
    is dropped, so that rounds never pile up behind a busy worker.
    """
    if function is None:
        return partial(platform_task, every=every, **options)
    task = _register(function, PlatformTask, options)
    if every is not None:
        name = _name_of(function)
        app.conf.beat_schedule[name] = {"task": name, "schedule": every, "options": {"expires": max(every, 2.0)}}
    return cast(PlatformTask, task)


def _register(function: Callable[..., Any], base: type[Task], options: dict[str, Any]) -> Any:
    return app.task(name=_name_of(function), base=base, **options)(function)


def _name_of(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
