from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("segments", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="segment",
            name="revision",
            field=models.PositiveBigIntegerField(default=0, editable=False),
        ),
        migrations.AddIndex(
            model_name="segment",
            index=models.Index(
                condition=models.Q(("refresh_at__isnull", False)), fields=["tenant", "refresh_at"], name="segment_due"
            ),
        ),
        migrations.AddIndex(
            model_name="segment",
            index=models.Index(fields=["tenant", "created_at", "id"], name="segment_recent"),
        ),
    ]
