"""Who listens to which event. Subscribers register in their app's ``handlers.py``, imported when the app is ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Payload = dict[str, Any]
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Handler:
    """A subscriber. Its name is stored in the rows that wait for it: never reuse one for something else."""

    name: str
    run: Callable[[Any], Any]
    batch: bool


_handlers: dict[str, Handler] = {}
_by_topic: dict[str, list[Handler]] = {}


def handles(*topics: str, name: str, batch: bool = False) -> Callable[[Function], Function]:
    """Subscribe a function to events.

    It is called inside the organisation's scope and inside a transaction, with the event's payload, or with a list of
    up to 500 payloads of one organisation when ``batch``. What it writes and the end of the event commit together, so
    its effects in the database happen once. It may be called again after a failure, so whatever else it does must bear
    repeating: better, let it write a row that says what is due.

    Args:
        topics: events in the past tense, such as ``surveys.response_recorded``.
        name: ``<app>.<verb_noun>``, unique for ever.
        batch: take many payloads at once.
    """

    def register(function: Function) -> Function:
        known = _handlers.get(name)
        if known is not None and known.run is not function:
            raise ValueError(f"two outbox handlers are named {name}")
        handler = known or Handler(name, function, batch)
        _handlers[name] = handler
        for topic in topics:
            if handler not in _by_topic.setdefault(topic, []):
                _by_topic[topic].append(handler)
        return function

    return register


def subscribers(topic: str) -> tuple[Handler, ...]:
    """The handlers of a topic, in order of registration."""
    return tuple(_by_topic.get(topic, ()))


def handler_named(name: str) -> Handler | None:
    """The handler of this name, or None when the code no longer has it."""
    return _handlers.get(name)
