"""Reads labelled pictures: from a folder per person, an enrolment table, or a faces Parquet with labels beside it.

What a person is called becomes a number as soon as it is read: no name gets into a record, message or log.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from detectors.encoder import EncoderSpec
from plugins.adhoc import BadSource, Listed, list_pictures, look_at, read_faces
from plugins.labelled import LabelledFaces, LabelledRows, tidied
from plugins.pool import Tick
from plugins.settings import StoreSettings
from plugins.stores.credentials import storage
from plugins.stores.faults import say
from plugins.stores.objects import ObjectStore
from plugins.stores.records import StoredObject, StoreProblem

_TABLES = (".csv", ".tsv", ".parquet", ".pq")
_PERSON = ("person", "identity")

Begin = Callable[[int], Tick]
Named = list[tuple[str, float]]
"""Pictures, each with the place of the person whom it shows."""


class _Reader:
    """How to look at pictures, and how to turn what a person is called into a number."""

    def __init__(self, encoder: EncoderSpec, seed: int, workers: int, begin: Begin) -> None:
        self.encoder, self._seed, self._workers, self._begin = encoder, seed, workers, begin

    def place(self, label: str) -> float:
        """Hash a label, with the seed as the key, to a number in [0, 1)."""
        text = label.strip().encode("utf-8", "surrogateescape")
        digest = hashlib.blake2b(text, digest_size=8, key=str(self._seed).encode()).digest()
        return (int.from_bytes(digest) >> 11) / 2**53

    def look(self, kind: str, listed: list[Listed], named: Named, left_out: Counter[str]) -> LabelledRows:
        """Look at listed pictures."""
        found = look_at(listed, self._workers, self._begin, self.encoder)
        faces, pictures = found.frame(), _pictures(named)
        left_out.update(found.refused)
        left_out["no_face"] = pictures["uri"].nunique() - sum(found.refused.values()) - faces["uri"].nunique()
        return LabelledRows(kind, faces, pictures, left_out)


def read_labelled(
    source: str,
    labels: str | None,
    encoder: EncoderSpec,
    *,
    seed: int = 0,
    workers: int = 1,
    begin: Begin = lambda n: lambda k: None,
) -> LabelledFaces:
    """Read labelled faces.

    Args:
        source: a folder or URL with a folder for each person; a table (CSV, Parquet) with columns ``image`` and
            ``person`` or ``identity``; or, with ``labels``, a faces Parquet with vectors.
        labels: a table like that, whose images are endings of the faces' uris.
        encoder: of the vectors.
        seed: key of the hash that gives people their place.
        workers: processes to look with.
        begin: told the number of pictures, gives what is told of those done.

    Raises:
        BadSource: something is not there, or not what it should be.
        BadEncoder: an encoder of one's own cannot be used.
    """
    reader = _Reader(encoder, seed, workers, begin)
    if labels is not None:
        if not source.lower().endswith((".parquet", ".pq")):
            raise BadSource(f"--labels was given with {source}; it goes with a faces Parquet only: leave it away")
        return tidied(_from_faces(source, labels, reader), source)
    is_table = source.lower().endswith(_TABLES) and not Path(source).is_dir()
    return tidied(_from_table(source, reader) if is_table else _from_folders(source, reader), source)


def _from_folders(source: str, reader: _Reader) -> LabelledRows:
    settings, objects = list_pictures(source)
    root = _plain(ObjectStore(settings, Path.cwd()).locate("").uri).rstrip("/") + "/"
    wanted: list[StoredObject] = []
    named: Named = []
    for found in objects:
        person, slash, _ = _plain(found.uri).removeprefix(root).partition("/")
        if slash:
            wanted.append(found)
            named.append((found.uri, reader.place(person)))
    left_out = Counter(in_no_folder_of_a_person=len(objects) - len(wanted))
    return reader.look("a folder per person", [(settings, wanted)], named, left_out)


def _from_table(table: str, reader: _Reader) -> LabelledRows:
    rows, left_out = _rows_of(table, reader)
    folder = table.rpartition("/")[0] if "://" in table else str(Path(table).expanduser().absolute().parent)
    listed: dict[str, dict[str, StoredObject]] = {}
    named: Named = []
    stores: dict[str, ObjectStore] = {}
    for image, person in rows:
        root, path = _parted(image, folder)
        store = stores.setdefault(root, ObjectStore(_settings(root), Path.cwd()))
        try:
            found = store.locate(path, anywhere=True)
        except Exception as error:  # the boundary of one place: drivers raise what they like
            raise BadSource(f"{table}: its pictures cannot be looked up ({type(error).__name__})") from None
        listed.setdefault(root, {})[found.uri] = found
        named.append((found.uri, person))
    pictures = [(_settings(root), list(objects.values())) for root, objects in listed.items()]
    return reader.look("an enrolment table", pictures, named, left_out)


def _from_faces(path: str, labels: str, reader: _Reader) -> LabelledRows:
    faces = read_faces(path, reader.encoder)
    known = pq.read_schema(path).names
    if "box_xywh_px" in known:
        faces["box_xywh_px"] = pq.read_table(path, columns=["box_xywh_px"]).to_pandas()["box_xywh_px"]
    rows, left_out = _rows_of(labels, reader)
    by_ending: dict[str, set[float]] = {}
    for image, person in rows:
        by_ending.setdefault(_normal(image), set()).add(person)
    endings = {uri: _ending_among(by_ending, uri) for uri in faces["uri"].unique()}
    fitting = Counter(ending for ending in endings.values() if ending is not None)
    left_out["no_label"] = sum(ending is None for ending in endings.values())
    left_out["label_fits_several_pictures"] = sum(n for n in fitting.values() if n > 1)
    left_out["label_without_a_face"] = len(by_ending.keys() - fitting.keys())
    clear = [(uri, ending) for uri, ending in endings.items() if ending is not None and fitting[ending] == 1]
    named = [(uri, person) for uri, ending in clear for person in sorted(by_ending[ending])]
    return LabelledRows("faces with labels", faces, _pictures(named), left_out, graded="quality" in known)


def _ending_among(endings: Collection[str], uri: str) -> str | None:
    """Find the longest ending of a uri, cut at slashes, among some."""
    rest, slash = _normal(_plain(uri)), "/"
    while rest not in endings and slash:
        _, slash, rest = rest.partition("/")
    return rest if slash else None


# -- tables ------------------------------------------------------------------------------------------------------------


def _rows_of(table: str, reader: _Reader) -> tuple[Named, Counter[str]]:
    """Read image and place of the person from every row of a table that has both."""
    frame = _parsed(table)
    # What columns there are is not said: in a file without a header they are somebody's name.
    columns = {str(column).strip().casefold(): column for column in frame.columns}
    person = next((columns[name] for name in _PERSON if name in columns), None)
    if "image" not in columns or person is None:
        lacking = "image" if "image" not in columns else "person` or `identity"
        raise BadSource(
            f"{table} has no column `{lacking}`; its first line must name the columns `image` and `person`; a faces "
            "Parquet needs --labels FILE beside it"
        )
    texts = frame[[columns["image"], person]].astype("string").fillna("")
    pairs = [(image.strip(), label.strip()) for image, label in texts.itertuples(index=False, name=None)]
    named = [(image, reader.place(label)) for image, label in pairs if image and label]
    return named, Counter(no_image_or_person=len(pairs) - len(named))


def _parsed(table: str) -> pd.DataFrame:
    data = _bytes_of(table)
    try:
        if table.lower().endswith((".parquet", ".pq")):
            frame: pd.DataFrame = pq.read_table(io.BytesIO(data)).to_pandas()
            return frame
        first = data.decode("utf-8-sig").partition("\n")[0]
        separator = max(",;\t|", key=first.count)
        return pd.read_csv(
            io.BytesIO(data), sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False
        )
    except UnicodeDecodeError:
        raise BadSource(f"{table} is not text in UTF-8; save it as CSV UTF-8") from None
    except (ValueError, pa.ArrowInvalid):  # pandas' own errors among them, which quote what they read
        raise BadSource(
            f"{table} cannot be read as a table; write a CSV or Parquet file with `image` and `person`"
        ) from None


def _bytes_of(table: str) -> bytes:
    import fsspec

    try:
        place, options = storage(table, {}, None, "table", Path.cwd())
        with fsspec.open(place, "rb", **options.reveal()) as file:
            return bytes(file.read())
    except StoreProblem as problem:
        raise BadSource(f"{table}: {problem.why}") from None
    except Exception as error:  # the boundary of one file: file systems raise what they like
        raise BadSource(f"{table}: {say(error)}") from None


# -- addresses ---------------------------------------------------------------------------------------------------------


def _parted(image: str, folder: str) -> tuple[str, str]:
    """Part an image's address into the root of a store and the path below it; relative ones start from ``folder``."""
    image = image.removeprefix("file://")
    if "://" not in image:
        return folder, image
    parts = urlsplit(image)
    return f"{parts.scheme}://{parts.netloc}", image.split("://", 1)[1].removeprefix(parts.netloc).lstrip("/")


def _settings(root: str) -> StoreSettings:
    return StoreSettings(name="source", url=root, purpose="look", links="follow")


def _plain(uri: str) -> str:
    """Give a uri as its store spells it: stores quote what cannot be printed."""
    return unquote(uri.removeprefix("quoted:"), errors="surrogateescape") if uri.startswith("quoted:") else uri


def _normal(path: str) -> str:
    return posixpath.normpath(path).lstrip("/")


def _pictures(named: Named) -> pd.DataFrame:
    uris = pd.Series([uri for uri, _ in named], dtype="str")
    return pd.DataFrame({"uri": uris, "place": np.array([place for _, place in named], np.float64)})
