"""The sweep must know which organisations have segments to refresh."""

from django.db import migrations

from cxm.db.migrations import LetPlatformSeeWhatIsDue

COLUMNS = ["tenant_id", "id", "state", "refresh_at", "leased_until"]


class Migration(migrations.Migration):
    dependencies = [("segments", "0002_refreshing")]
    operations = [LetPlatformSeeWhatIsDue("segments_segment", COLUMNS, "state <> 'failed' AND refresh_at IS NOT NULL")]
