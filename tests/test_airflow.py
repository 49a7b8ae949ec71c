"""The DAGs in a real Airflow: `airflow standalone`, LocalExecutor, SQLite. One instance serves the whole module."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from plugins.airflow_local import AirflowProblem, LocalAirflow, environment, running
from plugins.evidence import Evidence
from tests.organisation import Organisation, make_organisation

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1800)]

AIRFLOW = str(Path(sys.executable).parent / "airflow")


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Organisation:
    return make_organisation(tmp_path_factory.mktemp("airflow") / "org", pictures)


@pytest.fixture(scope="module")
def airflow(organisation: Organisation) -> Iterator[LocalAirflow]:
    with running(organisation.folder / "airflow", organisation.settings, parts=("standalone",)) as started:
        yield started


def evidence(organisation: Organisation) -> Evidence:
    return Evidence(str(organisation.folder / "evidence"))


def report(organisation: Organisation, run_id: str) -> dict[str, Any]:
    folder = organisation.folder / "reports"
    found = [p for p in folder.iterdir() if run_id in p.name]
    assert len(found) == 1
    return json.loads((found[0] / "report.json").read_text(encoding="utf-8"))


def run(airflow: LocalAirflow, run_id: str, conf: dict[str, Any], dag_id: str = "face_census") -> str:
    airflow.trigger(dag_id, run_id, conf)
    return airflow.wait(dag_id, run_id, 600)


def cli(airflow: LocalAirflow, *words: str, **env: str) -> str:
    done = subprocess.run([AIRFLOW, *words], env={**airflow.env, **env}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def wait_for_backfills(airflow: LocalAirflow) -> None:
    """Airflow allows one backfill of a DAG at a time, and closes one some time after its last run."""
    for _ in range(240):
        told = airflow.call("GET", "/backfills?dag_id=face_census")["backfills"]
        if all(each["completed_at"] for each in told):
            return
        time.sleep(0.5)
    raise AssertionError("a backfill whose runs are over is not closed")


# The tests of this module build on each other's evidence, in this order: a backfill of three days comes first, so that
# there is something left for the whole scan.


def test_a_backfill_of_three_days_looks_at_each_days_pictures_and_at_nothing_else(
    airflow: LocalAirflow, organisation: Organisation
) -> None:
    days = ("2026-10-14", "2026-10-16")
    cli(airflow, "backfill", "create", "--dag-id", "face_census", "--from-date", days[0], "--to-date", days[1])
    names = [d["dag_run_id"] for d in airflow.call("GET", "/dags/face_census/dagRuns?run_type=backfill")["dag_runs"]]
    assert len(names) == 3
    assert {airflow.wait("face_census", name, 600) for name in names} == {"success"}
    seen = sorted(Path(u).name for u in evidence(organisation).objects()["uri"])
    assert seen == ["cam1_20261015T090000.jpg", "cam1_20261016T090000.jpg"]
    assert {c.fragment.notes["as_of"] for c in evidence(organisation).commits()} == {
        "2026-10-14",
        "2026-10-15",
        "2026-10-16",
    }


def test_a_backfill_looks_again_when_it_is_told_so_in_airflows_own_words(
    airflow: LocalAirflow, organisation: Organisation
) -> None:
    day = "2026-10-15"
    words = ("backfill", "create", "--dag-id", "face_census", "--from-date", day, "--to-date", day)
    before = evidence(organisation).read("objects")
    shown = cli(airflow, *words, "--reprocess-behavior", "completed", "--dry-run")
    assert day in shown
    assert len(evidence(organisation).commits()) == 3, "a dry run runs nothing"
    wait_for_backfills(airflow)
    cli(airflow, *words, "--reprocess-behavior", "completed")
    listed = airflow.call("GET", "/dags/face_census/dagRuns?run_type=backfill&order_by=-id")["dag_runs"]
    name = listed[0]["dag_run_id"]
    assert len(listed) == 4
    assert airflow.wait("face_census", name, 600) == "success"
    assert evidence(organisation).commits()[-1].run_id == f"face_census-{name}"
    again = evidence(organisation).read("objects")
    seen = [Path(uri).name for uri in again["uri"]]
    assert len(again) == len(before) + 1
    assert seen.count("cam1_20261015T090000.jpg") == 2, "it was looked at again, and the first look stands untouched"
    assert len(evidence(organisation).objects()) == len(before)
    wait_for_backfills(airflow)
    airflow.call("PATCH", f"/dags/face_census/dagRuns/{name}", {"state": "failed"})
    cli(airflow, *words, "--reprocess-behavior", "failed")
    wait_for_backfills(airflow)
    assert len(evidence(organisation).read("objects")) == len(again) + 1, "the day whose run failed is done again"


def test_a_day_run_twice_changes_nothing(airflow: LocalAirflow, organisation: Organisation) -> None:
    before = evidence(organisation)
    objects, findings = before.read("objects"), before.read("findings")
    census = before.read("census").query("as_of == @day", local_dict={"day": date(2026, 10, 16)})
    assert run(airflow, "again", {"as_of": "2026-10-16", "since": "2026-10-16", "until": "2026-10-16"}) == "success"
    after = evidence(organisation)
    assert len(after.read("objects")) == len(objects)
    assert set(after.read("findings")["finding_id"]) == set(findings["finding_id"])
    again = after.read("census").query("as_of == @day", local_dict={"day": date(2026, 10, 16)})
    columns = ["scope", "scope_name", "people_low", "people_best", "people_high"]
    assert again[columns].drop_duplicates().values.tolist() == census[columns].drop_duplicates().values.tolist()


def test_a_triggered_run_scans_one_store_now(airflow: LocalAirflow, organisation: Organisation) -> None:
    assert run(airflow, "one-store", {"store": "hall", "as_of": "2026-10-20"}) == "success"
    assert report(organisation, "one-store")["coverage"]["seen"] == 3


def test_the_whole_night_maps_a_task_per_chunk_and_passes_small_xcoms_only(
    airflow: LocalAirflow, organisation: Organisation
) -> None:
    assert run(airflow, "whole", {"as_of": "2026-10-20"}) == "success"
    tasks = airflow.call("GET", "/dags/face_census/dagRuns/whole/taskInstances")["task_instances"]
    looked = [t for t in tasks if t["task_id"] == "look"]
    assert looked and all(t["state"] == "success" and t["map_index"] >= 0 for t in looked)
    for task in tasks:
        path = f"/dags/face_census/dagRuns/whole/taskInstances/{task['task_id']}/xcomEntries"
        for entry in airflow.call("GET", f"{path}?map_index={task['map_index']}")["xcom_entries"]:
            shown = airflow.call("GET", f"{path}/{entry['key']}?map_index={task['map_index']}")
            assert len(json.dumps(shown["value"])) < 2_000
            assert "SECRET-ID" not in json.dumps(shown["value"])
    found = report(organisation, "whole")
    assert found["coverage"]["seen"] == 7
    assert found["people"]["low"] <= 6 <= found["people"]["high"]
    assert found["people"]["low"] < found["people"]["high"]


def test_unknown_parameters_are_refused_before_anything_is_looked_at(airflow: LocalAirflow) -> None:
    # The first task fails at once; its retries would only say it again, so the test does not wait for them.
    airflow.trigger("face_census", "bogus", {"bogus": 1})
    states: set[str] = set()

    def look(counts: dict[str, int]) -> None:
        states.update(counts)
        if {"failed", "up_for_retry"} & states:
            raise StopIteration

    with pytest.raises(StopIteration):
        airflow.wait("face_census", "bogus", 120, look)
    assert "success" not in states
    airflow.call("PATCH", "/dags/face_census/dagRuns/bogus", {"state": "failed"})


def test_new_evidence_starts_the_watch_and_the_watch_opens_no_picture(
    airflow: LocalAirflow, organisation: Organisation
) -> None:
    runs = airflow.call("GET", "/dags/retention_watch/dagRuns?run_type=asset_triggered")["dag_runs"]
    assert runs, "the asset that face_census publishes started it"
    assert airflow.wait("retention_watch", runs[-1]["dag_run_id"], 600) == "success"
    last = [c for c in evidence(organisation).commits() if c.run_id.startswith("retention_watch")][-1]
    assert set(last.fragment.files) == {"findings", "runs"}


def test_the_api_server_listens_on_this_machine_only(airflow: LocalAirflow) -> None:
    assert airflow.url.startswith("http://127.0.0.1:")
    assert environment(airflow.home, airflow.home)["AIRFLOW__API__HOST"] == "127.0.0.1"
    port = airflow.url.rsplit(":", 1)[1]
    listening = Path("/proc/net/tcp")
    if listening.exists():
        rows = [line.split()[1].split(":") for line in listening.read_text().splitlines()[1:]]
        hosts = {host for host, local_port in rows if local_port == f"{int(port):04X}"}
        assert "00000000" not in hosts


def test_the_dag_runs_in_airflows_own_test_command(airflow: LocalAirflow, organisation: Organisation) -> None:
    conf = json.dumps({"as_of": "2026-10-21"})
    # The command gives the run a logical date, and Airflow makes no tasks for dates before the first night.
    cli(airflow, "dags", "test", "face_census", "--conf", conf, FACEWARDEN_FIRST_NIGHT="2020-01-01")
    assert any(c.fragment.notes["as_of"] == "2026-10-21" for c in evidence(organisation).commits())


def test_a_run_that_does_not_end_in_time_is_said_in_one_line(airflow: LocalAirflow) -> None:
    with pytest.raises(AirflowProblem, match=r"did not end within 0 s; its logs are in"):
        airflow.wait("face_census", "whole", 0)
