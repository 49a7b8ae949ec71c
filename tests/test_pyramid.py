"""Large JPEGs are decoded small first, and in full only for what is too small then: with the same faces in the end."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from detectors import look
from detectors.decode import decode
from detectors.finder import shrink_for
from detectors.look import Look, Looker
from detectors.models import models_folder
from detectors.pictures import pictures_folder
from detectors.pyramid import Pyramid
from tests.organisation import jpeg


def camera_jpeg(face_px: int, turned: int = 1, size: tuple[int, int] = (4000, 3000)) -> bytes:
    """A 12-megapixel picture with sensor noise and the astronaut, whose face is about 0.2 of the picture's side."""
    astronaut = Image.open(pictures_folder() / "astronaut.png").convert("RGB")
    ground = Image.open(pictures_folder() / "coffee.png").convert("RGB").resize(size)
    side = round(face_px / 0.2)
    ground.paste(astronaut.resize((side, side), Image.Resampling.LANCZOS), (313, 207))
    noise = np.random.default_rng(1).normal(0, 4, (size[1], size[0], 1))
    pixels = np.clip(np.asarray(ground) + noise, 0, 255).astype(np.uint8)
    noisy = Image.fromarray(np.rot90(pixels, {1: 0, 6: 1, 3: 2}[turned]))
    exif = Image.Exif()
    exif[0x0112] = turned
    written = io.BytesIO()
    noisy.save(written, "JPEG", quality=90, exif=exif)
    return written.getvalue()


@pytest.fixture(scope="module")
def looker() -> Looker:
    return Looker(models_folder())


def both_ways(looker: Looker, data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[Look, Look]:
    quick = looker.look(data)
    with monkeypatch.context() as slow:
        slow.setattr(look, "shrink_for", lambda width, height: 1)
        return quick, looker.look(data)


@pytest.mark.parametrize("turned", [1, 6, 3])
@pytest.mark.parametrize("face_px", [60, 120, 250, 500])
def test_a_face_is_the_same_however_the_picture_was_decoded(
    looker: Looker, monkeypatch: pytest.MonkeyPatch, face_px: int, turned: int
) -> None:
    quick, slow = both_ways(looker, camera_jpeg(face_px, turned), monkeypatch)
    assert len(quick.faces) == len(slow.faces) == 1
    one, other = quick.faces[0], slow.faces[0]
    assert np.abs(one.face.box_xywh_px - other.face.box_xywh_px).max() < 0.06 * other.face.box_xywh_px[2]
    assert one.vector @ other.vector > 0.97
    assert abs(one.face.quality - other.face.quality) < 0.1


@pytest.mark.parametrize(("face_px", "sizes_wanted"), [(700, [2000]), (300, [2000]), (100, [2000, 4000])])
def test_a_picture_is_decoded_as_large_as_its_smallest_face_needs(
    looker: Looker, monkeypatch: pytest.MonkeyPatch, face_px: int, sizes_wanted: list[int]
) -> None:
    sizes = []

    def watched(data: bytes, *arguments: object) -> object:
        picture = decode(data, *arguments)  # type: ignore[arg-type]
        sizes.append(picture.frames[0].image_rgb.shape[1])
        return picture

    monkeypatch.setattr(look, "decode", watched)
    monkeypatch.setattr("detectors.decode.decode", watched)
    looker.look(camera_jpeg(face_px))
    assert sizes == sizes_wanted


def test_all_that_is_looked_over_is_decoded_at_first() -> None:
    shrunk = {size: shrink_for(*size) for size in ((640, 480), (1920, 1080), (4000, 3000), (8000, 6000), (4001, 3000))}
    assert shrunk == {(640, 480): 1, (1920, 1080): 1, (4000, 3000): 2, (8000, 6000): 4, (4001, 3000): 1}


@pytest.mark.parametrize("size", [(1600, 1200), (4000, 3000)])
def test_a_thumbnail_in_a_picture_never_stands_in_for_it(looker: Looker, pictures: Path, size: tuple[int, int]) -> None:
    face = Image.open(pictures / "astronaut.png").convert("RGB")
    empty = Image.open(pictures / "coffee.png").convert("RGB")
    for picture, thumbnail, faces in ((empty, face, 0), (face, empty, 1)):
        data = with_thumbnail(jpeg(picture.resize(size)), jpeg(thumbnail.resize((160, 120))))
        assert Image.open(io.BytesIO(data)).getexif().get_ifd(ExifTags.IFD.IFD1), "the thumbnail is there"
        assert len(looker.look(data).faces) == faces


def with_thumbnail(picture: bytes, thumbnail: bytes) -> bytes:
    """Put a thumbnail into a JPEG, as EXIF has it: in a second directory, with its place and length."""
    tags = [(0x0103, 3, 6), (0x0201, 4, 56), (0x0202, 4, len(thumbnail))]
    second = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    exif = b"Exif\0\0II*\0" + struct.pack("<IHI", 8, 0, 14) + second + bytes(4) + thumbnail
    return picture[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + picture[2:]


def test_a_jpeg_cut_short_is_refused_at_any_size(looker: Looker) -> None:
    data = camera_jpeg(500)
    with pytest.raises(look.Refused, match="end is missing"):
        looker.look(data[: len(data) // 2])


def test_windows_lie_in_the_same_place_at_every_size() -> None:
    smooth = cv2.GaussianBlur(np.random.default_rng(2).integers(0, 255, (800, 1200, 3)).astype(np.uint8), (0, 0), 9)
    small = cv2.resize(smooth, (600, 400), interpolation=cv2.INTER_AREA)
    for left, top, side in ((100.0, 50.0, 600.0), (-100.0, 300.0, 700.0), (0.0, 0.0, 1200.0)):
        whole = Pyramid(smooth).cut(left, top, side, 256).astype(int)
        assert np.abs(Pyramid(small, 2).cut(left, top, side, 256) - whole).max() <= 6


def test_a_sharper_picture_is_asked_for_only_where_there_is_too_little_and_no_sharper_than_needed() -> None:
    full = np.random.default_rng(3).integers(0, 255, (800, 1200, 3)).astype(np.uint8)
    asked = list[int]()

    def sharper(times: int) -> np.ndarray:
        asked.append(times)
        return full[::times, ::times]

    picture = Pyramid(full[::8, ::8], 8, sharper)
    assert picture.sharp(800, 100)[1] == 8 and not asked
    assert picture.sharp(800, 101)[1] == 4 and picture.sharp(200, 50)[1] == 4
    assert picture.sharp(200, 51)[1] == 2 and picture.sharp(2, 1000)[1] == 1 and picture.sharp(2, 1000)[1] == 1
    assert asked == [4, 2, 1]
    assert np.array_equal(picture.sharp(1, 1)[0], full)
