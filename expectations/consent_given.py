"""What the registries say up to one day: which consents count, which are in force, and what ended the others.

* A consent counts when it was given on or before the day (without a day: always) and is of a kind that the policy
  takes; where the policy asks for consent before storage, only for what was stored on its day or later.
* One that counts and is marked as bundled or unlimited, or is of such a kind, is *weak*: on record, open to challenge.
* A withdrawal on or before the day ends every consent given before it, in whatever registry; one given after it counts.
* A consent holds through the whole day of its expiry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from expectations.consent_units import Codes, Mask, Units, is_missing, latest
from expectations.days import Days, days_of_times, utc_times
from expectations.policy import Policy

GUARDIAN = "guardian"


@dataclass(frozen=True, eq=False, repr=False)
class Given:
    """The consents of one registry or several, as they stand on one day; (M,) arrays in the order of the rows.

    Attributes:
        unit: which person and purpose.
        registry: number of the registry.
        granted_at: microseconds since 1970.
        granted_on: day of it in the controller's zone.
        withdrawn_at: microseconds since 1970 of a withdrawal up to the day; missing when there is none.
        withdrawn_on: day of it.
        expires_on: last day on which it holds.
        guardian: given by a parent or guardian.
        good: of a kind that the policy takes, and not weak.
        counts: good or weak, and given up to the day.
        stands: counts, and was given after the unit's last withdrawal.
        over: has expired.
    """

    unit: Codes
    registry: Codes
    granted_at: Codes
    granted_on: Days
    withdrawn_at: Codes
    withdrawn_on: Days
    expires_on: Days
    guardian: Mask
    good: Mask
    counts: Mask
    stands: Mask
    over: Mask

    @property
    def in_force(self) -> Mask:
        """Which consents hold on the day."""
        return self.stands & ~self.over


def read_given(
    consents: pd.DataFrame, units: Units, stored_on: Codes, policy: Policy, today: np.datetime64, zone: str
) -> Given:
    """Read the evidence table ``consents`` for one day.

    Args:
        consents: the table.
        units: the numbers of people and purposes.
        stored_on: (U,) first day of storage of each unit, as integers.
        policy: whose kinds count.
        today: the day.
        zone: name of the controller's time zone.
    """
    unit = units.of_consents
    granted_at, granted_on = _micros(consents["granted_at"]), days_of_times(consents["granted_at"], zone)
    withdrawn_on = days_of_times(consents["withdrawn_at"], zone)
    ended = withdrawn_on <= today
    withdrawn_at = np.where(ended, _micros(consents["withdrawn_at"]), np.iinfo(np.int64).min)
    expires_on = days_of_times(consents["expires_at"], zone)
    good, weak = _kinds(consents, policy)
    counts = (good | weak) & ~(granted_on > today)
    if policy.consent and policy.consent.before_storage:
        counts &= ~(granted_on > stored_on[unit].view("datetime64[D]"))
    last = latest(withdrawn_at, unit, len(units.person))[unit]
    return Given(
        unit=unit,
        registry=_registries(consents),
        granted_at=granted_at,
        granted_on=granted_on,
        withdrawn_at=withdrawn_at,
        withdrawn_on=np.where(ended, withdrawn_on, np.datetime64("NaT", "D")),
        expires_on=expires_on,
        guardian=_flags(consents["guardian"]) | (consents["kind"] == GUARDIAN).to_numpy(bool, na_value=False),
        good=good,
        counts=counts,
        stands=counts & (is_missing(last) | (granted_at > last)),
        over=expires_on < today,
    )


def _kinds(consents: pd.DataFrame, policy: Policy) -> tuple[Mask, Mask]:
    taken = consents["kind"].isin(policy.consent.kinds if policy.consent else ()).to_numpy(bool)
    doubtful = _flags(consents["bundled"]) | _flags(consents["unlimited"])
    if policy.challenge is None:
        return taken, np.zeros(len(taken), bool)
    weak = (taken & doubtful) | consents["kind"].isin(policy.challenge.kinds).to_numpy(bool)
    return taken & ~weak, weak


def _registries(consents: pd.DataFrame) -> Codes:
    codes, _ = pd.factorize(consents["registry"].astype("str").fillna(""))
    return codes.astype(np.int64)


def _micros(times: pd.Series) -> Codes:
    plain = utc_times(times).dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    micros: NDArray[np.int64] = plain.view(np.int64)
    return micros


def _flags(column: pd.Series) -> Mask:
    flags: Mask = column.astype("boolean").fillna(False).to_numpy(bool)
    return flags
