"""
Metrics of OpenTelemetry, counted from the ledger's events.

Attributes are names from contracts, states and outcomes: never a file name, a number of a row or a personal value, and
a dealer only where that is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from include.contract import Contract, ContractError, load_contract
from include.ledger.states import DELIVERED
from include.telemetry.lateness import arrived_late, published_late

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram

    from include.ledger import ArrivalRow, FileRow, Happening, Ledger
    from include.telemetry.collector import Collector

LOG: Final = logging.getLogger(__name__)
POSITION: Final = "telemetry_metrics"

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
# A step is a matter of seconds, or waits for the next run, or for a person.
STEP_BOUNDS: Final = (0.1, 0.5, 1, 5, 15, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY)
# The first bucket holds what was on time.
LATE_BOUNDS: Final = (0, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 3 * DAY, 7 * DAY)
COUNTERS: Final = {
    "exchange.file.count": ("{file}", "Files that reached a state"),
    "exchange.row.count": ("{row}", "Rows that were read, withheld, rejected, sent or imported"),
    "exchange.rejection.count": ("{rejection}", "Rejections by rule; a row that breaks two rules counts for both"),
    "exchange.file.io": ("By", "Bytes of files delivered for the first time, and of files that landed"),
}
HISTOGRAMS: Final = {
    "exchange.step.duration": ("s", "Seconds that a file spent in a state before it went on", STEP_BOUNDS),
    "exchange.file.lateness": (
        "s",
        "Seconds after its promised time at which a file was published or came",
        LATE_BOUNDS,
    ),
}


@dataclass(frozen=True)
class Measurement:
    """One number for one instrument."""

    instrument: str
    value: float
    attributes: Mapping[str, str]


class MetricsReader:
    """
    Counts what follows its position.

    The position in memory moves as events are counted, the one in the ledger as a collector has taken them; so a
    process that ends early leaves the rest to the next one.
    """

    def __init__(self, collector: Collector, *, by_dealer: bool = False, from_start: bool = False) -> None:
        """Make the instruments. ``by_dealer`` adds the dealer to all of them."""
        self._collector = collector
        self._by_dealer = by_dealer
        self._from_start = from_start
        self._counted: int | None = None
        self._kept = 0
        meter = collector.meter
        self._counters: dict[str, Counter] = {
            name: meter.create_counter(name, unit=unit, description=text) for name, (unit, text) in COUNTERS.items()
        }
        self._histograms: dict[str, Histogram] = {
            name: meter.create_histogram(name, unit=unit, description=text, explicit_bucket_boundaries_advisory=bounds)
            for name, (unit, text, bounds) in HISTOGRAMS.items()
        }

    def follow(self, ledger: Ledger, *, limit: int) -> int:
        """Count the next events; return how many they were."""
        if self._counted is None:
            self._counted = self._kept = ledger.begin_position(POSITION, from_start=self._from_start)
        self._keep(ledger)
        found = ledger.events_after(self._counted, limit=limit)
        # All that is read of the ledger is read before the first number is counted: half a batch would be told twice.
        measured = [each for happening in found for each in measurements(happening, ledger, by_dealer=self._by_dealer)]
        for each in measured:
            if each.instrument in self._counters:
                self._counters[each.instrument].add(each.value, each.attributes)
            else:
                self._histograms[each.instrument].record(each.value, each.attributes)
        if found:
            self._counted = self._collector.counted_to = found[-1].id
        return len(found)

    def close(self, ledger: Ledger | None) -> None:
        """Export once more and keep the position."""
        self._collector.close()
        if ledger is not None:
            self._keep(ledger)

    def _keep(self, ledger: Ledger) -> None:
        taken = self._collector.taken
        if taken > self._kept:
            self._kept = ledger.move_position(POSITION, taken)


def measurements(happening: Happening, ledger: Ledger, *, by_dealer: bool = False) -> list[Measurement]:
    """Return what one event adds: nothing if it changed no state, or is about a preview or a test."""
    subject = happening.file or happening.arrival
    if subject is None or happening.to_state is None:
        return []
    if happening.file is not None and happening.file.environment != "live":
        return []
    about = {"exchange.interface": subject.interface}
    about["exchange.direction"] = "outbound" if happening.file is not None else "inbound"
    if by_dealer:
        about["exchange.dealer"] = subject.dealer
    found = [*_of_any(happening)]
    if happening.file is not None:
        found += _of_file(happening, happening.file, ledger)
    elif happening.arrival is not None:
        found += _of_arrival(happening, happening.arrival, ledger)
    return [Measurement(each.instrument, each.value, {**about, **each.attributes}) for each in found]


def _of_any(happening: Happening) -> Iterator[Measurement]:
    assert happening.to_state is not None
    yield Measurement("exchange.file.count", 1, {"exchange.state": happening.to_state})
    if happening.state_since is not None and happening.from_state is not None:
        seconds = max(0.0, (happening.at - happening.state_since).total_seconds())
        step = {"exchange.step.from": happening.from_state, "exchange.step.to": happening.to_state}
        yield Measurement("exchange.step.duration", seconds, step)


def _of_file(happening: Happening, file: FileRow, ledger: Ledger) -> Iterator[Measurement]:
    columns = happening.columns
    if columns.get("rejected") is not None:
        # Told with the check, and not when the file goes: one that is held for its rejected rows may never go.
        rejected, withheld = int(columns["rejected"]), int(columns.get("withheld") or 0)
        yield from _rows(read=int(columns.get("rows") or 0) + rejected + withheld, rejected=rejected, withheld=withheld)
        if rejected:
            yield from _rejections(ledger.rejected_reasons(file.id))
    # Once for each file: a redelivery, or an acknowledgement, does not set the time again.
    if happening.to_state in DELIVERED and columns.get("published_at") is not None:
        yield from _rows(sent=file.rows or 0)
        yield Measurement("exchange.file.io", file.bytes or 0, {})
        contract = contract_of(file.interface)
        seconds = None if contract is None else published_late(contract, file)
        if seconds is not None:
            yield Measurement("exchange.file.lateness", seconds, {})


def _of_arrival(happening: Happening, arrival: ArrivalRow, ledger: Ledger) -> Iterator[Measurement]:
    columns = happening.columns
    contract = contract_of(arrival.interface)
    if happening.to_state == "SEEN" and happening.from_state is None and contract is not None:
        seconds = arrived_late(contract, arrival, ledger)
        if seconds is not None:
            yield Measurement("exchange.file.lateness", seconds, {})
    if columns.get("bytes") is not None:
        yield Measurement("exchange.file.io", int(columns["bytes"]), {})
    if happening.to_state == "CHECKED":
        yield from _rows(read=int(columns["rows_read"]), rejected=int(columns["rows_rejected"]))
        failed: Any = happening.detail.get("failed") or {}
        # Beside the reasons of rejected rows, the event counts what was only a warning.
        errors = set() if contract is None else {rule.id for rule in contract.rules if rule.severity == "error"}
        yield from _rejections({rule: int(count) for rule, count in failed.items() if rule in errors})
    if happening.to_state == "APPLIED":
        yield from _rows(imported=arrival.rows_accepted or 0)


def _rows(**counts: int) -> Iterator[Measurement]:
    for outcome, count in counts.items():
        if count:
            yield Measurement("exchange.row.count", count, {"exchange.outcome": outcome})


def _rejections(reasons: Mapping[str, int]) -> Iterator[Measurement]:
    for rule, count in reasons.items():
        yield Measurement("exchange.rejection.count", count, {"exchange.rule": rule})


@cache
def contract_of(interface: str) -> Contract | None:
    """Return the contract of an interface; None, and a line in the log, if there is none any more."""
    try:
        return load_contract(interface)
    except ContractError as error:
        LOG.warning("telemetry: files of %s are told without what its contract says: %s", interface, error)
        return None
