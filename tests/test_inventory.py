"""S3 Inventory reports instead of a listing: the same objects, the same versions, and what is wrong with a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from plugins.settings import StoreSettings
from plugins.stores.objects import ObjectStore
from plugins.stores.records import StoredObject, StoreProblem
from tests.buckets import BUCKET, options_of
from tests.inventories import WRITERS, Report, table_of

pytest_plugins = ("tests.databases", "tests.s3")
pytestmark = pytest.mark.backend

DESTINATION = "facewarden-reports"
KEYS = [
    "cams/1.jpg",
    "cams/a//b.jpg",
    "cams/plus+and space&.jpg",
    'cams/ü "q".jpg',
    "cams/100%41,x.jpg",
    "cams-not/x.jpg",
]
BELOW = sorted(KEYS[:5])


@pytest.fixture
def filled(s3: Any) -> Iterator[Any]:
    """A bucket with objects, and another for reports."""
    for number, key in enumerate(KEYS):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x" * (number + 1))
    s3.put_object(Bucket=BUCKET, Key="cams/folder/", Body=b"")
    s3.create_bucket(Bucket=DESTINATION)
    yield s3
    for item in s3.list_objects_v2(Bucket=DESTINATION).get("Contents", ()):
        s3.delete_object(Bucket=DESTINATION, Key=item["Key"])
    s3.delete_bucket(Bucket=DESTINATION)


@pytest.fixture
def report(filled: Any) -> Report:
    return Report(
        lambda key, data: filled.put_object(Bucket=DESTINATION, Key=key, Body=data), BUCKET, DESTINATION, "inv"
    )


@pytest.fixture
def rows(filled: Any) -> list[dict[str, Any]]:
    return list(filled.list_objects_v2(Bucket=BUCKET)["Contents"])


Open = Callable[..., ObjectStore]


@pytest.fixture
def open_store(s3_server: str, tmp_path: Path, no_pause: Callable[[float], None]) -> Open:
    def opened(manifest: str | None, prefix: str = "/cams", **more: Any) -> ObjectStore:
        inventory = {"manifest": manifest, "max_age_days": 3} if manifest else None
        url, options = f"s3://{BUCKET}{prefix}", options_of(s3_server)
        settings = StoreSettings(name="s", url=url, options=options, purpose="p", inventory=inventory, **more)
        return ObjectStore(settings, tmp_path, pause=no_pause)

    return opened


def by_uri(objects: Iterator[StoredObject]) -> list[StoredObject]:
    return sorted(objects, key=lambda o: o.uri)


@pytest.mark.parametrize("form", WRITERS)
def test_an_inventory_gives_what_a_listing_gives_to_the_last_detail(form, report, rows, open_store):
    manifest = report.write(form, [table_of(rows[:3]), table_of(rows[3:])])
    listed = by_uri(open_store(None).list())
    assert [o.uri for o in listed] == [f"s3://{BUCKET}/{key}" for key in BELOW]
    assert by_uri(open_store(manifest).list()) == listed


@pytest.mark.parametrize("form", WRITERS)
def test_of_a_bucket_with_versions_only_the_present_ones_count(form, report, rows, open_store):
    old = {**rows[0], "ETag": '"0"', "IsLatest": False}
    removed = {**rows[1], "Key": "cams/removed.jpg", "Size": None, "ETag": "", "IsDeleteMarker": True}
    manifest = report.write(form, [table_of([old, *rows, removed])])
    assert by_uri(open_store(manifest).list()) == by_uri(open_store(None).list())


def test_the_whole_bucket_and_what_is_left_out_of_it(report, rows, open_store):
    store = open_store(report.write("CSV", [table_of(rows)]), "", exclude=["cams"])
    assert [o.uri for o in store.list()] == [f"s3://{BUCKET}/cams-not/x.jpg"]
    assert store.excluded == len(BELOW)
    assert store.listed_at == report.made_at.replace(microsecond=report.made_at.microsecond // 1000 * 1000)


def test_of_a_folder_of_reports_the_newest_finished_one_counts(report, rows, open_store, filled):
    now = report.made_at
    for days, some in ((2, rows[:2]), (1, rows)):
        report.made_at = now - timedelta(days=days)
        report.write("Parquet", [table_of(some)])
    filled.put_object(Bucket=DESTINATION, Key=f"inv/{now:%Y-%m-%dT%H-%MZ}/manifest.checksum", Body=b"not yet")
    assert len(list(open_store(f"s3://{DESTINATION}/inv/").list())) == len(BELOW)


def test_an_old_report_is_used_and_said_to_be_old(report, rows, open_store):
    report.made_at -= timedelta(days=4)
    store, seen = open_store(report.write("ORC", [table_of(rows)])), []
    with pytest.raises(StoreProblem, match=r"s: the inventory is of \d{4}-\d\d-\d\d, older than 3 days"):
        seen.extend(found for found in store.list())
    assert len(seen) <= len(BELOW)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"sourceBucket": "other"}, "of another bucket", id="foreign bucket"),
        pytest.param({"fileFormat": "XML"}, "in XML; CSV, ORC and Parquet are read", id="format"),
        pytest.param({"files": [{"key": "inv/data/0.csv.gz", "MD5checksum": "0" * 32}]}, r"\(MD5\)", id="MD5"),
        pytest.param({"files": [{"key": "inv/data/0.csv.gz"}]}, "manifest without MD5checksum", id="no MD5"),
        pytest.param({"files": [{"key": "gone", "MD5checksum": ""}]}, "is not there, or may not be read", id="no file"),
        pytest.param({"files": 7}, "a manifest that is none", id="files"),
        pytest.param({"creationTimestamp": "soon"}, "a manifest that is none", id="time"),
        pytest.param({"fileSchema": "Bucket, Key, Size"}, "cannot be read|no column", id="too few columns"),
    ],
)
def test_what_is_wrong_with_a_report_is_one_line(change, says, report, rows, open_store):
    manifest = report.write("CSV", [table_of(rows)], **change)
    with pytest.raises(StoreProblem, match=says) as caught:
        list(open_store(manifest).list())
    assert "\n" not in str(caught.value)
    assert "cams" not in str(caught.value)


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("without", ["size", "e_tag", "last_modified_date"])
def test_a_report_without_a_column_that_a_listing_gives_is_refused(form, without, report, rows, open_store):
    manifest = report.write(form, [table_of(rows).drop_columns(without)])
    with pytest.raises(StoreProblem, match=f"no column {without}"):
        list(open_store(manifest).list())


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) * 2 // 3], lambda data: b"\0" * len(data)])
def test_a_damaged_file_is_told_even_where_the_manifest_vouches_for_it(
    form, damage, report, rows, open_store, monkeypatch
):
    real = WRITERS[form]
    monkeypatch.setitem(WRITERS, form, lambda table: (damage(real(table)[0]), "damaged"))
    manifest = report.write(form, [table_of(rows * 20)])
    with pytest.raises(StoreProblem, match="a file that cannot be read"):
        list(open_store(manifest).list())


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_a_report_of_any_region_is_found(partition, report, rows, open_store):
    manifest = report.write("CSV", [table_of(rows)], destinationBucket=f"arn:{partition}:s3:::{DESTINATION}")
    assert len(list(open_store(manifest).list())) == len(BELOW)


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        pytest.param("inv/none/manifest.json", "is not there, or may not be read", id="no manifest"),
        pytest.param("inv", "there is nothing at|has no report yet", id="no folder"),
        pytest.param("bad/manifest.json", "a manifest that is none", id="no JSON"),
    ],
)
def test_no_report_is_a_problem_and_not_an_empty_store(manifest, says, filled, open_store):
    filled.put_object(Bucket=DESTINATION, Key="bad/manifest.json", Body=b'{"sourceBucket": ')
    with pytest.raises(StoreProblem, match=says):
        list(open_store(f"s3://{DESTINATION}/{manifest}").list())


def test_a_report_with_nothing_below_the_url_is_a_problem(report, rows, open_store):
    manifest = report.write("CSV", [table_of(rows)])
    with pytest.raises(StoreProblem, match="there is nothing at its url"):
        list(open_store(manifest, "/nowhere").list())


def test_an_empty_bucket_has_a_report_without_rows(report, open_store):
    manifest = report.write("Parquet", [pa.Table.from_pylist([], schema=table_of([]).schema)])
    assert list(open_store(manifest, "").list()) == []


def test_the_times_of_a_report_are_utc(report, rows, open_store):
    [found, *_] = open_store(report.write("ORC", [table_of(rows)])).list()
    assert found.modified_at.tzinfo is UTC
    assert abs(found.modified_at - datetime.now(UTC)) < timedelta(minutes=10)
