"""``manage.py backup FILE``: the whole installation in one verified file, while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from cxm.backup import BackupError, create_backup
from cxm.embedded.launch import embedded_urls


class Command(BaseCommand):
    help = "Back up database, uploads and secret key into one file, consistently, and read it back."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        url = settings.BACKUP_DATABASE_URL or embedded_urls().database_backup_url
        if not url:
            raise CommandError("Set DATABASE_BACKUP_URL to the URL of the role cxm_backup (`provision` made it).")
        applied = MigrationRecorder(connection).applied_migrations()
        try:
            summary = create_backup(
                options["file"].expanduser().absolute(),
                database_url=url,
                uploads=Path(settings.MEDIA_ROOT),
                secret_key=settings.DATA_DIR / "secret_key",
                migrations=[f"{app}.{name}" for app, name in applied],
            )
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{options['file']}: {summary.rows} rows of {summary.tables} tables, {summary.uploads} uploads, "
            f"{summary.size / 1e6:.1f} MB, read back and complete"
        )
