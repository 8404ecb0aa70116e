"""The sweeps must also know which organisations have reminders due, and plans to run."""

from django.db import migrations

from cxm.db import roles
from cxm.db.migrations import LetPlatformSeeWhatIsDue

_BEFORE = ("tenant_id", "id", "state", "send_at", "leased_until")


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0004_plans_and_reminders")]
    operations = [
        migrations.RunSQL(
            "DROP POLICY platform_due ON dispatch_invitation",
            [
                f"GRANT SELECT ({', '.join(_BEFORE)}) ON dispatch_invitation TO {roles.PLATFORM}",
                f"CREATE POLICY platform_due ON dispatch_invitation FOR SELECT TO {roles.PLATFORM}"
                " USING (state = 'queued')",
            ],
        ),
        LetPlatformSeeWhatIsDue(
            "dispatch_invitation",
            [*_BEFORE, "remind_at"],
            "state = 'queued' OR (state = 'sent' AND remind_at IS NOT NULL)",
        ),
        LetPlatformSeeWhatIsDue(
            "dispatch_sendplan", ["tenant_id", "id", "state", "next_run_at", "leased_until"], "state = 'active'"
        ),
    ]
