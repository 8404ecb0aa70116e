"""The sweep must know which organisations have invitations to send."""

from django.db import migrations

from cxm.db.migrations import LetPlatformSeeWhatIsDue


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0001_initial")]
    operations = [
        LetPlatformSeeWhatIsDue(
            "dispatch_invitation", ["tenant_id", "id", "state", "send_at", "leased_until"], "state = 'queued'"
        ),
    ]
