"""
Row rules as polars expressions that are true where a row breaks the rule.

One table, ``RULES``, from the kind of a rule to its function: a new kind is one entry and one function here, and one in
``include/quality/rules.py``, which reads the same contract independently. All columns are text. Apart from
``required``, ``requiredWhen``, ``requiredUnless`` and ``anyOf`` no rule speaks about an absent value, and a rule whose
operands do not parse stays silent, because the rule of that operand's type already says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from math import ceil, floor
from operator import add

import polars as pl

from include.checks.identifiers import unlike_siren, unlike_siret, unlike_unit, unlike_vin
from include.checks.values import MICRO, PARSERS, absent
from include.contract import Rule, Table
from include.contract_vocabulary import ContractError
from include.window import Window

DUPLICATE = "duplicate "
FILE_DEALER = "dealer of the file "
PARSED = "parsed "


@dataclass(frozen=True)
class Scope:
    """What a rule may look at beside the row; the dealer of the file stands in the column ``FILE_DEALER``."""

    table: Table
    window: Window

    def parsed(self, column: str) -> pl.Expr:
        """
        Value of ``column`` that can be compared, null where the text is not of its type.

        An integer as Int64, a number as Int64 millionths, a date or timestamp as its text: ISO text of one width sorts
        as the dates do.
        """
        return pl.col(PARSED + column) if self.table.type_of(column) in PARSERS else pl.col(column)

    def scale(self, column: str) -> int:
        """How many units of ``parsed(column)`` make one."""
        return MICRO if self.table.type_of(column) == "number" else 1


def _required(rule: Rule, _: Scope) -> pl.Expr:
    return absent(rule.columns[0])


def _type(rule: Rule, scope: Scope) -> pl.Expr:
    return pl.col(rule.columns[0]).is_not_null() & scope.parsed(rule.columns[0]).is_null()


def _boolean(rule: Rule, _: Scope) -> pl.Expr:
    return ~_one_of(rule.columns[0], ["t", "f"])


def _enum(rule: Rule, _: Scope) -> pl.Expr:
    return ~_one_of(rule.columns[0], [str(value) for value in rule.arguments["values"]])


def _one_of(column: str, values: list[str]) -> pl.Expr:
    if len(values) > 4:
        return pl.col(column).is_in(values)
    return pl.any_horizontal([pl.col(column) == value for value in values])


def _pattern(rule: Rule, _: Scope) -> pl.Expr:
    return _unlike(rule.columns[0], rule.arguments["value"])


def _matches(rule: Rule, _: Scope) -> pl.Expr:
    return _unlike(rule.columns[0], rule.arguments["pattern"])


def _unlike(column: str, pattern: str) -> pl.Expr:
    return ~pl.col(column).str.contains(f"^(?:{pattern})$")


def _min_length(rule: Rule, _: Scope) -> pl.Expr:
    return pl.col(rule.columns[0]).str.len_chars() < int(rule.arguments["value"])


def _max_length(rule: Rule, _: Scope) -> pl.Expr:
    return pl.col(rule.columns[0]).str.len_chars() > int(rule.arguments["value"])


def _minimum(rule: Rule, scope: Scope) -> pl.Expr:
    column = rule.columns[0]
    bound = pl.lit(ceil(_exact(rule.arguments["value"]) * scope.scale(column)))
    return scope.parsed(column) < bound


def _maximum(rule: Rule, scope: Scope) -> pl.Expr:
    column = rule.columns[0]
    bound = pl.lit(floor(_exact(rule.arguments["value"]) * scope.scale(column)))
    return scope.parsed(column) > bound


def _multiple_of(rule: Rule, scope: Scope) -> pl.Expr:
    step = _exact(rule.arguments["value"]) * MICRO
    if step <= 0 or step != int(step):
        raise ContractError(
            f"{scope.table.id}: {rule.id} asks for multiples of {rule.arguments['value']}; numbers here have six "
            "decimals, so the step is at least 0.000001 and a multiple of it"
        )
    return scope.parsed(rule.columns[0]) % int(step) != 0


def _equals_file(rule: Rule, scope: Scope) -> pl.Expr:
    if rule.arguments["value"] != "dealer":
        raise ContractError(
            f"{scope.table.id}: {rule.id} compares with {rule.arguments['value']!r} of the file; "
            "only 'dealer' is known of a file"
        )
    return pl.col(rule.columns[0]) != pl.col(FILE_DEALER)


def _equals_property(rule: Rule, _: Scope) -> pl.Expr:
    return pl.col(rule.columns[0]) != pl.col(rule.arguments["property"])


def _required_when(rule: Rule, _: Scope) -> pl.Expr:
    asked = pl.col(rule.arguments["property"]) == str(rule.arguments["equals"])
    return asked & absent(rule.columns[0])


def _empty_when(rule: Rule, _: Scope) -> pl.Expr:
    asked = pl.col(rule.arguments["property"]) == str(rule.arguments["equals"])
    return asked & ~absent(rule.columns[0])


def _required_unless(rule: Rule, _: Scope) -> pl.Expr:
    spared = (pl.col(rule.arguments["property"]) == str(rule.arguments["equals"])).fill_null(value=False)
    return ~spared & absent(rule.columns[0])


def _matches_when(rule: Rule, _: Scope) -> pl.Expr:
    asked = pl.col(rule.arguments["property"]) == str(rule.arguments["equals"])
    return asked & _unlike(rule.columns[0], rule.arguments["pattern"])


def _equals_when(rule: Rule, scope: Scope) -> pl.Expr:
    asked = pl.col(rule.arguments["property"]) == str(rule.arguments["equals"])
    column, wanted = rule.columns[0], rule.arguments["value"]
    if scope.table.type_of(column) in ("integer", "number"):
        return asked & (scope.parsed(column) != int(_exact(wanted) * scope.scale(column)))
    return asked & (pl.col(column) != str(wanted))


def _not_below(rule: Rule, scope: Scope) -> pl.Expr:
    other = rule.arguments["property"]
    unit = max(scope.scale(rule.columns[0]), scope.scale(other))
    return _units(scope, rule.columns[0], unit) < _units(scope, other, unit)


def _sum_of(rule: Rule, scope: Scope) -> pl.Expr:
    names = [rule.columns[0], *rule.arguments["properties"]]
    unit = max(scope.scale(name) for name in names)
    total, *parts = (_units(scope, name, unit) for name in names)
    tolerance = floor(_exact(rule.arguments["tolerance"]) * unit)
    return (total - reduce(add, parts)).abs() > tolerance


def _units(scope: Scope, column: str, unit: int) -> pl.Expr:
    """Value of a numeric column in parts of one, ``unit`` of which make one: 18 digits fit 64 bits, sums may not."""
    return scope.parsed(column).cast(pl.Int128) * (unit // scope.scale(column))


def _siren(rule: Rule, _: Scope) -> pl.Expr:
    return unlike_siren(rule.columns[0])


def _siret(rule: Rule, _: Scope) -> pl.Expr:
    return unlike_siret(rule.columns[0])


def _vin(rule: Rule, _: Scope) -> pl.Expr:
    return unlike_vin(rule.columns[0])


def _unit_identifier(rule: Rule, _: Scope) -> pl.Expr:
    return unlike_unit(rule.columns[0])


def _any_of(rule: Rule, _: Scope) -> pl.Expr:
    return pl.all_horizontal([absent(name) for name in (rule.columns[0], *rule.arguments["properties"])])


def _starts_with_for(rule: Rule, _: Scope) -> pl.Expr:
    text, deciding = pl.col(rule.columns[0]), pl.col(rule.arguments["property"])
    return pl.any_horizontal(
        [
            (deciding == str(value)) & ~pl.any_horizontal([text.str.starts_with(prefix) for prefix in prefixes])
            for value, prefixes in rule.arguments["prefixes"].items()
        ]
    )


def _sign_follows(rule: Rule, scope: Scope) -> pl.Expr:
    value = scope.parsed(rule.columns[0])
    zero = bool(rule.arguments["zero"])
    wrong_plus = value < 0 if zero else value <= 0
    wrong_minus = value > 0 if zero else value >= 0
    deciding = rule.arguments["property"]
    plus = _one_of(deciding, list(map(str, rule.arguments["positive"])))
    minus = _one_of(deciding, list(map(str, rule.arguments["negative"])))
    return (plus & wrong_plus) | (minus & wrong_minus)


def _line_arithmetic(rule: Rule, scope: Scope) -> pl.Expr:
    # In units of 10^-12 the widest product has 36 digits, and 128 bits hold 38. No float ever decides a penny.
    named = rule.arguments
    product = _units(scope, named["quantity"], MICRO) * _units(scope, named["unitPrice"], MICRO)
    difference = product - _units(scope, named["discount"], MICRO**2) - _units(scope, rule.columns[0], MICRO**2)
    tolerance = pl.lit(floor(_exact(named["tolerance"]) * MICRO**2), pl.Int128)
    return (difference > tolerance) | (difference < -tolerance)


def _sum_of_lines(rule: Rule, scope: Scope) -> pl.Expr:
    # A line whose amount does not parse makes the sum unknown; the rule of that amount says so.
    amount = scope.parsed(rule.arguments["property"])
    unit = max(scope.scale(rule.columns[0]), scope.scale(rule.arguments["property"]))
    lines = _units(scope, rule.arguments["property"], unit).sum().over(scope.table.document_key)
    unknown = (pl.col(rule.arguments["property"]).is_not_null() & amount.is_null()).any()
    difference = _units(scope, rule.columns[0], unit) - lines
    tolerance = floor(_exact(rule.arguments["tolerance"]) * unit)
    return (difference.abs() > tolerance) & ~unknown.over(scope.table.document_key)


def _within_window(rule: Rule, scope: Scope) -> pl.Expr:
    instant = scope.parsed(rule.columns[0])
    return (instant < _instant(scope.window.start)) | (instant >= _instant(scope.window.end))


def _within_period(rule: Rule, scope: Scope) -> pl.Expr:
    day = scope.parsed(rule.columns[0])
    return (day < scope.window.business_date.isoformat()) | (day > scope.window.last_date.isoformat())


def _not_after(rule: Rule, scope: Scope) -> pl.Expr:
    return scope.parsed(rule.columns[0]) > scope.parsed(rule.arguments["property"])


def _not_after_window(rule: Rule, scope: Scope) -> pl.Expr:
    return scope.parsed(rule.columns[0]) > scope.window.last_date.isoformat()


def _not_before_window(rule: Rule, scope: Scope) -> pl.Expr:
    earliest = scope.window.business_date - timedelta(days=rule.arguments["days"])
    return scope.parsed(rule.columns[0]) < earliest.isoformat()


def _not_before(rule: Rule, scope: Scope) -> pl.Expr:
    return scope.parsed(rule.columns[0]) < str(rule.arguments["day"])


def _year_not_after_window(rule: Rule, scope: Scope) -> pl.Expr:
    return scope.parsed(rule.columns[0]) > scope.window.last_date.year + int(rule.arguments["ahead"])


def _months_apart(rule: Rule, scope: Scope) -> pl.Expr:
    months = _months(scope, rule.columns[0]) - _months(scope, rule.arguments["property"])
    return (months - scope.parsed(rule.arguments["term"])).abs() > int(rule.arguments["tolerance"])


def _months(scope: Scope, column: str) -> pl.Expr:
    """Calendar months since the year 0: the days within the months make no difference."""
    day = scope.parsed(column)
    return day.str.slice(0, 4).cast(pl.Int64) * 12 + day.str.slice(5, 2).cast(pl.Int64)


def _pays_back(rule: Rule, scope: Scope) -> pl.Expr:
    # 18 digits times 15 times the percentage stay below the 38 digits that 128 bits hold.
    named = rule.arguments
    unit = max(scope.scale(rule.columns[0]), scope.scale(named["property"]))
    paid = _units(scope, rule.columns[0], unit) * scope.parsed(named["term"]).cast(pl.Int128) * 100
    return paid < _units(scope, named["property"], unit) * int(named["percent"])


def _negative_only_when(rule: Rule, scope: Scope) -> pl.Expr:
    allowed = (pl.col(rule.arguments["property"]) == str(rule.arguments["equals"])).fill_null(value=False)
    return ~allowed & (scope.parsed(rule.columns[0]) < 0)


def _duplicate(_: Rule, __: Scope) -> pl.Expr:
    return pl.col(DUPLICATE)  # Depends on the rows before: duplicates.py fills the column.


def _exact(value: float | str) -> Decimal:
    return Decimal(str(value))


def _instant(moment: datetime) -> str:
    """Text of the first whole second at or after ``moment``: values have whole seconds, so comparisons stay exact."""
    whole = moment.astimezone(UTC)
    if whole.microsecond:
        whole = whole.replace(microsecond=0) + timedelta(seconds=1)
    return f"{whole:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0")


# One more kind, wholeDocument, looks at the other rules' answers: row_check.py.
RULES: Mapping[str, Callable[[Rule, Scope], pl.Expr]] = {
    "required": _required,
    "integer": _type,
    "number": _type,
    "date": _type,
    "timestamp": _type,
    "boolean": _boolean,
    "enum": _enum,
    "pattern": _pattern,
    "matches": _matches,
    "minLength": _min_length,
    "maxLength": _max_length,
    "minimum": _minimum,
    "maximum": _maximum,
    "multipleOf": _multiple_of,
    "equalsFile": _equals_file,
    "equalsProperty": _equals_property,
    "requiredWhen": _required_when,
    "emptyWhen": _empty_when,
    "requiredUnless": _required_unless,
    "matchesWhen": _matches_when,
    "equalsWhen": _equals_when,
    "notBelow": _not_below,
    "sumOf": _sum_of,
    "siren": _siren,
    "siret": _siret,
    "vin": _vin,
    "startsWithFor": _starts_with_for,
    "signFollows": _sign_follows,
    "lineArithmetic": _line_arithmetic,
    "sumOfLines": _sum_of_lines,
    "withinWindow": _within_window,
    "withinPeriod": _within_period,
    "notAfter": _not_after,
    "notAfterWindow": _not_after_window,
    "notBeforeWindow": _not_before_window,
    "anyOf": _any_of,
    "unitIdentifier": _unit_identifier,
    "notBefore": _not_before,
    "yearNotAfterWindow": _year_not_after_window,
    "monthsApart": _months_apart,
    "paysBack": _pays_back,
    "negativeOnlyWhen": _negative_only_when,
    "duplicateValues": _duplicate,
}
