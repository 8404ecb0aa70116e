"""What a customer's profile shows beside what this app knows. The apps above fill it from their `wiring.py`:

    register_profile_section(
        "segments", order=30, permission="segments.view", load=segments_of_customer, template="segments/_profile.html"
    )
    register_profile_action(
        "erase", order=30, permission="privacy.manage", label=_("Erase"), icon="user-off", url_name="privacy:erase"
    )

`load(actor, customer)` gives the context of the template, or None where there is nothing to show. The template draws
one `<section class="cx-card">` and also finds `customer`, `request` and the shell's variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch

from apps.customers.models import Customer
from cxm.actor import Actor
from cxm.web.urls import org_url

Load = Callable[[Actor, Customer], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Section:
    """A card of the profile. Small `order` stands higher; those of this app stand before all others."""

    name: str
    order: int
    permission: str
    load: Load
    template: str


@dataclass(frozen=True, slots=True)
class Action:
    """An entry of the profile's menu: a page about one customer, opened with `pk`.

    `shown` says whether it makes sense for this customer (no "Restrict" for somebody restricted); `danger` marks what
    cannot be undone. The one `is_primary` action is the button of the page.
    """

    name: str
    order: int
    permission: str
    label: Any
    icon: str
    url_name: str
    shown: Callable[[Customer], bool] | None = None
    danger: bool = False
    is_primary: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A number at the top of the profile. `value` is what to print, or a moment; `note` stands below it."""

    label: Any
    value: Any
    note: Any = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """Who counts something of a customer. One call gives all numbers of the source."""

    name: str
    order: int
    permission: str
    load: Callable[[Actor, Customer], list[Figure]]


@dataclass(frozen=True, slots=True)
class Card:
    """A section with what it shows for one customer."""

    name: str
    template: str
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """An action with the address it has for one customer."""

    action: Action
    url: str


SECTIONS: dict[str, Section] = {}
ACTIONS: dict[str, Action] = {}
FIGURES: dict[str, Figures] = {}


def register_profile_section(name: str, order: int, permission: str, load: Load, template: str) -> None:
    """Add a card to every profile. Registering a name again replaces it."""
    SECTIONS[name] = Section(name, order, permission, load, template)


def register_profile_action(
    name: str,
    order: int,
    permission: str,
    *,
    label: Any,
    icon: str,
    url_name: str,
    shown: Callable[[Customer], bool] | None = None,
    danger: bool = False,
    is_primary: bool = False,
) -> None:
    """Add an entry to the menu of every profile. Registering a name again replaces it."""
    ACTIONS[name] = Action(name, order, permission, label, icon, url_name, shown, danger, is_primary)


def register_profile_figures(
    name: str, order: int, permission: str, load: Callable[[Actor, Customer], list[Figure]]
) -> None:
    """Add numbers to the top of every profile. Registering a name again replaces it."""
    FIGURES[name] = Figures(name, order, permission, load)


def figures_of(actor: Actor, customer: Customer) -> list[Figure]:
    """The numbers this actor may see, in order. One call of each source."""
    sources = sorted(FIGURES.values(), key=lambda source: (source.order, source.name))
    return [
        figure
        for source in sources
        if actor.can(source.permission, customer.unit_id)
        for figure in source.load(actor, customer)
    ]


def cards_of(actor: Actor, customer: Customer) -> list[Card]:
    """The sections this actor may see that have something to show. One call of each source."""
    found = []
    for section in sorted(SECTIONS.values(), key=lambda section: (section.order, section.name)):
        if not actor.can(section.permission, customer.unit_id):
            continue
        context = section.load(actor, customer)
        if context is not None:
            found.append(Card(section.name, section.template, context))
    return found


def menu_of(actor: Actor, organization: Any, customer: Customer) -> list[MenuEntry]:
    """The actions this actor may take on this customer, in order. Costs no query."""
    found = []
    for action in sorted(ACTIONS.values(), key=lambda action: (action.order, action.name)):
        if not actor.can(action.permission, customer.unit_id) or (action.shown and not action.shown(customer)):
            continue
        try:
            found.append(MenuEntry(action, org_url(organization, action.url_name, pk=customer.pk)))
        except NoReverseMatch:
            continue
    return found
