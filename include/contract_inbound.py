"""What a contract about files that a partner sends must say of its columns: where each one comes from, and how."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from include.contract_vocabulary import DERIVED, SOURCE_FORMS, ContractError

if TYPE_CHECKING:
    from include.contract import Contract
    from include.contract_table import Field, Rule, Table

# What may divide the values of a line: a quote, a letter or a line end would leave nothing to read.
DELIMITERS = (",", ";", "\t", "|")
# Rules that a file, or its rows one after the other, could only answer if they came sorted or told of their dealer.
NEVER_INBOUND = frozenset({"equalsFile", "withinWindow", "withinPeriod", "sumOfLines", "sameWeekdayVolume"})


def require_inbound_sense(contract: Contract, *, location: str, header_row: object) -> None:
    """
    Hold an inbound contract to what its readers need.

    :raises ContractError: naming the place and what is asked for there.
    """
    wanted = f"sftp://{contract.partner}/"
    if location != wanted:
        raise ContractError(f"servers[0]: its location is {wanted!r}; directories and names are those of the feeds")
    if header_row is not True:
        raise ContractError("servers[0] headerRow: true, since columns are found by their headers and never by place")
    if contract.delimiter not in DELIMITERS:
        raise ContractError(f"servers[0] delimiter: one of {', '.join(map(repr, DELIMITERS))}")
    if contract.due_working_day is not None:
        raise ContractError(
            "slaProperties workingDay: a file is expected each day; there is timeOfAvailability for that"
        )
    if len(contract.tables) != 1:
        raise ContractError("schema: a file has the rows of exactly one table")
    for rule in contract.rules:
        if rule.kind in NEVER_INBOUND:
            raise ContractError(f"{rule.id}: nothing judges {rule.kind} of an inbound file")
    _find_each_column(contract.table)
    if (totals := contract.file_rule("headerTotals")) is not None:
        _add_up_records(contract.table, totals)


def _find_each_column(table: Table) -> None:
    for field in table.fields:
        if field.header is None:
            _is_derived(field)
        else:
            _is_read(field)
    # As include/inbound/headers.py compares them.
    headers = Counter(field.header.strip().casefold() for field in table.fields if field.header is not None)
    if doubled := sorted(header for header, count in headers.items() if count > 1):
        raise ContractError(f"schema {table.name!r}: two properties have the physicalName {', '.join(doubled)}")


def _add_up_records(table: Table, rule: Rule) -> None:
    """A header that nobody writes, or sums of what is no money, would hold every file, or none."""
    arguments = rule.arguments
    kinds = [each for each in table.rules if each.kind == "enum" and each.columns == (arguments["property"],)]
    values = {str(value) for each in kinds for value in each.arguments["values"]}
    if arguments["header"] not in values or len(values) < 2:
        raise ContractError(
            f"{rule.id}: {arguments['property']} must be an enum of {arguments['header']!r} and what the lines are"
        )
    for name in ("totals", "same"):
        if not (isinstance(arguments[name], list) and arguments[name]):
            raise ContractError(f"{rule.id}: {name} is a list of columns, not {arguments[name]!r}")
    if unknown := {arguments["count"], *arguments["totals"], *arguments["same"]} - set(table.columns):
        raise ContractError(f"{rule.id} speaks of {', '.join(sorted(unknown))}, which is no property of the schema")
    if table.type_of(arguments["count"]) != "integer":
        raise ContractError(f"{rule.id}: {arguments['count']} must be an integer, since it counts")
    pennies = {each.columns for each in table.rules if each.kind == "multipleOf" and each.arguments["value"] == 0.01}
    if wrong := [name for name in arguments["totals"] if (name,) not in pennies]:
        raise ContractError(f"{rule.id}: {', '.join(wrong)} needs a multipleOf of 0.01, so that its sum is exact")
    if optional := [field.name for field in table.fields if field.name in arguments["totals"] and not field.required]:
        raise ContractError(
            f"{rule.id}: {', '.join(optional)} must be required; an amount that is missing adds up to none"
        )


def _is_derived(field: Field) -> None:
    if field.name not in DERIVED:
        raise ContractError(
            f"property {field.name!r}: it needs the header of its column as physicalName; only {', '.join(DERIVED)} "
            "follow from other columns"
        )
    if field.form != "text" or field.header_optional:
        raise ContractError(f"property {field.name!r} is derived; sourceForm and headerOptional are of a file's column")


def _is_read(field: Field) -> None:
    where = f"property {field.name!r}"
    if field.name in DERIVED:
        raise ContractError(f"{where} is derived from other columns, so it has no physicalName")
    if not isinstance(field.header, str) or not field.header.strip() or field.header != field.header.strip():
        raise ContractError(f"{where}: its physicalName is the header in the file, not {field.header!r}")
    if field.form not in SOURCE_FORMS:
        raise ContractError(
            f"{where}: nothing reads the sourceForm {field.form!r}; there are {', '.join(SOURCE_FORMS)}"
        )
    if field.logical_type not in SOURCE_FORMS[field.form]:
        raise ContractError(
            f"{where}: what is written as {field.form} is a {' or '.join(sorted(SOURCE_FORMS[field.form]))}, not a "
            f"{field.logical_type}"
        )
    if not isinstance(field.header_optional, bool):
        raise ContractError(f"{where}: headerOptional is true or false, without quotes")
    if field.required and field.header_optional:
        raise ContractError(
            f"{where}: it is required or headerOptional; not both, since a required value needs its column"
        )
