"""Large films and archives are read piece by piece; what goes wrong while they are read ends as the store's problem."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from detectors.encoder import SHIPPED
from detectors.look import Looker
from plugins.child import Fetched
from plugins.glance import PIECE_BYTES, PlainGlancer, _looked
from plugins.settings import StoreSettings
from plugins.stores import objects, stream
from plugins.stores.objects import ObjectStore
from plugins.stores.reading import Reader
from plugins.stores.records import StoredObject, StoreProblem
from plugins.stores.stream import Pieces
from tests.films import film

Put = Callable[[str, bytes], StoredObject]


@pytest.fixture(scope="module")
def moving(pictures: Path) -> bytes:
    """A film with one face and noise that does not compress."""
    rng = np.random.default_rng(0)
    face = np.asarray(Image.open(pictures / "astronaut.png").convert("RGB"))
    return film([np.hstack([face, rng.integers(0, 255, face.shape, np.uint8)]) for _ in range(20)], gop=10)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "STREAM_BYTES", 200_000)
    monkeypatch.setattr(stream, "PIECE_BYTES", 64_000)


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ObjectStore, Put]:
    url = str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}"
    fs, root = fsspec.core.url_to_fs(url)
    store = ObjectStore(StoreSettings(name="s", url=url, purpose="p"), tmp_path, pause=lambda seconds: None)

    def put(name: str, data: bytes) -> StoredObject:
        fs.pipe_file(f"{root}/{name}", data)
        return next(found for found in store.list() if found.uri.endswith(name))

    return store, put


def test_a_large_film_is_read_in_pieces_and_gives_the_same_faces(place: tuple[ObjectStore, Put], moving: bytes) -> None:
    store, put = place
    assert len(moving) > 300_000
    with Looker() as looker, store.open(put("a.mp4", moving)) as file:
        assert isinstance(file, Pieces)
        seen, whole = looker.look(file), looker.look(moving)
        assert len(file._kept) <= 4
    assert [face.frame_ms for face in seen.faces] == [face.frame_ms for face in whole.faces] != []
    assert seen.watched == whole.watched


def test_a_large_archive_is_read_in_pieces_and_a_large_picture_whole(
    place: tuple[ObjectStore, Put], pictures: Path, moving: bytes
) -> None:
    store, put = place
    png, out = (pictures / "astronaut.png").read_bytes(), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("film.mp4", moving)
        archive.writestr("a.png", png)
    with Looker() as looker:
        with store.open(put("a.zip", out.getvalue())) as file:
            assert isinstance(file, Pieces)
            look = looker.look(file)
        with store.open(put("a.png", png)) as file:
            assert isinstance(file, io.BytesIO)
            assert len(looker.look(file).faces) == 1
    assert look.watched is not None
    assert (look.watched.stills, look.watched.refusal) == (4, None)
    assert len({face.frame_ms for face in look.faces}) == 4


def test_an_object_that_shrinks_while_it_is_read_is_put_aside(place: tuple[ObjectStore, Put], moving: bytes) -> None:
    store, put = place
    listed = put("a.mp4", moving)
    put("a.mp4", moving[:250_000])
    with Looker() as looker, pytest.raises(StoreProblem) as caught, store.open(listed) as file:
        looker.look(file)
    assert caught.value.kind == "changed"


def test_a_film_that_is_replaced_while_it_is_read_is_put_aside(
    place: tuple[ObjectStore, Put], moving: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, put = place
    listed, fetched, read = put("a.mp4", moving), Reader._range, list[int]()

    def meanwhile(self: Reader, path: str, start: int, end: int) -> bytes:
        read.append(start)
        if len(read) == 4:
            put("a.mp4", moving + b"another")
        return fetched(self, path, start, end)

    monkeypatch.setattr(Reader, "_range", meanwhile)
    with Looker() as looker, pytest.raises(StoreProblem) as caught:
        _looked(looker, Fetched(listed, store.open(listed)))
    assert caught.value.kind == "changed"


def test_a_film_that_waits_for_its_turn_counts_as_held(tmp_path: Path, moving: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(moving)
    (tmp_path / "b.png").write_bytes(b"a picture")
    settings = StoreSettings(name="s", url=str(tmp_path), purpose="p")
    glancer = PlainGlancer(SHIPPED, lambda: None)
    waiting, picture = (glancer.fetch((settings, found)) for found in ObjectStore(settings, tmp_path).list())
    assert (waiting.held_bytes, picture.held_bytes) == (PIECE_BYTES, len(b"a picture"))


def test_a_store_that_fails_in_the_middle_of_a_film_is_asked_again_and_then_said(
    place: tuple[ObjectStore, Put], moving: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, put = place
    listed, asked = put("a.mp4", moving), list[int]()
    fetched = Reader._range

    def fails_at_times(self: Reader, path: str, start: int, end: int) -> bytes:
        asked.append(start)
        if len(asked) in failing:
            raise TimeoutError("the network is slow")
        return fetched(self, path, start, end)

    monkeypatch.setattr(Reader, "_range", fails_at_times)
    failing = {3, 5, 6}
    with Looker() as looker:
        with store.open(listed) as file:
            assert looker.look(file).watched is not None
        failing = set(range(len(asked) + 3, len(asked) + 30))
        with pytest.raises(StoreProblem) as caught, store.open(listed) as file:
            looker.look(file)
    assert (caught.value.kind, caught.value.retry) == ("unreadable", True)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_pieces_read_as_a_file_in_memory_does(data: st.DataObject) -> None:
    content = os.urandom(data.draw(st.integers(0, 400_000)))
    ours = Pieces(lambda start, end: content[start:end], len(content), lambda: None)
    theirs = io.BytesIO(content)
    for _ in range(20):
        whence = data.draw(st.sampled_from([os.SEEK_SET, os.SEEK_END]))
        offset = data.draw(st.integers(-len(content), 0) if whence else st.integers(0, len(content) + 100))
        assert ours.seek(offset, whence) == theirs.seek(offset, whence) == ours.tell()
        size = data.draw(st.integers(-1, 150_000))
        assert ours.read(size) == theirs.read(size)
