"""Keys that a file already holds, found in one pass over sorted rows without remembering more than the last key."""

from __future__ import annotations

import polars as pl


class RowOrderError(ValueError):
    """Rows do not come in the order on which the search for duplicates stands."""


class KeyWatch:
    """
    Marks each row whose key stood in an earlier row of the same dealer: the first stays, later ones are duplicates.

    Equal keys are next to each other because the rows are sorted by the key: text in byte order, integers as numbers.
    A row without a complete, well-formed key is not judged. Memory does not grow with the rows.
    """

    def __init__(self, contract_id: str, names: tuple[str, ...]) -> None:
        self.contract_id = contract_id
        self.names = names
        self.last: tuple[str | int, ...] | None = None

    def forget(self) -> None:
        """Begin with another dealer, whose keys have nothing to do with those before."""
        self.last = None

    def mark(self, key: list[pl.Series], judged: pl.Series | None, dealer: str) -> pl.Series:
        """
        Return a Boolean per row, true for duplicates.

        :param key: the columns of the key, in its order: text, or Int64 for integers.
        :param judged: which rows count; None is all.
        :raises RowOrderError: if a key is smaller than the one before it.
        """
        counted = judged
        for part in key:
            if part.null_count():
                present = part.is_not_null()
                counted = present if counted is None else counted & present
        if counted is None:
            return self._mark(key, dealer)
        found = self._mark([part.filter(counted) for part in key], dealer)
        marks = pl.repeat(False, len(counted), eager=True)
        return marks.scatter(counted.arg_true(), found)

    def _mark(self, key: list[pl.Series], dealer: str) -> pl.Series:
        rows = len(key[0])
        if not rows:
            return pl.Series([], dtype=pl.Boolean)
        first = tuple(part[0] for part in key)
        same = pl.repeat(True, rows - 1, eager=True)
        backwards = pl.repeat(False, rows - 1, eager=True)
        for part in reversed(key):
            before, after = part.slice(0, rows - 1), part.slice(1)
            equal = before == after
            backwards = (after < before) | (equal & backwards)
            same &= equal
        if backwards.any() or (self.last is not None and first < self.last):
            place = backwards.arg_true()[0] + 2 if backwards.any() else 1
            raise RowOrderError(
                f"{self.contract_id}, dealer {dealer}: the key goes backwards at row {place} of a batch of {rows}, so "
                f"duplicates could be missed. Let the interface's SQL sort by {', '.join(self.names)}: text with "
                'COLLATE "C", integers as numbers'
            )
        again = first == self.last
        self.last = tuple(part[-1] for part in key)
        return pl.Series([again], dtype=pl.Boolean).append(same)
