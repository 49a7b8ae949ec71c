"""What changed between two nights and why; several policies at once; Great Expectations' own pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from expectations.delta import Inputs, Sides, explain_delta, place_index, reasons
from expectations.findings import merged
from plugins import tasks
from plugins.cli import cli
from plugins.evidence import Evidence
from plugins.nightly import scan
from tests.organisation import AS_OF, Organisation, jpeg, write_registry

CLOCK = datetime(2026, 10, 21, tzinfo=UTC)
BEFORE, TODAY = date(2026, 3, 1), date(2026, 3, 2)
SAME = Inputs({"main": "1"}, "encoder", "consents", "settings", "log")


def finding(name: str, rule: str = "retention_overdue", **changes: Any) -> dict[str, Any]:
    base = {"finding_id": name, "rule": rule, "policy": "main", "severity": "medium", "store": "cam", "locator": name}
    rest = {"subject_ref": None, "since": date(2026, 2, 1), "due": None, "status": "open", "article": "Art. 1"}
    return {**base, **rest, **changes}


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(finding("x")))


def sides(before: pd.DataFrame, now: pd.DataFrame, today: Inputs, objects: list[str], objects_now: list[str]) -> Sides:
    def places(names: list[str]) -> Any:
        held = pd.DataFrame({"store": "cam", "uri": names, "subject_ref": None})
        return place_index(held, pd.DataFrame({"subject_ref": ["anna"]}))

    return Sides(before, now, BEFORE, (SAME, today), places(objects), places(objects_now))


@pytest.mark.parametrize(
    ("row", "today", "objects", "why"),
    [
        (finding("a"), SAME, [], "new objects"),
        (finding("a", since=TODAY), SAME, ["a"], "time passed"),
        (finding("a"), replace(SAME, settings="other"), ["a"], "changed settings"),
        (finding("a"), replace(SAME, policies={"main": "2"}), ["a"], "changed policy"),
        (finding("a", policy="other"), replace(SAME, policies={"main": "1", "other": "1"}), ["a"], "new policy"),
        (finding("a", "expired", subject_ref="anna"), replace(SAME, consents="x"), ["a"], "new consent list"),
        (finding("a", "expired", subject_ref="anna", since=TODAY), SAME, ["a"], "time passed"),
        (finding("a", "no_recorded_ground", subject_ref="anna"), SAME, ["a"], "other"),
        (finding("a", "threshold_filing"), replace(SAME, encoder="new"), ["a"], "new encoder"),
        (finding("a", "threshold_filing"), SAME, ["a"], "new count of people"),
        (finding("a", "retention_too_short", since=TODAY), SAME, ["a"], "objects gone"),
        (finding("a", "attestation_missing"), replace(SAME, decisions="x"), ["a"], "new decision or attestation"),
    ],
)
def test_a_new_finding_says_why_it_came(row: dict[str, Any], today: Inputs, objects: list[str], why: str) -> None:
    both = sides(table(), table(row), today, objects, ["a"])
    assert reasons(both.now, both, came=True).tolist() == [why]
    [rule] = explain_delta(both)
    assert (rule.rule, rule.new, rule.gone, rule.changed) == (row["rule"], {why: 1}, {}, 0)


@pytest.mark.parametrize(
    ("row", "today", "objects_now", "why"),
    [
        (finding("a"), SAME, [], "objects gone"),
        (finding("a"), replace(SAME, policies={"other": "1"}), ["a"], "policy no longer applied"),
        (finding("a", "withdrawn_still_stored", subject_ref="bob"), SAME, ["a"], "other"),
        (finding("a", "withdrawn_still_stored", subject_ref="anna"), replace(SAME, consents="x"), ["a"],
         "new consent list"),
        (finding("a", "threshold_warning"), SAME, ["a"], "new count of people"),
    ],
)  # fmt: skip
def test_a_finding_that_is_gone_says_why(row: dict[str, Any], today: Inputs, objects_now: list[str], why: str) -> None:
    both = sides(table(row), table(), today, ["a"], objects_now)
    assert reasons(both.before, both, came=False).tolist() == [why]


def test_what_stays_and_differs_is_counted_as_changed_and_what_is_the_same_not_at_all() -> None:
    before = table(finding("a"), finding("b"), finding("c"))
    now = table(finding("a"), finding("b", status="legal_hold"), finding("c", due=TODAY))
    [rule] = explain_delta(sides(before, now, SAME, ["a", "b", "c"], ["a", "b", "c"]))
    assert (rule.new, rule.gone, rule.changed) == ({}, {}, 2)


def test_findings_of_several_policies_are_one_where_they_speak_of_the_same() -> None:
    due = date(2026, 4, 1)
    one, other = (
        table(finding("a"), finding("b")),
        table(finding("a", policy="p2", article="Art. 9", severity="high", due=due)),
    )
    joint = merged([one, other]).set_index("finding_id")
    assert joint.loc["a", ["policy", "article", "severity", "due"]].tolist() == [
        "main, p2",
        "Art. 1; Art. 9",
        "high",
        due,
    ]
    assert joint.loc["b", "policy"] == "main"
    assert len(joint) == 2


# -- nights ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def night(organisation: Organisation) -> Callable[[str, date], dict[str, Any]]:
    def run(name: str, day: date) -> dict[str, Any]:
        scan(organisation.request(name, day), lambda: CLOCK + timedelta(days=day.day), lambda total: lambda n: None)
        evidence = Evidence(str(organisation.folder / "evidence"))
        report: dict[str, Any] = json.loads(evidence.read_bytes(f"reports/{name}.json"))
        return report

    return run


def changes(report: dict[str, Any]) -> dict[str, tuple[dict[str, int], dict[str, int]]]:
    return {rule["title"]: (rule["new"], rule["gone"]) for rule in report["delta"]["rules"]}


def test_the_second_night_tells_what_changed_and_why(
    organisation: Organisation, night: Callable[[str, date], dict[str, Any]]
) -> None:
    assert night("n1", AS_OF)["delta"] is None
    quiet = night("n2", AS_OF + timedelta(days=1))["delta"]
    assert (quiet["run_id"], quiet["since"], quiet["rules"]) == ("n1", AS_OF.isoformat(), [])
    (organisation.folder / "stores/gate/cam1_20261001T090000.jpg").unlink()
    from PIL import Image

    from detectors.pictures import pictures_folder

    picture = Image.open(pictures_folder() / "obama.jpg")
    picture.thumbnail((600, 600))
    organisation.put("gate/cam1_20261002T090000.jpg", jpeg(picture))
    registry = organisation.folder / "registry.db"
    registry.unlink()
    write_registry(registry)
    import sqlite3

    with sqlite3.connect(registry) as db:
        db.execute("delete from consents where id = 'SECRET-ID-1'")
    third = changes(night("n3", AS_OF + timedelta(days=2)))
    new, gone = third["Kept beyond the retention period"]
    assert (new, gone) == ({"new objects": 1}, {"objects gone": 1})
    assert third["People without a recorded ground"][0] == {"new consent list": 1}
    assert "SECRET" not in json.dumps(third)


def test_a_day_judged_again_after_later_ones_closes_nothing(
    organisation: Organisation, night: Callable[[str, date], dict[str, Any]]
) -> None:
    night("n1", AS_OF + timedelta(days=3))
    report = night("n2", AS_OF - timedelta(days=300))
    assert report["delta"] is None
    assert Evidence(str(organisation.folder / "evidence")).read("closed").empty


def test_further_policies_apply_to_their_stores_and_are_shown(
    organisation: Organisation, night: Callable[[str, date], dict[str, Any]]
) -> None:
    text = organisation.settings.read_text()
    further = "policies: [{policy: cn-video-799, stores: [hall]}, {policy: us-il-bipa, purposes: [access_control]}]\n"
    organisation.settings.write_text(further + text)
    report = night("n1", AS_OF)
    assert [other["name"] for other in report["others"]] == ["cn-video-799", "us-il-bipa"]
    assert {clock["rule"] for clock in report["filing"]} == {"public_place_filing"}
    findings = Evidence(str(organisation.folder / "evidence")).read("findings")
    by_policy = findings[findings["policy"] == "cn-video-799"]
    assert set(by_policy["store"]) <= {"hall", ""}
    assert set(by_policy["rule"]) >= {"public_place_filing", "attestation_missing"}
    assert findings["finding_id"].is_unique
    html = CliRunner().invoke(cli, ["report", "n1", "-c", str(organisation.settings), "--format", "html"]).stdout
    assert "Other policies that apply" in html
    assert "What somebody has to attest" in html


def test_policies_side_by_side_commit_nothing(
    organisation: Organisation, night: Callable[[str, date], dict[str, Any]]
) -> None:
    night("n1", AS_OF)
    commits = len(list((organisation.folder / "evidence/commits").iterdir()))
    words = ["judge", "-c", str(organisation.settings), "--as-of", AS_OF.isoformat()]
    words += ["--policy", "cn-draft-2023", "--policy", "eu-gdpr", "--policy", "us-il-bipa"]
    told = CliRunner().invoke(cli, words)
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines()[0].split() == ["cn-draft-2023", "eu-gdpr", "us-il-bipa"]
    rows = json.loads(CliRunner().invoke(cli, [*words, "--format", "json"]).stdout)["policies"]
    assert [(row["in_force"], row["verdict"], row["line"]) for row in rows] == [
        (False, "below", "more than 10,000 people"),
        (True, None, None),
        (True, None, None),
    ]
    assert rows[2]["people"] == {"low": 4, "high": 4}, "people with a template: photographs do not count there"
    assert len(list((organisation.folder / "evidence/commits").iterdir())) == commits


def test_a_policy_file_of_ones_own_judges_and_a_broken_one_is_one_line(
    organisation: Organisation, night: Callable[[str, date], dict[str, Any]]
) -> None:
    custom = Path("expectations/policies/custom.yaml").read_text(encoding="utf-8")
    (organisation.folder / "ours.yaml").write_text(custom.replace("people: 5000", "people: 2"), encoding="utf-8")
    organisation.settings.write_text(organisation.settings.read_text().replace("cn-draft-2023", "./ours.yaml"))
    report = night("n1", AS_OF)
    assert (report["people"]["threshold"], report["people"]["verdict"]) == (2, "above")
    (organisation.folder / "ours.yaml").write_text(custom.replace("days: 14", "days: -14"), encoding="utf-8")
    from expectations.policy import load_policy

    load_policy.cache_clear()
    told = CliRunner().invoke(cli, ["judge", "-c", str(organisation.settings)])
    assert "policy ours.yaml cannot be used: threshold.days: Input should be greater than 0" in str(told.exception)


def test_great_expectations_pages_show_counts_and_fetch_nothing(
    organisation: Organisation, night: Callable[[str, date], dict[str, Any]]
) -> None:
    night("n1", AS_OF)
    docs = organisation.folder / "docs"
    tasks.rejudge(organisation.request("j1"), CLOCK + timedelta(days=30), data_docs=docs)
    pages = {path.name: path.read_text(encoding="utf-8") for path in (docs / "cn-draft-2023").iterdir()}
    assert {"consent.html", "retention.html", "coverage.html", "head-count.html"} <= set(pages)
    together = "".join(pages.values())
    assert "unexpected values found" in pages["retention.html"]
    secrets = ["SECRET", "http://", "https://", "<script", "cam1_", "2026-10"]
    assert [secret for secret in secrets if secret in together] == []
