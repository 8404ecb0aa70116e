"""``manage.py export_customer ORG PERSON [--file FILE]``: everything held of one person, as JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.privacy.people import organization_by, person_by
from apps.privacy.personal_copy import export_customer
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.scope import tenant


class Command(BaseCommand):
    help = "Write everything held of one person as JSON, to standard output or a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", help="slug or id")
        parser.add_argument("person", help="id, external id, e-mail address or phone number")
        parser.add_argument("--file", type=Path, help="a new file, readable by you alone; else standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with tenant(organization_by(options["organization"])):
                person = person_by(options["person"])
                pieces = export_customer(actor=Actor.system("command"), customer=person.pk)
                if options["file"] is None:
                    for piece in pieces:
                        self.stdout.write(piece, ending="")
                    return
                path = options["file"].expanduser().absolute()
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.writelines(pieces)
        except DomainError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"Nothing was written: {error}") from error
        self.stdout.write(f"{path}: customer {person.pk}")
