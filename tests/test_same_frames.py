"""A camera that looks at an empty corridor: its frames are compared, not searched, and a face among them is found."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from detectors.pictures import pictures_folder
from plugins import tasks
from plugins.evidence import Evidence, Fragment
from plugins.leading import GROUP, SAME_AS_BEFORE, led
from plugins.run import Run
from plugins.scan import scan_chunk, supervised
from plugins.stores.records import StoredObject
from tests.organisation import Organisation
from tests.test_night import CLOCK

FRAMES, WITH_A_FACE = 20, 7


@pytest.fixture
def corridor(organisation: Organisation) -> Organisation:
    """A store with the frames of one camera; the seventh shows somebody."""
    organisation.settings.write_text(
        organisation.settings.read_text().replace("chunk_objects: 4", "chunk_objects: 40, save_seconds: 0.001")
    )
    ground = Image.open(pictures_folder() / "coffee.png").convert("RGB").resize((640, 480))
    astronaut = Image.open(pictures_folder() / "astronaut.png").convert("RGB").resize((240, 240))
    rng = np.random.default_rng(0)
    for number in range(FRAMES):
        scene = ground.copy()
        if number == WITH_A_FACE:
            scene.paste(astronaut, (200, 120))
        noise, out = rng.normal(0, 2, (480, 640, 1)), io.BytesIO()
        Image.fromarray(np.clip(np.asarray(scene) + noise, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=85)
        organisation.put(f"hall/corridor/{number:02}.jpg", out.getvalue())
    return organisation


def looked_at(organisation: Organisation) -> pd.DataFrame:
    evidence = Evidence(str(organisation.folder / "evidence"))
    objects = evidence.read_fragment("objects", sum(evidence.parts().values(), Fragment()))
    objects = objects[objects["uri"].str.contains("corridor")].sort_values("uri").reset_index(drop=True)
    return objects[["uri", "status", "reason", "faces", "media_type", "captured_at"]]


def test_what_shows_the_same_as_an_empty_frame_is_not_searched_and_a_face_is_found(corridor: Organisation) -> None:
    request = corridor.request()
    tasks.look(request, list(tasks.plan(request).chunks))
    found = looked_at(corridor)
    same = (found["reason"] == SAME_AS_BEFORE).tolist()
    assert [n for n in range(FRAMES) if not same[n]] == [0, WITH_A_FACE, GROUP]
    assert (found["status"] == "scanned").all() and (found["media_type"] == "image/jpeg").all()
    assert found["faces"].tolist() == [int(n == WITH_A_FACE) for n in range(FRAMES)]
    assert found["captured_at"].notna().all()
    tasks.registers(request)
    tasks.identities(request)
    tasks.judge_and_commit(request, CLOCK, CLOCK)
    page = tasks.report_text(request, "html")
    assert f"{sum(same)} frames show the same as an empty one" in page


def test_a_run_that_goes_on_compares_with_the_same_frames(corridor: Organisation, tmp_path: Path) -> None:
    request = corridor.request()
    run, [chunk, *_] = Run(request), [name for name, count in tasks.plan(request).chunks.items() if count >= FRAMES]

    class Killed(Exception):
        pass

    def killed(done: int, after: list[int] = [0]) -> None:  # noqa: B006 - counts over calls
        after[0] += done
        if after[0] > WITH_A_FACE + 5:
            raise Killed

    with pytest.raises(Killed), supervised(run) as looking:
        scan_chunk(run, chunk, looking, killed)
    assert 0 < len(looked_at(corridor)) < FRAMES
    tasks.look(request, [chunk])
    same = (looked_at(corridor)["reason"] == SAME_AS_BEFORE).tolist()
    assert [n for n in range(FRAMES) if not same[n]] == [0, WITH_A_FACE, GROUP]


def test_every_frame_is_searched_where_that_is_asked_for(corridor: Organisation) -> None:
    text = corridor.settings.read_text().replace("purpose: security", "purpose: security, same_frames: look")
    corridor.settings.write_text(text)
    request = corridor.request()
    tasks.look(request, list(tasks.plan(request).chunks))
    assert looked_at(corridor)["reason"].isna().all()


def test_groups_end_with_their_folder_and_after_sixteen() -> None:
    names = [f"/a/{n:02}.jpg" for n in range(GROUP + 2)] + ["/b/1.jpg", "/b/2.jpg", "/a/c/3.jpg"]
    grouped = list(led(StoredObject("s", name, "v", 1) for name in names))
    leaders = [found.leader.uri if found.leader else None for found in grouped]
    assert leaders == [None, *["/a/00.jpg"] * (GROUP - 1), None, f"/a/{GROUP}.jpg", None, "/b/1.jpg", None]
