"""Interactions that came, moved or went make kept counts of their time stale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from apps.outbox.registry import handles
from apps.paths.services import mark_stale


@handles("interactions.recorded", "interactions.deleted", name="paths.mark_stale", batch=True)
def mark_counts_stale(payloads: Sequence[Mapping[str, Any]]) -> None:
    """Mark kept counts whose window any of these interactions lies in. One statement a portion."""
    moments = [datetime.fromisoformat(payload[name]) for payload in payloads for name in ("from", "to")]
    if moments:
        mark_stale(min(moments), max(moments))
