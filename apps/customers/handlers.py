"""What this app does about its own events."""

from __future__ import annotations

from typing import Any

from apps.customers.merging import sweep_merged
from apps.outbox.registry import handles
from cxm.ids import parse_uuid


@handles("customers.customers_merged", name="customers.sweep_merged")
def follow_merge(payload: dict[str, Any]) -> None:
    """Give the person what was filed under the merged record while the merge was being made."""
    merged = parse_uuid(payload["merged"])
    if merged is not None:
        sweep_merged(merged)
