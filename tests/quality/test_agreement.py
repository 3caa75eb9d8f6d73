"""The two readers agree, rule by rule and row by row, on rows that nobody would have thought of."""

from __future__ import annotations

import ast
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from include.contract import Contract, Table, load_contract
from include.contract_vocabulary import FILE_RULES, ROW_RULES
from include.window import period_window
from tests.quality.two_readers import Broken, SampleFile, beside_broken, great_expectations_says, row_check_says
from tests.samples import Row, all_tables, dealer_of, read_sample, sample_paths

if TYPE_CHECKING:
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

each_table = pytest.mark.parametrize(
    ("contract_id", "table"), all_tables(), ids=[table.id for _, table in all_tables()]
)
QUALITY = Path(__file__).parents[2] / "include" / "quality"
CHECKS = QUALITY.parent / "checks"
# A winter day, a summer day, and the days on which summer time begins and ends.
DAYS = ["2026-01-14", "2026-07-15", "2026-03-29", "2026-10-25"]
ODD = [
    # white space, and what only looks like it
    None, "", " ", "\t", "\u00a0", "\u3000\u2003", "\x1c", "\u200b", "\x00", "a\x00b", "\n", "x\n", "\r\n", '"', ";",
    # text beyond ASCII: composed, decomposed, wide, beyond the first plane
    "é", "e\u0301", "日本語", "🚗", "\U0010ffff", "é" * 10, "🚗" * 11,
    "A" * 10, "A" * 11, "A" * 18, "A" * 20, "A" * 21, "A" * 301,
    # words of the contracts, and nearly those
    "t", "f", "T", "true", "GBP", "GBP\n", "GBP ", "INVOICE", "CREDIT_MEMO", "invoice", "TRADE", "WHOLESALE", "PHONE",
    "ABCD", "ABCDE", "abcd", "82612345", "82612345\n", "8261234\u096b", "82600000",
    "8200123456", "820012345R", "8.2E+09", "8200123456\n",
    "EUR", "DELETE", "COMPANY", "PRIVATE", "US", "EMAIL", "CUSTOMER", "NONE", "CASH", "ERASED", "LABOR", "PART", "KM",
    "MI", "VN", "VO", "MARGIN", "STANDARD", "AP", "DS", "FR", "BE", "75011", "7501", "7501\u0661", "+33639980012",
    "a@b.c",
    # numbers of companies and vehicles, and nearly those
    "73282932000074", "73282932000075", "7328293200007", "732 829 320 00074", "\uff17328293200007\uff14", "732829320",
    "35600000000048", "35600000049837", "35600000049838", "MONACOCONFO001", "MONACOCONFO00\u0661", "73282932000074\n",
    "VF3M45GZRLS123456", "VF3M45GZRLS12345O", "VF3M45GZRLS1234\u06616", "vf3m45gzrls123456", "WVWZZZ1KZAW012345",
    "1" * 17, "A" * 17, "VF3M45GZRLS123456\n",
    "1M8GDM9AXKP042788", "1m8gdm9axkp042788", "1M8GDM9AXKP042789", "1M8GDM9AXKPO42788", "1M8GDM9AX\u212aP042788",
    # numbers, and what some parser takes for one
    "0", "-0", "00", "01", "1", "+1", "1 ", " 1", "-1", "\u0661",
    "1_000", "1,5", "1e3", "0x10", "nan", "inf", "-", "--1",
    ".", ".5", "5.", "-.5", "1.0", "1.10", "0.001", "0.0049", "0.010000", "0.0000001", "1.1234567", "12.005",
    "99999", "100000", "-99999", "-100000", "100.01", "100.00", "-0.00", "-0.01",
    "999999999999999", "1000000000000000", "-999999999999999", "000000000000001", "0000000000000001", "9" * 40,
    "999999999999.999999", "-999999999999.999999", "9999999999999.9", "123456789012.01",
    # days and instants, and what some parser takes for one
    "2026-02-28", "2026-02-29", "2024-02-29", "2026-2-9", "2026-02-9 ", "0000-01-01", "0001-01-01", "9999-12-31",
    "10000-01-01", "2026-13-01", "2026-00-10", "2026-01-00", "+026-01-01", "2026-01-14\n", "2026- 1-14",
    "2026-01-14T00:00:00", "2026-01-14T00:00:00+00:00", "2026-01-14T24:00:00Z", "2026-01-14T23:59:60Z",
    "2026-01-14T12:00:00.5Z", "2026-02-30T12:00:00Z", "2026-01-14T12:00:00z", "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
]  # fmt: skip


def around(day: str) -> list[str]:
    """Return dates and instants at and next to the edges that the window of ``day`` can have."""
    found = []
    for shift in (-32, -31, -30, -1, 0, 1):
        near = (date.fromisoformat(day) + timedelta(days=shift)).isoformat()
        found.append(near)
        found += [f"{near}T{clock}Z" for clock in ("00:00:00", "12:00:00", "22:59:59", "23:00:00", "23:59:59")]
    return found


def values(day: str) -> st.SearchStrategy[str | None]:
    """Return anything that could stand in a column: chosen traps, amounts, moments, and text of any kind."""
    cents = st.integers(-300, 300).map(lambda number: f"{number / 100:.2f}")
    millionths = st.decimals(-1_000_000_000_000, 1_000_000_000_000, places=6).map(lambda number: f"{number:f}")
    anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=24)
    return st.one_of(
        st.sampled_from(ODD),
        st.sampled_from(around(day)),
        cents,
        millionths,
        st.integers(-(10**16), 10**16).map(str),
        st.integers(-5, 5).map(str),
        anything,
        st.from_regex(r"[A-Z0-9/-]{1,21}\n?", fullmatch=True),
    )


@st.composite
def files(draw: st.DrawFn, contract_id: str, table: Table) -> SampleFile:
    """Draw a file of valid documents of which some cells are overwritten, sorted as the extraction sorts."""
    contract = load_contract(contract_id)
    day = draw(st.sampled_from(DAYS))
    rows: list[Row] = []
    for document in accepted_documents(contract, table):
        for _ in range(draw(st.integers(1, 12 if table.array is None else 3))):
            rows += numbered(table, [noon(table, row, day) for row in document], len(rows))
    cells = st.tuples(st.integers(0, len(rows) - 1), st.sampled_from(table.columns), values(day))
    for place, column, value in draw(st.lists(cells, min_size=20, max_size=250)):
        rows[place][column] = value
    return file_of(contract, table, day, rows)


def accepted_documents(contract: Contract, table: Table, stem: str = "*") -> list[list[Row]]:
    """Return the documents of the accepted samples, rows of one document together; each row alone where it has none."""
    found = []
    for path in sample_paths(contract.id, "accepted", table):
        if not path.match(f"{stem}.csv"):
            continue
        rows = read_sample(path, contract, table)
        if not table.document_key:
            found += [[row] for row in rows]
            continue
        keys = table.document_key
        found += [list(group) for _, group in groupby(rows, key=lambda row: [row[name] for name in keys])]
    return found


def noon(table: Table, row: Row, day: str) -> Row:
    """A copy of the row that happened on ``day``."""
    moments = [rule.columns[0] for rule in table.rules if rule.kind == "withinWindow"]
    return {**row, **dict.fromkeys(moments, f"{day}T12:00:00Z")}


def numbered(table: Table, document: list[Row], number: int) -> list[Row]:
    """The document with row keys from ``number`` on, and a number of its own that no other one has."""
    own: Row = {name: str(number) for name in table.document_key[-1:]}
    keys = [field.name for field in table.fields if field.row_key]  # None where rows have their line in the file.
    return [row | dict.fromkeys(keys, str(number + place)) | own for place, row in enumerate(document)]


def file_of(contract: Contract, table: Table, day: str, rows: list[Row]) -> SampleFile:
    """The rows as a file of ``day`` of the samples' dealer, sorted as the extraction sorts them."""
    integers = {field.name for field in table.fields if field.logical_type == "integer"}

    def key(row: Row) -> list[Any]:
        parts: list[Any] = []
        for name in table.primary_key:
            value = row[name]
            if value is None:
                parts.append((2, 0))
            elif name in integers:
                # What PostgreSQL would refuse as an integer goes last; it is no key.
                digits = value.removeprefix("-")
                whole = digits.isascii() and digits.isdigit()
                parts.append((0, int(value)) if whole else (1, 0))
            else:
                parts.append((0, value.encode()))
        return parts

    window = period_window(contract.period_unit, date.fromisoformat(day), contract.zone)
    dealer = dealer_of(table, accepted_documents(contract, table, "normal_day")[0])
    return SampleFile(dealer, window, sorted(rows, key=key))


@pytest.fixture(scope="module")
def context() -> AbstractDataContext:
    from include.quality.reports import open_context

    return open_context()


def require_agreement(table: Table, file: SampleFile, first: Broken, second: Broken) -> None:
    """Hold the readers to each other, and what is left out beside a broken row to what is broken."""
    for rule in table.row_rules:
        if rule.kind == "wholeDocument":
            said = {name: places for name, places in first.items() if name != rule.id}
            assert first[rule.id] == beside_broken(table, file.rows, said)
            continue
        told = [file.rows[place] for place in sorted(first[rule.id] ^ second[rule.id])]
        named = [{column: row[column] for column in rule.columns} for row in told[:5]]
        assert first[rule.id] == second[rule.id], f"{rule.id}: the readers differ about {named}"


@each_table
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    # The message names the rows; shrinking would ask Great Expectations hundreds of times.
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_both_readers_find_the_same_rows_broken(
    contract_id: str, table: Table, context: AbstractDataContext, data: st.DataObject
) -> None:
    contract = load_contract(contract_id)
    drawn = data.draw(st.lists(files(contract_id, table), min_size=1, max_size=2))
    second = great_expectations_says(context, contract, drawn, table)
    for file, gx in zip(drawn, second, strict=True):
        require_agreement(table, file, row_check_says(contract, file, table), gx)


@each_table
def test_both_readers_agree_about_every_trap_in_every_column(
    contract_id: str, table: Table, context: AbstractDataContext
) -> None:
    day = "2026-03-29"  # of 23 hours; other days are drawn
    contract = load_contract(contract_id)
    rows: list[Row] = []
    # Of a document the first line: the traps of its others would be the same ones.
    for base, *_ in accepted_documents(contract, table, "normal_day"):
        for column in table.columns:
            for value in [*ODD, *around(day), *_near(base[column])]:
                rows += [row | {column: value} for row in numbered(table, [noon(table, base, day)], len(rows))]
    file = file_of(contract, table, day, rows)
    assert len(rows) > 10_000
    (second,) = great_expectations_says(context, contract, [file], table)
    first = row_check_says(contract, file, table)
    require_agreement(table, file, first, second)
    alone = {rule.id for rule in table.row_rules if rule.kind != "wholeDocument"}
    assert {rule for rule, places in first.items() if places} >= alone


def _near(value: str | None) -> list[str]:
    """Return amounts next to ``value``: within a tolerance of a penny, at its edge, and just beyond it."""
    try:
        amount = Decimal(value or "")
    except InvalidOperation:
        return []
    steps = ("0.01", "0.010001", "0.009999", "0.02", "0.005")
    return [f"{amount + sign * Decimal(step)}" for step in steps for sign in (1, -1)]


def test_both_tables_know_every_rule_of_the_vocabulary() -> None:
    from include.checks.file_rules import FILE_RULES as JUDGED_FILE_RULES
    from include.checks.rules import RULES
    from include.quality.suite import EXPECTATIONS

    # What is left out beside a broken row only the row check can know: in the file it is not there.
    assert set(RULES) == ROW_RULES - {"wholeDocument"}
    assert set(EXPECTATIONS) == ROW_RULES - {"wholeDocument"}
    assert set(JUDGED_FILE_RULES) == FILE_RULES


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        (QUALITY, {"include.checks", "include.layout", "polars"}),
        (CHECKS, {"include.quality", "pandas", "great_expectations"}),
    ],
    ids=["quality", "checks"],
)
def test_neither_reader_looks_at_the_other(folder: Path, forbidden: set[str]) -> None:
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name for name in names for other in forbidden if name == other or name.startswith(f"{other}.")}
    assert found == set()


def test_the_documentation_names_every_rule_kind() -> None:
    lines = (QUALITY.parents[1] / "docs" / "quality.md").read_text(encoding="utf-8").splitlines()
    table = [line.split("|")[1] for line in lines if line.startswith("| `")]
    named = {part.strip().strip("`") for cell in table for part in cell.split(",")}
    assert named == ROW_RULES
    (rest,) = (line for line in lines if line.startswith("Rules of files: "))
    assert all(f"`{kind}`" in rest for kind in FILE_RULES)
