"""Workers killed at random while many mails leave: how many kills, how many mails lost, how many repeated.

`python -m benchmarks.dispatch_faults [mails] [kills]` (6,000 and 60 without) prints the counts and fails where one is
lost, or more are repeated than workers were killed. It needs the services of `benchmarks` and takes some minutes.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.__main__ import database, services

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 3
_WORKER = """
import sys, time, uuid, django
django.setup()
from apps.dispatch.sending import send_due_invitations
from cxm.scope import tenant
with tenant(uuid.UUID(sys.argv[1])):
    while True:
        if not send_due_invitations().handled:
            time.sleep(0.05)
"""


def main(mails: int, kills: int) -> int:
    """Send, kill, count; 0 when nothing is lost and no kill repeated more than one mail."""
    import django

    django.setup()
    with database(), tempfile.TemporaryDirectory() as folder:
        from django.db import connection
        from django.utils.timezone import now

        from apps.accounts.models import User
        from apps.dispatch.models import Invitation
        from apps.organizations.services import create_organization
        from apps.surveys.services import create_survey, publish_survey
        from benchmarks.dispatch import SYSTEM, fill_customers, null_sink, queue
        from cxm.scope import tenant

        user = User.objects.create_user(email="bench.faults@example.com", name="Bench")
        organization = create_organization(actor=SYSTEM, owner=user, name="Faults", slug="bench-faults")
        journal = Path(folder) / "taken"
        with tenant(organization), null_sink(str(journal)) as port:
            survey = create_survey(actor=SYSTEM, name="Relationship", kind="nps", relationship=True)
            publish_survey(actor=SYSTEM, survey=survey)
            survey.refresh_from_db()
            queue(survey, fill_customers(mails))
            url = urlsplit(os.environ["DATABASE_URL"])
            environment = {
                **os.environ,
                "DATABASE_URL": url._replace(path=f"/{connection.settings_dict['NAME']}").geturl(),
                "EMAIL_URL": f"smtp://127.0.0.1:{port}",
            }

            def start() -> subprocess.Popen[bytes]:
                command = [sys.executable, "-c", _WORKER, str(organization.pk)]
                return subprocess.Popen(command, cwd=ROOT, env=environment)

            chance = random.Random(11)
            workers = [start() for _ in range(WORKERS)]
            killed = 0
            started = time.monotonic()
            try:
                while Invitation.objects.filter(state=Invitation.State.QUEUED).exists():
                    taken = journal.read_bytes().count(b"\n") if journal.exists() else 0
                    if killed < kills and taken >= (killed + 1) * mails / (kills + 1):
                        place = chance.randrange(WORKERS)
                        os.kill(workers[place].pid, signal.SIGKILL)
                        workers[place].wait()
                        workers[place] = start()
                        killed += 1
                        # As if the lease of what it held had run out: 30 seconds each would make this an hour.
                        Invitation.objects.filter(
                            state=Invitation.State.QUEUED, leased_until__lt=now() + timedelta(seconds=22)
                        ).update(leased_until=now() - timedelta(seconds=1))
                    time.sleep(chance.random() / 20)
            finally:
                for worker in workers:
                    worker.kill()
                    worker.wait()
            states = Counter(Invitation.objects.values_list("state", flat=True))
        times = Counter(journal.read_bytes().split(b"\n")[:-1])
    lost = mails - len(times)
    repeated = sum(times.values()) - len(times)
    print(
        f"{mails:,} mails, {killed} workers killed in {time.monotonic() - started:.0f} s: lost {lost},"
        f" repeated {repeated} under the same Message-ID, most often {max(times.values())} times; states {dict(states)}"
    )
    return int(lost > 0 or repeated > killed or states != {"sent": mails})


if __name__ == "__main__":
    with services():
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 6000, int(sys.argv[2]) if len(sys.argv) > 2 else 60))
