"""Bounds how many people the unread rest of a collection can show, when the part read is a random sample of it.

Objects are read in an order that is uniformly random, and looked back upon at a few sizes laid down beforehand. The
chance of a wrong answer is spent over these looks (Bonferroni; "alpha spending": Lan and DeMets, Biometrika 70, 1983),
so that looking often is paid for. No distribution is assumed and nothing is estimated; what is taken for granted is
said at ``FACES_AT_MOST``. Two bounds come together at each look.

**Objects of a kind.** Of N objects n were read, k of them with a mark. With K marked ones in all, P(k or fewer) is at
most exp(-n kl(k/n, K/N)) (Hoeffding, J. Amer. Statist. Assoc. 58, 1963, theorem 1; theorem 4 for drawing without
replacement), and at most exp(-K kl(k/K, n/N)), since the hypergeometric distribution stays the same when K and n change
places. A K for which either falls below the error is excluded. The marks are "more than 0, 1, 2, 4, ... faces": an
object's faces are at most the sum of the steps between the marks it has. A mean over objects would need a range, and
pay for the largest picture thinkable in every one of them; here a few pictures with many faces cost what they may be.

**New people.** Good (Biometrika 40, 1953): the chance that the next object shows somebody new is that of an object read
to be the only one with somebody. The known tails are for independent draws of single faces, and their slack is never
below the root of 1/n (McAllester and Schapire, COLT 2000: (2 sqrt 2 + sqrt 3) sqrt(ln(3/error)/n)): too much times a
large rest. This one is for objects with up to c faces, drawn without replacement, and small where people are few:

Let S be the n objects read, the last h of them a block, and X the people first met in the block in objects of at most c
faces. Let M be the sum, over such objects of the rest, of the people in them who are not in S. Reading only lowers M,
so each object of the block brought at least M / (N - n + h) new people in expectation, and at most c. With
e^(-ay) <= 1 - by on [0, c], b = (1 - e^(-ac)) / c, the mean of exp(b M h / (N - n + h) - a X) is at most 1. Which
objects of S make up the block is random given S, and M depends on S only: by Jensen, X may be replaced by its mean
given S. Somebody in r objects of S is first met in the block with probability at most (h/n)^r, so with D people in S,
F of them in one object only, that mean is at most q F + q^2 (D - F), q = h/n. By Markov, except with probability
``error``, with x = ac and L = ln(1/error),

    M <= (N - n + h) / h * x / (1 - e^-x) * (q F + q^2 (D - F) + c L / x).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FIRST_LOOK = 512
"""Objects read before the first look; each further look is at twice as many.

Every look costs all others some power.
"""

FACES_AT_MOST = 64
"""Faces that an object not looked at is taken to hold at most, or twice the most of any that was, if that is more.

No sample says what the largest picture of the rest holds, so this is an assumption, and it is reported with the result.
It is a mild one: a rest in which nothing large was ever met is still allowed dozens of pictures of this size.
"""

# Fewer objects, for each person that it takes, could say "above" only if nearly every one showed somebody new.
_ENOUGH = 1.25
_MARKS = (0, 1, 2, 4, 8, 16, 32)
# x of the formula above, fixed beforehand. Near 0 F counts by 1 and the slack explodes; 0.5 takes 1.27 F.
_TILT = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """A look back: after how many objects, and with what chance of saying either wrongly; 0: it is not said then."""

    objects: int
    above: float
    below: float


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What was read of a collection.

    Attributes:
        objects: how many there are in all, N.
        faces: (R,) int64, the faces in each object that was looked at.
        refused: objects that were read and could not be looked at; nobody knows what they hold.
        repeats: people that could have several faces all in one object, such as an animation.
    """

    objects: int
    faces: NDArray[np.int64]
    refused: int = 0
    repeats: int = 0

    @property
    def read(self) -> int:
        """Objects read, looked at or refused."""
        return len(self.faces) + self.refused

    @property
    def faces_at_most(self) -> int:
        """How many faces an object that was not looked at may hold."""
        return max(FACES_AT_MOST, 2 * int(self.faces.max(initial=0)))


def plan_looks(objects: int, limit: int, error: float) -> tuple[Look, ...]:
    """Lay down when to look back, at ever twice as many objects; all looks together err with ``error`` at most.

    Only one of the two answers can be wrong, so each has the whole ``error`` to itself. The looks at which it may be
    given share it in equal parts, since they are known beforehand: "above" where enough objects are read for it.

    Args:
        objects: how many there are.
        limit: the number of people that matters.
        error: of each answer.
    """
    sizes = []
    size = FIRST_LOOK
    while size < objects:
        sizes.append(size)
        size *= 2
    sizes.append(objects)
    large = [size for size in sizes if size >= _ENOUGH * limit or size == objects]
    return tuple(Look(n, error / len(large) if n in large else 0.0, error / len(sizes)) for n in sizes)


def unseen_people(part: Part, people_high: int, lone_high: int, limit: int, error: float) -> int:
    """Bound the people who are in no object that was looked at, but may be in one that was not.

    Refused objects, and unread ones that would be, are full of people nobody has seen.

    Args:
        part: what was read.
        people_high: upper bound of the people in it.
        lone_high: upper bound of the people in it who have just one face there.
        limit: the number of people that matters, fixed beforehand; the bound is sharpest near it.
        error: the chance that the bound does not hold although the other two do. Half is for the faces in objects, in
            equal parts for the marks; half for new people, in equal parts for the choices of c.
    """
    hidden = part.refused * part.faces_at_most
    unread = part.objects - part.read
    if not unread:
        return hidden
    larger = _unread_with_more(part, error / 2 / len(_MARKS))
    in_larger = _faces_in_larger(larger, part.faces_at_most)
    lone = min(lone_high + part.repeats, people_high)
    slack = math.log(2 * (len(_MARKS) - 1) / error)
    new = (
        _new_in_smaller(part, c, people_high, lone, limit, slack) + faces
        for c, faces in zip(_MARKS[1:], in_larger[1:], strict=True)
    )
    return hidden + math.floor(min(in_larger[0], *new))


def at_most(marked: int, read: int, objects: int, error: float) -> int:
    """Bound how many of all objects have a mark that ``marked`` of those ``read`` have; wrong with chance ``error``."""
    if not read:
        return objects
    wanted = math.log(1 / error)

    def excluded(all_marked: int) -> bool:
        if all_marked * read <= marked * objects:
            return False
        drawn = _deviation(marked, read, all_marked / objects)
        swapped = _deviation(marked, all_marked, read / objects)
        return max(drawn, swapped) >= wanted

    possible = range(marked, objects - (read - marked) + 1)
    return possible[bisect_left(possible, True, key=excluded) - 1]


def _deviation(hits: int, draws: int, chance: float) -> float:
    """Give draws * kl(hits / draws, chance), with kl the divergence of two coins."""
    misses = draws - hits
    if chance >= 1:
        return math.inf if misses else 0.0
    total = hits * math.log(hits / (draws * chance)) if hits else 0.0
    return total + (misses * math.log(misses / (draws * (1 - chance))) if misses else 0.0)


def _unread_with_more(part: Part, error: float) -> list[int]:
    """Bound, for each mark, the unread objects that hold more faces or cannot be looked at."""
    bounds: list[int] = []
    for mark in _MARKS:
        marked = int((part.faces > mark).sum()) + part.refused
        bounds.append(min([at_most(marked, part.read, part.objects, error) - marked, *bounds[-1:]]))
    return bounds


def _faces_in_larger(larger: list[int], most: int) -> list[int]:
    """Bound, for each mark, the faces in unread objects that hold more: the mark for each, and the steps beyond it."""
    steps = [upper - lower for lower, upper in pairwise([*_MARKS, most])]
    return [
        mark * larger[place] + sum(n * step for n, step in zip(larger[place:], steps[place:], strict=True))
        for place, mark in enumerate(_MARKS)
    ]


def _new_in_smaller(part: Part, c: int, people: int, lone: int, limit: int, slack: float) -> float:
    """Bound M: the new people in each unread object of at most c faces, summed. The block suits ``limit`` people."""
    read, unread = part.read, part.objects - part.read
    block = min(read, max(1, round(read * math.sqrt(c * slack / _TILT / limit))))
    q = block / read
    met = q * lone + q * q * (people - lone)
    return (unread + block) / block * _TILT / -math.expm1(-_TILT) * (met + c * slack / _TILT)
