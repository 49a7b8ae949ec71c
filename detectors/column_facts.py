"""What is known of a database's columns before they are classified, and what is said of them after."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ColumnClass(StrEnum):
    """What a column holds; the value is the word in the findings."""

    IMAGE_BLOB = "image_blob"
    IMAGE_BASE64 = "image_base64"
    IMAGE_REF = "image_ref"
    TEMPLATE = "template"
    PERSON_ID = "person_id"
    PERSON_NAME = "person_name"
    BIRTH_DATE = "birth_date"
    CONSENT_FLAG = "consent_flag"
    CONSENT_DATE = "consent_date"
    WITHDRAWN_DATE = "withdrawn_date"
    CAPTURED_AT = "captured_at"
    CREATED_AT = "created_at"
    LAST_SEEN_AT = "last_seen_at"
    EXPIRES_AT = "expires_at"
    PURPOSE = "purpose"
    OTHER = "other"


FACIAL = frozenset({ColumnClass.IMAGE_BLOB, ColumnClass.IMAGE_BASE64, ColumnClass.IMAGE_REF, ColumnClass.TEMPLATE})
"""What is facial data itself; the other classes only stand beside it."""

# A finding less sure than this is laid before the DPO. By how often such findings of the corpus are right: the rules
# below give it only to evidence of one kind (a name without content, content without a telling name).
UNDECIDED_BELOW = 0.7


class Storage(StrEnum):
    """How a column stores its values, whatever the database calls it."""

    BINARY = "binary"
    TEXT = "text"
    JSON = "json"
    ARRAY = "array"
    VECTOR = "vector"
    BITS = "bits"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    UUID = "uuid"
    ANY = "any"


@dataclass(frozen=True, slots=True, repr=False)
class Value:
    """The beginning of one stored value. It may be biometric: never print it.

    Attributes:
        head: the first bytes or characters (numbers and times as text); empty when it could not be had.
        length: bytes or characters of the whole value.
    """

    head: bytes | str
    length: int

    def __repr__(self) -> str:
        return f"Value(<hidden>, {self.length})"

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return len(self.head) >= self.length


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a foreign key leads."""

    schema: str
    table: str
    column: str


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column as the catalogue tells of it, with a sample of its values.

    Attributes:
        name: as the catalogue spells it.
        type_name: the database's own word for its type, like ``vector(512)``; empty when it has none.
        storage: the same, in our words.
        primary: part of the primary key.
        unique: no two rows share a value.
        reference: where its foreign key leads.
        comment: what the database's designers wrote about it.
        values: a sample, without NULLs.
        rows: rows that were looked at for it; 0 when none could be.
        size: greatest length in characters or bytes that the type allows; None when it names none.
    """

    name: str
    type_name: str = ""
    storage: Storage = Storage.ANY
    primary: bool = False
    unique: bool = False
    reference: Reference | None = None
    comment: str = ""
    values: tuple[Value, ...] = ()
    rows: int = 0
    size: int | None = None


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table or view.

    Attributes:
        schema: as the catalogue spells it.
        name: likewise.
        columns: in the order of the catalogue.
        view: it is a view.
        comment: what the database's designers wrote about it.
    """

    schema: str
    name: str
    columns: tuple[ColumnFacts, ...]
    view: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a column was found to be.

    Attributes:
        found: the class.
        confidence: 0 to 1, that the class is right.
        because: the reason in words, never with a value.
    """

    found: ColumnClass
    confidence: float
    because: str

    @property
    def undecided(self) -> bool:
        """Whether a person should decide."""
        return self.confidence < UNDECIDED_BELOW
