"""Both readers over the same rows, rule by rule: which rows break which rule, according to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contract import Contract, Table
from include.window import Window
from tests.samples import Row

if TYPE_CHECKING:
    import polars as pl
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

Broken = dict[str, set[int]]


@dataclass(frozen=True)
class SampleFile:
    """Rows of one table of one file, whose file it is, and which day it is about."""

    dealer: str
    window: Window
    rows: Sequence[Row]


def frame_of(contract: Contract, rows: Sequence[Row], table: Table | None = None) -> pl.DataFrame:
    """Return the rows as the extraction gives them; a contract's only table needs no naming."""
    import polars as pl

    columns = (table or contract.table).columns
    return pl.DataFrame(
        {name: [row[name] for row in rows] for name in columns}, schema=dict.fromkeys(columns, pl.String)
    )


def row_check_says(contract: Contract, file: SampleFile, table: Table | None = None) -> Broken:
    """Return the positions of the rows that break each rule, by the row check."""
    from include.checks import RowCheck

    table = table or contract.table
    masks = RowCheck(table, file.window).broken_rules(frame_of(contract, file.rows, table), file.dealer)
    return {rule: set(mask.arg_true().to_list()) for rule, mask in masks.items()}


def great_expectations_says(
    context: AbstractDataContext, contract: Contract, files: Sequence[SampleFile], table: Table | None = None
) -> list[Broken]:
    """
    Return the same by Great Expectations, per file; the files of one window are read in one validation.

    Only the row check knows of the rows that are left out beside a broken one (wholeDocument). A rule that broke
    instead of judging fails here.
    """
    import pandas as pd

    from include.quality.rules import FILE, FILE_DEALER
    from include.quality.suite import judgeable
    from include.quality.validation import judge_frame

    table = table or contract.table
    rules = judgeable(table, table.columns)
    assert [rule for rule in table.row_rules if rule.kind != "wholeDocument"] == rules
    found: list[Broken] = [{rule.id: set() for rule in rules} for _ in files]
    for window in {file.window for file in files}:
        places: list[tuple[int, int]] = []
        parts = []
        for number, file in enumerate(files):
            kept = [place for place, row in enumerate(file.rows) if not _withheld(table, row)]
            if file.window != window or not kept:
                continue
            places += [(number, place) for place in kept]
            part = frame_of(contract, [file.rows[place] for place in kept], table).to_arrow().to_pandas()
            parts.append(part.assign(**{FILE: number, FILE_DEALER: pd.Series(file.dealer, part.index, dtype="str")}))
        if not parts:
            continue
        judged = judge_frame(context, contract, table, window, pd.concat(parts, ignore_index=True))
        assert judged.broken.keys() == {rule.id for rule in rules}
        for rule, labels in judged.broken.items():
            assert labels is not None, f"the expectation of {rule} broke"
            for label in labels:
                number, place = places[label]
                found[number][rule].add(place)
    return found


def beside_broken(table: Table, rows: Sequence[Row], broken: Broken) -> set[int]:
    """Return the rows that break no error rule themselves, in documents of which another row does."""
    errors = {rule.id for rule in table.row_rules if rule.severity == "error"}
    bad = {place for rule, places in broken.items() if rule in errors for place in places}
    if not table.document_key:
        return set()
    key = [tuple(row[name] for name in table.document_key) for row in rows]
    spoiled = {key[place] for place in bad}
    return {place for place, document in enumerate(key) if document in spoiled} - bad


def _withheld(table: Table, row: Row) -> bool:
    return any(row[column] == str(value) for column, value in table.withhold.items())
