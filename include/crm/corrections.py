"""Rows that were rejected, and what people do with them: correct them, without the partner, or discard them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final

from psycopg2.extensions import cursor

from include.contract import Contract, load_contract
from include.crm.apply import lock, write
from include.crm.arrival import Applied, Arrival, CrmError
from include.crm.connection import transaction

STATES: Final = ("OPEN", "CORRECTED", "DISCARDED")


@dataclass(frozen=True)
class RejectedRow:
    """
    A row of an applied file that the contract refused. ``raw`` is its text as it came, ``header`` its file's
    first line.

    Both texts stay out of the object's own: whoever logs it shows where the row stands, not what it says.
    """

    id: int
    arrival_id: int
    interface: str
    dealer: str
    line: int
    reasons: tuple[str, ...]
    state: str
    applied_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    why: str | None
    raw: str = field(repr=False)
    header: str = field(repr=False)


_ROWS: Final = """
SELECT r.rejected_row_id, i.arrival_id, i.interface, i.dealer, r.line, r.reasons, r.state, i.applied_at, r.decided_by,
       r.decided_at, r.why, r.raw, i.header
  FROM crm.rejected_row r JOIN crm.import i USING (import_id)
"""


def rejected_rows(
    dms_dsn: str,
    *,
    interface: str | None = None,
    dealer: str | None = None,
    arrival_id: int | None = None,
    states: Sequence[str] = ("OPEN",),
) -> list[RejectedRow]:
    """
    Return rejected rows, the oldest file's first.

    :raises CrmError: if the database cannot be read; the role needs to be a member of ``crm_restricted``.
    """
    asked = {"interface": interface, "dealer": dealer, "arrival": arrival_id, "states": list(states)}
    with transaction(dms_dsn, "list of rejected rows") as cur:
        cur.execute(
            _ROWS
            + "WHERE r.state = ANY(%(states)s) AND i.interface = coalesce(%(interface)s, i.interface) "
            + "AND i.dealer = coalesce(%(dealer)s, i.dealer) AND i.arrival_id = coalesce(%(arrival)s, i.arrival_id) "
            + "ORDER BY i.import_id, r.line",
            asked,
        )
        return [_row(told) for told in cur.fetchall()]


def rejected_row(dms_dsn: str, row_id: int) -> RejectedRow:
    """:raises CrmError: if there is none, or the database cannot be read."""
    with transaction(dms_dsn, f"rejected row {row_id}") as cur:
        return _one(cur, row_id)


def correct_row(
    dms_dsn: str, row_id: int, text: str, *, reason: str, who: str, contracts: Path | None = None
) -> Applied:
    """
    Apply ``text``, the corrected record, in place of a rejected row: by the same check and the same import as its file.

    It counts as a row of that file: what a later file said of its activity stays, and a line of a work order joins the
    lines that its own file brought. What came is kept beside what was corrected. A second call is refused.

    :param text: one record under the header of its file, without a line end.
    :param contracts: folder of the contracts, if it is not the usual one.
    :raises CrmError: if the row is no longer open, if ``text`` is not one record, or if it still breaks rules; the
        message names those rules and no value. Nothing is written then.
    """
    import polars as pl

    from include.inbound.judge import REJECTED, arrangement_of, judge_text
    from include.window import day_window

    _require(reason, who)
    # Editors put a mark of the byte order before the first value; a customer's number with it would be another's.
    text = text.removeprefix("\ufeff")
    with transaction(dms_dsn, f"correction of rejected row {row_id}") as cur:
        arrival, row = _locked(cur, row_id)
        contract = _contract(arrival.interface, contracts)
        arrangement = arrangement_of(contract, encoding="utf-8", date_format=arrival.date_format)
        try:
            judged = judge_text(
                arrangement,
                arrival.header,
                text,
                dealer=arrival.dealer,
                window=day_window(arrival.day, contract.zone),
            )
        except ValueError as error:
            raise CrmError(f"rejected row {row_id}: {error}") from None
        if judged.rejected.height:
            raise CrmError(
                f"rejected row {row_id}: the corrected text still breaks {', '.join(judged.rejected['reasons'][0])}; "
                f"the contract {contract.id} says what each means. Nothing was written"
            )
        accepted = judged.accepted.with_columns(pl.lit(row.line, pl.Int64).alias("line"))
        done = write(cur, contract, arrival, accepted, pl.DataFrame(schema=REJECTED), kind="CORRECTION")
        cur.execute(
            "UPDATE crm.rejected_row SET state = 'CORRECTED', corrected_raw = %s, corrected_by_import = %s, "
            "decided_by = %s, decided_at = clock_timestamp(), why = %s WHERE rejected_row_id = %s",
            (text, done.import_id, who, reason, row_id),
        )
        return done


def discard_row(dms_dsn: str, row_id: int, *, reason: str, who: str) -> None:
    """
    Put a rejected row aside for good; what came is kept.

    :raises CrmError: if it is no longer open, or the database refuses it.
    """
    _require(reason, who)
    with transaction(dms_dsn, f"discarding of rejected row {row_id}") as cur:
        _locked(cur, row_id)
        cur.execute(
            "UPDATE crm.rejected_row SET state = 'DISCARDED', decided_by = %s, decided_at = clock_timestamp(), "
            "why = %s WHERE rejected_row_id = %s",
            (who, reason, row_id),
        )


def _require(reason: str, who: str) -> None:
    if not reason.strip() or not who.strip():
        raise CrmError("a decision names who took it and why; nothing was written")


def _contract(interface: str, folder: Path | None) -> Contract:
    return load_contract(interface) if folder is None else load_contract(interface, folder)


def _row(told: tuple[object, ...]) -> RejectedRow:
    names = (
        "id", "arrival_id", "interface", "dealer", "line", "reasons", "state", "applied_at", "decided_by", "decided_at",
        "why", "raw", "header",
    )  # fmt: skip
    values = dict(zip(names, told, strict=True))
    values["reasons"] = tuple(values["reasons"])  # type: ignore[arg-type]
    return RejectedRow(**values)  # type: ignore[arg-type]


def _one(cur: cursor, row_id: int) -> RejectedRow:
    cur.execute(_ROWS + "WHERE r.rejected_row_id = %s", (row_id,))
    if (told := cur.fetchone()) is None:
        raise CrmError(f"there is no rejected row {row_id}; `python -m include.crm rejected` lists those that are open")
    return _row(told)


def _locked(cur: cursor, row_id: int) -> tuple[Arrival, RejectedRow]:
    """Return the row and its file, under the dealer's lock, so that of two decisions the second sees the first."""
    lock(cur, _one(cur, row_id).dealer)
    row = _one(cur, row_id)
    if row.state != "OPEN":
        raise CrmError(
            f"rejected row {row_id} is {row.state} already, by {row.decided_by}; nothing was written. A decision stands"
        )
    cur.execute(
        "SELECT sha256, seen_at, nullif(file_time, '-infinity'), day, date_format FROM crm.import "
        "WHERE arrival_id = %s AND kind = 'FILE'",
        (row.arrival_id,),
    )
    [told] = cur.fetchall()
    sha256, seen_at, file_time, day, date_format = told
    assert isinstance(day, date)
    arrival = Arrival(
        id=row.arrival_id,
        interface=row.interface,
        dealer=row.dealer,
        sha256=sha256,
        seen_at=seen_at,
        file_time=file_time,
        day=day,
        date_format=date_format,
        header=row.header,
    )
    return arrival, row
