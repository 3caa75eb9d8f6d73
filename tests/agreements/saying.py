"""Points of sale, agreements and authorisations of made-up dealers, as the tests here speak of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from include.agreements.authorisations import AuthorisationRow, ScopeRow
from include.agreements.identity import PointOfSale
from include.agreements.standing import Agreement, Eligibility, Terms
from include.contract import Contract, load_contract
from include.contract_table import Field, Table

ZONE = "Europe/Paris"
TERMS = Terms("fcs_ddc_daily", "FCS", ("DATA_PROCESSING", "SERVICE"), ZONE)
SIREN, OTHER_SIREN = "732829320", "552144503"
SIRET = "73282932000074"
AT = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
TODAY = date(2026, 11, 20)
LONG_AGO = date(2022, 10, 11)


def point_of_sale(**changes: Any) -> PointOfSale:
    """A Peugeot repairer with DCSnet whose numbers are right."""
    sound = PointOfSale(1, 10, SIREN, SIRET, "0042A01", "AP", ("REPAIRER",), "DCSnet", "Site", "Groupe Exemple")
    return replace(sound, **changes)


def agreement(kind: str = "DATA_PROCESSING", **changes: Any) -> Agreement:
    """One that entity 10 signed with FCS on 14 September, at noon in Paris."""
    return replace(Agreement(10, kind, "FCS", SIREN, datetime(2026, 9, 14, 10, tzinfo=UTC), None), **changes)


def both(**changes: Any) -> list[Agreement]:
    """Both agreements, changed alike."""
    return [agreement(kind, **changes) for kind in TERMS.kinds]


def eligible(brand: str = "AP", **changes: Any) -> Eligibility:
    """A brand that takes part with any DMS and any role."""
    return replace(Eligibility("fcs_ddc_daily", brand, None, None, LONG_AGO, None), **changes)


def authorised(application: str = "FOCUS", **changes: Any) -> AuthorisationRow:
    """An authorisation since 1 October, without end."""
    row = AuthorisationRow(
        1, application, "Quality surveys", datetime(2026, 9, 28, 9, tzinfo=UTC), date(2026, 10, 1), None, None
    )
    return replace(row, **changes)


def scope(record: str, field: str, application: str = "FOCUS", **changes: Any) -> ScopeRow:
    """One field since 2022."""
    return replace(ScopeRow(application, record, field, LONG_AGO, None), **changes)


def _field(name: str, *, delivered: bool = True, item: bool = False) -> Field:
    return Field(name, "string", False, name == "number", delivered, name == "row_id", None, None, None, "", item)


def _table(name: str, *fields: Field, array: str | None = None) -> Table:
    return Table(f"exemple.{name}", name, f"dms.v_{name}", array, {}, (_field("row_id", delivered=False), *fields), ())


def contract() -> Contract:
    """An agreement of two kinds of records; the first field of each is read and not delivered."""
    return replace(
        load_contract("merkle_sar_daily"),
        id="fcs_ddc_daily",
        partner="fcs",
        zone=ZONE,
        format="xml",
        namespace="urn:exemple",
        agreements=TERMS.kinds,
        tables=(
            _table("customer", _field("number"), _field("email"), _field("city")),
            _table("invoice", _field("number"), _field("vin"), _field("net_amount", item=True), array="lines"),
        ),
    )


CONTRACT = contract()
DELIVERED = {table.name: table.delivered for table in CONTRACT.tables}
