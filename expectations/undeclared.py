"""Facial data that nobody declared: columns of the databases that the settings do not name, and those to decide on."""

from __future__ import annotations

import pandas as pd

from expectations.findings import make_part

ARTICLE = "facewarden: facial columns are declared"


def undeclared_columns(columns: pd.DataFrame) -> pd.DataFrame:
    """Give the facial columns that the settings do not name (rows of the evidence table ``columns``)."""
    facial, sure, declared = (columns[name].astype(bool) for name in ("facial", "sure", "declared"))
    return columns[facial & sure & ~declared]


def undecided_columns(columns: pd.DataFrame) -> pd.DataFrame:
    """Give the columns that are not declared and of which discovery is not sure what they hold."""
    return columns[~columns["sure"].astype(bool) & ~columns["declared"].astype(bool)]


def undeclared_findings(columns: pd.DataFrame) -> pd.DataFrame:
    """Make a finding of each facial column that the settings do not name.

    Args:
        columns: evidence table ``columns``.
    """
    found = undeclared_columns(columns).reset_index(drop=True)
    places = found["table"].astype("str") + "." + found["column"].astype("str")
    because = [
        f"Discovery takes this column for {row.holds} ({row.confidence:.2f}): {row.because}. The settings do not name "
        "it, so that who is in it is neither counted nor judged."
        for row in found.itertuples()
    ]
    return make_part(
        {
            "rule": "undeclared_facial_data",
            "article": ARTICLE,
            "severity": "high",
            "store": found["store"],
            "locator": places,
            "because": pd.Series(because, dtype="str"),
            "place": found["store"].astype("str") + "\x1f" + places,
        },
        len(found),
    )
