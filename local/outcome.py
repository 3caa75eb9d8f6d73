"""What ought to have gone and did not: the sample's days and months and the DMS's dealers against the ledger."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import psycopg2

from include.agreements import read_standings
from include.contract import Contract
from include.ledger import DELIVERED, Ledger
from include.outbound.dealers import choose, read_dealers, unservable
from include.window import Window


@dataclass(frozen=True)
class NotSent:
    """A day of a dealer that the sample wants unsent: the dealer's feed is paused while that day is delivered."""

    dealer: str
    day: date


@dataclass(frozen=True)
class Missing:
    """A file that ought to be with the partner and is not, and what the ledger says of it."""

    window: Window
    dealer: str
    why: str

    def __str__(self) -> str:
        return f"{self.window.business_date} dealer {self.dealer}: {self.why}"


@dataclass(frozen=True)
class Outcome:
    """
    Number of files of one interface that ought to be with its partner, and those that are not, in window order.

    ``kept_back`` says by dealer why its files must not go: it has not agreed, or its numbers are not what they must be.
    """

    contract: Contract
    expected: int
    missing: tuple[Missing, ...]
    kept_back: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        went = self.expected - len(self.missing)
        return f"{self.contract.id}: {went} of {self.expected} files are with {self.contract.partner}"


def outcome(
    contract: Contract,
    windows: Sequence[Window],
    *,
    dms_dsn: str,
    ledger_dsn: str,
    not_sent: Collection[NotSent] = (),
) -> Outcome:
    """
    Compare, for every window, the dealers that the DMS says take part with the files that the ledger says went.

    A file is found by its first day and its dealer: a dealer's own clock may begin the same month at another instant.
    """
    due, kept_back = _expected(contract, windows, dms_dsn)
    expected = [(window, dealer) for window, dealer in due if NotSent(dealer, window.business_date) not in not_sent]
    with Ledger(ledger_dsn, actor="person:make-run") as ledger:
        files = ledger.files(interface=contract.id)
    went = {(file.business_date, file.dealer) for file in files if file.state in DELIVERED}
    fate = {(file.business_date, file.dealer): f"{file.state}: {file.reason or 'no reason given'}" for file in files}
    never = f"no file was made; look at the {contract.period_unit}'s run"
    missing = [
        Missing(window, dealer, fate.get((window.business_date, dealer), never))
        for window, dealer in expected
        if (window.business_date, dealer) not in went
    ]
    return Outcome(contract, len(expected), tuple(missing), kept_back)


def left_out(contract: Contract, windows: Sequence[Window], *, dms_dsn: str) -> list[NotSent]:
    """
    Return a dealer's files of ``windows``, to be left out: so the morning page has one that a person must see to.

    The last dealer by its label; none if there is no other, so that something goes at all.
    """
    due, _ = _expected(contract, windows, dms_dsn)
    labels = sorted({label for _, label in due})
    if len(labels) < 2:
        return []
    return [NotSent(label, window.business_date) for window, label in due if label == labels[-1]]


def _expected(
    contract: Contract, windows: Sequence[Window], dms_dsn: str
) -> tuple[list[tuple[Window, str]], dict[str, str]]:
    """
    (window, dealer) for each file that ought to go, and why those of other dealers must not.

    A dealer without a number is ``dms:<id>``, as in the ledger.
    """
    due: list[tuple[Window, str]] = []
    kept_back: dict[str, str] = {}
    connection = psycopg2.connect(dms_dsn)
    try:
        with connection:
            standings = {}
            if contract.agreements:
                standings = read_standings(connection, contract, datetime.now(UTC))
            for window in windows:
                dealers = read_dealers(connection, contract, window)
                for label, candidates in choose(dealers, (), contract, window).items():
                    if candidates[0].ended_on is not None:
                        continue  # Of this day it owes nothing.
                    standing = standings.get(candidates[0].dealer_id)
                    reason = None
                    if standing is not None:
                        faults = [unservable(contract, label, candidates), *standing.faults]
                        told = [standing.objection(window), *faults]
                        reason = "; ".join(one for one in told if one is not None)
                    if reason:
                        kept_back[label] = reason
                    else:
                        due.append((window, label))
    finally:
        connection.close()
    return due, kept_back
