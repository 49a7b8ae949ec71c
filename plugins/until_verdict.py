"""Counts until the verdict is sure: reads objects in random order and stops when those read decide for all.

A verdict is wrong with a chance of at most 1 % over all the looks together (``detectors.sequential`` has the schedule,
the bounds and their sources). It is ``above`` when the fewest people of the part read, now or at an earlier look, cross
the threshold, since the whole has no fewer; ``below`` when the most people of the part read, together with the most
that may be in the rest beside them, do not. Of the chance that a look has for either answer, ``above`` takes all for
the lower end of the interval of people, ``below`` a quarter for its upper end, a quarter for how many people have one
face only, and half for what is in the rest. An end is exceeded with half of the chance that the interval misses the
truth: an interval at 1 - 2e has a lower end that is wrong with a chance of e.

None of this is surer than the head-count's own interval, at the confidence that is asked of it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from detectors.encoder import EncoderSpec
from detectors.records import PeopleCount
from detectors.sequential import Look, Part, plan_looks, unseen_people
from expectations.policy import Threshold, Verdict
from plugins.adhoc import Found, HeadCount, count_faces, expand_sources, list_pictures, look_at, parted, read_faces
from plugins.pool import Tick

ERROR = 0.01
"""The chance that a verdict is wrong, whenever the reading stops."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read so far, and how to count the people in it at a confidence."""

    part: Part
    count: Callable[[float], PeopleCount]


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the reading stopped.

    Attributes:
        people: in the part read; each end as sure as that look has to be.
        low: the fewest people in the whole. Each end holds as surely as the verdict.
        high: the most people in the whole.
        looks: how many looks it took.
    """

    verdict: Verdict
    people: PeopleCount
    low: int
    high: int
    part: Part
    looks: int

    @property
    def share_read(self) -> float:
        """Which share of the objects was read, 0 to 1; all of nothing is 1."""
        return self.part.read / self.part.objects if self.part.objects else 1.0

    @property
    def notes(self) -> tuple[str, ...]:
        """What the verdict rests on, in words."""
        part, said = self.part, list(self.people.notes)
        if part.refused:
            each = f"each is taken to show up to {part.faces_at_most} people nobody saw"
            said.append(f"{part.refused:,} of the objects read could not be looked at: {each}")
        if self.verdict == "below" and part.read < part.objects:
            said.append(f"no unread object is taken to show more than {part.faces_at_most} people")
        return tuple(said)


def decide(
    objects: int,
    read_up_to: Callable[[int], Reading],
    threshold: Threshold,
    tell: Callable[[Decision], None] = lambda decision: None,
) -> Decision:
    """Read ever more objects until the verdict is sure, or everything is read and it is as it is.

    Args:
        objects: how many there are.
        read_up_to: reads on until so many are read, in an order that is random and always the same.
        threshold: what to compare with.
        tell: is told each look.
    """
    low = 0
    for number, look in enumerate(plan_looks(objects, threshold.first_crossing, ERROR), 1):
        decision = _judge(read_up_to(look.objects), look, number, threshold, low)
        tell(decision)
        low = decision.low if look.above else low
        if decision.verdict != "undetermined":
            break
    return decision


def _judge(reading: Reading, look: Look, number: int, threshold: Threshold, known: int) -> Decision:
    """Judge at one look; that the whole has ``known`` people at least was found before."""
    part = reading.part
    people = reading.count(1 - 2 * (look.above or look.below))
    low = max(known, people.low)
    high = max(low, _most_in_whole(people, part, threshold, look.below))
    if part.read < part.objects and threshold.verdict(low, high) != "undetermined":
        # The upper end shares the error with the bounds of the rest. Counting is dear: more surely only if it matters.
        high = max(high, _most_in_whole(reading.count(1 - look.below / 2), part, threshold, look.below))
    verdict = threshold.verdict(low, high)
    if verdict == "above" and not look.above:
        verdict = "undetermined"
    return Decision(verdict, people, low, high, part, number)


def _most_in_whole(people: PeopleCount, part: Part, threshold: Threshold, error: float) -> int:
    # A face that cannot be told apart may be of somebody who has no other.
    lone = math.ceil(people.lone_share_high * (int(part.faces.sum()) - people.unusable)) + people.unusable
    return people.high + unseen_people(part, people.high, lone, threshold.first_crossing, error / 2)


class RandomReader:
    """Reads the objects of some sources in random order; the rows of a faces Parquet with the same uri are one object.

    The order is that of a keyed hash of the objects' names: it does not depend on how they are listed, and is the same
    in every run with the same seed. An object that several sources list is read once.

    Args:
        sources: folders, files, URLs, faces Parquet files, and ``@FILE`` lists of them.
        workers: processes to look with.
        begin: told the number of pictures before each part, gives what is told of those done.
        encoder: of the vectors.
        seed: of the order.

    Raises:
        BadSource: a source does not exist, or a Parquet file holds no vectors, or those of another encoder.
    """

    def __init__(
        self, sources: Iterable[str], workers: int, begin: Callable[[int], Tick], encoder: EncoderSpec, seed: int
    ) -> None:
        self._workers, self._begin, self._encoder = workers, begin, encoder
        folders, self._tables = parted(dict.fromkeys(expand_sources(sources)))
        self._listed = [list_pictures(folder) for folder in folders]
        rows = [_named(read_faces(path, encoder), f"{path}\n") for path in self._tables]
        self._rows = pd.concat([_named(Found(encoder).frame()), *rows], ignore_index=True)
        names = {found.uri for _, objects in self._listed for found in objects} | set(self._rows["object"])
        self._order = sorted(names, key=partial(_place, seed=seed))
        self._read = 0
        self._found, self._faces = Found(encoder), [self._rows[:0]]

    def __len__(self) -> int:
        return len(self._order)

    def up_to(self, size: int) -> Reading:
        """Read on until ``size`` objects are read.

        Raises:
            BadEncoder: an encoder of one's own cannot be used.
        """
        fresh = set(self._order[self._read : size])
        self._read = size
        self._faces.append(self._rows[self._rows["object"].isin(fresh)])
        if self._listed:
            self._look_at(fresh)
        faces = pd.concat(self._faces, ignore_index=True)
        return Reading(self._part(faces), partial(self._count, faces))

    def head_count(self, decision: Decision) -> HeadCount:
        """Give what was read as a head-count."""
        faces = decision.part.faces
        found = self._found
        return HeadCount(len(faces), int(faces.sum()), decision.people, found.refused, dict(found.partly), found.films)

    def _look_at(self, fresh: set[str]) -> None:
        listed = []
        for settings, objects in self._listed:
            listed.append((settings, [found for found in objects if found.uri in fresh]))
            fresh = fresh - {found.uri for found in objects}
        found = look_at(listed, self._workers, self._begin, self._encoder)
        self._faces.append(_named(found.frame()))
        found.rows.clear()
        self._found.add(found)

    def _part(self, faces: pd.DataFrame) -> Part:
        refused = sum(self._found.refused.values())
        by_object = faces.groupby("object")["frame_ms"]
        sizes, frames = by_object.size(), by_object.nunique()
        shown = np.zeros(self._read - refused, np.int64)
        shown[: len(sizes)] = sizes
        # Faces in one frame are different people: only across frames may somebody have several, all in one object.
        return Part(len(self), shown, refused, int((sizes[frames > 1] // 2).sum()))

    def _count(self, faces: pd.DataFrame, confidence: float) -> PeopleCount:
        return count_faces(faces, self._encoder, self._tables, confidence)


def count_until_verdict(
    reader: RandomReader, threshold: Threshold, tell: Callable[[Decision], None] = lambda decision: None
) -> tuple[HeadCount, Decision]:
    """Count the people in random objects until it is sure on which side of a threshold the whole is.

    Raises:
        BadSource: vectors of different lengths, or such that cannot be compared.
        BadEncoder: an encoder of one's own cannot be used.
    """
    decision = decide(len(reader), reader.up_to, threshold, tell)
    return reader.head_count(decision), decision


def _named(faces: pd.DataFrame, prefix: str = "") -> pd.DataFrame:
    """Add which object a face is in. A picture and its faces in a Parquet file are two, with places of their own."""
    return faces.assign(object=prefix + faces["uri"].astype(str))


def _place(name: str, seed: int) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=16, key=str(seed).encode()).digest()
