"""The report as data: filled from the evidence tables, written and read back."""

from __future__ import annotations

import itertools
import json
from datetime import date
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from plugins.reports import fill
from plugins.reports.jsonfile import from_json, to_json, write_reports
from plugins.reports.page import to_html
from tests.report_sample import (
    DECIDE,
    TITLES,
    finding_frame,
    make_people,
    make_report,
)


@pytest.mark.parametrize("limit", [0, 1, 7, 30, 90, 365, 1095])
def test_no_bin_of_ages_is_half_overdue_and_nothing_is_lost(limit: int) -> None:
    ages = {age: 1 + age % 3 for age in range(0, 3 * limit + 40)} | {-2: 4}
    bins = fill.age_bins(ages, limit)
    assert sum(one.count for one in bins) == sum(ages.values())
    assert sum(b.count for b in bins if b.from_days > limit) == sum(n for age, n in ages.items() if age > limit)
    assert all(one.to_days == after.from_days for one, after in itertools.pairwise(bins))
    assert bins[0].from_days == 0
    assert bins[-1].to_days is None
    assert len(bins) <= 13


def test_ages_without_a_limit_are_binned_by_months() -> None:
    bins = fill.age_bins({0: 1, 45: 2, 5000: 3}, None)
    assert sum(one.count for one in bins) == 6
    assert {one.from_days % 30 for one in bins} == {0}
    assert fill.age_bins({}, 30) == ()


def test_findings_are_grouped_gravest_first_with_oldest_and_next_due() -> None:
    found = fill.findings_from(finding_frame(), TITLES, DECIDE, limit=5)
    assert [rule.rule for rule in found.rules] == ["consent_withdrawn", "consent_missing", "retention_overdue"]
    assert found.total == 458
    assert found.by_rule == {"consent_withdrawn": 9, "consent_missing": 412, "retention_overdue": 37}
    assert found.rules[0].next_due == date(2026, 12, 1)
    assert found.rules[1].oldest == date(2025, 3, 1)
    assert found.rules[1].next_due is None
    assert [len(rule.listed) for rule in found.rules] == [5, 5, 5]


def test_findings_read_back_from_arrow_fill_the_same_report() -> None:
    frame = finding_frame()
    days = pd.ArrowDtype(pa.date32())
    arrow = frame.astype({name: days for name in ("first_seen", "last_seen", "since", "due")})
    arrow["subject_ref"] = arrow["subject_ref"].astype(pd.StringDtype("pyarrow", na_value=float("nan")))
    assert fill.findings_from(arrow, TITLES) == fill.findings_from(frame, TITLES)


def test_of_a_pseudonym_only_a_short_part_is_shown() -> None:
    frame = finding_frame()
    html = to_html(make_report(findings=fill.findings_from(frame)))
    assert all(len(f.subject or "") <= 8 for rule in fill.findings_from(frame).rules for f in rule.listed)
    assert not any(ref in html for ref in frame["subject_ref"].dropna())


def test_the_json_file_has_the_promised_keys() -> None:
    read_back = json.loads(to_json(make_report()))
    assert set(read_back["coverage"]) >= {"seen", "scanned", "unchanged", "unsupported", "quarantined", "skipped"}
    assert set(read_back["people"]) >= {"low", "best", "high", "confidence", "verdict", "threshold", "rule"}
    assert set(read_back["filing"][0]) >= {"rule", "crossed_on", "due_on", "days_left"}
    assert read_back["filing"][0]["due_on"] == "2026-12-14"
    assert read_back["findings"]["total"] == sum(read_back["findings"]["by_rule"].values())
    assert [store["name"] for store in read_back["stores"]][:1] == ["station-cameras"]
    assert read_back["footprint"]["key_id"] == "9f1c22ab03de"


def test_a_report_read_back_is_the_same_report() -> None:
    report = make_report()
    assert from_json(to_json(report)) == report


def test_the_report_of_a_night_before_the_split_is_read_back() -> None:
    old = json.loads(to_json(make_report()))
    for name in ("split", "curve", "unusable", "calibrated", "in_any_image_low", "in_any_image_high"):
        del old["people"][name]
    people = from_json(json.dumps(old)).people
    assert (people.best, people.split, people.curve, people.calibrated) == (8_140, None, (), None)


def test_the_json_file_splits_the_people_and_gives_the_curve() -> None:
    people = json.loads(to_json(make_report()))["people"]
    assert people["split"] == {
        "enrolled": 3_120,
        "linked": 410,
        "unknown": {"low": 4_080, "best": 4_610, "high": 5_375},
    }
    assert (people["in_any_image_low"], people["in_any_image"], people["in_any_image_high"]) == (5_930, 6_480, 7_240)
    assert people["curve"][0] == {"strictness": 5.7, "groups": 2_210, "false_merge": 0.122, "false_split": 0.053}


def test_numbers_of_columns_are_written_as_plain_numbers() -> None:
    people = make_people(with_template=np.int64(7), confidence=np.float64(0.9))
    assert json.loads(to_json(make_report(people=people)))["people"]["with_template"] == 7


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(make_report(people=make_people(confidence=float("nan"))))


@pytest.mark.parametrize("where", ["folder", "memory"])
def test_both_files_are_written_whole_and_replace_the_old_ones(where: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "run 1") if where == "folder" else f"memory://reports-{tmp_path.name}/run 1/"
    write_reports(make_report(people=make_people(1, 2, 3)), folder)
    places = write_reports(make_report(), folder)
    with fsspec.open(places["json"], "rb") as file:
        assert json.load(file)["people"]["best"] == 8_140
    with fsspec.open(places["html"], "rb") as file:
        assert "8,140" in file.read().decode("utf-8")
    files, _ = fsspec.core.url_to_fs(folder)
    assert sorted(Path(name).name for name in files.ls(_, detail=False)) == ["report.html", "report.json"]
