"""Migration operations for what the schema editor cannot know from a model alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation

from cxm.db import roles
from cxm.partitions import first_statements


class LetPlatformSeeWhatIsDue(RunSQL):
    """Let :data:`cxm.db.roles.PLATFORM` read some columns of the due rows of a queue table, of every organisation.

    Args:
        table: the queue's table.
        columns: what it may read; never contents.
        due: SQL condition on the row, for example ``state = 'pending'``.

    Every use is on the reviewed list of the contract test (tests/tenancy/test_contract.py).
    """

    def __init__(self, table: str, columns: Sequence[str], due: str) -> None:
        self.table, self.columns, self.due = table, columns, due
        names = ", ".join(columns)
        super().__init__(
            sql=[
                f"GRANT SELECT ({names}) ON {table} TO {roles.PLATFORM}",
                f"CREATE POLICY platform_due ON {table} FOR SELECT TO {roles.PLATFORM} USING ({due})",
            ],
            reverse_sql=[
                f"DROP POLICY platform_due ON {table}",
                f"REVOKE SELECT ({names}) ON {table} FROM {roles.PLATFORM}",
            ],
        )

    def deconstruct(self):  # type: ignore[no-untyped-def]
        return self.__class__.__name__, [self.table, self.columns, self.due], {}


class AppendOnly(RunSQL):
    """Take UPDATE and DELETE on a table from the web's role: what was written stays as it was."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            sql=f"REVOKE UPDATE, DELETE ON {table} FROM {roles.APP}",
            reverse_sql=f"GRANT UPDATE, DELETE ON {table} TO {roles.APP}",
        )

    def deconstruct(self):  # type: ignore[no-untyped-def]
        return self.__class__.__name__, [self.table], {}


class MakePartitions(Operation):
    """The first partitions of a table with a :class:`cxm.partitions.PartitionedIdField`: history, months, and ahead.

    They go with their table, so there is nothing to do backwards.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, table: str) -> None:
        self.table = table

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, [self.table], {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """No model changes."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for statement in first_statements(self.table, datetime.now(UTC)):
            schema_editor.execute(statement, None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """See above."""

    def describe(self) -> str:
        return f"Make the first partitions of {self.table}"
