"""What changed since the last judgement of an earlier day: compares two nights, closes what was not found again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from expectations.columns import CLOSED, FINDINGS
from expectations.days import day_column, days_of_dates
from expectations.delta import Inputs, RuleDelta, Sides, explain_delta, place_index, reasons
from plugins.decided import open_log
from plugins.evidence import Commit, Fragment
from plugins.run import Run

if TYPE_CHECKING:
    from plugins.judge import Applied


_COMPARED = [name for name in FINDINGS.names if name not in ("because", "article")]


@dataclass(frozen=True, eq=False, repr=False)
class Changes:
    """What a judgement changes.

    Attributes:
        inputs: what it was made from.
        closed: findings of the last judgement that were not found again (evidence table ``closed``).
        since_run: run that the rest compares with; empty when there is none.
        since: its day.
        rules: what is new, gone and changed, by rule.
        people_before: ends and best of its head-count; None without one.
    """

    inputs: Inputs
    closed: pd.DataFrame
    since_run: str = ""
    since: date | None = None
    rules: tuple[RuleDelta, ...] = ()
    people_before: tuple[int, int, int] | None = None


def night_delta(
    run: Run, findings: pd.DataFrame, so_far: Fragment, applied: Sequence[Applied], row: dict[str, Any]
) -> Changes:
    """Compare a judgement with the one before it, and with the last one of an earlier day.

    A day that is judged again after later ones closes nothing and is compared with nothing.
    """
    inputs = _inputs(run, so_far, applied, row)
    commits = [c for c in run.evidence.commits() if "findings" in c.fragment.files]
    as_of = run.request.as_of
    nothing = pd.DataFrame(columns=CLOSED.names)
    if not commits or _day(commits[-1]) > as_of:
        return Changes(inputs, nothing)
    now = _places(run, None, so_far)
    last = _sides(run, commits, len(commits) - 1, findings, inputs, now)
    closed = _closed(last, as_of)
    earlier = [n for n, commit in enumerate(commits) if _day(commit) < as_of]
    if not earlier:
        return Changes(inputs, closed)
    index = earlier[-1]
    sides = last if index == len(commits) - 1 else _sides(run, commits, index, findings, inputs, now)
    return Changes(
        inputs,
        closed,
        commits[index].run_id,
        sides.since,
        tuple(explain_delta(sides)),
        _people(run, commits[: index + 1]),
    )


def _sides(run: Run, commits: list[Commit], index: int, findings: pd.DataFrame, inputs: Inputs, now: pa.Array) -> Sides:
    until = [c for c in run.evidence.commits() if c.committed_at <= commits[index].committed_at]
    return Sides(
        before=run.evidence.read_fragment("findings", commits[index].fragment, _COMPARED),
        now=findings,
        since=_day(commits[index]),
        made_from=(_read_inputs(commits[index]), inputs),
        places=_places(run, until),
        places_now=now,
    )


def _places(run: Run, commits: list[Commit] | None, so_far: Fragment | None = None) -> pa.Array:
    """Give what findings can hang on, as some commits (all where none are given) left it, ``so_far`` on top."""
    names = ["store", "uri", "status", "subject_ref"]
    objects = run.evidence.read("objects", so_far, names, commits).drop_duplicates(["store", "uri"], keep="last")
    subjects = run.evidence.read("subjects", so_far, ["subject_ref"], commits)
    return place_index(objects[objects["status"] != "gone"], subjects)


def _closed(sides: Sides, as_of: date) -> pd.DataFrame:
    gone = sides.before[~sides.before["finding_id"].isin(sides.now["finding_id"])].reset_index(drop=True)
    closed_on = day_column(days_of_dates(pd.Series([as_of] * len(gone), dtype=object)))
    return gone.assign(closed_on=closed_on, why=reasons(gone, sides, came=False))[CLOSED.names]


def _inputs(run: Run, so_far: Fragment, applied: Sequence[Applied], row: dict[str, Any]) -> Inputs:
    consents = run.evidence.latest("consents", "all")
    newer = so_far.files.get("consents") or consents
    return Inputs(
        policies={one.policy.name: _hash(one.policy.model_dump_json()) for one in applied},
        encoder=_hash(row["model_hashes"]),
        consents=_hash(" ".join(sorted(newer))),
        settings=row["config_hash"],
        decisions=open_log(run).head()[1],
    )


def _read_inputs(commit: Commit) -> Inputs:
    return Inputs(**commit.fragment.notes.get("inputs", {}))


def _people(run: Run, commits: list[Commit]) -> tuple[int, int, int] | None:
    rows = run.evidence.read("census", commits=commits)
    rows = rows[rows["scope"] == "all"]
    if rows.empty:
        return None
    last = rows.iloc[-1]
    return int(last["people_low"]), int(last["people_best"]), int(last["people_high"])


def _day(commit: Commit) -> date:
    return date.fromisoformat(commit.fragment.notes["as_of"])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
