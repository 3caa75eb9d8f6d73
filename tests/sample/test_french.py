"""The French part of a sample, read by SQL and by the agreements' own code, which know nothing of the generator."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from stdnum.fr import siren, siret

from include.agreements import read_authorisations, read_standings
from include.contract import load_contract
from include.window import day_window
from local.sample import FrenchTruth, french_truth
from local.sample.french.group import APPLICATIONS
from tests.dms.reading import Database
from tests.sample.conftest import parameters_of

PARIS = ZoneInfo("Europe/Paris")
POSTED = ("workshop_invoice", "counter_invoice", "vehicle_sale")


@pytest.fixture
def truth(sample: Database) -> FrenchTruth:
    return french_truth(parameters_of(sample))


@pytest.fixture
def evening(sample: Database) -> datetime:
    """An hour after the sample's last day."""
    return datetime.combine(parameters_of(sample).until + timedelta(days=1), time(1), tzinfo=PARIS).astimezone(UTC)


def test_standings_are_what_the_truth_says(sample: Database, truth: FrenchTruth, evening: datetime) -> None:
    standings = read_standings(sample.connection, load_contract("fcs_ddc_daily"), evening)
    assert standings.keys() == {point.point_of_sale_id for point in truth.points}
    doubled = {code for code, times in Counter(point.rrdi for point in truth.points).items() if times > 1}
    assert len(doubled) == 1
    for point in truth.points:
        standing = standings[point.point_of_sale_id]
        assert bool(standing.withheld) == (point.fate == "WITHHELD"), point
        assert point.fate == "WITHHELD" or standing.since == point.since
        # A code at two sites is no fault of either; it is found where a run's dealers are chosen.
        assert bool(standing.faults) == (point.reason == "siret_of_13_digits"), point
        assert (point.reason == "rrdi_on_two_sites") == (point.rrdi in doubled)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("no_service_contract", r"^no service contract \(SA\)"),
        ("no_data_processing_agreement", r"^no data processing agreement \(DPA\)"),
        ("no_agreement", r"^no data processing agreement .*; no service contract"),
        ("service_contract_ended", r"^the service contract .* ended on"),
        ("signed_for_another_siren", r"^the data processing agreement .* names SIREN"),
        ("not_eligible", r"Opel only with DCSnet"),
        ("siret_of_13_digits", r"has 13 digits, not 14; a leading zero was probably lost"),
    ],
)
def test_each_reason_is_what_stands_in_the_way(
    sample: Database, truth: FrenchTruth, evening: datetime, reason: str, said: str
) -> None:
    [point] = [point for point in truth.points if point.reason == reason]
    standing = read_standings(sample.connection, load_contract("fcs_ddc_daily"), evening)[point.point_of_sale_id]
    assert re.search(said, "; ".join((*standing.withheld, *standing.faults)))


def test_the_late_signer_goes_from_the_day_of_its_signature_on(
    sample: Database, truth: FrenchTruth, evening: datetime
) -> None:
    contract = load_contract("fcs_ddc_daily")
    standings = read_standings(sample.connection, contract, evening)
    until = parameters_of(sample).until
    late = [point for point in truth.points if point.since is not None and point.since > until - timedelta(days=7)]
    assert len(late) == 2
    assert {point.since for point in late} <= {until - timedelta(days=3), until - timedelta(days=4)}
    for point in truth.points:
        for day in truth.working_days:
            standing = standings[point.point_of_sale_id]
            goes = not standing.faults and standing.objection(day_window(day, contract.zone)) is None
            assert goes == (point.goes_on(day) or point.reason == "rrdi_on_two_sites"), (point, day)
    for point in late:
        told = [point.goes_on(day) for day in truth.working_days]
        assert (told[0], told[-1]) == (False, True)
        assert point.since in truth.working_days


def test_authorisations_are_what_the_truth_says(sample: Database, truth: FrenchTruth, evening: datetime) -> None:
    contract = load_contract("fcs_ddc_daily")
    said: list[str] = []
    for at in (evening, evening - timedelta(days=7), evening + timedelta(days=40)):
        found = read_authorisations(sample.connection, contract, at, log=said.append)
        for point in truth.points:
            told = {one.application: one.status for one in found.get(point.point_of_sale_id, ())}
            assert told == point.applications(at), point
    assert said == [], "every field of a scope is one that the contract delivers"
    states = Counter(status for point in truth.points for status in point.applications(evening).values())
    assert states.keys() == {"AUTHORISED", "REVOKED", "EXPIRED", "NOT_YET"}
    assert any(point.fate == "GOES" and not point.applications(evening) for point in truth.points)


def test_the_revoked_were_authorised_a_week_before(truth: FrenchTruth, evening: datetime) -> None:
    revoked = [
        (point, application)
        for point in truth.points
        for application, status in point.applications(evening).items()
        if status == "REVOKED"
    ]
    assert revoked
    for point, application in revoked:
        assert point.applications(evening - timedelta(days=7))[application] == "AUTHORISED"


def test_an_application_is_given_no_more_than_it_needs() -> None:
    focus, first = APPLICATIONS["FOCUS"][2], APPLICATIONS["CUSTOMER_FIRST"][2]
    prices = re.compile("price|amount|total|discount")
    assert not [name for names in focus.values() for name in names if prices.search(name)]
    assert focus.keys() == {"customer", "workshop_invoice"}
    assert {record: set(names) for record, names in focus.items()}.items() != first.items()
    for record, names in focus.items():
        assert set(names) < set(first[record])
    contract = load_contract("fcs_ddc_daily")
    assert sum(map(len, first.values())) < sum(len(table.delivered) for table in contract.tables)


@pytest.mark.parametrize("table", POSTED)
def test_every_point_has_an_invoice_of_each_kind_on_each_working_day(
    sample: Database, truth: FrenchTruth, table: str
) -> None:
    found = sample.rows(
        f"""
        SELECT point_of_sale_id, (posted_at AT TIME ZONE 'Europe/Paris')::date,
               count(*) FILTER (WHERE document_type = 'INVOICE'
                                  AND document_number NOT IN (SELECT record_key FROM sample.french_defect
                                                               WHERE record = %s AND rrdi_code = p.rrdi_code))
          FROM dms.{table} JOIN dms.point_of_sale p USING (point_of_sale_id) GROUP BY 1, 2
        """,
        (table,),
    )
    good = {(point, day) for point, day, count in found if count}
    assert good == {(point.point_of_sale_id, day) for point in truth.points for day in truth.working_days}
    assert {day for _, day, _ in found} == set(truth.working_days)
    assert all(day.isoweekday() < 7 for day in truth.working_days)
    until = parameters_of(sample).until
    assert until - timedelta(days=30) < truth.working_days[0] <= truth.working_days[-1] <= until


def test_customers_move_every_working_day_and_are_erased_now_and_then(sample: Database, truth: FrenchTruth) -> None:
    found = sample.rows(
        "SELECT point_of_sale_id, (coalesce(erased_at, changed_at) AT TIME ZONE 'Europe/Paris')::date, "
        "bool_or(created_at = changed_at), bool_or(created_at < changed_at AND erased_at IS NULL), "
        "count(erased_at) FROM dms.customer WHERE point_of_sale_id IS NOT NULL AND changed_at >= %s GROUP BY 1, 2",
        (truth.working_days[0],),
    )
    cells = {(point, day): (created, changed) for point, day, created, changed, _ in found}
    for point in truth.points:
        assert all(cells[point.point_of_sale_id, day] == (True, True) for day in truth.working_days)
    assert sum(erased for *_, erased in found) > len(truth.points)


def test_preferences_are_in_every_state(sample: Database) -> None:
    states = sample.rows(
        """
        SELECT bool_or(opted_in AND legal_basis = 'LEGITIMATE_INTEREST_MIGRATION' AND reviewed_at IS NULL),
               bool_or(opted_in AND legal_basis = 'CONSENT' AND reviewed_at IS NOT NULL),
               bool_or(opted_in AND legal_basis = 'SOFT_OPT_IN'),
               bool_or(withdrawn_at IS NOT NULL),
               bool_or(opted_in AND party = 'THIRD_PARTY' AND third_party_name IS NOT NULL),
               bool_or(opted_in AND legal_basis = 'LEGITIMATE_INTEREST' AND reviewed_at IS NULL),
               bool_and(greatest(captured_at, reviewed_at, withdrawn_at) <= c.changed_at)
          FROM dms.contact_preference JOIN dms.customer c USING (customer_id)
        """
    )
    assert states == [(True,) * 7]
    rows = dict(
        sample.rows(
            "SELECT n, count(*) FROM (SELECT count(k.customer_id) AS n FROM dms.customer c "
            "LEFT JOIN dms.contact_preference k USING (customer_id) "
            "WHERE erased_at IS NULL AND point_of_sale_id IS NOT NULL GROUP BY customer_id) AS each GROUP BY 1"
        )
    )
    assert rows[0] > 50, "many were never asked"
    assert rows[10] > 50, "many have an answer to everything"
    history = "SELECT count(*) FROM dms.contact_preference_history WHERE what = %s"
    assert sample.value(history, ("INSERT",)) == sample.value("SELECT count(*) FROM dms.contact_preference")
    withdrawn = sample.value("SELECT count(*) FROM dms.contact_preference WHERE withdrawn_at IS NOT NULL")
    assert sample.value(history, ("UPDATE",)) == withdrawn > 50


def test_the_documents_are_of_every_sort(sample: Database) -> None:
    for table in POSTED:
        credits = sample.value(f"SELECT avg((document_type = 'CREDIT_MEMO')::int) FROM dms.{table}")
        assert 0.01 < credits < 0.2, table
        orphans = sample.rows(
            f"""
            SELECT k.document_number FROM dms.{table} k
              LEFT JOIN dms.{table} o ON (o.point_of_sale_id, o.document_number, o.document_type)
                                      = (k.point_of_sale_id, k.original_document_number, 'INVOICE')
             WHERE k.document_type = 'CREDIT_MEMO' AND k.original_document_number IS NOT NULL
               AND (o.total_gross IS DISTINCT FROM -k.total_gross OR o.posted_at > k.posted_at)
            """
        )
        assert orphans == [], table
    line_types = "SELECT array_agg(DISTINCT line_type ORDER BY line_type) FROM dms."
    assert sample.value(f"{line_types}workshop_invoice_line") == ["LABOR", "MISCELLANEOUS", "PART"]
    assert sample.value(f"{line_types}vehicle_sale_line") == ["FEE", "OPTION", "TRADE_IN", "VEHICLE"]
    assert 0.2 < sample.value("SELECT avg(cash_sale::int) FROM dms.counter_invoice") < 0.6
    assert 0.3 < sample.value("SELECT avg((sale_kind = 'VN')::int) FROM dms.vehicle_sale") < 0.6
    margin = "SELECT avg((vat_scheme = 'MARGIN')::int) FROM dms.vehicle_sale WHERE sale_kind = 'VO'"
    assert sample.value(margin) > 0.7
    for view in POSTED:
        assert sample.value(f"SELECT count(*) FROM dms.v_ddc_{view}_lines WHERE buyer = 'ERASED'") > 0, view
    again = sample.value(
        "SELECT count(*) FROM (SELECT vin FROM dms.vehicle_sale WHERE document_type = 'INVOICE' GROUP BY vin "
        "HAVING count(*) > 1) AS sold_again"
    )
    assert again > sample.value("SELECT count(*) FROM sample.french_defect WHERE kind = 'sold_twice'")
    hours = sample.rows(
        "SELECT DISTINCT extract(hour FROM posted_at AT TIME ZONE 'Europe/Paris') FROM dms.counter_invoice"
    )
    assert {int(hour) for (hour,) in hours} <= {0, 23, *range(8, 19)}


def test_amounts_are_exact(sample: Database) -> None:
    for table in POSTED:
        planted = "SELECT record_key FROM sample.french_defect WHERE record = %s AND rrdi_code = p.rrdi_code"
        wrong = sample.rows(
            f"""
            SELECT i.document_number FROM dms.{table} i JOIN dms.point_of_sale p USING (point_of_sale_id)
              JOIN dms.{table}_line l USING ({table}_id)
             WHERE i.document_number NOT IN ({planted})
             GROUP BY i.{table}_id
            HAVING i.total_net <> sum(l.net_amount) OR i.total_vat <> sum(l.vat_amount)
                OR i.total_gross <> i.total_net + i.total_vat
            """,
            (table,),
        )
        assert wrong == [], table
    for table in ("workshop_invoice_line", "counter_invoice_line"):
        assert (
            sample.rows(
                f"SELECT * FROM dms.{table} WHERE net_amount <> quantity * unit_price - discount_amount "
                "OR abs(vat_amount - net_amount * 0.2) > 0.005"
            )
            == []
        )


def test_numbers_are_valid_with_one_zero_lost(sample: Database) -> None:
    companies = dict(sample.rows("SELECT legal_entity_id, siren FROM dms.legal_entity WHERE siren IS NOT NULL"))
    assert len(companies) == 9
    assert all(siren.is_valid(number) for number in companies.values())
    sites = sample.rows("SELECT legal_entity_id, siret FROM dms.dealer WHERE siret IS NOT NULL")
    [lost] = [number for _, number in sites if len(number) != 14]
    assert siret.is_valid(f"0{lost}")
    assert all(siret.is_valid(number) and number[:9] == companies[entity] for entity, number in sites if number != lost)
    codes = [code for (code,) in sample.rows("SELECT rrdi_code FROM dms.point_of_sale")]
    assert all(re.fullmatch("[0-9A-Z]{3,12}", code) for code in codes)
    assert sum(code.startswith("0") for code in codes) > 3


def test_nobody_and_no_company_in_it_is_real(sample: Database) -> None:
    french = "FROM dms.customer WHERE point_of_sale_id IS NOT NULL AND erased_at IS NULL"
    assert sample.value(f"SELECT count(*) {french}") > 1_000
    for column, pattern in {
        "family_name": r"Échantillon \d{6}",
        "given_name": "Prénom",
        "company_name": r"Société \d{6} \(sample\)",
        "email": r"client\d{6}@example\.invalid",
        # Kept by the regulator for works of fiction.
        "telephone": r"\+3319900\d{4}",
        "mobile": r"\+3363998\d{4}",
        # No department begins with 00; Belgium's codes do not begin with 0.
        "postal_code": r"00\d{3}|0\d{3}",
        "siret": r"0998\d{10}",
    }.items():
        told = [value for (value,) in sample.rows(f"SELECT DISTINCT {column} {french} AND {column} IS NOT NULL")]
        assert told, column
        assert [value for value in told if not re.fullmatch(pattern, value)] == [], column
    names = sample.rows(
        "SELECT name FROM dms.legal_entity UNION SELECT name FROM dms.dealer WHERE siret IS NOT NULL "
        "UNION SELECT signatory_name FROM dms.agreement UNION SELECT name FROM dms.application"
    )
    assert all(name.endswith("(sample)") for (name,) in names)
    vehicles = sample.rows("SELECT vin FROM dms.workshop_invoice UNION SELECT vin FROM dms.vehicle_sale")
    assert all(vin[5:10] == "ZZZZZ" or vin[5] == "O" for (vin,) in vehicles)
    plates = sample.rows("SELECT registration FROM dms.workshop_invoice WHERE registration IS NOT NULL")
    assert all(plate.startswith("SS-") for (plate,) in plates), "the letters SS are not issued"


def test_what_the_database_lists_is_what_the_truth_says(sample: Database, truth: FrenchTruth) -> None:
    listed = sample.rows("SELECT kind, record, rrdi_code, business_date, record_key FROM sample.french_defect")
    assert set(listed) == {(one.kind, one.record, one.rrdi, one.business_date, one.key) for one in truth.planted}
    assert all(isinstance(day, date) for *_, day, _ in listed)
