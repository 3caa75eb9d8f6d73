"""The XML Schema of a contract: what is committed is what the contract gives, and it means what the contract means."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from include.agreements.authorisations import Authorisation
from include.agreements.manifests import manifest
from include.contract import Contract, Table, all_contract_ids, load_contract
from include.layout.xsd import SCHEMAS, main, schema_of
from include.layout.xsd_pattern import PatternError, in_xml_schema
from include.ledger import FileRow
from tests.layout.example import CONTRACT, CUSTOMER, GOOD, INVOICE, NOBODY, needs_xmllint, schemas, write, xmllint_says

XML_CONTRACTS = [name for name in all_contract_ids() if load_contract(name).format == "xml"]
SCHEMA = etree.XMLSchema(etree.fromstring(schema_of(CONTRACT)))


def test_every_contract_of_xml_has_its_schema_and_no_other_is_there() -> None:
    assert XML_CONTRACTS
    assert sorted(path.stem for path in SCHEMAS.glob("*.xsd")) == XML_CONTRACTS


@pytest.mark.parametrize("name", XML_CONTRACTS)
def test_the_schema_is_what_the_contract_gives(name: str) -> None:
    made = schema_of(load_contract(name))
    assert (SCHEMAS / f"{name}.xsd").read_bytes() == made, "write it anew with make xsd"
    etree.XMLSchema(etree.fromstring(made))
    assert main([name, "--check"]) == 0


def test_a_schema_that_is_not_up_to_date_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("include.layout.xsd.SCHEMAS", tmp_path)
    name = XML_CONTRACTS[0]
    assert main([name, "--check"]) == 1
    assert main([name]) == 0
    assert main([name, "--check"]) == 0
    (tmp_path / f"{name}.xsd").write_bytes(b"<x/>")
    assert main([name, "--check"]) == 1
    assert "make xsd" in capsys.readouterr().err


def test_a_contract_of_another_format_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["merkle_sar_daily"])
    assert "merkle_sar_daily goes as csv" in capsys.readouterr().err


def says(folder: Path, rows: Any = GOOD, **header: Any) -> str:
    """What the schema says of a file."""
    SCHEMA.validate(etree.parse(write(folder, rows, **header)))
    log: Any = SCHEMA.error_log
    return "\n".join(f"{entry.type_name} {entry.message}" for entry in log)


CUSTOMERS, INVOICES = GOOD["customer"], GOOD["invoice"]


def changed(table: Table, rows: Any, **columns: str | None) -> dict[str, Any]:
    """The good rows with other values in the first row of one table."""
    first = list(rows[0])
    for name, value in columns.items():
        first[table.delivered.index(name)] = value
    return {**GOOD, table.name: [tuple(first), *rows[1:]]}


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (changed(CUSTOMER, [NOBODY], customer_id="A1"), "PATTERN_VALID"),
        (changed(CUSTOMER, [NOBODY], movement="ERASE"), "ENUMERATION_VALID"),
        (changed(CUSTOMER, [NOBODY], movement=None), "ELEMENT_CONTENT"),
        (changed(CUSTOMER, [NOBODY], changed_at="2026-11-20T09:00:00"), "PATTERN_VALID"),
        (changed(CUSTOMER, [NOBODY], changed_at="2026-13-20T09:00:00Z"), "DATATYPE_VALID"),
        (changed(CUSTOMER, [NOBODY], family_name="x" * 61), "MAXLENGTH_VALID"),
        (changed(CUSTOMER, [NOBODY], postal_code="7501"), ""),
        (changed(CUSTOMER, [NOBODY], postal_code="é"), "PATTERN_VALID"),
        (changed(CUSTOMER, CUSTOMERS, channel="FAX"), "ENUMERATION_VALID"),
        (changed(CUSTOMER, CUSTOMERS, opted_in=None), "COMPLEX_TYPE_4"),
        (changed(CUSTOMER, CUSTOMERS, opted_in="1"), "PATTERN_VALID"),
        (changed(CUSTOMER, CUSTOMERS, channel="SMS"), "CVC_IDC"),
        ({"customer": [NOBODY, ("1", *NOBODY[1:]), NOBODY]}, "CVC_IDC"),
        (changed(INVOICE, INVOICES[2:], odometer_km="2000001"), "MAXINCLUSIVE_VALID"),
        (changed(INVOICE, INVOICES[2:], odometer_km="-1"), "MININCLUSIVE_VALID"),
        (changed(INVOICE, INVOICES[2:], odometer_km="1.5"), "DATATYPE_VALID"),
        (changed(INVOICE, INVOICES[2:], quantity="0.001"), "FRACTIONDIGITS_VALID"),
        (changed(INVOICE, INVOICES[2:], document_date="2026-11-20Z"), "PATTERN_VALID"),
        ({**GOOD, "invoice": [*INVOICES[:2], ("CREDIT_MEMO", *INVOICES[0][1:])]}, ""),
        ({**GOOD, "invoice": [INVOICES[0], INVOICES[2], INVOICES[1]]}, "CVC_IDC"),
    ],
)
def test_the_schema_holds_rows_to_the_contract(tmp_path: Path, rows: Any, problem: str) -> None:
    told = says(tmp_path, rows)
    assert problem in told
    assert bool(problem) == bool(told)


@pytest.mark.parametrize(
    ("header", "valid"),
    [
        ({}, True),
        (
            {
                "previous_window_end": datetime(2026, 11, 19, 23, tzinfo=UTC),
                "mark": "CORRECTION",
                "corrects_sequence": 4,
            },
            True,
        ),
        ({"siret": "123456700012"}, False),
        ({"siret": None}, False),
        ({"mark": "COPY"}, False),
        ({"sequence": 0}, False),
    ],
)
def test_the_schema_holds_the_header_to_what_it_is(tmp_path: Path, header: dict[str, Any], valid: bool) -> None:
    assert (says(tmp_path, **header) == "") is valid


@pytest.mark.parametrize("status", ["AUTHORISED", "REVOKED", "EXPIRED", "NOT_YET"])
@needs_xmllint
def test_manifests_are_valid(tmp_path: Path, status: Any) -> None:
    path = tmp_path / "manifest.xml"
    path.write_bytes(manifest_of(CONTRACT, status))
    assert xmllint_says(schemas(tmp_path) / "example_feed.xsd", path) == ""


@pytest.mark.parametrize("status", ["AUTHORISED", "REVOKED", "EXPIRED", "NOT_YET"])
def test_manifests_are_what_the_schema_says(status: Any) -> None:
    made = manifest_of(CONTRACT, status)
    SCHEMA.assertValid(etree.fromstring(made))
    for wrong in (made.replace(status.encode(), b"MAYBE"), made.replace(b"FOCUS", b"focus")):
        assert not SCHEMA.validate(etree.fromstring(wrong))


def manifest_of(contract: Contract, status: Any) -> bytes:
    told: dict[str, Any] = dict.fromkeys(FileRow.__dataclass_fields__)
    file = replace(FileRow(**told), file_name="EX_0042A01_20261120_000001.xml", sha256="ab" * 32)
    at = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
    scope = {"customer": ("customer_id", "channel"), "invoice": ("document_number",)}
    day, revoked = date(2026, 10, 1), None if status == "AUTHORISED" else at
    one = Authorisation("FOCUS", "Quality surveys", status, at, day, revoked and date(2026, 11, 1), revoked, scope)
    return manifest(contract, file, one, {"customer": 2, "invoice": 1}, at)


PATTERNS = [
    r"^[0-9]{1,12}$",
    r"^\+[1-9][0-9]{6,14}$",
    r"[^\x00-\x1f\x7f]{1,60}",
    r"^[A-Z0-9./-]{1,20}$",
    r"^(?:a|b\.c|\$\^)*$",
    r"\S(.*\S)?",
    r"[\x00-\x1fa]+",
    r"[]a^-]+",
    r"[\s0-9\]]{2}",
    r"a\|b|\x41+\u00e9?",
    r"[Z-\]a\[-\^]+",
    r"[+--]+",
    r"[^+-.]+",
    r"\-?[0-9]+\.\S",
]


@given(st.data())
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_the_same_in_xml_schema(pattern: str, data: st.DataObject) -> None:
    schema = schema_with(pattern)
    plain = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    text = data.draw(
        st.one_of(
            st.from_regex(rf"\A(?:{pattern})\Z"),
            st.text(plain, max_size=6),
            st.text("aAbB.c$^|-]\t\n 0é+", max_size=6),
        )
    )
    value = etree.Element("value")
    try:
        value.text = text
    except ValueError:
        return  # XML cannot carry it, so that no pattern is asked.
    expected = re.compile(rf"(?:{pattern})\Z").match(text) is not None
    assert schema.validate(value) is expected


def schema_with(pattern: str) -> etree.XMLSchema:
    root = etree.fromstring(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="value"><xs:simpleType>'
        '<xs:restriction base="xs:string"><xs:pattern/></xs:restriction></xs:simpleType></xs:element></xs:schema>'
    )
    next(root.iter("{*}pattern")).set("value", in_xml_schema(pattern))
    return etree.XMLSchema(root)


@pytest.mark.parametrize(
    "pattern",
    [
        "a$b",
        "^a|b$",
        r"\w+",
        r"\d",
        r"[\d]",
        r"\D",
        r"\bx",
        "a*?",
        "a{2}+",
        "(?i)a",
        "(?=a)",
        "[[a]",
        r"\x1f",
        r"[\S]",
        r"\u12",
        "[^\\S]",
    ],
)
def test_what_xml_schema_cannot_say_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        in_xml_schema(pattern)


def test_a_contract_whose_pattern_cannot_be_said_is_refused_by_column() -> None:
    rule = next(rule for rule in CUSTOMER.rules if rule.kind == "pattern")
    table = replace(CUSTOMER, rules=(replace(rule, arguments={"value": r"\w+"}),))
    with pytest.raises(PatternError, match="schema 'customer', customer_id: "):
        schema_of(replace(CONTRACT, tables=(table,)))


def test_steps_that_are_no_decimals_are_refused() -> None:
    rule = next(rule for rule in INVOICE.rules if rule.kind == "multipleOf")
    table = replace(INVOICE, rules=(replace(rule, arguments={"value": 0.05}),))
    with pytest.raises(PatternError, match=r"no multiples of 0\.05"):
        schema_of(replace(CONTRACT, tables=(table,)))
