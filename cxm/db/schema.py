"""DDL of tenant tables, from plain migrations: composite keys, row-level security, grants.

``CreateModel`` on a model with a TenantField becomes a table whose primary key is (tenant_id, id), with row-level
security enabled and forced, one policy for the web's role and one for the owner; every unique constraint starts with
tenant_id and every foreign key to another tenant table is (tenant_id, x_id) -> (tenant_id, id). ``AlterField``,
``RemoveField`` and ``RenameField`` find those again. The web's role gets SELECT, INSERT, UPDATE and DELETE on each
table here and nowhere else: a table or partition that somebody makes by hand is out of its reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db.backends.ddl_references import Columns
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.models import Field, Model

from cxm.db import roles
from cxm.fields import TenantField, tenant_field
from cxm.partitions import PartitionedIdField
from cxm.scope import platform

POLICY = "tenant_id = cxm_tenant()"
"""The wall. A STABLE function that raises without an organisation, evaluated once a statement; never
``(SELECT cxm_tenant())``, which PostgreSQL may skip and whose row estimates are useless (tenancy.md Q2, Q5)."""

WALL = (
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
    f"CREATE POLICY tenant_isolation ON {{table}} TO {roles.APP} USING ({POLICY}) WITH CHECK ({POLICY})",
    # Without a policy of its own the owner sees no row under FORCE, and ADD FOREIGN KEY would validate nothing.
    f"CREATE POLICY owner_all ON {{table}} TO {roles.OWNER} USING (true) WITH CHECK (true)",
)
APP_GRANT = f"GRANT SELECT, INSERT, UPDATE, DELETE ON {{table}} TO {roles.APP}"
READ_ONLY_FOR_APP = {"django_migrations"}
"""Tables that the web's role may read and nothing more."""


class SchemaEditor(DatabaseSchemaEditor):
    def __enter__(self) -> SchemaEditor:
        super().__enter__()
        self._everywhere = platform()  # migrations run as the owner, across organisations
        self._everywhere.__enter__()
        if settings.CXM_CITUS and self.atomic_migration:
            self.execute("SET LOCAL citus.multi_shard_modify_mode TO 'sequential'", None)
        return self

    def __exit__(self, *exc: Any) -> None:
        try:
            super().__exit__(*exc)
        finally:
            self._everywhere.__exit__(None, None, None)

    # -- tables -----

    def _iter_column_sql(
        self, column_db_type: Any, params: Any, model: type[Model], field: Any, *args: Any
    ) -> Iterator[str]:
        owned = tenant_field(model) is not None
        for part in super()._iter_column_sql(column_db_type, params, model, field, *args):
            if owned and part in ("PRIMARY KEY", "UNIQUE"):
                continue  # both come back as composite constraints
            yield part

    def table_sql(self, model: type[Model]) -> tuple[str, Any]:
        sql, params = super().table_sql(model)
        owner = tenant_field(model)
        if owner is None:
            return sql, params
        key = self._pk_constraint_sql([owner.column, model._meta.pk.column])
        closing = sql.rindex(")")
        for field in model._meta.local_fields:
            if field.unique and not field.primary_key:
                self.deferred_sql.append(self._create_unique_sql(model, [field]))
        by_month = " PARTITION BY RANGE (id)" if isinstance(model._meta.pk, PartitionedIdField) else ""
        return f"{sql[:closing]}, {key}{sql[closing:]}{by_month}", params

    def create_model(self, model: type[Model]) -> None:
        super().create_model(model)
        meta = model._meta
        if not meta.managed or meta.proxy:
            return
        table = self.quote_name(meta.db_table)
        if tenant_field(model) is not None:
            for statement in WALL:
                self.execute(statement.format(table=table), None)
        grant = APP_GRANT if meta.db_table not in READ_ONLY_FOR_APP else f"GRANT SELECT ON {{table}} TO {roles.APP}"
        self.execute(grant.format(table=table), None)
        if settings.CXM_CITUS:
            if tenant_field(model) is not None:
                self.execute(f"SELECT create_distributed_table('{meta.db_table}', 'tenant_id')", None)
            elif meta.label in settings.CXM_CITUS_REFERENCE_MODELS:
                self.execute(f"SELECT create_reference_table('{meta.db_table}')", None)

    def add_field(self, model: type[Model], field: Field) -> None:
        if isinstance(field, TenantField):
            raise NotImplementedError("a table is born with its organisation: create a new table and copy")
        owned = tenant_field(model) is not None
        if owned and field.remote_field and not field.many_to_many:
            self.sql_create_column_inline_fk = None  # the inline form has one column; use _create_fk_sql below
            try:
                super().add_field(model, field)
            finally:
                del self.sql_create_column_inline_fk
        else:
            super().add_field(model, field)
        if owned and not field.many_to_many and field.unique:
            self.execute(self._create_unique_sql(model, [field]))

    # -- foreign keys -----

    def _create_fk_sql(self, model: type[Model], field: Any, suffix: str) -> Any:
        statement = super()._create_fk_sql(model, field, suffix)
        target = field.remote_field.model
        ours, theirs = tenant_field(model), tenant_field(target)
        if theirs is not None and ours is None:
            raise NotImplementedError(
                f"{model._meta.label}.{field.name}: a global table may not reference a tenant table"
            )
        if ours is not None and theirs is not None:
            table, target_table = model._meta.db_table, target._meta.db_table
            statement.parts["column"] = Columns(table, [ours.column, field.column], self.quote_name)
            statement.parts["to_column"] = Columns(
                target_table, [theirs.column, target._meta.pk.column], self.quote_name
            )
        return statement

    # -- unique constraints and indexes -----

    def _create_unique_sql(self, model: type[Model], fields: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        owner = tenant_field(model)
        if owner is not None and fields and owner not in fields:
            fields = [owner, *fields]
        return super()._create_unique_sql(model, fields, *args, **kwargs)

    def _field_indexes_sql(self, model: type[Model], field: Any) -> list[Any]:
        owner = tenant_field(model)
        if owner is not None and field.remote_field and self._field_should_be_indexed(model, field):
            return [self._create_index_sql(model, fields=[owner, field])]
        return super()._field_indexes_sql(model, field)

    def _create_index_sql(self, model: type[Model], *, fields: Any = None, **kwargs: Any) -> Any:
        owner = tenant_field(model)
        # AlterField makes a foreign key's index again through here, with fields=[field] and no name
        if owner is not None and fields and len(fields) == 1 and fields[0].remote_field and not kwargs.get("name"):
            fields = [owner, *fields]
        return super()._create_index_sql(model, fields=fields, **kwargs)

    def _constraint_names(self, model: type[Model], column_names: Any = None, **kwargs: Any) -> list[str]:
        """Constraints on a column are also looked for under (tenant_id, column): there AlterField finds ours."""
        names = super()._constraint_names(model, column_names, **kwargs)
        owner = tenant_field(model)
        if owner is not None and column_names and len(column_names) == 1 and column_names[0] != owner.column:
            composite = super()._constraint_names(model, [owner.column, *column_names], **kwargs)
            names += [name for name in composite if name not in names]
        return names
