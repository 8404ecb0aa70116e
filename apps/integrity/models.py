"""What is kept to judge answers by: prints of comments, by which those that are alike find each other."""

from __future__ import annotations

from django.db import models

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class CommentPrint(TenantModel):
    """One of the prints of an answer's comment (likeness.py), and when the answer's experience was.

    A number from which no word can be read back. It goes with its answer or its comment, and after two months.
    """

    response = TenantForeignKey("surveys.Response", models.CASCADE, related_name="+")
    number = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "number", "at"], name="comment_print_alike"),
            models.Index(fields=["tenant", "at"], name="comment_print_age"),
        ]
