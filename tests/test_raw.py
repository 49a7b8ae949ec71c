"""Camera raw: developed where rawpy is installed, and else said with what to install; a preview never stands in."""

from __future__ import annotations

import io
import struct
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detectors import decode as decoding
from detectors.decode import DecodeLimits, decode
from detectors.errors import Refusal, Refused
from detectors.look import Looker
from detectors.signatures import Kind, recognise

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}
Tags = dict[int, tuple[int, list[Any]]]


def directory(tags: Tags, at: int) -> bytes:
    """Write a TIFF directory that begins ``at`` this place, its longer values behind it."""
    head, tail = struct.pack("<H", len(tags)), b""
    behind = at + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        form = {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 10: "ii"}[kind]
        packed = b"".join(struct.pack("<" + form, *(v if isinstance(v, tuple) else (v,))) for v in values)
        if len(packed) > 4:
            place, tail = behind + len(tail), tail + packed + bytes(len(packed) % 2)
            packed = struct.pack("<I", place)
        head += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    return head + bytes(4) + tail


def negative(image_rgb: np.ndarray, preview_rgb: np.ndarray | None = None, orientation: int = 1) -> bytes:
    """Make a DNG: the values that a sensor behind a Bayer pattern would have read, and a preview on the first page."""
    height, width = image_rgb.shape[:2]
    linear = (np.power(image_rgb / 255, 2.2) * 4000).astype(np.uint16)
    mosaic = linear[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = linear[::2, ::2, 0], linear[1::2, 1::2, 2]
    one, taken = (10000, 10000), [*b"2026:03:01 08:00:00\0"]
    body: Tags = {
        254: (4, [0]), 256: (4, [width]), 257: (4, [height]), 258: (3, [16]), 259: (3, [1]), 262: (3, [32803]),
        273: (4, [8]), 277: (3, [1]), 278: (4, [height]), 279: (4, [mosaic.nbytes]), 33421: (3, [2, 2]),
        33422: (1, [0, 1, 1, 2]), 50714: (3, [0]), 50717: (3, [4095]),
    }  # fmt: skip
    whole: Tags = {
        271: (2, [*b"Made\0"]), 272: (2, [*b"Up\0"]), 274: (3, [orientation]), 306: (2, taken),
        50706: (1, [1, 4, 0, 0]), 50708: (2, [*b"Made Up\0"]), 50728: (5, [one] * 3), 50778: (3, [21]),
        50721: (10, [(v, 10000) for v in (32405, -15371, -4985, -9693, 18760, 416, 556, -2040, 10572)]),
    }  # fmt: skip
    pixels = mosaic.tobytes()
    if preview_rgb is None:
        return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory(whole | body, 8 + len(pixels))
    small = preview_rgb.tobytes()
    at = 8 + len(pixels) + len(small)
    sub = directory(body, at)
    first: Tags = whole | {
        254: (4, [1]), 256: (4, [preview_rgb.shape[1]]), 257: (4, [preview_rgb.shape[0]]), 258: (3, [8, 8, 8]),
        259: (3, [1]), 262: (3, [2]), 273: (4, [8 + len(pixels)]), 277: (3, [3]), 278: (4, [preview_rgb.shape[0]]),
        279: (4, [len(small)]), 330: (4, [at]),
    }  # fmt: skip
    return b"II*\0" + struct.pack("<I", at + len(sub)) + pixels + small + sub + directory(first, at + len(sub))


@pytest.fixture(scope="module")
def astronaut(pictures: Path) -> np.ndarray:
    return np.asarray(Image.open(pictures / "astronaut.png").convert("RGB"))


@pytest.fixture(scope="module")
def empty(pictures: Path) -> np.ndarray:
    return np.asarray(Image.open(pictures / "coffee.png").convert("RGB").resize((512, 512)))


def test_a_raw_picture_is_developed_upright_with_its_time(astronaut: np.ndarray) -> None:
    data = negative(astronaut)
    assert recognise(data) is Kind.RAW
    picture = decode(data)
    assert (picture.media_type, picture.taken_at) == ("image/x-dcraw", datetime.fromisoformat("2026-03-01T08:00:00"))
    image_rgb = picture.frames[0].image_rgb
    assert image_rgb.shape == astronaut.shape
    assert np.corrcoef(image_rgb.mean(2).ravel(), astronaut.mean(2).ravel())[0, 1] > 0.9
    on_its_side = decode(negative(np.rot90(astronaut), orientation=6)).frames[0].image_rgb
    assert np.abs(on_its_side.astype(int) - image_rgb).mean() < 12


def test_the_face_in_it_is_found_and_a_preview_never_stands_in(astronaut: np.ndarray, empty: np.ndarray) -> None:
    with Looker() as looker:
        assert len(looker.look(negative(astronaut, empty[::8, ::8])).faces) == 1
        assert looker.look(negative(empty, astronaut[::2, ::2])).faces == ()


def test_a_large_one_is_developed_at_half_size_first(astronaut: np.ndarray) -> None:
    frame = decode(negative(astronaut), shrink=lambda width, height: 2).frames[0]
    assert (frame.image_rgb.shape, frame.shrink) == ((256, 256, 3), 2)
    assert frame.sharper is not None
    assert frame.sharper(1).shape == (512, 512, 3)


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99])
def test_one_that_is_cut_off_is_refused(astronaut: np.ndarray, kept: float) -> None:
    data = negative(astronaut, astronaut[::4, ::4])
    with pytest.raises(Refused):
        decode(data[: round(kept * len(data))])


def test_too_many_pixels_are_refused_before_they_are_read(astronaut: np.ndarray) -> None:
    with pytest.raises(Refused) as caught:
        decode(negative(astronaut), DecodeLimits(max_pixels=1000))
    assert caught.value.reason is Refusal.TOO_LARGE


def test_without_the_extra_it_is_unsupported_and_said_what_to_install(
    astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "can_read_raw", lambda: False)
    with pytest.raises(Refused) as caught:
        decode(negative(astronaut))
    assert caught.value.reason.is_unsupported
    assert "pip install 'facewarden[raw]'" in str(caught.value)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"II*\0\x10\0\0\0CR\x02\0", id="CR2"),
        pytest.param(b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", id="CR3"),
        pytest.param(b"FUJIFILMCCD-RAW 0201", id="RAF"),
        pytest.param(b"IIRO\x08\0\0\0", id="ORF"),
        pytest.param(b"IIU\0\x18\0\0\0", id="RW2"),
        pytest.param(b"II*\0\x08\0\0\0" + directory({254: (4, [1]), 330: (4, [500])}, 8), id="NEF and ARW"),
        pytest.param(b"II*\0\x08\0\0\0" + directory({262: (3, [32803])}, 8), id="PEF"),
    ],
)
def test_raw_files_are_known_by_their_first_bytes_and_without_a_picture_are_refused(head: bytes) -> None:
    assert recognise(head) is Kind.RAW
    with pytest.raises(Refused) as caught:
        decode(head + bytes(2000))
    assert caught.value.reason in (Refusal.UNSUPPORTED, Refusal.TRUNCATED, Refusal.NOT_AN_IMAGE)


def test_a_plain_tiff_stays_a_plain_tiff(astronaut: np.ndarray) -> None:
    out = io.BytesIO()
    Image.fromarray(astronaut).save(out, "TIFF")
    assert recognise(out.getvalue()) is Kind.TIFF
