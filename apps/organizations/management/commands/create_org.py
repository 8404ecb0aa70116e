"""``manage.py create_org``: an organisation, its owner and its keys, without a browser and without mail."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError, transaction

from apps.accounts.models import User
from apps.accounts.services import create_user, password_problems
from apps.organizations.models import ApiKey
from apps.organizations.services import create_api_key, create_organization
from apps.organizations.services.members import clean_email
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.scope import tenant

#: Field of a service's error -> option of this command.
OPTIONS = {
    "name": "NAME",
    "slug": "--slug",
    "timezone": "--timezone",
    "email": "--owner-email",
    "password": "--owner-password",
}


class Command(BaseCommand):
    """The last line of stdout is always ``{"slug": …, "api_key": …, "write_key": …}``; notes go to stderr."""

    help = "Make an organisation, its owner, an API key with all scopes and a public write key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name of the organisation")
        parser.add_argument("--owner-email", required=True, help="address of the owner; an existing account is used")
        parser.add_argument("--owner-password", required=True, help="password of a new account: 8 characters or more")
        parser.add_argument("--slug", default="", help="its part of the address; made from the name if absent")
        parser.add_argument("--timezone", default="UTC", help="IANA zone its days are counted in (default UTC)")
        parser.add_argument("--json", action="store_true", help="print nothing but the JSON line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = self._make(options)
        except DomainError as error:
            raise CommandError(
                "\n".join(f"{OPTIONS.get(item['field'], item['field'])}: {item['message']}" for item in error.errors)
            ) from None
        except (OperationalError, ProgrammingError) as error:
            reason = str(error).partition("\n")[0]
            advice = "Start “manage.py up” once, or run “manage.py migrate”."
            raise CommandError(f"The database is not ready: {reason}. {advice}") from None
        if not options["json"]:
            self.stdout.write(f"Organisation: {options['name']}, /o/{made['slug']}/")
            self.stdout.write("The keys are shown once. Store them now.")
        self.stdout.write(json.dumps(made))

    @transaction.atomic
    def _make(self, options: dict[str, Any]) -> dict[str, str]:
        actor = Actor.system("create_org")
        owner = self._owner(clean_email(options["owner_email"]), options["owner_password"])
        organization = create_organization(
            actor=actor, owner=owner, name=options["name"], slug=options["slug"], zone=options["timezone"]
        )
        with tenant(organization):
            _, api_key = create_api_key(actor=actor, name="create_org", created_by=owner)
            _, write_key = create_api_key(actor=actor, name="create_org", kind=ApiKey.Kind.WRITE, created_by=owner)
        return {"slug": organization.slug, "api_key": api_key, "write_key": write_key}

    def _owner(self, email: str, password: str) -> User:
        known = User.objects.filter(email=email).first()
        if known is not None:
            self.stderr.write(f"{email} has an account already: it becomes the owner, its password stays as it is.")
            return known
        owner = create_user(email=email, password=password, email_proven=True, by_operator=True)
        for problem in password_problems(password, owner):
            self.stderr.write(f"Weak password: {problem}")
        return owner
