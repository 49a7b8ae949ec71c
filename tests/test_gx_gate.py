"""The gate: it says nothing about anybody, and whatever keeps it from judging breaks it instead of passing."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from expectations import suite as gate
from expectations.columns import CONSENTS, SUBJECTS
from expectations.consent import STATE_DTYPE
from expectations.errors import GateBroken
from expectations.judgement import Facts, judge
from expectations.policy import load_policy

POLICY = load_policy("cn-draft-2023")
ROOT = Path(__file__).parent.parent


def states(*names: str | None) -> pd.DataFrame:
    return pd.DataFrame({"consent_state": pd.Categorical(names, dtype=STATE_DTYPE)})


def run(name: str, frame: pd.DataFrame, floor: float = 0.95) -> dict[str, Any]:
    (check,) = gate.run_gate({name: frame}, POLICY, floor)
    return check


@pytest.mark.parametrize(
    ("name", "frame", "unexpected"),
    [
        pytest.param("consent", states("consented", "expired", "consented", "no_recorded_ground"), 2, id="consent"),
        pytest.param("consent", states("consented"), 0, id="all consented"),
        pytest.param("consent", states(), 0, id="nobody"),
        pytest.param("consent", states("other_ground_attested", "ambiguous"), 1, id="attested is a ground"),
        pytest.param("consent: expired", states("consented", "expired", "ambiguous"), 1, id="one state"),
        pytest.param("registry: kind", pd.DataFrame({"kind": ["separate", "bundled", "", "verbal"]}), 2, id="kinds"),
        pytest.param("registry: end", pd.DataFrame({"seconds_held": [0.0, 5.0, -1.0]}), 1, id="ends before it begins"),
        pytest.param("retention", pd.DataFrame({"overdue_days": [-3.0, 0.0, 1.0]}), 1, id="retention"),
        pytest.param("retention", pd.DataFrame({"overdue_days": pd.Series([], dtype="float64")}), 0, id="no clocks"),
        pytest.param("head-count", pd.DataFrame({"people_high": [10_000]}), 0, id="head-count at the line"),
        pytest.param("head-count", pd.DataFrame({"people_high": [10_001]}), 1, id="head-count over the line"),
        pytest.param("coverage", pd.DataFrame({"share_examined": [0.95, 1.0, 0.94]}), 1, id="coverage"),
    ],
)
def test_each_check_counts_what_is_off(name: str, frame: pd.DataFrame, unexpected: int) -> None:
    check = run(name, frame)
    assert check == {
        "check": name,
        "expectation": check["expectation"],
        "success": unexpected == 0,
        "evaluated": len(frame),
        "unexpected": unexpected,
    }
    assert json.loads(json.dumps(check)) == check


SECRETS = {
    "subject_ref": "5ec3e7f00d5ec3e7f00d5ec3e7f00d00",
    "uri": "station/hall/anna-20260101T101112.jpg",
    "store": "station-cameras",
    "table": "staff_table",
    "purpose": "turnstile-purpose",
}
DAYS = ("2024-02-03", "2024-04-05", "2011-09-08", "2026-01-01")


@pytest.fixture
def planted() -> Facts:
    """Facts in which every check finds something, full of strings that must not travel."""
    day = {name: datetime.fromisoformat(text).replace(tzinfo=UTC) for name, text in zip("abcd", DAYS, strict=True)}
    named = {name: [SECRETS[name]] for name in ("store", "subject_ref", "purpose")}
    subject = {**named, "table": ["staff_table"], "data_class": ["image"], "stored_at": [day["a"]], "minor": [True]}
    consent = {
        "subject_ref": named["subject_ref"],
        "purpose": named["purpose"],
        "kind": ["separate"],
        "guardian": [False],
    }
    return Facts(
        objects=pd.DataFrame(
            {"store": ["cam"], "uri": [SECRETS["uri"]], "captured_at": [day["d"]], "status": ["scanned"], "faces": [1]}
        ).assign(subject_ref=SECRETS["subject_ref"]),
        faces=pd.DataFrame({"store": ["cam"], "uri": [SECRETS["uri"]], "subject_ref": [SECRETS["subject_ref"]]}),
        subjects=pd.DataFrame(subject, columns=SUBJECTS.names).assign(
            born_on=day["c"].date(), last_interaction_at=None
        ),
        consents=pd.DataFrame(consent, columns=CONSENTS.names).assign(withdrawn_at=day["b"]),
        census=pd.DataFrame({"scope": ["all"], "people_low": [1], "people_high": [54_321]}),
        coverage=pd.DataFrame({"store": [SECRETS["store"]], "seen": [9], "scanned": [1], "unchanged": [0]}),
        stores=pd.DataFrame(
            {"store": ["cam", SECRETS["store"]], "kind": ["objects", "database"], "public_place": [False, False]}
        ).assign(purpose=SECRETS["purpose"], max_days=30),
    )


def test_neither_raw_results_nor_logs_hold_a_person_a_place_or_a_day(
    planted: Facts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    raw: list[str] = []
    real = gate.validate

    def spy(*args: Any) -> Any:
        result = real(*args)
        raw.append(json.dumps(result.to_json_dict(), default=str) + repr(result))
        return result

    monkeypatch.setattr(gate, "validate", spy)
    caplog.set_level(logging.DEBUG)
    judged = judge(planted, POLICY, date(2026, 3, 15))
    counted = {check["check"]: check["unexpected"] for check in judged.checks}
    off = {"consent": 1, "consent: withdrawn_still_stored": 1, "retention": 2, "coverage": 1, "head-count": 1}
    assert {name: n for name, n in counted.items() if n} == off
    assert len(raw) == len(gate.COLUMNS)
    out = capfd.readouterr()
    travelled = "".join([*raw, caplog.text, out.out, out.err, repr(judged.checks), repr(judged)])
    seen = [secret for secret in (*SECRETS.values(), *DAYS, "54321", "cam/") if secret in travelled]
    assert seen == []
    assert '"unexpected_count": 1' in raw[0]


PLANTED = "anna@example.org"


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        pytest.param("consent", pd.DataFrame({"consent_state": [PLANTED, "consented"]}), id="no state"),
        pytest.param("consent", states("consented", None), id="a row without a state"),
        pytest.param("consent", pd.DataFrame({"consent_state": [True, False]}), id="flags for states"),
        pytest.param("consent", pd.DataFrame({"other": [PLANTED]}), id="column missing"),
        pytest.param("retention", pd.DataFrame({"overdue_days": [PLANTED, "3"]}), id="texts for days"),
        pytest.param("retention", pd.DataFrame({"overdue_days": [1.0, None]}), id="a row without days"),
        pytest.param(
            "retention", pd.DataFrame({"overdue_days": [None, None]}, dtype="float64"), id="only rows without"
        ),
        pytest.param("coverage", pd.DataFrame({"share_examined": [None]}, dtype="float64"), id="no share"),
        pytest.param("coverage", pd.DataFrame({"wrong": [1.0]}), id="coverage column missing"),
        pytest.param("head-count", pd.DataFrame({"people_high": [PLANTED]}), id="text for a count"),
        pytest.param("head-count", pd.DataFrame({"people_high": [None]}, dtype="float64"), id="no count"),
        pytest.param("head-count", pd.DataFrame({"people_high": [1, 2]}), id="two counts"),
        pytest.param("head-count", pd.DataFrame({"people_high": pd.Series([], dtype="int64")}), id="no row"),
    ],
)
def test_what_cannot_be_evaluated_breaks_the_gate_and_quotes_nothing(
    name: str, frame: pd.DataFrame, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(GateBroken) as caught:
        run(name, frame)
    out = capfd.readouterr()
    assert PLANTED not in str(caught.value) + caplog.text + out.out + out.err
    assert caught.value.check == name


def test_an_expectation_that_nobody_registered_breaks_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    built = gate.build_suite("consent", POLICY, 0.95)
    from great_expectations.expectations import registry

    monkeypatch.delitem(registry._registered_expectations, "expect_consent_on_record")
    monkeypatch.setattr(gate, "build_suite", lambda *_: built)
    with pytest.raises(GateBroken, match="refused with ExpectationNotFoundError"):
        run("consent", states("expired"))


def test_an_expectation_that_left_the_suite_breaks_the_gate() -> None:
    context = gate.open_context()
    built = gate.build_suite("consent", POLICY, 0.95)
    names = [expectation.expectation_type for expectation in built.expectations]
    built.expectations = []
    result = gate.validate(context, states("expired"), built)
    assert result.success  # which is why success alone is not believed
    with pytest.raises(GateBroken, match="0 of 1 expectations were evaluated"):
        gate.reduce_result("consent", result, names, 1)


def test_a_check_that_does_not_exist_breaks_the_gate() -> None:
    with pytest.raises(GateBroken, match="there is no such check"):
        gate.build_suite("weather", POLICY, 0.95)


def outcome(**changes: Any) -> Any:
    """One expectation's result as Great Expectations shapes it."""
    good = {"element_count": 3, "unexpected_count": 0, "missing_count": 0}
    one = {
        "expectation_config": SimpleNamespace(type="expect_x"),
        "exception_info": {"raised_exception": False, "exception_traceback": None, "exception_message": None},
        "result": {**good, **changes.pop("result", {})},
        "success": True,
    }
    return SimpleNamespace(results=[SimpleNamespace(**{**one, **changes})], statistics={"evaluated_expectations": 1})


TRACE = f"Traceback (most recent call last):\n  File x\nValueError: could not read '{PLANTED}'\n"
FLAT = {"raised_exception": True, "exception_traceback": TRACE, "exception_message": PLANTED}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"exception_info": FLAT}, "raised ValueError", id="an error, flat"),
        pytest.param({"exception_info": {"('m', 'a=b')": FLAT}, "success": False}, "raised ValueError", id="by metric"),
        pytest.param(
            {"exception_info": {"a": {"raised_exception": False}, "b": {**FLAT, "exception_traceback": None}}},
            "raised an error",
            id="one metric of two, no traceback",
        ),
        pytest.param({"result": {"unexpected_count": None}}, "do not bear out", id="no count, yet success"),
        pytest.param({"result": {"unexpected_count": 2}}, "do not bear out", id="success in spite of a count"),
        pytest.param({"success": False}, "do not bear out", id="failure without a count"),
        pytest.param({"result": {"element_count": 2}}, "did not see all of 3 rows", id="fewer rows"),
        pytest.param({"result": {"missing_count": 1}}, "did not see all of 3 rows", id="a null passed over"),
    ],
)
def test_every_shape_of_an_unreliable_result_breaks_the_gate(changes: dict[str, Any], told: str) -> None:
    assert gate.reduce_result("consent", outcome(), ["expect_x"], 3)[0]["success"]
    with pytest.raises(GateBroken, match=told) as caught:
        gate.reduce_result("consent", outcome(**changes), ["expect_x"], 3)
    assert PLANTED not in str(caught.value)


def child(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )


def test_great_expectations_is_not_loaded_before_the_gate_runs() -> None:
    code = "import sys, expectations.judgement as j, expectations.suite; print('great_expectations' in sys.modules)"
    assert child(code).stdout.strip() == "False"


def test_the_gate_is_silent_even_where_everything_is_logged() -> None:
    code = """
import logging
logging.basicConfig(level=logging.DEBUG)
for name in ("asyncio", "matplotlib", "tzlocal", "faker"):
    logging.getLogger(name).setLevel(logging.ERROR)
import pandas as pd
from expectations.policy import load_policy
from expectations.suite import run_gate
frame = pd.DataFrame({"people_high": [5]})
print(run_gate({"head-count": frame}, load_policy("cn-draft-2023"), 0.9)[0]["success"])
"""
    done = child(code)
    assert done.stdout.strip() == "True"
    assert done.stderr == ""
