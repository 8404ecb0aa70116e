"""``migrate`` as the role that owns the tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections, transaction

from cxm.partitions import make_ahead, partitioned_tables

OWNER_ALIAS = "owner"


class Command(migrate.Command):
    """Django's command, connected by DATABASE_OWNER_URL unless ``--database`` says otherwise.

    Afterwards it makes the partitions of the coming months, which the daily task does as well.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER_ALIAS if OWNER_ALIAS in connections.settings else DEFAULT_DB_ALIAS)

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options["plan"] or options["check_unapplied"]:
            return
        connection = connections[options["database"]]
        there = set(connection.introspection.table_names())
        for table in partitioned_tables():
            if table in there:
                with transaction.atomic(using=options["database"]):
                    make_ahead(connection, table, now=datetime.now(UTC))
