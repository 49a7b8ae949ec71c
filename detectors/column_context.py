"""What a table is about: faces, people, something else; told by its names, comments, neighbours and values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from detectors.column_facts import ColumnFacts, Reference, Storage, TableFacts, Value
from detectors.column_names import Named, is_pinyin_table, read_name
from detectors.column_values import Look, Seen, look_at
from detectors.column_vectors import Vector
from detectors.column_words import WORDS

Place = tuple[str, str]
"""Schema and table."""

# Of a sample, so many values from either end are looked into: reading them all would not change a share's verdict.
_LOOKED_INTO = 24
# Words that only say "table" or "list of": what stands before them is what a row is.
_HOLLOW = frozenset(
    [
        "info",
        "infos",
        "information",
        "table",
        "tbl",
        "tb",
        "list",
        "lists",
        "base",
        "basic",
        "master",
        "main",
        "detail",
        "details",
        "profile",
        "profiles",
        "account",
        "accounts",
        "archive",
        "archives",
        "data",
        "record_base",
        "v",
        "view",
        "vw",
        "t",
        "sys",
        "all",
        "dim",
        "fact",
        "bak",
        "backup",
        "tmp",
        "copy",
        "old",
        "new",
        "registry",
        "library",
        "directory",
        "roster",
        "xinxi",
        "信息",
        "表",
        "档案",
        "名单",
        "资料",
        "库",
        "基础",
        "基本",
        "数据",
        "主",
        "视图",
    ]
)
# What names like `x`, `data` or `code` say is less than a short comment says.
_GENERAL = frozenset({"about", "blob", "number", "time", "place"})
_SHORT_COMMENT = 24
_FACE_MODELS = re.compile(r"\b(?:" + "|".join(map(re.escape, WORDS["facemodel"].split())) + r")", re.IGNORECASE)
_TEXT_MODELS = re.compile(
    r"text-embedding|ada-002|\bbge\b|\bm3e\b|bert|minilm|e5-|gte-|jina|cohere|word2vec|glove|\bclip\b|siglip|openai"
    r"|sentence|doc2vec|vggish|wav2vec|musicnn|clap|resnet50|efficientnet",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a column's sample looks like.

    Attributes:
        looks: how many values look like what; empty ones are left out.
        seen: one example of each look.
        total: values looked into.
    """

    looks: Counter[Look]
    seen: Mapping[Look, Seen]
    total: int

    def share(self, *looks: Look) -> float:
        """Give the share of values that look like one of these; 0 when there are none."""
        return sum(self.looks[look] for look in looks) / self.total if self.total else 0.0

    @property
    def vector(self) -> Vector | None:
        """The vectors of the column, when most values are vectors of one length."""
        found = self.seen.get(Look.VECTOR)
        return found.vector if found and self.share(Look.VECTOR) >= 0.6 else None


def content_of(column: ColumnFacts) -> Content:
    """Look into a sample of a column's values."""
    values = column.values
    if len(values) > 2 * _LOOKED_INTO:
        values = values[:_LOOKED_INTO] + values[-_LOOKED_INTO:]
    looked = [seen for value in values if (seen := look_at(value)).look is not Look.EMPTY]
    dims = Counter(seen.vector.dim for seen in looked if seen.vector)
    common = dims.most_common(1)[0][0] if dims else 0
    examples = {seen.look: seen for seen in reversed(looked) if not seen.vector or seen.vector.dim == common}
    return Content(Counter(seen.look for seen in looked), examples, len(looked))


@dataclass(frozen=True)
class Context:
    """One table with everything that its columns are judged by.

    Attributes:
        table: the facts.
        contents: what the samples look like, by column name.
        database: name of the database.
        near: tables that it refers to or that refer to it.
    """

    table: TableFacts
    contents: Mapping[str, Content]
    database: str
    near: Sequence[TableFacts] = field(default=())

    @cached_property
    def named(self) -> Named:
        """What the table's name says."""
        return read_name(self.table.name)

    @cached_property
    def names(self) -> Mapping[str, Named]:
        """What the columns' names say; a comment speaks for a name that says nothing."""
        return {column.name: told(column.name, column.comment) for column in self.table.columns}

    @cached_property
    def pinyin(self) -> bool:
        """The designer wrote pinyin or hanzi: initials mean something."""
        return is_pinyin_table([self.table.name, *(column.name for column in self.table.columns)])

    def trusted(self, column: str) -> bool:
        """Whether a column's name may be read as it was."""
        return not self.names[column].initials or self.pinyin

    @cached_property
    def words(self) -> frozenset[str]:
        """All concepts of the columns' names that may be trusted."""
        told_by = (named.all for name, named in self.names.items() if self.trusted(name))
        return frozenset().union(*told_by)

    @cached_property
    def face_reason(self) -> str:
        """Why the table is about faces, in words; empty when nothing says so."""
        if "face" in self.named.all and not self._is_other_metric:
            return "the table's name says face"
        if "face" in _comment(self.table.comment) or any("face" in _comment(c.comment) for c in self.table.columns):
            return "a comment in the catalogue says face"
        if "face" in self.words:
            return "a neighbouring column's name says face"
        if self._says(_FACE_MODELS):
            return "a neighbouring column names a face model"
        if "biometric" in self.named.all and "othermetric" not in self.words:
            return "the table's name says biometric"
        if any("face" in read_name(near.name).all for near in self.near):
            return "a foreign key ties the table to one of faces"
        return ""

    @cached_property
    def _is_other_metric(self) -> bool:
        return "othermetric" in self.named.all

    def _says(self, pattern: re.Pattern[str]) -> bool:
        """Whether the values of a column that names a model, a version or a type speak of something."""
        for column in self.table.columns:
            speaks = bool(self.names[column.name].all & {"model", "about"})
            if (
                speaks
                and column.storage in {Storage.TEXT, Storage.ANY}
                and any(_matches(pattern, v) for v in column.values[:20])
            ):
                return True
        return False

    @cached_property
    def people_reason(self) -> str:
        """Why the table is about people, in words; empty when nothing says so."""
        if self.row_is_person:
            return "the table's name says that a row is a person"
        if "person" in self.named.all:
            return "the table's name speaks of people"
        if self.words & {"staffno", "idcard", "personname", "birth"} or self._person_numbers:
            return "a neighbouring column names people"
        if any("person" in read_name(near.name).all for near in self.near):
            return "a foreign key ties the table to one of people"
        return ""

    @cached_property
    def _person_numbers(self) -> bool:
        return any({"person", "number"} <= named.all and not named.has("actor") for named in self.names.values())

    @cached_property
    def row_is_person(self) -> bool:
        """A row is a person: the last word of the table's name that says something is one for people."""
        return _names_person(self.named)

    @cached_property
    def people_targets(self) -> frozenset[str]:
        """Columns whose foreign key leads to a table in which a row is a person."""
        people = {near.name for near in self.near if _is_of_people(near)}
        return frozenset(c.name for c in self.table.columns if c.reference and c.reference.table in people)

    @cached_property
    def foreign_reason(self) -> str:
        """Why vectors in the table are of something else than faces, in words; empty when nothing says so."""
        if self._is_other_metric:
            return "the table's name says another biometric"
        if self._says(_TEXT_MODELS):
            return "a neighbouring column names a model of texts, sounds or whole pictures"
        if "otherspace" in self.named.all:
            return "the table's name speaks of other things than people"
        others = [n for n, named in self.names.items() if "otherspace" in named.all and "person" not in named.all]
        others = [n for n in others if not self.names[n].has("number") and self._is_wordy(n)]
        return "neighbouring columns hold texts or readings" if others else ""

    def _is_wordy(self, name: str) -> bool:
        column = next(column for column in self.table.columns if column.name == name)
        return column.storage in {Storage.TEXT, Storage.JSON, Storage.ANY, Storage.NUMBER, Storage.ARRAY}

    @cached_property
    def about_consent(self) -> bool:
        """The table records consents."""
        return "consent" in self.named.all or sum("firmconsent" in named.all for named in self.names.values()) >= 2

    @cached_property
    def pictures(self) -> bool:
        """The table holds or names pictures, by name or by content."""
        looks = {Look.IMAGE, Look.IMAGE_TEXT, Look.IMAGE_PLACE}
        return "picture" in self.words or any(looks & set(c.looks) for c in self.contents.values())


def _names_person(named: Named) -> bool:
    pairs = list(zip(named.words, named.concepts, strict=True))
    while pairs and (pairs[-1][0] in _HOLLOW or not pairs[-1][1]):
        pairs.pop()
    return bool(pairs) and "person" in pairs[-1][1]


def _is_of_people(table: TableFacts) -> bool:
    words = [read_name(column.name).all for column in table.columns]
    return _names_person(read_name(table.name)) or any(found & {"personname", "idcard", "birth"} for found in words)


def told(name: str, comment: str) -> Named:
    """Read a column's name; its comment where the name says nothing or only in initials."""
    named = read_name(name)
    short = len(comment) <= _SHORT_COMMENT and named.all <= _GENERAL
    if comment and (not named.all or named.initials or short):
        by_comment = read_name(comment[:60])
        return by_comment if by_comment.all else named
    return named


def _comment(comment: str) -> frozenset[str]:
    return read_name(comment[:200]).all if comment else frozenset()


def _matches(pattern: re.Pattern[str], value: Value) -> bool:
    return isinstance(value.head, str) and value.length <= 80 and pattern.search(value.head) is not None


def neighbours(tables: Sequence[TableFacts]) -> dict[Place, list[TableFacts]]:
    """Find for each table those that foreign keys tie to it, in either direction."""
    places = {(table.schema, table.name): table for table in tables}
    near: dict[Place, list[TableFacts]] = {place: [] for place in places}
    for place, table in places.items():
        for column in table.columns:
            target = _target(column.reference, table.schema)
            if target in places and target != place:
                near[place].append(places[target])
                near[target].append(table)
    return near


def _target(reference: Reference | None, schema: str) -> Place:
    return (reference.schema or schema, reference.table) if reference else ("", "")
