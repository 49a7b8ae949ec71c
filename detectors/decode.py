"""Turns the bytes of a picture into upright RGB stills, or says why not: no other exception leaves this module."""

from __future__ import annotations

import io
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageFile, features

from detectors.deadline import run_within
from detectors.endings import is_cut_short
from detectors.errors import Refusal, Refused, remedy_for
from detectors.exif import taken_at, upright
from detectors.pixels import to_rgb
from detectors.raw import can_read_raw, develop
from detectors.records import Frame, Picture
from detectors.signatures import Barred, Chest, Film, Kind, recognise

# What Pillow can be built without.
_FEATURES = {Kind.WEBP: "webp", Kind.AVIF: "avif", Kind.JP2: "jpg_2000"}
# How Pillow and pillow-heif word these two cases.
_UNSUPPORTED = re.compile(r"unsupported|not supported|unknown (pixel|raw|compression|data) ?|cannot handle", re.I)
_CUT = re.compile(r"truncated|unexpected end|end of (file|data)|not enough|too short", re.I)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one picture may cost.

    Attributes:
        max_pixels: width times height by the header, checked before any pixel is decoded; further stills of an
            animation are dropped where together they would pass it. 200 million is the largest phone sensor sold.
        max_seconds: for all stills of one picture.
        max_frames: stills of an animation, or pages, that are decoded: the first ones.
    """

    max_pixels: int = 200_000_000
    max_seconds: float = 20.0
    max_frames: int = 16


Shrink = Callable[[int, int], int]
"""Says by how many times (1, 2, 4 or 8) a picture of that width and height may be decoded smaller."""


def decode(data: bytes, limits: DecodeLimits = DecodeLimits(), shrink: Shrink = lambda width, height: 1) -> Picture:
    """Decode a picture by what its bytes are.

    Args:
        data: the whole file.
        limits: see ``DecodeLimits``.
        shrink: for a JPEG or camera raw, whose decoders can leave detail out and take less time then; ``Frame.full``
            decodes all.

    Returns:
        RGB stills, upright by EXIF. ``frame_ms`` counts from the start of an animation; the pages of a document
        count one a millisecond, so that no two stills of a picture share a number. ``Picture.stills`` says how many
        there are; ``Further`` goes on with those that are left.

    Raises:
        Refused: with the reason. Damaged files whose end is missing are refused as truncated, never half decoded.
    """
    kind = kind_of(data)
    try:
        with quiet():
            return run_within(limits.max_seconds, lambda: _decode(data, kind, limits, shrink))
    except Refused:
        raise
    except TimeoutError:
        raise Refused(Refusal.TIMEOUT, f"took longer than {limits.max_seconds:g} s; raise scan.max_seconds") from None
    except (MemoryError, Image.DecompressionBombError):
        raise Refused(Refusal.TOO_LARGE, f"{kind} asked for more memory than there is") from None
    except Exception as problem:
        # The recorded per-object boundary: on damaged bytes Pillow raises OSError, SyntaxError, ValueError,
        # struct.error, EOFError, KeyError, IndexError, OverflowError, TypeError, zlib.error and more.
        raise refusal_of(kind, data, problem) from None


def kind_of(data: bytes) -> Kind:
    """Tell what a picture is.

    Raises:
        Refused: it is none that is read.
    """
    if not data:
        raise Refused(Refusal.EMPTY, "0 bytes")
    kind = recognise(data)
    if kind is None:
        raise Refused(Refusal.NOT_AN_IMAGE, "its first bytes are of no known format")
    if isinstance(kind, Barred):
        raise Refused(kind.reason, kind.name)
    if isinstance(kind, Film | Chest):
        raise Refused(Refusal.UNSUPPORTED, f"{kind}: no picture")
    if kind is Kind.RAW and not can_read_raw():
        raise Refused(Refusal.NEEDS_RAW, f"camera raw; {remedy_for(Refusal.NEEDS_RAW)}")
    if kind in _FEATURES and not features.check(_FEATURES[kind]):
        raise Refused(Refusal.UNSUPPORTED, f"{kind}: this build of Pillow cannot read it")
    return kind


def _decode(data: bytes, kind: Kind, limits: DecodeLimits, shrink: Shrink) -> Picture:
    if kind is Kind.RAW:
        return develop(data, str(kind), lambda width, height: check_size(width, height, limits), shrink)
    with opener(kind)(io.BytesIO(data)) as image:
        check_size(*image.size, limits)
        times = _drafted(image, shrink) if kind is Kind.JPEG else 1
        # Before anything reads EXIF: that loads a PNG too, and after a failure the next load() gives half a picture.
        image.load()
        when, count = taken_at(image), 1 if kind is Kind.PSD else getattr(image, "n_frames", 1)
        stills = tuple(_stills(image, kind, limits))
        if times > 1:
            stills = (Frame(stills[0].image_rgb, 0, times, lambda: decode(data, limits).frames[0].image_rgb),)
        return Picture(stills, str(kind), when, max(count, len(stills)))


def _drafted(image: ImageFile.ImageFile, shrink: Shrink) -> int:
    """Have libjpeg decode fewer coefficients of each block of 8 x 8; say how many times smaller the sides become."""
    width, height = image.size
    times = shrink(width, height)
    if times > 1:
        image.draft(None, (width // times, height // times))
    return width // image.size[0]


def check_size(width: int, height: int, limits: DecodeLimits) -> None:
    """Refuse a picture of too many pixels."""
    if width * height > limits.max_pixels:
        said = f"{width}x{height} pixels, allowed are {limits.max_pixels}; raise scan.max_pixels"
        raise Refused(Refusal.TOO_LARGE, said)


def _stills(image: ImageFile.ImageFile, kind: Kind, limits: DecodeLimits) -> Iterator[Frame]:
    if kind is Kind.HEIF and image.tell():
        # It opens at its primary picture, which need not be the first.
        image.seek(0)
        check_size(*image.size, limits)
    at_ms, pixels = 0, 0
    # What Pillow calls the frames of a PSD are its layers; the whole picture comes first.
    for number in range(1 if kind is Kind.PSD else limits.max_frames):
        if number and not step_to(image, number):
            return
        pixels += image.size[0] * image.size[1]
        if number and pixels > limits.max_pixels:
            return
        image.load()
        yield Frame(upright(to_rgb(image), image), at_ms)
        at_ms += lasts_ms(image)


def step_to(image: ImageFile.ImageFile, number: int) -> bool:
    """Go to the next still; False when there is none."""
    if number >= getattr(image, "n_frames", 1):
        return False
    image.seek(number)
    return True


def lasts_ms(image: Image.Image) -> int:
    """Say how long a still of an animation is shown; a page of a document counts as one millisecond."""
    duration = image.info.get("duration", 0)
    return max(int(duration), 1) if isinstance(duration, int | float) and duration < 2**31 else 1


def opener(kind: Kind) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """Give the one Pillow plugin for a format.

    ``Image.open`` would try every plugin there is, among them ones that start other programs (EPS), and would apply
    Pillow's process-wide pixel limit instead of ours.
    """
    from PIL import (
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        Jpeg2KImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        PsdImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )
    from pillow_heif import HeifImageFile

    openers: dict[Kind, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
        Kind.JPEG: JpegImagePlugin.JpegImageFile,
        Kind.PNG: PngImagePlugin.PngImageFile,
        Kind.GIF: GifImagePlugin.GifImageFile,
        Kind.WEBP: WebPImagePlugin.WebPImageFile,
        Kind.TIFF: TiffImagePlugin.TiffImageFile,
        Kind.BMP: BmpImagePlugin.BmpImageFile,
        Kind.PNM: PpmImagePlugin.PpmImageFile,
        Kind.HEIF: HeifImageFile,
        Kind.AVIF: AvifImagePlugin.AvifImageFile,
        Kind.JP2: Jpeg2KImagePlugin.Jpeg2KImageFile,
        Kind.PSD: PsdImagePlugin.PsdImageFile,
    }
    return openers[kind]


def refusal_of(kind: Kind, data: bytes, problem: Exception) -> Refused:
    """Say why a picture of a format we read could not be read; the library's own text may quote the data, so not it."""
    if is_cut_short(kind, data) or isinstance(problem, EOFError | struct.error) or _CUT.search(str(problem)):
        return Refused(Refusal.TRUNCATED, f"{kind} whose end is missing")
    if isinstance(problem, NotImplementedError) or _UNSUPPORTED.search(str(problem)):
        return Refused(Refusal.UNSUPPORTED, f"{kind} of a variant that is not read")
    return Refused(Refusal.NOT_AN_IMAGE, f"{kind} by its first bytes, but damaged")


_quiet_lock = threading.Lock()
_quiet_guests = 0
_quiet_state: warnings.catch_warnings[None] | None = None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings down while any thread decodes.

    Python's warning filters belong to the process: the first thread to come in saves them and the last one out puts
    them back, which plain ``catch_warnings`` in each thread would get wrong.
    """
    global _quiet_guests, _quiet_state
    with _quiet_lock:
        if _quiet_guests == 0:
            _quiet_state = warnings.catch_warnings()
            _quiet_state.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.|pillow_heif")
        _quiet_guests += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_guests -= 1
            if _quiet_guests == 0 and _quiet_state is not None:
                _quiet_state.__exit__(None, None, None)
