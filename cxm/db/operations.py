"""Small differences of SQL that composite keys and the announcement prefix bring."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql.operations import DatabaseOperations as PostgresOperations

from cxm.fields import tenant_field


class DatabaseOperations(PostgresOperations):
    compiler_module = "cxm.db.compiler"

    def on_conflict_suffix_sql(self, fields: Any, on_conflict: Any, update_fields: Any, unique_fields: Any) -> str:
        """Prepend tenant_id to the conflict target, so that ``unique_fields=["id"]`` finds the composite key."""
        unique_fields = list(unique_fields)
        if unique_fields and fields and fields[0] is not None:
            field = tenant_field(fields[0].model)
            if field is not None and field.column not in unique_fields:
                unique_fields.insert(0, field.column)
        return super().on_conflict_suffix_sql(fields, on_conflict, update_fields, unique_fields)

    def deferrable_sql(self) -> str:
        """Foreign keys are checked at once: Citus does not propagate SET CONSTRAINTS, and errors point at the line."""
        return ""

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> Any:
        """The statement without the announcement, so that logs and query counts read as written."""
        query = super().last_executed_query(cursor, sql, params)
        while query and query.startswith(("SET LOCAL cxm.", "SET LOCAL statement_timeout ")):
            query = query.split("; ", 1)[1]
        return query
