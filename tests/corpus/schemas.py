"""The corpus's schemas as records, read from the YAML files of this folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent
CLASSES = (
    "image_blob",
    "image_base64",
    "image_ref",
    "template",
    "person_id",
    "person_name",
    "birth_date",
    "consent_flag",
    "consent_date",
    "withdrawn_date",
    "captured_at",
    "created_at",
    "last_seen_at",
    "expires_at",
    "purpose",
    "other",
)
KINDS = ("products", "invented", "negatives")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how it is declared, what it is, and what fills it."""

    name: str
    type: str  # as the README lists them, without ` key`
    label: str  # one of CLASSES
    values: str  # a generator and its arguments
    key: bool
    nullable: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One table and how many rows it gets."""

    name: str
    rows: int
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """One database of the corpus."""

    name: str
    kind: str  # one of KINDS
    about: str
    origin: tuple[str, str, str]  # product, version and source; empty outside products
    tables: tuple[Table, ...]


@cache
def schemas() -> tuple[Schema, ...]:
    """Read all schemas, products first."""
    return tuple(_schema(path) for kind in KINDS for path in sorted((FOLDER / kind).glob("*.yaml")))


def _schema(path: Path) -> Schema:
    said = yaml.load(path.read_text(encoding="utf-8"), _Plain)
    return Schema(
        name=path.stem,
        kind=path.parent.name,
        about=said["about"],
        origin=(said.get("product", ""), said.get("version", ""), said.get("source", "")),
        tables=tuple(_table(name, table) for name, table in said["tables"].items()),
    )


def _table(name: str, said: Mapping[str, object]) -> Table:
    columns = said["columns"]
    assert isinstance(columns, Mapping)
    return Table(name, int(str(said["rows"])), tuple(_column(key, words) for key, words in columns.items()))


def _column(name: str, words: tuple[str, str, str]) -> Column:
    declared, label, values = words
    kind, key = re.fullmatch(r"(.+?)( key)?", declared).groups()  # type: ignore[union-attr]
    return Column(name, kind, label, values.removesuffix(" or null"), bool(key), values.endswith(" or null"))


class _Plain(yaml.SafeLoader):
    """YAML in which every scalar is text and a repeated key is refused."""

    yaml_implicit_resolvers: dict[str, list[object]] = {}  # noqa: RUF012 (PyYAML wants it so)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"{node.start_mark}: a key is there twice"
        return super().construct_mapping(node, deep)
