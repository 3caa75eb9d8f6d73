"""A file is read back from its bytes: its form from all of them, its rows from all or from a stated part."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from include.contract import Contract
from include.quality.reader import STRETCHES, FileText, read_file
from tests.quality.conftest import Renderer, numbered
from tests.samples import Row


def read(renderer: Renderer, rows: list[Row], most_rows: int = 100_000) -> FileText:
    return read_file(Path(renderer.file(rows).path), renderer.contract, most_rows)


def spoiled(renderer: Renderer, rows: list[Row], spoil: Callable[[bytes], bytes]) -> list[str]:
    return read_file(Path(renderer.file(rows, spoil=spoil).path), renderer.contract, 100_000).problems


def test_a_file_reads_as_it_was_written(renderer: Renderer, contract: Contract, good: Row) -> None:
    rows = numbered(good, 3, part_family_code=None, order_source=None)
    rows[1]["part_family_code"] = 'a;"b"\nc'
    rows[2]["part_family_code"] = "é日🚗"
    found = read(renderer, rows)
    assert found.problems == []
    assert (found.records, found.whole) == (3, True)
    assert found.header["dealer"] == "82612345"
    assert found.trailer == {"record_count": "3", "control_total": "67.50"}
    assert found.frame.astype(object).where(found.frame.notna(), None).to_dict("records") == [
        {name: row[name] for name in contract.table.delivered} for row in rows
    ]


def test_an_empty_file_has_a_form_and_no_rows(renderer: Renderer, contract: Contract) -> None:
    found = read(renderer, [])
    assert (found.problems, found.records, len(found.frame)) == ([], 0, 0)
    assert tuple(found.frame.columns) == contract.table.delivered


def last_line_gone(content: bytes) -> bytes:
    return b"\n".join(content.split(b"\n")[:-2]) + b"\n"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda _: b"", "no header record"),
        (lambda content: content.split(b"\n", 1)[1], "no header record"),
        (last_line_gone, "no trailer record"),
        (lambda content: content[:-1], "does not end with a line end"),
        (lambda content: content[: len(content) // 2], "no trailer record"),
        (lambda content: content.replace(b"GBP", b"G\xffP", 1), "no utf-8 text"),
        (lambda content: content + b"\xc3", "no trailer record"),
        (lambda content: content.replace(b"GBP", b"GB;P", 1), "1 detail records have not 20 values"),
        (lambda content: content.replace(b"\nD;", b"\nX;", 1), "1 records between header and trailer"),
        (lambda content: content.replace(b"\nD;", b"\n\nD;", 1), "1 records between header and trailer"),
        (lambda content: content.replace(b"FILTERS", b'"FILTERS', 1), "a quoted value is never closed"),
        (lambda content: content.replace(b"\n", b"\r\n"), "line ends are not all"),
        (lambda content: content.replace(b"\n", b"\r\n", 1), "line ends are not all"),
        (lambda content: b"H;merkle_sar_daily\n" + content.split(b"\n", 1)[1], "the header record has 1 values"),
        (lambda content: content.replace(b"\nT;", b"\nT;1;"), "the trailer record has 3 values"),
    ],
)
def test_a_spoiled_form_is_a_problem(
    renderer: Renderer, good: Row, spoil: Callable[[bytes], bytes], problem: str
) -> None:
    assert any(problem in told for told in spoiled(renderer, numbered(good, 3), spoil))


def test_problems_never_quote_a_row(renderer: Renderer, good: Row) -> None:
    rows = numbered(good, 3, trade_account_number="CANARY")
    for spoil in (
        lambda content: content.replace(b"CANARY", b"CANARY;X", 1),
        lambda content: content.replace(b"CANARY", b'CAN"ARY', 1),
        lambda content: content.replace(b"CANARY", b"CANARY\xff", 1),
    ):
        problems = spoiled(renderer, rows, spoil)
        assert problems
        assert "CANARY" not in " ".join(problems)


# Long quoted values full of what looks like the end of a record and the start of the next one.
PLAIN = ["FILTERS", None]
QUOTED = ["a\nD;b" * 40, '"\n' * 90, "FILTERS", 'a"b', None]


@pytest.mark.parametrize("values", [PLAIN, QUOTED], ids=["plain", "quoted"])
def test_a_part_of_a_file_is_whole_records_from_everywhere(
    renderer: Renderer, good: Row, values: list[str | None]
) -> None:
    rows = numbered(good, 5000)
    for number, row in enumerate(rows):
        row["part_family_code"] = values[number % len(values)]
    found = read(renderer, rows, most_rows=400)
    lines = found.frame["line_number"].astype(int).to_list()
    assert found.problems == []
    assert (found.records, found.whole) == (5000, False)
    assert 350 <= len(lines) <= 450
    assert lines == sorted(set(lines))
    assert (lines[0], lines[-1]) == (1, 5000)
    jumps = [after - before for before, after in pairwise(lines) if after - before > 1]
    assert len(jumps) == STRETCHES - 1
    assert max(jumps) < 2 * min(jumps)
    read_again = read_file(renderer.folder / "1.csv", renderer.contract, 400)
    assert read_again.frame.equals(found.frame)
    told = {row["line_number"]: row["part_family_code"] for row in rows}
    again = found.frame.astype(object).where(found.frame.notna(), None)
    assert dict(zip(again["line_number"], again["part_family_code"], strict=True)) == {
        str(line): told[str(line)] for line in lines
    }


@pytest.mark.parametrize("longest", [1, 30_000])
@pytest.mark.parametrize("most_rows", [8, 100, 900, 999, 1000])
def test_no_row_is_read_twice_however_much_is_read(renderer: Renderer, good: Row, most_rows: int, longest: int) -> None:
    rows = numbered(good, 1000)
    for row in rows[::40]:
        row["part_family_code"] = "x" * longest
    found = read(renderer, rows, most_rows)
    lines = found.frame["line_number"].astype(int).to_list()
    assert lines == sorted(set(lines))
    assert {1, 1000} <= set(lines)
    assert found.whole is (most_rows == 1000)


def test_values_longer_than_what_is_read_at_a_time_are_no_obstacle(renderer: Renderer, good: Row) -> None:
    rows = numbered(good, 60)
    for number, row in enumerate(rows):
        row["part_family_code"] = "a\nD;b" * (14_000 + 300 * (number % 13))
    file = renderer.file(rows)
    for most_rows in range(8, 56, 2):
        found = read_file(Path(file.path), renderer.contract, most_rows)
        lines = found.frame["line_number"].astype(int).to_list()
        assert found.problems == []
        assert lines == sorted(set(lines))


def test_what_is_wrong_outside_the_part_that_is_read_is_found_if_it_is_form(renderer: Renderer, good: Row) -> None:
    def spoil(content: bytes) -> bytes:
        lines = content.split(b"\n")
        lines[2500] = lines[2500].replace(b"GBP", b"G\xe9P")
        return b"\n".join(lines)

    file = renderer.file(numbered(good, 5000), spoil=spoil)
    found = read_file(Path(file.path), renderer.contract, most_rows=16)
    assert len(found.frame) < 40
    assert any("no utf-8 text" in problem for problem in found.problems)
