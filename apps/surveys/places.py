"""Places where a survey stands open: what an upper app knows of the poster, widget or kiosk somebody answers at.

The respondent's pages live here, the places in a higher layer. That layer registers one reader in its ``wiring.py``,
which turns the ``?p=`` of an open link into a place; its own pages hand a ``Place`` to the visit themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer is given, and by whom when that is proven.

    ``carried`` are form fields that must come back with every screen. ``invitation_id`` is the row that counts this
    asking among the customer's. ``embedded`` draws the page for a frame on somebody else's site.
    """

    id: UUID
    channel: str
    unit_id: UUID | None = None
    touchpoint_id: UUID | None = None
    customer_id: UUID | None = None
    invitation_id: UUID | None = None
    embedded: bool = False
    carried: tuple[tuple[str, str], ...] = ()

    def source_id(self, nonce: str) -> str:
        """What an answer given here is known by: the place, and the form or the device's own number of it."""
        return f"{self.id.hex}:{nonce}"


class PlaceReader(Protocol):
    """Turns a token into the place, in the organisation's scope; None for one that is wrong, ended, or of another."""

    def __call__(self, *, token: str, survey_id: UUID) -> Place | None: ...


_reader: PlaceReader | None = None


def register_place_reader(reader: PlaceReader) -> None:
    """Called once, by the layer that keeps places."""
    global _reader
    _reader = reader


def place_of(*, token: str, survey_id: UUID) -> Place | None:
    """The place whose token came with an open link; None without one, so that the answer counts all the same."""
    return _reader(token=token, survey_id=survey_id) if _reader and token else None
