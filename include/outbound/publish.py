"""Publish a run's gated files over one connection, and say where each stands afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from include.ledger.states import ON_THE_WAY, PREVIEW

if TYPE_CHECKING:
    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import Ledger
    from include.sftp import Endpoint


def publish(
    contract: Contract,
    file_ids: Sequence[int],
    *,
    endpoint: Endpoint,
    ledger: Ledger,
    archive: Archive,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """
    Run the publish protocol for the files that may go; return how many stand in which state.

    :raises PermanentTransferError: the endpoint itself is wrong; nothing more is tried.
    :raises TransientTransferError: the line failed; what went stands in the ledger, the rest goes with the next try.
    """
    from include.publish import publish_files

    files = [ledger.file(file_id) for file_id in file_ids]
    waiting = [file.id for file in files if file.state in ON_THE_WAY and file.environment != PREVIEW]
    if any(file.environment == PREVIEW for file in files):
        log("a preview: nothing is sent, and no connection was made")
    elif waiting:
        for outcome in publish_files(endpoint, ledger, archive, waiting, remote_dir=contract.remote_dir):
            log(str(outcome))
    else:
        log("no file is waiting to be published; no connection was made")
    return dict(Counter(ledger.file(file_id).state for file_id in file_ids))
