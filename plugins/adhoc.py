"""Faces and head-counts of any folder, URL or Parquet file, without settings and without keeping anything."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detectors.encoder import ENCODER_KEY, SHIPPED, EncoderSpec, vector_size
from detectors.errors import BadVectors
from detectors.identities import count_people
from detectors.look import Look, SeenFace
from detectors.profile import for_encoder
from detectors.records import PeopleCount, Sightings
from detectors.sequences import place_in_sequence
from plugins.glance import Placed, PlainGlancer
from plugins.pool import Tick, run_supervised
from plugins.settings import StoreSettings
from plugins.stores.objects import ObjectStore
from plugins.stores.records import StoredObject, StoreProblem
from plugins.supervise import Limits, Lost, Supervisor

_BATCH = 16

FACES_SCHEMA = pa.schema(
    [
        ("uri", pa.string()),
        ("face_no", pa.int32()),
        ("box_xywh_px", pa.list_(pa.float32(), 4)),
        ("score", pa.float32()),
        ("quality", pa.float32()),
        ("frame_ms", pa.int32()),
    ]
)
VECTOR_FIELD = pa.field("vector", pa.list_(pa.float32()))
ENCODER_FIELD = b"facewarden.encoder"
"""Where a faces Parquet says, in the metadata of its schema, which encoder its vectors are of: ``EncoderSpec.key``."""
VIDEOS_FIELD = b"facewarden.videos"
"""Where it says, likewise, which of its objects are videos: a JSON list of their ``uri``."""


Listed = tuple[StoreSettings, list[StoredObject]]


class BadSource(Exception):
    """A source is not there, or is not what it should be."""


@dataclass(frozen=True, slots=True)
class Films:
    """How many videos were looked at, how many stills of them, and the longest time that nobody looked at."""

    count: int = 0
    stills: int = 0
    longest_gap_ms: int = 0

    def with_more(self, other: Films) -> Films:
        """Add others."""
        gap = max(self.longest_gap_ms, other.longest_gap_ms)
        return Films(self.count + other.count, self.stills + other.stills, gap)


@dataclass(slots=True)
class Found:
    """What was found in some sources.

    Attributes:
        rows: as in ``FACES_SCHEMA``, with ``vector`` and ``is_video``.
        ended: how every object ended; what was read in part counts as scanned.
        partly: why the rest of those was not read.
        films: how the videos were looked at.
    """

    encoder: EncoderSpec
    rows: list[dict[str, Any]] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    partly: Counter[str] = field(default_factory=Counter)
    films: Films = field(default_factory=Films)

    def add(self, other: Found) -> None:
        """Take in what was found elsewhere."""
        self.rows += other.rows
        self.ended += other.ended
        self.partly += other.partly
        self.films = self.films.with_more(other.films)

    @property
    def refused(self) -> dict[str, int]:
        """How many objects could not be looked at, by reason."""
        return {reason: n for reason, n in sorted(self.ended.items()) if reason != "scanned"}

    def frame(self) -> pd.DataFrame:
        """Give the rows as a data frame, with vectors."""
        return pd.DataFrame(self.rows, columns=[*FACES_SCHEMA.names, VECTOR_FIELD.name, "is_video"])

    def table(self, *, unsafe_include_vectors: bool = False) -> pa.Table:
        """Give the rows as a table; vectors, biometric data, only when asked for by name."""
        schema = FACES_SCHEMA.append(VECTOR_FIELD) if unsafe_include_vectors else FACES_SCHEMA
        rows = [{name: row[name] for name in schema.names} for row in self.rows]
        videos = sorted({row["uri"] for row in self.rows if row.get("is_video")})
        said = {ENCODER_FIELD: self.encoder.key, VIDEOS_FIELD: json.dumps(videos)}
        return pa.Table.from_pylist(rows, schema=schema.with_metadata(said))


def expand_sources(sources: Iterable[str]) -> list[str]:
    """Replace each ``@FILE`` by the lines of that file.

    Raises:
        BadSource: the file cannot be read.
    """
    expanded: list[str] = []
    for source in sources:
        if not source.startswith("@"):
            expanded.append(source)
            continue
        try:
            lines = Path(source[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSource(f"the list {source[1:]} cannot be read: {error}") from error
        expanded += [line.strip() for line in lines if line.strip()]
    return expanded


def find_faces(
    sources: Iterable[str],
    workers: int,
    begin: Callable[[int], Tick] = lambda n: lambda k: None,
    encoder: EncoderSpec = SHIPPED,
) -> Found:
    """Find the faces of all pictures of some sources, in a stable order.

    Raises:
        BadSource: a source does not exist or cannot be listed.
        BadEncoder: an encoder of one's own cannot be used.
    """
    return look_at([list_pictures(source) for source in expand_sources(sources)], workers, begin, encoder)


def list_pictures(source: str) -> Listed:
    """List the pictures of a folder or URL.

    Raises:
        BadSource: it does not exist or cannot be listed.
    """
    settings = StoreSettings(name="source", url=source, purpose="look", links="follow")
    try:
        return settings, list(ObjectStore(settings, Path.cwd()).list())
    except StoreProblem as problem:
        raise BadSource(f"{source}: {problem.why}") from problem


def look_at(listed: Iterable[Listed], workers: int, begin: Callable[[int], Tick], encoder: EncoderSpec) -> Found:
    """Find the faces of listed pictures, in their order.

    Raises:
        BadEncoder: an encoder of one's own cannot be used.
    """
    placed = [(settings, found) for settings, objects in listed for found in objects]
    batches, tick, found = list(_batches(placed)), begin(len(placed)), Found(encoder)
    count = max(1, min(workers, len(batches)))
    supervisors = [Supervisor(partial(PlainGlancer, encoder), Limits()) for _ in range(count)]
    for part in run_supervised(lambda one, batch: _look(one, batch, encoder, tick), batches, supervisors):
        found.add(part)
    return found


def _batches(objects: list[Placed]) -> Iterator[list[Placed]]:
    for start in range(0, len(objects), _BATCH):
        yield objects[start : start + _BATCH]


def _look(looking: Supervisor[Placed, Look | Lost], batch: list[Placed], encoder: EncoderSpec, tick: Tick) -> Found:
    part = Found(encoder)
    for (_, found), outcome in looking.through(batch):
        if isinstance(outcome, Lost):
            part.ended[outcome.reason] += 1
        else:
            _note(part, found.uri, outcome)
        tick(1)
    return part


def _note(part: Found, uri: str, look: Look) -> None:
    part.ended["scanned"] += 1
    if look.watched and look.watched.refusal:
        part.partly[look.watched.refusal.value] += 1
    is_video = look.media_type.startswith("video/")
    if look.watched and is_video:
        part.films = part.films.with_more(Films(1, look.watched.stills, look.watched.longest_gap_ms))
    part.rows += [_row(uri, number, face) | {"is_video": is_video} for number, face in enumerate(look.faces)]


def _row(uri: str, number: int, seen: SeenFace) -> dict[str, Any]:
    return {
        "uri": uri,
        "face_no": number,
        "box_xywh_px": [float(v) for v in seen.face.box_xywh_px],
        "score": seen.face.score,
        "quality": seen.face.quality,
        "frame_ms": seen.frame_ms,
        "vector": seen.vector,
    }


@dataclass(frozen=True, slots=True)
class HeadCount:
    """People in some sources."""

    images: int
    faces: int
    people: PeopleCount
    not_looked_at: dict[str, int]
    partly_looked_at: dict[str, int]
    films: Films


def count_sources(
    sources: Iterable[str],
    workers: int,
    begin: Callable[[int], Tick] = lambda n: lambda k: None,
    encoder: EncoderSpec = SHIPPED,
) -> HeadCount:
    """Count the people in folders, URLs and faces Parquet files (those with a ``vector`` column) together.

    Raises:
        BadSource: a source does not exist, or a Parquet file holds no vectors, or those of another encoder.
        BadEncoder: an encoder of one's own cannot be used.
    """
    folders, tables = parted(expand_sources(sources))
    read = [read_faces(path, encoder) for path in tables]
    found = find_faces(folders, workers, begin, encoder)
    faces = pd.concat([found.frame(), *read], ignore_index=True) if read else found.frame()
    people = count_faces(faces, encoder, tables)
    images = found.ended["scanned"] + sum(frame["uri"].nunique() for frame in read)
    return HeadCount(images, len(faces), people, found.refused, dict(found.partly), found.films)


def parted(sources: Iterable[str]) -> tuple[list[str], list[str]]:
    """Part sources into places with pictures and faces Parquet files."""
    parts: tuple[list[str], list[str]] = [], []
    for source in sources:
        parts[source.endswith(".parquet")].append(source)
    return parts


def count_faces(
    faces: pd.DataFrame, encoder: EncoderSpec, tables: Iterable[str], confidence: float = 0.95
) -> PeopleCount:
    """Count the people of rows with ``uri``, ``frame_ms``, ``quality``, ``vector`` and, if known, ``is_video``.

    Args:
        faces: the rows.
        encoder: of their vectors.
        tables: files to name when the vectors cannot be used.
        confidence: of the interval.

    Raises:
        BadSource: vectors of different lengths, or such that cannot be compared.
    """
    vectors = as_matrix(faces) if len(faces) else np.empty((0, vector_size(encoder)), np.float32)
    frames = pd.factorize(pd.MultiIndex.from_frame(faces[["uri", "frame_ms"]]))[0] if len(faces) else None
    cameras, seconds = tracked(faces)
    sightings = Sightings(vectors, frames, faces["quality"].to_numpy(np.float64), None, cameras, seconds)
    try:
        return count_people(sightings, profile=for_encoder(encoder), confidence=confidence)
    except BadVectors as error:
        raise BadSource(f"{', '.join(tables)}: {error}") from error


def tracked(faces: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Say which camera saw each face and when, in seconds: each video is a camera, and so is a sequence of stills."""
    places = faces["uri"].astype(str).drop_duplicates()
    stills = pd.DataFrame([place_in_sequence(uri) for uri in places], index=places, columns=["sequence", "number"])
    uri, ms = faces["uri"].astype(str), faces["frame_ms"].to_numpy(np.float64)
    is_video = faces["is_video"].eq(True) if "is_video" in faces else pd.Series(False, index=faces.index)
    sequence, number = uri.map(stills["sequence"]), uri.map(stills["number"]).to_numpy(np.float64)
    cameras = pd.factorize(("video " + uri).where(is_video, "stills " + sequence))[0]
    return cameras.astype(np.int64), np.where(is_video, ms / 1000, number)


def read_faces(path: str, encoder: EncoderSpec) -> pd.DataFrame:
    """Read ``uri``, ``frame_ms``, ``quality`` and ``vector`` of a faces Parquet file.

    A quality that is missing or NaN is not known: such a face is taken as if none had been graded, as usable.

    Raises:
        BadSource: it cannot be read, or holds no vectors, or those of another encoder.
    """
    wanted = ["uri", "frame_ms", "quality", "vector"]
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadSource(f"{path} cannot be read as Parquet: {error}") from error
    missing = [name for name in ("uri", "vector") if name not in table.column_names]
    if missing:
        hint = "make it with `facewarden faces ... --unsafe-include-vectors`"
        raise BadSource(f"{path} has no column {' or '.join(missing)}; {hint}")
    for name, usual in (("frame_ms", pa.scalar(0, pa.int32())), ("quality", pa.scalar(1.0, pa.float32()))):
        if name not in table.column_names:
            table = table.append_column(name, pa.repeat(usual, len(table)))
    frame: pd.DataFrame = table.select(wanted).to_pandas()
    frame["quality"] = frame["quality"].fillna(1.0)
    said = table.schema.metadata or {}
    _check_encoder(path, said.get(ENCODER_FIELD), frame, encoder)
    return frame.assign(is_video=frame["uri"].isin(_videos(said)))


def _videos(said: Mapping[bytes, bytes]) -> list[str]:
    try:
        return [str(uri) for uri in json.loads(said.get(VIDEOS_FIELD, b"[]"))]
    except (ValueError, TypeError):
        return []  # written by something else


def _check_encoder(path: str, said: bytes | None, faces: pd.DataFrame, encoder: EncoderSpec) -> None:
    """Refuse vectors of another encoder than the one that counts: they cannot be compared."""
    sizes = {np.size(v) for v in faces["vector"]}
    if said is None and len(sizes) == 1 and sizes != {vector_size(SHIPPED)}:
        raise BadSource(
            f"{path} does not say which encoder made its vectors of {sizes.pop()} numbers (the shipped one's have "
            f"{vector_size(SHIPPED)}); make it with `facewarden faces ... --encoder FILE.yaml --unsafe-include-vectors`"
        )
    key = said.decode() if said else ENCODER_KEY
    if len(faces) and key != encoder.key:
        raise BadSource(
            f"{path} holds vectors of encoder {key}, and the count is by {encoder.key}: two encoders are mixed; count "
            "each apart, with its own --encoder FILE.yaml"
        )


def as_matrix(faces: pd.DataFrame) -> NDArray[np.float32]:
    """Give the vectors of one or more rows, (N, D).

    Raises:
        BadSource: they have different lengths.
    """
    sizes = {np.size(v) for v in faces["vector"]}
    if len(sizes) > 1:
        raise BadSource(f"vectors of different lengths {sorted(sizes)}: two encoders are mixed; count each apart")
    return np.asarray(faces["vector"].tolist(), dtype=np.float32)
