"""Classifies the columns of a database: where faces are, whose they are, and what is said of consent and time.

The order of trust: a product known by its schema, what the values are, what the name says, what stands beside it.
Nothing here reads a database; ``plugins/stores/catalogue.py`` brings the facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from detectors.column_context import Content, Context, content_of, neighbours
from detectors.column_faces import Subject, face_verdict
from detectors.column_facts import UNDECIDED_BELOW, ColumnClass, ColumnFacts, Storage, TableFacts, Verdict
from detectors.column_people import people_verdict
from detectors.column_products import product_verdicts
from detectors.column_values import Look

__all__ = ["UNDECIDED_BELOW", "ColumnClass", "Judged", "classify"]

_KEYS = {Storage.INTEGER, Storage.TEXT, Storage.UUID, Storage.NUMBER, Storage.ANY}
# What could be people's numbers in a column whose name says nothing.
_FEWEST_NUMBERS, _SHORTEST_NUMBER = 8, 4
_NO_TRACE = "neither name nor content speaks of people, pictures, templates, consent or the times of these"


@dataclass(frozen=True, slots=True)
class Judged:
    """One column and what it was found to be."""

    table: TableFacts
    column: ColumnFacts
    verdict: Verdict


def classify(database: str, tables: Sequence[TableFacts]) -> list[Judged]:
    """Say of every column what it holds.

    Args:
        database: its name, which may speak of faces.
        tables: all tables and views of it: neighbours tell what a table is about.

    Returns:
        One entry per column, in the order given.
    """
    known = product_verdicts(tables)
    near = neighbours(tables)
    judged: list[Judged] = []
    for table in tables:
        contents = {column.name: content_of(column) for column in table.columns}
        context = Context(table, contents, database, near[table.schema, table.name])
        verdicts = {column.name: _verdict(column, contents[column.name], context) for column in table.columns}
        told = {n: known[table.schema, table.name, n] for n in verdicts if (table.schema, table.name, n) in known}
        knows = any(verdict.found is ColumnClass.TEMPLATE for verdict in told.values())
        verdicts = verdicts | told if knows else _with_person(context, verdicts | told)
        judged += [Judged(table, column, _bounded(verdicts[column.name])) for column in table.columns]
    return judged


def _verdict(column: ColumnFacts, content: Content, context: Context) -> Verdict:
    subject = Subject(column, context.names[column.name], content, context)
    found = face_verdict(subject)
    if found is None or (found.found is ColumnClass.OTHER and found.undecided):
        found = people_verdict(subject) or found
    return found or _other(subject)


def _other(subject: Subject) -> Verdict:
    """Nothing speaks for a class; unknown bytes beside faces deserve a look."""
    content, context, column = subject.content, subject.context, subject.column
    if column.storage is Storage.BINARY and not content.total:
        doubtful = bool(context.face_reason)
        return Verdict(ColumnClass.OTHER, 0.55 if doubtful else 0.75, "a binary column without a value to look at")
    if content.share(Look.OPAQUE, Look.LOCKED, Look.OPAQUE_TEXT) >= 0.5:
        doubtful = bool(context.face_reason)
        return Verdict(
            ColumnClass.OTHER, 0.55 if doubtful else 0.8, "the values have no known form, and no name explains them"
        )
    return Verdict(ColumnClass.OTHER, 0.95 if content.total else 0.85, _NO_TRACE)


def _bounded(verdict: Verdict) -> Verdict:
    return replace(verdict, confidence=round(min(max(verdict.confidence, 0.0), 1.0), 2))


# -- the person of a template ------------------------------------------------------------------------------------------


def _with_person(context: Context, verdicts: dict[str, Verdict]) -> dict[str, Verdict]:
    """Name the key of the person in a table that holds templates, where no column was found to be one.

    Where several come into question all are named: a template whose person nobody looks for is the worse mistake.
    """
    templates = [name for name, verdict in verdicts.items() if verdict.found is ColumnClass.TEMPLATE]
    if not templates or any(v.found is ColumnClass.PERSON_ID for v in verdicts.values()):
        return verdicts
    return verdicts | {
        name: Verdict(ColumnClass.PERSON_ID, sure, f"{reason}; the table holds templates")
        for name, sure, reason in _candidates(context, verdicts)
    }


def _candidates(context: Context, verdicts: Mapping[str, Verdict]) -> list[tuple[str, float, str]]:
    """Give the columns that may name a template's person: the likeliest, and those as likely."""
    free = [c for c in context.table.columns if verdicts[c.name].found in {ColumnClass.OTHER, ColumnClass.PERSON_NAME}]
    free = [c for c in free if c.storage in _KEYS and "actor" not in context.names[c.name].all]
    ranked: list[tuple[int, str, float, str]] = []
    for column in free:
        if found := _rank(column, context, verdicts[column.name].found):
            ranked.append((found[0], column.name, *found[1:]))
    best = min((entry[0] for entry in ranked), default=0)
    alike = _AS_LIKELY.get(best, {best})
    return [entry[1:] for entry in ranked if entry[0] in alike]


# Places in ``_rank`` that come into question together: an account, a name, and the key of rows that name a person.
_ACCOUNT, _ONLY_NAME, _KEY, _NAME = 2, 4, 5, 6
_AS_LIKELY = {
    _ACCOUNT: {_ACCOUNT, _KEY},
    _ONLY_NAME: {_ONLY_NAME, _KEY},
    _KEY: {_KEY, _NAME},
    _NAME: {_KEY, _NAME},
}


def _rank(column: ColumnFacts, context: Context, found: ColumnClass) -> tuple[int, float, str] | None:
    """Say how well a column could name a person: the smaller the first number, the better."""
    named, words = context.names[column.name], context.names[column.name].all
    by_name = found is ColumnClass.PERSON_NAME
    tells_apart = column.primary or column.unique or not _has_own_key(context)
    names_people = any("name" in context.names[c.name].all for c in context.table.columns)
    speaks = named.has("face", "name") or bool(words & {"person", "label"})
    key = "number" in words and not column.primary
    shown = key and "document" in named.words and bool(context.people_reason)
    ranks = (
        (column.name in context.people_targets, 0.9, "a foreign key leads to a table of people"),
        (
            shown or (speaks and not named.head & {"time", "place", "model"}),
            0.75,
            "the name, label or document of whom a row is about",
        ),
        ("login" in words, 0.7, "an account stands for the person"),
        (key and words <= {"number", "about", "card", "otherspace", "place"}, 0.6, "the only key beside the own one"),
        (by_name and tells_apart, 0.65, "people are told apart by name"),
        (column.primary and names_people, 0.6, "the key of rows that name a person"),
        (by_name, 0.6, "people are told apart by name"),
        (key and not words & {"thing", "picture", "face", "model", "template"}, 0.5, "the only key beside the own one"),
        (_may_be_numbers(column, context), 0.4, "its name says nothing, and it holds many different numbers"),
        (column.primary, 0.4, "nothing but the table's own key tells whose they are"),
    )
    return next(((place, sure, why) for place, (fits, sure, why) in enumerate(ranks) if fits), None)


def _may_be_numbers(column: ColumnFacts, context: Context) -> bool:
    """Say whether a column whose name means nothing could hold people's numbers: many different ones, with digits."""
    if context.names[column.name].all or column.primary:
        return False
    heads = {str(value.head) for value in column.values if value.length}
    numbers = [text for text in heads if len(text) >= _SHORTEST_NUMBER and any(c.isdigit() for c in text)]
    short = context.contents[column.name].share(Look.WORD, Look.INTEGER, Look.UUID, Look.HASH, Look.PERSON_NUMBER)
    return short >= 0.9 and len(heads) >= _FEWEST_NUMBERS and len(numbers) >= 0.9 * len(heads)


def _has_own_key(context: Context) -> bool:
    return any(column.primary for column in context.table.columns)
