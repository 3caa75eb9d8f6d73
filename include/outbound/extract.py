"""Plan the files of a run and read their rows from the DMS, all in one repeatable-read snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from include.ledger.states import delivering
from include.outbound.dealers import ExtractError, choose, read_dealers, served
from include.outbound.dms import (
    DmsUnavailableError,
    Reading,
    copy_all,
    dms_connection,
    export_snapshot,
    require_columns,
)
from include.outbound.manifest import MANIFEST, Manifest
from include.outbound.plan import Plan
from include.window import Window, WindowError, period_window, require_ended

if TYPE_CHECKING:
    from include.contract import Contract
    from include.ledger import Ledger
    from include.staging import Staging

__all__ = ["DmsUnavailableError", "ExtractError", "Extraction", "extract"]


@dataclass(frozen=True)
class Extraction:
    """What a run works on: its batch, the ledger files it serves, and how many rows it read."""

    batch_id: int
    file_ids: list[int]
    rows: int


def extract(
    contract: Contract,
    window: Window,
    *,
    dms_dsn: str,
    ledger: Ledger,
    staging: Staging,
    run_id: str,
    now: datetime,
    environment: str = "live",
    dealers: Sequence[str] = (),
    log: Callable[[str], None] = lambda line: None,
) -> Extraction:
    """
    Plan the files of each dealer and stage their rows, with a manifest of them, under the batch's id.

    A file's window is the run's day or month by the clock that the contract goes by, which may be the dealer's own.
    Where files follow each other, an earlier window that was missed, or that has not gone yet, comes with it.

    :param dealers: dealer codes to serve; empty means all.
    :param environment: ``preview`` plans files that are made and read like the live ones and never sent.
    :raises WindowError: if the window is no whole period of the contract, or is not over at ``now`` for somebody.
    :raises ExtractError: if ``dealers`` names nobody, no dealer is due, or a view's columns are not the contract's.
    :raises DmsUnavailableError: if the database does not answer.
    """
    _require_whole(contract, window)
    require_ended(window, now)
    with dms_connection(dms_dsn) as main:
        snapshot = export_snapshot(main)
        chosen = choose(read_dealers(main, contract, window), dealers, contract, window)
        for dealer in served(chosen):
            require_ended(dealer.window(contract, window), now)
        require_columns(main, contract, window)
        standings = {}
        if contract.agreements:
            from include.agreements import read_standings

            standings = read_standings(main, contract, now)
        batch_id = ledger.open_batch(
            interface=contract.id,
            environment=environment,
            window_start=window.start,
            window_end=window.end,
            zone=window.zone,
            business_date=window.business_date,
            run_id=run_id,
            contract_version=contract.version,
        )
        plan = Plan(contract, window, environment, batch_id, ledger, standings, log)
        for label, candidates in chosen.items():
            # A preview says what delivering would do, and asks the feed that would deliver.
            if ledger.feed_state(contract.id, label, delivering(environment)) == "paused":
                log(f"{label}: feed paused, nothing planned")
            else:
                plan.add(label, candidates)
        readings = [Reading(of, files) for of, files in plan.wanted.items()]
        parts, rows = copy_all(
            contract, readings, dms_dsn=dms_dsn, snapshot=snapshot, staging=staging, batch_id=batch_id
        )
    Manifest(parts, plan.obstacles, plan.headers).write(staging, batch_id)
    ledger.close_batch(batch_id, rows_read=rows, snapshot=f"{batch_id}/{MANIFEST}")
    read = sum(len(reading.file_of_dealer) for reading in readings)
    log(f"{rows} rows read for {read} of {len(plan.file_ids)} files")
    return Extraction(batch_id, plan.file_ids, rows)


def _require_whole(contract: Contract, window: Window) -> None:
    """A file over part of a period would look whole to the partner, and the rest would never follow."""
    whole = period_window(contract.period_unit, window.business_date, contract.zone)
    if (window.start, window.end) != (whole.start, whole.end):
        raise WindowError(
            f"{contract.id} sends whole {contract.period_unit}s by the clock of {contract.zone}; the window "
            f"{window.start.isoformat()} to {window.end.isoformat()} cuts one. Ask for {whole.start.isoformat()} to "
            f"{whole.end.isoformat()}"
        )
