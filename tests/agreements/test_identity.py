"""The numbers of a point of sale: what is right, what is wrong, and that a person reads which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.agreements.identity import identity_faults, siren_fault, siret_fault
from tests.agreements.saying import point_of_sale


@pytest.mark.parametrize(
    "siret",
    [
        "73282932000074",
        "35600000000048",  # La Poste's head office, by Luhn
        "35600000049837",  # a post office: fails Luhn, its digits add up to 45
        "MONACOCONFO001",
    ],
)
def test_a_right_siret_has_no_fault(siret: str) -> None:
    assert siret_fault(siret) is None


@pytest.mark.parametrize(
    ("siret", "said"),
    [
        (None, "there is no SIRET"),
        ("  ", "there is no SIRET"),
        ("73282932000079", "fails its check digit"),
        ("35600000049838", "fails its check digit"),
        ("7328293200007", "13 digits, not 14; a leading zero was probably lost"),
        ("732 829 320 00074", "without spaces"),
        ("73282932000074 ", "without spaces"),
        ("732829320", "a SIREN stands in its place"),
        ("732829320000749", "15 digits"),
        ("7328293200007٤", "is not 14 digits"),
        ("MONACOCONFO01", "is not 14 digits"),
        ("monacoconfo001", "is not 14 digits"),
    ],
)
def test_a_wrong_siret_says_what_is_wrong(siret: str | None, said: str) -> None:
    assert said in (siret_fault(siret) or "")


@pytest.mark.parametrize("siren", ["732829320", "552144503", "642050199", "005720784", "MONACOCON"])
def test_a_right_siren_has_no_fault(siren: str) -> None:
    assert siren_fault(siren) is None


@pytest.mark.parametrize(
    ("siren", "said"),
    [
        (None, "there is no SIREN"),
        ("732829321", "fails its check digit"),
        ("5720784", "7 digits, not 9; a leading zero was probably lost"),
        ("73282932000074", "a SIRET stands in its place"),
        ("732 829 320", "without spaces"),
        ("12", "2 digits, not 9"),
    ],
)
def test_a_wrong_siren_says_what_is_wrong(siren: str | None, said: str) -> None:
    assert said in (siren_fault(siren) or "")


def test_right_numbers_of_two_companies_are_a_fault_together() -> None:
    [fault] = identity_faults(point_of_sale(siret="55214450300018"))
    assert "SIRET 55214450300018 belongs to SIREN 552144503" in fault
    assert "has SIREN 732829320" in fault


def test_a_wrong_number_is_not_also_one_of_another_company() -> None:
    [fault] = identity_faults(point_of_sale(siret="7328293200007"))
    assert "13 digits" in fault


@pytest.mark.parametrize("code", ["00A", "0042A01", "ABCDEF012345"])
def test_a_right_rrdi_code_has_no_fault(code: str) -> None:
    assert identity_faults(point_of_sale(rrdi_code=code)) == ()


@pytest.mark.parametrize("code", ["", "AB", "0042a01", "0042A01 ", "0042A01\n", "ABCDEF0123456", "É042"])
def test_a_wrong_rrdi_code_is_named(code: str) -> None:
    [fault] = identity_faults(point_of_sale(rrdi_code=code))
    assert repr(code) in fault


def test_a_missing_rrdi_code_is_a_fault() -> None:
    [fault] = identity_faults(point_of_sale(rrdi_code=None))
    assert "has no RRDI code" in fault


def test_one_code_on_two_sites_is_no_fault_of_either_by_itself() -> None:
    # Who has the same label twice is found where the dealers are chosen; each by itself is sound.
    sites = [point_of_sale(), point_of_sale(point_of_sale_id=2, siret="73282932000082")]
    assert [identity_faults(site) for site in sites] == [(), ()]


@given(st.none() | st.text(max_size=20), st.none() | st.text(max_size=20), st.none() | st.text(max_size=20))
def test_whatever_was_typed_gets_an_answer(siren: str | None, siret: str | None, code: str | None) -> None:
    faults = identity_faults(point_of_sale(siren=siren, siret=siret, rrdi_code=code))
    assert all(fault.startswith("point of sale 1 (Site, Peugeot") for fault in faults)


@given(st.integers(0, 8), st.integers(1, 9))
def test_any_one_digit_mistyped_is_found(place: int, by: int) -> None:
    typed = [int(digit) for digit in "732829320"]
    typed[place] = (typed[place] + by) % 10
    assert siren_fault("".join(map(str, typed))) is not None
