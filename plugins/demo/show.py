"""The demo: makes the town, has Airflow run the nightly census on it, and holds found against planted."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from detectors.pictures import install_pictures, pictures_folder
from plugins.airflow_local import LocalAirflow, running
from plugins.demo.tomorrow import CAMERA_STORE, Tomorrow, has_passed, pass_a_day
from plugins.demo.town import DEMO_DAY, Town, build_town

Say = Callable[[str], None]

_DAG = "face_census"
_RUN_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One planted truth and what the scan says of it."""

    what: str
    planted: object
    found: object
    agrees: bool


def run_demo(folder: Path, *, fresh: bool, say: Say, as_of: date = DEMO_DAY) -> int:
    """Run the demo in ``folder``; give 0 when everything planted was found and nothing else, else 1."""
    folder = folder.absolute()
    if fresh and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    install_pictures(pictures_folder(), None, say)
    say(f"making the town and starting Airflow (SQLite, localhost) in {folder}")
    with ThreadPoolExecutor(1) as builder:
        building = builder.submit(build_town, folder / "town", pictures_folder(), as_of)
        with running(folder / "airflow", folder / "town" / "facewarden.yaml") as airflow:
            town = building.result()
            night = 1 + int(airflow.call("GET", f"/dags/{_DAG}/dagRuns?limit=1")["total_entries"])
            rows = []
            if not has_passed(town):
                rows = compare(town, _one_night(airflow, f"night-{night}", as_of, folder, say))
                _print(f"the first night, as of {as_of}", rows, say)
                say("\na day passes: pictures are deleted, consents withdrawn, the officer attests and decides")
                night += 1
            town, happened = pass_a_day(town)
            report = _one_night(airflow, f"night-{night}", town.as_of, folder, say)
    second = compare(town, report) + compare_days(happened, report)
    _print(f"the second night, as of {town.as_of}", second, say)
    say(f"\n{time.monotonic() - started:.0f} s in all; the report is {folder / 'report.html'}")
    if all(row.agrees for row in [*rows, *second]):
        say("planted and found agree")
        return 0
    say("planted and found DISAGREE")
    return 1


def _one_night(airflow: LocalAirflow, run_id: str, as_of: date, folder: Path, say: Say) -> dict[str, Any]:
    # Otherwise it would judge the new evidence a second time while the demo looks at the first.
    airflow.call("PATCH", "/dags/retention_watch", {"is_paused": True})
    airflow.trigger(_DAG, run_id, {"as_of": as_of.isoformat()})
    say(f"Airflow at {airflow.url} runs {_DAG} {run_id}, as of {as_of}")
    state = airflow.wait(_DAG, run_id, _RUN_SECONDS, _Teller(say))
    if state != "success":
        say(f"the run ended as {state}; its logs are in {airflow.home / 'logs'}")
        raise SystemExit(1)
    reports = folder / "town" / "reports" / f"{_DAG}-{run_id}"
    for name in ("report.html", "report.json"):
        shutil.copyfile(reports / name, folder / name)
    found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


class _Teller:
    """Says how the tasks stand whenever that changes."""

    def __init__(self, say: Say) -> None:
        self._say, self._last = say, ""

    def __call__(self, states: dict[str, int]) -> None:
        line = ", ".join(f"{n} {state}" for state, n in states.items())
        if line != self._last:
            self._say(f"  tasks: {line}")
            self._last = line


def compare(town: Town, report: dict[str, Any]) -> list[Comparison]:
    """Hold what was planted in the town against the data of a report."""
    planted, people, covered = town.planted, report["people"], report["coverage"]
    stores = {s["name"]: s for s in report["stores"]}
    filing = {f["rule"]: f for f in report["filing"]}.get("threshold_filing", {})
    consent: dict[str, int] = {}
    for purpose in report["consent"]["purposes"]:
        if purpose["purpose"] == town.purpose:
            consent = purpose["states"]
    overdue = planted.retention_overdue
    rows = [
        ("objects listed", sum(planted.objects.values()) + planted.database_photos, covered["seen"]),
        ("quarantined", planted.quarantined, covered["quarantined"]),
        ("unsupported", planted.unsupported, covered["unsupported"]),
        *((f"overdue pictures, {name}", n, stores[name]["overdue"]) for name, n in overdue.items()),
        ("overdue people", planted.overdue_people, stores[town.database]["overdue"]),
        *((f"consent: {state.replace('_', ' ')}", n, consent.get(state, 0)) for state, n in planted.consent.items()),
        ("threshold crossed on", planted.crossing_day, filing.get("crossed_on")),
        ("filing due on", planted.filing_due, filing.get("due_on")),
        ("verdict", "above", people["verdict"]),
    ]
    interval = f"{people['low']:,} to {people['high']:,}"
    head_count = Comparison(
        "different people (95 %)", f"{planted.people:,}", interval, people["low"] <= planted.people <= people["high"]
    )
    return [head_count, *(Comparison(what, want, got, want == got) for what, want, got in rows)]


def compare_days(happened: Tomorrow, report: dict[str, Any]) -> list[Comparison]:
    """Hold what happened in a day against what the report says has changed, and why."""
    changed = {rule["title"]: rule for rule in report["delta"]["rules"]}
    kept = {entry["store"]: entry for entry in report["retention"]}[CAMERA_STORE]
    gone = changed.get("Kept beyond the retention period", {}).get("gone", {})
    new = changed.get("Consent withdrawn, data still stored", {}).get("new", {})
    early = changed.get("Deleted before a law allows", {}).get("new", {})
    attested = {one["name"] for one in report["attestations"] if one["state"] == "attested"}
    rows = [
        ("overdue no more: objects gone", happened.deleted_overdue, gone.get("objects gone", 0)),
        ("deleted too early", happened.deleted_young, kept["too_short"]),
        ("... which makes a new finding", 1, sum(early.values())),
        ("newly withdrawn: new consent list", happened.withdrawn, new.get("new consent list", 0)),
        ("under a legal hold", happened.held, kept["hold"]),
        ("attested", happened.attested, len(attested)),
    ]
    return [Comparison(what, want, got, want == got) for what, want, got in rows]


def _print(title: str, rows: list[Comparison], say: Say) -> None:
    say(f"\n{title:36}{'planted':>14}{'found':>20}")
    for row in rows:
        say(f"{row.what:36}{_plain(row.planted):>14}{_plain(row.found):>20}  {'' if row.agrees else '<- differs'}")


def _plain(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
