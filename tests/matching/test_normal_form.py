"""Names, addresses and numbers as partners write them, and what becomes of them."""

from __future__ import annotations

import re
import unicodedata

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from include.matching.keys import KEY_COLUMNS, OwnAddresses, inputs_hash, normal_form
from include.matching.names import LETTERS, folded, name_keys
from tests.matching.writing import written

APOSTROPHES = "'\u2019\u2018\u02bc"
NAMES = [
    # first, last, company, and what they are: first, last, co-buyer
    ("John", "Smith", None, "john", "smith", None),
    (" JOHN ", "smith", None, "john", "smith", None),
    (None, "SMITH, JOHN", None, "john", "smith", None),
    ("SMITH, JOHN", None, None, "john", "smith", None),
    (None, "SMITH, JOHN A.", None, "john", "smith", None),
    (None, "SMITH JR, JOHN", None, "john", "smith jr", None),
    (None, "SMITH, JOHN, JR", None, "john", "smith jr", None),
    ("John", "SMITH, JOHN", None, "john", "smith", None),
    ("John Jr.", "Smith", None, "john", "smith jr", None),
    ("John", "Smith, Jr.", None, "john", "smith jr", None),
    (None, "JOHN & MARY SMITH", None, "john", "smith", "mary"),
    ("JOHN & MARY SMITH", None, None, "john", "smith", "mary"),
    ("JOHN AND MARY", "SMITH", None, "john", "smith", "mary"),
    ("John+Mary", "Smith", None, "john", "smith", "mary"),
    ("JOHN &", "SMITH", None, "john", "smith", None),
    (None, "SMITH, JOHN & MARY", None, "john", "smith", "mary"),
    (None, "JOHN SMITH & MARY JONES", None, "john", "smith", "mary jones"),
    (None, "JOHN & MARY VAN DYKE", None, "john", "van dyke", "mary"),
    ("Mr & Mrs John", "Smith", None, "john", "smith", None),
    ("Dr. Ann", "Lee", None, "ann", "lee", None),
    ("John van der Berg", None, None, "john", "van der berg", None),
    (None, "García López", None, None, "garcia lopez", None),
    ("Renée", "Müller-Straße", None, "renee", "muller strasse", None),
    ("Łukasz", "O\N{RIGHT SINGLE QUOTATION MARK}Brien", None, "lukasz", "obrien", None),
    ("Rene\N{COMBINING ACUTE ACCENT}e", "O'Brien", None, "renee", "obrien", None),
    (None, None, "Acme Marine, L.L.C.", "(company)", "acme marine", None),
    (None, "Acme Marine Inc", None, "(company)", "acme marine", None),
    (None, None, "The Boat Co. Ltd", "(company)", "boat", None),
    (None, None, "Smith and Sons", "(company)", "smith sons", None),
    (None, "Smith & Sons", None, None, "smith sons", None),
    ("Ann", "Lee", "Acme Marine", "ann", "lee", None),
    ("CASH", "CUSTOMER", None, None, None, None),
    (None, "cash", None, None, None, None),
    (None, None, "Internal", None, None, None),
    ("N/A", "n/a", None, None, None, None),
    ("", "  ", "-", None, None, None),
    (None, "&", None, None, None, None),
]


@pytest.mark.parametrize(("first", "last", "company", "is_first", "is_last", "co_buyer"), NAMES)
def test_names_come_to_one_form(
    first: str | None,
    last: str | None,
    company: str | None,
    is_first: str | None,
    is_last: str | None,
    co_buyer: str | None,
) -> None:
    columns = [pl.Series([value], dtype=pl.String) for value in (first, last, company)]
    assert name_keys(*columns).row(0) == (is_first, is_last, co_buyer)


def test_names_of_a_column_do_not_touch_each_other() -> None:
    columns = [pl.Series([row[place] for row in NAMES], dtype=pl.String) for place in range(3)]
    assert name_keys(*columns).rows() == [row[3:] for row in NAMES]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="cp1252") | st.sampled_from("\u0131ςŁș,&+.- \u0301" + APOSTROPHES), max_size=12),
        max_size=8,
    )
)
@example(["O\u2019Neil", "Ångström", "a+b", "…", "½"])
def test_folds_as_unicode_says(texts: list[str]) -> None:
    def expected(text: str) -> str | None:
        text = unicodedata.normalize("NFKD", text)
        text = "".join(each for each in text if not unicodedata.category(each).startswith("M")).lower()
        for letter, plain in LETTERS.items():
            text = text.replace(letter, plain)
        text = re.sub(f"[{APOSTROPHES}`.]", "", text.replace("+", "&"))
        kept = "".join(c if unicodedata.category(c)[0] in "LN" or c in ",&" else " " for c in text)
        return re.sub(" +", " ", kept).strip(" ") or None

    assert folded(pl.Series(texts, dtype=pl.String)).to_list() == [expected(text) for text in texts]


@pytest.mark.parametrize(
    ("email", "key"),
    [
        (" Ann@Lee.Example ", "ann@lee.example"),
        ("none@none.com", None),
        ("NOEMAIL@anything.example", None),
        ("ann@none.com", None),
        ("ann@lee", None),
        ("ann", None),
        ("a b@lee.example", None),
        ("sales@dealer.example", None),
        ("anyone@own.example", None),
        ("anyone@not-own.example", "anyone@not-own.example"),
        ("nonesuch@lee.example", "nonesuch@lee.example"),
        ("", None),
    ],
)
def test_an_email_that_many_share_is_no_key(email: str, key: str | None) -> None:
    own = OwnAddresses(emails=frozenset({"Sales@Dealer.example"}), domains=frozenset({"own.example"}))
    assert normal_form(written({"email": email}), own)["email"].to_list() == [key]


@pytest.mark.parametrize(
    ("phone", "key"),
    [
        ("(555) 201-0199", "5552010199"),
        ("+1 555.201.0199", "5552010199"),
        ("15552010199", "5552010199"),
        ("555-201-0199 x12", "5552010199"),
        ("555-201-0199 Ext. 3", "5552010199"),
        ("201-0199", None),
        ("000-000-0000", None),
        ("999-999-9999", None),
        ("555-000-0000", None),
        ("000-201-0199", None),
        ("123-456-7890", None),
        ("(555) 201-0100", None),
        ("none", None),
        ("", None),
    ],
)
def test_a_phone_that_many_share_is_no_key(phone: str, key: str | None) -> None:
    own = OwnAddresses(phones=frozenset({"+1 (555) 201-0100"}))
    keys = normal_form(written({"home_phone": phone}, {"cell_phone": phone}), own)
    assert (keys["home"].to_list(), keys["cell"].to_list()) == ([key, None], [None, key])


@pytest.mark.parametrize(
    ("number", "key"), [(" c-100 ", "C-100"), ("0042", "0042"), ("0", None), ("CASH", None), ("9999", None), ("", None)]
)
def test_a_customer_number_that_many_share_is_no_key(number: str, key: str | None) -> None:
    assert normal_form(written({"dms_customer_number": number}))["number"].to_list() == [key]


def test_inputs_show_that_they_are_equal_and_nothing_else() -> None:
    keys = normal_form(
        written(
            {"first_name": "Ann", "last_name": "Lee", "email": "ANN@lee.example", "home_phone": "(555) 201-0199"},
            {"last_name": "LEE, ANN", "email": "ann@lee.example ", "home_phone": "5552010199"},
            {"last_name": "LEE, ANN", "email": "ann@lee.example ", "cell_phone": "5552010199"},
            {"first_name": "annlee"},
        )
    )
    hashes = inputs_hash(keys).to_list()
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in hashes)
    for name in KEY_COLUMNS:
        assert keys.drop(name).width == keys.width - 1
        changed = keys.with_columns(pl.lit("other").alias(name))
        assert inputs_hash(changed)[0] != hashes[0], name
