"""Every address of the product, read from the resolver: what a sweep must request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern


@dataclass(frozen=True, slots=True)
class Address:
    """One URL pattern: its route with slots as ``<type:name>``, and the view behind it."""

    route: str
    view: object

    @property
    def slots(self) -> list[tuple[str, str]]:
        """(type, name) of each slot."""
        return [(kind or "str", name) for kind, name in re.findall(r"<(?:(\w+):)?(\w+)>", self.route)]

    def path(self, **values: object) -> str:
        """The address with its slots filled."""
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda slot: str(values[slot.group(1)]), self.route)


def addresses() -> list[Address]:
    """All of them, in the order of the resolver."""
    return list(_walk(get_resolver().url_patterns, ""))


def organization_addresses() -> list[Address]:
    """Pages under ``/o/<slug>/``."""
    return [address for address in addresses() if address.route.startswith("o/<slug:org>/")]


def api_addresses() -> list[Address]:
    """Operations under ``/api/v1/``."""
    return [address for address in addresses() if address.route.startswith("api/v1/")]


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Address]:
    for entry in patterns:
        route = prefix + _route(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, route)
        else:
            yield Address(route, entry.callback)


def _route(pattern: object) -> str:
    """A route in path() syntax; regular expressions of DRF's router are put into it."""
    if isinstance(pattern, RoutePattern):
        return str(pattern._route)
    assert isinstance(pattern, RegexPattern)
    text = str(pattern._regex).removeprefix("^").removesuffix("$").removesuffix("\\Z")
    text = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", text)
    return text.replace("\\.", ".").replace("/?", "/")
