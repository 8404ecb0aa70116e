"""What was logged stays: the web's role may add audit entries and read them, never change or delete one."""

from django.db import migrations

from cxm.db.migrations import AppendOnly


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [AppendOnly("audit_auditentry")]
