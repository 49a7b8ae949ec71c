"""A calibration profile: what is known of one encoder's scores, as numbers only, kept as one JSON file."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.encoder_spec import ENCODER_KEY, EncoderSpec
from detectors.errors import DetectorError

Floats = NDArray[np.float64]

FORMAT = 1
_SHIPPED = Path(__file__).parent / "profiles" / "dlib-resnet.json"


class BadProfile(DetectorError):
    """A calibration profile cannot be used; the text says what came, what was expected and what to do."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Population:
    """How vectors of people at large lie: a mixture of Gaussians of one shape and C sizes. Nobody's own vector.

    Attributes:
        shares: (C,) share of people in each component.
        centres: (C, D).
        factor: (D, D) lower triangular; ``factor @ factor.T`` is the covariance of a component of size 1.
        sizes: (C,) factors of the covariance.
    """

    shares: Floats
    centres: Floats
    factor: Floats
    sizes: Floats

    def shares_of(self, vectors: NDArray[np.floating]) -> Floats:
        """Say how the people behind some vectors, (N, D), spread over the components: (C,), mostly the data's say."""
        from scipy.linalg import solve_triangular

        size = len(self.centres[0])
        likely = np.empty((len(vectors), len(self.shares)))
        for c, (centre, share, spread) in enumerate(zip(self.centres, self.shares, self.sizes, strict=True)):
            white = solve_triangular(self.factor, (vectors - centre).T, lower=True)
            likely[:, c] = -0.5 * (white**2).sum(axis=0) / spread - 0.5 * size * math.log(spread) + math.log(share)
        likely = np.exp(likely - likely.max(axis=1, keepdims=True))
        belongs: Floats = (likely / likely.sum(axis=1, keepdims=True)).sum(axis=0) + 10 * self.shares
        shares: Floats = belongs / belongs.sum()
        return shares

    def draw(self, count: int, rng: np.random.Generator, shares: Floats | None = None) -> NDArray[np.float32]:
        """Draw ``count`` made-up people: (count, D) float32 unit vectors."""
        which = rng.choice(len(self.shares), count, p=self.shares if shares is None else shares)
        off = rng.standard_normal((count, len(self.factor))) @ self.factor.T
        people = self.centres[which] + off * np.sqrt(self.sizes[which])[:, None]
        unit: NDArray[np.float32] = (people / np.linalg.norm(people, axis=1, keepdims=True)).astype(np.float32)
        return unit


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mates:
    """Cosines of two pictures of one person.

    Attributes:
        cosines: (Q,) quantiles, evenly spaced from 0.25 % to 99.75 %, every person with equal weight.
        face_share: share of their variance that two pairs have in common when they share a picture, in [0, 1).
        follows: by how much the cosine moves with how alike a face is to its strangers (cosine per cosine).
    """

    cosines: Floats
    face_share: float
    follows: float

    @property
    def spread(self) -> float:
        """Standard deviation of the cosines."""
        return float(self.cosines.std())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Strangers:
    """How often two people look alike.

    Attributes:
        rates: (L,) falling share of pairs of strangers above each strictness.
        strictness: (L,) deviations above a face's own strangers, see ``cohort``.
        at: (K,) strictness at which ``evenness`` was measured.
        evenness: (K,) shape of the negative binomial distribution of strangers above it, over faces.
    """

    rates: Floats
    strictness: Floats
    at: Floats
    evenness: Floats


@dataclass(frozen=True, slots=True)
class Usual:
    """What a collection that the calibration holds for looks like.

    Attributes:
        level, level_spread: mean and standard deviation over faces of how alike a face is to its strangers (cosine).
        deviation: mean over faces of the deviation of its strangers (cosine).
        poor_below: quality that one face in twenty stays below.
        sure_cosine: hardly any two strangers are above it.
        same_picture_cosine: above it two pictures are one, however they are filed.
    """

    level: float
    level_spread: float
    deviation: float
    poor_below: float
    sure_cosine: float
    same_picture_cosine: float


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Profile:
    """Everything the head-count knows of one encoder; ``encoder`` is the ``EncoderSpec.key`` it was made with."""

    encoder: str
    origin: str
    made_on: date
    people: int
    faces: int
    population: Population
    mates: Mates
    strangers: Strangers
    usual: Usual
    checked: dict[str, float] = field(default_factory=dict)

    @property
    def dimension(self) -> int:
        """Length of the vectors it speaks of."""
        return len(self.population.factor)

    def save(self, path: Path) -> None:
        """Write the profile as JSON; the same profile gives the same bytes."""
        path.write_text(self._text(), encoding="utf-8")

    @property
    def digest(self) -> str:
        """Tell it from other profiles: SHA-256 of what ``save`` writes, 64 hex digits."""
        return hashlib.sha256(self._text().encode()).hexdigest()

    def _text(self) -> str:
        content = {"format": FORMAT, **_plain(asdict(self))}
        content["population"]["factor"] = _triangle(self.population.factor)
        return json.dumps(content, separators=(",", ":")) + "\n"


def load_profile(path: Path) -> Profile:
    """Read a profile.

    Raises:
        BadProfile: no such file, not a profile, one of another format, or one of numbers that no calibration gives.
    """
    from detectors.profile_file import parse_profile

    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        again = "make one with `facewarden calibrate`"
        raise BadProfile(f"the calibration profile {path.name} cannot be read: {error}; {again}") from error
    return parse_profile(path.name, content)


@cache
def shipped() -> Profile:
    """Give the profile of the shipped encoder (docs/head-count.md says whom it was made from)."""
    return load_profile(_SHIPPED)


def for_encoder(spec: EncoderSpec, path: Path | None = None) -> Profile | None:
    """Find the profile for an encoder: ``path``, the encoder's own, or the shipped one; None when it has none.

    Raises:
        BadProfile: the profile cannot be read, or was made with another encoder.
    """
    if path := path or spec.profile:
        profile = load_profile(path)
        if profile.encoder != spec.key:
            raise BadProfile(
                f"{path.name} was made with the encoder {profile.encoder}, in use is {spec.key}; "
                "calibrate anew with the encoder in use"
            )
        return profile
    return shipped() if spec.key == ENCODER_KEY else None


def _plain(value: Any) -> Any:
    """Turn arrays, dates and dictionaries into what JSON knows; seven digits are more than was measured."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return [_plain(entry) for entry in value.tolist()]
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return float(f"{value:.7g}")
    return value.isoformat() if isinstance(value, date) else value


def _triangle(factor: Floats) -> list[float]:
    return [float(f"{value:.5g}") for value in factor[np.tril_indices(len(factor))]]
