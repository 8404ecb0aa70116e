"""Many answers from one device in a short time, without keeping anybody's address (docs/adr/0149).

When an answer comes by a page, a keyed hash of its network address and browser is remembered for two hours under the
answer's own number. The key is random, of one day, and lives only in the cache: after a day nobody, the operator
included, can tell which address a hash was of. Nothing is remembered of anonymous surveys.

An answer does not wait for its mark: marks are gathered and written together, a quarter of a second later. A process
that is killed takes the last of them with it, which costs a hint and no answer.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Collection
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.core.cache import cache
from django.utils.timezone import now

from apps.surveys.models import Response
from cxm.channels import Channel
from cxm.scope import current_tenant_id

WINDOW: Final = timedelta(minutes=30)
MANY: Final = 5
"""Answers from one device within WINDOW that are too many for one person's own device."""
MOST_LOOKED_AT: Final = 2_000
"""Answers of the last half hour that are compared, the newest first."""

_KEPT: Final = 2 * 3600
_DAY: Final = 24 * 3600
_GATHERED_FOR: Final = 0.25
"""Seconds until a mark is written: well before the outbox has an answer looked at."""

_keys: dict[str, bytes] = {}
_marks: dict[str, str] = {}
_gathering = threading.Lock()
_writing = threading.Lock()
_timers: list[threading.Timer] = []


def note_device(answer_key: str, *, ip: str | None, user_agent: str) -> None:
    """Remember from which device an answer came: `answer_key` is its invitation's id or its source id.

    Returns at once; the mark is written with others. Without an address nothing is remembered.
    """
    if not ip:
        return
    name, digest = _name(answer_key), _digest(ip, user_agent)
    with _gathering:
        _marks[name] = digest
        if not _timers:
            timer = threading.Timer(_GATHERED_FOR, write_marks)
            timer.daemon = True
            _timers.append(timer)
            timer.start()


def write_marks() -> None:
    """Write what was gathered in this process; all of it is written when this returns."""
    with _writing:
        with _gathering:
            marks = dict(_marks)
            _marks.clear()
            _timers.clear()
        if marks:
            cache.set_many(marks, _KEPT)


def crowded(responses: Collection[Response]) -> set[UUID]:
    """Those of these and other recent answers that came from a device with MANY answers within WINDOW.

    Answers at a kiosk are left out: one device is what a kiosk is. One query, one look into the cache.
    """
    if not any(_counts(response) for response in responses):
        return set()
    write_marks()
    recent = Response.objects.filter(recorded_at__gte=now() - WINDOW, source="page", survey__anonymous=False)
    rows = [
        row
        for row in recent.only("invitation_id", "source_id", "channel", "recorded_at").order_by("-pk")[:MOST_LOOKED_AT]
        if _counts(row)
    ]
    names = {row.pk: _name(str(row.invitation_id or row.source_id)) for row in rows}
    digests = cache.get_many(names.values())
    by_device: dict[str, set[UUID]] = {}
    for pk, name in names.items():
        if name in digests:
            by_device.setdefault(digests[name], set()).add(pk)
    return set().union(*(pks for pks in by_device.values() if len(pks) >= MANY))


def _counts(response: Response) -> bool:
    return response.channel != Channel.KIOSK and bool(response.invitation_id or response.source_id)


def _name(answer_key: str) -> str:
    return f"integrity:device:{current_tenant_id()}:{answer_key}"


def _digest(ip: str, user_agent: str) -> str:
    said = f"{current_tenant_id()}\0{ip}\0{user_agent[:500]}".encode(errors="replace")
    return hmac.new(_key_of_the_day(), said, hashlib.sha256).hexdigest()[:32]


def _key_of_the_day() -> bytes:
    """The same in every process; made by whoever asks first."""
    day = f"{now():%Y-%m-%d}"
    if day not in _keys:
        name = f"integrity:device-key:{day}"
        fresh = secrets.token_bytes(32)
        cache.add(name, fresh, _DAY)
        kept: bytes | None = cache.get(name)
        if kept is None:  # the cache went away in between: an answer is worth more than a mark
            return fresh
        _keys.clear()
        _keys[day] = kept
    return _keys[day]
