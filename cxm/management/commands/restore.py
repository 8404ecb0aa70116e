"""``manage.py restore FILE``: replace the whole installation by a backup."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connections
from django.db.migrations.loader import MigrationLoader

from cxm.backup import BackupError, restore_backup
from cxm.restoring import RESTORE_STEPS


class Command(BaseCommand):
    help = "Replace database, uploads and secret key by those of a backup. Stop web and workers first."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--yes", action="store_true", help="do not ask before replacing what is there")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.OWNER_DATABASE_URL:
            raise CommandError("Set DATABASE_OWNER_URL: only the owner of the tables can restore them.")
        if not options["yes"]:
            answer = input(f"This replaces everything in {settings.DATA_DIR} and its database. Type yes to go on: ")
            if answer.strip().lower() != "yes":
                raise CommandError("Nothing was changed.")
        loader = MigrationLoader(None, load=False)
        loader.load_disk()
        for step in RESTORE_STEPS.values():
            with contextlib.suppress(DatabaseError):
                step.before()
        connections.close_all()
        try:
            summary = restore_backup(
                options["file"].expanduser().absolute(),
                owner_url=settings.OWNER_DATABASE_URL,
                uploads=Path(settings.MEDIA_ROOT),
                secret_key=settings.DATA_DIR / "secret_key",
                known_migrations={f"{app}.{name}" for app, name in loader.disk_migrations or ()},
                say=self.stderr.write,
            )
        except BackupError as error:
            raise CommandError(str(error)) from error
        call_command("migrate", interactive=False, verbosity=0)
        cache.clear()
        told = [step.after() for step in RESTORE_STEPS.values()]
        self.stdout.write(
            f"Restored {summary.rows} rows of {summary.tables} tables and {summary.uploads} uploads; each table "
            "counted and compared with the backup."
        )
        for line in told:
            self.stdout.write(line)
