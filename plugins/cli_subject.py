"""The command `facewarden subject`: what is stored of one person, for requests for access or erasure."""

from __future__ import annotations

import json
import os
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from plugins.subject import Subject


@click.command()
@click.argument("ref", metavar="REF")
@click.option("--namespace", default="person", show_default=True, help="Whose ids: an `id_namespace` of the settings.")
@click.option("-c", "--config", default="facewarden.yaml", show_default=True, metavar="FILE",
              type=click.Path(dir_okay=False), help="Settings of the organisation.")  # fmt: skip
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Judge as of this day.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write a page to print (HTML).")
def subject(ref: str, namespace: str, config: str, as_of: datetime | None, form: str, out: Path | None) -> None:
    """Show everywhere that one person is stored: dates, consents, retention. Opens no image.

    REF is the person's id as the organisation knows it, or the pseudonym of a report (32 hex digits); `-` reads it from
    standard input, so that it stands in no history of commands.
    """
    from plugins.reports.subject_page import to_page
    from plugins.subject import find_subject

    asked = sys.stdin.readline().strip() if ref == "-" else ref.strip()
    if not asked:
        raise click.UsageError("REF is empty; give a person's id or a pseudonym")
    found = find_subject(_run(config, as_of.date() if as_of else None), asked, namespace)
    if out:
        _write(out, to_page(found))
        click.echo(f"page: {out}", err=True)
    if form == "json":
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False, default=_plain))
    else:
        click.echo("\n".join(_lines(found)))


def _run(config: str, as_of: date | None) -> Any:
    from plugins.request import RunRequest
    from plugins.run import Run
    from plugins.settings import load_settings

    day = as_of or datetime.now(load_settings(config).controller.zone).date()
    return Run(RunRequest(str(Path(config).absolute()), f"subject-{day.isoformat()}", day, None))


def _write(out: Path, text: str) -> None:
    """Write a file that only its owner can read, also when it was there before."""
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


def _lines(found: Subject) -> list[str]:
    from plugins.reports import subject_page, words

    lines = [f"subject: {found.subject_ref} (given as {found.taken_as})"]
    if not found.stored:
        lines.append(f"stored: nowhere, by the scans up to {found.last_scan}")
    for place in found.places:
        kept = f", {subject_page.keeping(place.keeping)}" if place.keeping else ""
        lines.append(f"stored: {place.store}: {place.where}: {place.what} for {words.plain(place.purpose)}{kept}")
    lines += [f"state: {words.plain(s.purpose)}: {words.state_of(s.state)[0]}" for s in found.states]
    lines += [
        f"consent: {c.registry}: {c.kind} for {words.plain(c.purpose)}: {subject_page.lasting(c)}"
        for c in found.consents
    ]
    lines.append(f"not looked at: {subject_page.elsewhere(found)}")
    return lines


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
