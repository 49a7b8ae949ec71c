"""The registry itself, held against the policy: kinds of consent that have no rule, ends before begins."""

from __future__ import annotations

import numpy as np
import pandas as pd

from expectations.days import utc_times
from expectations.policy import Policy

KINDS_CHECK, ENDS_CHECK = "registry: kind", "registry: end"


def registry_rows(consents: pd.DataFrame) -> pd.DataFrame:
    """Reduce the evidence table ``consents`` to what says nothing about anybody.

    Returns:
        For each consent ``kind``, and ``seconds_held`` from grant to expiry or withdrawal, whichever is first; 0 for
        one without a grant or without an end.
    """
    granted = utc_times(consents["granted_at"])
    ends = pd.concat([utc_times(consents[name]) - granted for name in ("expires_at", "withdrawn_at")], axis=1)
    seconds = ends.min(axis=1).dt.total_seconds().fillna(0.0)
    return pd.DataFrame({"kind": consents["kind"].astype("str").fillna("").to_numpy(), "seconds_held": seconds})


def registry_counts(consents: pd.DataFrame, policy: Policy) -> dict[str, int]:
    """Count by check the rows that it should find, by another way than the gate's: two ways to one number."""
    by_kind = consents["kind"].astype("str").fillna("").value_counts()
    granted = utc_times(consents["granted_at"]).to_numpy()
    early = [utc_times(consents[name]).to_numpy() < granted for name in ("expires_at", "withdrawn_at")]
    unknown = [kind not in known_kinds(policy) for kind in by_kind.index]
    return {KINDS_CHECK: int(by_kind.to_numpy()[unknown].sum()), ENDS_CHECK: int(np.logical_or(*early).sum())}


def known_kinds(policy: Policy) -> tuple[str, ...]:
    """Give the kinds of consent that the policy has a rule for."""
    consent, challenge = policy.consent, policy.challenge
    return (*(consent.kinds if consent else ()), *(challenge.kinds if challenge else ()))
