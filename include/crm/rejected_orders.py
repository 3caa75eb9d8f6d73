"""To which work order a rejected row belongs, as far as it says so: the order's amount lacks that line."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl

from include.inbound.judge import arrangement_of
from include.inbound.normalise import normalise
from include.inbound.read import Reading
from include.inbound.refusals import ROW_REASONS, FileRefused

if TYPE_CHECKING:
    from include.contract import Contract


def with_order_keys(rejected: pl.DataFrame, contract: Contract, *, header: str, date_format: str) -> pl.DataFrame:
    """
    Return the rows with ``order_key``, the key of the work order; null where the row has no number or no sound form.

    :param rejected: ``line``, ``reasons``, ``raw``; :param header: the first line of their file.
    """
    from include.crm.activities import WORK_ORDER, given_key

    misshapen = pl.col("reasons").list.eval(pl.element().is_in(ROW_REASONS)).list.any()
    sound = rejected.filter(~misshapen)
    arrangement = arrangement_of(contract, encoding="utf-8", date_format=date_format)
    content = "\n".join([header, *sound["raw"], ""]).encode()
    reading = Reading(io.BytesIO(content), arrangement.columns, encoding="utf-8", delimiter=arrangement.delimiter)
    try:
        frames = [normalise(each.frame, arrangement.columns, date_format) for each in reading]
    except FileRefused:
        frames = []
    keys = [frame.select(given_key(WORK_ORDER)).to_series() for frame in frames]
    found = pl.concat([pl.Series([], dtype=pl.String), *keys])
    if len(found) != sound.height:  # One of them is no record by itself, so that nobody can say which is which.
        found = pl.repeat(None, sound.height, dtype=pl.String, eager=True)
    told = sound.select("line", order_key=found)
    return rejected.join(told, on="line", how="left", maintain_order="left")
