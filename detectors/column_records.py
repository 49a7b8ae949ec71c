"""Recognises wrapped data by header: NumPy files, pickles, ISO/IEC face records. Nothing is ever unpickled."""

from __future__ import annotations

import io
import pickletools
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from detectors.column_vectors import FEWEST, MOST, Vector


class Record(StrEnum):
    """Kinds of wrapped data; the value is how it is told to people."""

    FACE_19794 = "ISO/IEC 19794-5 face records"
    ARCSOFT = "ArcSoft face features"
    FACE_39794 = "ISO/IEC 39794-5 face records"
    NUMPY = "NumPy arrays"
    PICKLE = "pickled arrays"
    PIXELS = "arrays of pixels"
    OTHER_BIOMETRIC = "ISO/IEC 19794 records of another biometric (finger, iris, vein)"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What a header says.

    Attributes:
        record: the kind.
        vector: the numbers inside, as far as the header tells.
    """

    record: Record
    vector: Vector | None = None


_NPY = b"\x93NUMPY"
_NPY_TYPE = re.compile(rb"'descr':\s*'([<>|=]?)([a-z])(\d+)'")
_NPY_SHAPE = re.compile(rb"'shape':\s*\(([\d,\sL]*)\)")
# ISO/IEC 19794-5:2005 and 2011, 5.4: format identifier "FAC\0", then a version of three digits and a NUL.
_FACE_19794 = re.compile(rb"FAC\0\d{3}\0")
# The other parts of ISO/IEC 19794: finger minutiae, finger images, iris images, vascular images, signatures.
_OTHER_19794 = re.compile(rb"\A(?:FMR|FIR|IIR|VIR|FSR|SDI)[\0 ][ \d]\d{2}\0")
_XML_39794 = re.compile(rb"iso-iec/39794/-5|<(?:\w+:)?faceImageData", re.IGNORECASE)
_MOST_UNPACKED = 65536
_BOOKKEEPING = frozenset({"PROTO", "FRAME", "BINPUT", "LONG_BINPUT", "PUT", "BINGET", "LONG_BINGET", "GET", "MEMOIZE"})
# How ArcSoft's features of faces begin: the numbers 2000 and 20 in four bytes each.
_ARCSOFT = bytes.fromhex("0080fa440000a041")


def unwrap(head: bytes, length: int) -> Wrapped | None:
    """Recognise a record by its first bytes.

    Args:
        head: the first bytes of the value.
        length: bytes of the whole value.
    """
    if head.startswith(_NPY) or (head.startswith(b"PK\x03\x04") and _NPY in head):
        return _numpy(head[head.find(_NPY) :])
    if (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05") or head.startswith((b"cnumpy", b"(lp")):
        return _pickled(head)
    if _FACE_19794.search(head[:256]) or _XML_39794.search(head[:1024]):
        return Wrapped(Record.FACE_19794 if b"FAC\0" in head[:256] else Record.FACE_39794)
    if head.startswith(_ARCSOFT):
        return Wrapped(Record.ARCSOFT)
    if _OTHER_19794.match(head):
        return Wrapped(Record.OTHER_BIOMETRIC)
    return Wrapped(Record.FACE_39794) if _is_39794(head, length) else None


def unpacked(head: bytes) -> bytes | None:
    """Give the beginning of what gzip or zlib packed; None when it is not packed."""
    if not (head.startswith(b"\x1f\x8b\x08") or (head[:1] == b"\x78" and head[1:2] in b"\x01\x5e\x9c\xda")):
        return None
    try:
        return zlib.decompressobj(47).decompress(head, _MOST_UNPACKED) or None
    except zlib.error:
        return None


def _numpy(head: bytes) -> Wrapped | None:
    kind, shape = _NPY_TYPE.search(head[:512]), _NPY_SHAPE.search(head[:512])
    if kind is None or shape is None:
        return None
    sizes = [int(size) for size in re.findall(rb"\d+", shape.group(1))]
    if kind.group(2) == b"u" and len(sizes) >= 2:
        return Wrapped(Record.PIXELS)
    dim = sizes[-1] if sizes else 0
    fits = kind.group(2) in b"fi" and FEWEST <= dim <= MOST
    vector = Vector(dim, False, f"{dim} numbers in a NumPy array", integers=kind.group(2) == b"i")
    return Wrapped(Record.NUMPY, vector if fits else None)


def _pickled(head: bytes) -> Wrapped | None:
    """Read a pickle's opcodes, which runs nothing of it; the end may be missing."""
    said: list[object] = []
    with suppress(ValueError, EOFError, IndexError):  # cut off, as it must be when only the head was read
        said.extend(a for op, a, _ in pickletools.genops(io.BytesIO(head)) if op.name not in _BOOKKEEPING)
    words = {word for argument in said if isinstance(argument, str) for word in argument.split()}
    sizes = [argument for argument in said if isinstance(argument, int)]
    floats = sum(isinstance(argument, float) for argument in said)
    if any(word.startswith(("numpy", "torch")) for word in words):
        return _pickled_array(words, sizes)
    if FEWEST <= floats <= MOST:
        return Wrapped(Record.PICKLE, Vector(floats, False, f"{floats} numbers in a pickled list"))
    return None


def _pickled_array(words: set[str], sizes: list[int]) -> Wrapped:
    if words & {"u1", "uint8"}:
        return Wrapped(Record.PIXELS)
    fitting = [size for size in sizes if FEWEST <= size <= MOST]
    if words & {"f2", "f4", "f8", "float32", "float64", "FloatStorage", "DoubleStorage"} and fitting:
        return Wrapped(Record.PICKLE, Vector(fitting[0], False, f"{fitting[0]} numbers in a pickled array"))
    return Wrapped(Record.PICKLE)


def _is_39794(head: bytes, length: int) -> bool:
    """Recognise a FaceImageDataBlock in DER: [APPLICATION 5], whose first part is a version block with a year.

    ISO/IEC 39794-5:2019, annex A (the block) and 39794-1:2019, annex A (VersionBlock: generation [0], year [1]).
    """
    at = head.find(b"\x65")
    for _ in range(4):  # it may stand inside a CBEFF or ICAO wrapper
        if not 0 <= at < 64:
            return False
        size, body = _der_length(head, at + 1)
        if body and 0 < size <= length - body and head[body : body + 1] == b"\xa0":
            _, inner = _der_length(head, body + 1)
            if inner and re.match(rb"\x80[\x01\x02].{1,2}\x81\x02[\x07\x08]", head[inner : inner + 8], re.DOTALL):
                return True
        at = head.find(b"\x65", at + 1)
    return False


def _der_length(head: bytes, at: int) -> tuple[int, int]:
    """Read a DER length; give it and where the content begins (0 when there is none)."""
    first = head[at] if at < len(head) else 0x80
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= 4 or at + 1 + count > len(head):
        return 0, 0
    return int.from_bytes(head[at + 1 : at + 1 + count]), at + 1 + count
