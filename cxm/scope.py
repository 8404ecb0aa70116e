"""Which organisation, and which person, the running code works for.

Two context variables hold it. The database backend (``cxm.db``) mirrors them into the PostgreSQL settings
``cxm.tenant_id`` and ``cxm.user_id`` at every statement, so nothing else ever has to set them. Middleware, the Celery
task base class and the test fixtures enter a scope; all other code only reads it.

The scope is one of

* nothing (the default): every query on a tenant table raises :class:`TenantNotSet`;
* one organisation: ``with tenant(organization): ...``;
* :data:`ALL`, entered by ``with platform(): ...``: no predicate is added, and only a database role whose policies
  allow it (the owner, while migrating) gets rows. The web's role still gets an error.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final


class _All:
    """The type of :data:`ALL`; a class of its own so that type checkers tell it from a UUID."""

    def __repr__(self) -> str:
        return "ALL"


ALL: Final = _All()
Scope = uuid.UUID | _All | None

_tenant: ContextVar[Scope] = ContextVar("cxm_tenant", default=None)
_user: ContextVar[uuid.UUID | None] = ContextVar("cxm_user", default=None)


class TenantNotSet(RuntimeError):
    """A tenant table was touched while no organisation was in force."""


def current_scope() -> Scope:
    """The scope in force: an organisation's id, :data:`ALL`, or None."""
    return _tenant.get()


def current_tenant_id() -> uuid.UUID:
    """The id of the organisation in force. Raises :class:`TenantNotSet` when there is none."""
    scope = _tenant.get()
    if not isinstance(scope, uuid.UUID):
        raise TenantNotSet("no organisation in force: wrap this in `with tenant(organization):`")
    return scope


def current_user_id() -> uuid.UUID | None:
    """The id of the signed-in person this code runs for, or None."""
    return _user.get()


def _as_uuid(value: Any) -> uuid.UUID:
    value = getattr(value, "pk", value)
    return value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))


@contextmanager
def tenant(organization: Any) -> Iterator[uuid.UUID]:
    """Run the block for one organisation, given as a model instance, a UUID or its text."""
    tenant_id = _as_uuid(organization)
    token = _tenant.set(tenant_id)
    try:
        yield tenant_id
    finally:
        _tenant.reset(token)


@contextmanager
def platform() -> Iterator[None]:
    """Run the block across organisations; only a role whose policies allow it gets rows (see module docstring)."""
    token = _tenant.set(ALL)
    try:
        yield
    finally:
        _tenant.reset(token)


@contextmanager
def no_tenant() -> Iterator[None]:
    """Run the block with no organisation in force, whatever surrounds it."""
    token = _tenant.set(None)
    try:
        yield
    finally:
        _tenant.reset(token)


@contextmanager
def acting_user(user: Any | None) -> Iterator[None]:
    """Run the block as this signed-in person: the database shows this person's own memberships."""
    token = _user.set(None if user is None else _as_uuid(user))
    try:
        yield
    finally:
        _user.reset(token)
