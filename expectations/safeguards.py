"""Safeguards: what a scan saw of how facial data is guarded, and cameras where none may be."""

from __future__ import annotations

from datetime import date

import pandas as pd

from expectations.facts import Facts
from expectations.findings import make_part
from expectations.policy import Policy
from expectations.venues import venue_by_name

ARTICLE = "facewarden: facial data is guarded"

CHECKS = {
    "not_world_readable": ("high", "Files or folders can be read by every user of their machine."),
    "not_world_writable": ("high", "Files or folders can be changed by every user of their machine."),
    "no_public_access": ("high", "The bucket can be read by the public."),
    "encrypted_at_rest": ("medium", "What is stored is not encrypted at rest."),
    "deletes_for_good": ("medium", "The bucket keeps older versions: a deleted face is still there."),
    "encrypted_in_transit": ("high", "The connection to the database is not encrypted."),
    "password_asked": ("high", "The database lets this user in without a password."),
    "password_of_its_own": ("medium", "The same password opens several stores."),
    "not_readable_by_all": ("high", "Tables with facial data can be read by every user of the database."),
}
"""What is asked of a store, how grave it is when the answer is no, and what that means."""


def safeguard_findings(facts: Facts, policy: Policy) -> pd.DataFrame:
    """Make a finding of each safeguard that a store was seen to lack; what could not be asked makes none."""
    lacking = facts.safeguards[facts.safeguards["holds"] == "no"].reset_index(drop=True)
    checks = lacking["check"].astype("str")
    details = lacking["detail"].fillna("").astype("str")
    because = [
        " ".join(filter(None, (CHECKS[check][1], detail))) for check, detail in zip(checks, details, strict=True)
    ]
    return make_part(
        {
            "rule": "safeguard_missing",
            "article": policy.safeguards.article if policy.safeguards else ARTICLE,
            "severity": [CHECKS[check][0] for check in checks],
            "store": lacking["store"],
            "locator": checks,
            "because": because,
            "place": lacking["store"].astype("str") + "\x1f" + checks,
        },
        len(lacking),
    )


def forbidden_findings(facts: Facts, policy: Policy, as_of: date) -> pd.DataFrame:
    """Make a finding of each store with pictures of faces from a venue where no camera may be.

    A store whose settings name no venue is asked about when its name or zone sounds like such a place.
    """
    rule = policy.forbidden_venues
    if rule is None:
        return make_part({}, 0)
    held = facts.objects[(facts.objects["faces"] > 0) & (facts.objects["status"] == "scanned")].groupby("store").size()
    rows = []
    for name, named, zone in facts.stores[["store", "venue", "zone"]].fillna("").astype("str").to_numpy():
        pictures = int(held.get(name, 0))
        guessed = "" if named else venue_by_name(name, zone)
        venue = named or guessed
        if venue not in rule.venues or not pictures:
            continue
        where = venue.replace("_", " ")
        said = f"Pictures with faces held on {as_of}: {pictures:,}. "
        said += (
            f"The name of the store or its zone sounds like a {where}; say in the settings what `venue` it is."
            if guessed
            else f"They come from a {where}, where no camera may be."
        )
        rows.append((name, "medium" if guessed else "high", said))
    return make_part(
        {
            "rule": "forbidden_venue",
            "article": rule.article,
            "severity": [severity for _, severity, _ in rows],
            "store": [store for store, _, _ in rows],
            "because": [said for _, _, said in rows],
            "place": [store for store, _, _ in rows],
        },
        len(rows),
    )
