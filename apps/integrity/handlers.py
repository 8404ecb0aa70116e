"""Answers that arrive or change are looked at here, apart from whatever counts them."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from apps.integrity.flagging import flag_answers, purge_prints
from apps.outbox.registry import handles

_ROWS_AT_ONCE: Final = 2_000


@handles("surveys.response_recorded", "surveys.response_changed", name="integrity.flag_answers", batch=True)
def hear_answers(payloads: list[dict[str, Any]]) -> None:
    """Set the marks of these answers. It writes no answer and emits nothing."""
    ids = list(dict.fromkeys(UUID(response) for payload in payloads for response in payload["responses"]))
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        flag_answers(ids[start : start + _ROWS_AT_ONCE])
    purge_prints()
