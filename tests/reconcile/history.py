"""
A dealer's month as a list of stories: what was posted, what went day by day, what happened since.

Each story adds its lines to the two sides and says itself which differences it makes, from what was done and not from
what the comparison finds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl

from include.contract import load_contract
from include.reconcile.compare import Clocks, Comparison, compare
from include.reconcile.days import Day
from include.reconcile.shape import shape_of

HERE, THERE = load_contract("renault_sar_monthly"), load_contract("merkle_sar_daily")
SHAPE = shape_of(HERE, THERE)
DEALER = "82600001"
FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
LONDON, GIBRALTAR, AZORES = "Europe/London", "Europe/Gibraltar", "Atlantic/Azores"
Found = tuple[str, str, str]
STATES = ("SENT", "NONE", "GIVEN_UP", "HELD", "REVISED")


@dataclass(frozen=True)
class Line:
    """A line as the DMS has it; ``posted`` is an aware instant."""

    key: str
    type: str
    number: str
    line: int
    dated: date
    posted: datetime
    net: Decimal
    quantity: int = 1

    def row(self) -> dict[str, str | None]:
        values = {
            "dealer_code": DEALER,
            "document_type": self.type,
            "document_number": self.number,
            "line_number": str(self.line),
            "document_date": self.dated.isoformat(),
            "posted_at": f"{self.posted.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "net_amount": str(self.net),
            "quantity": str(self.quantity),
        }
        return {name: values.get(name) for name in SHAPE.shared}


@dataclass
class History:
    """The month of one dealer; ``expected`` is what its stories have told so far."""

    zone: str = LONDON
    states: dict[date, str] = field(default_factory=dict)
    here: list[dict[str, str | None]] = field(default_factory=list)
    there: list[tuple[date, dict[str, str | None]]] = field(default_factory=list)
    rejected: dict[date, set[str]] = field(default_factory=dict)
    expected: Counter[Found] = field(default_factory=Counter)
    documents: int = 0
    rows: int = 0

    def state(self, day: date) -> str:
        return self.states.get(day, "SENT")

    def sent(self, day: date) -> bool:
        """Whether the partner has a file of that day: also when a later revision of it is under way."""
        return FIRST <= day <= LAST and self.state(day) in ("SENT", "REVISED")

    def lines(
        self, count: int, *, dated: date, posted: datetime, credit: bool = False, cents: int = 1250
    ) -> list[Line]:
        """A new document."""
        self.documents += 1
        sign = -1 if credit else 1
        made = []
        for number in range(1, count + 1):
            self.rows += 1
            net = Decimal(sign * cents * number).scaleb(-2)
            kind = "CREDIT_MEMO" if credit else "INVOICE"
            made.append(Line(f"{self.rows}", kind, f"D{self.documents:05d}", number, dated, posted, net, sign * number))
        return made

    def go(self, *lines: Line, day: date | None = None) -> None:
        """The lines go in the daily file of the day on which they were posted, if there is one."""
        for line in lines:
            at = day or daily_day(line.posted)
            if self.sent(at):
                self.there.append((at, line.row()))

    def keep(self, *lines: Line, fate: str = "ACCEPTED", reasons: str | None = None) -> None:
        """The lines are in the DMS when the month is made; the month's SQL reads those dated in it."""
        for line in lines:
            if FIRST <= line.dated <= LAST:
                self.here.append({**line.row(), SHAPE.row_key: line.key, "fate": fate, "reasons": reasons})

    def refuse(self, *lines: Line) -> None:
        """The daily check kept the lines back, if there was a daily file."""
        for line in lines:
            if self.sent(daily_day(line.posted)):
                self.rejected.setdefault(daily_day(line.posted), set()).add(line.key)

    def differ(self, kind: str, *lines: Line) -> None:
        self.expected.update((kind, line.number, str(line.line)) for line in lines)

    def frames(self) -> tuple[pl.DataFrame, pl.DataFrame, dict[date, Day]]:
        """The two sides as the comparison takes them, and the days."""
        there = sorted(self.there, key=lambda each: each[0])
        days = {}
        for day in october():
            state = self.state(day)
            if state == "NONE":
                continue
            nets = [Decimal(str(row["net_amount"])) for at, row in there if at == day]
            sent = day.day if self.sent(day) else None
            days[day] = Day(
                business_date=day,
                sent=sent,
                rows=len(nets),
                total=sum(nets, Decimal("0.00")),
                rejected=frozenset(self.rejected.get(day, set())),
                pending=f"daily file {day.day} is HELD: for a reason" if state in ("HELD", "REVISED") else None,
                pending_file=100 + day.day if state in ("HELD", "REVISED") else None,
                given_up=f"daily file {day.day} was given up: nobody wants it" if state == "GIVEN_UP" else None,
            )
        text = dict.fromkeys(SHAPE.shared, pl.String)
        own = {**text, SHAPE.row_key: pl.String, "fate": pl.String, "reasons": pl.String}
        sides = pl.DataFrame([{**row, "daily_file": at.day} for at, row in there], {**text, "daily_file": pl.Int64})
        return pl.DataFrame(self.here, own), sides, days

    def compared(self) -> Comparison:
        here, there, days = self.frames()
        return compare(SHAPE, Clocks(FIRST, LAST, self.zone, LONDON), here, there, days)

    def told(self) -> Counter[Found]:
        """What the comparison tells, line by line; a day that is open tells of itself where no line does."""
        return Counter((each.kind, each.document_number, each.line_number) for each in self.compared().differences)

    def everything(self) -> Counter[Found]:
        """``expected``, and a mark for each open day that none of its lines tells of."""
        marked = {
            date.fromisoformat(str(row["posted_at"])[:10])
            for row in self.here
            if ("DAY_HELD", str(row["document_number"]), str(row["line_number"])) in self.expected
        }
        open_days = [day for day, state in self.states.items() if state in ("HELD", "REVISED") and day not in marked]
        return self.expected + Counter({("DAY_HELD", "", ""): len(open_days)})


def october() -> list[date]:
    return [FIRST + timedelta(days=turn) for turn in range(31)]


def noon(day: date, zone: str = LONDON) -> datetime:
    return datetime.combine(day, time(12), ZoneInfo(zone))


def daily_day(posted: datetime) -> date:
    return posted.astimezone(ZoneInfo(LONDON)).date()


def plain(it: History, day: date, count: int) -> None:
    """Posted, sent and unchanged since; on a day that was not sent it is missing there."""
    lines = it.lines(count, dated=day, posted=noon(day))
    it.go(*lines)
    it.keep(*lines)
    _missed(it, day, lines)


def credit(it: History, day: date, count: int) -> None:
    lines = it.lines(count, dated=day, posted=noon(day), credit=True)
    it.go(*lines)
    it.keep(*lines)
    _missed(it, day, lines)


def late_credit(it: History, day: date, count: int) -> None:
    lines = it.lines(count, dated=day, posted=noon(LAST + timedelta(days=day.day % 5 + 1)), credit=True)
    it.keep(*lines)
    it.differ("LATE_CREDIT", *lines)


def back_dated(it: History, day: date, count: int) -> None:
    lines = it.lines(count, dated=day, posted=noon(LAST + timedelta(days=day.day % 5 + 1)))
    it.keep(*lines)
    it.differ("BACK_DATED", *lines)


def of_another_month(it: History, day: date, count: int) -> None:
    """Posted in the month, dated in the one before."""
    lines = it.lines(count, dated=FIRST - timedelta(days=day.day), posted=noon(day), credit=day.day % 2 == 0)
    it.go(*lines)
    it.keep(*lines)
    if it.sent(day):
        it.differ("OTHER_MONTH", *lines)


def corrected(it: History, day: date, count: int) -> None:
    """The last line's amount and quantity changed since."""
    lines = it.lines(count, dated=day, posted=noon(day))
    it.go(*lines)
    *same, last = lines
    now = Line(last.key, last.type, last.number, last.line, day, last.posted, last.net + 1, last.quantity + 1)
    it.keep(*same, now)
    if it.sent(day):
        it.differ("CORRECTED_LINE", last)
    _missed(it, day, lines)


def line_added(it: History, day: date, count: int) -> None:
    lines = it.lines(count + 1, dated=day, posted=noon(day))
    it.go(*lines[:-1])
    it.keep(*lines)
    if it.sent(day):
        it.differ("CORRECTED_LINE", lines[-1])
    _missed(it, day, lines)


def line_removed(it: History, day: date, count: int) -> None:
    lines = it.lines(count + 1, dated=day, posted=noon(day))
    it.go(*lines)
    it.keep(*lines[:-1])
    if it.sent(day):
        it.differ("CORRECTED_LINE", lines[-1])
    _missed(it, day, lines[:-1])


def mended(it: History, day: date, count: int) -> None:
    """The whole document was kept back that day and is right now."""
    lines = it.lines(count, dated=day, posted=noon(day))
    it.refuse(*lines)
    it.keep(*lines)
    if it.sent(day):
        it.differ("REJECTED_IN_DAILY", *lines)
    _missed(it, day, lines)


def one_line_mended(it: History, day: date, count: int) -> None:
    """Of a document that went, one line was kept back and is right now: it is no line that was added."""
    *good, bad = it.lines(count + 1, dated=day, posted=noon(day))
    it.go(*good)
    it.refuse(bad)
    it.keep(*good, bad)
    if it.sent(day):
        it.differ("REJECTED_IN_DAILY", bad)
    _missed(it, day, [*good, bad])


def bad_on_both(it: History, day: date, count: int) -> None:
    lines = it.lines(count, dated=day, posted=noon(day))
    it.refuse(*lines)
    it.keep(*lines, fate="REJECTED", reasons="net_amount-lineArithmetic")


def withheld_on_both(it: History, day: date, count: int) -> None:
    it.keep(*it.lines(count, dated=day, posted=noon(day)), fate="WITHHELD", reasons="sharing_objection")


def rejected_now(it: History, day: date, count: int) -> None:
    lines = it.lines(count, dated=day, posted=noon(day))
    it.go(*lines)
    it.keep(*lines, fate="REJECTED", reasons="trade_partner_id-required")
    if it.sent(day):
        it.differ("REJECTED_NOW", *lines)


def withheld_now(it: History, day: date, count: int) -> None:
    lines = it.lines(count, dated=day, posted=noon(day))
    it.go(*lines)
    it.keep(*lines, fate="WITHHELD", reasons="sharing_objection")
    if it.sent(day):
        it.differ("WITHHELD_NOW", *lines)


def sent_twice(it: History, day: date, count: int) -> None:
    """Posted anew on the next day, and sent on both."""
    after = min(day + timedelta(days=1), LAST)
    lines = it.lines(count, dated=day, posted=noon(after))
    before = [Line(x.key, x.type, x.number, x.line, x.dated, noon(day), x.net, x.quantity) for x in lines]
    it.keep(*lines)
    it.go(*before, day=day)
    if after == day:
        if not it.sent(day):
            _missed(it, day, lines)
        return
    it.go(*lines)
    if it.sent(day) and it.sent(after):
        it.differ("SENT_TWICE", *lines)
    elif it.sent(day):
        it.differ("CORRECTED_LINE", *lines)
    else:
        _missed(it, after, lines)


def behind_our_back(it: History, day: date, count: int) -> None:
    """A document that says it was posted on a day whose file does not have it."""
    lines = it.lines(count, dated=day, posted=noon(day))
    it.keep(*lines)
    if it.sent(day):
        it.differ("UNEXPLAINED", *lines)
    _missed(it, day, lines)


def deleted_since(it: History, day: date, count: int) -> None:
    lines = it.lines(count, dated=day, posted=noon(day))
    it.go(*lines)
    if it.sent(day):
        it.differ("UNEXPLAINED", *lines)


STORIES = (
    plain,
    credit,
    late_credit,
    back_dated,
    of_another_month,
    corrected,
    line_added,
    line_removed,
    mended,
    one_line_mended,
    bad_on_both,
    withheld_on_both,
    rejected_now,
    withheld_now,
    sent_twice,
    behind_our_back,
    deleted_since,
)


def _missed(it: History, day: date, lines: list[Line]) -> None:
    """What the month has and no daily file, because of how the day stands."""
    kinds = {"NONE": "DAY_NOT_SENT", "GIVEN_UP": "DAY_NOT_SENT", "HELD": "DAY_HELD"}
    if it.state(day) in kinds:
        it.differ(kinds[it.state(day)], *lines)
