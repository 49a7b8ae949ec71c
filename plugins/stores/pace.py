"""Keeps a scan from asking a store faster than its owner allows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Lets requests through one after another, so many a second, and so many bytes a second.

    What was read is known only afterwards: its bytes put off the requests that follow.

    Args:
        requests: a second; None for any number.
        size_bytes: a second; None for any number.
        clock: tells seconds that never go back.
        pause: sleeps.
    """

    def __init__(
        self,
        requests: float | None,
        size_bytes: float | None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._requests, self._bytes, self._clock, self._pause = requests, size_bytes, clock, pause
        self._free_at = 0.0
        self._lock = threading.Lock()

    def request(self) -> None:
        """Wait until the next request may be made; count it."""
        if self._requests is None and self._bytes is None:
            return
        with self._lock:
            now = self._clock()
            start = max(now, self._free_at)
            self._free_at = start + (1 / self._requests if self._requests else 0)
        if start > now:
            self._pause(start - now)

    def took(self, size_bytes: int) -> None:
        """Count bytes that were read."""
        if self._bytes is not None:
            with self._lock:
                self._free_at = max(self._clock(), self._free_at) + size_bytes / self._bytes
