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
    contract: Contract, run: Window, dealer: str, since: date | None, *, environment: str, ledger: Ledger
) -> list[Window]:
    """
    Return the windows that a run for the day ``run`` serves for one dealer, oldest first; the last one holds that day.

    They begin where the dealer's last file before ended, and are by the contract single days (``windows``) or one
    (``span``). A dealer that never sent begins with this day.

    :param since: the first day that may be sent at all, None for no bound.
    """
    standing = ledger.window_covering(contract.id, dealer, environment, run.start, run.end)
    last = run if standing is None else standing.window
    earlier = ledger.window_before(contract.id, dealer, environment, last.start)
    begin = last.start if earlier is None else earlier.window_end
    if earlier is not None and since is not None:
        begin = max(begin, day_window(since, contract.zone).start)
    if begin >= last.start:
        return [last]
    if contract.contiguous == "span" and standing is None:
        return [Window(begin, last.end, contract.zone)]
    given_up = _given_up(contract, dealer, environment, begin, last, ledger)
    due: list[Window] = []
    day = Window(begin, last.end, contract.zone).business_date
    while (piece := day_window(day, contract.zone)).end <= last.start:
        if piece.start not in given_up:
            due.append(Window(begin, piece.end, contract.zone))
            begin = piece.end
        day += timedelta(days=1)
    return [*due, last if standing is not None else Window(begin, last.end, contract.zone)]


def _given_up(
    contract: Contract, dealer: str, environment: str, begin: datetime, last: Window, ledger: Ledger
) -> set[datetime]:
    """Where the windows begin of which every revision was given up."""
    states: dict[datetime, set[str]] = {}
    first = Window(begin, last.end, contract.zone).business_date
    for file in ledger.files(
        interface=contract.id, dealer=dealer, environment=environment, since=first, until=last.business_date
    ):
        states.setdefault(file.window_start, set()).add(file.state)
    return {start for start, found in states.items() if found == {"CANCELLED"}}
