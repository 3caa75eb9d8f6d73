"""The two French groups: companies, sites, points of sale, what they signed and which applications they authorised.

Whatever can be in the way of a file is in the way of one: a document not signed, ended or in another company's name, a
brand that takes no part, a SIRET that lost its zero, a code used twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from local.sample.french.numbers import siren, siret
from local.sample.masters import CUSTOMERS
from local.sample.parameters import Parameters

ZONE = "Europe/Paris"
FEED = "fcs_ddc_daily"
COUNTERPARTY = "FCS"
DPA, SERVICE = "DATA_PROCESSING", "SERVICE"
DCSNET, OTHER_DMS = "DCSnet", "Autre DMS (sample)"
ROLES = ("REPAIRER", "NEW_VEHICLE_DISTRIBUTOR")

Contracts = Literal["both", "late", "dpa_only", "service_only", "none", "ended", "other_siren"]
State = Literal["AUTHORISED", "REVOKED", "EXPIRED", "NOT_YET"]
#: Why a company's files must not leave, in a word; those of the others may.
WITHHELD = {
    "dpa_only": "no_service_contract",
    "service_only": "no_data_processing_agreement",
    "none": "no_agreement",
    "ended": "service_contract_ended",
    "other_siren": "signed_for_another_siren",
}

_NEEDED_OF_CUSTOMER = ("customer_id", "movement", "changed_at", "customer_type")
_CONTACT = ("civility", "given_name", "family_name", "email", "mobile")
_CHOICE = ("party", "channel", "opted_in", "service_follow_up", "withdrawn_at")
_DOCUMENT = ("document_type", "document_number", "document_date", "original_document_number", "buyer", "customer_id")
_VEHICLE = ("vin", "registration")
#: The least that each application needs, by kind of record: name, purpose, fields.
APPLICATIONS: dict[str, tuple[str, str, dict[str, tuple[str, ...]]]] = {
    "FOCUS": (
        "FOCUS (sample)",
        "Quality surveys after a visit to the workshop",
        {
            "customer": (*_NEEDED_OF_CUSTOMER, *_CONTACT, *_CHOICE),
            "workshop_invoice": (*_DOCUMENT, "repair_order_number", "opened_on", "payer_type", *_VEHICLE),
        },
    ),
    "CUSTOMER_FIRST": (
        "Customer First (sample)",
        "One picture of customer and vehicle, and what was bought and repaired",
        {
            "customer": (
                *_NEEDED_OF_CUSTOMER, *_CONTACT, "company_name", "siret", "address_line_1", "address_line_2",
                "postal_code", "city", "country_code", "telephone", *_CHOICE, "general_marketing", "legal_basis",
            ),
            "workshop_invoice": (
                *_DOCUMENT, "repair_order_number", "opened_on", "payer_type", *_VEHICLE, "odometer_km", "total_net",
                "total_vat", "total_gross", "currency", "line_number", "line_type", "labor_operation_code",
                "part_number", "description", "quantity", "net_amount",
            ),
            "counter_invoice": (*_DOCUMENT, "total_net", "total_vat", "total_gross", "currency"),
            "vehicle_sale": (
                "sale_kind", *_DOCUMENT, "order_date", "delivery_date", *_VEHICLE, "registration_date", "trade_in_vin",
                "salesperson_id", "total_gross", "currency",
            ),
        },
    ),
    "MYBRAND": (
        "MyBrand loyalty (sample)",
        "The brand's loyalty programme",
        {
            "customer": (*_NEEDED_OF_CUSTOMER, *_CONTACT, *_CHOICE, "general_marketing", "legal_basis"),
            "vehicle_sale": ("sale_kind", *_DOCUMENT, "delivery_date", "vin"),
        },
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Point:
    """One brand on one site; ``applications`` says how each that was ever authorised stands after the last day."""

    brand: str
    rrdi: str
    applications: dict[str, State] = field(default_factory=dict)
    held: str | None = None
    not_eligible: bool = False


@dataclass(frozen=True)
class Site:
    """One place of business; ``zero_lost`` is its SIRET as a spreadsheet leaves it."""

    town: str
    points: tuple[Point, ...]
    dms_product: str = DCSNET
    zero_lost: bool = False


@dataclass(frozen=True)
class Company:
    """One legal entity of a group; ``prefix`` are the first digits of its SIREN."""

    name: str
    prefix: str
    contracts: Contracts
    sites: tuple[Site, ...]


COMPANIES = (
    Company("Groupe Valmontel Automobiles SAS (sample)", "0999", "both", (
        Site("Valmontel", (
            Point("AP", "0042A01", {"FOCUS": "AUTHORISED", "CUSTOMER_FIRST": "AUTHORISED", "MYBRAND": "AUTHORISED"}),
            Point("AC", "0042C01", {"FOCUS": "AUTHORISED", "CUSTOMER_FIRST": "REVOKED"}),
        )),
        Site("Saint-Orvin", (
            Point("OP", "0043P07", {"FOCUS": "AUTHORISED", "CUSTOMER_FIRST": "NOT_YET", "MYBRAND": "EXPIRED"}),
        )),
        Site("Lésignoux", (Point("AC", "0900X99", {"FOCUS": "AUTHORISED"}, held="rrdi_on_two_sites"),)),
    )),
    Company("Groupe Valmontel Services SARL (sample)", "0999", "late", (
        Site("Aubrécourt-le-Vif", (
            Point("AC", "0051C02", {"FOCUS": "AUTHORISED", "MYBRAND": "NOT_YET"}),
        )),
        Site("Montclairac", (Point("AP", "517A3", {"FOCUS": "AUTHORISED"}),)),
    )),
    Company("Groupe Valmontel Atelier SAS (sample)", "0999", "dpa_only", (
        Site("Plouvarnec", (Point("AP", "0061A01", {"FOCUS": "AUTHORISED"}),)),
    )),
    Company("Groupe Valmontel Occasion SAS (sample)", "0999", "service_only", (
        Site("Castelnoue", (Point("AC", "0062C01"),)),
    )),
    Company("Bréhannes Mobilité SAS (sample)", "2999", "both", (
        Site("Bréhannes", (
            Point("AP", "7101A", {"FOCUS": "REVOKED", "CUSTOMER_FIRST": "AUTHORISED"}),
            Point("DS", "7101D"),
        )),
        Site("Villemauve-sur-Orne", (
            Point("OP", "7102P", {"FOCUS": "AUTHORISED"}, not_eligible=True),
            Point("AC", "0900X99", held="rrdi_on_two_sites"),
        ), dms_product=OTHER_DMS),
    )),
    # A SIRET can lose a leading zero only where there is one.
    Company("Bréhannes Services SAS (sample)", "0999", "both", (
        Site("Coudrailles", (Point("AP", "7103A", held="siret_of_13_digits"),), zero_lost=True),
    )),
    Company("Bréhannes Carrosserie SARL (sample)", "2999", "none", (Site("Ferrandin", (Point("AP", "7104A"),)),)),
    Company("Bréhannes Location SAS (sample)", "2999", "ended", (
        Site("Mézerolles", (Point("DS", "7105D", {"FOCUS": "EXPIRED"}),)),
    )),
    Company("Bréhannes Sud SAS (sample)", "2999", "other_siren", (Site("Tournevaux", (Point("AC", "7106C"),)),)),
)  # fmt: skip


@dataclass(frozen=True)
class Authorisation:
    """One row of what a point of sale allowed an application; days are local, ``valid_to`` is the first without."""

    point: int
    application: str
    authorised_at: datetime
    valid_from: date
    valid_to: date | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class PlacedPoint:
    """
    A point of sale in its place, entered in the DMS for ``active_from`` on.

    ``since`` is the local day of the later signature, None if one is missing.
    """

    plan: Point
    point_of_sale_id: int
    dealer_id: int
    active_from: date
    withheld: str | None
    since: date | None

    @property
    def goes(self) -> bool:
        """Whether its files may leave, from ``since`` on."""
        return self.withheld is None and self.plan.held is None


@dataclass(frozen=True)
class Group:
    """Points of sale, and frames ready for COPY into the tables of their names."""

    points: tuple[PlacedPoint, ...]
    authorisations: tuple[Authorisation, ...]
    legal_entity: pl.DataFrame
    dealer: pl.DataFrame
    point_of_sale: pl.DataFrame
    agreement: pl.DataFrame
    application: pl.DataFrame
    application_scope: pl.DataFrame
    application_authorisation: pl.DataFrame
    feed_eligibility: pl.DataFrame
    first_customer: int


def build(parameters: Parameters) -> Group:
    """Both groups, their ids after those of the others; a benchmark's one company with as many points as asked for."""
    alone = parameters.workshop_only
    companies = (_plain_company(parameters.dealers),) if alone else COMPANIES
    entity_id, dealer_id, point_id = (1, 1, 1) if alone else (3, parameters.dealers + 1, 1)
    numbers = [siren(company.prefix, 11 + 7 * turn) for turn, company in enumerate(companies)]
    entities, dealers, rows, agreements = [], [], [], []
    points: list[PlacedPoint] = []
    long_ago = parameters.first_day - timedelta(days=1_000)
    for company, number in zip(companies, numbers, strict=True):
        entities.append({"legal_entity_id": entity_id, "name": company.name, "siren": number})
        signed = list(_agreements(company.contracts, entity_id, number, numbers[0], parameters))
        agreements += signed
        since = _since(company.contracts, parameters) if signed else None
        for place, site in enumerate(company.sites, start=1):
            whole = siret(number, place)
            dealers.append({
                "dealer_id": dealer_id,
                "legal_entity_id": entity_id,
                "name": f"{site.town} (sample)",
                "trade_partner_dealer": False,
                "time_zone": ZONE,
                "active_from": long_ago,
                "siret": whole.lstrip("0") if site.zero_lost else whole,
                "dms_product": site.dms_product,
            })  # fmt: skip
            for plan in site.points:
                withheld = "not_eligible" if plan.not_eligible else WITHHELD.get(company.contracts)
                # What somebody has to mend was entered on the last day: the days before it are green.
                active_from = parameters.until if plan.held else long_ago
                signed_on = None if withheld else since
                points.append(PlacedPoint(plan, point_id, dealer_id, active_from, withheld, signed_on))
                rows.append({
                    "point_of_sale_id": point_id,
                    "dealer_id": dealer_id,
                    "brand": plan.brand,
                    "rrdi_code": plan.rrdi,
                    "roles": "{" + ",".join(ROLES) + "}",
                    "valid_from": active_from,
                })  # fmt: skip
                point_id += 1
            dealer_id += 1
        entity_id += 1
    allowed = tuple(_authorisations(points, parameters))
    return Group(
        points=tuple(points),
        authorisations=allowed,
        legal_entity=pl.DataFrame(entities),
        dealer=pl.DataFrame(dealers),
        point_of_sale=pl.DataFrame(rows),
        agreement=pl.DataFrame(agreements, schema_overrides={"ended_at": pl.Datetime("us", "UTC")}),
        application=pl.DataFrame(
            [
                {"application_code": code, "name": name, "purpose": purpose}
                for code, (name, purpose, _) in APPLICATIONS.items()
            ]
        ),
        application_scope=pl.DataFrame(
            [
                {"application_code": code, "record": record, "field": name, "valid_from": long_ago}
                for code, (_, _, scope) in APPLICATIONS.items()
                for record, names in scope.items()
                for name in names
            ]
        ),
        application_authorisation=_authorisation_frame(allowed, points),
        feed_eligibility=pl.DataFrame(
            [
                {
                    "feed": FEED,
                    "brand": brand,
                    "dms_product": DCSNET if brand == "OP" else None,
                    "valid_from": date(1999, 1, 1),
                }
                for brand in ("AP", "AC", "DS", "OP")
            ],
            schema_overrides={"dms_product": pl.String},
        ),
        first_customer=1 if alone else parameters.dealers * CUSTOMERS + 1,
    )


def _plain_company(points: int) -> Company:
    """A company that signed all, two brands on each site."""
    plans = [Point("AC" if turn % 2 else "AP", f"0{turn + 1:05}") for turn in range(points)]
    sites = [Site(f"Valmontel {turn + 1}", tuple(plans[turn : turn + 2])) for turn in range(0, points, 2)]
    return Company("Groupe Valmontel Automobiles SAS (sample)", "0999", "both", tuple(sites))


def signed_late_on(parameters: Parameters) -> date:
    """In the middle of the sample's last week, not on a Sunday."""
    day = parameters.until - timedelta(days=3)
    return day - timedelta(days=1) if day.isoweekday() == 7 else day


def _since(state: Contracts, parameters: Parameters) -> date:
    """Day of the later signature, which is that of the data processing agreement."""
    return signed_late_on(parameters) if state == "late" else parameters.first_day - timedelta(days=700)


def local(day: date, hour: int, minute: int = 0) -> datetime:
    """That time of the day by the clock of Paris, as an instant in UTC."""
    return datetime.combine(day, time(hour, minute), tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def _agreements(
    state: Contracts, entity: int, number: str, another: str, parameters: Parameters
) -> Iterator[dict[str, object]]:
    kinds = {"dpa_only": (DPA,), "service_only": (SERVICE,), "none": ()}.get(state, (DPA, SERVICE))
    for kind in kinds:
        # The service contract is signed first, on the day before.
        day = _since(state, parameters) - timedelta(days=kind == SERVICE)
        ended = state == "ended" and kind == SERVICE
        yield {
            "legal_entity_id": entity,
            "kind": kind,
            "counterparty": COUNTERPARTY,
            "siren_signed": another if state == "other_siren" and kind == DPA else number,
            "signatory_name": "Signataire (sample)",
            "signed_at": local(day, 14, 30),
            "ended_at": local(parameters.first_day - timedelta(days=45), 0) if ended else None,
        }


def _authorisations(points: list[PlacedPoint], parameters: Parameters) -> Iterator[Authorisation]:
    until, before = parameters.until, parameters.first_day - timedelta(days=400)
    for place in points:
        for application, state in place.plan.applications.items():
            given, begins, ends, revoked = local(before, 10), before, None, None
            if state == "REVOKED":
                revoked = local(until - timedelta(days=2), 10, 30)
            elif state == "EXPIRED":
                ends = parameters.first_day - timedelta(days=10)
            elif state == "NOT_YET":
                given, begins = local(until - timedelta(days=6), 11), until + timedelta(days=30)
            yield Authorisation(place.point_of_sale_id, application, given, begins, ends, revoked)
    if not parameters.workshop_only:
        # Given, revoked and given again: the newer one speaks.
        first = points[0].point_of_sale_id
        earlier = before - timedelta(days=200)
        yield Authorisation(first, "FOCUS", local(earlier, 10), earlier, None, local(earlier + timedelta(days=60), 10))


def _authorisation_frame(allowed: tuple[Authorisation, ...], points: list[PlacedPoint]) -> pl.DataFrame:
    instant = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "point_of_sale_id": [one.point for one in allowed],
            "application_code": [one.application for one in allowed],
            "signatory_name": ["Signataire (sample)"] * len(allowed),
            "authorised_at": pl.Series([one.authorised_at for one in allowed], dtype=instant),
            "valid_from": pl.Series([one.valid_from for one in allowed], dtype=pl.Date),
            "valid_to": pl.Series([one.valid_to for one in allowed], dtype=pl.Date),
            "revoked_at": pl.Series([one.revoked_at for one in allowed], dtype=instant),
        }
    )
