"""What a contract's parts must be to each other: columns that exist, patterns that compile, names that can be made."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from include.contract_vocabulary import AGREEMENTS, CONTIGUOUS, PERIOD_UNITS, ContractError

if TYPE_CHECKING:
    from include.contract import Contract, Rule, Table

# What Python's engine takes and polars' does not.
NOT_REGULAR = re.compile(r"\(\?<?[=!]|\\[1-9]")
EMPTY_FILE = ("send", "skip")
# Rules that calculate with every column that they name.
ARITHMETIC = frozenset({"lineArithmetic", "sumOf", "sumOfLines", "notBelow", "paysBack"})
# Rules of one number, beside columns of any type.
OF_NUMBERS = frozenset({"signFollows", "negativeOnlyWhen"})
# Rules of identifiers, whose leading zeros count.
OF_TEXT = frozenset({"siren", "siret", "vin", "startsWithFor", "unitIdentifier"})
# How the value that a rule asks for must be written, as text, to be one of its column's at all.
WRITTEN = {
    "integer": re.compile(r"-?[0-9]{1,15}"),
    "number": re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "timestamp": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"),
}
ANYTHING = re.compile(r".+")
# Arguments that are counts, and the most that a reader calculates with.
WHOLE_NUMBERS: dict[str, dict[str, int]] = {
    "yearNotAfterWindow": {"ahead": 100},
    "monthsApart": {"tolerance": 1200},
    "paysBack": {"percent": 1000},
}


def require_sense(contract: Contract) -> None:
    """
    Hold the contract's parts to each other, so that nothing breaks, or is silently never true, when it is used.

    :raises ContractError: naming the place and what is asked for there.
    """
    for table in contract.tables:
        _refer_only_to_columns(table)
        _judge_what_can_be_judged(contract, table)
        _ask_for_what_occurs(table)
        _withhold_by_flags(table)
    _name_each_thing_once(contract)
    _add_up(contract)
    _cover_a_period(contract)
    _need_what_is_signed(contract)
    if contract.direction == "outbound":
        _make_a_file(contract)
    if contract.format == "xml":
        _write_xml(contract)


def _refer_only_to_columns(table: Table) -> None:
    named = {("withhold", column) for column in table.withhold}
    named |= {(rule.id, column) for rule in table.rules for column in rule.named}
    for place, column in sorted(named):
        if column not in table.columns:
            raise ContractError(f"{place} speaks of {column!r}, which is no property of the schema")


def _name_each_thing_once(contract: Contract) -> None:
    # First the tables: two of one name have their rules twice as well.
    tables = [table.name for table in contract.tables]
    if len(set(tables)) != len(tables):
        raise ContractError(f"schema: names stand there twice among {', '.join(tables)}")
    identifiers = [rule.id for rule in contract.rules]
    if doubled := {name for name in identifiers if identifiers.count(name) > 1}:
        raise ContractError(f"rule ids stand there twice: {', '.join(sorted(doubled))}")


def _judge_what_can_be_judged(contract: Contract, table: Table) -> None:
    types = {field.name: field.logical_type for field in table.fields}
    for rule in table.rules:
        _compile(rule)
        _shape_arguments(rule)
        if rule.kind in OF_TEXT and types[rule.columns[0]] != "string":
            kind = types[rule.columns[0]]
            raise ContractError(f"{rule.id}: {rule.columns[0]} is a {kind}; {rule.kind} asks for a string")
        for column in (*rule.columns, *rule.named) if rule.kind in ARITHMETIC else ():
            if types[column] not in ("integer", "number"):
                raise ContractError(f"{rule.id}: {column} is a {types[column]}; {rule.kind} asks for a number")
        if rule.kind in OF_NUMBERS and types[rule.columns[0]] not in ("integer", "number"):
            kind = types[rule.columns[0]]
            raise ContractError(f"{rule.id}: {rule.columns[0]} is a {kind}; {rule.kind} asks for a number")
        for column, wanted in _exact_types(rule):
            if types[column] != wanted:
                raise ContractError(f"{rule.id}: {column} is a {types[column]}; {rule.kind} asks for a {wanted}")
        if rule.kind == "sumOfLines" and table.array is None:
            raise ContractError(f"{rule.id}: {table.name} has no array, so a row has no lines to add up")
        if rule.kind == "equalsFile" and rule.arguments["value"] != "dealer":
            raise ContractError(f"{rule.id}: a file knows its dealer, and no {rule.arguments['value']!r}")
        if rule.kind == "withinWindow" and contract.own_zone:
            raise ContractError(
                f"{rule.id}: the files of a run have a window each, by the dealers' clocks; use withinPeriod on a date"
            )
        for column in (*rule.columns, *rule.named) if rule.kind in ("withinPeriod", "notAfter") else ():
            if types[column] != "date":
                raise ContractError(f"{rule.id}: {column} is a {types[column]}; {rule.kind} asks for a date")
    if table.array is not None and not table.document_key:
        raise ContractError(f"schema {table.name!r}: its primary key must name what the lines of a document share")


def _exact_types(rule: Rule) -> Iterator[tuple[str, str]]:
    """Columns that a rule needs to be of one type, and which."""
    if rule.kind in ("notBefore", "monthsApart"):
        yield rule.columns[0], "date"
    if rule.kind == "monthsApart":
        yield rule.arguments["property"], "date"
    if rule.kind in ("monthsApart", "paysBack"):
        yield rule.arguments["term"], "integer"
    if rule.kind == "yearNotAfterWindow":
        yield rule.columns[0], "integer"


def _ask_for_what_occurs(table: Table) -> None:
    """A condition on a value that its column never has would be silently never true, or always."""
    values: dict[str, set[str]] = {field.name: {"t", "f"} for field in table.fields if field.logical_type == "boolean"}
    values |= {rule.columns[0]: set(map(str, rule.arguments["values"])) for rule in table.rules if rule.kind == "enum"}
    for rule in table.row_rules:
        arguments = rule.arguments
        asked = [(arguments["property"], arguments["equals"])] if "equals" in arguments else []
        asked += [
            (arguments["property"], value) for name in ("positive", "negative") for value in arguments.get(name, ())
        ]
        asked += [(rule.columns[0], arguments["value"])] if rule.kind == "equalsWhen" else []
        asked += [(arguments["property"], value) for value in arguments.get("prefixes", ())]
        for column, value in asked:
            if column in values and str(value) not in values[column]:
                raise ContractError(
                    f"{rule.id}: {column} is never {value!r}; it is one of {', '.join(sorted(values[column]))}"
                )
            kind = table.type_of(column)
            if isinstance(value, bool) or not WRITTEN.get(kind, ANYTHING).fullmatch(str(value)):
                raise ContractError(
                    f"{rule.id}: {column} is a {kind} and never {value!r}; YAML reads some values in its own way (an "
                    "unquoted NO is false), so try quotes"
                )


def _shape_arguments(rule: Rule) -> None:
    """Arguments that are lists, mappings and amounts: one of another shape would break a reader, or judge nothing."""
    arguments = rule.arguments
    if "tolerance" in arguments and not _is_amount(arguments["tolerance"]):
        raise ContractError(f"{rule.id}: tolerance is an amount from 0 on, not {arguments['tolerance']!r}")
    for name, most in WHOLE_NUMBERS.get(rule.kind, {}).items():
        if type(arguments[name]) is not int or not 0 <= arguments[name] <= most:
            raise ContractError(f"{rule.id}: {name} is a whole number from 0 to {most}, not {arguments[name]!r}")
    if rule.kind == "notBefore" and not _is_day(arguments["day"]):
        raise ContractError(f"{rule.id}: day is a day such as '1980-01-01', in quotes, not {arguments['day']!r}")
    if "properties" in arguments and not (isinstance(arguments["properties"], list) and arguments["properties"]):
        raise ContractError(f"{rule.id}: properties is a list of columns, not {arguments['properties']!r}")
    if "prefixes" in arguments and not _are_prefixes(arguments["prefixes"]):
        raise ContractError(
            f"{rule.id}: prefixes is a list of beginnings for each value, and none is empty; one of digits alone needs "
            "quotes"
        )


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**6


def _are_prefixes(told: Any) -> bool:
    if not isinstance(told, Mapping) or not all(isinstance(some, list) and some for some in told.values()):
        return False
    beginnings = [one for some in told.values() for one in some]
    return bool(beginnings) and all(isinstance(one, str) and one for one in beginnings)


def _add_up(contract: Contract) -> None:
    """The trailer's sum is over the column of that name wherever it stands, in pennies."""
    total = contract.control_total
    if total is None:
        return
    adding = [table for table in contract.tables if total in table.columns]
    if not adding:
        raise ContractError(f"trailer speaks of {total!r}, which is no property of the schema")
    for table in adding:
        pennies = [rule for rule in table.rules if rule.kind == "multipleOf" and rule.columns == (total,)]
        if [rule.arguments["value"] for rule in pennies] != [0.01]:
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


def _withhold_by_flags(table: Table) -> None:
    """A value that a column never has would withhold nobody, and nobody would notice."""
    for column, value in table.withhold.items():
        if table.type_of(column) != "boolean" or value not in ("t", "f"):
            raise ContractError(f"withhold: {column} must be a boolean and its value t or f, as the rows have it")


def _cover_a_period(contract: Contract) -> None:
    if contract.period_unit not in PERIOD_UNITS:
        raise ContractError(f"period: its unit is one of {', '.join(PERIOD_UNITS)}, not {contract.period_unit!r}")
    if (contract.due_working_day is None) != (contract.working_calendar is None):
        raise ContractError("slaProperties workingDay and the property workingCalendar go together: a day, and whose")
    if contract.due_working_day is not None and contract.period_unit != "month":
        raise ContractError("slaProperties workingDay is a day of the month after, so the period must be a month")
    if contract.contiguous not in (None, *CONTIGUOUS):
        raise ContractError(f"contiguous is one of {', '.join(CONTIGUOUS)}, not {contract.contiguous!r}")
    if contract.contiguous is not None and (contract.period_unit != "day" or contract.own_zone):
        raise ContractError("contiguous: files that follow each other are of days by the contract's clock")


def _need_what_is_signed(contract: Contract) -> None:
    if unknown := set(contract.agreements) - set(AGREEMENTS):
        raise ContractError(
            f"agreements: nobody signs {', '.join(sorted(map(str, unknown)))} here; there are {', '.join(AGREEMENTS)}"
        )


def _write_xml(contract: Contract) -> None:
    """
    XML has no place for some characters, and a reader wants to know what an address of a namespace stands for.

    Every text therefore has a pattern or a list of values: none of them lets a control character in.
    """
    if contract.encoding != "utf-8":
        raise ContractError(f"encoding: XML goes as utf-8 here, not as {contract.encoding!r}")
    if not contract.namespace:
        raise ContractError("namespace: an XML file needs one of its own")
    for table in contract.tables:
        listed = {column for rule in table.rules if rule.kind == "enum" for column in rule.columns}
        for field in table.fields:
            if not (field.delivered and field.logical_type == "string") or field.name in listed:
                continue
            if field.pattern is None:
                raise ContractError(f"schema {table.name!r}: {field.name} needs a pattern, so that XML can carry it")
            if any(re.search(f"^(?:{field.pattern})$", f"A{character}A") for character in "\x00\x0b\x1f\ufffe"):
                raise ContractError(
                    f"schema {table.name!r}: the pattern of {field.name} lets characters in that XML cannot carry"
                )


def _make_a_file(contract: Contract) -> None:
    if (rule := contract.file_rule("headerTotals")) is not None:
        raise ContractError(f"{rule.id}: a file of ours has a header and a trailer; nothing judges headerTotals of it")
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
