"""What is to be deleted by the findings, where and why: a list for the owners of the stores. Deletes nothing itself.

The next scan reads the stores again: a finding whose object or record is gone is gone with it, one that is still there
stays.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import pandas as pd

from expectations.decisions import SET_ASIDE, statuses
from expectations.judgement import held_rows
from plugins.evidence import Fragment
from plugins.gather import gather_facts
from plugins.judge import RunIncomplete
from plugins.reports.fill import records
from plugins.run import Run
from plugins.spreadsheet import to_csv

RULES = ("retention_overdue", "withdrawn_still_stored", "expired", "no_recorded_ground", "minor_without_guardian")
"""Findings that deleting would close; the first two are planned for when nothing else is said."""

_TAG = {"Key": "facewarden", "Value": "delete"}
_QUOTED = "quoted:"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to delete.

    Attributes:
        store: name of the store or database.
        owner: who answers for it; empty when the settings name nobody.
        kind: ``object`` (a file of a store) or ``record`` (all rows of a person in a table, with their pictures).
        locator: address of the object, or name of the table.
        subject_ref: pseudonym of the person; `facewarden subject` tells the keys of the rows.
        version: of the object as it was seen: delete no other one unseen.
        rules: why, by short names of rules.
        since: since when the earliest of these holds; empty when that is not known.
        articles: where the law says so.
        finding_ids: the findings that it would close.
    """

    store: str
    owner: str
    kind: str
    locator: str
    subject_ref: str
    version: str
    rules: str
    since: str
    articles: str
    finding_ids: str


@dataclass(frozen=True, slots=True)
class _Reason:
    """One finding that asks for one thing to be deleted."""

    place: tuple[str, str, str, str]  # store, kind, locator, subject_ref
    rule: str
    since: date | None
    article: str
    finding_id: str


def plan_deletion(run: Run, rules: Sequence[str] = RULES[:2]) -> list[Item]:
    """List what is to be deleted by the findings of the last judgement, by store and owner.

    What is under a legal hold, accepted or a false positive is left out, also when that was decided since.

    Raises:
        RunIncomplete: nothing was judged yet.
    """
    if not run.evidence.commits():
        raise RunIncomplete("there are no findings yet; run `facewarden scan` first")
    facts = gather_facts(run, Fragment(), {}).checked()
    kinds = dict(zip(facts.stores["store"], facts.stores["kind"], strict=True))
    owners = {held.name: held.owner or "" for held in (*run.whole.stores, *run.whole.databases)}
    versions = dict(
        zip(zip(facts.objects["store"], facts.objects["uri"], strict=True), facts.objects["version"], strict=True)
    )
    found = run.evidence.read("findings")
    found = found[found["rule"].isin(rules)]
    status = statuses(found["finding_id"], run.request.as_of, facts.history, facts.decisions)
    found = found[~status.isin(SET_ASIDE)]
    by_place: dict[tuple[str, str, str, str], list[_Reason]] = {}
    for reason in _reasons(found, held_rows(facts), kinds):
        by_place.setdefault(reason.place, []).append(reason)
    items = [
        _item(place, reasons, owners, versions.get((place[0], place[2]), "")) for place, reasons in by_place.items()
    ]
    return sorted(items, key=astuple)


def _reasons(found: pd.DataFrame, held: pd.DataFrame, kinds: dict[str, str]) -> Iterator[_Reason]:
    by_person = held.groupby(["subject_ref", "purpose"])
    for row in records(found):
        ref = "" if pd.isna(row["subject_ref"]) else str(row["subject_ref"])
        if row["rule"] == "retention_overdue":
            kind = "object" if kinds.get(row["store"]) == "objects" else "record"
            places = {(row["store"], kind, str(row["locator"]), ref)}
        else:  # about a person and a purpose, which stands last in the locator
            key = (ref, str(row["locator"]).rsplit(": ", 1)[-1])
            rows = by_person.get_group(key) if key in by_person.groups else held.iloc[:0]
            places = {_place(one) for one in records(rows)}
        since = None if pd.isna(row["since"]) else row["since"]
        for place in places:
            yield _Reason(place, row["rule"], since, row["article"], row["finding_id"])


def _place(row: dict[str, Any]) -> tuple[str, str, str, str]:
    if row["table"]:
        return row["store"], "record", row["table"], row["subject_ref"]
    return row["store"], "object", row["uri"], row["subject_ref"]


def _item(place: tuple[str, str, str, str], reasons: Iterable[_Reason], owners: dict[str, str], version: str) -> Item:
    store, kind, locator, ref = place
    reasons = sorted(reasons, key=lambda reason: (reason.rule, reason.finding_id))
    days = [reason.since for reason in reasons if reason.since]
    return Item(
        store=store,
        owner=owners.get(store, ""),
        kind=kind,
        locator=locator,
        subject_ref=ref,
        version=version if kind == "object" else "",
        rules=" ".join(dict.fromkeys(reason.rule for reason in reasons)),
        since=min(days).isoformat() if days else "",
        articles="; ".join(dict.fromkeys(reason.article for reason in reasons)),
        finding_ids=" ".join(reason.finding_id for reason in reasons),
    )


# -- files -------------------------------------------------------------------------------------------------------------


def write_plan(items: Sequence[Item], folder: Path) -> list[Path]:
    """Write the plan, readable by its owner alone: addresses of pictures can name people.

    ``deletion-plan.csv`` has all items. For every S3 bucket there is ``s3-BUCKET.csv``, a manifest for S3 Batch
    Operations (bucket and URL-encoded key, as Amazon's user guide has it), to put the tag ``facewarden=delete`` on the
    objects, and ``s3-lifecycle.json``, a lifecycle rule that expires what has the tag.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [field.name for field in fields(Item)]
    written = [_write(folder / "deletion-plan.csv", to_csv(names, map(astuple, items)))]
    buckets = s3_manifests(items)
    written += [_write(folder / f"s3-{bucket}.csv", "".join(lines)) for bucket, lines in buckets.items()]
    if buckets:
        written.append(_write(folder / "s3-lifecycle.json", json.dumps(s3_lifecycle(), indent=2) + "\n"))
    return written


def s3_manifests(items: Iterable[Item]) -> dict[str, list[str]]:
    """Give the lines of a manifest for S3 Batch Operations, by bucket."""
    lines: dict[str, list[str]] = {}
    for item in items:
        address = unquote_to_bytes(item.locator.removeprefix(_QUOTED)) if item.locator.startswith(_QUOTED) else None
        plain = address if address is not None else item.locator.encode("utf-8", "surrogateescape")
        if item.kind == "object" and plain.startswith(b"s3://"):
            bucket, _, key = plain.removeprefix(b"s3://").partition(b"/")
            lines.setdefault(bucket.decode(), []).append(f"{bucket.decode()},{quote(key)}\n")
    return lines


def s3_lifecycle() -> dict[str, object]:
    """Give a lifecycle configuration that deletes tagged objects, older versions of them too, after a day."""
    rule = {
        "ID": "facewarden-deletion-plan",
        "Filter": {"Tag": _TAG},
        "Status": "Enabled",
        "Expiration": {"Days": 1},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    }
    return {"Rules": [rule]}


def summary(items: Iterable[Item]) -> list[dict[str, object]]:
    """Count the items by store, owner and kind."""
    counts = Counter((item.store, item.owner, item.kind) for item in items)
    return [
        {"store": store, "owner": owner, "kind": kind, "items": n} for (store, owner, kind), n in sorted(counts.items())
    ]


def _write(path: Path, text: str) -> Path:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)
    return path
