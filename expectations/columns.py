"""The evidence contract: every table and column that the judge reads and the scan fills.

The judge declares, the scan obeys; ``docs/evidence.md`` is printed from this file and a test holds the two together.
Times are UTC with microseconds, days are calendar days in the controller's time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["text", "int32", "int64", "float32", "float64", "bool", "time", "day", "box"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, kind, meaning, and whether it may be empty."""

    name: str
    kind: Kind
    meaning: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One evidence table."""

    name: str
    row_is: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]

    def arrow_schema(self) -> pa.Schema:
        """Give the Arrow schema that every Parquet file of this table has."""
        import pyarrow as pa

        types = {
            "text": pa.string(),
            "int32": pa.int32(),
            "int64": pa.int64(),
            "float32": pa.float32(),
            "float64": pa.float64(),
            "bool": pa.bool_(),
            "time": pa.timestamp("us", tz="UTC"),
            "day": pa.date32(),
            "box": pa.list_(pa.float32(), 4),
        }
        return pa.schema([pa.field(c.name, types[c.kind], nullable=c.optional) for c in self.columns])


OBJECT_STATUSES = ("scanned", "unsupported", "quarantined", "skipped", "gone")
"""How an object ended. ``unchanged`` is counted per run and writes no row; ``gone``: it left the store."""

OBJECTS = Table(
    "objects",
    "one version of one stored object (a file, or one picture in a database row) as seen",
    (
        Column("store", "text", "name of the store in the settings"),
        Column("uri", "text", "where it is; for a database row the table, column and keyed hash of the row's key"),
        Column("version", "text", "what changes when the content changes: ETag, or size and time of change"),
        Column("size_bytes", "int64", "size as the store says it"),
        Column("media_type", "text", "what the bytes are, by their content", optional=True),
        Column("captured_at", "time", "when the picture was taken", optional=True),
        Column("captured_from", "text", "what said so: exif, name, metadata (the store's), row", optional=True),
        Column("status", "text", "scanned, unsupported, quarantined, skipped or gone"),
        Column("reason", "text", "why it was not scanned: one word", optional=True),
        Column("faces", "int32", "faces found in it"),
        Column("detector_key", "text", "hash of models and detector settings that looked at it"),
        Column(
            "subject_ref", "text", "keyed hash of the person it is filed under, when the store says so", optional=True
        ),
        Column(
            "stills",
            "int32",
            "of a video, animation, document or archive: how many stills, pages or pictures were looked at",
            optional=True,
        ),
        Column(
            "longest_gap_ms", "int32", "of a video, animation or archive of them: longest time unseen", optional=True
        ),
        Column("gone_on", "day", "of what left its store: first day on which it was missed", optional=True),
    ),
)

FACES = Table(
    "faces",
    "one face in one object or frame",
    (
        Column("face_id", "text", "hash of store, uri, version, frame and place in it"),
        Column("store", "text", "name of the store"),
        Column("uri", "text", "the object it is in"),
        Column("version", "text", "the object's version it was found in"),
        Column("frame_ms", "int32", "time of the frame in an animation or video, 0 for a still"),
        Column("box_xywh_px", "box", "left, top, width, height in pixels of the upright picture"),
        Column("score", "float32", "detector score, 0 to 1"),
        Column("quality", "float32", "how usable it is for telling people apart, 0 to 1"),
        Column("pseudonym", "text", "of the group of like faces it fell in at the last census", optional=True),
        Column(
            "subject_ref", "text", "keyed hash of the person it is filed under, when the store says so", optional=True
        ),
    ),
)

SUBJECTS = Table(
    "subjects",
    "one kind of facial data that one database table holds of one person",
    (
        Column("store", "text", "name of the database in the settings"),
        Column("table", "text", "table it is in"),
        Column("subject_ref", "text", "keyed hash of the person's id"),
        Column("data_class", "text", "image, template or attribute"),
        Column("purpose", "text", "what it is held for, by the settings"),
        Column("stored_at", "time", "when it was stored, by the row", optional=True),
        Column("last_interaction_at", "time", "when the person was last seen, by the row", optional=True),
        Column("minor", "bool", "under 18 on the day of the scan, or flagged so by the row", optional=True),
        Column("born_on", "day", "date of birth, because each law has its own age", optional=True),
    ),
)

COLUMNS = Table(
    "columns",
    "one column of a database as discovery read it",
    (
        Column("store", "text", "name of the database in the settings"),
        Column("table", "text", "schema and table, or the table alone where the database has no schemas"),
        Column("column", "text", "name of the column"),
        Column("holds", "text", "what it holds: a class of discover.md"),
        Column("confidence", "float64", "how sure that is, 0 to 1"),
        Column("sure", "bool", "sure enough to go by; else a person should decide"),
        Column("because", "text", "why, in words; no value of the column"),
        Column("facial", "bool", "it holds or names pictures of people, or templates"),
        Column("declared", "bool", "the settings name it as such, so that it is scanned and counted"),
    ),
)

CONSENTS = Table(
    "consents",
    "one consent as the registry has it",
    (
        Column("subject_ref", "text", "keyed hash of the person's id"),
        Column("purpose", "text", "what the consent is for"),
        Column("kind", "text", "separate, written, guardian, bundled, unlimited, or another word of the registry"),
        Column("granted_at", "time", "when it was given", optional=True),
        Column("withdrawn_at", "time", "when it was withdrawn", optional=True),
        Column("expires_at", "time", "until when it holds", optional=True),
        Column("guardian", "bool", "given by a parent or guardian"),
        # Nights before these were read have none of them.
        Column("registry", "text", "name of the registry in the settings", optional=True),
        Column("bundled", "bool", "given together with something else, or as its condition", optional=True),
        Column("unlimited", "bool", "without end, not to be withdrawn, or free to be passed on", optional=True),
        Column("notice_version", "text", "which notice the person had been given", optional=True),
        Column("evidence_link", "text", "encrypted: where the proof of it is filed", optional=True),
    ),
)

CENSUS = Table(
    "census",
    "one head-count",
    (
        Column("run_id", "text", "the run that counted"),
        Column("as_of", "day", "the day it speaks of"),
        Column("scope", "text", "all, store or purpose"),
        Column("scope_name", "text", "which store or purpose; empty for all"),
        Column("people_low", "int64", "lower end of the interval"),
        Column("people_best", "int64", "best single estimate"),
        Column("people_high", "int64", "upper end of the interval"),
        Column("confidence", "float64", "probability that the truth lies within; of every interval of the row"),
        Column("with_template", "int64", "people with a stored template, by the records: the enrolled"),
        Column("in_any_image", "int64", "people in any image, best estimate"),
        Column("method", "text", "how it was counted"),
        # Nights before these were counted have none of them.
        Column("in_any_image_low", "int64", "lower end of the people in any image", optional=True),
        Column("in_any_image_high", "int64", "upper end of the people in any image", optional=True),
        Column("linked", "int64", "people without a template whose images are filed under them", optional=True),
        Column("unknown_low", "int64", "fewest people who are neither enrolled nor linked", optional=True),
        Column("unknown_best", "int64", "best estimate of them", optional=True),
        Column("unknown_high", "int64", "most of them", optional=True),
        Column("unusable", "int64", "faces that cannot be told apart: small, blurred, without a vector", optional=True),
        Column("calibrated", "float64", "how like the collections of the calibration, 0 (not) to 1", optional=True),
        Column("notes", "text", "JSON: why the interval is wide, in sentences", optional=True),
        Column("curve", "text", "JSON: strictness, groups, false_merge, false_split, a row a threshold", optional=True),
    ),
)

FINDINGS = Table(
    "findings",
    "one thing the officer must decide",
    (
        Column("finding_id", "text", "hash of rule, place and subject: the same every night"),
        Column("rule", "text", "short name of the rule"),
        Column("policy", "text", "policy that holds the rule"),
        Column("article", "text", "article of the law"),
        Column("severity", "text", "high, medium or low"),
        Column("store", "text", "store it is about; empty for the whole controller"),
        Column("locator", "text", "where: table and purpose, or the object's uri", optional=True),
        Column("subject_ref", "text", "keyed hash of the person it is about", optional=True),
        Column("because", "text", "the facts that decided it, in one sentence"),
        Column("first_seen", "day", "first day it was found"),
        Column("last_seen", "day", "last day it was found"),
        Column("since", "day", "since when the state it speaks of holds", optional=True),
        Column("due", "day", "by when to act", optional=True),
        Column("status", "text", "open, acknowledged, false_positive, legal_hold, accepted or reopened"),
    ),
)

CLOSED = Table(
    "closed",
    "one finding that was not found again",
    (
        Column("finding_id", "text", "as in findings"),
        Column("rule", "text", "short name of the rule"),
        Column("policy", "text", "policy that held the rule"),
        Column("store", "text", "store it was about; empty for the whole controller"),
        Column("first_seen", "day", "first day it was found"),
        Column("last_seen", "day", "last day it was found"),
        Column("closed_on", "day", "day on which it was not found again"),
        Column("why", "text", "why it is gone, as far as the evidence shows"),
    ),
)

SAFEGUARDS = Table(
    "safeguards",
    "one thing asked about how a store is guarded",
    (
        Column("store", "text", "name of the store or database"),
        Column("check", "text", "what was asked"),
        Column("holds", "text", "yes, no or unknown"),
        Column("detail", "text", "counts or names of tables and buckets; never of people", optional=True),
    ),
)

RUNS = Table(
    "runs",
    "one run",
    (
        Column("run_id", "text", "name of the run"),
        Column("kind", "text", "scan or judge"),
        Column("as_of", "day", "the day it speaks of"),
        Column("scope", "text", "what it was asked to look at: everything, or a store and a span of days"),
        Column("policy", "text", "policy it judged by"),
        Column("config_hash", "text", "hash of the settings"),
        Column("model_hashes", "text", "JSON: model name to SHA-256"),
        Column("code_version", "text", "version of facewarden"),
        Column("seen", "int64", "objects the stores listed"),
        Column("scanned", "int64", "objects looked at in this run"),
        Column("unchanged", "int64", "objects looked at before and the same since"),
        Column("unsupported", "int64", "objects of a kind that cannot be looked at (now, in all)"),
        Column("quarantined", "int64", "objects that could not be read (now, in all)"),
        Column("skipped", "int64", "objects left out by the settings, the span or a limit"),
        Column("gone", "int64", "objects that left the stores since the run before"),
        Column("started_at", "time", "start"),
        Column("ended_at", "time", "end"),
    ),
)

TABLES = {t.name: t for t in (OBJECTS, FACES, SUBJECTS, COLUMNS, CONSENTS, CENSUS, FINDINGS, CLOSED, SAFEGUARDS, RUNS)}


def columns_page() -> str:
    """Print the contract as a Markdown page: ``docs/evidence.md``."""
    lines = [
        "# Evidence: what the scan writes and the judge reads",
        "",
        "Printed from `expectations/columns.py` by `python -m expectations.columns`; a test holds the two together.",
        "Parquet (zstd), one folder per table, partitioned by `store` and `day`. Times are UTC; days are calendar days",
        "in the controller's time zone. A file counts once a commit under `commits/` names it.",
    ]
    for table in TABLES.values():
        lines += [
            "",
            f"## {table.name}",
            "",
            f"A row is {table.row_is}.",
            "",
            "| column | kind | meaning |",
            "|---|---|---|",
        ]
        lines += [
            f"| {c.name} | {c.kind}{', may be empty' if c.optional else ''} | {c.meaning} |" for c in table.columns
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(columns_page(), end="")
