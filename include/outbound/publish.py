"""Publish a run's gated files over one connection, and say where each stands afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.ledger.states import ON_THE_WAY, PREVIEW
from include.outbound.permission import may_leave

# A few seconds on a slow line; asking costs milliseconds.
AGREED_FILES = 10

if TYPE_CHECKING:
    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import FileRow, Ledger
    from include.sftp import Endpoint


def publish(
    contract: Contract,
    file_ids: Sequence[int],
    *,
    endpoint: Endpoint,
    ledger: Ledger,
    archive: Archive,
    dms_dsn: str | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """
    Run the publish protocol for the files that may go; return how many stand in which state.

    Where the contract asks for agreements they are read again, at this moment, and what each application may see is
    written beside each file. Where files follow each other a later one waits for the earlier.

    :param dms_dsn: the DMS, needed by a contract with agreements.
    :raises PermanentTransferError: the endpoint itself is wrong; nothing more is tried.
    :raises TransientTransferError: the line failed; what went stands in the ledger, the rest goes with the next try.
    :raises DmsUnavailableError: if the agreements cannot be read; nothing is sent.
    """
    from include.publish import publish_files

    files = [ledger.file(file_id) for file_id in file_ids]
    waiting = [file for file in files if file.state in ON_THE_WAY and file.environment != PREVIEW]
    if any(file.environment == PREVIEW for file in files):
        log("a preview: nothing is sent, and no connection was made")
    elif waiting:
        while turn := _turn(contract, waiting, ledger):
            waiting = [file for file in waiting if file not in turn]
            if contract.agreements:
                # Anew for each turn: what was agreed may end while files are on the line.
                leaving = may_leave(contract, turn, dms_dsn, datetime.now(UTC), ledger=ledger, archive=archive, log=log)
                stopped = {file.dealer for file in turn} - {file.dealer for file in leaving}
                waiting = [file for file in waiting if file.dealer not in stopped]
                turn = leaving
            ids = [file.id for file in turn]
            for outcome in publish_files(endpoint, ledger, archive, ids, remote_dir=contract.remote_dir) if ids else ():
                log(str(outcome))
        for file in waiting:
            log(f"{file.dealer} {file.period}: {_predecessors(file, ledger)}")
    else:
        log("no file is waiting to be published; no connection was made")
    return dict(Counter(ledger.file(file_id).state for file_id in file_ids))


def _turn(contract: Contract, waiting: Sequence[FileRow], ledger: Ledger) -> list[FileRow]:
    """The files that may go next: all, or, where agreements are to be asked for again, a few at a time."""
    ready = [file for file in waiting if contract.contiguous is None or not _earlier(file, ledger)]
    return ready[:AGREED_FILES] if contract.agreements else ready


def _earlier(file: FileRow, ledger: Ledger) -> list[FileRow]:
    """Earlier files of the dealer that have not gone."""
    return ledger.waiting_before(file.interface, file.dealer, file.environment, file.window_start)


def _predecessors(file: FileRow, ledger: Ledger) -> str:
    """Say which file this one waits for."""
    first = _earlier(file, ledger)[0]
    why = f": {first.reason}" if first.reason else ""
    return f"waits for the file of {first.period}, which is {first.state}{why}"
