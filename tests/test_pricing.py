"""What a scan would cost, said before it is run."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from plugins.cli import cli
from plugins.pricing import priced
from plugins.settings import ScanSettings
from tests.organisation import Organisation


@pytest.mark.parametrize(
    ("minutes", "price", "hours", "cost"),
    [
        pytest.param(90.0, 0.05, 6.0, 0.3, id="four cores for an hour and a half"),
        pytest.param(90.0, None, 6.0, None, id="no price"),
        pytest.param(None, 0.05, None, None, id="nothing could be measured"),
        pytest.param(0.0, 0.05, 0.0, 0.0, id="nothing to do"),
    ],
)
def test_minutes_become_core_hours_and_money(
    minutes: float | None, price: float | None, hours: float | None, cost: float | None
) -> None:
    said = priced({"expected_minutes": minutes}, ScanSettings(workers=4, cost_per_core_hour=price))
    assert (said["expected_core_hours"], said["expected_cost"]) == (hours, cost)


def test_a_dry_run_says_time_and_cost_of_a_part(organisation: Organisation) -> None:
    settings = organisation.settings.read_text(encoding="utf-8")
    organisation.settings.write_text(settings.replace("workers: 1}", "workers: 2, cost_per_core_hour: 3600}"))
    words = ["scan", "-c", str(organisation.settings), "--dry-run", "--format", "json", "--prefix", "cam1_"]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    said = json.loads(done.stdout)
    assert (said["objects"], said["measured_on"]) == (3, 3)
    assert said["expected_core_hours"] == pytest.approx(said["expected_minutes"] * 2 / 60, abs=0.001)
    assert said["expected_cost"] == pytest.approx(said["expected_minutes"] * 2 * 60, rel=0.05, abs=0.1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--until", "2026-10-01"], "--until needs --since", id="an end alone"),
        pytest.param(["--since", "2026-10-02", "--until", "2026-10-01"], "is after --until", id="turned round"),
        pytest.param(["--since", "yesterday"], "write it as YYYY-MM-DD", id="no day"),
        pytest.param(["--reprocess", "all"], "'none', 'failed', 'completed'", id="not Airflow's word"),
    ],
)
def test_a_part_that_makes_no_sense_is_refused_with_what_is_allowed(
    words: list[str], says: str, organisation: Organisation
) -> None:
    done = CliRunner().invoke(cli, ["scan", "-c", str(organisation.settings), *words])
    assert done.exit_code == 2
    assert says in done.output
