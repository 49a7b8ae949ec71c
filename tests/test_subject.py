"""What is stored of one person: found by id or pseudonym, complete, judged, and told without opening an image."""

from __future__ import annotations

import html
import json
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from plugins import nightly
from plugins.cli import cli, main
from plugins.keys import Keyring
from plugins.reports.subject_page import to_page
from plugins.run import Run
from plugins.subject import find_subject
from plugins.supervise import Supervisor
from tests.organisation import Organisation, make_organisation

CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)
LINK = "https://dms.example.org/anna-schmidt.pdf"
MORE = """
      evidence_link: proof
      notice_version: notice
grounds:
  - {purpose: access_control, store: gate, ground: safety order, article: Art. 9, attested_by: DPO,
     attested_on: 2026-01-01}
"""


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Organisation:
    """An organisation after a night; its gate's pictures of one day are filed under SECRET-ID-1."""
    made = make_organisation(tmp_path_factory.mktemp("org"), pictures)
    (made.folder / "registry.csv").write_text(
        "id,purpose,kind,granted,withdrawn,proof,notice\n"
        f"SECRET-ID-1,access_control,written,2026-01-05,,{LINK},v2\n"
        "SECRET-ID-2,access_control,separate,2026-02-05,2026-05-01,,\n"
        "SECRET-ID-9,access_control,separate,2026-02-05,,,\n"
        "SECRET-ID-9,access_control,separate,yesterday,,,\n"
    )
    text = made.settings.read_text()
    text = text[: text.index("consents:")].replace(
        'captured_pattern: "%Y%m%dT%H%M%S"',
        'captured_pattern: "%Y%m%dT%H%M%S", subject_pattern: "cam(?P<subject>1)_20261001"',
    )
    registry = "consents:\n  - name: paper\n    path: registry.csv\n    columns:\n"
    mapped = "subject: id\npurpose: purpose\nkind: kind\ngranted_at: granted\nwithdrawn_at: withdrawn"
    registry += "".join(f"      {line}\n" for line in mapped.splitlines())
    made.settings.write_text(text + registry.rstrip() + MORE)
    nightly.scan(made.request(), lambda: CLOCK, lambda n: lambda k: None)
    return made


@pytest.fixture
def ask(scanned: Organisation, monkeypatch: pytest.MonkeyPatch) -> Any:
    def refuse(self: object) -> None:
        raise AssertionError("a picture was opened")

    monkeypatch.setattr(Supervisor, "ready", refuse)

    def asking(*words: str, **more: Any) -> Result:
        return CliRunner().invoke(
            cli, ["subject", *words, "-c", str(scanned.settings), "--as-of", "2026-10-20"], **more
        )

    return asking


def found(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_every_place_of_a_person_is_found_with_dates_consents_and_retention(ask: Any, scanned: Organisation) -> None:
    person = found(ask("SECRET-ID-1", "--format", "json"))
    ref = Keyring.open(scanned.folder / "secrets").pseudonym("person", "SECRET-ID-1")
    assert (person["subject_ref"], person["taken_as"], person["stored"]) == (ref, "id", True)
    places = {(p["store"], p["what"]): p for p in person["places"]}
    assert set(places) == {("access", "template"), ("access", "image"), ("access", "picture")}
    record, picture = places["access", "template"], places["access", "picture"]
    assert (record["where"], record["find_by"]) == ("people", "id")
    assert record["stored_at"] == "2026-01-04T16:00:00+00:00"
    assert record["keeping"] == {
        "state": "within",
        "started_on": "2026-10-01",
        "last_day": "2027-10-01",
        "overdue_days": 0,
    }
    assert "SECRET-ID-1" in picture["find_by"], "the row of the picture, which erasing it needs"
    assert "SECRET-ID-1" not in picture["where"]
    [consent] = person["consents"]
    assert (consent["registry"], consent["kind"], consent["notice_version"]) == ("paper", "written", "v2")
    assert consent["evidence_link"] == LINK
    assert [s["state"] for s in person["states"]] == ["consented"]
    assert [g["ground"] for g in person["grounds"]] == ["safety order"]
    assert person["faces_linked"] == 1
    assert person["findings"] == []


def test_a_withdrawn_and_an_overdue_person_are_told_with_what_was_found(ask: Any) -> None:
    withdrawn = found(ask("SECRET-ID-2", "--format", "json"))
    assert [(s["state"], s["since"]) for s in withdrawn["states"]] == [("withdrawn_still_stored", "2026-05-01")]
    assert [f["rule"] for f in withdrawn["findings"]] == ["withdrawn_still_stored"]
    overdue = found(ask("SECRET-ID-3", "--format", "json"))
    assert {f["rule"] for f in overdue["findings"]} == {"no_recorded_ground", "retention_overdue"}
    assert overdue["places"][0]["keeping"] == {
        "state": "overdue",
        "started_on": "2025-02-01",
        "last_day": "2026-02-01",
        "overdue_days": 261,
    }


def test_pictures_in_folders_are_found_in_the_namespace_they_are_filed_in(ask: Any) -> None:
    person = found(ask("1", "--format", "json"))
    [place] = person["places"]
    assert (place["store"], place["what"], place["find_by"]) == ("gate", "picture", None)
    assert place["where"].endswith("cam1_20261001T090000.jpg")
    assert place["keeping"]["state"] == "overdue"
    assert found(ask("1", "--namespace", "staff", "--format", "json"))["stored"] is False


def test_a_pseudonym_finds_the_same_as_the_id(ask: Any) -> None:
    by_id = found(ask("SECRET-ID-2", "--format", "json"))
    by_pseudonym = found(ask(by_id["subject_ref"], "--format", "json"))
    assert by_pseudonym == {**by_id, "taken_as": "pseudonym"}


def test_who_is_stored_nowhere_is_told_so_plainly(ask: Any) -> None:
    result = ask("SECRET-ID-77")
    assert result.exit_code == 0
    assert "stored: nowhere" in result.stdout
    assert found(ask("SECRET-ID-77", "--format", "json"))["places"] == []
    consented = found(ask("SECRET-ID-9", "--format", "json"))
    assert (consented["stored"], len(consented["consents"]), consented["states"]) == (False, 1, [])


def test_faces_that_are_filed_under_nobody_are_said_not_to_have_been_asked(ask: Any) -> None:
    assert found(ask("SECRET-ID-1", "--format", "json"))["faces_linked_to_nobody"] == {"gate": 1, "hall": 1}
    assert "faces that are filed under nobody may show this person: gate 1, hall 1" in ask("SECRET-ID-1").stdout


def test_the_page_to_print_says_the_same_and_only_its_owner_can_read_it(ask: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("older")
    page.chmod(0o644)
    result = ask("-", "-o", str(page), input="SECRET-ID-1\n")
    assert result.exit_code == 0
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    text = re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", page.read_text(encoding="utf-8"))))
    for said in ("What Test Town stores of one person", "access", "people", "template", "5 Jan 2026", LINK, "v2",
                 "consent on record", "to be kept until 1 Oct 2027", "safety order", "hall 1"):  # fmt: skip
        assert said in text or said.replace("5 Jan", "4 Jan") in text
    assert "<script" not in page.read_text(encoding="utf-8")


def test_everything_on_the_page_is_escaped(scanned: Organisation) -> None:
    person = find_subject(Run(scanned.request("page")), "SECRET-ID-1", "person")
    object.__setattr__(person, "controller", "<b>Town</b>")
    assert "<b>Town</b>" not in to_page(person)


def test_the_id_stands_in_no_log_and_no_repr(ask: Any, scanned: Organisation, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    result = ask("SECRET-ID-2")
    person = find_subject(Run(scanned.request("page")), "SECRET-ID-2", "person")
    assert "SECRET" not in caplog.text + repr(person) + result.stdout + result.stderr


def test_without_evidence_or_with_an_empty_id_there_is_one_line(
    ask: Any, organisation: Organisation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["facewarden", "subject", "X", "-c", str(organisation.settings)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert "there is no evidence to look in yet; run `facewarden scan` first" in capsys.readouterr().err
    assert ask("  ").exit_code == 2


def test_the_report_counts_who_consented_and_is_not_stored_and_what_was_set_aside(scanned: Organisation) -> None:
    from plugins import tasks

    report = json.loads(tasks.report_text(scanned.request(run_id=""), "json"))
    assert report["consent"]["nothing_stored"] == {"access_control": 1}
    assert report["consent"]["refused"] == 1
    assert report["consent"]["refused_listed"] == [{"registry": "paper", "row": 5, "reason": "granted_at is no time"}]
    page = tasks.report_text(scanned.request(run_id=""), "html")
    assert "Consent on record, nothing stored" in page
    assert "1 entry was set aside" in page
    [purpose] = report["consent"]["purposes"]
    assert purpose["states"]["other_ground_attested"] == 1, "the picture at the gate"
