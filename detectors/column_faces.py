"""Finds the columns that hold faces: pictures, places of pictures, and templates."""

from __future__ import annotations

from dataclasses import dataclass

from detectors.column_context import Content, Context
from detectors.column_facts import ColumnClass, ColumnFacts, Storage, Verdict
from detectors.column_names import Named, read_name
from detectors.column_values import Look, Seen

_OTHER = ColumnClass.OTHER
_IMAGE_LOOKS = {
    Look.IMAGE: (ColumnClass.IMAGE_BLOB, "are pictures by their first bytes"),
    Look.IMAGE_TEXT: (ColumnClass.IMAGE_BASE64, "are pictures written as text"),
    Look.IMAGE_PLACE: (ColumnClass.IMAGE_REF, "are paths or addresses of picture files"),
}
_HOLDERS = {Storage.BINARY, Storage.TEXT, Storage.JSON, Storage.ARRAY, Storage.VECTOR, Storage.BITS, Storage.ANY}
# Types for texts too long for a path: MySQL's LONGTEXT and MEDIUMTEXT, Oracle's and DB2's CLOB.
_LONG_TEXTS = ("longtext", "mediumtext", "clob")
# Types made for short codes of embeddings.
_CODES = {Storage.BITS, Storage.VECTOR}
# Lengths of common face templates: see column_vectors.
_COMMON_DIMS = frozenset({128, 160, 256, 512, 2622, 4096})
# What a proprietary or encrypted template or picture looks like from outside.
_CLOSED = (Look.OPAQUE, Look.OPAQUE_TEXT, Look.LOCKED)
# Values that cannot be a template or a picture, whatever the column is called.
_PLAIN = (
    Look.FLAG,
    Look.INTEGER,
    Look.NUMBER,
    Look.DAY,
    Look.TIME,
    Look.UUID,
    Look.PERSON_NUMBER,
    Look.NAME,
    Look.WORD,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """One column with what is known of it."""

    column: ColumnFacts
    named: Named
    content: Content
    context: Context

    @property
    def trusted(self) -> bool:
        """Whether its name may be read as it was."""
        return self.context.trusted(self.column.name)


def face_verdict(subject: Subject) -> Verdict | None:
    """Say whether a column holds pictures or templates; None when nothing speaks for it.

    Content goes before names, names before types.
    """
    if subject.column.storage not in _HOLDERS and not subject.content.total:
        return None
    return _by_content(subject) or _vectors(subject) or _template_by_name(subject) or _picture_by_name(subject)


# -- pictures ----------------------------------------------------------------------------------------------------------


def _by_content(subject: Subject) -> Verdict | None:
    content = subject.content
    if content.share(Look.FACE_RECORD) >= 0.1:
        return Verdict(ColumnClass.TEMPLATE, 0.98, f"the values are {content.seen[Look.FACE_RECORD].detail}")
    best = max(_IMAGE_LOOKS, key=lambda look: content.looks[look])
    share = content.share(best)
    if share >= (0.25 if best is Look.IMAGE_PLACE else 0.1):
        found, words = _IMAGE_LOOKS[best]
        what = "the values" if share >= 0.95 else f"{share:.0%} of the values looked at"
        return Verdict(found, 0.99 if share >= 0.5 else 0.85, f"{what} {words}{_in_brackets(content.seen[best])}")
    if content.share(Look.OTHER_BIOMETRIC) >= 0.5:
        return Verdict(_OTHER, 0.95, f"the values are {content.seen[Look.OTHER_BIOMETRIC].detail}")
    if content.share(Look.PIXELS) >= 0.5:
        return _pixels(subject)
    return None


def _in_brackets(seen: Seen) -> str:
    return f" ({seen.detail})" if seen.detail else ""


def _pixels(subject: Subject) -> Verdict:
    reason = "the values are arrays of pixels"
    if subject.named.all & {"face", "picture"} or subject.context.face_reason:
        return Verdict(ColumnClass.IMAGE_BLOB, 0.8, f"{reason}, and names nearby speak of faces or pictures")
    return Verdict(_OTHER, 0.55, f"{reason}; nothing says of what")


def _picture_by_name(subject: Subject) -> Verdict | None:
    named, content, column = subject.named, subject.content, subject.column
    if "picture" not in named.all and not ("face" in named.all and named.all & {"place", "base64", "blob"}):
        return _bare_face(subject)
    if named.head & {"about", "number", "time", "model", "name"} and not named.head & {"place", "picture"}:
        name_of_file = "name" in named.head and content.total == 0 and named.has("picture")
        return _named_ref(0.6, "the name speaks of a picture's name") if name_of_file else None
    if content.total:
        return _picture_with_content(subject)
    weak = 0 if subject.trusted else 0.25
    if column.storage in {Storage.BINARY, Storage.ANY} and not named.has("place"):
        return Verdict(
            ColumnClass.IMAGE_BLOB, 0.8 - weak, f"the name speaks of a picture and the type is binary{_unseen(column)}"
        )
    if column.storage in {Storage.TEXT, Storage.JSON, Storage.ANY}:
        return _text_picture_unseen(subject, weak)
    return None


def _named_ref(confidence: float, reason: str) -> Verdict:
    return Verdict(ColumnClass.IMAGE_REF, confidence, f"{reason}; no value to look at")


def _unseen(column: ColumnFacts) -> str:
    return "" if column.values else "; no value to look at"


def _text_picture_unseen(subject: Subject, weak: float) -> Verdict:
    named, column = subject.named, subject.column
    long = column.type_name.lower().startswith(_LONG_TEXTS) or (column.size or 0) > 8192
    if "base64" in named.all or (long and "place" not in named.all):
        reason = (
            "the name speaks of a picture in base64"
            if "base64" in named.all
            else "a picture by name, in a type for long texts"
        )
        return Verdict(
            ColumnClass.IMAGE_BASE64, (0.85 if "base64" in named.all else 0.7) - weak, f"{reason}{_unseen(column)}"
        )
    sure = 0.85 if "place" in named.all else 0.7
    return Verdict(ColumnClass.IMAGE_REF, sure - weak, f"the name speaks of a picture's place{_unseen(column)}")


def _picture_with_content(subject: Subject) -> Verdict | None:
    content, named, binary = subject.content, subject.named, subject.column.storage is Storage.BINARY
    sure = 0.1 if subject.trusted else -0.15
    if content.share(Look.STORE_PLACE, Look.FILE_PLACE) >= 0.5:
        return Verdict(
            ColumnClass.IMAGE_REF,
            0.75 + sure,
            "the name speaks of a picture and the values are addresses without a file ending",
        )
    if content.share(*_CLOSED) >= 0.5:
        found = ColumnClass.IMAGE_BLOB if binary else ColumnClass.IMAGE_BASE64
        if "place" in named.all:
            found = ColumnClass.IMAGE_REF
        return Verdict(
            found, 0.65 + sure, "the name speaks of a picture, but the values have no known form: perhaps encrypted"
        )
    if content.share(Look.WORD, Look.HASH, Look.TEXT) >= 0.5 and "place" in named.all and not binary:
        return Verdict(
            ColumnClass.IMAGE_REF,
            0.5 + sure,
            "the name speaks of a picture's place; the values could be keys of a store",
        )
    if content.share(Look.WORD, Look.HASH) >= 0.5 and not binary and _is_file_like(subject):
        return Verdict(ColumnClass.IMAGE_REF, 0.5, "the name speaks of a picture; the values could be keys of a store")
    return Verdict(_OTHER, 0.75, "the name speaks of a picture, but the values are none and name none")


def _is_file_like(subject: Subject) -> bool:
    """Keys of object stores are long and have no spaces."""
    texts = [v.head for v in subject.column.values[:20] if isinstance(v.head, str)]
    return bool(texts) and all(len(text) >= 12 and " " not in text for text in texts)


def _bare_face(subject: Subject) -> Verdict | None:
    """Handle a column called just `face` or `人脸`: what is in it decides, else its type."""
    named, column, content = subject.named, subject.column, subject.content
    if "face" not in named.head or not subject.trusted:
        return None
    if column.storage is Storage.BINARY and (not content.total or content.share(*_CLOSED) >= 0.5):
        return Verdict(
            ColumnClass.IMAGE_BLOB, 0.5, "the name says face and the type is binary: a picture or a template"
        )
    return None


# -- templates ---------------------------------------------------------------------------------------------------------


def _vectors(subject: Subject) -> Verdict | None:
    """Judge numbers that look like an embedding: of a face, or of something else."""
    vector = subject.content.vector
    typed = subject.column.storage is Storage.VECTOR and not subject.content.total
    if vector is None and not typed:
        return None
    if vector and vector.integers and not _names_template(subject) and subject.column.storage not in _CODES:
        return _whole_numbers(subject)
    form = f"the values are {vector.form}" if vector else f"the type is {subject.column.type_name or 'a vector'}"
    less = 0.0 if vector else 0.1
    found, sure, reason = _whose_vectors(subject, vector.dim if vector else 0)
    return Verdict(found, round(sure - less, 2), f"{form}; {reason}")


def _whole_numbers(subject: Subject) -> Verdict | None:
    looks = subject.named.all & {"face", "template"} and subject.context.face_reason
    return Verdict(_OTHER, 0.5, "whole numbers in a list, in a table about faces") if looks else None


def _whose_vectors(subject: Subject, dim: int) -> tuple[ColumnClass, float, str]:
    named, context, template = subject.named, subject.context, ColumnClass.TEMPLATE
    if "face" in named.all and subject.trusted:
        return template, 0.98, "the name says face"
    if "othermetric" in named.all:
        return _OTHER, 0.93, "the name says another biometric than the face"
    if "otherspace" in named.all - {"template"} and not named.has("person"):
        return _OTHER, 0.92, "the name says that they stand for something else than a face"
    if context.face_reason and not (context.foreign_reason and context.face_reason.startswith("a foreign")):
        return template, 0.93, context.face_reason
    if context.face_reason and context.foreign_reason.startswith("the table's name speaks"):
        return template, 0.75, context.face_reason
    if context.foreign_reason and not (context.row_is_person and context.foreign_reason.startswith("neighbouring")):
        return _OTHER, 0.88, context.foreign_reason
    return _nameless_vectors(subject, dim)


def _nameless_vectors(subject: Subject, dim: int) -> tuple[ColumnClass, float, str]:
    context, template = subject.context, ColumnClass.TEMPLATE
    if "biometric" in subject.named.all:
        return template, 0.85, "the name says biometric"
    if context.people_reason and (context.pictures or dim in _COMMON_DIMS or "template" in subject.named.all):
        close = context.pictures or context.row_is_person
        named = "template" in subject.named.all and dim in _COMMON_DIMS
        sure = 0.85 if close and dim in _COMMON_DIMS else 0.75 if close or named else 0.65
        return template, sure, f"nothing says what of, but {context.people_reason}"
    if "face" in read_name(context.database).all:
        return template, 0.8, "the database's name says face"
    if context.people_reason:
        return template, 0.6, f"nothing says what of, but {context.people_reason}"
    if dim in _COMMON_DIMS:
        return template, 0.5, "as long as common face templates are; nothing else speaks for or against"
    return _OTHER, 0.5, "nothing says whether they stand for faces"


def _names_template(subject: Subject) -> bool:
    """Whether the name says face template in so many words."""
    named = subject.named
    if not subject.trusted or (named.has("othermetric") and not named.has("face")):
        return False
    if named.head & {"about", "number", "time", "model", "name", "place"} and not named.head & {"template", "feature"}:
        return False
    if "face" in named.all:
        return bool(named.all & {"template", "feature", "biometric"}) or (
            named.has("blob") and not named.has("picture")
        )
    return "biometric" in named.all and bool(named.all & {"template", "feature", "blob"})


def _template_by_name(subject: Subject) -> Verdict | None:
    own = _names_template(subject)
    if not own and not _named_in_context(subject):
        return None
    content = subject.content
    reason = "the name says face template" if own else f"the name says template, and {subject.context.face_reason}"
    less = 0.0 if own else 0.05
    if not content.total:
        if subject.column.storage not in _HOLDERS:
            return None
        return Verdict(ColumnClass.TEMPLATE, 0.8 - less, f"{reason}; no value to look at")
    if content.share(*_CLOSED, Look.FILE) >= 0.5:
        return Verdict(
            ColumnClass.TEMPLATE, 0.85 - less, f"{reason}; the values are of a form of its maker, or encrypted"
        )
    if content.share(Look.VECTOR) > 0:
        return Verdict(ColumnClass.TEMPLATE, 0.85 - less, f"{reason}; some values are vectors, of several lengths")
    if content.share(Look.HASH, Look.TEXT) >= 0.5:
        return Verdict(
            ColumnClass.TEMPLATE, 0.55, f"{reason}, but the values could as well be something short or readable"
        )
    return Verdict(_OTHER, 0.8, f"{reason}, but the values are too short or too plain for one")


def _named_in_context(subject: Subject) -> bool:
    """A template by a word that others use, too, in a table that is about faces."""
    named, context = subject.named, subject.context
    if not context.face_reason or not subject.trusted or named.has("othermetric"):
        return False
    if named.head & {"template", "feature"}:
        return "otherspace" not in named.all
    about_templates = bool(context.named.all & {"template", "feature", "biometric"})
    return about_templates and "blob" in named.head and subject.column.storage is not Storage.TEXT
