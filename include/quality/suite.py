"""A contract compiled to a Great Expectations suite: one expectation per row rule."""

# ruff: noqa: TID253 -- nothing that a DAG file imports leads here; gate_process.py imports it in its own process.

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import great_expectations as gx
from great_expectations.expectations.core.expect_column_value_lengths_to_be_between import (
    ExpectColumnValueLengthsToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.core.expect_column_values_to_match_regex import ExpectColumnValuesToMatchRegex
from great_expectations.expectations.expectation import Expectation

from include.contract import Contract, Rule
from include.quality.expectations import ExpectRowsToKeepRule
from include.quality.rules import RULES, TYPES
from include.window import Window

# Rules that go by the window; the others are told nothing of it.
BOUNDED = frozenset({"withinWindow", "withinPeriod", "notAfterWindow", "notBeforeWindow"})
SEVERITY = {"error": "critical", "warning": "warning", "info": "info"}


def build_suite(contract: Contract, window: Window, columns: Collection[str]) -> gx.ExpectationSuite:
    """
    Return the suite of those row rules of ``contract`` that need no column beyond ``columns``.

    The gate gives the delivered columns, the comparison of the two readings gives all.
    """
    types = {field.name: field.logical_type for field in contract.fields}
    bounds = {
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "business_date": window.business_date.isoformat(),
        "last_date": window.last_date.isoformat(),
    }
    return gx.ExpectationSuite(
        name=contract.id,
        expectations=[
            EXPECTATIONS[rule.kind](rule, types, bounds)
            for rule in contract.row_rules
            if columns_of(rule) <= set(columns)
        ],
        meta={"contract": contract.id, "version": contract.version},
    )


def columns_of(rule: Rule) -> set[str]:
    """Return every column that ``rule`` looks at."""
    named = (rule.arguments.get(argument) for argument in ("property", "quantity", "unitPrice", "discount"))
    return {*rule.columns, *(column for column in named if column)}


def _told(rule: Rule) -> dict[str, Any]:
    """What every expectation carries; the pages show neither severity nor meta, so the description names the rule."""
    return {
        "severity": SEVERITY[rule.severity],
        "description": f"[{rule.id}, {rule.severity}] {rule.description}",
        "meta": {"rule": rule.id, "severity": rule.severity, "dimension": rule.dimension},
    }


def _own(rule: Rule, types: Mapping[str, str], bounds: Mapping[str, str]) -> Expectation:
    return ExpectRowsToKeepRule(
        rule=rule.kind,
        columns=list(rule.columns),
        types={column: types[column] for column in sorted(columns_of(rule)) if types[column] in TYPES},
        arguments={**rule.arguments, **(bounds if rule.kind in BOUNDED else {})},
        column=rule.columns[0] if len(rule.columns) == 1 else None,
        **_told(rule),
    )


def _in_set(rule: Rule, _: Mapping[str, str], __: Mapping[str, str]) -> Expectation:
    values = ["t", "f"] if rule.kind == "boolean" else [str(value) for value in rule.arguments["values"]]
    return ExpectColumnValuesToBeInSet(column=rule.columns[0], value_set=values, **_told(rule))


def _regex(rule: Rule, _: Mapping[str, str], __: Mapping[str, str]) -> Expectation:
    pattern = rule.arguments["value" if rule.kind == "pattern" else "pattern"]
    # ``$`` would let a trailing line end through, and without the group an alternative would escape the anchors.
    return ExpectColumnValuesToMatchRegex(column=rule.columns[0], regex=rf"^(?:{pattern})\Z", **_told(rule))


def _length(rule: Rule, _: Mapping[str, str], __: Mapping[str, str]) -> Expectation:
    bound = "min_value" if rule.kind == "minLength" else "max_value"
    return ExpectColumnValueLengthsToBeBetween(
        column=rule.columns[0], **{bound: rule.arguments["value"]}, **_told(rule)
    )


EXPECTATIONS: Mapping[str, Callable[[Rule, Mapping[str, str], Mapping[str, str]], Expectation]] = {
    **dict.fromkeys(RULES, _own),
    "enum": _in_set,
    "boolean": _in_set,
    "pattern": _regex,
    "matches": _regex,
    "minLength": _length,
    "maxLength": _length,
}
