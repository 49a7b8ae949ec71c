"""Matches faces with enrolment templates, so strictly that a match can be acted on. No match proves nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.cohort import scale_of
from detectors.lookalikes import Faces, Labels, look_alikes, strictness_at
from detectors.profile import Profile
from detectors.tidy import row_hashes, unit_vectors

# Of ten thousand faces of strangers one is matched by mistake, where people look as they do in the calibration. Own
# measurement (`make bench ONLY=matching`, 2026-11) with every second person of LFW's held-out half enrolled by one
# picture: 7 of 3,314 faces of strangers were matched, all with a cosine of 0.969 or more, which are pictures that LFW
# has under two names; of 2,147 faces of the enrolled 20 % were matched, none with somebody else.
WRONG_A_FACE = 1e-4

NOBODY = -1


def match_enrolled(
    faces: NDArray[np.floating],
    frames: Labels,
    templates: NDArray[np.floating],
    people: Labels,
    *,
    profile: Profile | None,
) -> Labels:
    """Say of each face which enrolled person it shows.

    A face that is as like two enrolled people is matched with neither, and of two faces in one frame that would be
    one person neither is.

    Args:
        faces: (N, D), faces that are filed under nobody.
        frames: (N,) the frame that each is in.
        templates: (K, D), of the same encoder.
        people: (K,) whose each template is, 0 or more.
        profile: calibration of the encoder; without one nobody is matched.

    Returns:
        (N,) int64, the person, or ``NOBODY``.

    Raises:
        BadVectors: another shape than the profile's, or a vector that is not finite or has no length.
    """
    matched = np.full(len(faces), NOBODY, np.int64)
    if profile is None or not len(faces) or not len(templates):
        return matched
    strictness = float(strictness_at(np.array([WRONG_A_FACE / len(templates)]), profile)[0])
    both = _faces(np.concatenate([faces, templates]), profile, strictness)
    asked, enrolled = both[np.arange(len(faces))], both[len(faces) + np.arange(len(templates))]
    pairs = look_alikes(asked, enrolled, np.zeros(len(asked), np.int64))
    found = np.unique(np.stack([pairs.rows, people[pairs.others]], axis=1), axis=0)
    rows, times = np.unique(found[:, 0], return_counts=True)
    alone = np.isin(found[:, 0], rows[times == 1])
    matched[found[alone, 0]] = found[alone, 1]
    return _once_a_frame(matched, frames)


def _faces(vectors: NDArray[np.floating], profile: Profile, strictness: float) -> Faces:
    unit = unit_vectors(vectors, profile)
    hashes, first, back = np.unique(row_hashes(unit), return_index=True, return_inverse=True)
    distinct = unit[first]
    floors = np.full(len(distinct), strictness, np.float32)
    return Faces(distinct, scale_of(distinct, profile), floors, hashes)[back.reshape(-1)]


def _once_a_frame(matched: Labels, frames: Labels) -> Labels:
    both = np.stack([frames, matched], axis=1)
    _, back, times = np.unique(both, axis=0, return_inverse=True, return_counts=True)
    return np.where(times[back.reshape(-1)] > 1, NOBODY, matched)
