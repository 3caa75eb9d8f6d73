"""A rejected row, corrected by a person and judged again without the partner."""

from __future__ import annotations

from datetime import date

import pytest

from include.inbound.judge import judge_text
from include.window import day_window
from tests.inbound.arrangement import HEADER, arrangement

DAY = day_window(date(2026, 3, 16), "America/Chicago")


def test_a_corrected_row_is_read_as_in_its_file_whatever_encoding_that_had() -> None:
    row = 'Zo\u00eb \u0141ukasz,14/03/2026,"$5,000",240 mo,9,01/02/2046,,'
    judged = judge_text(arrangement("cp1252", "%d/%m/%Y"), HEADER, row, dealer="d", window=DAY)
    (accepted,) = judged.accepted.to_dicts()
    assert (accepted["last_name"], accepted["sold_date"], accepted["term"]) == (row.split(",")[0], "2026-03-14", "240")
    assert judged.rejected.height == 0


def test_a_row_that_is_still_wrong_says_why() -> None:
    judged = judge_text(arrangement(), HEADER, "a,14/03/2026,,,,,,", dealer="d", window=DAY)
    assert judged.rejected["reasons"].to_list() == [["sold_date-date"]]
    assert judged.accepted.height == 0
    assert judge_text(arrangement(), HEADER, "a,b", dealer="d", window=DAY).rejected["reasons"].to_list() == [
        ["row-columns"]
    ]


@pytest.mark.parametrize("text", ["", "\n", "a,,,,,,,\nb,,,,,,,", '"a,,,,,,,', "\ud800,,,,,,,"])
def test_what_is_not_one_row_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not one record"):
        judge_text(arrangement(), HEADER, text, dealer="d", window=DAY)
