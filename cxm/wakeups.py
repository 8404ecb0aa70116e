"""Waking workers without waiting: the sending happens on a thread of its own, at most every 250 ms for one purpose.

A request that committed something due must neither wait for the broker nor fail with it. It leaves a note here, which
costs microseconds; the thread sends it. If the broker is down, or the process ends first, the note is lost, and the
next sweep finds the rows.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Hashable

logger = logging.getLogger("cxm.wakeups")

PAUSE = 0.25  # seconds between two messages for the same purpose


class Wakeups:
    """Notes by purpose, and the thread that sends them; begun anew in a forked child, where threads do not follow."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._condition = threading.Condition()
        self._waiting: dict[Hashable, Callable[[], object]] = {}
        self._sent_at: dict[Hashable, float] = {}
        self._thread: threading.Thread | None = None

    def request(self, purpose: Hashable, send: Callable[[], object]) -> None:
        """Have ``send`` called soon: at once, or when 250 ms have passed since the last time for this purpose."""
        with self._condition:
            known = purpose in self._waiting
            self._waiting[purpose] = send
            if known:  # the thread knows when it is due: waking it for every request would cost more than the request
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="cxm-wakeups", daemon=True)
                self._thread.start()
            self._condition.notify()

    def _run(self) -> None:
        while True:
            for send in self._take_due():
                try:
                    send()
                except Exception as error:  # the broker is away: the sweep will come
                    logger.warning("wake-up not sent", extra={"error": type(error).__name__})

    def _take_due(self) -> list[Callable[[], object]]:
        """Wait until some notes may be sent, and take them."""
        with self._condition:
            while True:
                now = time.monotonic()
                due_at = {purpose: self._sent_at.get(purpose, 0.0) + self._pause for purpose in self._waiting}
                due = [purpose for purpose, at in due_at.items() if at <= now]
                if due:
                    self._sent_at = {purpose: at for purpose, at in self._sent_at.items() if at + self._pause > now}
                    self._sent_at.update(dict.fromkeys(due, now))
                    return [self._waiting.pop(purpose) for purpose in due]
                self._condition.wait(min(due_at.values()) - now if due_at else None)


wakeups = Wakeups()
