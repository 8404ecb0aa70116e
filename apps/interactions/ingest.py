"""The event interface: from a request's bytes to rows on disk, and the answer (docs/events.md).

Both ways in, the fast lane and the plain view, call :func:`answer_call`, so they cannot differ. A 200 is said after the
commit. What is wrong with single messages of a batch is written down (RefusedMessage) and the rest is taken.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

import msgspec
import structlog
from django.conf import settings
from django.db import DatabaseError, DataError, InterfaceError, connection
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.customers.accounts import upsert_account
from apps.customers.identity import attach, with_identities
from apps.interactions.messages import (
    BATCHES,
    KIND_OF_ROW,
    MAX_BATCH,
    MAX_MESSAGE,
    Message,
    RawMessage,
    TooLarge,
    Unreadable,
    describe,
    read_envelope,
    read_message,
    read_sent_at,
    understand,
    unpack,
)
from apps.interactions.models import Interaction
from apps.interactions.refused import Refusal, write_down_refusals
from apps.interactions.store import NewInteraction, Recorded, file_rows
from apps.organizations.models import ApiKey
from apps.organizations.proven_keys import proven_key
from apps.organizations.services.keys import KeyHolder
from cxm.actor import Actor
from cxm.api.throttles import Limit
from cxm.ingest import Environ, FastAnswer, leased_throttle
from cxm.scope import tenant

logger = structlog.get_logger(__name__)

PATTERN: Final = r"/v1/(identify|track|page|screen|group|alias|batch|import|[itpsgab])/?"
SHORT: Final = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias", "b": "batch"}
"""The addresses that Segment's library for browsers uses."""
MAX_LOGGED: Final = 100
"""Refused messages of one batch that are written down."""

_JSON: Final = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"),
)
PREFLIGHT: Final = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, AnonymousId, X-Retry-Count"),
    ("Access-Control-Max-Age", "86400"),
)
_TAKEN: Final = b'{"success":true}'


@dataclass(frozen=True, slots=True)
class Call:
    """A POST to the event interface. ``kind`` is one of messages.KINDS or BATCHES."""

    kind: str
    authorization: str
    content_encoding: str
    body: bytes


class _NotTaken(Exception):
    """The whole call is refused."""

    def __init__(self, status: HTTPStatus, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(code)
        self.answer = refused(status, code, message, headers)


def refused(status: HTTPStatus, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> FastAnswer:
    """An answer that says what is wrong, in the shape that the SDKs read."""
    body = msgspec.json.encode({"success": False, "code": code, "message": message})
    return FastAnswer(status, body, (*_JSON, *headers))


def answer_environ(environ: Environ, body: bytes, match: re.Match[str]) -> FastAnswer:
    """The fast lane's handler."""
    return answer_call(
        Call(
            SHORT.get(match[1], match[1]),
            environ.get("HTTP_AUTHORIZATION", ""),
            environ.get("HTTP_CONTENT_ENCODING", ""),
            body,
        )
    )


def answer_call(call: Call) -> FastAnswer:
    """Take a call: 200 when everything in it is on disk, or refused with a reason; else what is wrong with it.

    About 5 statements for a batch of any size; the key is asked for at most once in four seconds.
    """
    try:
        return _take(call)
    except _NotTaken as error:
        return error.answer
    except DataError as error:
        logger.warning("ingest_unstorable", error=type(error).__name__)
        return refused(HTTPStatus.BAD_REQUEST, "invalid", _("The body holds a value that cannot be stored."))
    except (DatabaseError, InterfaceError) as error:
        # Whether it was committed is not known; sent again under the same messageId it counts once.
        logger.warning("ingest_without_database", error=type(error).__name__)
        if not connection.in_atomic_block:
            connection.close()
        message = _("Not available. Send it again in a few seconds.")
        return refused(HTTPStatus.SERVICE_UNAVAILABLE, "busy", message, (("Retry-After", "1"),))


def too_large(limit: int) -> FastAnswer:
    """413 with the limit."""
    message = _("At most %(limit)d bytes are taken here.") % {"limit": limit}
    return refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", message)


def _take(call: Call) -> FastAnswer:
    received_at = now()
    token = _key_of_basic(call.authorization)
    holder = _proven(token) if token else None
    is_batch = call.kind in BATCHES
    try:
        body = unpack(
            call.body,
            is_gzip="gzip" in call.content_encoding.lower(),
            limit=MAX_BATCH if is_batch else MAX_MESSAGE,
        )
    except TooLarge as error:
        return too_large(error.limit)
    except Unreadable as error:
        raise _unreadable(error) from None
    if is_batch:
        return _take_batch(body, holder, received_at)
    return _take_one(call.kind, body, holder, received_at)


def _take_batch(body: bytes, holder: KeyHolder | None, received_at: datetime) -> FastAnswer:
    try:
        envelope = read_envelope(body)
    except Unreadable as error:
        raise _unreadable(error) from None
    holder = holder or _proven(str(envelope.writeKey or ""))
    limits = _within_limit(holder)
    messages: list[Message] = []
    refusals: list[Refusal] = []
    sent_at = read_sent_at(envelope.sentAt)
    context = envelope.context if isinstance(envelope.context, dict) else None
    for part in envelope.batch:
        raw: RawMessage | None = None
        kind = ""
        try:
            text = bytes(part)
            if len(text) > MAX_MESSAGE:
                raise Unreadable(_("A message has at most %(limit)d bytes.") % {"limit": MAX_MESSAGE})
            raw = read_message(text)
            kind = str(raw.type or "")
            messages.append(understand(raw, kind=kind, received_at=received_at, sent_at=sent_at, context=context))
        except Unreadable as error:
            if len(refusals) < MAX_LOGGED:
                refusals.append(describe(raw, error, kind))
    with tenant(holder.organization.pk):
        record_messages(actor=holder.actor, messages=messages, refusals=refusals)
    return FastAnswer(HTTPStatus.OK, _TAKEN, (*_JSON, *limits))


def _take_one(kind: str, body: bytes, holder: KeyHolder | None, received_at: datetime) -> FastAnswer:
    raw: RawMessage | None = None
    wrong: Unreadable | None = None
    messages: list[Message] = []
    try:
        raw = read_message(body)
        messages.append(understand(raw, kind=kind, received_at=received_at))
    except Unreadable as error:
        wrong = error
    holder = holder or _proven(str(raw.writeKey or "") if raw else "", unless=wrong)
    limits = _within_limit(holder)
    refusals = [describe(raw, wrong, kind)] if wrong else []
    with tenant(holder.organization.pk):
        record_messages(actor=holder.actor, messages=messages, refusals=refusals)
    if wrong:
        raise _unreadable(wrong)
    return FastAnswer(HTTPStatus.OK, _TAKEN, (*_JSON, *limits))


def _unreadable(error: Unreadable) -> _NotTaken:
    where = f"{error.field}: " if error.field else ""
    return _NotTaken(HTTPStatus.BAD_REQUEST, "invalid", f"{where}{error.reason}")


# -- keys and limits ---------------------------------------------------------------------------------------------------


def _key_of_basic(authorization: str) -> str:
    """The user name of HTTP Basic; "" when there is none that can be read."""
    scheme, _space, coded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(coded.strip(), validate=True).decode().partition(":")[0].strip()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _proven(token: str, unless: Unreadable | None = None) -> KeyHolder:
    """Whom a write key speaks for. Raises the answer 401, or 400 when the body that should name it was ``unless``."""
    holder = proven_key(token, kind=ApiKey.Kind.WRITE)
    if holder is None:
        if not token and unless:
            raise _unreadable(unless)
        raise _NotTaken(
            HTTPStatus.UNAUTHORIZED,
            "invalid_write_key",
            _("Send a public write key as the user name of HTTP Basic, or as writeKey in the body."),
        )
    return holder


def ingest_limit() -> Limit:
    """The limit of a write key: 100 requests a second, 400 at once, unless the settings say otherwise."""
    rate, burst = getattr(settings, "INGEST_RATE_LIMIT", (100, 400))
    return Limit(rate, burst)


def _within_limit(holder: KeyHolder) -> tuple[tuple[str, str], ...]:
    """The headers that tell how much is left. Raises the answer 429."""
    verdict = leased_throttle.take(f"ingest:{holder.organization.pk}:{holder.actor.id}", ingest_limit())
    headers = tuple(verdict.headers.items())
    if not verdict.allowed:
        message = _("This key sends too much. Wait, or send batches of up to 500 kB.")
        raise _NotTaken(HTTPStatus.TOO_MANY_REQUESTS, "too_many", message, headers)
    return headers


# -- storing -----------------------------------------------------------------------------------------------------------


def record_messages(*, actor: Actor, messages: Sequence[Message], refusals: Sequence[Refusal] = ()) -> Recorded:
    """Make the people that messages name, store what they did, and write down what was refused: one transaction."""

    def work() -> Recorded:
        attached = attach([message.named for message in messages])
        rows = [
            (_row(order, message), who)
            for order, (message, who) in enumerate(zip(messages, attached, strict=True))
            if message.event
        ]
        recorded = Recorded()
        if rows:
            recorded = file_rows(actor=actor, rows=[row for row, _who in rows], attached=[who for _row, who in rows])
        for message in messages:
            if message.company and message.named.account:
                upsert_account(key=message.named.account, traits=message.company, at=message.named.at)
        if refusals:
            write_down_refusals(refusals)
        return recorded

    return with_identities(work)


def _row(order: int, message: Message) -> NewInteraction:
    return NewInteraction(
        event=message.event,
        occurred_at=message.occurred_at,
        named=message.named,
        kind=KIND_OF_ROW[message.kind],
        channel=message.channel,
        properties=message.properties,
        context=message.context,
        source=Interaction.Source.INGEST.value,
        key=message.key,
        # ids hold milliseconds: what is finer comes before the place in the batch
        order=(message.occurred_at.microsecond % 1000 << 16) + min(order, 0xFFFF),
    )
