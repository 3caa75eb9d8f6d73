"""What the DMS refuses of agreements, authorisations, scopes and eligibility, and what it shows of them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg2.errors
import pytest

from tests.dms.french import DAY, LONG_AGO, NOON, France, Row
from tests.dms.reading import Database

KEY = {
    "agreement": "agreement_id",
    "application_authorisation": "application_authorisation_id",
    "application_scope": "application_scope_id",
    "feed_eligibility": "feed_eligibility_id",
}
ROWS: dict[str, Row] = {
    "agreement": {
        "legal_entity_id": 1, "kind": "SERVICE", "counterparty": "FCS", "siren_signed": "999000001",
        "signatory_name": "Sample Signatory", "signed_at": LONG_AGO,
    },
    "application_authorisation": {
        "point_of_sale_id": 1, "application_code": "FOCUS", "signatory_name": "Sample Signatory",
        "authorised_at": LONG_AGO, "valid_from": LONG_AGO,
    },
    "application_scope": {"application_code": "FOCUS", "record": "customer", "field": "email", "valid_from": LONG_AGO},
    "feed_eligibility": {"feed": "fcs_ddc_daily", "brand": "OP", "dms_product": "DCSnet", "valid_from": LONG_AGO},
}  # fmt: skip
ENDS = [
    ("agreement", "ended_at"),
    ("application_authorisation", "valid_to"),
    ("application_authorisation", "revoked_at"),
    ("application_scope", "valid_to"),
    ("feed_eligibility", "valid_to"),
]
COLUMNS = [(table, column) for table, row in ROWS.items() for column in row]
NEXT_CENTURY = datetime(2126, 1, 1, tzinfo=UTC)


@pytest.fixture
def signed(france: France) -> France:
    """One row of each table."""
    france.plant("application", {"application_code": "FOCUS", "name": "Focus", "purpose": "sample"})
    for table, row in ROWS.items():
        france.plant(table, row)
    return france


def refused(france: France, message: str, statement: str, *values: Any) -> None:
    """Run a statement that a trigger has to refuse, and go on as if it had not been tried."""
    france.database.rows("SAVEPOINT tried")
    with pytest.raises(psycopg2.errors.RaiseException, match=message):
        france.database.rows(statement, values)
    france.database.rows("ROLLBACK TO SAVEPOINT tried")


@pytest.mark.parametrize("table", ROWS)
def test_what_was_signed_is_not_deleted_ended_or_not(signed: France, table: str) -> None:
    refused(signed, f"dms.{table} is evidence and is not deleted: set ", f"DELETE FROM dms.{table}")
    end = next(column for name, column in ENDS if name == table)
    signed.database.rows(f"UPDATE dms.{table} SET {end} = now()")
    refused(signed, f"dms.{table} is evidence", f"DELETE FROM dms.{table}")


@pytest.mark.parametrize(("table", "column"), [*COLUMNS, *((table, key) for table, key in KEY.items())])
def test_what_was_signed_is_not_rewritten(signed: France, table: str, column: str) -> None:
    others = {"legal_entity_id": 99, "point_of_sale_id": 2, "kind": "DATA_PROCESSING", "brand": "AP", KEY[table]: 99}
    dated = {"signed_at", "authorised_at", "valid_from"}
    value = others.get(column, NOON if column in dated else "OTHER")
    refused(signed, f"dms.{table}: what was signed is not rewritten", f"UPDATE dms.{table} SET {column} = %s", value)


@pytest.mark.parametrize(("table", "column"), ENDS)
def test_a_row_is_ended_and_its_end_stays(signed: France, table: str, column: str) -> None:
    database = signed.database
    # An end that is still to come is a plan, and plans change.
    for end in (NEXT_CENTURY, None, DAY):
        database.rows(f"UPDATE dms.{table} SET {column} = %s", (end,))
    for later in (None, NEXT_CENTURY):
        refused(signed, rf"{column} was 2026-06-10.* is not taken back", f"UPDATE dms.{table} SET {column} = %s", later)
    assert database.value(f"SELECT {column}::date FROM dms.{table}") == DAY


def test_a_revocation_does_not_reopen_what_had_ended_and_is_still_taken(signed: France) -> None:
    signed.database.rows("UPDATE dms.application_authorisation SET valid_to = %s", (DAY,))
    signed.database.rows("UPDATE dms.application_authorisation SET revoked_at = %s", (NOON,))
    assert signed.database.rows("SELECT valid_to, revoked_at FROM dms.v_application_authorisations") == [(DAY, NOON)]


@pytest.mark.parametrize(
    ("table", "told", "constraint"),
    [
        ("agreement", {"ended_at": LONG_AGO}, "agreement_check"),
        ("agreement", {"kind": "HANDSHAKE"}, "agreement_kind_check"),
        ("application_authorisation", {"valid_to": date(2025, 1, 7)}, "authorisation_ends_after_it_begins"),
        ("application_authorisation", {"valid_to": date(2025, 1, 6)}, "authorisation_ends_after_it_begins"),
        ("application_authorisation", {"revoked_at": date(2025, 1, 7)}, "authorisation_revoked_after_it_was_given"),
        ("application_scope", {"field": "city", "valid_to": date(2025, 1, 7)}, "application_scope_check"),
        ("feed_eligibility", {"valid_to": date(2025, 1, 7)}, "feed_eligibility_check"),
    ],
)
def test_an_order_of_times_that_cannot_be_is_refused(signed: France, table: str, told: Row, constraint: str) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation, match=constraint):
        signed.plant(table, ROWS[table] | told)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("agreement", {"ended_at": NOON}),
        ("application_authorisation", {"valid_to": date(2025, 1, 8)}),
        ("application_authorisation", {"revoked_at": LONG_AGO}),
        ("application_scope", {"field": "city", "valid_to": date(2025, 1, 8)}),
        ("feed_eligibility", {"valid_to": date(2025, 1, 8)}),
    ],
)
def test_the_nearest_order_of_times_that_can_be_is_taken(signed: France, table: str, told: Row) -> None:
    signed.plant(table, ROWS[table] | told)
    assert signed.database.value(f"SELECT count(*) FROM dms.{table}") == 2


def test_an_agreement_signed_for_another_company_is_taken_and_shown_as_it_is(signed: France) -> None:
    signed.plant("agreement", ROWS["agreement"] | {"siren_signed": "999000019", "kind": "DATA_PROCESSING"})
    assert signed.database.rows("SELECT * FROM dms.v_agreements ORDER BY kind") == [
        (1, "DATA_PROCESSING", "FCS", "999000019", LONG_AGO, None),
        (1, "SERVICE", "FCS", "999000001", LONG_AGO, None),
    ]


def test_no_view_says_who_signed(signed: France) -> None:
    shown = signed.database.rows(
        "SELECT table_name "
        "FROM information_schema.columns JOIN information_schema.views USING (table_schema, table_name) "
        "WHERE table_schema = 'dms' AND column_name IN ('signatory_name', 'captured_by') AND table_name <> %s",
        ("v_contact_preferences",),
    )
    assert shown == []


def test_a_revoked_application_can_be_authorised_anew(signed: France) -> None:
    signed.database.rows("UPDATE dms.application_authorisation SET revoked_at = %s", (NOON,))
    signed.plant("application_authorisation", ROWS["application_authorisation"] | {"authorised_at": NOON})
    found = "SELECT authorised_at, revoked_at FROM dms.v_application_authorisations ORDER BY authorised_at"
    assert signed.database.rows(found) == [(LONG_AGO, NOON), (NOON, None)]


def test_a_field_is_in_a_scope_once_from_any_day(signed: France) -> None:
    signed.plant("application_scope", ROWS["application_scope"] | {"valid_from": DAY})
    with pytest.raises(psycopg2.errors.UniqueViolation):
        signed.plant("application_scope", ROWS["application_scope"])


@pytest.mark.parametrize("code", ["focus", "F", "CUSTOMER FIRST", "../X", "A" * 21])
def test_an_application_has_a_code_that_a_file_name_can_carry(france: France, code: str) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation, match="application_application_code_check"):
        france.plant("application", {"application_code": code, "name": "Sample", "purpose": "sample"})


def test_eligibility_is_shown_as_it_stands_null_for_any(signed: France) -> None:
    assert signed.database.rows("SELECT * FROM dms.v_feed_eligibility") == [
        ("fcs_ddc_daily", "OP", "DCSnet", None, date(2025, 1, 7), None)
    ]


def test_the_documentation_has_the_samples_eligibility(sample: Database, repository: Path) -> None:
    page = (repository / "docs" / "dms-schema.md").read_text(encoding="utf-8")
    table = page.partition("| `brand` | `dms_product` | `role` |")[2].partition("\n\n")[0]
    written = {
        (brand, None if product == "null" else product.strip("`"), None if role == "null" else role)
        for brands, product, role in re.findall(r"^\| (`[A-Z`, ]+`) \| (\S+) \| (\S+) \|", table, re.MULTILINE)
        for brand in re.findall("[A-Z]{2}", brands)
    }
    held = sample.rows("SELECT brand, dms_product, role FROM dms.v_feed_eligibility WHERE feed = 'fcs_ddc_daily'")
    assert written == set(held)
    assert len(held) == 4


def test_the_documentation_names_every_table_and_view(empty: Database, repository: Path) -> None:
    page = (repository / "docs" / "dms-schema.md").read_text(encoding="utf-8")
    # The lines of a kind of document stand beside it.
    named = set(re.findall(r"`([a-z_]+)`", page)) | {
        f"{name}_line" for name in ("workshop_invoice", "counter_invoice", "vehicle_sale")
    }
    there = {
        name for (name,) in empty.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'dms'")
    }
    assert there - named - {"schema_version"} == set()
