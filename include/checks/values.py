"""What a text is worth: whether it is there at all, and the value that it stands for, as polars expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

MICRO = 10**6
# What Python's str.strip() removes; polars' own default leaves the four separators 0x1c to 0x1f.
WHITESPACE = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
NUMBER = r"^-?[0-9]{1,12}(?:\.[0-9]{1,6})?$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
TIMESTAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"


def parse_integer(column: str) -> pl.Expr:
    """Int64 of plain decimal text of at most 15 digits, else null."""
    text = pl.col(column)
    digits = text.str.len_bytes().cast(pl.Int64) - text.str.starts_with("-").cast(pl.Int64)
    # The cast takes a leading plus and any number of leading zeros; the contract's integers have neither.
    plain = (digits <= 15) & ~text.str.starts_with("+")
    return pl.when(plain).then(text.cast(pl.Int64, strict=False))


def parse_number(column: str) -> pl.Expr:
    """Int64 millionths of plain decimal text with at most 12 + 6 digits, else null; 18 digits always fit."""
    text = pl.col(column)
    millionths = text.cast(pl.Decimal(18, 6), strict=False).to_physical().cast(pl.Int64)
    return pl.when(text.str.contains(NUMBER)).then(millionths)


def parse_date(column: str) -> pl.Expr:
    """The text of a real calendar day of the years 0001 to 9999, else null."""
    text = pl.col(column)
    # The parser takes "2026- 1- 5" and the year 0000, hence the pattern and the comparison.
    real = text.str.to_date("%Y-%m-%d", strict=False).is_not_null()
    return pl.when(text.str.contains(DATE) & (text >= "0001") & real).then(text)


def parse_timestamp(column: str) -> pl.Expr:
    """The text of a real instant ``YYYY-MM-DDTHH:MM:SSZ``, else null; there is no second 60."""
    text = pl.col(column)
    real = text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).is_not_null()
    return pl.when(text.str.contains(TIMESTAMP) & (text >= "0001") & real).then(text)


PARSERS: Mapping[str, Callable[[str], pl.Expr]] = {
    "integer": parse_integer,
    "number": parse_number,
    "date": parse_date,
    "timestamp": parse_timestamp,
}


def absent(column: str) -> pl.Expr:
    """True where the value is missing or nothing but white space."""
    return pl.col(column).map_batches(_absent, return_dtype=pl.Boolean)


def _absent(values: pl.Series) -> pl.Series:
    # White space sorts before "!" or after "~": two comparisons spare most columns the stripping (10 x the time).
    suspects = (values < "!") | (values > "~")
    if not suspects.any():
        return values.is_null()
    return values.is_null() | (values.str.strip_chars(WHITESPACE) == "").fill_null(value=False)
