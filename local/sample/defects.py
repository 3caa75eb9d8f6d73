"""What is wrong in the sample on purpose: each kind of bad data once, with its share of the trade lines.

The kinds are those that daily trade parts sales are known for: trade-partner codes kept in an address line that
anybody may edit, credits and internal sales booked the wrong way, exports that pass through a spreadsheet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Kind:
    """One kind of planted row. ``percent`` is of the lines on trade accounts of trade-partner dealers.

    ``where`` says what carries it: every line of one account, every line of one document, or one line of a document.
    ``outcome`` is what an interface has to do with the row: reject it as bad, or withhold it although it is good.
    """

    name: str
    percent: float
    where: Literal["account", "document", "line"]
    outcome: Literal["REJECTED", "WITHHELD"]
    description: str


KINDS = (
    Kind("code_missing", 0.12, "account", "REJECTED", "Address line 1 was edited and ends in a street, not in a code"),
    Kind("code_of_another", 0.10, "account", "REJECTED", "Address line 1 ends in the code of another trade partner"),
    Kind("code_five_letters", 0.08, "account", "REJECTED", "The code has five characters"),
    Kind("code_lower_case", 0.08, "account", "REJECTED", "The code is in lower case"),
    Kind("account_merged", 0.08, "account", "REJECTED", "Account merged and closed; the register no longer names it"),
    Kind("credit_positive", 0.10, "document", "REJECTED", "A credit memo with quantities and amounts above zero"),
    Kind("internal_on_trade", 0.08, "document", "REJECTED", "An internal sale booked on a trade account"),
    Kind("document_in_future", 0.08, "document", "REJECTED", "Document dated after the day on which it was posted"),
    Kind("net_is_gross", 0.08, "line", "REJECTED", "The net amount includes VAT, so the line does not add up"),
    Kind("line_twice", 0.08, "line", "REJECTED", "The same line twice on one document; both rows are counted"),
    Kind("part_number_scientific", 0.06, "line", "REJECTED", "A part number that a spreadsheet wrote as 8.2E+09"),
    Kind("quantity_zero", 0.06, "line", "REJECTED", "Quantity 0 and no amounts"),
    Kind("sharing_objection", 0.30, "account", "WITHHELD", "Good line of a sole trader who objected to sharing"),
)
BY_NAME = {kind.name: kind for kind in KINDS}
#: Number of a kind in the arrays of the generator; 0 is an ordinary document.
NUMBER = {kind.name: number for number, kind in enumerate(KINDS, start=1)}
#: The kind that somebody puts right after the file of the day has gone; every month has some.
MENDED = "net_is_gross"
