"""What insights hold of a person: when the person is erased, their words are withdrawn and the bare score stays."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.comments.services import forget_comments
from apps.insights.models import Insight


def withdraw(rows: QuerySet[Insight]) -> int:
    """Take person, words, source and link from insights, and what colleagues said about them, which may quote.

    Score, people, date and places stay, so no mean moves.
    """
    for pk in rows.values_list("pk", flat=True):
        forget_comments(kind="insight", object_id=pk)
    return rows.update(
        customer=None,
        response_id=None,
        title=_("Withdrawn: the person was erased"),
        body="",
        source="",
        link="",
        withdrawn_at=now(),
        updated_at=now(),
    )
