"""Budgets: a run that may read so many bytes, or begin objects for so long, ends cleanly and the next one goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plugins import tasks
from plugins.evidence import Evidence
from plugins.nightly import outlook, scan
from plugins.request import RunRequest
from plugins.run import Run
from plugins.scan_plan import plan_scan
from plugins.workload import expected_seconds
from tests.organisation import Organisation

CLOCK = datetime(2026, 10, 21, tzinfo=UTC)


def night(organisation: Organisation, name: str, hour: int, **budget: Any) -> dict[str, Any]:
    request = replace(organisation.request(name), **budget)
    scan(request, lambda: CLOCK + timedelta(hours=hour), lambda total: lambda n: None)
    evidence = Evidence(str(organisation.folder / "evidence"))
    report: dict[str, Any] = json.loads(evidence.read_bytes(f"reports/{name}.json"))
    return report


def test_what_is_beyond_the_bytes_is_left_out_said_and_looked_at_by_the_next_run(organisation: Organisation) -> None:
    size = (organisation.folder / "stores/gate/cam1_20261001T090000.jpg").stat().st_size
    first = night(organisation, "n1", 1, max_bytes=size + 10)["coverage"]
    assert first["seen"] == 7
    assert (first["scanned"] + first["quarantined"] + first["unsupported"], first["skipped"]) == (1, 6)
    left = outlook(replace(organisation.request("dry"), max_bytes=size + 10)).as_dict()
    assert (left["objects"], left["left_by_the_budget"]) == (1, 5)
    second = night(organisation, "n2", 2)["coverage"]
    assert (second["unchanged"], second["skipped"]) == (1, 0)


def test_what_alone_is_more_than_the_budget_keeps_no_run_from_what_lies_behind_it(organisation: Organisation) -> None:
    size = (organisation.folder / "stores/gate/cam1_20261001T090000.jpg").stat().st_size
    organisation.put("gate/cam0_20261001T090000.jpg", bytes(2 * size))
    budget = {"max_bytes": size + 10}
    assert night(organisation, "n1", 1, **budget)["coverage"]["scanned"] == 1
    assert night(organisation, "n2", 2)["coverage"]["unchanged"] == 1


def test_a_few_films_among_many_pictures_count_in_the_outlook_for_what_they_are(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        organisation.put(f"hall/{number}.jpg", bytes(1_000_000))
    organisation.put("gate/film.mp4", bytes(100_000_000))
    plan = plan_scan(Run(organisation.request()), dry=True)
    # A machine that takes twice as long as expected for what is in the one store, three times in the other.
    took = {"gate": 2.0, "hall": 3.0, "access": 1.0}
    clock = [0.0]
    for store, factor in took.items():
        clock += [clock[-1], clock[-1] + factor * sum(map(expected_seconds, plan.samples[store]))]
    monkeypatch.setattr("plugins.nightly.time.perf_counter", iter(clock[1:]).__next__)
    minutes = outlook(organisation.request()).minutes
    assert minutes == pytest.approx(sum(took[store] * plan.store_seconds[store] for store in took) / 60)
    assert plan.store_seconds["gate"] > 50


def test_a_run_whose_time_is_over_begins_nothing_and_ends_cleanly(organisation: Organisation) -> None:
    over = datetime.now(UTC) - timedelta(seconds=1)
    first = night(organisation, "n1", 1, stop_at=over)
    assert (first["coverage"]["skipped"], first["coverage"]["scanned"]) == (7, 0)
    assert first["findings"]["by_rule"]["coverage_below_floor"] == 3, "two stores and a database"
    second = night(organisation, "n2", 2, stop_at=datetime.now(UTC) + timedelta(hours=1))
    assert second["coverage"]["skipped"] == 0
    assert second["coverage"]["scanned"] >= 5


@pytest.mark.parametrize("stop_at", [None, CLOCK])
def test_a_request_comes_back_from_json_as_it_was(organisation: Organisation, stop_at: datetime | None) -> None:
    asked = replace(organisation.request("n1"), stop_at=stop_at, max_bytes=7)
    assert RunRequest.from_json(asked.to_json()) == asked


def test_parts_that_another_run_has_committed_are_looked_at_and_not_left_out(organisation: Organisation) -> None:
    ours = organisation.request("ours")
    tasks.look(ours, list(tasks.plan(ours).chunks))
    night(organisation, "theirs", 1)  # its commit takes in what we have looked at
    tasks.registers(ours)
    tasks.identities(ours)
    tasks.judge_and_commit(ours, CLOCK, CLOCK + timedelta(hours=2))
    evidence = Evidence(str(organisation.folder / "evidence"))
    coverage = json.loads(evidence.read_bytes("reports/ours.json"))["coverage"]
    assert (coverage["seen"], coverage["skipped"]) == (7, 0)
