"""The labelled corpus of schemas: every column is labelled, and every value is what its generator says."""

from __future__ import annotations

import base64
import io
import json
import pickle
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from tests.corpus.build import build
from tests.corpus.schemas import CLASSES, Column, Schema, Table, schemas
from tests.corpus.values import cells
from tests.databases import Database

pytest_plugins = ("tests.databases",)

HANZI = re.compile("[\u4e00-\u9fff]")
BINARY_FLOATS = {"f4le": "<f4", "f4be": ">f4", "f8le": "<f8", "f8be": ">f8"}

each_schema = pytest.mark.parametrize("schema", schemas(), ids=lambda schema: schema.name)


def columns(schema: Schema) -> list[tuple[Table, Column]]:
    return [(table, column) for table in schema.tables for column in table.columns]


def filled(schema: Schema, table: Table, column: Column) -> list[object]:
    return [cell for cell in cells(schema.name, table.name, column, table.rows) if cell is not None]


def chosen(*generators: str) -> list[object]:
    """The columns filled by one of these generators, as cases of a test."""
    return [
        pytest.param(schema, table, column, id=f"{schema.name}.{table.name}.{column.name}")
        for schema in schemas()
        for table, column in columns(schema)
        if column.values.split(" ")[0] in generators and table.rows
    ]


def test_there_are_schemas_enough_of_each_kind() -> None:
    kinds = Counter(schema.kind for schema in schemas())
    assert kinds["products"] >= 22
    assert kinds["invented"] >= 22
    assert kinds["negatives"] >= 8
    assert len({schema.name for schema in schemas()}) == kinds.total()


def test_every_class_is_there_often_enough_to_measure_it() -> None:
    seen = Counter(column.label for schema in schemas() for _, column in columns(schema))
    assert set(seen) == set(CLASSES)
    assert min(seen.values()) >= 5


def test_four_in_ten_invented_schemas_or_more_hold_chinese() -> None:
    invented = [schema for schema in schemas() if schema.kind == "invented"]
    chinese = [
        schema
        for schema in invented
        if any(
            HANZI.search(f"{column.name}{column.values}") or column.values == "cn_name" for _, column in columns(schema)
        )
    ]
    assert len(chinese) / len(invented) >= 0.4


@each_schema
def test_every_column_has_one_of_the_classes_and_every_table_one_of_the_sizes(schema: Schema) -> None:
    assert {column.label for _, column in columns(schema)} <= set(CLASSES)
    assert {table.rows for table in schema.tables} <= {0, 1, 30, 300}


@each_schema
def test_products_state_version_and_source_and_nothing_else_does(schema: Schema) -> None:
    assert schema.about
    assert all(schema.origin) == (schema.kind == "products")


@each_schema
def test_a_schema_is_built_in_sqlite_with_its_columns_rows_and_gaps(schema: Schema, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/{schema.name}.db")
    build(schema, engine)
    assert_built(schema, engine)
    engine.dispose()


@pytest.mark.backend
@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
def test_every_schema_is_built_on_the_servers_with_its_columns_rows_and_gaps(database: Database) -> None:
    for schema in schemas():
        metadata = build(schema, database.engine)
        assert_built(schema, database.engine)
        metadata.drop_all(database.engine)


def assert_built(schema: Schema, engine: sa.Engine) -> None:
    quote = engine.dialect.identifier_preparer.quote_identifier
    assert set(sa.inspect(engine).get_table_names()) == {table.name for table in schema.tables}
    with engine.connect() as connection:
        for table in schema.tables:
            found = connection.execute(sa.text(f"SELECT * FROM {quote(table.name)}"))
            assert list(found.keys()) == [column.name for column in table.columns]
            rows = found.all()
            assert len(rows) == table.rows
            gaps = [any(row[place] is None for row in rows) for place in range(len(table.columns))]
            assert gaps == [column.nullable and table.rows > 1 for column in table.columns]


def test_a_column_is_the_same_every_time_and_unlike_its_neighbours() -> None:
    schema = next(schema for schema in schemas() if schema.name == "stadium")
    table = schema.tables[0]
    made = {column.name: cells(schema.name, table.name, column, 30) for column in table.columns}
    assert made == {column.name: cells(schema.name, table.name, column, 30) for column in table.columns}
    assert made["opted_in_at"] != made["opted_out_at"]


@pytest.mark.parametrize(("schema", "table", "column"), chosen("jpeg", "png", "webp", "gif", "bmp"))
def test_bytes_of_pictures_open_in_the_format_they_are_said_to_have(
    schema: Schema, table: Table, column: Column
) -> None:
    for cell in filled(schema, table, column):
        with Image.open(io.BytesIO(cell)) as picture:
            picture.load()
            assert picture.format == column.values.upper()
    assert column.label == "image_blob"


@pytest.mark.parametrize(
    ("schema", "table", "column"), [c for c in chosen("b64", "datauri") if c.values[2].label == "image_base64"]
)
def test_base64_pictures_are_pictures_in_base64(schema: Schema, table: Table, column: Column) -> None:
    for cell in filled(schema, table, column):
        text = str(cell).partition(",")[2] if str(cell).startswith("data:") else str(cell)
        Image.open(io.BytesIO(base64.b64decode(text, validate=True))).verify()


@pytest.mark.parametrize(
    ("schema", "table", "column"), chosen(*BINARY_FLOATS, "npy", "pickle", "vector", "list", "nested")
)
def test_vectors_have_unit_length_in_every_encoding(schema: Schema, table: Table, column: Column) -> None:
    encoding, size = column.values.split(" ")
    for cell in filled(schema, table, column)[:30]:
        vector = np.asarray(decoded(encoding, cell), np.float64).ravel()
        assert vector.size == int(size)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def decoded(encoding: str, cell: object) -> object:
    if encoding in BINARY_FLOATS:
        return np.frombuffer(cell, BINARY_FLOATS[encoding])
    if encoding == "npy":
        return np.load(io.BytesIO(cell), allow_pickle=False)
    if encoding == "pickle":
        return pickle.loads(cell)
    return json.loads(cell) if isinstance(cell, str) else cell


@pytest.mark.parametrize(("schema", "table", "column"), chosen("iso"))
def test_face_image_records_state_their_own_length_and_hold_a_jpeg(
    schema: Schema, table: Table, column: Column
) -> None:
    for cell in filled(schema, table, column):
        assert cell[:8] == b"FAC\x00010\x00"
        assert int.from_bytes(cell[8:12]) == len(cell)
        assert int.from_bytes(cell[14:18]) == len(cell) - 14
        Image.open(io.BytesIO(cell[14 + 20 + 12 :])).verify()
