"""Every interface is held to its own samples, by both readers. A new interface adds files here, not code."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.contract import Contract, all_contract_ids, load_contract
from tests.quality.two_readers import Broken, SampleFile, great_expectations_says, row_check_says
from tests.samples import SAMPLES, dealer_of, read_sample, sample_paths, window_of

# Rules that cannot be broken without breaking another one; each needs a reason here.
INSEPARABLE: dict[str, str] = {}


def samples(kind: str) -> list[object]:
    return [
        pytest.param(contract_id, path, id=f"{contract_id}/{path.stem}")
        for contract_id in all_contract_ids()
        for path in sample_paths(contract_id, kind)
    ]


def file_of(contract: Contract, path: Path) -> SampleFile:
    rows = read_sample(path, contract)
    return SampleFile(dealer_of(contract, rows), window_of(contract, rows), rows)


@pytest.fixture(scope="session")
def second_reading() -> dict[tuple[str, Path], Broken]:
    """What Great Expectations says of every sample of every interface."""
    from include.quality.reports import open_context

    said: dict[tuple[str, Path], Broken] = {}
    for contract_id in all_contract_ids():
        contract = load_contract(contract_id)
        paths = [*sample_paths(contract_id, "accepted"), *sample_paths(contract_id, "rejected")]
        found = great_expectations_says(open_context(), contract, [file_of(contract, path) for path in paths])
        said.update(zip([(contract_id, path) for path in paths], found, strict=True))
    return said


def broken_error_rules(contract: Contract, said: Broken) -> set[str]:
    return {rule.id for rule in contract.row_rules if rule.severity == "error" and said[rule.id]}


@pytest.mark.parametrize(("contract_id", "path"), samples("accepted"))
def test_accepted_sample_breaks_no_error_rule(
    contract_id: str, path: Path, second_reading: dict[tuple[str, Path], Broken]
) -> None:
    contract = load_contract(contract_id)
    assert broken_error_rules(contract, row_check_says(contract, file_of(contract, path))) == set()
    assert broken_error_rules(contract, second_reading[contract_id, path]) == set()


@pytest.mark.parametrize(("contract_id", "path"), samples("rejected"))
def test_rejected_sample_breaks_exactly_the_rule_it_is_named_after(
    contract_id: str, path: Path, second_reading: dict[tuple[str, Path], Broken]
) -> None:
    contract = load_contract(contract_id)
    first = row_check_says(contract, file_of(contract, path))
    assert broken_error_rules(contract, first) == {path.stem}
    assert broken_error_rules(contract, second_reading[contract_id, path]) == {path.stem}
    assert first == second_reading[contract_id, path]


@pytest.mark.parametrize("contract_id", all_contract_ids())
def test_every_error_rule_has_a_sample_that_breaks_it(contract_id: str) -> None:
    contract = load_contract(contract_id)
    wanted = {rule.id for rule in contract.row_rules if rule.severity == "error"} - INSEPARABLE.keys()
    assert {path.stem for path in sample_paths(contract_id, "rejected")} == wanted


@pytest.mark.parametrize("contract_id", all_contract_ids())
def test_an_idle_day_is_among_the_accepted_samples(contract_id: str) -> None:
    contract = load_contract(contract_id)
    assert any(not read_sample(path, contract) for path in sample_paths(contract_id, "accepted"))


def test_samples_belong_to_interfaces() -> None:
    assert {path.name for path in SAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(
        all_contract_ids()
    )
