"""The row check: every rule of a contract over every row, in batches, with every reason for every rejected row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_

import polars as pl

from include.checks.duplicates import KeyWatch, RowOrderError
from include.checks.rules import DUPLICATE, FILE_DEALER, PARSED, RULES, Scope
from include.checks.values import PARSERS
from include.contract import Table
from include.window import Window

# Rules that no expression over the single row says: the key watch and the document answer them.
ACROSS_ROWS = frozenset({"duplicateValues", "wholeDocument"})

__all__ = ["Checked", "RowCheck", "RowOrderError"]


@dataclass(frozen=True)
class Checked:
    """
    The fate of each row of one batch: ``rows`` = accepted + rejected + withheld.

    ``accepted`` has the delivered columns, in the order of the batch. ``rejected`` has ``row_key`` (text, null if the
    row has none) and ``reasons`` (ids of all ``error`` rules the row breaks, in the contract's order). ``withheld``
    counts by the column that says why. ``failed`` counts broken rules of every severity over the rows not withheld;
    rules that hold are left out.
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    withheld: dict[str, int]
    failed: dict[str, int]
    rows: int
    tell: Callable[[], pl.DataFrame]

    @property
    def fates(self) -> pl.DataFrame:
        """
        Every row of the batch in its order: the contract's columns, ``fate`` and ``reasons``; made when asked for.

        ``fate`` is ACCEPTED, REJECTED or WITHHELD. ``reasons`` holds, separated by blanks, the ids of the error rules
        that a rejected row breaks, or the column for which one is withheld; it is null for an accepted row.
        """
        return self.tell()


class RowCheck:
    """
    Judges the rows of one table and window.

    Give it the batches of one dealer after another, each dealer's rows sorted by the key of the table
    (``include/checks/duplicates.py`` says how); it keeps nothing but the last key. All lines of a document must be in
    one batch (``include/checks/documents.py`` sees to it).
    """

    def __init__(self, table: Table, window: Window) -> None:
        self.table = table
        self.rules = table.row_rules
        types = {field.name: field.logical_type for field in table.fields}
        parsed = [PARSERS[kind](name).alias(PARSED + name) for name, kind in types.items() if kind in PARSERS]
        scope = Scope(table, window)
        self._parsed = parsed
        self._broken = [
            RULES[rule.kind](rule, scope).fill_null(value=False).alias(rule.id)
            for rule in self.rules
            if rule.kind not in ACROSS_ROWS
        ]
        # In the order of its positions in the contract.
        key = next((rule.columns for rule in self.rules if rule.kind == "duplicateValues"), ())
        # An integer is compared as one: 01 and 1 are the same line of a document.
        self._key = [
            pl.col(PARSED + name if types[name] == "integer" else name).alias(f"{DUPLICATE}{name}") for name in key
        ]
        self._watch = KeyWatch(table.id, key)
        self._errors = [rule.id for rule in self.rules if rule.severity == "error"]
        self._dealer: str | None = None
        self._done: set[str] = set()

    def check(self, frame: pl.DataFrame, dealer: str) -> Checked:
        """
        Judge the next batch of ``dealer``: text columns, in the order of ``table.columns``.

        :raises RowOrderError: if rows do not come sorted, or a dealer comes back after another one.
        :raises ValueError: if the columns are not those of the table.
        """
        broken, kept, withheld = self._judge(frame, dealer)
        failed = {rule.id: count for rule in self.rules if (count := int(broken[rule.id].sum()))}
        fatal = [name for name in self._errors if name in failed]
        return self._split(frame, broken, fatal, kept, withheld, failed)

    def broken_rules(self, frame: pl.DataFrame, dealer: str) -> dict[str, pl.Series]:
        """Return per rule, of every severity, which rows of the next batch break it; otherwise as ``check``."""
        return self._judge(frame, dealer)[0]

    def _judge(self, frame: pl.DataFrame, dealer: str) -> tuple[dict[str, pl.Series], pl.Series | None, dict[str, int]]:
        if tuple(frame.columns) != self.table.columns:
            raise ValueError(
                f"{self.table.id}: the batch has the columns {', '.join(frame.columns)}, the contract has "
                f"{', '.join(self.table.columns)}; the interface's SQL must name them in that order"
            )
        self._turn_to(dealer)
        withheld, kept = self._withhold(frame)
        told = frame.with_columns(pl.lit(dealer).alias(FILE_DEALER), *self._parsed)
        found = told.select(*self._broken, *self._key)
        return self._masks(frame, found, kept, dealer), kept, withheld

    def _turn_to(self, dealer: str) -> None:
        if dealer == self._dealer:
            return
        if dealer in self._done:
            raise RowOrderError(
                f"{self.table.id}: dealer {dealer} comes back after {self._dealer}; the rows of one dealer must "
                "come together, so let the interface's SQL sort by dealer first"
            )
        if self._dealer is not None:
            self._done.add(self._dealer)
        self._dealer = dealer
        self._watch.forget()

    def _masks(
        self, frame: pl.DataFrame, found: pl.DataFrame, kept: pl.Series | None, dealer: str
    ) -> dict[str, pl.Series]:
        """Return per rule which rows break it; withheld rows break none."""
        masks: dict[str, pl.Series] = {}
        for rule in self.rules:
            if rule.kind == "duplicateValues":
                key = [found[f"{DUPLICATE}{name}"] for name in rule.columns]
                masks[rule.id] = self._watch.mark(key, kept, dealer)
            elif rule.kind != "wholeDocument":
                masks[rule.id] = found[rule.id] if kept is None else found[rule.id] & kept
        for rule in self.rules:
            if rule.kind == "wholeDocument":
                masks[rule.id] = self._beside_a_broken_one(frame, masks)
        return {rule.id: masks[rule.id] for rule in self.rules}

    def _beside_a_broken_one(self, frame: pl.DataFrame, masks: dict[str, pl.Series]) -> pl.Series:
        """Lines that break no rule themselves, of documents with one that does."""
        broken = reduce(or_, (masks[name] for name in self._errors if name in masks))
        if not broken.any():
            return broken
        lines = frame.select(*self.table.document_key).with_columns(broken=broken)
        return lines.select(pl.col("broken").any().over(self.table.document_key)).to_series() & ~broken

    def _withhold(self, frame: pl.DataFrame) -> tuple[dict[str, int], pl.Series | None]:
        """Count withheld rows by reason; the mask says which rows are left, None if all are."""
        counts: dict[str, int] = {}
        left: pl.Series | None = None
        for column, value in self.table.withhold.items():
            objects = (frame[column] == str(value)).fill_null(value=False)
            if left is not None:
                objects &= left  # A row is counted under the first reason only.
            if found := int(objects.sum()):
                counts[column] = found
                left = ~objects if left is None else left & ~objects
        return counts, left

    def _split(
        self,
        frame: pl.DataFrame,
        broken: dict[str, pl.Series],
        fatal: list[str],
        kept: pl.Series | None,
        withheld: dict[str, int],
        failed: dict[str, int],
    ) -> Checked:
        def tell() -> pl.DataFrame:
            return self._fates(frame, {name: broken[name] for name in fatal}, kept)

        delivered = frame.select(self.table.delivered)
        if not fatal:
            accepted = delivered if kept is None else delivered.filter(kept)
            return Checked(accepted, _no_rejects(), withheld, failed, frame.height, tell)
        bad = reduce(or_, (broken[name] for name in fatal))
        good = ~bad if kept is None else ~bad & kept
        reasons = pl.DataFrame([broken[name].filter(bad).alias(name) for name in fatal]).select(
            pl.concat_list([pl.when(name).then(pl.lit(name)) for name in fatal]).list.drop_nulls()
        )
        rejected = pl.DataFrame({"row_key": frame[self.table.row_key].filter(bad), "reasons": reasons.to_series()})
        return Checked(delivered.filter(good), rejected, withheld, failed, frame.height, tell)

    def _fates(self, frame: pl.DataFrame, fatal: dict[str, pl.Series], kept: pl.Series | None) -> pl.DataFrame:
        withheld = [
            pl.when(pl.col(column) == str(value)).then(pl.lit(column)) for column, value in self.table.withhold.items()
        ]
        # The first reason counts, as in _withhold.
        why = pl.coalesce(withheld) if kept is not None and withheld else pl.lit(None, pl.String)
        broken = [pl.when(mask).then(pl.lit(name)) for name, mask in fatal.items()]
        rules = pl.concat_str(broken, separator=" ", ignore_nulls=True) if broken else pl.lit("")
        told = frame.with_columns(withheld_for=why, rules=rules)
        fate = (
            pl.when(pl.col("withheld_for").is_not_null())
            .then(pl.lit("WITHHELD"))
            .when(pl.col("rules") != "")
            .then(pl.lit("REJECTED"))
            .otherwise(pl.lit("ACCEPTED"))
        )
        reasons = pl.coalesce("withheld_for", pl.when(pl.col("rules") != "").then("rules"))
        return told.select(*frame.columns, fate=fate, reasons=reasons)


def _no_rejects() -> pl.DataFrame:
    return pl.DataFrame(schema={"row_key": pl.String, "reasons": pl.List(pl.String)})
