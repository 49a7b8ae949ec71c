"""Imports run downhill only, and nothing in plugins/ hides a module of the standard library or of another package."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED: dict[str, set[str]] = {
    "dags": {"plugins"},
    "plugins": {"detectors", "expectations"},
    "detectors": set(),
    "expectations": set(),
}


def sources() -> list[Path]:
    return sorted(path for folder in ALLOWED for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the whole name"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downhill(path: Path) -> None:
    here = path.relative_to(ROOT).parts[0]
    reached = {name.split(".")[0] for name in imported(path)} & set(ALLOWED)
    assert reached - {here} <= ALLOWED[here]


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_of_our_folders_are_imported_by_their_whole_name(path: Path) -> None:
    bare = {p.stem for p in (ROOT / "plugins").iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert not {name.split(".")[0] for name in imported(path)} & (bare - {"__init__", "airflow_local"})


@pytest.mark.parametrize("folder", ["detectors", "expectations"])
def test_the_two_leaves_know_no_airflow(folder: str) -> None:
    users = [p for p in (ROOT / folder).rglob("*.py") if any(n.split(".")[0] == "airflow" for n in imported(p))]
    assert users == []


def test_no_module_is_named_after_the_standard_library() -> None:
    # Elsewhere a module is only ever imported by its whole name; plugins/ itself is put on sys.path by Airflow.
    under_plugins = {p.stem for p in (ROOT / "plugins").rglob("*.py")} - {"__init__"}
    assert not under_plugins & set(sys.stdlib_module_names)


def test_airflow_loads_nothing_of_the_plugins_folder_but_register() -> None:
    lines = (ROOT / "plugins" / ".airflowignore").read_text(encoding="utf-8").split()
    assert lines == ["*", "!register.py"]


def test_no_python_lives_in_the_docker_folder() -> None:
    assert not list((ROOT / "docker").rglob("*.py"))
