"""The command `facewarden deletion-plan`: lists what is to be deleted, for those who may delete it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click


@click.command("deletion-plan")
@click.option("-c", "--config", default="facewarden.yaml", show_default=True, metavar="FILE",
              type=click.Path(dir_okay=False), help="Settings of the organisation.")  # fmt: skip
@click.option("--rule", "rules", multiple=True, metavar="RULE",
              help="Findings to plan for: retention_overdue and withdrawn_still_stored when not given; also expired, "
              "no_recorded_ground, minor_without_guardian. May stand several times.")  # fmt: skip
@click.option("-o", "--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Folder for the list, and for S3 the manifests and a lifecycle rule.")  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def deletion_plan(config: str, rules: tuple[str, ...], out: Path, form: str) -> None:
    """Write down what is to be deleted by the findings of the last judgement. Deletes nothing.

    One line for each object and each person's records in a table, with the rule, the article and the finding, by store
    and owner. What was deleted is verified by the next scan, which reads the stores again.
    """
    from plugins.deletion_plan import RULES, plan_deletion, summary, write_plan
    from plugins.request import RunRequest
    from plugins.run import Run
    from plugins.settings import load_settings

    if unknown := sorted(set(rules) - set(RULES)):
        raise click.UsageError(f"--rule {unknown[0]!r} cannot be planned for; choose from {', '.join(RULES)}")
    day = datetime.now(load_settings(config).controller.zone).date()
    items = plan_deletion(Run(RunRequest(str(Path(config).absolute()), "deletion-plan", day)), rules or RULES[:2])
    files = [str(path) for path in write_plan(items, out)]
    if form == "json":
        click.echo(json.dumps({"items": len(items), "by_store": summary(items), "files": files}, ensure_ascii=False))
        return
    for entry in summary(items):
        owner = entry["owner"] or "nobody named"
        click.echo(f"{entry['store']} ({owner}): {entry['items']} {entry['kind']}{'' if entry['items'] == 1 else 's'}")
    click.echo("\n".join(["nothing to delete", *files] if not items else files))
