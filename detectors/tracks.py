"""Follows a face from frame to frame of one camera: neighbouring frames are likely to show the same person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.cohort import Vectors
from detectors.lookalikes import Labels
from detectors.profile import Profile

# Frames of one camera that lie further apart are not neighbours.
_SECONDS = 10.0


def one_of_each_track(
    vectors: Vectors,
    cameras: NDArray[np.integer],
    seconds: NDArray[np.floating],
    quality: NDArray[np.floating],
    profile: Profile,
) -> Labels:
    """Keep the best face of every track: the people are the same, and one loiterer is not seen a thousand times.

    A face continues the track of the most alike face that the same camera saw up to 10 s before, when two strangers
    are hardly ever that much alike (``profile.usual.sure_cosine``). What is missed is only a track more.

    Args:
        vectors: (N, D) float32 unit vectors.
        cameras: (N,) int, a number per camera; -1 for faces that come from none.
        seconds: (N,) when; NaN when not known.
        quality: (N,) in [0, 1].
        profile: of their encoder.

    Returns:
        (M,) int64, the faces kept, rising.
    """
    track = np.arange(len(vectors))
    timed = np.flatnonzero((cameras >= 0) & np.isfinite(seconds))
    timed = timed[np.lexsort((timed, seconds[timed], cameras[timed]))]
    at, camera = seconds[timed], cameras[timed]
    first = 0
    for place, face in enumerate(timed.tolist()):
        while camera[first] != camera[place] or at[place] - at[first] > _SECONDS:
            first += 1
        before = timed[first:place][at[first:place] < at[place]]
        if len(before):
            cosines = vectors[before] @ vectors[face]
            if cosines.max() > profile.usual.sure_cosine:
                track[face] = track[before[cosines.argmax()]]
    # Of each track the face of the best quality; of equals the first.
    order = np.lexsort((np.arange(len(vectors)), -quality, track))
    kept = order[np.unique(track[order], return_index=True)[1]]
    return np.sort(kept).astype(np.int64)
