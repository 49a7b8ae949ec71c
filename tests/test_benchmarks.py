"""The benchmarks' runner and their lock file; what they measure is for `make bench`."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "benchmarks"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The runner with three subjects that measure nothing, in an empty folder."""
    spec = importlib.util.spec_from_file_location("benchmark_runner", FOLDER / "run.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "NAMES", ("one", "two", "three"))
    for number, name in enumerate(module.NAMES, 1):
        subject = SimpleNamespace(measure=lambda name=name, number=number: {f"{name}_seconds": number / 3e7})
        monkeypatch.setitem(sys.modules, name, subject)
    return module


def written() -> dict[str, float]:
    return json.loads(Path("build/bench.json").read_text(encoding="utf-8"))


def test_all_subjects_make_one_object_of_figures(runner: ModuleType) -> None:
    runner.main([])
    assert written() == {"one_seconds": 3.333e-08, "two_seconds": 6.667e-08, "three_seconds": 1e-07}


@pytest.mark.parametrize("words", [["one,three"], ["one", "three"], ["one,", "three"]])
def test_only_the_subjects_asked_for_are_run_and_older_figures_do_not_stay(
    runner: ModuleType, words: list[str]
) -> None:
    runner.main([])
    runner.main(words)
    assert sorted(written()) == ["one_seconds", "three_seconds"]


def test_an_unknown_subject_is_told_with_the_ones_there_are(runner: ModuleType) -> None:
    with pytest.raises(SystemExit, match="no benchmark four; there are one, two, three"):
        runner.main(["one,four"])
    assert not Path("build").exists()


def test_what_a_figure_is_to_be_is_said_beside_it(
    runner: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "MOST", {"one_seconds": 3.333e-8, "two_seconds": 6e-8})
    monkeypatch.setattr(runner, "LEAST", {"three_seconds": 1e-7})
    runner.main([])
    said = [line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()]
    assert said == ["at most 3.333e-08: met", "at most 6e-08: MISSED", "at least 1e-07: met"]


def test_every_file_of_the_folder_is_a_subject_and_can_be_run() -> None:
    names = ast.literal_eval(re.search(r"^NAMES = (\(.*?\))$", (FOLDER / "run.py").read_text(), re.M | re.S)[1])
    others = {"run", "measuring", "crowd", "listing-server"}
    assert set(names) == {path.stem.replace("_", "-") for path in FOLDER.glob("*.py")} - others
    assert all("\ndef measure() -> Figures:" in (FOLDER / f"{name.replace('-', '_')}.py").read_text() for name in names)


def test_the_benchmarks_lock_adds_to_the_development_lock_and_changes_nothing_in_it() -> None:
    def pins(name: str) -> set[tuple[str, str, str]]:
        text = (ROOT / name).read_text(encoding="utf-8")
        return set(re.findall(r"^([\w.-]+)==([^ ;\\]+)(.*?)\\$", text, re.M))

    added, standing = pins("requirements-bench.lock"), pins("requirements-dev.lock")
    assert {"dlib-bin", "scikit-learn"} <= {name for name, *_ in added}
    versions = {name: {v for n, v, _ in standing if n == name} for name, *_ in standing}
    assert not [(name, version) for name, version, _ in added if version not in versions.get(name, {version})]
