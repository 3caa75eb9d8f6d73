"""That an extraction has the rows of its view, and finds them by their indexes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dms.french import LONG_AGO, NOON, France

# The extraction writes them as the file has them, in UTC.
TIMES = {"changed_at", "posted_at", "captured_at", "reviewed_at", "withdrawn_at"}


def written(value: Any) -> str:
    """A value of JSON as COPY writes it."""
    if isinstance(value, bool):
        return "ft"[value]
    if isinstance(value, float):
        return f"{value:.2f}"
    return "" if value is None else str(value)


def test_a_window_of_customers_is_found_by_its_index(france: France) -> None:
    database = france.database
    database.rows(
        "INSERT INTO dms.customer (dealer_id, point_of_sale_id, created_at, changed_at) "
        "SELECT 1, 1, %(at)s, %(at)s + n * interval '1 minute' FROM generate_series(1, 20000) AS n",
        {"at": LONG_AGO},
    )
    database.rows("ANALYZE dms.customer")
    plan = database.rows(
        "EXPLAIN SELECT * FROM dms.v_ddc_customers WHERE dealer_id = ANY ('{1,2}') "
        "AND changed_at >= '2025-01-09 00:00Z' AND changed_at < '2025-01-10 00:00Z'"
    )
    assert "customer_moved_at" in "\n".join(line for (line,) in plan)


def test_the_last_reading_is_found_without_the_table(france: France) -> None:
    database = france.database
    database.rows(
        "INSERT INTO dms.workshop_invoice (point_of_sale_id, document_type, document_number, document_date, posted_at, "
        "payer_type, vin, odometer, total_net, total_vat, total_gross) "
        "SELECT 1, 'INVOICE', 'F' || n, '2026-01-01', %s + n * interval '1 minute', 'CUSTOMER_PAY', 'V' || n %% 4000, "
        "n, 10, 2, 12 FROM generate_series(1, 20000) AS n",
        (LONG_AGO,),
    )
    database.rows("ANALYZE dms.workshop_invoice")
    plan = database.rows(
        "EXPLAIN SELECT previous_odometer_km FROM dms.v_ddc_workshop_invoices "
        "WHERE posted_at >= '2025-01-09 00:00Z' AND posted_at < '2025-01-09 03:00Z'"
    )
    text = "\n".join(line for (line,) in plan)
    assert "Index Only Scan Backward using workshop_invoice_vin" in text
    assert "Sort" not in text


@pytest.mark.parametrize("table", ["customer", "workshop_invoice", "counter_invoice", "vehicle_sale"])
def test_the_file_has_the_rows_of_the_view(france: France, table: str) -> None:
    customer = france.customer(LONG_AGO, changed_at=NOON)
    for number in range(1, 4):
        if table == "customer":
            france.customer()
        else:
            france.document(table, document_number=f"F{number}", lines=number % 3, customer_id=customer)
    france.database.rows("SELECT dms.erase_customer(%s, %s)", (customer, NOON))
    rows = france.records(table)
    view = "v_ddc_customers" if table == "customer" else f"v_ddc_{table}_lines"
    ours = france.database.rows(f"SELECT to_jsonb(v) FROM dms.{view} v")
    shown = [{name: written(value) for name, value in row.items()} for (row,) in ours]
    same = rows[0].keys() & shown[0].keys() - TIMES
    assert len(same) >= 20
    assert len(rows) == len(shown) > 3

    def told(all_rows: list[dict[str, str]]) -> list[list[str]]:
        return sorted([row[name] for name in sorted(same)] for row in all_rows)

    assert told(rows) == told(shown)
