"""What the gate asks of a month: a window per file, headers that say their period, corrections that say of what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from include.contract import Contract, load_contract
from include.quality.gate import GateError, GateProcess, GateVerdict
from include.window import Window, day_window, month_window
from tests.quality.conftest import Renderer, numbered
from tests.samples import ANY_DAY, Row, read_sample, sample_paths

GIBRALTAR = "82600001"
Read = Callable[[], list[GateVerdict]]


@pytest.fixture(scope="module")
def month() -> Contract:
    return load_contract("renault_sar_monthly")


@pytest.fixture(scope="module")
def good(month: Contract) -> Row:
    (path,) = (path for path in sample_paths(month.id, "accepted") if path.stem == "normal_day")
    return next(row for row in read_sample(path, month) if row["document_type"] == "INVOICE")


@pytest.fixture
def renderer(tmp_path: Path, month: Contract) -> Renderer:
    return Renderer(tmp_path, month, month_window(ANY_DAY, "Europe/London"))


@pytest.fixture
def read(gate: GateProcess, renderer: Renderer, tmp_path: Path) -> Read:
    return lambda: gate.read(renderer.run(), reports_root=str(tmp_path / "reports"))


def test_each_file_is_held_to_its_own_clock(renderer: Renderer, good: Row, read: Read) -> None:
    renderer.file(numbered(good, 2))
    renderer.window = month_window(ANY_DAY, "Europe/Gibraltar")
    renderer.file(numbered(good, 2, dealer_code=GIBRALTAR), dealer=GIBRALTAR)
    london, gibraltar = renderer.files
    assert gibraltar.window.start < london.window.start
    assert [verdict.problems for verdict in read()] == [[], []]
    # The same bytes, had the ledger another clock for them.
    renderer.files[1] = replace(gibraltar, window=london.window)
    _, verdict = read()
    assert [problem.partition(" is ")[0] for problem in verdict.problems] == [
        "the header's window_start", "the header's window_end",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (month_window(ANY_DAY.replace(month=4), "Europe/London"), "2026-04-01 to 2026-04-30"),
        (day_window(ANY_DAY.replace(day=1), "Europe/London"), "2026-03-01 to 2026-03-01"),
    ],
    ids=["another month", "its first day"],
)
def test_files_of_two_periods_are_no_one_reading(renderer: Renderer, good: Row, other: Window, said: str) -> None:
    renderer.file(numbered(good, 1))
    renderer.window = other
    renderer.file([], dealer=GIBRALTAR)
    with pytest.raises(GateError, match=f"dealer {GIBRALTAR}'s file is of {said}, .*'s of 2026-03-01 to 2026-03-31; "):
        renderer.run()


@pytest.mark.parametrize("day", ["2026-02-28", "2026-04-01"])
def test_a_document_of_another_month_holds_the_file(renderer: Renderer, good: Row, read: Read, day: str) -> None:
    renderer.file(numbered(good, 2, document_date=day))
    (verdict,) = read()
    assert verdict.problems == ["document_date-withinPeriod is broken by 2 of 2 rows read"]


def test_a_line_without_a_code_goes_outside_the_scheme(renderer: Renderer, good: Row, read: Read) -> None:
    renderer.file(numbered(good, 2, trade_partner_id=None, trade_partner_dealer="f"))
    assert read()[0].passed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("period_type", "D"), ("period", "2026-03-01"), ("period", "2026-02"), ("mark", "CORRECTION"), ("mark", ""),
        ("corrects_sequence", "1"), ("window_end", "2026-04-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_a_header_of_another_period_or_mark_is_held(
    renderer: Renderer, good: Row, read: Read, name: str, value: str
) -> None:
    renderer.file(numbered(good, 1), header={name: value})
    (verdict,) = read()
    assert [problem for problem in verdict.problems if problem.startswith(f"the header's {name} is {value!r}")]


def test_a_correction_names_the_file_that_it_corrects(renderer: Renderer, good: Row, read: Read) -> None:
    renderer.file(numbered(good, 1), corrects=41)
    renderer.file(numbered(good, 1), corrects=41, header={"corrects_sequence": 40})
    renderer.file(numbered(good, 1), corrects=41, header={"corrects_sequence": ""})
    renderer.file(numbered(good, 1), corrects=41, header={"mark": "ORIGINAL"})
    assert [verdict.problems for verdict in read()] == [
        [],
        ["the header's corrects_sequence is '40', expected 41"],
        ["the header's corrects_sequence is '', expected 41"],
        ["the header's mark is 'ORIGINAL', expected 'CORRECTION'"],
    ]
