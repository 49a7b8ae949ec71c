"""Tries again when trying again may help; the errors of drivers end here and become ``StoreProblem``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from plugins.stores.records import StoreProblem

T = TypeVar("T")

# A second try after a short breath cures a lost packet, a third after a longer one a server that is just restarting.
PAUSES_SECONDS = (0.5, 2.0)


def attempt(
    what: Callable[[], T],
    problem_of: Callable[[Exception], StoreProblem],
    pause: Callable[[float], object],
    pauses: tuple[float, ...] = PAUSES_SECONDS,
) -> T:
    """Do something once, and once more after each pause while trying again may help.

    Args:
        what: does it.
        problem_of: puts a driver's error into words; its ``retry`` says whether another try may help.
        pause: sleeps.
        pauses: seconds each.

    Raises:
        StoreProblem: it failed. The driver's error is not chained to it: it may hold credentials or people's data.
    """
    for seconds in (*pauses, None):
        try:
            return what()
        except MemoryError:
            raise
        except Exception as error:  # the boundary of one object or one page: drivers raise what they like
            problem = error if isinstance(error, StoreProblem) else problem_of(error)
        if seconds is None or not problem.retry:
            break
        pause(seconds)
    raise problem
