"""
Row rules over a pandas frame of text, written without a look at ``include/checks``: the two readings share the
contract and nothing else, so that a mistake in one of them shows.

Great Expectations runs these functions (``include/quality/expectations.py``) for the kinds of rule that it lacks or
gets wrong on text: blank values, exact decimals, real dates, comparisons between columns, windows, keys.
Each takes the rows and the arguments of its rule and returns a Boolean array, true where the row breaks the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.contract_vocabulary import ContractError
from include.quality.identifiers import is_company_number, is_unit_number, is_vehicle_number

Mask = npt.NDArray[np.bool_]
BLANKS = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
DECIMALS = 6
ONE = 10**DECIMALS
SAFE = float(2**62)  # Products below stay exact in 64 bits, whatever the last bit of the estimate.
# Columns that the reader adds to a frame; a contract's names have no blank, so they cannot clash.
FILE = "file number"
FILE_DEALER = "file dealer"


@dataclass(frozen=True)
class Rows:
    """Text columns, and the typed values of those that have a type: masked where the text is not of that type."""

    frame: pd.DataFrame
    values: Mapping[str, pd.Series[Any]]
    types: Mapping[str, str]

    def one(self, column: str) -> int:
        """How many units of the typed value make one."""
        return ONE if self.types.get(column) == "number" else 1


def typed(text: pd.Series[str], logical_type: str) -> pd.Series[Any]:
    """
    Values of ``text``: ``integer`` as Int64, ``number`` as Int64 millionths, ``date`` and ``timestamp`` as datetime64.

    What is not exactly of the type becomes a missing value.
    """
    if logical_type == "integer":
        well = _is(text, r"-?[0-9]{1,15}")
        return _integers(text, well, text.str.lstrip("-"), text.str.startswith("-"))
    if logical_type == "number":
        well = _is(text, r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")
        return _millionths(text, well)
    if logical_type == "date":
        well = _is(text, r"(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-[0-9]{2}-[0-9]{2}")
        return pd.to_datetime(text.where(well), format="%Y-%m-%d", errors="coerce")
    well = _is(
        text,
        r"(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-5][0-9]:[0-5][0-9]Z",
    )
    return pd.to_datetime(text.where(well), format="%Y-%m-%dT%H:%M:%SZ", errors="coerce", utc=True)


def _integers(
    text: pd.Series[str], well: pd.Series[bool], digits: pd.Series[str], minus: pd.Series[bool]
) -> pd.Series[Any]:
    values = digits.where(well, "0").astype("int64").to_numpy()
    signed = np.where(minus.where(well, other=False).to_numpy(dtype=bool), -values, values)
    return pd.Series(signed, index=text.index).astype("Int64").mask(~well)


def _millionths(text: pd.Series[str], well: pd.Series[bool]) -> pd.Series[Any]:
    point = text.str.find(".")
    length = text.str.len()
    behind = (length - point - 1).where(point >= 0, 0).where(well, 0).astype("int64").to_numpy()
    digits = text.str.replace(".", "", regex=False).str.lstrip("-")
    whole = _integers(text, well, digits, text.str.startswith("-"))
    return whole * (10 ** (DECIMALS - behind))


def _is(text: pd.Series[str], pattern: str) -> pd.Series[bool]:
    # ``$`` would let a trailing line end through.
    return text.str.contains(rf"^(?:{pattern})\Z", regex=True, na=False).astype(bool)


def _mask(condition: Any) -> Mask:
    if isinstance(condition.dtype, np.dtype) and condition.dtype == np.bool_:
        return np.asarray(condition, dtype=bool)
    return np.asarray(condition.fillna(False), dtype=bool)


def _empty(text: pd.Series[str]) -> Mask:
    return _mask(text.isna()) | _mask(text.str.strip(BLANKS) == "")


def required(rows: Rows, columns: Sequence[str], _: Mapping[str, Any]) -> Mask:
    return _empty(rows.frame[columns[0]])


def of_type(rows: Rows, columns: Sequence[str], _: Mapping[str, Any]) -> Mask:
    return _mask(rows.frame[columns[0]].notna() & rows.values[columns[0]].isna())


def minimum(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    bound = Decimal(str(arguments["value"])) * rows.one(columns[0])
    return _mask(rows.values[columns[0]] < int(bound.to_integral_value("ROUND_CEILING")))


def maximum(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    bound = Decimal(str(arguments["value"])) * rows.one(columns[0])
    return _mask(rows.values[columns[0]] > int(bound.to_integral_value("ROUND_FLOOR")))


def multiple_of(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    step = Decimal(str(arguments["value"])) * ONE
    if step < 1 or step % 1:
        raise ContractError(f"multipleOf {arguments['value']} is finer than the six decimals of a number here")
    return _mask(rows.values[columns[0]] % int(step) != 0)


def equals_file(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    if arguments["value"] != "dealer":
        raise ContractError(f"equalsFile knows the dealer of a file, not {arguments['value']!r}")
    text = rows.frame[columns[0]]
    return _mask(text.notna() & (text != rows.frame[FILE_DEALER]))


def equals_property(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    one, other = rows.frame[columns[0]], rows.frame[arguments["property"]]
    return _mask(one.notna() & other.notna() & (one != other))


def required_when(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    return _mask(rows.frame[arguments["property"]] == str(arguments["equals"])) & _empty(rows.frame[columns[0]])


def empty_when(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    return _mask(rows.frame[arguments["property"]] == str(arguments["equals"])) & ~_empty(rows.frame[columns[0]])


def required_unless(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    return ~_mask(rows.frame[arguments["property"]] == str(arguments["equals"])) & _empty(rows.frame[columns[0]])


def matches_when(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    text = rows.frame[columns[0]]
    asked = _mask(rows.frame[arguments["property"]] == str(arguments["equals"])) & _mask(text.notna())
    return asked & ~_mask(_is(text, arguments["pattern"]))


def equals_when(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    asked = _mask(rows.frame[arguments["property"]] == str(arguments["equals"]))
    if rows.types.get(columns[0]) in ("integer", "number"):
        return asked & _mask(rows.values[columns[0]] != int(Decimal(str(arguments["value"])) * rows.one(columns[0])))
    text = rows.frame[columns[0]]
    return asked & _mask(text.notna()) & _mask(text != str(arguments["value"]))


def not_below(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    one, other = columns[0], arguments["property"]
    unit = max(rows.one(one), rows.one(other))
    # Python's integers: fifteen digits of millionths pass 64 bits.
    here = rows.values[one].astype(object) * (unit // rows.one(one))
    there = rows.values[other].astype(object) * (unit // rows.one(other))
    told = _mask(rows.values[one].notna()) & _mask(rows.values[other].notna())
    broken = np.zeros(len(told), dtype=bool)
    broken[told] = np.asarray(here[told] < there[told], dtype=bool)
    return broken


def sum_of(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    names = [columns[0], *arguments["properties"]]
    # Python's integers here as well.
    unit = max(rows.one(name) for name in names)
    told = np.logical_and.reduce([_mask(rows.values[name].notna()) for name in names])
    total, *parts = (rows.values[name][told].astype(object) * (unit // rows.one(name)) for name in names)
    tolerance = int(Decimal(str(arguments["tolerance"])) * unit)
    broken = np.zeros(len(told), dtype=bool)
    broken[told] = [abs(whole - sum(of)) > tolerance for whole, *of in zip(total, *parts, strict=True)]
    return broken


def siren(rows: Rows, columns: Sequence[str], _: Mapping[str, Any]) -> Mask:
    return _each(rows.frame[columns[0]], lambda value: not is_company_number(value, 9))


def siret(rows: Rows, columns: Sequence[str], _: Mapping[str, Any]) -> Mask:
    return _each(rows.frame[columns[0]], lambda value: not is_company_number(value, 14))


def vin(rows: Rows, columns: Sequence[str], _: Mapping[str, Any]) -> Mask:
    return _each(rows.frame[columns[0]], lambda value: not is_vehicle_number(value))


def unit_identifier(rows: Rows, columns: Sequence[str], _: Mapping[str, Any]) -> Mask:
    return _each(rows.frame[columns[0]], lambda value: not is_unit_number(value))


def any_of(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    blank = [_empty(rows.frame[name]) for name in (*columns, *arguments["properties"])]
    return np.asarray(np.logical_and.reduce(blank), dtype=bool)


def _each(text: pd.Series[str], broken: Callable[[str], bool]) -> Mask:
    found = {value: broken(value) for value in text.dropna().unique()}
    return np.asarray([found.get(value, False) for value in text], dtype=bool)


def starts_with_for(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    text, deciding = rows.frame[columns[0]], rows.frame[arguments["property"]]
    broken = np.zeros(len(text), dtype=bool)
    for value, prefixes in arguments["prefixes"].items():
        asked = _mask(deciding == str(value)) & _mask(text.notna())
        broken |= asked & ~_mask(text.str.startswith(tuple(prefixes), na=False))
    return broken


def sign_follows(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    deciding, value = rows.frame[arguments["property"]], rows.values[columns[0]]
    above = deciding.isin([str(item) for item in arguments["positive"]])
    below = deciding.isin([str(item) for item in arguments["negative"]])
    zero = _mask(value == 0) & (not arguments["zero"])
    wrong = (_mask(above) & _mask(value < 0)) | (_mask(below) & _mask(value > 0))
    return wrong | (zero & (_mask(above) | _mask(below)))


def line_arithmetic(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    names = [arguments["quantity"], arguments["unitPrice"], arguments["discount"], columns[0]]
    told = ~np.logical_or.reduce([_mask(rows.values[name].isna()) for name in names])
    quantity, price, discount, net = (rows.values[name].fillna(0).to_numpy(dtype="int64") for name in names)
    unit = max(rows.one(names[0]) * rows.one(names[1]), ONE)
    lift = unit // (rows.one(names[0]) * rows.one(names[1]))
    lift_discount, lift_net = unit // rows.one(names[2]), unit // rows.one(names[3])
    tolerance = int(Decimal(str(arguments["tolerance"])) * unit)
    size = (
        np.abs(quantity.astype(float) * price) * lift
        + np.abs(discount.astype(float)) * lift_discount
        + np.abs(net.astype(float)) * lift_net
    )
    small = size < SAFE
    with np.errstate(over="ignore"):
        rest = quantity * price * lift - discount * lift_discount - net * lift_net
    broken = np.abs(rest) > tolerance
    for row in np.flatnonzero(told & ~small):  # Rare: sums too large for 64 bits.
        exact = int(quantity[row]) * int(price[row]) * lift
        exact -= int(discount[row]) * lift_discount + int(net[row]) * lift_net
        broken[row] = abs(exact) > tolerance
    return np.asarray(told & broken, dtype=bool)


def sum_of_lines(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    total, part = rows.values[columns[0]], rows.values[arguments["property"]]
    unit = max(rows.one(columns[0]), rows.one(arguments["property"]))
    key = [rows.frame[FILE], *(rows.frame[name] for name in arguments["document_key"])]
    document = pd.DataFrame(dict(enumerate(key))).groupby(list(range(len(key))), dropna=False, sort=False).ngroup()
    misread = (rows.frame[arguments["property"]].notna() & part.isna()).groupby(document).transform("any")
    lift, lift_part = unit // rows.one(columns[0]), unit // rows.one(arguments["property"])
    size = total.fillna(0).astype(float).abs().max() * lift + part.fillna(0).astype(float).abs().sum() * lift_part
    whole, parts = total.fillna(0).astype("int64"), part.fillna(0).astype("int64")
    if size >= SAFE:  # Rare: sums too large for 64 bits.
        whole, parts = whole.astype(object), parts.astype(object)
    rest = (whole * lift - (parts * lift_part).groupby(document).transform("sum")).abs()
    wrong = _mask(rest > int(Decimal(str(arguments["tolerance"])) * unit))
    return wrong & _mask(total.notna()) & ~_mask(misread)


def within_window(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    moment = rows.values[columns[0]]
    start, end = pd.Timestamp(arguments["start"]), pd.Timestamp(arguments["end"])
    return _mask(moment < start) | _mask(moment >= end)


def within_period(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    day = rows.values[columns[0]]
    return _mask(day < pd.Timestamp(arguments["business_date"])) | _mask(day > pd.Timestamp(arguments["last_date"]))


def not_after(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    return _mask(rows.values[columns[0]] > rows.values[arguments["property"]])


def not_after_window(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    return _mask(rows.values[columns[0]] > pd.Timestamp(arguments["last_date"]))


def not_before_window(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    earliest = pd.Timestamp(arguments["business_date"]) - pd.Timedelta(days=arguments["days"])
    return _mask(rows.values[columns[0]] < earliest)


def not_before(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    return _mask(rows.values[columns[0]] < pd.Timestamp(arguments["day"]))


def year_not_after_window(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    return _mask(rows.values[columns[0]] > pd.Timestamp(arguments["last_date"]).year + arguments["ahead"])


def months_apart(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    later, earlier = rows.values[columns[0]].dt, rows.values[arguments["property"]].dt
    years, months = later.year - earlier.year, later.month - earlier.month
    told = _mask(years.notna()) & _mask(rows.values[arguments["term"]].notna())
    broken = np.zeros(len(told), dtype=bool)
    apart = (years[told] * 12 + months[told]).astype("int64") - rows.values[arguments["term"]][told].astype("int64")
    broken[told] = np.asarray(apart.abs() > arguments["tolerance"], dtype=bool)
    return broken


def pays_back(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    payment, amount, term = columns[0], arguments["property"], arguments["term"]
    told = np.logical_and.reduce([_mask(rows.values[name].notna()) for name in (payment, amount, term)])
    broken = np.zeros(len(told), dtype=bool)
    # Python's integers once more.
    broken[told] = [
        100 * each * months * rows.one(amount) < arguments["percent"] * whole * rows.one(payment)
        for each, months, whole in zip(
            *(rows.values[name][told].astype(object) for name in (payment, term, amount)), strict=True
        )
    ]
    return broken


def negative_only_when(rows: Rows, columns: Sequence[str], arguments: Mapping[str, Any]) -> Mask:
    allowed = _mask(rows.frame[arguments["property"]] == str(arguments["equals"]))
    return _mask(rows.values[columns[0]] < 0) & ~allowed


def duplicate_values(rows: Rows, columns: Sequence[str], _: Mapping[str, Any]) -> Mask:
    key = {name: rows.values[name] if rows.types.get(name) == "integer" else rows.frame[name] for name in columns}
    whole = ~np.logical_or.reduce([_mask(part.isna()) for part in key.values()])
    told = pd.DataFrame({FILE: rows.frame[FILE], **key}).loc[whole]
    broken = np.zeros(len(rows.frame), dtype=bool)
    broken[whole] = told.duplicated(keep="first").to_numpy()
    return broken


RULES: Mapping[str, Callable[[Rows, Sequence[str], Mapping[str, Any]], Mask]] = {
    "required": required,
    "integer": of_type,
    "number": of_type,
    "date": of_type,
    "timestamp": of_type,
    "minimum": minimum,
    "maximum": maximum,
    "multipleOf": multiple_of,
    "equalsFile": equals_file,
    "equalsProperty": equals_property,
    "requiredWhen": required_when,
    "emptyWhen": empty_when,
    "requiredUnless": required_unless,
    "matchesWhen": matches_when,
    "equalsWhen": equals_when,
    "notBelow": not_below,
    "sumOf": sum_of,
    "siren": siren,
    "siret": siret,
    "vin": vin,
    "startsWithFor": starts_with_for,
    "signFollows": sign_follows,
    "lineArithmetic": line_arithmetic,
    "sumOfLines": sum_of_lines,
    "withinWindow": within_window,
    "withinPeriod": within_period,
    "notAfter": not_after,
    "notAfterWindow": not_after_window,
    "notBeforeWindow": not_before_window,
    "anyOf": any_of,
    "unitIdentifier": unit_identifier,
    "notBefore": not_before,
    "yearNotAfterWindow": year_not_after_window,
    "monthsApart": months_apart,
    "paysBack": pays_back,
    "negativeOnlyWhen": negative_only_when,
    "duplicateValues": duplicate_values,
}
TYPES = frozenset({"integer", "number", "date", "timestamp"})
