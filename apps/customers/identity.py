"""Who a message is about: identifiers made, joined and followed (docs/identity.md has the rules in words).

`identity_rules` decides (pure), `identity_graph` reads and writes; `identity_statements` (pure) and `identity_profiles`
do the same for what was said of people. This module is what other apps call.

People of one organisation change under one advisory lock: everybody who only looks people up, or makes new ones, holds
it shared; whoever changes to whom an existing identifier belongs holds it alone. So a row can be filed under the
person that was looked up without that person being merged away meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg2.errors import DeadlockDetected

from apps.customers import rules
from apps.customers.identity_graph import Batch, Entry, Graph, NeedsExclusive, load, look_up, register_identity_follower
from apps.customers.identity_profiles import Changed
from apps.customers.identity_rules import ANONYMOUS, EMAIL, PHONE, USER, Node
from apps.customers.identity_statements import Said, rank_of, said_by_traits
from cxm.scope import current_tenant_id

__all__ = [
    "Attached", "Named", "NeedsExclusive", "attach", "attach_entries", "clean_named", "lock_identities",
    "register_identity_follower", "require_alone", "with_identities",
]  # fmt: skip

T = TypeVar("T")

ATTEMPTS: Final = ("shared", "exclusive", "exclusive", "exclusive")
_lock: ContextVar[str] = ContextVar("identity_lock", default="")


@dataclass(frozen=True, slots=True)
class Named:
    """How one message names its person, and what it says of them. Made by :func:`clean_named`.

    ``account`` is the key of the company that a group call names; ``alias_of`` the previousId of an alias call.
    """

    user_id: str | None = None
    email: str | None = None
    phone: str | None = None
    anonymous_id: str | None = None
    at: datetime = datetime.min
    traits: Mapping[str, Any] | None = None
    account: str | None = None
    alias_of: str | None = None


@dataclass(frozen=True, slots=True)
class Attached:
    """Whom a message is about.

    ``customer_id`` is the person, None for an anonymous visitor. ``identity_id`` is what the message came under and
    what it follows when people are joined or parted: the record of a user id (also of a merged one), or a
    CustomerIdentifier; None only when the message names nobody. ``unit_id`` is the person's unit.
    """

    customer_id: UUID | None
    identity_id: UUID | None
    unit_id: UUID | None


def clean_named(
    *,
    at: datetime,
    user_id: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    anonymous_id: str | None = None,
    traits: Mapping[str, Any] | None = None,
    account: str | None = None,
    alias_of: str | None = None,
) -> Named:
    """Identifiers as messages send them, cleaned. What cannot be one, and what stands for nobody (`null`, `-1`,
    `anonymous`, zeros), is absent. Never raises."""
    return Named(
        user_id=_cleaned(rules.clean_external_id, user_id),
        email=_cleaned(rules.clean_email, email),
        phone=_cleaned(rules.clean_phone, phone),
        anonymous_id=_cleaned(rules.clean_external_id, anonymous_id),
        at=at,
        traits=traits,
        account=_cleaned(rules.clean_text, account),
        alias_of=_cleaned(rules.clean_external_id, alias_of),
    )


def with_identities(work: Callable[[], T]) -> T:
    """Run `work` in a transaction under the organisation's identity lock, and return what it returns.

    The lock is shared first. When `attach` finds that the ownership of something existing has to change, everything is
    rolled back and `work` runs once more holding the lock alone; so it must be repeatable. The same when the database
    ended the transaction for waiting in a circle. Calls may be nested; the outermost holds the lock.
    """
    if _lock.get():
        return work()
    for attempt, mode in enumerate(ATTEMPTS, start=1):
        token = _lock.set(mode)
        try:
            with transaction.atomic():
                lock_identities(mode)
                return work()
        except NeedsExclusive:
            if mode == "exclusive":
                raise
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected) or attempt == len(ATTEMPTS):
                raise
        finally:
            _lock.reset(token)
    raise AssertionError("the last attempt returns or raises")


def lock_identities(mode: str) -> None:
    """Hold the organisation's identity lock until the end of the transaction."""
    digest = blake2b(b"identities" + current_tenant_id().bytes, digest_size=8).digest()
    function = "pg_advisory_xact_lock_shared" if mode == "shared" else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [int.from_bytes(digest, signed=True)])


def attach(named: Sequence[Named]) -> list[Attached]:
    """Whom each message is about, in order. Makes people and identifiers, joins and moves them, lays traits over.

    Inside ``with_identities``. Messages whose people are known and that say nothing new cost one query for all.
    Raises NeedsExclusive (for ``with_identities`` to catch) when an existing identifier gets another owner.
    """
    entries = [_entry(each) for each in named]
    graph, _changes = attach_entries(entries)
    found: list[Attached] = []
    for entry in entries:
        best = entry.nodes[0] if entry.nodes else None
        if best is None:
            found.append(Attached(None, None, None))
            continue
        identity_id, customer_id = graph.identity_of(best)
        found.append(Attached(customer_id, identity_id, graph.units.get(customer_id) if customer_id else None))
    return found


def require_alone() -> None:
    """Raise NeedsExclusive unless the identity lock is held alone."""
    if _lock.get() == "shared":
        raise NeedsExclusive


def attach_entries(entries: Sequence[Entry]) -> tuple[Graph, list[Changed]]:
    """:func:`attach` for entries whose statements were made already; the graph, and what changed in profiles."""
    if not _lock.get():
        lock_identities("exclusive")
    batch = Batch(entries)
    graph = look_up(batch.nodes)
    if not batch.changes_known(graph) and graph.bring_company(batch):
        return graph, graph.settle(said=batch.said) if batch.said or graph.has_news else []
    require_alone()
    graph = load(batch.nodes)
    graph.bring(batch)
    return graph, graph.settle(said=batch.said)


def _entry(named: Named) -> Entry:
    nodes: list[Node] = []
    for kind, value in (
        (USER, named.user_id),
        (EMAIL, named.email),
        (PHONE, named.phone),
        (ANONYMOUS, named.anonymous_id),
    ):
        if value:
            nodes.append((kind, value))
    said: Said = said_by_traits(named.traits, named.at) if named.traits else {}
    if named.account:
        said["account"] = (named.account, rank_of(named.at))
    return Entry(tuple(nodes), named.at, said, named.alias_of if named.user_id else None)


def _cleaned(clean: Callable[[str], str | None], value: Any) -> str | None:
    if value is None or value == "":
        return None
    try:
        text = clean(str(value)) or None
    except ValueError:
        return None
    if text is None or rules.is_blocked_identifier(text) or text != text.encode("utf-8", "ignore").decode("utf-8"):
        return None
    return text
