"""What was said of a record itself, alias calls, and the record that was made for an identifier."""

import django.db.models.deletion
from django.db import migrations, models

import cxm.fields

# An identifier that nobody claimed is the home of the record it was given when identifiers got rows of their own. A
# record without a user id has one home; its other identifier follows the record.
HOMES_OF_IDENTIFIERS = """
UPDATE customers_customeridentifier AS i SET home_id = i.customer_id
FROM (
    SELECT DISTINCT ON (tenant_id, customer_id) tenant_id, id FROM customers_customeridentifier
    WHERE claimed_by = '' AND customer_id IS NOT NULL ORDER BY tenant_id, customer_id, kind, value
) AS first WHERE first.tenant_id = i.tenant_id AND first.id = i.id
"""
OTHERS_FOLLOW_THEIR_RECORD = """
UPDATE customers_customeridentifier SET claimed_by = 'record:' || customer_id, claimed_at = created_at
WHERE claimed_by = '' AND home_id IS NULL AND customer_id IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0003_identifiers_of_customers")]

    operations = [
        migrations.AddField("customer", "base", models.JSONField(null=True, editable=False)),
        migrations.AddField(
            "customer", "alias_of", models.CharField(max_length=200, blank=True, default="", editable=False), False
        ),
        migrations.AddField("customer", "alias_at", models.DateTimeField(null=True, editable=False)),
        migrations.AddField(
            "customeridentifier",
            "home",
            cxm.fields.TenantForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="customers.customer"
            ),
        ),
        migrations.AddField("customeridentifier", "barred", models.JSONField(default=list)),
        migrations.AddConstraint(
            "customermerge",
            models.UniqueConstraint(
                condition=models.Q(("undone_at__isnull", True)), fields=("tenant", "merged"), name="merge_in_force"
            ),
        ),
        migrations.RunSQL(HOMES_OF_IDENTIFIERS, migrations.RunSQL.noop),
        migrations.RunSQL(OTHERS_FOLLOW_THEIR_RECORD, migrations.RunSQL.noop),
    ]
