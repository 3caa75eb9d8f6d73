"""When a whole file must wait for a person."""

from __future__ import annotations

import pytest

from include.checks import rejected_rows, same_weekday_volume
from include.contract import Rule

TOLERANCE = Rule("file-rejectedRows", "rejectedRows", (), "error", "conformity", {"percent": 10, "rows": 25}, "")
VOLUME = Rule(
    "file-sameWeekdayVolume", "sameWeekdayVolume", (), "warning", "coverage",
    {"weeks": 8, "minimumHistory": 4, "deviations": 4, "floorPercent": 50, "floorRows": 30}, "",
)  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "rejected", "held"),
    [
        (0, 0, False),
        (25, 25, False),  # many percent, few rows
        (26, 26, True),
        (260, 26, False),  # exactly ten percent
        (259, 26, True),
        (1_000_000, 100_000, False),
        (1_000_000, 100_001, True),
    ],
)
def test_a_file_is_held_when_both_share_and_number_are_exceeded(rows: int, rejected: int, held: bool) -> None:
    verdict = rejected_rows(TOLERANCE, rows=rows, rejected=rejected)
    assert verdict.holds is held
    assert verdict.passed is not held
    assert str(rejected) in verdict.observed
    assert verdict.allowed == "at most 10 % or 25 rows"


def test_too_little_history_accuses_nobody() -> None:
    verdict = same_weekday_volume(VOLUME, rows=0, history=[900, 910, 905])
    assert (verdict.status, verdict.passed, verdict.holds) == ("learning", True, False)
    assert "3 of 4" in verdict.allowed


@pytest.mark.parametrize(
    ("rows", "history", "passed"),
    [
        (8200, [8190, 8205, 8300, 8100], True),
        (3100, [8190, 8205, 8300, 8100], False),  # below half the median
        (12400, [8190, 8205, 8300, 8100], False),
        (2500, [300, 280, 310, 305], False),  # a quiet weekday as busy as another one
        (28, [0, 0, 0, 0], True),  # the floor of 30 rows
        (31, [0, 0, 0, 0], False),
        (150, [100, 100, 100, 100], True),  # half the median, exactly
        (151, [100, 100, 100, 100], False),
        (1186, [1000, 800, 1200, 900, 1100], True),
        # 4 x 1.4826 x MAD 100 = 593: wider than half the median
        (1593, [1000, 800, 1200, 900, 1100], True),
        (1594, [1000, 800, 1200, 900, 1100], False),
    ],
)
def test_volume_is_compared_with_the_same_weekday(rows: int, history: list[int], passed: bool) -> None:
    verdict = same_weekday_volume(VOLUME, rows=rows, history=history)
    assert verdict.passed is passed
    assert not verdict.holds  # a warning


def test_only_the_stated_weeks_count() -> None:
    assert same_weekday_volume(VOLUME, rows=100, history=[100] * 8 + [9000] * 9).passed
