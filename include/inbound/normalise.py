"""
Values as partners write them, brought to the one form that the rules of a contract judge.

A value that cannot be read in its form stays as it is, so that the rule of its type names it; white space around a
value goes, and a value of nothing else is no value. Text is never repaired: ``=HYPERLINK(…)`` and ``8.2E+09`` stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from include.checks.values import WHITESPACE

if TYPE_CHECKING:
    from include.inbound.headers import Column

AMOUNT = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+"
PLUS = rf"^\+?\$?\s*(?:{AMOUNT})$"
# -$12.00, $-12.00, ($12.00), $(12.00), 12.00-
MINUS = rf"^(?:-\s*\$?\s*(?:{AMOUNT})|\$\s*-\s*(?:{AMOUNT})|\$?\s*\(\s*\$?\s*(?:{AMOUNT})\s*\)|\$?\s*(?:{AMOUNT})\s*-)$"
# A spreadsheet's accounting format writes zero as a dash.
ZERO = r"^\$?\s*-\s*$"
PLAIN_AMOUNT = r"^-?[0-9]+(?:\.[0-9]+)?$"
TERM = r"(?i)^0*([0-9]{1,4})(?:\.0+)?\s*(?:m|mo|mos|mth|mths|month|months)?\.?$"
PHONE = r"^\+?[0-9][0-9().\s/-]{5,24}$|^\([0-9]{2,4}\)[0-9().\s/-]{4,20}$"
PHONE_MARKS = ["(", ")", ".", "/", "-", *WHITESPACE]
PHONE_DIGITS = r"^\+?[0-9]{7,15}$"
DIRECTIVES = {
    "%Y": "[0-9]{4}",
    "%y": "[0-9]{2}",
    "%m": "[0-9]{1,2}",
    "%d": "[0-9]{1,2}",
    "%b": "[A-Za-z]{3}",
    "%H": "[0-9]{1,2}",
    "%I": "[0-9]{1,2}",
    "%M": "[0-9]{2}",
    "%S": "[0-9]{2}",
    "%p": "[AaPp][Mm]",
}
TIMES = ("%H", "%I", "%M", "%S", "%p")


def require_date_format(date_format: str) -> str:
    """
    Return ``date_format``.

    :raises ValueError: if it has no day, month or year, or a directive that is not read here.
    """
    directives = re.findall(r"%.", date_format)
    if unknown := set(directives) - set(DIRECTIVES):
        raise ValueError(f"dates are not read with {', '.join(sorted(unknown))}; use {' '.join(DIRECTIVES)}")
    if not (re.search("%[Yy]", date_format) and "%d" in directives and re.search("%[mb]", date_format)):
        raise ValueError(f"the date format {date_format!r} lacks the day, the month or the year")
    if re.search("%Y.*%d.*%m", date_format):
        # A value that is not of the feed's form stays, and one that happens to be ISO is a date all the same.
        raise ValueError(f"the date format {date_format!r} puts the day between year and month, as ISO dates do not")
    return date_format


def normalise(frame: pl.DataFrame, columns: Sequence[Column], date_format: str) -> pl.DataFrame:
    """
    Return ``frame`` with each of ``columns`` in the form of its kind; all stay text.

    :raises ValueError: for an unknown form or date format.
    """
    forms: dict[str, Callable[[pl.Series], pl.Series]] = {
        **FORMS,
        "date": partial(_date, date_format=require_date_format(date_format)),
    }
    if unknown := {column.form for column in columns} - set(forms):
        raise ValueError(f"values are not read as {', '.join(sorted(unknown))}; there are {', '.join(forms)}")
    trimmed = _trimmed(frame.select(column.name for column in columns))
    return trimmed.with_columns(
        forms[column.form](trimmed[column.name])
        for column in columns
        if column.form != "text" and trimmed[column.name].null_count() < trimmed.height
    )


def _trimmed(frame: pl.DataFrame) -> pl.DataFrame:
    # Without an argument it is three times as quick, and takes all white space but four control characters, which the
    # reader has rejected.
    stripped = frame.select(pl.all().str.strip_chars())
    # Rare, since the reader has null between two delimiters; to ask costs a tenth of doing it everywhere.
    blank = [name for name, found in stripped.select((pl.all() == "").any()).row(0, named=True).items() if found]
    return stripped.with_columns(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in blank)


def _text(values: pl.Series) -> pl.Series:
    return values


def _name(values: pl.Series) -> pl.Series:
    if (values.str.len_bytes() != values.str.len_chars()).any():
        # A letter and its accent as one character or as two are the same name.
        values = values.str.normalize("NFC")
    if values.str.contains(r"\s\s|[\t\r\n]").any():
        values = values.str.replace_all(r"\s+", " ")
    return values


def _email(values: pl.Series) -> pl.Series:
    return values.str.to_lowercase()


def _phone(values: pl.Series) -> pl.Series:
    digits = values.str.replace_many(PHONE_MARKS, [""] * len(PHONE_MARKS))
    return _where(values.str.contains(PHONE) & digits.str.contains(PHONE_DIGITS), digits, values)


def _money(values: pl.Series) -> pl.Series:
    odd = ~values.str.contains(PLAIN_AMOUNT)
    if not odd.any():
        return values
    return _only(values, odd, _odd_money)


def _odd_money(values: pl.Series) -> pl.Series:
    digits = values.str.strip_chars("+$" + WHITESPACE).str.replace_all(",", "", literal=True)
    if (bare := digits.str.starts_with(".")).any():
        digits = _where(bare, "0" + digits, digits)
    plus = values.str.contains(PLUS)
    read = digits if plus.all() else _where(plus, digits, values)
    return read if plus.all() else _only(read, ~plus, _negative_money)


def _negative_money(values: pl.Series) -> pl.Series:
    digits = "-" + values.str.replace_all(r"[^0-9.]", "").str.replace(r"^\.", "0.")
    zero = pl.repeat("0.00", len(values), eager=True)
    return _where(values.str.contains(MINUS), digits, _where(values.str.contains(ZERO), zero, values))


def _term(values: pl.Series) -> pl.Series:
    return _once_each(values, _months)


def _months(values: pl.Series) -> pl.Series:
    months = values.str.extract(TERM)
    return _where(months.is_not_null(), months, values)


def _date(values: pl.Series, date_format: str) -> pl.Series:
    return _once_each(values, lambda texts: _days(texts, date_format))


def _days(values: pl.Series, date_format: str) -> pl.Series:
    pattern = re.sub("%.", lambda match: DIRECTIVES[match.group()], _escaped(date_format))
    well = values.str.contains(f"^{pattern}$")
    read = (
        values.str.to_datetime(date_format, strict=False).dt.date()
        if _has_time(date_format)
        else (values.str.to_date(date_format, strict=False))
    )
    return _where(well & read.is_not_null(), read.cast(pl.String), values)


def _has_time(date_format: str) -> bool:
    return any(directive in date_format for directive in TIMES)


def _escaped(date_format: str) -> str:
    return "".join(part if part.startswith("%") else re.escape(part) for part in re.findall("%.|[^%]+", date_format))


def _once_each(values: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return ``change(values)``; where texts come back again and again, as days and terms do, each is read once."""
    texts = values.drop_nulls().unique()
    if len(texts) * 4 > len(values):
        return change(values)
    return values.replace(texts, change(texts))


def _where(condition: pl.Series, then: pl.Series, otherwise: pl.Series) -> pl.Series:
    """Values of ``then`` where ``condition`` is true, else, or where it is null, of ``otherwise``."""
    return then.zip_with(condition.fill_null(value=False), otherwise)


def _only(values: pl.Series, where: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    places = where.fill_null(value=False).arg_true()
    return values.scatter(places, change(values.gather(places)))


FORMS: Mapping[str, Callable[[pl.Series], pl.Series]] = {
    "text": _text,
    "name": _name,
    "email": _email,
    "phone": _phone,
    "money": _money,
    "term": _term,
}
