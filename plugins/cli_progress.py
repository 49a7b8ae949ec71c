"""Progress of long work on standard error: a bar for people, a line now and then for a log file."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import click

_LINE_SECONDS = 15.0


def counting(what: str) -> Callable[[int], Callable[[int], None]]:
    """Give a function that, told the total, gives the function to call with each number of things done."""

    def begin(total: int) -> Callable[[int], None]:
        return _bar(what, total) if sys.stderr.isatty() else _lines(what, total)

    return begin


def _bar(what: str, total: int) -> Callable[[int], None]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    progress = Progress(*columns, console=Console(stderr=True), transient=False)
    task = progress.add_task(what, total=total)
    progress.start()

    def tick(done: int) -> None:
        progress.advance(task, done)
        if progress.finished:
            progress.stop()

    if not total:
        progress.stop()
    return tick


def _lines(what: str, total: int) -> Callable[[int], None]:
    lock, start = threading.Lock(), time.monotonic()
    done, said = 0, start

    def tick(more: int) -> None:
        nonlocal done, said
        with lock:
            done += more
            now = time.monotonic()
            if now - said >= _LINE_SECONDS or (done == total and now - start >= _LINE_SECONDS):
                said = now
                left = (now - start) / done * (total - done)
                click.echo(f"{what}: {done:,} of {total:,}, about {left / 60:.0f} min left", err=True)

    return tick
