"""What can go wrong while judging.

ExpectationsError
├── UnknownPolicy     no policy of that name
├── BadPolicy         a policy file is not what a policy must be
├── NoClock           a policy has no clock of that kind
├── CalendarUnknown   the working days of that year or country are not known
├── BadFacts          an evidence table lacks what the judge reads
└── GateBroken        a check could not be evaluated, or two counts that must agree do not

Every error carries its facts as arguments, survives pickling, and names no person and no value of the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ExpectationsError(Exception):
    """Base of everything this package raises on purpose."""


class UnknownPolicy(ExpectationsError):
    """There is no policy of that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name, self.known = name, tuple(known)
        super().__init__(self.name, self.known)

    def __str__(self) -> str:
        near = get_close_matches(self.name, self.known, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else "; choose one of these"
        return f"policy={self.name!r} is not known. Available: {', '.join(self.known)}{hint}"


class BadPolicy(ExpectationsError):
    """A policy file is not what a policy must be."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name, self.problem = name, problem

    def __str__(self) -> str:
        return f"policy {self.name} cannot be used: {self.problem}; correct the file"


class NoClock(ExpectationsError):
    """A policy has no clock of that kind that was read in a text."""

    def __init__(self, policy: str, kind: str, known: Iterable[str]) -> None:
        self.policy, self.kind, self.known = policy, kind, tuple(known)
        super().__init__(self.policy, self.kind, self.known)

    def __str__(self) -> str:
        return (
            f"policy {self.policy} has no clock of kind {self.kind!r} that was read in a text; "
            f"it has: {', '.join(self.known) or 'none'}"
        )


class CalendarUnknown(ExpectationsError):
    """The working days of that year or country are not known; no deadline may be guessed from them."""

    def __init__(self, country: str, year: int, first_year: int, last_year: int) -> None:
        super().__init__(country, year, first_year, last_year)
        self.country, self.year, self.first_year, self.last_year = country, year, first_year, last_year

    def __str__(self) -> str:
        return (
            f"the working days of {self.year} in {self.country} are not known; the calendar is of CN, "
            f"{self.first_year} to {self.last_year}: update the package chinesecalendar"
        )


class BadFacts(ExpectationsError):
    """An evidence table lacks what the judge reads."""

    def __init__(self, table: str, problem: str) -> None:
        super().__init__(table, problem)
        self.table, self.problem = table, problem

    def __str__(self) -> str:
        return f"the table {self.table} cannot be judged: {self.problem}"


class GateBroken(ExpectationsError):
    """A check could not be evaluated, or two counts that must agree do not. A failed run, never a finding."""

    def __init__(self, check: str, problem: str) -> None:
        super().__init__(check, problem)
        self.check, self.problem = check, problem

    def __str__(self) -> str:
        return (
            f"the check {self.check} cannot be relied on: {self.problem}; nothing was judged, report this as a defect"
        )
