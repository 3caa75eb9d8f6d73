"""A contract about files that come in says where each column comes from, and nothing that only our own files have."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.contract import CONTRACTS_DIR, Contract, ContractError, contract_ids, load_contract
from include.contract_vocabulary import DERIVED, SOURCE_FORMS
from tests.test_contract import first_quality, properties, server_property, sla, with_own

Edit = Callable[[dict[str, Any]], Any]
PRORESPONSE = ("proresponse_sales", "proresponse_service")
INBOUND = (*PRORESPONSE, "renault_warranty_payments")


def own(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = properties(document)[name]["customProperties"]
    return found


def add_server_property(document: dict[str, Any], name: str, value: Any) -> None:
    document["servers"][0]["customProperties"].append({"property": name, "value": value})


@pytest.fixture
def sales() -> Contract:
    return load_contract("proresponse_sales")


def test_each_contract_has_one_direction_and_outbound_is_what_is_not_said() -> None:
    assert tuple(contract_ids("inbound")) == INBOUND
    assert contract_ids("outbound") == ["fcs_ddc_daily", "merkle_sar_daily", "renault_sar_monthly"]


@pytest.mark.parametrize("contract_id", INBOUND)
def test_an_inbound_contract_has_nothing_of_a_file_of_ours(contract_id: str) -> None:
    contract = load_contract(contract_id)
    assert (contract.dealers, contract.encoding, contract.remote_dir, contract.file_name) == ("", "", "", "")
    assert (contract.header, contract.trailer, contract.agreements, contract.erasures) == ((), (), (), None)
    assert (contract.delimiter, contract.period_unit, contract.own_zone) == (",", "day", False)
    rule = contract.file_rule("rejectedRows")
    assert rule is not None
    assert rule.severity == "error"


def test_columns_are_those_of_the_partners_header(sales: Contract) -> None:
    told = {field.name: (field.header, field.form) for field in sales.fields if field.header is not None}
    assert told["amount_financed"] == ("Amount.Financed", "money")
    assert told["monthly_payment"] == ("Monthly Payment", "money")
    assert told["unit_identifier"] == ("VIN", "text")
    service = {field.name: field for field in load_contract("proresponse_service").fields}
    assert (service["work_order_amount"].header, service["work_order_amount"].required) == ("RO.Amount", True)
    assert {name for name, field in service.items() if field.header_optional} == {
        "work_order_number", "branch", "line_number", "status",
    }  # fmt: skip


@pytest.mark.parametrize("contract_id", INBOUND)
def test_forms_and_derivations_of_a_contract_are_those_that_the_reader_has(contract_id: str) -> None:
    from include.inbound.derive import DERIVED as DERIVATIONS
    from include.inbound.normalise import FORMS

    assert set(SOURCE_FORMS) == {*FORMS, "date"}
    assert set(DERIVED) == set(DERIVATIONS)
    fields = load_contract(contract_id).fields
    assert {field.name for field in fields if field.header is None} <= set(DERIVED)


def test_of_a_payment_what_leads_to_a_customer_is_marked() -> None:
    fields = load_contract("renault_warranty_payments").fields
    assert {field.name for field in fields if field.personal} == {"claim_number", "work_order", "vin"}


@pytest.mark.parametrize("contract_id", PRORESPONSE)
def test_whatever_says_who_somebody_is_is_marked_as_personal(contract_id: str) -> None:
    marked = {field.name for field in load_contract(contract_id).fields if field.personal}
    unit = {"unit_manufacturer", "unit_make", "unit_model", "unit_year", "unit_type", "stock_number"}
    plain = {field.name for field in load_contract(contract_id).fields} - marked
    assert plain == unit | {"identifier_type"} | ({"branch", "line_number"} if "service" in contract_id else set())


def test_terms_of_twenty_and_of_forty_years_are_possible(sales: Contract) -> None:
    bounds = {
        rule.kind: rule.arguments["value"]
        for rule in sales.rules
        if rule.columns == ("term",) and rule.arguments.keys() == {"value"}
    }
    assert bounds == {"minimum": 1, "maximum": 480}


def test_warnings_reject_no_row(sales: Contract) -> None:
    assert {rule.id for rule in sales.rules if rule.severity == "warning"} == {
        "email-matches", "home_phone-matches", "cell_phone-matches", "amount_financed-emptyWhen",
        "term-requiredUnless", "monthly_payment-requiredUnless", "last_payment_date-requiredUnless",
        "monthly_payment-paysBack", "last_payment_date-monthsApart",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d["customProperties"][0].update(value="both"), "direction is one of inbound, outbound, not 'both'"),
        (lambda d: with_own(d, "direction", "outbound"), "direction is one of inbound, outbound"),
        (lambda d: with_own(d, "agreements", ["SERVICE"]), "nothing here enforces agreements"),
        (lambda d: with_own(d, "period", {"unit": "day", "zone": "dealer"}), "nothing here enforces period"),
        (lambda d: add_server_property(d, "trailer", ["record_count"]), "nothing here enforces trailer"),
        (lambda d: add_server_property(d, "encoding", "utf-8"), "nothing here enforces encoding"),
        (lambda d: d["servers"][0].update(format="xml"), "its format is one of csv, not 'xml'"),
        (lambda d: d["servers"][0].update(location="sftp://proresponse/in/x.csv"), "location is 'sftp://proresponse/'"),
        (lambda d: server_property(d, "headerRow").update(value=False), "headerRow: true"),
        (lambda d: server_property(d, "delimiter").update(value='"'), "delimiter: one of"),
        (lambda d: d["servers"][0]["customProperties"].pop(), "headerRow missing"),
        (lambda d: sla(d, "workingDay", 3), "workingDay"),
        (lambda d: properties(d)["stock_number"].update(primaryKey=True), "nothing here enforces primaryKey"),
        (lambda d: own(d, "email").append({"property": "rowKey", "value": True}), "nothing here enforces rowKey"),
        (lambda d: own(d, "email").append({"property": "delivered", "value": False}), "nothing here enforces deliver"),
        (lambda d: properties(d)["city"].pop("physicalName"), "'city': it needs the header of its column"),
        (lambda d: properties(d)["city"].update(physicalName=" City"), "'city': its physicalName is the header"),
        (lambda d: properties(d)["city"].update(physicalName=""), "'city': its physicalName is the header"),
        (lambda d: properties(d)["city"].update(physicalName="STATE"), "two properties have the physicalName state"),
        (lambda d: properties(d)["cash_purchase"].update(physicalName="Cash"), "'cash_purchase' is derived"),
        (lambda d: own(d, "cash_purchase").append({"property": "sourceForm", "value": "money"}), "is derived;"),
        (lambda d: own(d, "email")[0].update(value="mail"), "nothing reads the sourceForm 'mail'"),
        (lambda d: own(d, "term")[0].update(value="date"), "'term': what is written as date is a date, not a integer"),
        (lambda d: own(d, "deal_number")[0].update(value="yes"), "headerOptional is true or false"),
        (
            lambda d: properties(d)["deal_number"].update(required=True),
            "'deal_number': it is required or headerOptional",
        ),
        (lambda d: own(d, "email").pop(), "it must name its purpose and legalBasis"),
        (lambda d: d["schema"].append({**d["schema"][0], "name": "again", "quality": []}), "rows of exactly one table"),
        (
            lambda d: first_quality(d, "sold_date")["implementation"].update(rule="withinPeriod", arguments={}),
            "nothing judges withinPeriod of an inbound file",
        ),
    ],
)
def test_what_nothing_reads_or_judges_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(ContractError, match=rf"proresponse_sales\.yaml: .*{re.escape(message)}"):
        edited("proresponse_sales", tmp_path, edit)


def edited(contract_id: str, folder: Path, edit: Edit) -> Contract:
    """Load the contract as it is after ``edit``, among the others."""
    shutil.copytree(CONTRACTS_DIR, folder, dirs_exist_ok=True)
    path = folder / f"{contract_id}.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    # Anchors would let one edit reach other columns.
    for column in document["schema"][0]["properties"]:
        if "customProperties" in column:
            column["customProperties"] = [dict(item) for item in column["customProperties"]]
        if "logicalTypeOptions" in column:
            column["logicalTypeOptions"] = dict(column["logicalTypeOptions"])
    edit(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return load_contract(contract_id, folder)


def totals(document: dict[str, Any], **told: Any) -> None:
    document["schema"][0]["quality"][1]["implementation"]["arguments"].update(told)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: totals(d, header="T"), "record_type must be an enum of 'T' and what the lines are"),
        (lambda d: totals(d, totals=[]), "totals is a list of columns"),
        (lambda d: totals(d, same="currency"), "same is a list of columns, not 'currency'"),
        (lambda d: totals(d, same=["invoice"]), "speaks of invoice, which is no property"),
        (lambda d: totals(d, count="currency"), "currency must be an integer, since it counts"),
        (lambda d: properties(d)["vat"].pop("logicalTypeOptions"), "vat needs a multipleOf of 0.01"),
        (lambda d: properties(d)["vat"].update(required=False), "vat must be required"),
        (lambda d: with_own(d, "expectedOn", "friday"), "expectedOn: a list of monday, tuesday"),
        (lambda d: with_own(d, "expectedOn", []), "expectedOn: a list of"),
        (lambda d: with_own(d, "expectedOn", ["vendredi"]), "expectedOn: a list of"),
    ],
)
def test_a_header_that_nobody_could_hold_its_lines_to_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(ContractError, match=rf"renault_warranty_payments\.yaml: .*{re.escape(message)}"):
        edited("renault_warranty_payments", tmp_path, edit)


def test_a_file_of_ours_has_no_header_record(tmp_path: Path) -> None:
    arguments = {"property": "a", "header": "H", "count": "b", "totals": ["c"], "same": ["d"]}
    rule = {
        "id": "file-headerTotals",
        "type": "custom",
        "engine": "dealer-interfaces",
        "severity": "error",
        "dimension": "consistency",
        "description": "The header adds up the lines.",
        "implementation": {"rule": "headerTotals", "arguments": arguments},
    }
    with pytest.raises(ContractError, match="nothing judges headerTotals of it"):
        edited("merkle_sar_daily", tmp_path, lambda d: d["schema"][0]["quality"].append(rule))


@pytest.mark.parametrize(
    ("name", "value"), [("physicalName", "Dealer"), ("customProperties", [{"property": "sourceForm", "value": "text"}])]
)
def test_an_outbound_contract_has_no_column_of_a_partners_file(tmp_path: Path, name: str, value: Any) -> None:
    shutil.copytree(CONTRACTS_DIR, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "merkle_sar_daily.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    properties(document)["currency"][name] = value
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    with pytest.raises(
        ContractError, match=r"merkle_sar_daily\.yaml: .*nothing here enforces (physicalName|sourceForm)"
    ):
        load_contract("merkle_sar_daily", tmp_path)
