"""The queues of the installation: tables whose rows are due work, across organisations, for the figures about them.

Apps register theirs in ``wiring.py``. What is asked here is what the platform's role may see: never contents.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxm.db.platform import platform_rows


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue table.

    Args:
        name: what the figures call it.
        table: the table, which :class:`cxm.db.migrations.LetPlatformSeeWhatIsDue` opened to the platform's role.
        due: SQL condition on a row that should be worked on now.
        since: SQL expression, the time from which the row was due.
    """

    name: str
    table: str
    due: str
    since: str


@dataclass(frozen=True, slots=True)
class QueueState:
    """How many rows of a queue are due, and for how many seconds the oldest has been (0 when none is)."""

    name: str
    depth: int
    oldest_due_seconds: float


_queues: dict[str, Queue] = {}


def register_queue(queue: Queue) -> None:
    """Add a queue to the figures."""
    _queues[queue.name] = queue


def queue_states() -> list[QueueState]:
    """The state of every queue, in one query that reads the due rows' index entries. Raises psycopg2.Error."""
    if not _queues:
        return []
    parts = [
        f"SELECT '{queue.name}', count(*), coalesce(extract(epoch FROM now() - min({queue.since})), 0) "
        f"FROM {queue.table} WHERE {queue.due}"
        for queue in sorted(_queues.values(), key=lambda queue: queue.name)
    ]
    rows = platform_rows(" UNION ALL ".join(parts))
    return [QueueState(name, depth, max(0.0, float(age))) for name, depth, age in rows]
