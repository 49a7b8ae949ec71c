"""Finds the faces in a picture: many windows at several scales, brought together, each face looked at twice."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np

from detectors import blazeface, boxes, gate, pyramid, quality, tiles
from detectors.blazeface import FAR_WINDOW_PX, Net, Sighting
from detectors.gate import Confirmed, Gate
from detectors.models import FINDER_FAR, FINDER_NEAR, model_hashes
from detectors.pyramid import Pyramid
from detectors.records import RGB, Face
from detectors.tiles import Window

VERSION = 3
"""Counted up when the code changes what is found and no setting does."""

# Score from which a window's answer is worth a second look: together they keep 99.2 % of 820 measured faces and a
# third of what is none.
NEAR_CANDIDATE, FAR_CANDIDATE = 0.4, 0.15
# Pictures narrower than this hold no face of 16 pixels, the smallest that the second looks confirm.
SMALLEST_PICTURE_PX = 16
FAR_MODEL_PX = FAR_WINDOW_PX // 2
# A turned picture is first looked at whole: that needs no more pixels than these.
TURNED_PX = 2 * FAR_WINDOW_PX


def shrink_for(width: int, height: int) -> int:
    """Say how many times smaller a picture may be decoded at first: its smallest windows show the model all it sees.

    Args:
        width: of the picture, in pixels.
        height: likewise.

    Returns:
        1, 2, 4 or 8, of which both sides are multiples.
    """
    each = tiles.finest(width, height) / FAR_MODEL_PX
    return max(times for times in (1, 2, 4, 8) if times <= max(each, 1) and not width % times and not height % times)


def _key() -> str:
    """Hash the version, the model files on record and every setting of the finder's modules."""
    settings = [
        (module.__name__, name, value)
        for module in (blazeface, boxes, gate, pyramid, quality, tiles)
        for name, value in sorted(vars(module).items())
        if name.isupper() and isinstance(value, int | float | tuple)
    ]
    own = (VERSION, NEAR_CANDIDATE, FAR_CANDIDATE, SMALLEST_PICTURE_PX)
    files = [model_hashes()[name] for name in (FINDER_NEAR, FINDER_FAR)]
    return hashlib.blake2b(repr((own, files, settings)).encode(), digest_size=6).hexdigest()


FINDER_KEY = _key()
"""Changes when any setting of the finder or a model file changes."""


class FaceFinder:
    """Finds faces with MediaPipe's two detectors. Load it once for many pictures; not for several threads at a time.

    Args:
        folder: of the model files; default as in ``models.models_folder``.

    Raises:
        ModelMissing: a model file is not installed.
        ModelCorrupt: a model file is not the one on record.
    """

    def __init__(self, folder: Path | None = None) -> None:
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

        Faces are found from about 20 pixels of width on, or from 1/80 of the long side in pictures of more than
        1.6 megapixels. When there is none upright, the picture is tried on its sides and its head. Faces that are
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
        return self._look(picture, tiles.plan(picture.width, picture.height), extra)

    def _turned(self, picture: Pyramid) -> list[Confirmed]:
        """Try the quarter turns: the one that shows most is searched in full.

        All are tried, since the models know a face on its head for one on its side, only less surely.
        """
        shown = {quarters: self._shown(picture.turned(quarters, TURNED_PX)) for quarters in (1, 2, 3)}
        for quarters in sorted((turn for turn in shown if shown[turn]), key=lambda turn: -shown[turn]):
            if found := self._upright(picture.turned(quarters), extra=gate.TURNED_EXTRA):
                return [_turned_back(face, quarters, picture.width, picture.height) for face in found]
        return []

    def _shown(self, turned: Pyramid) -> float:
        """Sum up the scores of the faces that a look at the whole shows."""
        windows = tiles.coarse_plan(turned.width, turned.height)
        return sum(face.score for face in self._look(turned, windows, gate.TURNED_EXTRA))

    def _look(self, picture: Pyramid, windows: list[Window], extra: float) -> list[Confirmed]:
        seen = [each for window in windows for each in self._scan(picture, window) if _centred_in(each, picture)]
        faces: list[Confirmed] = []
        for members in boxes.group(seen):
            face = self._gate.confirm(picture, members[0], extra=extra)
            if face is not None and not any(boxes.is_same_face(face.box, other.box) for other in faces):
                faces.append(face)
        return faces

    def _scan(self, picture: Pyramid, window: Window) -> list[Sighting]:
        nets = ([self._near] if window.near else []) + ([self._far] if window.far else [])
        seen = [each for net in nets for each in net.look(picture, window.left, window.top, window.side)]
        return [each for each in seen if each.score >= (FAR_CANDIDATE if each.far else NEAR_CANDIDATE)]


def _centred_in(sighting: Sighting, picture: Pyramid) -> bool:
    x, y = (sighting.box[:2] + sighting.box[2:]) / 2
    return bool(0 <= x < picture.width and 0 <= y < picture.height)


def _turned_back(face: Confirmed, quarters: int, width: int, height: int) -> Confirmed:
    corners = tiles.turned_back(face.box.reshape(2, 2), quarters, width, height)
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    return Confirmed(box, tiles.turned_back(face.keypoints, quarters, width, height), face.score)


def _face(picture: Pyramid, face: Confirmed) -> Face | None:
    """Grade a face; None when it is blurred beyond recognition."""
    image_rgb, shrink = picture.sharp(quality.eye_distance(face.keypoints), quality.FULL_EYE_DISTANCE_PX)
    seen = face.keypoints / shrink
    if quality.is_blurred_away(image_rgb, seen):
        return None
    left, top, right, bottom = boxes.clipped(face.box, picture.width, picture.height)
    return Face(
        np.array([left, top, right - left, bottom - top], np.float32),
        face.keypoints.astype(np.float32),
        face.score,
        quality.quality_of(image_rgb, seen),
    )
