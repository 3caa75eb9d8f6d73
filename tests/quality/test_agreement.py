"""The two readers agree, rule by rule and row by row, on rows that nobody would have thought of."""

from __future__ import annotations

import ast
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from include.contract import all_contract_ids, load_contract
from include.contract_vocabulary import FILE_RULES, ROW_RULES
from include.window import period_window
from tests.quality.two_readers import SampleFile, great_expectations_says, row_check_says
from tests.samples import ANY_DEALER, Row, read_sample, sample_paths

if TYPE_CHECKING:
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

QUALITY = Path(__file__).parents[2] / "include" / "quality"
CHECKS = QUALITY.parent / "checks"
# A winter day, a summer day, and the days on which summer time begins and ends.
DAYS = ["2026-01-14", "2026-07-15", "2026-03-29", "2026-10-25"]
ODD = [
    # white space, and what only looks like it
    None, "", " ", "\t", "\u00a0", "\u3000\u2003", "\x1c", "\u200b", "\x00", "a\x00b", "\n", "x\n", "\r\n", '"', ";",
    # text beyond ASCII: composed, decomposed, wide, beyond the first plane
    "é", "e\u0301", "日本語", "🚗", "\U0010ffff", "é" * 10, "🚗" * 11,
    "A" * 10, "A" * 11, "A" * 18, "A" * 20, "A" * 21,
    # words of the contracts, and nearly those
    "t", "f", "T", "true", "GBP", "GBP\n", "GBP ", "INVOICE", "CREDIT_MEMO", "invoice", "TRADE", "WHOLESALE", "PHONE",
    "ABCD", "ABCDE", "abcd", "82612345", "82612345\n", "8261234\u096b", "82600000",
    "8200123456", "820012345R", "8.2E+09", "8200123456\n",
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
def files(draw: st.DrawFn, contract_id: str) -> SampleFile:
    """Draw a file of valid rows of which some cells are overwritten, in the order in which the extraction sorts."""
    contract = load_contract(contract_id)
    day = draw(st.sampled_from(DAYS))
    accepted = [row for path in sample_paths(contract_id, "accepted") for row in read_sample(path, contract)]
    rows = [dict(row) for row in accepted for _ in range(draw(st.integers(1, 12)))]
    moments = [rule.columns[0] for rule in contract.rules if rule.kind == "withinWindow"]
    for number, row in enumerate(rows):
        row[contract.table.row_key] = str(number)
        row.update(dict.fromkeys(moments, f"{day}T12:00:00Z"))
    cells = st.tuples(st.integers(0, len(rows) - 1), st.sampled_from(contract.table.columns), values(day))
    for place, column, value in draw(st.lists(cells, min_size=20, max_size=250)):
        rows[place][column] = value
    return SampleFile(
        ANY_DEALER,
        period_window(contract.period_unit, date.fromisoformat(day), contract.zone),
        _sorted(contract_id, rows),
    )


def _sorted(contract_id: str, rows: list[Row]) -> list[Row]:
    contract = load_contract(contract_id)
    integers = {field.name for field in contract.fields if field.logical_type == "integer"}

    def key(row: Row) -> list[Any]:
        parts: list[Any] = []
        for name in contract.table.primary_key:
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

    return sorted(rows, key=key)


@pytest.fixture(scope="module")
def context() -> AbstractDataContext:
    from include.quality.reports import open_context

    return open_context()


@pytest.mark.parametrize("contract_id", all_contract_ids())
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    # The message names the rows; shrinking would ask Great Expectations hundreds of times.
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_both_readers_find_the_same_rows_broken(
    contract_id: str, context: AbstractDataContext, data: st.DataObject
) -> None:
    contract = load_contract(contract_id)
    drawn = data.draw(st.lists(files(contract_id), min_size=1, max_size=2))
    second = great_expectations_says(context, contract, drawn)
    for file, gx in zip(drawn, second, strict=True):
        first = row_check_says(contract, file)
        for rule in contract.row_rules:
            told = [file.rows[place] for place in sorted(first[rule.id] ^ gx[rule.id])]
            named = [{column: row[column] for column in rule.columns} for row in told]
            assert first[rule.id] == gx[rule.id], f"{rule.id}: the readers differ about {named}"


@pytest.mark.parametrize("contract_id", all_contract_ids())
@pytest.mark.parametrize("day", ["2026-01-14", "2026-03-29"])
def test_both_readers_agree_about_every_trap_in_every_column(
    contract_id: str, day: str, context: AbstractDataContext
) -> None:
    contract = load_contract(contract_id)
    moments = [rule.columns[0] for rule in contract.rules if rule.kind == "withinWindow"]
    (normal,) = (path for path in sample_paths(contract_id, "accepted") if path.stem == "normal_day")
    rows: list[Row] = []
    for base in read_sample(normal, contract):
        for column in contract.table.columns:
            for value in [*ODD, *around(day), *_near(base[column])]:
                row = base | dict.fromkeys(moments, f"{day}T12:00:00Z") | {contract.table.row_key: str(len(rows))}
                rows.append(row | {column: value})
    file = SampleFile(
        ANY_DEALER,
        period_window(contract.period_unit, date.fromisoformat(day), contract.zone),
        _sorted(contract_id, rows),
    )
    assert len(rows) > 10_000
    (second,) = great_expectations_says(context, contract, [file])
    first = row_check_says(contract, file)
    for rule in contract.row_rules:
        told = [file.rows[place] for place in sorted(first[rule.id] ^ second[rule.id])]
        named = [{column: row[column] for column in rule.columns} for row in told[:5]]
        assert first[rule.id] == second[rule.id], f"{rule.id}: the readers differ about {named}"
    assert {rule.id for rule in contract.row_rules} == {rule for rule, places in first.items() if places}


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

    assert set(RULES) == ROW_RULES
    assert set(EXPECTATIONS) == ROW_RULES
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
