"""Reads whole columns of cells in their usual spellings: a column at a time where all is usual, else cell by cell.

What a cell means is said in ``cells``; here the common spellings of it are read by Arrow, a hundred times as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, TypeAlias

from plugins.stores.cells import to_day, to_flag, to_person, to_utc

if TYPE_CHECKING:
    import pyarrow as pa

Cells: TypeAlias = "pa.Array | Sequence[Any]"
"""A column: an Arrow array, or values as a driver gives them."""

Flaws = dict[int, str]
"""What is wrong with the cell at a position; never the value."""

_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?"
_PLAIN, _ZONED = rf"^{_DAY}({_CLOCK})?$", rf"^{_DAY}{_CLOCK}(Z|[+-]\d{{2}}(:\d{{2}})?)$"


def people(cells: Cells) -> pa.Array:
    """Read ids of people, or other words, as ``to_person`` does: a string array, null where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = _texts(cells)
    if texts is None and isinstance(cells, pa.Array) and pa.types.is_integer(cells.type):
        texts = cells.cast(pa.string())
    if texts is None:
        return pa.array([to_person(value) for value in _values(cells)], pa.string())
    trimmed = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def times(cells: Cells, zone: tzinfo) -> tuple[pa.Array, Flaws]:
    """Read times as ``to_utc`` does: a ``timestamp('us', 'UTC')`` array, null for none and for what is no time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    name = "UTC" if zone is UTC else getattr(zone, "key", None)
    typed = _timestamps(cells)
    if typed is not None and name:
        return _localised(typed, name), {}
    texts = _texts(cells)
    if texts is None or not name:
        found, flaws = _each(_values(cells), lambda value: to_utc(value, zone))
        return pa.array(found, _utc()), flaws
    plain, zoned = (pc.fill_null(pc.match_substring_regex(texts, pattern), False) for pattern in (_PLAIN, _ZONED))
    try:
        usual = pc.coalesce(
            _localised(_only(texts, plain).cast(pa.timestamp("us")), name),
            _only(texts, zoned).cast(_utc()),
        )
    except pa.ArrowInvalid:  # a day like 31 February among them
        plain = zoned = pa.array([False] * len(texts))
        usual = pa.nulls(len(texts), _utc())
    return _with_the_rest(texts, usual, pc.or_(plain, zoned), lambda value: to_utc(value, zone))


def flags(cells: Cells) -> tuple[pa.Array, Flaws]:
    """Read yes and no as ``to_flag`` does: a boolean array, null for none and for what is neither."""
    import pyarrow as pa

    if not isinstance(cells, pa.Array):
        found, flaws = _each(cells, to_flag)
        return pa.array(found, pa.bool_()), flaws
    if pa.types.is_boolean(cells.type):
        return cells, {}
    coded = cells.dictionary_encode() if not pa.types.is_dictionary(cells.type) else cells
    found, wrong = _each(coded.dictionary.to_pylist(), to_flag)
    codes = coded.indices.to_pylist() if wrong else ()
    return pa.array(found, pa.bool_()).take(coded.indices), {at: wrong[c] for at, c in enumerate(codes) if c in wrong}


def days(cells: Cells) -> tuple[pa.Array, Flaws]:
    """Read calendar days as ``to_day`` does: a ``date32`` array, null for none and for what is no day."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(cells, pa.Array) and pa.types.is_date32(cells.type):
        return cells, {}
    texts = _texts(cells)
    if texts is None:
        found, flaws = _each(_values(cells), to_day)
        return pa.array(found, pa.date32()), flaws
    plain = pc.fill_null(pc.match_substring_regex(texts, f"^{_DAY}$"), False)
    try:
        usual = _only(texts, plain).cast(pa.date32())
    except pa.ArrowInvalid:
        plain, usual = pa.array([False] * len(texts)), pa.nulls(len(texts), pa.date32())
    return _with_the_rest(texts, usual, plain, to_day)


def renamed(words: pa.Array, names: dict[str, str]) -> pa.Array:
    """Put other words in the place of some."""
    import pyarrow as pa

    coded = words.dictionary_encode()
    known = pa.array([names.get(word, word) for word in coded.dictionary.to_pylist()], pa.string())
    return known.take(coded.indices)


def _texts(cells: Cells) -> pa.Array | None:
    """Give a column of texts as Arrow strings; nothing when it holds other things or bytes that are no text."""
    import pyarrow as pa

    try:
        if not isinstance(cells, pa.Array):
            if any(kind not in (str, type(None)) for kind in set(map(type, cells))):
                return None
            return pa.array(cells, pa.string())
        if pa.types.is_dictionary(cells.type):
            cells = cells.dictionary_decode()
        of_texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)
        return cells.cast(pa.string()) if any(kind(cells.type) for kind in of_texts) else None
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return None


def _timestamps(cells: Cells) -> pa.Array | None:
    """Give a column of times or days as Arrow timestamps, with or without a zone."""
    import pyarrow as pa

    if isinstance(cells, pa.Array):
        if pa.types.is_timestamp(cells.type):
            return cells.cast(pa.timestamp("us", cells.type.tz), safe=False)
        return cells.cast(pa.timestamp("us")) if pa.types.is_date(cells.type) else None
    if set(map(type, cells)) - {datetime, type(None)} or any(value and value.tzinfo for value in cells):
        return None
    return pa.array(cells, pa.timestamp("us"))


def _localised(times_: pa.Array, zone: str) -> pa.Array:
    import pyarrow.compute as pc

    if times_.type.tz is None:
        # Of an hour that a clock shows twice the first is taken, as Python does.
        times_ = pc.assume_timezone(times_, zone, ambiguous="earliest", nonexistent="earliest")
    return times_.cast(_utc())


def _with_the_rest(
    texts: pa.Array, usual: pa.Array, done: pa.Array, reader: Callable[[Any], Any]
) -> tuple[pa.Array, Flaws]:
    """Read cell by cell what has no usual spelling."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rest = pc.indices_nonzero(pc.and_(pc.invert(done), texts.is_valid()))
    if not len(rest):
        return usual, {}
    found, flaws = _each(texts.take(rest).to_pylist(), reader)
    at = rest.to_pylist()
    mask = pc.is_in(pa.array(range(len(texts)), pa.uint64()), value_set=rest)
    return pc.replace_with_mask(usual, mask, pa.array(found, usual.type)), {at[n]: why for n, why in flaws.items()}


def _each(values: Iterable[Any], reader: Callable[[Any], Any]) -> tuple[list[Any], Flaws]:
    known: dict[tuple[type, Any], Any] = {}
    found, flaws = [], dict[int, str]()
    for position, value in enumerate(values):
        key = (type(value), value if isinstance(value, Hashable) else position)
        if key not in known:
            try:
                known[key] = reader(value)
            except ValueError as error:
                known[key] = error
        read = known[key]
        if isinstance(read, ValueError):
            flaws[position], read = str(read), None
        found.append(read)
    return found, flaws


def _values(cells: Cells) -> Sequence[Any]:
    import pyarrow as pa

    return cells.to_pylist() if isinstance(cells, pa.Array) else cells


def _only(texts: pa.Array, mask: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(mask, texts, pa.scalar(None, pa.string()))


def _utc() -> pa.DataType:
    import pyarrow as pa

    return pa.timestamp("us", "UTC")
