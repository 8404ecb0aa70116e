"""The sweep must know which organisations have imports and exports to run."""

from django.db import migrations

from cxm.db.migrations import LetPlatformSeeWhatIsDue

COLUMNS = ["tenant_id", "id", "state", "created_at", "leased_until"]
DUE = "state IN ('queued', 'running')"


class Migration(migrations.Migration):
    dependencies = [("imports", "0001_initial")]
    operations = [
        LetPlatformSeeWhatIsDue("imports_importjob", COLUMNS, DUE),
        LetPlatformSeeWhatIsDue("imports_exportjob", COLUMNS, DUE),
    ]
