"""Say what became of a run's files, and fail when one that was due did not go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from include.ledger.states import DELIVERED, PREVIEW
from include.outbound import preview
from include.working_days import due_day

if TYPE_CHECKING:
    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import FileRow, Ledger

# Nothing is due of these: a window without rows that the contract skips, a revision that replaced another, a dealer who
# has not agreed to it.
NOT_DUE = frozenset({"CANCELLED", "SUPERSEDED", "WITHHELD"})
NEXT_STEP = {
    "WITHHELD": "only the agreements change that",
    "HELD": "a person decides",
    "UNKNOWN": "the partner may have taken it: ask them, do not resend",
    "PROPOSED": "waits for a person's release",
}


class UndeliveredError(RuntimeError):
    """One or more files that were due did not go; one line each says which and why."""


def conclude(
    contract: Contract,
    file_ids: Sequence[int],
    *,
    ledger: Ledger,
    archive: Archive,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """
    Log one line per file; return how many files stand in which state.

    A preview ends here: each of its files is compared with what was delivered, and given up with the verdict.

    :raises UndeliveredError: if any file is neither gone nor cancelled, or a preview did not come to its end.
    """
    files = [ledger.file(file_id) for file_id in file_ids]
    previews = [file for file in files if file.environment == PREVIEW]
    if previews:
        ended = [preview.end(contract, file, ledger=ledger, archive=archive, log=log) for file in previews]
        if not all(ended):
            raise UndeliveredError(
                f"{ended.count(False)} of {len(ended)} previews of {contract.id} stopped half-way; see the red task "
                "before this one, mend its cause and start the preview again"
            )
        return {"previewed": len(ended)}
    for file in files:
        log(line(file))
        if file.published_at is not None and file.published_at > due_at(contract, file):
            due = due_at(contract, file)
            log(f"{file.dealer}: late: published at {file.published_at.isoformat()}, due {due.isoformat()}")
    for proposal in _proposals(files, ledger):
        log(line(proposal))
    if withheld := sum(file.state == "WITHHELD" for file in files):
        log(f"{withheld} of {len(files)} files are withheld for want of agreements, each with its reason above")
    undelivered = [file for file in files if file.state not in DELIVERED | NOT_DUE]
    if undelivered:
        raise UndeliveredError(
            f"{len(undelivered)} of {len(files)} files of {contract.id} did not go:\n"
            + "\n".join(line(file) for file in undelivered)
        )
    return dict(Counter(file.state for file in files))


def line(file: FileRow) -> str:
    """One line for the person on call: which file, where it stands, why, and what comes next."""
    what = f"{file.dealer} {file.period}" + (f" revision {file.revision}" if file.revision else "")
    if file.state in DELIVERED:
        return f"{what}: {file.state} {file.rows} rows, total {file.control_total}, as {file.remote_path}"
    why = file.reason or f"stopped at {file.state}; see the red task before this one, then clear it"
    step = NEXT_STEP.get(file.state)
    return f"{what}: {file.state}: {why}" + (f" ({step})" if step else "")


def due_at(contract: Contract, file: FileRow) -> datetime:
    """
    Return the instant by which the contract promises the file, at its time of day in its zone.

    That is on the morning after the window, or on the working day of the month after that the contract names.
    """
    day = due_day(contract, file.window.last_date + timedelta(days=1))
    return datetime.combine(day, contract.due, ZoneInfo(contract.zone))


def _proposals(files: Sequence[FileRow], ledger: Ledger) -> list[FileRow]:
    """Open proposals for the same windows: no reason to be red, since the delivered file stands until a release."""
    if not files:
        return []
    first = files[0]
    windows = {(file.dealer, file.window) for file in files}
    proposed = ledger.files(
        interface=first.interface,
        environment=first.environment,
        since=min(file.business_date for file in files),
        until=max(file.business_date for file in files),
        states=["PROPOSED"],
    )
    return [file for file in proposed if (file.dealer, file.window) in windows]
