"""Consent: in which of nine states each person's data stands for each purpose.

For one person and purpose, on the day judged for, the first that holds:

1. ``consented``: a consent in force (``consent_given`` says which), for a minor one that a guardian gave.
2. ``minor_without_guardian``: the person is a minor, and no consent in force is a guardian's.
3. ``bundled_or_unlimited``: every consent in force that would be enough is open to challenge.
4. ``expired``, 5. ``withdrawn_still_stored``: there was one. 6. ``other_purpose``: there is one for another purpose.
7. ``no_recorded_ground``: nothing of this is on record.

Then ``ambiguous`` takes the place of what ``consent_contradictions`` says cannot be told: all of these where registries
contradict each other; all but the last where one id stands for several people. Last, ``other_ground_attested`` takes
the place of all but ``consented`` where a ground attested for the purpose covers every store the person is held in.

A person is a minor by the date of birth and the policy's age; without a date of birth by the row's flag. What a
guardian gave stays good when the child grows up. Days are those of the controller's time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from expectations.consent_contradictions import contradicted, shared_ids
from expectations.consent_given import Given, read_given
from expectations.consent_units import Codes, Mask, Units, earliest, is_missing, latest, marked, number_units
from expectations.days import NO_DAY, Days, born_before, day64, days_of_dates, days_of_times
from expectations.policy import Policy

STATES = (
    "consented",
    "other_ground_attested",
    "no_recorded_ground",
    "withdrawn_still_stored",
    "expired",
    "other_purpose",
    "bundled_or_unlimited",
    "minor_without_guardian",
    "ambiguous",
)
GROUNDED = ("consented", "other_ground_attested")
"""States in which a ground is on record; each of the others makes a finding."""

STATE_DTYPE = pd.CategoricalDtype(list(STATES))

UNCLEAR = ("", "registries", "ids")
"""Why a state is ambiguous: not; registries contradict each other; one id stands for several people."""

_UNCLEAR_DTYPE = pd.CategoricalDtype(list(UNCLEAR))

HELD = ("store", "table", "subject_ref", "data_class", "purpose", "stored_at", "minor", "born_on")
"""Columns of what is held: those of the evidence table ``subjects`` that are read here."""

GROUNDS = ("purpose", "store", "attested_on", "valid_until")
"""Columns of the attested grounds: ``store`` is empty for all stores, ``valid_until`` for one without end."""


@dataclass(frozen=True, eq=False, repr=False)
class Reconciled:
    """What is held against what is on record. Its ``repr`` shows counts only.

    Attributes:
        states: a row for each person and purpose held: ``subject_ref``, ``purpose``, ``consent_state`` (categorical, of
            ``STATES``), ``since`` (day from which on the state holds; for want of a ground the day it was stored),
            ``minor`` (bool), ``born_known`` (bool), ``other`` (a purpose there is a consent for, in the state
            ``other_purpose``), ``unclear`` (of ``UNCLEAR``).
        row_of_held: (N,) which row of ``states`` each row held belongs to.
        nothing_stored: by purpose, people with a consent in force of whom nothing is held for that purpose.
    """

    states: pd.DataFrame
    row_of_held: Codes
    nothing_stored: dict[str, int]

    def __repr__(self) -> str:
        return f"Reconciled(states={len(self.states)}, nothing_stored={sum(self.nothing_stored.values())})"


def reconcile(
    held: pd.DataFrame, consents: pd.DataFrame, grounds: pd.DataFrame, policy: Policy, as_of: date, timezone: str
) -> Reconciled:
    """Find the state of each person and purpose that is held, and who consented and is not.

    Args:
        held: the columns ``HELD``, any number of rows for one person and purpose.
        consents: the evidence table ``consents``.
        grounds: attested grounds, the columns ``GROUNDS``; days as ``datetime.date``.
        policy: whose kinds of consent and age of minors count.
        as_of: the day judged for.
        timezone: name of the controller's time zone.

    Raises:
        BadFacts: a column holds something else than it should.
    """
    today, units = day64(as_of), number_units(held, consents)
    stored_on = earliest(_days(days_of_times(held["stored_at"], timezone)), units.of_held, len(units.person))
    given = read_given(consents, units, stored_on, policy, today, timezone)
    people = _minors(held, units, born_before(as_of, policy.minors.under_age) if policy.minors else None)
    signs = _signs(given, units, stored_on, *people)
    state = _decide(signs)
    unclear, contradicted_on = _unclear(held, given, units, state)
    state = np.where(unclear > 0, STATES.index("ambiguous"), state)
    covered = _covered(held, grounds, units, today) & (state != STATES.index("consented"))
    state = np.where(covered, STATES.index("other_ground_attested"), state)
    good = marked(given.unit[given.in_force & given.good], len(units.person))[units.held_units :]
    return Reconciled(
        states=_frame(signs, state, np.where(covered, 0, unclear), contradicted_on, units),
        row_of_held=units.of_held,
        nothing_stored=_by_purpose(units.purpose[units.held_units :][good], units),
    )


def nobody_held() -> Reconciled:
    """Give what is reconciled where consent is not asked for."""
    columns = ("subject_ref", "purpose", "consent_state", "since", "minor", "born_known", "other", "unclear")
    states = pd.DataFrame({name: pd.Series([], dtype="str") for name in columns})
    states = states.assign(
        consent_state=pd.Categorical([], dtype=STATE_DTYPE),
        unclear=pd.Categorical([], dtype=_UNCLEAR_DTYPE),
        since=np.zeros(0, "datetime64[s]"),
    )
    return Reconciled(states, np.zeros(0, np.int64), {})


def count_states(states: pd.DataFrame) -> pd.DataFrame:
    """Count people by ``purpose`` and ``state``: a row (with ``people``) for each state of each purpose, in order."""
    purposes = sorted(states["purpose"].unique())
    every = pd.MultiIndex.from_product([purposes, STATES], names=["purpose", "state"])
    counts = states.groupby(["purpose", "consent_state"], observed=True).size()
    return counts.reindex(every, fill_value=0).rename("people").reset_index()


def no_grounds() -> pd.DataFrame:
    """Give a table of attested grounds without any."""
    return pd.DataFrame(columns=list(GROUNDS))


@dataclass(frozen=True, eq=False, repr=False)
class _Signs:
    """What is known of each held unit; (H,) arrays, days as integers."""

    stored_on: Codes
    minor: Mask
    born_known: Mask
    good: Mask
    good_guardian: Mask
    any: Mask
    any_guardian: Mask
    lapsed_on: Codes
    withdrawn_on: Codes
    other: Codes


def _minors(held: pd.DataFrame, units: Units, grown_up: np.datetime64 | None) -> tuple[Mask, Mask]:
    """Say of each held unit whether its person is a minor, and whether a date of birth says so.

    Without a last birthday of grown-ups the policy asks for no guardian: nobody is a minor.
    """
    if grown_up is None:
        nobody = np.zeros(units.held_units, bool)
        return nobody, nobody
    person = units.person[units.of_held]
    # Age is the person's, whatever row knows it; of several dates of birth the youngest counts, so that no child is
    # taken for older than one row says.
    born_on = latest(_days(days_of_dates(held["born_on"])), person, units.held_people)
    flags = held["minor"].astype("boolean").fillna(False).to_numpy(bool)
    known = ~is_missing(born_on)
    minor = np.where(known, born_on.view("datetime64[D]") > grown_up, marked(person[flags], units.held_people))
    whose = units.person[: units.held_units]
    return minor[whose], known[whose]


def _signs(given: Given, units: Units, stored_on: Codes, minor: Mask, born_known: Mask) -> _Signs:
    count, held = len(units.person), units.held_units
    in_force, lapsed = given.in_force, given.stands & given.over

    def those(mask: Mask) -> Mask:
        return marked(given.unit[mask], count)[:held]

    good = in_force & given.good
    others = np.full(len(units.people), np.iinfo(np.int64).max)
    np.minimum.at(others, units.person[given.unit[good]], units.purpose[given.unit[good]])
    return _Signs(
        stored_on=stored_on[:held],
        minor=minor,
        born_known=born_known,
        good=those(good),
        good_guardian=those(good & given.guardian),
        any=those(in_force),
        any_guardian=those(in_force & given.guardian),
        lapsed_on=latest(_days(given.expires_on[lapsed]), given.unit[lapsed], count)[:held],
        withdrawn_on=latest(_days(given.withdrawn_on), given.unit, count)[:held],
        # Whoever has a consent for the purpose itself never comes to the question for another one.
        other=others[units.person[:held]],
    )


def _decide(signs: _Signs) -> NDArray[np.int64]:
    asked_in_order = {
        "consented": signs.good & (~signs.minor | signs.good_guardian),
        "minor_without_guardian": signs.any & signs.minor & ~signs.any_guardian,
        "bundled_or_unlimited": signs.any,
        "expired": ~is_missing(signs.lapsed_on),
        "withdrawn_still_stored": ~is_missing(signs.withdrawn_on),
        "other_purpose": signs.other < np.iinfo(np.int64).max,
    }
    codes = [np.int64(STATES.index(state)) for state in asked_in_order]
    return np.select(list(asked_in_order.values()), codes, np.int64(STATES.index("no_recorded_ground")))


def _unclear(held: pd.DataFrame, given: Given, units: Units, state: NDArray[np.int64]) -> tuple[Codes, Days]:
    """Say of each held unit why it is ambiguous (an index of ``UNCLEAR``), and about which day registries differ."""
    differ, days = contradicted(given, units)
    several = shared_ids(held, units)[: units.held_units] & (state != STATES.index("no_recorded_ground"))
    differ, days = differ[: units.held_units], days[: units.held_units]
    return np.select([differ, several], [np.int64(1), np.int64(2)], np.int64(0)), days


def _covered(held: pd.DataFrame, grounds: pd.DataFrame, units: Units, today: np.datetime64) -> Mask:
    """Say of each held unit whether a ground in force is attested for every store that it is held in."""
    open_rows = np.ones(len(held), bool)
    from_day, to_day = days_of_dates(grounds["attested_on"]), days_of_dates(grounds["valid_until"])
    for ground in grounds[(from_day <= today) & ~(to_day < today)].itertuples(index=False):
        there = (held["store"] == ground.store).to_numpy(bool) if ground.store else True
        open_rows &= ~((held["purpose"] == ground.purpose).to_numpy(bool) & there)
    return ~marked(units.of_held[open_rows], len(units.person))[: units.held_units]


def _frame(
    signs: _Signs, state: NDArray[np.int64], unclear: Codes, contradicted_on: Days, units: Units
) -> pd.DataFrame:
    held = units.held_units
    of_another = state == STATES.index("other_purpose")
    purposes = pd.Index([*units.purposes, ""], dtype="str")
    return pd.DataFrame(
        {
            "subject_ref": _text_column(units.people.take(pa.array(units.person[:held]))),
            "purpose": purposes.take(units.purpose[:held]),
            "consent_state": pd.Categorical.from_codes(state, dtype=STATE_DTYPE),
            "since": _since(signs, state, contradicted_on),
            "minor": signs.minor,
            "born_known": signs.born_known,
            "other": purposes.take(np.where(of_another, signs.other, len(units.purposes))),
            "unclear": pd.Categorical.from_codes(unclear, dtype=_UNCLEAR_DTYPE),
        }
    )


def _since(signs: _Signs, state: NDArray[np.int64], contradicted_on: Days) -> Days:
    stored_on = signs.stored_on.view("datetime64[D]")
    days = {name: stored_on for name in STATES} | {
        "consented": np.full(len(state), NO_DAY),
        "expired": signs.lapsed_on.view("datetime64[D]") + np.timedelta64(1, "D"),
        "withdrawn_still_stored": signs.withdrawn_on.view("datetime64[D]"),
        "ambiguous": np.where(np.isnat(contradicted_on), stored_on, contradicted_on),
    }
    return np.select([state == code for code in range(len(STATES))], [days[name] for name in STATES], NO_DAY)


def _by_purpose(purposes: Codes, units: Units) -> dict[str, int]:
    counts = np.bincount(purposes, minlength=len(units.purposes))
    return {name: int(n) for name, n in zip(units.purposes, counts, strict=True) if n}


def _text_column(texts: pa.Array) -> pd.Series:
    return pd.Series(texts.to_pandas(types_mapper=lambda _: pd.StringDtype("pyarrow", na_value=float("nan"))))


def _days(days: Days) -> Codes:
    """See days as integers, ``NaT`` as the least."""
    return days.astype("datetime64[D]").view(np.int64)
