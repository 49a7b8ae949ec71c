"""Tells the numbers of an embedding from other numbers, and finds such numbers in bytes and in text.

Embeddings of faces are 64 to 4,096 finite numbers around zero, without order among neighbours: 128 (dlib, FaceNet,
OpenFace), 160 (DeepID), 256 (ArcSoft), 512 (ArcFace, FaceNet-512), 2,622 (VGG-Face's last layer but one) and 4,096
(VGG-Face, DeepFace) are in use. Sound, sensor readings and histograms fail one of the tests below; ciphertext, hashes
and pictures fail the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST, MOST = 64, 4096
# Bytes before the numbers: none, a count, a count and a version (ArcSoft's features have 8 bytes before 256 floats).
_HEADERS = (0, 4, 8)
_DTYPES = ("<f4", ">f4", "<f8", ">f8")
# Possessive quantifiers (`++`): a text of 30,000 digits would otherwise be tried in every division.
_NUMBER = r"[-+]?+(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?+"
_LIST = re.compile(rf"\s*[\[({{]?\s*\[?\s*(?:{_NUMBER}(?:\s*[,;|\s]\s*|\s*$|\s*[\])}}])){{16}}")
_NUMBERS = re.compile(_NUMBER)
# Neighbouring samples of sound and of sensors are alike. Chance gives 64 independent numbers a correlation of 1/8 (one
# standard deviation): 0.55 is more than four of them.
_ORDERED = 0.55


@dataclass(frozen=True, slots=True)
class Vector:
    """Numbers that could be an embedding.

    Attributes:
        dim: how many.
        unit: of length 1.
        form: how they are written, in words.
        integers: whole numbers only, as of a quantised embedding or of a histogram.
    """

    dim: int
    unit: bool
    form: str
    integers: bool = False


def embedding_like(numbers: NDArray[np.float64]) -> bool:
    """Tell whether numbers look like an embedding (or a good part of one).

    Args:
        numbers: (n,) in any range.
    """
    if len(numbers) < FEWEST or not np.isfinite(numbers).all():
        return False
    size = np.abs(numbers)
    spread = float(numbers.std())
    if float(size.max()) > 1e3 or spread < 1e-4:
        return False
    tiny = (size > 0) & (size < 1e-9)
    if float(tiny.mean()) > 0.02:  # bytes that are no floats have exponents of every size
        return False
    if len(np.unique(numbers)) < len(numbers) / 8 and float((numbers == 0).mean()) < 0.5:
        return False
    return not (_ordered(numbers, spread) or _is_histogram(numbers))


def _ordered(numbers: NDArray[np.float64], spread: float) -> bool:
    centred = (numbers - numbers.mean()) / spread
    correlation = float((centred[1:] * centred[:-1]).mean())
    # A reading swings around a level far from zero; an embedding swings around zero.
    return abs(correlation) > _ORDERED or abs(float(numbers.mean())) > 3 * spread


def _is_histogram(numbers: NDArray[np.float64]) -> bool:
    """Shares that sum to one, or counts: nothing below zero. VGG-Face's are not negative either, but of length 1."""
    if (numbers < 0).any():
        return False
    total, norm = float(numbers.sum()), float(np.linalg.norm(numbers))
    return abs(total - 1) < 1e-2 or (abs(norm - 1) > 1e-2 and not _is_sparse(numbers))


def _is_sparse(numbers: NDArray[np.float64]) -> bool:
    return float((numbers == 0).mean()) > 0.2


def in_bytes(head: bytes, length: int) -> Vector | None:
    """Find an embedding written as floats of four or eight bytes, or of two when it has length 1.

    Args:
        head: the first bytes of the value.
        length: bytes of the whole value.
    """
    if length % 2 or length < 2 * FEWEST or _is_text(head):
        return None
    for header in _headers(head, length):
        for dtype in _DTYPES:
            width = int(dtype[2])
            dim, rest = divmod(length - header, width)
            if rest or not FEWEST <= dim <= MOST:
                continue
            if found := _read(head[header:], dtype, dim):
                return found
    return _half(head, length)


def _headers(head: bytes, length: int) -> tuple[int, ...]:
    """Put a count before the numbers first when the bytes say one: it could pass for one number more."""
    counts = {int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")}
    return (4, 0, 8) if counts & {(length - 4) // 4, (length - 4) // 8, length - 4} else _HEADERS


def _read(body: bytes, dtype: str, dim: int) -> Vector | None:
    width = int(dtype[2])
    numbers = np.frombuffer(body[: len(body) // width * width], dtype=dtype)[:dim]
    with np.errstate(all="ignore"):
        numbers = numbers.astype(np.float64)
        if not embedding_like(numbers):
            return None
        unit = len(numbers) == dim and abs(float(np.linalg.norm(numbers)) - 1) < 1e-2
    order = "little-endian" if dtype[0] == "<" else "big-endian"
    return Vector(dim, unit, f"{dim} {order} float{width * 8} numbers")


def _half(head: bytes, length: int) -> Vector | None:
    """Two-byte floats have few exponents: only a length of 1 tells them from noise."""
    dim = length // 2
    if len(head) < length or not FEWEST <= dim <= MOST:
        return None
    with np.errstate(all="ignore"):
        numbers = np.frombuffer(head, dtype="<f2").astype(np.float64)
        good = bool(np.isfinite(numbers).all()) and abs(float(np.linalg.norm(numbers)) - 1) < 1e-2
    return Vector(dim, True, f"{dim} float16 numbers") if good and embedding_like(numbers) else None


def _is_text(head: bytes) -> bool:
    part = np.frombuffer(head[:512], dtype=np.uint8)
    printable = (part >= 32) & (part < 127) | (part == 9) | (part == 10) | (part == 13)
    return bool(len(part)) and float(printable.mean()) > 0.97


def in_text(head: str, length: int) -> Vector | None:
    """Find an embedding written as a list of numbers: JSON, or numbers between commas, semicolons or spaces."""
    if not _LIST.match(head):
        return None
    whole = len(head) >= length
    texts = _NUMBERS.findall(head)
    if not whole:
        texts = texts[:-1]
    numbers = np.array([float(text) for text in texts[:MOST]])
    dim = len(texts) if whole else round(len(texts) * length / len(head))
    return of_numbers(numbers, dim, "numbers in a list", exact=whole)


def of_numbers(numbers: NDArray[np.float64], dim: int, form: str, *, exact: bool = True) -> Vector | None:
    """Say whether numbers that were read are an embedding; of whole numbers, whether they could be a quantised one."""
    if not FEWEST <= dim <= MOST * 1.1 or len(numbers) < FEWEST or not np.isfinite(numbers).all():
        return None
    if bool((numbers == np.round(numbers)).all()):
        return Vector(dim, False, f"{dim} whole {form}", integers=True)
    if not embedding_like(numbers):
        return None
    unit = exact and abs(float(np.linalg.norm(numbers)) - 1) < 1e-2
    return Vector(dim, unit, f"{'' if exact else 'about '}{dim} {form}")


def in_json(head: str, length: int) -> Vector | None:
    """Find an embedding anywhere in a JSON text: under a key, in a list of lists, or as ``{"0": 0.1, "1": ...}``."""
    if head[:1] not in {"[", "{"}:
        return None
    try:
        content = json.loads(head) if len(head) >= length else json.loads(_closed(head))
    except (ValueError, RecursionError):
        return None
    for numbers in _number_lists(content, 4):
        if found := of_numbers(numbers, len(numbers), "numbers in JSON"):
            return found
    return None


def _closed(head: str) -> str:
    """Cut a JSON text at its last comma and close what is open, as well as that can be known."""
    body = head[: head.rfind(",")]
    opened = []
    for mark in re.sub(r'"(?:[^"\\]|\\.)*"', '""', body):
        if mark in "[{":
            opened.append("]" if mark == "[" else "}")
        elif mark in "]}" and opened:
            opened.pop()
    return body + "".join(reversed(opened))


def _number_lists(content: Any, depth: int) -> Iterator[NDArray[np.float64]]:
    if isinstance(content, dict):
        numbered = len(content) >= FEWEST and all(key.isdigit() for key in content)
        content = list(content.values())
        content = content if numbered else content[:50]
    if not isinstance(content, list) or depth == 0:
        return
    if len(content) >= FEWEST and all(isinstance(x, int | float) and not isinstance(x, bool) for x in content):
        yield np.array(content, dtype=np.float64)
        return
    for part in content[:50]:
        yield from _number_lists(part, depth - 1)
