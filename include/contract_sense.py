"""What a contract's parts must be to each other: columns that exist, patterns that compile, names that can be made."""

from __future__ import annotations

import codecs
import re
from datetime import date
from typing import TYPE_CHECKING

from include.contract_vocabulary import FILE_RULES, PERIOD_UNITS, ContractError

if TYPE_CHECKING:
    from include.contract import Contract, Rule

# What Python's engine takes and polars' does not.
NOT_REGULAR = re.compile(r"\(\?<?[=!]|\\[1-9]")
EMPTY_FILE = ("send", "skip")


def require_sense(contract: Contract) -> None:
    """
    Hold the contract's parts to each other, so that nothing breaks, or is silently never true, when it is used.

    :raises ContractError: naming the place and what is asked for there.
    """
    _refer_only_to_columns(contract)
    _judge_what_can_be_judged(contract)
    _withhold_by_flags(contract)
    _cover_a_period(contract)
    _make_a_file(contract)


def _refer_only_to_columns(contract: Contract) -> None:
    named = {("withhold", column) for column in contract.withhold}
    if contract.control_total is not None:
        named.add(("trailer", contract.control_total))
    for rule in contract.rules:
        for argument in ("property", "quantity", "unitPrice", "discount"):
            if rule.kind not in FILE_RULES and argument in rule.arguments:
                named.add((rule.id, rule.arguments[argument]))
    for place, column in sorted(named):
        if column not in contract.columns:
            raise ContractError(f"{place} speaks of {column!r}, which is no property of the schema")
    identifiers = [rule.id for rule in contract.rules]
    if doubled := {name for name in identifiers if identifiers.count(name) > 1}:
        raise ContractError(f"rule ids stand there twice: {', '.join(sorted(doubled))}")


def _judge_what_can_be_judged(contract: Contract) -> None:
    types = {field.name: field.logical_type for field in contract.fields}
    for rule in contract.rules:
        _compile(rule)
        numbers = [*rule.columns, *(rule.arguments.get(name) for name in ("quantity", "unitPrice", "discount"))]
        for column in numbers if rule.kind in ("signFollows", "lineArithmetic") else []:
            if column is not None and types[column] not in ("integer", "number"):
                raise ContractError(f"{rule.id}: {column} is a {types[column]}; {rule.kind} asks for a number")
        if rule.kind == "equalsFile" and rule.arguments["value"] != "dealer":
            raise ContractError(f"{rule.id}: a file knows its dealer, and no {rule.arguments['value']!r}")
        if rule.kind == "withinWindow" and contract.own_zone:
            raise ContractError(
                f"{rule.id}: the files of a run have a window each, by the dealers' clocks; use withinPeriod on a date"
            )
        dates = [*rule.columns, *(rule.arguments.get("property") for _ in range(rule.kind == "notAfter"))]
        for column in dates if rule.kind in ("withinPeriod", "notAfter") else []:
            if types[str(column)] != "date":
                raise ContractError(f"{rule.id}: {column} is a {types[str(column)]}; {rule.kind} asks for a date")
    total = contract.control_total
    pennies = [rule for rule in contract.rules if rule.kind == "multipleOf" and rule.columns == (total,)]
    if total is not None and [rule.arguments["value"] for rule in pennies] != [0.01]:
        raise ContractError(f"trailer: {total} needs a multipleOf of 0.01, so that its sum is exact")


def _compile(rule: Rule) -> None:
    pattern = rule.arguments.get("pattern", rule.arguments.get("value") if rule.kind == "pattern" else None)
    if pattern is None:
        return
    try:
        re.compile(pattern)
    except re.error as error:
        raise ContractError(f"{rule.id}: the pattern is none: {error}") from error
    if NOT_REGULAR.search(pattern):
        raise ContractError(f"{rule.id}: a pattern has no look-around and no back-reference here")


def _withhold_by_flags(contract: Contract) -> None:
    """A value that a column never has would withhold nobody, and nobody would notice."""
    types = {field.name: field.logical_type for field in contract.fields}
    for column, value in contract.withhold.items():
        if types[column] != "boolean" or value not in ("t", "f"):
            raise ContractError(f"withhold: {column} must be a boolean and its value t or f, as the rows have it")


def _cover_a_period(contract: Contract) -> None:
    if contract.period_unit not in PERIOD_UNITS:
        raise ContractError(f"period: its unit is one of {', '.join(PERIOD_UNITS)}, not {contract.period_unit!r}")
    if (contract.due_working_day is None) != (contract.working_calendar is None):
        raise ContractError("slaProperties workingDay and the property workingCalendar go together: a day, and whose")
    if contract.due_working_day is not None and contract.period_unit != "month":
        raise ContractError("slaProperties workingDay is a day of the month after, so the period must be a month")


def _make_a_file(contract: Contract) -> None:
    if contract.empty_file not in EMPTY_FILE:
        raise ContractError(f"emptyFile is one of {', '.join(EMPTY_FILE)}, not {contract.empty_file!r}")
    try:
        codecs.lookup(contract.encoding)
    except LookupError as error:
        raise ContractError(f"encoding: {error}") from error
    if unknown := [item for item in contract.trailer if item != "record_count" and ":" not in item]:
        raise ContractError(
            f"trailer: nothing here states {', '.join(unknown)}; use record_count, control_total:<column>"
        )
    before = date(2025, 12, 31) if contract.period_unit == "month" else date(2026, 1, 30)
    try:
        first = contract.file_for("D1", date(2026, 1, 31), 1)
        others = [
            contract.file_for("D2", date(2026, 1, 31), 1),
            contract.file_for("D1", before, 1),
            contract.file_for("D1", date(2026, 1, 31), 2),
        ]
    except (KeyError, ValueError, IndexError) as error:
        raise ContractError(f"location: the file name knows dealer, business_date and sequence, not {error}") from error
    if first in others:
        raise ContractError("location: the file name must differ by dealer, business_date and sequence")
