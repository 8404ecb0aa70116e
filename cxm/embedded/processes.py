"""Child processes that do not outlive their parent, and a supervisor that keeps a list of them running."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any

import psutil

from cxm.embedded.account import Account

PR_SET_PDEATHSIG = 1
LONGEST_PAUSE = 30.0  # seconds between attempts to start what keeps dying
STEADY = 60.0  # seconds after which a process counts as running well, and its pauses begin anew


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, how to end it, and how to know that it works."""

    name: str
    command: Sequence[str]
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 30.0
    environment: Mapping[str, str] | None = None
    directory: Path | None = None
    account: Account | None = None
    output: IO[Any] | None = None
    prepare: Callable[[], None] | None = None  # runs before every start: settings, left-over files, survivors


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    next_start: float = 0.0

    def start(self) -> None:
        program = self.program
        if program.prepare:
            program.prepare()
        parent = os.getpid()

        def die_with_parent() -> None:
            # After the change of account, which would clear it. Between fork and here the parent may have gone.
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(program.stop_signal))
                if os.getppid() != parent:
                    os._exit(1)

        self.process = subprocess.Popen(
            list(program.command),
            stdin=subprocess.DEVNULL,
            stdout=program.output,
            stderr=program.output,
            env=dict(program.environment) if program.environment is not None else None,
            cwd=program.directory,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the children in order
            preexec_fn=die_with_parent,
            **(program.account.popen_options() if program.account else {}),
        )
        self.started = time.monotonic()

    def stop(self) -> None:
        """End the process: ask, wait, then kill it with all it started."""
        if self.process is None or self.process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(self.program.stop_signal)
        try:
            self.process.wait(self.program.stop_seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass(slots=True)
class Supervisor:
    """Starts programs in order, restarts what dies after a growing pause, stops them in the reverse order.

    Use it in the main thread: it answers SIGTERM, SIGINT and SIGHUP by ending :meth:`run`.
    """

    programs: Sequence[Program]
    say: Callable[[str], None]
    stopping: bool = False
    _children: list[_Child] = field(default_factory=list)
    _wake: tuple[int, int] = (-1, -1)

    def __enter__(self) -> Supervisor:
        self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        for descriptor in self._wake:
            os.set_blocking(descriptor, False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler, so that the wake-up pipe is written
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        signal.set_wakeup_fd(-1)
        for descriptor in self._wake:
            os.close(descriptor)

    def _on_stop_signal(self, number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def start(self, program: Program) -> None:
        """Start one more program, after those started before. Raises OSError when it cannot be run at all."""
        child = _Child(program)
        self._children.append(child)
        child.start()

    def is_running(self, program: Program) -> bool:
        """Whether the program's process is alive."""
        return any(
            child.program is program and child.process is not None and child.process.poll() is None
            for child in self._children
        )

    def pause(self, seconds: float) -> None:
        """Sleep until a signal arrives (a stop, or the end of a child), at most this long."""
        select.select([self._wake[0]], [], [], seconds)
        with suppress(BlockingIOError):
            while os.read(self._wake[0], 512):
                pass

    def run(self, until: Callable[[], bool] = lambda: False, *, interval: float = 0.5) -> None:
        """Keep the programs running until a stop signal, or until the condition, asked every interval, holds."""
        while not self.stopping and not until():
            for child in self._children:
                self._keep(child)
            self.pause(interval)

    def _keep(self, child: _Child) -> None:
        process, now = child.process, time.monotonic()
        if process is not None:
            if process.poll() is None:
                if child.failures and now - child.started > STEADY:
                    child.failures = 0
                return
            pause = min(LONGEST_PAUSE, 0.5 * 2**child.failures)
            ending = _how_it_ended(process.returncode)
            self.say(f"{child.program.name} ended ({ending}); starting it again in {pause:g} s")
            child.failures += 1
            child.next_start = now + pause
            child.process = None
        if now >= child.next_start:
            try:
                child.start()
            except Exception as error:  # the program may not be startable now: say so and try later
                child.failures += 1
                child.next_start = now + min(LONGEST_PAUSE, 0.5 * 2**child.failures)
                self.say(f"{child.program.name} cannot be started: {error}")

    def stop(self) -> None:
        """Stop all programs, the last started first."""
        while self._children:
            self._children.pop().stop()

    def stop_in_order(self, *names: str) -> None:
        """Stop these programs, in this order; names that do not run are passed over."""
        for name in names:
            for child in [child for child in self._children if child.program.name == name]:
                self._children.remove(child)
                child.stop()


def _how_it_ended(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def end_survivors(is_ours: Callable[[psutil.Process], bool], *, first: signal.Signals, patience: float) -> list[int]:
    """End processes that a killed parent left behind: ask them, wait, then kill. Returns their ids."""
    survivors = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE and is_ours(process):
                survivors.append(process)
    for process in survivors:
        with suppress(psutil.Error):
            process.send_signal(first)
    _gone, alive = psutil.wait_procs(survivors, timeout=patience)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=10)
    return [process.pid for process in survivors]
