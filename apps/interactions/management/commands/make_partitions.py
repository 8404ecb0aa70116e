"""``manage.py make_partitions``: the months ahead, now. For installations whose workers have no DATABASE_OWNER_URL."""

from __future__ import annotations

from typing import Any

import psycopg2
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from cxm.partitions import make_all_ahead


class Command(BaseCommand):
    help = "Make the partitions of the coming months, as the owner (DATABASE_OWNER_URL). May be run again at any time."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = make_all_ahead(now=now())
        except (ImproperlyConfigured, psycopg2.Error) as error:
            raise CommandError(str(error).strip()) from None
        for table, count in made.items():
            self.stdout.write(f"{table}: {count} made")
