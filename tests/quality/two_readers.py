"""Both readers over the same rows, rule by rule: which rows break which rule, according to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contract import Contract
from include.window import Window
from tests.samples import Row

if TYPE_CHECKING:
    import polars as pl
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

Broken = dict[str, set[int]]


@dataclass(frozen=True)
class SampleFile:
    """Rows of one file, whose file it is, and which day it is about."""

    dealer: str
    window: Window
    rows: Sequence[Row]


def frame_of(contract: Contract, rows: Sequence[Row]) -> pl.DataFrame:
    """Return the rows as the extraction gives them."""
    import polars as pl

    return pl.DataFrame(
        {name: [row[name] for row in rows] for name in contract.table.columns},
        schema=dict.fromkeys(contract.table.columns, pl.String),
    )


def row_check_says(contract: Contract, file: SampleFile) -> Broken:
    """Return the positions of the rows that break each rule, by the row check."""
    from include.checks import RowCheck

    masks = RowCheck(contract.table, file.window).broken_rules(frame_of(contract, file.rows), file.dealer)
    return {rule: set(mask.arg_true().to_list()) for rule, mask in masks.items()}


def great_expectations_says(
    context: AbstractDataContext, contract: Contract, files: Sequence[SampleFile]
) -> list[Broken]:
    """
    Return the same by Great Expectations, per file; the files of one window are read in one validation.

    A rule that broke instead of judging fails here.
    """
    import pandas as pd

    from include.quality.rules import FILE, FILE_DEALER
    from include.quality.validation import judge_frame, rules_for

    found: list[Broken] = [{rule.id: set() for rule in contract.row_rules} for _ in files]
    for window in {file.window for file in files}:
        places: list[tuple[int, int]] = []
        parts = []
        for number, file in enumerate(files):
            kept = [place for place, row in enumerate(file.rows) if not _withheld(contract, row)]
            if file.window != window or not kept:
                continue
            places += [(number, place) for place in kept]
            part = frame_of(contract, [file.rows[place] for place in kept]).to_arrow().to_pandas()
            parts.append(part.assign(**{FILE: number, FILE_DEALER: pd.Series(file.dealer, part.index, dtype="str")}))
        if not parts:
            continue
        judged = judge_frame(context, contract, window, pd.concat(parts, ignore_index=True))
        assert len(rules_for(contract, contract.table.columns)) == len(contract.row_rules) == len(judged.broken)
        for rule, labels in judged.broken.items():
            assert labels is not None, f"the expectation of {rule} broke"
            for label in labels:
                number, place = places[label]
                found[number][rule].add(place)
    return found


def _withheld(contract: Contract, row: Row) -> bool:
    return any(row[column] == str(value) for column, value in contract.table.withhold.items())
