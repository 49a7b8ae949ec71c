"""Coverage: how much of each store was really examined; only of that can it be said that nothing was found."""

from __future__ import annotations

from datetime import date

import pandas as pd

from expectations.findings import make_part

ARTICLE = "facewarden: coverage floor"


def coverage_shares(coverage: pd.DataFrame) -> pd.DataFrame:
    """Add to each store the share that was examined.

    Args:
        coverage: a row for each store with ``store``, ``seen``, ``scanned`` and ``unchanged``. What is unsupported,
            quarantined or skipped counts as not examined.

    Returns:
        ``store``, ``seen``, ``examined`` (integers) and ``share_examined`` (float, 0 to 1; 1 for a store that lists
        nothing, since nothing was left out).
    """
    examined = coverage["scanned"].astype("int64") + coverage["unchanged"].astype("int64")
    seen = coverage["seen"].astype("int64")
    share = (examined / seen.where(seen > 0)).where(seen > 0, 1.0).astype("float64")
    return pd.DataFrame({"store": coverage["store"], "seen": seen, "examined": examined, "share_examined": share})


def coverage_findings(shares: pd.DataFrame, floor: float, as_of: date) -> pd.DataFrame:
    """Make a finding of each store below the floor.

    Args:
        shares: as ``coverage_shares`` gives it.
        floor: smallest share that is enough, 0 to 1.
        as_of: the day judged for.
    """
    low = shares[shares["share_examined"] < floor].reset_index(drop=True)
    because = [
        f"{row.examined:,} of {row.seen:,} listed objects ({row.share_examined:.1%}) were examined up to {as_of}; "
        f"the floor is {floor:.1%}. Of the others nothing is known."
        for row in low.itertuples()
    ]
    return make_part(
        {
            "rule": "coverage_below_floor",
            "article": ARTICLE,
            "severity": "medium",
            "store": low["store"],
            "because": pd.Series(because, dtype="str"),
            "place": low["store"],
        },
        len(low),
    )
