"""Runs a night that somebody will kill: told where to kill itself; notes every look that begins.

A part is published after every object, so that there are many moments between two writes.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from plugins import child, nightly, scan, supervise
from plugins.request import RunRequest

DAY = date(2026, 10, 20)


def main(settings: str, looks: str, at_write: str = "0", moment: str = "after") -> None:
    """Run the night.

    Args:
        settings: its settings file.
        looks: a file that gets a line for each object whose look begins; beside it, at the end, ``modules``: those that
            were loaded, and ``writes``: how many files were renamed.
        at_write: at this rename the process group is killed; 0 for none.
        moment: ``before`` or ``after`` it.
    """
    scan._Part.is_due = property(lambda part: True)  # type: ignore[assignment,method-assign]
    _note_looks(Path(looks))
    left = _kill_at(int(at_write), moment)
    request = RunRequest(settings, "night", DAY)
    nightly.scan(request, lambda: datetime(2026, 10, 20, 18, tzinfo=UTC), lambda n: lambda k: None)
    Path(looks).with_name("modules").write_text("\n".join(sys.modules))
    Path(looks).with_name("writes").write_text(str(-left[0]))


def _note_looks(looks: Path) -> None:
    """Note the pid of the process that looks, and the place of each object in its batch."""
    receive, send = supervise._Process.receive, supervise._Process.send

    def sending(self: Any, what: Any) -> None:
        if what and isinstance(what[0], scan.StoredObject):
            self.batch = list(what)
        send(self, what)

    def receiving(self: Any) -> Any:
        kind, value = receive(self)
        if kind == child.BEGUN:
            with looks.open("a") as file:
                file.write(f"{self.pid} {self.batch.pop(0).uri}\n")
        return kind, value

    supervise._Process.send, supervise._Process.receive = sending, receiving  # type: ignore[method-assign]


def _kill_at(write: int, moment: str) -> list[int]:
    replace, left = os.replace, [write]

    def replacing(*words: Any, **more: Any) -> None:
        left[0] -= 1
        if left[0] == 0 and moment == "before":
            os.killpg(0, signal.SIGKILL)
        replace(*words, **more)
        if left[0] == 0:
            os.killpg(0, signal.SIGKILL)

    os.replace = replacing
    return left
