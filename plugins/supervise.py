"""Has items done in a process that may die: it is watched, ended when it takes too much, and replaced.

An item whose process dies is tried once more in a process that does nothing else: another item being fetched may have
been the cause, or somebody outside. What takes too long, or too much memory, is not tried again.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from plugins import child
from plugins.child import Beat, Worker

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_STATM = Path("/proc/self/statm")
# How often its memory is looked at: in 20 ms it can take some 50 MiB. Without /proc a look costs a process.
_GLANCE_SECONDS = 0.02 if _STATM.exists() else 1.0
_START_SECONDS, _STARTS = 300.0, 3
# What a process must be allowed beyond what it takes with its models loaded.
_ROOM_MB = 200
# It is replaced between two items when at rest it holds this share of its limit, and has grown by half since it began.
_FULL, _GROWN = 0.75, 1.5


class ProcessProblem(Exception):
    """A process could not be started, or not with the memory it is allowed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may take.

    Attributes:
        step_seconds: for one step of an item.
        fetch_seconds: for fetching one item.
        memory_mb: resident memory, MiB.
    """

    step_seconds: float = 60.0
    fetch_seconds: float = 600.0
    memory_mb: int = 1200


@dataclass(frozen=True, slots=True)
class Lost:
    """An item without an outcome: ``crashed``, ``timeout``, ``too_large``, or ``unreadable`` when it never came."""

    reason: str


class _Died(Exception):
    """The process is no more; ``reason`` as ``Lost`` has it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Replaced(Exception):
    """The process had grown, and was ended."""


class Supervisor(Generic[Item, Outcome]):
    """One process at a time that does items; started when the first comes, replaced when it dies or has grown.

    Args:
        begin: makes the worker in the process; picklable.
        limits: see ``Limits``.
    """

    def __init__(self, begin: Callable[[Beat], Worker[Item, Outcome]], limits: Limits) -> None:
        self._begin, self._limits = begin, limits
        self._process: _Process | None = None
        self._stopped = False

    def __enter__(self) -> Supervisor[Item, Outcome]:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process that is there now."""
        return self._process.pid if self._process else None

    def memory_mb(self) -> int:
        """Give the resident memory of the process that is there now, MiB."""
        return self._process.memory_mb() if self._process else 0

    def ready(self) -> _Process:
        """Start the process if there is none; return when it has loaded what it needs.

        Raises:
            ProcessProblem: it cannot be started.
            Exception: what the worker raised when it began.
        """
        for _ in range(_STARTS):
            if self._process is not None:
                return self._process
            if self._stopped:
                raise ProcessProblem("stopped, because something else failed")
            self._process = process = _Process(self._limits)
            try:
                process.start(self._begin)
                return process
            except _Died as died:
                self._end()
                said = f"{died.reason}, exit code {process.end()}"
            except BaseException:
                self._end()
                raise
        raise ProcessProblem(
            f"the process that looks at pictures ended while it was starting ({said}), {_STARTS} times; run "
            "`facewarden models verify`, and look whether memory is short"
        )

    def stop(self) -> None:
        """End the process; who waits for it in another thread is told so by an error."""
        self._stopped = True
        self._end()

    def through(
        self, items: Sequence[Item], told: Callable[[Item], Item] = lambda item: item
    ) -> Iterator[tuple[Item, Outcome | Lost]]:
        """Give each item with its outcome, in order; when the worker says that it is over, the rest is not given.

        Args:
            items: what is to be done.
            told: what a process is to know of an item, by what is known when it is handed over.

        Raises:
            ProcessProblem: the process cannot be started.
            Exception: what the worker raised.
        """
        left, alone = deque(items), False
        while left:
            batch, before = tuple(map(told, left))[: 1 if alone else None], len(left)
            try:
                for outcome in self._answers(batch):
                    yield left.popleft(), outcome
                if before - len(left) < len(batch):
                    return
                alone = False
            except GeneratorExit:
                self._end()  # nobody will hear its further answers
                raise
            except _Replaced:
                alone = False
            except _Died as died:
                self._end()
                again = died.reason == "crashed" and not (alone and len(left) == before)
                if left and not again:
                    yield left.popleft(), Lost(died.reason)
                alone = again

    def _answers(self, batch: Sequence[Item]) -> Iterator[Outcome]:
        process = self.ready()
        process.send(tuple(batch))
        kind, value = process.receive()
        while kind != child.END:
            if kind == child.DONE:
                yield value
                if process.has_grown():
                    log.info("a process has grown to %d MiB and is replaced", process.memory_mb())
                    self._end()
                    raise _Replaced
            kind, value = process.receive()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process:
            process.end()


class _Process:
    """One process and the socket to it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._link, theirs = multiprocessing.Pipe()
        # Not forked, and not by multiprocessing, which forbids it to the workers of Celery: MediaPipe and the store
        # clients have threads, and a fork would copy their locks.
        command = f"from plugins.child import main; main({theirs.fileno()})"
        places = [str(Path(__file__).resolve().parent.parent), *filter(None, sys.path)]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", command],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(places))},
        )
        theirs.close()
        self._at_rest_mb, self._busy = 0, False

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, begin: Callable[[Beat], Any]) -> None:
        """Have it make its worker.

        Raises:
            _Died: it did not live to be ready.
            ProcessProblem: it may not have the memory that it needs.
            Exception: what the worker raised.
        """
        self.send((begin, 1.5 * self._limits.step_seconds + 10))
        while self._receive(_START_SECONDS, "timeout")[0] != child.READY:
            pass
        self._at_rest_mb = self.memory_mb()
        if self._at_rest_mb + _ROOM_MB > self._limits.memory_mb:
            raise ProcessProblem(
                f"a process takes {self._at_rest_mb} MiB with its models loaded, allowed are {self._limits.memory_mb}; "
                f"set scan.max_memory_mb to {self._at_rest_mb + _ROOM_MB} or more"
            )

    def send(self, what: Any) -> None:
        try:
            self._link.send(what)
        except OSError:
            raise _Died("crashed") from None

    def receive(self) -> tuple[int, Any]:
        """Wait for what it says next.

        Raises:
            _Died: it is no more, or was ended because it took too much.
            Exception: what the worker raised.
        """
        if self._busy:
            said = self._receive(self._limits.step_seconds, "timeout")
        else:
            said = self._receive(self._limits.fetch_seconds, "unreadable")
        self._busy = said[0] in (child.BEGUN, child.BEAT)
        return said

    def _receive(self, seconds: float, reason: str) -> tuple[int, Any]:
        until = time.monotonic() + seconds
        try:
            while not self._link.poll(_GLANCE_SECONDS):
                if self._at_rest_mb and self.memory_mb() > self._limits.memory_mb:
                    raise _Died("too_large")
                if time.monotonic() > until:
                    raise _Died(reason)
            kind, value = self._link.recv()
        except (EOFError, OSError):
            raise _Died("crashed") from None
        if kind == child.FAILED:
            raise value
        return kind, value

    def has_grown(self) -> bool:
        """Say whether it holds so much at rest that it had better be replaced."""
        now = self.memory_mb()
        return now > _FULL * self._limits.memory_mb and now > _GROWN * self._at_rest_mb

    def memory_mb(self) -> int:
        """Give its resident memory, MiB; 0 when it is gone."""
        try:
            if _STATM.exists():
                pages = int((_STATM.parent.parent / str(self.pid) / "statm").read_bytes().split()[1])
                return pages * os.sysconf("SC_PAGE_SIZE") // 2**20
            asked = ["/bin/ps", "-o", "rss=", "-p", str(self.pid)]
            return int(subprocess.run(asked, capture_output=True, check=True).stdout) // 1024  # noqa: S603
        except (OSError, ValueError, IndexError, subprocess.CalledProcessError):
            return 0

    def end(self) -> int:
        """End it, whatever it does; give its exit code."""
        self._process.kill()
        self._link.close()
        return self._process.wait()
