"""The step between render and publish: compare each file that is to go, store what differs, hold what must wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from include.archive import ObjectMissingError, PurgedError
from include.contract import CONTRACTS_DIR, load_contract
from include.delivered import UnreadableError
from include.ledger.states import DELIVERED, delivering
from include.reconcile.days import days_of, sent_files
from include.reconcile.kinds import ReconcileError
from include.reconcile.shape import KIND, LINE, MEMBER, NUMBER, shape_of

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    import polars as pl

    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import FileRow, Ledger, ReconciliationDifference, ReconciliationRow
    from include.reconcile.compare import Comparison
    from include.reconcile.days import Day
    from include.reconcile.shape import Shape
    from include.staging import Staging

REASON: Final = "reconciliation: "
EVERY_ROW: Final = 2**31 - 1
NAMED_IN_REASON: Final = 2
COUNTS: Final = ("compared", "held", "not_applicable", "skipped", "failed", "differences", "unexplained")


def reconcile(
    contract: Contract,
    batch_id: int,
    file_ids: Sequence[int],
    *,
    ledger: Ledger,
    staging: Staging,
    archive: Archive,
    reports_root: str,
    log: Callable[[str], None] = lambda line: None,
    contracts_dir: Path = CONTRACTS_DIR,
) -> dict[str, int]:
    """
    Compare the run's files with those that ``contract.reconciled_with`` has delivered for the same period.

    Compared are files that are about to go (GATED), those held with their bytes made, and delivered ones whose rows
    this run has read again. A difference that no kind explains holds a GATED file, unless a person released it for just
    that; a file held for nothing else goes on when nothing is unexplained any more. The ledger has everything; the CSV
    and the page of the quality report are written from it.

    :param batch_id: the run's batch, under which its rows and their fates are staged.
    :return: counts: files ``compared``, ``held``, ``not_applicable`` (a dealer whom the other interface does not
        serve), ``skipped``, ``failed`` (cannot be compared, or does not add up; held); and ``differences``,
        ``unexplained``.
    :raises ReconcileError: if the contracts do not fit each other.
    :raises ArchiveError: if the archive does not answer.
    """
    from include.reconcile.report import write_reports

    if contract.reconciled_with is None:
        raise ReconcileError(
            f"{contract.id} names no interface to be reconciled with; take the task out of its DAG, or put "
            "reconciledWith into its contract"
        )
    other = load_contract(contract.reconciled_with, contracts_dir)
    shape = shape_of(contract, other)
    counts = Counter(dict.fromkeys(COUNTS, 0))
    months: set[date] = set()
    for file_id in file_ids:
        file = ledger.file(file_id)
        if (why := _not_now(file)) is not None:
            log(f"{file.dealer}: {why}; not reconciled")
            counts["skipped"] += 1
            continue
        side = _Side(contract, other, shape, ledger, staging, archive, batch_id)
        try:
            found = side.compare(file)
        except ReconcileError as error:
            # One dealer's fault is that dealer's: its file waits, the others go.
            log(f"{file.dealer}: {error}")
            counts["failed"] += 1
            counts["held"] += _hold(file, f"{REASON}not made: {error}", ledger, log)
            continue
        if found is None:
            counts["skipped" if file.state in DELIVERED else "not_applicable"] += 1
            log(f"{file.dealer}: {side.why}")
            continue
        reason = _reason(other, file, found.differences)
        ledger.record_reconciliation(
            file.id,
            batch_id=batch_id,
            against=other.id,
            rows_here=found.rows_here,
            total_here=found.total_here,
            rows_there=found.rows_there,
            total_there=found.total_there,
            held_for=reason,
            differences=found.differences,
        )
        months.add(file.business_date)
        unexplained = sum(not difference.explained for difference in found.differences)
        counts.update(compared=1, differences=len(found.differences), unexplained=unexplained)
        log(f"{file.dealer}: {_in_words(found)}")
        counts["held"] += _hold(file, reason, ledger, log)
    for month in sorted(months):
        write_reports(contract, month, ledger=ledger, reports_root=reports_root)
    return dict(counts)


def _not_now(file: FileRow) -> str | None:
    """Why a file of the run is not compared, None if it is."""
    if file.state in DELIVERED:
        return None
    if file.published_at is not None:
        return f"{file.state}, a redelivery of what the partner had"
    if file.state == "GATED" or (file.state == "HELD" and file.sha256 is not None):
        return None
    return f"{file.state}" + (f" ({file.reason})" if file.reason else "")


class _Side:
    """One dealer's file and what there is to lay beside it."""

    def __init__(
        self,
        contract: Contract,
        other: Contract,
        shape: Shape,
        ledger: Ledger,
        staging: Staging,
        archive: Archive,
        batch_id: int,
    ) -> None:
        self._contract, self._other, self._shape = contract, other, shape
        self._ledger, self._staging, self._archive = ledger, staging, archive
        self._batch_id = batch_id
        self._before: ReconciliationRow | None = None
        self.why = ""
        self._from_bytes = False

    def compare(self, file: FileRow) -> Comparison | None:
        """Compare the file; None if there is nothing to compare, and ``why`` says why."""
        from include.reconcile import read
        from include.reconcile.compare import Clocks, compare

        window = file.window
        self._before = self._ledger.reconciliation_of(file.id)
        here = self._here(file)
        if here is None:
            self.why = "delivered, and this run has read no rows to compare; see the run that delivered it"
            return None
        daily = self._ledger.files(
            interface=self._other.id,
            environment=delivering(file.environment),
            dealer=file.dealer,
            since=window.business_date,
            until=window.last_date,
        )
        if not daily and not _is_member(here) and self._before is None:
            self.why = f"{self._other.id} does not serve this dealer and has no file of it: nothing to reconcile"
            self._ledger.note(file.id, "NOT_RECONCILED", {"batch_id": self._batch_id, "against": self._other.id})
            return None
        days = days_of(daily)
        there, days = read.sent(self._other, self._shape, sent_files(daily, days), days, self._archive)
        clocks = Clocks(
            first=window.business_date,
            last=window.last_date,
            own=window.zone,
            daily=window.zone if self._other.own_zone else self._other.zone,
        )
        found = compare(self._shape, clocks, here, there, self._with_rejections(days, daily))
        return self._as_before(found) if self._from_bytes else found

    def _here(self, file: FileRow) -> pl.DataFrame | None:
        from include.reconcile import read

        if file.state in DELIVERED:
            today = read.staged(self._contract, self._shape, self._batch_id, file.id, self._staging)
            return today if today is None or _went(self._contract, today, file) else self._what_went(file)
        # Rows that this run did not read, since the bytes are made: those that they were made from.
        found = None
        if file.batch_id is not None:
            found = read.staged(self._contract, self._shape, file.batch_id, file.id, self._staging)
        if found is not None and (found["fate"] == "ACCEPTED").sum() == file.rows:
            return found
        # The run that read its rows was long ago. The bytes say what goes; what was kept back is told by its last
        # comparison, as far as it matters.
        try:
            rows = read.rendered(self._contract, self._shape, file, self._archive)
        except (UnreadableError, PurgedError, ObjectMissingError) as error:
            raise ReconcileError(
                f"the rows it was made from are not staged any more, and {error}; have its bytes made again"
            ) from error
        self._from_bytes = True
        return self._with_kept_back(rows, file)

    def _what_went(self, file: FileRow) -> pl.DataFrame | None:
        """The rows of a delivered file by its bytes: the DMS says otherwise today, and that is for a revision."""
        from include.reconcile import read

        try:
            rows = read.rendered(self._contract, self._shape, file, self._archive)
        except (UnreadableError, PurgedError, ObjectMissingError):
            return None
        self._from_bytes = True
        return self._with_kept_back(rows, file)

    def _as_before(self, found: Comparison) -> Comparison:
        """Bytes do not hold the row keys that a daily file's rejections go by: what was one of them still is."""
        if self._before is None:
            return found
        rejected = {
            _key(each): each
            for each in self._ledger.reconciliation_differences(self._before.id)
            if each.kind == "REJECTED_IN_DAILY"
        }
        same = [rejected.get(_key(each), each) if each.net_there is None else each for each in found.differences]
        return replace(found, differences=same)

    def _with_kept_back(self, rows: pl.DataFrame, file: FileRow) -> pl.DataFrame:
        import polars as pl

        if self._before is None:
            return rows
        fates = {"REJECTED_NOW": "REJECTED", "WITHHELD_NOW": "WITHHELD"}
        (dealer_column,) = set(self._shape.key) - {KIND, NUMBER, LINE}
        kept = [
            {
                dealer_column: file.dealer,
                KIND: each.document_type,
                NUMBER: each.document_number,
                LINE: each.line_number,
                "fate": fates[each.kind],
                "reasons": each.note,
            }
            for each in self._ledger.reconciliation_differences(self._before.id)
            if each.kind in fates
        ]
        if not kept:
            return rows
        return pl.concat([rows, pl.DataFrame(kept, schema_overrides=rows.schema)], how="diagonal")

    def _with_rejections(self, days: Mapping[date, Day], daily: Sequence[FileRow]) -> dict[date, Day]:
        rejecting = {file.id for file in daily if file.rejected}
        return {
            at: replace(
                day,
                rejected=frozenset(str(row.row_key) for row in self._ledger.rejected_rows(day.sent, limit=EVERY_ROW)),
            )
            if day.sent in rejecting and day.sent is not None
            else day
            for at, day in days.items()
        }


def _key(difference: ReconciliationDifference) -> tuple[str, str, str]:
    return difference.document_type, difference.document_number, difference.line_number


def _went(contract: Contract, rows: pl.DataFrame, file: FileRow) -> bool:
    """Whether the accepted ones of these rows are as many and as much as the delivered file's."""
    import polars as pl

    accepted = rows.filter(pl.col("fate") == "ACCEPTED")
    if accepted.height != file.rows or contract.control_total is None:
        return accepted.height == file.rows
    return accepted[contract.control_total].cast(pl.Decimal(38, 2)).sum() == file.control_total


def _is_member(here: pl.DataFrame) -> bool:
    return MEMBER in here.columns and bool((here[MEMBER] == "t").any())


def _hold(file: FileRow, reason: str | None, ledger: Ledger, log: Callable[[str], None]) -> bool:
    """Bring the file to where the comparison leaves it; return whether it is held for it."""
    now = ledger.file(file.id)
    if (now.state, now.sha256) != (file.state, file.sha256) or now.state in DELIVERED:
        return False
    released = ledger.released(file.id)
    if (
        reason is not None
        and released is not None
        and released.content_hash == file.content_hash
        # It may have been held for more than this.
        and reason in (released.held_for or "")
    ):
        log(f"{file.dealer}: {reason}; released for that by {released.actor}: {released.reason}")
        reason = None
    told = now.reason or ""
    # What it was held for beside an earlier comparison stays; ours is always the last part.
    rest = told.partition(REASON)[0].removesuffix("; ") if now.state == "HELD" else ""
    wanted = "; ".join(filter(None, (rest, reason)))
    if wanted and (now.state, told) != ("HELD", wanted):
        ledger.move(file.id, "HELD", reason=wanted)
    elif not wanted and now.state == "HELD":
        ledger.move(file.id, "GATED", detail={"reconciled": "nothing is unexplained any more"})
        log(f"{file.dealer}: nothing is unexplained any more; it goes on")
    if reason is not None:
        log(f"{file.dealer}: held: {reason}")
    return reason is not None


def _reason(other: Contract, file: FileRow, differences: Sequence[ReconciliationDifference]) -> str | None:
    """
    Why the file must wait, in one sentence; None if every difference is explained.

    The same differences give the same sentence and others another, so that a release holds for just those. No document
    is named: what stands in an event stays for ever.
    """
    open_ones = [difference for difference in differences if not difference.explained]
    if not open_ones:
        return None
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(one.kind for one in open_ones).items()))
    told = sorted({(str(one.posted_on), one.note) for one in open_ones})
    first = "; ".join(f"{day}: {note}" for day, note in told[:NAMED_IN_REASON])
    more = f"; and {len(told) - NAMED_IN_REASON} more" if len(told) > NAMED_IN_REASON else ""
    return (
        f"{REASON}not explained by the files of {other.id}: {kinds} ({first}{more}); the lines are in "
        f"reconciliation/{file.period}.csv of the reports (finding {_fingerprint(open_ones)})"
    )


def _fingerprint(differences: Sequence[ReconciliationDifference]) -> str:
    told = sorted(repr(astuple(difference)) for difference in differences)
    return blake2b("\n".join(told).encode(), digest_size=4).hexdigest()


def _in_words(found: Comparison) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(one.kind for one in found.differences).items())
    return (
        f"{found.rows_here} rows, total {found.total_here}, against {found.rows_there} rows, {found.total_there} in "
        f"the daily files: {kinds or 'no difference'}"
    )
