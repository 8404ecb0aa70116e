"""Totals of past months beside what is folded from answers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("metrics", "0001_initial"),
        ("organizations", "0002_membership_walls"),
        ("surveys", "0001_initial"),
        ("touchpoints", "0001_initial"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="scorehistogram",
            name="score_histogram_bucket",
        ),
        migrations.AddField(
            model_name="scorehistogram",
            name="import_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="scorehistogram",
            name="is_imported",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddIndex(
            model_name="scorehistogram",
            index=models.Index(
                condition=models.Q(("is_imported", True)), fields=["tenant", "import_id"], name="score_histogram_import"
            ),
        ),
        migrations.AddConstraint(
            model_name="scorehistogram",
            constraint=models.UniqueConstraint(
                fields=("tenant", "survey", "day", "question", "touchpoint", "channel", "unit", "scale", "is_imported"),
                name="score_histogram_cell",
                nulls_distinct=False,
            ),
        ),
    ]
