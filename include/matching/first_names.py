"""Whether two first names go together, over whole frames of pairs of them."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from include.matching.tiers import MOST_EDITS, START_LETTERS, FirstNames


def going_together(pairs: pl.LazyFrame, how: FirstNames, ours: str, theirs: str) -> pl.LazyFrame:
    """
    Return the rows of ``pairs`` whose first names, in the columns ``ours`` and ``theirs``, go together in this way.

    ``any``: always. ``same``: equal, both there. ``agree``: no contradiction: one is missing or begins the other (J,
    Rob and Robert). ``start``: the same first three letters. ``similar``: at most two edits apart.
    """
    a, b = pl.col(ours), pl.col(theirs)
    if how == "any":
        return pairs
    if how == "same":
        return pairs.filter(a == b)
    if how == "agree":
        return pairs.filter(a.is_null() | b.is_null() | a.str.starts_with(b) | b.str.starts_with(a))
    if how == "start":
        # Shorter names with the same start are the same name, which an exact tier has taken.
        return pairs.filter(a.str.head(START_LETTERS) == b.str.head(START_LETTERS))
    names = pairs.drop_nulls([ours, theirs]).collect()
    return names.filter(_similar(names[ours], names[theirs])).lazy()


def _similar(ours: pl.Series, theirs: pl.Series) -> pl.Series:
    """Whether each two names are at most ``MOST_EDITS`` apart (Levenshtein 1965); each two different names once."""
    pairs = pl.DataFrame([ours.alias("a"), theirs.alias("b")])
    distinct = pairs.unique(maintain_order=True)
    length = pl.col("a").str.len_chars().cast(pl.Int64) - pl.col("b").str.len_chars().cast(pl.Int64)
    close = distinct.filter(length.abs() <= MOST_EDITS)
    close = close.filter(edits(close["a"], close["b"]) <= MOST_EDITS) if close.height else close
    known = close.with_columns(close=pl.lit(value=True))
    return pairs.join(known, on=["a", "b"], how="left", maintain_order="left")["close"].fill_null(value=False)


def edits(ours: pl.Series, theirs: pl.Series) -> NDArray[np.int64]:
    """Levenshtein distance of each two names, or some number above ``MOST_EDITS``, all pairs a step at a time."""
    a, a_lengths = _letters(ours)
    b, b_lengths = _letters(theirs)
    count, width = len(a_lengths), MOST_EDITS
    far = np.full(count, width + 1, dtype=np.int64)
    found = far.copy()
    above = {j: np.full(count, j, dtype=np.int64) for j in range(width + 1)}
    _keep(found, above, 0, a_lengths, b_lengths)
    for i in range(1, a.shape[1] + 1):
        row: dict[int, NDArray[np.int64]] = {}
        # Further from the diagonal than the edits allowed, no way leads back.
        for j in range(max(0, i - width), min(b.shape[1], i + width) + 1):
            least = above.get(j, far) + 1
            if j:
                least = np.minimum(least, row.get(j - 1, far) + 1)
                least = np.minimum(least, above.get(j - 1, far) + (a[:, i - 1] != b[:, j - 1]))
            row[j] = least
        _keep(found, row, i, a_lengths, b_lengths)
        above = row
    return found


def _letters(names: pl.Series) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    lengths = names.str.len_chars().cast(pl.Int64).to_numpy()
    width = max(int(lengths.max()), 1)
    return names.to_numpy().astype(f"<U{width}").view(np.uint32).reshape(len(lengths), width), lengths


def _keep(
    found: NDArray[np.int64],
    row: dict[int, NDArray[np.int64]],
    i: int,
    a_lengths: NDArray[np.int64],
    b_lengths: NDArray[np.int64],
) -> None:
    for j, distance in row.items():
        ends = (a_lengths == i) & (b_lengths == j)
        found[ends] = distance[ends]
