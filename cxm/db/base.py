"""``ENGINE = "cxm.db"``: PostgreSQL, where the server always knows which organisation a statement is for.

The settings ``cxm.tenant_id`` and ``cxm.user_id`` mirror :mod:`cxm.scope`. When the value in force in the current
transaction differs from the scope, the next statement is sent as ``SET LOCAL ...; <statement>`` in one message: no
extra round trip, and nothing that outlives the transaction. SET LOCAL and not ``set_config()``, because Citus passes
only the former on to its workers; one message and not two, because it also serves autocommit.

The web server adds how long a statement may take (``DatabaseWrapper.statement_seconds``): a page whose question is too
large ends with a clear answer instead of holding a worker. Jobs have all the time they need.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NamedTuple

import psycopg2.extensions
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base

from cxm.db import roles
from cxm.db.creation import DatabaseCreation
from cxm.db.operations import DatabaseOperations
from cxm.db.schema import SchemaEditor
from cxm.scope import current_scope, current_user_id

_PlainCursor = psycopg2.extensions.cursor


class Announced(NamedTuple):
    """What the server was last told in this transaction; an empty text means "none"."""

    tenant: str
    user: str


_NONE = Announced("", "")


class TenantCursor(psycopg2.extensions.cursor):
    """A psycopg2 cursor that announces the scope with the statement it executes."""

    wrapper: DatabaseWrapper | None = None

    def execute(self, query: Any, vars: Any = None) -> Any:
        wrapper = self.wrapper
        if wrapper is None or self.name is not None:
            return super().execute(query, vars)
        prefix, scope = wrapper.announcement()
        if not prefix:
            return super().execute(query, vars)
        wrapper.announced = None  # unknown until the server has run it: a statement may die on the client's side
        if wrapper.announces_separately:
            result = self._execute_after(prefix, query, vars)
        else:
            if isinstance(query, bytes):
                message: Any = prefix.encode() + query
            else:
                message = prefix + (query if isinstance(query, str) else query.as_string(self.connection))
            result = super().execute(message, vars)
        wrapper.announced = scope
        return result

    def _execute_after(self, prefix: str, query: Any, vars: Any) -> Any:
        """Citus sends a message that holds SET LOCAL whole to its workers: there it goes alone, in a transaction."""
        alone = self.connection.autocommit
        with self.connection.cursor(cursor_factory=_PlainCursor) as plain:
            if alone:
                plain.execute("BEGIN")
            try:
                plain.execute(prefix)
                result = super().execute(query, vars)
            except BaseException:
                if alone:
                    plain.execute("ROLLBACK")
                raise
            if alone:
                plain.execute("COMMIT")
        return result

    def executemany(self, query: Any, vars_list: Iterable[Any]) -> None:
        for vars in vars_list:
            self.execute(query, vars)

    def copy_expert(self, *args: Any, **kwargs: Any) -> Any:
        self._announce_before()
        return super().copy_expert(*args, **kwargs)

    def callproc(self, *args: Any, **kwargs: Any) -> Any:
        self._announce_before()
        return super().callproc(*args, **kwargs)

    def _announce_before(self) -> None:
        if self.wrapper is not None:
            self.wrapper.announce_now()


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL backend with tenant walls: see the module docstring and docs/tenancy.md."""

    SchemaEditorClass = SchemaEditor
    ops_class = DatabaseOperations
    creation_class = DatabaseCreation

    #: How long one statement may take in this process, in seconds; None is without limit. Set by ``cxm.wsgi``.
    statement_seconds: ClassVar[float | None] = None

    #: What the server knows in this transaction; None when that is not certain and must be said again.
    announced: Announced | None = _NONE
    _silent = False

    @property
    def announces_separately(self) -> bool:
        """On Citus the announcement travels in a message of its own (tenancy.md 4)."""
        return settings.CXM_CITUS

    @property
    def is_app_role(self) -> bool:
        """Whether this connection is that of the web and the workers, the role behind the wall."""
        return self.settings_dict["USER"] == roles.APP

    def get_connection_params(self) -> dict[str, Any]:
        return {**super().get_connection_params(), "cursor_factory": TenantCursor}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        if connection.get_parameter_status("is_superuser") == "on":
            connection.close()
            raise ImproperlyConfigured(
                "The database user is a superuser, which sees every organisation's rows. "
                f"Connect as {roles.APP} (DATABASE_URL) or {roles.OWNER} (DATABASE_OWNER_URL)."
            )
        return connection

    # -- announcing the scope -----

    def announcement(self) -> tuple[str, Announced]:
        """What to send before the next statement ("" for nothing), and the scope the server then knows."""
        tenant, user = current_scope(), current_user_id()
        wanted = Announced(str(tenant) if isinstance(tenant, uuid.UUID) else "", str(user) if user else "")
        if self._silent or (self.announced == wanted and not self.connection.autocommit):
            return "", wanted
        if wanted == _NONE and self.announced == _NONE and (not self.is_app_role or self.announces_separately):
            return "", wanted
        # The app role also announces "none": a stray session-level SET behind a pooler must not stand in for a scope.
        prefix = f"SET LOCAL cxm.tenant_id = '{wanted.tenant}'; SET LOCAL cxm.user_id = '{wanted.user}'; "
        if self.statement_seconds is not None and self.is_app_role:
            prefix += f"SET LOCAL statement_timeout = '{int(self.statement_seconds * 1000)}ms'; "
        return prefix, wanted

    def announce_now(self) -> None:
        """Announce in a message of its own, for what cannot carry a prefix: named cursors, COPY, procedures."""
        prefix, wanted = self.announcement()
        if prefix:
            with self.connection.cursor(cursor_factory=_PlainCursor) as plain:
                plain.execute(prefix)
            self.announced = wanted

    def _forget(self) -> None:
        """SET LOCAL ended with its transaction; behind a pooler the next one may start with anybody's leftovers."""
        self.announced = None if self.is_app_role and not self.announces_separately else _NONE

    # -- cursors -----

    def create_cursor(self, name: str | None = None) -> Any:
        if name:
            if self.connection.autocommit:
                name = None  # a named cursor WITH HOLD would lose SET LOCAL: read client-side
            else:
                self.announce_now()
        cursor = super().create_cursor(name)
        cursor.wrapper = self
        return cursor

    def chunked_cursor(self) -> Any:
        return self.cursor() if self.connection is None or self.get_autocommit() else super().chunked_cursor()

    # -- where a transaction or savepoint ends, so does the announcement -----

    def _commit(self) -> Any:
        self._forget()
        return super()._commit()

    def _rollback(self) -> Any:
        self._forget()
        return super()._rollback()

    def _set_autocommit(self, autocommit: bool) -> Any:
        self._forget()
        return super()._set_autocommit(autocommit)

    def _close(self) -> Any:
        self._forget()
        return super()._close()

    def _savepoint(self, sid: str) -> Any:
        return self._silently(super()._savepoint, sid)

    def _savepoint_commit(self, sid: str) -> Any:
        return self._silently(super()._savepoint_commit, sid)

    def _savepoint_rollback(self, sid: str) -> Any:
        # In an aborted transaction a prefix would fail, and ROLLBACK TO with it.
        try:
            return self._silently(super()._savepoint_rollback, sid)
        finally:
            self.announced = None  # reverted to the savepoint's value: say it again

    def _silently(self, run: Callable[..., Any], *args: Any) -> Any:
        self._silent = True
        try:
            return run(*args)
        finally:
            self._silent = False
