"""Company and vehicle numbers: what each reader's own proof takes and refuses, and that the two do not differ."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.checks.identifiers import is_siren, is_siret, unlike_siren, unlike_siret, unlike_vin
from include.quality.identifiers import is_company_number, is_vehicle_number

# Public numbers: a textbook example with its head office, La Poste with its, two car makers.
SIRENS = ["732829320", "356000000", "552144503", "642050199"]
SIRETS = ["73282932000074", "35600000000048", "35600000049837"]
# Another character in place of one, or beside them: what python-stdnum forgives, and what looks like a digit.
STRANGE = [" ", ".", "\u00a0", "\t", "\n", "-", "\u0660", "\uff10", "\u00b2", "O", "o", "\x00"]
TRANSLITERATED = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)], strict=True)),
}
WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]


def both_say(number: str) -> bool:
    """Whether both readers take ``number`` for a company's, by its length."""
    first = is_siret(number) if len(number) != 9 else is_siren(number)
    second = is_company_number(number, 14 if len(number) != 9 else 9)
    assert first == second, "the readers differ"
    return first


def american_check_digit(vin: str) -> str:
    """What the ninth character would be in North America (49 CFR 565.15)."""
    rest = sum(TRANSLITERATED[sign] * weight for sign, weight in zip(vin, WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


@pytest.mark.parametrize("number", [*SIRENS, *SIRETS])
def test_numbers_that_exist_are_good(number: str) -> None:
    assert both_say(number)


@pytest.mark.parametrize("number", [*SIRENS, "73282932000074", "35600000000048"])
def test_one_wrong_digit_is_always_noticed(number: str) -> None:
    wrong = [number[:i] + digit + number[i + 1 :] for i in range(len(number)) for digit in "0123456789"]
    taken = {one for one in wrong if both_say(one)} - {number}
    # La Poste's own rule is a sum of digits and notices less; the numbers that it takes are its own.
    assert {one for one in taken if not (len(one) == 14 and one.startswith("356000000"))} == set()


@pytest.mark.parametrize("number", ["732829320", "552144503", "73282932000074"])
def test_two_neighbours_changed_over_are_noticed(number: str) -> None:
    for i in range(len(number) - 1):
        pair = number[i : i + 2]
        if pair[0] != pair[1] and set(pair) != {"0", "9"}:  # The one pair that Luhn does not tell apart.
            assert not both_say(number[:i] + pair[::-1] + number[i + 2 :])


@pytest.mark.parametrize("number", [*SIRENS, *SIRETS])
@pytest.mark.parametrize("sign", STRANGE, ids=[f"{ord(sign):04x}" for sign in STRANGE])
def test_blanks_and_other_signs_are_a_defect_and_not_cleaned_away(number: str, sign: str) -> None:
    for i in range(len(number) + 1):
        for found in (number[:i] + sign + number[i:], number[:i] + sign + number[i + 1 :]):
            assert not is_siren(found)
            assert not is_siret(found)
            assert not is_company_number(found, 9)
            assert not is_company_number(found, 14)


def test_a_leading_zero_counts_though_the_check_digit_does_not_notice() -> None:
    assert both_say("00032500100014")
    for short in ("0032500100014", "032500100014", "32500100014"):
        assert not both_say(short)
    assert not is_siren("32500100")
    assert not is_company_number("32500100", 9)


def test_a_siren_is_no_siret_and_a_siret_no_siren() -> None:
    assert not is_siret("732829320")
    assert not is_siren("73282932000074")
    assert not is_company_number("732829320", 14)
    assert not is_company_number("73282932000074", 9)


def test_la_poste_goes_by_the_sum_of_its_digits_but_for_the_head_office() -> None:
    good = {f"{number:05d}" for number in range(100_000) if both_say(f"356000000{number:05d}")}
    assert {nic for nic in good if (14 + sum(map(int, nic))) % 5} == {"00048"}
    assert len(good) == 100_000 // 5 + 1


@pytest.mark.parametrize("number", ["MONACOCONFO001", "MONACO00000000", "MONACOCON"])
def test_monaco_writes_letters(number: str) -> None:
    assert both_say(number)


@pytest.mark.parametrize(
    "number", ["MONACOCONFO01", "MONACOCONFO0011", "MONACOconfo001", "MONACOCONFO00\u0661", "MONACO"]
)
def test_monaco_has_a_form_as_well(number: str) -> None:
    assert not both_say(number)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.from_regex("[0-9]{13,14}", fullmatch=True), st.from_regex("[0-9]{8,9}"), st.text(max_size=15)))
def test_both_readers_say_the_same_of_any_number(number: str) -> None:
    both_say(number)


@settings(max_examples=500, deadline=None)
@given(
    st.one_of(
        st.from_regex("[A-Z0-9]{13}[0-9]{4}", fullmatch=True),
        st.from_regex("[A-HJ-NPR-Z0-9]{12,14}[A-F0-9]{4}\\Z"),
        st.text("1A", min_size=17, max_size=17),
        st.sampled_from("0123456789AIé").map(lambda sign: sign * 17),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=18),
    )
)
def test_both_readers_say_the_same_of_any_vehicle(number: str) -> None:
    assert pl.DataFrame({"vin": [number]}).select(unlike_vin("vin")).item() is not is_vehicle_number(number)


@pytest.mark.parametrize("place", range(17))
def test_a_vin_has_no_letter_that_looks_like_a_digit_and_no_small_ones(place: int) -> None:
    vin = "VF3M45GZRLS123456"
    signs = "IOQvé- \n\u0661"
    found = [vin[:place] + sign + vin[place + 1 :] for sign in signs]
    assert pl.DataFrame({"vin": found}).select(unlike_vin("vin")).to_series().all()
    assert not any(is_vehicle_number(one) for one in found)
    with_letter = vin[:place] + "A" + vin[place + 1 :]
    assert is_vehicle_number(with_letter) == (place < 13)
    assert pl.DataFrame({"vin": [with_letter]}).select(unlike_vin("vin")).item() == (place >= 13)


def test_the_american_check_digit_is_not_asked() -> None:
    american, french = "1M8GDM9AXKP042788", "VF1AAAAAHAA123456"
    assert american_check_digit(american) == american[8]
    assert american_check_digit(french) != french[8]
    found = pl.DataFrame({"vin": [american, french]}).select(unlike_vin("vin")).to_series()
    assert found.to_list() == [False, False]
    assert is_vehicle_number(french)


def test_one_character_seventeen_times_is_no_vin_though_its_check_digit_would_be_right() -> None:
    assert american_check_digit("1" * 17) == "1"
    repeated = [sign * 17 for sign in TRANSLITERATED]
    assert pl.DataFrame({"vin": repeated}).select(unlike_vin("vin")).to_series().all()
    assert not any(is_vehicle_number(one) for one in repeated)


@pytest.mark.parametrize("unlike", [unlike_siren, unlike_siret, unlike_vin])
def test_nothing_is_said_of_a_value_that_is_absent(unlike: Callable[[str], pl.Expr]) -> None:
    frame = pl.DataFrame({"number": [None, "x", None, "x"]}, schema={"number": pl.String})
    said = frame.select(unlike("number").fill_null(value=False)).to_series()
    assert said.to_list() == [False, True, False, True]
    nothing = frame.clear().select(unlike("number")).to_series()
    assert nothing.len() == 0
    assert nothing.dtype == pl.Boolean


def test_each_row_of_a_wrong_number_is_named_and_none_of_a_good_one() -> None:
    frame = pl.DataFrame({"number": ["73282932000074", "35600000049837", None, "73282932000075", "73282932000075"]})
    assert frame.select(unlike_siret("number").fill_null(value=False)).to_series().to_list() == [
        False, False, False, True, True,
    ]  # fmt: skip
    good = frame.head(3).select(unlike_siret("number").fill_null(value=False)).to_series()
    assert not good.any()
