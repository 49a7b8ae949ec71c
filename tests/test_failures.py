"""A rate of failures above the limit ends a run as failed, with all it found kept; one file never does."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from plugins import tasks
from plugins.cli import cli
from plugins.evidence import Evidence
from plugins.failures import TooManyFailed
from tests.organisation import Organisation
from tests.test_night import CLOCK


def with_scan(organisation: Organisation, **scan: Any) -> None:
    settings = yaml.safe_load(organisation.settings.read_text(encoding="utf-8"))
    settings["scan"] |= scan
    organisation.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")


def scanned(organisation: Organisation) -> dict[str, Any]:
    words = ["scan", "-c", str(organisation.settings), "--as-of", "2026-10-20", "--format", "json"]
    done = CliRunner().invoke(cli, words)
    return {"error": done.exception, "code": done.exit_code, **json.loads(done.stdout.splitlines()[-1])}


def test_a_night_with_too_many_failures_is_reported_in_full_and_ends_as_failed(organisation: Organisation) -> None:
    with_scan(organisation, min_failed=2, max_failed_share=0.2)
    night = scanned(organisation)
    assert isinstance(night["error"], TooManyFailed)
    assert str(night["error"]).startswith("2 of 7 objects looked at could not be read (")
    assert "allowed is a share of 0.2" in str(night["error"])
    assert (Path(night["report"]).is_file(), night["coverage"]["quarantined"]) == (True, 2)
    assert len(Evidence(str(organisation.folder / "evidence")).commits()) == 1
    again = scanned(organisation)
    assert (again["error"], again["code"]) == (None, 0), "it looked at nothing, so nothing failed"
    assert again["coverage"]["quarantined"] == 2


def looked_and_committed(organisation: Organisation, chunks: list[str]) -> Evidence:
    """End a night without judging it."""
    asked = organisation.request()
    tasks.look(asked, chunks)
    evidence = Evidence(str(organisation.folder / "evidence"))
    evidence.commit(asked.run_id, evidence.pending(f"pending/{asked.run_id}"), CLOCK)
    return evidence


def test_only_failures_above_both_the_share_and_the_number_count(organisation: Organisation) -> None:
    looked_and_committed(organisation, list(tasks.plan(organisation.request()).chunks))
    for fails, scan in (
        (False, {"min_failed": 2, "max_failed_share": 0.3}),
        (False, {"min_failed": 3, "max_failed_share": 0.0}),
        (True, {"min_failed": 2, "max_failed_share": 0.28}),
    ):
        with_scan(organisation, **scan)
        with pytest.raises(TooManyFailed, match="2 of 7") if fails else nullcontext():
            tasks.check_failures(organisation.request())


def test_a_store_in_use_loses_and_changes_objects_without_failing_a_night(organisation: Organisation) -> None:
    with_scan(organisation, min_failed=2, max_failed_share=0.2)
    chunks = list(tasks.plan(organisation.request()).chunks)
    (organisation.folder / "stores/hall/broken.jpg").unlink()
    organisation.put("hall/notes.txt", b"no picture, and longer than it was")
    evidence = looked_and_committed(organisation, chunks)
    tasks.check_failures(organisation.request())
    quarantined = evidence.objects().query("status == 'quarantined'")
    reasons = {Path(uri).name: reason for uri, reason in zip(quarantined["uri"], quarantined["reason"], strict=True)}
    assert reasons == {"broken.jpg": "vanished", "notes.txt": "changed"}


def test_one_file_can_never_be_too_many() -> None:
    from plugins.settings import ScanSettings

    with pytest.raises(ValueError, match="min_failed"):
        ScanSettings(min_failed=1)
