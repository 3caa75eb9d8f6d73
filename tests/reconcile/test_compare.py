"""The comparison: none missed, none invented, and always a sum that adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.reconcile.compare import Clocks, compare
from include.reconcile.kinds import KINDS, ReconcileError
from tests.reconcile import history
from tests.reconcile.history import AZORES, FIRST, GIBRALTAR, LAST, LONDON, SHAPE, STATES, STORIES, History, noon

DAY = date(2026, 10, 14)
Story = Callable[[History, date, int], None]
days = st.integers(0, 30).map(lambda turn: FIRST + timedelta(days=turn))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(STORIES), days, st.integers(1, 3)), max_size=25),
    st.dictionaries(days, st.sampled_from(STATES), max_size=8),
)
def test_of_any_history_every_difference_is_found_with_its_kind_and_none_is_invented(
    told: list[tuple[Story, date, int]], states: dict[date, str]
) -> None:
    it = History(states=states)
    for story, day, count in told:
        story(it, day, count)
    assert it.told() == it.everything()


AMOUNTS = st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents).scaleb(-2))
LINES = st.fixed_dictionaries(
    {
        "document_type": st.sampled_from(["INVOICE", "CREDIT_MEMO"]),
        "document_number": st.sampled_from(["A", "B", "C", "D"]),
        "line_number": st.sampled_from(["1", "2", "01"]),
        "document_date": st.dates(date(2026, 9, 25), date(2026, 11, 5)).map(date.isoformat),
        "posted_at": st.datetimes(datetime(2026, 9, 25), datetime(2026, 11, 8)).map(  # noqa: DTZ001
            lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}"
        ),
        "net_amount": AMOUNTS.map(str),
        "quantity": st.sampled_from(["1", "2", None]),
    }
)


def key(row: dict[str, str | None]) -> tuple[str, str, int]:
    return str(row["document_type"]), str(row["document_number"]), int(str(row["line_number"]))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(LINES, st.sampled_from(["ACCEPTED", "ACCEPTED", "REJECTED", "WITHHELD"])), max_size=12),
    st.lists(st.tuples(LINES, days), max_size=12),
    st.dictionaries(days, st.sampled_from(STATES), max_size=6),
    st.sampled_from([LONDON, GIBRALTAR, AZORES, "Pacific/Apia"]),
)
def test_whatever_the_two_sides_are_the_amounts_add_up_and_each_line_is_told_once(
    ours: list[tuple[dict[str, str | None], str]],
    theirs: list[tuple[dict[str, str | None], date]],
    states: dict[date, str],
    zone: str,
) -> None:
    it = History(zone=zone, states=states)
    accepted: dict[tuple[str, str, int], dict[str, str | None]] = {}
    for line, fate in ours:
        row = {**dict.fromkeys(SHAPE.shared), "dealer_code": history.DEALER, **line}
        if fate == "ACCEPTED" and accepted.setdefault(key(row), row) is not row:
            continue  # Two accepted lines of one key are what the row check refuses.
        it.here.append({**row, SHAPE.row_key: "1", "fate": fate, "reasons": None if fate == "ACCEPTED" else "why"})
    for line, day in theirs:
        if it.sent(day):
            it.there.append((day, {**dict.fromkeys(SHAPE.shared), "dealer_code": history.DEALER, **line}))
    found = it.compared()
    sides = [sum((Decimal(str(row["net_amount"])) for row in rows), Decimal(0)) for rows in _sides(it)]
    assert [found.total_here, found.total_there] == sides
    parts = [(one.net_here or Decimal(0)) - (one.net_there or Decimal(0)) for one in found.differences]
    assert found.total_here - found.total_there == sum(parts, Decimal(0))
    here_only = [one for one in found.differences if one.net_here is not None and one.net_there is None]
    there_only = [one for one in found.differences if one.net_there is not None and one.net_here is None]
    assert found.rows_here - found.rows_there == len(here_only) - len(there_only)
    seen = {key(row) for row in _sides(it)[1]}
    assert Counter(_key(one) for one in here_only) == Counter(at for at in accepted if at not in seen)
    last = {key(row): row for _, row in sorted(it.there, key=lambda each: each[0])}
    changed = {at for at, row in accepted.items() if at in last and not _same(row, last[at])}
    assert {_key(one) for one in found.differences if None not in (one.net_here, one.net_there)} == changed
    sent = Counter(key(row) for row in _sides(it)[1])
    assert Counter(_key(one) for one in there_only) == sent - Counter({at: 1 for at in sent if at in accepted})


def _sides(it: History) -> tuple[list[dict[str, str | None]], list[dict[str, str | None]]]:
    return [row for row in it.here if row["fate"] == "ACCEPTED"], [row for _, row in it.there]


def _key(one: object) -> tuple[str, str, int]:
    return one.document_type, one.document_number, int(one.line_number)  # type: ignore[attr-defined]


def _same(ours: dict[str, str | None], theirs: dict[str, str | None]) -> bool:
    numbers = ("net_amount", "quantity")
    if any((ours[name] is None) != (theirs[name] is None) for name in numbers):
        return False
    if any(ours[name] is not None and Decimal(str(ours[name])) != Decimal(str(theirs[name])) for name in numbers):
        return False
    return all(ours[name] == theirs[name] for name in SHAPE.shared if name not in (*numbers, *SHAPE.key))


# One story that makes a difference of the kind, and its neighbour that does not.
SAMPLES: dict[str, tuple[tuple[Story, str], tuple[Story, str]]] = {
    "LATE_CREDIT": ((history.late_credit, "SENT"), (history.credit, "SENT")),
    "BACK_DATED": ((history.back_dated, "SENT"), (history.plain, "SENT")),
    "OTHER_MONTH": ((history.of_another_month, "SENT"), (history.of_another_month, "NONE")),
    "CORRECTED_LINE": ((history.corrected, "SENT"), (history.plain, "SENT")),
    "DAY_NOT_SENT": ((history.plain, "NONE"), (history.plain, "SENT")),
    "REJECTED_IN_DAILY": ((history.mended, "SENT"), (history.bad_on_both, "SENT")),
    "REJECTED_NOW": ((history.rejected_now, "SENT"), (history.bad_on_both, "SENT")),
    "WITHHELD_NOW": ((history.withheld_now, "SENT"), (history.withheld_on_both, "SENT")),
    "DAY_HELD": ((history.plain, "HELD"), (history.plain, "GIVEN_UP")),
    "SENT_TWICE": ((history.sent_twice, "SENT"), (history.sent_twice, "NONE")),
    "UNEXPLAINED": ((history.deleted_since, "SENT"), (history.line_removed, "SENT")),
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_line_of_the_kind_is_told_and_its_neighbour_is_not(kind: str) -> None:
    (story, state), (neighbour, other_state) = SAMPLES[kind]
    of_it, beside = History(states={DAY: state}), History(states={DAY: other_state})
    story(of_it, DAY, 2)
    neighbour(beside, DAY, 2)
    assert {found for found, _, _ in of_it.told()} == {kind}
    assert kind not in {found for found, _, _ in beside.told()}


def test_every_kind_has_a_sample_of_both_sorts() -> None:
    elsewhere = {"OTHER_ZONE", "BYTES_GONE"}
    assert SAMPLES.keys() | elsewhere == KINDS.keys()


@pytest.mark.parametrize(
    ("zone", "posted", "dated", "kinds"),
    [
        # 00:30 on 1 October in Gibraltar is 23:30 on 30 September in London.
        (GIBRALTAR, datetime(2026, 9, 30, 22, 30, tzinfo=UTC), date(2026, 10, 1), {"OTHER_ZONE"}),
        (GIBRALTAR, datetime(2026, 9, 30, 23, 30, tzinfo=UTC), date(2026, 10, 1), set()),
        (LONDON, datetime(2026, 9, 30, 23, 30, tzinfo=UTC), date(2026, 10, 1), set()),
        # 23:30 on 31 October on the Azores is 00:30 on 1 November in London, summer time over in both.
        (AZORES, datetime(2026, 11, 1, 0, 30, tzinfo=UTC), date(2026, 10, 31), {"OTHER_ZONE"}),
        (LONDON, datetime(2026, 11, 1, 0, 30, tzinfo=UTC), date(2026, 10, 31), {"BACK_DATED"}),
        # Sent on 31 October by London, dated and posted on 1 November by Gibraltar.
        (GIBRALTAR, datetime(2026, 10, 31, 23, 30, tzinfo=UTC), date(2026, 11, 1), {"OTHER_ZONE"}),
        (LONDON, datetime(2026, 10, 31, 23, 30, tzinfo=UTC), date(2026, 11, 1), {"OTHER_MONTH"}),
        # Dated back as well: by neither clock was it posted in the month that it is dated in.
        (GIBRALTAR, datetime(2026, 10, 31, 23, 30, tzinfo=UTC), date(2026, 9, 29), {"OTHER_MONTH"}),
    ],
)
def test_a_document_between_two_midnights(zone: str, posted: datetime, dated: date, kinds: set[str]) -> None:
    it = History(zone=zone)
    lines = it.lines(1, dated=dated, posted=posted)
    it.go(*lines)
    it.keep(*lines)
    assert {kind for kind, _, _ in it.told()} == kinds


def test_a_day_is_one_by_the_clock_of_the_daily_file() -> None:
    # 00:30 on 15 October in London, where it is still summer time, is 23:30 on the 14th in UTC.
    it = History(states={date(2026, 10, 15): "NONE"})
    it.keep(*it.lines(1, dated=date(2026, 10, 15), posted=datetime(2026, 10, 14, 23, 30, tzinfo=UTC)))
    (one,) = it.compared().differences
    assert (one.kind, one.posted_on) == ("DAY_NOT_SENT", date(2026, 10, 15))


def test_what_a_line_differs_in_is_named_without_its_values() -> None:
    it = History()
    history.corrected(it, DAY, 1)
    (one,) = it.compared().differences
    assert one.note == "changed since: quantity, net_amount"
    assert (one.net_there, one.net_here, one.file_there) == (Decimal("12.50"), Decimal("13.50"), 14)
    assert one.posted_on == one.document_date == DAY


def test_a_row_that_was_kept_back_may_hold_anything() -> None:
    it = History()
    history.rejected_now(it, DAY, 1)
    for rubbish in ({"line_number": "one"}, {"line_number": None}, {"document_number": None}, {"net_amount": "twelve"}):
        it.here.append({**it.here[0], **rubbish, "document_date": "2026-02-31", "posted_at": "noon"})
    assert {kind for kind, _, _ in it.told()} == {"REJECTED_NOW"}


def test_the_same_number_written_otherwise_is_no_difference() -> None:
    it = History()
    history.plain(it, DAY, 1)
    it.there[0] = (DAY, {**it.there[0][1], "net_amount": "12.5", "line_number": "01"})
    assert it.told() == Counter()


def gone(
    it: History, *, purged: bool, rows: int = 0, total: str = "0.00"
) -> list[tuple[str, Decimal | None, Decimal | None]]:
    here, there, found = it.frames()
    unread = replace(
        found[DAY],
        unread="its bytes were purged on 2026-12-31",
        purged=purged,
        rows=found[DAY].rows + rows,
        total=found[DAY].total + Decimal(total),
    )
    there = there.filter(pl.col("daily_file") != DAY.day)
    result = compare(SHAPE, Clocks(FIRST, LAST, LONDON, LONDON), here, there, {**found, DAY: unread})
    return [(one.kind, one.net_here, one.net_there) for one in result.differences]


def test_of_purged_bytes_the_numbers_are_compared() -> None:
    it = History()
    history.plain(it, DAY, 2)
    history.plain(it, DAY + timedelta(days=1), 2)
    assert gone(it, purged=True) == []
    assert gone(it, purged=True, total="0.01") == [("BYTES_GONE", Decimal("37.50"), Decimal("37.51"))]
    assert gone(it, purged=True, rows=1) == [("BYTES_GONE", Decimal("37.50"), Decimal("37.50"))]


def test_bytes_that_ought_to_be_there_are_a_difference_whatever_the_numbers() -> None:
    it = History()
    history.plain(it, DAY, 2)
    assert gone(it, purged=False) == [("BYTES_GONE", Decimal("37.50"), Decimal("37.50"))]


def test_a_line_that_the_daily_file_may_have_withheld_says_so() -> None:
    it = History()
    history.behind_our_back(it, DAY, 1)
    here, there, found = it.frames()
    found[DAY] = replace(found[DAY], withheld=3)
    (one,) = compare(SHAPE, Clocks(FIRST, LAST, LONDON, LONDON), here, there, found).differences
    assert one.kind == "UNEXPLAINED"
    assert "withheld 3 rows" in one.note


def test_an_open_day_without_a_line_is_told_and_one_with_lines_once_per_line() -> None:
    it = History(states={DAY: "HELD", DAY + timedelta(days=1): "HELD"})
    history.plain(it, DAY, 2)
    assert sum(kind == "DAY_HELD" for kind, _, _ in it.told().elements()) == 3
    assert all("is HELD: for a reason" in one.note for one in it.compared().differences)


def test_two_empty_months_do_not_differ() -> None:
    found = History().compared()
    assert (found.rows_here, found.rows_there, found.total_here, found.differences) == (0, 0, Decimal("0.00"), [])


def test_a_total_that_is_not_that_of_the_lines_is_our_fault_and_is_said() -> None:
    it = History()
    history.plain(it, DAY, 1)
    here, there, found = it.frames()
    found[DAY] = replace(found[DAY], total=Decimal("1.00"))
    with pytest.raises(ReconcileError, match=r"differ by 11\.50, the differences found come to 0\.00"):
        compare(SHAPE, Clocks(FIRST, LAST, LONDON, LONDON), here, there, found)


def test_differences_come_in_the_order_of_kinds_and_documents() -> None:
    it = History(states={DAY: "NONE"})
    for story in reversed(STORIES):
        story(it, DAY, 2)
        story(it, DAY + timedelta(days=2), 2)
    found = [(list(KINDS).index(one.kind), one.document_type, one.document_number) for one in it.compared().differences]
    assert found == sorted(found)
    assert noon(DAY).hour == 12
