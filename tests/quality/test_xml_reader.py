"""An XML file is read back from its bytes: its form from all of them, its rows from all or from a stated part."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from include.quality.xml_reader import MOST_PROBLEMS, XmlText, read_xml
from tests.layout.example import CONTRACT, GOOD, NOBODY, Row, Rows, any_rows, schemas, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the schema is."""
    return schemas(tmp_path_factory.mktemp("schemas"))


def rows_of(found: XmlText) -> dict[str, list[Row]]:
    """What was read, as it was written."""
    frames = {table.name: found.rows(table) for table in CONTRACT.tables}
    return {
        name: [tuple(row) for row in frame.astype(object).where(frame.notna(), None).itertuples(index=False)]
        for name, frame in frames.items()
    }


def test_a_file_reads_as_it_was_written(tmp_path: Path, folder: Path) -> None:
    found = read_xml(write(tmp_path), CONTRACT, 100, folder)
    assert found.problems == []
    assert rows_of(found) == {name: list(rows) for name, rows in GOOD.items()}
    assert (found.records, found.read, found.whole) == (8, 8, True)
    assert found.documents == {"customer": 2, "invoice": 2, "stock": 2}
    assert found.trailer == {
        "record_count": "8",
        "control_total": "0.00",
        "documents:customer": "2",
        "documents:invoice": "2",
    }
    assert found.header["dealer"] == "0042A01"
    assert tuple(found.header) == CONTRACT.header
    # Absent, so that a header that should have it can be told.
    assert (found.header["corrects_sequence"], found.header["previous_window_end"]) == ("", "")
    assert all(str(kind) == "str" for table in CONTRACT.tables for kind in found.rows(table).dtypes)


def test_rows_are_taken_once(tmp_path: Path, folder: Path) -> None:
    found = read_xml(write(tmp_path), CONTRACT, 100, folder)
    (customer, *_) = CONTRACT.tables
    assert len(found.take(customer)) == 3
    assert len(found.take(customer)) == 0
    assert tuple(found.rows(customer).columns) == customer.delivered
    assert found.read == 5


def test_an_empty_file_has_a_form_and_no_rows(tmp_path: Path, folder: Path) -> None:
    found = read_xml(write(tmp_path, {}), CONTRACT, 100, folder)
    assert (found.problems, found.records, found.read, found.whole) == ([], 0, 0, True)
    for table in CONTRACT.tables:
        assert tuple(found.rows(table).columns) == table.delivered
        assert all(str(kind) == "str" for kind in found.rows(table).dtypes)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(any_rows())
def test_any_rows_read_as_they_were_written(tmp_path: Path, folder: Path, rows: Rows) -> None:
    found = read_xml(write(tmp_path, rows), CONTRACT, 1000, folder)
    assert found.problems == []
    assert rows_of(found) == {name: list(told) for name, told in rows.items()}
    assert found.records == sum(map(len, rows.values()))


def put(before: bytes, after: bytes) -> Callable[[bytes], bytes]:
    """Replace the first ``before``, which must be there."""

    def change(content: bytes) -> bytes:
        assert before in content
        return content.replace(before, after, 1)

    return change


def without(begin: bytes, end: bytes) -> Callable[[bytes], bytes]:
    """Take out what stands from ``begin`` to before ``end``."""

    def change(content: bytes) -> bytes:
        return content[: content.index(begin)] + content[content.index(end) :]

    return change


def spoiled(tmp_path: Path, folder: Path, spoil: Callable[[bytes], bytes], rows: Rows = GOOD) -> XmlText:
    path = write(tmp_path, rows)
    path.write_bytes(spoil(path.read_bytes()))
    return read_xml(path, CONTRACT, 100, folder)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda _: b"", "does not begin as XML 1.0 in UTF-8"),
        (lambda content: b"\xef\xbb\xbf" + content, "does not begin as XML 1.0 in UTF-8"),
        (lambda content: content.decode().encode("utf-16"), "does not begin as XML 1.0 in UTF-8"),
        (put(b"UTF-8", b"ISO-8859-1"), "does not begin as XML 1.0 in UTF-8"),
        (put(b"Lef\xc3\xa8vre", b"Lef\xe8vre"), "line 5: not well-formed XML: bytes are no UTF-8 text"),
        (put(b"<stock>", b"<part>"), "not well-formed XML: a start tag and an end tag are not the same"),
        (put(b"Huile", b"Hu\x01ile"), "not well-formed XML: a character is none that XML allows"),
        (put(b"Huile", b"&nope;"), "not well-formed XML: undeclared entity"),
        (lambda content: content[: len(content) // 2], "not well-formed XML"),
        (put(b"</example_feed>\n", b""), "not well-formed XML: the file is cut off"),
        (lambda content: content + b"<x/>", "not well-formed XML: something follows the end"),
        (put(b"urn:dealer-interfaces:example:1", b"urn:other"), "another namespace than the contract's example_feed"),
        (lambda content: content.replace(b"example_feed", b"other_feed"), "another root element than the contract's"),
        (put(b'invoice_records xmlns="urn:dealer', b'invoice_records xmlns="urn:other'), "not in order"),
        (put(b"<header>", b"<header><colour>red</colour>"), "elements are missing, too many, or not in order"),
        (put(b"<siret>00123456700012</siret>", b""), "elements are missing, too many, or not in order"),
        (put(b"00123456700012", b"123456700012"), "a value has not the form that its column has"),
        (put(b"<movement>CREATE</movement>", b""), "line 5: not valid by the schema: elements are missing"),
        (put(b"<movement>CREATE", b"<movement>MADE"), "line 5: not valid by the schema: a value is none"),
        (put(b'channel="SMS"', b'channel="EMAIL"'), "a key stands there twice, or is not complete"),
        (put(b'channel="SMS"', b'channel="FAX"'), "a value is none of those listed (channel)"),
        (put(b'channel="SMS"', b'colour="red"'), "an attribute is none of the schema's"),
        (put(b' opted_in="false"', b""), "an attribute is missing"),
        (put(b'opted_in="false"', b'opted_in="0"'), "a value has not the form that its column has (opted_in)"),
        (put(b'net_amount="10.00"', b'net_amount="ten"'), "a value is not of its type (net_amount)"),
        (put(b'net_amount="10.00"', b'net_amount="10.001"'), "a number has too many decimals (net_amount)"),
        (put(b"<odometer_km>12000", b"<odometer_km>12000000"), "a number is too large (odometer_km)"),
        (put(b"</invoice_records>", b"<stock></stock></invoice_records>"), "1 elements stand in a section that is not"),
        (put(b"<trailer>", b"<stock></stock><trailer>"), "not in order"),
        (put(b"</item></lines>", b"</item><invoice></invoice></lines>"), "not in order"),
        (put(b"<stock><part_number>ABC", b"<other/><stock><part_number>ABC"), "1 elements stand in a section"),
        (put(b"</stock_records>", b"<other/></stock_records>"), "1 elements stand in a section"),
        (put(b"</invoice>\n", b"</invoice>words\n"), "there is text between documents"),
        (put(b'example:1">\n<customer>', b'example:1">\nwords<customer>'), "not valid by the schema"),
        (without(b"<stock_records", b"<trailer"), "not in order"),
        (without(b"<header>", b"<customer_records"), "there is no header"),
        (without(b"<trailer>", b"</example_feed"), "there is no trailer"),
        (put(b'mer" documents="2"', b'mer" documents="3"'), "2 documents of customer in the file, the trailer says 3"),
        (put(b'mer" documents="2"', b'mer" documents="x"'), "of customer in the file, the trailer says no number"),
        (put(b'<records kind="customer" documents="2"/>', b""), "the trailer says no number"),
    ],
)  # fmt: skip
def test_a_spoiled_form_is_a_problem(
    tmp_path: Path, folder: Path, spoil: Callable[[bytes], bytes], problem: str
) -> None:
    problems = spoiled(tmp_path, folder, spoil).problems
    assert any(problem in told for told in problems), problems


def test_problems_never_quote_a_row(tmp_path: Path, folder: Path) -> None:
    canary = ("1", "CREATE", "2026-11-20T08:00:00Z", "CANARY", *NOBODY[4:])
    for before, after in (
        (b"CANARY", b"CANARY" * 11),
        (b"CANARY", b"CAN\xffARY"),
        (b"CANARY", b"CANARY</family_name><CANARY>"),
        (b"<family_name>CANARY</family_name>", b"<CANARY/>"),
        (b"<movement>CREATE", b"<movement>CANARY"),
        (b"CANARY", b"&CANARY;"),
        (b"<customer_id>1", b"<customer_id>CANARY"),
        (b'kind="customer" documents="1"', b'kind="CANARY" documents="CANARY"'),
        (b"</movement>", b"</CANARY>"),
    ):
        problems = spoiled(tmp_path, folder, put(before, after), {"customer": [canary]}).problems
        assert problems
        assert "CANARY" not in " ".join(problems)


def test_many_problems_are_counted_and_not_listed(tmp_path: Path, folder: Path) -> None:
    many = {"customer": [(f"{n}", "NONE", *NOBODY[2:]) for n in range(MOST_PROBLEMS + 7)]}
    problems = read_xml(write(tmp_path, many), CONTRACT, 100, folder).problems
    assert len(problems) == MOST_PROBLEMS + 1
    assert problems[-1] == "7 more places are not valid by the schema"


def test_a_schema_that_is_missing_or_old_is_said_and_nothing_read(tmp_path: Path, folder: Path) -> None:
    path = write(tmp_path)
    found = read_xml(path, CONTRACT, 100, tmp_path / "nowhere")
    assert found.problems == ["there is no schema example_feed.xsd to hold the file to; write it with make xsd"]
    assert found.read == found.records == 0
    newer = replace(CONTRACT, version="9.0.0")
    assert "is of another version than the contract" in read_xml(path, newer, 100, folder).problems[0]


# A tenth of an inch of XML that would become gigabytes, or somebody else's file.
LAUGHS = b"<!DOCTYPE example_feed [" + b'<!ENTITY a0 "CANARY">' + b"".join(
    b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)
) + b"]>"  # fmt: skip
ROOT = b"<example_feed xmlns"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda c: c.replace(ROOT, LAUGHS + ROOT).replace(b"Huile", b"&a11;"), "it has a document type"),
        (lambda c: c.replace(ROOT, b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>' + ROOT)
         .replace(b"Huile", b"&f;"), "it has a document type"),
        (lambda c: c.replace(ROOT, b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + ROOT), "it has a document type"),
        (lambda c: c.replace(ROOT, b" " * (1 << 17) + LAUGHS + ROOT), "no element example_feed within its first"),
        (lambda c: c.replace(ROOT, b"<!--" + b"x" * (1 << 17) + b"-->" + LAUGHS + ROOT), "no element example_feed"),
        (lambda c: c.replace(b"<stock>", b"<stock>" * 1_000_000, 1), "deeper or larger than a reader has to stand"),
        (lambda c: c.replace(b"</stock_records>", b"<x/>" * 40_000_000 + b"</stock_records>"), "without the end of"),
        (lambda c: c.replace(b"Huile", b"x" * 60_000_000), "without the end of a document"),
        (lambda c: c.replace(b"</header>", b"<x/>" * 40_000_000 + b"</header>"), "without the end of a document"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_refused_in_little_memory(
    tmp_path: Path, folder: Path, spoil: Callable[[bytes], bytes], problem: str
) -> None:
    path = write(tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    told, megabytes = read_elsewhere(path, folder, 100)
    assert problem in told
    assert "CANARY" not in told
    assert megabytes < 400


READING = """
import resource, sys
from pathlib import Path
from include.quality.xml_reader import read_xml
from tests.layout.example import CONTRACT
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = read_xml(Path(sys.argv[1]), CONTRACT, int(sys.argv[3]), Path(sys.argv[2]))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) >> 10, found.records, found.read, *found.problems, sep=chr(10))
"""


def read_elsewhere(path: Path, folder: Path, most_rows: int) -> tuple[str, int]:
    """Read in a process of its own; return what it says and by how many megabytes that process grew."""
    done = subprocess.run(
        [sys.executable, "-c", READING, str(path), str(folder), str(most_rows)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    megabytes, _, told = done.stdout.partition("\n")
    return told, int(megabytes)


def many(invoices: int, lines: int = 3) -> Rows:
    """Invoices with so many lines each, and one customer who needs a section of its own."""
    good = GOOD["invoice"][0]
    return {
        "customer": [NOBODY],
        "invoice": [
            ("INVOICE", f"F{invoice:07}", *good[2:5], str(line), f"Pièce {invoice}.{line}", *good[7:])
            for invoice in range(invoices)
            for line in range(1, lines + 1)
        ],
    }


@pytest.mark.parametrize("most_rows", [1, 8, 50, 400, 1499, 1500, 1501, 3001])
def test_a_part_of_a_file_is_whole_documents_from_everywhere(tmp_path: Path, folder: Path, most_rows: int) -> None:
    rows = many(500)
    path = write(tmp_path, rows)
    found = read_xml(path, CONTRACT, most_rows, folder)
    assert found.problems == []
    assert (found.records, found.documents["invoice"]) == (1501, 500)
    assert found.whole is (most_rows >= 1501)
    read = rows_of(found)
    assert read["customer"] == [NOBODY]
    numbers = list(dict.fromkeys(int(str(row[1])[1:]) for row in read["invoice"]))
    assert read["invoice"] == [row for row in rows["invoice"] if int(str(row[1])[1:]) in numbers]
    assert (numbers[0], numbers[-1]) == (0, 499)
    step = numbers[1] - numbers[0]
    assert all(number % step == 0 for number in numbers[:-1])
    if not found.whole:
        # The first and the last documents may come on top; fewer than half of what may be read would be too few.
        assert len(read["invoice"]) <= max(most_rows, 3) + 3
        assert most_rows < 12 or len(read["invoice"]) >= most_rows // 2 - 3
    assert rows_of(read_xml(path, CONTRACT, most_rows, folder)) == read


def test_every_document_is_held_to_the_schema_whether_it_is_read_or_not(tmp_path: Path, folder: Path) -> None:
    path = write(tmp_path, many(300))
    path.write_bytes(path.read_bytes().replace(b'description="Pi\xc3\xa8ce 151.2"', b'description=""'))
    found = read_xml(path, CONTRACT, 8, folder)
    assert found.read < 20
    assert len(found.problems) == 1
    assert "a value has not the form that its column has (description)" in found.problems[0]


def test_memory_does_not_grow_with_the_file(tmp_path: Path, folder: Path) -> None:
    grown = []
    for invoices in (2_000, 40_000):
        told, megabytes = read_elsewhere(write(tmp_path, many(invoices)), folder, 500)
        assert told.splitlines()[0] == str(3 * invoices + 1)
        grown.append(megabytes)
    assert grown[1] <= grown[0] + 12
