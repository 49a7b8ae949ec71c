"""The nightly scan as on several machines: Celery on Redis, PostgreSQL, two workers, each of which may die."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from plugins import nightly
from plugins.evidence import Commit, Evidence
from plugins.request import RunRequest
from tests.airflow_cluster import Cluster, NoServer, running_cluster
from tests.organisation import AS_OF, SETTINGS, Organisation, jpeg, make_organisation

pytestmark = [pytest.mark.backend, pytest.mark.airflow, pytest.mark.timeout(900)]

# So many pictures in the large store, saved every few pictures.
PICTURES = 90
WORKERS = ("w1", "w2")


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Organisation:
    return make_full(tmp_path_factory.mktemp("celery"), pictures)


def make_full(folder: Path, pictures: Path) -> Organisation:
    """Make an organisation, one of whose stores is larger."""
    made = make_organisation(folder / "org", pictures)
    seen = Image.open(pictures / "astronaut.png").convert("RGB")
    for number in range(PICTURES):
        made.put(f"hall/{number}.jpg", jpeg(seen.crop((0, 0, 400 + number, 400)).resize((1200, 1200))))
    return made


@pytest.fixture(scope="module")
def alone(organisation: Organisation) -> dict[str, Any]:
    """What a scan without a scheduler finds."""
    use_evidence(organisation, "alone")
    request = RunRequest(str(organisation.settings), "alone", AS_OF)
    nightly.scan(request, lambda: datetime.now(UTC), lambda n: lambda k: None)
    return facts(organisation, "alone")


@pytest.fixture(scope="module")
def cluster(organisation: Organisation, alone: dict[str, Any]) -> Iterator[Cluster]:
    try:
        with running_cluster(organisation.folder / "airflow", organisation.settings) as started:
            for worker in WORKERS:
                started.start(worker)
            yield started
    except NoServer as missing:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(str(missing))


def use_evidence(organisation: Organisation, name: str) -> None:
    """Let the next runs begin with no evidence, in folders of this name."""
    settings = yaml.safe_load(SETTINGS)
    settings["scan"] = {"chunk_objects": PICTURES, "workers": 1, "task_seconds": 27, "save_seconds": 0.1}
    settings |= {"evidence": f"./evidence-{name}", "vectors": {"url": f"./vectors-{name}"}}
    organisation.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")


def evidence(organisation: Organisation, name: str) -> Evidence:
    return Evidence(str(organisation.folder / f"evidence-{name}"))


def facts(organisation: Organisation, name: str) -> dict[str, Any]:
    """Give what was found and said, without what names the run or the time."""
    held = evidence(organisation, name)
    objects = held.read("objects")
    commit = census_commit(held)
    report = json.loads(held.read_bytes(f"reports/{commit.run_id}.json"))
    return {
        # All rows, not only the newest: an object that was looked at twice would stand there twice.
        "objects": sorted(zip(objects["uri"], objects["status"], objects["faces"], strict=True)),
        "faces": sorted(held.read("faces")["face_id"]),
        "findings": sorted(held.read_fragment("findings", commit.fragment)["finding_id"]),
        **{part: report[part] for part in ("coverage", "people", "filing", "consent", "retention")},
    }


def census_commit(held: Evidence) -> Commit:
    """Give the one commit of a scan; the watch may have judged the same evidence since."""
    (commit,) = (each for each in held.commits() if not each.run_id.startswith("retention_watch"))
    return commit


def wait_for(true: Callable[[], object], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.05)


def looks(cluster: Cluster, run_id: str) -> dict[int, tuple[str, int]]:
    """Give worker and number of tries of each task that looks, by its place among them."""
    path = f"/dags/face_census/dagRuns/{run_id}/taskInstances"
    found = [t for t in cluster.airflow.call("GET", path)["task_instances"] if t["task_id"] == "look"]
    return {t["map_index"]: (t["hostname"], t["try_number"]) for t in found}


def large_parts(held: Evidence) -> list[str]:
    """Name the saved parts of the store with the large chunks."""
    return [name for name, part in held.parts().items() if "store=hall" in part.files["objects"][0]]


def place_of(cluster: Cluster, run_id: str, part: str) -> int:
    """Give the place of the task that has saved this part of a chunk."""
    path = f"/dags/face_census/dagRuns/{run_id}/taskInstances/plan/xcomEntries/return_value"
    batches = cluster.airflow.call("GET", path)["value"]
    return next(at for at, batch in enumerate(batches) if part.split("-")[0] in batch)


def test_two_workers_find_what_a_scan_without_a_scheduler_finds(
    cluster: Cluster, organisation: Organisation, alone: dict[str, Any]
) -> None:
    use_evidence(organisation, "two")
    cluster.airflow.trigger("face_census", "two", {"as_of": str(AS_OF)})
    assert cluster.airflow.wait("face_census", "two", 300) == "success"
    assert {worker for worker, _ in looks(cluster, "two").values()} == set(WORKERS)
    assert facts(organisation, "two") == alone


def test_a_worker_killed_in_the_middle_of_its_chunk_is_taken_over_from_its_last_saved_point(
    cluster: Cluster, organisation: Organisation, alone: dict[str, Any]
) -> None:
    use_evidence(organisation, "killed")
    cluster.airflow.trigger("face_census", "killed", {"as_of": str(AS_OF)})
    held = evidence(organisation, "killed")
    wait_for(lambda: large_parts(held))
    place = place_of(cluster, "killed", large_parts(held)[0])
    victim = looks(cluster, "killed")[place][0]
    cluster.kill(victim)
    saved = set(held.parts())
    assert cluster.airflow.wait("face_census", "killed", 300) == "success"
    (other,) = set(WORKERS) - {victim}
    assert looks(cluster, "killed")[place] == (other, 2), "the other worker tried it a second time"
    kept = {Path(path).stem for path in census_commit(held).fragment.files["objects"]}
    assert saved <= kept, "what was saved before the kill counts and was not looked at again"
    assert facts(organisation, "killed") == alone


def test_a_killed_scheduler_that_starts_again_ends_the_run_the_same(
    cluster: Cluster, organisation: Organisation, alone: dict[str, Any]
) -> None:
    cluster.start("w3")
    use_evidence(organisation, "scheduler")
    cluster.airflow.trigger("face_census", "scheduler", {"as_of": str(AS_OF)})
    wait_for(lambda: evidence(organisation, "scheduler").parts())
    cluster.kill("scheduler")
    cluster.start("scheduler")
    assert cluster.airflow.wait("face_census", "scheduler", 300) == "success"
    assert {tries for _, tries in looks(cluster, "scheduler").values()} == {1}, "the workers went on meanwhile"
    assert facts(organisation, "scheduler") == alone
