"""XML as it is written: its bytes, what it refuses, and that it comes back as it went."""

from __future__ import annotations

import hashlib
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from include.archive import Archive
from include.delivered import UnreadableError, tables
from include.layout import Totals, UnencodableError, layout_of, xml
from include.layout.xml_reading import read_section, read_tables
from include.layout.xsd import schema_of
from include.ledger import FileRow
from tests.layout.example import (
    CONTRACT,
    CUSTOMER,
    GOOD,
    INVOICE,
    NOBODY,
    STOCK,
    Rows,
    any_rows,
    frame_of,
    header,
    needs_xmllint,
    schemas,
    section,
    write,
    xmllint_says,
)

SCHEMA = etree.XMLSchema(etree.fromstring(schema_of(CONTRACT)))


def test_the_layout_of_an_xml_contract_is_this_one() -> None:
    assert layout_of(CONTRACT) is xml


def test_a_section_byte_for_byte(tmp_path: Path) -> None:
    assert section(CUSTOMER, GOOD["customer"], tmp_path).decode() == (
        '<customer_records xmlns="urn:dealer-interfaces:example:1">\n'
        "<customer><customer_id>1</customer_id><movement>CREATE</movement>"
        "<changed_at>2026-11-20T08:00:00Z</changed_at><family_name>Lefèvre</family_name>"
        "<postal_code>75011</postal_code><contact_preferences>"
        '<item party="US" channel="EMAIL" opted_in="true" captured_at="2026-11-20T08:00:00Z" wording="v1"></item>'
        '<item party="US" channel="SMS" opted_in="false"></item>'
        "</contact_preferences></customer>\n"
        "<customer><customer_id>7</customer_id><movement>DELETE</movement>"
        "<changed_at>2026-11-20T09:00:00Z</changed_at></customer>\n"
        "</customer_records>\n"
    )


def test_a_table_without_lines_is_a_document_for_each_row(tmp_path: Path) -> None:
    assert section(STOCK, GOOD["stock"], tmp_path).decode() == (
        '<stock_records xmlns="urn:dealer-interfaces:example:1">\n'
        "<stock><part_number>1609423480</part_number><on_hand>12</on_hand></stock>\n"
        "<stock><part_number>ABC</part_number><on_hand>0</on_hand><obsolete>true</obsolete></stock>\n"
        "</stock_records>\n"
    )


def test_no_rows_are_a_section_all_the_same(tmp_path: Path) -> None:
    empty = b'<invoice_records xmlns="urn:dealer-interfaces:example:1">\n</invoice_records>\n'
    assert section(INVOICE, [], tmp_path, pieces=0) == section(INVOICE, [], tmp_path, pieces=2) == empty


def test_opening_and_closing_leave_out_what_is_not_there() -> None:
    opened = xml.opening(CONTRACT, header(dealer="A<&B")).decode()
    assert opened.startswith(
        '<?xml version="1.0" encoding="UTF-8"?>\n<example_feed xmlns="urn:dealer-interfaces:example:1">\n<header>'
    )
    assert "<dealer>A&lt;&amp;B</dealer>" in opened
    assert "corrects_sequence" not in opened
    assert "previous_window_end" not in opened
    assert xml.closing(CONTRACT, Totals(8, Decimal("0.00"), {"customer": 2})).decode() == (
        "<trailer><record_count>8</record_count><control_total>0.00</control_total>"
        '<records kind="customer" documents="2"/><records kind="invoice" documents="0"/></trailer>\n</example_feed>\n'
    )


def test_equal_rows_give_equal_bytes_however_they_come(tmp_path: Path) -> None:
    one = write(tmp_path).read_bytes()
    assert write(tmp_path).read_bytes() == one
    at_once = section(CUSTOMER, GOOD["customer"], tmp_path)
    with (tmp_path / "other").open("wb") as sink, xml.body(CONTRACT, CUSTOMER, sink) as out:
        out.write(frame_of(CUSTOMER, GOOD["customer"][:2]))
        out.write(frame_of(CUSTOMER, GOOD["customer"][2:]))
    assert (tmp_path / "other").read_bytes() == at_once


def test_documents_that_differ_in_one_key_are_two(tmp_path: Path) -> None:
    root = etree.fromstring(section(INVOICE, GOOD["invoice"], tmp_path))
    assert [len(document[-1]) for document in root] == [2, 1]


@pytest.mark.parametrize(("table", "column"), [(CUSTOMER, 3), (INVOICE, 6), (STOCK, 0)])
@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ufffe"])
def test_what_xml_cannot_carry_is_refused_by_column(table: Any, column: int, character: str, tmp_path: Path) -> None:
    row = list(GOOD[table.name][0])
    row[column] = f"SECRET{character}"
    with pytest.raises(UnencodableError, match=f"column {table.delivered[column]} of {table.name}") as told:
        section(table, [tuple(row)], tmp_path)
    assert "SECRET" not in str(told.value)


def test_a_header_that_xml_cannot_carry_is_refused_by_field() -> None:
    with pytest.raises(UnencodableError, match="the header's dealer holds"):
        xml.opening(CONTRACT, header(dealer="A\x00"))


def test_an_exception_of_the_writer_of_rows_comes_through(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as sink, pytest.raises(ZeroDivisionError), xml.body(CONTRACT, STOCK, sink):
        raise ZeroDivisionError


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    frame = frame_of(
        INVOICE,
        [("INVOICE", f"F{n}", "2026-11-20", "1", "1.00", "1", f"part {n}", "1.00", "f", "1.00") for n in range(2000)],
    )
    peaks = []
    for times in (1, 12):
        with (tmp_path / "x").open("wb") as sink, xml.body(CONTRACT, INVOICE, sink) as out:
            tracemalloc.start()
            for _ in range(times):
                out.write(frame)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(any_rows())
def test_any_rows_are_valid_and_come_back_as_they_went(tmp_path: Path, rows: Rows) -> None:
    path = write(tmp_path, rows)
    SCHEMA.assertValid(etree.parse(path))
    frames, trailer = read_tables(CONTRACT, path)
    assert {name: frame.rows() for name, frame in frames.items()} == {name: list(told) for name, told in rows.items()}
    assert trailer["record_count"] == str(sum(map(len, rows.values())))
    for table in CONTRACT.tables:
        assert read_section(CONTRACT, table, section(table, rows[table.name], tmp_path)).equals(frames[table.name])


@needs_xmllint
def test_xmllint_finds_the_same(tmp_path: Path) -> None:
    schema = schemas(tmp_path) / "example_feed.xsd"
    assert xmllint_says(schema, write(tmp_path)) == ""
    assert xmllint_says(schema, write(tmp_path, {})) == ""
    twice = {**GOOD, "customer": [NOBODY, *GOOD["customer"]]}
    assert "key" in xmllint_says(schema, write(tmp_path, twice))
    assert "movement" in xmllint_says(schema, write(tmp_path, {"customer": [("1", "NONE", *NOBODY[2:])]}))


def spoiled(tmp_path: Path, before: bytes, after: bytes) -> Path:
    path = write(tmp_path)
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after, 1))
    return path


LAUGHS = b"<!DOCTYPE example_feed [" + b'<!ENTITY a0 "SECRET">' + b"".join(
    b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)
) + b"]>"  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (b"<stock>", b"<part>", "no well-formed"),
        (b"</example_feed>\n", b"", "cut off"),
        (b"urn:dealer-interfaces:example:1", b"urn:other", "another namespace"),
        (b"<movement>", b"<colour>red</colour><movement>", "an element that its contract does not know"),
        (b"CREATE<", b"<b>CREATE</b><", "an element that its contract does not know"),
        (b' channel="SMS"', b' channel="SMS" colour="red"', "a line of a customer has what"),
        (b"Lef\xc3\xa8vre", b"Lef\xe8vre", "no well-formed"),
        (b"</invoice_records>", b"<stock></stock></invoice_records>", "stands outside stock_records"),
        (b"<example_feed", LAUGHS + b"<example_feed", "a document type"),
        (b"<example_feed", b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><example_feed', "a document type"),
        (b"Huile", b"&a11;", "no well-formed"),
        (b"<stock>", b"<stock>" * 100_000, "no well-formed"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, before: bytes, after: bytes, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem) as told:
        read_tables(CONTRACT, spoiled(tmp_path, before, after))
    assert "SECRET" not in str(told.value)


def filed(archive: Archive, content: bytes, **changes: Any) -> FileRow:
    """The ledger's row of a file with these bytes."""
    with archive.writer() as target:
        target.write(content)
    told: dict[str, Any] = dict.fromkeys(FileRow.__dataclass_fields__)
    told |= {"rows": 8, "control_total": Decimal("0.00"), "sha256": hashlib.sha256(content).hexdigest()}
    return FileRow(**{**told, **changes})


def test_a_delivered_file_comes_back_from_the_archive(tmp_path: Path) -> None:
    archive = Archive.at((tmp_path / "archive").as_uri())
    frames = tables(CONTRACT, filed(archive, write(tmp_path).read_bytes()), archive)
    assert {name: frame.rows() for name, frame in frames.items()} == {name: list(rows) for name, rows in GOOD.items()}


@pytest.mark.parametrize(
    ("before", "after", "changes", "problem"),
    [
        (b"", b"", {"rows": 9}, "it has 8 rows, its trailer says 8, the ledger 9"),
        (b"count>8<", b"count>9<", {}, "its trailer says 9"),
        (b"<record_count>8</record_count>", b"", {}, "its trailer says None"),
        (b"", b"", {"control_total": Decimal("0.01")}, "come to 0.00, its trailer says 0.00, the ledger 0.01"),
        (b"total>0.00<", b"total>0.01<", {}, "its trailer says 0.01"),
        (b"total>0.00<", b"total>x<", {}, "cannot be added up"),
        (b'net_amount="10.00"', b'net_amount="11.00"', {}, "come to 1.00"),
        (b"", b"", {"sha256": None}, "no bytes"),
    ],
)
def test_what_trailer_ledger_and_rows_say_must_be_the_same(
    tmp_path: Path, before: bytes, after: bytes, changes: dict[str, Any], problem: str
) -> None:
    archive = Archive.at((tmp_path / "archive").as_uri())
    file = filed(archive, spoiled(tmp_path, before, after).read_bytes(), **changes)
    with pytest.raises(UnreadableError, match=problem):
        tables(CONTRACT, file, archive)


def test_damaged_bytes_are_not_read(tmp_path: Path) -> None:
    archive = Archive.at((tmp_path / "archive").as_uri())
    file = filed(archive, write(tmp_path).read_bytes())
    (place,) = [path for path in (tmp_path / "archive").rglob("*") if path.is_file()]
    place.chmod(0o600)
    place.write_bytes(place.read_bytes().replace(b"Huile", b"Huite"))
    with pytest.raises(UnreadableError, match="its bytes are damaged"):
        tables(CONTRACT, file, archive)
