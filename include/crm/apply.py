"""
One checked file applied to the CRM: activities written, contacts found or made, rejected rows kept; all or nothing.

Everything happens in one transaction under the dealer's lock, and ends with the mark ``crm.import``. Who comes again
after a kill either finds no trace, or the mark. Rows go in through COPY and are told apart by joins, so that what a
file only repeats is not written again: no new version of a row, and nothing for vacuum to do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from include.crm.arrival import Applied, Arrival, CrmError
from include.crm.connection import transaction

if TYPE_CHECKING:
    import polars as pl
    from psycopg2.extensions import cursor

    from include.contract import Contract


def apply_import(dms_dsn: str, contract: Contract, arrival: Arrival, *, accepted: Path, rejected: Path) -> Applied:
    """
    Apply a checked arrival, once: a second call with the same arrival changes nothing and answers as the first.

    Files may come in any order. What a later file said of an activity stays (``Arrival`` says which is later), and an
    older one adds only what nobody has spoken of yet.

    :param accepted: Parquet: ``line`` and the contract's columns as text.
    :param rejected: Parquet: ``line``, ``reasons``, ``raw``.
    :raises CrmError: if the database refuses something, or the files are not what the check stages; nothing is
        written then.
    """
    import polars as pl

    try:
        good, bad = pl.read_parquet(accepted), pl.read_parquet(rejected)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CrmError(
            f"import of arrival {arrival.id}: its checked rows cannot be read ({type(error).__name__}); have the "
            "arrival checked again"
        ) from None
    with transaction(dms_dsn, f"import of arrival {arrival.id}") as cur:
        lock(cur, arrival.dealer)
        if (done := _marked(cur, arrival)) is not None:
            return done
        return write(cur, contract, arrival, good, bad, kind="FILE")


def lock(cur: cursor, dealer: str) -> None:
    """Wait until no other import, merge or decision of the dealer is under way, and keep others out until commit."""
    cur.execute("SELECT crm.lock_dealer(%s)", (dealer,))


def write(
    cur: cursor,
    contract: Contract,
    arrival: Arrival,
    accepted: pl.DataFrame,
    rejected: pl.DataFrame,
    *,
    kind: Literal["FILE", "CORRECTION"],
) -> Applied:
    """
    Write accepted and rejected rows in the caller's transaction, which holds the dealer's lock.

    :raises CrmError: if the contract is not of sales or service, or the rows have other columns than it says.
    """
    import polars as pl

    try:
        return _Write(cur, contract, arrival, kind).write(accepted, rejected)
    except pl.exceptions.PolarsError as error:
        raise CrmError(
            f"import of arrival {arrival.id}: its rows are not what contract {contract.id} {contract.version} says "
            f"({type(error).__name__}); nothing was written. Have the arrival checked again"
        ) from None


@dataclass(frozen=True)
class _Write:
    """What one call knows; see :func:`write`."""

    cur: cursor
    contract: Contract
    arrival: Arrival
    kind: Literal["FILE", "CORRECTION"]

    def write(self, accepted: pl.DataFrame, rejected: pl.DataFrame) -> Applied:
        from include.crm import statements
        from include.crm.activities import TYPE_OF, activities
        from include.crm.people import own_addresses

        cur, arrival = self.cur, self.arrival
        activity_type = TYPE_OF.get(self.contract.table.name)
        if activity_type is None or self.contract.id != arrival.interface:
            raise CrmError(
                f"arrival {arrival.id} is of {arrival.interface}; contract {self.contract.id} does not say which "
                "activities its rows are. Apply it with its own contract"
            )
        cur.execute("SELECT nextval('crm.import_import_id_seq'), clock_timestamp()::text")
        [(import_id, now)] = cur.fetchall()
        told = self._told() | {"import_id": import_id, "type": activity_type, "now": now}
        own = own_addresses(cur, arrival.dealer)
        found = activities(accepted, activity_type, own)
        new, changed = self._told_apart(found, told)
        people = self._write_new(new, own, told)
        updated = self._write_changed(changed, told)
        cur.execute(statements.OLDER)
        [(older,)] = cur.fetchall()
        counts = {
            "created": new.height,
            "updated": updated,
            "unchanged": found.height - new.height - updated - older,
            "older": older,
            **people,
        }
        rows = {"rows_accepted": accepted.height, "rows_rejected": rejected.height}
        cur.execute(statements.MARK, told | rows | {"counts": json.dumps(counts)})
        [(applied_at,)] = cur.fetchall()
        cur.execute(statements.CONFIRMATION, told)
        self._keep_rejected(rejected, told)
        return _applied(import_id, applied_at, rows, counts, already=False)

    def _told_apart(self, found: pl.DataFrame, told: Mapping[str, Any]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the activities that are new, and those that are there and may have to be changed."""
        import polars as pl

        from include.crm import statements
        from include.crm.activities import SOLD_UNIT
        from include.crm.copying import copy_in
        from include.matching.reading import copy_frame

        cur = self.cur
        cur.execute(statements.KEYED)
        cur.execute(statements.ANY, told)
        keyed = found if cur.fetchall() else found.clear()  # A dealer's first file need not be asked for.
        copy_in(cur, keyed.select("row", "source_key", "content_hash"), "keyed")
        cur.execute("ANALYZE keyed")
        cur.execute(statements.KNOWN, told)
        known = cur.rowcount
        cur.execute("ANALYZE known")
        if keyed.height > known and told["type"] == SOLD_UNIT:
            known += self._find_edited(found, told)
        if not known:
            return found, found.clear()
        there = statements.CHANGED if self.kind == "FILE" else statements.THERE
        changed = found.join(copy_frame(cur, there, {"row": pl.Int64}), on="row", how="semi")
        if known == found.height:
            return found.clear(), changed
        new = copy_frame(cur, statements.UNKNOWN, {"row": pl.Int64})
        return found.join(new, on="row", how="semi", maintain_order="left"), changed

    def _find_edited(self, found: pl.DataFrame, told: Mapping[str, Any]) -> int:
        """Know sales again whose unit is told in another way than before; return how many."""
        import polars as pl

        from include.crm import statements
        from include.crm.copying import copy_in
        from include.matching.reading import copy_frame

        unknown = copy_frame(self.cur, statements.UNKNOWN, {"row": pl.Int64})
        unplaced = (
            found.filter(pl.col("deal_number").is_not_null())
            .join(unknown, on="row", how="semi")
            .select(
                "row",
                "content_hash",
                "deal_number",
                identifier=pl.col("unit_identifier").str.to_uppercase(),
                has_unit=pl.any_horizontal(pl.col("stock_number", "unit_identifier").is_not_null()),
            )
        )
        if not unplaced.height:
            return 0
        self.cur.execute(statements.UNPLACED)
        copy_in(self.cur, unplaced, "unplaced")
        self.cur.execute("ANALYZE unplaced")
        self.cur.execute(statements.EDITED, told)
        return self.cur.rowcount

    def _write_new(self, new: pl.DataFrame, own: Any, told: Mapping[str, Any]) -> dict[str, Any]:
        """
        Match the activities that are new, and write them with their contacts; return how many by rule and outcome.

        Not through INSERT … ON CONFLICT: under the dealer's lock it is known which rows are new. The unique key stays
        as the last guard.
        """
        from include.crm.copying import copy_in
        from include.crm.people import dealers_contacts, people_of
        from include.crm.records import records

        if not new.height:
            return {"linked": 0, "new": 0, "review": 0, "contacts_created": 0, "rules": {}}
        people = people_of(new, dealers_contacts(self.cur, self.arrival.dealer), own)
        for table, frame in records(self.cur, new, people, told):
            copy_in(self.cur, frame, "crm", table)
        rules = dict(sorted(people.decided["rule"].value_counts().iter_rows()))
        outcomes = dict(people.decided["outcome"].value_counts().iter_rows())
        return {
            "linked": outcomes.get("LINKED", 0),
            "new": outcomes.get("CREATED", 0),
            "review": outcomes.get("REVIEW", 0),
            "contacts_created": people.contacts.height,
            "rules": rules,
        }

    def _write_changed(self, changed: pl.DataFrame, told: Mapping[str, Any]) -> int:
        """Write what is there and says something else now; return how many activities that are."""
        from include.crm import statements
        from include.crm.copying import copy_in

        if not changed.height:
            return 0
        self.cur.execute(statements.STAGED)
        columns = [
            name for name in ("row", "source_key", "content_hash", *statements.CONTENT) if name in changed.columns
        ]
        copy_in(self.cur, changed.select(columns), "staged")
        self.cur.execute("ANALYZE staged")
        if self.kind == "CORRECTION":
            self._add_lines(told)
        self.cur.execute(statements.CHANGES, told)
        return self.cur.rowcount

    def _add_lines(self, told: Mapping[str, Any]) -> None:
        """Let a corrected line of a work order join those that its own file brought."""
        import polars as pl

        from include.crm import statements
        from include.crm.activities import content_hashes
        from include.crm.work_order_lines import joined
        from include.matching.reading import copy_frame

        self.cur.execute(statements.ADD_LINE, told)
        for row, *lines in self.cur.fetchall():
            self.cur.execute(statements.SUMMED, (*joined(*lines), row))
        whole = copy_frame(
            self.cur, statements.ADDED, {"row": pl.Int64, **dict.fromkeys(statements.CONTENT, pl.String)}
        )
        for row, digest in zip(whole["row"], content_hashes(whole), strict=True):
            self.cur.execute(statements.REHASH, (digest, row))
        self.cur.execute(statements.REHASHED, told)

    def _told(self) -> dict[str, Any]:
        arrival = self.arrival
        return {
            "kind": self.kind,
            "arrival_id": arrival.id,
            "interface": arrival.interface,
            "dealer": arrival.dealer,
            "sha256": arrival.sha256,
            "seen_at": arrival.seen_at,
            "file_time": arrival.file_time or "-infinity",
            "day": arrival.day,
            "date_format": arrival.date_format,
            "header": arrival.header,
        }

    def _keep_rejected(self, rejected: pl.DataFrame, told: Mapping[str, Any]) -> None:
        import polars as pl

        from include.crm.activities import WORK_ORDER
        from include.crm.copying import copy_in
        from include.crm.rejected_orders import with_order_keys

        if rejected.height and told["type"] == WORK_ORDER:
            header, date_format = self.arrival.header, self.arrival.date_format
            rejected = with_order_keys(rejected, self.contract, header=header, date_format=date_format)
        reasons = pl.concat_str(pl.lit("{"), pl.col("reasons").list.join(","), pl.lit("}"))
        rows = rejected.sort("line").with_columns(reasons=reasons, import_id=pl.lit(told["import_id"]))
        copy_in(self.cur, rows, "crm", "rejected_row")


def _marked(cur: cursor, arrival: Arrival) -> Applied | None:
    """Return what an earlier import of the arrival did; None if there was none."""
    from include.crm import statements

    cur.execute(statements.MARKED, (arrival.id,))
    if (row := cur.fetchone()) is None:
        return None
    import_id, applied_at, accepted, rejected, counts, *whose = row
    if whose != [arrival.interface, arrival.dealer, arrival.sha256]:
        raise CrmError(
            f"arrival {arrival.id} ({arrival.interface}, dealer {arrival.dealer}) was applied as import {import_id}, "
            f"but as {whose[0]} of dealer {whose[1]} or with other content. Do two ledgers share this CRM? Nothing was "
            "written"
        )
    rows = {"rows_accepted": accepted, "rows_rejected": rejected}
    return _applied(import_id, applied_at, rows, counts, already=True)


def _applied(
    import_id: int, applied_at: datetime, rows: Mapping[str, Any], counts: Mapping[str, Any], *, already: bool
) -> Applied:
    return Applied(import_id=import_id, applied_at=applied_at, already=already, **rows, **counts)
