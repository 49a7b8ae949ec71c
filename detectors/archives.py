"""Takes the files out of a ZIP or tar archive one after the other, each in memory, within bounds."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from detectors.errors import Refusal, Refused
from detectors.signatures import Chest

MEMBER_BYTES = 64 * 2**20
"""A larger member is left out, unopened where its size is said, else as soon as it passes it."""

WHOLE_BYTES = 2 * 2**30
MEMBERS = 20_000
"""What is taken out of one archive; what goes beyond is left out, and said."""

DIRECTORY_BYTES = 32 * 2**20
"""A ZIP archive's list of members is read whole before the first; of a longer one (300,000 and more) none is."""

_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError,
            NotImplementedError, RuntimeError, IndexError)  # fmt: skip


@dataclass(slots=True)
class Unpacked:
    """What came of it.

    Attributes:
        left_out: how many members could not be taken out.
        refusal: the first reason.
        longest_gap_ms: longest time that nobody looked at in a video among the members.
    """

    left_out: int = 0
    refusal: Refusal | None = None
    longest_gap_ms: int = 0

    def leave_out(self, reason: Refusal) -> None:
        """Count one more."""
        self.left_out += 1
        self.refusal = self.refusal or reason


def members(archive: BinaryIO, kind: Chest, unpacked: Unpacked) -> Iterator[bytes]:
    """Give the files of an archive; folders, links and devices are none. Archives in archives stay closed.

    Args:
        archive: open and seekable; it is not closed.
        kind: what it is.
        unpacked: is told what was left out.

    Raises:
        Refused: it cannot be opened at all.
    """
    left = WHOLE_BYTES
    for number, content in enumerate(_zip(archive, unpacked) if kind is Chest.ZIP else _tar(archive, unpacked)):
        left -= len(content)
        if left < 0 or number == MEMBERS:
            unpacked.leave_out(Refusal.TOO_LARGE)
            return
        yield content


def _zip(file: BinaryIO, unpacked: Unpacked) -> Iterator[bytes]:
    archive = _opened(file)
    with archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            if entry.flag_bits & 1:
                unpacked.leave_out(Refusal.ENCRYPTED)
            elif entry.file_size > MEMBER_BYTES:
                unpacked.leave_out(Refusal.TOO_LARGE)
            else:
                try:
                    with archive.open(entry) as member:
                        content = member.read(MEMBER_BYTES + 1)
                except _DAMAGED:
                    unpacked.leave_out(Refusal.TRUNCATED)
                    continue
                if len(content) > MEMBER_BYTES:  # its entry lied
                    unpacked.leave_out(Refusal.TOO_LARGE)
                else:
                    yield content


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    if _directory_bytes(file) > DIRECTORY_BYTES:
        raise Refused(Refusal.TOO_LARGE, "ZIP archive with more members than are looked at")
    try:
        return zipfile.ZipFile(file)
    except _DAMAGED:
        raise Refused(Refusal.TRUNCATED, "ZIP archive that is damaged or whose end is missing") from None


def _directory_bytes(file: BinaryIO) -> int:
    """Read how long a ZIP's list of members says it is (APPNOTE.TXT 4.3.14 and 4.3.16); 0 where that is not found."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 2**16 - 128))
    end = file.read()
    at = end.rfind(b"PK\x05\x06")
    short = int.from_bytes(end[at + 12 : at + 16], "little") if at >= 0 else 0
    if short < 2**32 - 1:
        return short
    at = end.rfind(b"PK\x06\x06")
    return int.from_bytes(end[at + 40 : at + 48], "little") if at >= 0 else 0


def _tar(file: BinaryIO, unpacked: Unpacked) -> Iterator[bytes]:
    seen = 0
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for entry in archive:
                seen += 1
                if not entry.isreg():
                    continue
                if entry.size > MEMBER_BYTES:
                    unpacked.leave_out(Refusal.TOO_LARGE)
                    continue
                member = archive.extractfile(entry)
                content = member.read() if member else b""
                if len(content) < entry.size:
                    unpacked.leave_out(Refusal.TRUNCATED)
                else:
                    yield content
    except _DAMAGED:
        if not seen:
            raise Refused(Refusal.TRUNCATED, "tar archive that is damaged or whose end is missing") from None
        unpacked.leave_out(Refusal.TRUNCATED)
