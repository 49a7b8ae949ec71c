"""What the README and the docs tell people to type exists: commands, options, targets, files."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from plugins.cli import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def typed(prefix: str) -> list[str]:
    """Give what stands in code blocks and in back-ticks of the pages and begins with a word."""
    found: set[str] = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
        for line in [*"\n".join(blocks).splitlines(), *inline]:
            line = line.split("  #")[0].strip()
            if re.match(rf"({re.escape(prefix)})(\s|$)", line):
                found.add(line)
    return sorted(found)


@pytest.mark.parametrize("line", typed(".venv/bin/facewarden") + typed("facewarden"))
def test_every_command_of_the_pages_is_one_the_command_line_knows(line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        assert name in command.commands, f"{line}: no command {name}"
        command = command.commands[name]
    options = {option for param in command.params for option in param.opts} | {"--help", "-h", "--version"}
    for word in words:
        if word.startswith("-"):
            assert word.split("=")[0] in options, f"{line}: no option {word}"


@pytest.mark.parametrize("line", typed("make"))
def test_every_target_of_the_pages_is_in_the_makefile(line: str) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = [word for word in line.split()[1:] if "=" not in word]
    assert set(named) <= set(targets)


def test_every_file_that_a_page_links_to_is_there() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
