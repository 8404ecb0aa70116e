"""``manage.py erase_customer ORG PERSON``: erase one person for good."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.privacy.erasure import erase_customer
from apps.privacy.people import organization_by, person_by
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.scope import tenant


class Command(BaseCommand):
    help = "Erase one person for good: profile, contents of interactions and answers, mails, files. Scores stay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", help="slug or id")
        parser.add_argument("person", help="id, external id, e-mail address or phone number")
        parser.add_argument("--yes", action="store_true", help="do not ask before")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with tenant(organization_by(options["organization"])):
                person = person_by(options["person"])
                if not options["yes"]:
                    answer = input(f"This erases customer {person.pk} for good. Type yes to go on: ")
                    if answer.strip().lower() != "yes":
                        raise CommandError("Nothing was changed.")
                erased = erase_customer(actor=Actor.system("command"), customer=person.pk)
        except DomainError as error:
            raise CommandError(error.message) from error
        found = ", ".join(f"{name} {rows}" for name, rows in sorted(erased.found.items())) or "nothing but the profile"
        self.stdout.write(f"Erased {erased.customer}: {found}. Written down as {erased.id}.")
