"""
The lines that a work order's amount is the sum of, as ``crm.activity`` keeps them: number and amount of each.

They are there for corrections: a corrected line joins the lines that its own file brought, in place of one with its
number, which would count twice else. A text of JSON, ``[{"line":"1","amount":"10.00"},…]``, in an order that does not
depend on the file's; null for a single line without a number, which the amount itself says.
"""

from __future__ import annotations

import json
from decimal import Decimal

import polars as pl


def line_text(number: str, amount: pl.Expr) -> pl.Expr:
    """Return one line's text; ``amount`` is text with two decimals."""
    return pl.struct(pl.col(number).alias("line"), amount.alias("amount")).struct.json_encode()


def of_one_line(number: str, amount: pl.Expr) -> pl.Expr:
    """Return the text of a work order of a single line."""
    return pl.when(pl.col(number).is_not_null()).then(pl.format("[{}]", line_text(number, amount)))


def of_lines(texts: pl.Expr) -> pl.Expr:
    """Return, in a group, the text of its lines."""
    return pl.format("[{}]", texts.sort().str.join(","))


def joined(there: str | None, amount: Decimal, ours: str | None, our_amount: Decimal) -> tuple[str, Decimal, int]:
    """
    Return text, sum and number of the lines that stand there, and ours in place of those with the same number.

    :param amount: what the order comes to so far, :param our_amount: what our lines come to.
    """
    told, standing = _read(ours, our_amount), _read(there, amount)
    numbers = {line["line"] for line in told} - {None}
    lines = [line for line in standing if line["line"] not in numbers] + told
    texts = sorted(json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines)
    total = sum((Decimal(line["amount"] or 0) for line in lines), Decimal(0))
    return f"[{','.join(texts)}]", total, len(lines)


def _read(text: str | None, amount: Decimal) -> list[dict[str, str | None]]:
    if text is None:
        return [{"line": None, "amount": str(amount)}]
    lines: list[dict[str, str | None]] = json.loads(text)
    return lines
