"""Goes on with a long animation or document where decoding left off, one still at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import pairwise

from detectors.deadline import run_within
from detectors.decode import DecodeLimits, check_size, kind_of, lasts_ms, opener, quiet, refusal_of
from detectors.errors import Refusal, Refused
from detectors.exif import upright
from detectors.pixels import to_rgb
from detectors.records import Frame, Picture
from detectors.video import Watched

MOST_STILLS = 1_000
"""No more stills of one animation, or pages of one document, are looked at."""


class Further:
    """The stills of a picture that ``decode`` left out.

    Of an animation one is given at least each ``every_seconds``, of a document each page.

    Args:
        data: the whole file.
        picture: what ``decode`` gave of it.
        limits: what decoding may take; ``max_seconds`` is for one still.
        every_seconds: see above.
    """

    def __init__(self, data: bytes, picture: Picture, limits: DecodeLimits, every_seconds: float) -> None:
        self._data, self._picture, self._limits = data, picture, limits
        self._every_ms = 1000 * every_seconds
        self._taken = [frame.frame_ms for frame in picture.frames]
        self._refusal: Refusal | None = None

    def stills(self) -> Iterator[Frame]:
        """Give them with their times; what cannot be decoded ends them."""
        steps = self._steps()
        try:
            with quiet():
                while (step := run_within(self._limits.max_seconds, lambda: next(steps, None))) is not None:
                    if isinstance(step, Frame):
                        self._taken.append(step.frame_ms)
                        yield step
        except Refused as refused:
            self._refusal = refused.reason
        except TimeoutError:
            self._refusal = Refusal.TIMEOUT
        except MemoryError:
            self._refusal = Refusal.TOO_LARGE
        except Exception as problem:  # the boundary of one file, as in ``decode``
            self._refusal = refusal_of(kind_of(self._data), self._data, problem).reason

    @property
    def watched(self) -> Watched:
        """How much was looked at; without a gap where every still was, and in a document, which has no times."""
        gap = max((later - earlier for earlier, later in pairwise(self._taken)), default=0)
        were_all_seen = len(self._taken) == self._picture.stills
        return Watched(len(self._taken), 0 if were_all_seen or self._is_document else gap, self._refusal)

    @property
    def _is_document(self) -> bool:
        return self._taken == list(range(len(self._taken)))

    def _steps(self) -> Iterator[Frame | int]:
        """Go on still by still: give it when it is wanted, its number when not."""
        kind = kind_of(self._data)
        with opener(kind)(io.BytesIO(self._data)) as image:
            first = len(self._picture.frames) - 1
            image.seek(first)
            image.load()
            at_ms, last_ms = self._taken[-1] + lasts_ms(image), self._taken[-1]
            for number in range(first + 1, self._picture.stills):
                image.seek(number)
                check_size(*image.size, self._limits)
                image.load()
                lasts = lasts_ms(image)  # which WebP and AVIF only say then
                is_last = number + 1 == self._picture.stills
                if lasts == 1 or is_last or at_ms + lasts - last_ms > self._every_ms:
                    if len(self._taken) >= MOST_STILLS:
                        raise Refused(Refusal.TOO_LARGE)
                    last_ms = at_ms
                    yield Frame(upright(to_rgb(image), image), at_ms)
                else:
                    yield number
                at_ms += lasts
