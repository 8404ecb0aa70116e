"""`manage.py mailbox`: read, on the machine itself, the mails about accounts that no mail server took."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.dispatch.mailbox import mailbox_key
from apps.dispatch.models import MailboxMessage
from cxm.ids import parse_uuid


class Command(BaseCommand):
    help = "Lists the newest mails about accounts (codes, resets) of the built-in mailbox, or prints one of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", nargs="?", help="print this mail")
        parser.add_argument("--to", default="", help="only mails to this address")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the list with the page's address, or one mail."""
        if settings.EMAIL_URL_IS_SET:
            raise CommandError("EMAIL_URL is set: mail goes to your mail server, nothing is kept here.")
        rows = MailboxMessage.objects.filter(organization=None).order_by("-created_at", "-id")
        if options["id"]:
            pk = parse_uuid(options["id"])
            mail = rows.filter(pk=pk).first() if pk else None
            if mail is None:
                raise CommandError("There is no such mail. Run the command without an id for the list.")
            self.stdout.write(f"To: {mail.to}\nSubject: {mail.subject}\n\n{mail.text or mail.html}")
            return
        if options["to"]:
            rows = rows.filter(to__icontains=options["to"])
        self.stdout.write(f"In the browser: {settings.BASE_URL}/mailbox/{mailbox_key()}/\n")
        for mail in rows[:20]:
            self.stdout.write(f"{mail.pk}  {mail.created_at:%Y-%m-%d %H:%M}  {mail.to}  {mail.subject}")
