"""Consent of N people: read from PostgreSQL and reconciled, against the same join by hand in SQL; then judged whole.

N is FACEWARDEN_BENCH_PEOPLE, 1,000,000 when it is not set. The server is that of the tests
(FACEWARDEN_TEST_POSTGRES). Both ways find the same. Memory is the peak of a process that does nothing
else.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from measuring import Figures, filled_schema

PEOPLE = int(os.environ.get("FACEWARDEN_BENCH_PEOPLE", "1000000"))
JUDGED = 1_000_000
"""Up to so many people are also judged with findings and gate, which one task does in one piece."""

AS_OF, ZONE = date(2026, 3, 15), "Asia/Shanghai"
Counts = dict[str, int]

# Of twenty consents one is for another purpose, of fifty one is bundled, of ten one is withdrawn, of seven one has an
# end; one person in twenty-one consented and is not held. 7919 is a prime: it shuffles, and leaves nobody out.
FILL = """
CREATE TABLE people (person_id text PRIMARY KEY, template bytea, enrolled_at timestamp, born_on date);
INSERT INTO people
SELECT 'P' || lpad(i::text, 9, '0'), decode(md5(i::text), 'hex'),
       timestamp '2024-01-01' + (i % 700) * interval '1 day' + (i % 86400) * interval '1 second',
       date '1950-01-01' + ((i * 7919) % 27000)::int
FROM generate_series(1::bigint, {n}) i;
CREATE TABLE consents (id bigint PRIMARY KEY, person_id text, purpose text, kind text, granted_at timestamp,
                       withdrawn_at timestamp, expires_at timestamp, by_guardian boolean);
INSERT INTO consents
SELECT i, 'P' || lpad((((i * 7919) % ({n} + {n} / 20)) + 1)::text, 9, '0'),
       CASE WHEN i % 20 = 0 THEN 'gym' ELSE 'door' END, CASE WHEN i % 50 = 0 THEN 'bundled' ELSE 'separate' END,
       timestamp '2024-01-01' + (i % 700) * interval '1 day' + (i % 86400) * interval '1 second',
       CASE WHEN i % 10 = 0 THEN timestamp '2025-06-01' + (i % 100) * interval '1 day' END,
       CASE WHEN i % 7 = 0 THEN timestamp '2026-01-01' + (i % 300) * interval '1 day' END, i % 30 = 0
FROM generate_series(1::bigint, {n}) i;
ANALYZE people; ANALYZE consents;
"""

BY_HAND = """
WITH said AS (
    SELECT person_id, purpose, granted_at, withdrawn_at, expires_at, by_guardian OR kind = 'guardian' AS guardian,
           kind IN ('separate', 'written', 'guardian') AS good, kind IN ('bundled', 'unlimited') AS weak,
           max(withdrawn_at) FILTER (WHERE withdrawn_at::date <= :today) OVER (PARTITION BY person_id, purpose) AS ended
    FROM consents
), given AS (
    SELECT person_id, purpose, bool_or(good AND stands AND NOT over) AS has_good,
           bool_or(good AND stands AND NOT over AND guardian) AS has_good_guardian,
           bool_or(stands AND NOT over) AS has_any, bool_or(stands AND NOT over AND guardian) AS has_any_guardian,
           bool_or(stands AND over) AS lapsed, max(ended) AS withdrawn
    FROM (SELECT *, (good OR weak) AND (granted_at IS NULL OR granted_at::date <= :today)
                    AND (ended IS NULL OR granted_at > ended) AS stands,
                 coalesce(expires_at::date < :today, false) AS over FROM said) AS rows
    GROUP BY person_id, purpose
), held AS (
    SELECT person_id, 'door' AS purpose, min(enrolled_at) AS stored_at, max(born_on) > :grown_up AS minor
    FROM people GROUP BY person_id
), elsewhere AS (SELECT person_id FROM given WHERE has_good GROUP BY person_id)
SELECT CASE
    WHEN held.person_id IS NULL THEN CASE WHEN has_good THEN 'nothing stored' END
    WHEN has_good AND (NOT minor OR has_good_guardian) THEN 'consented'
    WHEN has_any AND minor AND NOT has_any_guardian THEN 'minor_without_guardian'
    WHEN has_any THEN 'bundled_or_unlimited'
    WHEN lapsed THEN 'expired'
    WHEN withdrawn IS NOT NULL THEN 'withdrawn_still_stored'
    WHEN elsewhere.person_id IS NOT NULL THEN 'other_purpose'
    ELSE 'no_recorded_ground' END AS state, count(*) AS people
FROM held FULL JOIN given USING (person_id, purpose) LEFT JOIN elsewhere ON elsewhere.person_id = held.person_id
GROUP BY 1
"""


def measure() -> Figures:
    """Fill a schema of the test server, measure both ways, drop it."""
    with filled_schema(FILL.format(n=PEOPLE)) as (url, engine):
        by_hand, sql_seconds = _by_hand(engine)
        ours = _alone(reconciled, url)
        judged = _alone(judged_whole, url) if PEOPLE <= JUDGED else None
    counts, seconds, memory = ours
    if counts != by_hand:
        raise AssertionError(f"the two ways differ: {counts} and {by_hand}")
    figures = {
        "consents_people": float(PEOPLE),
        "consents_by_hand_in_sql_seconds": sql_seconds,
        "consents_read_and_reconciled_seconds": seconds["read"] + seconds["reconcile"],
        "consents_reconciled_seconds": seconds["reconcile"],
        "consents_times_the_sql": (seconds["read"] + seconds["reconcile"]) / sql_seconds,
        "consents_peak_gib": memory,
    }
    if judged:
        figures |= {"consents_judged_seconds": judged[1]["judge"], "consents_judged_peak_gib": judged[2]}
    return figures


def reconciled(url: str) -> tuple[Counts, dict[str, float]]:
    """Read both tables and compute every state."""
    from expectations.consent import no_grounds, reconcile
    from expectations.policy import load_policy

    start = time.perf_counter()
    held, consents = _read(url)
    read = time.perf_counter()
    found = reconcile(held, consents, no_grounds(), load_policy("cn-draft-2023"), AS_OF, ZONE)
    counts = {str(state): int(n) for state, n in found.states["consent_state"].value_counts().items() if n}
    seconds = {"read": read - start, "reconcile": time.perf_counter() - read}
    return counts | {"nothing stored": sum(found.nothing_stored.values())}, seconds


def judged_whole(url: str) -> tuple[Counts, dict[str, float]]:
    """Judge the same people: states, retention, findings, and the gate of Great Expectations."""
    from expectations.judgement import Facts, judge
    from expectations.policy import load_policy

    held, consents = _read(url)
    stores = pd.DataFrame({"store": ["access"], "kind": ["database"], "public_place": [False], "purpose": ["door"]})
    empty = pd.DataFrame()
    start = time.perf_counter()
    facts = Facts(empty, empty, held, consents, empty, empty, stores.assign(max_days=3650), timezone=ZONE)
    judged = judge(facts, load_policy("cn-draft-2023"), AS_OF)
    return {"findings": len(judged.findings)}, {"judge": time.perf_counter() - start}


def _read(url: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read what a nightly scan reads, typed as the judge has it."""
    from expectations.columns import SUBJECTS
    from plugins.evidence import frame_of
    from plugins.keys import Keyring
    from plugins.settings import ConsentSettings, DatabaseSettings
    from plugins.stores.consents import read_consents
    from plugins.stores.tables import TableStore

    keyring, zone, folder = Keyring(bytes(32)), ZoneInfo(ZONE), Path(tempfile.gettempdir())
    table = {"table": "people", "template": "template", "stored_at": "enrolled_at", "born_on": "born_on"}
    database = DatabaseSettings(name="access", url=url, purpose="door", tables=[table])
    held = pa.Table.from_batches(TableStore(database, keyring, folder, zone).subjects(), SUBJECTS.arrow_schema())
    columns = ("purpose", "kind", "granted_at", "withdrawn_at", "expires_at")
    mapped = {"subject": "person_id", "guardian": "by_guardian", **{name: name for name in columns}}
    registry = ConsentSettings(name="registry", url=url, table="consents", columns=mapped)
    consents, refused = read_consents([registry], keyring, zone, folder)
    if refused or len(held) != PEOPLE:
        raise AssertionError("not all rows were read")
    return frame_of(held), frame_of(consents)


def _by_hand(engine: sa.Engine) -> tuple[Counts, float]:
    values = {"today": AS_OF, "grown_up": AS_OF.replace(year=AS_OF.year - 14)}
    with engine.connect() as connection:
        start = time.perf_counter()
        rows = connection.execute(sa.text(BY_HAND), values).all()
        return {row.state: row.people for row in rows if row.state}, time.perf_counter() - start


def _alone(work: Callable[[str], tuple[Counts, dict[str, float]]], url: str) -> tuple[Counts, dict[str, float], float]:
    """Do something in a fresh process: its result and seconds, and the peak of its memory in GiB."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_with_peak, work, url).result()


def _with_peak(work: Callable[[str], Any], url: str) -> tuple[Any, Any, float]:
    found, seconds = work(url)
    return found, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
