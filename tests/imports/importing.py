"""What the tests of the inbound steps share: files of sold units, and the steps of a run over them."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg2

from include.contract import load_contract
from include.imports.apply import apply_arrivals
from include.imports.check import check_arrivals
from include.imports.conclude import Concluded, conclude_arrivals
from include.ledger import ArrivalRow
from include.quality.gate import GateProcess
from include.staging import Staging
from tests.collect.collecting import Partner, drop

HEADER = "CustomerNumber,FirstName,LastName,Company,Email,HomePhone,CellPhone,Address,City,State,Zip,Mfg,Make,Model,Year,Type,StockNumber,VIN,DealNumber,SoldDate,Amount.Financed,Term,Monthly Payment,LastPayment"  # noqa: E501
COLUMNS = HEADER.split(",")


def sold(**told: str) -> str:
    """A good line of a sold unit; keyword ``Amount_Financed`` stands for the header ``Amount.Financed``."""
    row = {
        "CustomerNumber": "C100",
        "FirstName": "Avery",
        "LastName": "Sample",
        "Email": "avery.sample@example.org",
        "CellPhone": "(555) 010-0199",
        "City": "Sampleton",
        "State": "OH",
        "Zip": "00501",
        "Mfg": "Samplecraft",
        "Make": "Roamer",
        "Model": "R24",
        "Year": "2024",
        "Type": "Travel Trailer",
        "StockNumber": "S-100",
        "VIN": "1M8GDM9AXKP042788",
        "DealNumber": "D100",
        "SoldDate": "03/18/2026",
    }
    for name, value in told.items():
        row[next(each for each in COLUMNS if each.replace(".", "_").replace(" ", "_") == name)] = value
    return ",".join(row.get(name, "") for name in COLUMNS)


def file_of(*lines: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *lines, ""]).encode()


@dataclass
class Imports:
    """One feed's files from the partner's directory to their verdict."""

    partner: Partner
    staging: Staging
    gate: GateProcess
    dms_dsn: str
    folder: Path
    interface: str = "proresponse_sales"

    def bring(self, name: str, content: bytes) -> ArrivalRow:
        """Let the partner put a file down, and collect it."""
        drop(self.partner.home / name, content)
        self.partner.collect()
        return self.partner.rows()[-1]

    def check(self, **options: Any) -> Counter[str]:
        return check_arrivals(
            load_contract(self.interface),
            ledger=self.partner.ledger,
            archive=self.partner.archive,
            staging=self.staging,
            reports_root=str(self.folder / "reports"),
            run_key="run-1",
            gate=nullcontext(self.gate),
            **options,
        )

    def apply(self, **options: Any) -> Counter[str]:
        keys = {"ledger": self.partner.ledger, "staging": self.staging, "dms_dsn": self.dms_dsn, **options}
        return apply_arrivals(load_contract(self.interface), **keys)

    def conclude(self, begun: datetime, **told: Any) -> tuple[Concluded, list[str]]:
        """The last word, and the lines that it logged."""
        said: list[str] = []
        done = conclude_arrivals(
            load_contract(self.interface), begun=begun, ledger=self.partner.ledger, log=said.append, **told
        )
        return done, said

    def crm(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the CRM, as a person's query sees them."""
        with closing(psycopg2.connect(self.dms_dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    def staged(self, row: ArrivalRow, kind: str) -> pl.DataFrame:
        """Rows staged of an arrival: ``accepted`` or ``rejected``."""
        with self.staging.reader(f"arrival-{row.id}/{row.id}.{kind}.parquet") as path:
            return pl.read_parquet(path)
