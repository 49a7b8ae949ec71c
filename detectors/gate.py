"""Looks at every candidate again, closer, and keeps what is still a face: animals, posters and foliage are not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.blazeface import Net, Sighting
from detectors.boxes import Box, Candidate, overlap
from detectors.pyramid import Pyramid

# Side of a second look's window, in widths of the candidate. Wide ones first, since context tells a face from a dog
# and since blowing up a small face blows up its noise.
NEAR_WIDTHS, FAR_WIDTHS, FARTHER_WIDTHS, FAR_CLOSE_WIDTHS, NEAR_CLOSE_WIDTHS = 3.2, 3.3, 5.0, 2.2, 2.3
# A second look speaks of the candidate when their boxes overlap so much.
SAME_PLACE = 0.25
# Scores are added as log odds. What the sums have to reach was measured (2026-11) on 2,165 faces (group photographs at
# full size and shrunk to 60, 36 and 26 pixels a face, each plain, noisy, blurred, dark and badly compressed; LFW) and
# on 7,580 candidates that are none (from 296 pictures of cats and dogs in three sizes, objects, textures, offices,
# landscapes, and the rest of the group photographs). These settings keep 99.7 % of LFW, 98 % of the plain faces of
# the groups, 88 % of the worsened ones, and none of the others. The candidates were then those of MediaPipe's own
# windows; proposals start from another box, which is why the looks after the first follow MediaPipe's.
# The near model alone: turns away 94 of 100 others.
FIRST_LOOK = 0.3
# Proposal and near model together, where the proposal is sure: the best of 5,445 others (animals and offices in four
# sizes) reached 3.66; seven of ten faces reach this, and need no further look.
ONE_LOOK = 4.3
# Near and far model together: the best of the others reached 2.45.
TWO_LOOKS = 2.8
# The far model once more, from farther away: the best of the others reached 2.64, of those below 40 pixels 1.71.
THREE_LOOKS, THREE_LOOKS_SMALL, SMALL_PX = 3.1, 2.2, 40
# For larger faces both once more from close by: the best of the others reached 2.23 and 3.38.
FOUR_LOOKS, FIVE_LOOKS = 2.8, 3.8
# The far model alone, for faces in profile that the near model does not know: the best of the others reached 0.10.
FAR_ALONE = 1.8
# Faces that only show when the picture is turned have to be surer.
TURNED_EXTRA = 1.0
# What is asked for less of a candidate that is seen with fewer pixels than the models have, before it is seen with all.
BLURRED = 1.5
# Two or more looks whose sum is below are not added to: none of the measured faces came back from there.
HOPELESS = 0.0
# Log odds of a look that saw nothing there, and the widest any look may say (scores of 0.05 and 0.98).
NOTHING_THERE, MOST_LOG_ODDS = -3.0, 3.9


Looks = list[Sighting | None]
"""What each look saw at the candidate's place, in order."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Confirmed:
    """A face that stood the second looks.

    Attributes:
        box: (4,) left, top, right, bottom.
        keypoints: (6, 2).
        score: mean of the looks' log odds, as a probability.
    """

    box: Box
    keypoints: NDArray[np.float64]
    score: float


class Gate:
    """The second looks, with both models."""

    def __init__(self, near: Net, far: Net) -> None:
        self._near, self._far = near, far

    def confirm(self, pyramid: Pyramid, candidate: Candidate, *, extra: float = 0.0) -> Confirmed | None:
        """Look again, as often as it takes to be sure.

        Args:
            pyramid: the picture.
            candidate: a place in it that may be a face.
            extra: log odds that are asked for on top of the measured thresholds.

        Returns:
            The face with its box and keypoints as the second looks saw them, or None.
        """
        widest = float((candidate.box[2:] - candidate.box[:2]).max()) * min(FAR_WIDTHS, FAR_CLOSE_WIDTHS)
        blurred = pyramid.could_be_sharper(widest, self._far.model_px)
        # Not worth decoding the picture anew for what does not come near the thresholds in what is there.
        if blurred and self._looks(pyramid, candidate, extra - BLURRED, sharp=False) is None:
            return None
        looks = self._looks(pyramid, candidate, extra)
        if looks is None:
            return None
        box = np.mean([look.box for look in looks if look is not None], axis=0)
        # Centred on the face at last, and at the scale at which the encoder's crop was measured: for the keypoints.
        closest = self._again(self._near, pyramid, box, NEAR_CLOSE_WIDTHS)
        return _confirmed(looks, closest)

    def _looks(self, pyramid: Pyramid, candidate: Candidate, extra: float, *, sharp: bool = True) -> Looks | None:
        """Gather looks until they are sure enough; None when they never are."""
        box = candidate.box
        # Nine of ten candidates end here: not worth decoding the picture anew for.
        looks = [self._again(self._near, pyramid, box, NEAR_WIDTHS, sharp=False)]
        if _total(looks) < FIRST_LOOK:
            return self._by_far_alone(pyramid, candidate, extra, sharp=sharp)
        if candidate.sure and _total(looks) + _odds(candidate.score) >= ONE_LOOK + extra:
            return looks
        # The other looks were measured around a face as these models draw it; a proposal is drawn by another.
        box = looks[0].box if looks[0] else box
        small = box[2] - box[0] < SMALL_PX
        for net, widths, enough in (
            (self._far, FAR_WIDTHS, TWO_LOOKS),
            (self._far, FARTHER_WIDTHS, THREE_LOOKS_SMALL if small else THREE_LOOKS),
            *(
                ()
                if small
                else ((self._far, FAR_CLOSE_WIDTHS, FOUR_LOOKS), (self._near, NEAR_CLOSE_WIDTHS, FIVE_LOOKS))
            ),
        ):
            looks.append(self._again(net, pyramid, box, widths, sharp=sharp))
            if _total(looks) >= enough + extra:
                return looks
            # So far off that no other look could make up for it.
            if _total(looks) < HOPELESS:
                return None
        return None

    def _by_far_alone(self, pyramid: Pyramid, candidate: Candidate, extra: float, *, sharp: bool) -> Looks | None:
        if not candidate.sure:
            return None
        box, widths = candidate.box, (FAR_WIDTHS, FARTHER_WIDTHS)
        looks = [self._again(self._far, pyramid, box, each, sharp=sharp) for each in widths]
        return looks if _total(looks) >= FAR_ALONE + extra else None

    def _again(self, net: Net, pyramid: Pyramid, box: Box, widths: float, *, sharp: bool = True) -> Sighting | None:
        """Find a face once more in a window around the place where it was."""
        centre, size = (box[:2] + box[2:]) / 2, float(max(box[2] - box[0], box[3] - box[1]))
        left, top = centre - size * widths / 2
        if sharp:
            pyramid.sharp(size * widths, net.model_px)
        seen = net.look(pyramid, float(left), float(top), size * widths)
        there = [each for each in seen if overlap(each.box, box) > SAME_PLACE]
        return max(there, key=lambda each: each.score, default=None)


def _log_odds(look: Sighting | None) -> float:
    return NOTHING_THERE if look is None else min(max(_odds(look.score), NOTHING_THERE), MOST_LOG_ODDS)


def _odds(score: float) -> float:
    score = min(max(score, 1e-6), 1 - 1e-6)
    return math.log(score / (1 - score))


def _total(looks: Sequence[Sighting | None]) -> float:
    return sum(_log_odds(look) for look in looks)


def _confirmed(looks: Sequence[Sighting | None], closest: Sighting | None) -> Confirmed:
    seen = [look for look in (*looks, closest) if look is not None]
    # The crop for the encoder was measured with the near model's keypoints; the two models put them differently.
    pointing = [look for look in seen if not look.far] or seen
    box = np.mean([look.box for look in seen], axis=0)
    keypoints = np.mean([look.keypoints for look in pointing], axis=0)
    mean = _total(looks) / len(looks)
    return Confirmed(box, keypoints, 1 / (1 + math.exp(-mean)))
