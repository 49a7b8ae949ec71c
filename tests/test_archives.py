"""Archives: the pictures in them are looked at, within bounds; what is locked, damaged or a bomb is said."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from detectors import archives
from detectors.archives import Unpacked, members
from detectors.errors import Refusal, Refused
from detectors.look import Looker
from detectors.signatures import Chest, recognise


@pytest.fixture(scope="module")
def face(pictures: Path) -> bytes:
    out = io.BytesIO()
    Image.open(pictures / "astronaut.png").convert("RGB").save(out, "JPEG")
    return out.getvalue()


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return out.getvalue()


@pytest.mark.parametrize(("pack", "kind"), [(zipped, Chest.ZIP), (tarred, Chest.TAR)])
def test_each_picture_of_an_archive_is_looked_at_and_what_is_none_is_passed_over(
    pack, kind: Chest, face: bytes
) -> None:
    data = pack(**{"a.jpg": face, "notes.txt": b"hello, a note", "folder/b.jpg": face})
    assert recognise(data) is kind
    with Looker() as looker:
        look = looker.look(data)
    assert look.media_type == str(kind)
    assert [seen.frame_ms for seen in look.faces] == [0, 1]
    assert look.watched is not None
    assert (look.watched.stills, look.watched.refusal) == (2, None)


def test_a_damaged_picture_in_it_is_said_and_the_others_count(face: bytes) -> None:
    with Looker() as looker:
        look = looker.look(zipped(**{"a.jpg": face, "cut.jpg": face[: len(face) // 2]}))
    assert len(look.faces) == 1
    assert look.watched is not None
    assert look.watched.refusal is Refusal.TRUNCATED


def test_an_archive_without_pictures_has_none_and_one_that_is_cut_off_is_refused(face: bytes) -> None:
    with Looker() as looker:
        look = looker.look(zipped(**{"notes.txt": b"hello, a note"}))
        assert (look.faces, look.watched.stills if look.watched else None) == ((), 0)
        data = zipped(**{"a.jpg": face})
        with pytest.raises(Refused) as caught:
            looker.look(data[:-40])
    assert caught.value.reason is Refusal.TRUNCATED


def test_bombs_and_crowds_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MEMBER_BYTES", 1000)
    unpacked = Unpacked()
    data = zipped(**{"bomb.jpg": bytes(100_000), "small.jpg": b"x" * 500})
    assert [len(content) for content in members(io.BytesIO(data), Chest.ZIP, unpacked)] == [500]
    assert (unpacked.left_out, unpacked.refusal) == (1, Refusal.TOO_LARGE)
    monkeypatch.setattr(archives, "MEMBERS", 2)
    unpacked = Unpacked()
    crowd = tarred(**{f"{n}.jpg": b"x" for n in range(5)})
    assert len(list(members(io.BytesIO(crowd), Chest.TAR, unpacked))) == 2
    assert unpacked.refusal is Refusal.TOO_LARGE
    monkeypatch.setattr(archives, "WHOLE_BYTES", 900)
    unpacked = Unpacked()
    assert len(list(members(io.BytesIO(zipped(a=b"x" * 500, b=b"x" * 500)), Chest.ZIP, unpacked))) == 1


def test_an_entry_that_lies_about_its_size_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MEMBER_BYTES", 1000)
    data = bytearray(zipped(**{"bomb.jpg": bytes(100_000)}))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    unpacked = Unpacked()
    assert sum(map(len, members(io.BytesIO(bytes(data)), Chest.ZIP, unpacked))) <= 1000


def test_a_tar_that_breaks_off_keeps_what_came_before(face: bytes) -> None:
    data, unpacked = tarred(**{"a.jpg": face, "b.jpg": face}), Unpacked()
    assert len(list(members(io.BytesIO(data[: len(face) + 2048 + 600]), Chest.TAR, unpacked))) == 1
    assert unpacked.refusal is Refusal.TRUNCATED
