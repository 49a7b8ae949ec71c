"""Numbers people, purposes and their pairs, so that consent is judged on whole columns of numbers and not on texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from expectations.errors import BadFacts

Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

_NONE = np.iinfo(np.int64).min
"""Stands for a missing time or day; it is also what NumPy's ``NaT`` is inside."""


@dataclass(frozen=True, eq=False, repr=False)
class Units:
    """A *unit* is one person and one purpose. Units that are held have the numbers below ``held_units``.

    Attributes:
        people: ``subject_ref`` by number of the person, those held first.
        held_people: how many people are held.
        purposes: by number, in alphabetical order.
        person: (U,) number of the person of each unit.
        purpose: (U,) number of the purpose of each unit.
        held_units: how many units are held.
        of_held: (N,) unit of each row held.
        of_consents: (M,) unit of each consent.
    """

    people: pa.Array
    held_people: int
    purposes: tuple[str, ...]
    person: Codes
    purpose: Codes
    held_units: int
    of_held: Codes
    of_consents: Codes


def number_units(held: pd.DataFrame, consents: pd.DataFrame) -> Units:
    """Number the units of what is held (columns ``subject_ref``, ``purpose``) and of the consents (the same)."""
    person, people = _number_together(held["subject_ref"], consents["subject_ref"])
    purpose, purposes = _number_together(held["purpose"], consents["purpose"])
    names = purposes.to_pylist()
    order = sorted(range(len(names)), key=lambda code: names[code])
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    keys = person * max(len(names), 1) + rank[purpose]
    units, found = pd.factorize(keys)
    units, rows = units.astype(np.int64), len(held)
    return Units(
        people=people,
        held_people=int(person[:rows].max(initial=-1)) + 1,
        purposes=tuple(names[code] for code in order),
        person=found // max(len(names), 1),
        purpose=found % max(len(names), 1),
        held_units=int(units[:rows].max(initial=-1)) + 1,
        of_held=units[:rows],
        of_consents=units[rows:],
    )


def earliest(values: Codes, at: Codes, count: int) -> Codes:
    """Give the least value of each group as an integer; missing ones do not count, a group without any has none.

    Args:
        values: (N,) integers, or times and days seen as such; the least integer stands for a missing one.
        at: (N,) group of each.
        count: number of groups.
    """
    given = values != _NONE
    least = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(least, at[given], values[given])
    least[least == np.iinfo(np.int64).max] = _NONE
    return least


def latest(values: Codes, at: Codes, count: int) -> Codes:
    """Give the greatest value of each group; see ``earliest``."""
    greatest = np.full(count, _NONE)
    np.maximum.at(greatest, at, values)
    return greatest


def marked(at: Codes, count: int) -> Mask:
    """Say of each group whether it is among ``at``."""
    mask = np.zeros(count, np.bool_)
    mask[at] = True
    return mask


def is_missing(values: Codes) -> Mask:
    """Say where a time or day seen as an integer is missing."""
    missing: Mask = values == _NONE
    return missing


def _number_together(first: pd.Series, second: pd.Series) -> tuple[Codes, pa.Array]:
    """Number the texts of two columns in the order in which they appear: (N + M,) numbers, and the texts by number."""
    chunks = [chunk for column in (first, second) for chunk in _texts(column)]
    coded = pa.chunked_array(chunks, pa.string()).dictionary_encode()  # one dictionary for all chunks
    if coded.null_count:
        raise BadFacts(str(first.name), "it is empty in some rows; every row needs it")
    codes = [chunk.indices.to_numpy(zero_copy_only=False).astype(np.int64) for chunk in coded.chunks]
    dictionary = coded.chunk(0).dictionary if coded.num_chunks else pa.array([], pa.string())
    return np.concatenate([np.empty(0, np.int64), *codes]), dictionary


def _texts(column: pd.Series) -> list[pa.Array]:
    if not len(column):
        return []
    found = pa.array(column, pa.string(), from_pandas=True)
    return list(found.chunks) if isinstance(found, pa.ChunkedArray) else [found]
