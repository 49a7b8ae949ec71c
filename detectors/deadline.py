"""Gives a piece of work a number of seconds, without taking anyone else's alarm clock away."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class _Rung(BaseException):
    """The alarm struck. Not an ``Exception``, so that no library's own error handling swallows it."""


def run_within(seconds: float, work: Callable[[], T]) -> T:
    """Run ``work`` and give back its result, if it took no longer than ``seconds``.

    In the main thread of a Unix process the work is interrupted (between two steps of Python; a single long call
    into C is only noticed when it returns). A timer that somebody else had set, as Airflow does for its own task
    timeout, keeps its remaining time. Anywhere else nothing is interrupted, but being late still counts.

    Raises:
        TimeoutError: the time was exceeded; the result, if there was one, is thrown away.
    """
    start = time.monotonic()
    try:
        result = _interruptible(seconds, work) if _can_interrupt() else work()
    except _Rung:
        raise TimeoutError from None
    if time.monotonic() - start > seconds:
        raise TimeoutError
    return result


def _can_interrupt() -> bool:
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        # A handler that C code installed cannot be put back from here.
        and signal.getsignal(signal.SIGALRM) is not None
    )


def _interruptible(seconds: float, work: Callable[[], T]) -> T:
    alarm = _Alarm(seconds)
    alarm.set()
    try:
        return work()
    finally:
        try:
            alarm.armed = False
        finally:
            alarm.give_back()


class _Alarm:
    """The process's one alarm timer, borrowed."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.armed, self.borrowed_at = seconds, True, time.monotonic()
        self.theirs, self.their_interval = signal.getitimer(signal.ITIMER_REAL)
        self.their_handler = signal.getsignal(signal.SIGALRM)

    def set(self) -> None:
        signal.signal(signal.SIGALRM, self._ring)
        # When the other timer is due first we stop then, so that its owner is served on time.
        due = min(self.seconds, self.theirs) if self.theirs else self.seconds
        signal.setitimer(signal.ITIMER_REAL, max(due, 1e-6))

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        if self.armed:
            raise _Rung

    def give_back(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.their_handler)
        if self.theirs:
            left = self.theirs - (time.monotonic() - self.borrowed_at)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-6), self.their_interval)
