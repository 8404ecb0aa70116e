from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # made and removed while answers come in

    dependencies = [
        ("surveys", "0001_initial"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="response",
            index=models.Index(
                fields=["tenant", "-occurred_at", "-id"],
                include=(
                    "day",
                    "survey",
                    "touchpoint",
                    "unit",
                    "customer",
                    "metric",
                    "scale",
                    "score",
                    "channel",
                    "state",
                ),
                name="response_by_time",
            ),
        ),
        RemoveIndexConcurrently(
            model_name="response",
            name="response_recent",
        ),
    ]
