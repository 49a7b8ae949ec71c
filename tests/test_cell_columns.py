"""Whole columns are read as cell by cell, however they come; pseudonyms at once are those one by one."""
# ruff: noqa: DTZ001 - columns of databases hold times without a zone

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.keys import Keyring
from plugins.stores.cell_columns import flags, people, renamed, times
from plugins.stores.cells import to_flag, to_person, to_utc
from plugins.stores.consent_rows import pseudonym_column

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")  # its clocks change
TEXTS = [
    "2026-03-01",
    "2026-03-01 08:30",
    "2026-03-01T08:30:15",
    "2026-03-01 08:30:15.123",
    "2026-10-25 02:30:00",
    "2026-03-01 08:30:15+00",
    "2026-03-01 08:30:15.5-05:30",
    "2026-03-01T08:30Z",
    "2026/03/01",
    "20260301",
    "1772294400",
    "infinity",
    "",
    " ",
    "2026-02-31",
    "2026-13-01 08:30:15",
    "yesterday",
    "\udce9",
    None,
]
spellings = st.lists(st.sampled_from(TEXTS), max_size=12)


def one_by_one(values: list[Any], reader: Callable[[Any], Any]) -> tuple[list[Any], dict[int, str]]:
    found, flaws = [], {}
    for at, value in enumerate(values):
        try:
            found.append(reader(value))
        except ValueError as error:
            flaws[at] = str(error)
            found.append(None)
    return found, flaws


def same_times(cells: Any, values: list[Any], zone: tzinfo) -> None:
    read, flaws = times(cells, zone)
    assert (read.to_pylist(), flaws) == one_by_one(values, lambda value: to_utc(value, zone))


@settings(max_examples=200, deadline=None)
@given(spellings, st.sampled_from([SHANGHAI, BERLIN, UTC, timezone(timedelta(hours=3))]))
def test_times_in_any_mixture_of_spellings_are_read_as_one_by_one(texts: list[Any], zone: tzinfo) -> None:
    same_times(texts, texts, zone)
    if "\udce9" not in texts:
        encoded = pa.array([text if text is None else text.encode() for text in texts], pa.binary())
        same_times(encoded, texts, zone)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([datetime(2026, 3, 1, 8), None, datetime(2026, 10, 25, 2, 30)], id="without a zone"),
        pytest.param([datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 1, 8)], id="some with a zone"),
        pytest.param([date(2026, 3, 1), None], id="days"),
        pytest.param([1772294400, 1772294400000, Decimal(1772294400), True], id="numbers"),
        pytest.param([datetime(2026, 3, 1), "2026-03-01", 7, object, [1]], id="anything"),
        pytest.param([], id="nothing"),
    ],
)
def test_times_of_any_type_are_read_as_one_by_one(values: list[Any]) -> None:
    for zone in (SHANGHAI, BERLIN, UTC):
        same_times(values, values, zone)


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.timestamp("s"), pa.timestamp("us", "UTC"), pa.date32()])
def test_times_of_an_arrow_type_are_read_as_one_by_one(kind: pa.DataType) -> None:
    cells = pa.array([date(2026, 3, 1), None]).cast(pa.timestamp("s")).cast(kind)
    same_times(cells, cells.to_pylist(), SHANGHAI)


IDS = ["42", " 42 ", "\t用户 ", "", "  ", None, "a,b"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(st.sampled_from(IDS), st.integers(), st.decimals(allow_nan=False), st.binary(max_size=3)), max_size=8
    )
)
def test_ids_of_any_type_are_read_as_one_by_one(values: list[Any]) -> None:
    assert people(values).to_pylist() == [to_person(value) for value in values]


@pytest.mark.parametrize(
    "cells",
    [
        pa.array(IDS),
        pa.array(IDS, pa.large_string()),
        pa.array(IDS).dictionary_encode(),
        pa.array([b"42", b"\xff", None]),
        pa.array([42, None], pa.int64()),
        pa.array([42.0, 1.5, None]),
        pa.array([Decimal("42.00"), None]),
    ],
    ids=lambda cells: str(cells.type),
)
def test_ids_of_an_arrow_type_are_read_as_one_by_one(cells: pa.Array) -> None:
    assert people(cells).to_pylist() == [to_person(value) for value in cells.to_pylist()]


def test_flags_in_any_mixture_are_read_as_one_by_one() -> None:
    values = ["yes", "No", "是", 1, 0, True, False, None, b"\x01", 1.0, "perhaps", 2, ""]
    read, flaws = flags(values)
    assert (read.to_pylist(), flaws) == one_by_one(values, to_flag)
    assert flags(pa.array([True, None]))[0].to_pylist() == [True, None]


def test_words_are_renamed_and_the_others_stay() -> None:
    assert renamed(pa.array(["a", None, "b", "a"]), {"a": "c"}).to_pylist() == ["c", None, "b", "c"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=90), max_size=5), st.sampled_from(["person", "staff"]))
def test_pseudonyms_at_once_are_those_one_by_one(ids: list[str], namespace: str) -> None:
    keyring = Keyring(bytes(range(32)))
    found = pseudonym_column(pa.array(ids, pa.string()), namespace, keyring)
    assert found.to_pylist() == [keyring.pseudonym(namespace, one) for one in ids]
