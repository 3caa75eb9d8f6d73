"""Whether a point of sale is who the DMS says: its SIREN, its SIRET and its RRDI code, each by itself and together."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stdnum.fr import siren as siren_numbers
from stdnum.fr import siret as siret_numbers

BRANDS = {"AP": "Peugeot", "AC": "Citroën", "DS": "DS Automobiles", "OP": "Opel"}
# The form of an RRDI code is not published: short, capitals and digits, leading zeros kept.
RRDI = re.compile(r"[0-9A-Z]{3,12}")
# A company in Monaco has no number in France's register; where one must be written, MONACO and a name stand for it.
MONACO_SIREN = re.compile(r"MONACO[0-9A-Z]{3}")
MONACO_SIRET = re.compile(r"MONACO[0-9A-Z]{8}")
DIGITS = re.compile(r"[0-9]+")
# The oldest companies' numbers begin with 00.
LOST_ZEROS = 2


@dataclass(frozen=True)
class PointOfSale:
    """
    One brand on one site, as the DMS has it: what the partner knows by one RRDI code.

    ``siren`` (9) is the legal entity's, ``siret`` (14) the site's. ``roles`` are what the brand has appointed it to.
    """

    point_of_sale_id: int
    legal_entity_id: int
    siren: str | None
    siret: str | None
    rrdi_code: str | None
    brand: str
    roles: tuple[str, ...]
    dms_product: str | None
    site_name: str
    legal_entity_name: str

    @property
    def label(self) -> str:
        """What a person calls it: site and brand, and the code if it has one."""
        code = f", RRDI {self.rrdi_code}" if self.rrdi_code else ""
        return f"point of sale {self.point_of_sale_id} ({self.site_name}, {brand_name(self.brand)}{code})"


def brand_name(brand: str) -> str:
    """What people call a brand code; a code that is none stands for itself."""
    return BRANDS.get(brand, brand)


def identity_faults(point: PointOfSale) -> tuple[str, ...]:
    """Return what a person must mend in the DMS before a file bears this point of sale's numbers; none if all fit."""
    siren, siret = siren_fault(point.siren), siret_fault(point.siret)
    faults = [f"{point.label}: {fault}; correct it in the DMS" for fault in (siren, siret) if fault is not None]
    if siren is None and siret is None and point.siret is not None and point.siret[:9] != point.siren:
        faults.append(
            f"{point.label}: its SIRET {point.siret} belongs to SIREN {point.siret[:9]}, and its legal entity "
            f"({point.legal_entity_name}) has SIREN {point.siren}; one of the two is wrong in the DMS"
        )
    if point.rrdi_code is None:
        faults.append(f"{point.label}: it has no RRDI code; ask the dealer for it and enter it in the DMS")
    elif not RRDI.fullmatch(point.rrdi_code):
        faults.append(
            f"{point.label}: RRDI code {point.rrdi_code!r} is not 3 to 12 capitals and digits; correct it in the DMS"
        )
    return tuple(faults)


def siren_fault(number: str | None) -> str | None:
    """Say what is wrong with the number of a legal entity, or None: nine digits with a Luhn check digit."""
    if number is not None and MONACO_SIREN.fullmatch(number):
        return None
    return _form_fault("SIREN", number, 9, "nine digits") or (
        None if siren_numbers.is_valid(str(number)) else f"the SIREN {number} fails its check digit"
    )


def siret_fault(number: str | None) -> str | None:
    """Say what is wrong with the number of a site, or None: SIREN, four digits and a check digit (La Poste's own)."""
    if number is not None and MONACO_SIRET.fullmatch(number):
        return None
    return _form_fault("SIRET", number, 14, "14 digits") or (
        None if siret_numbers.is_valid(str(number)) else f"the SIRET {number} fails its check digit"
    )


def _form_fault(kind: str, number: str | None, length: int, wanted: str) -> str | None:
    """What python-stdnum forgives, and a file must not bear: separators; and what it cannot explain: a lost zero."""
    if number is None or not number.strip():
        return f"there is no {kind}"
    if not DIGITS.fullmatch(number):
        return f"the {kind} {number!r} is not {wanted}, without spaces or other characters"
    if len(number) == length:
        return None
    found = f"the {kind} {number} has {len(number)} digits, not {length}"
    if 0 < length - len(number) <= LOST_ZEROS:
        # Zeros in front change no check digit, so this is a hint and nothing to go by.
        return f"{found}; a leading zero was probably lost (a spreadsheet does that): look the number up"
    if kind == "SIRET" and len(number) == 9:
        return f"{found}; a SIREN stands in its place"
    if kind == "SIREN" and len(number) == 14:
        return f"{found}; a SIRET stands in its place"
    return found
