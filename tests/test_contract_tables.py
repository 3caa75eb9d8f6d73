"""A contract with several kinds of record: their columns, rules and documents, and what of it nobody could keep."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.contract import CONTRACTS_DIR, Contract, ContractError, load_contract

DDC = "fcs_ddc_daily"
Edit = Callable[[dict[str, Any]], Any]


def server_property(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in document["servers"][0]["customProperties"] if p["property"] == name)
    return found


def of_ddc(document: dict[str, Any], table: str) -> dict[str, Any]:
    (found,) = (told for told in document["schema"] if told["name"] == table)
    assert isinstance(found, dict)
    return found


def column_of(document: dict[str, Any], table: str, name: str) -> dict[str, Any]:
    *columns, array = of_ddc(document, table)["properties"]
    (found,) = (told for told in [*columns, *array["items"]["properties"]] if told["name"] == name)
    assert isinstance(found, dict)
    return found


def array_of(document: dict[str, Any], table: str) -> dict[str, Any]:
    found: dict[str, Any] = of_ddc(document, table)["properties"][-1]
    return found


def rule_of(document: dict[str, Any], table: str, rule: str) -> dict[str, Any]:
    (found,) = (told for told in column_of(document, table, rule.partition("-")[0])["quality"] if told["id"] == rule)
    assert isinstance(found, dict)
    return found


def arguments_of(document: dict[str, Any], table: str, rule: str) -> dict[str, Any]:
    found: dict[str, Any] = rule_of(document, table, rule)["implementation"]["arguments"]
    return found


def own(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (item for item in document["customProperties"] if item["property"] == name)
    assert isinstance(found, dict)
    return found


WORKSHOP = "workshop_invoice"
REFUSED: dict[str, tuple[Edit, str]] = {
    "two tables of one name": (
        lambda d: of_ddc(d, "counter_invoice").update(name=WORKSHOP),
        "schema: names stand there twice among customer, workshop_invoice, workshop_invoice, vehicle_sale",
    ),
    "a rule twice": (
        lambda d: column_of(d, WORKSHOP, "vin")["quality"].append(rule_of(d, WORKSHOP, "vin-vin")),
        "rule ids stand there twice: workshop_invoice.vin-vin",
    ),
    "a rule that names its table": (
        lambda d: rule_of(d, WORKSHOP, "vin-vin").update(id="workshop_invoice.vin-vin"),
        "its id must begin with vin-",
    ),
    "a rule on another table's column": (
        lambda d: arguments_of(d, WORKSHOP, "opened_on-notAfter").update(property="delivery_date"),
        "workshop_invoice.opened_on-notAfter speaks of 'delivery_date', which is no property",
    ),
    "a sum of another table's column": (
        lambda d: arguments_of(d, WORKSHOP, "total_gross-sumOf").update(properties=["total_net", "price"]),
        "workshop_invoice.total_gross-sumOf speaks of 'price'",
    ),
    "an array in the middle": (
        lambda d: of_ddc(d, WORKSHOP)["properties"].insert(5, of_ddc(d, WORKSHOP)["properties"].pop()),
        "schema 'workshop_invoice': one array is possible, as the last property",
    ),
    "two arrays": (
        lambda d: of_ddc(d, WORKSHOP)["properties"].append({**array_of(d, WORKSHOP), "name": "parts"}),
        "schema 'workshop_invoice': one array is possible",
    ),
    "an array that says more": (
        lambda d: array_of(d, WORKSHOP).update(logicalTypeOptions={"minItems": 1}),
        "property 'lines': nothing here enforces logicalTypeOptions",
    ),
    "items that say more": (
        lambda d: array_of(d, WORKSHOP)["items"].update(required=True),
        "property 'lines', items: nothing here enforces required",
    ),
    "an item that is an array": (
        lambda d: column_of(d, WORKSHOP, "description").update(logicalType="array"),
        "property 'description': nothing here checks the type 'array'",
    ),
    "an item of a column's name": (
        lambda d: column_of(d, WORKSHOP, "description").update(name="currency"),
        "schema 'workshop_invoice': currency stands there twice",
    ),
    "lines of no document": (
        lambda d: [column_of(d, WORKSHOP, f"document_{name}").update(primaryKey=False) for name in ("type", "number")],
        "schema 'workshop_invoice': its primary key must name what the lines of a document share",
    ),
    "a row without a key": (
        lambda d: column_of(d, WORKSHOP, "row_id").update(customProperties=[{"property": "delivered", "value": False}]),
        "schema 'workshop_invoice': exactly one property must be the rowKey",
    ),
    "a total of texts": (
        lambda d: arguments_of(d, WORKSHOP, "total_net-sumOfLines").update(property="description"),
        "workshop_invoice.total_net-sumOfLines: description is a string; sumOfLines asks for a number",
    ),
    "a sum with a day": (
        lambda d: arguments_of(d, WORKSHOP, "total_gross-sumOf").update(properties=["total_net", "document_date"]),
        "workshop_invoice.total_gross-sumOf: document_date is a date; sumOf asks for a number",
    ),
    "a reading below a day": (
        lambda d: arguments_of(d, WORKSHOP, "odometer_km-notBelow").update(property="opened_on"),
        "workshop_invoice.odometer_km-notBelow: opened_on is a date; notBelow asks for a number",
    ),
    "a control total that one table may spoil": (
        lambda d: column_of(d, "counter_invoice", "net_amount").update(logicalTypeOptions={"multipleOf": 0.001}),
        "trailer: net_amount needs a multipleOf of 0.01",
    ),
    "a control total of no table": (
        lambda d: server_property(d, "trailer").update(value=["record_count", "control_total:amount"]),
        "trailer speaks of 'amount', which is no property",
    ),
    "XML in another encoding": (
        lambda d: server_property(d, "encoding").update(value="iso-8859-1"),
        "encoding: XML goes as utf-8 here, not as 'iso-8859-1'",
    ),
    "XML of no namespace": (
        lambda d: server_property(d, "namespace").update(value=""),
        "namespace: an XML file needs one of its own",
    ),
    "XML whose namespace is not said": (
        lambda d: d["servers"][0]["customProperties"].remove(server_property(d, "namespace")),
        "namespace missing",
    ),
    "XML with a delimiter": (
        lambda d: d["servers"][0]["customProperties"].append({"property": "delimiter", "value": ";"}),
        "delimiter mean nothing in xml",
    ),
    "a text that XML may not carry": (
        lambda d: column_of(d, WORKSHOP, "description").pop("logicalTypeOptions"),
        "schema 'workshop_invoice': description needs a pattern, so that XML can carry it",
    ),
    "a pattern that lets control characters in": (
        lambda d: column_of(d, WORKSHOP, "description").update(logicalTypeOptions={"pattern": "^[^<>]{1,80}$"}),
        "schema 'workshop_invoice': the pattern of description lets characters in that XML cannot carry",
    ),
    "files that follow each other in some way": (
        lambda d: own(d, "contiguous").update(value="sometimes"),
        "contiguous is one of windows, span, not 'sometimes'",
    ),
    "an agreement that nobody signs": (
        lambda d: own(d, "agreements").update(value=["DATA_PROCESSING", "SERVICES"]),
        "agreements: nobody signs SERVICES here; there are DATA_PROCESSING, SERVICE",
    ),
    "a condition that is never true": (
        lambda d: arguments_of(d, "customer", "email-emptyWhen").update(equals="DELETED"),
        "customer.email-emptyWhen: movement is never 'DELETED'; it is one of CREATE, DELETE, UPDATE",
    ),
    "a condition on a flag in words": (
        lambda d: arguments_of(d, "customer", "legal_basis-requiredWhen").update(equals=True),
        "customer.legal_basis-requiredWhen: opted_in is never True; it is one of f, t",
    ),
    "a value that is never right": (
        lambda d: arguments_of(d, "vehicle_sale", "vat_scheme-equalsWhen").update(value="NORMAL"),
        "vehicle_sale.vat_scheme-equalsWhen: vat_scheme is never 'NORMAL'",
    ),
    "a sign of documents that there are not": (
        lambda d: arguments_of(d, WORKSHOP, "total_net-signFollows").update(negative=["CREDIT_NOTE"]),
        "workshop_invoice.total_net-signFollows: document_type is never 'CREDIT_NOTE'",
    ),
    "prefixes of a brand that there is not": (
        lambda d: arguments_of(d, "vehicle_sale", "vin-startsWithFor")["prefixes"].update(RE=["VF1"]),
        "vehicle_sale.vin-startsWithFor: brand is never 'RE'",
    ),
    "no prefix at all": (
        lambda d: arguments_of(d, "vehicle_sale", "vin-startsWithFor")["prefixes"].update(OP=[]),
        "vehicle_sale.vin-startsWithFor: prefixes is a list of beginnings for each value",
    ),
    "an argument too many of a rule without any": (
        lambda d: arguments_of(d, WORKSHOP, "vin-vin").update(checkDigit=True),
        "vin takes exactly no arguments, found checkDigit",
    ),
    "a pattern under a condition that is none": (
        lambda d: arguments_of(d, "customer", "postal_code-matchesWhen").update(pattern="^[0-9"),
        "customer.postal_code-matchesWhen: the pattern is none",
    ),
    "a personal item without a purpose": (
        lambda d: column_of(d, "customer", "opted_in").pop("customProperties"),
        "property 'opted_in' is personal-by-linkage: it must name its purpose and legalBasis",
    ),
}


def plain_ddc() -> dict[str, Any]:
    """Return the contract with nothing in two places at once: what YAML shares is changed in one of them only."""
    text = (CONTRACTS_DIR / f"{DDC}.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(json.dumps(yaml.safe_load(text)))
    return found


def load_from(document: dict[str, Any], folder: Path) -> Contract:
    (folder / f"{DDC}.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return load_contract(DDC, folder)


def test_what_the_defects_are_made_of_has_none(tmp_path: Path) -> None:
    assert load_from(plain_ddc(), tmp_path) == load_contract(DDC)


@pytest.mark.parametrize("defect", REFUSED)
def test_contract_of_many_tables_that_nobody_keeps_is_refused_by_name(defect: str, tmp_path: Path) -> None:
    edit, complaint = REFUSED[defect]
    document = plain_ddc()
    edit(document)
    with pytest.raises(ContractError) as refusal:
        load_from(document, tmp_path)
    assert str(refusal.value).startswith(f"{DDC}.yaml: ")
    assert complaint in str(refusal.value)


def test_a_contract_of_many_tables_says_so() -> None:
    contract = load_contract(DDC)
    assert [table.name for table in contract.tables] == [
        "customer", "workshop_invoice", "counter_invoice", "vehicle_sale",
    ]  # fmt: skip
    assert [table.id for table in contract.tables] == [f"{DDC}.{table.name}" for table in contract.tables]
    assert (contract.format, contract.namespace) == ("xml", "urn:dealer-interfaces:fcs-ddc:1")
    assert (contract.contiguous, contract.agreements) == ("windows", ("DATA_PROCESSING", "SERVICE"))
    assert (contract.period_unit, contract.own_zone, contract.zone, contract.due) == (
        "day", False, "Europe/Paris", time(6),
    )  # fmt: skip
    assert contract.remote_dir == "/inbound/ddc"
    assert contract.file_for("0042A01", date(2026, 11, 20), 1) == "DDC_0042A01_20261120_000001.xml"
    assert contract.control_total == "net_amount"
    assert {table.name for table in contract.tables if "net_amount" in table.delivered} == {
        "workshop_invoice", "counter_invoice", "vehicle_sale",
    }  # fmt: skip
    with pytest.raises(ValueError, match="too many values"):
        _ = contract.table


def test_a_document_is_what_its_lines_share() -> None:
    customer, workshop, *_ = load_contract(DDC).tables
    assert (customer.array, customer.document_key) == ("contact_preferences", ("customer_id",))
    assert customer.primary_key == ("customer_id", "party", "channel")
    assert (workshop.array, workshop.document_key) == ("lines", ("document_type", "document_number"))
    items = [field.name for field in workshop.fields if field.item]
    assert items[0] == "line_number"
    assert tuple(items) == workshop.columns[-len(items) :]
    (whole,) = (rule for rule in workshop.rules if rule.kind == "wholeDocument")
    assert (whole.id, whole.severity) == ("workshop_invoice.lines-wholeDocument", "error")


def test_a_table_alone_has_neither_documents_nor_a_name_before_its_rules() -> None:
    contract = load_contract("merkle_sar_daily")
    assert (contract.table.id, contract.table.array, contract.table.document_key) == (contract.id, None, ())
    assert [rule.id for rule in contract.rules if "." in rule.id or rule.kind == "wholeDocument"] == []
    assert (contract.format, contract.agreements, contract.contiguous) == ("csv", (), None)


def test_rules_of_many_tables_name_theirs_and_rules_of_the_file_none() -> None:
    contract = load_contract(DDC)
    for table in contract.tables:
        assert [rule.id for rule in table.row_rules if not rule.id.startswith(f"{table.name}.")] == []
    assert [rule.id for rule in contract.rules if rule not in contract.row_rules] == [
        "file-rejectedRows", "file-sameWeekdayVolume",
    ]  # fmt: skip


def test_of_an_erased_customer_nothing_is_sent_but_the_number() -> None:
    customer = load_contract(DDC).tables[0]
    gone = {
        rule.columns[0]
        for rule in customer.row_rules
        if rule.kind == "emptyWhen" and rule.arguments == {"property": "movement", "equals": "DELETE"}
    }
    # Whether it was a person or a company says nothing about a person; the view leaves it out as well.
    assert set(customer.delivered) - gone == {"customer_id", "movement", "changed_at", "customer_type"}


def test_no_birth_date_is_asked_for() -> None:
    assert [field.name for field in load_contract(DDC).fields if "birth" in field.name] == []


@pytest.mark.parametrize("text", ["<É> & 'Ÿ'", "🚗", "山田", "a" * 80, "\u00a0"])
def test_a_text_of_any_script_goes_into_xml(text: str) -> None:
    (pattern,) = {field.pattern for field in load_contract(DDC).fields if field.name in ("city", "description")}
    assert pattern is not None
    assert re.fullmatch(pattern, text)


@pytest.mark.parametrize(
    "text", ["", "a" * 81, "a\tb", "a\nb", "\x00", "\x1b", "\x7f", "\x85", "\ud800", "\ufffe", "\uffff"]
)
def test_what_xml_cannot_carry_is_no_text(text: str) -> None:
    (pattern,) = {field.pattern for field in load_contract(DDC).fields if field.name in ("city", "description")}
    assert pattern is not None
    assert not re.fullmatch(pattern, text)
