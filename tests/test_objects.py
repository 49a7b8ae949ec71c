"""Stores of pictures: folders, memory and S3 (a real server over HTTP), and what names say."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import fsspec
import pytest

from plugins.settings import StoreSettings
from plugins.stores.objects import ObjectStore, captured_from_name, subject_from_uri
from plugins.stores.records import StoredObject, StoreProblem
from tests.buckets import BUCKET, SECRET

if TYPE_CHECKING:
    from tests.servers import Sftp

pytest_plugins = ("tests.databases", "tests.s3", "tests.servers")

SHANGHAI = ZoneInfo("Asia/Shanghai")
FILES = {
    "gate/20261101T080000.jpg": b"first",
    "gate/20261101T090000.jpg": b"second one",
    "gate.jpg": b"sorts before what is in the folder",
    ".hidden/x.jpg": b"hidden",
    "empty.jpg": b"",
    "notes.txt": b"text",
}
NOWHERE = {
    "key": "clerk",
    "secret": SECRET,
    "endpoint_url": "http://127.0.0.1:1",
    "config_kwargs": {"retries": {"max_attempts": 1}, "connect_timeout": 1},
}


Put = Callable[[str, bytes], None]
Remove = Callable[[str], None]


class Place:
    """A place to keep pictures in: where it is for the settings, and ways to change it."""

    def __init__(self, url: str, options: dict[str, Any], put: Put, remove: Remove) -> None:
        self.url, self.options, self.put, self.remove = url, options, put, remove
        for name, data in FILES.items():
            put(name, data)


SERVERS = [pytest.param(name, marks=pytest.mark.backend) for name in ("s3", "gcs", "azure", "sftp")]


@pytest.fixture(params=["folder", "memory", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param in {"gcs", "azure"}:
        return cloud_place(request)
    if request.param == "sftp":
        return sftp_place(request)
    if request.param == "folder":
        root = tmp_path / "store"

        def put(name: str, data: bytes) -> None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)

        return Place("./store", {}, put, lambda name: (root / name).unlink())
    if request.param == "memory":
        memory = fsspec.filesystem("memory")
        request.addfinalizer(lambda: memory.rm("/pictures", recursive=True))
        return Place(
            "memory://pictures",
            {},
            lambda name, data: memory.pipe_file(f"/pictures/{name}", data),
            lambda name: memory.rm_file(f"/pictures/{name}"),
        )
    client, server = request.getfixturevalue("s3"), request.getfixturevalue("s3_server")
    return Place(
        f"s3://{BUCKET}/pictures",
        {"key": "clerk", "secret": SECRET, "endpoint_url": server},
        lambda name, data: client.put_object(Bucket=BUCKET, Key=f"pictures/{name}", Body=data),
        lambda name: client.delete_object(Bucket=BUCKET, Key=f"pictures/{name}"),
    )


def cloud_place(request: pytest.FixtureRequest) -> Place:
    if request.param == "gcs":
        from gcsfs.core import GCSFileSystem

        options = {"endpoint_url": request.getfixturevalue("gcs_server"), "token": "anon", "project": "test"}
        url, fs = "gs://cloud", GCSFileSystem(**options)
    else:
        from adlfs import AzureBlobFileSystem

        options = {"connection_string": request.getfixturevalue("azure_server")}
        url, fs = "abfs://cloud", AzureBlobFileSystem(**options)
        if not fs.exists("cloud"):
            fs.mkdir("cloud")
    request.addfinalizer(lambda: fs.rm(fs.find("cloud")))
    return Place(
        f"{url}/pictures",
        options,
        lambda name, data: fs.pipe_file(f"cloud/pictures/{name}", data),
        lambda name: fs.rm_file(f"cloud/pictures/{name}"),
    )


def sftp_place(request: pytest.FixtureRequest) -> Place:
    server: Sftp = request.getfixturevalue("sftp_server")
    root = server.root / "pictures"
    request.addfinalizer(lambda: shutil.rmtree(root))

    def put(name: str, data: bytes) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)

    return Place(server.url("/pictures"), server.options(), put, lambda name: (root / name).unlink())


@pytest.fixture
def open_store(place: Place, tmp_path: Path, no_pause) -> Callable[..., ObjectStore]:
    def opened(**more: Any) -> ObjectStore:
        settings = StoreSettings(name="cameras", url=place.url, options=place.options, purpose="security", **more)
        return ObjectStore(settings, tmp_path, pause=no_pause)

    return opened


def names(objects: list[StoredObject]) -> list[str]:
    return [o.uri.partition("/store/")[2] or o.uri.partition("pictures/")[2] for o in objects]


# -- the same in every place -------------------------------------------------------------------------------------------


def test_everything_is_listed_once_in_the_order_of_paths(open_store):
    listed = list(open_store().list())
    assert names(listed) == sorted(FILES)
    assert [o.size_bytes for o in listed] == [len(FILES[name]) for name in sorted(FILES)]
    assert all(o.modified_at is not None and o.modified_at.tzinfo is UTC for o in listed)
    assert {o.skip for o in listed} == {None}


def test_what_was_listed_is_read_back_byte_for_byte(open_store):
    store = open_store()
    assert [store.read(o) for o in store.list()] == [FILES[name] for name in sorted(FILES)]


def test_another_process_reads_by_the_address_alone(open_store):
    found = list(open_store().list())[-1]
    assert open_store().read(StoredObject("cameras", found.uri, "", -1)) == FILES["notes.txt"]


def test_the_version_stays_while_nothing_changes_and_changes_with_the_content(open_store, place):
    before = {o.uri: o.version for o in open_store().list()}
    assert {o.uri: o.version for o in open_store().list()} == before
    place.put("gate.jpg", b"something else")
    changed = [o.uri for o in open_store().list() if before[o.uri] != o.version]
    assert len(changed) == 1
    assert changed[0].endswith("gate.jpg")


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        pytest.param(["*.jpg"], [], 5, id="by ending, at any depth"),
        pytest.param(["*"], [".hidden"], 5, id="without a folder"),
        pytest.param(["*"], [".hidden/"], 5, id="without a folder, with a slash"),
        pytest.param(["gate/*"], [], 2, id="one folder"),
        pytest.param(["*"], ["gate/*T09*"], 5, id="by path"),
        pytest.param(["**/x.jpg"], [], 1, id="any folder"),
        pytest.param(["*.jpg"], ["*.jpg"], 0, id="everything left out"),
    ],
)
def test_globs_choose_and_what_they_leave_out_is_counted(open_store, include, exclude, left):
    store = open_store(include=include, exclude=exclude)
    assert len(list(store.list())) == left
    assert store.excluded == len(FILES) - left


def test_an_object_that_went_away_is_vanished_and_not_tried_again(open_store, place):
    store = open_store()
    found = list(store.list())[-1]
    place.remove("notes.txt")
    with pytest.raises(StoreProblem) as caught:
        store.read(found)
    assert (caught.value.kind, caught.value.retry) == ("vanished", False)
    assert "notes" not in str(caught.value)


def test_an_object_that_grew_is_read_as_it_is_now(open_store, place):
    store = open_store()
    found = list(store.list())[-1]
    place.put("notes.txt", b"much longer than before")
    assert store.read(found) == b"much longer than before"


def test_the_size_limit_is_exact(open_store):
    store = open_store()
    found = list(store.list())[-1]
    assert store.read(found, 4) == b"text"
    with pytest.raises(StoreProblem) as caught:
        store.read(found, 3)
    assert caught.value.kind == "too_large"


def test_a_place_that_is_not_there_is_a_problem_and_not_an_empty_store(place, tmp_path):
    settings = StoreSettings(name="cameras", url=place.url + "-not", options=place.options, purpose="p")
    with pytest.raises(StoreProblem, match="cameras: there is nothing at its url"):
        list(ObjectStore(settings, tmp_path).list())


def test_one_object_can_be_a_store(place, tmp_path):
    settings = StoreSettings(name="one", url=place.url + "/gate.jpg", options=place.options, purpose="p")
    store = ObjectStore(settings, tmp_path)
    [found] = store.list()
    assert store.read(found) == FILES["gate.jpg"]


# -- folders -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "store"
    made.mkdir()
    return made


def store_of(folder: Path, pause: Callable[[float], object] = lambda s: None, **more: Any) -> ObjectStore:
    return ObjectStore(StoreSettings(name="cameras", url=str(folder), purpose="p", **more), folder.parent, pause=pause)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(b"caf\xe9.jpg", id="latin-1 bytes"),
        pytest.param(b"two\nlines.jpg", id="a line break"),
        pytest.param(b"100%41.jpg", id="what looks percent-encoded"),
        pytest.param("照片 1.jpg".encode(), id="Chinese"),
        pytest.param(b"quoted:x.jpg", id="what looks like our own mark"),
        pytest.param(b"-rf *?[a].jpg", id="shell characters"),
    ],
)
def test_file_names_of_any_bytes_become_printable_and_are_read_again(folder, name):
    try:
        (folder / os.fsdecode(name)).write_bytes(b"data")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    store = store_of(folder)
    [found] = store.list()
    assert found.uri.isprintable()
    found.uri.encode("utf-8")
    assert store.read(found) == b"data"


def test_special_files_are_listed_as_skipped_and_never_opened(folder):
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # the path of a socket may have no more than 104 bytes
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
    (folder / "x.jpg").write_bytes(b"x")
    (folder / "null").symlink_to("/dev/null")
    found = {Path(o.uri).name: (o.skip, o.size_bytes) for o in store_of(folder, links="follow").list()}
    assert found == {
        "pipe": ("special", -1),
        "socket": ("special", -1),
        "null": ("special", -1),
        "x.jpg": (None, 1),
    }


def test_a_file_that_became_a_pipe_is_refused_without_waiting(folder):
    (folder / "x.jpg").write_bytes(b"x")
    store = store_of(folder)
    [found] = store.list()
    (folder / "x.jpg").unlink()
    os.mkfifo(folder / "x.jpg")
    with pytest.raises(StoreProblem) as caught:
        store.read(found)
    assert caught.value.kind == "not_a_file"


def test_links_are_followed_once_and_loops_never(folder, tmp_path):
    (folder / "a").mkdir()
    (folder / "a" / "1.jpg").write_bytes(b"1")
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "again").symlink_to(folder / "a")
    (folder / "up").symlink_to("/")
    (folder / "self").symlink_to(folder / "self")
    (folder / "broken").symlink_to(folder / "none")
    (folder / "file").symlink_to(folder / "a" / "1.jpg")
    disk = tmp_path / "disk"
    (disk / "day").mkdir(parents=True)
    (disk / "day" / "2.jpg").write_bytes(b"22")
    (disk / "day" / "back").symlink_to(disk)
    (folder / "other").symlink_to(disk)
    (folder / "twice").symlink_to(disk / "day")
    found = {
        str(Path(o.uri).relative_to(folder)): o.skip or o.size_bytes for o in store_of(folder, links="follow").list()
    }
    assert found == {
        "a/1.jpg": 1,
        "a/loop": "link",
        "again": "link",
        "broken": "vanished",
        "file": 1,
        "other/day/2.jpg": 2,
        "other/day/back": "link",
        "self": "unreadable",
        "twice": "link",
        "up": "link",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_said(folder):
    (folder / "locked").mkdir(mode=0)
    (folder / "x.jpg").write_bytes(b"x")
    (folder / "x.jpg").chmod(0)
    store = store_of(folder)
    listed = list(store.list())
    assert [o.skip for o in listed] == ["unreadable", None]
    with pytest.raises(StoreProblem, match="no permission"):
        store.read(listed[1])
    (folder / "locked").chmod(0o700)


def test_a_folder_deeper_than_pythons_stack_is_walked(folder):
    path = str(folder)
    for _ in range(1_100):
        path += "/d"
        Path(path).mkdir()
    Path(path, "x.jpg").write_bytes(b"x")
    try:
        [found] = store_of(folder).list()
        assert found.uri == f"{path}/x.jpg"
    finally:
        Path(path, "x.jpg").unlink()
        while path != str(folder):  # pytest cannot remove it: shutil's own walk is recursive
            Path(path).rmdir()
            path = path[:-2]


def test_a_relative_url_and_a_file_url_mean_the_same_folder(folder, tmp_path):
    (folder / "x.jpg").write_bytes(b"x")
    uris = set()
    for url in ("./store", str(folder), f"file://{folder}"):
        [found] = ObjectStore(StoreSettings(name="s", url=url, purpose="p"), tmp_path).list()
        uris.add(found.uri)
    assert uris == {str(folder / "x.jpg")}


# -- trying again ------------------------------------------------------------------------------------------------------


class Flaky(OSError):
    """What a network does."""


@pytest.mark.parametrize(
    ("failures", "pauses"),
    [pytest.param(1, [0.5], id="once"), pytest.param(2, [0.5, 2.0], id="twice")],
)
def test_a_passing_failure_is_tried_again_with_longer_pauses(folder, monkeypatch, failures, pauses):
    (folder / "x.jpg").write_bytes(b"x")
    waited: list[float] = []
    store = store_of(folder, waited.append)
    [found] = store.list()
    left = [TimeoutError()] * failures
    real = os.open

    def flaky(path: Any, *args: Any) -> int:
        if str(path).endswith("x.jpg") and left:
            raise left.pop()
        return real(path, *args)

    monkeypatch.setattr(os, "open", flaky)
    assert store.read(found) == b"x"
    assert waited == pauses


def test_after_three_failures_the_object_is_given_up(folder, monkeypatch):
    (folder / "x.jpg").write_bytes(b"x")
    waited: list[float] = []
    store = store_of(folder, waited.append)
    [found] = store.list()

    def down(*args: Any) -> int:
        raise ConnectionResetError(f"{folder}/x.jpg password={SECRET}")

    monkeypatch.setattr(os, "open", down)
    with pytest.raises(StoreProblem) as caught:
        store.read(found)
    assert waited == [0.5, 2.0]
    assert caught.value.retry
    assert caught.value.kind == "unreadable"
    said = "".join(traceback.format_exception(caught.value))
    assert "x.jpg" not in said.replace(__file__, "")
    assert SECRET not in str(caught.value)


@pytest.mark.backend
def test_s3_that_answers_503_is_asked_again(s3, s3_server, tmp_path, no_pause, monkeypatch):
    import s3fs

    s3.put_object(Bucket=BUCKET, Key="x.jpg", Body=b"x")
    options = {"key": "clerk", "secret": SECRET, "endpoint_url": s3_server}
    store = ObjectStore(
        StoreSettings(name="s", url=f"s3://{BUCKET}", options=options, purpose="p"), tmp_path, pause=no_pause
    )
    [found] = store.list()
    left = [OSError(5, "503 Slow Down")] * 2
    real = s3fs.S3FileSystem.cat_file

    def flaky(self: Any, *args: Any, **more: Any) -> bytes:
        if left:
            raise left.pop()
        return bytes(real(self, *args, **more))

    monkeypatch.setattr(s3fs.S3FileSystem, "cat_file", flaky)
    assert store.read(found) == b"x"


# -- buckets -----------------------------------------------------------------------------------------------------------


@pytest.mark.backend
def test_s3_more_keys_than_a_page_and_keys_that_are_no_paths(s3, s3_server, tmp_path, monkeypatch):
    import s3fs

    real = s3fs.S3FileSystem._call_s3
    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", lambda self, *a, **k: real(self, *a, MaxKeys=3, **k))
    keys = [f"many/{n:04d}" for n in range(8)] + ["many/a//b.jpg", "many/q%20 x.jpg", "many/ü.jpg"]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    s3.put_object(Bucket=BUCKET, Key="many/marker/", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="many-others/x", Body=b"")
    options = {"key": "clerk", "secret": SECRET, "endpoint_url": s3_server}
    store = ObjectStore(StoreSettings(name="s", url=f"s3://{BUCKET}/many", options=options, purpose="p"), tmp_path)
    listed = list(store.list())
    assert [o.uri for o in listed] == [f"s3://{BUCKET}/{key}" for key in sorted(keys)]
    for found in listed[-3:]:
        assert store.read(found).decode() == found.uri.removeprefix(f"s3://{BUCKET}/")


@pytest.mark.backend
def test_s3_versions_are_etags(s3, s3_server, tmp_path):
    etag = s3.put_object(Bucket=BUCKET, Key="x.jpg", Body=b"x")["ETag"].strip('"')
    options = {"key": "clerk", "secret": SECRET, "endpoint_url": s3_server}
    [found] = ObjectStore(StoreSettings(name="s", url=f"s3://{BUCKET}", options=options, purpose="p"), tmp_path).list()
    assert found.version == etag


@pytest.mark.parametrize(
    ("url", "options", "says"),
    [
        pytest.param("s3://x", NOWHERE, "Could not connect", id="no server"),
        pytest.param("s3://", {"key": "k", "secret": SECRET}, "names no bucket", id="no bucket"),
        pytest.param(f"sftp://clerk:{SECRET}@127.0.0.1:1/x", {}, "cannot be listed", id="user info"),
        pytest.param(f"nothing://clerk:{SECRET}@x/y", {}, "Protocol not known", id="unknown protocol"),
        pytest.param("s3://x", {"secret": "${FACEWARDEN_NO_SUCH}"}, "FACEWARDEN_NO_SUCH", id="unset variable"),
    ],
)
def test_credentials_never_show(url, options, says, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    settings = StoreSettings(name="cameras", url=url, options=options, purpose="p")
    store = ObjectStore(settings, tmp_path)
    with pytest.raises(StoreProblem, match=says) as caught:
        list(store.list())
    said = (
        "".join(traceback.format_exception(caught.value)) + repr(store) + repr(settings) + str(settings) + caplog.text
    )
    assert SECRET not in said


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pattern", "taken"),
    [
        pytest.param("cam3_20261101T080910.jpg", "%Y%m%dT%H%M%S", (2026, 11, 1, 0, 9, 10), id="in the middle"),
        pytest.param("2026-11-01 08.09.jpg", "%Y-%m-%d %H.%M", (2026, 11, 1, 0, 9), id="dots are dots"),
        pytest.param("2026-11-01 08x09.jpg", "%Y-%m-%d %H.%M", None, id="dots are only dots"),
        pytest.param("20261345T080910.jpg", "%Y%m%dT%H%M%S", None, id="no such month"),
        pytest.param("20260230.jpg", "%Y%m%d", None, id="no such day"),
        pytest.param("20260230_20260301.jpg", "%Y%m%d", (2026, 2, 28, 16), id="the first real date"),
        pytest.param("1202611010.jpg", "%Y%m%d", None, id="digits of a longer number"),
        pytest.param("261101-080910-123.jpg", "%y%m%d-%H%M%S-%f", (2026, 11, 1, 0, 9, 10, 123000), id="fractions"),
        pytest.param("20261101T080910+0000.jpg", "%Y%m%dT%H%M%S%z", (2026, 11, 1, 8, 9, 10), id="its own zone"),
        pytest.param("20261101T080910Z.jpg", "%Y%m%dT%H%M%S%z", (2026, 11, 1, 8, 9, 10), id="Zulu"),
        pytest.param("2026305.jpg", "%Y%j", (2026, 10, 31, 16), id="day of the year"),
        pytest.param("portrait.jpg", "%Y%m%d", None, id="no date"),
        pytest.param("00010101.jpg", "%Y%m%d", None, id="before all calendars"),
    ],
)
def test_the_time_of_capture_is_read_from_the_name(name, pattern, taken):
    wanted = datetime(*taken, tzinfo=UTC) if taken else None
    assert captured_from_name(f"s3://bucket/20200101T000000/{name}", pattern, SHANGHAI) == wanted


@pytest.mark.parametrize(
    ("uri", "subject"),
    [
        pytest.param("/badges/P0042/front.jpg", "P0042", id="a folder"),
        pytest.param("/badges/x/front.jpg", None, id="no match"),
    ],
)
def test_the_persons_id_is_read_from_the_path(uri, subject):
    assert subject_from_uri(r"/(?P<subject>P\d+)/", uri) == subject


def test_pictures_filed_under_a_person_carry_the_same_pseudonym_as_the_databases(folder, keyring):
    (folder / "P0042").mkdir()
    (folder / "P0042" / "x.jpg").write_bytes(b"x")
    (folder / "y.jpg").write_bytes(b"y")
    settings = StoreSettings(name="s", url=str(folder), purpose="p", subject_pattern=r"/(?P<subject>P\d+)/")
    listed = list(ObjectStore(settings, folder, keyring).list())
    assert [o.subject_ref for o in listed] == [keyring.pseudonym("person", "P0042"), None]
