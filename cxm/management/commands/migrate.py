"""``migrate`` as the role that owns the tables."""

from __future__ import annotations

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections

OWNER_ALIAS = "owner"


class Command(migrate.Command):
    """Django's command, connected by DATABASE_OWNER_URL unless ``--database`` says otherwise."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER_ALIAS if OWNER_ALIAS in connections.settings else DEFAULT_DB_ALIAS)
