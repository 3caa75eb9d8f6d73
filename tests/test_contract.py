"""A contract that says something nobody keeps is refused, in words that name the file, the place and the way out."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from include.contract import CONTRACTS_DIR, ContractError, all_contract_ids, load_contract
from include.contract_vocabulary import ROW_RULES

Edit = Callable[[dict[str, Any]], Any]


def properties(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in document["schema"][0]["properties"]}


def server_property(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in document["servers"][0]["customProperties"] if p["property"] == name)
    return found


def first_quality(document: dict[str, Any], name: str) -> dict[str, Any]:
    quality: dict[str, Any] = properties(document)[name]["quality"][0]
    return quality


@pytest.mark.parametrize("contract_id", all_contract_ids())
def test_contract_is_valid_open_data_contract_standard(contract_id: str) -> None:
    package = importlib.resources.files("open_data_contract_standard")
    schema = json.loads((package / "schema.json").read_text(encoding="utf-8"))
    document = yaml.safe_load((CONTRACTS_DIR / f"{contract_id}.yaml").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(document)] == []
    assert document["apiVersion"] == "v3.2.0"


@pytest.mark.parametrize("contract_id", all_contract_ids())
def test_contract_has_sql_that_names_its_columns(contract_id: str) -> None:
    sql = (CONTRACTS_DIR.parent / "sql" / f"{contract_id}.sql").read_text(encoding="utf-8")
    assert [name for name in load_contract(contract_id).columns if name not in sql] == []


@pytest.mark.parametrize("contract_id", all_contract_ids())
def test_every_row_rule_of_a_contract_is_known_to_both_readers(contract_id: str) -> None:
    assert {rule.kind for rule in load_contract(contract_id).row_rules} <= ROW_RULES


@pytest.mark.parametrize("contract_id", all_contract_ids())
def test_personal_fields_name_purpose_and_legal_basis(contract_id: str) -> None:
    personal = [field for field in load_contract(contract_id).fields if field.personal]
    assert personal
    assert [field.name for field in personal if not (field.purpose and field.legal_basis)] == []


@pytest.mark.parametrize("contract_id", all_contract_ids())
def test_a_row_is_named_by_a_key_that_is_neither_delivered_nor_personal(contract_id: str) -> None:
    (key,) = [field for field in load_contract(contract_id).fields if field.row_key]
    assert not key.delivered
    assert not key.personal


def test_file_name_states_dealer_day_and_sequence() -> None:
    contract = load_contract("merkle_sar_daily")
    assert contract.file_for("82600001", date(2026, 11, 10), 7) == "SAR_82600001_20261110_000007.csv"
    assert contract.remote_dir == "/inbound/sar"


REFUSED: dict[str, tuple[Edit, str]] = {
    "unknown key at the top": (lambda d: d.update(price={}), "the contract: nothing here enforces price"),
    "unknown key of a column": (
        lambda d: properties(d)["quantity"].update(unique=True),
        "property 'quantity': nothing here enforces unique",
    ),
    "unknown option": (
        lambda d: properties(d)["line_number"]["logicalTypeOptions"].update(exclusiveMaximum=5),
        "logicalTypeOptions of a integer: nothing here enforces exclusiveMaximum",
    ),
    "unknown type": (
        lambda d: properties(d)["line_number"].update(logicalType="vector"),
        "nothing here checks the type 'vector'",
    ),
    "unknown rule": (
        lambda d: first_quality(d, "quantity")["implementation"].update(rule="looksFine"),
        "nothing enforces a rule 'looksFine'",
    ),
    "unknown engine": (lambda d: first_quality(d, "quantity").update(engine="soda"), "nothing here runs the engine"),
    "argument too many": (
        lambda d: first_quality(d, "quantity")["implementation"]["arguments"].update(mostly=0.9),
        "signFollows takes exactly",
    ),
    "rule on a column that is not there": (
        lambda d: first_quality(d, "trade_partner_id")["implementation"]["arguments"].update(property="partner"),
        "speaks of 'partner', which is no property",
    ),
    "personal field without a purpose": (
        lambda d: properties(d)["trade_account_number"].pop("customProperties"),
        "must name its purpose and legalBasis",
    ),
    "unknown custom property": (
        lambda d: d["servers"][0]["customProperties"].append({"property": "compress", "value": True}),
        "customProperties of the server: nothing here enforces compress",
    ),
    "unknown header field": (
        lambda d: next(p for p in d["servers"][0]["customProperties"] if p["property"] == "header")["value"].append(
            "x"
        ),
        "customProperties header: nothing here enforces x",
    ),
    "a column twice": (
        lambda d: d["schema"][0]["properties"].append({"name": "quantity", "logicalType": "integer"}),
        "quantity stands there twice",
    ),
    "another id than the file's": (lambda d: d.update(id="other"), "id and file name must be the same"),
    "a pattern that is none": (
        lambda d: properties(d)["document_number"]["logicalTypeOptions"].update(pattern="^[A-Z"),
        "document_number-pattern: the pattern is none",
    ),
    "a pattern that only one reader takes": (
        lambda d: properties(d)["document_number"]["logicalTypeOptions"].update(pattern="^(?!0)[0-9]+$"),
        "document_number-pattern: a pattern has no look-around",
    ),
    "a flag that no row has": (
        lambda d: d["schema"][0]["customProperties"][0].update(value={"sharing_objection": True}),
        "withhold: sharing_objection must be a boolean and its value t or f",
    ),
    "a retention in years": (
        lambda d: d["slaProperties"][1].update(value=2, unit="y"),
        "slaProperties retention: its unit is d",
    ),
    "a truth in quotes": (
        lambda d: properties(d)["quantity"].update(required="false"),
        "property 'quantity': required is true or false",
    ),
    "a trailer that nobody fills": (
        lambda d: server_property(d, "trailer")["value"].append("x"),
        "trailer: nothing here states x",
    ),
    "an empty file that is neither sent nor skipped": (
        lambda d: server_property(d, "emptyFile").update(value="hold"),
        "emptyFile is one of send, skip",
    ),
    "a file name that knows too much": (
        lambda d: d["servers"][0].update(location="sftp://merkle/in/SAR_{dealer}_{site}.csv"),
        "location: the file name knows dealer, business_date and sequence",
    ),
    "a file name that all revisions share": (
        lambda d: d["servers"][0].update(location="sftp://merkle/in/SAR_{dealer}_{business_date:%Y%m%d}.csv"),
        "location: the file name must differ by dealer, business_date and sequence",
    ),
    "a sign of a text": (
        lambda d: properties(d)["quantity"].update(logicalType="string", logicalTypeOptions={}),
        "quantity is a string; signFollows asks for a number",
    ),
    "another value of the file than its dealer": (
        lambda d: first_quality(d, "dealer_code")["implementation"]["arguments"].update(value="partner"),
        "a file knows its dealer, and no 'partner'",
    ),
    "a control total that may be inexact": (
        lambda d: properties(d)["net_amount"].pop("logicalTypeOptions"),
        "trailer: net_amount needs a multipleOf",
    ),
    "nothing that says when it is due": (lambda d: d["slaProperties"].pop(0), "timeOfAvailability"),
}


@pytest.mark.parametrize("defect", REFUSED)
def test_contract_that_nobody_keeps_is_refused_by_name(defect: str, tmp_path: Path) -> None:
    edit, complaint = REFUSED[defect]
    document = yaml.safe_load((CONTRACTS_DIR / "merkle_sar_daily.yaml").read_text(encoding="utf-8"))
    edit(document)
    (tmp_path / "merkle_sar_daily.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(ContractError) as refusal:
        load_contract("merkle_sar_daily", tmp_path)
    assert str(refusal.value).startswith("merkle_sar_daily.yaml: ")
    assert complaint in str(refusal.value)


def test_contract_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(ContractError, match=r"merkle_sar_weekly\.yaml: no such contract.*merkle_sar_daily"):
        load_contract("merkle_sar_weekly")


def test_file_that_is_no_yaml_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("id: [", encoding="utf-8")
    with pytest.raises(ContractError, match=r"broken\.yaml: not readable as YAML"):
        load_contract("broken", tmp_path)
