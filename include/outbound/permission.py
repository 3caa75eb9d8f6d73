"""The last look before sending: are the agreements in force, and what may each application see, at this moment?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from include.outbound.dealers import SQL_DIR, Dealer, choose, read_dealers, unservable
from include.outbound.dms import dms_connection

if TYPE_CHECKING:
    from psycopg2 import extensions

    from include.agreements import Standing
    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import FileRow, Ledger
    from include.window import Window


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
        known = {
            window: choose(read_dealers(connection, contract, window), (), contract, window)
            for window in {file.window for file in files}
        }
        gone = _erased(connection, contract, files, known, ledger)
    leaving = []
    for file in files:
        if file.lease_until is not None and file.lease_until > at:
            log(f"{file.dealer} {file.period}: another attempt is at work on it; left to it")
            continue
        candidates = known[file.window].get(file.dealer, [])
        standing = standings.get(candidates[0].dealer_id) if len(candidates) == 1 else None
        if standing is not None and (withheld := standing.objection(file.window)) is not None and file.untouched:
            ledger.move(file.id, "WITHHELD", reason=withheld)
            log(f"{file.dealer} {file.period}: withheld: {withheld}")
            continue
        reason = _fault(contract, file, candidates, standing)
        if reason is None and (erased := gone.get(file.id)):
            reason = f"{erased} customers were erased since its rows were read"
            if file.untouched:
                ledger.move(file.id, "WITHHELD", reason=f"{reason}: the next run makes it anew")
                log(f"{file.dealer} {file.period}: {reason}; the next run makes it anew")
                continue
            reason += ", and it would bring them back: reject it, which takes a redelivery back, and run the window "
            reason += "again for a revision without them"
        if reason is None:
            own = authorisations.get(candidates[0].dealer_id, ())
            reason = accompany(contract, file, own, ledger=ledger, archive=archive, at=at)
        if reason is None:
            leaving.append(file)
        else:
            ledger.move(file.id, "HELD", reason=reason)
            log(f"{file.dealer} {file.period}: does not leave: {reason}")
    return leaving


def _erased(
    connection: extensions.connection,
    contract: Contract,
    files: Sequence[FileRow],
    known: Mapping[Window, Mapping[str, Sequence[Dealer]]],
    ledger: Ledger,
) -> dict[int, int]:
    """By file, how many customers of its point of sale were erased since its rows were read."""
    if contract.erasures is None:
        return {}
    statement = (SQL_DIR / f"{contract.erasures}.sql").read_text(encoding="utf-8")
    found: dict[int, int] = {}
    for file in files:
        ids = [dealer.dealer_id for dealer in known[file.window].get(file.dealer, ())]
        if file.batch_id is None or not ids:
            continue
        with connection.cursor() as cursor:
            cursor.execute(statement, {"dealer_ids": ids, "made_at": ledger.batch(file.batch_id).opened_at})
            found[file.id] = sum(count for _, count in cursor.fetchall())
    return found


def _fault(contract: Contract, file: FileRow, candidates: Sequence[Dealer], standing: Standing | None) -> str | None:
    """Why a person has to look before the file leaves, None if nobody need."""
    if not candidates or (len(candidates) == 1 and standing is None):
        return f"the DMS knows no {file.dealer} of that day any more, so nobody can say that its agreements hold"
    if (several := unservable(contract, file.dealer, candidates)) is not None:
        return several
    if file.dealer_key is not None and file.dealer_key != candidates[0].key:
        return (
            f"its bytes were made when {file.dealer} was {file.dealer_key}; in the DMS it is {candidates[0].key} now, "
            "another site or company, whose agreements say nothing of them. Reject the file; the next run makes "
            "another if one is due"
        )
    told = [standing.objection(file.window), *standing.faults] if standing is not None else []
    return "; ".join(reason for reason in told if reason is not None) or None
