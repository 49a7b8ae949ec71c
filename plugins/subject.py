"""What is stored of one person, for a request for access or erasure: places, dates, consents, retention.

It is read from the evidence of the last scans and opens no image. Pictures that are filed under nobody may show the
person all the same: how many faces there are, and where, is said with it.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

import pandas as pd

from expectations.consent import reconcile
from expectations.judgement import Facts, held_rows
from expectations.policy import Policy, load_policy
from expectations.retention import retention_clocks
from plugins.evidence import Fragment
from plugins.gather import gather_facts
from plugins.judge import RunIncomplete
from plugins.keys import KeyProblem
from plugins.reports.fill import records
from plugins.run import Run
from plugins.stores.cells import to_person

_PSEUDONYM = re.compile(r"[0-9a-f]{32}")
_ROW = re.compile(r"row:[^/]+/.*/([\w-]+)")


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long something is kept: its first day, its last one, and how it stands on the day asked for.

    ``state`` is ``within``, ``overdue``, ``no_limit`` (none is declared) or ``undated``.
    """

    state: str
    started_on: date | None = None
    last_day: date | None = None
    overdue_days: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One place that holds something of the person.

    Attributes:
        store: name of the store or database.
        where: the table, or the address of the picture.
        what: ``template``, ``image`` or ``attribute`` of a table, ``picture``, or ``picture by likeness`` where a
            face in it was matched with the person's template.
        purpose: what it is held for.
        find_by: the column that holds the person's id; for a picture in a row the key of the row.
        stored_at: when it was stored or taken.
        last_interaction_at: when the person was last seen, by the row.
        keeping: its retention; none for a picture in a row, which is kept as its record.
    """

    store: str
    where: str
    what: str
    purpose: str
    find_by: str | None = None
    stored_at: datetime | None = None
    last_interaction_at: datetime | None = None
    keeping: Keeping | None = None


@dataclass(frozen=True, slots=True)
class OnRecord:
    """One consent of the person as a registry has it; ``evidence_link`` is in the clear again."""

    registry: str | None
    purpose: str
    kind: str
    granted_at: datetime | None
    withdrawn_at: datetime | None
    expires_at: datetime | None
    guardian: bool
    bundled: bool | None
    unlimited: bool | None
    notice_version: str | None
    evidence_link: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """In which state of consent the person stands for one purpose (``expectations.consent``), and since when."""

    purpose: str
    state: str
    since: date | None


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything about one person. Personal data: it is shown to whoever asked, and kept nowhere."""

    controller: str
    contact: str | None
    as_of: date
    policy: str
    subject_ref: str
    taken_as: str
    stored: bool
    places: tuple[Place, ...]
    states: tuple[Standing, ...]
    consents: tuple[OnRecord, ...]
    grounds: tuple[dict[str, Any], ...]
    findings: tuple[dict[str, Any], ...]
    faces_linked: int
    faces_linked_to_nobody: dict[str, int]
    last_scan: str

    def __repr__(self) -> str:
        return f"Subject(places={len(self.places)}, consents={len(self.consents)})"

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values for JSON."""
        return asdict(self)


def find_subject(run: Run, asked: str, namespace: str) -> Subject:
    """Find everything that the evidence knows of one person.

    Args:
        run: opened on the settings, with the day asked for.
        asked: the person's id as the organisation knows it, or the pseudonym (32 hex digits).
        namespace: whose ids these are.

    Raises:
        RunIncomplete: nothing was scanned yet.
    """
    commits = run.evidence.commits()
    if not commits:
        raise RunIncomplete("there is no evidence to look in yet; run `facewarden scan` first")
    policy = load_policy(run.settings.policy_path(run.settings.policy))
    facts = gather_facts(run, Fragment(), {}).checked()
    ref, taken_as = _ref(run, facts, asked, namespace)
    own = _only(facts, ref)
    places = (*_tables(run, own, policy), *_pictures(run, own, policy))
    controller = run.settings.controller
    return Subject(
        controller=controller.name,
        contact=controller.contact,
        as_of=run.request.as_of,
        policy=policy.title,
        subject_ref=ref,
        taken_as=taken_as,
        stored=bool(places),
        places=places,
        states=_states(own, policy, run.request.as_of),
        consents=tuple(_on_record(run, row) for row in records(own.consents)),
        grounds=_grounds(run, {place.purpose for place in places}),
        findings=_findings(run.evidence.read("findings"), ref),
        faces_linked=len(own.faces),
        faces_linked_to_nobody=_unlinked(facts.faces),
        last_scan=commits[-1].committed_at,
    )


def _ref(run: Run, facts: Facts, asked: str, namespace: str) -> tuple[str, str]:
    """Give the pseudonym, and whether ``asked`` was one; an id that looks like one is told by what is stored."""
    of_id = run.keyring.pseudonym(namespace, to_person(asked) or "")
    if not _PSEUDONYM.fullmatch(asked):
        return of_id, "id"
    known = any((table["subject_ref"] == of_id).any() for table in (facts.subjects, facts.objects, facts.consents))
    return (of_id, "id") if known else (asked, "pseudonym")


def _only(facts: Facts, ref: str) -> Facts:
    def own(table: pd.DataFrame) -> pd.DataFrame:
        return table[(table["subject_ref"] == ref).to_numpy(bool, na_value=False)].reset_index(drop=True)

    faces = own(facts.faces)
    shown = pd.MultiIndex.from_frame(faces.loc[faces["by_likeness"], ["store", "uri"]])
    by_likeness = pd.MultiIndex.from_frame(facts.objects[["store", "uri"]]).isin(shown)
    objects = facts.objects.assign(subject_ref=facts.objects["subject_ref"].where(~by_likeness, ref))
    return replace(
        facts,
        objects=own(objects.assign(by_likeness=by_likeness)),
        faces=faces,
        subjects=own(facts.subjects),
        consents=own(facts.consents),
    )


# -- places ------------------------------------------------------------------------------------------------------------


def _tables(run: Run, own: Facts, policy: Policy) -> list[Place]:
    clocks = _clocks(own, policy, run.request.as_of, "database")
    columns = {(base.name, t.table): t.person_id for base in run.whole.databases for t in base.tables}
    return [
        Place(
            store=row["store"],
            where=row["table"],
            what=row["data_class"],
            purpose=row["purpose"],
            find_by=columns.get((row["store"], row["table"])),
            stored_at=_time(row["stored_at"]),
            last_interaction_at=_time(row["last_interaction_at"]),
            keeping=clocks.get((row["store"], row["table"])),
        )
        for row in records(own.subjects)
    ]


def _pictures(run: Run, own: Facts, policy: Policy) -> list[Place]:
    clocks = _clocks(own, policy, run.request.as_of, "objects")
    purposes = dict(zip(own.stores["store"], own.stores["purpose"], strict=True))
    return [
        Place(
            store=row["store"],
            where=row["uri"],
            what="picture by likeness" if row["by_likeness"] else "picture",
            purpose=str(purposes.get(row["store"], "")),
            find_by=_row_key(run, row["uri"]),
            stored_at=_time(row["captured_at"]),
            keeping=clocks.get((row["store"], row["uri"])),
        )
        for row in records(own.objects)
    ]


def _clocks(own: Facts, policy: Policy, as_of: date, kind: str) -> dict[tuple[str, str], Keeping]:
    clocks = retention_clocks(own, policy, as_of)
    return {(row["store"], row["locator"]): _keeping(row) for row in records(clocks[clocks["kind"] == kind])}


def _keeping(row: dict[str, Any]) -> Keeping:
    started = None if pd.isna(row["last_on"]) else pd.Timestamp(row["last_on"]).date()
    if started is None:
        return Keeping("undated")
    if pd.isna(row["last_day"]):
        return Keeping("no_limit", started)
    over = int(row["overdue_days"])
    last_day = pd.Timestamp(row["last_day"]).date()
    return Keeping("overdue" if over > 0 else "within", started, last_day, max(over, 0))


def _row_key(run: Run, uri: str) -> str | None:
    """Give the key of the row that a picture lies in: erasing it needs the key itself."""
    found = _ROW.fullmatch(uri)
    if not found:
        return None
    try:
        return run.keyring.untoken(found.group(1))
    except KeyProblem:
        return None


# -- consent -----------------------------------------------------------------------------------------------------------


def _states(own: Facts, policy: Policy, as_of: date) -> tuple[Standing, ...]:
    if policy.consent is None:
        return ()
    found = reconcile(held_rows(own), own.consents, own.grounds, policy, as_of, own.timezone).states
    return tuple(
        Standing(row["purpose"], str(row["consent_state"]), None if pd.isna(row["since"]) else row["since"].date())
        for row in records(found.sort_values("purpose"))
    )


def _on_record(run: Run, row: dict[str, Any]) -> OnRecord:
    link = _given(row["evidence_link"])
    return OnRecord(
        registry=_given(row["registry"]),
        purpose=str(row["purpose"]),
        kind=str(row["kind"]),
        granted_at=_time(row["granted_at"]),
        withdrawn_at=_time(row["withdrawn_at"]),
        expires_at=_time(row["expires_at"]),
        guardian=bool(row["guardian"]),
        bundled=_given(row["bundled"]),
        unlimited=_given(row["unlimited"]),
        notice_version=_given(row["notice_version"]),
        evidence_link=run.keyring.untoken(link) if link else None,
    )


def _grounds(run: Run, purposes: set[str]) -> tuple[dict[str, Any], ...]:
    return tuple(ground.model_dump(mode="json") for ground in run.whole.grounds if ground.purpose in purposes)


def _findings(found: pd.DataFrame, ref: str) -> tuple[dict[str, Any], ...]:
    shown = ["rule", "article", "because", "store", "locator", "since", "due", "first_seen"]
    own = found[(found["subject_ref"] == ref).to_numpy(bool, na_value=False)]
    return tuple({name: _given(value) for name, value in row.items()} for row in records(own[shown]))


def _unlinked(faces: pd.DataFrame) -> dict[str, int]:
    counts = faces[faces["subject_ref"].isna()].groupby("store").size()
    return {str(store): int(n) for store, n in counts.items()}


def _given(value: Any) -> Any:
    return None if pd.isna(value) else value


def _time(value: Any) -> datetime | None:
    return None if pd.isna(value) else pd.Timestamp(value).to_pydatetime()
