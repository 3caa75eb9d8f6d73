"""One sample of ordinary size for the whole session, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from typing import Any

import psycopg2
import pytest

from include.migrations.run import Name
from local.sample import SampleReport, fill
from tests.dms.french import France
from tests.dms.reading import DAY, NOON, Database, Sell

# The last day is a Saturday; the clocks go back on 25 October.
UNTIL = date(2026, 11, 21)


@pytest.fixture(scope="session")
def sample_dsn(new_database: Callable[[Name], str]) -> str:
    """A DMS with the sample group: 12 dealers, 40 days, 60,000 lines, and every kind of bad data."""
    dsn = new_database("dms")
    fill(dsn, dealers=12, days=40, lines=60_000, seed=1, until=UNTIL)
    return dsn


@pytest.fixture(scope="session")
def report(sample_dsn: str) -> SampleReport:
    return fill(sample_dsn, dealers=12, days=40, lines=60_000, seed=1, until=UNTIL)


@pytest.fixture
def sample(sample_dsn: str) -> Iterator[Database]:
    """The sample; what a test changes is rolled back."""
    with closing(psycopg2.connect(sample_dsn)) as connection:
        yield Database(connection)


@pytest.fixture
def empty(dms_dsn: str) -> Iterator[Database]:
    """A migrated DMS without rows; what a test writes is rolled back."""
    with closing(psycopg2.connect(dms_dsn)) as connection:
        yield Database(connection)


@pytest.fixture
def alone(new_dms_dsn: str) -> Iterator[Database]:
    """The database behind ``new_dms_dsn``."""
    with closing(psycopg2.connect(new_dms_dsn)) as connection:
        yield Database(connection)


@pytest.fixture
def sell(empty: Database) -> Sell:
    """Writes one document of one line and returns the line's id; keywords override columns of either."""
    empty.rows(
        """
        INSERT INTO dms.legal_entity (legal_entity_id, name) VALUES (1, 'Sample Group');
        INSERT INTO dms.dealer VALUES
            (1, 1, 'North', '82690001', true, 'Europe/London', '2020-01-01', NULL),
            (2, 1, 'South', '82690002', true, 'Europe/London', '2020-01-01', NULL),
            (3, 1, 'Other', '82690003', false, 'Europe/London', '2020-01-01', NULL);
        INSERT INTO dms.customer (customer_id, dealer_id, given_name, family_name) VALUES (1, 1, 'Sample', 'Customer');
        INSERT INTO dms.trade_account (trade_account_id, dealer_id, account_number, name, address_line_1)
            VALUES (1, 1, 'T00001', 'Sample Garage', '1 Mill Lane ABCD');
        INSERT INTO dms.trade_partner_registration (trade_partner_id, trade_account_id, valid_from, valid_to)
            VALUES ('ABCD', 1, '2026-01-01', '2026-07-01');
        """
    )

    def sell(**given: Any) -> int:
        document = {
            "dealer_id": 1, "document_type": "INVOICE", "document_number": "PI1", "document_date": DAY,
            "posted_at": NOON, "original_document_number": None, "sale_channel": "WHOLESALE",
            "order_source": "PHONE", "trade_account_id": 1, "customer_id": None,
        }  # fmt: skip
        line = {
            "line_number": 1, "part_number": "7701234567", "part_family_code": "EN01", "quantity": 2,
            "unit_price": "10.00", "discount_percent": "10.00", "discount_amount": "2.00", "net_amount": "18.00",
            "vat_amount": "3.60",
        }  # fmt: skip
        assert given.keys() <= document.keys() | line.keys()
        for columns in (document, line):
            columns.update({name: value for name, value in given.items() if name in columns})
        [[document_id]] = empty.rows(
            f"INSERT INTO dms.parts_invoice ({', '.join(document)}) "
            f"VALUES ({', '.join(['%s'] * len(document))}) RETURNING parts_invoice_id",
            list(document.values()),
        )
        line["parts_invoice_id"] = document_id
        return int(
            empty.value(
                f"INSERT INTO dms.parts_invoice_line ({', '.join(line)}) "
                f"VALUES ({', '.join(['%s'] * len(line))}) RETURNING parts_invoice_line_id",
                list(line.values()),
            )
        )

    return sell


@pytest.fixture
def france(empty: Database) -> France:
    """A French company beside an empty United Kingdom."""
    empty.rows(
        """
        INSERT INTO dms.legal_entity (legal_entity_id, name, siren) VALUES (1, 'Societe (sample)', '999000001');
        INSERT INTO dms.dealer (dealer_id, legal_entity_id, name, trade_partner_dealer, time_zone, active_from, siret,
                                dms_product)
        VALUES (1, 1, 'Nord', false, 'Europe/Paris', '2020-01-01', '99900000100001', 'DCSnet'),
               (2, 1, 'Sud', false, 'Europe/Paris', '2020-01-01', '99900000100002', 'Other');
        INSERT INTO dms.point_of_sale (point_of_sale_id, dealer_id, brand, rrdi_code, roles, valid_from)
        VALUES (1, 1, 'AP', '0001AP', '{REPAIRER}', '2020-01-01'), (2, 1, 'AC', '0001AC', '{REPAIRER}', '2020-01-01');
        ALTER TABLE dms.point_of_sale ALTER point_of_sale_id RESTART WITH 3;
        """
    )
    return France(empty)
