"""Fits a calibration profile to faces whose people are known, by drawing collections from them as they occur."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detectors.cohort import Scale, Vectors, scale_of
from detectors.errors import DetectorError
from detectors.lookalikes import Labels
from detectors.profile import Floats, Mates, Population, Profile, Strangers, Usual
from detectors.tidy import unit_vectors

LEAST_PEOPLE = 50
"""People with two or more pictures, below which nothing is fitted."""

# Collections drawn: numbers of people, pictures of each at most, and how often.
_SIZES, _PICTURES, _DRAWS = (50, 100, 200, 400, 800, 1600, 3200), (1, 3, 10, 10**9), 2
_MOST_FACES = 6000  # in one collection: all its pairs are looked at
_SEED = 5
_RATES = np.array([0.03, 0.02, 0.01, 5e-3, 3e-3, 2e-3, 1e-3, 5e-4, 3e-4, 2e-4, 1e-4, 5e-5, 3e-5, 2e-5, 1e-5, 5e-6, 3e-6,
                   2e-6, 1e-6])  # fmt: skip
_GRID = np.arange(0, 16, 0.05)
_EVEN_AT = np.array([1.5, 3.0, 4.0, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5])
_SURE_RATE, _PAIRS_NEEDED = 1.5e-5, 15
_COMPONENT_PEOPLE, _COMPONENTS = 125, 8


class CalibrationProblem(DetectorError):
    """No profile can be fitted; the text says what came, what is needed and what to do."""


def fit_profile(
    vectors: NDArray[np.floating],
    people: NDArray[np.integer],
    quality: NDArray[np.floating] | None,
    *,
    encoder: str,
    made_on: date,
    origin: str,
) -> Profile:
    """Fit a profile.

    Args:
        vectors: (N, D) floating, one face each; exact copies are taken once.
        people: (N,) whose face it is.
        quality: (N,) in [0, 1]; None when not graded.
        encoder: ``EncoderSpec.key`` of the encoder that made them.
        made_on: the day, for the record.
        origin: whose faces they were, in words, for the record; it enters the profile.

    Raises:
        CalibrationProblem: fewer than 50 people have two or more pictures, or strangers' likeness cannot be fitted.
        BadVectors: a vector that is not finite or has no length.
    """
    unit, first = np.unique(unit_vectors(vectors, None), axis=0, return_index=True)
    who = np.unique(people[first], return_inverse=True)[1].astype(np.int64)
    pictures = np.bincount(who)
    if (several := int((pictures >= 2).sum())) < LEAST_PEOPLE:
        raise CalibrationProblem(
            f"{several} people have two or more pictures, {LEAST_PEOPLE} are needed (a few hundred are better): add "
            "more; until there is a profile the head-count stays as wide as it can be"
        )
    once = np.unique(who, return_index=True)[1]
    population = _population(unit[once])
    usual = _usual(unit[once], quality[first] if quality is not None else None)
    unfitted = Profile(
        encoder, origin, made_on, len(pictures), len(unit), population,
        Mates(np.array([0.0, 1.0]), 0.0, 0.0), Strangers(_RATES, _RATES, _EVEN_AT, _EVEN_AT), usual,
    )  # fmt: skip
    return _fitted(unfitted, unit, who)


def _population(people: Vectors) -> Population:
    """Fit the mixture: k-means for the centres, one covariance for all, drawn to its diagonal where people are few."""
    from scipy.cluster.vq import kmeans2

    count, size = people.shape
    components = int(np.clip(count // _COMPONENT_PEOPLE, 1, _COMPONENTS))
    rng = np.random.default_rng(_SEED)
    centres, which = kmeans2(people.astype(np.float64), components, iter=50, minit="++", rng=rng)
    members = np.bincount(which, minlength=components)
    centres = centres[members > min(size / 10, members.max() - 1)]
    which = ((people[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    off = people - centres[which]
    covariance = np.cov(off.T) + 1e-6 * np.eye(size)
    few = min(1.0, size / count)
    covariance = (1 - few / 2) * covariance + few / 2 * np.diag(np.diag(covariance))
    spread = np.array([(off[which == c] ** 2).sum(axis=1).mean() for c in range(len(centres))])
    return Population(
        np.bincount(which) / count, centres, np.linalg.cholesky(covariance), spread / np.trace(covariance)
    )


def _usual(people: Vectors, quality: NDArray[np.floating] | None) -> Usual:
    """Take what needs no scale: cosines that strangers hardly reach, and the quality of the worst faces."""
    people = people[np.random.default_rng(_SEED).permutation(len(people))[:_MOST_FACES]]
    cosines = (people @ people.T)[np.triu_indices(len(people), 1)]
    rate = max(_SURE_RATE, _PAIRS_NEEDED / len(cosines))
    sure = float(np.quantile(cosines[cosines < 0.999], 1 - rate))
    poor = float(np.quantile(quality, 0.05)) if quality is not None else 0.0
    return Usual(0.0, 0.0, 0.0, poor, sure, 1 - (1 - sure) / 3)


def _fitted(unfitted: Profile, unit: Vectors, who: Labels) -> Profile:
    """Draw collections and pool what their pairs say."""
    above, pairs, levels, deviations = np.zeros(len(_GRID)), 0.0, [], []
    mates: list[Floats] = []
    for chosen in _collections(who):
        scale = scale_of(unit[chosen], unfitted)
        cosines, strictness, same, (one, other) = _pairs(unit[chosen], scale, who[chosen])
        strange = np.sort(strictness[~same & (cosines < unfitted.usual.same_picture_cosine)])
        weight = min(1.0, 1e6 / len(strange))
        above += weight * (len(strange) - np.searchsorted(strange, _GRID))
        pairs += weight * len(strange)
        levels.append((scale.level.mean(), scale.level.std()))
        deviations.append(scale.deviation.mean())
        if same.any():
            persons = who[chosen][one[same]]
            off = (scale.level[one[same]] + scale.level[other[same]]) / 2 - scale.level.mean()
            shares = 1 / np.bincount(persons)[persons]
            few = min(len(np.unique(who[chosen])), 800)
            mates.append(np.stack([cosines[same], off, shares * few / shares.sum()]))
    level, spread = np.mean(levels, axis=0)
    usual = Usual(
        float(level), float(spread), float(np.mean(deviations)), unfitted.usual.poor_below,
        unfitted.usual.sure_cosine, unfitted.usual.same_picture_cosine,
    )  # fmt: skip
    strangers = _strangers(above / pairs, pairs, unit, who, unfitted)
    share = _face_share(unit, who)
    return Profile(
        unfitted.encoder, unfitted.origin, unfitted.made_on, unfitted.people, unfitted.faces, unfitted.population,
        _mates(np.concatenate(mates, axis=1), share), strangers, usual,
    )  # fmt: skip


def _collections(who: Labels) -> Iterator[Labels]:
    """Draw people, and of each so many pictures at most."""
    rng = np.random.default_rng(_SEED)
    people = int(who.max()) + 1
    for size in [size for size in _SIZES if size < 0.97 * people] or [people]:
        for most in _PICTURES * _DRAWS:
            kept = np.zeros(people, np.bool_)
            kept[rng.choice(people, size, replace=False)] = True
            faces = rng.permutation(np.flatnonzero(kept[who]))
            yield np.sort(_first_of_each(faces, who, most)[:_MOST_FACES])


def _first_of_each(faces: Labels, who: Labels, most: int) -> Labels:
    """Keep the first ``most`` faces of each person, in the order given."""
    order = np.argsort(who[faces], kind="stable")
    person = who[faces][order]
    starts = np.searchsorted(person, person)
    kept = np.arange(len(person)) - starts < most
    return faces[np.sort(order[kept])]


def _pairs(
    unit: Vectors, scale: Scale, who: Labels
) -> tuple[Vectors, Vectors, NDArray[np.bool_], tuple[Labels, Labels]]:
    """Give cosine and strictness of every pair, whether it is of one person, and its two faces."""
    one, other = np.triu_indices(len(unit), 1)
    cosines = (unit @ unit.T)[one, other]
    strictness = (cosines - scale.level[one]) / scale.deviation[one]
    strictness += (cosines - scale.level[other]) / scale.deviation[other]
    return cosines, (strictness / 2).astype(np.float32), who[one] == who[other], (one, other)


def _mates(scores: Floats, share: float) -> Mates:
    """Take the quantiles of the mates' cosines, each person weighing the same, and how they follow the level."""
    cosine, off, weight = scores
    keep = (cosine < 0.999) & (cosine > np.quantile(cosine, 0.002))
    cosine, off, weight = cosine[keep], off[keep], weight[keep]
    centred = off - np.average(off, weights=weight)
    variance = float(np.average(centred**2, weights=weight))
    follows = float(np.average(centred * cosine, weights=weight)) / variance if variance > 0 else 0.0
    rest = cosine - follows * off
    order = np.argsort(rest)
    return Mates(
        np.interp(np.linspace(0.0025, 0.9975, 200), np.cumsum(weight[order]) / weight.sum(), rest[order]),
        share,
        follows,
    )


def _face_share(unit: Vectors, who: Labels) -> float:
    """Compare the covariance of pairs that share a face with the variance of pairs, over people of 3 to 40 pictures."""
    pictures = np.bincount(who)
    grams = [unit[who == person] @ unit[who == person].T for person in np.flatnonzero((pictures > 2) & (pictures < 41))]
    if not grams:
        return 0.4
    middle = float(np.mean([(gram.sum() - len(gram)) / (len(gram) * (len(gram) - 1)) for gram in grams]))
    variances, shared = [], []
    for gram in grams:
        off = gram - middle
        np.fill_diagonal(off, 0)
        pairs, squares = len(off) * (len(off) - 1), float((off**2).sum())
        variances.append(squares / pairs)
        shared.append((float((off.sum(axis=1) ** 2).sum()) - squares) / (pairs * (len(off) - 2)))
    return float(np.clip(np.mean(shared) / np.mean(variances), 0.0, 0.48))


def _strangers(shares: Floats, pairs: float, unit: Vectors, who: Labels, unfitted: Profile) -> Strangers:
    rates = _RATES[_RATES * pairs > _PAIRS_NEEDED]
    strictness = np.interp(-np.log(rates), -np.log(np.maximum(shares, 1e-300)), _GRID)
    if np.diff(strictness).min() <= 0:
        raise CalibrationProblem(
            f"how often strangers are alike cannot be fitted: {unfitted.people} people are too few for vectors of "
            f"{unfitted.dimension} numbers, or several are filed under two names; add people or correct the labels"
        )
    once = np.unique(who, return_index=True)[1][:_MOST_FACES]
    scale = scale_of(unit[once], unfitted)
    cosines, likeness, _, (one, other) = _pairs(unit[once], scale, who[once])
    different = cosines < unfitted.usual.same_picture_cosine
    evenness: list[float] = []
    for at in _EVEN_AT:
        alike = different & (likeness > at)
        counts = np.bincount(one[alike], minlength=len(once)) + np.bincount(other[alike], minlength=len(once))
        evenness.append(_shape(counts) if counts.sum() > 100 or not evenness else evenness[-1])
    return Strangers(rates, strictness, _EVEN_AT, np.minimum.accumulate(evenness))


def _shape(counts: Labels) -> float:
    """Fit the shape of a negative binomial distribution with the counts' own mean, by maximum likelihood."""
    from scipy.optimize import minimize_scalar
    from scipy.stats import nbinom

    mean = counts.mean()
    fit = minimize_scalar(
        lambda log: -nbinom.logpmf(counts, np.exp(log), np.exp(log) / (np.exp(log) + mean)).sum(),
        bounds=(-1.0, 4.0),
        method="bounded",
    )
    return float(np.exp(fit.x))
