"""Finds the faces in a picture: proposed over the whole of it, each looked at closely at least twice."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np

from detectors import blazeface, boxes, gate, proposals, pyramid, quality
from detectors.blazeface import Net
from detectors.boxes import Candidate
from detectors.gate import Confirmed, Gate
from detectors.models import FINDER_FAR, FINDER_NEAR, FINDER_PROPOSALS, model_hashes
from detectors.proposals import Proposer, rough_scale_for, scale_for
from detectors.pyramid import Pyramid, turned_back
from detectors.records import RGB, Face

VERSION = 5
"""Counted up when the code changes what is found and no setting does."""

# Score from which the near model's look at the whole, with room around it, is worth a second look.
NEAR_CANDIDATE = 0.4
# Sides of that look, in longer sides of the picture: faces that fill a picture are found when they are smaller than
# what a model sees.
PADDED = 1.6
# Pictures narrower than this hold no face of 16 pixels, the smallest that the second looks confirm.
SMALLEST_PICTURE_PX = 16
# Pictures of fewer pixels are decoded in full at once: to decode them twice where there is a face would cost more than
# a smaller first decoding saves elsewhere.
SHRUNK_FROM_PIXELS = 4_000_000


def shrink_for(width: int, height: int) -> int:
    """Say how many times smaller a picture is decoded at first: more than the first pass sees, for faces to be judged.

    Half the size takes half the time; a quarter hardly less, since most of it goes into reading the bits, and its faces
    would have to be decoded anew.

    Args:
        width: of the picture, in pixels.
        height: likewise.

    Returns:
        1, 2, 4 or 8, of which both sides are multiples.
    """
    if width * height < SHRUNK_FROM_PIXELS:
        return 1
    most = max(2.0, 0.5 / scale_for(width, height))
    return max(times for times in (1, 2, 4, 8) if times <= most and not width % times and not height % times)


def _key() -> str:
    """Hash the version, the model files on record and every setting of the finder's modules."""
    settings = [
        (module.__name__, name, value)
        for module in (blazeface, boxes, gate, proposals, pyramid, quality)
        for name, value in sorted(vars(module).items())
        if name.isupper() and isinstance(value, int | float | tuple)
    ]
    own = (VERSION, NEAR_CANDIDATE, PADDED, SMALLEST_PICTURE_PX, SHRUNK_FROM_PIXELS)
    files = [model_hashes()[name] for name in (FINDER_PROPOSALS, FINDER_NEAR, FINDER_FAR)]
    return hashlib.blake2b(repr((own, files, settings)).encode(), digest_size=6).hexdigest()


FINDER_KEY = _key()
"""Changes when any setting of the finder or a model file changes."""


class FaceFinder:
    """Finds faces: YuNet proposes, MediaPipe's two detectors confirm.

    Load it once for many pictures; not for several threads at a time.

    Args:
        folder: of the model files; default as in ``models.models_folder``.

    Raises:
        ModelMissing: a model file is not installed.
        ModelCorrupt: a model file is not the one on record.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._proposer = Proposer(folder)
        with ExitStack() as opened:
            self._near = Net(folder, far=False)
            opened.callback(self._near.close)
            self._far = Net(folder, far=True)
            opened.callback(self._far.close)
            self._gate = Gate(self._near, self._far)
            self._opened = opened.pop_all()

    def __enter__(self) -> FaceFinder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        self._opened.close()

    def find(self, image_rgb: RGB) -> list[Face]:
        """Find the faces of one picture, surest first; the same picture always gives the same faces.

        Faces are found from about 20 pixels of width on, or from 1/90 of the long side in pictures of more than
        2 megapixels. When there is none upright, the picture is tried on its sides and its head. Faces that are
        blurred beyond recognition are not counted as faces.

        Args:
            image_rgb: (H, W, 3) uint8, RGB, upright by EXIF.

        Returns:
            Faces in pixels of this picture, boxes clipped to it.

        Raises:
            ValueError: not an array of that shape and type.
        """
        if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
            raise ValueError(f"got an array {image_rgb.shape} of {image_rgb.dtype}; wanted (H, W, 3) uint8")
        return self.find_in(Pyramid(image_rgb))

    def find_in(self, picture: Pyramid) -> list[Face]:
        """Find the faces of a picture that need not be there in full size yet; otherwise as ``find``."""
        if min(picture.width, picture.height) < SMALLEST_PICTURE_PX:
            return []
        found = self._upright(picture) or self._turned(picture)
        faces = [_face(picture, each) for each in sorted(found, key=lambda each: (-each.score, *each.box.tolist()))]
        return [face for face in faces if face is not None]

    def _upright(self, picture: Pyramid, *, extra: float = 0.0) -> list[Confirmed]:
        found = self._confirmed(picture, self._proposer.propose(picture), extra)
        return found or self._confirmed(picture, self._from_farther(picture), extra)

    def _confirmed(self, picture: Pyramid, candidates: list[Candidate], extra: float) -> list[Confirmed]:
        faces: list[Confirmed] = []
        for members in boxes.group(candidates):
            if not _centred_in(members[0], picture):
                continue
            face = self._gate.confirm(picture, members[0], extra=extra)
            if face is not None and not any(boxes.is_same_face(face.box, other.box) for other in faces):
                faces.append(face)
        return faces

    def _from_farther(self, picture: Pyramid) -> list[Candidate]:
        """Look at the whole with room around it."""
        side = max(picture.width, picture.height) * PADDED
        seen = self._near.look(picture, (picture.width - side) / 2, (picture.height - side) / 2, side)
        return [Candidate(each.box, each.score) for each in seen if each.score >= NEAR_CANDIDATE]

    def _turned(self, picture: Pyramid) -> list[Confirmed]:
        """Try the quarter turns: those that promise faces, the most promising first, are searched in full.

        All are tried, since the models know a face on its head for one on its side, only less surely.
        """
        scale = rough_scale_for(picture.width, picture.height)
        promise = {turn: self._promise(picture.turned(turn, scale)) for turn in (1, 2, 3)}
        for quarters in sorted((turn for turn in promise if promise[turn]), key=lambda turn: -promise[turn]):
            if found := self._upright(picture.turned(quarters), extra=gate.TURNED_EXTRA):
                return [_turned_back(face, quarters, picture.width, picture.height) for face in found]
        return []

    def _promise(self, turned: Pyramid) -> float:
        """Sum up the scores of what is surely proposed."""
        return sum(each.score for each in self._proposer.propose_roughly(turned) if each.sure)


def _centred_in(candidate: Candidate, picture: Pyramid) -> bool:
    x, y = (candidate.box[:2] + candidate.box[2:]) / 2
    return bool(0 <= x < picture.width and 0 <= y < picture.height)


def _turned_back(face: Confirmed, quarters: int, width: int, height: int) -> Confirmed:
    corners = turned_back(face.box.reshape(2, 2), quarters, width, height)
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    return Confirmed(box, turned_back(face.keypoints, quarters, width, height), face.score)


def _face(picture: Pyramid, face: Confirmed) -> Face | None:
    """Grade a face; None when it is blurred beyond recognition."""
    image_rgb, shrink = picture.sharp(
        quality.eye_distance(face.keypoints), quality.FULL_EYE_DISTANCE_PX * quality.ENOUGH
    )
    seen = face.keypoints / shrink
    sharpness = quality.sharpness_of(image_rgb, seen)
    if sharpness < quality.LEAST_SHARPNESS:
        return None
    left, top, right, bottom = boxes.clipped(face.box, picture.width, picture.height)
    return Face(
        np.array([left, top, right - left, bottom - top], np.float32),
        face.keypoints.astype(np.float32),
        face.score,
        quality.quality_of(seen, sharpness, shrink),
    )
