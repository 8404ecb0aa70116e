"""What the scores do when something happened below them."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from apps.metrics.folding import fold_buckets, move_days, refold_organization
from apps.outbox.registry import handles


@handles(
    "surveys.response_recorded",
    "surveys.response_changed",
    "surveys.response_deleted",
    name="metrics.fold_responses",
    batch=True,
)
def fold_responses(payloads: list[dict[str, Any]]) -> None:
    """Recompute the days these answers belong to, and belonged to before a change."""
    fold_buckets((UUID(payload["survey"]), date.fromisoformat(day)) for payload in payloads for day in payload["days"])


@handles("organizations.timezone_changed", name="metrics.move_days")
def move_days_to_new_zone(payload: dict[str, Any]) -> None:
    """Days are days of the organisation's calendar: in another zone some answers belong to another one."""
    move_days()


@handles("organizations.settings_changed", name="metrics.recount_provisional")
def recount_provisional(payload: dict[str, Any]) -> None:
    """Whether provisional answers count is an answer to every score."""
    if "include_provisional" in payload["fields"]:
        refold_organization()
