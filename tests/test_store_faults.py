"""Stores and disks that fail: what is tried again, what is put aside, and that the run goes on."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins import tasks
from plugins.evidence import Evidence, Fragment, NotWritten, Pending
from plugins.stores.listing import walk_any
from tests.misbehaving import STALL_SECONDS, Plan, misbehaving
from tests.organisation import Organisation
from tests.test_night import CLOCK, facts, scan

FAULTS = ["503", "reset", "cut", "stall"]


@pytest.fixture
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def filled(endpoint: str, folder: Path) -> Any:
    import boto3

    given = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=endpoint, **given)
    client.create_bucket(Bucket="cameras")
    for path in sorted((folder / "stores").rglob("*.*")):
        client.upload_file(str(path), "cameras", str(path.relative_to(folder / "stores")))
    return client


def through(organisation: Organisation, url: str) -> None:
    """Have the organisation's stores be in the bucket behind a URL."""
    settings = yaml.safe_load(organisation.settings.read_text(encoding="utf-8"))
    patience = {"read_timeout": STALL_SECONDS / 3, "retries": {"max_attempts": 0}}
    for store in settings["stores"]:
        store["url"] = f"s3://cameras/{store['name']}"
        store["options"] = {"endpoint_url": url, "key": "k", "secret": "s", "config_kwargs": patience}
    settings.pop("databases", None)
    organisation.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")


def looked_at(
    organisation: Organisation, run_id: str = "night-1", chunks: list[str] | None = None
) -> dict[str, tuple[str, str | None]]:
    asked = organisation.request(run_id)
    tasks.look(asked, list(tasks.plan(asked).chunks) if chunks is None else chunks)
    evidence = Evidence(str(organisation.folder / "evidence"))
    objects = evidence.read_fragment("objects", sum(evidence.parts().values(), Fragment()))
    return {Path(o.uri).name: (o.status, None if o.status == "scanned" else o.reason) for o in objects.itertuples()}


def commit(organisation: Organisation) -> None:
    """End a night without judging it."""
    evidence = Evidence(str(organisation.folder / "evidence"))
    evidence.commit("night-1", evidence.pending("pending/night-1"), CLOCK)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_tried_again_and_costs_nothing(
    fault: str, organisation: Organisation, endpoint: str
) -> None:
    filled(endpoint, organisation.folder)
    through(organisation, endpoint)
    truth = looked_at(organisation)
    asked = {path: fault for path in ("/cameras", "/cameras/gate/cam1_20261001T090000.jpg", "/cameras/hall/a.jpg")}
    plan: Plan = lambda path, times: asked.get(path) if times == 0 else None  # noqa: E731
    (organisation.folder / "evidence").rename(organisation.folder / "calm")
    with misbehaving(endpoint, plan) as proxy:
        through(organisation, proxy)
        assert looked_at(organisation) == truth
    assert {status for status, _ in truth.values()} == {"scanned", "quarantined"}


def test_what_the_store_never_gives_is_put_aside_and_read_when_it_does(
    organisation: Organisation, endpoint: str
) -> None:
    filled(endpoint, organisation.folder)
    plan: Plan = lambda path, times: "reset" if path.endswith("a.jpg") else None  # noqa: E731
    with misbehaving(endpoint, plan) as proxy:
        through(organisation, proxy)
        ended = looked_at(organisation)
    assert ended["a.jpg"] == ("quarantined", "unreadable")
    assert ended["cam1_20261001T090000.jpg"][0] == "scanned"
    commit(organisation)
    through(organisation, endpoint)
    assert looked_at(organisation, "night-2") == {"a.jpg": ("scanned", None)}, "and nothing else is read again"


def test_what_changed_or_vanished_since_the_listing_is_never_taken_for_what_was_listed(
    organisation: Organisation, endpoint: str
) -> None:
    client = filled(endpoint, organisation.folder)
    through(organisation, endpoint)
    asked = organisation.request("night-1")
    chunks = list(tasks.plan(asked).chunks)
    client.delete_object(Bucket="cameras", Key="hall/broken.jpg")
    client.copy_object(Bucket="cameras", Key="hall/a.jpg", CopySource="cameras/gate/cam1_20261016T090000.jpg")
    ended = looked_at(organisation, chunks=chunks)
    assert (ended["a.jpg"], ended["broken.jpg"]) == (("quarantined", "changed"), ("quarantined", "vanished"))
    commit(organisation)
    assert looked_at(organisation, "night-2") == {"a.jpg": ("scanned", None)}
    [part] = Evidence(str(organisation.folder / "evidence")).parts().values()
    assert Evidence(str(organisation.folder / "evidence")).read_fragment("faces", part).empty, "a cat now"


FULL_DISK = """
import resource, sys
from plugins.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["facewarden", "scan", "-c", sys.argv[2], "--as-of", "2026-10-20"]
main()
"""


def test_a_full_disk_ends_the_run_with_one_line_and_the_next_run_goes_on(organisation: Organisation) -> None:
    words = [sys.executable, "-c", FULL_DISK, "2000", str(organisation.settings)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("facewarden: ")]
    assert said == [
        "facewarden: evidence, vectors or report data cannot be written: File too large; see to that and run it again: "
        "it goes on"
    ]
    assert "Traceback" not in done.stderr
    assert not list(organisation.folder.rglob("*.aside"))
    assert scan(organisation.request())["coverage"]["scanned"] == 5


def test_a_place_that_cannot_be_written_to_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotWritten, match=r"cannot be written: (Not a directory|File exists); see to that"):
        Evidence(str(tmp_path / "file")).publish("pending/a.json", b"{}")


def test_what_is_committed_after_the_clock_was_put_back_is_read_as_later(tmp_path: Path) -> None:
    evidence = Evidence(str(tmp_path))
    for number, hours in enumerate((0, -5, -5, 1)):
        pending = Pending(Fragment({}, {"clocks": {"rule": number}}), [])
        evidence.commit(f"run-{number}", pending, CLOCK + timedelta(hours=hours))
    assert [commit.run_id for commit in evidence.commits()] == ["run-0", "run-1", "run-2", "run-3"]
    assert evidence.noted("clocks") == {"rule": 3}


def test_a_night_by_a_clock_that_was_put_back_says_what_is_there_now(organisation: Organisation) -> None:
    from plugins import nightly

    scan(organisation.request("night-1"))
    (organisation.folder / "stores/hall/a.jpg").unlink()
    back = organisation.request("night-2")
    nightly.scan(back, lambda: CLOCK - timedelta(days=2), lambda n: lambda k: None)
    assert json.loads(tasks.report_text(back, "json"))["coverage"]["gone"] == 1
    assert not facts(organisation)["objects"]["uri"].str.endswith("/a.jpg").any()


@pytest.mark.parametrize(
    ("include", "part"),
    [("*", {}), ("*.jpg", {}), ("*", {"since": date(2026, 9, 1), "until": date(2026, 9, 2)}), ("*", {"camera": "x"})],
    ids=["all", "by name", "some days", "a camera"],
)
def test_nothing_is_gone_from_a_folder_that_cannot_be_looked_into_tonight(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch, include: str, part: dict[str, Any]
) -> None:
    settings = yaml.safe_load(organisation.settings.read_text(encoding="utf-8"))
    settings["stores"][1]["include"] = [include]
    organisation.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
    picture = (organisation.folder / "stores/hall/a.jpg").read_bytes()
    organisation.put("hall/disk/day/1.jpg", picture)
    organisation.put("hall/disk-2/2.jpg", picture)
    before = scan(organisation.request("night-1"))
    listed = os.scandir

    def fails(folder: str) -> Any:
        if str(folder).endswith("/disk"):
            raise OSError(errno.EIO, "Input/output error")
        return listed(folder)

    (organisation.folder / "stores/hall/disk-2/2.jpg").unlink()
    with monkeypatch.context() as broken:
        broken.setattr(os, "scandir", fails)
        night = scan(organisation.request("night-2", **part))
    assert night["coverage"]["gone"] == 1
    assert night["coverage"]["skipped"] >= 1, "nobody knows of the picture below"
    kept = facts(organisation)["objects"]["uri"]
    assert kept.str.endswith("/disk/day/1.jpg").sum() == 1
    assert not kept.str.endswith("/disk-2/2.jpg").any()
    after = scan(organisation.request("night-3"))
    assert after["coverage"]["gone"] <= 1, "only the line of the folder goes"
    assert after["coverage"]["scanned"] == 0
    assert after["people"] == before["people"]


def test_a_folder_that_may_not_be_listed_hides_none_that_come_after_it(tmp_path: Path) -> None:
    from fsspec.implementations.local import LocalFileSystem

    class Closed(LocalFileSystem):  # type: ignore[misc]
        def ls(self, path: str, *arguments: Any, **more: Any) -> Any:
            if path.endswith("/lost+found"):
                raise PermissionError(errno.EACCES, "Permission denied")
            return super().ls(path, *arguments, **more)

    for name in ("a/1.jpg", "lost+found/2.jpg", "z/3.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    found = {Path(each.path).name: each.skip for each in walk_any(Closed(), str(tmp_path))}
    assert found == {"1.jpg": None, "lost+found": "unreadable", "3.jpg": None}
