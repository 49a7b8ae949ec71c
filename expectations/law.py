"""Prints the policies as one Markdown page, ``docs/law.md``: what is in the files, for reading."""

from __future__ import annotations

from collections.abc import Iterator

from expectations.policy import (
    Attestation,
    Challenge,
    Consent,
    FacialData,
    Filing,
    ForbiddenVenues,
    Minors,
    Policy,
    PurposeEnd,
    Rule,
    Threshold,
    Window,
    load_policy,
    policy_names,
)

_STANDING = {
    "in_force": "in force",
    "draft": "draft, not in force",
    "superseded": "superseded, not in force",
}


def law_page() -> str:
    """Print every policy that came with this package."""
    policies = [load_policy(name) for name in policy_names()]
    lines = [
        "# The law as facewarden knows it",
        "",
        "Printed from `expectations/policies/*.yaml` by `python -m expectations.law`; a test holds the two together.",
        "Not legal advice: a lawyer reads and corrects the files. *Read* says how a number was read: verified (an",
        "official text or a plain mirror of it), secondary (law firms, press), unverified (seen in no text), own (no",
        "law, a rule of this tool or of yours); the second word is about the number of the article. What is unverified",
        "decides nothing.",
        "",
        "A policy of your own is a file with the same keys: copy `custom.yaml`, and name it by its path in the",
        "settings. Each file says what counts as facial data there, which consent is a ground, from how many people on",
        "something is filed and by when, how long data must and may be kept, what a scan is to look for, and what",
        "somebody has to attest.",
        "",
        "| policy | law | standing | read | facial data | number of people |",
        "|---|---|---|---|---|---|",
    ]
    for policy in policies:
        line = policy.threshold.text if policy.threshold else "none"
        since = f" since {policy.effective}" if policy.effective else ""
        lines.append(
            f"| [{policy.name}](#{policy.name}) | {policy.title} | {_STANDING[policy.legal_status]}{since} | "
            f"{policy.reading} | {' and '.join(policy.facial_data.counts)} | {line} |"
        )
    for policy in policies:
        lines += ["", *_policy(policy)]
    return "\n".join(lines) + "\n"


def _policy(policy: Policy) -> Iterator[str]:
    yield f"## {policy.name}"
    yield ""
    yield f"{policy.title}. {policy.standing} Source: {policy.source}."
    if policy.instead:
        yield policy.instead
    yield ""
    yield "| rule | number | what it says | article | read | sources |"
    yield "|---|---|---|---|---|---|"
    for place, rule in policy.rules().items():
        valid = f" (from {rule.since})" if rule.since else ""
        read = f"{rule.status}, {rule.article_status}"
        sources = "; ".join(rule.sources)
        yield f"| {place} | {number(rule)}{valid} | {rule.says} | {rule.article} | {read} | {sources} |"
    if policy.switched_off:
        yield ""
        yield "Switched off:"
        yield ""
        for off in policy.switched_off:
            read = f"{off.status}, {off.article_status}"
            yield f"- {off.rule}: {off.number} ({off.article}; {read}). {off.says} Off because: {off.why_off}"


def number(rule: Rule) -> str:  # noqa: C901 - a case for each kind of rule
    """Say the number of a rule, or what it decides by; empty when it has none."""
    match rule:
        case Threshold():
            return ", ".join([rule.text, *([rule.span_text] if rule.has_clock else [])])
        case Filing():
            return rule.span_text
        case Consent() | Challenge():
            return f"kinds: {', '.join(rule.kinds)}"
        case Minors():
            return f"under {rule.under_age}"
        case PurposeEnd():
            return rule.within.text
        case FacialData():
            return " and ".join(rule.counts)
        case ForbiddenVenues():
            return ", ".join(venue.replace("_", " ") for venue in rule.venues)
        case Attestation():
            people = f"from {rule.from_people:,} people" if rule.from_people else ""
            return ", ".join(filter(None, [people, f"valid for {rule.valid.text}" if rule.valid else ""]))
        case Window():
            spans = {"at least": rule.at_least, "at most": rule.at_most, "reason after": rule.reason_after}
            return ", ".join(f"{words} {span.text}" for words, span in spans.items() if span)
    return ""


if __name__ == "__main__":
    print(law_page(), end="")
