"""Reads the settings file strictly: YAML without duplicate keys, and every problem on one line that names its place."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

Place = tuple[int | str, ...]


class SettingsProblem(Exception):
    """The settings cannot be used: one line per problem, each naming its place and never a credential."""

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        super().__init__(source, problems)
        self.source, self.problems = source, problems

    def __str__(self) -> str:
        return "\n".join(f"{self.source}: {problem}" for problem in self.problems)


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader, but a key that stands twice is an error instead of a silent overwrite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                continue
            line = key.start_mark.line + 1
            if first := seen.get(key.value):
                raise yaml.MarkedYAMLError(
                    problem=f"`{key.value}` stands twice (first on line {first}); remove one",
                    problem_mark=key.start_mark,
                )
            seen[key.value] = line
        return super().construct_mapping(node, deep=deep)


def read_mapping(
    path: Path,
    keys: str = "`controller:` and `stores:`",
    hint: str = "start from facewarden.example.yaml, or name another file with -c",
) -> tuple[dict[str, Any], yaml.Node]:
    """Read a YAML file whose top is a mapping; give it plain and as nodes that know their lines.

    Args:
        path: of the file.
        keys: some that it must hold, for messages.
        hint: what to do when it cannot be read.

    Raises:
        SettingsProblem: the file is missing, unreadable, not YAML, has a key twice, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        loader = _StrictLoader(text)
        node = loader.get_single_node()
        content = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        raise SettingsProblem(path.name, (_yaml_problem(error),)) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise SettingsProblem(path.name, ("holds characters that are not text in UTF-8; save it as UTF-8",)) from None
    except OSError as error:
        raise SettingsProblem(str(path), (f"cannot be read ({error.strerror}); {hint}",)) from None
    if not isinstance(content, dict) or node is None:
        came = "is empty" if content is None else f"holds a {type(content).__name__}"
        raise SettingsProblem(path.name, (f"{came}; it must hold keys such as {keys}",))
    return content, node


def _yaml_problem(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}: " if mark else ""
    return f"{where}{' '.join((error.problem or 'is not YAML').split())}"


def problem_lines(error: ValidationError, model: type[BaseModel], node: yaml.Node | None = None) -> tuple[str, ...]:
    """Turn Pydantic's errors into lines like ``stores[0].name: is missing; it must be given``."""
    details = error.errors(include_url=False, include_input=False)
    places = [detail["loc"] for detail in details]
    lines = []
    for detail in details:
        place: Place = detail["loc"]
        if detail["type"] == "too_short" and any(len(p) > len(place) and p[: len(place)] == place for p in places):
            continue  # a list whose only entry is wrong counts as empty: the entry's problem says enough
        at = f" (line {line})" if (line := _line_of(node, place)) else ""
        lines.append(f"{_spell(place)}: {_say(detail, place, model)}{at}")
    return tuple(lines)


def nearest(name: str, known: Iterable[str]) -> str:
    """Give ``; did you mean `x`?`` for a misspelt name, or ``; known: ...`` when nothing is near."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 20 else ""


def _say(detail: Any, place: Place, model: type[BaseModel]) -> str:
    kind, message = detail["type"], str(detail["msg"])
    if kind == "extra_forbidden":
        return f"unknown key{nearest(str(place[-1]), _keys_at(model, place[:-1]))}"
    if kind == "missing":
        return "is missing; it must be given"
    if kind == "string_type":
        return "should be text; put the value in quotes"
    if kind == "too_short":
        return "is empty; list at least one entry"
    if kind == "model_type":
        return "should hold keys of its own, indented below it"
    message = message.removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def _spell(place: Place) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".") or "the file"


def _line_of(node: yaml.Node | None, place: Place) -> int | None:
    """Find the line of a place; of the nearest place above it that the file has, when it has not this one."""
    line: int | None = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        else:
            found = None
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _keys_at(model: type[BaseModel], place: Place) -> list[str]:
    """Give the keys allowed at a place by walking the model's annotations down to it."""
    here: type[BaseModel] | None = model
    for part in place:
        if isinstance(part, str) and here is not None:
            field = here.model_fields.get(part)
            here = _model_in(field.annotation) if field else None
    return list(here.model_fields) if here else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if typing.get_origin(annotation) is None and isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for part in typing.get_args(annotation) if (found := _model_in(part))), None)
