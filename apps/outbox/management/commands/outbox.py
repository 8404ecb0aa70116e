"""``manage.py outbox list`` and ``manage.py outbox redrive``: events that were given up after eight attempts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.outbox.models import OutboxEvent
from apps.outbox.services import redrive_events
from cxm.scope import tenant


class Command(BaseCommand):
    help = "Show the events that were given up, or try them again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["list", "redrive"])
        parser.add_argument("--organization", help="slug of one organisation; all when absent")
        parser.add_argument("--handler", help="only events for this handler")
        parser.add_argument("--event", type=UUID, help="only this event id")

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        for organization in self._organizations(options["organization"]):
            with tenant(organization):
                parked = OutboxEvent.objects.filter(state=OutboxEvent.State.PARKED)
                if options["handler"]:
                    parked = parked.filter(handler=options["handler"])
                if options["event"]:
                    parked = parked.filter(event_id=options["event"])
                if options["action"] == "redrive":
                    total += redrive_events(parked)
                    continue
                for event in parked.order_by("created_at"):
                    total += 1
                    at = event.created_at.isoformat(timespec="seconds")
                    self.stdout.write(
                        f"{organization.slug}  {event.event_id}  {at}  {event.topic} -> {event.handler}  {event.error}"
                    )
        self.stdout.write(f"{total} parked" if options["action"] == "list" else f"{total} tried again")

    def _organizations(self, slug: str | None) -> Iterator[Any]:
        organizations = apps.get_model(settings.CXM_TENANT_MODEL).objects.order_by("slug")
        if slug:
            organizations = organizations.filter(slug=slug)
            if not organizations:
                raise CommandError(f"There is no organisation with the slug {slug}.")
        yield from organizations
