"""Gives what the decision log says as the judge reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from expectations.registration import HeldFor, Registration
from plugins.decision_log import DecisionLog, Entry
from plugins.run import Run
from plugins.stores.credentials import database_url


def open_log(run: Run) -> DecisionLog:
    """Open the organisation's decision log.

    Raises:
        StoreProblem: its address is no usable database URL.
    """
    return DecisionLog(database_url(run.whole.decisions, None, "decisions", run.whole.folder, writes=True).reveal())


def decisions_frame(entries: Iterable[Entry]) -> pd.DataFrame:
    """Give decisions about findings: finding_id, state, decided_on, valid_until, by; in order."""
    rows = [(f, e.what, e.on, e.until, e.by) for e in entries if e.kind == "decision" for f in e.findings]
    return pd.DataFrame(rows, columns=["finding_id", "state", "decided_on", "valid_until", "by"])


def attested_frame(entries: Iterable[Entry]) -> pd.DataFrame:
    """Give attestations: policy, name, store, attested_on, valid_until, by, evidence_link."""
    rows = [
        (e.policy, e.what, e.store, e.on, e.until, e.by, e.evidence_link) for e in entries if e.kind == "attestation"
    ]
    columns = ["policy", "name", "store", "attested_on", "valid_until", "by", "evidence_link"]
    return pd.DataFrame(rows, columns=columns)


def registrations(entries: Iterable[Entry]) -> tuple[Registration, ...]:
    """Give what was filed."""
    return tuple(_registration(entry) for entry in entries if entry.kind == "filing")


def filed_facts(people: int | None, stores: dict[str, HeldFor]) -> dict[str, Any]:
    """Give what is written down of a filing."""
    kept = {n: {"purpose": h.purpose, "min_days": h.min_days, "max_days": h.max_days} for n, h in stores.items()}
    return {"people": people, "stores": kept}


def _registration(entry: Entry) -> Registration:
    stores = {name: HeldFor(**held) for name, held in entry.facts.get("stores", {}).items()}
    return Registration(entry.policy, entry.what, entry.on, entry.facts.get("people"), stores)  # type: ignore[arg-type]
