"""How stores are guarded: folders, buckets and databases are asked, and what they lack is a finding."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from expectations.facts import Facts
from expectations.policy import load_policy
from expectations.safeguards import CHECKS, forbidden_findings, safeguard_findings
from expectations.venues import venue_by_name
from plugins.guarding import guards_of
from plugins.nightly import scan
from plugins.run import Run
from plugins.stores.database import Database as Opened
from plugins.stores.guards import bucket_guards, database_guards, folder_guards
from tests.databases import Database
from tests.organisation import Organisation

pytest_plugins = ("tests.databases",)
DRAFT = load_policy("cn-draft-2023")


def said(guards: list[Any]) -> dict[str, str]:
    return {guard.check: guard.holds for guard in guards}


# -- folders -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that every user can come to: all above it let them through."""
    above = [tmp_path, *(p for p in tmp_path.parents if p.stat().st_uid == os.getuid())]
    before = {folder: folder.stat().st_mode for folder in above}
    for folder in above:
        folder.chmod(before[folder] | 0o011)
    if not all(folder.stat().st_mode & 0o001 for folder in tmp_path.parents):
        pytest.skip("a folder above the tests' own is closed to others")
    store = tmp_path / "store"
    store.mkdir(mode=0o750)
    store.chmod(0o755)
    yield store
    for folder, mode in before.items():
        folder.chmod(mode)


def test_files_that_everybody_can_read_or_change_are_counted(open_folder: Path) -> None:
    for name, mode in (("a.jpg", 0o644), ("b.jpg", 0o640), ("c.jpg", 0o666)):
        (open_folder / name).write_bytes(b"x")
        (open_folder / name).chmod(mode)
    readable, writable = folder_guards(str(open_folder))
    assert (readable.check, readable.holds, readable.detail) == ("not_world_readable", "no", "3 of 4 asked.")
    assert (writable.check, writable.holds, writable.detail) == ("not_world_writable", "no", "1 of 4 asked.")


def test_what_lies_behind_a_closed_folder_is_not_open_whatever_its_own_rights(open_folder: Path) -> None:
    (open_folder / "a.jpg").write_bytes(b"x")
    (open_folder / "a.jpg").chmod(0o666)
    open_folder.chmod(0o700)
    assert set(said(folder_guards(str(open_folder))).values()) == {"yes"}


def test_a_link_and_a_sticky_folder_are_taken_as_they_are(open_folder: Path) -> None:
    (open_folder / "link").symlink_to("/nowhere")
    (open_folder / "drop").mkdir()
    (open_folder / "drop").chmod(0o1773)
    open_folder.chmod(0o751)
    assert set(said(folder_guards(str(open_folder))).values()) == {"yes"}


# -- buckets -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    import s3fs

    fs = s3fs.S3FileSystem(key="k", secret="s", endpoint_url=f"http://{host}:{port}", skip_instance_cache=True)
    yield fs
    server.stop()


def test_a_bucket_is_asked_for_encryption_versions_and_who_may_read(bucket: Any) -> None:
    bucket.call_s3("create_bucket", Bucket="open")
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::open/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    bucket.call_s3("put_bucket_policy", Bucket="open", Policy=policy)
    bucket.call_s3("put_bucket_versioning", Bucket="open", VersioningConfiguration={"Status": "Enabled"})
    answers = {guard.check: guard for guard in bucket_guards(bucket, "open")}
    assert (answers["no_public_access"].holds, answers["no_public_access"].detail) == (
        "no",
        "Its policy allows everybody.",
    )
    assert answers["deletes_for_good"].holds == "no"
    assert answers["deletes_for_good"].detail == "Older versions are kept without end."
    assert answers["encrypted_at_rest"].holds == "no"


def test_a_bucket_that_is_closed_and_encrypted_has_nothing_to_be_told(bucket: Any) -> None:
    bucket.call_s3("create_bucket", Bucket="closed")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    bucket.call_s3("put_bucket_encryption", Bucket="closed", ServerSideEncryptionConfiguration={"Rules": [rule]})
    blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    bucket.call_s3("put_public_access_block", Bucket="closed", PublicAccessBlockConfiguration=blocked)
    assert set(said(bucket_guards(bucket, "closed")).values()) == {"yes"}


def test_a_grant_to_everybody_is_seen_and_older_versions_with_an_end_are_told_with_it(bucket: Any) -> None:
    bucket.call_s3("create_bucket", Bucket="granted", ACL="public-read")
    bucket.call_s3("put_bucket_versioning", Bucket="granted", VersioningConfiguration={"Status": "Enabled"})
    rule = {"ID": "r", "Status": "Enabled", "Prefix": "", "NoncurrentVersionExpiration": {"NoncurrentDays": 7}}
    bucket.call_s3("put_bucket_lifecycle_configuration", Bucket="granted", LifecycleConfiguration={"Rules": [rule]})
    answers = {guard.check: guard.detail for guard in bucket_guards(bucket, "granted") if guard.holds == "no"}
    assert answers["no_public_access"] == "Its access list names everybody."
    assert answers["deletes_for_good"] == "Older versions are kept for 7 days."


def test_what_a_server_does_not_answer_is_unknown_and_never_good() -> None:
    def refuse(method: str, **_: str) -> None:
        raise PermissionError(f"An error occurred (AccessDenied) when calling {method}")

    assert set(said(bucket_guards(SimpleNamespace(call_s3=refuse), "b")).values()) == {"unknown"}


# -- databases ---------------------------------------------------------------------------------------------------------


def test_tables_that_everybody_may_read_are_named(database: Database, tmp_path: Path) -> None:
    database.run("CREATE TABLE people (id int, template text)", "CREATE TABLE faces (id int)")
    url = sa.make_url(database.url)
    opened = Opened(database.url, None, "db", tmp_path)
    if database.kind == "postgres":
        assert said(database_guards(opened, url, ["people", "faces"]))["not_readable_by_all"] == "yes"
        database.run("GRANT SELECT ON people TO PUBLIC")
        [found] = [g for g in database_guards(opened, url, ["people", "faces"]) if g.check == "not_readable_by_all"]
        assert (found.holds, found.detail) == ("no", "Tables: people.")
        assert said(database_guards(opened, url, ["missing"]))["not_readable_by_all"] == "unknown"
    answers = said(database_guards(opened, url, ["people"]))
    if database.kind == "sqlite":
        assert answers == {}
    else:
        assert answers["encrypted_in_transit"] == "yes", "it does not leave the machine"
        assert answers["password_asked"] == ("yes" if url.password else "no")


def test_a_password_that_opens_two_servers_is_told_for_both(organisation: Organisation) -> None:
    text = organisation.settings.read_text()
    more = "".join(
        f"  - {{name: {name}, url: 'postgresql://{user}:{word}@127.0.0.1:1/x', purpose: p}}\n"
        for name, user, word in (("one", "a", "same"), ("two", "b", "same"), ("three", "a", "other"))
    )
    organisation.settings.write_text(text.replace("databases:\n", f"databases:\n{more}"))
    tables = guards_of(Run(organisation.request()))
    own = {
        name: dict(zip(t["check"], t["holds"], strict=True)).get("password_of_its_own") for name, t in tables.items()
    }
    assert (own["one"], own["two"], own["three"]) == ("no", "no", "yes")
    assert "same" not in "".join(t.to_csv() for t in tables.values()).replace("same_", "")


# -- findings ----------------------------------------------------------------------------------------------------------


def facts(**tables: Any) -> Facts:
    empty = dict.fromkeys(("objects", "faces", "subjects", "consents", "census", "coverage"), pd.DataFrame())
    base = {"store": "cam", "kind": "objects", "public_place": False, "purpose": "p", "max_days": None, "zone": "hall"}
    return Facts(**{**empty, "stores": pd.DataFrame([base]), **tables}).checked()


def test_each_safeguard_that_a_store_lacks_is_a_finding_and_the_unknown_ones_are_none() -> None:
    rows = [("cam", check, "no", "Some detail.") for check in CHECKS] + [("cam", "encrypted_at_rest", "unknown", None)]
    known = facts(safeguards=pd.DataFrame(rows, columns=["store", "check", "holds", "detail"]))
    found = safeguard_findings(known, DRAFT)
    assert found["locator"].tolist() == list(CHECKS)
    assert found["article"].unique().tolist() == ["2023 draft, Art. 7 and 8"]
    assert found["because"].str.endswith(" Some detail.").all()
    assert len(set(found["place"])) == len(CHECKS)


@pytest.mark.parametrize(
    ("venue", "zone", "severity"),
    [("toilet", "hall", "high"), ("", "Toilet, ground floor", "medium"), ("", "men's changing-room", "medium"),
     ("", "Guest rooms", "medium"), ("hotel", "hotel rooms", None), ("", "bathymetry hall", None), ("", "", None)],
)  # fmt: skip
def test_pictures_from_where_no_camera_may_be_are_a_finding(venue: str, zone: str, severity: str | None) -> None:
    row = {"store": "cam", "kind": "objects", "public_place": False, "purpose": "p", "max_days": None}
    seen = {"store": "cam", "uri": "a", "captured_at": None, "status": "scanned", "faces": 2, "subject_ref": None}
    known = facts(stores=pd.DataFrame([{**row, "venue": venue, "zone": zone}]), objects=pd.DataFrame([seen]))
    found = forbidden_findings(known, DRAFT, date(2026, 5, 4))
    assert found["severity"].tolist() == ([severity] if severity else [])
    assert not len(forbidden_findings(facts(stores=known.stores), DRAFT, date(2026, 5, 4))), "nothing is held"


def test_names_of_private_rooms_are_known_as_words_only() -> None:
    assert [venue_by_name(name) for name in ("cam-wc-2", "Saunas", "fitting room", "twc", "showroom")] == [
        "toilet",
        "public_bath",
        "fitting_room",
        "",
        "",
    ]


def test_a_night_asks_its_stores_and_keeps_the_answers_until_they_change(organisation: Organisation) -> None:
    def night(name: str, hour: int) -> pd.DataFrame:
        scan(organisation.request(name), lambda: datetime(2026, 10, 21, hour, tzinfo=UTC), lambda total: lambda n: None)
        return Run(organisation.request()).evidence.read("safeguards")

    first = night("n1", 1)
    assert set(first["store"]) >= {"gate", "hall"}
    assert set(first["check"]) <= set(CHECKS)
    assert night("n2", 2)["file"].tolist() == first["file"].tolist()
