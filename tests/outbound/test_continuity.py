"""Files that follow each other: an outage skips no day, a later file waits for an earlier one, nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import pytest

from include.ledger import FileRow, TransitionError
from include.outbound.conclude import UndeliveredError
from include.window import Window, day_window
from tests.outbound.changes import lose_codes, tolerate
from tests.outbound.world import LAST_DAY, World

DAYS = [LAST_DAY - timedelta(days=back) for back in range(4, -1, -1)]  # Monday to Friday


def follow(world: World, how: Literal["windows", "span"] = "windows") -> None:
    """Have the world's interface send files that follow each other."""
    world.contract = replace(world.contract, contiguous=how)


def live(world: World, dealer: str | None = None) -> list[FileRow]:
    with world.ledger() as ledger:
        return [file for file in ledger.files(dealer=dealer) if file.state != "CANCELLED"]


def dealers(world: World) -> list[str]:
    return sorted({file.dealer for file in live(world)})


def one_dealer(world: World) -> str:
    (code,) = world.query("SELECT min(dealer_code) FROM dms.v_dealers WHERE trade_partner_dealer")[0]
    return str(code)


def assert_contiguous(world: World, first: date, last: date) -> None:
    """Each dealer's windows cover first to last without a gap or an overlap, and went in that order."""
    zone = world.contract.zone
    for dealer in dealers(world):
        files = [file for file in live(world, dealer) if file.window_start >= day_window(first, zone).start]
        assert files[0].window_start == day_window(first, zone).start
        assert files[-1].window_end == day_window(last, zone).end
        assert [one.window_end for one in files[:-1]] == [one.window_start for one in files[1:]]
        assert {file.state for file in files} == {"PUBLISHED"}
        sent = [file.published_at for file in files if file.published_at is not None]
        assert sent == sorted(sent)
        assert [file.sequence for file in files] == sorted(file.sequence or 0 for file in files)


def test_the_first_run_begins_with_its_own_day(world: World) -> None:
    follow(world)
    world.deliver(DAYS[2])
    assert {file.business_date for file in live(world)} == {DAYS[2]}


def test_three_days_of_outage_are_three_windows(world: World) -> None:
    follow(world)
    world.deliver(DAYS[0])
    run = world.deliver(DAYS[4])
    assert {file.business_date for file in world.files(run)} == set(DAYS[1:])
    assert_contiguous(world, DAYS[0], DAYS[4])
    counted = {dealer: told for dealer, told in world.recount(DAYS[2]).items() if dealer in dealers(world)}
    sent = {file.dealer: (file.rows, file.control_total) for file in live(world) if file.business_date == DAYS[2]}
    assert sent == counted


def test_or_one_window_over_all_of_them_where_the_contract_says_so(world: World) -> None:
    follow(world, "span")
    world.deliver(DAYS[0])
    world.deliver(DAYS[4])
    assert_contiguous(world, DAYS[0], DAYS[4])
    rows = {dealer: sum(world.recount(day)[dealer][0] for day in DAYS[1:]) for dealer in dealers(world)}
    caught_up = {file.dealer: file for file in live(world) if file.business_date == DAYS[1]}
    assert {dealer: file.rows for dealer, file in caught_up.items()} == rows
    assert {file.period for file in caught_up.values()} == {f"{DAYS[1]} to {DAYS[4]}"}
    # The same day again finds the file that holds it.
    world.deliver(DAYS[4])
    assert len(live(world)) == 2 * len(caught_up)


def test_a_dealer_that_was_served_meanwhile_gets_no_day_twice(world: World) -> None:
    follow(world)
    world.deliver(DAYS[0])
    world.deliver(DAYS[1], dealers=[one_dealer(world)])
    world.deliver(DAYS[3])
    assert_contiguous(world, DAYS[0], DAYS[3])


def test_while_the_partner_is_down_files_wait_and_then_go_oldest_first(world: World) -> None:
    follow(world)
    world.deliver(DAYS[0])
    for day in DAYS[1:3]:
        run = world.extract(day)
        world.check(run)
        world.render(run)
    assert {file.state for file in live(world) if file.business_date > DAYS[0]} == {"GATED"}
    world.deliver(DAYS[3])
    assert_contiguous(world, DAYS[0], DAYS[3])


def test_a_run_that_died_after_planning_is_made_up_for_by_the_next(world: World) -> None:
    follow(world)
    world.deliver(DAYS[0])
    world.extract(DAYS[1])
    world.deliver(DAYS[2])
    assert_contiguous(world, DAYS[0], DAYS[2])


def held_day(world: World) -> str:
    """Deliver the first day, then hold one dealer's second; returns the dealer."""
    follow(world)
    world.deliver(DAYS[0])
    dealer = one_dealer(world)
    tolerate(world, rows=0)
    lose_codes(world, dealer, share=2)
    world.deliver(DAYS[1])
    (file,) = [file for file in live(world, dealer) if file.business_date == DAYS[1]]
    assert file.state == "HELD"
    return dealer


def test_a_later_file_waits_for_one_that_is_held_and_the_other_dealers_go(world: World) -> None:
    dealer = held_day(world)
    tolerate(world, rows=10_000)
    with world.ledger("person:oncall") as ledger:
        ledger.set_feed(world.contract.id, dealer, "live", "paused", reason="until somebody has looked")
    others = world.deliver(DAYS[2])
    assert dealer not in {file.dealer for file in world.files(others)}
    assert {file.state for file in world.files(others)} == {"PUBLISHED"}


def test_it_says_what_it_waits_for_and_goes_after_the_release(world: World) -> None:
    dealer = held_day(world)
    held = next(file for file in live(world, dealer) if file.state == "HELD")
    run = world.deliver(DAYS[2], dealers=[dealer])
    later = next(file for file in live(world, dealer) if file.business_date == DAYS[2])
    if later.state == "HELD":  # Its own rows are as bad; what it waits for matters once it is released.
        with world.ledger("person:oncall") as ledger:
            ledger.release(later.id, reason="seen")
    run = world.deliver(DAYS[2], dealers=[dealer])
    later = next(file for file in live(world, dealer) if file.business_date == DAYS[2])
    assert later.state == "GATED"
    assert any(f"waits for the file of {DAYS[1]}, which is HELD" in line for line in world.said)
    with pytest.raises(UndeliveredError, match=str(DAYS[2])):
        world.conclude(run)
    with world.ledger("person:oncall") as ledger:
        ledger.release(held.id, reason="the dealer knows")
    world.deliver(DAYS[1], dealers=[dealer])
    # The run of the day that was released takes along what waited for it.
    went = [file for file in live(world, dealer) if file.state == "PUBLISHED"]
    assert [file.business_date for file in went] == DAYS[:3]


def test_the_time_of_a_day_that_was_given_up_goes_with_the_next_file(world: World) -> None:
    dealer = held_day(world)
    held = next(file for file in live(world, dealer) if file.state == "HELD")
    with world.ledger("person:oncall") as ledger:
        ledger.reject(held.id, reason="wrong data")
    tolerate(world, rows=10_000)
    world.deliver(DAYS[2], dealers=[dealer])
    last = live(world, dealer)[-1]
    zone = world.contract.zone
    assert last.window == Window(day_window(DAYS[1], zone).start, day_window(DAYS[2], zone).end, zone)
    world.deliver(DAYS[3], dealers=[dealer])
    assert [one.window_end for one in live(world, dealer)[:-1]] == [one.window_start for one in live(world, dealer)[1:]]


@pytest.mark.parametrize(("last", "hours"), [(date(2026, 3, 30), 23), (date(2026, 10, 26), 25)])
def test_days_of_23_and_25_hours_are_windows_like_others(world: World, last: date, hours: int) -> None:
    follow(world)
    world.deliver(last - timedelta(days=2))
    world.deliver(last)
    assert_contiguous(world, last - timedelta(days=2), last)
    lengths = {(file.window_end - file.window_start) // timedelta(hours=1) for file in live(world)}
    assert lengths == {24, hours}


def test_a_preview_of_a_later_day_plans_that_day_alone(world: World) -> None:
    follow(world)
    world.deliver(DAYS[0])
    run = world.extract(DAYS[3], environment="preview", now=datetime(2027, 1, 1, tzinfo=UTC))
    assert {file.business_date for file in world.files(run)} == {DAYS[3]}


def test_what_was_made_behind_a_day_is_given_up_with_it_and_neither_is_taken_up_alone(world: World) -> None:
    dealer = held_day(world)
    held = next(file for file in live(world, dealer) if file.state == "HELD")
    world.deliver(DAYS[2], dealers=[dealer])
    later = next(file for file in live(world, dealer) if file.business_date == DAYS[2])
    with world.ledger("person:oncall") as ledger:
        ledger.reject(held.id, reason="wrong data", contiguous=True)
        assert {ledger.file(file.id).state for file in (held, later)} == {"CANCELLED"}
        with pytest.raises(TransitionError, match="would be left out"):
            ledger.reopen(later.id, reason="now", contiguous=True)
    tolerate(world, rows=10_000)
    world.deliver(DAYS[3], dealers=[dealer])
    windows = [(file.business_date, file.window.last_date) for file in live(world, dealer)]
    assert windows == [(DAYS[0], DAYS[0]), (DAYS[1], DAYS[2]), (DAYS[3], DAYS[3])]
    with world.ledger("person:oncall") as ledger, pytest.raises(TransitionError, match="its time is in"):
        ledger.reopen(held.id, reason="after all")


def test_a_window_that_is_given_up_twice_still_goes_with_the_next_file(world: World) -> None:
    dealer = held_day(world)
    for day in (DAYS[1], DAYS[2]):
        tolerate(world, rows=0)
        world.deliver(day, dealers=[dealer])
        held = next(file for file in live(world, dealer) if file.state == "HELD")
        with world.ledger("person:oncall") as ledger:
            ledger.reject(held.id, reason="wrong data", contiguous=True)
    tolerate(world, rows=10_000)
    world.deliver(DAYS[3], dealers=[dealer])
    world.deliver(DAYS[4], dealers=[dealer])
    assert [(file.business_date, file.window.last_date, file.state) for file in live(world, dealer)] == [
        (DAYS[0], DAYS[0], "PUBLISHED"),
        (DAYS[1], DAYS[3], "PUBLISHED"),
        (DAYS[4], DAYS[4], "PUBLISHED"),
    ]
