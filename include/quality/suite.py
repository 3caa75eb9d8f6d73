"""A contract compiled to a Great Expectations suite: one expectation per row rule."""

# ruff: noqa: TID253 -- nothing that a DAG file imports leads here; gate_process.py imports it in its own process.

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import great_expectations as gx
from great_expectations.expectations.expectation import Expectation

from include.contract import Contract, Rule, Table
from include.quality.expectations import (
    ExpectColumnValueLengthsToBeBetween,
    ExpectColumnValuesToBeInSet,
    ExpectColumnValuesToMatchRegex,
    ExpectRowsToKeepRule,
)
from include.quality.rules import RULES, TYPES
from include.window import Window

# Rules that go by the window; the others are told nothing of it.
BOUNDED = frozenset({"withinWindow", "withinPeriod", "notAfterWindow", "notBeforeWindow", "yearNotAfterWindow"})
# Rules over all lines of a document; they are told what the lines have in common.
OF_DOCUMENTS = frozenset({"sumOfLines"})
SEVERITY = {"error": "critical", "warning": "warning", "info": "info"}


def build_suite(contract: Contract, table: Table, window: Window, columns: Collection[str]) -> gx.ExpectationSuite:
    """
    Return the suite of those row rules of ``table`` that need no column beyond ``columns``.

    The gate gives the delivered columns, the comparison of the two readings gives all.
    """
    types = {field.name: field.logical_type for field in table.fields}
    bounds = {
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "business_date": window.business_date.isoformat(),
        "last_date": window.last_date.isoformat(),
    }
    return gx.ExpectationSuite(
        name=table.id,
        expectations=[
            EXPECTATIONS[rule.kind](rule, types, bounds, table.document_key) for rule in judgeable(table, columns)
        ],
        meta={"contract": contract.id, "version": contract.version},
    )


def contract_suite(contract: Contract, window: Window) -> gx.ExpectationSuite:
    """Return all rules of a contract on its delivered columns, for people to read."""
    parts = [build_suite(contract, table, window, table.delivered) for table in contract.tables]
    return gx.ExpectationSuite(
        name=contract.id, expectations=[one for part in parts for one in part.expectations], meta=parts[0].meta
    )


def judgeable(table: Table, columns: Collection[str]) -> list[Rule]:
    """
    Return the row rules that rows of ``columns`` answer for themselves.

    ``wholeDocument`` speaks of lines that were left out; what is there has none beside it.
    """
    return [
        rule
        for rule in table.row_rules
        if rule.kind != "wholeDocument" and columns_of(rule, table.document_key) <= set(columns)
    ]


def columns_of(rule: Rule, document_key: Sequence[str]) -> set[str]:
    """Return every column that ``rule`` looks at."""
    return {*rule.columns, *rule.named, *(document_key if rule.kind in OF_DOCUMENTS else ())}


def _told(rule: Rule) -> dict[str, Any]:
    """What every expectation carries; the pages show neither severity nor meta, so the description names the rule."""
    return {
        "severity": SEVERITY[rule.severity],
        "description": f"[{rule.id}, {rule.severity}] {rule.description}",
        "meta": {"rule": rule.id, "severity": rule.severity, "dimension": rule.dimension},
    }


def _own(rule: Rule, types: Mapping[str, str], bounds: Mapping[str, str], key: Sequence[str]) -> Expectation:
    return ExpectRowsToKeepRule(
        rule=rule.kind,
        columns=list(rule.columns),
        types={column: types[column] for column in sorted(columns_of(rule, key)) if types[column] in TYPES},
        arguments={
            **rule.arguments,
            **(bounds if rule.kind in BOUNDED else {}),
            **({"document_key": list(key)} if rule.kind in OF_DOCUMENTS else {}),
        },
        column=rule.columns[0] if len(rule.columns) == 1 else None,
        **_told(rule),
    )


def _in_set(rule: Rule, *_: object) -> Expectation:
    values = ["t", "f"] if rule.kind == "boolean" else [str(value) for value in rule.arguments["values"]]
    return ExpectColumnValuesToBeInSet(column=rule.columns[0], value_set=values, **_told(rule))


def _regex(rule: Rule, *_: object) -> Expectation:
    pattern = rule.arguments["value" if rule.kind == "pattern" else "pattern"]
    # ``$`` would let a trailing line end through, and without the group an alternative would escape the anchors.
    return ExpectColumnValuesToMatchRegex(column=rule.columns[0], regex=rf"^(?:{pattern})\Z", **_told(rule))


def _length(rule: Rule, *_: object) -> Expectation:
    bound = "min_value" if rule.kind == "minLength" else "max_value"
    return ExpectColumnValueLengthsToBeBetween(
        column=rule.columns[0], **{bound: rule.arguments["value"]}, **_told(rule)
    )


EXPECTATIONS: Mapping[str, Callable[[Rule, Mapping[str, str], Mapping[str, str], Sequence[str]], Expectation]] = {
    **dict.fromkeys(RULES, _own),
    "enum": _in_set,
    "boolean": _in_set,
    "pattern": _regex,
    "matches": _regex,
    "minLength": _length,
    "maxLength": _length,
}
