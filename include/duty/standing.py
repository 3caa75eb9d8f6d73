"""How each dealer's file of the last due period stands, and each feed's files of today; and who must act."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from include.collect import Expectation
from include.collect.expecting import NO_FILE, lateness
from include.duty.due import DuePeriod, last_due, next_due
from include.feeds import Feed, feeds
from include.ledger import DELIVERED
from include.ledger.arrival_states import ARRIVAL_SETTLED

if TYPE_CHECKING:
    from include.collect.expecting import Punctuality
    from include.contract import Contract
    from include.ledger import Ledger
    from include.ledger.glances import PeriodFile, SeenFile
    from include.outbound.dealers import Dealer

Status = Literal[
    "ACKNOWLEDGED", "SENT", "IMPORTED", "UNDER_WAY", "NOT_YET_DUE", "LATE", "MISSING", "HELD", "PROPOSED", "UNKNOWN",
    "WITHHELD", "REJECTED", "PAUSED", "CANCELLED",
]  # fmt: skip
NEEDS_A_PERSON: Collection[Status] = ("LATE", "MISSING", "HELD", "PROPOSED", "UNKNOWN", "REJECTED")
"""Nobody else will mend it. What is withheld waits for a signature, and what is paused was paused by somebody."""
GRACE = timedelta(hours=6)
"""After so long behind its hour a file that has not come or gone is missing and no more late."""


@dataclass(frozen=True)
class Standing:
    """
    One dealer's part in an interface. ``since`` is when it came to be so, if known.

    ``files`` are ids in the ledger that the status is about: of files that go out, or of arrivals. ``reason`` is for
    the person on call and holds no value of a row.
    """

    dealer: str
    status: Status
    files: tuple[int, ...] = ()
    reason: str | None = None
    since: datetime | None = None

    @property
    def needs_a_person(self) -> bool:
        return self.status in NEEDS_A_PERSON


@dataclass(frozen=True)
class InterfaceStanding:
    """
    One interface: ``period`` is what is told of (a day, a month, today), ``due_at`` its promise, ``next_due_at`` the
    next one. ``waiting`` counts what older files need a person, by state. ``trouble`` says why nothing could be told.
    """

    interface: str
    direction: str
    partner: str
    name: str
    period: str
    due_at: datetime
    next_due_at: datetime
    dealers: tuple[Standing, ...]
    waiting: Mapping[str, int] = field(default_factory=dict)
    trouble: str | None = None

    @property
    def counts(self) -> Mapping[str, int]:
        """Dealers by status, the commonest first."""
        return dict(Counter(each.status for each in self.dealers).most_common())

    @property
    def needs_a_person(self) -> bool:
        return bool(self.trouble or self.waiting or any(each.needs_a_person for each in self.dealers))


def standing(
    contract: Contract,
    ledger: Ledger,
    *,
    now: datetime,
    dealers: Sequence[Dealer] = (),
    trouble: str | None = None,
) -> InterfaceStanding:
    """
    Return how an interface stands at ``now``.

    :param dealers: who takes part in its last due period, as the DMS says; of an outbound interface.
    :param trouble: why they could not be asked for; then the ledger alone is told of.
    """
    if contract.direction == "inbound":
        return _inbound(contract, ledger, now)
    return _outbound(contract, ledger, now, dealers, trouble)


def _outbound(
    contract: Contract, ledger: Ledger, now: datetime, dealers: Sequence[Dealer], trouble: str | None
) -> InterfaceStanding:
    period = last_due(contract, now)
    found = of_period(contract, ledger, period, now=now, dealers=dealers)
    told = {number for each in found for number in each.files}
    waiting = ledger.waiting_files(contract.id, ("HELD", "PROPOSED", "UNKNOWN"), besides=told)
    return InterfaceStanding(
        contract.id, contract.direction, contract.partner, contract.name, period.label(contract), period.due_at,
        next_due(contract, now).due_at, tuple(found), waiting, trouble,
    )  # fmt: skip


def of_period(
    contract: Contract, ledger: Ledger, period: DuePeriod, *, now: datetime, dealers: Sequence[Dealer]
) -> list[Standing]:
    """Return how each dealer's file of one period stands: of those who take part, and of whoever has one."""
    of: dict[str, list[PeriodFile]] = {}
    for file in ledger.files_of_period(contract.id, period.window):
        of.setdefault(file.dealer, []).append(file)
    paused = {row.dealer: row for row in ledger.paused_feeds(contract.id)}
    found = []
    for label in sorted(set(labels_of(dealers)) | of.keys()):
        status = _of_files(label, of.get(label, []), due=now >= period.due_at, missing=now >= period.due_at + GRACE)
        if label in paused and status.status in ("NOT_YET_DUE", "LATE", "MISSING"):
            status = Standing(label, "PAUSED", (), paused[label].reason, paused[label].since)
        found.append(status)
    return found


def labels_of(dealers: Sequence[Dealer]) -> list[str]:
    """Return under which label each stands in the ledger: two dealers with one number each have their own."""
    shared = Counter(dealer.label for dealer in dealers)
    return [dealer.label if shared[dealer.label] == 1 else f"dms:{dealer.dealer_id}" for dealer in dealers]


def _of_files(label: str, files: Sequence[PeriodFile], *, due: bool, missing: bool) -> Standing:
    """A revision that waits for a person is told rather than the one that went before it."""
    if not files:
        reason = "no file was made; look at the run of its period" if due else None
        return Standing(label, "MISSING" if missing else "LATE" if due else "NOT_YET_DUE", (), reason)
    newest = max(files, key=lambda file: file.revision)
    if newest.state == "CANCELLED" and len(files) > 1:
        newest = max(
            (file for file in files if file.state != "CANCELLED"), default=newest, key=lambda each: each.revision
        )
    status: Status
    match newest.state:
        case "ACKED":
            status = "ACKNOWLEDGED"
        case state if state in DELIVERED:
            status = "SENT"
        case "HELD" | "PROPOSED" | "UNKNOWN" | "WITHHELD" | "CANCELLED" as state:
            status = state
        case _:
            status = "MISSING" if missing else "LATE" if due else "UNDER_WAY"
    return Standing(label, status, (newest.id,), newest.reason, newest.published_at)


def _inbound(contract: Contract, ledger: Ledger, now: datetime) -> InterfaceStanding:
    expectation = Expectation.of(contract)
    day = expectation.day_at(now)
    due_at = expectation.due_at(day)
    known = feeds(ledger, interface=contract.id)
    today: dict[int, list[SeenFile]] = {}
    for row in ledger.seen_since(contract.id, expectation.counts_since(day)):
        today.setdefault(row.feed_id, []).append(row)
    arrived = {
        feed_id: [row.first_seen_at for row in rows if row.state not in NO_FILE] for feed_id, rows in today.items()
    }
    unpunctual = {each.feed_id: each for each in lateness(known, arrived, expectation, now=now)}
    found = []
    for feed in known:
        late_one = unpunctual.get(feed.id)
        found.append(_of_arrivals(feed, today.get(feed.id, []), None if late_one is None else late_one.status))
    told = {number for each in found for number in each.files}
    waiting = ledger.waiting_arrivals(contract.id, ("HELD",), besides=told)
    ahead = next(
        each
        for number in range(15)
        if expectation.due_at(each := day + timedelta(days=number)) > now and expectation.expects(each)
    )
    return InterfaceStanding(
        contract.id, contract.direction, contract.partner, contract.name, day.isoformat(), due_at,
        expectation.due_at(ahead), tuple(found), waiting,
    )  # fmt: skip


def _of_arrivals(feed: Feed, rows: Sequence[SeenFile], punctuality: Punctuality | None) -> Standing:
    """What waits for a person is told rather than what went well beside it."""
    statuses: tuple[Status, ...] = ("HELD", "REJECTED")
    for status in statuses:
        worst = [row for row in rows if row.state == status]
        if worst:
            said = f"{len(worst)} of {len(rows)} files" if len(worst) > 1 else worst[0].reason
            return Standing(feed.dealer, status, tuple(row.id for row in worst), said, worst[-1].settled_at)
    if punctuality == "LATE" or punctuality == "MISSING":
        return Standing(feed.dealer, punctuality, (), "its file has not come; ask the dealer or the partner")
    if feed.state == "PAUSED":
        return Standing(feed.dealer, "PAUSED", (), feed.reason, feed.changed_at)
    if not rows:
        return Standing(feed.dealer, "NOT_YET_DUE")
    ids = tuple(row.id for row in rows)
    if any(row.state not in ARRIVAL_SETTLED for row in rows):
        return Standing(feed.dealer, "UNDER_WAY", ids)
    return Standing(
        feed.dealer, "IMPORTED", ids, None, max((row.applied_at for row in rows if row.applied_at), default=None)
    )
