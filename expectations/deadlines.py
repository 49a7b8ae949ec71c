"""When something is due under a policy: filing, a change of what was filed, the end of use; and how it was counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Literal

from expectations.calendar import add_working_days, day_off
from expectations.errors import NoClock
from expectations.policy import Filing, Policy

Kind = Literal["filing", "change", "end"]
KINDS: tuple[Kind, ...] = ("filing", "change", "end")


@dataclass(frozen=True, slots=True)
class Deadline:
    """One due day.

    Attributes:
        policy: name of the policy.
        kind: what is due.
        article: where the law says so.
        status: how the number was read; ``article_status`` how the article was (see ``policy.Status``).
        from_day: the day that set it off; counted from the next one.
        due_on: last day.
        working_days: how many were counted; 0 when the law names the day itself, or counts calendar days.
        calendar_days: how many of these were counted; 0 when the law counts working days.
        skipped: days between that are not worked, and why.
        made_up: weekend days between that are worked, because of a holiday, and so were counted.
        note: what else to know, one sentence; empty when nothing.
    """

    policy: str
    kind: Kind
    article: str
    status: str
    article_status: str
    from_day: date
    due_on: date
    working_days: int
    calendar_days: int
    skipped: tuple[tuple[date, str], ...]
    made_up: tuple[date, ...]
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give it for printing as JSON; days in ISO 8601."""
        skipped = [{"day": day.isoformat(), "because": why} for day, why in self.skipped]
        days = {"from_day": self.from_day.isoformat(), "due_on": self.due_on.isoformat()}
        return asdict(self) | days | {"skipped": skipped, "made_up": [day.isoformat() for day in self.made_up]}


def deadline_of(policy: Policy, kind: Kind, from_day: date) -> Deadline:
    """Count a deadline.

    Args:
        policy: whose clock it is.
        kind: ``filing`` from the day the number was reached, ``change`` from the day that what was filed changed,
            ``end`` from the day the use ended.
        from_day: that day.

    Raises:
        NoClock: the policy has no such clock that was read in a text.
        CalendarUnknown: the count reaches a year whose working days are not known.
    """
    clocks = {"filing": _filing(policy), "change": policy.change, "end": policy.end}
    clock = clocks[kind]
    if clock is None:
        raise NoClock(policy.name, kind, [name for name, known in clocks.items() if known])
    notes = [] if policy.in_force else [f"The {policy.short} is not in force: {policy.standing}"]
    working_days, days, due = clock.working_days or 0, clock.days or 0, policy.legacy_due
    if kind == "filing" and due and policy.effective and from_day < policy.effective:
        notes.insert(0, f"Reached before {policy.effective}, when the rule came into force: the day was set for all.")
        working_days = days = 0
    elif days:
        due = from_day + timedelta(days=days)
    else:
        due = add_working_days(from_day, working_days, policy.country)
    between = [from_day + timedelta(days=n) for n in range(1, (due - from_day).days + 1)] if working_days else []
    off = {day: day_off(day, policy.country) for day in between}
    return Deadline(
        policy=policy.name,
        kind=kind,
        article=clock.article,
        status=clock.status,
        article_status=clock.article_status,
        from_day=from_day,
        due_on=due,
        working_days=working_days,
        calendar_days=days,
        skipped=tuple((day, why) for day, why in off.items() if why),
        made_up=tuple(day for day, why in off.items() if not why and day.weekday() >= 5),
        note=" ".join(notes),
    )


def _filing(policy: Policy) -> Filing | None:
    """Give what is filed: by head-count, else for use in public places."""
    if policy.threshold and policy.threshold.has_clock:
        return policy.threshold
    return policy.public_place
