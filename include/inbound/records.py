"""
Where records begin and end in a piece of CSV (RFC 4180, any of the three line ends), and what is wrong with their form.

Two ways to the same answer. The fast one looks at all quotes, delimiters and line ends of a piece at once; it is exact
as long as every quote stands where one may open or close a value, which it verifies. A piece with a quote elsewhere is
taken apart value by value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
TAB, LF, CR, FIRST_VISIBLE, QUOTE = 9, 10, 13, 32, 34
QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
LINE_END = re.compile(rb"\r\n?|\n")
# Tab, line feed and carriage return are the control characters that text may hold.
CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True)
class Layout:
    """
    The whole records of ``data``: of each its bytes ``starts:ends`` without the line end, and its first line.

    ``fields`` counts its values, ``misquoted`` says whether a quote stands where none may. ``consumed`` bytes make up
    the records; what is behind them begins a record that is not whole, on line ``next_line``. ``open_quote`` says that
    it ends within quotes.
    """

    data: bytes
    starts: Places
    ends: Places
    lines: Places
    fields: Places
    misquoted: npt.NDArray[np.bool_]
    consumed: int
    next_line: int
    lone_returns: Places
    open_quote: bool

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def behind(self) -> Places:
        """Where the record behind each one begins."""
        return np.append(self.starts[1:], self.consumed)

    @cached_property
    def controls(self) -> npt.NDArray[np.bool_]:
        """Which records hold a control character."""
        found = np.zeros(len(self), dtype=bool)
        arr = np.frombuffer(self.data, np.uint8, self.consumed)
        expected = sum(int(np.count_nonzero(arr == mark)) for mark in (TAB, LF, CR))
        if np.count_nonzero(arr < FIRST_VISIBLE) == expected:
            return found
        places = [match.start() for match in CONTROLS.finditer(self.data, 0, self.consumed)]
        found[np.searchsorted(self.starts, places, side="right") - 1] = True
        return found

    def raw(self, place: int) -> bytes:
        """Return the bytes of one record, without its line end."""
        return self.data[int(self.starts[place]) : int(self.ends[place])]

    def kept(self, keep: npt.NDArray[np.bool_]) -> bytes:
        """Return the records to ``keep``, each with its line end; a lone carriage return has become a line feed."""
        data = self.data[: self.consumed]
        if len(self.lone_returns):
            arr = np.frombuffer(data, np.uint8).copy()
            arr[self.lone_returns] = LF
            data = arr.tobytes()
        if keep.all():
            return data
        edges = np.flatnonzero(np.diff(np.concatenate([[False], keep, [False]]).astype(np.int8)))
        behind = self.behind
        return b"".join(data[self.starts[a] : behind[b - 1]] for a, b in edges.reshape(-1, 2))


def lay_out(data: bytes, delimiter: str, *, line: int, final: bool) -> Layout:
    """
    Find the whole records of ``data``, which begins with a record on line ``line``.

    :param final: nothing comes behind ``data``, so that its last record is whole without a line end, unless a quote
        is open.
    """
    arr = np.frombuffer(data, np.uint8)
    line_feeds = arr == LF
    lone = _lone_returns(data, arr, line_feeds, final=final)
    line_ends = np.flatnonzero(line_feeds) if not len(lone) else np.sort(np.append(np.flatnonzero(line_feeds), lone))
    quotes = np.flatnonzero(arr == QUOTE) if QUOTE in data else np.empty(0, np.int64)
    record_ends = line_ends
    if len(quotes):
        record_ends = line_ends[np.searchsorted(quotes, line_ends) % 2 == 0]
    open_quote = len(quotes) % 2 == 1
    consumed = int(record_ends[-1]) + 1 if len(record_ends) else 0
    if final and not open_quote and consumed < len(data):
        record_ends = np.append(record_ends, len(data))
        consumed = len(data)
    # Behind the last record, too: a stray quote there may be what hides a line end.
    if len(quotes) and not _well_quoted(arr, quotes, delimiter):
        return _lay_out_one_by_one(data, delimiter, line=line, final=final)
    starts = np.append(0, record_ends[:-1] + 1) if len(record_ends) else record_ends
    before = np.searchsorted(line_ends, starts) if len(quotes) else np.arange(len(starts))
    fields = _fields(arr, starts, record_ends, quotes[quotes < consumed], delimiter)
    return Layout(
        data,
        starts,
        _without_return(arr, starts, record_ends),
        before + line,
        fields,
        np.zeros(len(starts), dtype=bool),
        consumed,
        line + int(np.searchsorted(line_ends, consumed)),
        np.intersect1d(lone, record_ends, assume_unique=True),
        open_quote,
    )


def _lone_returns(data: bytes, arr: npt.NDArray[np.uint8], line_feeds: npt.NDArray[np.bool_], *, final: bool) -> Places:
    """Carriage returns that are a line end by themselves; whether the very last byte is one, only the end can tell."""
    if CR not in data:
        return np.empty(0, np.int64)
    lone = arr == CR
    lone[:-1] &= ~line_feeds[1:]
    if not final:
        lone[-1] = False
    return np.flatnonzero(lone)


def _well_quoted(arr: npt.NDArray[np.uint8], quotes: Places, delimiter: str) -> bool:
    """Whether each quote opens a value, closes one or is one of two inside a quoted value."""
    beside = np.zeros(256, dtype=bool)
    beside[[LF, CR, QUOTE, ord(delimiter)]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    before, after = opening[opening > 0] - 1, closing[closing < len(arr) - 1] + 1
    return bool(beside[arr[before]].all() and beside[arr[after]].all())


def _fields(arr: npt.NDArray[np.uint8], starts: Places, ends: Places, quotes: Places, delimiter: str) -> Places:
    delimiters = np.flatnonzero(arr == ord(delimiter))
    counts = np.searchsorted(delimiters, ends) - np.searchsorted(delimiters, starts) + 1
    if len(quotes):
        spans = np.searchsorted(delimiters, quotes)
        inside = spans[1::2] - spans[0::2]
        if inside.any():
            opening = quotes[0::2][inside > 0]
            record = np.searchsorted(starts, opening, side="right") - 1
            counts -= np.bincount(record, inside[inside > 0], len(starts)).astype(np.int64)
    return counts


def _without_return(arr: npt.NDArray[np.uint8], starts: Places, ends: Places) -> Places:
    """Ends of records without the carriage return of a CRLF; ``ends`` are the line ends' last bytes."""
    filled = ends > starts
    crlf = np.zeros(len(ends), dtype=bool)
    crlf[filled] = arr[ends[filled] - 1] == CR
    # Behind a record that the end of the file ends, a carriage return would have been its line end.
    return ends - crlf


def _lay_out_one_by_one(data: bytes, delimiter: str, *, line: int, final: bool) -> Layout:
    mark = re.escape(delimiter.encode())
    value_end = re.compile(rb"[\r\n" + mark + rb"]")
    found: dict[str, list[Any]] = {name: [] for name in ("starts", "ends", "lines", "fields", "misquoted", "lone")}
    start, consumed, open_quote = 0, 0, False
    while start < len(data):
        end, fields, misquoted, open_quote = _record(data, start, value_end, final=final)
        if end is None:
            break
        line_end = LINE_END.match(data, end)
        behind = line_end.end() if line_end else len(data)
        if line_end and line_end.group() == b"\r":
            if behind == len(data) and not final:
                break
            found["lone"].append(end)
        for name, value in (("starts", start), ("ends", end), ("lines", line), ("fields", fields)):
            found[name].append(value)
        found["misquoted"].append(misquoted)
        line += sum(1 for _ in LINE_END.finditer(data, start, behind))
        start = consumed = behind
    places = {name: np.array(values, dtype=np.int64) for name, values in found.items()}
    return Layout(
        data,
        places["starts"],
        places["ends"],
        places["lines"],
        places["fields"],
        places["misquoted"].astype(bool),
        consumed,
        line,
        places["lone"],
        open_quote,
    )


def _record(
    data: bytes, start: int, value_end: re.Pattern[bytes], *, final: bool
) -> tuple[int | None, int, bool, bool]:
    """
    Return where the record that begins at ``start`` ends, how many values it has, and whether a quote is misplaced.

    The end is None if the record is not whole; the last answer says whether that is for a quote that is still open.
    """
    place, fields, misquoted = start, 1, False
    while True:
        quoted = False
        if data[place : place + 1] == b'"':
            value = QUOTED.match(data, place)
            # A quote that closes at the very end of a piece may be the first of two.
            if value is None or (value.end() == len(data) and not final):
                return None, fields, misquoted, value is None
            place, quoted = value.end(), True
        stop = value_end.search(data, place)
        if stop is None and not final:
            return None, fields, misquoted, False
        end = stop.start() if stop else len(data)
        misquoted |= (quoted and end > place) or data.find(b'"', place, end) >= 0
        if stop is None or stop.group() in (b"\r", b"\n"):
            return end, fields, misquoted, False
        fields += 1
        place = end + 1
