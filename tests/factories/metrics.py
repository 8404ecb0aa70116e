"""Score histograms, made as the worker makes them."""

from __future__ import annotations

from apps.metrics.handlers import fold_responses
from apps.metrics.models import ScoreHistogram
from apps.outbox.models import OutboxEvent
from tests.factories.registry import factory
from tests.factories.surveys import a_survey, an_answer


def fold_pending() -> int:
    """Hand the waiting events of the organisation in force to the fold, as the relay does; returns their number.

    The relay itself makes its own transactions, which a test inside one cannot have.
    """
    waiting = OutboxEvent.objects.filter(handler="metrics.fold_responses")
    payloads = list(waiting.order_by("created_at").values_list("payload", flat=True))
    fold_responses(payloads)
    waiting.delete()
    return len(payloads)


@factory(ScoreHistogram)
def a_histogram() -> ScoreHistogram:
    survey = a_survey()
    an_answer(survey)
    fold_pending()
    return ScoreHistogram.objects.get(survey=survey)
