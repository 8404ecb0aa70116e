"""SQL compilers that state the organisation of every base table they read, update or delete.

Row-level security would be enough for correctness; the explicit predicate lets the planner use the composite indexes
and fold the policy into one check a statement, lets Citus route to one shard, and fails in Python, before any SQL,
when no organisation is in force. Joined tables follow by TenantForeignKey. It belongs here and not in a manager
because every subquery, prefetch, union, cascade and base manager has a compiler, and no manager.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Field, Model
from django.db.models.lookups import Exact
from django.db.models.sql import compiler as base
from django.db.models.sql.datastructures import BaseTable
from django.db.models.sql.query import Query
from django.db.models.sql.where import WhereNode

from cxm.fields import tenant_field
from cxm.scope import ALL, TenantNotSet, current_scope


def _model_of(table: BaseTable, query: Query) -> type[Model] | None:
    """The model behind a table in FROM; it is not always ``query.model``: exclude() across a relation trims that."""
    if query.model is None:
        return None
    if table.table_name == query.model._meta.db_table:
        return query.model
    models = query.model._meta.apps.get_models(include_auto_created=True)
    return next((model for model in models if model._meta.db_table == table.table_name), None)


def within_tenant(query: Query, where: Any) -> Any:
    """``where`` AND tenant_id = the organisation in force, for each tenant table in FROM.

    Raises :class:`cxm.scope.TenantNotSet` when a tenant table is in FROM and no organisation is in force.
    """
    scope = current_scope()
    for alias, table in query.alias_map.items():
        if not query.alias_refcount[alias] or not isinstance(table, BaseTable):
            continue
        model = _model_of(table, query)
        field = tenant_field(model) if model is not None else None
        if field is None or scope is ALL:
            continue
        if scope is None:
            raise TenantNotSet(f"no organisation in force for a query on {model._meta.label}")
        where = WhereNode([Exact(field.get_col(alias), scope), *([where] if where else [])])
    return where


class SQLCompiler(base.SQLCompiler):
    def pre_sql_setup(self, with_col_aliases: bool = False) -> Any:
        setup = super().pre_sql_setup(with_col_aliases)
        self.where = within_tenant(self.query, self.where)
        return setup

    def collapse_group_by(self, expressions: Any, having: Any) -> Any:
        """GROUP BY id stands for the whole row only when the database's key, (tenant_id, id), is complete."""
        collapsed = super().collapse_group_by(expressions, having)
        missing = []
        for expression in collapsed:
            target = getattr(expression, "target", None)
            if isinstance(target, Field) and target.primary_key and (field := tenant_field(target.model)):
                missing.append(field.get_col(expression.alias))
        return [*collapsed, *missing]


class SQLAggregateCompiler(base.SQLAggregateCompiler, SQLCompiler):
    pass


class SQLInsertCompiler(base.SQLInsertCompiler, SQLCompiler):
    pass


class SQLDeleteCompiler(base.SQLDeleteCompiler, SQLCompiler):
    def _as_sql(self, query: Query) -> Any:
        query = query.clone()
        query.where = within_tenant(query, query.where)
        return super()._as_sql(query)


class SQLUpdateCompiler(base.SQLUpdateCompiler, SQLCompiler):
    def pre_sql_setup(self) -> None:  # type: ignore[override]
        super().pre_sql_setup()
        self.query.where = within_tenant(self.query, self.query.where)
