"""What the sample promises of the ends of months, of the days on which the clocks change, and of the dealer abroad."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from include.window import day_window
from tests.dms.reading import Database
from tests.sample.conftest import months

# Trade documents with all their lines good.
GOOD = """
    FROM dms.v_parts_documents document
    JOIN dms.v_dealers dealer USING (dealer_id)
   WHERE account_class = 'TRADE'
     AND NOT EXISTS (
         SELECT FROM dms.v_parts_document_lines line JOIN sample.sample_defect USING (invoice_line_id)
          WHERE line.document_id = document.document_id)
"""
NEXT = "(%(month)s::date + interval '1 month')::date"


def test_every_month_has_credits_and_invoices_that_came_late(sample: Database) -> None:
    found = months(sample)
    assert found
    last_posting = sample.value("SELECT max(posted_at)::date FROM dms.parts_invoice")
    for month in found:
        if (month + timedelta(days=36)).replace(day=5) > last_posting:
            continue
        late = dict(
            sample.rows(
                f"""
                SELECT document_type, count(*) {GOOD}
                   AND dealer.trade_partner_dealer
                   AND document_date >= %(month)s AND document_date < {NEXT}
                   AND (posted_at AT TIME ZONE 'Europe/London')::date >= {NEXT}
                 GROUP BY 1
                """,
                {"month": month},
            )
        )
        assert late.get("CREDIT_MEMO", 0) >= 2, month
        assert late.get("INVOICE", 0) >= 2, month


def test_a_late_credit_is_for_an_invoice_of_the_month_before_and_not_dated_before_it(sample: Database) -> None:
    late = sample.rows(
        f"""
        SELECT document.document_date, document.posted_on, invoice.document_date, invoice.posted_on,
               invoice.trade_account_number = document.trade_account_number,
               (SELECT count(*) FROM dms.v_parts_document_lines line WHERE line.document_id = document.document_id),
               (SELECT count(*)
                  FROM dms.v_parts_document_lines line
                  JOIN dms.v_parts_document_lines its
                    ON (its.line_number, its.part_number, its.unit_price) =
                       (line.line_number, line.part_number, line.unit_price)
                 WHERE line.document_id = document.document_id AND its.document_id = invoice.document_id)
          FROM (SELECT document.* {GOOD} AND document_type = 'CREDIT_MEMO' AND document_date < posted_on) document
          LEFT JOIN dms.v_parts_documents invoice
            ON (invoice.dealer_id, invoice.document_type, invoice.document_number) =
               (document.dealer_id, 'INVOICE', document.original_document_number)
        """
    )
    assert len(late) > 10
    for dated, posted, invoice_dated, invoice_posted, same_account, lines, same_lines in late:
        assert same_account
        assert invoice_dated <= dated
        assert invoice_posted <= dated < posted.replace(day=1)
        assert posted.day <= 5
        assert posted.replace(day=1) - dated <= timedelta(days=31)
        assert lines == same_lines > 0


def test_no_document_of_a_day_that_is_not_planted_is_dated_after_its_posting_by_its_dealers_clock(
    sample: Database,
) -> None:
    assert sample.value("SELECT count(*) FROM dms.v_parts_documents WHERE document_date > posted_on") == sample.value(
        "SELECT count(DISTINCT document_id) FROM dms.v_parts_document_lines "
        "JOIN sample.sample_defect USING (invoice_line_id) WHERE kind = 'document_in_future'"
    )


def test_one_dealer_abroad_keeps_another_clock(sample: Database) -> None:
    [(dealer, partner, zone)] = sample.rows(
        "SELECT dealer_id, trade_partner_dealer, time_zone FROM dms.v_dealers "
        "WHERE time_zone NOT IN ('Europe/London', 'Europe/Paris')"
    )
    assert (partner, zone) == (False, "Europe/Gibraltar")
    hours = sample.rows(
        "SELECT DISTINCT extract(hour FROM posted_at AT TIME ZONE %s)::int FROM dms.parts_invoice WHERE dealer_id = %s",
        (zone, dealer),
    )
    assert {hour for (hour,) in hours} <= {0, 23, *range(8, 18)}
    for month in months(sample):
        # Its month has begun, London's has not: dated the first, posted on the last by the other clock.
        first = sample.value(
            """
            SELECT count(*) FROM dms.v_parts_documents
             WHERE dealer_id = %(dealer)s AND account_class = 'TRADE' AND document_date = %(month)s
               AND (posted_at AT TIME ZONE 'Europe/London')::date = %(month)s::date - 1
            """,
            {"dealer": dealer, "month": month},
        )
        edges = sample.value(
            """
            SELECT bool_or(posted_at = %(month)s::timestamp AT TIME ZONE 'Europe/Gibraltar')
               AND bool_or(posted_at >= (%(month)s::timestamp + interval '1 month' - interval '10 minutes')
                                        AT TIME ZONE 'Europe/Gibraltar'
                           AND document_date = (%(month)s::date + interval '1 month')::date - 1)
              FROM dms.v_parts_documents
             WHERE dealer_id = %(dealer)s AND account_class = 'TRADE' AND posted_on = ANY (ARRAY[
                   %(month)s::date, (%(month)s::date + interval '1 month')::date - 1])
            """,
            {"dealer": dealer, "month": month},
        )
        assert first > 0, month
        assert edges, month
    credits_across = sample.value(
        "SELECT count(*) FROM dms.v_parts_documents WHERE dealer_id = %s AND account_class = 'TRADE' "
        "AND document_type = 'CREDIT_MEMO' AND document_date < date_trunc('month', posted_on)",
        (dealer,),
    )
    assert credits_across > 0


def test_month_ends_and_days_of_another_length_have_documents_at_both_their_midnights(sample: Database) -> None:
    first, last = sample.rows(
        "SELECT (parameters->>'until')::date - (parameters->>'days')::int + 1, (parameters->>'until')::date "
        "FROM sample.fill"
    )[0]
    days = [first + timedelta(days=turn) for turn in range((last - first).days + 1)]
    lengths = {day: day_window(day, "Europe/London") for day in days}
    changed = [day for day, window in lengths.items() if window.end - window.start != timedelta(days=1)]
    assert changed or last == date(2025, 1, 8)
    ends = [day for day in days if (day + timedelta(days=1)).day == 1 and day.weekday() < 6]
    for day in changed + ends:
        early, late = sample.rows(
            """
            SELECT count(*) FILTER (WHERE posted_at = %(start)s),
                   count(*) FILTER (WHERE posted_at >= %(end)s - interval '10 minutes')
              FROM dms.v_parts_documents
              JOIN dms.v_dealers USING (dealer_id)
             WHERE dms.v_dealers.trade_partner_dealer AND account_class = 'TRADE'
               AND posted_at >= %(start)s AND posted_at < %(end)s
            """,
            {"start": lengths[day].start, "end": lengths[day].end},
        )[0]
        assert early > 0, day
        assert late > 0, day


def test_the_last_of_a_leap_february_is_a_day_like_any_other(sample: Database) -> None:
    days = sample.value(
        "SELECT count(DISTINCT document_date) FROM dms.parts_invoice "
        "WHERE date_trunc('month', document_date) = '2024-02-01' AND extract(day FROM document_date) >= 28"
    )
    leap = sample.value("SELECT max(document_date) FROM dms.parts_invoice") >= date(2024, 3, 1)
    assert days == (2 if leap and sample.value("SELECT min(posted_at) < '2024-02-28' FROM dms.parts_invoice") else 0)


def test_one_dealer_changed_franchise_before_the_month_that_is_due(sample: Database) -> None:
    changes = sample.rows(
        """
        SELECT dealer_id, before.franchise, after.franchise, after.valid_from
          FROM dms.v_dealer_franchises before JOIN dms.v_dealer_franchises after USING (dealer_id)
         WHERE before.valid_to = after.valid_from
        """
    )
    [(dealer, before, after, day)] = changes
    assert (before, after) == ("RENAULT", "RENAULT_DACIA")
    until = sample.value("SELECT (parameters->>'until')::date FROM sample.fill")
    months_back = (until.year - day.year) * 12 + until.month - day.month
    assert (months_back, day.day) == (3, 12)
    assert sample.value("SELECT franchise FROM dms.v_dealers WHERE dealer_id = %s", (dealer,)) == after
    # The French sites have none, and are in no file of the month.
    assert (
        sample.value("SELECT count(*) FROM dms.v_dealers WHERE (franchise IS NULL) <> (time_zone = 'Europe/Paris')")
        == 0
    )


@pytest.mark.parametrize("until", [date(2026, 1, 31), date(2026, 3, 1), date(2026, 4, 30), date(2026, 12, 31)])
def test_the_change_of_franchise_is_never_in_the_month_that_is_due(until: date) -> None:
    from local.sample.masters import changed_on
    from local.sample.parameters import Parameters

    changed = changed_on(Parameters(12, 30, 100, 1, until))
    # The month that is due is the one before, or the one before that in the first days of a month.
    assert (until.replace(day=1) - changed).days > 65
