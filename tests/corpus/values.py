"""Makes the cells of a column from its generator's name and arguments, always the same ones."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from tests.corpus import people, pictures, sundries, vectors
from tests.corpus.drawing import Cell, Draw, Maker, chance
from tests.corpus.schemas import Column

_MAKERS: dict[str, Maker] = {**pictures.MAKERS, **vectors.MAKERS, **people.MAKERS, **sundries.MAKERS}
_PART_NULL = 1 / 6


def cells(schema: str, table: str, column: Column, rows: int) -> list[Cell]:
    """Make a column's cells, before they are fitted to its type.

    Args:
        schema: name of the schema; with table and column it is the seed.
        table: name of the table.
        column: the column.
        rows: how many.

    Returns:
        One cell a row; None for NULL. A nullable column of more than one row has a NULL in its second.

    Raises:
        KeyError: the generator is unknown.
    """
    source, gaps = chance(schema, table, column.name), chance(schema, table, column.name, "null")
    words = column.values.split(" ")
    made = [_make(Draw(source, number, column.key), words) for number in range(1, rows + 1)]
    return [None if _gap(column, number, rows, gaps.random()) else cell for number, cell in enumerate(made, 1)]


def _gap(column: Column, number: int, rows: int, drawn: float) -> bool:
    return column.nullable and rows > 1 and (number == 2 or drawn < _PART_NULL)


def _make(draw: Draw, words: Sequence[str]) -> Cell:
    if words[0] in _WRAPPERS:
        return _WRAPPERS[words[0]](_make(draw, words[1:]), words[1])
    return _MAKERS[words[0]](draw, *words[1:])


def _in_bytes(cell: Cell) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode()


_WRAPPERS: dict[str, Maker] = {
    "hex": lambda cell, kind: _in_bytes(cell).hex(),
    "b64": lambda cell, kind: base64.b64encode(_in_bytes(cell)).decode(),
    "datauri": lambda cell, kind: f"data:image/{kind};base64,{base64.b64encode(_in_bytes(cell)).decode()}",
    "utf8": lambda cell, kind: _in_bytes(cell if isinstance(cell, str | bytes) else json.dumps(cell)),
    "jsontext": lambda cell, kind: json.dumps(cell),
}
