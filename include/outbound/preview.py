"""
Previews: the steps of a run in an environment of their own, up to the point where a file would be sent.

A preview has its own rows in the ledger, its own sequence numbers, and bytes whose header says ``preview``. It is never
published. Its end says what delivering would do, by comparison with the live revision that speaks for the window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from include.delivered import tables
from include.ledger.files import speaking
from include.ledger.states import DELIVERED, NOT_LIVE
from include.outbound.difference import difference, in_words

if TYPE_CHECKING:
    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import FileRow, Ledger

STOPPED: Final = "the preview stopped at"


def begin(ledger: Ledger, file: FileRow, batch_id: int) -> FileRow:
    """Return the preview's row, taken up anew whatever an earlier preview of the window left."""
    if file.state == "PLANNED":
        return file
    if file.state != "CANCELLED":
        ledger.move(file.id, "CANCELLED", reason="another preview of this window has begun")
    ledger.move(file.id, "PLANNED", reason="previewed again", batch_id=batch_id)
    return ledger.file(file.id)


def end(
    contract: Contract,
    file: FileRow,
    *,
    ledger: Ledger,
    archive: Archive,
    log: Callable[[str], None] = lambda line: None,
) -> bool:
    """Say what delivering would do and end the preview with that sentence; False if it stopped before it could say."""
    if file.state == "CANCELLED":
        log(f"{file.dealer} {file.period}: {file.reason}")
        return not str(file.reason).startswith(STOPPED)
    finished = file.state in ("GATED", "HELD", "WITHHELD")
    said = _verdict(contract, file, ledger, archive) if finished else f"{STOPPED} {file.state}"
    ledger.move(file.id, "CANCELLED", reason=said)
    log(f"{file.dealer} {file.period}: {said}")
    return finished


def _verdict(contract: Contract, file: FileRow, ledger: Ledger, archive: Archive) -> str:
    if file.state in ("HELD", "WITHHELD"):
        return f"would be {file.state.lower()}: {file.reason}"
    what = f"{file.rows} rows, total {file.control_total}"
    live = _live(file, ledger)
    if live is None:
        return f"would be sent: {what}"
    if live.state in DELIVERED:
        if live.content_hash == file.content_hash:
            return f"is what was delivered as {live.file_name}; nothing would be sent"
        numbers = difference(contract, live, archive, tables(contract, file, archive), file.control_total)
        return f"differs from {live.file_name}, which was delivered: {in_words(numbers)}; a revision would be proposed"
    if live.state in NOT_LIVE:
        return f"would not be sent: a person gave the window up ({live.reason})"
    if live.state == "HELD" and not live.awaits_bytes:
        return f"would stay held until a person releases {live.file_name}: {live.reason}"
    return f"would be sent: {what}; the live file stands at {live.state}" + (f" ({live.reason})" if live.reason else "")


def _live(file: FileRow, ledger: Ledger) -> FileRow | None:
    """The revision that speaks for the same window in the live environment."""
    # By the business date: a dealer that has gone over to another clock has one file for it all the same.
    revisions = ledger.files(interface=file.interface, dealer=file.dealer, business_date=file.business_date)
    return speaking(revisions) if revisions else None
