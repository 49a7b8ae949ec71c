"""What the settings of a store leave out or slow down: links, hidden files, requests and bytes a second."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from plugins.settings import StoreSettings
from plugins.stores.objects import ObjectStore
from plugins.stores.pace import Pace
from plugins.stores.records import StoredObject, StoreProblem

pytest_plugins = ("tests.s3",)


class Clock:
    """A clock that goes on by the pauses that are made, and notes them."""

    def __init__(self) -> None:
        self.now, self.pauses = 1000.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with a file, links of every kind, and hidden names; ``elsewhere`` lies beside it."""
    made, disk = tmp_path / "store", tmp_path / "elsewhere"
    (made / "a" / ".thumbs").mkdir(parents=True)
    (disk / "day").mkdir(parents=True)
    for path in (made / "a/1.jpg", made / "a/.thumbs/1.jpg", made / ".2.jpg", disk / "day/3.jpg", disk / "4.jpg"):
        path.write_bytes(b"data")
    (made / "in").symlink_to(made / "a/1.jpg")
    (made / "out").symlink_to(disk / "4.jpg")
    (made / "disk").symlink_to(disk)
    (made / "loop").symlink_to(made)
    (made / "climbs").symlink_to("../elsewhere/day/../4.jpg")
    (made / "device").symlink_to("/dev/zero")
    return made


def opened(folder: Path, **more: Any) -> ObjectStore:
    return ObjectStore(StoreSettings(name="cams", url=str(folder), purpose="p", **more), folder.parent)


def listed(store: ObjectStore, folder: Path) -> dict[str, str | None]:
    return {str(Path(o.uri).relative_to(folder)): o.skip for o in store.list()}


SEEN = {"a/1.jpg": None, "a/.thumbs/1.jpg": None, ".2.jpg": None}


@pytest.mark.parametrize(
    ("links", "found", "excluded"),
    [
        pytest.param("skip", {}, 6, id="skip"),
        pytest.param(
            "inside",
            {"in": None, "out": "outside", "disk": "outside", "loop": "link", "climbs": "outside", "device": "outside"},
            0,
            id="inside",
        ),
        pytest.param(
            "follow",
            {
                "in": None,
                "out": None,
                "disk/4.jpg": None,
                "disk/day/3.jpg": None,
                "loop": "link",
                "climbs": None,
                "device": "special",
            },
            0,
            id="follow",
        ),
    ],
)
def test_links_lead_as_far_as_the_settings_say(folder, links, found, excluded):
    store = opened(folder, links=links)
    assert listed(store, folder) == SEEN | found
    assert store.excluded == excluded


def test_without_a_word_links_do_not_lead_out_but_the_root_may_be_one(folder):
    (folder.parent / "root").symlink_to(folder)
    root = folder.parent / "root"
    found = listed(opened(root), root)
    assert found["in"] is None
    assert found["out"] == "outside"


@pytest.mark.parametrize("links", ["skip", "inside"])
def test_a_file_that_became_a_link_leading_out_is_not_read(folder, links):
    store = opened(folder, links=links)
    [found] = [o for o in store.list() if o.uri.endswith("/a/1.jpg")]
    (folder / "a/1.jpg").unlink()
    (folder / "a/1.jpg").symlink_to(folder.parent / "elsewhere/4.jpg")
    with pytest.raises(StoreProblem) as caught:
        store.read(found)
    assert caught.value.kind == "not_a_file"
    assert opened(folder, links="follow").read(found) == b"data"


def test_an_address_that_climbs_is_not_read(folder):
    store = opened(folder)
    with pytest.raises(StoreProblem) as caught:
        store.read(StoredObject("cams", f"{folder}/a/../../elsewhere/4.jpg", "", -1))
    assert caught.value.kind == "not_a_file"


def test_two_links_into_each_other_end(tmp_path):
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / "store" / name).mkdir(parents=True)
        (tmp_path / "store" / name / "to").symlink_to(tmp_path / "store" / other)
    store = tmp_path / "store"
    (store / "one" / "x.jpg").write_bytes(b"x")
    for links in ("inside", "follow"):
        assert listed(opened(store, links=links), store) == {"one/to": "link", "one/x.jpg": None, "two/to": "link"}


def test_hard_links_are_objects_of_their_own(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store/a.jpg").write_bytes(b"data")
    os.link(tmp_path / "store/a.jpg", tmp_path / "store/b.jpg")
    store = opened(tmp_path / "store")
    assert [(Path(o.uri).name, store.read(o)) for o in store.list()] == [("a.jpg", b"data"), ("b.jpg", b"data")]


def test_hidden_files_are_looked_at_until_the_settings_say_otherwise(folder):
    assert set(listed(opened(folder, links="skip"), folder)) == set(SEEN)
    store = opened(folder, links="skip", hidden="skip")
    assert listed(store, folder) == {"a/1.jpg": None}
    assert store.excluded == 6 + 2


def test_a_hidden_folder_above_the_store_hides_nothing(tmp_path):
    root = tmp_path / ".hidden" / "store"
    root.mkdir(parents=True)
    (root / "x.jpg").write_bytes(b"x")
    assert listed(opened(root, hidden="skip"), root) == {"x.jpg": None}


def paced(folder: Path, clock: Clock, **more: Any) -> ObjectStore:
    settings = StoreSettings(name="cams", url=str(folder), purpose="p", links="skip", **more)
    return ObjectStore(settings, folder.parent, pause=clock.pause, clock=clock)


def test_requests_wait_for_their_turn(folder):
    clock = Clock()
    store = paced(folder, clock, max_requests_per_second=4)
    objects = list(store.list())  # three folders are listed: the root, a, a/.thumbs
    assert clock.pauses == [0.25, 0.25]
    for found in objects:
        store.read(found)
    assert clock.pauses == [0.25] * 5


def test_time_that_passed_anyway_is_not_waited_for_and_not_saved_up(folder):
    clock = Clock()
    pace = Pace(2, None, clock, clock.pause)
    pace.request()
    clock.now += 60
    pace.request()
    assert clock.pauses == []
    pace.request()
    assert clock.pauses == [0.5]


def test_bytes_put_off_the_requests_after_them(folder):
    clock = Clock()
    listed = list(paced(folder, clock).list())
    for found in listed:
        Path(found.uri).write_bytes(bytes(2_000_000))
    store = paced(folder, clock, max_bytes_per_second=4_000_000)
    for found in listed:
        store.read(found)
    assert clock.pauses == [0.5, 0.5]


def test_both_limits_hold_together():
    clock = Clock()
    pace = Pace(10, 100, clock, clock.pause)
    pace.request()
    pace.took(200)
    pace.request()
    assert clock.pauses == [2.1]


def test_without_a_limit_nobody_waits():
    clock = Clock()
    pace = Pace(None, None, clock, clock.pause)
    for _ in range(100):
        pace.request()
        pace.took(10**9)
    assert clock.pauses == []


@pytest.mark.backend
def test_pages_of_a_bucket_are_paced(s3, s3_server, tmp_path, monkeypatch):
    import s3fs

    from tests.buckets import BUCKET, options_of

    real = s3fs.S3FileSystem._call_s3
    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", lambda self, *a, **k: real(self, *a, MaxKeys=2, **k))
    for number in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"{number}.jpg", Body=b"x")
    clock = Clock()
    options = {"options": options_of(s3_server), "max_requests_per_second": 10}
    settings = StoreSettings(name="s", url=f"s3://{BUCKET}", purpose="p", **options)
    assert len(list(ObjectStore(settings, tmp_path, pause=clock.pause, clock=clock).list())) == 5
    assert clock.pauses == [0.1, 0.1]  # three pages
