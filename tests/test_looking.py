"""Looking at the objects of a chunk: files that end processes or ask for too much cost themselves, and nothing else."""

from __future__ import annotations

import os
import signal
import struct
import zlib
from functools import partial
from pathlib import Path

import pytest

from plugins import nightly, tasks
from plugins.child import Fetched
from plugins.evidence import Evidence, Fragment
from plugins.glance import Glance, Glancer, limits_of
from plugins.run import Run
from plugins.scan import scan_chunk
from plugins.settings import ScanSettings
from plugins.stores.records import StoredObject
from plugins.supervise import Supervisor
from tests.organisation import Organisation
from tests.test_night import CLOCK


class Fragile(Glancer):
    """Dies at one file, as a decoder with a hole in it would."""

    def do(self, fetched: Fetched[StoredObject]) -> Glance:
        if fetched.item.uri.endswith("/a.jpg"):
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().do(fetched)


def ended(organisation: Organisation) -> dict[str, tuple[str, str | None]]:
    evidence = Evidence(str(organisation.folder / "evidence"))
    objects = evidence.read_fragment("objects", sum(evidence.parts().values(), Fragment()))
    return {Path(o.uri).name: (o.status, None if o.status == "scanned" else o.reason) for o in objects.itertuples()}


def test_a_file_that_ends_the_process_twice_is_put_aside_and_tried_again_the_next_night(
    organisation: Organisation,
) -> None:
    run = Run(organisation.request("night-1"))
    ticks: list[int] = []
    with Supervisor(partial(Fragile, run.request, run.encoder), limits_of(run.settings.scan)) as looking:
        for chunk in tasks.plan(run.request).chunks:
            scan_chunk(run, chunk, looking, ticks.append)
    found = ended(organisation)
    assert found.pop("a.jpg") == ("quarantined", "crashed")
    assert sorted(status for status, _ in found.values()) == ["quarantined"] * 2 + ["scanned"] * 4
    assert sum(ticks) == 7
    run.evidence.commit("night-1", run.evidence.pending(run.folder), CLOCK)
    again = organisation.request("night-2")
    tasks.look(again, list(tasks.plan(again).chunks))
    assert ended(organisation) == {"a.jpg": ("scanned", None)}


def test_chunks_are_shared_out_among_processes_and_give_the_same(organisation: Organisation) -> None:
    request = organisation.request("night-1")
    ticks: list[int] = []
    counts = tasks.look(request, list(tasks.plan(request).chunks), ticks.append, workers=3)
    assert (dict(counts), sum(ticks)) == ({"scanned": 5, "quarantined": 2}, 7)
    assert tasks.look(request, list(tasks.plan(request).chunks)).total() == 0, "nothing is looked at twice"


def png(width: int, height: int, body: bool = True) -> bytes:
    """Make a black picture, gray of one byte; without body it only says that it is one."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * height if body else 1), 9)
    chunks = [(b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


HOSTILE = {
    "wide.png": (png(65535, 1), ("scanned", None)),
    "tall.png": (png(1, 65535), ("scanned", None)),
    "square.png": (png(65535, 65535, body=False), ("quarantined", "too_large")),
    "larger than memory.png": (png(65535, 3000), ("quarantined", "too_large")),
    "nothing.jpg": (b"", ("quarantined", "empty")),
    "a text.jpg": (b"no picture at all", ("quarantined", "not_an_image")),
    "a picture.txt": (png(40, 40), ("scanned", None)),
}


@pytest.mark.timeout(300)
def test_hostile_files_end_with_their_reasons_within_memory(organisation: Organisation) -> None:
    for path in (organisation.folder / "stores/hall").iterdir():
        path.unlink()
    for name, (data, _) in HOSTILE.items():
        organisation.put(f"hall/{name}", data)
    text = organisation.settings.read_text(encoding="utf-8")
    assert "chunk_objects: 4" in text
    organisation.settings.write_text(text.replace("chunk_objects: 4", "chunk_objects: 99, max_memory_mb: 800"))
    request = organisation.request("night-1", store="hall")
    tasks.look(request, list(tasks.plan(request).chunks))
    assert ended(organisation) == {name: outcome for name, (_, outcome) in HOSTILE.items()}


def test_a_limit_follows_the_settings() -> None:
    limits = limits_of(ScanSettings(max_seconds=7, max_memory_mb=900))
    assert (limits.step_seconds, limits.memory_mb) == (21, 900)


def test_vectors_that_a_killed_run_sealed_and_never_named_go_with_the_next_night(organisation: Organisation) -> None:
    nightly.scan(organisation.request("night-1"), lambda: CLOCK, lambda n: lambda k: None)
    sealed = organisation.folder / "vectors" / "sealed"
    before = sorted(path.name for path in sealed.iterdir())
    day = before[0].split("_", 1)[0]
    (sealed / f"{day}_0123456789abcdef-0-00000000").write_bytes((sealed / before[0]).read_bytes())
    nightly.scan(organisation.request("night-2"), lambda: CLOCK, lambda n: lambda k: None)
    assert sorted(path.name for path in sealed.iterdir()) == before
