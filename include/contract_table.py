"""One kind of row of a contract: its columns, its rules, and how rows make up a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from include.contract_vocabulary import (
    ARGUMENTS_OF_RULE,
    COLUMN_RULES,
    ENGINE,
    FILE_RULES,
    KEYS,
    OPTIONS_OF_TYPE,
    ContractError,
    only_known,
    properties_of,
)

PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]*")
Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Rule:
    """
    One promise that can be checked.

    ``id`` is ``<column>-<kind>`` (``<column>+<column>-<kind>`` over several, ``file-<kind>`` for the whole file), with
    ``<table>.`` before it where a contract has several tables, and names the rejected sample that breaks it. A row that
    breaks an ``error`` rule is rejected; ``warning`` and ``info`` are counted and reported.
    """

    id: str
    kind: str
    columns: tuple[str, ...]
    severity: Severity
    dimension: str
    arguments: Mapping[str, Any]
    description: str

    @property
    def named(self) -> tuple[str, ...]:
        """Columns that a rule about rows speaks of in its arguments, beside its own."""
        if self.kind in FILE_RULES:
            return ()
        single = (
            self.arguments[name]
            for name in ("property", "quantity", "unitPrice", "discount", "term")
            if name in self.arguments
        )
        return (*single, *self.arguments.get("properties", ()))


@dataclass(frozen=True)
class Field:
    """
    One column of the set; ``delivered`` ones are in the file, the others are read to judge the row.

    An ``item`` column belongs to the single line of a document, the others are the same on all its lines.

    Of an inbound contract: ``header`` is that of the column in the partner's file, None for one that is derived from
    others; ``form`` is how the partner writes its values; with ``header_optional`` a file may come without the column.
    """

    name: str
    logical_type: str
    required: bool
    primary_key: bool
    delivered: bool
    row_key: bool
    classification: str | None
    purpose: str | None
    legal_basis: str | None
    description: str
    item: bool = False
    pattern: str | None = None
    header: str | None = None
    form: str = "text"
    header_optional: bool = False

    @property
    def personal(self) -> bool:
        """True if the value says something about a person, by itself or by linkage."""
        return self.classification is not None


@dataclass(frozen=True)
class Table:
    """
    The rows of one kind: one SQL query gives them, one row check judges them.

    ``id`` is the contract's, or ``<contract>.<name>`` where it has several. With an ``array`` the rows are the lines of
    documents: rows with equal ``document_key`` are one record of the file, whose lines are the array's items; a record
    without lines is one row whose item columns are null.
    """

    id: str
    name: str
    source: str
    array: str | None
    withhold: Mapping[str, str]
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...]

    @cached_property
    def delivered(self) -> tuple[str, ...]:
        """Names of the columns in the file, in its order."""
        return tuple(field.name for field in self.fields if field.delivered)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns that the extraction gives, in its order."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def row_key(self) -> str:
        """
        Name of the column that identifies a row in reports: a surrogate, never personal data.

        An inbound table has none; its rows are named by their line in the file.
        """
        return next(field.name for field in self.fields if field.row_key)

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        """Columns that together are unique within a file."""
        return tuple(field.name for field in self.fields if field.primary_key)

    @cached_property
    def document_key(self) -> tuple[str, ...]:
        """Columns of the primary key that all rows of one document have in common; none if each row stands alone."""
        if self.array is None:
            return ()
        return tuple(field.name for field in self.fields if field.primary_key and not field.item)

    @property
    def row_rules(self) -> tuple[Rule, ...]:
        """Rules that judge rows."""
        return tuple(rule for rule in self.rules if rule.kind not in FILE_RULES)

    def type_of(self, column: str) -> str:
        """Logical type of ``column``."""
        return next(field.logical_type for field in self.fields if field.name == column)


def table_of(
    told: Mapping[str, Any], columns: list[dict[str, Any]], contract_id: str, *, alone: bool, inbound: bool = False
) -> Table:
    """
    Return one schema object of a contract file as a table, its array taken apart into columns.

    :param columns: its properties, references followed; :param alone: whether it is the contract's only one.
    :param inbound: whether a partner sends the rows, which are named by their line in the file then.
    :raises ContractError: naming the place.
    """
    where = f"schema {told['name']!r}"
    if inbound and (arrays := [column["name"] for column in columns if column["logicalType"] == "array"]):
        raise ContractError(f"{where}: {', '.join(arrays)} cannot be an array, since a CSV file has none")
    arrays = [column for column in columns if column["logicalType"] == "array"]
    if len(arrays) > 1 or (arrays and columns[-1] is not arrays[0]):
        raise ContractError(f"{where}: one array is possible, as the last property: the lines of the document")
    flat = [(column, False) for column in columns if column["logicalType"] != "array"]
    for array in arrays:
        only_known(array, KEYS["array"], f"property {array.get('name')!r}")
        only_known(array["items"], KEYS["items"], f"property {array['name']!r}, items")
        flat += [(column, True) for column in array["items"]["properties"]]
    fields = tuple(_field(column, item=item, inbound=inbound) for column, item in flat)
    names = [field.name for field in fields]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ContractError(f"{where}: {', '.join(sorted(doubled))} stands there twice")
    if not inbound and sum(field.row_key for field in fields) != 1:
        raise ContractError(f"{where}: exactly one property must be the rowKey")
    array_name = arrays[0]["name"] if arrays else None
    prefix = "" if alone else f"{told['name']}."
    return Table(
        id=contract_id if alone else f"{contract_id}.{told['name']}",
        name=told["name"],
        source=told["physicalName"],
        array=array_name,
        withhold={
            name: str(value)
            for name, value in properties_of(told, "inbound schema" if inbound else "schema")
            .get("withhold", {})
            .items()
        },
        fields=fields,
        rules=tuple(_rules([column for column, _ in flat], told.get("quality", []), array_name, prefix)),
    )


def _field(column: Mapping[str, Any], *, item: bool, inbound: bool) -> Field:
    where = f"property {column.get('name')!r}"
    level = "inbound property" if inbound else "property"
    only_known(column, KEYS[level], where)
    if not PLAIN_NAME.fullmatch(column["name"]):
        raise ContractError(f"{where}: a name is lower-case letters, digits and underscores")
    own = properties_of(column, level)
    for key in ("required", "primaryKey"):
        if not isinstance(column.get(key, False), bool):
            raise ContractError(f"{where}: {key} is true or false, without quotes")
    classification = column.get("classification")
    if classification and not {"purpose", "legalBasis"} <= set(own):
        raise ContractError(f"{where} is {classification}: it must name its purpose and legalBasis")
    return Field(
        name=column["name"],
        logical_type=column["logicalType"],
        required=column.get("required", False),
        primary_key=column.get("primaryKey", False),
        delivered=own.get("delivered", True),
        row_key=own.get("rowKey", False),
        classification=classification,
        purpose=own.get("purpose"),
        legal_basis=own.get("legalBasis"),
        description=column.get("description", ""),
        item=item,
        pattern=column.get("logicalTypeOptions", {}).get("pattern"),
        header=column.get("physicalName"),
        form=own.get("sourceForm", "text"),
        header_optional=own.get("headerOptional", False),
    )


def _rules(
    columns: list[Mapping[str, Any]], quality: list[dict[str, Any]], array: str | None, prefix: str
) -> Iterable[Rule]:
    key = sorted((c["primaryKeyPosition"], c["name"]) for c in columns if c.get("primaryKey"))
    for column in columns:
        yield from _implied_rules(column, prefix)
        for one in column.get("quality", []):
            yield _custom_rule(one, column["name"], COLUMN_RULES, prefix)
    if key:
        names = tuple(name for _, name in key)
        yield Rule(
            f"{prefix}{'+'.join(names)}-duplicateValues",
            "duplicateValues",
            names,
            "error",
            "uniqueness",
            {},
            f"{', '.join(names)} together are unique in the file.",
        )
    if array is not None:
        text = "A document goes whole or not at all: none of its lines breaks a rule."
        yield Rule(f"{prefix}{array}-wholeDocument", "wholeDocument", (), "error", "completeness", {}, text)
    for one in quality:
        yield _custom_rule(one, "file", FILE_RULES, "")


def _implied_rules(column: Mapping[str, Any], prefix: str) -> Iterable[Rule]:
    """Rules that ODCS says by its own keys: required, type, options, enumeration."""
    name, kind, options = column["name"], column["logicalType"], column.get("logicalTypeOptions", {})
    place = f"{prefix}{name}"
    if kind not in OPTIONS_OF_TYPE:
        raise ContractError(
            f"property {name!r}: nothing here checks the type {kind!r}; use {', '.join(sorted(OPTIONS_OF_TYPE))}"
        )
    only_known(options, OPTIONS_OF_TYPE[kind], f"property {name!r}, logicalTypeOptions of a {kind}")
    if column.get("required"):
        yield Rule(f"{place}-required", "required", (name,), "error", "completeness", {}, f"{name} is never empty.")
    if kind != "string":
        text = f"{name} is written as {kind}."
        yield Rule(f"{place}-{kind}", kind, (name,), "error", "conformity", {}, text)
    for option, value in options.items():
        if option != "timezone":  # Said by the one timestamp format there is.
            text = f"{name}: {option} {value}."
            yield Rule(f"{place}-{option}", option, (name,), "error", "conformity", {"value": value}, text)
    if "enum" in column:
        values = [item["value"] for item in column["enum"]]
        text = f"{name} is one of {', '.join(map(str, values))}."
        yield Rule(f"{place}-enum", "enum", (name,), "error", "conformity", {"values": values}, text)


def _custom_rule(quality: dict[str, Any], place: str, known: frozenset[str], prefix: str) -> Rule:
    where = f"quality rule {quality.get('id')!r} of {place}"
    only_known(quality, KEYS["quality"], where)
    if quality["engine"] != ENGINE:
        raise ContractError(f"{where}: nothing here runs the engine {quality['engine']!r}; use {ENGINE!r}")
    if quality["severity"] not in ("error", "warning", "info"):
        raise ContractError(f"{where}: severity {quality['severity']!r} is not error, warning or info")
    only_known(quality["implementation"], KEYS["implementation"], where)
    kind = quality["implementation"]["rule"]
    if kind not in known:
        raise ContractError(f"{where}: nothing enforces a rule {kind!r} here; there are {', '.join(sorted(known))}")
    arguments = quality["implementation"].get("arguments", {})
    wanted = ARGUMENTS_OF_RULE[kind]
    if set(arguments) != wanted:
        raise ContractError(
            f"{where}: {kind} takes exactly {', '.join(sorted(wanted)) or 'no arguments'}, "
            f"found {', '.join(sorted(arguments)) or 'none'}"
        )
    columns = () if place == "file" else (place,)
    if not quality["id"].startswith(f"{place}-"):
        raise ContractError(f"{where}: its id must begin with {place}-, as a report names it")
    return Rule(
        # In the file without the table, in whose part it stands: ODCS has no place for a dot there.
        f"{prefix}{quality['id']}",
        kind,
        columns,
        quality["severity"],
        quality["dimension"],
        arguments,
        quality["description"],
    )
