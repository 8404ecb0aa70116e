"""The sweep must know which personas are to be compared with their people."""

from django.db import migrations

from cxm.db.migrations import LetPlatformSeeWhatIsDue


class Migration(migrations.Migration):
    dependencies = [("personas", "0002_bound_to_segments")]
    operations = [
        LetPlatformSeeWhatIsDue("personas_personacheck", ["tenant_id", "id", "state", "due_at"], "state = 'watched'"),
    ]
