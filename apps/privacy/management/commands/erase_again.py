"""``manage.py erase_again``: after a restore by other means, erase whoever the journal says was erased."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.privacy.erasure import erase_customer
from apps.privacy.journal import erase_again, write_missing
from cxm.actor import Actor


class Command(BaseCommand):
    help = (
        "Erase again whoever is in the database although the journal of erasures names them. `restore` does it itself."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        people = erase_again(lambda person: erase_customer(actor=Actor.system("restore"), customer=person))
        write_missing()
        self.stdout.write(f"Erased again, as the journal of erasures says: {people} people.")
