"""What single values look like: pictures, templates and their twins, told by content alone."""

from __future__ import annotations

import base64
import gzip
import io
import json
import pickle
import struct
import time
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from detectors.column_facts import Value
from detectors.column_values import Look, Seen, look_at


def seen(value: bytes | str, cut: int = 32768) -> Seen:
    return look_at(Value(value[:cut], len(value)))


def unit(dim: int, seed: int = 1) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=dim)
    return vector / np.linalg.norm(vector)


def picture(form: str) -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    out = io.BytesIO()
    noise = np.random.default_rng(3).integers(0, 255, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, form)
    return out.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "HEIF", "AVIF", "JPEG2000"])
def test_pictures_are_known_by_their_first_bytes_and_as_text(form: str) -> None:
    data = picture(form)
    assert seen(data).look is Look.IMAGE
    assert seen(data, cut=64).look is Look.IMAGE, "a head is enough"
    text = base64.b64encode(data).decode()
    for written in (text, f"data:image/x;base64,{text}", data.hex(), "\\x" + data.hex(), "0x" + data.hex().upper()):
        assert seen(written).look is Look.IMAGE_TEXT, written[:12]
    in_lines = "\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    assert seen(in_lines).look is Look.IMAGE_TEXT
    assert seen(text.encode()).look is Look.IMAGE_TEXT, "base64 in a binary column"
    assert seen(gzip.compress(data)).look is Look.IMAGE
    assert seen(json.dumps({"photo": text})).look is Look.IMAGE_TEXT


ENCODED: list[tuple[str, Callable[[np.ndarray], bytes | str]]] = [
    ("float32", lambda v: v.astype("<f4").tobytes()),
    ("float32 big-endian", lambda v: v.astype(">f4").tobytes()),
    ("float64", lambda v: v.astype("<f8").tobytes()),
    ("float64 big-endian", lambda v: v.astype(">f8").tobytes()),
    ("float16", lambda v: v.astype("<f2").tobytes()),
    ("count before it", lambda v: struct.pack("<i", len(v)) + v.astype("<f4").tobytes()),
    ("JSON", lambda v: json.dumps(v.tolist())),
    ("JSON with indent", lambda v: json.dumps(v.tolist(), indent=2)),
    ("JSON under a key", lambda v: json.dumps({"model": "x", "embedding": v.tolist()})),
    ("JSON list of lists", lambda v: json.dumps([v.tolist(), v.tolist()])),
    ("JSON of a Float32Array", lambda v: json.dumps({str(n): x for n, x in enumerate(v.tolist())})),
    ("commas", lambda v: ",".join(f"{x:.6f}" for x in v)),
    ("semicolons", lambda v: ";".join(map(str, v))),
    ("spaces", lambda v: " ".join(f"{x:.4e}" for x in v)),
    ("braces", lambda v: "{" + ",".join(map(str, v)) + "}"),
    ("NumPy's print", lambda v: str(v.tolist()).replace(",", "")),
    ("npy", lambda v: _npy(v.astype("f4"))),
    ("npz", lambda v: _npz(v)),
    ("pickled array", lambda v: pickle.dumps(v)),
    ("pickled array, protocol 2", lambda v: pickle.dumps(v.astype("f4"), protocol=2)),
    ("pickled list", lambda v: pickle.dumps(v.tolist())),
    ("base64", lambda v: base64.b64encode(v.astype("<f4").tobytes()).decode()),
    ("hex", lambda v: v.astype("<f8").tobytes().hex()),
    ("base64 of an npy", lambda v: base64.b64encode(_npy(v)).decode()),
    ("packed", lambda v: zlib.compress(v.astype("<f4").tobytes())),
]


def _npy(vector: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, vector)
    return out.getvalue()


def _npz(vector: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, vector)
    return out.getvalue()


@pytest.mark.parametrize("dim", [128, 512])
@pytest.mark.parametrize(("name", "write"), ENCODED, ids=[name for name, _ in ENCODED])
def test_an_embedding_is_a_vector_of_its_length_however_it_is_written(name: str, write, dim: int) -> None:
    for seed in range(10):
        found = seen(write(unit(dim, seed)))
        assert found.look is Look.VECTOR, (name, found)
        assert found.vector is not None and found.vector.dim == dim, (name, found)


@pytest.mark.parametrize("dim", [160, 2622, 4096])
def test_long_embeddings_are_known_from_their_beginning(dim: int) -> None:
    assert seen(unit(dim).astype("<f8").tobytes(), cut=8192).look is Look.VECTOR
    found = seen(json.dumps(unit(dim).tolist()), cut=8192)
    assert found.look is Look.VECTOR and abs(found.vector.dim - dim) < dim / 20


def test_embeddings_need_not_have_length_one() -> None:
    rng = np.random.default_rng(5)
    dlib = rng.normal(scale=0.12, size=128)
    raw_arcface = rng.normal(scale=1.1, size=512)
    vgg = np.maximum(rng.normal(size=4096), 0) * 4
    for vector in (dlib, raw_arcface, vgg):
        assert seen(vector.astype("<f4").tobytes()).look is Look.VECTOR


RNG = np.random.default_rng(11)
STEPS = np.arange(2048)
TWINS: list[tuple[str, bytes | str]] = [
    ("random bytes", RNG.bytes(2048)),
    ("random bytes of 512", RNG.bytes(512)),
    ("a SHA-256", RNG.bytes(32)),
    ("a SHA-512 in hex", RNG.bytes(64).hex()),
    ("a password hash", "$2b$12$C6UzMDM.H6dfI/f/IKcEeO7p3xzJx0iVb5mK5hS0vYpQm1"),
    ("a session token", base64.urlsafe_b64encode(RNG.bytes(96)).decode()),
    ("a signed token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"),
    ("ciphertext of OpenSSL", b"Salted__" + RNG.bytes(1024)),
    ("sound as float32", np.sin(STEPS / 25).astype("<f4").tobytes()),
    ("sound as int16", (np.sin(STEPS / 25) * 20000).astype("<i2").tobytes()),
    ("sensor readings", json.dumps((20 + np.cumsum(RNG.normal(size=96)) / 10).tolist())),
    ("temperatures", json.dumps((21 + RNG.normal(size=96) / 5).round(2).tolist())),
    ("a histogram of shares", json.dumps((np.full(256, 1 / 256)).tolist())),
    ("a histogram of random shares", json.dumps((lambda h: (h / h.sum()).tolist())(RNG.random(256)))),
    ("a path of coordinates", json.dumps([[116.4 + n / 1000, 39.9 + n / 900] for n in range(200)])),
    ("two coordinates", "[116.3974, 39.9093]"),
    ("three numbers", "0.1,0.2,0.3"),
    ("integers as int32", np.arange(512, dtype="<i4").tobytes()),
    ("random integers as int32", RNG.integers(0, 10_000, 512).astype("<i4").tobytes()),
    ("pixels", RNG.integers(0, 255, 64 * 64 * 3).astype(np.uint8).tobytes()),
    ("a page of text", "The quick brown fox. " * 40),
    ("text as UTF-16", ("The quick brown fox. " * 40).encode("utf-16-le")),
    ("digits", b"0123456789" * 60),
    ("zeros", bytes(2048)),
    ("a PDF", b"%PDF-1.7 " + RNG.bytes(2000)),
    ("a WAVE file", b"RIFF\x24\x08\0\0WAVEfmt " + RNG.bytes(2000)),
    ("a pickle of a dict", pickle.dumps({"a": 1, "b": "text"})),
    ("fingerprint minutiae", b"FMR\0 20\0" + RNG.bytes(600)),
    ("a UUID", "123e4567-e89b-12d3-a456-426614174000"),
    ("a phone number", "13800138000"),
    ("BM and a word", b"BMW is a car"),
]


@pytest.mark.parametrize(("name", "value"), TWINS, ids=[name for name, _ in TWINS])
def test_twins_are_neither_templates_nor_pictures(name: str, value: bytes | str) -> None:
    assert seen(value).look not in {Look.VECTOR, Look.FACE_RECORD, Look.IMAGE, Look.IMAGE_TEXT, Look.IMAGE_PLACE}


def test_random_bytes_of_any_fitting_length_are_never_a_vector() -> None:
    rng = np.random.default_rng(17)
    lengths = [256, 512, 1024, 1032, 2048, 4096, 8192]
    assert not [n for n in lengths * 60 if seen(rng.bytes(n)).look is Look.VECTOR]


def der(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length]) if length < 128 else bytes([0x82]) + length.to_bytes(2)
    return bytes([tag]) + size + content


def face_39794() -> bytes:
    version = der(0xA0, b"\x80\x01\x03\x81\x02\x07\xe3")
    return der(0x65, version + der(0xA1, RNG.bytes(1500)))


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"FAC\x00010\x00" + RNG.bytes(900), id="19794-5:2005"),
        pytest.param(b"FAC\x00030\x00" + RNG.bytes(900), id="19794-5:2011"),
        pytest.param(der(0x75, b"\x7f\x61\x82\x04\x00\x02\x01\x01FAC\x00010\x00" + RNG.bytes(900)), id="in a passport"),
        pytest.param(face_39794(), id="39794-5"),
        pytest.param(der(0xA1, face_39794()), id="39794-5 in a wrapper"),
        pytest.param(bytes.fromhex("0080fa440000a041") + RNG.bytes(1024), id="ArcSoft"),
    ],
)
def test_records_of_standards_are_known_by_header_also_as_text(record: bytes) -> None:
    assert seen(record).look is Look.FACE_RECORD
    assert seen(base64.b64encode(record).decode()).look is Look.FACE_RECORD
    assert seen(record.hex()).look is Look.FACE_RECORD


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def test_a_pickle_is_never_opened() -> None:
    assert seen(pickle.dumps([_Bomb(), *unit(128).tolist()])).look in {Look.VECTOR, Look.OPAQUE}


@pytest.mark.parametrize(
    "text",
    [
        "faces/2024/a.jpg",
        "/data/照片/张三 1.JPG",
        "C:\\photos\\a.jpeg",
        "\\\\server\\share\\a.png",
        "https://cdn.example.org/a/b.webp?x-sign=abc&y=1",
        "https://img.example.org/get?file=a.jpg",
        "file:///srv/a.heic",
        "s3://bucket/a.jpg",
        "group1/M00/00/0A/wKgB.jpg",
        "a.jpg,b.jpg",
        '["a/b.jpg", "c.png"]',
        '{"url": "https:\\/\\/h\\/a.jpg"}',
        "https://h/a.jpg!thumb",
    ],
)
def test_names_of_picture_files_are_known_in_many_spellings(text: str) -> None:
    assert seen(text).look is Look.IMAGE_PLACE


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("report.pdf", Look.FILE_PLACE),
        ("/srv/video/a.mp4", Look.FILE_PLACE),
        ("https://example.org/about", Look.FILE_PLACE),
        ("minio://faces/0a1b2c", Look.STORE_PLACE),
        ("http://[broken", Look.FILE_PLACE),
        ("a.b.c", Look.WORD),
        ("2024-05-01", Look.DAY),
        ("20240501", Look.DAY),
        ("2024-05-01T10:00:00+08:00", Look.TIME),
        ("110101199003074578", Look.PERSON_NUMBER),
        ("王小明", Look.NAME),
        ("Jane Doe", Look.NAME),
        ("是", Look.FLAG),
        ("", Look.EMPTY),
        ("   ", Look.EMPTY),
    ],
)
def test_other_short_texts(text: str, look: Look) -> None:
    found = seen(text).look
    assert found is look or (look is Look.FILE_PLACE and found is Look.WORD)


BROKEN: list[bytes | str] = [
    *("[" * 5000, "{" * 5000, "[1," * 3000, '{"a":' * 2000, "[1e999" + ",1e999" * 200, "data:;base64,", "0x"),
    *(
        b"\x80\x04" + b"." * 50,
        b"\x65\x84\xff",
        b"\x93NUMPY",
        b"PK\x03\x04\x93NUMPY",
        b"BM",
        bytes(7),
        b"\x1f\x8b\x08no",
    ),
    chr(0xD800) * 40,
]


@pytest.mark.parametrize("value", BROKEN, ids=range(len(BROKEN)))
def test_broken_values_are_looked_at_without_harm(value: bytes | str) -> None:
    assert seen(value).look not in {Look.IMAGE, Look.FACE_RECORD}


@pytest.mark.parametrize(
    "part", ["1", "1.", "1 ", "1,", "01", ".", "-", "1e", "a/", "a.", "[1 ", "x.jpg", "ab", '"', "A=", " "]
)
def test_no_text_takes_long(part: str) -> None:
    value = (part * 32768)[:32768]
    begun = time.perf_counter()
    for length in (len(value), 3 * len(value)):
        look_at(Value(value, length))
    assert time.perf_counter() - begun < 2


def test_a_value_never_shows_itself() -> None:
    assert "secret" not in repr(Value("secret", 6))
