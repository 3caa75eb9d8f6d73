"""Each form: what is read, and what stays as it is so that the rule of its type names it."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.inbound.headers import Column
from include.inbound.normalise import FORMS, normalise, require_date_format


def formed(form: str, *values: str | None, date_format: str = "%m/%d/%Y") -> list[str | None]:
    frame = pl.DataFrame({"value": values}, schema={"value": pl.String})
    return normalise(frame, [Column("value", "Value", form)], date_format)["value"].to_list()


def one(form: str, value: str, date_format: str = "%m/%d/%Y") -> str | None:
    """Read alone, and as one of many equal ones, which takes another way."""
    (alone,) = formed(form, value, date_format=date_format)
    assert set(formed(form, *[value] * 20, date_format=date_format)) == {alone}
    return alone


@pytest.mark.parametrize("form", [*FORMS, "date"])
def test_white_space_is_no_value_and_goes_from_around_one(form: str) -> None:
    assert formed(form, None, "", "  ", "\u00a0\t", "\u2003") == [None] * 5
    assert one(form, " \u00a0x y \r\n") == "x y"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$1,234.56", "1234.56"),
        ("1234.5", "1234.5"),
        ("$ 12", "12"),
        ("+7", "7"),
        (".50", "0.50"),
        ("0.00", "0.00"),
        ("(12.00)", "-12.00"),
        ("($1,000)", "-1000"),
        ("$(1.50)", "-1.50"),
        ("-$3", "-3"),
        ("$-4.5", "-4.5"),
        ("- 5", "-5"),
        ("5.00-", "-5.00"),
        ("-", "0.00"),
        ("$ -", "0.00"),
    ],
)
def test_money_is_read(text: str, value: str) -> None:
    assert one("money", text) == value


@pytest.mark.parametrize(
    "text",
    [
        *["1,23", "1.234,56", "12,345,6", "1e5", "8.2E+09", "12.", "$", "()", "- -", "--5", "(-5)", "1 234", "12.3.4"],
        *["\u00a35", "USD 5", "\uff11\uff12", "n/a", "=1+1"],
    ],
)
def test_money_that_cannot_be_read_stays(text: str) -> None:
    assert one("money", text) == text


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_every_amount_comes_back_however_it_is_written(amount: object) -> None:
    plain = f"{amount:f}"
    unsigned = plain.removeprefix("-")
    whole, _, cents = unsigned.partition(".")
    grouped = f"{int(whole):,}.{cents}"
    sign = "-" if plain != unsigned else ""
    written = [plain, f"{sign}${grouped}", f"(${grouped})" if sign else f"${unsigned}"]
    assert formed("money", *written) == [plain] * 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("240", "240"),
        ("240 mo", "240"),
        ("240MOS.", "240"),
        ("36 months", "36"),
        ("036", "36"),
        ("240.00", "240"),
        ("0", "0"),
    ],
)
def test_a_term_is_read_in_months(text: str, value: str) -> None:
    assert one("term", text) == value


@pytest.mark.parametrize("text", ["20 years", "20 yr", "20y", "12.5", "-3", "240 240", "12345"])
def test_a_term_in_another_unit_stays(text: str) -> None:
    assert one("term", text) == text


@pytest.mark.parametrize(
    ("date_format", "text", "value"),
    [
        ("%m/%d/%Y", "03/04/2026", "2026-03-04"),
        ("%d/%m/%Y", "03/04/2026", "2026-04-03"),
        ("%m/%d/%Y", "3/4/2026", "2026-03-04"),
        ("%m/%d/%Y", "01/01/1900", "1900-01-01"),
        ("%m/%d/%y", "03/04/05", "2005-03-04"),
        ("%Y-%m-%d", "1000-01-01", "1000-01-01"),
        ("%Y%m%d", "20260304", "2026-03-04"),
        ("%d-%b-%Y", "04-MAR-2026", "2026-03-04"),
        ("%m/%d/%Y %H:%M:%S", "03/04/2026 17:05:00", "2026-03-04"),
        ("%m/%d/%Y %I:%M:%S %p", "03/04/2026 12:00:00 AM", "2026-03-04"),
        ("%m/%d/%Y", "2026-03-04", "2026-03-04"),
    ],
)
def test_a_date_is_read_by_the_format_of_the_feed(date_format: str, text: str, value: str) -> None:
    assert one("date", text, date_format) == value


@pytest.mark.parametrize(
    "text", ["13/04/2026", "02/31/2026", "3/4/26", "3/ 4/2026", "+3/4/2026", "03/04/2026 00:00", "soon"]
)
def test_a_date_of_another_form_stays(text: str) -> None:
    assert one("date", text) == text


@pytest.mark.parametrize("date_format", ["%m/%d", "%Y", "%q/%m/%d/%Y", "%Y-%d-%m", ""])
def test_a_date_format_that_no_feed_may_have(date_format: str) -> None:
    with pytest.raises(ValueError, match="date"):
        require_date_format(date_format)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(555) 010-0123", "5550100123"),
        ("555.010.0123", "5550100123"),
        ("+1 555 010 0123", "+15550100123"),
        ("000-000-0000", "0000000000"),
        ("555-010-0123 x12", "555-010-0123 x12"),
        ("none", "none"),
        ("12", "12"),
    ],
)
def test_a_telephone_number_is_its_digits(text: str, value: str) -> None:
    assert one("phone", text) == value


def test_names_and_addresses_are_the_same_however_they_are_typed() -> None:
    assert one("name", "JOHN  &\tMARY\r\nSAMPLE") == "JOHN & MARY SAMPLE"
    assert one("name", "Zoe\u0308") == "Zo\u00eb"
    assert one("email", "Some.One@Mail.Example") == "some.one@mail.example"


@pytest.mark.parametrize("text", ['=HYPERLINK("x","y")', "+1+1", "@SUM(1)", "8.2E+09", "007", "a\nb", "x  y", "1,5"])
def test_text_is_never_repaired(text: str) -> None:
    assert one("text", text) == text


def test_an_unknown_form_is_a_mistake_of_the_contract() -> None:
    with pytest.raises(ValueError, match="colour"):
        formed("colour", "red")
