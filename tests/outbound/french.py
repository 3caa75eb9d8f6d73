"""A small French group for one test: two companies' points of sale, their agreements, customers and documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2

from tests.outbound.world import World

PARIS = ZoneInfo("Europe/Paris")
LONG_AGO = datetime(2025, 1, 7, 9, 30, tzinfo=UTC)
FIRST_DAY = date(2026, 11, 2)
VIN = "VF3ABCDEFG1234567"


def luhn_completed(digits: str) -> str:
    """Return ``digits`` with the check digit that makes them pass."""
    for check in range(10):
        number = [int(sign) for sign in f"{digits}{check}"]
        doubled = [2 * one - 9 * (one > 4) for one in number[-2::-2]]
        if (sum(number[-1::-2]) + sum(doubled)) % 10 == 0:
            return f"{digits}{check}"
    raise AssertionError(digits)


#: Invented companies: numbers of a range that is nobody's, with the check digit they would have.
SIREN, OTHER_SIREN = luhn_completed("99900000"), luhn_completed("99900001")


@dataclass
class French:
    """The group in a world's DMS; each method is what somebody there does."""

    world: World

    def one(self, statement: str, **values: Any) -> Any:
        """Run a statement that returns one value."""
        with psycopg2.connect(self.world.dms_dsn) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            found = cursor.fetchone()
        return None if found is None else found[0]

    def insert(self, table: str, key: str, row: Mapping[str, Any]) -> int:
        names = ", ".join(row)
        marks = ", ".join(f"%({name})s" for name in row)
        return int(self.one(f"INSERT INTO dms.{table} ({names}) VALUES ({marks}) RETURNING {key}", **row))

    def company(self, siren: str) -> int:
        return self.insert("legal_entity", "legal_entity_id", {"name": f"Societe {siren} (sample)", "siren": siren})

    def site(self, company: int, siret: str, dms_product: str = "DCSnet") -> int:
        row = {
            "legal_entity_id": company,
            "name": f"Site {siret}",
            "trade_partner_dealer": False,
            "time_zone": "Europe/Paris",
            "active_from": date(2020, 1, 1),
            "siret": siret,
            "dms_product": dms_product,
        }
        return self.insert("dealer", "dealer_id", row)

    def point(self, site: int, rrdi: str, brand: str = "AP") -> int:
        row = {
            "dealer_id": site,
            "brand": brand,
            "rrdi_code": rrdi,
            "roles": ["REPAIRER"],
            "valid_from": date(2020, 1, 1),
        }
        return self.insert("point_of_sale", "point_of_sale_id", row)

    def sign(self, company: int, kind: str, siren: str, at: datetime = LONG_AGO) -> int:
        row = {
            "legal_entity_id": company,
            "kind": kind,
            "counterparty": "FCS",
            "siren_signed": siren,
            "signatory_name": "Sample Signatory",
            "signed_at": at,
        }
        return self.insert("agreement", "agreement_id", row)

    def eligible(self, brand: str, dms_product: str | None = None) -> None:
        row = {"feed": "fcs_ddc_daily", "brand": brand, "dms_product": dms_product, "valid_from": date(2022, 1, 1)}
        self.insert("feed_eligibility", "feed_eligibility_id", row)

    def application(self, code: str, scope: Mapping[str, tuple[str, ...]]) -> None:
        self.world.change("INSERT INTO dms.application VALUES (%(code)s, %(code)s, 'sample')", {"code": code})
        for record, fields in scope.items():
            for field in fields:
                row = {"application_code": code, "record": record, "field": field, "valid_from": date(2022, 1, 1)}
                self.insert("application_scope", "application_scope_id", row)

    def authorise(self, point: int, code: str, at: datetime = LONG_AGO) -> int:
        row = {
            "point_of_sale_id": point,
            "application_code": code,
            "signatory_name": "Sample Signatory",
            "authorised_at": at,
            "valid_from": at.date(),
        }
        return self.insert("application_authorisation", "application_authorisation_id", row)

    def revoke(self, authorisation: int) -> None:
        self.world.change(
            "UPDATE dms.application_authorisation SET revoked_at = now() WHERE application_authorisation_id = %(id)s",
            {"id": authorisation},
        )

    def customer(self, point: int, at: datetime, **told: Any) -> int:
        row = {
            "dealer_id": self.one("SELECT dealer_id FROM dms.point_of_sale WHERE point_of_sale_id = %(p)s", p=point),
            "point_of_sale_id": point,
            "customer_type": "PRIVATE",
            "given_name": "Zoé",
            "family_name": "Échantillon & Fils",
            "city": "Ville <d'Essai>",
            "postal_code": "01234",
            "country_code": "FR",
            "email": "zoe@example.invalid",
            "created_at": at,
            "changed_at": at,
            **told,
        }
        return self.insert("customer", "customer_id", row)

    def erase(self, customer: int, at: datetime) -> None:
        self.world.change("SELECT dms.erase_customer(%(id)s, %(at)s)", {"id": customer, "at": at})

    def workshop(self, point: int, number: str, at: datetime, lines: int = 2, **told: Any) -> int:
        net, vat = Decimal("50.00") * lines, Decimal("10.00") * lines
        row = {
            "point_of_sale_id": point,
            "document_type": "INVOICE",
            "document_number": number,
            "document_date": at.astimezone(PARIS).date(),
            "posted_at": at,
            "repair_order_number": f"RO{number}",
            "opened_on": at.astimezone(PARIS).date(),
            "payer_type": "CUSTOMER_PAY",
            "vin": VIN,
            "odometer": 45_000,
            "total_net": net,
            "total_vat": vat,
            "total_gross": net + vat,
            **told,
        }
        invoice = self.insert("workshop_invoice", "workshop_invoice_id", row)
        for line in range(1, lines + 1):
            part = {
                "workshop_invoice_id": invoice,
                "line_number": line,
                "line_type": "PART",
                "part_number": f"98{line:08}",
                "description": "Filtre à huile",
                "quantity": 2,
                "unit_price": "25.00",
                "net_amount": "50.00",
                "vat_amount": "10.00",
            }
            self.insert("workshop_invoice_line", "workshop_invoice_line_id", part)
        return invoice


def at(day: date, hour: int = 10) -> datetime:
    """An instant of the day by Paris's clock."""
    return datetime.combine(day, time(hour), PARIS).astimezone(UTC)


@dataclass
class Group:
    """What ``group`` founds: a company with both agreements and two brands at one site, and applications."""

    french: French
    company: int
    site: int
    peugeot: int
    citroen: int
    focus: int

    rrdi = "0123AP"
    other_rrdi = "0123AC"


def group(world: World) -> Group:
    """Found the group, with a customer and a workshop invoice at each point of sale on every day of a week."""
    french = French(world)
    company = french.company(SIREN)
    site = french.site(company, luhn_completed(f"{SIREN}0001"))
    for kind in ("DATA_PROCESSING", "SERVICE"):
        french.sign(company, kind, SIREN)
    for brand in ("AP", "AC", "DS"):
        french.eligible(brand)
    french.eligible("OP", "DCSnet")
    french.application("FOCUS", {"workshop_invoice": ("document_number", "vin"), "customer": ("customer_id", "email")})
    french.application("CUSTOMER_FIRST", {"customer": ("customer_id", "family_name", "email")})
    peugeot, citroen = french.point(site, Group.rrdi), french.point(site, Group.other_rrdi, "AC")
    for number, point in enumerate((peugeot, citroen)):
        for back in range(5):
            day = FIRST_DAY + timedelta(days=back)
            customer = french.customer(point, at(day, 9))
            french.workshop(point, f"F{number}{back}", at(day), customer_id=customer)
    return Group(french, company, site, peugeot, citroen, french.authorise(peugeot, "FOCUS"))
