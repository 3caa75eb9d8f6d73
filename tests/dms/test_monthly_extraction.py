"""The month's extraction, who sends it, and franchises with their history, on rows written by hand."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime

import psycopg2
import psycopg2.errors
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from include.contract import load_contract
from include.migrations.run import MIGRATIONS_DIR, migrate
from local.postgres import Postgres
from tests.dms.reading import DAY, ISO_UTC, Database, Sell, ids

CHANGED = (
    "its franchise changed from RENAULT to RENAULT_DACIA on 2026-06-12: ask Renault whether the whole month goes in "
    "one file, then release or reject it"
)


def franchise(database: Database, dealer: int, name: str, valid_from: str, valid_to: str | None = None) -> None:
    database.rows(
        "INSERT INTO dms.dealer_franchise (dealer_id, franchise, valid_from, valid_to) VALUES (%s, %s, %s, %s)",
        (dealer, name, valid_from, valid_to),
    )


def test_a_line_comes_whole_in_the_contracts_columns(empty: Database, sell: Sell) -> None:
    line = sell()
    [row] = empty.extract_month(DAY, [1])
    assert tuple(row) == load_contract("renault_sar_monthly").table.columns
    [daily] = empty.extract_day(DAY)
    assert row == daily | {"trade_partner_dealer": "t", "posted_on": "2026-06-10"}
    assert ids([row]) == [line]


def test_the_extraction_is_the_view_and_nothing_else(sample: Database) -> None:
    contract = load_contract("renault_sar_monthly")
    names = ", ".join(f"{name}::text" for name in contract.table.columns).replace("posted_at::text", ISO_UTC)
    # The code outside the scheme is the one value that the file does not take as it stands.
    names = names.replace(
        "trade_partner_id::text,", "CASE WHEN trade_partner_dealer THEN trade_partner_id END,", 2
    ).replace("registered_CASE WHEN trade_partner_dealer THEN trade_partner_id END", "registered_trade_partner_id")
    expected = sample.rows(
        f"SELECT {names} FROM {contract.table.source} "
        "WHERE document_date BETWEEN '2026-10-01' AND '2026-10-31' AND account_class = 'TRADE'"
    )
    got = sample.extract_month(date(2026, 10, 31), range(1, 13))
    assert len(got) > 1000
    assert {row["trade_partner_dealer"] for row in got} == {"t", "f"}
    assert sorted(tuple(row.values()) for row in got) == sorted(
        tuple("" if v is None else {"true": "t", "false": "f"}.get(v, v) for v in row) for row in expected
    )


def test_the_date_on_the_document_decides_whenever_it_was_posted(empty: Database, sell: Sell) -> None:
    last_of_may, first, last, first_of_july = (
        sell(document_number=f"PI{number}", document_date=day)
        for number, day in enumerate(("2026-05-31", "2026-06-01", "2026-06-30", "2026-07-01"))
    )
    late = sell(document_number="PI9", document_date="2026-06-30", posted_at=datetime(2026, 8, 3, 9, tzinfo=UTC))
    assert ids(empty.extract_month(DAY, [1])) == [first, last, late]
    assert ids(empty.extract_month(date(2026, 5, 31), [1])) == [last_of_may]
    assert ids(empty.extract_month(date(2026, 7, 1), [1])) == [first_of_july]


def test_a_leap_february_has_its_29th(empty: Database, sell: Sell) -> None:
    line = sell(document_date="2028-02-29", posted_at=datetime(2028, 2, 29, 12, tzinfo=UTC))
    assert ids(empty.extract_month(date(2028, 2, 1), [1])) == [line]
    assert empty.extract_month(date(2028, 3, 1), [1]) == []


@pytest.mark.parametrize(
    ("zone", "posted_at", "day"),
    [
        ("Europe/London", "2026-06-30T22:59:59Z", "2026-06-30"),
        ("Europe/Gibraltar", "2026-06-30T22:59:59Z", "2026-07-01"),
        ("Europe/London", "2026-06-30T23:00:00Z", "2026-07-01"),
        ("Europe/Gibraltar", "2026-10-24T22:00:00Z", "2026-10-25"),
        ("Europe/Gibraltar", "2026-10-25T22:59:59Z", "2026-10-25"),
        ("Europe/Gibraltar", "2026-10-25T23:00:00Z", "2026-10-26"),
    ],
)
def test_the_posting_day_is_that_of_the_dealers_own_clock(
    empty: Database, sell: Sell, zone: str, posted_at: str, day: str
) -> None:
    sell(posted_at=posted_at)
    empty.rows("UPDATE dms.dealer SET time_zone = %s", (zone,))
    [row] = empty.extract_month(DAY, [1])
    assert (row["posted_on"], row["posted_at"]) == (day, posted_at)


def test_outside_the_scheme_a_street_is_nobodys_code(empty: Database, sell: Sell) -> None:
    sell()
    empty.rows("UPDATE dms.trade_account SET address_line_1 = '1 MILL ROAD'")
    empty.rows("DELETE FROM dms.trade_partner_registration")
    empty.rows("UPDATE dms.dealer SET trade_partner_dealer = false")
    [row] = empty.extract_month(DAY, [1])
    assert (row["trade_partner_dealer"], row["trade_partner_id"], row["registered_trade_partner_id"]) == ("f", "", "")
    empty.rows("UPDATE dms.dealer SET trade_partner_dealer = true")
    [row] = empty.extract_month(DAY, [1])
    assert (row["trade_partner_dealer"], row["trade_partner_id"]) == ("t", "ROAD")


def test_no_private_customer_and_only_the_dealers_asked_for(empty: Database, sell: Sell) -> None:
    sell(trade_account_id=None, customer_id=1)
    sell(document_number="PI2", trade_account_id=None, sale_channel="INTERNAL")
    other = sell(dealer_id=2, document_number="PI3")
    assert empty.extract_month(DAY, [1]) == []
    assert ids(empty.extract_month(DAY, [1, 2])) == [other]


def test_lines_are_in_byte_order_with_doubles_side_by_side(empty: Database, sell: Sell) -> None:
    last = sell(document_number="a1")
    second = sell(document_number="PI-2", line_number=2)
    first = sell(document_number="PI-2")
    twin = sell(document_number="PI-2")
    third = sell(document_number="PI10")
    credit = sell(document_type="CREDIT_MEMO", document_number="zz", quantity=-1)
    south = sell(dealer_id=2, document_number="A")
    assert ids(empty.extract_month(DAY, [1, 2])) == [credit, first, twin, second, third, last, south]


@pytest.mark.parametrize(
    ("held", "sends"),
    [
        ([("RENAULT", "2020-01-01", None)], True),
        ([("DACIA", "2020-01-01", None)], True),
        ([("RENAULT_DACIA", "2020-01-01", None)], True),
        ([("NISSAN", "2020-01-01", None)], False),
        ([("RENAULT", "2020-01-01", "2026-06-01")], False),
        ([("RENAULT", "2020-01-01", "2026-06-02")], True),
        ([("RENAULT", "2026-06-30", None)], True),
        ([("RENAULT", "2026-07-01", None)], False),
        ([("NISSAN", "2020-01-01", "2026-06-12"), ("RENAULT", "2026-06-12", None)], True),
        ([], False),
    ],
)
def test_dealers_are_those_with_the_franchise_on_some_day_of_the_month(
    empty: Database, sell: Sell, held: list[tuple[str, str, str | None]], sends: bool
) -> None:
    del sell
    for name, valid_from, valid_to in held:
        franchise(empty, 3, name, valid_from, valid_to)
    assert ("Other" in empty.renault_dealers(DAY)) is sends


@pytest.mark.parametrize(
    ("active_from", "active_to", "sends"),
    [
        ("2026-06-30", None, True),
        ("2026-07-01", None, False),
        ("2020-01-01", "2026-06-02", True),
        ("2020-01-01", "2026-06-01", False),
    ],
)
def test_dealers_are_those_trading_on_some_day_of_the_month(
    empty: Database, sell: Sell, active_from: str, active_to: str | None, sends: bool
) -> None:
    del sell
    franchise(empty, 1, "RENAULT", "2020-01-01")
    empty.rows("UPDATE dms.dealer SET active_from = %s, active_to = %s", (active_from, active_to))
    assert empty.renault_dealers(DAY) == ({"North": None} if sends else {})


@pytest.mark.parametrize(
    ("held", "obstacle"),
    [
        ([("RENAULT", "2020-01-01", None)], None),
        ([("RENAULT", "2026-06-12", None)], None),
        ([("RENAULT", "2020-01-01", "2026-06-12")], None),
        ([("RENAULT", "2020-01-01", "2026-06-01"), ("RENAULT_DACIA", "2026-06-01", None)], None),
        ([("RENAULT", "2020-01-01", "2026-07-01"), ("RENAULT_DACIA", "2026-07-01", None)], None),
        ([("RENAULT", "2020-01-01", "2026-06-12"), ("RENAULT", "2026-06-12", None)], None),
        ([("RENAULT", "2020-01-01", "2026-06-12"), ("RENAULT_DACIA", "2026-06-12", None)], CHANGED),
        (
            [
                ("RENAULT", "2020-01-01", "2026-06-02"),
                ("RENAULT_DACIA", "2026-06-02", "2026-06-30"),
                ("NISSAN", "2026-06-30", None),
            ],
            "its franchise changed from RENAULT to RENAULT_DACIA on 2026-06-02, from RENAULT_DACIA to NISSAN on "
            "2026-06-30: ask Renault whether the whole month goes in one file, then release or reject it",
        ),
    ],
)
def test_a_franchise_that_changes_within_the_month_is_in_the_way(
    empty: Database, sell: Sell, held: list[tuple[str, str, str | None]], obstacle: str | None
) -> None:
    del sell
    for name, valid_from, valid_to in held:
        franchise(empty, 2, name, valid_from, valid_to)
    assert empty.renault_dealers(DAY) == {"South": obstacle}


def test_a_dealer_without_a_number_is_among_them(empty: Database, sell: Sell) -> None:
    del sell
    franchise(empty, 1, "RENAULT", "2020-01-01")
    empty.rows("UPDATE dms.dealer SET renault_dealer_number = NULL")
    assert list(empty.renault_dealers(DAY)) == ["North"]


def test_a_dealer_has_one_franchise_on_any_day(empty: Database, sell: Sell) -> None:
    del sell
    franchise(empty, 1, "RENAULT", "2020-01-01", "2026-06-12")
    franchise(empty, 1, "RENAULT_DACIA", "2026-06-12")
    assert empty.value("SELECT franchise FROM dms.v_dealers WHERE dealer_id = 1") == "RENAULT_DACIA"
    with pytest.raises(psycopg2.errors.ExclusionViolation):
        franchise(empty, 1, "DACIA", "2026-12-01")


def first_revision(dsn: str) -> None:
    """Bring a new database to where the first version of this code left one."""
    engine = create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(dsn), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("CREATE SCHEMA dms"))
        connection.commit()
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS_DIR))
        config.set_main_option("version_locations", str(MIGRATIONS_DIR / "dms" / "versions"))
        config.set_main_option("path_separator", "newline")
        config.attributes["connection"] = connection
        config.attributes["schema"] = "dms"
        command.upgrade(config, "dms_0001")
        connection.commit()
    engine.dispose()


def test_a_database_with_dealers_keeps_their_franchises_when_it_is_migrated(postgres: Postgres) -> None:
    dsn = postgres.create_database("dms_with_dealers")
    first_revision(dsn)
    with closing(psycopg2.connect(dsn)) as connection, connection:
        before = Database(connection)
        before.rows(
            """
            INSERT INTO dms.legal_entity (legal_entity_id, name) VALUES (1, 'Sample Group');
            INSERT INTO dms.dealer VALUES
                (1, 1, 'North', '82690001', true, 'RENAULT', 'Europe/London', '2020-01-01', NULL),
                (2, 1, 'South', NULL, false, 'RENAULT_DACIA', 'Europe/London', '2021-01-01', '2026-07-01');
            """
        )
        names = (
            "dealer_id, dealer_code, dealer_name, franchise, trade_partner_dealer, time_zone, active_from, active_to"
        )
        dealers = before.rows(f"SELECT {names} FROM dms.v_dealers ORDER BY dealer_id")
    migrate("dms", dsn)
    with closing(psycopg2.connect(dsn)) as connection:
        after = Database(connection)
        assert after.rows(f"SELECT {names} FROM dms.v_dealers ORDER BY dealer_id") == dealers
        assert after.rows("SELECT * FROM dms.v_dealer_franchises ORDER BY dealer_id") == [
            (1, "RENAULT", date(2020, 1, 1), None),
            (2, "RENAULT_DACIA", date(2021, 1, 1), date(2026, 7, 1)),
        ]
    postgres.drop_database("dms_with_dealers")
