"""
Windows that follow each other: each file begins where the dealer's last one ended, and an outage skips none.

What a person gave up is not made again as it was; its time goes with the next file, so that a movement in it, an
erasure above all, still reaches the partner.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from include.window import Window, day_window

if TYPE_CHECKING:
    from include.contract import Contract
    from include.ledger import Ledger


def windows_due(
    contract: Contract,
    run: Window,
    dealer: str,
    *,
    since: date | None,
    owed: datetime | None,
    environment: str,
    ledger: Ledger,
) -> list[Window]:
    """
    Return the windows that a run for the day ``run`` serves for one dealer, oldest first; the last one holds that day.

    They begin where the dealer's last file before ended, and are by the contract single days (``windows``) or one
    (``span``). A dealer that never sent begins with this day, or with the first day that it was known and allowed to.

    :param since: the first day that may be sent at all, None for no bound.
    :param owed: since when a dealer that never sent under this number owes its movements, None for one that is new.
    """
    standing = ledger.window_covering(contract.id, dealer, environment, run.start, run.end)
    last = run if standing is None else standing.window
    begin = _begin(contract, dealer, last, since, owed, environment, ledger)
    if begin >= last.start:
        return [last]
    first = Window(begin, last.end, contract.zone).business_date
    given_up = _given_up(contract, dealer, first, last.business_date, environment, ledger)
    due: list[Window] = []
    if standing is not None or contract.contiguous == "windows":
        day = first
        while (piece := day_window(day, contract.zone)).end <= last.start:
            window = Window(begin, piece.end, contract.zone)
            # Its time goes on into the next piece, however often that was given up as well.
            if window not in given_up:
                due.append(window)
                begin = piece.end
            day += timedelta(days=1)
    return [*due, last if standing is not None else Window(begin, last.end, contract.zone)]


def _begin(
    contract: Contract,
    dealer: str,
    last: Window,
    since: date | None,
    owed: datetime | None,
    environment: str,
    ledger: Ledger,
) -> datetime:
    """Where the dealer's last file before ``last`` ended; without one, where it was first planned and may have gone."""
    allowed = None if since is None else day_window(since, contract.zone).start
    earlier = ledger.window_before(contract.id, dealer, environment, last.start)
    if earlier is not None:
        return earlier.window_end if allowed is None else max(earlier.window_end, allowed)
    planned = [] if owed is None else [owed]
    planned += [
        file.window_start
        for file in ledger.files(interface=contract.id, dealer=dealer, environment=environment)
        if file.state in ("WITHHELD", "CANCELLED")
    ]
    if not planned:
        return last.start
    return min(planned) if allowed is None else max(min(planned), allowed)


def _given_up(
    contract: Contract, dealer: str, first: date, last: date, environment: str, ledger: Ledger
) -> set[Window]:
    """Windows that begin on a day from ``first`` to ``last`` and of which every revision was given up."""
    states: dict[Window, set[str]] = {}
    for file in ledger.files(interface=contract.id, dealer=dealer, environment=environment, since=first, until=last):
        states.setdefault(Window(file.window_start, file.window_end, contract.zone), set()).add(file.state)
    return {window for window, found in states.items() if found == {"CANCELLED"}}
