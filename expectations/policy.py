"""Policies: the numbers, articles and sources of one law, read from ``policies/*.yaml`` and frozen."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from expectations.errors import BadPolicy, UnknownPolicy

Status = Literal["verified", "secondary", "memory", "own"]
"""How a statement was read: in an official text, in secondary sources, in none; ``own`` is this tool's own rule."""

Operator = Literal[">", ">="]
Verdict = Literal["below", "above", "undetermined"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Rule(_Part):
    """One demand of the law, with where it stands and how that was read."""

    article: str = Field(min_length=1)
    says: str = Field(min_length=1)
    status: Status
    article_status: Status
    sources: tuple[str, ...]


class Consent(Rule):
    """Whose ground is consent; ``kinds`` are the kinds of consent in the registry that count.

    ``before_storage``: a consent counts only for what was stored on its day or later.
    """

    kinds: tuple[str, ...] = Field(min_length=1)
    before_storage: bool = False


class Challenge(Rule):
    """Which consents are on record and yet can be challenged: of these kinds, or marked as bundled or unlimited."""

    kinds: tuple[str, ...]


class Minors(Rule):
    """Below which age, in full years, a guardian has to consent."""

    under_age: int = Field(gt=0, le=21)


class Filing(Rule):
    """A duty to file with an authority within so many working days."""

    working_days: int = Field(gt=0)
    authority: str = Field(min_length=1)


class Threshold(Filing):
    """A head-count from which on there is a duty to file."""

    people: int = Field(gt=0)
    operator: Operator

    @property
    def first_crossing(self) -> int:
        """The smallest head-count that crosses: one more than ``people`` for ``>``, ``people`` itself for ``>=``."""
        return self.people + 1 if self.operator == ">" else self.people

    @property
    def text(self) -> str:
        """The line in words."""
        return f"more than {self.people:,} people" if self.operator == ">" else f"{self.people:,} people or more"

    def crossed_by(self, people: int) -> bool:
        """Say whether a head-count satisfies the operator."""
        return people >= self.first_crossing

    def verdict(self, low: int, high: int) -> Verdict:
        """Place an interval: ``above`` only if its low end crosses, ``below`` only if its high end does not.

        Raises:
            ValueError: the ends are negative or in the wrong order.
        """
        if not 0 <= low <= high:
            raise ValueError(f"a head-count from {low} to {high} is no interval; give 0 <= low <= high")
        if self.crossed_by(low):
            return "above"
        return "undetermined" if self.crossed_by(high) else "below"


class Policy(_Part):
    """One law: its rules, its standing in a sentence, whether it is in force, and what binds instead when it is not."""

    name: str = Field(min_length=1)
    title: str = Field(min_length=1)
    short: str = Field(min_length=1)
    country: str = Field(pattern="^[A-Z]{2}$")
    in_force: bool
    standing: str = Field(min_length=1)
    instead: str | None
    effective: date | None
    legacy_due: date | None
    threshold: Threshold
    public_place: Filing | None
    change: Filing | None
    end: Filing | None
    consent: Consent
    challenge: Challenge
    minors: Minors
    withdrawal: Rule
    retention: Rule
    coverage: Rule


def policy_names() -> list[str]:
    """List the names of the policies that came with this package, in order."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _folder().iterdir() if entry.name.endswith(".yaml"))


@cache
def load_policy(name: str) -> Policy:
    """Read one policy.

    Raises:
        UnknownPolicy: there is none of that name; says which there are and which is nearest.
        BadPolicy: its file lacks something, or holds something unknown.
    """
    if name not in policy_names():
        raise UnknownPolicy(name, policy_names())
    policy = read_policy(name, _folder().joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    if policy.name != name:
        raise BadPolicy(name, f"its name is {policy.name!r}, its file says {name!r}")
    return policy


def read_policy(name: str, text: str) -> Policy:
    """Read a policy from YAML; ``name`` stands in the error.

    Raises:
        BadPolicy: the text is not YAML, lacks something, or holds something unknown.
    """
    try:
        return Policy.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise BadPolicy(name, "it is not YAML") from error
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors())
        raise BadPolicy(name, "; ".join(problems)) from error


def _folder() -> Traversable:
    # Beside this module both in a checkout and when installed; the files are package data.
    return files("expectations").joinpath("policies")
