"""Options of the command line that narrow a scan to a part: days, prefix, camera; and what is to be done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar, get_args

import click

from plugins.request import Reprocess, RunRequest

Command = TypeVar("Command", bound=Callable[..., Any])


class Day(click.ParamType[date]):
    """A calendar day."""

    name = "DAY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read a day."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; write it as YYYY-MM-DD, like 2026-10-20", param, ctx)


_OPTIONS = (
    click.option("--since", type=Day(), help="Only what was captured or changed on this day or later."),
    click.option("--until", type=Day(), help="... and on this day or earlier (default: the day judged by)."),
    click.option(
        "--prefix",
        metavar="TEXT",
        help="Only what lies below a store's root at a path that begins so: "
        "2026/10/ or cam1_; in a database, its tables that begin so.",
    ),
    click.option(
        "--camera",
        metavar="FOLDER",
        help="Only this camera: a folder of that name at any depth of a store, and all below it.",
    ),
    click.option(
        "--reprocess",
        type=click.Choice(get_args(Reprocess)),
        default="none",
        show_default=True,
        help="What to look at again although nothing changed: none; failed: what could not be read; "
        "completed: everything in the span.",
    ),
)


def part_options(command: Command) -> Command:
    """Give a command the options of ``narrowed``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def narrowed(request: RunRequest, *, since: date | None, until: date | None, **part: Any) -> RunRequest:
    """Narrow a request to what the options say.

    Raises:
        click.UsageError: an end without a beginning, or before it.
    """
    if until and not since:
        raise click.UsageError("--until needs --since: give the first day too")
    until = until or (request.as_of if since else None)
    if since and until and until < since:
        raise click.UsageError(f"--since {since} is after --until {until}; give the earlier day as --since")
    return replace(request, since=since, until=until, **part)
