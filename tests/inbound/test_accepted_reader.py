"""The second reading of what will be applied: the whole or a stated part, by Great Expectations' rules."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import fsspec
import polars as pl
import pytest

from include.inbound.accepted_reader import read_accepted
from include.inbound.check import check_file
from include.staging import Staging
from include.window import day_window
from tests.inbound.arrangement import HEADER, arrangement, table

DAY = day_window(date(2026, 3, 16), "America/Chicago")
COLUMNS = table().columns


def written(path: Path, rows: int, group: int = 100) -> Path:
    frame = pl.DataFrame(
        {"line": range(2, rows + 2), **{name: [f"{name}{row}" for row in range(rows)] for name in COLUMNS}},
        schema={"line": pl.Int64, **dict.fromkeys(COLUMNS, pl.String)},
    )
    frame.write_parquet(path, row_group_size=group)
    return path


@pytest.mark.parametrize("group", [1, 7, 100, 5000])
def test_of_many_rows_a_stated_part_is_read_with_the_first_and_the_last(group: int, tmp_path: Path) -> None:
    path = written(tmp_path / "rows.parquet", 1000, group)
    found = read_accepted(path, table(), 80)
    assert (found.problems, found.records, found.whole, found.read) == ([], 1000, False, 80)
    names = found.frame["last_name"].tolist()
    assert (names[0], names[-1], len(set(names))) == ("last_name0", "last_name999", 80)
    assert names == read_accepted(path, table(), 80).frame["last_name"].tolist()


def test_few_rows_are_read_whole_and_none_are_none(tmp_path: Path) -> None:
    assert read_accepted(written(tmp_path / "few.parquet", 80), table(), 80).read == 80
    none = read_accepted(written(tmp_path / "none.parquet", 0), table(), 80)
    assert (none.records, none.read, none.whole, none.problems) == (0, 0, True, [])


def test_rows_that_came_twice_or_in_another_order_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.parquet", 10)
    frame = pl.read_parquet(path)
    for wrong in (frame.reverse(), pl.concat([frame.head(3), frame.head(3).tail(1), frame.tail(7)])):
        wrong.write_parquet(path)
        assert "order" in read_accepted(path, table(), 80).problems[0]


def test_what_is_no_file_of_rows_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.parquet", 10)
    pl.read_parquet(path).drop("cash_purchase").write_parquet(path)
    assert read_accepted(path, table(), 80).problems == ["the accepted rows have no column cash_purchase"]
    path.write_bytes(b"half")
    assert "damaged" in read_accepted(path, table(), 80).problems[0]


def test_great_expectations_finds_in_accepted_rows_what_the_row_check_finds(tmp_path: Path) -> None:
    import pandas as pd

    from include.contract import load_contract
    from include.quality.reports import open_context
    from include.quality.rules import FILE, FILE_DEALER
    from include.quality.validation import judge_frame

    staging = Staging(fsspec.filesystem("file"), str(tmp_path))
    good = 'a,03/14/2026,"$12,000.00",240 mo,99.50,03/01/2026,,'
    path = tmp_path / "landed"
    path.write_text(f"{HEADER}\n{good}\n{good.replace('240 mo', '481')}\nb,03/15/2026,,,,,,\n")
    told = check_file(arrangement(), path, dealer="d", window=DAY, staging=staging, batch=1, arrival_id=1)
    assert (told.accepted, told.failed) == (2, {"term-maximum": 1, "sold_date-notAfter": 2})
    with staging.reader(told.accepted_name) as rows:
        found = read_accepted(rows, table(), 50)
    frame = found.frame
    frame[FILE] = 0
    frame[FILE_DEALER] = pd.Series("d", frame.index, dtype="str")
    # The contract gives a name to the suite and nothing more.
    contract = load_contract("merkle_sar_daily")
    broken = judge_frame(open_context(), contract, table(), DAY, frame).broken
    assert {rule: list(labels or ()) for rule, labels in broken.items() if labels != []} == {"sold_date-notAfter": [0]}
    frame.loc[1, "term"] = "20 years"
    broken = judge_frame(open_context(), contract, table(), DAY, frame).broken
    assert broken["term-integer"] == [1]
