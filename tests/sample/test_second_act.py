"""The generator's own list of differences against plain SQL over the DMS, and what the dealers amend."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import date
from typing import Any

import psycopg2
import pytest

from local.sample import (
    PlantedDifference,
    SampleError,
    amend,
    fill,
    planted_differences,
    unsent_day,
)
from tests.dms.reading import Database
from tests.sample.conftest import months

# Good trade lines of the scheme's dealers: the month of their date, the month and day of their posting by the clock of
# the daily file.
LINES = """
SELECT dealer_code, document_type, document_number, line_number::text,
       date_trunc('month', document_date)::date AS dated,
       date_trunc('month', posted_at AT TIME ZONE 'Europe/London')::date AS posted,
       (posted_at AT TIME ZONE 'Europe/London')::date AS day
  FROM dms.v_trade_parts_sale_lines line
  JOIN dms.v_dealers dealer USING (dealer_id, dealer_code)
 WHERE dealer.trade_partner_dealer
   AND account_class = 'TRADE'
   AND invoice_line_id NOT IN (SELECT invoice_line_id FROM sample.sample_defect)
"""


def by_plain_sql(database: Database, month: date, unsent: tuple[str, date] | None) -> set[PlantedDifference]:
    """What the month's file and its daily files differ in before anybody amends anything."""
    found = set()
    for *key, dated, posted, day in database.rows(LINES):
        sent = posted == month and (key[0], day) != unsent
        if (dated == month) == sent:
            continue
        if sent:
            kind = "OTHER_MONTH"
        elif posted == month:
            kind = "DAY_NOT_SENT"
        else:
            kind = "LATE_CREDIT" if key[1] == "CREDIT_MEMO" else "BACK_DATED"
        found.add(PlantedDifference(kind, *key))
    return found


def test_the_list_is_what_plain_sql_finds_month_by_month(template: str, sample: Database) -> None:
    postings = sample.rows(
        "SELECT DISTINCT date_trunc('month', posted_at AT TIME ZONE 'Europe/London')::date FROM dms.parts_invoice"
    )
    seen: Counter[str] = Counter()
    for (month,) in postings:
        planted = planted_differences(template, month)
        assert len(planted) == len(set(planted))
        assert set(planted) == by_plain_sql(sample, month, unsent_day(template, month)), month
        seen.update(each.kind for each in planted)
    assert set(seen) == {"LATE_CREDIT", "BACK_DATED", "OTHER_MONTH", "DAY_NOT_SENT"}


def test_a_whole_month_has_one_working_day_that_is_not_sent(template: str, sample: Database) -> None:
    partners = {code for (code,) in sample.rows("SELECT dealer_code FROM dms.v_dealers WHERE trade_partner_dealer")}
    for month in months(sample):
        found = unsent_day(template, month)
        assert found is not None
        dealer, day = found
        assert dealer in partners
        assert day.replace(day=1) == month
        assert day.weekday() < 5
        assert {each.kind for each in planted_differences(template, month) if each.dealer_code == dealer} >= {
            "DAY_NOT_SENT"
        }


# Every line by its key, and whether it is bad by its arithmetic; of a line that stands twice, how often.
STATE = """
SELECT dealer_code, document_type, document_number, line_number::text, quantity, unit_price, discount_amount,
       net_amount, vat_amount, part_number, document_date, posted_at,
       net_amount <> quantity * unit_price - discount_amount
  FROM dms.v_trade_parts_sale_lines
"""


def state(dsn: str) -> Counter[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as connection:
        return Counter(Database(connection).rows(STATE))


def test_what_is_amended_is_what_the_list_grows_by(copy_dsn: str, sample: Database) -> None:
    for month in months(sample):
        before, listed = state(copy_dsn), set(planted_differences(copy_dsn, month))
        done = amend(copy_dsn, month)
        assert (done.quantity, done.price, done.line_added, done.line_removed) == (3, 3, 2, 2)
        assert done.mended > 0
        assert not done.already_there
        gone, came = before - state(copy_dsn), state(copy_dsn) - before
        was_bad = {row[:4] for row in gone if row[-1]}
        touched = {
            PlantedDifference("REJECTED_IN_DAILY" if row[:4] in was_bad else "CORRECTED_LINE", *row[:4])
            for row in (*gone, *came)
        }
        assert set(planted_differences(copy_dsn, month)) - listed == touched
        assert len(touched) == done.lines
        assert not listed - set(planted_differences(copy_dsn, month))
        assert len({row[2] for row in (*gone, *came)}) == done.lines, "each in a document of its own"
        assert not any(row[-1] for row in came), "what was put right adds up"
        unsent = unsent_day(copy_dsn, month)
        for row in (*gone, *came):
            posted = row[11].date()
            assert row[10].replace(day=1) == posted.replace(day=1) == month
            assert (row[0], posted) != unsent


def test_amounts_that_were_amended_are_rounded_as_all_others(copy_dsn: str, sample: Database) -> None:
    for month in months(sample):
        amend(copy_dsn, month)
    with closing(psycopg2.connect(copy_dsn)) as connection:
        wrong = Database(connection).rows(
            """
            SELECT document_number, line_number FROM dms.v_trade_parts_sale_lines line
             WHERE (invoice_line_id NOT IN (SELECT invoice_line_id FROM sample.sample_defect)
                    OR EXISTS (SELECT FROM sample.planted_difference planted
                                WHERE planted.kind = 'REJECTED_IN_DAILY'
                                  AND (planted.dealer_code, planted.document_number, planted.line_number)
                                    = (line.dealer_code, line.document_number, line.line_number)))
               AND (net_amount <> quantity * unit_price - discount_amount
                    OR discount_amount <> round(quantity * unit_price * discount_percent / 100, 2)
                    OR vat_amount <> round(net_amount * 0.2, 2)
                    OR quantity = 0)
            """
        )
    assert wrong == []


def test_no_document_is_left_without_lines_or_with_a_credit_for_a_line_that_is_gone(
    copy_dsn: str, sample: Database
) -> None:
    for month in months(sample):
        amend(copy_dsn, month)
    with closing(psycopg2.connect(copy_dsn)) as connection:
        database = Database(connection)
        empty = "SELECT count(*) FROM dms.parts_invoice i WHERE NOT EXISTS (SELECT FROM dms.parts_invoice_line l "
        assert database.value(f"{empty} WHERE l.parts_invoice_id = i.parts_invoice_id)") == 0
        assert (
            database.value(
                "SELECT count(*) FROM sample.amendment a JOIN dms.parts_invoice i "
                "ON i.original_document_number = a.document_number JOIN dms.v_dealers d "
                "ON (d.dealer_id, d.dealer_code) = (i.dealer_id, a.dealer_code)"
            )
            == 0
        )


def test_a_second_call_changes_nothing(copy_dsn: str, sample: Database) -> None:
    month = months(sample)[-1]
    first = amend(copy_dsn, month)
    after, listed = state(copy_dsn), planted_differences(copy_dsn, month)
    again = amend(copy_dsn, month)
    assert again.already_there
    assert (again.lines, str(again)) == (first.lines, f"{first} (was done already)")
    assert (state(copy_dsn), planted_differences(copy_dsn, month)) == (after, listed)


def test_a_line_that_somebody_removed_is_named_and_nothing_is_half_done(copy_dsn: str, sample: Database) -> None:
    month = months(sample)[-1]
    with closing(psycopg2.connect(copy_dsn)) as connection, connection:
        [(number,)] = Database(connection).rows(
            """
            WITH last AS (
                SELECT parts_invoice_id, line_number, document_number FROM sample.amendment
                 WHERE month = %s AND amendment = 'price' ORDER BY parts_invoice_id DESC LIMIT 1)
            DELETE FROM dms.parts_invoice_line line USING last
             WHERE (line.parts_invoice_id, line.line_number) = (last.parts_invoice_id, last.line_number)
            RETURNING document_number
            """,
            (month,),
        )
    before, listed = state(copy_dsn), planted_differences(copy_dsn, month)
    with pytest.raises(SampleError, match=rf"of document {number} cannot be amended \(price\): 0 such lines"):
        amend(copy_dsn, month)
    assert (state(copy_dsn), planted_differences(copy_dsn, month)) == (before, listed)


def test_a_month_is_named_by_its_first_day_and_a_sample_is_needed(new_dms_dsn: str) -> None:
    for ask in (amend, planted_differences, unsent_day):
        with pytest.raises(SampleError, match="named by its first day, 2026-10-01"):
            ask(new_dms_dsn, date(2026, 10, 2))
        with pytest.raises(SampleError, match=r"holds no sample .*make sample"):
            ask(new_dms_dsn, date(2026, 10, 1))


def test_a_month_that_the_sample_does_not_reach_has_nothing(new_dms_dsn: str) -> None:
    fill(new_dms_dsn, dealers=5, days=6, lines=500, seed=1, until=date(2026, 11, 20))
    month = date(2025, 1, 1)
    assert planted_differences(new_dms_dsn, month) == []
    assert unsent_day(new_dms_dsn, month) is None
    assert str(amend(new_dms_dsn, month)) == "nothing to amend in 2025-01"


def test_a_benchmark_plants_no_differences(new_dms_dsn: str) -> None:
    fill(new_dms_dsn, dealers=4, days=40, lines=5_000, seed=1, until=date(2026, 11, 20), trade_only=True)
    with closing(psycopg2.connect(new_dms_dsn)) as connection:
        for table in ("planted_difference", "amendment", "unsent_day"):
            assert Database(connection).value(f"SELECT count(*) FROM sample.{table}") == 0
        assert Database(connection).value("SELECT count(DISTINCT time_zone) FROM dms.v_dealers") == 1


def test_a_dealer_without_number_has_no_file_and_no_differences(new_dms_dsn: str) -> None:
    fill(
        new_dms_dsn,
        dealers=4,
        days=60,
        lines=20_000,
        seed=1,
        until=date(2026, 11, 20),
        dealer_without_number=True,
    )
    month = date(2026, 10, 1)
    with closing(psycopg2.connect(new_dms_dsn)) as connection:
        codes = {code for (code,) in Database(connection).rows("SELECT dealer_code FROM dms.v_dealers")}
        expected = {
            each
            for each in by_plain_sql(Database(connection), month, unsent_day(new_dms_dsn, month))
            if each.dealer_code is not None
        }
    assert None in codes
    assert set(planted_differences(new_dms_dsn, month)) == expected
