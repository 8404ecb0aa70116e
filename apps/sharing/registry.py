"""What can be shared. Apps above register their kinds from ``apps/<x>/sharing.py``, which their wiring imports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from apps.sharing.models import ShareLink
from apps.sharing.options import ShareOptions
from cxm.actor import Actor


@dataclass(frozen=True, slots=True)
class Described:
    """What a link leads to, for the lists of those who may share: its name and its page within the organisation."""

    title: str
    url_name: str
    versions: tuple[int, ...] = ()
    """The numbers that can be chosen, newest first."""


@dataclass(frozen=True, slots=True)
class Shared:
    """An open link while somebody reads it. ``actor`` is the reader: nobody, with the rights the link gives."""

    link: ShareLink
    options: ShareOptions
    organization: Any
    actor: Actor
    key: str


@dataclass(frozen=True, slots=True)
class SharedPage:
    """What the reader sees: a template that extends ``sharing/base.html`` with its context."""

    template: str
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A picture or document of the shared thing."""

    body: bytes
    content_type: str
    filename: str
    inline: bool = True


class Describe(Protocol):
    """Names of things by id; what is gone or put away is missing. A steady number of queries."""

    def __call__(self, ids: Collection[UUID]) -> Mapping[UUID, Described]: ...


@dataclass(frozen=True, slots=True)
class Shareable:
    """A kind of thing that can be shared. ``permission`` is what its maker must hold to see the thing.

    ``render`` and ``open_file`` raise NotFound when the thing, the version or the file is gone: the reader then gets
    the same answer as for a key that never was. ``check`` raises DomainError for options the thing cannot have.
    """

    kind: str
    title: Any
    permission: str
    render: Callable[[Shared], SharedPage]
    describe: Describe
    check: Callable[[Actor, UUID, ShareOptions], None]
    open_file: Callable[[Shared, str], SharedFile] | None = None
    scores_permission: str = "metrics.view"
    quotes_label: Any = ""
    filters: tuple[str, ...] = ()


_kinds: dict[str, Shareable] = {}


def register_shareable(
    kind: str,
    *,
    title: Any,
    permission: str,
    render: Callable[[Shared], SharedPage],
    describe: Describe,
    check: Callable[[Actor, UUID, ShareOptions], None],
    open_file: Callable[[Shared, str], SharedFile] | None = None,
    quotes_label: Any = "",
    filters: tuple[str, ...] = (),
) -> None:
    """Add a kind of thing that can be shared; the same name again replaces it."""
    _kinds[kind] = Shareable(
        kind=kind,
        title=title,
        permission=permission,
        render=render,
        describe=describe,
        check=check,
        open_file=open_file,
        quotes_label=quotes_label,
        filters=filters,
    )


def shareable(kind: str) -> Shareable | None:
    """The kind of this name, or None."""
    return _kinds.get(kind)


def shareables() -> dict[str, Shareable]:
    """All kinds by name."""
    return dict(sorted(_kinds.items()))
