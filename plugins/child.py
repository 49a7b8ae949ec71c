"""The inside of a process that may die: does one item after the other, and fetches the next ones meanwhile.

``plugins.supervise`` starts it and talks with it over one socket. It says when it begins with an item and at every
step of it, so that the other side knows where it hangs; when the other side is gone, it goes too.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import resource
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made", covariant=True)
Beat = Callable[[], None]
"""Called at each step of an item: what comes after it has the whole time limit again."""

READY, BEGUN, BEAT, DONE, END, FAILED = range(6)

# Fetched and not yet done with: enough to hide the way to a store, little beside the models.
_AHEAD_ITEMS = 8
_AHEAD_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Fetched(Generic[Item]):
    """An item with its file, or with what went wrong when that was fetched.

    Attributes:
        item: may know more than before.
        file: open; its content is in memory as far as ``held_bytes`` says.
        held_bytes: of the file.
        problem: why there is no file.
    """

    item: Item
    file: BinaryIO | None = None
    held_bytes: int = 0
    problem: Exception | None = None


class Worker(Protocol[Item, Made]):
    """What the process does; made in it, once."""

    def is_over(self) -> bool:
        """Say whether no further item is to be begun."""

    def size(self, item: Item) -> int:
        """Say how many bytes an item has, as far as that is known before it is fetched."""

    def fetch(self, item: Item) -> Fetched[Item]:
        """Fetch an item; called in a thread of its own while others are being done."""

    def do(self, fetched: Fetched[Item]) -> Made:
        """Do an item; what it raises ends the process."""


def main(socket: int) -> None:
    """Serve the other end of a socket until it is closed."""
    # A picture must not end up in a core file, and Ctrl-C is for the process that started this one.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _silence()
    link = Connection(socket)
    begin, seconds = link.recv()
    batches: queue.SimpleQueue[Sequence[Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(link, batches), daemon=True).start()
    try:
        with _Alarm(seconds) as alarm:

            def beat() -> None:
                alarm.set()
                link.send((BEAT, None))

            worker = begin(beat)
            link.send((READY, None))
            while True:
                for fetched in _fetched(worker, batches.get()):
                    alarm.set()
                    link.send((BEGUN, None))
                    outcome = worker.do(fetched)
                    alarm.stop()
                    link.send((DONE, outcome))
                link.send((END, None))
    except BaseException as error:
        _give_up(link, error)


def _silence() -> None:
    """Keep what libraries say of damaged files out of the logs: it may quote them. Our own lines still appear."""
    logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _listen(link: Connection, batches: queue.SimpleQueue[Sequence[Any]]) -> None:
    try:
        while True:
            batches.put(link.recv())
    except (EOFError, OSError):
        os._exit(0)  # the other side is done, or was killed: nobody is left to work for


def _give_up(link: Connection, error: BaseException) -> None:
    try:
        link.send((FAILED, error))
    except Exception:  # it cannot be sent: then its name is
        link.send((FAILED, RuntimeError(type(error).__name__)))
    os._exit(1)


class _Alarm:
    """Ends the process when an item hangs in C code and nobody is left who would end it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> _Alarm:
        self._nowhere = open(os.devnull, "w")  # noqa: PTH123 - held as long as the alarm
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._nowhere.close()

    def set(self) -> None:
        faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._nowhere)

    def stop(self) -> None:
        faulthandler.cancel_dump_traceback_later()


def _fetched(worker: Worker[Item, Any], items: Sequence[Item]) -> Iterator[Fetched[Item]]:
    """Give the items in order, the next ones being fetched while one is done."""
    ahead = _Ahead(worker, items)
    for _ in items:
        if worker.is_over():
            break
        yield ahead.next()
    ahead.stop()


class _Ahead(Generic[Item]):
    """Fetches items in a thread, as far ahead as the bounds allow; what is being done counts as held."""

    def __init__(self, worker: Worker[Item, Any], items: Sequence[Item]) -> None:
        self._worker, self._items = worker, items
        self._ready: deque[tuple[Fetched[Item], int]] = deque()
        self._held_bytes, self._doing_bytes, self._stopped = 0, 0, False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def next(self) -> Fetched[Item]:
        """Give the next item; the one before is done with."""
        with self._changed:
            self._held_bytes -= self._doing_bytes
            self._doing_bytes = 0
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ready)
            fetched, self._doing_bytes = self._ready.popleft()
            self._changed.notify_all()
        return fetched

    def stop(self) -> None:
        """Fetch no more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _run(self) -> None:
        for item in self._items:
            expected = max(0, self._worker.size(item))
            with self._changed:
                self._changed.wait_for(lambda more=expected: self._stopped or self._has_room(more))  # type: ignore[misc]
                if self._stopped:
                    return
                self._held_bytes += expected
            fetched = self._fetch(item)
            size = fetched.held_bytes
            with self._changed:
                self._held_bytes += size - expected
                self._ready.append((fetched, size))
                self._changed.notify_all()

    def _has_room(self, more: int) -> bool:
        return not self._held_bytes or (len(self._ready) < _AHEAD_ITEMS and self._held_bytes + more <= _AHEAD_BYTES)

    def _fetch(self, item: Item) -> Fetched[Item]:
        try:
            return self._worker.fetch(item)
        except Exception as problem:  # the boundary of one object: what it is, is for ``do`` to say
            return Fetched(item, problem=problem)
