"""Long animations and documents are looked at to their end, and what was passed over is said."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detectors import further
from detectors.decode import DecodeLimits, decode
from detectors.errors import Refusal
from detectors.further import Further
from detectors.look import Looker
from detectors.records import Frame


def plain(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (48, 32), (37 * n % 256, 40 + n, 91 * n % 256)) for n in range(count)]


def saved(pictures: list[Image.Image], kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    pictures[0].save(out, kind, save_all=True, append_images=pictures[1:], **how)
    return out.getvalue()


def gone_on(data: bytes, every_seconds: float = 1.0) -> tuple[list[Frame], Further]:
    picture = decode(data)
    on = Further(data, picture, DecodeLimits(), every_seconds)
    return [*picture.frames, *on.stills()], on


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_a_long_animation_a_still_is_taken_each_second_to_its_end(kind: str) -> None:
    frames, on = gone_on(saved(plain(100), kind, duration=100))
    times = [frame.frame_ms for frame in frames]
    assert times[:16] == list(range(0, 1_600, 100))
    assert times[-1] == 9_900
    assert 900 <= max(np.diff(times)) <= 1_000
    assert on.watched.stills == len(frames) <= 26
    assert (on.watched.longest_gap_ms, on.watched.refusal) == (max(np.diff(times)), None)


def test_a_short_animation_is_looked_at_whole_and_has_no_gap() -> None:
    frames, on = gone_on(saved(plain(10), "GIF", duration=2_000))
    assert len(frames) == on.watched.stills == 10
    assert on.watched.longest_gap_ms == 0


def test_every_page_of_a_document_is_looked_at(pictures: Path) -> None:
    pages = plain(40)
    pages[30] = Image.open(pictures / "astronaut.png").convert("RGB")
    with Looker() as looker:
        look = looker.look(saved(pages, "TIFF"))
    assert [seen.frame_ms for seen in look.faces] == [30]
    assert look.watched is not None
    assert (look.watched.stills, look.watched.longest_gap_ms, look.watched.refusal) == (40, 0, None)


def test_what_is_beyond_the_most_stills_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further, "MOST_STILLS", 20)
    frames, on = gone_on(saved(plain(40), "TIFF"))
    assert len(frames) == on.watched.stills == 20
    assert on.watched.refusal is Refusal.TOO_LARGE


def test_a_damaged_page_ends_it_and_is_said() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3), np.uint8)
    data = bytearray(saved([Image.fromarray(page) for page in noise], "TIFF", compression="tiff_lzw"))
    size = len(data) // 40
    data[25 * size : 25 * size + size // 2] = bytes(size // 2)
    frames, on = gone_on(bytes(data))
    assert 16 <= len(frames) < 40
    assert on.watched.stills == len(frames)
    assert on.watched.refusal is not None
