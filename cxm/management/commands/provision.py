"""``manage.py provision [SUPERUSER_URL]``: prepare a PostgreSQL server of your own."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg2
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cxm.db import roles
from cxm.db.provision import provision, redacted, script

VARIABLES = {
    "DATABASE_URL": roles.APP,
    "DATABASE_OWNER_URL": roles.OWNER,
    "DATABASE_PLATFORM_URL": roles.PLATFORM,
    "DATABASE_BACKUP_URL": roles.BACKUP,
}


class Command(BaseCommand):
    help = (
        "Make roles, database, extensions and leakproof marks on a PostgreSQL server, and print the variables to set. "
        "Without a URL, print the SQL for a superuser to run."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("superuser_url", nargs="?", help="postgresql://postgres:password@host:port/postgres")
        parser.add_argument("--database", default="cxm", help="name of the database (default %(default)s)")
        parser.add_argument(
            "--keep-passwords", action="store_true", help="leave the roles' passwords as they are and print no URLs"
        )
        parser.add_argument(
            "--for-tests", action="store_true", help="let the owner make databases, and prepare one for tests to copy"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        database, url = options["database"], options["superuser_url"]
        made = {} if options["keep_passwords"] else {role: secrets.token_urlsafe(24) for role in VARIABLES.values()}
        if not url:
            self.stdout.write(script(database=database, passwords=made))
            return
        try:
            provision(url, database=database, passwords=made, for_tests=options["for_tests"])
        except (psycopg2.Error, ValueError) as error:
            raise CommandError(f"The server was not prepared: {redacted(str(error)).strip()}") from error
        self.stderr.write("The server is prepared. Set these variables; the passwords are not kept anywhere else.")
        for variable, role in VARIABLES.items() if made else ():
            self.stdout.write(f"{variable}={_url_of(url, role, made[role], database)}")


def _url_of(superuser_url: str, role: str, password: str, database: str) -> str:
    parts = urlsplit(superuser_url)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{role}:{quote(password, safe='')}@{place}", path=f"/{database}").geturl()
