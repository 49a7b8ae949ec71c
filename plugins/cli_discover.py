"""The command `facewarden discover`: what databases hold of faces, as a list for programs or a page for people."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence

import click

from plugins.cli_progress import counting

# Facial columns first, then whose they are and what is said of consent and time.
_ORDER = (
    "template",
    "image_blob",
    "image_base64",
    "image_ref",
    "person_id",
    "person_name",
    "birth_date",
    "consent_flag",
    "consent_date",
    "withdrawn_date",
    "captured_at",
    "created_at",
    "last_seen_at",
    "expires_at",
    "purpose",
)
_EXIT_FAILED = 1


@click.command()
@click.argument("urls", nargs=-1, metavar="URL...")
@click.option("-c", "--config", metavar="FILE", type=click.Path(dir_okay=False),
              help="Also the databases of a settings file, with its `column_classes`.")  # fmt: skip
@click.option("--schema", "schemas", multiple=True, metavar="NAME", help="Only this schema; may stand several times.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def discover(urls: tuple[str, ...], config: str | None, schemas: tuple[str, ...], form: str) -> None:
    """Find facial data in databases: classify every column of every schema, table and view.

    URL is an SQLAlchemy URL (postgresql://user@host/db, mariadb://…, sqlite:///file.db) or the path of a SQLite file.
    Nothing is written, and of each table a small sample is looked at.
    """
    from plugins.discover import discover as run
    from plugins.discover import targets_in, targets_of
    from plugins.settings import load_settings

    targets = targets_of(urls) + (targets_in(load_settings(config)) if config else [])
    if not targets:
        raise click.UsageError("names no database; give a URL, the path of a SQLite file, or -c FILE")
    outcome = run(targets, counting("looking at tables"), _say, schemas)
    rows = [finding.as_dict() for finding in outcome.findings]
    if form == "json":
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        click.echo("\n".join(page(rows, outcome.problems)))
    sys.exit(_EXIT_FAILED if outcome.unopened else 0)


def _say(line: str) -> None:
    click.echo(f"not read: {line}", err=True)


def page(rows: Sequence[dict[str, str | float]], problems: Sequence[str]) -> list[str]:
    """Write the findings for people: facial columns, what stands beside them, the undecided, counts, problems."""
    from detectors.column_facts import FACIAL, UNDECIDED_BELOW

    sure = [row for row in rows if float(row["confidence"]) >= UNDECIDED_BELOW]
    facial_tables = {_table(row) for row in rows if row["class"] in FACIAL}
    beside = [r for r in sure if r["class"] not in {*FACIAL, "other"} and _table(r) in facial_tables]
    lines = _part("Facial data", [row for row in sure if row["class"] in FACIAL])
    lines += _part("Beside it, in the same tables", beside)
    lines += _part(
        f"For the DPO to decide (less sure than {UNDECIDED_BELOW})",
        [row for row in rows if float(row["confidence"]) < UNDECIDED_BELOW],
    )
    lines += ["", f"{len(rows):,} columns in {len({_table(row) for row in rows}):,} tables and views"]
    counts = Counter(str(row["class"]) for row in rows)
    lines += [f"  {counts[name]:>6,}  {name}" for name in (*_ORDER, "other") if counts[name]]
    if problems:
        lines += ["", "Not read:", *(f"  {_plain(problem)}" for problem in problems)]
    return lines


def _table(row: dict[str, str | float]) -> tuple[str | float, ...]:
    return row["database"], row["schema"], row["table"]


def _part(title: str, rows: Sequence[dict[str, str | float]]) -> list[str]:
    lines = ["", f"{title}:"]
    if not rows:
        return [*lines, "  none"]
    rank = {name: place for place, name in enumerate(_ORDER)}
    for row in sorted(
        rows, key=lambda r: (rank.get(str(r["class"]), len(rank)), *map(str, _table(r)), str(r["column"]))
    ):
        place = ".".join(_plain(str(part)) for part in (*_table(row), row["column"]) if part)
        lines.append(f"  {row['class']:<14} {float(row['confidence']):.2f}  {place}")
        lines.append(f"  {'':<20}{_plain(str(row['because']))}")
    return lines


def _plain(text: str) -> str:
    """Keep names from moving the cursor or colouring the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)
