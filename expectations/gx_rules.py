"""Great Expectations rules of this package: the verdicts, counted over columns that name nobody.

Loading this module registers the rules, and costs the seconds that loading Great Expectations costs. What a rule cannot
evaluate it raises about, by type and never by value: Great Expectations copies the text into its results and logs.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnAggregateExpectation, ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)

from expectations.consent import GROUNDED, STATES


class _OnRecord(ColumnMapMetricProvider):  # type: ignore[misc]
    condition_metric_name = "column_values.facewarden_consent_on_record"
    # Nulls are judged like everything else: a row without a state must not pass as missing.
    filter_column_isnull = False

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: pd.Series, **_: Any) -> pd.Series:  # noqa: N805
        return _states(column).isin(GROUNDED)


class _NotInState(ColumnMapMetricProvider):  # type: ignore[misc]
    condition_metric_name = "column_values.facewarden_not_in_state"
    condition_value_keys = ("state",)
    filter_column_isnull = False

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: pd.Series, state: str, **_: Any) -> pd.Series:  # noqa: N805
        return (_states(column) != state).astype(bool)


class _KindKnown(ColumnMapMetricProvider):  # type: ignore[misc]
    condition_metric_name = "column_values.facewarden_kind_known"
    condition_value_keys = ("kinds",)
    filter_column_isnull = False

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: pd.Series, kinds: list[str], **_: Any) -> pd.Series:  # noqa: N805
        return column.isin(kinds)


class _EndsAfterBegin(ColumnMapMetricProvider):  # type: ignore[misc]
    condition_metric_name = "column_values.facewarden_ends_after_begin"
    filter_column_isnull = False

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: pd.Series, **_: Any) -> pd.Series:  # noqa: N805
        return _numbers(column) >= 0


class _WithinRetention(ColumnMapMetricProvider):  # type: ignore[misc]
    condition_metric_name = "column_values.facewarden_within_retention"
    filter_column_isnull = False

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: pd.Series, **_: Any) -> pd.Series:  # noqa: N805
        return _numbers(column) <= 0


class _CoverageAtLeast(ColumnMapMetricProvider):  # type: ignore[misc]
    condition_metric_name = "column_values.facewarden_coverage_at_least"
    condition_value_keys = ("floor",)
    filter_column_isnull = False

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: pd.Series, floor: float, **_: Any) -> pd.Series:  # noqa: N805
        return _numbers(column) >= floor


class ExpectConsentOnRecord(ColumnMapExpectation):  # type: ignore[misc]
    """Expect every person and purpose to be in a state with a ground on record."""

    map_metric: ClassVar[str] = "column_values.facewarden_consent_on_record"
    column: str = "consent_state"


class ExpectNobodyInState(ColumnMapExpectation):  # type: ignore[misc]
    """Expect no person and purpose to be in one of the states without a ground."""

    map_metric: ClassVar[str] = "column_values.facewarden_not_in_state"
    success_keys: ClassVar[tuple[str, ...]] = ("state", "mostly")
    column: str = "consent_state"
    state: str


class ExpectKindOfConsentKnown(ColumnMapExpectation):  # type: ignore[misc]
    """Expect every consent of the registries to be of a kind that the policy has a rule for."""

    map_metric: ClassVar[str] = "column_values.facewarden_kind_known"
    success_keys: ClassVar[tuple[str, ...]] = ("kinds", "mostly")
    column: str = "kind"
    kinds: list[str]


class ExpectEndAfterBegin(ColumnMapExpectation):  # type: ignore[misc]
    """Expect no consent of the registries to expire or be withdrawn before it was given."""

    map_metric: ClassVar[str] = "column_values.facewarden_ends_after_begin"
    column: str = "seconds_held"


class ExpectWithinRetention(ColumnMapExpectation):  # type: ignore[misc]
    """Expect nothing to be kept longer than its period: ``overdue_days`` of 0 or less."""

    map_metric: ClassVar[str] = "column_values.facewarden_within_retention"
    column: str = "overdue_days"


class ExpectCoverageAtLeast(ColumnMapExpectation):  # type: ignore[misc]
    """Expect at least the share ``floor`` of every store's objects to have been examined."""

    map_metric: ClassVar[str] = "column_values.facewarden_coverage_at_least"
    success_keys: ClassVar[tuple[str, ...]] = ("floor", "mostly")
    column: str = "share_examined"
    floor: float


class ExpectDistinctPeopleBelowThreshold(ColumnAggregateExpectation):  # type: ignore[misc]
    """Expect the upper end of the head-count to lie below the first count that crosses the line."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("column.max", "table.row_count")
    success_keys: ClassVar[tuple[str, ...]] = ("first_crossing",)
    column: str = "people_high"
    first_crossing: int

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        rows, people = metrics["table.row_count"], metrics["column.max"]
        if rows != 1 or not isinstance(people, Integral):
            raise TypeError("the head-count is not one row with one whole number")
        crossed = int(people) >= self.first_crossing
        return {"success": not crossed, "result": {"element_count": rows, "unexpected_count": int(crossed)}}


def _states(column: pd.Series) -> pd.Series:
    if not column.isin(STATES).all():
        raise TypeError("the column of states holds something that is no state")
    return column


def _numbers(column: pd.Series) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.isna().any():
        raise TypeError("the column is not all numbers")
    return column
