"""The commands that record what people decide: `findings`, `decide`, `attest`, `filed`, `ended`, and `log`."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from plugins.run import Run

_STATES = ("acknowledged", "false-positive", "legal-hold", "accepted", "resolved", "open")
_DAY = click.DateTime(["%Y-%m-%d"])

_config = click.option("-c", "--config", default="facewarden.yaml", show_default=True, metavar="FILE",
                       type=click.Path(dir_okay=False), help="Settings of the organisation.")  # fmt: skip
_by = click.option("--by", required=True, metavar="ROLE", help="Who says so: a role, such as 'data protection "
                   "officer'; never a person's name.")  # fmt: skip
_on = click.option("--on", type=_DAY, metavar="DAY", help="Day from which on it counts (default: today).")
_until = click.option("--until", type=_DAY, metavar="DAY", help="Last day it counts (default: without end).")
_note = click.option("--note", default="", metavar="TEXT", help="Why, in words; nothing about a person.")
_link = click.option("--evidence", "link", default="", metavar="LINK", help="Where the proof is filed.")
_format = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)


@click.command()
@_config
@click.option("--rule", metavar="RULE", help="Only findings of this rule.")
@click.option("--store", metavar="NAME", help="Only findings about this store.")
@click.option("--all", "whole", is_flag=True, help="Also false positives, legal holds and accepted ones.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many to list.")
@_format
def findings(config: str, rule: str | None, store: str | None, whole: bool, limit: int, form: str) -> None:
    """List what is to be decided: id, status, rule, store, since when, by when, because."""
    from expectations.decisions import SET_ASIDE
    from plugins.reports.fill import records

    found = _chosen(_current(_run(config)), (), rule, store)
    if not whole:
        found = found[~found["status"].isin(SET_ASIDE)]
    shown = ["finding_id", "status", "severity", "rule", "policy", "article", "store", "since", "due", "because"]
    rows = [{k: None if v != v or v is None else str(v) for k, v in r.items()} for r in records(found[shown][:limit])]
    if form == "json":
        click.echo(json.dumps({"total": len(found), "findings": rows}, ensure_ascii=False))
        return
    for row in rows:
        due = f", due {row['due']}" if row["due"] else ""
        click.echo(f"{row['finding_id']} {row['status']}: {row['rule']} {row['store']}{due}. {row['because']}")
    click.echo(f"{len(found)} in all" + (f", the first {limit} listed" if len(found) > limit else ""), err=True)


@click.command()
@click.argument("ids", nargs=-1, metavar="[FINDING_ID...]")
@_config
@click.option("--as", "state", required=True, type=click.Choice(_STATES), help="What was decided; `open` takes a "
              "decision back.")  # fmt: skip
@click.option("--rule", metavar="RULE", help="All present findings of this rule instead of ids.")
@click.option("--store", metavar="NAME", help="... of this store.")
@_by
@_on
@_until
@_note
@_link
def decide(ids: tuple[str, ...], config: str, state: str, rule: str | None, store: str | None, **said: Any) -> None:
    """Record a decision about findings, by id (or its first digits, at least 8) or by rule and store.

    It holds from night to night, whatever is scanned or judged anew: a false positive, a legal hold and an accepted
    finding (until its day) are no longer open. What was resolved and is found again is reopened.
    """
    if bool(ids) == bool(rule or store):
        raise click.UsageError("name findings by their ids, or by --rule and --store; not both, not neither")
    if state == "accepted" and not said["until"]:
        raise click.UsageError("--as accepted needs --until DAY: until when the risk is accepted")
    run = _run(config)
    current = _current(run)
    known = _chosen(current, _full(ids, current), rule, store)
    before = Counter(known["status"].astype("str"))
    kept = _keep(run, "decision", state.replace("-", "_"), findings=tuple(known["finding_id"].astype("str")), **said)
    were = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in before.items())
    click.echo(f"{len(known)} findings decided as {state} (they were: {were or 'none'}); row {kept} of the log")


@click.command()
@click.argument("name", metavar="NAME")
@_config
@click.option("--policy", default="", metavar="NAME", help="Only for this policy (default: for all that ask for it).")
@click.option("--store", default="", metavar="NAME", help="Only for this store (default: for all).")
@_by
@_on
@_until
@_note
@_link
def attest(name: str, config: str, policy: str, store: str, **said: Any) -> None:
    """Record an attestation: what data cannot show, such as `impact_assessment` (docs/law.md has the names).

    It counts until its day, or as long as the law lets it; 30 days before there is a finding that reminds of it.
    """
    from expectations.policy import load_policy, policy_names
    from expectations.retention import REASON
    from plugins.settings_file import nearest

    run = _run(config)
    names = {policy} if policy else {*policy_names(), run.whole.policy, *(p.policy for p in run.whole.policies)}
    asked = {a.name for p in names for a in load_policy(run.whole.policy_path(p)).attestations} | {REASON}
    if name not in asked:
        raise click.UsageError(f"no policy asks for {name!r}{nearest(name, asked)}")
    stores = [held.name for held in (*run.whole.stores, *run.whole.databases)]
    if store and store not in stores:
        raise click.UsageError(f"no store or database {store!r}{nearest(store, stores)}")
    if name == REASON and not store:
        raise click.UsageError(f"{REASON} is about one store: give --store")
    kept = _keep(run, "attestation", name, policy=policy, store=store, **said)
    click.echo(f"attested {name}{f' for {store}' if store else ''}; row {kept} of the log")


@click.command()
@_config
@click.option("--policy", metavar="NAME", help="Filed under which policy (default: that of the settings).")
@click.option("--kind", type=click.Choice(["filing", "change", "end"]), default="filing", show_default=True,
              help="filing: for the first time; change: what was filed has changed; end: de-registered.")  # fmt: skip
@click.option("--people", type=click.IntRange(0), metavar="N", help="Number of people filed (default: the best "
              "estimate of the last night).")  # fmt: skip
@_by
@_on
@_note
@_link
def filed(config: str, policy: str | None, kind: str, people: int | None, **said: Any) -> None:
    """Record that something was filed with the authority: its clock stops.

    What is filed of people, stores, purposes and retention is written down; when it drifts from that, the clock of a
    change starts.
    """
    from expectations.registration import held_for
    from plugins.decided import filed_facts
    from plugins.evidence import Fragment
    from plugins.gather import gather_facts

    run = _run(config)
    facts = gather_facts(run, Fragment(), {}).checked()
    everyone = facts.census[facts.census["scope"] == "all"]
    if people is None and kind != "end":
        if everyone.empty:
            raise click.UsageError("nobody was counted yet: give --people N")
        people = int(everyone["people_best"].iloc[0])
    name = _policy_name(run, policy)
    kept = _keep(run, "filing", kind, policy=name, facts=filed_facts(people, held_for(facts.stores)), **said)
    counted = "" if people is None else f", {people:,} people"
    click.echo(f"recorded: {kind} under {name}{counted}; row {kept} of the log")


@click.command()
@_config
@click.option("--policy", metavar="NAME", help="Under which policy (default: that of the settings).")
@_by
@_on
@_note
@_link
def ended(config: str, policy: str | None, **said: Any) -> None:
    """Record that the use of facial data has ended: the clock of de-registration starts."""
    run = _run(config)
    name = _policy_name(run, policy)
    kept = _keep(run, "filing", "ended", policy=name, **said)
    click.echo(f"recorded: the use ended under {name}; row {kept} of the log")


@click.group()
def log() -> None:
    """The decision log: everything decided, attested and filed; append-only."""


@log.command("show")
@_config
@_format
def log_show(config: str, form: str) -> None:
    """List all entries, oldest first."""
    from dataclasses import asdict

    from plugins.decided import open_log

    entries = open_log(_run(config)).entries()
    if form == "json":
        click.echo(json.dumps({"entries": [asdict(entry) for entry in entries]}, ensure_ascii=False, default=str))
        return
    for number, entry in enumerate(entries, start=1):
        until = f" until {entry.until}" if entry.until else ""
        findings_ = f"{len(entry.findings)} findings" if entry.findings else ""
        about = ", ".join(filter(None, (entry.policy, entry.store, findings_)))
        note = f": {entry.note}" if entry.note else ""
        click.echo(f"{number} {entry.on}{until} {entry.kind} {entry.what} ({about or 'all'}) by {entry.by}{note}")


@log.command("verify")
@_config
def log_verify(config: str) -> None:
    """Prove that no entry was changed, removed or put in: hash chain, and the heads that runs have written down."""
    from plugins.decided import open_log

    run = _run(config)
    chain = open_log(run)
    notes = [commit.fragment.notes for commit in run.evidence.commits()]
    heads = [note["log_head"] for note in notes if "log_head" in note]
    problems = chain.problems([(int(number), str(digest)) for number, digest in heads])
    for problem in problems:
        click.echo(f"NOT whole: {problem}")
    if problems:
        raise SystemExit(1)
    number, digest = chain.head()
    click.echo(f"whole: {number} entries, last hash {digest}; held against what {len(heads)} runs have seen")


def _run(config: str) -> Run:
    from plugins.request import RunRequest
    from plugins.run import Run
    from plugins.settings import load_settings

    today = datetime.now(load_settings(config).controller.zone).date()
    return Run(RunRequest(str(Path(config).absolute()), "decide", today))


def _policy_name(run: Run, policy: str | None) -> str:
    from expectations.policy import load_policy

    return load_policy(run.whole.policy_path(policy or run.whole.policy)).name


def _current(run: Run) -> pd.DataFrame:
    """Give the findings of the last judgement, with what was decided since."""
    from expectations.decisions import statuses
    from plugins.decided import decisions_frame, open_log
    from plugins.gather import history_of

    found = run.evidence.read("findings")
    decided = decisions_frame(open_log(run).entries())
    return found.assign(status=statuses(found["finding_id"], run.request.as_of, history_of(run), decided))


def _full(ids: tuple[str, ...], known: pd.DataFrame) -> tuple[str, ...]:
    """Complete shortened ids."""
    found = []
    for short in ids:
        fits = known["finding_id"][known["finding_id"].str.startswith(short)].tolist() if len(short) >= 8 else []
        if len(fits) != 1:
            raise click.UsageError(
                f"{short!r} names {len(fits)} present findings; give an id, or 8 or more of its first digits "
                "(`facewarden findings` lists them)"
            )
        found.append(str(fits[0]))
    return tuple(found)


def _chosen(known: pd.DataFrame, ids: tuple[str, ...], rule: str | None, store: str | None) -> pd.DataFrame:
    for column, wanted in (("rule", rule), ("store", store)):
        if wanted is not None:
            if wanted not in set(known[column]):
                there = ", ".join(sorted(set(filter(None, known[column])))) or "none"
                raise click.UsageError(f"no present finding has the {column} {wanted!r}; there are: {there}")
            known = known[known[column] == wanted]
    return known[known["finding_id"].isin(ids)] if ids else known


def _keep(run: Run, kind: Any, what: str, **said: Any) -> int:
    """Write one entry; give its number."""
    from plugins.decided import open_log
    from plugins.decision_log import Entry

    on, until = _day(said.pop("on")) or run.request.as_of, _day(said.pop("until", None))
    if until and until < on:
        raise click.UsageError(f"--until {until} is before --on {on}; correct them")
    link = said.pop("link")
    entry = Entry(kind, what, on=on, until=until, at=datetime.now(UTC), evidence_link=link, **said)
    return open_log(run).append(entry)[0]


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None
