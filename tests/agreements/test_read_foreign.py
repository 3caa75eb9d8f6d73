"""Another DMS, mapped by views of the same names and without our constraints: what it holds is judged, not trusted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import psycopg2
import pytest

from include.agreements import AgreementsError, read_authorisations, read_standings
from local.postgres import Postgres
from tests.agreements.saying import AT, CONTRACT, SIREN
from tests.dms.reading import Database

VIEWS = """
CREATE SCHEMA dms;
CREATE TABLE dms.v_points_of_sale (point_of_sale_id integer, legal_entity_id integer, siren text, siret text,
    rrdi_code text, brand text, roles text[], dms_product text, site_name text, legal_entity_name text,
    time_zone text, active_from date, active_to date);
CREATE TABLE dms.v_agreements (legal_entity_id integer, kind text, counterparty text, siren_signed text,
    signed_at timestamptz, ended_at timestamptz);
CREATE TABLE dms.v_feed_eligibility (feed text, brand text, dms_product text, role text, valid_from date,
    valid_to date);
CREATE TABLE dms.v_application_authorisations (point_of_sale_id integer, application_code text, application_name text,
    authorised_at timestamptz, valid_from date, valid_to date, revoked_at timestamptz);
CREATE TABLE dms.v_application_scopes (application_code text, record text, field text, valid_from date, valid_to date);

INSERT INTO dms.v_points_of_sale VALUES
    (1, 10, '732829320', '73282932000074', '0042A01', 'AP', '{REPAIRER}', 'DCSnet', 'One', 'Groupe', 'Europe/Paris',
        '2020-01-01', NULL),
    (2, 10, '732829320', '7328293200007', '0042A01', 'OP', '{}', 'Other', 'Two', 'Groupe', 'Europe/Paris',
        '2020-01-01', NULL),
    (3, 11, NULL, NULL, NULL, 'AC', NULL, NULL, 'Three', 'Another', 'Europe/Paris', '2020-01-01', NULL);
INSERT INTO dms.v_agreements VALUES
    (10, 'DATA_PROCESSING', 'FCS', '732829320', '2026-09-14T22:30Z', NULL),
    (10, 'SERVICE', 'FCS', '732 829 320', '2026-09-01T10:00Z', NULL),
    (11, 'DATA_PROCESSING', 'FCS', '732829320', '2026-09-01T10:00Z', NULL);
INSERT INTO dms.v_feed_eligibility VALUES
    ('fcs_ddc_daily', 'AP', NULL, NULL, '2022-10-11', NULL), ('fcs_ddc_daily', 'AC', NULL, NULL, '2022-10-11', NULL),
    ('fcs_ddc_daily', 'OP', 'DCSnet', NULL, '2022-10-11', NULL), ('another', 'OP', NULL, NULL, '2022-10-11', NULL);
INSERT INTO dms.v_application_authorisations VALUES
    (1, 'FOCUS', 'Quality surveys', '2026-09-28T09:00Z', '2026-10-01', NULL, '2026-11-20T20:00Z'),
    (1, 'CUSTOMER_FIRST', 'Leads', '2026-09-28T09:00Z', '2026-10-01', NULL, NULL),
    (2, 'FOCUS', 'Quality surveys', '2026-09-28T09:00Z', '2026-12-01', '2026-10-01', NULL);
INSERT INTO dms.v_application_scopes VALUES
    ('FOCUS', 'invoice', 'vin', '2022-10-11', NULL), ('CUSTOMER_FIRST', 'customer', 'email', '2022-10-11', NULL),
    ('CUSTOMER_FIRST', 'customer', 'birth_date', '2022-10-11', NULL),
    ('CUSTOMER_FIRST', 'customer', 'city', '2022-10-11', '2026-11-20');
"""


@pytest.fixture(scope="module")
def foreign_dsn(postgres: Postgres) -> Iterator[str]:
    dsn = postgres.create_database("foreign_dms")
    with closing(psycopg2.connect(dsn)) as connection:
        Database(connection).rows(VIEWS)
        connection.commit()
    yield dsn
    postgres.drop_database("foreign_dms")


@pytest.fixture
def foreign(foreign_dsn: str) -> Iterator[Database]:
    """The other DMS; what a test changes is rolled back."""
    with closing(psycopg2.connect(foreign_dsn)) as connection:
        yield Database(connection)


def test_each_point_of_sale_has_its_standing(foreign: Database) -> None:
    standings = read_standings(foreign.connection, CONTRACT, AT)
    assert sorted(standings) == [1, 2, 3]
    # Half past midnight of the 15th in Paris.
    assert (str(standings[1].since), standings[1].withheld, standings[1].faults) == ("2026-09-15", (), ())
    assert ["Opel only with DCSnet, this site has Other" in reason for reason in standings[2].withheld] == [True]
    assert ["13 digits" in fault for fault in standings[2].faults] == [True]
    assert standings[3].since is None
    assert [("names SIREN" in reason, "no service contract" in reason) for reason in standings[3].withheld] == [
        (True, False),
        (False, True),
    ]
    assert len(standings[3].faults) == 3


def test_the_moment_of_asking_decides(foreign: Database) -> None:
    before = datetime(2026, 9, 14, 22, 29, 59, tzinfo=UTC)
    assert "lies in the future" in read_standings(foreign.connection, CONTRACT, before)[1].withheld[0]
    told = read_authorisations(foreign.connection, CONTRACT, datetime(2026, 11, 20, 19, 59, tzinfo=UTC))
    assert {one.application: one.status for one in told[1]} == {"CUSTOMER_FIRST": "AUTHORISED", "FOCUS": "AUTHORISED"}


def test_each_application_sees_its_scope_and_what_is_wrong_is_told(foreign: Database) -> None:
    lines: list[str] = []
    told = read_authorisations(foreign.connection, CONTRACT, AT, log=lines.append)
    assert {one.application: (one.status, one.scope) for one in told[1]} == {
        "CUSTOMER_FIRST": ("AUTHORISED", {"customer": ("email",)}),
        "FOCUS": ("REVOKED", {}),
    }
    # Its end lies before its beginning, and today between the two.
    assert [(one.status, one.scope) for one in told[2]] == [("EXPIRED", {})]
    assert 3 not in told
    assert len(lines) == 2
    assert "CUSTOMER_FIRST: its scope names customer.birth_date" in lines[0]
    assert "point of sale 2: the authorisation of FOCUS ends on 2026-10-01" in lines[1]


@pytest.mark.parametrize("view", ["v_agreements", "v_feed_eligibility", "v_points_of_sale"])
def test_a_dms_without_the_views_lets_nothing_go(foreign: Database, view: str) -> None:
    foreign.rows(f"DROP TABLE dms.{view}")
    with pytest.raises(AgreementsError, match=rf"{view}.*make migrate"):
        read_standings(foreign.connection, CONTRACT, AT)


def test_a_standing_never_names_who_signed(foreign: Database) -> None:
    foreign.rows(
        "ALTER TABLE dms.v_agreements ADD signatory_name text; UPDATE dms.v_agreements SET ended_at = signed_at"
    )
    foreign.rows("UPDATE dms.v_agreements SET signatory_name = 'Sample Signatory'")
    told = str(read_standings(foreign.connection, CONTRACT, AT))
    assert SIREN in told
    assert "Signatory" not in told
