"""One landed file judged to its end: accepted and rejected rows staged for who applies them, and all of it counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from include.inbound.refusals import ROW_REASONS

if TYPE_CHECKING:
    import polars as pl

    from include.contract import Contract, Rule
    from include.inbound.judge import Arrangement, Judged
    from include.staging import Staging
    from include.window import Window

HEADER_ONLY = "the file has a header and no rows: nothing happened at the dealer, and that is applied"


@dataclass(frozen=True)
class CheckedArrival:
    """
    What became of the records of one file: ``rows`` = ``accepted`` + ``rejected``.

    ``failed`` counts the reasons of rejected rows and the broken rules of other severities. ``problems`` say, without
    values, which rules over the whole file are broken: it must wait for a person then. ``warnings`` are for the report.
    ``header`` is the first line as it came: with the text of a rejected row it can be read again without the partner.
    The staged files hold what ``include.inbound.judge.Judged`` says, as Parquet.
    """

    rows: int
    accepted: int
    rejected: int
    failed: Mapping[str, int]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    header: str
    accepted_name: str
    rejected_name: str


def accepted_name(batch: str | int, arrival_id: int) -> str:
    """Name of the staged accepted rows of an arrival."""
    return f"{batch}/{arrival_id}.accepted.parquet"


def rejected_name(batch: str | int, arrival_id: int) -> str:
    """Name of the staged rejected rows of an arrival."""
    return f"{batch}/{arrival_id}.rejected.parquet"


def check_arrival(
    contract: Contract,
    path: Path,
    *,
    dealer: str,
    encoding: str,
    date_format: str,
    window: Window,
    staging: Staging,
    batch: str | int,
    arrival_id: int,
) -> CheckedArrival:
    """
    Judge the landed file at ``path`` of a feed with ``encoding`` and ``date_format`` by ``contract``.

    :param window: the day on which it came, by the contract's zone; what is later lies in the future.
    :raises FileRefused: if it cannot be read; then nothing is staged.
    :raises StagingError: if the rows cannot be written down.
    """
    from include.inbound.judge import arrangement_of

    return check_file(
        arrangement_of(contract, encoding=encoding, date_format=date_format),
        path,
        dealer=dealer,
        window=window,
        staging=staging,
        batch=batch,
        arrival_id=arrival_id,
        tolerance=contract.file_rule("rejectedRows"),
        totals=contract.file_rule("headerTotals"),
    )


def check_file(
    arrangement: Arrangement,
    path: Path,
    *,
    dealer: str,
    window: Window,
    staging: Staging,
    batch: str | int,
    arrival_id: int,
    tolerance: Rule | None = None,
    totals: Rule | None = None,
) -> CheckedArrival:
    """
    Judge the file at ``path`` and stage its rows; in memory there are never more than two pieces of it.

    :param window: the day on which it came.
    :param tolerance: the contract's rule about rejected rows; :param totals: its rule about the file's header record.
    :raises FileRefused: if it cannot be read; then nothing is staged.
    :raises StagingError: if the rows cannot be written down.
    """
    import polars as pl

    from include.inbound.judge import LINE, REJECTED, Judge
    from include.inbound.totals import HeaderTotals

    names = accepted_name(batch, arrival_id), rejected_name(batch, arrival_id)
    judge = Judge(arrangement, dealer=dealer, window=window)
    adding = None if totals is None else HeaderTotals(totals)
    accepted = rejected = 0
    failed: Counter[str] = Counter()
    schema = pl.Schema({LINE: pl.Int64(), **{name: pl.String() for name in arrangement.table.columns}})
    with path.open("rb") as source, ExitStack() as open_files:
        good, bad = (
            open_files.enter_context(_RowFile(open_files.enter_context(staging.writer(name)), wanted))
            for name, wanted in zip(names, (schema, REJECTED), strict=True)
        )
        # One piece is written down while the next is judged; left before the files are closed, whatever happens.
        beside = open_files.enter_context(ThreadPoolExecutor(1))
        written: Future[None] | None = None
        for part in judge.judge(source):
            if written is not None:
                written.result()
            written = beside.submit(_write, good, bad, part)
            accepted += part.accepted.height
            rejected += part.rejected.height
            failed.update(part.failed)
            if adding is not None:
                adding.add(part)
        if written is not None:
            written.result()
        if adding is not None:
            adding.require()
    assert judge.headers is not None
    reasons = ROW_REASONS.keys() | {rule.id for rule in arrangement.table.row_rules if rule.severity == "error"}
    warnings = [] if accepted + rejected else [HEADER_ONLY]
    if judge.headers.missing:
        warnings.append(f"the file comes without {', '.join(judge.headers.missing)}")
    if judge.headers.ignored:
        warnings.append(f"{judge.headers.ignored} columns are none of the contract's; they are not read")
    return CheckedArrival(
        rows=accepted + rejected,
        accepted=accepted,
        rejected=rejected,
        failed=dict(failed),
        problems=_problems(
            tolerance, accepted + rejected, rejected, {name: failed[name] for name in reasons & set(failed)}
        ),
        warnings=tuple(warnings),
        header=judge.header,
        accepted_name=names[0],
        rejected_name=names[1],
    )


def _problems(tolerance: Rule | None, rows: int, rejected: int, reasons: Mapping[str, int]) -> tuple[str, ...]:
    from include.checks import rejected_rows

    if tolerance is None:
        return ()
    verdict = rejected_rows(tolerance, rows=rows, rejected=rejected)
    if not verdict.holds:
        return ()
    worst = ", ".join(
        f"{count} of {reason}" for reason, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))[:3]
    )
    return (f"{verdict.rule}: {verdict.observed}, allowed {verdict.allowed} (most often {worst})",)


def _write(good: _RowFile, bad: _RowFile, part: Judged) -> None:
    good.write(part.accepted)
    bad.write(part.rejected)


class _RowFile:
    """A Parquet file that grows by a row group per frame; one without frames has the columns and no rows."""

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        import polars as pl
        import pyarrow.parquet as pq

        self._schema = pl.DataFrame(schema=schema).to_arrow().schema
        # Most texts differ from row to row, so a dictionary would cost more than it saves.
        self._writer = pq.ParquetWriter(path, self._schema, compression="lz4", use_dictionary=False)

    def __enter__(self) -> _RowFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, frame: pl.DataFrame) -> None:
        if frame.height:
            self._writer.write_table(frame.to_arrow().cast(self._schema))
