"""The command palette's registry: searchers over an app's things, and commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext

from cxm.actor import Actor
from cxm.web.navigation import links

LIMIT_EACH = 6
LIMIT_ALL = 24
LONGEST_TEXT = 100


@dataclass(frozen=True, slots=True)
class PaletteItem:
    """One line of the palette. ``detail`` stands at its end (a stage, an address); ``keys`` is its own shortcut."""

    label: str
    url: str
    icon: str
    detail: str = ""
    keys: str = ""


Search = Callable[[Actor, Any, str, int], list[PaletteItem]]


@dataclass(frozen=True, slots=True)
class _Searcher:
    permission: str
    search: Search
    label: Any


@dataclass(frozen=True, slots=True)
class _Command:
    label: Any
    icon: str
    url_name: str
    permission: str | None
    keys: str


_searchers: dict[str, _Searcher] = {}
_commands: dict[str, _Command] = {}


def register_searcher(name: str, *, permission: str, search: Search, label: Any = "") -> None:
    """Add a searcher: ``search(actor, organization, text, limit)`` gives the best matches the actor may see.

    It is asked with at least one letter, runs on every keystroke and so must answer from an index in a few
    milliseconds. ``label`` is the heading of its results ("Go to" when empty).
    """
    _searchers[name] = _Searcher(permission, search, label)


def register_command(*, label: Any, icon: str, url_name: str, permission: str | None, keys: str = "") -> None:
    """Add something to do ("New survey"): a page that is found by its words."""
    _commands[url_name] = _Command(label, icon, url_name, permission, keys)


def find(actor: Actor, organization: Any, text: str) -> list[tuple[str, list[PaletteItem]]]:
    """What the palette shows for a text, by heading: pages and things ("Go to"), then commands ("Do").

    Without a text: the pages and commands alone. Costs one call of each searcher the actor may use.
    """
    text = text.replace("\x00", "").strip()[:LONGEST_TEXT]
    go_to = [
        PaletteItem(
            str(link.item.label),
            link.url,
            link.item.icon,
            keys=f"G {link.item.shortcut.upper()}" * bool(link.item.shortcut),
        )
        for link in links(actor, organization)
        if matches(str(link.item.label), text)
    ]
    groups: dict[str, list[PaletteItem]] = {gettext("Go to"): go_to}
    if text:
        for searcher in _searchers.values():
            if actor.can(searcher.permission):
                heading = str(searcher.label) or gettext("Go to")
                groups.setdefault(heading, []).extend(
                    searcher.search(actor, organization, text, LIMIT_EACH)[:LIMIT_EACH]
                )
    groups[gettext("Do")] = [*_matching_commands(actor, organization, text)]
    return [(heading, items[:LIMIT_ALL]) for heading, items in groups.items() if items]


def matches(label: str, text: str) -> bool:
    """Whether every word of the text begins a word of the label, whatever the case."""
    words = label.casefold().split()
    return all(any(word.startswith(part) for word in words) for part in text.casefold().split())


def _matching_commands(actor: Actor, organization: Any, text: str) -> list[PaletteItem]:
    found = []
    for command in _commands.values():
        if (command.permission and not actor.can(command.permission)) or not matches(str(command.label), text):
            continue
        try:
            url = reverse(command.url_name, args=[organization.slug])
        except NoReverseMatch:
            continue
        found.append(PaletteItem(str(command.label), url, command.icon, keys=command.keys))
    return found
