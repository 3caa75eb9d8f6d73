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
        from include.crm.copying import copy_in
        from include.crm.people import own_addresses

        cur, arrival = self.cur, self.arrival
        activity_type = TYPE_OF.get(self.contract.table.name)
        if activity_type is None or self.contract.id != arrival.interface:
            raise CrmError(
                f"arrival {arrival.id} is of {arrival.interface}; contract {self.contract.id} does not say which "
                "activities its rows are. Apply it with its own contract"
            )
        cur.execute("SELECT nextval('crm.import_import_id_seq')")
        [(import_id,)] = cur.fetchall()
        told = self._told() | {"import_id": import_id, "type": activity_type}
        own = own_addresses(cur, arrival.dealer)
        found = activities(accepted, activity_type, own)
        cur.execute(statements.STAGED)
        copy_in(cur, found.select(_staged_columns(found)), "staged")
        cur.execute(statements.KNOWN, told)
        if self.kind == "CORRECTION":
            self._add_lines(told)
        cur.execute(statements.DECIDED)
        rules, people = self._find_people(found, own)
        cur.execute(statements.CONTACTS, told)
        cur.execute(statements.POINTS)
        cur.execute(statements.ACTIVITIES, told)
        created = cur.rowcount
        cur.execute(statements.CHANGES, told)
        updated = cur.rowcount
        cur.execute(statements.DECISIONS, told)
        cur.execute(statements.REVIEWS, told)
        cur.execute(statements.OLDER)
        [(older,)] = cur.fetchall()
        counts = {
            "created": created,
            "updated": updated,
            "unchanged": found.height - created - updated - older,
            "older": older,
            **people,
            "rules": rules,
        }
        rows = {"rows_accepted": accepted.height, "rows_rejected": rejected.height}
        cur.execute(statements.MARK, told | rows | {"counts": json.dumps(counts)})
        [(applied_at,)] = cur.fetchall()
        cur.execute(statements.CONFIRMATION, told)
        self._keep_rejected(rejected, told)
        return _applied(import_id, applied_at, rows, counts, already=False)

    def _add_lines(self, told: Mapping[str, Any]) -> None:
        """Let a corrected line of a work order join those that its own file brought."""
        import polars as pl

        from include.crm import statements
        from include.crm.activities import content_hashes
        from include.matching.reading import copy_frame

        self.cur.execute(statements.ADD_LINE, told)
        whole = copy_frame(
            self.cur, statements.ADDED, {"row": pl.Int64, **dict.fromkeys(statements.CONTENT, pl.String)}
        )
        for row, digest in zip(whole["row"], content_hashes(whole), strict=True):
            self.cur.execute(statements.REHASH, (digest, row))

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

    def _find_people(self, found: pl.DataFrame, own: Any) -> tuple[dict[str, int], dict[str, int]]:
        """Match the activities that are new; return how many by which rule, and by which outcome."""
        import polars as pl

        from include.crm import statements
        from include.crm.activities import PERSON
        from include.crm.copying import copy_in
        from include.crm.people import dealers_contacts, people_of
        from include.matching.reading import copy_frame

        new = copy_frame(self.cur, statements.NEW_ROWS, {"row": pl.Int64})
        if not new.height:
            return {}, {"linked": 0, "new": 0, "review": 0, "contacts_created": 0}
        rows = found.select("row", *PERSON)
        if new.height < rows.height:
            rows = rows.join(new, on="row", how="semi")
        people = people_of(rows, dealers_contacts(self.cur, self.arrival.dealer), own)
        copy_in(self.cur, people.decided, "decided")
        copy_in(self.cur, people.contacts, "fresh_contact")
        copy_in(self.cur, people.points, "fresh_point")
        rules = dict(sorted(people.decided["rule"].value_counts().iter_rows()))
        outcomes = dict(people.decided["outcome"].value_counts().iter_rows())
        return rules, {
            "linked": outcomes.get("LINKED", 0),
            "new": outcomes.get("CREATED", 0),
            "review": outcomes.get("REVIEW", 0),
            "contacts_created": people.contacts.height,
        }

    def _keep_rejected(self, rejected: pl.DataFrame, told: Mapping[str, Any]) -> None:
        import polars as pl

        from include.crm import statements
        from include.crm.copying import copy_in

        if not rejected.height:
            return
        self.cur.execute(statements.REJECTED)
        reasons = pl.concat_str(pl.lit("{"), pl.col("reasons").list.join(","), pl.lit("}"))
        copy_in(self.cur, rejected.select("line", reasons.alias("reasons"), "raw"), "refused")
        self.cur.execute(statements.REJECTED_ROWS, told)


def _staged_columns(found: pl.DataFrame) -> list[str]:
    from include.crm.statements import CONTENT

    return [
        name for name in ("row", "lines", "source_key", "key_source", "content_hash", *CONTENT) if name in found.columns
    ]


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
