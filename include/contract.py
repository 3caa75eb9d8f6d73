"""
The agreement with one partner about one feed, read from its ODCS v3.2 file.

Reading is strict: a key, a rule or a rule's argument that no code here or in the two readers enforces is an error that
names the file, the place and what is allowed, because a promise that nothing keeps is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml

from include.contract_inbound import require_inbound_sense
from include.contract_references import read_document, resolved
from include.contract_sense import require_sense
from include.contract_table import Field, Rule, Severity, Table, table_of
from include.contract_vocabulary import (
    DIRECTIONS,
    FORMATS,
    HEADER_FIELDS,
    KEYS,
    OPTIONAL_PROPERTIES,
    PERIOD_ZONES,
    REQUIRED_PROPERTIES,
    WEEKDAYS,
    ContractError,
    Direction,
    only_known,
    properties_of,
)

CONTRACTS_DIR = Path(__file__).parent / "contracts"
# When files come in.
EACH_DAY = {"unit": "day", "zone": "contract"}

__all__ = [
    "Contract",
    "ContractError",
    "Field",
    "Rule",
    "Severity",
    "Table",
    "all_contract_ids",
    "contract_ids",
    "load_contract",
]


@dataclass(frozen=True)
class Contract:
    """
    What a partner is promised, or sends us, in the words of the contract file.

    An ``inbound`` contract is about files that a partner leaves for us: a day's file is expected by ``due``, its rows
    have the columns of ``table``, found by their headers. Where the files are, how they are named and in which encoding
    and date format they are written, each dealer's feed says (``include/feeds/``). What only files of ours have is
    empty: dealers, header, trailer, encoding, line end, directory, name and the like. The rest is about outbound ones.

    ``expected_on`` are the days of the week (Monday is 0) on which such a file is due at the latest.

    A file covers one ``period_unit`` by the clock of ``zone``, or of the dealer where ``own_zone``. It is due at
    ``due`` on the morning after, or on the ``due_working_day``-th working day after it in the public holidays of
    ``working_calendar`` (ISO 3166 country). ``reconciled_with`` names the contract whose files of the same period must
    add up to this one's. ``agreements`` are the kinds that must be signed before anything of a dealer leaves.
    ``contiguous`` says that each file begins where the dealer's last one ended, and what an outage becomes: a file for
    each missed day (``windows``) or one over all of them (``span``). ``erasures`` names the SQL that counts who was
    erased since a file was made; such a file is not sent as it is.
    """

    id: str
    direction: Direction
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
    format: Literal["csv", "xml"]
    delimiter: str
    encoding: str
    line_end: str
    namespace: str
    empty_file: str
    header: tuple[str, ...]
    trailer: tuple[str, ...]
    due: time
    due_working_day: int | None
    working_calendar: str | None
    expected_on: frozenset[int]
    retention_days: int
    agreements: tuple[str, ...]
    contiguous: Literal["windows", "span"] | None
    erasures: str | None
    tables: tuple[Table, ...]

    @property
    def summary(self) -> str:
        """One line for the DAG list; naming the version makes a changed contract a new DAG version."""
        return f"{self.purpose} Contract {self.version}."

    @property
    def table(self) -> Table:
        """The one table of a contract that has one; asked of any other it is a mistake of the caller's."""
        (only,) = self.tables
        return only

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule: those of the rows, table by table, and those of the file."""
        return tuple(chain.from_iterable(table.rules for table in self.tables))

    @property
    def row_rules(self) -> tuple[Rule, ...]:
        """Rules that judge rows, table by table."""
        return tuple(chain.from_iterable(table.row_rules for table in self.tables))

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every column, table by table."""
        return tuple(chain.from_iterable(table.fields for table in self.tables))

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
    Read ``<folder>/<contract_id>.yaml``, anew only once a file of the folder has changed.

    :raises ContractError: with the file, the place in it and what is allowed there.
    """
    return _loaded(contract_id, folder, _state_of(folder))


def _state_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    # Of all of them: a contract takes over properties of its neighbours.
    stats = ((path.name, path.stat()) for path in sorted(folder.glob("*.yaml")))
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


@lru_cache(maxsize=64)
def _loaded(contract_id: str, folder: Path, _state: tuple[tuple[str, int, int], ...]) -> Contract:
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


def contract_ids(direction: Direction, folder: Path = CONTRACTS_DIR) -> list[str]:
    """Return every interface by which files go out, or come in, in a stable order."""
    return [name for name in all_contract_ids(folder) if load_contract(name, folder).direction == direction]


def _contract(contract_id: str, document: Any, folder: Path) -> Contract:
    if not isinstance(document, dict):
        raise ContractError("the file holds no mapping")
    only_known(document, KEYS["contract"], "the contract")
    if document["id"] != contract_id:
        raise ContractError(f"it calls itself {document['id']!r}; id and file name must be the same")
    (server,) = document["servers"]
    only_known(document["description"], KEYS["description"], "description")
    only_known(server, KEYS["server"], "servers[0]")
    direction = _direction(document)
    prefix = "inbound " if direction == "inbound" else ""
    if server["format"] not in FORMATS[direction]:
        raise ContractError(
            f"servers[0]: its format is one of {', '.join(FORMATS[direction])}, not {server['format']!r}"
        )
    own = properties_of(document, f"{prefix}contract")
    shape = properties_of(server, f"{prefix}server")
    kinds = (("contract", f"{prefix}contract", own), ("server", f"{prefix}{server['format']}", shape))
    for level, kind, found in kinds:
        if unknown := set(found) - REQUIRED_PROPERTIES[kind] - OPTIONAL_PROPERTIES[kind]:
            raise ContractError(f"customProperties of the {level}: {', '.join(sorted(unknown))} mean nothing in {kind}")
        if missing := REQUIRED_PROPERTIES[kind] - set(found):
            raise ContractError(f"customProperties of the {level}: {', '.join(sorted(missing))} missing")
    sla = {item["property"]: item for item in document["slaProperties"]}
    only_known(sla, KEYS["sla"], "slaProperties")
    if sla["retention"].get("unit") != "d":
        raise ContractError("slaProperties retention: its unit is d, for days; nothing here counts in another")
    location = urlsplit(server["location"])
    remote_dir, _, file_name = location.path.rpartition("/")
    tables = tuple(
        _table(told, folder, contract_id, alone=len(document["schema"]) == 1, inbound=direction == "inbound")
        for told in document["schema"]
    )
    only_known(dict.fromkeys(shape.get("header", ())), HEADER_FIELDS, "customProperties header")
    period = own.get("period", EACH_DAY)
    contract = Contract(
        id=contract_id,
        direction=direction,
        name=document["name"],
        version=document["version"],
        partner=own["partner"],
        dealers=own.get("dealers", ""),
        purpose=document["description"]["purpose"],
        usage=document["description"]["usage"],
        limitations=document["description"]["limitations"],
        owner=document["team"]["members"][0]["username"],
        recipient=own["recipient"],
        shared_with=tuple(own.get("sharedWith", ())),
        recipient_storage=own.get("recipientStorage", ""),
        zone=own["timeZone"],
        period_unit=period["unit"],
        own_zone=_goes_by_the_dealers_clock(period),
        reconciled_with=own.get("reconciledWith"),
        remote_dir=remote_dir,
        file_name=file_name,
        format=server["format"],
        delimiter=shape.get("delimiter", ""),
        encoding=shape.get("encoding", ""),
        line_end=shape.get("lineEnd", ""),
        namespace=shape.get("namespace", ""),
        empty_file=shape.get("emptyFile", ""),
        header=tuple(shape.get("header", ())),
        trailer=tuple(shape.get("trailer", ())),
        due=time.fromisoformat(sla["timeOfAvailability"]["value"]),
        due_working_day=int(sla["workingDay"]["value"]) if "workingDay" in sla else None,
        working_calendar=own.get("workingCalendar"),
        expected_on=_weekdays(own.get("expectedOn", WEEKDAYS)),
        retention_days=int(sla["retention"]["value"]),
        agreements=tuple(own.get("agreements", ())),
        contiguous=own.get("contiguous"),
        erasures=own.get("erasures"),
        tables=tables,
    )
    require_sense(contract)
    if direction == "inbound":
        require_inbound_sense(contract, location=server["location"], header_row=shape["headerRow"])
    others = set(all_contract_ids(folder)) - {contract.id}
    if contract.reconciled_with is not None and contract.reconciled_with not in others:
        raise ContractError(
            f"reconciledWith: there is no other contract {contract.reconciled_with!r} in {folder.name}/; there are: "
            f"{', '.join(sorted(others)) or 'none'}"
        )
    return contract


def _direction(document: Mapping[str, Any]) -> Direction:
    told = [item["value"] for item in document["customProperties"] if item["property"] == "direction"] or ["outbound"]
    for direction in DIRECTIONS:
        if told == [direction]:
            return direction
    raise ContractError(f"customProperties direction is one of {', '.join(DIRECTIONS)}, not {told[0]!r}")


def _weekdays(told: Any) -> frozenset[int]:
    if not isinstance(told, list | tuple) or not told or not set(told) <= set(WEEKDAYS):
        raise ContractError(f"expectedOn: a list of {', '.join(WEEKDAYS)}, not {told!r}")
    return frozenset(map(WEEKDAYS.index, told))


def _table(told: Mapping[str, Any], folder: Path, contract_id: str, *, alone: bool, inbound: bool) -> Table:
    only_known(told, KEYS["schema"], f"schema {told.get('name')!r}")
    columns = [resolved(column, folder) for column in told["properties"]]
    for column in columns:
        if column["logicalType"] == "array":
            items = column["items"]
            column["items"] = {**items, "properties": [resolved(item, folder) for item in items["properties"]]}
    return table_of(told, columns, contract_id, alone=alone, inbound=inbound)


def _goes_by_the_dealers_clock(period: dict[str, Any]) -> bool:
    only_known(period, ("unit", "zone"), "customProperties period")
    if period["zone"] not in PERIOD_ZONES:
        raise ContractError(f"period: its zone is one of {', '.join(PERIOD_ZONES)}, not {period['zone']!r}")
    return bool(period["zone"] == "dealer")
