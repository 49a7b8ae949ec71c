"""The command `facewarden deadline`: until when something is due under a policy, and which days were not counted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from expectations.deadlines import Deadline

_WAYS = {
    "verified": "read in an official text",
    "secondary": "read in secondary sources",
    "unverified": "seen in no text: check it before citing it",
    "own": "this tool's own rule",
}


@click.command()
@click.option("--policy", required=True, metavar="NAME", help="Whose clock, such as cn-measures-2025.")
@click.option("--from", "start", required=True, type=click.DateTime(["%Y-%m-%d"]), metavar="DAY",
              help="The day that set it off; counting begins with the next one.")  # fmt: skip
@click.option("--kind", type=click.Choice(["filing", "change", "end"]), default="filing", show_default=True,
              help="filing: the number was reached; change: what was filed changed; end: the use ended.")  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def deadline(policy: str, start: datetime, kind: Any, form: str) -> None:
    """Print the day by which something is due, and the days that were skipped in counting.

    `facewarden deadline --policy cn-measures-2025 --from 2025-06-01` gives 2025-07-14, the regulator's own example. A
    year whose working days are not known yet is an error, never a guess.
    """
    from expectations.deadlines import deadline_of
    from expectations.policy import load_policy

    found = deadline_of(load_policy(policy), kind, start.date())
    click.echo(json.dumps(found.as_dict(), ensure_ascii=False) if form == "json" else "\n".join(_lines(found)))


def _spans(skipped: Sequence[tuple[date, str]]) -> Iterator[tuple[str, str]]:
    """Put days that follow each other for one reason together."""
    runs: list[list[tuple[date, str]]] = []
    for day, why in skipped:
        if runs and runs[-1][-1] == (day - timedelta(days=1), why):
            runs[-1].append((day, why))
        else:
            runs.append([(day, why)])
    for run in runs:
        (first, why), (last, _) = run[0], run[-1]
        yield (str(first) if first == last else f"{first} to {last}"), why


def _lines(found: Deadline) -> list[str]:
    spans = {"working days": found.working_days, "days": found.calendar_days}
    counted = next((f"{n} {unit} after {found.from_day}" for unit, n in spans.items() if n), "the day named")
    lines = [
        f"due: {found.due_on}",
        f"counted: {counted}",
        f"article: {found.article} (number {_WAYS[found.status]}; article {_WAYS[found.article_status]})",
    ]
    lines += [f"note: {found.note}"] if found.note else []
    if found.skipped:
        lines.append(f"skipped: {len(found.skipped)} days")
        lines += [f"  {span}  {why}" for span, why in _spans(found.skipped)]
    lines += [f"counted although a weekend: {day} (made up for a holiday)" for day in found.made_up]
    return lines
