"""The keyboard shortcuts, as the shortcut list shows them. ``static/cx/shortcuts.js`` carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from cxm.web.navigation import Link


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Keys pressed together or one after the other, and what they do."""

    keys: tuple[str, ...]
    does: Any


GENERAL = (
    Shortcut(("Ctrl K",), _("Search or jump to")),
    Shortcut(("/",), _("Search in this list")),
    Shortcut(("?",), _("This list")),
    Shortcut(("C",), _("Create: the main button of the page")),
    Shortcut(("F",), _("Filter")),
)
LISTS = (
    Shortcut(("J",), _("Next row")),
    Shortcut(("K",), _("Previous row")),
    Shortcut(("X",), _("Select the row")),
    Shortcut(("Enter",), _("Open the row")),
)
BOARD = (
    Shortcut(("Alt ←", "Alt →"), _("Move a card to the step before or after")),
    Shortcut(("Alt ↑", "Alt ↓"), _("Move a card up or down")),
    Shortcut(("Ctrl Z",), _("Undo")),
)


def go_to(links: list[Link]) -> tuple[Shortcut, ...]:
    """G and a letter, for the pages of the sidebar this person has."""
    return tuple(Shortcut(("G", link.item.shortcut.upper()), link.item.label) for link in links if link.item.shortcut)
