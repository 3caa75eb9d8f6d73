"""Company and vehicle numbers, proved without a look at ``include/checks`` and without its library."""

from __future__ import annotations

VEHICLE = frozenset("ABCDEFGHJKLMNPRSTUVWXYZ0123456789")
# How much each place of a North American VIN counts (49 CFR 565.15), and letters by what they stand for.
PLACES = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
WORTH = {
    **{digit: int(digit) for digit in "0123456789"},
    **{letter: ord(letter) - ord("A") + 1 for letter in "ABCDEFGH"},
    **{letter: ord(letter) - ord("J") + 1 for letter in "JKLMNPR"},
    **{letter: ord(letter) - ord("S") + 2 for letter in "STUVWXYZ"},
}
LA_POSTE, ITS_HEAD_OFFICE = "356000000", "35600000000048"
DIGITS = frozenset("0123456789")
MONACO = "MONACO"


def is_company_number(value: str, length: int) -> bool:
    """
    Whether ``value`` is a SIREN (``length`` 9) or a SIRET (14).

    By Luhn; establishments of La Poste, its head office apart, by the sum of their digits and by nothing else (it has
    more of them than check digits go round); Monaco's begin with its name and have no check digit.
    """
    if value.startswith(MONACO):
        rest = value.removeprefix(MONACO)
        return len(value) == length and all(sign in DIGITS or "A" <= sign <= "Z" for sign in rest)
    if len(value) != length or not set(value) <= DIGITS:
        return False
    numbers = [int(sign) for sign in value]
    if length == 14:
        if not _passes_luhn(numbers[:9]):
            return False
        if value.startswith(LA_POSTE) and value != ITS_HEAD_OFFICE:
            return sum(numbers) % 5 == 0
    return _passes_luhn(numbers)


def _passes_luhn(numbers: list[int]) -> bool:
    doubled = [2 * number - 9 * (number > 4) for number in numbers[-2::-2]]
    return (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0


def is_vehicle_number(value: str) -> bool:
    """Whether ``value`` is a vehicle identification number by ISO 3779; North America's check digit is not asked."""
    if len(value) != 17 or not set(value) <= VEHICLE:
        return False
    return set(value[-4:]) <= DIGITS and len(set(value)) > 1


def is_unit_number(value: str) -> bool:
    """
    Whether ``value`` can identify a unit: a VIN with North America's check digit, or whatever cannot be taken for one.

    Seventeen ASCII letters or digits are taken for a VIN; a VIN is no single character repeated.
    """
    if len(value) != 17 or not (value.isascii() and value.isalnum()):
        return True
    signs = value.upper()
    if not set(signs) <= VEHICLE or len(set(signs)) == 1:
        return False
    rest = sum(WORTH[sign] * place for sign, place in zip(signs, PLACES, strict=True)) % 11
    return signs[8] == ("X" if rest == 10 else str(rest))
