"""Whether too many of the objects that a run looked at could not be read: then it ends as failed, all it found kept."""

from __future__ import annotations

from plugins.evidence import Fragment, Pending
from plugins.judge import looked_at
from plugins.run import Run

# What happens in every store in use says nothing of the scan; a file that holds more than is looked at was read.
_NO_FAILURES = {"vanished", "changed", "more_tracks", "nested"}


class TooManyFailed(Exception):
    """A run put aside more of what it looked at than the settings allow."""


def check_failures(run: Run) -> None:
    """Judge the quarantine of a committed run; one file alone never fails it.

    Raises:
        TooManyFailed: more than ``scan.max_failed_share`` of what it looked at, and ``scan.min_failed`` or more.
    """
    commit = next((c for c in reversed(run.evidence.commits()) if c.run_id == run.request.run_id), None)
    chunks = set(commit.fragment.notes.get("chunks", [])) if commit else set()
    looked = looked_at(run, Pending(Fragment(), []), chunks)
    failed = looked[(looked["status"] == "quarantined") & ~looked["reason"].isin(_NO_FAILURES)]
    allowed = run.settings.scan.max_failed_share
    if len(failed) < run.settings.scan.min_failed or len(failed) <= allowed * len(looked):
        return
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in failed["reason"].value_counts().items())
    raise TooManyFailed(
        f"{len(failed):,} of {len(looked):,} objects looked at could not be read ({reasons}), allowed is a share of "
        f"{allowed:g}; what was found is committed and reported. See to the store, `exclude` what is no picture, or "
        "raise scan.max_failed_share"
    )
