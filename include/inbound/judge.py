"""The rows of one arrival, piece by piece: read, brought to one form, completed, judged, and told apart."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import IO

import polars as pl

from include.checks import RowCheck
from include.contract import Contract, Table
from include.inbound.decode import require_encoding
from include.inbound.derive import derive
from include.inbound.headers import Column, Headers
from include.inbound.normalise import normalise, require_date_format
from include.inbound.read import PIECE_BYTES, Reading, Records
from include.inbound.refusals import FileRefused
from include.window import Window

LINE = "line"
REJECTED = pl.Schema({LINE: pl.Int64(), "reasons": pl.List(pl.String), "raw": pl.String()})


@dataclass(frozen=True)
class Arrangement:
    """
    What was agreed of a partner's files, and what one feed adds.

    :param columns: those that stand in the file; :param table: those of a row with what is derived, and their rules.
    """

    columns: tuple[Column, ...]
    table: Table
    delimiter: str
    encoding: str
    date_format: str


def arrangement_of(contract: Contract, *, encoding: str, date_format: str) -> Arrangement:
    """
    Return what an inbound ``contract`` says, and what a feed says of its files.

    :raises ValueError: if the contract is not of files that come in, or for an encoding or date format of no feed.
    """
    if contract.direction != "inbound":
        raise ValueError(f"{contract.id} is a contract of files that go out; there is nothing of a partner to read")
    columns = tuple(
        Column(field.name, field.header, field.form, field.header_optional)
        for field in contract.table.fields
        if field.header is not None
    )
    return Arrangement(
        columns, contract.table, contract.delimiter, require_encoding(encoding), require_date_format(date_format)
    )


@dataclass(frozen=True)
class Judged:
    """
    The fate of the records of one piece.

    ``accepted``: ``line`` (Int64) and the columns of the table, as text in their forms. ``rejected``: ``line``,
    ``reasons`` (of the shape of the record, or all ``error`` rules that it breaks) and ``raw``, its text as it came.
    ``failed`` counts reasons, and broken rules of other severities, over all records.
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    failed: Counter[str]


class Judge:
    """
    Judges one arrival; ``headers`` is known once it has begun.

    :param window: the day on which the file came, by the contract's clock: what is later is in the future.
    """

    def __init__(self, arrangement: Arrangement, *, dealer: str, window: Window) -> None:
        self._arrangement = arrangement
        self._dealer = dealer
        self._check = RowCheck(arrangement.table, window)
        self._errors = [rule.id for rule in arrangement.table.row_rules if rule.severity == "error"]
        self.headers: Headers | None = None
        self.header = ""

    def judge(self, source: IO[bytes], *, whole: bool = True, piece_bytes: int = PIECE_BYTES) -> Iterator[Judged]:
        """
        Yield what becomes of the records, in the order of the file.

        :param whole: False if ``source`` ends somewhere within the file.
        :raises FileRefused: at any step; then nothing of the file counts.
        """
        told = self._arrangement
        reading = Reading(
            source,
            told.columns,
            encoding=told.encoding,
            delimiter=told.delimiter,
            whole=whole,
            piece_bytes=piece_bytes,
        )
        for records in reading:
            yield self._judged(records)
        self.headers, self.header = reading.headers, reading.header

    def _judged(self, records: Records) -> Judged:
        told = self._arrangement
        frame, notes = derive(normalise(records.frame, told.columns, told.date_format), told.table)
        broken = self._check.broken_rules(frame, self._dealer)
        failed = Counter({name: count for name, mask in broken.items() if (count := int(mask.sum()))})
        fatal = {name: broken[name] for name in self._errors if name in failed}
        failed.update(+notes)
        failed.update(reason for bad in records.misshapen for reason in bad.reasons)
        lines = pl.Series(LINE, records.lines, pl.Int64)
        rejected = [
            pl.DataFrame([(bad.line, list(bad.reasons), bad.raw) for bad in records.misshapen], REJECTED, orient="row")
        ]
        if fatal:
            bad = reduce(or_, fatal.values())
            rejected.append(_rejected(records, lines, fatal, bad))
            frame, lines = frame.filter(~bad), lines.filter(~bad)
        return Judged(frame.insert_column(0, lines), pl.concat(rejected).sort(LINE), failed)


def _rejected(records: Records, lines: pl.Series, fatal: dict[str, pl.Series], bad: pl.Series) -> pl.DataFrame:
    reasons = pl.DataFrame([mask.filter(bad).alias(name) for name, mask in fatal.items()]).select(
        pl.concat_list([pl.when(pl.col(name)).then(pl.lit(name)) for name in fatal]).list.drop_nulls()
    )
    raw = [records.raw(row) for row in bad.arg_true().to_list()]
    return pl.DataFrame(
        [lines.filter(bad), reasons.to_series().alias("reasons"), pl.Series("raw", raw, pl.String)], schema=REJECTED
    )


def judge_text(arrangement: Arrangement, header: str, text: str, *, dealer: str, window: Window) -> Judged:
    """
    Judge one record that a person has corrected, as if it stood in a file under ``header``.

    :param header: the first line of the file that it comes from; :param text: the record, without its line end.
    :raises ValueError: if it is not exactly one record.
    """
    content = f"{header}\n{text}\n"
    try:
        judge = Judge(replace(arrangement, encoding="utf-8"), dealer=dealer, window=window)
        parts = list(judge.judge(io.BytesIO(content.encode())))
    except (FileRefused, UnicodeEncodeError):
        parts = []
    if sum(part.accepted.height + part.rejected.height for part in parts) != 1:
        raise ValueError("the corrected text is not one record: look for a quote that is not closed, or a line end")
    return parts[0]
