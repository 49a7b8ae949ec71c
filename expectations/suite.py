"""The gate: suites built from a policy in code, run by Great Expectations, trusted only when evaluated in full.

Great Expectations drops what it cannot load, shows errors as violations and passes over nulls; each of these ends here
as ``GateBroken``. It is given only the columns a rule reads, none of which names a person, a place or a day, and is
asked for counts only; the rows behind a count come from the masks of the modules that judge.
"""

from __future__ import annotations

import builtins
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from expectations.consent import GROUNDED, STATES
from expectations.consent_registry import ENDS_CHECK, KINDS_CHECK, known_kinds
from expectations.errors import GateBroken
from expectations.policy import Policy

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.data_context import AbstractDataContext
    from great_expectations.expectations.expectation import Expectation

STATE_CHECKS = {f"consent: {state}": state for state in STATES if state not in GROUNDED}
"""Checks of one state without a ground each, and that state."""

COLUMNS = {
    "consent": ["consent_state"],
    **{name: ["consent_state"] for name in STATE_CHECKS},
    KINDS_CHECK: ["kind"],
    ENDS_CHECK: ["seconds_held"],
    "retention": ["overdue_days"],
    "head-count": ["people_high"],
    "coverage": ["share_examined"],
}
"""Checks, and the columns that each is given."""

Keep = Callable[[str, "ExpectationSuiteValidationResult"], None]

COUNTS_ONLY = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
"""Without the second key results carry sample values; with it only counts are left (measured on 1.24.1)."""


def run_gate(
    frames: Mapping[str, pd.DataFrame], policy: Policy, coverage_floor: float, keep: Keep = lambda name, result: None
) -> list[dict[str, Any]]:
    """Run every check that a frame is given for.

    Args:
        frames: by name of the check (of ``COLUMNS``); only its columns are passed on.
        policy: whose numbers the suites are built from.
        coverage_floor: smallest share of a store's objects that is enough.
        keep: is given each check's name and Great Expectations' own result.

    Returns:
        For each expectation ``check``, ``expectation``, ``success``, ``evaluated`` (rows) and ``unexpected`` (rows).

    Raises:
        GateBroken: something was not evaluated; says which check and never a value.
    """
    checks: list[dict[str, Any]] = []
    context = open_context()
    for name, frame in frames.items():
        columns = [column for column in COLUMNS[name] if column in frame.columns]
        suite = build_suite(name, policy, coverage_floor)
        result = validate(context, frame[columns], suite)
        keep(name, result)
        checks.extend(reduce_result(name, result, [e.expectation_type for e in suite.expectations], len(frame)))
    return checks


def build_suite(name: str, policy: Policy, coverage_floor: float) -> ExpectationSuite:
    """Build the suite of one check from the policy's numbers."""
    quiet()
    from great_expectations import ExpectationSuite

    return ExpectationSuite(name=name, expectations=[_expectation(name, policy, coverage_floor)])


def open_context() -> AbstractDataContext:
    """Open a context that lives in memory and shows no progress bars."""
    quiet()
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def validate(
    context: AbstractDataContext, frame: pd.DataFrame, suite: ExpectationSuite
) -> ExpectationSuiteValidationResult:
    """Run a suite on a frame; the result holds counts only.

    Raises:
        GateBroken: Great Expectations refused the frame or the suite.
    """
    from great_expectations.exceptions import GreatExpectationsError

    try:
        batch = _whole_frames(context).get_batch({"dataframe": frame})
        return batch.validate(suite, result_format=COUNTS_ONLY)
    except GreatExpectationsError as error:
        raise GateBroken(suite.name, f"it was refused with {type(error).__name__}") from None


def _whole_frames(context: AbstractDataContext) -> BatchDefinition:
    """Give the one batch definition of a context: each new one has the whole configuration written down three times."""
    name, known = "frames", context.data_sources.all()
    if name in known:
        return known[name].get_asset(name).get_batch_definition(name)
    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    return asset.add_batch_definition_whole_dataframe(name)


def reduce_result(
    name: str, result: ExpectationSuiteValidationResult, built: list[str], rows: int
) -> list[dict[str, Any]]:
    """Reduce a result to what is worth keeping, once it is sure that all of it was evaluated.

    Args:
        name: the check.
        result: what Great Expectations gave.
        built: types of the expectations that the suite was built with.
        rows: rows of the frame.

    Raises:
        GateBroken: an expectation is missing, raised, or saw other rows than it was given.
    """
    evaluated = result.statistics["evaluated_expectations"]
    types = sorted(one.expectation_config.type for one in result.results)
    if evaluated != len(built) or types != sorted(built):
        raise GateBroken(name, f"{evaluated} of {len(built)} expectations were evaluated")
    return [_reduce_one(name, one, rows) for one in result.results]


def quiet() -> None:
    """Silence Great Expectations: hundreds of lines at its import, and error texts that quote values.

    Nothing is lost: what it would log as an error is in its result, and ends as ``GateBroken``. The level alone does
    not do it, because a module of it sets its own.
    """
    logger = logging.getLogger("great_expectations")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _expectation(name: str, policy: Policy, coverage_floor: float) -> Expectation:
    from expectations import gx_rules

    if name in STATE_CHECKS:
        return gx_rules.ExpectNobodyInState(state=STATE_CHECKS[name])
    match name:
        case "consent":
            return gx_rules.ExpectConsentOnRecord()
        case "registry: kind":
            return gx_rules.ExpectKindOfConsentKnown(kinds=list(known_kinds(policy)))
        case "registry: end":
            return gx_rules.ExpectEndAfterBegin()
        case "retention":
            return gx_rules.ExpectWithinRetention()
        case "head-count" if policy.threshold:
            return gx_rules.ExpectDistinctPeopleBelowThreshold(first_crossing=policy.threshold.first_crossing)
        case "coverage":
            return gx_rules.ExpectCoverageAtLeast(floor=coverage_floor)
    raise GateBroken(name, f"there is no such check; there are {', '.join(COLUMNS)}")


def _reduce_one(name: str, one: Any, rows: int) -> dict[str, Any]:
    raised = sorted(set(_raised(one.exception_info)))
    if raised:
        raise GateBroken(name, f"{one.expectation_config.type} raised {', '.join(raised)}")
    counts = one.result
    if counts.get("element_count") != rows or counts.get("missing_count"):
        raise GateBroken(name, f"{one.expectation_config.type} did not see all of {rows} rows")
    unexpected = counts.get("unexpected_count")
    if not isinstance(unexpected, int) or bool(one.success) != (unexpected == 0):
        raise GateBroken(name, f"{one.expectation_config.type} gave a verdict that its counts do not bear out")
    return {
        "check": name,
        "expectation": one.expectation_config.type,
        "success": bool(one.success),
        "evaluated": rows,
        "unexpected": unexpected,
    }


def _raised(info: Any) -> Iterator[str]:
    """Find the kinds of errors in ``exception_info``, which is one error or a mapping of one for each metric.

    Their texts stay behind, because they may quote values.
    """
    if not isinstance(info, Mapping):
        return
    if "raised_exception" in info:
        if info["raised_exception"]:
            yield _kind(str(info.get("exception_traceback")))
        return
    for part in info.values():
        yield from _raised(part)


def _kind(traceback: str) -> str:
    from great_expectations import exceptions

    named = re.findall(r"^(?:\w+\.)*(\w+)(?::|$)", traceback, re.MULTILINE)
    known = (getattr(builtins, name, None) or getattr(exceptions, name, None) for name in reversed(named))
    kinds = (kind.__name__ for kind in known if isinstance(kind, type) and issubclass(kind, BaseException))
    return next(kinds, "an error")
