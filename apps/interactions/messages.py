"""Reading the messages of the event interface: the shape of the Segment tracking API, read as leniently as it is sent.

Pure functions: bytes in, messages or reasons out; no database. ``null`` is the same as absent, an id may be a number,
names that are not ours are ignored (docs/events.md says what is taken from where).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec
from django.utils.translation import gettext as _

from apps.customers.identity import Named, clean_named
from apps.interactions.models import Interaction
from apps.interactions.refused import Refusal
from cxm.api.parsers import MAX_DEPTH, MAX_INTEGER, refuse_depth, refuse_unstorable
from cxm.api.problems import BadBody
from cxm.channels import Channel
from cxm.partitions import placed_time

MAX_BATCH: Final = 500 * 1024
"""Bytes of a batch, unpacked."""
MAX_MESSAGE: Final = 32 * 1024
"""Bytes of one message."""
MAX_EVENT: Final = 200
MAX_PROPERTIES: Final = 500
MAX_CONTEXT_TEXT: Final = 1_000
IN_TRANSIT: Final = timedelta(seconds=5)
"""A batch may be this long on its way: a smaller difference between the clocks is none."""
PAGE_EVENT: Final = "Page viewed"
SCREEN_EVENT: Final = "Screen viewed"
KINDS: Final = ("identify", "track", "page", "screen", "group", "alias")
BATCHES: Final = ("batch", "import")
GZIP: Final = b"\x1f\x8b"
NUL: Final = b"\\u0000"
MAX_REMEMBERED: Final = 1_000
"""Bytes of a context that is kept in memory, as most messages of a sender have the same one."""

Text = str | int | float | None
Names = dict[str, Any] | list[Any] | None


class TooLarge(Exception):
    """More than is taken; ``limit`` in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class Unreadable(Exception):
    """A body or a message that cannot be taken, with the sentence that says why and the field it is about."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason, self.field = reason, field


class Envelope(msgspec.Struct):
    """A batch: messages as they came, and what holds for all of them."""

    batch: list[msgspec.Raw]
    writeKey: Text = None
    sentAt: Text = None
    context: Names = None


class RawMessage(msgspec.Struct):
    """One message as it came."""

    type: Text = None
    event: Text = None
    name: Text = None
    category: Text = None
    userId: Text = None
    anonymousId: Text = None
    previousId: Text = None
    groupId: Text = None
    messageId: Text = None
    timestamp: Text = None
    originalTimestamp: Text = None
    sentAt: Text = None
    channel: Text = None
    writeKey: Text = None
    traits: Names = None
    properties: Names = None
    context: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class Context:
    """What is taken from a message's context: shared by many messages, so never changed."""

    traits: Mapping[str, Any]
    channel: Any
    library: str
    kept: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """What a message says: who, and for track, page and screen what they did.

    ``kind`` is one of KINDS; ``event`` is "" where nothing is stored but people. ``occurred_at`` is corrected for a
    clock that runs wrong. ``company`` are the traits of a group call.
    """

    kind: str
    named: Named
    key: str | None
    occurred_at: datetime
    event: str = ""
    channel: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    company: Mapping[str, Any] = field(default_factory=dict)


_envelopes: Final = msgspec.json.Decoder(Envelope)
_messages: Final = msgspec.json.Decoder(RawMessage)


# -- bodies ------------------------------------------------------------------------------------------------------------


def unpack(body: bytes, *, is_gzip: bool, limit: int) -> bytes:
    """The body as text, unpacked when it says or shows that it is gzip. Raises TooLarge, Unreadable."""
    if is_gzip or body.startswith(GZIP):
        reader = zlib.decompressobj(wbits=31)
        try:
            body = reader.decompress(body, limit + 1)
        except zlib.error:
            raise Unreadable(_("The body is not gzip, though it says so.")) from None
        if not reader.eof and len(body) <= limit:
            raise Unreadable(_("The gzip body is cut off."))
    if len(body) > limit:
        raise TooLarge(limit)
    return body.removeprefix(b"\xef\xbb\xbf")


def read_envelope(body: bytes) -> Envelope:
    """The messages of a batch, unread. Raises Unreadable when it is not JSON or not a batch."""
    try:
        body.decode()
        envelope = _envelopes.decode(body)
        if envelope.context and NUL in body:
            refuse_unstorable(envelope.context, "context")
        return envelope
    except BadBody as error:
        raise Unreadable(error.errors[0]["message"], error.errors[0]["field"]) from None
    except UnicodeDecodeError:
        raise Unreadable(_("The body is not UTF-8.")) from None
    except RecursionError:
        raise Unreadable(_("The body is nested too deep.")) from None
    except msgspec.DecodeError as error:
        raise Unreadable(_explained(error, _("Send a JSON object with the list “batch”."))) from None


def read_message(raw: bytes) -> RawMessage:
    """One message, its types checked. Raises Unreadable naming the field."""
    try:
        if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
            refuse_depth(raw)
        message = _messages.decode(raw)
        if NUL in raw:
            refuse_unstorable(msgspec.json.decode(raw), "")
    except UnicodeDecodeError:
        raise Unreadable(_("The message is not UTF-8.")) from None
    except RecursionError:
        raise Unreadable(_("The message is nested too deep.")) from None
    except BadBody as error:
        raise Unreadable(error.errors[0]["message"], error.errors[0]["field"]) from None
    except msgspec.ValidationError as error:
        text = str(error)
        raise Unreadable(text.partition(" - at ")[0], text.partition("`$.")[2].rstrip("`")) from None
    except msgspec.DecodeError as error:
        raise Unreadable(_explained(error, _("Send a JSON object."))) from None
    return message


def _explained(error: msgspec.DecodeError, wanted: str) -> str:
    if isinstance(error, msgspec.ValidationError):
        return f"{error}. {wanted}"
    if "truncated" in str(error):
        return _("The body is not JSON: it is cut off, or holds half of a surrogate pair.")
    return _("The body is not JSON: %(why)s.") % {"why": str(error).removeprefix("JSON is malformed: ")}


# -- times -------------------------------------------------------------------------------------------------------------


def read_time(value: Text) -> datetime | None:
    """An ISO 8601 time (without a zone: UTC), or a number of milliseconds (seconds below 10^11) since 1970.

    None for nothing. Raises ValueError for anything else.
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
            if moment.tzinfo is UTC:
                return moment
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        seconds = value / 1000 if abs(value) >= 10**11 else value
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(str(error)) from None


def clock_error(sent_at: datetime | None, received_at: datetime) -> timedelta:
    """By how much the sender's clock lags behind ours; nothing when it may just be the time in transit."""
    if sent_at is None or abs(received_at - sent_at) <= IN_TRANSIT:
        return timedelta(0)
    return received_at - sent_at


def occurred_at(message: RawMessage, sent_at: datetime | None, received_at: datetime) -> datetime:
    """When it happened by our clock: ``timestamp`` or ``originalTimestamp``, moved by the error of the sender's clock.

    Without one of them it happened when it was received. Raises Unreadable for a time that cannot be read.
    """
    for name in ("timestamp", "originalTimestamp"):
        try:
            said = read_time(getattr(message, name))
        except ValueError:
            raise Unreadable(_("This is not a time in ISO 8601 form."), name) from None
        if said is not None:
            try:
                return said + clock_error(sent_at, received_at)
            except OverflowError:
                return said
    return received_at


# -- messages ----------------------------------------------------------------------------------------------------------


def understand(
    raw: RawMessage,
    *,
    kind: str,
    received_at: datetime,
    sent_at: datetime | None = None,
    context: Mapping[str, Any] | None = None,
) -> Message:
    """What a message means. ``sent_at`` and ``context`` are those of its batch. Raises Unreadable naming the field."""
    if kind not in KINDS:
        raise Unreadable(_("Send the type: one of %(kinds)s.") % {"kinds": ", ".join(KINDS)}, "type")
    around = context_of(raw.context, context)
    properties, traits = _names(raw.properties, "properties"), _names(raw.traits, "traits")
    said_of_person = around.traits
    if kind == "identify" and traits:
        said_of_person = {**said_of_person, **traits}
    when = occurred_at(raw, sent_at or read_sent_at(raw.sentAt), received_at)
    named = clean_named(
        user_id=_text(raw.userId),
        email=_text_or_none(said_of_person.get("email")),
        phone=_text_or_none(said_of_person.get("phone")),
        anonymous_id=_text(raw.anonymousId),
        at=placed_time(when, received_at)[0],
        traits=said_of_person or None,
        account=_group(raw) if kind == "group" else None,
        alias_of=_previous(raw) if kind == "alias" else None,
    )
    _require_somebody(kind, named)
    key = _text(raw.messageId)
    if kind in ("identify", "alias"):
        return Message(kind, named, key, when)
    if kind == "group":
        return Message(kind, named, key, when, company=traits)
    return Message(
        kind,
        named,
        key,
        when,
        event=_event(kind, raw),
        channel=_channel(kind, raw, around.channel, properties),
        properties=_properties(kind, raw, properties),
        context=around.kept,
    )


def describe(raw: RawMessage | None, error: Unreadable, kind: str) -> Refusal:
    """The refusal of a message, as far as it could be read; ids of people stay out of it."""
    if raw is None:
        return Refusal(error.reason[:300], storable(error.field)[:120], storable(kind)[:20])
    try:
        library = context_of(raw.context, None).library
    except Unreadable:
        library = ""
    return Refusal(
        reason=error.reason[:300],
        field=storable(error.field)[:120],
        kind=storable(kind)[:20],
        event=storable(_text(raw.event) or "")[:200],
        message_id=storable(_text(raw.messageId) or "")[:200],
        library=storable(library)[:80],
    )


def storable(text: str) -> str:
    """The text without what PostgreSQL cannot store."""
    return text.replace("\x00", "").encode(errors="ignore").decode()


def _names(value: Any, field: str) -> dict[str, Any]:
    """An object; null and the empty list that PHP sends for an empty object are one without names."""
    if isinstance(value, dict):
        if len(value) > MAX_PROPERTIES:
            raise Unreadable(_("At most %(most)d names can stand here.") % {"most": MAX_PROPERTIES}, field)
        if is_huge(value.values()):
            raise Unreadable(_("A number is too large."), field)
        return value
    if not value:
        return {}
    raise Unreadable(_("This must be an object."), field)


def is_huge(values: Iterable[Any]) -> bool:
    """Whether there is a whole number that no column can hold among these, at any depth."""
    for value in values:
        kind = type(value)
        if kind is str or kind is float:
            continue
        if kind is int:
            if not -MAX_INTEGER <= value <= MAX_INTEGER:
                return True
        elif (kind is dict and is_huge(value.values())) or (kind is list and is_huge(value)):
            return True
    return False


def _text(value: Text) -> str | None:
    """An id as text: a number is written as a whole one where it is one; null and "" are absent."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value).strip() or None


def _text_or_none(value: Any) -> str | None:
    """A trait as an identifier: text or a number, else absent."""
    return _text(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def read_sent_at(value: Text) -> datetime | None:
    """When a batch or a message was sent; a time that cannot be read is none: it only corrects another."""
    try:
        return read_time(value)
    except ValueError:
        return None


def _group(raw: RawMessage) -> str:
    group = _text(raw.groupId)
    if group is None:
        raise Unreadable(_("Send the id of the group."), "groupId")
    return group


def _previous(raw: RawMessage) -> str:
    previous = _text(raw.previousId) or _text(raw.anonymousId)
    if previous is None:
        raise Unreadable(_("Send the id that the person had before."), "previousId")
    return previous


def _require_somebody(kind: str, named: Named) -> None:
    if kind == "alias" and named.user_id is None:
        raise Unreadable(_("Send the id that the person has now."), "userId")
    if not (named.user_id or named.anonymous_id or named.email or named.phone):
        raise Unreadable(_("Send userId or anonymousId, and not a value that stands for nobody."), "userId")


def _event(kind: str, raw: RawMessage) -> str:
    if kind != "track":
        return PAGE_EVENT if kind == "page" else SCREEN_EVENT
    event = _text(raw.event)
    if event is None:
        raise Unreadable(_("Send the name of the event."), "event")
    if len(event) > MAX_EVENT:
        raise Unreadable(_("The name of an event has at most %(most)d characters.") % {"most": MAX_EVENT}, "event")
    return event


def _properties(kind: str, raw: RawMessage, properties: dict[str, Any]) -> dict[str, Any]:
    """The properties; those of a page or screen with its name and category."""
    if kind == "track":
        return properties
    own = {name: text for name in ("name", "category") if (text := _text(getattr(raw, name)))}
    return {**own, **properties}


_CHANNELS: Final = frozenset(Channel.values)
_SENDERS: Final = {"browser": "web", "mobile": "app", "server": "api"}
_USUAL: Final = {"page": "web", "screen": "app"}


def _channel(kind: str, raw: RawMessage, around: Any, properties: Mapping[str, Any]) -> str:
    """One of our channels: as the properties, the message or its context name it, else what the kind suggests."""
    for value in (properties.get("channel"), raw.channel, around):
        if isinstance(value, str):
            if value in _CHANNELS:
                return value
            if value in _SENDERS and kind == "track":
                return _SENDERS[value]
    return _USUAL.get(kind, Channel.API.value)


_PAGE: Final = ("url", "path", "referrer", "title")
_CAMPAIGN: Final = ("name", "source", "medium", "term", "content")
_LIBRARY: Final = ("name", "version")


def context_of(raw: msgspec.Raw, of_batch: Mapping[str, Any] | None) -> Context:
    """The context of a message laid over that of its batch. Raises Unreadable."""
    text = bytes(raw)
    if of_batch or len(text) > MAX_REMEMBERED or b'"traits"' in text:
        return _read_context(text, of_batch)
    return _remembered_context(text)


@lru_cache(maxsize=4_000)
def _remembered_context(raw: bytes) -> Context:
    return _read_context(raw, None)


def _read_context(raw: bytes, of_batch: Mapping[str, Any] | None) -> Context:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable(_("This cannot be read."), "context") from None
    context = _names(value, "context")
    if of_batch:
        context = {**of_batch, **context}
    library = context.get("library")
    name = library.get("name") if isinstance(library, dict) else None
    return Context(
        traits=_names(context.get("traits"), "context.traits"),
        channel=context.get("channel"),
        library=name if isinstance(name, str) else "",
        kept=kept_context(context),
    )


def kept_context(context: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a message's context that is stored: page, campaign, library, locale, time zone, kind of device.

    Never the address of the sender; addresses of pages lose what follows the question mark, which may name people.
    """
    kept: dict[str, Any] = {}
    for name, members in (("page", _PAGE), ("campaign", _CAMPAIGN), ("library", _LIBRARY)):
        inner = context.get(name)
        if isinstance(inner, dict):
            texts = {each: _short(each, inner[each]) for each in members if isinstance(inner.get(each), str)}
            if texts:
                kept[name] = texts
    for name in ("locale", "timezone"):
        if isinstance(context.get(name), str):
            kept[name] = context[name][:64]
    device = context.get("device")
    if isinstance(device, dict) and isinstance(device.get("type"), str):
        kept["device"] = device["type"][:40]
    return kept


def _short(name: str, text: str) -> str:
    if name in ("url", "referrer"):
        text = text.partition("?")[0].partition("#")[0]
    return text[:MAX_CONTEXT_TEXT]


KIND_OF_ROW: Final = {
    "track": Interaction.Kind.EVENT.value,
    "page": Interaction.Kind.PAGE.value,
    "screen": Interaction.Kind.SCREEN.value,
}
