"""What the contract's row check says of the French part: nothing of a good row, of a planted one just what it bears."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from include.contract import Contract, load_contract
from local.sample import FrenchTruth, french_truth
from local.sample.french.defects import KINDS
from tests.dms.reading import Database
from tests.sample.conftest import parameters_of
from tests.sample.french import Broken, broken_rules


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract("fcs_ddc_daily")


@pytest.fixture
def truth(sample: Database) -> FrenchTruth:
    return french_truth(parameters_of(sample))


def test_every_rule_that_is_planted_is_a_rule_of_the_contract(contract: Contract) -> None:
    severity = {rule.id: rule.severity for table in contract.tables for rule in table.row_rules}
    for kind in KINDS:
        wanted = {"REJECTED": "error", "WARNED": "warning"}.get(kind.outcome)
        assert {severity[rule] for rule in kind.rules} == ({wanted} if wanted else set()), kind.name


def test_good_rows_break_no_rule_and_planted_ones_exactly_theirs(
    sample: Database, contract: Contract, truth: FrenchTruth, tmp_path: Path
) -> None:
    points = {point.rrdi: point.point_of_sale_id for point in truth.points if point.fate == "GOES"}
    assert len(points) == 7
    found: dict[tuple[str, str], Broken] = {}
    rows = 0
    # A day longer: the erased customer who was touched again must not come back.
    for day in (*truth.working_days, truth.working_days[-1] + timedelta(days=1)):
        broken, read = broken_rules(sample, contract, day, points, tmp_path)
        rows += read
        found.update({(code, day.isoformat()): told for code, told in broken.items()})
    planted: dict[tuple[str, str], Broken] = {}
    for one in truth.planted:
        if one.rows:
            planted.setdefault((one.rrdi, one.business_date.isoformat()), {}).update(
                {(one.record, key): rules for key, rules in one.rows}
            )
    assert found == planted
    assert rows > 6_000


def test_what_is_planted_holds_no_file(truth: FrenchTruth, contract: Contract) -> None:
    [tolerance] = [rule for table in contract.tables for rule in table.rules if rule.kind == "rejectedRows"]
    for point in truth.points:
        for day in truth.working_days:
            assert len(truth.rejected(point.rrdi, day)) <= tolerance.arguments["rows"]
    kinds = Counter(one.kind for one in truth.planted)
    assert kinds.keys() == {kind.name for kind in KINDS}
    assert {truth.of(one.rrdi)[0].fate for one in truth.planted} == {"GOES"}
    first = truth.working_days[0]
    assert all(truth.of(one.rrdi)[0].goes_on(first) for one in truth.planted), "a late signer's file would not tell"


def test_an_erased_customer_moves_once(sample: Database, truth: FrenchTruth) -> None:
    touched = [one for one in truth.planted if one.kind == "erased_and_touched_again"]
    assert touched
    for one in touched:
        [(moved, changed, names)] = sample.rows(
            "SELECT (v.changed_at AT TIME ZONE 'Europe/Paris')::date, "
            "(c.changed_at AT TIME ZONE 'Europe/Paris')::date, "
            "num_nonnulls(c.given_name, c.family_name, c.company_name, c.email, c.address_line_1, c.mobile) "
            "FROM dms.v_ddc_customers v JOIN dms.customer c USING (customer_id) WHERE customer_id = %s",
            (one.key,),
        )
        assert (moved, changed, names) == (one.business_date, one.business_date + timedelta(days=1), 0)
