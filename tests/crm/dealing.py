"""A dealer's CRM for the tests: files that were really checked are applied to a real database, which is then read."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import psycopg2

from include.contract import load_contract
from include.crm.apply import apply_import
from include.crm.arrival import Applied, Arrival
from include.inbound.check import CheckedArrival, check_arrival
from include.staging import Staging
from include.window import day_window
from tests.imports.importing import HEADER as SALES
from tests.imports.importing import sold

__all__ = ["DAY", "SALES", "SERVICE", "Dealing", "sold", "worked"]

SERVICE = "CustomerNumber,FirstName,LastName,Company,Email,HomePhone,CellPhone,Address,City,State,Zip,Mfg,Make,Model,Year,Type,StockNumber,VIN,WONumber,Branch,Line,RO.Amount,OpenDate,CloseDate,Status"  # noqa: E501
HEADERS = {"proresponse_sales": SALES, "proresponse_service": SERVICE}
DAY = date(2026, 3, 20)
DEALER = "lakeside_rv"
TABLES = (
    "contact", "contact_point", "activity", "match_decision", "review_item", "rejected_row", "import",
    "import_confirmation",
)  # fmt: skip


def worked(**told: str) -> str:
    """A good line of a work order; keyword ``RO_Amount`` stands for the header ``RO.Amount``."""
    row = {
        "CustomerNumber": "C100",
        "FirstName": "Avery",
        "LastName": "Sample",
        "Email": "avery.sample@example.org",
        "Mfg": "Samplecraft",
        "Model": "R24",
        "Year": "2024",
        "VIN": "1M8GDM9AXKP042788",
        "WONumber": "W1",
        "RO.Amount": "100.00",
        "OpenDate": "03/10/2026",
        "Status": "OPEN",
    }
    columns = SERVICE.split(",")
    for name, value in told.items():
        row[next(each for each in columns if each.replace(".", "_") == name)] = value
    return ",".join(row.get(name, "") for name in columns)


@dataclass
class Dealing:
    """Applies files one after the other, each as an arrival of its own."""

    dsn: str
    folder: Path
    last: int = 0
    paths: dict[int, tuple[Path, Path]] = field(default_factory=dict)
    arrivals: dict[int, Arrival] = field(default_factory=dict)

    def empty(self) -> None:
        """Take all rows out, and begin all numbers anew, past the triggers that keep records."""
        tables = [name for (name,) in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'crm'")]
        self.rows(
            "SET session_replication_role = replica; "
            f"TRUNCATE {', '.join(f'crm.{name}' for name in tables)} RESTART IDENTITY"
        )

    def check(self, interface: str, *lines: str, dealer: str = DEALER, **facts: Any) -> Arrival:
        """Let the real check read the lines as the next arrival."""
        self.last += 1
        contract = load_contract(interface)
        content = "\n".join([HEADERS[interface], *lines, ""]).encode()
        source = self.folder / f"{self.last}.csv"
        source.write_bytes(content)
        staging = Staging(fsspec.filesystem("file"), str(self.folder / "staged"))
        checked: CheckedArrival = check_arrival(
            contract,
            source,
            dealer=dealer,
            encoding="utf-8",
            date_format="%m/%d/%Y",
            window=day_window(DAY, contract.zone),
            staging=staging,
            batch="batch",
            arrival_id=self.last,
        )
        arrival = Arrival(
            id=self.last,
            interface=interface,
            dealer=dealer,
            sha256=hashlib.sha256(content).hexdigest(),
            seen_at=datetime(2026, 3, 20, 6, tzinfo=UTC) + timedelta(hours=self.last),
            file_time=None,
            day=DAY,
            date_format="%m/%d/%Y",
            header=checked.header,
        )
        arrival = replace(arrival, **facts)
        root = self.folder / "staged"
        self.paths[arrival.id] = (root / checked.accepted_name, root / checked.rejected_name)
        self.arrivals[arrival.id] = arrival
        return arrival

    def apply(self, arrival: Arrival) -> Applied:
        accepted, rejected = self.paths[arrival.id]
        return apply_import(self.dsn, load_contract(arrival.interface), arrival, accepted=accepted, rejected=rejected)

    def sales(self, *lines: str, **facts: Any) -> Applied:
        return self.apply(self.check("proresponse_sales", *lines, **facts))

    def service(self, *lines: str, **facts: Any) -> Applied:
        return self.apply(self.check("proresponse_service", *lines, **facts))

    def rows(self, query: str, values: Any = None) -> list[tuple[Any, ...]]:
        """Run ``query`` in a transaction of its own."""
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cur:
            cur.execute(query, values)
            return cur.fetchall() if cur.description else []

    def value(self, query: str, values: Any = None) -> Any:
        [[value]] = self.rows(query, values)
        return value

    def versions(self, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
        """Each row of the tables with where its version lies: equal twice means that nothing was written."""
        return {
            table: self.rows(f"SELECT ctid::text, xmin::text, xmax::text, t::text FROM crm.{table} t ORDER BY 4")
            for table in tables or TABLES
        }
