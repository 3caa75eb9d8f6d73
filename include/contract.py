"""
The agreement with one partner about one feed, read from its ODCS v3.2 file.

Reading is strict: a key, a rule or a rule's argument that no code here or in the two readers enforces is an error that
names the file, the place and what is allowed, because a promise that nothing keeps is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml

from include.contract_references import read_document, resolved
from include.contract_sense import require_sense
from include.contract_vocabulary import (
    ARGUMENTS_OF_RULE,
    COLUMN_RULES,
    ENGINE,
    FILE_RULES,
    HEADER_FIELDS,
    KEYS,
    OPTIONS_OF_TYPE,
    PERIOD_ZONES,
    REQUIRED_PROPERTIES,
    ContractError,
    only_known,
    properties_of,
)

CONTRACTS_DIR = Path(__file__).parent / "contracts"
PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]*")
Severity = Literal["error", "warning", "info"]

__all__ = ["Contract", "ContractError", "Field", "Rule", "all_contract_ids", "load_contract"]


@dataclass(frozen=True)
class Rule:
    """
    One promise that can be checked.

    ``id`` is ``<column>-<kind>`` (``<column>+<column>-<kind>`` over several, ``file-<kind>`` for the whole file) and
    names the rejected sample that breaks it. A row that breaks an ``error`` rule is rejected; ``warning`` and ``info``
    are counted and reported.
    """

    id: str
    kind: str
    columns: tuple[str, ...]
    severity: Severity
    dimension: str
    arguments: Mapping[str, Any]
    description: str


@dataclass(frozen=True)
class Field:
    """One column of the set; ``delivered`` ones are in the file, the others are read to judge the row."""

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

    @property
    def personal(self) -> bool:
        """True if the value says something about a person, by itself or by linkage."""
        return self.classification is not None


@dataclass(frozen=True)
class Contract:
    """
    What a partner is promised, in the words of the contract file.

    A file covers one ``period_unit`` by the clock of ``zone``, or of the dealer where ``own_zone``. It is due at
    ``due`` on the morning after, or on the ``due_working_day``-th working day after it in the public holidays of
    ``working_calendar`` (ISO 3166 country). ``reconciled_with`` names the contract whose files of the same period must
    add up to this one's.
    """

    id: str
    name: str
    version: str
    partner: str
    dealers: str
    purpose: str
    usage: str
    limitations: str
    owner: str
    recipient: str
    shared_with: tuple[str, ...]
    recipient_storage: str
    zone: str
    period_unit: Literal["day", "month"]
    own_zone: bool
    reconciled_with: str | None
    remote_dir: str
    file_name: str
    delimiter: str
    encoding: str
    line_end: str
    empty_file: str
    header: tuple[str, ...]
    trailer: tuple[str, ...]
    due: time
    due_working_day: int | None
    working_calendar: str | None
    retention_days: int
    source: str
    withhold: Mapping[str, str]
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...]

    @property
    def summary(self) -> str:
        """One line for the DAG list; naming the version makes a changed contract a new DAG version."""
        return f"{self.purpose} Contract {self.version}."

    @property
    def delivered(self) -> tuple[str, ...]:
        """Names of the columns in the file, in its order."""
        return tuple(field.name for field in self.fields if field.delivered)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns that the extraction gives, in its order."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def row_key(self) -> str:
        """Name of the column that identifies a row in reports: a surrogate, never personal data."""
        return next(field.name for field in self.fields if field.row_key)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Columns that together are unique within a file."""
        return tuple(field.name for field in self.fields if field.primary_key)

    @property
    def row_rules(self) -> tuple[Rule, ...]:
        """Rules that judge rows."""
        return tuple(rule for rule in self.rules if rule.kind not in FILE_RULES)

    @property
    def control_total(self) -> str | None:
        """Name of the column whose sum the trailer states, or None."""
        totals = [item.partition(":")[2] for item in self.trailer if item.startswith("control_total:")]
        return totals[0] if totals else None

    def file_rule(self, kind: str) -> Rule | None:
        """Return the file rule of ``kind``, if the contract has it."""
        return next((rule for rule in self.rules if rule.kind == kind), None)

    def file_for(self, dealer: str, business_date: date, sequence: int) -> str:
        """Name of the file of ``dealer`` for ``business_date`` with that ``sequence``."""
        return self.file_name.format(dealer=dealer, business_date=business_date, sequence=sequence)


def load_contract(contract_id: str, folder: Path = CONTRACTS_DIR) -> Contract:
    """
    Read ``<folder>/<contract_id>.yaml``.

    :raises ContractError: with the file, the place in it and what is allowed there.
    """
    path = folder / f"{contract_id}.yaml"
    if not path.is_file():
        known = ", ".join(all_contract_ids(folder)) or "none"
        raise ContractError(f"{path.name}: no such contract in {folder.name}/; there are: {known}")
    try:
        document = read_document(path)
    except yaml.YAMLError as error:
        raise ContractError(f"{path.name}: not readable as YAML: {error}") from error
    try:
        return _contract(contract_id, document, folder)
    except ContractError as error:
        raise ContractError(f"{path.name}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractError(
            f"{path.name}: incomplete or misshapen near {error}; compare it with its neighbours in {folder.name}/"
        ) from error


def all_contract_ids(folder: Path = CONTRACTS_DIR) -> list[str]:
    """Every interface there is, in a stable order."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _contract(contract_id: str, document: Any, folder: Path) -> Contract:
    if not isinstance(document, dict):
        raise ContractError("the file holds no mapping")
    only_known(document, KEYS["contract"], "the contract")
    if document["id"] != contract_id:
        raise ContractError(f"it calls itself {document['id']!r}; id and file name must be the same")
    (server,) = document["servers"]
    (told,) = document["schema"]
    table = {**told, "properties": [resolved(column, folder) for column in told["properties"]]}
    only_known(document["description"], KEYS["description"], "description")
    only_known(server, KEYS["server"], "servers[0]")
    only_known(table, KEYS["schema"], "schema[0]")
    own = properties_of(document, "contract")
    shape = properties_of(server, "server")
    for level, found in (("contract", own), ("server", shape)):
        if missing := REQUIRED_PROPERTIES[level] - set(found):
            raise ContractError(f"customProperties of the {level}: {', '.join(sorted(missing))} missing")
    sla = {item["property"]: item for item in document["slaProperties"]}
    only_known(sla, KEYS["sla"], "slaProperties")
    if sla["retention"].get("unit") != "d":
        raise ContractError("slaProperties retention: its unit is d, for days; nothing here counts in another")
    location = urlsplit(server["location"])
    remote_dir, _, file_name = location.path.rpartition("/")
    fields = tuple(_field(column) for column in table["properties"])
    names = [field.name for field in fields]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ContractError(f"schema[0]: {', '.join(sorted(doubled))} stands there twice")
    if sum(field.row_key for field in fields) != 1:
        raise ContractError("schema[0]: exactly one property must be the rowKey")
    only_known(dict.fromkeys(shape["header"]), HEADER_FIELDS, "customProperties header")
    contract = Contract(
        id=contract_id,
        name=document["name"],
        version=document["version"],
        partner=own["partner"],
        dealers=own["dealers"],
        purpose=document["description"]["purpose"],
        usage=document["description"]["usage"],
        limitations=document["description"]["limitations"],
        owner=document["team"]["members"][0]["username"],
        recipient=own["recipient"],
        shared_with=tuple(own["sharedWith"]),
        recipient_storage=own["recipientStorage"],
        zone=own["timeZone"],
        period_unit=own["period"]["unit"],
        own_zone=_goes_by_the_dealers_clock(own["period"]),
        reconciled_with=own.get("reconciledWith"),
        remote_dir=remote_dir,
        file_name=file_name,
        delimiter=shape["delimiter"],
        encoding=shape["encoding"],
        line_end=shape["lineEnd"],
        empty_file=shape["emptyFile"],
        header=tuple(shape["header"]),
        trailer=tuple(shape["trailer"]),
        due=time.fromisoformat(sla["timeOfAvailability"]["value"]),
        due_working_day=int(sla["workingDay"]["value"]) if "workingDay" in sla else None,
        working_calendar=own.get("workingCalendar"),
        retention_days=int(sla["retention"]["value"]),
        source=table["physicalName"],
        withhold={name: str(value) for name, value in properties_of(table, "schema").get("withhold", {}).items()},
        fields=fields,
        rules=tuple(_rules(table)),
    )
    require_sense(contract)
    others = set(all_contract_ids(folder)) - {contract.id}
    if contract.reconciled_with is not None and contract.reconciled_with not in others:
        raise ContractError(
            f"reconciledWith: there is no other contract {contract.reconciled_with!r} in {folder.name}/; there are: "
            f"{', '.join(sorted(others)) or 'none'}"
        )
    return contract


def _goes_by_the_dealers_clock(period: dict[str, Any]) -> bool:
    only_known(period, ("unit", "zone"), "customProperties period")
    if period["zone"] not in PERIOD_ZONES:
        raise ContractError(f"period: its zone is one of {', '.join(PERIOD_ZONES)}, not {period['zone']!r}")
    return bool(period["zone"] == "dealer")


def _field(column: dict[str, Any]) -> Field:
    where = f"property {column.get('name')!r}"
    only_known(column, KEYS["property"], where)
    if not PLAIN_NAME.fullmatch(column["name"]):
        raise ContractError(f"{where}: a name is lower-case letters, digits and underscores")
    own = properties_of(column, "property")
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
    )


def _rules(table: dict[str, Any]) -> Iterable[Rule]:
    columns = table["properties"]
    key = sorted((c["primaryKeyPosition"], c["name"]) for c in columns if c.get("primaryKey"))
    for column in columns:
        yield from _implied_rules(column)
        for quality in column.get("quality", []):
            yield _custom_rule(quality, column["name"], COLUMN_RULES)
    if key:
        names = tuple(name for _, name in key)
        yield Rule(
            f"{'+'.join(names)}-duplicateValues",
            "duplicateValues",
            names,
            "error",
            "uniqueness",
            {},
            f"{', '.join(names)} together are unique in the file.",
        )
    for quality in table.get("quality", []):
        yield _custom_rule(quality, "file", FILE_RULES)


def _implied_rules(column: dict[str, Any]) -> Iterable[Rule]:
    """Rules that ODCS says by its own keys: required, type, options, enumeration."""
    name, kind, options = column["name"], column["logicalType"], column.get("logicalTypeOptions", {})
    if kind not in OPTIONS_OF_TYPE:
        raise ContractError(
            f"property {name!r}: nothing here checks the type {kind!r}; use {', '.join(sorted(OPTIONS_OF_TYPE))}"
        )
    only_known(options, OPTIONS_OF_TYPE[kind], f"property {name!r}, logicalTypeOptions of a {kind}")
    if column.get("required"):
        yield Rule(f"{name}-required", "required", (name,), "error", "completeness", {}, f"{name} is never empty.")
    if kind != "string":
        text = f"{name} is written as {kind}."
        yield Rule(f"{name}-{kind}", kind, (name,), "error", "conformity", {}, text)
    for option, value in options.items():
        if option != "timezone":  # Said by the one timestamp format there is.
            text = f"{name}: {option} {value}."
            yield Rule(f"{name}-{option}", option, (name,), "error", "conformity", {"value": value}, text)
    if "enum" in column:
        values = [item["value"] for item in column["enum"]]
        text = f"{name} is one of {', '.join(map(str, values))}."
        yield Rule(f"{name}-enum", "enum", (name,), "error", "conformity", {"values": values}, text)


def _custom_rule(quality: dict[str, Any], place: str, known: frozenset[str]) -> Rule:
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
    return Rule(
        quality["id"],
        kind,
        columns,
        quality["severity"],
        quality["dimension"],
        arguments,
        quality["description"],
    )
