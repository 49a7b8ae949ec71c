"""Bytes become upright RGB stills or a reason; nothing else ever comes out."""

from __future__ import annotations

import io
import re
import signal
import struct
import threading
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from detectors import decode as decode_module
from detectors.deadline import run_within
from detectors.decode import DecodeLimits, decode
from detectors.errors import Refusal, Refused

WIDTH, HEIGHT = 48, 32


def scene() -> Image.Image:
    """Four fields of different colours: every turn and every swapped channel shows."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = (220, 40, 30)
    pixels[: HEIGHT // 2, WIDTH // 2 :] = (30, 200, 60)
    pixels[HEIGHT // 2 :, : WIDTH // 2] = (40, 60, 210)
    pixels[HEIGHT // 2 :, WIDTH // 2 :] = (230, 220, 90)
    return Image.fromarray(pixels)


def noise(width: int = 96, height: int = 64) -> Image.Image:
    rng = np.random.default_rng(7)
    small = Image.fromarray(rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def saved(image: Image.Image, kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def heic(image: Image.Image) -> bytes:
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=90)
    return out.getvalue()


def moving(kind: str, **how: object) -> bytes:
    first, *rest = (noise().rotate(turn) for turn in (0, 90, 180))
    return saved(first, kind, save_all=True, append_images=rest, **how)


def refusal_of(data: bytes, limits: DecodeLimits | None = None) -> Refusal:
    with pytest.raises(Refused) as caught:
        decode(data, limits or DecodeLimits())
    return caught.value.reason


def only_still(data: bytes) -> np.ndarray:
    (frame,) = decode(data).frames
    return frame.image_rgb


FILES: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: saved(noise(), "JPEG", quality=90),
    "progressive jpeg": lambda: saved(noise(), "JPEG", quality=90, progressive=True),
    "png": lambda: saved(noise(), "PNG"),
    "gif": lambda: saved(noise().convert("P"), "GIF"),
    "webp": lambda: saved(noise(), "WEBP", quality=95),
    "lossless webp": lambda: saved(noise(), "WEBP", lossless=True),
    "tiff": lambda: saved(noise(), "TIFF"),
    "lzw tiff": lambda: saved(noise(), "TIFF", compression="tiff_lzw"),
    "jpeg tiff": lambda: saved(noise(), "TIFF", compression="jpeg"),
    "bmp": lambda: saved(noise(), "BMP"),
    "ppm": lambda: saved(noise(), "PPM"),
    "pgm": lambda: saved(noise().convert("L"), "PPM"),
    "avif": lambda: saved(noise(), "AVIF", quality=95),
    "heic": lambda: heic(noise()),
    "jpeg 2000": lambda: saved(noise(), "JPEG2000"),
    "jpeg 2000 codestream": lambda: saved(noise(), "JPEG2000", no_jp2=True),
    "animated gif": lambda: moving("GIF", duration=40),
    "animated webp": lambda: moving("WEBP", duration=40),
    "animated png": lambda: moving("PNG", duration=40),
    "tiff of pages": lambda: moving("TIFF"),
}
every_file = pytest.mark.parametrize("name", FILES)


@every_file
def test_every_format_is_decoded_to_about_the_picture_that_was_saved(name: str) -> None:
    picture = decode(FILES[name]())
    still = picture.frames[0].image_rgb
    wanted = np.asarray(noise().convert("L").convert("RGB") if name == "pgm" else noise(), int)
    assert still.dtype == np.uint8
    assert still.flags.c_contiguous
    assert still.shape == wanted.shape
    assert abs(still - wanted).mean() < (30 if "gif" in name else 8)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("jpeg", "image/jpeg"),
        ("png", "image/png"),
        ("heic", "image/heic"),
        ("avif", "image/avif"),
        ("tiff", "image/tiff"),
    ],
)
def test_the_media_type_is_told_from_the_content(name: str, media_type: str) -> None:
    assert decode(FILES[name]()).media_type == media_type


@every_file
def test_a_picture_cut_off_anywhere_is_refused_or_whole_but_never_half_grey(name: str) -> None:
    data = FILES[name]()
    whole = [frame.image_rgb for frame in decode(data).frames]
    offsets = {*range(1, len(data), max(1, len(data) // 60)), *range(len(data) - 12, len(data))}
    for offset in sorted(offsets):
        try:
            stills = [frame.image_rgb for frame in decode(data[:offset]).frames]
        except Refused as refused:
            assert refused.reason in (Refusal.TRUNCATED, Refusal.NOT_AN_IMAGE)
            continue
        assert len(stills) == len(whole), f"cut at {offset} of {len(data)}"
        assert all(np.array_equal(*pair) for pair in zip(stills, whole, strict=True)), f"cut at {offset} of {len(data)}"


@every_file
def test_a_picture_that_lost_its_second_half_is_called_truncated(name: str) -> None:
    data = FILES[name]()
    assert refusal_of(data[: len(data) // 2]) is Refusal.TRUNCATED


def test_a_jpeg_whose_tail_a_dying_disk_left_as_zeros_is_refused_as_truncated() -> None:
    data = FILES["jpeg"]()
    assert refusal_of(data[: len(data) // 2] + bytes(len(data) // 2)) is Refusal.TRUNCATED


def test_a_png_is_not_returned_half_decoded_after_its_exif_was_asked_for() -> None:
    data = bytearray(saved(noise(), "PNG"))
    at = data.index(b"IDAT") + 40
    data[at : at + 40] = bytes(40)
    assert refusal_of(bytes(data)) in (Refusal.TRUNCATED, Refusal.NOT_AN_IMAGE)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(FILES)),
    hits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12),
    keep=st.floats(0.05, 1),
)
def test_no_damage_makes_anything_but_a_refusal_escape(name: str, hits: list[tuple[float, int]], keep: float) -> None:
    data = bytearray(_file(name))
    for share, value in hits:
        # Squared: headers are hit more often than pixels.
        data[int(share**2 * len(data))] = value
    try:
        picture = decode(bytes(data[: int(len(data) * keep)]), DecodeLimits(max_pixels=4_000_000, max_seconds=5))
    except Refused:
        return
    for frame in picture.frames:
        assert frame.image_rgb.dtype == np.uint8
        assert frame.image_rgb.ndim == 3


_made: dict[str, bytes] = {}


def _file(name: str) -> bytes:
    if name not in _made:
        _made[name] = FILES[name]()
    return _made[name]


@settings(max_examples=200, deadline=None)
@given(
    head=st.sampled_from(
        [
            b"",
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"II*\0",
            b"RIFF\0\0\0\0WEBP",
            b"\0\0\0\x18ftyphei",
            b"BM",
            b"GIF89a",
            b"P5 ",
            b"8BPS",
            b"PK\x03\x04",
            b"%PDF-",
            b"\0\0\0\x0cjP  \r\n\x87\n",
        ]
    ),
    tail=st.binary(max_size=200),
)
def test_no_bytes_make_anything_but_a_refusal_escape(head: bytes, tail: bytes) -> None:
    try:
        decode(head + tail, DecodeLimits(max_pixels=4_000_000, max_seconds=5))
    except Refused as refused:
        assert str(refused)


def zipped(locked: bool) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "hello")
    data = bytearray(out.getvalue())
    data[6] |= locked
    return bytes(data)


def tiff_of(entries: list[tuple[int, int, int, int]]) -> bytes:
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(64)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", Refusal.EMPTY, id="nothing"),
        pytest.param(b"hello, this is a note", Refusal.NOT_AN_IMAGE, id="text"),
        pytest.param(bytes(4096), Refusal.NOT_AN_IMAGE, id="zeros"),
        pytest.param(b"PARTIAL notes on P5", Refusal.NOT_AN_IMAGE, id="text that starts with P"),
        pytest.param(b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\n%%EOF", Refusal.UNSUPPORTED, id="PDF"),
        pytest.param(b"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>\n%%EOF", Refusal.ENCRYPTED, id="locked PDF"),
        pytest.param(zipped(False), Refusal.UNSUPPORTED, id="ZIP"),
        pytest.param(zipped(True), Refusal.ENCRYPTED, id="locked ZIP"),
        pytest.param(b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="">', Refusal.UNSUPPORTED, id="SVG"),
        pytest.param(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", Refusal.UNSUPPORTED, id="MP4"),
        pytest.param(b"\0\0\0\x14ftypqt  \0\0\2\0qt  ", Refusal.UNSUPPORTED, id="QuickTime"),
        pytest.param(b"\x1a\x45\xdf\xa3" + bytes(40), Refusal.UNSUPPORTED, id="WebM"),
        pytest.param(b"RIFF\x24\0\0\0AVI LIST", Refusal.UNSUPPORTED, id="AVI"),
        pytest.param((b"\x47" + bytes(187)) * 4, Refusal.UNSUPPORTED, id="transport stream"),
        pytest.param(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", Refusal.TRUNCATED, id="Canon raw 3"),
        pytest.param(b"II*\0\x10\0\0\0CR\2\0" + bytes(40), Refusal.TRUNCATED, id="Canon raw 2"),
        pytest.param(tiff_of([(50706, 1, 4, 0x00000401)]), Refusal.UNSUPPORTED, id="DNG"),
        pytest.param(tiff_of([(254, 4, 1, 1), (330, 4, 1, 60)]), Refusal.UNSUPPORTED, id="raw that dresses as TIFF"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", Refusal.UNSUPPORTED, id="PostScript"),
        pytest.param(b"\xff\x0a" + bytes(20), Refusal.UNSUPPORTED, id="JPEG XL"),
        pytest.param(bytes(128) + b"DICM" + bytes(20), Refusal.UNSUPPORTED, id="DICOM"),
        pytest.param(b"Salted__" + bytes(64), Refusal.ENCRYPTED, id="OpenSSL"),
        pytest.param(b"age-encryption.org/v1\n-> X25519", Refusal.ENCRYPTED, id="age"),
        pytest.param(b"-----BEGIN PGP MESSAGE-----\n\n", Refusal.ENCRYPTED, id="armoured OpenPGP"),
        pytest.param(b"\x85\x01\x0c\x03" + bytes(64), Refusal.ENCRYPTED, id="binary OpenPGP"),
        pytest.param(b"\x8c\x0d\x04\x09\x03\x02" + bytes(64), Refusal.ENCRYPTED, id="OpenPGP by password"),
        pytest.param(b"gAAAAABl" + b"x" * 80, Refusal.ENCRYPTED, id="Fernet"),
        pytest.param(b"Rar!\x1a\x07\x01\0\1\2\3\4\x0c\x04", Refusal.ENCRYPTED, id="locked RAR"),
    ],
)
def test_what_is_no_readable_picture_is_refused_with_its_reason(data: bytes, reason: Refusal) -> None:
    assert refusal_of(data) is reason


def test_the_name_plays_no_part_since_only_bytes_are_given() -> None:
    assert decode(saved(scene(), "PNG")).media_type == "image/png"


def test_a_picture_above_the_pixel_limit_is_refused_from_its_header() -> None:
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = header + struct.pack(">I", _crc(header[12:])) + struct.pack(">I4s", 0, b"IDAT") + bytes(4)
    assert refusal_of(bomb) is Refusal.TOO_LARGE


def _crc(chunk: bytes) -> int:
    import zlib

    return zlib.crc32(chunk)


@pytest.mark.parametrize(("limit", "fits"), [(WIDTH * HEIGHT, True), (WIDTH * HEIGHT - 1, False)])
def test_the_pixel_limit_is_exact(limit: int, fits: bool) -> None:
    data = saved(scene(), "PNG")
    if fits:
        assert decode(data, DecodeLimits(max_pixels=limit)).frames
    else:
        assert refusal_of(data, DecodeLimits(max_pixels=limit)) is Refusal.TOO_LARGE


def test_pictures_above_pillows_own_limit_are_decoded_without_a_warning_when_ours_allows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert only_still(saved(scene(), "PNG")).shape == (HEIGHT, WIDTH, 3)


def test_pillows_process_wide_settings_are_as_pillow_made_them() -> None:
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert Image.MAX_IMAGE_PIXELS == (1024 * 1024 * 1024 // 4 // 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_orientation_brings_the_picture_upright(kind: str, orientation: int) -> None:
    undo = {2: 0, 3: 1, 4: 2, 5: 3, 6: 4, 7: 5, 8: 6}
    stored_by = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = scene().transpose(stored_by[orientation]) if orientation in undo else scene()
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {} if kind in ("PNG", "TIFF") else {"quality": 95}
    still = only_still(saved(stored, kind, exif=exif, **how))
    assert still.shape == (HEIGHT, WIDTH, 3)
    for row, column in ((8, 12), (8, 36), (24, 12), (24, 36)):
        assert abs(still[row, column].astype(int) - np.asarray(scene(), int)[row, column]).max() < 24


@pytest.mark.parametrize(
    ("when", "offset", "wanted"),
    [
        pytest.param("2024:05:06 07:08:09", None, datetime(2024, 5, 6, 7, 8, 9), id="no zone"),  # noqa: DTZ001
        pytest.param(
            "2024:05:06 07:08:09",
            "+08:00",
            datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone(timedelta(hours=8))),
            id="east",
        ),
        pytest.param(
            "2024:05:06 07:08:09",
            "-03:30",
            datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone(-timedelta(hours=3, minutes=30))),
            id="west",
        ),
        pytest.param("2024:05:06 07:08:09", "Z", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), id="Zulu"),
        pytest.param("2024:05:06 07:08:09", "+99:00", datetime(2024, 5, 6, 7, 8, 9), id="no such zone"),  # noqa: DTZ001
        pytest.param("2024:05:06 07:08:09", "   :  ", datetime(2024, 5, 6, 7, 8, 9), id="blank zone"),  # noqa: DTZ001
        pytest.param("0000:00:00 00:00:00", None, None, id="zeros"),
        pytest.param("2024:13:06 07:08:09", "+08:00", None, id="month 13"),
        pytest.param("    :  :     :  :  ", None, None, id="blanks"),
        pytest.param("yesterday", None, None, id="words"),
        pytest.param(None, "+08:00", None, id="zone without date"),
    ],
)
def test_the_time_of_taking_is_read_as_the_camera_wrote_it(
    when: str | None, offset: str | None, wanted: datetime | None
) -> None:
    exif = Image.Exif()
    directory = exif.get_ifd(0x8769)
    if when is not None:
        directory[0x9003] = when
    if offset is not None:
        directory[0x9011] = offset
    taken = decode(saved(scene(), "JPEG", exif=exif)).taken_at
    assert taken == wanted
    assert (taken.utcoffset() if taken else None) == (wanted.utcoffset() if wanted else None)


def test_damaged_exif_costs_neither_the_picture_nor_raises() -> None:
    picture = decode(saved(scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(20)))
    assert picture.taken_at is None
    assert picture.frames[0].image_rgb.shape == (HEIGHT, WIDTH, 3)


def ramp16(top: int) -> np.ndarray:
    return np.tile(np.linspace(0, top, 64), (16, 1)).astype(np.uint16)


@pytest.mark.parametrize("top", [1023, 4095, 65535], ids=["10 bit", "12 bit", "16 bit"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_pictures_are_scaled_to_the_depth_that_was_used(kind: str, top: int) -> None:
    still = only_still(saved(Image.fromarray(ramp16(top)), kind))
    assert abs(still[:, :, 0].astype(int) - np.rint(np.linspace(0, 255, 64)).astype(int)).max() <= 1
    assert np.array_equal(still[:, :, 0], still[:, :, 2])


def test_big_endian_sixteen_bit_is_read_as_it_was_meant() -> None:
    pgm = b"P5\n64 16\n65535\n" + ramp16(65535).astype(">u2").tobytes()
    assert only_still(pgm)[0, -1].tolist() == [255, 255, 255]
    assert only_still(pgm)[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("values", "middle"),
    [
        pytest.param(np.linspace(0, 1, 65), 128, id="zero to one"),
        pytest.param(np.linspace(0, 255, 65), 128, id="zero to 255"),
        pytest.param(np.linspace(-1e30, 1e30, 65), 128, id="anything"),
        pytest.param(np.full(65, 7e5), 128, id="all the same"),
        pytest.param(np.r_[np.linspace(0, 1, 64), np.nan], 130, id="with a hole"),
    ],
)
def test_float_pictures_are_brought_to_eight_bits(values: np.ndarray, middle: int) -> None:
    still = only_still(saved(Image.fromarray(np.tile(values.astype(np.float32), (8, 1))), "TIFF"))
    assert abs(int(still[0, 32, 0]) - middle) <= 1


def test_colours_of_a_cmyk_jpeg_come_out_as_they_went_in() -> None:
    still = only_still(saved(scene().convert("CMYK"), "JPEG", quality=95))
    assert abs(still.astype(int) - np.asarray(scene(), int)).mean() < 6


def test_lab_pictures_are_converted_by_colour_management() -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(scene(), to_lab)
    assert lab is not None
    assert abs(only_still(saved(lab, "TIFF")).astype(int) - np.asarray(scene(), int)).max() < 16


@pytest.mark.parametrize("mode", ["1", "L", "P", "YCbCr", "CMYK", "LA", "RGBA"])
def test_every_pixel_mode_ends_as_rgb(mode: str) -> None:
    assert only_still(saved(scene().convert(mode), "TIFF")).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("hair", [0, 255], ids=["dark hair", "white hair"])
def test_transparency_is_laid_on_mid_grey_so_that_dark_and_light_outlines_both_show(hair: int) -> None:
    cut_out = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    cut_out.paste((hair, hair, hair, 255), (5, 5, 15, 15))
    still = only_still(saved(cut_out, "PNG"))
    assert still[0, 0].tolist() == [128, 128, 128]
    assert abs(int(still[10, 10, 0]) - int(still[0, 0, 0])) > 100


def test_a_palette_with_a_see_through_colour_is_laid_on_mid_grey() -> None:
    image = Image.new("P", (10, 10), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 0, 5, 10))
    still = only_still(saved(image, "PNG", transparency=0))
    assert still[0, 0].tolist() == [0, 0, 255]
    assert still[0, 9].tolist() == [128, 128, 128]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_stills_of_an_animation_carry_their_times(kind: str) -> None:
    assert [frame.frame_ms for frame in decode(moving(kind, duration=40)).frames] == [0, 40, 80]


def test_only_the_first_stills_of_a_long_animation_are_looked_at() -> None:
    assert len(decode(moving("GIF", duration=40), DecodeLimits(max_frames=2)).frames) == 2


def test_stills_that_would_pass_the_pixel_limit_together_are_left_out() -> None:
    assert len(decode(moving("GIF"), DecodeLimits(max_pixels=2 * 96 * 64)).frames) == 2


def test_the_pages_of_a_document_are_all_looked_at_and_keep_numbers_of_their_own() -> None:
    stills = decode(moving("TIFF")).frames
    assert [frame.frame_ms for frame in stills] == [0, 1, 2]
    assert not np.array_equal(stills[0].image_rgb, stills[1].image_rgb)


@pytest.mark.parametrize("primary", [0, 1])
def test_every_picture_of_a_heif_collection_is_looked_at_once(primary: int) -> None:
    import pillow_heif

    both = pillow_heif.from_pillow(noise())
    both.add_from_pillow(noise().rotate(180))
    out = io.BytesIO()
    both.save(out, quality=90, primary_index=primary)
    first, second = (frame.image_rgb.astype(int) for frame in decode(out.getvalue()).frames)
    assert abs(first - np.asarray(noise(), int)).mean() < 8
    assert abs(second[::-1, ::-1] - np.asarray(noise(), int)).mean() < 8


class Endless:
    """Stands in for a picture that takes for ever: Python steps, so an alarm gets through."""

    def __call__(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            time.sleep(0.001)


def slow_decoder(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    real = PngImagePlugin.PngImageFile.load

    def load(self: PngImagePlugin.PngImageFile) -> object:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            # What Pillow itself might do with an error that is not its own.
            try:
                time.sleep(0.001)
            except Exception:
                continue
        return real(self)

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)


def test_a_picture_that_takes_too_long_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_decoder(monkeypatch, 30)
    started = time.monotonic()
    assert refusal_of(saved(scene(), "PNG"), DecodeLimits(max_seconds=0.1)) is Refusal.TIMEOUT
    assert time.monotonic() - started < 5


def test_outside_the_main_thread_a_late_picture_is_still_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_decoder(monkeypatch, 0.2)
    data, reasons = saved(scene(), "PNG"), []
    thread = threading.Thread(target=lambda: reasons.append(refusal_of(data, DecodeLimits(max_seconds=0.05))))
    thread.start()
    thread.join()
    assert reasons == [Refusal.TIMEOUT]


@pytest.fixture
def alarms() -> Iterator[list[float]]:
    """Install somebody else's alarm handler, as Airflow does for its task timeout, and note when it rings."""
    rung: list[float] = []
    # The test runner's own timeout is such a timer: put aside meanwhile.
    runners = signal.setitimer(signal.ITIMER_REAL, 0)
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    yield rung
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    signal.setitimer(signal.ITIMER_REAL, *runners)


def test_somebody_elses_timer_keeps_its_remaining_time_and_its_handler(alarms: list[float]) -> None:
    theirs = signal.getsignal(signal.SIGALRM)
    started = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    run_within(5, lambda: time.sleep(0.1))
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    assert 0 < left <= 0.21
    assert signal.getsignal(signal.SIGALRM) is theirs
    time.sleep(0.4)
    assert len(alarms) == 1
    assert 0.25 < alarms[0] - started < 0.6


def test_somebody_elses_timer_that_is_due_first_is_served_on_time(alarms: list[float]) -> None:
    started = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.15)
    with pytest.raises(TimeoutError):
        run_within(20, Endless())
    time.sleep(0.05)
    assert len(alarms) == 1
    assert alarms[0] - started < 2


def test_without_another_timer_none_is_left_behind(alarms: list[float]) -> None:
    run_within(0.2, lambda: None)
    time.sleep(0.3)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert alarms == []


def test_what_the_work_raises_comes_through_and_the_timer_goes(alarms: list[float]) -> None:
    with pytest.raises(ZeroDivisionError):
        run_within(5, lambda: 1 // 0)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert alarms == []


def test_warning_filters_are_as_before_also_after_many_threads() -> None:
    before = list(warnings.filters)
    data = saved(noise(), "JPEG")
    threads = [threading.Thread(target=lambda: [decode(data) for _ in range(20)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before
    assert decode_module._quiet_guests == 0


def test_a_refusal_never_quotes_the_data() -> None:
    with pytest.raises(Refused) as caught:
        decode(b"\x89PNG\r\n\x1a\n" + b"Zhang San 110101199003070000" * 4)
    assert not re.search(r"Zhang|1101|BytesIO|0x", str(caught.value))
