"""Decisions about findings: how they hold from night to night, the log that shows tampering, the commands."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from expectations.decisions import statuses
from plugins import tasks
from plugins.cli import cli
from plugins.decided import open_log
from plugins.decision_log import FIRST, DecisionLog, DecisionProblem, Entry
from plugins.evidence import Evidence
from plugins.nightly import scan
from plugins.run import Run
from tests.databases import Database
from tests.organisation import AS_OF, Organisation

pytest_plugins = ("tests.databases",)
CLOCK = datetime(2026, 10, 21, tzinfo=UTC)
NEXT = AS_OF + timedelta(days=1)


def entry(what: str = "acknowledged", *ids: str, **more: object) -> Entry:
    return Entry("decision", what, "dpo", AS_OF, CLOCK, findings=ids, **more)  # type: ignore[arg-type]


# -- how a finding stands ----------------------------------------------------------------------------------------------


def decided(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["finding_id", "state", "decided_on", "valid_until"])


def closed(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["finding_id", "first_seen", "closed_on"])


D1, D2, D3 = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)


@pytest.mark.parametrize(
    ("decisions", "history", "status"),
    [
        pytest.param(decided(), closed(), "open", id="nobody decided"),
        pytest.param(decided(("f", "acknowledged", D1, None)), closed(), "acknowledged", id="acknowledged"),
        pytest.param(decided(("g", "acknowledged", D1, None)), closed(), "open", id="another one"),
        pytest.param(decided(("f", "accepted", D1, D2)), closed(), "accepted", id="accepted until the day itself"),
        pytest.param(decided(("f", "accepted", D1, D2 - timedelta(days=1))), closed(), "reopened", id="accepted, over"),
        pytest.param(decided(("f", "legal_hold", D3, None)), closed(), "open", id="decided later than the day"),
        pytest.param(decided(("f", "false_positive", D1, None), ("f", "open", D2, None)), closed(), "open",
                     id="taken back"),
        pytest.param(decided(("f", "resolved", D1, None)), closed(), "reopened", id="resolved, and found again"),
        pytest.param(decided(), closed(("f", D1, D1)), "reopened", id="closed by a scan, and found again"),
        pytest.param(decided(), closed(("f", D1, D3)), "open", id="closed later than the day"),
        pytest.param(decided(("f", "acknowledged", D1, None)), closed(("f", D1, D2)), "reopened", id="closed since"),
        pytest.param(decided(("f", "acknowledged", D2, None)), closed(("f", D1, D1)), "acknowledged",
                     id="decided since"),
        pytest.param(decided(("f", "legal_hold", D1, None)), closed(("f", D1, D2)), "legal_hold", id="a hold stays"),
    ],
)  # fmt: skip
def test_the_last_decision_holds_until_it_is_over_or_the_finding_was_closed(
    decisions: pd.DataFrame, history: pd.DataFrame, status: str
) -> None:
    assert statuses(pd.Series(["f"]), D2, history, decisions).tolist() == [status]


# -- the log -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def log(database: Database) -> DecisionLog:
    return DecisionLog(database.engine.url)


def test_entries_come_back_as_they_were_written(log: DecisionLog) -> None:
    assert (log.entries(), log.head(), log.problems()) == ([], (0, FIRST), [])
    written = [
        entry("accepted", "a", "b", until=date(2026, 12, 31), note="Grüße: ‘so’", evidence_link="dms://1"),
        Entry("filing", "filing", "dpo", AS_OF, CLOCK, policy="cn-measures-2025", facts={"people": 7, "stores": {}}),
    ]
    heads = [log.append(one) for one in written]
    assert log.entries() == written
    assert [number for number, _ in heads] == [1, 2]
    assert log.head() == heads[-1]
    assert log.problems(heads) == []


def test_two_who_decide_at_once_lose_nothing(log: DecisionLog) -> None:
    def decide(who: int) -> None:
        for n in range(10):
            log.append(entry("acknowledged", f"{who}-{n}"))

    threads = [threading.Thread(target=decide, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [e.findings[0] for e in log.entries()]
    assert sorted(kept) == sorted(f"{who}-{n}" for who in range(4) for n in range(10))
    for who in range(4):
        own = [kept.index(f"{who}-{n}") for n in range(10)]
        assert own == sorted(own), "each one's decisions stand in the order they were made"
    assert log.problems() == []


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "UPDATE {t} SET content = replace(content, 'acknowledged', 'legal_hold') WHERE number = 2",
            "row 2 was changed",
        ),
        ("DELETE FROM {t} WHERE number = 2", "row 2 is missing: the next one is 3"),
        ("DELETE FROM {t} WHERE number = 4", "row 4 is missing at the end: a run has seen it"),
        ("UPDATE {t} SET previous = hash WHERE number = 3", "row 3 does not follow from the row before it"),
    ],
)
def test_tampering_shows(log: DecisionLog, statement: str, told: str) -> None:
    heads = [log.append(entry("acknowledged", str(n))) for n in range(4)]
    with log._engine.begin() as connection:
        connection.exec_driver_sql(statement.format(t="facewarden_decisions"))
    [problem] = log.problems(heads)
    assert problem.startswith(told)


def test_a_log_that_was_written_anew_is_whole_in_itself_but_not_what_runs_have_seen(tmp_path: Path) -> None:
    seen = DecisionLog(sa.make_url(f"sqlite:///{tmp_path}/one.db"))
    head = seen.append(entry("legal_hold", "f"))
    forged = DecisionLog(sa.make_url(f"sqlite:///{tmp_path}/other.db"))
    forged.append(entry("false_positive", "f"))
    assert forged.problems() == []
    assert forged.problems([head]) == [
        "row 1 is not the one that a run has seen: the log was written anew from there or before"
    ]


def test_a_database_that_cannot_be_reached_is_told_in_one_line_without_its_password() -> None:
    gone = DecisionLog(sa.make_url("postgresql+psycopg://dpo:hidden-word@127.0.0.1:1/nowhere"))
    with pytest.raises(DecisionProblem) as caught:
        gone.entries()
    assert "hidden-word" not in str(caught.value)
    assert "\n" not in str(caught.value)


# -- nights and commands -----------------------------------------------------------------------------------------------


def call(organisation: Organisation, *words: str, fails: int = 0) -> Result:
    result = CliRunner().invoke(cli, [words[0], *_group(words), "-c", str(organisation.settings), *_rest(words)])
    assert result.exit_code == fails, result.output + str(result.exception)
    return result


def _group(words: tuple[str, ...]) -> list[str]:
    return [words[1]] if words[0] == "log" else []


def _rest(words: tuple[str, ...]) -> list[str]:
    return list(words[2:] if words[0] == "log" else words[1:])


def judged(organisation: Organisation, run_id: str, day: date) -> pd.DataFrame:
    tasks.rejudge(organisation.request(run_id, day), CLOCK + timedelta(minutes=int(run_id[1:])))
    return Evidence(str(organisation.folder / "evidence")).read("findings")


def status_of(findings: pd.DataFrame, finding_id: str) -> str:
    return str(findings.set_index("finding_id")["status"][finding_id])


@pytest.fixture
def scanned(organisation: Organisation) -> Organisation:
    scan(organisation.request(), lambda: CLOCK, lambda total: lambda n: None)
    return organisation


def test_decisions_survive_the_nights_and_what_is_gone_comes_back_reopened(scanned: Organisation) -> None:
    listed = json.loads(call(scanned, "findings", "--rule", "retention_overdue", "--format", "json").stdout)["findings"]
    hold, accepted = (row["finding_id"] for row in listed[:2])
    day = ["--by", "legal department", "--on", AS_OF.isoformat()]
    call(scanned, "decide", hold[:12], "--as", "legal-hold", *day)
    call(scanned, "decide", accepted, "--as", "accepted", "--until", NEXT.isoformat(), *day)
    tomorrow = judged(scanned, "j1", NEXT)
    assert (status_of(tomorrow, hold), status_of(tomorrow, accepted)) == ("legal_hold", "accepted")
    later = judged(scanned, "j2", NEXT + timedelta(days=1))
    assert (status_of(later, hold), status_of(later, accepted)) == ("legal_hold", "reopened")
    report = json.loads(Evidence(str(scanned.folder / "evidence")).read_bytes("reports/j2.json"))
    assert report["findings"]["decided"] == {"legal_hold": 1}
    assert sum(entry["hold"] for entry in report["retention"]) == 1
    # another policy takes it away, and does not resolve it
    at = CLOCK + timedelta(minutes=3)
    tasks.rejudge(scanned.request("j3", NEXT + timedelta(days=1)), at, policy="kr")
    back = judged(scanned, "j4", NEXT + timedelta(days=2))
    assert status_of(back, hold) == "legal_hold"
    assert (back["status"] == "reopened").sum() == 1
    assert back.set_index("finding_id")["first_seen"][accepted] == AS_OF


def test_what_was_deleted_is_closed_and_reopened_when_it_is_there_again(organisation: Organisation) -> None:
    late = organisation.folder / "stores" / "gate" / "cam1_20261001T090000.jpg"
    data = late.read_bytes()

    def night(name: str, day: date) -> pd.DataFrame:
        scan(organisation.request(name, day), lambda: CLOCK + timedelta(hours=day.day), lambda total: lambda n: None)
        return Evidence(str(organisation.folder / "evidence")).read("findings")

    first = night("n1", AS_OF)
    [finding] = first[(first["rule"] == "retention_overdue") & (first["locator"].str.endswith(late.name))]["finding_id"]
    late.unlink()
    assert finding not in set(night("n2", NEXT)["finding_id"])
    gone = Evidence(str(organisation.folder / "evidence")).read("closed").set_index("finding_id").loc[finding]
    assert (gone["closed_on"], gone["why"], gone["first_seen"]) == (NEXT, "objects gone", AS_OF)
    late.write_bytes(data)
    again = night("n3", NEXT + timedelta(days=1))
    assert status_of(again, finding) == "reopened"
    assert again.set_index("finding_id")["first_seen"][finding] == AS_OF


def test_a_filing_stops_its_clock_and_a_drift_starts_the_one_of_a_change(scanned: Organisation) -> None:
    text = scanned.settings.read_text().replace("cn-draft-2023", "./tiny.yaml")
    scanned.settings.write_text(text)
    measures = Path("expectations/policies/cn-measures-2025.yaml").read_text(encoding="utf-8")
    tiny = measures.replace("people: 100000", "people: 2").replace("name: cn-measures-2025", "name: tiny", 1)
    (scanned.folder / "tiny.yaml").write_text(tiny, encoding="utf-8")
    before = judged(scanned, "j1", AS_OF)
    assert "threshold_filing" in set(before["rule"])
    call(scanned, "filed", "--by", "dpo", "--on", AS_OF.isoformat())
    after = judged(scanned, "j2", NEXT)
    assert {"threshold_filing", "change_filing"} & set(after["rule"]) == set()
    report = json.loads(Evidence(str(scanned.folder / "evidence")).read_bytes("reports/j2.json"))
    [clock] = report["filing"]
    assert (clock["filed_on"], clock["found_by"]) == (AS_OF.isoformat(), "j1")
    scanned.settings.write_text(text.replace("retention: {max_days: 60}", "retention: {max_days: 90}"))
    changed = judged(scanned, "j3", NEXT + timedelta(days=1))
    [why] = changed[changed["rule"] == "change_filing"]["because"]
    assert "The retention of hall was filed as 60 days at most and is 90 days at most." in why
    call(scanned, "filed", "--kind", "change", "--by", "dpo", "--on", (NEXT + timedelta(days=2)).isoformat())
    assert "change_filing" not in set(judged(scanned, "j4", NEXT + timedelta(days=3))["rule"])
    call(scanned, "ended", "--by", "dpo", "--on", (NEXT + timedelta(days=4)).isoformat())
    ended = judged(scanned, "j5", NEXT + timedelta(days=5))
    assert "end_filing" in set(ended["rule"])


def test_attestations_are_asked_for_reminded_of_and_counted(scanned: Organisation) -> None:
    before = judged(scanned, "j1", AS_OF)
    missing = before[before["rule"] == "attestation_missing"]
    assert set(missing["locator"]) == {"impact_assessment", "device_test", "sign_and_necessity", "confidentiality"}
    assert set(missing[missing["locator"] == "confidentiality"]["store"]) == {"hall"}
    common = ["--by", "dpo", "--on", AS_OF.isoformat(), "--evidence", "dms://7"]
    call(scanned, "attest", "impact_assessment", *common)
    call(scanned, "attest", "device_test", *common, "--until", (AS_OF + timedelta(days=40)).isoformat())
    call(scanned, "attest", "confidentiality", *common, "--store", "hall")
    after = judged(scanned, "j2", NEXT)
    assert set(after[after["rule"] == "attestation_missing"]["locator"]) == {"sign_and_necessity"}
    soon = judged(scanned, "j3", AS_OF + timedelta(days=11))
    [due] = soon[soon["rule"] == "attestation_lapsing"]["due"]
    assert due == AS_OF + timedelta(days=40)
    lapsed = judged(scanned, "j4", AS_OF + timedelta(days=41))
    [row] = lapsed[(lapsed["rule"] == "attestation_missing") & (lapsed["locator"] == "device_test")]["because"]
    assert f"valid until {AS_OF + timedelta(days=40)}" in row


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("attest", "impact_assesment", "--by", "dpo"), "did you mean `impact_assessment`?"),
        (("attest", "impact_assessment", "--by", "dpo", "--store", "hal"), "did you mean `hall`?"),
        (("attest", "retention_reason", "--by", "dpo"), "give --store"),
        (("decide", "--as", "open", "--by", "dpo"), "name findings by their ids"),
        (("decide", "0123456789ab", "--as", "open", "--by", "dpo"), "names 0 present findings"),
        (("decide", "0123", "--as", "open", "--by", "dpo"), "8 or more of its first digits"),
        (("decide", "--rule", "retention_overdue", "--as", "accepted", "--by", "dpo"), "needs --until DAY"),
        (("decide", "--rule", "overdue", "--as", "open", "--by", "dpo"), "no present finding has the rule 'overdue'"),
        (("attest", "device_test", "--by", "dpo", "--on", "2026-02-01", "--until", "2026-01-01"), "is before --on"),
    ],
)  # fmt: skip
def test_a_slip_is_answered_with_what_was_allowed(scanned: Organisation, words: tuple[str, ...], told: str) -> None:
    result = call(scanned, *words, fails=2)
    assert told in result.output
    assert open_log(Run(scanned.request())).entries() == []


def test_the_log_is_shown_and_proved_whole_or_not(scanned: Organisation) -> None:
    call(scanned, "attest", "device_test", "--by", "dpo", "--note", "tested by the maker")
    judged(scanned, "j1", NEXT)
    assert "attestation device_test (all) by dpo: tested by the maker" in call(scanned, "log", "show").output
    assert call(scanned, "log", "verify").output.startswith("whole: 1 entries")
    with sa.create_engine(f"sqlite:///{scanned.folder}/decisions.db").begin() as connection:
        connection.exec_driver_sql("DELETE FROM facewarden_decisions")
    assert "NOT whole: row 1 is missing at the end: a run has seen it" in call(scanned, "log", "verify", fails=1).output
