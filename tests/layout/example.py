"""Files of a feed that nobody has: rows of every kind and type, written as the delivery writes them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import strategies as st

from include.contract import Table, load_contract
from include.layout import Totals, control_total, xml
from include.layout.xsd import schema_of

CONTRACT = load_contract("example_feed", Path(__file__).parent)
CUSTOMER, INVOICE, STOCK = CONTRACT.tables
XMLLINT = shutil.which("xmllint")
needs_xmllint = pytest.mark.skipif(XMLLINT is None, reason="xmllint is not installed (apt: libxml2-utils)")
Row = tuple[str | None, ...]
Rows = Mapping[str, Sequence[Row]]

NOBODY: Row = ("7", "DELETE", "2026-11-20T09:00:00Z", None, None, None, None, None, None, None)
GOOD: Rows = {
    "customer": [
        ("1", "CREATE", "2026-11-20T08:00:00Z", "Lefèvre", "75011", "US", "EMAIL", "t", "2026-11-20T08:00:00Z", "v1"),
        ("1", "CREATE", "2026-11-20T08:00:00Z", "Lefèvre", "75011", "US", "SMS", "f", None, None),
        NOBODY,
    ],
    "invoice": [
        ("INVOICE", "F-1", "2026-11-20", "12000", "30.00", "1", "Huile", "2.00", "f", "20.00"),
        ("INVOICE", "F-1", "2026-11-20", "12000", "30.00", "2", None, None, None, "10.00"),
        ("CREDIT_MEMO", "F-1", "2026-11-20", None, "-30.00", "1", 'a <b> & "c"\n\td\r', "-1.50", "t", "-30.00"),
    ],
    "stock": [("1609423480", "12", None), ("ABC", "0", "t")],
}


def frame_of(table: Table, rows: Sequence[Row]) -> pl.DataFrame:
    """Return rows as the row check gives them."""
    return pl.DataFrame(list(rows), schema=dict.fromkeys(table.delivered, pl.String), orient="row")


def header(**changes: Any) -> dict[str, Any]:
    """What the header says."""
    return {
        "interface": CONTRACT.id,
        "layout_version": CONTRACT.version,
        "dealer": "0042A01",
        "siret": "00123456700012",
        "business_date": date(2026, 11, 20),
        "window_start": datetime(2026, 11, 19, 23, tzinfo=UTC),
        "window_end": datetime(2026, 11, 20, 23, tzinfo=UTC),
        "previous_window_end": None,
        "sequence": 1,
        "mark": "ORIGINAL",
        "corrects_sequence": "",
        "environment": "test",
        "created_at": datetime(2026, 11, 21, 4, tzinfo=UTC),
        **changes,
    }


def documents_of(table: Table, rows: Sequence[Row]) -> int:
    """How many documents the rows make up."""
    places = [table.delivered.index(name) for name in table.document_key]
    return len({tuple(row[place] for place in places) for row in rows}) if places else len(rows)


def section(table: Table, rows: Sequence[Row], folder: Path, pieces: int = 1) -> bytes:
    """Return the section of ``table``, its rows written in so many calls, each of whole documents."""
    path = folder / f"{table.name}.body"
    with path.open("wb", buffering=0) as sink, xml.body(CONTRACT, table, sink) as out:
        for _ in range(pieces):
            out.write(frame_of(table, rows))
    return path.read_bytes()


def write(folder: Path, rows: Rows = GOOD, **changes: Any) -> Path:
    """Write a file of ``rows`` by table; ``changes`` are to its header."""
    total, documents, count = Decimal("0.00"), {}, 0
    path = folder / "file.xml"
    with path.open("wb") as file:
        file.write(xml.opening(CONTRACT, header(**changes)))
        for table in CONTRACT.tables:
            told = rows.get(table.name, ())
            file.write(section(table, told, folder))
            total += control_total(CONTRACT, table, frame_of(table, told))
            documents[table.name] = documents_of(table, told)
            count += len(told)
        file.write(xml.closing(CONTRACT, Totals(count, total, documents)))
    return path


def schemas(folder: Path) -> Path:
    """Write the schema of the example and return its folder."""
    (folder / "example_feed.xsd").write_bytes(schema_of(CONTRACT))
    return folder


def xmllint_says(schema: Path, *files: Path) -> str:
    """Return what xmllint finds wrong with the files."""
    assert XMLLINT is not None
    done = subprocess.run(
        [XMLLINT, "--noout", "--nonet", "--schema", str(schema), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if not line.endswith(" validates")]
    assert (done.returncode == 0) == (not told)
    return "\n".join(told)


# Everything that XML can carry, and the sequences that XML treats in a way of its own.
def texts(least: int, most: int, *, below: str = "") -> st.SearchStrategy[str]:
    """Any text that the contract's patterns allow."""
    characters = st.characters(exclude_categories=["Cs"], exclude_characters=[
        *map(chr, range(9)), "\x0b", "\x0c", *map(chr, range(0xE, 0x20)), "\ufffe", "\uffff", *below,
    ])  # fmt: skip
    awkward = st.sampled_from(["]]>", "&amp;", "<item/>", "\r\n", "\t ", "  ", "<!--", "é日🚗", "\u2028", "\ufeff"])
    return (
        st.lists(st.one_of(characters, awkward), min_size=least).map("".join).filter(lambda x: least <= len(x) <= most)
    )


def maybe(values: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), values)


INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}")  # noqa: DTZ001
AMOUNTS = st.integers(-(10**9), 10**9).map(lambda cents: str(Decimal(cents).scaleb(-2)))
FLAGS = st.sampled_from(["t", "f"])


@st.composite
def any_rows(draw: st.DrawFn) -> Rows:
    """Rows of all tables that break no rule of form; documents without lines among them."""
    rows: dict[str, list[Row]] = {"customer": [], "invoice": [], "stock": []}
    controls = "\x7f" + "".join(map(chr, range(0x80, 0xA0)))
    for number in draw(st.lists(st.integers(0, 10**12 - 1), unique=True, max_size=4)):
        head = (
            str(number),
            draw(st.sampled_from(["CREATE", "UPDATE", "DELETE"])),
            draw(INSTANTS),
            draw(maybe(texts(0, 60, below=controls))),
            draw(maybe(st.from_regex(r"\A(?:[0-9]{5}|[A-Z0-9 -]{2,10})\Z"))),
        )
        keys = st.tuples(st.sampled_from(["US", "THIRD_PARTY"]), st.sampled_from(["EMAIL", "SMS"]))
        lines: list[Row] = [
            (*key, draw(FLAGS), draw(maybe(INSTANTS)), draw(maybe(texts(0, 40))))
            for key in draw(st.lists(keys, unique=True))
        ]
        rows["customer"] += [(*head, *line) for line in lines or [(None,) * 5]]
    kinds = st.tuples(st.sampled_from(["INVOICE", "CREDIT_MEMO"]), st.from_regex(r"\A[A-Z0-9./-]{1,20}\Z"))
    for kind in draw(st.lists(kinds, unique=True, max_size=4)):
        head = (
            *kind,
            str(draw(st.dates(date(2000, 1, 1), date(2040, 1, 1)))),
            draw(maybe(st.integers(0, 2_000_000).map(str))),
            draw(AMOUNTS),
        )
        rows["invoice"] += [
            (
                *head,
                str(line),
                draw(maybe(texts(1, 40))),
                draw(maybe(st.integers(-99_999, 99_999).map(str))),
                draw(maybe(FLAGS)),
                draw(AMOUNTS),
            )
            for line in range(1, draw(st.integers(1, 4)) + 1)
        ]
    for part in draw(st.lists(st.from_regex(r"\A[A-Z0-9]{1,18}\Z"), unique=True, max_size=4)):
        rows["stock"].append((part, str(draw(st.integers(-999, 999))), draw(maybe(FLAGS))))
    return rows
