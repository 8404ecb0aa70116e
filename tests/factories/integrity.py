"""Prints of comments."""

from django.utils.timezone import now

from apps.integrity.models import CommentPrint
from tests.factories.registry import factory
from tests.factories.surveys import a_survey, an_answer


@factory(CommentPrint)
def _print() -> CommentPrint:
    return CommentPrint.objects.create(response=an_answer(a_survey()), number=1, at=now())
