"""The manifest beside a file: what it says, byte for byte, and what it never says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from include.agreements.authorisations import Authorisation
from include.agreements.manifests import ManifestError, manifest, manifest_name
from include.ledger import FileRow
from include.window import day_window
from tests.agreements.saying import AT, CONTRACT, DELIVERED, TODAY

WINDOW = day_window(TODAY, "Europe/Paris")
NAME = "DDC_0042A01_20261120_000001.xml"
SHA256 = "ab" * 32
IN_FILE = {"customer": 3, "invoice": 2}
FOCUS = Authorisation(
    "FOCUS",
    "Quality surveys",
    "AUTHORISED",
    datetime(2026, 9, 28, 9, 0, 0, 750_000, tzinfo=UTC),
    date(2026, 10, 1),
    None,
    None,
    {"customer": ("number", "email"), "invoice": ("vin",)},
)


def file(**changes: Any) -> FileRow:
    """A rendered file of the made-up contract, as the ledger has it."""
    told: dict[str, Any] = dict.fromkeys(FileRow.__dataclass_fields__)
    told |= {
        "id": 1, "interface": CONTRACT.id, "partner": "fcs", "dealer": "0042A01", "environment": "live",
        "window_start": WINDOW.start, "window_end": WINDOW.end, "zone": WINDOW.zone, "business_date": TODAY,
        "revision": 0, "sequence": 1, "state": "GATED", "contract_version": "1.0.0", "file_name": NAME,
        "sha256": SHA256, "created_at": AT,
    }  # fmt: skip
    return FileRow(**{**told, **changes})


def test_an_authorised_manifest_says_what_may_be_seen() -> None:
    assert (
        manifest(CONTRACT, file(), FOCUS, IN_FILE, AT).decode()
        == f"""\
<?xml version='1.0' encoding='UTF-8'?>
<application_manifest xmlns="urn:exemple">
  <application>FOCUS</application>
  <name>Quality surveys</name>
  <status>AUTHORISED</status>
  <file_name>{NAME}</file_name>
  <sha256>{SHA256}</sha256>
  <made_at>2026-11-20T20:30:00Z</made_at>
  <authorised_at>2026-09-28T09:00:00Z</authorised_at>
  <valid_from>2026-10-01</valid_from>
  <record kind="customer" documents="3">
    <field>number</field>
    <field>email</field>
  </record>
  <record kind="invoice" documents="2">
    <field>vin</field>
  </record>
</application_manifest>
"""
    )


@pytest.mark.parametrize("status", ["REVOKED", "EXPIRED", "NOT_YET"])
def test_any_other_names_no_record(status: Any) -> None:
    # Even one that somebody made with a scope.
    one = replace(FOCUS, status=status, valid_to=date(2026, 11, 1), revoked_at=AT - timedelta(hours=1))
    root = etree.fromstring(manifest(CONTRACT, file(), one, IN_FILE, AT))
    assert [etree.QName(child).localname for child in root] == [
        "application", "name", "status", "file_name", "sha256", "made_at", "authorised_at", "valid_from", "valid_to",
        "revoked_at",
    ]  # fmt: skip
    assert root.findtext("{urn:exemple}valid_to") == "2026-11-01"
    assert root.findtext("{urn:exemple}revoked_at") == "2026-11-20T19:30:00Z"


def test_a_kind_without_documents_is_counted_as_none() -> None:
    root = etree.fromstring(manifest(CONTRACT, file(), FOCUS, {"customer": 1}, AT))
    assert [dict(record.attrib) for record in root.iterfind("{urn:exemple}record")] == [
        {"kind": "customer", "documents": "1"},
        {"kind": "invoice", "documents": "0"},
    ]


def test_names_are_escaped() -> None:
    root = etree.fromstring(manifest(CONTRACT, file(), replace(FOCUS, name='Enquête <Qualité> & "Clients"'), {}, AT))
    assert root.findtext("{urn:exemple}name") == 'Enquête <Qualité> & "Clients"'


def test_a_name_that_xml_does_not_allow_is_refused() -> None:
    with pytest.raises(ManifestError, match="name of application 'FOCUS' has a character that XML does not allow"):
        manifest(CONTRACT, file(), replace(FOCUS, name="a\x00b"), {}, AT)


def test_a_file_without_bytes_has_no_manifest() -> None:
    with pytest.raises(ManifestError, match=r"file 1 \(fcs_ddc_daily, dealer 0042A01, 2026-11-20\) has no bytes yet"):
        manifest(CONTRACT, file(sha256=None), FOCUS, {}, AT)


def test_a_manifest_is_named_after_its_file() -> None:
    assert manifest_name(NAME, "CUSTOMER_FIRST") == "DDC_0042A01_20261120_000001.CUSTOMER_FIRST.manifest.xml"


@pytest.mark.parametrize("code", ["", "F", "focus", "FOCUS 2", "FOCUS\n", "../FOCUS", "FOCUS.X", "É1", "A" * 21])
def test_a_code_that_must_not_stand_in_a_file_name_is_refused(code: str) -> None:
    with pytest.raises(ManifestError, match="correct the application in the DMS"):
        manifest_name(NAME, code)


@given(
    st.dictionaries(
        st.sampled_from(["customer", "invoice", "prospect"]),
        st.lists(st.sampled_from(["number", "email", "city", "vin", "net_amount", "row_id", "birth_date"])).map(tuple),
    ),
    st.sampled_from(["AUTHORISED", "REVOKED", "EXPIRED", "NOT_YET"]),
)
def test_no_manifest_allows_more_than_the_file_has_and_the_scope_names(
    scope: dict[str, tuple[str, ...]], status: Any
) -> None:
    one = replace(FOCUS, scope=scope, status=status)
    made = manifest(CONTRACT, file(), one, IN_FILE, AT)
    assert made == manifest(CONTRACT, file(), one, IN_FILE, AT)
    records = list(etree.fromstring(made).iterfind("{urn:exemple}record"))
    allowed = {(record.get("kind"), field.text) for record in records for field in record}
    wanted = {(kind, field) for kind, fields in scope.items() for field in fields if field in DELIVERED.get(kind, ())}
    assert allowed == (wanted if status == "AUTHORISED" else set())
    assert all(len(record) for record in records)
