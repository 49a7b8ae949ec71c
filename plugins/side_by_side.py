"""Judges the evidence by several policies at once and shows them side by side; commits nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from expectations.decisions import SET_ASIDE
from expectations.judgement import Judgement
from expectations.policy import load_policy
from plugins.judge import compare_policies
from plugins.request import RunRequest
from plugins.run import Run


def compare(request: RunRequest, names: Sequence[str]) -> list[dict[str, Any]]:
    """Judge by each policy; give a row each: whether in force, line, people, verdict, clocks, findings by rule."""
    run = Run(request)
    return [_row(run, name, judged) for name, judged in zip(names, compare_policies(run, names), strict=True)]


def _row(run: Run, name: str, judged: Judgement) -> dict[str, Any]:
    policy = load_policy(run.whole.policy_path(name))
    to_decide = judged.findings[~judged.findings["status"].isin(SET_ASIDE)]
    clocks = ("rule", "article", "crossed_on", "due_on", "days_left", "filed_on")
    return {
        "policy": policy.name,
        "in_force": policy.in_force_on(run.request.as_of),
        "line": policy.threshold.text if policy.threshold else None,
        "people": None if judged.people is None else {"low": judged.people[0], "high": judged.people[1]},
        "verdict": judged.verdict,
        "filing": [{key: clock[key] for key in clocks} for clock in judged.filing],
        "findings": {str(rule): int(n) for rule, n in to_decide["rule"].value_counts().items()},
        "total": len(to_decide),
    }


def table_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Lay the rows out as a table with a column for each policy."""
    rules = sorted({rule for row in rows for rule in row["findings"]})
    people = [f"{r['people']['low']:,} to {r['people']['high']:,}" if r["people"] else "not counted" for r in rows]
    due = ["; ".join(f"{c['rule']} {c['due_on'] or 'day not known'}" for c in r["filing"]) or "none" for r in rows]
    table = [
        ("", [row["policy"] for row in rows]),
        ("in force", ["yes" if row["in_force"] else "no" for row in rows]),
        ("line", [row["line"] or "none" for row in rows]),
        ("people", people),
        ("verdict", [row["verdict"] or "no line" for row in rows]),
        ("clocks", due),
        *((rule.replace("_", " "), [f"{row['findings'].get(rule, 0):,}" for row in rows]) for rule in rules),
        ("findings in all", [f"{row['total']:,}" for row in rows]),
    ]
    first = max(len(head) for head, _ in table)
    widths = [max(len(cells[n]) for _, cells in table) for n in range(len(rows))]
    return [
        f"{head:{first}}  " + "  ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
        for head, cells in table
    ]
