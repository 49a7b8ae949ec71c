"""What the head-count looks at: every current face and stored template, with what its store knows of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.records import Sightings
from detectors.sequences import place_in_sequence
from plugins.run import Run

# ``captured_from`` where the clock is the camera's; a file's date, or a row's, may be that of a copy.
_CAMERA_CLOCKS = ("exif", "name")
_EPOCH = pd.Timestamp(0, tz="UTC")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Seen:
    """Faces and templates, a row each. Biometric data.

    Attributes:
        rows: store, face_id (missing for a template), subject_ref (missing where it is filed under nobody),
            is_template, frame, quality, camera and seconds as in ``Sightings``, and vector: its place in ``vectors``,
            -1 when it has none any more.
        vectors: (V, D) float32 unit vectors.
    """

    rows: pd.DataFrame
    vectors: NDArray[np.float32]

    def sightings(self, rows: pd.DataFrame) -> Sightings:
        """Give some of the rows, all with a vector, to be counted."""
        return Sightings(
            vectors=self.vectors[rows["vector"].to_numpy()],
            frames=rows["frame"].to_numpy(),
            quality=rows["quality"].to_numpy(),
            subjects=pd.factorize(rows["subject_ref"])[0],
            cameras=rows["camera"].to_numpy(),
            seconds=rows["seconds"].to_numpy(),
        )


def gather(run: Run, objects: pd.DataFrame, faces: pd.DataFrame, subjects: pd.DataFrame) -> Seen:
    """Bring together the faces in pictures and the templates in databases.

    Args:
        run: knows vectors and databases.
        objects: current objects (evidence table ``objects``), for the time of capture.
        faces: their faces (evidence table ``faces``).
        subjects: evidence table ``subjects``; templates of people whom it does not know are left out, those filed under
            nobody are not.
    """
    found = run.vectors.read(run.encoder.key, run.dimension)
    place = {face_id: n for n, face_id in enumerate(found.face_ids.tolist())}
    pictures = _pictures(run, objects, faces)
    pictures["vector"] = faces["face_id"].map(place).fillna(-1).astype(np.int64).to_numpy()
    templates, values = _templates(run, subjects)
    templates["vector"] = len(found) + np.arange(len(templates))
    templates["frame"] = len(pictures) + np.arange(len(templates))
    rows = pd.concat([pictures, templates], ignore_index=True)
    return Seen(rows, np.concatenate([found.values, values]))


def _pictures(run: Run, objects: pd.DataFrame, faces: pd.DataFrame) -> pd.DataFrame:
    """Make the rows of faces in pictures, in their order, all but ``vector``."""
    known = objects[["store", "uri", "captured_at", "captured_from", "media_type"]]
    taken = faces[["store", "uri"]].merge(known, on=["store", "uri"], how="left")
    seconds = (taken["captured_at"] - _EPOCH) / pd.Timedelta(seconds=1) + faces["frame_ms"].to_numpy() / 1000
    folders = pd.DataFrame({"store": taken["store"], "folder": taken["uri"].str.replace("[^/]*$", "", regex=True)})
    cameras = folders.groupby(["store", "folder"], sort=False).ngroup()
    on_time = taken["captured_from"].isin(_CAMERA_CLOCKS)
    # Within a video time is known even where nobody knows when it began: it is a camera of its own then.
    alone = taken["media_type"].fillna("").str.startswith("video/") & ~on_time
    of_video = -2 - taken.groupby(["store", "uri"], sort=False).ngroup()
    cameras = cameras.where(taken["store"].isin([s.name for s in run.whole.stores]), -1).mask(alone, of_video)
    within = pd.Series(faces["frame_ms"].to_numpy() / 1000, index=seconds.index)
    seconds = seconds.where(on_time).mask(alone, within)
    cameras, seconds = _with_sequences(taken, on_time | alone, cameras, seconds)
    frames = faces.groupby(["store", "uri", "frame_ms"], sort=False).ngroup()
    return pd.DataFrame(
        {
            "store": faces["store"].to_numpy(),
            "face_id": faces["face_id"].to_numpy(),
            "subject_ref": _subjects(faces.assign(frame=frames.to_numpy())).to_numpy(),
            "is_template": False,
            "frame": frames.to_numpy(),
            "quality": faces["quality"].to_numpy(np.float64),
            "camera": cameras.mask(cameras < -1, cameras.max() - cameras).to_numpy(),
            "seconds": seconds.to_numpy(np.float64),
        }
    )


def _with_sequences(
    taken: pd.DataFrame, is_timed: pd.Series, cameras: pd.Series, seconds: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Give the stills of a sequence, where no clock says more, their numbers for seconds, and a camera of their own."""
    uris = taken.loc[~is_timed, "uri"].drop_duplicates()
    places = pd.DataFrame([place_in_sequence(uri) for uri in uris], index=uris, columns=["sequence", "number"])
    sequence, number = (taken["uri"].map(places[name]).mask(is_timed) for name in places)
    numbered = sequence.notna()
    of_sequence = taken.assign(sequence=sequence).groupby(["store", "sequence"], sort=False).ngroup()
    own = min(cameras.min(), -1) - 1 - of_sequence
    return cameras.mask(numbered, own), seconds.mask(numbered, number.astype(float))


def _subjects(faces: pd.DataFrame) -> pd.Series:
    """Say whom each face is of; of several faces in a picture that is filed under one person, the largest is theirs."""
    filed = faces[faces["subject_ref"].notna()]
    crowded = filed[filed.duplicated(["frame", "subject_ref"], keep=False)]
    areas = crowded["box_xywh_px"].map(lambda box: float(box[2]) * float(box[3]))
    ordered = crowded.assign(area=areas).sort_values(["area", "face_id"])
    bystanders = ordered.index[ordered.duplicated(["frame", "subject_ref"], keep="last")]
    return faces["subject_ref"].astype(object).where(~faces.index.isin(bystanders), None)


def _templates(run: Run, subjects: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """Make the rows of templates, all but ``vector`` and ``frame``, and give their vectors."""
    enrolled = subjects[subjects["data_class"] == "template"]
    parts, values = [], [np.empty((0, run.dimension), np.float32)]
    for database in run.whole.databases:
        refs, vectors = run.templates(database)
        part = pd.DataFrame({"store": database.name, "subject_ref": pd.Series(refs, dtype=object)})
        known = part["subject_ref"].isin(enrolled.loc[enrolled["store"] == database.name, "subject_ref"])
        known |= part["subject_ref"].isna()
        parts.append(part[known])
        values.append(vectors[known.to_numpy()])
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["store", "subject_ref"])
    rows = rows.assign(face_id=None, is_template=True, quality=1.0, camera=-1, seconds=np.nan)
    return rows, np.concatenate(values)
