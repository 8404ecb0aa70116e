"""``manage.py doctor``: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from cxm.doctor import examine

MARKS = {"ok": "ok     ", "warning": "WARNING", "wrong": "WRONG  "}


class Command(BaseCommand):
    help = "Say what is wrong with this installation and how to mend it. Ends with 1 when something is."
    requires_system_checks = []
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for finding in examine():
            wrong += finding.state == "wrong"
            self.stdout.write(f"{MARKS[finding.state]}  {finding.subject}: {finding.found}")
            if finding.mend:
                self.stdout.write(f"         -> {finding.mend}")
        self.stdout.write(f"{wrong} to mend" if wrong else "All is well")
        if wrong:
            sys.exit(1)
