"""Say what became of a run's files, and fail when one of them waits for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from include.imports.destinations import Destination, destination_of
from include.ledger.arrival_states import ARRIVAL_SETTLED, ARRIVAL_STATES

if TYPE_CHECKING:
    from include.contract import Contract
    from include.ledger import ArrivalRow, Ledger
    from include.ledger.rows import EventRow

OPEN = tuple(state for state in ARRIVAL_STATES if state not in ARRIVAL_SETTLED)
IMPORTED = "APPLIED"
NEXT_STEP = {
    "SEEN": "it did not stand still, or could not be read yet; the next run looks again",
    "LANDED": "its check did not come to its end; see the red task before this one, the next run goes on",
    "CHECKED": "its import did not come to its end; see the red task before this one, the next run goes on",
    "APPLIED": "it is imported; the next run removes it at the partner",
    "DUPLICATE": "the next run settles it",
}


class UnfinishedError(RuntimeError):
    """Something of the run waits for a person, or did not come to its end; one line each says what and why."""


@dataclass
class Concluded:
    """What a run did: arrivals by the state they are in now, and what their imports did, as its place counts it."""

    states: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)


def conclude_arrivals(
    contract: Contract,
    *,
    begun: datetime,
    failures: Sequence[Mapping[str, Any]] = (),
    missing: Sequence[str] = (),
    ledger: Ledger,
    log: Callable[[str], None] = lambda line: None,
) -> Concluded:
    """
    Log one line per file that the run moved or left open, and return what it did.

    A file that was HELD in an earlier run is told again each time, but makes only its own run red: a run that is red
    for what everybody knows says nothing any more.

    :param begun: when the run began; what was settled since is its work, since runs of an interface follow each other.
    :param failures: of the collecting: ``dealer``, ``arrival`` (None for a whole feed) and ``code`` each.
    :param missing: sentences about files that ought to have come by now, told for the first time.
    :raises UnfinishedError: if the run held or rejected a file or a part of it, could not look into a feed or read a
        file, left one half-way, or a file is missing.
    """
    found = Concluded()
    destination = destination_of(contract)
    wrong = [_failure(failure) for failure in failures]
    rows = ledger.arrivals(interface=contract.id, states=OPEN)
    rows += ledger.arrivals(interface=contract.id, settled_since=begun)
    for row in sorted(rows, key=lambda each: each.id):
        events = [event for event in ledger.arrival_events(row.id) if event.to_state is not None]
        fresh = events[-1].at >= begun
        found.states[row.state] += 1
        imported = next((event for event in reversed(events) if event.to_state == IMPORTED), None)
        if imported is not None and imported.at >= begun:
            found.counts["rows"] += row.rows_read or 0
            found.counts["rejected_rows"] += row.rows_rejected or 0
            found.counts.update({name: imported.detail[name] for name in destination.told})
            if (waiting := destination.waiting(imported.detail)) is not None:
                wrong.append(waiting)
        said = line(row, imported, destination)
        log(said)
        if row.state in ("LANDED", "CHECKED") or (row.state in ("HELD", "REJECTED") and fresh):
            wrong.append(said)
    wrong += missing
    counts = found.counts
    log(
        f"{contract.id}: {counts['rows']} rows read, {counts['rejected_rows']} of them rejected; "
        + destination.in_words({name: counts[name] for name in destination.told})
    )
    if wrong:
        raise UnfinishedError(f"{contract.id}: {len(wrong)} to look at:\n" + "\n".join(wrong))
    return found


def line(row: ArrivalRow, imported: EventRow | None, destination: Destination) -> str:
    """One line for the person on call: which file, where it stands, what it brought or why it stopped, what is next."""
    what = f"{row.label}: {row.state}"
    if row.reject_code:
        what += f" ({row.reject_code})"
    if imported is not None:
        what += f": {row.rows_read} rows, {row.rows_rejected} rejected; {destination.in_words(imported.detail)}"
    if row.reason:
        what += f": {row.reason}"
    elif row.duplicate_of is not None:
        what += f": the same content as arrival {row.duplicate_of}"
    steps = {
        **NEXT_STEP,
        "HELD": f"decide: python -m include.feeds release {row.id} --reason '…', or reject",
        "REJECTED": "ask the partner to send it under another name"
        if row.reject_code == "NAME_UNSAFE"
        else f"once its cause is mended: python -m include.feeds reopen {row.id} --reason '…'",
    }
    step = steps.get(row.state)
    return f"{what} (next: {step})" if step else what


def _failure(failure: Mapping[str, Any]) -> str:
    what = "a whole feed" if failure["arrival"] is None else f"arrival {failure['arrival']}"
    return f"dealer {failure['dealer']}: {what} could not be had ({failure['code']}); the log of `collect` says why"
