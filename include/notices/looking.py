"""What is late, missing, held or refused now, of all interfaces: looked up, not waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.collect import Expectation
from include.collect.expecting import lateness_of_days
from include.duty import due_since, of_period, participants, period_of
from include.feeds import feeds
from include.ledger import NewNotice
from include.ledger.notices import PROMISES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from include.contract import Contract
    from include.duty import DuePeriod, Standing
    from include.ledger import Ledger, NoticeRow

MOST_PERIODS: Final = 8
"""How many periods are made up for that became due while nobody looked."""
WAITING: Final = ("HELD", "PROPOSED", "UNKNOWN")


@dataclass(frozen=True)
class Looked:
    """
    What was found, and where could be looked.

    ``scopes`` are those whose notices are no longer so if they are not among ``found``; of any other nothing is known.
    """

    found: tuple[NewNotice, ...]
    scopes: frozenset[str]

    def __add__(self, other: Looked) -> Looked:
        return Looked(self.found + other.found, self.scopes | other.scopes)


def look(
    contract: Contract,
    ledger: Ledger,
    *,
    dms_dsn: str,
    now: datetime,
    since: datetime,
    open_ones: Sequence[NoticeRow],
) -> Looked:
    """
    Return what of one interface needs a person at ``now``.

    :param since: when somebody last looked; what became due after it is made up for.
    :param open_ones: notices that are open; those of earlier periods are looked at again.
    """
    if contract.direction == "inbound":
        return Looked((*_unpunctual(contract, ledger, now), *_refused(contract, ledger, now)), frozenset([contract.id]))
    periods = {each.window.business_date: each for each in due_since(contract, since, now, most=MOST_PERIODS)}
    for row in open_ones:
        if row.interface == contract.id and row.period is not None and row.period not in periods:
            periods[row.period] = period_of(contract, row.period)
    found: list[NewNotice] = [*_waiting(contract, ledger)]
    for period in periods.values():
        dealers, trouble = participants(dms_dsn, contract, period.window)
        if trouble is not None:
            # Who takes part is not known, so neither is whose file is missing, nor whose no longer is.
            unknown = NewNotice("DMS", contract.id, f"{contract.id}/dms", f"{contract.id}: {trouble}", contract.id)
            return Looked((*found, unknown), frozenset([f"{contract.id}/files", f"{contract.id}/dms"]))
        for standing in of_period(contract, ledger, period, now=now, dealers=dealers):
            if standing.status in PROMISES:
                found.append(_promised(contract, period, standing))
    scopes = [contract.id, f"{contract.id}/files", f"{contract.id}/dms"]
    return Looked(tuple(found), frozenset(scopes))


def outcome(row: NoticeRow, ledger: Ledger, contract: Contract, *, now: datetime) -> str:
    """Return in words what became of a notice that is so no more."""
    if row.kind in PROMISES and row.period is not None and row.dealer is not None:
        if contract.direction == "inbound":
            return _arrived(row, contract, ledger, row.period, now)
        period = period_of(contract, row.period)
        for standing in of_period(contract, ledger, period, now=now, dealers=()):
            if standing.dealer == row.dealer:
                at = f", at {standing.since:%Y-%m-%d %H:%M} UTC" if standing.since else ""
                return f"it is {standing.status.replace('_', ' ').lower()} now{at}"
        return "it is expected no more: the dealer takes no part in that period, or is paused"
    return "it is so no more"


def _promised(contract: Contract, period: DuePeriod, standing: Standing) -> NewNotice:
    label = period.label(contract)
    due = f"{period.due_at:%Y-%m-%d %H:%M %Z}"
    how = "is late" if standing.status == "LATE" else "is missing"
    said = f"{contract.id}, dealer {standing.dealer}: the file of {label}, promised by {due}, {how}"
    if standing.reason:
        said += f": {standing.reason}"
    return NewNotice(
        standing.status, f"{contract.id} {standing.dealer} {label}", contract.id, said, contract.id, standing.dealer,
        period.window.business_date,
    )  # fmt: skip


def _waiting(contract: Contract, ledger: Ledger) -> list[NewNotice]:
    """Files that go out and wait for a decision, of whatever age."""
    return [
        NewNotice(
            file.state, f"file {file.id}", f"{contract.id}/files",
            f"{contract.id}, dealer {file.dealer}: file {file.id} of {file.period} is {file.state}"
            + (f": {file.reason}" if file.reason else ""),
            contract.id, file.dealer,
        )
        for file in ledger.files(interface=contract.id, states=WAITING)
    ]  # fmt: skip


def _unpunctual(contract: Contract, ledger: Ledger, now: datetime) -> list[NewNotice]:
    known = feeds(ledger, interface=contract.id)
    return [
        NewNotice(
            each.status, f"{contract.id} {each.dealer} {each.day}", contract.id, str(each), contract.id, each.dealer,
            each.day,
        )
        for each in lateness_of_days(contract, known, ledger, now=now)
        if each.status in PROMISES
    ]  # fmt: skip


def _refused(contract: Contract, ledger: Ledger, now: datetime) -> list[NewNotice]:
    """Files that came in and are held, of whatever age; and those refused since the day began."""
    expectation = Expectation.of(contract)
    today = expectation.counts_since(expectation.day_at(now))
    rows = [
        *ledger.arrivals(interface=contract.id, states=("HELD",)),
        *ledger.arrivals(interface=contract.id, states=("REJECTED",), since=today),
    ]
    return [
        NewNotice(
            row.state, f"arrival {row.id}", contract.id,
            f"{contract.id}, dealer {row.dealer}: file {row.id} that came in is {row.state}"
            + (f": {row.reason}" if row.reason else ""),
            contract.id, row.dealer,
        )
        for row in rows
    ]  # fmt: skip


def _arrived(row: NoticeRow, contract: Contract, ledger: Ledger, day: date, now: datetime) -> str:
    known = [each for each in feeds(ledger, interface=contract.id) if each.dealer == row.dealer]
    for each in lateness_of_days(contract, known, ledger, now=now):
        if each.day == day and each.status == "LATE_ARRIVED" and each.arrived_at is not None:
            return f"it came late, at {each.arrived_at:%Y-%m-%d %H:%M} UTC"
        if each.day == day and each.status == "MISSING":
            return "it is missing by now"
    if not any(each.state == "LIVE" for each in known):
        return "it is expected no more: the feed is paused or has ended"
    return "it has come, or is expected no more"
