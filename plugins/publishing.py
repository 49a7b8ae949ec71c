"""Gives committed runs their reports: files for people to open, text for the command line."""

from __future__ import annotations

from plugins.evidence import Commit, safe_name
from plugins.judge import report_path
from plugins.reports.jsonfile import from_json, write_reports
from plugins.reports.model import Report
from plugins.reports.page import to_html
from plugins.run import Run
from plugins.spreadsheet import to_csv


class NoSuchRun(Exception):
    """There is no committed run of that name, or none at all."""


def publish_report(run: Run) -> dict[str, str]:
    """Write page and JSON of this run into its folder under the reports folder; give their places by kind."""
    folder = f"{run.settings.resolved(run.settings.reports).rstrip('/')}/{safe_name(run.request.run_id)}"
    return write_reports(from_json(_text(run, run.request.run_id)), folder)


def render_report(run: Run, form: str) -> str:
    """Give a run's report, of the newest run by day when the request names none, as html, json or csv.

    Raises:
        NoSuchRun: there is none.
    """
    commit = _find(run, run.request.run_id)
    text = _text(run, commit.run_id)
    if form == "json":
        return text
    return to_html(from_json(text)) if form == "html" else _findings_csv(run, commit)


def last_report(run: Run) -> Report:
    """Give the data of the newest run's report."""
    return from_json(render_report(run, "json"))


def _find(run: Run, run_id: str) -> Commit:
    commits = run.evidence.commits()
    if run_id:
        commits = [c for c in commits if c.run_id == run_id]
    if not commits:
        known = ", ".join(c.run_id for c in run.evidence.commits()[-5:]) or "none: run `facewarden scan` first"
        raise NoSuchRun(f"no run {run_id!r} in the evidence; the last ones are {known}")
    return max(commits, key=lambda c: (c.fragment.notes["as_of"], c.committed_at))


def _text(run: Run, run_id: str) -> str:
    return run.evidence.read_bytes(report_path(run_id)).decode("utf-8")


def _findings_csv(run: Run, commit: Commit) -> str:
    frame = run.evidence.read_fragment("findings", commit.fragment).drop(columns="file")
    return to_csv(list(frame.columns), frame.astype(object).where(frame.notna(), "").itertuples(index=False))
