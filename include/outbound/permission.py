"""The last look before sending: are the agreements in force, and what may each application see, at this moment?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from include.outbound.dealers import read_dealers
from include.outbound.dms import dms_connection

if TYPE_CHECKING:
    from include.agreements import Standing
    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import FileRow, Ledger


def may_leave(
    contract: Contract,
    files: Sequence[FileRow],
    dms_dsn: str | None,
    at: datetime,
    *,
    ledger: Ledger,
    archive: Archive,
    log: Callable[[str], None] = lambda line: None,
) -> list[FileRow]:
    """
    Return those of ``files`` whose agreements hold at ``at``, each with its applications' manifests; stop the others.

    A file that no attempt has begun to send becomes WITHHELD. One that the partner may have, or has, is held: a person
    must know that it went while the agreements held.

    :raises DmsUnavailableError: if the DMS does not answer; nothing may be sent then.
    :raises ValueError: if the contract asks for agreements and nobody says where the DMS is.
    """
    from include.agreements import accompany, read_authorisations, read_standings

    if dms_dsn is None:
        raise ValueError(f"{contract.id} sends under agreements; publish must be told the DMS that holds them")
    with dms_connection(dms_dsn) as connection:
        standings = read_standings(connection, contract, at)
        authorisations = read_authorisations(connection, contract, at, log=log)
        ids = {
            (window, dealer.label): dealer.dealer_id
            for window in {file.window for file in files}
            for dealer in read_dealers(connection, contract, window)
        }
    leaving = []
    for file in files:
        dealer = ids.get((file.window, file.dealer))
        reason = _objection(standings.get(dealer) if dealer is not None else None, file)
        state = "HELD"
        if reason is None and dealer is not None:
            known = authorisations.get(dealer, ())
            reason = accompany(contract, file, known, ledger=ledger, archive=archive, at=at)
        elif file.state == "GATED" and file.published_at is None and _is_withheld(standings, dealer, file):
            state = "WITHHELD"
        if reason is not None:
            ledger.move(file.id, state, reason=reason)
        if reason is None:
            leaving.append(file)
        else:
            log(f"{file.dealer} {file.period}: does not leave: {reason}")
    return leaving


def _is_withheld(standings: Mapping[int, Standing], dealer: int | None, file: FileRow) -> bool:
    """Whether a basis is missing: a person could release a held file, and must not be able to release this one."""
    standing = None if dealer is None else standings.get(dealer)
    return standing is None or standing.objection(file.window) is not None


def _objection(standing: Standing | None, file: FileRow) -> str | None:
    if standing is None:
        return "the DMS knows no such point of sale any more, so nobody can say that its agreements hold"
    told = [standing.objection(file.window), *standing.faults]
    return "; ".join(reason for reason in told if reason is not None) or None
