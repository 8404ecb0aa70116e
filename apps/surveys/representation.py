"""An answer as the API shows it: the same bytes from the list, from a single answer and from the hot path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from apps.surveys.entries import ResponseRow
from apps.surveys.live import published_definition, touchpoint_key
from apps.surveys.models import Response
from apps.surveys.services import Recorded, RecordedList
from apps.surveys.versions import Comparison, Version
from apps.touchpoints.models import Channel
from cxm.api.serializers import utc_text


def represent_response(
    row: Response | ResponseRow, *, touchpoint: str | None, customer_external_id: str | None
) -> dict[str, Any]:
    """The documented fields of an answer, and what was made of it (score, metric, day)."""
    return {
        "id": str(row.id),
        "survey": str(row.survey_id),
        "version": row.version,
        "answers": row.answers,
        "completed": row.state == Response.State.SUBMITTED,
        "state": str(row.state),
        "score": row.score,
        "metric": row.metric or None,
        "comment": row.comment,
        "customer": {"id": str(row.customer_id), "external_id": customer_external_id} if row.customer_id else None,
        "contact_ok": row.contact_ok,
        "touchpoint": touchpoint,
        "channel": str(row.channel),
        "unit": _id(row.unit_id),
        "language": row.language,
        "occurred_at": utc_text(row.occurred_at),
        "day": row.day.isoformat(),
        "recorded_at": utc_text(row.recorded_at),
        "updated_at": utc_text(row.updated_at),
        "source": row.source,
        "source_id": row.source_id,
        "attributes": row.attributes,
    }


def represent_stored(response: Response) -> dict[str, Any]:
    """An answer read with ``select_related("customer", "touchpoint")``."""
    return represent_response(
        response,
        touchpoint=response.touchpoint.key if response.touchpoint else None,
        customer_external_id=response.customer.external_id if response.customer else None,
    )


def represent_words_alone(response: Response) -> dict[str, Any]:
    """An answer to an anonymous survey among others: what was written, and nothing that tells answers apart.

    Scores and choices are counted in ``results/``; beside a time, a team or each other they would single people out.
    """
    words = {
        question.id: response.answers[question.id]
        for question in published_definition(response.survey_id, response.version).questions.values()
        if question.type == "text" and question.id in response.answers
    }
    hidden = ("score", "metric", "touchpoint", "unit", "occurred_at", "day", "recorded_at", "updated_at", "source_id")
    whole = represent_response(response, touchpoint=None, customer_external_id=None)
    return {
        **whole,
        **dict.fromkeys(hidden),
        "answers": words,
        "customer": None,
        "contact_ok": False,
        "channel": str(Channel.OTHER),
        "language": "",
        "source": "",
        "attributes": {},
    }


def represent_recorded(recorded: Recorded) -> dict[str, Any]:
    """An answer that was just recorded: a new one from what is known of it, a changed one read again (one query)."""
    row, found = recorded.row, recorded.customer
    if isinstance(row, Response):
        return represent_stored(Response.objects.select_related("customer", "touchpoint").get(pk=row.pk))
    return represent_response(
        row, touchpoint=touchpoint_key(row.touchpoint_id), customer_external_id=found.external_id if found else None
    )


def represent_outcome(outcome: RecordedList) -> dict[str, Any]:
    """What became of a list."""
    return {
        "accepted": outcome.accepted,
        "refused": [{"index": index, "errors": errors} for index, errors in outcome.refused],
    }


def represent_versions(versions: Sequence[Version], compared: Comparison | None) -> dict[str, Any]:
    """The versions of a survey, newest first, and what differs between two of them."""
    return {
        "results": [
            {
                "version": version.number,
                "published_at": utc_text(version.published_at) if version.published_at else None,
                "published_by": version.published_by,
                "answers": version.answers,
                "differences": [change.as_json() for change in version.changes],
                "breaks": [
                    {"question": change.question, "metric": change.metric or None, "reason": change.what}
                    for change in version.breaks
                ],
            }
            for version in versions
        ],
        "compared": compared
        and {
            "before": compared.before,
            "after": compared.after,
            "differences": [change.as_json() for change in compared.changes],
        },
    }


def _id(value: UUID | None) -> str | None:
    return str(value) if value else None
