"""The last word of a run: what each file became, and red only for what a person has to look at now."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from include.imports.conclude import UnfinishedError
from tests.imports.importing import Imports, file_of, sold

TOO_MANY = file_of(sold(), *[sold(Term="700", Amount_Financed="10")] * 30)


def test_a_run_says_what_it_brought_and_the_next_one_does_not_say_it_again(imports: Imports) -> None:
    begun = datetime.now(UTC)
    row = imports.bring("day_SL.csv", file_of(sold(), sold(DealNumber="D2", StockNumber="S-2", SoldDate="")))
    copy = imports.bring("copy_SL.csv", file_of(sold(), sold(DealNumber="D2", StockNumber="S-2", SoldDate="")))
    imports.check()
    imports.apply()
    imports.partner.remove(None)
    done, said = imports.conclude(begun)
    assert done.states == {"REMOVED": 2}
    assert [done.counts[name] for name in ("rows", "rejected_rows", "created", "new")] == [2, 1, 1, 1]
    assert f"arrival {row.id}" in said[0]
    assert "2 rows, 1 rejected; activities: 1 created (0 linked, 1 with 1 new contacts, 0 to review)" in said[0]
    assert f"arrival {copy.id}" in said[1]
    assert f"the same content as arrival {row.id}" in said[1]
    assert "Sample" not in "".join(said)
    again, said = imports.conclude(datetime.now(UTC))
    assert (again.states, len(said)) == ({}, 1)
    assert again.counts["rows"] == 0


def test_a_held_file_makes_its_own_run_red_and_is_told_in_the_later_ones(imports: Imports) -> None:
    begun = datetime.now(UTC)
    row = imports.bring("day_SL.csv", TOO_MANY)
    imports.check()
    with pytest.raises(UnfinishedError, match=f"1 to look at:\n.*day_SL.csv.*HELD.*feeds release {row.id}"):
        imports.conclude(begun)
    done, said = imports.conclude(datetime.now(UTC))
    assert done.states == {"HELD": 1}
    assert f"feeds release {row.id}" in said[0]


def test_a_rejected_file_makes_the_run_red_with_its_code(imports: Imports) -> None:
    begun = datetime.now(UTC)
    row = imports.bring("day_SL.csv", b"\xff\xfe" + file_of(sold()))
    imports.check()
    with pytest.raises(UnfinishedError, match=rf"REJECTED \(ENCODING\).*feeds reopen {row.id}"):
        imports.conclude(begun)
    assert imports.conclude(datetime.now(UTC))[0].states == {}


def test_a_file_that_a_step_left_half_way_is_red_until_it_is_done(imports: Imports) -> None:
    imports.bring("day_SL.csv", file_of(sold()))
    with pytest.raises(UnfinishedError, match=r"LANDED.*did not come to its end"):
        imports.conclude(datetime.now(UTC))
    imports.check()
    with pytest.raises(UnfinishedError, match=r"CHECKED.*did not come to its end"):
        imports.conclude(datetime.now(UTC))
    begun = datetime.now(UTC)
    imports.apply()
    done, said = imports.conclude(begun)
    assert done.counts["created"] == 1
    assert "the next run removes it" in said[0]


def test_what_could_not_be_collected_or_has_not_come_is_red(imports: Imports) -> None:
    failures = [
        {"dealer": "a", "arrival": None, "code": "UNREACHABLE"},
        {"dealer": "b", "arrival": 7, "code": "STALLED"},
    ]
    with pytest.raises(UnfinishedError) as raised:
        imports.conclude(datetime.now(UTC), failures=failures, missing=["dealer c: nothing came"])
    assert "dealer a: a whole feed could not be had (UNREACHABLE)" in str(raised.value)
    assert "dealer b: arrival 7 could not be had (STALLED)" in str(raised.value)
    assert "dealer c: nothing came" in str(raised.value)
