"""The tenancy contract, read from pg_catalog: trust nothing that the models say.

A new table that misses a piece of the wall fails here, by name. The lists below are the reviewed exceptions.
"""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection

from cxm.fields import tenant_field
from tests.tenancy.catalog import (
    Policy,
    Table,
    constraints,
    has_trigger,
    policies,
    rows,
    tables,
    unique_indexes,
)

pytestmark = pytest.mark.django_db

WALL = "(tenant_id = cxm_tenant())"
ISOLATION = Policy("tenant_isolation", True, "*", "{cxm_app}", WALL, WALL)
OWNER = Policy("owner_all", True, "*", "{cxm_owner}", "true", "true")

QUEUES = {  # which due rows the platform role may see, and of them only these columns
    "outbox_outboxevent": {"tenant_id", "id", "handler", "state", "created_at", "available_at"},
    "dispatch_invitation": {"tenant_id", "id", "state", "send_at", "leased_until", "remind_at"},
    "dispatch_sendplan": {"tenant_id", "id", "state", "next_run_at", "leased_until"},
    "imports_importjob": {"tenant_id", "id", "state", "created_at", "leased_until", "keep_until"},
    "imports_exportjob": {"tenant_id", "id", "state", "created_at", "leased_until", "keep_until"},
    "paths_pathreport": {"tenant_id", "id", "state", "requested_at", "leased_until"},
    "personas_personacheck": {"tenant_id", "id", "state", "due_at"},
    "segments_segment": {"tenant_id", "id", "state", "refresh_at", "leased_until"},
}
PLATFORM_READS = {"organizations_organization"}
REVIEWED_VIEWS: set[str] = set()
APPEND_ONLY = {"audit_auditentry"}
GLOBAL_MODELS = {  # rows of no organisation; each for a reason
    "accounts.User",  # a person may belong to several organisations
    "organizations.Organization",  # the tenant itself
    "organizations.Membership",  # read before an organisation is chosen; has walls of its own
    "workshops.WorkshopCode",  # read before an organisation is known; hashed codes and ids, nothing else
    "dispatch.MailboxMessage",  # sign-in mails have no organisation; has walls of its own
    "account.EmailAddress",
    "account.EmailConfirmation",
    "mfa.Authenticator",
    "usersessions.UserSession",
    "sessions.Session",
    "auth.Group",
    "auth.Permission",
    "auth.Group_permissions",
    "accounts.User_groups",
    "accounts.User_user_permissions",
    "contenttypes.ContentType",
}
FRAMEWORK_TABLES = {"django_migrations"}
LEAKPROOF = {  # tenancy.md 6: without the mark, these lose their indexes behind the wall
    "textlike", "texticlike", "jsonb_contains", "jsonb_object_field_text", "numeric_eq", "arraycontains",
    "arrayoverlap", "range_overlaps", "ts_match_vq", "similarity_op",
}  # fmt: skip


@pytest.fixture(scope="module")
def found(django_db_setup: None, django_db_blocker: object) -> dict[str, Table]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        return tables()


def tenant_tables(found: dict[str, Table]) -> list[Table]:
    return [table for table in found.values() if table.has_tenant and table.kind in "rp" and not table.is_partition]


def test_there_is_something_to_check(found: dict[str, Table]) -> None:
    assert len(tenant_tables(found)) >= 25


def test_every_tenant_table_is_typed_owned_and_walled(found: dict[str, Table]) -> None:
    for table in tenant_tables(found):
        assert table.tenant_typed, f"{table.name}: tenant_id must be uuid NOT NULL"
        assert table.owner == "cxm_owner", f"{table.name}: owned by {table.owner}"
        assert table.security_enabled and table.security_forced, f"{table.name}: row security not enabled and forced"
        assert not table.app_may_make_ddl, f"{table.name}: the web's role may make triggers or references on it"


def test_policies_are_exactly_the_reviewed_ones(found: dict[str, Table]) -> None:
    for table in tenant_tables(found):
        have = policies(table.oid)
        due = [policy for policy in have if policy.name == "platform_due"]
        assert [policy for policy in have if policy not in due] == [OWNER, ISOLATION], f"{table.name}: {have}"
        assert bool(due) == (table.name in QUEUES), f"{table.name}: platform_due is not on the reviewed list"
        for policy in due:
            assert (policy.permissive, policy.command, policy.roles) == (True, "r", "{cxm_platform}"), table.name
            assert policy.using and "state" in policy.using, f"{table.name}: {policy.using}"


def test_the_platform_role_reads_only_what_is_due(found: dict[str, Table]) -> None:
    granted: dict[str, set[str]] = {}
    for name, column in rows(
        """SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
             AND has_column_privilege('cxm_platform', c.oid, a.attnum, 'SELECT')"""
    ):
        granted.setdefault(name, set()).add(column)
    assert {name: columns for name, columns in granted.items() if name not in PLATFORM_READS} == QUEUES
    for table in found.values():
        for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            assert not rows("SELECT has_table_privilege('cxm_platform', %s, %s)", table.oid, right)[0][0], table.name


def test_keys_carry_the_organisation(found: dict[str, Table]) -> None:
    tenant_oids = {table.oid for table in found.values() if table.has_tenant}
    for table in tenant_tables(found):
        have = constraints(table.oid)
        assert [c.columns for c in have if c.kind == "p"] == [["tenant_id", "id"]], f"{table.name}: primary key"
        for constraint in have:
            where = f"{table.name}.{constraint.name}"
            assert constraint.validated, f"{where}: not validated"
            assert not constraint.deferrable, f"{where}: deferrable"
            if constraint.kind == "f":
                assert not constraint.has_delete_action, f"{where}: ON DELETE action"
                if constraint.target in tenant_oids:
                    assert constraint.columns and constraint.columns[0] == "tenant_id", f"{where}: not composite"
                    assert constraint.target_columns == ["tenant_id", "id"], f"{where}: not composite"
        for index, first in unique_indexes(table.oid):
            assert first == "tenant_id", f"{index}: unique across organisations"
        assert not has_trigger(table.oid), f"{table.name}: trigger"


def test_every_tenant_table_refers_to_an_organisation_that_exists(found: dict[str, Table]) -> None:
    """Directly, or through a required reference to a tenant table that does."""
    names = {table.oid: table.name for table in found.values()}
    parents: dict[str, set[str]] = {}
    for table in tenant_tables(found):
        not_null = rows("SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnotnull", table.oid)
        required = {name for (name,) in not_null}
        parents[table.name] = {
            names[c.target]
            for c in constraints(table.oid)
            if c.kind == "f" and set(c.columns or []) <= required and names[c.target] != table.name
        }
    proven = {"organizations_organization"}
    while more := {name for name, targets in parents.items() if name not in proven and targets & proven}:
        proven |= more
    assert set(parents) - proven == set()


def test_no_global_table_refers_to_a_tenant_table(found: dict[str, Table]) -> None:
    tenant_oids = {table.oid for table in found.values() if table.has_tenant}
    for table in found.values():
        if not table.has_tenant:
            assert not [c.name for c in constraints(table.oid) if c.kind == "f" and c.target in tenant_oids], table.name


def test_partitions_are_reachable_only_through_their_parent(found: dict[str, Table]) -> None:
    for table in found.values():
        if table.is_partition:
            assert table.security_enabled and not table.app_may_select, table.name


def test_views_over_tenant_rows_are_reviewed(found: dict[str, Table]) -> None:
    assert {t.name for t in found.values() if t.kind in "vmf" and t.has_tenant} == REVIEWED_VIEWS


def test_models_and_tables_agree(found: dict[str, Table]) -> None:
    known = set(FRAMEWORK_TABLES)
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.managed or model._meta.proxy:
            continue
        table = found[model._meta.db_table]
        known.add(table.name)
        is_tenant = tenant_field(model) is not None
        assert is_tenant == table.has_tenant, f"{model._meta.label}: model and table differ on tenancy"
        assert is_tenant != (model._meta.label in GLOBAL_MODELS), f"{model._meta.label}: neither tenant nor reviewed"
    assert {t.name for t in found.values() if t.kind in "rp" and not t.is_partition} == known


def test_the_membership_shows_a_person_the_own_and_an_organisation_its_members(found: dict[str, Table]) -> None:
    table = found["organizations_membership"]
    assert table.security_enabled and table.security_forced
    own, of_tenant, owner = sorted(policies(table.oid), key=lambda p: ["own", "of_tenant", "owner_all"].index(p.name))
    assert (own.command, own.roles) == ("r", "{cxm_app}") and "cxm.user_id" in (own.using or "")
    assert (of_tenant.command, of_tenant.roles) == ("*", "{cxm_app}") and of_tenant.using == of_tenant.check
    assert owner == OWNER


def test_what_is_append_only_cannot_be_changed_or_deleted(found: dict[str, Table]) -> None:
    for name in APPEND_ONLY:
        for right, held in (("SELECT", True), ("INSERT", True), ("UPDATE", False), ("DELETE", False)):
            assert rows("SELECT has_table_privilege('cxm_app', %s, %s)", found[name].oid, right) == [(held,)], right


def test_the_web_role_is_humble() -> None:
    (flags,) = rows(
        """SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
                  EXISTS (SELECT 1 FROM pg_auth_members WHERE member = pg_roles.oid),
                  has_schema_privilege('cxm_app', 'public', 'CREATE')
           FROM pg_roles WHERE rolname = 'cxm_app'"""
    )
    assert not any(flags), flags
    assert rows("SELECT current_user") == [("cxm_app",)], "the tests do not run behind the wall"


def test_the_function_behind_the_walls_raises_without_an_organisation() -> None:
    ((volatile, parallel, definer, source),) = rows(
        "SELECT provolatile::text, proparallel::text, prosecdef, pg_get_functiondef(oid) FROM pg_proc"
        " WHERE proname = 'cxm_tenant'"
    )
    assert (volatile, parallel, definer) == ("s", "s", False)
    assert "CX001" in source


def test_no_function_runs_with_anothers_rights() -> None:
    assert (
        rows(
            """SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
           WHERE p.prosecdef AND n.nspname = 'public'"""
        )
        == []
    )


def test_operators_that_search_needs_are_marked_leakproof() -> None:
    marked = {name for (name,) in rows("SELECT DISTINCT proname FROM pg_proc WHERE proleakproof")}
    assert marked >= LEAKPROOF


def test_psycopg_3_is_not_installed() -> None:
    """With it beside psycopg2, Django would use it, and our cursor class would never run."""
    assert connection.Database.__name__ == "psycopg2"
    with pytest.raises(ModuleNotFoundError):
        __import__("psycopg")
