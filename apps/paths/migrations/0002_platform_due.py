"""The sweep must know which organisations have something to count."""

from django.db import migrations

from cxm.db.migrations import LetPlatformSeeWhatIsDue

COLUMNS = ["tenant_id", "id", "state", "requested_at", "leased_until"]


class Migration(migrations.Migration):
    dependencies = [("paths", "0001_path_reports")]
    operations = [LetPlatformSeeWhatIsDue("paths_pathreport", COLUMNS, "state IN ('queued', 'running')")]
