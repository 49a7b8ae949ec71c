"""The judgement of one night: facts and a policy in, findings, verdict and running clocks out. Opens no image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from expectations.attestations import Asked, asked_for, attestation_findings
from expectations.consent import HELD, Reconciled, count_states, nobody_held, reconcile
from expectations.consent_findings import consent_findings
from expectations.consent_registry import ENDS_CHECK, KINDS_CHECK, registry_counts, registry_rows
from expectations.coverage import coverage_findings, coverage_shares
from expectations.errors import GateBroken
from expectations.facts import Facts
from expectations.filing import filing_clocks, filing_findings
from expectations.findings import build_findings, make_part
from expectations.forecast import Forecast, forecast
from expectations.policy import Policy, Verdict
from expectations.retention import kept_too_short, retention_clocks, retention_findings, retention_table
from expectations.safeguards import forbidden_findings, safeguard_findings
from expectations.suite import STATE_CHECKS, Keep, run_gate
from expectations.threshold import (
    LINE_RULE,
    THRESHOLD_RULE,
    WARNING_RULE,
    Ends,
    line_findings,
    people_of,
    verdict_of,
)
from expectations.undeclared import undeclared_findings

__all__ = ["Facts", "Judgement", "held_rows", "judge"]


@dataclass(frozen=True, eq=False, repr=False)
class Judgement:
    """What the facts of one day are under one policy. Its ``repr`` shows counts only.

    Attributes:
        findings: the evidence table ``findings``.
        verdict: below, above or undetermined (also when nobody was counted); None when the policy draws no line.
        threshold: the number of people of the line; None when the policy draws none.
        rule: name of the policy that draws it.
        people: ends of the head-count that the policy is about; None when nobody was counted.
        filing: clocks, those stopped by a filing included: rule, policy, article, crossed_on, due_on, days_left,
            working_days_left, why, filed_on, found_by.
        forecast: when the line will be reached; None when the history is too short, or it was.
        attestations: what somebody has to attest, and how it stands.
        consent_states: purpose, state, people: a row for each state of each purpose.
        nothing_stored: purpose to the people who consented to it and of whom nothing is held for it.
        retention: a row for each store, see ``retention.retention_table``.
        checks: what Great Expectations counted: check, expectation, success, evaluated, unexpected.
        unlinked: store to the number of its faces that are linked to no person's record, where there are any.
    """

    findings: pd.DataFrame
    verdict: Verdict | None
    threshold: int | None
    rule: str
    people: Ends | None
    filing: list[dict[str, Any]]
    forecast: Forecast | None
    attestations: list[Asked]
    consent_states: pd.DataFrame
    nothing_stored: dict[str, int]
    retention: pd.DataFrame
    checks: list[dict[str, Any]]
    unlinked: dict[str, int]

    def __repr__(self) -> str:
        return f"Judgement({self.rule}, {self.verdict}, findings={len(self.findings)}, clocks={len(self.filing)})"


def judge(facts: Facts, policy: Policy, as_of: date, keep: Keep = lambda name, result: None) -> Judgement:
    """Judge the facts by the policy for one day; ``keep`` is given Great Expectations' result of each check.

    Raises:
        BadFacts: a table lacks what the judge reads.
        GateBroken: a check was not evaluated in full, or its count is not that of the findings.
    """
    facts = _of_data(facts.checked(), policy)
    people = people_of(facts, policy, policy.threshold, as_of)
    held = held_rows(facts) if policy.consent else held_rows(facts).iloc[:0]
    reconciled = _reconciled(held, facts, policy, as_of)
    clocks, too_short = retention_clocks(facts, policy, as_of), kept_too_short(facts, policy, as_of)
    shares = coverage_shares(facts.coverage)
    filing = filing_clocks(facts, people, policy, as_of)
    asked = asked_for(facts, people, policy, as_of)
    unlinked = _unlinked(facts) if policy.consent else {}
    of_line = [clock for clock in filing if clock.rule == THRESHOLD_RULE]
    parts = {
        "consent": consent_findings(reconciled, held, policy, as_of),
        "retention": retention_findings(clocks, too_short, facts.faces, policy, as_of),
        "head-count": line_findings(facts, people, policy, as_of, running=bool(of_line)),
        "filing": filing_findings(filing, facts, policy, as_of),
        "coverage": coverage_findings(shares, facts.coverage_floor, as_of),
        "unlinked": _unlinked_part(unlinked, policy),
        "columns": undeclared_findings(facts.columns),
        "attestations": attestation_findings(asked, policy, as_of),
        "safeguards": safeguard_findings(facts, policy),
        "venues": forbidden_findings(facts, policy, as_of),
    }
    frames: dict[str, pd.DataFrame] = {}
    if policy.consent:
        registry = registry_rows(facts.consents)
        frames |= {"consent": reconciled.states, **dict.fromkeys(STATE_CHECKS, reconciled.states)}
        frames |= {KINDS_CHECK: registry, ENDS_CHECK: registry}
    frames |= {"retention": clocks.dropna(subset=["overdue_days"]), "coverage": shares}
    if people and policy.threshold:
        frames["head-count"] = pd.DataFrame({"people_high": [people[1]]})
    checks = run_gate(frames, policy, facts.coverage_floor, keep)
    verdict = verdict_of(people, policy)
    stopped = any(clock.filed_on for clock in of_line)
    _agree(checks, parts, registry_counts(facts.consents, policy), verdict, stopped=stopped)
    findings = build_findings(list(parts.values()), policy.name, as_of, facts.history, facts.decisions)
    return Judgement(
        findings=findings,
        verdict=verdict,
        threshold=policy.threshold.people if policy.threshold else None,
        rule=policy.name,
        people=people,
        filing=[clock.entry() for clock in filing],
        forecast=forecast(facts.nights, policy.threshold, as_of) if policy.threshold and not of_line else None,
        attestations=asked,
        consent_states=count_states(reconciled.states),
        nothing_stored=reconciled.nothing_stored,
        retention=_with_holds(retention_table(clocks, too_short, facts.stores), findings),
        checks=checks,
        unlinked=unlinked,
    )


def _of_data(facts: Facts, policy: Policy) -> Facts:
    """Leave out what the policy does not take for facial data."""
    counts = set(policy.facial_data.counts)
    if counts == {"image", "template"}:
        return facts
    subjects = facts.subjects[facts.subjects["data_class"].isin(counts)].reset_index(drop=True)
    if "image" in counts:
        return replace(facts, subjects=subjects)
    return replace(facts, subjects=subjects, objects=facts.objects.iloc[:0], faces=facts.faces.iloc[:0])


def _reconciled(held: pd.DataFrame, facts: Facts, policy: Policy, as_of: date) -> Reconciled:
    if policy.consent is None:
        return nobody_held()
    return reconcile(held, facts.consents, facts.grounds, policy, as_of, facts.timezone)


def _with_holds(table: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """Count what is overdue and under a legal hold as held."""
    held = findings[(findings["rule"] == "retention_overdue") & (findings["status"] == "legal_hold")]
    by_store = table["store"].map(held.groupby("store").size()).fillna(0).astype("int64")
    return table.assign(overdue=table["overdue"] - by_store, hold=table["hold"] + by_store)


def held_rows(facts: Facts) -> pd.DataFrame:
    """Give what is held of whom and for what: records of databases, and pictures that are filed under a person.

    Returns:
        The columns ``HELD``, and ``uri`` of the picture, empty for a record.
    """
    kinds = facts.stores.set_index("store")["kind"]
    faces = facts.faces[facts.faces["subject_ref"].notna() & (facts.faces["store"].map(kinds) == "objects")]
    pictures = faces[["store", "uri", "subject_ref"]].merge(
        facts.objects[["store", "uri", "captured_at"]].drop_duplicates(["store", "uri"]),
        on=["store", "uri"],
        how="left",
    )
    linked = pd.DataFrame(
        {
            "store": pictures["store"],
            "table": "",
            "uri": pictures["uri"],
            "subject_ref": pictures["subject_ref"],
            "data_class": "image",
            "purpose": pictures["store"].map(facts.stores.set_index("store")["purpose"]).fillna(""),
            "stored_at": pictures["captured_at"],
            "minor": None,
            "born_on": None,
        }
    )
    subjects = facts.subjects[list(HELD)].assign(uri="")
    parts = [part for part in (subjects, linked) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else subjects


def _unlinked(facts: Facts) -> dict[str, int]:
    counts = facts.faces[facts.faces["subject_ref"].isna()].groupby("store").size()
    return {str(store): int(n) for store, n in counts.items()}


def _unlinked_part(unlinked: Mapping[str, int], policy: Policy) -> pd.DataFrame:
    stores = pd.Series(list(unlinked), dtype="str")
    because = [
        f"Faces here that are linked to no person's record: {n:,}. No recorded ground can be looked up for them."
        for n in unlinked.values()
    ]
    return make_part(
        {
            "rule": "unlinked_faces",
            "article": policy.consent.article if policy.consent else "",
            "severity": "medium",
            "store": stores,
            "because": pd.Series(because, dtype="str"),
            "place": stores,
        },
        len(unlinked),
    )


def _agree(
    checks: list[dict[str, Any]],
    parts: Mapping[str, pd.DataFrame],
    registry: Mapping[str, int],
    verdict: Verdict | None,
    *,
    stopped: bool,
) -> None:
    """Hold the counts of the gate against those of the findings: two ways to one number, or nothing is reported.

    A clock that was stopped by a filing makes no finding, though the line is crossed.
    """
    by_state = parts["consent"]["rule"].value_counts()
    found = {
        "consent": len(parts["consent"]),
        **{name: int(by_state.get(state, 0)) for name, state in STATE_CHECKS.items()},
        **registry,
        "retention": int((parts["retention"]["rule"] == "retention_overdue").sum()),
        "head-count": int(
            stopped or _draws_a_line(parts["head-count"]) or THRESHOLD_RULE in set(parts["filing"]["rule"])
        ),
        "coverage": len(parts["coverage"]),
    }
    for check in checks:
        name, unexpected = check["check"], check["unexpected"]
        # A clock that started on an earlier night goes on although today's count lies below the line.
        still_running = name == "head-count" and verdict == "below"
        if unexpected != found[name] and not (still_running and unexpected == 0):
            raise GateBroken(name, f"the gate counted {unexpected}, the findings are {found[name]}")


def _draws_a_line(found: pd.DataFrame) -> bool:
    """Say whether a finding is about the policy's own threshold, not about one of its other lines."""
    rules = zip(found["rule"], found["place"], strict=True)
    return any(rule == WARNING_RULE or (rule == LINE_RULE and "\x1f" not in place) for rule, place in rules)
