"""``manage.py seed_demo``: the demo organisation, made once, and its logins, printed every time."""

from __future__ import annotations

import json
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services import create_user
from apps.demo import story
from apps.demo.seeding import seed_organization
from apps.organizations.models import Membership, Organization, RoleGrant
from apps.organizations.services import create_organization
from cxm.actor import Actor
from cxm.scope import tenant


class Command(BaseCommand):
    help = "Make the demo organisation if it was never made, and print its logins."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--again", action="store_true", help="make it again after somebody deleted it")

    def handle(self, *args: Any, again: bool, **options: Any) -> None:
        exists = Organization.objects.filter(slug=story.SLUG, is_demo=True, deleted_at=None).exists()
        if exists and pending_file().exists():  # a former run was killed after its commit
            pending_file().replace(logins_file())
        logins = read_logins()
        if not exists and (not logins or again):
            self.stdout.write("Making the demo organisation (18 months of answers) ...")
            logins = make_demo()
            exists = True
        if not exists:
            self.stdout.write("The demo organisation was deleted. `manage.py seed_demo --again` makes it again.")
            return
        self.stdout.write(f"Demo organisation {story.COMPANY}: {settings.BASE_URL}/o/{story.SLUG}/")
        for email, entry in logins.items():
            self.stdout.write(f"  {entry['role']:<9} {email:<32} {entry['password']}")


def logins_file() -> Path:
    """Where the random passwords of the demo's people are kept, readable by the operator alone."""
    return Path(settings.DATA_DIR) / "demo-logins.json"


def pending_file() -> Path:
    """The logins of a demo that is being made; they count from its commit on."""
    return logins_file().with_suffix(".pending")


def read_logins() -> dict[str, dict[str, str]]:
    """The demo's logins by address, or nothing before the first seeding."""
    try:
        return json.loads(logins_file().read_text())
    except FileNotFoundError:
        return {}


def make_demo() -> dict[str, dict[str, str]]:
    """Make people, organisation and contents in one transaction: whole, or not at all. Returns the logins."""
    logins = {
        f"{local}@{story.SLUG}.example": {"name": name, "role": role, "password": secrets.token_urlsafe(9)}
        for name, local, role in story.PEOPLE
    }
    path = pending_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    path.write_text(json.dumps(logins, indent=1))
    with transaction.atomic():
        people = {email.split("@")[0]: _person(email, entry) for email, entry in logins.items()}
        owner = people["mira.lind"]
        organization = create_organization(
            actor=Actor.system("demo"), owner=owner, name=story.COMPANY, slug=story.SLUG, zone=story.ZONE, is_demo=True
        )
        with tenant(organization):
            for local, user in people.items():
                if user != owner:
                    Membership.objects.create(user=user, organization=organization)
                    RoleGrant.objects.create(user=user, role=logins[f"{local}@{story.SLUG}.example"]["role"])
            seed_organization(organization, people, timezone.localdate())
    path.replace(logins_file())
    return logins


def _person(email: str, entry: dict[str, str]) -> User:
    user = User.objects.filter(email=email).first()
    if user is None:
        return create_user(email=email, password=entry["password"], name=entry["name"], email_proven=True)
    user.set_password(entry["password"])
    user.save(update_fields=["password"])
    return user
