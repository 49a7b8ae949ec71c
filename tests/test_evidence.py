"""The evidence: nothing is visible half-written, everything is there after a commit, in folders and buckets."""

from __future__ import annotations

import subprocess
import sys
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from expectations.columns import TABLES
from plugins import evidence as evidence_module
from plugins.evidence import Evidence, Fragment, Pending, safe_name

DAY = date(2026, 10, 20)
NOW = datetime(2026, 10, 20, 18, tzinfo=UTC)


@pytest.fixture(params=["folder", "memory"])
def evidence(request: pytest.FixtureRequest, tmp_path: Path) -> Evidence:
    return Evidence(str(tmp_path / "e") if request.param == "folder" else f"memory://{uuid.uuid4()}")


def objects(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["uri", "version", "status"])
    given = {"store": "lobby", "size_bytes": 1, "faces": 0, "detector_key": "k"}
    return frame.assign(**given).reindex(columns=TABLES["objects"].names)


def write(evidence: Evidence, name: str, *rows: tuple[str, str, str]) -> Fragment:
    return Fragment({"objects": [evidence.write_table("objects", objects(*rows), "lobby", DAY, name)]})


def commit(evidence: Evidence, run: str, fragment: Fragment, at: datetime = NOW) -> None:
    evidence.commit(run, Pending(fragment, []), at)


def test_what_is_written_counts_only_when_it_is_committed(evidence: Evidence) -> None:
    made = write(evidence, "one", ("a.jpg", "1", "scanned"))
    assert evidence.read("objects").empty
    assert list(evidence.read("objects", made)["uri"]) == ["a.jpg"]
    commit(evidence, "run-1", made)
    assert list(evidence.read("objects")["uri"]) == ["a.jpg"]


def test_the_newest_row_of_an_object_counts_and_a_gone_one_does_not(evidence: Evidence) -> None:
    commit(evidence, "run-1", write(evidence, "one", ("a.jpg", "1", "scanned"), ("b.jpg", "1", "scanned")))
    later = write(evidence, "two", ("a.jpg", "2", "quarantined"), ("b.jpg", "", "gone"))
    commit(evidence, "run-2", later, NOW.replace(hour=19))
    current = evidence.objects()
    assert current[["uri", "version", "status"]].values.tolist() == [["a.jpg", "2", "quarantined"]]
    assert len(evidence.read("objects")) == 4, "the older rows stay: evidence is append-only"


def test_every_table_has_the_columns_and_types_of_the_contract(evidence: Evidence) -> None:
    for name, table in TABLES.items():
        empty = table.arrow_schema().empty_table()
        path = evidence.write_table(name, empty, "s", DAY, "f")
        assert path == f"{name}/store=s/day=2026-10-20/f.parquet"
        assert list(evidence.read(name, Fragment({name: [path]})).columns) == [*table.names, "file"]


def test_a_column_that_must_not_be_empty_is_refused_when_it_is(evidence: Evidence) -> None:
    broken = objects(("a.jpg", "1", "scanned")).assign(status=None)
    with pytest.raises(Exception, match=r"status|null"):
        evidence.write_table("objects", broken, "lobby", DAY, "x")


def test_a_column_that_the_contract_gained_is_empty_in_older_files(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = TABLES["objects"]
    then = replace(now, columns=tuple(c for c in now.columns if c.name not in {"captured_from", "subject_ref"}))
    with monkeypatch.context() as earlier:
        earlier.setitem(evidence_module._TABLES, "objects", then)
        commit(evidence, "run-1", write(evidence, "one", ("a.jpg", "1", "scanned")))
    commit(evidence, "run-2", write(evidence, "two", ("b.jpg", "1", "scanned")), NOW.replace(hour=19))
    found = evidence.read("objects")
    assert list(found.columns) == [*now.names, "file"]
    assert list(found["uri"]) == ["a.jpg", "b.jpg"]
    assert found["captured_from"].isna().all()
    assert list(evidence.read("objects", columns=["subject_ref", "uri"]).columns) == ["subject_ref", "uri", "file"]


def test_of_a_snapshot_table_only_the_newest_writing_of_each_store_is_read(evidence: Evidence) -> None:
    def findings(store: str, *ids: str) -> Fragment:
        schema = TABLES["findings"].arrow_schema()
        row = dict.fromkeys(schema.names, "x") | {"since": None, "due": None, "first_seen": DAY, "last_seen": DAY}
        frame = pd.DataFrame([row | {"finding_id": i} for i in ids], columns=schema.names)
        return Fragment({"findings": [evidence.write_table("findings", frame, store, DAY, uuid.uuid4().hex)]})

    commit(evidence, "run-1", findings("a", "1", "2") + findings("b", "3"))
    commit(evidence, "run-2", findings("a", "2"), NOW.replace(hour=19))
    assert sorted(evidence.read("findings")["finding_id"]) == ["2", "3"]


def test_looked_at_parts_of_a_dead_run_are_there_for_the_next_and_are_taken_in_once(evidence: Evidence) -> None:
    part = write(evidence, "chunk-0", ("a.jpg", "1", "scanned"))
    evidence.save_fragment("pending/parts/chunk-0.json", part)
    pending = evidence.pending("pending/run-2")
    assert pending.parts == ["chunk-0"]
    evidence.commit("run-2", pending, NOW)
    assert evidence.parts() == {}
    assert list(evidence.objects()["uri"]) == ["a.jpg"]
    # A process killed between the rename and the clearing away leaves the fragment behind: it no longer counts.
    evidence.save_fragment("pending/parts/chunk-0.json", part)
    assert evidence.parts() == {}


def test_a_process_killed_while_it_writes_leaves_nothing_that_counts(tmp_path: Path) -> None:
    script = """
import os, sys
from plugins.evidence import Evidence
evidence = Evidence(sys.argv[1])
real = os.replace
os.replace = lambda *a: os.kill(os.getpid(), 9)
evidence.publish("commits/x.json", b"{}")
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert list((tmp_path / "commits").iterdir()), "the file aside is there"
    assert Evidence(str(tmp_path)).commits() == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [("scheduled__2026-10-20T00:00:00+00:00", "scheduled__2026-10-20T00_00_00+00_00"), ("../x", ".._x"), ("", "_")],
)
def test_names_become_fit_for_paths(name: str, safe: str) -> None:
    assert safe_name(name) == safe
