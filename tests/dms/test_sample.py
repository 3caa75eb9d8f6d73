"""What the sample promises of its shape and its bad data, read back by SQL that knows nothing of the generator."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from include.migrations.run import Name
from local.sample import SampleError, SampleReport, fill, filled
from local.sample.defects import KINDS
from tests.dms.conftest import UNTIL
from tests.dms.reading import ZONE, Database

# How a person would look for each kind, among the trade lines of trade-partner dealers.
FOUND_BY = {
    "code_missing": "trade_partner_id IN ('Lane', 'LANE', 'Road', 'ROAD', 'Way', 'WAY', 'Street', 'STREET', 'Hill', "
    "'HILL', 'Close', 'CLOSE', 'Row', 'ROW')",
    "code_of_another": "trade_partner_id <> registered_trade_partner_id AND EXISTS (SELECT FROM "
    "dms.trade_partner_registration r WHERE r.trade_partner_id = line.trade_partner_id)",
    "code_five_letters": "trade_partner_id ~ '^[A-Z]{5}$' AND trade_partner_id NOT IN ('CLOSE')",
    "code_lower_case": "trade_partner_id ~ '^[a-z]{4}$'",
    "account_merged": "registered_trade_partner_id IS NULL",
    "credit_positive": "document_type = 'CREDIT_MEMO' AND quantity > 0",
    "internal_on_trade": "sale_channel NOT IN ('WHOLESALE', 'COUNTER_SALE')",
    "document_in_future": "document_date > (posted_at AT TIME ZONE 'Europe/London')::date",
    "net_is_gross": "abs(net_amount - (quantity * unit_price - discount_amount)) > 0.01",
    "line_twice": "(SELECT count(*) FROM dms.v_trade_parts_sale_lines twin WHERE (twin.dealer_id, twin.document_type, "
    "twin.document_number, twin.line_number) = (line.dealer_id, line.document_type, line.document_number, "
    "line.line_number)) > 1",
    "part_number_scientific": "part_number !~ '^([0-9]{10}|[0-9]{9}R)$'",
    "quantity_zero": "quantity = 0",
    "sharing_objection": "sharing_objection",
}
TRADE_LINES = "dms.v_trade_parts_sale_lines line WHERE trade_partner_dealer AND account_class = 'TRADE'"


def test_every_kind_has_a_way_to_be_found() -> None:
    assert FOUND_BY.keys() == {kind.name for kind in KINDS}


@pytest.mark.parametrize("kind", FOUND_BY)
def test_what_was_planted_is_what_is_found(sample: Database, report: SampleReport, kind: str) -> None:
    if kind == "line_twice":  # the search joins each line to its like
        sample.rows("CREATE INDEX ON dms.parts_invoice (dealer_id, document_number); ANALYZE dms.parts_invoice")
    found = sample.rows(f"SELECT invoice_line_id FROM {TRADE_LINES} AND {FOUND_BY[kind]} ORDER BY 1")
    planted = sample.rows(
        "SELECT invoice_line_id FROM sample.sample_defect WHERE kind = %s ORDER BY 1",
        (kind,),
    )
    assert found == planted
    assert len(planted) == report.planted[kind] > 0


def test_each_planted_line_bears_one_kind(sample: Database) -> None:
    assert sample.value("SELECT count(*) - count(DISTINCT invoice_line_id) FROM sample.sample_defect") == 0


def test_shares_are_those_documented_and_never_more(sample: Database, report: SampleReport) -> None:
    assert report.trade_lines == sample.value(f"SELECT count(*) FROM {TRADE_LINES}")
    for kind in KINDS:
        target = report.trade_lines * kind.percent / 100
        assert target - 2 <= report.planted[kind.name] <= target, kind.name
    rejected = sum(kind.percent for kind in KINDS if kind.outcome == "REJECTED")
    assert 0.9 <= rejected <= 1.1, "about one per cent of the trade lines is bad"


def test_no_dealers_day_is_bad_enough_to_be_held(sample: Database) -> None:
    worst = sample.rows(
        f"""
        SELECT dealer_id, (posted_at AT TIME ZONE 'Europe/London')::date AS day, count(*) AS rows, count(kind) AS bad
          FROM dms.v_trade_parts_sale_lines line
          LEFT JOIN sample.sample_defect USING (invoice_line_id)
         WHERE invoice_line_id IN (SELECT invoice_line_id FROM {TRADE_LINES})
         GROUP BY 1, 2
        HAVING count(kind) > greatest(25, 0.1 * count(*))
        """
    )
    assert worst == []


def test_the_documentation_quotes_the_table(repository: Path) -> None:
    page = (repository / "docs" / "sample-data.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"| `{kind.name}` | {kind.percent:.2f} % | {kind.outcome.lower()} | {kind.description} |" in page


def test_the_documented_recount_is_the_extraction_without_what_was_planted(
    sample: Database, report: SampleReport, repository: Path
) -> None:
    page = (repository / "docs" / "sample-data.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("```sql\n")
    recount = {(code, day): counts for code, day, *counts in sample.rows(rest.partition("```")[0])}
    assert sum(rejected for _, _, rejected, _ in recount.values()) == sum(
        report.planted[kind.name] for kind in KINDS if kind.outcome == "REJECTED"
    )
    planted = {str(row[0]) for row in sample.rows("SELECT invoice_line_id FROM sample.sample_defect")}
    day = date(2026, 11, 20)
    read = sample.extract_day(day)
    assert len(read) > 200
    for code in {row["dealer_code"] for row in read}:
        mine = [row for row in read if row["dealer_code"] == code]
        good = [row for row in mine if row["invoice_line_id"] not in planted]
        rows, control_total, rejected, withheld = recount[code, day]
        assert rows == len(good) > 0
        assert control_total == sum(Decimal(row["net_amount"]) for row in good)
        assert rejected + withheld == len(mine) - len(good)


def test_numbers_are_exact_and_amounts_add_up(sample: Database, report: SampleReport) -> None:
    assert report.lines == 60_000 == sample.value("SELECT count(*) FROM dms.parts_invoice_line")
    assert sample.value("SELECT count(*) FROM dms.parts_invoice") == report.documents
    good = "invoice_line_id NOT IN (SELECT invoice_line_id FROM sample.sample_defect)"
    wrong = sample.rows(
        f"""
        SELECT * FROM dms.v_trade_parts_sale_lines
         WHERE {good}
           AND (net_amount <> quantity * unit_price - discount_amount
                OR discount_amount <> round(quantity * unit_price * discount_percent / 100, 2)
                OR vat_amount <> round(net_amount * 0.2, 2)
                OR sign(quantity) <> CASE document_type WHEN 'INVOICE' THEN 1 ELSE -1 END)
        """
    )
    assert wrong == []


def test_credits_repeat_lines_of_an_earlier_invoice_and_some_come_late(sample: Database) -> None:
    share = sample.value("SELECT avg((document_type = 'CREDIT_MEMO')::int) FROM dms.parts_invoice")
    assert 0.06 < share < 0.1
    assert (
        sample.rows(
            """
        SELECT c.parts_invoice_id
          FROM dms.parts_invoice c
          LEFT JOIN dms.parts_invoice o
            ON (o.dealer_id, o.document_type, o.document_number) = (c.dealer_id, 'INVOICE', c.original_document_number)
         WHERE c.document_type = 'CREDIT_MEMO'
           AND (o.parts_invoice_id IS NULL OR o.posted_at > c.posted_at
                OR o.trade_account_id IS DISTINCT FROM c.trade_account_id)
        """
        )
        == []
    )
    assert (
        sample.rows(
            """
        SELECT c.parts_invoice_id, l.line_number
          FROM dms.parts_invoice c
          JOIN dms.parts_invoice_line l USING (parts_invoice_id)
          JOIN dms.parts_invoice o
            ON (o.dealer_id, o.document_type, o.document_number) = (c.dealer_id, 'INVOICE', c.original_document_number)
          LEFT JOIN dms.parts_invoice_line m
            ON (m.parts_invoice_id, m.line_number, m.part_number, m.unit_price, abs(m.quantity))
             = (o.parts_invoice_id, l.line_number, l.part_number, l.unit_price, abs(l.quantity))
         WHERE c.document_type = 'CREDIT_MEMO' AND m.parts_invoice_id IS NULL
        """
        )
        == []
    )
    late = sample.value(
        """
        SELECT avg((c.posted_at > o.posted_at + interval '5 days')::int)
          FROM dms.parts_invoice c
          JOIN dms.parts_invoice o
            ON (o.dealer_id, o.document_type, o.document_number) = (c.dealer_id, 'INVOICE', c.original_document_number)
        """
    )
    assert 0.1 < late < 0.5


def test_the_week_has_its_shape_and_some_dealers_idle_days(sample: Database) -> None:
    by_weekday = dict(
        sample.rows(
            """
            SELECT extract(isodow FROM posted_at AT TIME ZONE time_zone)::int,
                   count(*)::float / count(DISTINCT (posted_at AT TIME ZONE time_zone)::date)
              FROM dms.parts_invoice JOIN dms.v_dealers USING (dealer_id)
             -- At the ends of months and in the nights of another clock there is more to do than on other Sundays.
             WHERE (posted_at AT TIME ZONE time_zone)::date NOT IN ('2026-10-25', '2026-10-31', '2026-11-01')
             GROUP BY 1
            """
        )
    )
    workday = sum(by_weekday[day] for day in range(1, 6)) / 5
    assert all(0.8 < by_weekday[day] / workday < 1.2 for day in range(1, 6))
    assert 0.2 < by_weekday[6] / workday < 0.5
    assert 0 < by_weekday[7] / workday < 0.05
    idle = [
        day
        for day in (date(2026, 11, 15), date(2026, 10, 25))
        for d in range(1, 11)
        if not sample.extract_day(day, [d])
    ]
    assert len(idle) >= 10, "most dealers are closed on Sundays"


def test_postings_are_in_opening_hours_or_around_midnight(sample: Database) -> None:
    hours = dict(
        sample.rows(
            "SELECT extract(hour FROM posted_at AT TIME ZONE time_zone)::int, count(*) "
            "FROM dms.parts_invoice JOIN dms.v_dealers USING (dealer_id) GROUP BY 1"
        )
    )
    assert set(hours) <= {0, 23, *range(8, 18)}
    assert hours[0] > 0
    assert hours[23] > 0
    assert sample.value("SELECT count(*) FROM dms.parts_invoice WHERE posted_at = date_trunc('day', posted_at)") > 0
    # Summer time ended on 25 October: opening hours are 07:00 UTC onwards before, 08:00 after.
    first = "SELECT min((posted_at AT TIME ZONE 'UTC')::time)::text FROM dms.parts_invoice WHERE posted_at::date"
    trading = "AND extract(hour FROM posted_at AT TIME ZONE 'UTC') BETWEEN 3 AND 20"
    at_home = "AND dealer_id IN (SELECT dealer_id FROM dms.v_dealers WHERE time_zone = 'Europe/London')"
    assert sample.value(f"{first} BETWEEN '2026-10-13' AND '2026-10-24' {trading} {at_home}") < "07:30"
    assert "08:00" <= sample.value(f"{first} >= '2026-10-26' {trading} {at_home}") < "08:30"


def test_the_group_is_as_described(sample: Database) -> None:
    assert sample.value("SELECT count(*) FROM dms.v_dealers WHERE trade_partner_dealer") == 10
    # A French site has no Renault franchise.
    british = "FROM dms.v_dealers WHERE franchise IS NOT NULL"
    assert sample.value(f"SELECT count(DISTINCT legal_entity_name) {british}") == 2
    assert sample.value("SELECT count(*) FROM dms.v_dealers WHERE dealer_code !~ '^826[0-9]{5}$'") == 0
    mix = dict(sample.rows("SELECT account_class, count(*) FROM dms.parts_invoice GROUP BY 1"))
    assert set(mix) == {"TRADE", "RETAIL", "INTERNAL"}
    superseded = sample.value(
        "SELECT count(*) FROM dms.parts_invoice_line JOIN dms.part USING (part_number) WHERE superseded_by IS NOT NULL"
    )
    assert superseded > 1_000
    assert sample.value("SELECT count(*) FROM dms.customer WHERE email NOT LIKE '%.invalid'") == 0


SMALL: dict[str, Any] = {"dealers": 5, "days": 6, "lines": 4_000, "until": UNTIL}


def fingerprint(dsn: str) -> Any:
    """Of everything in the database but the record of the fill."""
    with closing(psycopg2.connect(dsn)) as connection:
        database = Database(connection)
        tables = database.rows(
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' "
            "AND table_schema IN ('dms', 'sample') AND table_name NOT IN ('fill', 'schema_version') ORDER BY 1"
        )
        return {
            name: database.value(f"SELECT md5(string_agg(t::text, '/' ORDER BY t::text)) FROM {name} t")
            for (name,) in tables
        }


def test_a_seed_is_its_data(new_database: Callable[[Name], str]) -> None:
    one, same, other = (new_database("dms") for _ in range(3))
    fill(one, seed=7, **SMALL)
    fill(same, seed=7, **SMALL)
    fill(other, seed=8, **SMALL)
    assert fingerprint(one) == fingerprint(same)
    differing = {name for name, hash_ in fingerprint(other).items() if hash_ != fingerprint(one)[name]}
    assert {"dms.parts_invoice", "dms.parts_invoice_line", "sample.sample_defect"} <= differing


def test_a_filled_database_is_left_as_it_is(new_dms_dsn: str) -> None:
    assert filled(new_dms_dsn) is None
    first = fill(new_dms_dsn, seed=1, **SMALL)
    again = fill(new_dms_dsn, seed=1, **SMALL)
    assert (first.already_there, again.already_there) == (False, True)
    assert again.planted == first.planted
    before = fingerprint(new_dms_dsn)
    with pytest.raises(SampleError, match=r"--seed 1 .*asked for is .*--seed 2 .*make clean"):
        fill(new_dms_dsn, seed=2, **SMALL)
    assert fingerprint(new_dms_dsn) == before
    fill(new_dms_dsn, seed=2, replace=True, **SMALL)
    assert fingerprint(new_dms_dsn) != before
    held = filled(new_dms_dsn)
    assert held is not None
    assert held.parameters["seed"] == 2


def test_a_fill_leaves_the_schema_as_it_was(alone: Database, new_dms_dsn: str) -> None:
    definitions = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'dms'::regnamespace "
        "UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'dms' ORDER BY 1, 2"
    )
    before = alone.rows(definitions)
    alone.connection.commit()
    fill(new_dms_dsn, seed=1, **SMALL)
    assert alone.rows(definitions) == before
    # The next document takes the next number.
    number = alone.value(
        "INSERT INTO dms.parts_invoice "
        "(dealer_id, document_type, document_number, document_date, posted_at, sale_channel) "
        "VALUES (1, 'INVOICE', 'X', current_date, now(), 'INTERNAL') RETURNING parts_invoice_id"
    )
    assert number == alone.value("SELECT count(*) FROM dms.parts_invoice")


def test_data_that_no_sample_made_is_never_removed(alone: Database, new_dms_dsn: str) -> None:
    alone.rows(
        "INSERT INTO dms.legal_entity (name) VALUES ('Somebody'); "
        "INSERT INTO dms.dealer "
        "(legal_entity_id, name, trade_partner_dealer, time_zone, active_from) "
        "VALUES (1, 'Real', true, 'Europe/London', now())"
    )
    alone.connection.commit()
    with pytest.raises(SampleError, match=r"dms\.dealer holds rows that no sample made"):
        fill(new_dms_dsn, seed=1, replace=True, **SMALL)
    assert alone.value("SELECT name FROM dms.dealer") == "Real"


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)], ids=["23 hours", "25 hours"])
def test_a_benchmark_is_one_window_of_good_trade_lines(new_dms_dsn: str, day: date) -> None:
    fill(new_dms_dsn, dealers=3, days=1, lines=5_000, seed=1, until=day, trade_only=True)
    with closing(psycopg2.connect(new_dms_dsn)) as connection:
        database = Database(connection)
        assert len(database.extract_day(day)) == 5_000
        hours = database.rows(
            "SELECT DISTINCT extract(hour FROM posted_at AT TIME ZONE %s)::int FROM dms.parts_invoice", (ZONE,)
        )
        assert {hour for (hour,) in hours} <= {0, 23, *range(8, 18)}, "the clocks changed, the opening hours did not"
        assert database.value("SELECT count(*) FROM sample.sample_defect") == 0
        for kind, condition in FOUND_BY.items():
            if kind != "line_twice":
                assert database.value(f"SELECT count(*) FROM {TRADE_LINES} AND {condition}") == 0, kind


def test_without_defects_only_objections_remain(new_dms_dsn: str) -> None:
    report = fill(new_dms_dsn, seed=1, defects=False, **SMALL)
    assert {kind for kind, count in report.planted.items() if count} == {"sharing_objection"}


def test_a_dealer_without_number_comes_when_asked_for(new_dms_dsn: str) -> None:
    fill(new_dms_dsn, seed=1, dealer_without_number=True, **SMALL)
    with closing(psycopg2.connect(new_dms_dsn)) as connection:
        codes = [row[1] for row in Database(connection).dealers(UNTIL)]
    assert codes.count(None) == 1


@pytest.mark.parametrize("lines", [1, 2, 3, 7, 50])
def test_the_smallest_samples_can_be_made(new_dms_dsn: str, lines: int) -> None:
    report = fill(new_dms_dsn, dealers=1, days=1, lines=lines, seed=lines, until=date(2026, 11, 22))
    assert report.lines == lines


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"dealers": 0}, "dealers=0: a sample has between 1 and"),
        ({"days": 0}, "days=0"),
        ({"lines": -5}, "lines=-5"),
        ({"seed": -1}, "seed=-1"),
        ({"until": date(1970, 1, 1)}, "between 2000 and 2099"),
    ],
)
def test_nonsense_is_refused_before_anything_is_touched(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(SampleError, match=said):
        fill("host=127.0.0.1 port=1", **{"seed": 1, **SMALL, **changed})


def test_a_database_that_is_not_there_or_not_migrated_is_named(postgres: Any) -> None:
    with pytest.raises(SampleError, match=r"cannot connect to database 'nowhere'.*DMS_DSN"):
        fill("host=127.0.0.1 port=1 dbname=nowhere", seed=1, **SMALL)
    with pytest.raises(SampleError, match=r"revision none.*include\.migrations\.run dms"):
        fill(postgres.create_database("not_migrated"), seed=1, **SMALL)
