"""The sidebar's registry. Apps register their pages when they are ready; the console draws what a role may open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from django.urls import NoReverseMatch, reverse

from cxm.actor import Actor

Group = Literal["measure", "understand", "improve", "settings", "help"]
GROUPS: tuple[Group, ...] = ("measure", "understand", "improve", "settings", "help")


@dataclass(frozen=True, slots=True)
class NavItem:
    """One page of the sidebar (or, in the group ``settings``, of the settings list).

    ``count`` gets (actor, organization) and is shown when it is more than 0: only where something is to be done.
    ``shortcut`` is the letter after G. ``exact`` items are current on their own address only, not below it.
    """

    group: Group
    label: Any
    icon: str
    url_name: str
    permission: str | None
    order: int = 100
    count: Callable[[Actor, Any], int] | None = None
    shortcut: str = ""
    exact: bool = False


@dataclass
class Link:
    """A navigation item as one person sees it in one organisation."""

    item: NavItem
    url: str
    actor: Actor
    organization: Any
    current: bool = False

    @cached_property
    def count(self) -> int:
        """What is to be done there. A query where the item counts something, so only for links that are drawn."""
        return self.item.count(self.actor, self.organization) if self.item.count else 0


_items: dict[str, NavItem] = {}


def register_nav(item: NavItem) -> None:
    """Add a page. Registering the same ``url_name`` again replaces it (Django may load an app twice in tests)."""
    if item.group not in GROUPS:
        raise ValueError(f"{item.url_name}: there is no navigation group {item.group!r}.")
    _items[item.url_name] = item


def registered() -> list[NavItem]:
    """All pages in the order of the sidebar."""
    return sorted(_items.values(), key=lambda item: (GROUPS.index(item.group), item.order, item.url_name))


def links(actor: Actor, organization: Any, *, group: Group | None = None, path: str = "") -> list[Link]:
    """The pages this actor may open, in order; those without a page are left out (a test names them).

    The link whose address is the longest beginning of ``path`` is current. Costs no query.
    """
    found: list[Link] = []
    for item in registered():
        if (group and item.group != group) or (item.permission and not actor.can(item.permission)):
            continue
        try:
            url = reverse(item.url_name, args=[organization.slug])
        except NoReverseMatch:
            continue
        found.append(Link(item, url, actor, organization))
    below = [link for link in found if path == link.url or (not link.item.exact and path.startswith(link.url))]
    if below:
        max(below, key=lambda link: len(link.url)).current = True
    return found
