"""Rows cut into batches without cutting a document: its lines are judged together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import polars as pl


def whole_documents(frames: Iterable[pl.DataFrame], key: Sequence[str]) -> Iterator[pl.DataFrame]:
    """
    Yield the rows of ``frames`` in their order, each batch ending where ``key`` changes.

    Rows with equal keys come together. The last document of a batch waits for the next one, so memory holds a batch and
    the longest document. Without a key the frames go through as they are.
    """
    if not key:
        yield from frames
        return
    waiting: pl.DataFrame | None = None
    for frame in frames:
        rows = frame if waiting is None else pl.concat([waiting, frame])
        last = rows.select(pl.struct(key).rle_id()).to_series()
        cut = int((last == last[-1]).arg_max() or 0) if len(last) else 0
        if cut:
            yield rows.slice(0, cut)
        waiting = rows.slice(cut)
    if waiting is not None and not waiting.is_empty():
        yield waiting
