"""What one task leaves, the next finds whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import stat
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from include import snapshot
from include.contract import load_contract
from include.layout import Totals, control_total, delimited, layout_of
from include.staging import Staging, StagingError

CONTRACT = load_contract("merkle_sar_daily")
# What a text column may hold; COPY and the file both carry it as UTF-8.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@pytest.fixture(params=["local", "object store"])
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> Staging:
    if request.param == "local":
        return Staging(LocalFileSystem(), str(tmp_path / "staging"))
    return Staging(MemoryFileSystem(), f"/staging-{tmp_path.name}")


def test_staged_file_is_read_back(staging: Staging) -> None:
    with staging.writer("17/1.body") as path:
        path.write_bytes(b"rows")
    with staging.reader("17/1.body") as path:
        assert path.read_bytes() == b"rows"


def test_writer_that_fails_leaves_nothing(staging: Staging) -> None:
    def half_written() -> None:
        with staging.writer("17/1.body") as path:
            path.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_written()
    with pytest.raises(StagingError, match="clear the run from `extract` on"), staging.reader("17/1.body"):
        pass


def test_second_writing_replaces_the_first(staging: Staging) -> None:
    for content in (b"first try", b"second"):
        with staging.writer("17/1.body") as path:
            path.write_bytes(content)
    with staging.reader("17/1.body") as path:
        assert path.read_bytes() == b"second"


def test_removed_run_is_gone_and_removing_again_is_fine(staging: Staging) -> None:
    with staging.writer("17/1.body") as path:
        path.write_bytes(b"rows")
    staging.remove("17")
    staging.remove("17")
    with pytest.raises(StagingError), staging.reader("17/1.body"):
        pass


def test_only_the_owner_can_read_staged_rows(tmp_path: Path) -> None:
    staging = Staging(LocalFileSystem(), str(tmp_path / "staging"))
    with staging.writer("17/1.body") as path:
        path.write_bytes(b"rows")
    for path in (tmp_path / "staging" / "17", tmp_path / "staging" / "17" / "1.body"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_runs_that_were_aborted_long_ago_are_pruned(staging: Staging) -> None:
    for run in ("17", "18"):
        with staging.writer(f"{run}/1.body") as path:
            path.write_bytes(b"rows")
    assert staging.prune(days=7) == []
    assert staging.prune(days=7, now=time.time() + 8 * 86_400) == ["17", "18"]
    with pytest.raises(StagingError), staging.reader("17/1.body"):
        pass


def test_run_that_still_writes_is_not_pruned(tmp_path: Path) -> None:
    staging = Staging(LocalFileSystem(), str(tmp_path))
    for name in ("17/1.body", "18/1.body", "18/2.body"):
        with staging.writer(name) as path:
            path.write_bytes(b"rows")
    for name in ("17/1.body", "18/1.body"):
        os.utime(tmp_path / name, (0, 0))
    assert staging.prune(days=7) == ["17"]


def copy_csv(rows: list[list[str | None]]) -> bytes:
    """Write rows as COPY … (FORMAT csv) does: NULL is bare, an empty string is quoted."""
    lines = []
    for row in rows:
        lines.append(",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in row))
    return "".join(f"{line}\n" for line in lines).encode()


@given(st.lists(st.lists(st.none() | TEXT.filter(bool), min_size=3, max_size=3), max_size=8), st.integers(8, 64))
def test_rows_come_back_whatever_they_hold_and_wherever_blocks_end(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str | None]], block: int
) -> None:
    path = tmp_path_factory.mktemp("snapshot") / "1.snapshot"
    path.write_bytes(copy_csv(rows))
    found = [list(row) for frame in snapshot.frames(path, ("a", "b", "c"), block_bytes=block) for row in frame.rows()]
    assert found == rows


@pytest.mark.parametrize("content", [b'1,2,"3\n', b"1,2,3\n1,2,3"])
def test_snapshot_cut_short_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1.snapshot").write_bytes(content)
    with pytest.raises(snapshot.SnapshotError, match="middle of a record"):
        list(snapshot.frames(tmp_path / "1.snapshot", ("a", "b", "c")))


def test_snapshot_with_other_columns_is_refused_without_quoting_the_row(tmp_path: Path) -> None:
    (tmp_path / "1.snapshot").write_bytes(b"private,person,x,y\n")
    with pytest.raises(snapshot.SnapshotError, match="3 values of the contract") as refusal:
        list(snapshot.frames(tmp_path / "1.snapshot", ("a", "b", "c")))
    assert "private" not in str(refusal.value)


def rows_of(values: list[dict[str, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        [{name: row.get(name) for name in CONTRACT.table.delivered} for row in values],
        schema=dict.fromkeys(CONTRACT.table.delivered, pl.String),
    )


@given(st.lists(st.fixed_dictionaries({"part_family_code": st.none() | TEXT, "order_source": st.none() | TEXT})))
def test_detail_records_are_read_back_by_a_plain_csv_reader(values: list[dict[str, str | None]]) -> None:
    file = io.BytesIO()
    with layout_of(CONTRACT).body(CONTRACT, CONTRACT.table, file) as details:
        details.write(rows_of(values))
    found = list(csv.reader(io.StringIO(file.getvalue().decode(), newline=""), delimiter=";"))
    position = [1 + CONTRACT.table.delivered.index(name) for name in ("part_family_code", "order_source")]
    assert [[row[0], *(row[i] for i in position)] for row in found] == [
        ["D", row["part_family_code"] or "", row["order_source"] or ""] for row in values
    ]


def test_control_total_is_exact_to_the_penny() -> None:
    amounts: tuple[str | None, ...] = ("0.10", "0.10", "0.10", "-9999999.99")
    rows = rows_of([{"net_amount": amount} for amount in amounts])
    assert control_total(CONTRACT, CONTRACT.table, rows) == Decimal("-9999999.69")
    assert control_total(CONTRACT, CONTRACT.table, rows_of([])) == Decimal("0.00")
    assert delimited.closing(CONTRACT, Totals(4, Decimal("-9999999.69"))) == b"T;4;-9999999.69\n"


def test_header_states_who_what_and_when() -> None:
    values = {
        "interface": "merkle_sar_daily",
        "layout_version": "1.1.0",
        "dealer": "82600001",
        "recipient": "merkle",
        "business_date": date(2026, 7, 10),
        "window_start": datetime(2026, 7, 9, 23, tzinfo=UTC),
        "window_end": datetime(2026, 7, 10, 23, tzinfo=UTC),
        "sequence": 7,
        "revision": 1,
        "mark": "CORRECTION",
        "corrects_sequence": 3,
        "environment": "live",
        "created_at": datetime(2026, 7, 11, 1, 30, 0, 999, tzinfo=UTC),
    }
    assert delimited.opening(CONTRACT, values) == (
        b"H;merkle_sar_daily;1.1.0;82600001;merkle;2026-07-10;2026-07-09T23:00:00Z;2026-07-10T23:00:00Z;"
        b"7;1;CORRECTION;3;live;2026-07-11T01:30:00Z\n"
    )
