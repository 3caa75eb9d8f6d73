"""
What Great Expectations lacks: expectations over text columns that run the functions of ``include/quality/rules.py``.

Importing this module imports Great Expectations (seconds, some 200 MB); only the gate's own process, the building of
the pages and the tests do so.
"""

# ruff: noqa: TID253 -- nothing that a DAG file imports leads here; gate_process.py imports it in its own process.

from __future__ import annotations

import logging
from typing import Any, ClassVar

import great_expectations as gx
import numpy as np
import pandas as pd
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation, Expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.validator.metric_configuration import MetricConfiguration
from pydantic.v1 import PrivateAttr

from include.quality.rules import RULES, Rows, typed

VALUES = "dealer_interfaces.typed_values"
BROKEN = "dealer_interfaces.broken_rows"


class TypedValues(TableMetricProvider):
    """Values of one text column by its logical type; a metric, so that GX computes it once for all its rules."""

    metric_name = VALUES
    value_keys = ("column", "logical_type")

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls,  # noqa: N805 -- GX binds the class here.
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> pd.Series[Any]:
        frame = _frame(execution_engine, metric_domain_kwargs)
        return typed(frame[metric_value_kwargs["column"]], metric_value_kwargs["logical_type"])


class BrokenRows(TableMetricProvider):
    """Labels of the rows that break one rule, and how many rows there are."""

    metric_name = BROKEN
    value_keys = ("rule", "columns", "types", "arguments")

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls,  # noqa: N805 -- GX binds the class here.
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> dict[str, Any]:
        frame = _frame(execution_engine, metric_domain_kwargs)
        types = metric_value_kwargs["types"]
        rows = Rows(frame, {column: metrics[f"{VALUES}.{column}"] for column in types}, types)
        judge = RULES[metric_value_kwargs["rule"]]
        broken = judge(rows, metric_value_kwargs["columns"], metric_value_kwargs["arguments"])
        return {"rows": len(frame), "broken": frame.index.to_numpy()[np.flatnonzero(broken)]}

    @classmethod
    def _get_evaluation_dependencies(
        cls,
        metric: MetricConfiguration,
        configuration: ExpectationConfiguration | None = None,
        execution_engine: ExecutionEngine[Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[str, MetricConfiguration]:
        return {
            f"{VALUES}.{column}": MetricConfiguration(
                metric_name=VALUES,
                metric_domain_kwargs=metric.metric_domain_kwargs,
                metric_value_kwargs={"column": column, "logical_type": logical_type},
            )
            for column, logical_type in metric.metric_value_kwargs["types"].items()
        }


class _ConfiguredOnce(Expectation):
    """
    An expectation that remembers its configuration.

    GX makes it anew whenever it is asked for, some sixty times for each expectation in one validation: a third of the
    time that a small file takes. Nothing of it changes once the expectation is made, but for an id.
    """

    _configured: tuple[str | None, ExpectationConfiguration] | None = PrivateAttr(None)

    @property
    def configuration(self) -> ExpectationConfiguration:
        if self._configured is None or self._configured[0] != self.id:
            self._configured = (self.id, super().configuration)
        return self._configured[1]


# Under their own names, by which GX finds the class of a configuration; it says so of each of their thirty renderers.
logging.getLogger("great_expectations.expectations.registry").setLevel(logging.ERROR)


class ExpectColumnValuesToBeInSet(_ConfiguredOnce, gx.expectations.ExpectColumnValuesToBeInSet):
    """GX's own."""


class ExpectColumnValuesToMatchRegex(_ConfiguredOnce, gx.expectations.ExpectColumnValuesToMatchRegex):
    """GX's own."""


class ExpectColumnValueLengthsToBeBetween(_ConfiguredOnce, gx.expectations.ExpectColumnValueLengthsToBeBetween):
    """GX's own."""


class ExpectRowsToKeepRule(_ConfiguredOnce, BatchExpectation):
    """
    Expect each row to keep one rule of a contract.

    :param rule: kind of the rule, a key of ``include.quality.rules.RULES``.
    :param columns: the columns it judges.
    :param types: logical type of each column whose value, not text, it needs.
    :param arguments: those of the rule, and the bounds of the window where it needs them.
    :param column: where the page shows it; absent for a rule over several columns.
    """

    column: str | None = None
    rule: str
    columns: list[str]
    types: dict[str, str]
    arguments: dict[str, Any]

    metric_dependencies: ClassVar[tuple[str, ...]] = (BROKEN,)
    success_keys: ClassVar[tuple[str, ...]] = ("rule", "columns", "types", "arguments")
    args_keys: ClassVar[tuple[str, ...]] = success_keys
    domain_type: ClassVar[MetricDomainTypes] = MetricDomainTypes.TABLE

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine[Any] | None = None,
    ) -> dict[str, Any]:
        rows, broken = metrics[BROKEN]["rows"], metrics[BROKEN]["broken"]
        return {
            "success": len(broken) == 0,
            "result": {
                "element_count": rows,
                "unexpected_count": len(broken),
                "unexpected_percent": 100 * len(broken) / rows if rows else 0.0,
                "unexpected_index_list": broken,
            },
        }


def _frame(engine: PandasExecutionEngine, domain: dict[str, Any]) -> pd.DataFrame:
    frame, _, _ = engine.get_compute_domain(domain_kwargs=domain, domain_type=MetricDomainTypes.TABLE)
    return frame
