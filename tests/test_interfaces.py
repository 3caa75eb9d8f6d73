"""Every interface is held to its own samples, by both readers. A new interface adds files here, not code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from include.contract import Contract, Table, all_contract_ids, load_contract
from tests.quality.two_readers import (
    Broken,
    SampleFile,
    beside_broken,
    great_expectations_says,
    row_check_says,
)
from tests.samples import SAMPLES, all_tables, dealer_of, folder_of, read_sample, sample_paths, window_of

# Rules that cannot be broken without breaking others, and which; each line needs its reason.
INSEPARABLE: dict[str, set[str]] = {
    # What is left out stands beside what is broken, so there is always another rule, and here it is this one.
    "customer.contact_preferences-wholeDocument": {"customer.channel-enum"},
    "workshop_invoice.lines-wholeDocument": {"workshop_invoice.line_type-enum"},
    "counter_invoice.lines-wholeDocument": {"counter_invoice.part_number-pattern"},
    "vehicle_sale.lines-wholeDocument": {"vehicle_sale.line_type-enum"},
    # A number of another form has no check digits, either. The patterns are for the XML schema, which cannot count.
    "customer.siret-pattern": {"customer.siret-siret"},
    "workshop_invoice.vin-pattern": {"workshop_invoice.vin-vin"},
    "vehicle_sale.vin-pattern": {"vehicle_sale.vin-vin"},
    "vehicle_sale.trade_in_vin-pattern": {"vehicle_sale.trade_in_vin-vin"},
}

TABLES = all_tables()
each_table = pytest.mark.parametrize(("contract_id", "table"), TABLES, ids=[table.id for _, table in TABLES])


def samples(kind: str) -> list[object]:
    return [
        pytest.param(contract_id, table, path, id=f"{table.id}/{path.stem}")
        for contract_id, table in TABLES
        for path in sample_paths(contract_id, kind, table)
    ]


def file_of(contract: Contract, table: Table, path: Path) -> SampleFile:
    rows = read_sample(path, contract, table)
    return SampleFile(dealer_of(table, rows), window_of(contract, table, rows), rows)


@pytest.fixture(scope="session")
def second_reading() -> Mapping[tuple[str, Path], Broken]:
    """What Great Expectations says of every sample of every table."""
    from include.quality.reports import open_context

    said: dict[tuple[str, Path], Broken] = {}
    for contract_id, table in TABLES:
        contract = load_contract(contract_id)
        paths = [*sample_paths(contract_id, "accepted", table), *sample_paths(contract_id, "rejected", table)]
        files = [file_of(contract, table, path) for path in paths]
        found = great_expectations_says(open_context(), contract, files, table)
        said.update(zip([(table.id, path) for path in paths], found, strict=True))
    return said


def broken_error_rules(table: Table, said: Broken) -> set[str]:
    return {rule.id for rule in table.row_rules if rule.severity == "error" and said.get(rule.id)}


@pytest.mark.parametrize(("contract_id", "table", "path"), samples("accepted"))
def test_accepted_sample_breaks_no_error_rule(
    contract_id: str, table: Table, path: Path, second_reading: Mapping[tuple[str, Path], Broken]
) -> None:
    contract = load_contract(contract_id)
    first = row_check_says(contract, file_of(contract, table, path), table)
    assert broken_error_rules(table, first) == set()
    assert {rule: places for rule, places in first.items() if rule in second_reading[table.id, path]} == (
        second_reading[table.id, path]
    )


@pytest.mark.parametrize(("contract_id", "table", "path"), samples("rejected"))
def test_rejected_sample_breaks_exactly_the_rule_it_is_named_after(
    contract_id: str, table: Table, path: Path, second_reading: Mapping[tuple[str, Path], Broken]
) -> None:
    contract = load_contract(contract_id)
    file = file_of(contract, table, path)
    first, second = row_check_says(contract, file, table), second_reading[table.id, path]
    beside = {rule.id: first.pop(rule.id) for rule in table.row_rules if rule.kind == "wholeDocument"}
    # Whatever is broken leaves out the rest of its document and nothing else; the sample of that rule shows one.
    for places in beside.values():
        assert places == beside_broken(table, file.rows, first)
    wanted = {path.stem} | INSEPARABLE.get(path.stem, set())
    assert broken_error_rules(table, first) == wanted - beside.keys()
    assert beside.get(path.stem) != set(), "no row is left out beside a broken one"
    assert first == second


@each_table
def test_every_error_rule_has_a_sample_that_breaks_it(contract_id: str, table: Table) -> None:
    wanted = {rule.id for rule in table.row_rules if rule.severity == "error"}
    assert {path.stem for path in sample_paths(contract_id, "rejected", table)} == wanted


def test_what_cannot_be_broken_alone_is_a_rule_of_an_interface() -> None:
    rules = {rule.id for _, table in TABLES for rule in table.row_rules}
    assert INSEPARABLE.keys() | set().union(*INSEPARABLE.values()) <= rules


@each_table
def test_an_idle_day_is_among_the_accepted_samples(contract_id: str, table: Table) -> None:
    contract = load_contract(contract_id)
    assert any(not read_sample(path, contract, table) for path in sample_paths(contract_id, "accepted", table))


def test_samples_belong_to_interfaces() -> None:
    assert {path.name for path in SAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(
        all_contract_ids()
    )
    for contract_id in all_contract_ids():
        contract = load_contract(contract_id)
        wanted = {folder_of(contract, table) / kind for table in contract.tables for kind in ("accepted", "rejected")}
        assert {path.parent for path in (SAMPLES / contract_id).rglob("*.csv")} - {SAMPLES / contract_id} <= wanted
