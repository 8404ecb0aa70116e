"""The sweep must also know which jobs are being undone, and whose files and journals have been kept long enough."""

from django.db import migrations

from cxm.db.migrations import LetPlatformSeeWhatIsDue

COLUMNS = ["tenant_id", "id", "state", "created_at", "leased_until", "keep_until"]
DUE = "state IN ('queued', 'running', 'undoing') OR keep_until < now()"
FORMER_COLUMNS = ["tenant_id", "id", "state", "created_at", "leased_until"]
FORMER_DUE = "state IN ('queued', 'running')"


def without_former(table: str) -> migrations.RunSQL:
    """Take away what 0002 let the platform see, and give it back on the way back."""
    former = LetPlatformSeeWhatIsDue(table, FORMER_COLUMNS, FORMER_DUE)
    assert former.reverse_sql is not None
    return migrations.RunSQL(sql=former.reverse_sql, reverse_sql=former.sql)


class Migration(migrations.Migration):
    dependencies = [("imports", "0003_undo_and_resume")]
    operations = [
        operation
        for table in ("imports_importjob", "imports_exportjob")
        for operation in (without_former(table), LetPlatformSeeWhatIsDue(table, COLUMNS, DUE))
    ]
