"""The sweep must know which organisations have events waiting, and for how long; never what is in them."""

from django.db import migrations

from cxm.db.migrations import LetPlatformSeeWhatIsDue


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_initial")]
    operations = [
        LetPlatformSeeWhatIsDue(
            "outbox_outboxevent",
            ["tenant_id", "id", "handler", "state", "created_at", "available_at"],
            "state = 'pending'",
        )
    ]
