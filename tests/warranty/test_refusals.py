"""What is refused, and by whom: nothing of it is written. These tests share a database, which none of them changes."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from typing import Any

import polars as pl
import psycopg2
import pytest

from include.warranty.connection import WarrantyError
from include.warranty.payments import post_payment
from tests.warranty.books import NOUGHTS, Books, claim, line, payment


@pytest.fixture(scope="module")
def posted(dms_dsn: str) -> Books:
    """Books with one claim, which was paid."""
    books = Books(dms_dsn).open()
    books.load(claim("C9"))
    books.pay("P1", line("C9"))
    return books


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"labour": Decimal("100.01")}, r"labour: header 100.01, lines 100.00"),
        ({"vat": Decimal("0.01")}, r"vat: header 0.01, lines 0.00"),
        ({"labour": 100.0}, "labour of the header is no Decimal"),
    ],
)
def test_a_header_that_is_not_its_lines_posts_nothing(posted: Books, told: dict[str, Any], said: str) -> None:
    with pytest.raises(WarrantyError, match=said):
        posted.pay("P2", line("C1"), **told)
    assert posted.rows("SELECT count(*) FROM warranty.payment") == [(1,)]


@pytest.mark.parametrize("amount", ["1.005", "1e2", "", "1,00", "NaN"])
def test_what_is_no_money_is_refused(posted: Books, amount: str) -> None:
    header, lines = payment("P2", line("C1"))
    with pytest.raises(WarrantyError, match="row 1 has an amount that is none of money"):
        post_payment(posted.dsn, header, lines.with_columns(labour=pl.lit(amount)))
    with pytest.raises(WarrantyError, match="parts are floats"):
        post_payment(posted.dsn, header, lines.with_columns(parts=pl.lit(0.0)))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE warranty.entry SET amount = 1", "only added to"),
        ("DELETE FROM warranty.payment_line", "only added to"),
        ("TRUNCATE warranty.journal", "only added to|referenced"),
        (
            "INSERT INTO warranty.entry (journal_id, dealer, account, currency, claim_id, amount) "
            "SELECT journal_id, dealer, account, currency, claim_id, v FROM warranty.entry, "
            "(VALUES (5), (-5)) AS v (v) WHERE account = 'CLAIMS'",
            "has other entries than it was posted with",
        ),
        (
            "WITH j AS (INSERT INTO warranty.journal (journal_id, kind, entry_count) VALUES (99, 'REMATCH', 2)) "
            "INSERT INTO warranty.entry (journal_id, dealer, account, currency, claim_id, amount) "
            "VALUES (99, 'dealer_1', 'CLAIMS', 'GBP', 1, 5), (99, 'dealer_2', 'CLAIMS', 'GBP', 1, -5)",
            "journal 99 does not balance: .*5.00 GBP are left over for dealer dealer_1",
        ),
        ("INSERT INTO warranty.journal (kind, entry_count) VALUES ('REMATCH', 2)", "has other entries"),
        (
            "DELETE FROM warranty.allowed_transition WHERE (from_status, to_status) = (50, 10); "
            "UPDATE warranty.claim SET status = 10",
            "cannot go from status 50 to 10",
        ),
    ],
)
def test_the_database_refuses_what_would_falsify_the_books(posted: Books, statement: str, said: str) -> None:
    with (
        closing(psycopg2.connect(posted.dsn)) as connection,
        pytest.raises(psycopg2.Error, match=said),
        connection,
        connection.cursor() as cur,
    ):
        cur.execute(statement)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([claim("C1", retail_code="R9")], "retail dealer code R9 is nobody's"),
        ([claim("C1"), claim("C1")], "claim K-C1 tells job 1 twice"),
        ([claim("C1"), claim("C1", job="2", vin="X")], "jobs of claim K-C1 tell different claims"),
        ([claim("C1", odometer_unit="YD")], "odometer_unit"),
        ([claim("C1", odometer="")], "claim_odometer_has_a_unit"),
        ([claim("C1", status="30")], "claim_told_status_fkey"),
        ([claim("C1", **(NOUGHTS | {"parts": "-1.00"}))], "claim_job_parts_check"),
    ],
)
def test_a_claim_that_cannot_be_is_refused_with_its_load(posted: Books, rows: list[dict[str, str]], said: str) -> None:
    with pytest.raises(WarrantyError, match=said):
        posted.load(claim("C0"), *rows)
    assert set(posted.claims()) == {"K-C9"}
