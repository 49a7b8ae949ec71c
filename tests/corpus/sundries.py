"""Cells that are neither pictures nor people: numbers, keys, tokens, texts, files, places."""

from __future__ import annotations

import gzip
import io
import struct
import uuid
import wave

from tests.corpus.drawing import Cell, Draw, Maker

_HEX = "0123456789abcdef"
_TOKEN = "abcdefghijkmnpqrstuvwxyz23456789"
_WORDS = ("the", "small", "harbour", "lamp", "turns", "under", "grey", "stone", "and", "waits", "north", "again")
_HANZI = ("已核对", "待补充资料", "设备重启后恢复", "无异常")


def _words(draw: Draw, count: str) -> str:
    return " ".join(draw.of(_WORDS) for _ in range(int(count)))


def _one_of(draw: Draw, *words: str) -> str:
    return draw.of(" ".join(words).split("|"))


def _uuid(draw: Draw, among: str = "") -> str:
    if among:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"corpus/{draw.whole(1, int(among))}"))
    return str(uuid.UUID(bytes=draw.chance.bytes(16), version=4))


def _box(draw: Draw) -> list[float]:
    return [round(draw.chance.random(), 3) for _ in range(4)]


def _box_dict(draw: Draw) -> dict[str, Cell]:
    return {"box": _box(draw), "score": round(draw.chance.random(), 3), "region": "hall"}


def _boxes(draw: Draw) -> list[Cell]:
    return [{"name": part, "x": draw.whole(1, 99), "y": draw.whole(1, 99)} for part in ("eye_l", "eye_r", "nose")]


def _wav(draw: Draw) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(draw.chance.bytes(1600))
    return out.getvalue()


def _pdf(draw: Draw) -> bytes:
    return b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%" + _words(draw, "40").encode() + b"\ntrailer<<>>\n%%EOF\n"


def _mp3(draw: Draw) -> bytes:
    return b"ID3\x04\0\0\0\0\0\0" + (b"\xff\xfb\x90\x00" + draw.chance.bytes(413)) * 2


def _token(draw: Draw, length: str) -> str:
    return draw.text(_TOKEN, int(length))


def _jwt(draw: Draw) -> str:
    return f"eyJhbGciOiJIUzI1NiJ9.eyJ{_token(draw, '40')}.{_token(draw, '43')}"


def _place(draw: Draw) -> tuple[float, float]:
    return round(draw.chance.uniform(-180, 180), 5), round(draw.chance.uniform(-90, 90), 5)


MAKERS: dict[str, Maker] = {
    "serial": lambda draw: draw.number,
    "ref": lambda draw, among: draw.whole(1, int(among)),
    "uuid": _uuid,
    "uuidref": _uuid,
    "int": lambda draw, low, high: draw.whole(int(low), int(high)),
    "float": lambda draw, low, high: round(draw.chance.uniform(float(low), float(high)), 4),
    "bool": lambda draw: bool(draw.whole(0, 1)),
    "const": lambda draw, *words: " ".join(words).strip('"'),
    "choice": _one_of,
    "choice_int": lambda draw, *words: int(_one_of(draw, *words)),
    "token": _token,
    "digits": lambda draw, length: draw.of("123456789") + draw.text("0123456789", int(length) - 1),
    "hash": lambda draw, length: draw.text(_HEX, int(length)),
    "bytes": lambda draw, length: draw.chance.bytes(int(length)),
    "bcrypt": lambda draw: "$2b$12$" + _token(draw, "53"),
    "jwt": _jwt,
    "hashpath": lambda draw: (lambda text: f"{text[:2]}/{text}")(draw.text(_HEX, 40)),
    "slug": lambda draw: _words(draw, "2").replace(" ", "-"),
    "words": _words,
    "sentence": lambda draw: _words(draw, "9").capitalize() + ".",
    "cn_sentence": lambda draw: draw.of(_HANZI),
    "html": lambda draw: f"<html><body><h1>{{{{ title }}}}</h1><p>{_words(draw, '6')}</p></body></html>",
    "request": lambda draw: f"GET /{_words(draw, '1')}?page={draw.whole(1, 90)} HTTP/1.1",
    "page": lambda draw: f"https://shop.example.org/?p={draw.whole(1, 900)}",
    "ip": lambda draw: f"192.0.2.{draw.whole(1, 254)}",
    "latlon": lambda draw: "{1},{0}".format(*_place(draw)),
    "wkt": lambda draw: "POINT({} {})".format(*_place(draw)),
    "wkb": lambda draw: struct.pack("<BIdd", 1, 1, *_place(draw)),
    "tags": lambda draw: [draw.of(_WORDS) for _ in range(3)],
    "box": _box,
    "boxdict": _box_dict,
    "boxes": _boxes,
    "pdf": _pdf,
    "mp3": _mp3,
    "wav": _wav,
    "gzip": lambda draw: gzip.compress(_words(draw, "60").encode(), mtime=0),
    "pgp": lambda draw: f"-----BEGIN PGP MESSAGE-----\n\n{_token(draw, '64')}\n-----END PGP MESSAGE-----\n",
}
