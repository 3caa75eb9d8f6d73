"""A contract that says something nobody keeps is refused, in words that name the file, the place and the way out."""

from __future__ import annotations

import importlib.resources
import json
import re
import shutil
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from include.contract import CONTRACTS_DIR, ContractError, Table, all_contract_ids, contract_ids, load_contract
from include.contract_vocabulary import ROW_RULES
from tests.samples import outbound_tables

Edit = Callable[[dict[str, Any]], Any]
each_outbound_table = pytest.mark.parametrize(
    ("contract_id", "table"), outbound_tables(), ids=[table.id for _, table in outbound_tables()]
)


def properties(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in document["schema"][0]["properties"]}


def server_property(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in document["servers"][0]["customProperties"] if p["property"] == name)
    return found


def first_quality(document: dict[str, Any], name: str) -> dict[str, Any]:
    quality: dict[str, Any] = properties(document)[name]["quality"][0]
    return quality


def with_own(document: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    document["customProperties"].append({"property": name, "value": value})
    return document


def without(document: dict[str, Any], name: str) -> None:
    document["customProperties"] = [item for item in document["customProperties"] if item["property"] != name]


def period(document: dict[str, Any]) -> dict[str, Any]:
    (found,) = (item["value"] for item in document["customProperties"] if item["property"] == "period")
    assert isinstance(found, dict)
    return found


def sla(document: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    document["slaProperties"].append({"property": name, "value": value})
    return document


@pytest.mark.parametrize("contract_id", all_contract_ids())
def test_contract_is_valid_open_data_contract_standard(contract_id: str) -> None:
    package = importlib.resources.files("open_data_contract_standard")
    schema = json.loads((package / "schema.json").read_text(encoding="utf-8"))
    document = yaml.safe_load((CONTRACTS_DIR / f"{contract_id}.yaml").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(document)] == []
    assert document["apiVersion"] == "v3.2.0"


@each_outbound_table
def test_table_has_sql_that_names_its_columns(contract_id: str, table: Table) -> None:
    alone = table.id == contract_id
    path = CONTRACTS_DIR.parent / "sql" / (f"{contract_id}.sql" if alone else f"{contract_id}/{table.name}.sql")
    sql = path.read_text(encoding="utf-8")
    assert [name for name in table.columns if not re.search(rf"\b{name}\b", sql)] == []


@pytest.mark.parametrize("contract_id", contract_ids("outbound"))
def test_contract_has_sql_that_names_its_dealers(contract_id: str) -> None:
    contract = load_contract(contract_id)
    sql = (CONTRACTS_DIR.parent / "sql" / f"{contract.dealers}.sql").read_text(encoding="utf-8")
    # What the header says of the dealer beyond its code, the query gives.
    told = {"siren", "siret", "brand"} & set(contract.header)
    assert [name for name in sorted({"dealer_id", "dealer_code", *told}) if name not in sql] == []


@pytest.mark.parametrize("contract_id", all_contract_ids())
def test_every_row_rule_of_a_contract_is_known_to_both_readers(contract_id: str) -> None:
    assert {rule.kind for rule in load_contract(contract_id).row_rules} <= ROW_RULES


@pytest.mark.parametrize("contract_id", all_contract_ids())
def test_personal_fields_name_purpose_and_legal_basis(contract_id: str) -> None:
    personal = [field for field in load_contract(contract_id).fields if field.personal]
    assert personal
    assert [field.name for field in personal if not (field.purpose and field.legal_basis)] == []


@each_outbound_table
def test_a_row_is_named_by_a_key_that_is_neither_delivered_nor_personal(contract_id: str, table: Table) -> None:
    (key,) = [field for field in table.fields if field.row_key]
    assert key.name == table.row_key
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
    "no period": (lambda d: without(d, "period"), "customProperties of the contract: period missing"),
    "a period of a week": (lambda d: period(d).update(unit="week"), "period: its unit is one of day, month"),
    "a period by nobody's clock": (
        lambda d: period(d).update(zone="recipient"),
        "period: its zone is one of contract, dealer",
    ),
    "a period that says more": (lambda d: period(d).update(length=2), "customProperties period: nothing here enforces"),
    "an instant within windows that differ": (
        lambda d: period(d).update(zone="dealer"),
        "posted_at-withinWindow: the files of a run have a window each",
    ),
    "a working day of a day": (
        lambda d: [with_own(d, "workingCalendar", "FR"), sla(d, "workingDay", 2)],
        "slaProperties workingDay is a day of the month after",
    ),
    "a working day in nobody's calendar": (
        lambda d: sla(d, "workingDay", 2),
        "slaProperties workingDay and the property workingCalendar go together",
    ),
    "reconciled with itself": (
        lambda d: with_own(d, "reconciledWith", "merkle_sar_daily"),
        "reconciledWith: there is no other contract 'merkle_sar_daily'",
    ),
    "reconciled with nothing": (
        lambda d: with_own(d, "reconciledWith", "merkle_sar_weekly"),
        "reconciledWith: there is no other contract 'merkle_sar_weekly' in",
    ),
    "a form that nobody writes": (
        lambda d: d["servers"][0].update(format="json"),
        "servers[0]: its format is one of csv, xml, not 'json'",
    ),
    "a namespace of a file without elements": (
        lambda d: d["servers"][0]["customProperties"].append({"property": "namespace", "value": "urn:x"}),
        "namespace mean nothing in csv",
    ),
    "lines of a row that has none": (
        lambda d: first_quality(d, "net_amount").update(
            id="net_amount-sumOfLines",
            implementation={"rule": "sumOfLines", "arguments": {"property": "vat_amount", "tolerance": 0.02}},
        ),
        "net_amount-sumOfLines: trade_parts_sale_line has no array",
    ),
    "a month that follows the last file": (
        lambda d: [with_own(d, "contiguous", "windows"), period(d).update(unit="month")],
        "contiguous: files that follow each other are of days",
    ),
    "days by many clocks that follow each other": (
        lambda d: [
            with_own(d, "contiguous", "span"),
            period(d).update(zone="dealer"),
            properties(d)["posted_at"].pop("quality"),
        ],
        "contiguous: files that follow each other are of days by the contract's clock",
    ),
    "a period's day in a text": (
        lambda d: first_quality(d, "dealer_code").update(implementation={"rule": "withinPeriod", "arguments": {}}),
        "dealer_code is a string; withinPeriod asks for a date",
    ),
    "a day after something that is none": (
        lambda d: first_quality(d, "document_date").update(
            implementation={"rule": "notAfter", "arguments": {"property": "posted_at"}}
        ),
        "posted_at is a timestamp; notAfter asks for a date",
    ),
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


def test_a_month_knows_its_clock_its_working_day_and_what_it_must_add_up_to() -> None:
    month, day = load_contract("renault_sar_monthly"), load_contract("merkle_sar_daily")
    assert (month.period_unit, month.own_zone, month.zone) == ("month", True, "Europe/Paris")
    assert (month.due, month.due_working_day, month.working_calendar) == (time(12), 2, "FR")
    assert month.reconciled_with == day.id
    assert (day.period_unit, day.own_zone, day.zone) == ("day", False, "Europe/London")
    assert (day.due_working_day, day.working_calendar, day.reconciled_with) == (None, None, None)
    assert month.file_for("82600001", date(2026, 10, 1), 7) == "SAR_M_82600001_202610_000007.csv"


def test_the_month_rejects_what_the_day_rejects_at_a_dealer_of_the_scheme() -> None:
    month, day = load_contract("renault_sar_monthly"), load_contract("merkle_sar_daily")
    monthly = {rule.id: rule for rule in month.rules}
    daily = {rule.id: rule for rule in day.row_rules if rule.severity == "error"}
    only_of_the_day = {"posted_at-withinWindow", "document_date-notAfterWindow"}
    # Required at a dealer of the scheme only.
    relaxed = {"trade_partner_id-required", "registered_trade_partner_id-required"}
    assert daily.keys() - monthly.keys() == only_of_the_day | relaxed
    assert {name: daily[name] for name in daily.keys() & monthly.keys()} == {
        name: monthly[name] for name in daily.keys() & monthly.keys()
    }
    for name in relaxed:
        when = monthly[f"{name}When"]
        assert (when.kind, when.severity) == ("requiredWhen", "error")
        assert when.arguments == {"property": "trade_partner_dealer", "equals": "t"}
    assert month.file_rule("rejectedRows") == day.file_rule("rejectedRows")
    assert month.table.withhold == day.table.withhold
    assert month.table.delivered == day.table.delivered
    assert month.table.primary_key == day.table.primary_key


def test_what_is_taken_over_is_the_other_contracts_but_for_the_keys_laid_over_it() -> None:
    month, day = load_contract("renault_sar_monthly"), load_contract("merkle_sar_daily")
    fields = {field.name: field for field in day.fields}
    changed = {field.name for field in month.fields if field != fields.get(field.name)}
    assert changed == {
        "trade_partner_dealer", "posted_on", "registered_trade_partner_id", "trade_partner_id", "posted_at",
    }  # fmt: skip
    assert [field.name for field in month.fields if field.personal] == [f.name for f in day.fields if f.personal]


URL = "merkle_sar_daily.yaml#/schema/trade_parts_sale_line/properties/{}"


def definition(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = properties(document)[name]["authoritativeDefinitions"][0]
    return found


REFUSED_REFERENCES: dict[str, tuple[Edit, str]] = {
    "no such notation": (
        lambda d: definition(d, "quantity").update(url="https://example.com/quantity"),
        "property 'quantity': authoritativeDefinitions must be one of type definition with a url such as",
    ),
    "another folder": (
        lambda d: definition(d, "quantity").update(url="../" + URL.format("quantity")),
        "authoritativeDefinitions must be one of type definition",
    ),
    "a definition that defines nothing": (
        lambda d: definition(d, "quantity").update(type="videoTutorial"),
        "authoritativeDefinitions must be one of type definition",
    ),
    "two definitions": (
        lambda d: properties(d)["quantity"]["authoritativeDefinitions"].append({"type": "definition", "url": "x"}),
        "exactly one definition can be taken over, 2 are named",
    ),
    "no such file": (
        lambda d: definition(d, "quantity").update(url=URL.format("quantity").replace("daily", "weekly")),
        "it refers to merkle_sar_weekly.yaml, which is not in",
    ),
    "no such table": (
        lambda d: definition(d, "quantity").update(url=URL.format("quantity").replace("_line/", "_lines/")),
        "merkle_sar_daily.yaml has no schema 'trade_parts_sale_lines'; there are trade_parts_sale_line",
    ),
    "no such property": (
        lambda d: definition(d, "quantity").update(url=URL.format("amount")),
        "merkle_sar_daily.yaml has no property 'amount'; there are invoice_line_id",
    ),
    "a property under another name": (
        lambda d: definition(d, "quantity").update(url=URL.format("line_number")),
        "property 'quantity': its name is 'quantity', that of what it takes over 'line_number'",
    ),
    "a property of another type": (
        lambda d: properties(d)["quantity"].update(logicalType="number"),
        "property 'quantity': its logicalType is 'number', that of what it takes over 'integer'",
    ),
    "a reference to a reference": (
        lambda d: definition(d, "quantity").update(url=URL.format("quantity").replace("merkle_sar_daily", "between")),
        "is itself a reference; refer to where it is defined",
    ),
    "a circle": (
        lambda d: definition(d, "quantity").update(
            url=URL.format("quantity").replace("merkle_sar_daily", "renault_sar_monthly")
        ),
        "is itself a reference; refer to where it is defined",
    ),
    "a file that is no YAML": (
        lambda d: definition(d, "quantity").update(url=URL.format("quantity").replace("merkle_sar_daily", "broken")),
        "it refers to broken.yaml, which is not readable as YAML",
    ),
    "an unknown key beside the reference": (
        lambda d: properties(d)["quantity"].update(unique=True),
        "property 'quantity': nothing here enforces unique",
    ),
}


@pytest.mark.parametrize("defect", REFUSED_REFERENCES)
def test_a_reference_that_leads_nowhere_is_refused_by_name(defect: str, tmp_path: Path) -> None:
    edit, complaint = REFUSED_REFERENCES[defect]
    for contract_id in ("merkle_sar_daily", "renault_sar_monthly"):
        shutil.copy(CONTRACTS_DIR / f"{contract_id}.yaml", tmp_path)
    shutil.copy(CONTRACTS_DIR / "renault_sar_monthly.yaml", tmp_path / "between.yaml")
    (tmp_path / "broken.yaml").write_text("id: [", encoding="utf-8")
    document = yaml.safe_load((tmp_path / "renault_sar_monthly.yaml").read_text(encoding="utf-8"))
    (tmp_path / "renault_sar_monthly.yaml").unlink()
    assert load_contract("merkle_sar_daily", tmp_path)
    edit(document)
    (tmp_path / "renault_sar_monthly.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(ContractError) as refusal:
        load_contract("renault_sar_monthly", tmp_path)
    assert str(refusal.value).startswith("renault_sar_monthly.yaml: ")
    assert complaint in str(refusal.value)


def test_the_key_of_a_reference_replaces_the_other_contracts_as_a_whole(tmp_path: Path) -> None:
    for contract_id in ("merkle_sar_daily", "renault_sar_monthly"):
        shutil.copy(CONTRACTS_DIR / f"{contract_id}.yaml", tmp_path)
    path = tmp_path / "renault_sar_monthly.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    properties(document)["quantity"]["logicalTypeOptions"] = {"maximum": 5}
    properties(document)["line_number"]["primaryKeyPosition"] = 9
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    contract = load_contract("renault_sar_monthly", tmp_path)
    rules = {rule.id: rule for rule in contract.rules}
    assert rules["quantity-maximum"].arguments == {"value": 5}
    assert "quantity-minimum" not in rules
    # Laid over this contract's property and not written into the other one's.
    assert {rule.id for rule in load_contract("merkle_sar_daily", tmp_path).rules} >= {"quantity-minimum"}


def test_contract_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(ContractError, match=r"merkle_sar_weekly\.yaml: no such contract.*merkle_sar_daily"):
        load_contract("merkle_sar_weekly")


def test_file_that_is_no_yaml_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("id: [", encoding="utf-8")
    with pytest.raises(ContractError, match=r"broken\.yaml: not readable as YAML"):
        load_contract("broken", tmp_path)
