"""Warranty books for the tests: claims and payments told in few words, posted to a real database."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import psycopg2

from include.warranty.claims import COLUMNS as CLAIM_COLUMNS
from include.warranty.claims import Loaded, load_claims, set_retail_dealer, set_tolerance
from include.warranty.frames import AMOUNTS
from include.warranty.payments import COLUMNS as LINE_COLUMNS
from include.warranty.payments import Header, Posted, post_payment

DAY = date(2026, 3, 20)
VIN = "VF1AA000012345678"
NOUGHTS = dict.fromkeys(AMOUNTS, "0.00")


def claim(number: str, labour: str = "100.00", **told: str) -> dict[str, str]:
    """A claim submitted on 1 March, with one job; what is told besides overrules it."""
    return {
        "retail_code": "R1", "source_key": f"K-{number}", "claim_number": number, "submission_number": "S1",
        "submitted_on": "2026-03-01", "work_order": f"WO-{number}", "vin": VIN, "repair_date": "2026-02-20",
        "odometer": "41000", "odometer_unit": "MI", "status": "20", "completed_on": "", "held": "false",
        "currency": "GBP", "job": "1", **NOUGHTS, "labour": labour, **told,
    }  # fmt: skip


def line(number: str, labour: str = "100.00", **told: str) -> dict[str, str]:
    """A line that names its claim by number alone; what is told besides overrules it."""
    return {"dealer_code": "M1", "retail_code": "R1", "claim_number": number, **NOUGHTS, "labour": labour, **told}


@dataclass
class Books:
    """Posts to one database."""

    dsn: str

    def open(self, *codes: str) -> Books:
        """Retail dealers R1 and R2 of the main dealer M1 are two dealers here."""
        for code in codes or ("R1", "R2"):
            set_retail_dealer(self.dsn, code, dealer_code="M1", dealer=f"dealer_{code[1:]}")
        return self

    def empty(self) -> Books:
        """Take out all rows but the statuses, and begin all numbers anew, past the triggers that keep records."""
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cur:
            cur.execute(
                "SELECT string_agg('warranty.' || tablename, ', ') FROM pg_tables WHERE schemaname = 'warranty' "
                "AND tablename NOT IN ('status', 'allowed_transition')"
            )
            [(tables,)] = cur.fetchall()
            cur.execute(f"SET session_replication_role = replica; TRUNCATE {tables} RESTART IDENTITY")
        return self

    def tolerate(self, amount: str, percent: str, dealer: str = "dealer_1", since: date = date(2026, 1, 1)) -> None:
        set_tolerance(self.dsn, dealer, valid_from=since, amount=Decimal(amount), percent=Decimal(percent))

    def load(self, *claims: dict[str, str]) -> Loaded:
        return load_claims(self.dsn, frame(claims, CLAIM_COLUMNS))

    def pay(self, document: str, *lines: dict[str, str], day: date = DAY, **header: Any) -> Posted:
        return post_payment(self.dsn, *payment(document, *lines, day=day, **header))

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.dsn)) as connection, connection.cursor() as cur:
            cur.execute(query, values)
            return cur.fetchall()

    def outcomes(self) -> dict[tuple[str, int], tuple[Any, ...]]:
        """For each line of a document: outcome, the claim's key, rule or reason."""
        found = self.rows(
            "SELECT p.document_number, l.line_no, a.outcome, c.source_key, coalesce(a.rule, a.reason) "
            "FROM warranty.assessment a JOIN warranty.payment_line l USING (line_id) "
            "JOIN warranty.payment p ON p.payment_id = l.payment_id LEFT JOIN warranty.claim c USING (claim_id)"
        )
        return {(document, number): tuple(rest) for document, number, *rest in found}

    def balances(self) -> dict[tuple[str, str], Decimal]:
        """For each dealer and account what is there, debit above zero."""
        found = self.rows(
            "SELECT dealer, account, sum(amount) FROM warranty.entry GROUP BY 1, 2 HAVING sum(amount) <> 0"
        )
        return {(dealer, account): amount for dealer, account, amount in found}

    def claims(self) -> dict[str, tuple[Any, ...]]:
        """For each claim's key: status, open, on account, written off, due."""
        found = self.rows("SELECT source_key, status, open, on_account, written_off, balance_due FROM warranty.v_claim")
        return {key: tuple(rest) for key, *rest in found}


def frame(rows: tuple[dict[str, str], ...], columns: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame(
        [{name: row.get(name) for name in columns} for row in rows], schema=dict.fromkeys(columns, pl.String)
    )


def payment(document: str, *lines: dict[str, str], day: date = DAY, **header: Any) -> tuple[Header, pl.DataFrame]:
    """A payment whose header is the sum of its lines, unless told otherwise."""
    numbered = tuple({"line_no": str(number), **each} for number, each in enumerate(lines, 1))
    told = {name: sum((Decimal(each[name]) for each in numbered), Decimal("0.00")) for name in AMOUNTS}
    facts: dict[str, Any] = {"payment_date": day, "currency": "GBP", **told, **header}
    return Header(document, **facts), frame(numbered, LINE_COLUMNS)
