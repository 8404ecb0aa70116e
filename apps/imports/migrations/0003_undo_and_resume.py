"""What an import needs to be taken up again where it was, told in time, and undone."""

import cxm.fields
import cxm.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("imports", "0002_platform_due"),
        ("organizations", "0002_membership_walls"),
        ("segments", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="exportjob",
            name="keep_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="importjob",
            name="created",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="importjob",
            name="keep_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="importjob",
            name="members",
            field=models.CharField(
                choices=[("add", "Add them to the list"), ("replace", "The file is the whole list")],
                default="add",
                max_length=7,
            ),
        ),
        migrations.AddField(
            model_name="importjob",
            name="offset",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="importjob",
            name="segment",
            field=cxm.fields.TenantForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="segments.segment",
            ),
        ),
        migrations.AddField(
            model_name="importjob",
            name="speed",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="importjob",
            name="staged",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="importjob",
            name="table",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="importjob",
            name="undo",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="importjob",
            name="undone_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="importjob",
            name="updated",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="exportjob",
            name="state",
            field=models.CharField(
                choices=[
                    ("draft", "Columns to be chosen"),
                    ("queued", "Waiting"),
                    ("running", "Running"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("stopped", "Stopped"),
                    ("undoing", "Being undone"),
                    ("undone", "Undone"),
                ],
                default="queued",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="importjob",
            name="state",
            field=models.CharField(
                choices=[
                    ("draft", "Columns to be chosen"),
                    ("queued", "Waiting"),
                    ("running", "Running"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("stopped", "Stopped"),
                    ("undoing", "Being undone"),
                    ("undone", "Undone"),
                ],
                default="queued",
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="ImportChange",
            fields=[
                ("id", models.UUIDField(default=cxm.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("customer", "Customer"),
                            ("interaction", "Interaction"),
                            ("response", "Answer"),
                            ("member", "Member of a segment"),
                            ("total", "Total of a month"),
                        ],
                        max_length=11,
                    ),
                ),
                ("subject", models.UUIDField()),
                ("former", models.JSONField(null=True)),
                ("stated", models.JSONField(default=dict)),
                (
                    "job",
                    cxm.fields.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="imports.importjob",
                    ),
                ),
                (
                    "tenant",
                    cxm.fields.TenantField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organizations.organization"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "subject"], name="import_change_of")],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "job", "kind", "subject"), name="import_change_once")
                ],
            },
        ),
    ]
