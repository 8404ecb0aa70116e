"""`manage.py check_scores`: do the stored histograms equal a recount of all answers?"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.metrics.folding import find_drift, refold_organization
from apps.organizations.queries import organizations
from cxm.scope import tenant

SHOWN = 20


class Command(BaseCommand):
    """Exits with 1 when any organisation's scores differ from a recount; `--mend` recounts them."""

    help = "Compares the score histograms of every organisation with a recount of its answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--org", help="slug of one organisation; all without it")
        parser.add_argument("--mend", action="store_true", help="recount where they differ")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = organizations().order_by("slug")
        if options["org"]:
            chosen = chosen.filter(slug=options["org"])
            if not chosen.exists():
                raise CommandError(f"There is no organisation {options['org']}.")
        wrong = 0
        for organization in chosen:
            with tenant(organization):
                drift = find_drift()
                if drift and options["mend"]:
                    refold_organization()
                    self.stdout.write(f"{organization.slug}: {len(drift)} buckets differed and were recounted")
                    continue
            self.stdout.write(f"{organization.slug}: drift {len(drift)}")
            for item in drift[:SHOWN]:
                self.stdout.write(
                    f"  survey {item.survey_id} {item.day} {item.question}: stored {item.stored}, "
                    f"recounted {item.recounted}"
                )
            wrong += len(drift)
        if wrong:
            raise CommandError(f"{wrong} buckets differ. Run again with --mend once the outbox is empty.")
