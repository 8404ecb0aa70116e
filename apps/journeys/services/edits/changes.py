"""What a change of a draft is, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.journeys.content import lane_key
from cxm.errors import PreconditionFailed

State = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """What happened to one row, with its version afterwards (0 when it is gone).

    `order` is, for a card or touchpoint, the ids of the list it stands in afterwards (stood in, when it is gone).
    """

    kind: str
    id: str
    before: State | None
    after: State | None
    version: int = 0
    order: tuple[str, ...] = ()

    @property
    def moves_columns(self) -> bool:
        """Whether columns or lanes of the board came, went or moved."""
        if self.kind in ("stage", "step"):
            if self.before is None or self.after is None:
                return True
            return any(self.before.get(name) != self.after.get(name) for name in ("position", "stage"))
        return self.kind in ("map", "lanes")

    def as_json(self) -> dict[str, Any]:
        """The change as a board reads it: the state flat, the lane by its usual name."""
        return {
            "kind": self.kind,
            "id": self.id,
            "version": self.version,
            "state": public_state(self.kind, self.after),
            "order": list(self.order),
        }


def public_state(kind: str, state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A state without what stands in it. None for a row that is gone and for the map as a whole."""
    if state is None or kind == "map":
        return None
    flat = {name: value for name, value in state.items() if name not in ("steps", "cards", "places", "version")}
    if "lane" in flat:
        flat["lane"] = lane_key(flat["lane"])
    return flat


@dataclass(frozen=True)
class Edit:
    """The outcome of a service: its changes (none when all was so already), a sentence for the person, and the map's
    revision afterwards."""

    changes: tuple[Change, ...]
    said: str
    undoable: bool = True
    revision: int = 0


class EditConflict(PreconditionFailed):
    """Somebody changed this row since the caller saw it: both sides in words, and the row as it is now."""

    def __init__(self, mine: str, theirs: str, change: Change) -> None:
        message = _("Somebody else changed this while you were working. Nothing was overwritten.")
        super().__init__(message, code="changed")
        self.mine, self.theirs, self.change = mine, theirs, change
