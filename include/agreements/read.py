"""Agreements, eligibility and authorisations out of the DMS: its views, judged as of one moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import extensions

from include.agreements.authorisations import (
    Authorisation,
    AuthorisationRow,
    ScopeRow,
    authorisations_of,
    row_faults,
    scopes_on,
)
from include.agreements.identity import PointOfSale
from include.agreements.standing import Agreement, Eligibility, Standing, Terms, standing_of

if TYPE_CHECKING:
    from include.contract import Contract


class AgreementsError(RuntimeError):
    """The DMS does not tell who has agreed to what; nothing may go, and trying again will not help."""


def read_standings(connection: extensions.connection, contract: Contract, at: datetime) -> dict[int, Standing]:
    """
    Return how each point of sale stands at the aware instant ``at``, by its id.

    :raises AgreementsError: if the DMS lacks the views.
    """
    terms = Terms.of(contract)
    agreements: defaultdict[int, list[Agreement]] = defaultdict(list)
    for row in _rows(
        connection,
        "SELECT legal_entity_id, kind, counterparty, siren_signed, signed_at, ended_at FROM dms.v_agreements",
    ):
        agreements[row[0]].append(Agreement(*row))
    eligibility = [
        Eligibility(*row)
        for row in _rows(
            connection,
            "SELECT feed, brand, dms_product, role, valid_from, valid_to FROM dms.v_feed_eligibility WHERE feed = %s",
            [contract.id],
        )
    ]
    return {
        point.point_of_sale_id: standing_of(point, agreements[point.legal_entity_id], eligibility, at, terms)
        for point in _points_of_sale(connection)
    }


def read_authorisations(
    connection: extensions.connection,
    contract: Contract,
    at: datetime,
    *,
    log: Callable[[str], None] = lambda line: None,
) -> dict[int, tuple[Authorisation, ...]]:
    """
    Return what each application may see at the aware instant ``at``, by point of sale; one without any is not in it.

    ``log`` hears once of each scope that names what the contract does not deliver, and of each row that never holds.

    :raises AgreementsError: if the DMS lacks the views.
    """
    terms = Terms.of(contract)
    delivered = {table.name: table.delivered for table in contract.tables}
    scope_rows = _rows(
        connection, "SELECT application_code, record, field, valid_from, valid_to FROM dms.v_application_scopes"
    )
    scopes, faults = scopes_on((ScopeRow(*row) for row in scope_rows), delivered, terms.day(at))
    by_point: defaultdict[int, list[AuthorisationRow]] = defaultdict(list)
    for row in _rows(
        connection,
        """
        SELECT point_of_sale_id, application_code, application_name, authorised_at, valid_from, valid_to, revoked_at
        FROM dms.v_application_authorisations ORDER BY point_of_sale_id, application_code, authorised_at
        """,
    ):
        by_point[row[0]].append(AuthorisationRow(*row))
    for fault in (*faults, *(fault for rows in by_point.values() for fault in row_faults(rows))):
        log(fault)
    return {point: authorisations_of(rows, scopes, at, contract.zone) for point, rows in by_point.items()}


def _points_of_sale(connection: extensions.connection) -> list[PointOfSale]:
    rows = _rows(
        connection,
        """
        SELECT point_of_sale_id, legal_entity_id, siren, siret, rrdi_code, brand, roles, dms_product, site_name,
            legal_entity_name
        FROM dms.v_points_of_sale
        """,
    )
    return [
        PointOfSale(row[0], row[1], row[2], row[3], row[4], row[5], tuple(row[6] or ()), row[7], row[8], row[9])
        for row in rows
    ]


def _rows(connection: extensions.connection, query: str, binds: list[object] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        try:
            cursor.execute(query, binds)
        except psycopg2.ProgrammingError as error:
            raise AgreementsError(
                f"the DMS does not tell its agreements and authorisations ({str(error).strip().splitlines()[0]}); its "
                "migrations are behind, or a view has changed: `make migrate`"
            ) from None
        return cursor.fetchall()
