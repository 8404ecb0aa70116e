"""What has to happen around a restore: a registry that apps fill in their ``wiring``.

``before`` runs while the present database is still there (it may be empty or unreadable: failing is no obstacle),
``after`` when the restored one is complete; what it says is shown to whoever restores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestoreStep:
    """One app's part."""

    before: Callable[[], object]
    after: Callable[[], str]


RESTORE_STEPS: dict[str, RestoreStep] = {}


def register_restore_step(name: str, *, before: Callable[[], object], after: Callable[[], str]) -> None:
    """Add a part. Registering a name again replaces it."""
    RESTORE_STEPS[name] = RestoreStep(before, after)
