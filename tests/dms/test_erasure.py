"""Erasing a customer: nothing personal is left, nothing is undone, nobody is erased by mistake or deleted unseen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg2.errors
import pytest

from tests.dms.french import LONG_AGO, NOON, France


@pytest.mark.parametrize(
    "column",
    ["given_name", "family_name", "email", "telephone", "civility", "company_name", "siret", "address_line_1",
     "address_line_2", "postal_code", "city", "country_code", "mobile"],
)  # fmt: skip
def test_an_erasure_that_leaves_anything_behind_is_refused(france: France, column: str) -> None:
    customer = france.customer(LONG_AGO, given_name=None, family_name=None, email=None, postal_code=None,
                               country_code=None)  # fmt: skip
    france.database.rows(f"UPDATE dms.customer SET {column} = 'left' WHERE customer_id = %s", (customer,))
    with pytest.raises(psycopg2.errors.CheckViolation, match="customer_erased_is_empty"):
        france.database.rows("UPDATE dms.customer SET erased_at = now() WHERE customer_id = %s", (customer,))


def test_every_personal_column_is_one_that_an_erasure_empties(france: France) -> None:
    kept = {
        "customer_id", "dealer_id", "point_of_sale_id", "customer_type", "created_at", "changed_at", "erased_at"
    }  # fmt: skip
    columns = (
        "SELECT column_name FROM information_schema.columns WHERE (table_schema, table_name) = ('dms', 'customer')"
    )
    personal = {name for (name,) in france.database.rows(columns)} - kept
    customer = france.customer(LONG_AGO, **dict.fromkeys(personal, "told"))
    france.database.rows("SELECT dms.erase_customer(%s, %s)", (customer, NOON))
    [row] = france.database.rows(f"SELECT {', '.join(sorted(personal))} FROM dms.customer")
    assert row == (None,) * 13


@pytest.mark.parametrize("undone", ["erased_at = NULL", "erased_at = now()", "erased_at = NULL, family_name = 'Back'"])
def test_an_erasure_is_not_undone(france: France, undone: str) -> None:
    customer = france.customer(LONG_AGO)
    france.database.rows("SELECT dms.erase_customer(%s, %s)", (customer, NOON))
    with pytest.raises(psycopg2.errors.RaiseException, match=f"customer {customer} was erased at .* is final"):
        france.database.rows(f"UPDATE dms.customer SET {undone}")


def test_who_was_erased_gets_no_name_back(france: France) -> None:
    france.database.rows("SELECT dms.erase_customer(%s, %s)", (france.customer(LONG_AGO), NOON))
    with pytest.raises(psycopg2.errors.CheckViolation, match="customer_erased_is_empty"):
        france.database.rows("UPDATE dms.customer SET family_name = 'Back'")


def test_erasing_twice_is_once_and_erasing_nobody_is_said(france: France) -> None:
    customer = france.customer(LONG_AGO)
    for later in (0, 1):
        france.database.rows("SELECT dms.erase_customer(%s, %s)", (customer, NOON + timedelta(days=later)))
    assert france.database.value("SELECT erased_at FROM dms.customer") == NOON
    with pytest.raises(psycopg2.errors.RaiseException, match="there is no customer 4711"):
        france.database.rows("SELECT dms.erase_customer(4711)")


def test_a_customer_of_the_feed_is_erased_and_not_deleted(france: France) -> None:
    france.customer(point_of_sale_id=None)
    france.database.rows("DELETE FROM dms.customer")
    customer = france.customer()
    with pytest.raises(psycopg2.errors.RaiseException, match=rf"erase_customer\({customer}\)"):
        france.database.rows("DELETE FROM dms.customer")


@pytest.mark.parametrize("told", [{"changed_at": LONG_AGO}, {"erased_at": LONG_AGO}])
def test_nothing_happens_to_a_customer_before_it_began(france: France, told: dict[str, Any]) -> None:
    empty = dict.fromkeys(["given_name", "family_name", "email", "postal_code", "country_code"])
    with pytest.raises(psycopg2.errors.CheckViolation, match="customer_changes_after_it_began"):
        france.customer(NOON, **empty, **told)


def test_a_customer_of_the_feed_does_not_move_to_another_point_of_sale(france: France) -> None:
    customer = france.customer()
    france.database.rows("UPDATE dms.customer SET point_of_sale_id = point_of_sale_id, city = 'Elsewhere'")
    with pytest.raises(psycopg2.errors.RaiseException, match=rf"anew at the other one .*erase_customer\({customer}\)"):
        france.database.rows("UPDATE dms.customer SET point_of_sale_id = NULL")
