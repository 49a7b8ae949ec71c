"""Retention: what is kept longer than it may be, without the reason it needs, or was deleted before a law allows.

Every picture with faces and every person's record in a table has a window of days. A picture's begins on the day it was
taken, a record's on the day of the last interaction, else the day it was stored; of several records of one person in
one table the oldest counts. Copies of one file begin with the earliest; what only looks like a copy, crop or thumbnail
of an overdue picture is a finding to look at.

The window's last day is the earliest of: the store's declared ``max_days``, the policy's ``at_most``, the end of the
purpose and what the policy allows after it. On the day after it is overdue, unless a law's ``at_least`` is not over:
then it is held. Days are those of the controller's time zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from expectations.days import day64, day_column, days_of_dates, days_of_times
from expectations.facts import Facts
from expectations.findings import day_text, explain, make_part
from expectations.policy import Policy, Window

STATES = ("ok", "too_short", "overdue", "hold", "needs_reason", "unknown")
"""What can be said of a thing's window; ``unknown``: without a day, or without a longest time."""

REASON = "retention_reason"
"""Name of the attestation that pictures of a store are needed for longer than the norm, and why."""

_SECONDS = "datetime64[s]"


def retention_clocks(facts: Facts, policy: Policy, as_of: date) -> pd.DataFrame:
    """Start a clock for each scanned object with faces and each person in each database table.

    Returns:
        ``store``, ``kind``, ``locator`` (uri or table), ``subject_ref``, ``started_on`` (day, may be missing),
        ``last_day`` (last day of the window, may be missing), ``limit`` (what sets it, in words), ``article`` (of the
        limit), ``overdue_days`` (float; 0 or less within the window, missing where it cannot be said) and ``state``.
    """
    clocks = pd.concat([_object_clocks(facts), _subject_clocks(facts)], ignore_index=True)
    size = len(clocks)
    last, limit, article = (
        np.full(size, np.datetime64("NaT"), _SECONDS),
        np.full(size, "", object),
        np.full(size, "", object),
    )
    reason, until = last.copy(), last.copy()
    for mask, stored in _by_store(clocks, facts):
        part = clocks[mask]
        for ends, words, cited in _limits(part, stored, policy, facts, as_of):
            here = np.flatnonzero(mask)
            earlier = ~np.isnat(ends) & (np.isnat(last[here]) | (ends < last[here]))
            last[here[earlier]], limit[here[earlier]], article[here[earlier]] = ends[earlier], words, cited
        for window in _windows(policy, stored, as_of):
            start = _start(part, window)
            if window.reason_after:
                reason[mask] = np.fmin(reason[mask], _days_after(window.reason_after.after(start), _has(part, window)))
            if window.at_least:
                until[mask] = np.fmax(until[mask], _days_after(window.at_least.after(start), _has(part, window)))
    today = day64(as_of).astype(_SECONDS)
    over = last < today
    held = over & (until >= today)
    # Of undated things in a store with a limit nothing is known; nor of anything in a store without one.
    clocks["last_day"], clocks["limit"], clocks["article"] = last, limit, article
    days = (today - last) / np.timedelta64(1, "D")
    clocks["overdue_days"] = np.where(held, 0.0, days)
    reasoned = clocks["store"].isin(_reasoned(facts, as_of)).to_numpy(bool)
    state = np.select(
        [held, over, (reason < today) & ~reasoned, np.isnat(last) & np.isnat(reason)],
        ["hold", "overdue", "needs_reason", "unknown"],
        "ok",
    )
    clocks["state"] = pd.Categorical(state, categories=list(STATES))
    clocks["reason_from"] = reason + np.timedelta64(1, "D")
    return clocks


def kept_too_short(facts: Facts, policy: Policy, as_of: date) -> pd.DataFrame:
    """Give what left its store before a shortest time was over.

    Returns:
        ``store``, ``gone_on``, ``until`` (last day on which it had to be kept), ``article``; a row an object.
    """
    gone = facts.gone.copy()
    gone["started_on"] = days_of_times(gone["captured_at"], facts.timezone)
    gone["last_on"] = gone["started_on"]
    gone["image"], gone["template"], gone["store"] = True, False, gone["store"].astype("str")
    gone["gone_on"] = days_of_dates(gone["gone_on"])
    gone["until"], gone["article"] = np.datetime64("NaT", "s"), ""
    for mask, stored in _by_store(gone, facts):
        if stored.min_days:
            ends = gone.loc[mask, "started_on"] + pd.to_timedelta(float(stored.min_days), unit="D")
            _later(gone, mask, ends, f"declared: {stored.min_days} days at least")
        for window in _windows(policy, stored, as_of):
            if window.at_least and "image" in window.data:
                _later(gone, mask, window.at_least.after(gone.loc[mask, "started_on"]), window.article)
    short = gone[(gone["gone_on"] <= gone["until"]) & (gone["gone_on"] <= day64(as_of))]
    return short[["store", "gone_on", "until", "article"]].reset_index(drop=True)


def retention_findings(
    clocks: pd.DataFrame, too_short: pd.DataFrame, faces: pd.DataFrame, policy: Policy, as_of: date
) -> pd.DataFrame:
    """Make a finding of each overdue clock and of what looks like its copy, and one for each store that needs another.

    Args:
        faces: evidence table ``faces``.
        clocks: as ``retention_clocks`` gives it.
        too_short: as ``kept_too_short`` gives it.
        policy: whose article is cited.
        as_of: the day judged for.
    """
    parts = [
        _overdue(clocks, as_of),
        _copies(clocks, faces),
        _needs_reason(clocks, policy),
        _undated(clocks, policy),
        _without_limit(clocks, policy),
        _too_short(too_short),
    ]
    return pd.concat(parts, ignore_index=True)


def retention_table(clocks: pd.DataFrame, too_short: pd.DataFrame, stores: pd.DataFrame) -> pd.DataFrame:
    """Sum up the clocks by store.

    Returns:
        A row for each store: ``store``, ``kind``, ``held`` (clocks), ``oldest`` (day, Arrow ``date32``), ``undated``,
        then a count for each of ``STATES``, and ``max_days`` (nullable integer).
    """
    by_store = clocks.assign(undated=clocks["started_on"].isna()).groupby("store")
    sums = by_store.agg(held=("locator", "size"), oldest=("started_on", "min"), undated=("undated", "sum"))
    states = clocks.groupby(["store", "state"], observed=False).size().unstack() if len(clocks) else pd.DataFrame()
    sums = sums.join(states).reindex(stores["store"])
    sums["too_short"] = too_short.groupby("store").size().reindex(sums.index)
    table = stores[["store", "kind"]].copy()
    for name in ("held", "undated", *STATES):
        counts = sums[name] if name in sums else pd.Series(0, index=sums.index)
        table[name] = counts.fillna(0).astype("int64").to_numpy()
    table["oldest"] = day_column(sums["oldest"].to_numpy().astype("datetime64[D]"))
    table["max_days"] = stores["max_days"].astype("Int64")
    return table


# -- windows -----------------------------------------------------------------------------------------------------------


def _by_store(clocks: pd.DataFrame, facts: Facts) -> Iterator[tuple[NDArray[np.bool_], Any]]:
    for stored in facts.stores.itertuples(index=False):
        mask = (clocks["store"] == stored.store).to_numpy(bool)
        if mask.any():
            yield mask, stored


def _limits(
    part: pd.DataFrame, stored: Any, policy: Policy, facts: Facts, as_of: date
) -> Iterator[tuple[NDArray[np.datetime64], str, str]]:
    """Give everything that ends the window of a store's clocks: last days, what sets them, article."""
    everywhere = np.ones(len(part), bool)
    if pd.notna(stored.max_days):
        ends = part["last_on"] + pd.to_timedelta(float(stored.max_days), unit="D")
        article = policy.retention.article if policy.retention else DECLARED
        yield _days_after(ends, everywhere), f"the store keeps for {stored.max_days:.0f} days", article
    for window in _windows(policy, stored, as_of):
        if window.at_most and not (window.unless_declared and pd.notna(stored.max_days)):
            ends = window.at_most.after(_start(part, window))
            yield (
                _days_after(ends, _has(part, window)),
                f"{window.article} allows {window.at_most.text}",
                window.article,
            )
    ended = facts.ended_purposes.get(stored.purpose)
    if policy.purpose_end and ended and ended <= as_of:
        allowed = policy.purpose_end.within.after_day(ended)
        words = f"the purpose {stored.purpose} ended on {ended}"
        if allowed != ended:
            words += f", {policy.purpose_end.article} allows {policy.purpose_end.within.text} more"
        yield np.full(len(part), np.datetime64(allowed, "s")), words, policy.purpose_end.article


DECLARED = "facewarden: declared retention period"


def _windows(policy: Policy, stored: Any, as_of: date) -> list[Window]:
    place = {"public_place": bool(stored.public_place), "venue": stored.venue, "country": stored.country}
    return [
        window
        for window in policy.windows
        if window.holds_on(as_of)
        and window.applies_to(**place)
        and (not window.purposes or stored.purpose in window.purposes)
    ]


def _start(part: pd.DataFrame, window: Window) -> pd.Series:
    start: pd.Series = part["last_on" if window.counted_from == "last_interaction" else "started_on"]
    return start


def _has(part: pd.DataFrame, window: Window) -> NDArray[np.bool_]:
    """Say which clocks are about data of a class that the window is about."""
    mask: NDArray[np.bool_] = part[list(window.data)].any(axis=1).to_numpy(bool)
    return mask


def _days_after(ends: pd.Series, where: NDArray[np.bool_]) -> NDArray[np.datetime64]:
    days = ends.to_numpy().astype(_SECONDS)
    return np.where(where, days, np.datetime64("NaT", "s"))


def _later(gone: pd.DataFrame, mask: NDArray[np.bool_], ends: pd.Series, article: str) -> None:
    days = ends.to_numpy().astype(_SECONDS)
    here = np.flatnonzero(mask)
    until = gone["until"].to_numpy().astype(_SECONDS)
    later = np.isnat(until[here]) | (days > until[here])
    gone.loc[gone.index[here[later]], "until"] = days[later]
    gone.loc[gone.index[here[later]], "article"] = article


def _reasoned(facts: Facts, as_of: date) -> set[str]:
    """Give the stores for which a reason for keeping longer is attested on the day."""
    rows = facts.attested[facts.attested["name"] == REASON]
    on, until = days_of_dates(rows["attested_on"]), days_of_dates(rows["valid_until"])
    return set(rows["store"][(on <= day64(as_of)) & ~(until < day64(as_of))])


# -- clocks ------------------------------------------------------------------------------------------------------------


def _object_clocks(facts: Facts) -> pd.DataFrame:
    kinds = facts.objects["store"].map(facts.stores.set_index("store")["kind"])
    held = (kinds == "objects") & (facts.objects["faces"] > 0) & (facts.objects["status"] == "scanned")
    objects = facts.objects[held]
    taken = pd.Series(days_of_times(objects["captured_at"], facts.timezone).astype("datetime64[s]"))
    taken = _with_copies(taken, objects, facts)
    return pd.DataFrame(
        {
            "store": objects["store"].to_numpy(),
            "kind": "objects",
            "locator": objects["uri"].to_numpy(),
            "subject_ref": objects["subject_ref"].to_numpy(),
            "started_on": taken.to_numpy(),
            "last_on": taken.to_numpy(),
            "image": True,
            "template": False,
        }
    )


def _with_copies(taken: pd.Series, objects: pd.DataFrame, facts: Facts) -> pd.Series:
    """Let copies of one file begin with the earliest of them."""
    shots = facts.faces[["store", "uri", "shot"]].dropna(subset=["shot"])
    if shots.empty:
        return taken
    days = pd.DataFrame(
        {"store": objects["store"].to_numpy(), "uri": objects["uri"].to_numpy(), "day": taken.to_numpy()}
    )
    of_face = shots.merge(days, on=["store", "uri"])
    of_face["first"] = of_face.groupby("shot")["day"].transform("min")
    first = of_face.groupby(["store", "uri"])["first"].min().reset_index()
    earliest: pd.Series = days.merge(first, on=["store", "uri"], how="left")["first"]
    return earliest.fillna(days["day"])


def _subject_clocks(facts: Facts) -> pd.DataFrame:
    subjects = facts.subjects
    stored = pd.Series(days_of_times(subjects["stored_at"], facts.timezone).astype("datetime64[s]"))
    last = pd.Series(days_of_times(subjects["last_interaction_at"], facts.timezone).astype("datetime64[s]")).fillna(
        stored
    )
    keyed = subjects[["store", "table", "subject_ref"]].assign(
        started_on=stored.fillna(last),
        last_on=last,
        image=(subjects["data_class"] == "image").to_numpy(bool),
        template=(subjects["data_class"] == "template").to_numpy(bool),
    )
    groups = keyed.groupby(["store", "table", "subject_ref"])
    clocks = groups.agg({"started_on": "min", "last_on": "min", "image": "any", "template": "any"}).reset_index()
    return clocks.rename(columns={"table": "locator"}).assign(kind="database")


# -- findings ----------------------------------------------------------------------------------------------------------


def _overdue(clocks: pd.DataFrame, as_of: date) -> pd.DataFrame:
    over = clocks[clocks["state"] == "overdue"].reset_index(drop=True)

    def because(row: Any) -> str:
        start = "Taken" if row.kind == "objects" else "Last seen or stored"
        days = "1 day" if row.overdue_days == 1 else f"{row.overdue_days:.0f} days"
        return f"{start} on {day_text(row.last_on)}; {row.limit}, which was over {days} before {as_of}."

    return make_part(
        {
            "rule": "retention_overdue",
            "article": over["article"],
            "severity": "medium",
            "store": over["store"],
            "locator": over["locator"],
            "subject_ref": over["subject_ref"],
            "because": explain(over[["kind", "last_on", "limit", "overdue_days"]], because),
            "since": over["last_day"] + pd.to_timedelta(1, unit="D"),
            "place": over["store"] + "\x1f" + over["locator"],
        },
        len(over),
    )


def _copies(clocks: pd.DataFrame, faces: pd.DataFrame) -> pd.DataFrame:
    """Make a finding of each picture that looks like a copy of an overdue one and is not overdue itself."""
    over = clocks.loc[(clocks["state"] == "overdue") & (clocks["kind"] == "objects")]
    if faces.empty or over.empty:
        return make_part({}, 0)
    pictures = faces[["face_id", "store", "uri", "copy_of"]]
    originals = pictures.merge(over[["store", "locator", "article", "last_day"]], left_on=["store", "uri"],
                               right_on=["store", "locator"])  # fmt: skip
    late = originals.drop_duplicates("face_id").set_index("face_id")
    alike = pictures[pictures["copy_of"].isin(late.index)]
    own = pd.MultiIndex.from_frame(over[["store", "locator"]])
    alike = alike[~pd.MultiIndex.from_frame(alike[["store", "uri"]]).isin(own)].drop_duplicates(["store", "uri"])
    original = late.loc[alike["copy_of"]]
    because = [
        f"A face in it is nearly the same as one in {uri} of {store}, which is overdue: it looks like a copy, a crop "
        "or a thumbnail of it, which would be overdue with it. Look at both."
        for store, uri in zip(original["store"], original["uri"], strict=True)
    ]
    return make_part(
        {
            "rule": "copy_of_overdue",
            "article": original["article"].to_numpy(),
            "severity": "low",
            "store": alike["store"].to_numpy(),
            "locator": alike["uri"].to_numpy(),
            "because": because,
            "since": (original["last_day"] + pd.to_timedelta(1, unit="D")).to_numpy(),
            "place": (alike["store"].astype("str") + "\x1f" + alike["uri"].astype("str")).to_numpy(),
        },
        len(alike),
    )


def _needs_reason(clocks: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    late = clocks[clocks["state"] == "needs_reason"]
    norms = [window for window in policy.windows if window.reason_after]
    article = norms[0].article if norms else ""
    text = "Pictures kept beyond the norm, the oldest since {:%Y-%m-%d}: {:,}. No reason in writing is attested."
    groups = late.groupby("store")["reason_from"]
    because = {store: text.format(days.min(), len(days)) for store, days in groups}
    return _per_store("retention_reason_missing", article, because)


def _too_short(short: pd.DataFrame) -> pd.DataFrame:
    """Make a finding of each store, article and month: what was decided about one month is not about the next."""
    months = short["gone_on"].astype("datetime64[s]").dt.strftime("%Y-%m").astype("str")
    groups = list(short.assign(month=months).groupby(["store", "month", "article"], sort=True))
    because = [
        f"Pictures with faces that left this store in {month} before they might be deleted: {len(rows):,}; "
        f"the earliest had to be kept until {day_text(rows['until'].min())}."
        for (_, month, _), rows in groups
    ]
    return make_part(
        {
            "rule": "retention_too_short",
            "article": [article for (_, _, article), _ in groups],
            "severity": "medium",
            "store": [store for (store, _, _), _ in groups],
            "because": because,
            "since": [rows["gone_on"].min() for _, rows in groups],
            "place": ["\x1f".join(map(str, key)) for key, _ in groups],
        },
        len(groups),
    )


def _undated(clocks: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    undated = clocks[clocks["started_on"].isna()]
    texts = {
        "objects": "Objects with faces but without a known time of capture: {:,}",
        "database": "Records with neither a day of storage nor one of a last interaction: {:,}",
    }
    because = {}
    for kind, text in texts.items():
        for store, n in undated[undated["kind"] == kind].groupby("store").size().items():
            because[store] = f"{text.format(n)}. Whether their period of keeping is over cannot be said."
    return _per_store("capture_time_unknown", _article(policy), because)


def _without_limit(clocks: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    counts = clocks[clocks["started_on"].notna() & clocks["last_day"].isna()].groupby("store").size()
    text = (
        "Objects or records with faces held here: {:,}. No longest time of keeping is declared, so none can be overdue."
    )
    because = {store: text.format(n) for store, n in counts.items()}
    return _per_store("retention_limit_missing", _article(policy), because)


def _article(policy: Policy) -> str:
    return policy.retention.article if policy.retention else DECLARED


def _per_store(rule: str, article: str, because: dict[Any, str]) -> pd.DataFrame:
    stores = pd.Series(list(because), dtype="str")
    return make_part(
        {
            "rule": rule,
            "article": article,
            "severity": "low",
            "store": stores,
            "because": pd.Series(list(because.values()), dtype="str"),
            "place": stores,
        },
        len(because),
    )
