"""Cases of the kinds of rule that the contracts about partners' files brought, for test_rule_kinds.py."""

from __future__ import annotations

from typing import Any

# Kind, column, arguments; values of the row; whether the row breaks the rule.
Case = tuple[str, str, dict[str, Any], dict[str, str], bool]
PAYS_BACK: dict[str, Any] = {"property": "price", "term": "whole", "percent": 98}
INBOUND: list[Case] = [
    *(
        ("anyOf", "text", {"properties": ["other", "whole"]}, values, broken)
        for values, broken in [
            ({}, True), ({"text": " ", "other": "\u2003\x1f"}, True), ({"flag": "t"}, True), ({"text": "x"}, False),
            ({"other": "x"}, False), ({"whole": "not a number"}, False), ({"text": " ", "whole": "1"}, False),
        ]
    ),
    *(
        ("unitIdentifier", "text", {}, {"text": text}, broken)
        for text, broken in [
            # Published examples of valid numbers; the first one's digit is X.
            ("1M8GDM9AXKP042788", False), ("1HGCM82633A004352", False), ("5GZCZ43D13S812715", False),
            ("11111111111111111", True), ("00000000000000000", True), ("1m8gdm9axkp042788", False),
            ("1M8GDM9A0KP042788", True), ("1M8GDM9AxKP042788", False), ("1M8GDM9AXKP042789", True),
            ("1M8GDM9AXKP024788", True), ("1HGCM82643A004352", True), ("1HGCM8263XA004352", True),
            # Never in a VIN, whatever they would count.
            ("1M8GDM9AXKPO42788", True), ("IM8GDM9AXKP042788", True), ("1M8GDM9AXKPQ42788", True),
            ("1M8GDM9A3KPO42788", True), ("1m8gdm9axkp042789", True),
            # A boat's number, a maker's own, and what is too long or too short to be taken for a VIN.
            ("ABC12345D404", False), ("US-ABC12345D404", False), ("SN 44", False), ("1M8GDM9AXKP04278", False),
            ("1M8GDM9AXKP0427888", False), ("1M8GDM9A-KP042788", False), ("1M8GDM9AXKP04278\u0668", False),
            ("1M8GDM9AX\u212aP042788", False), ("1M8GDM9AXKP042788\n", False), ("\u017f1M8GDM9AXKP04278", False),
            ("", False),
        ]
    ),
    ("unitIdentifier", "text", {}, {}, False),
    *(
        ("notBefore", "day", {"day": "1980-01-01"}, values, broken)
        for values, broken in [
            ({"day": "1980-01-01"}, False), ({"day": "1979-12-31"}, True), ({"day": "1000-01-01"}, True),
            ({"day": "1899-12-30"}, True), ({"day": "2026-03-16"}, False), ({"day": "1979-02-30"}, False), ({}, False),
        ]
    ),
    *(
        ("yearNotAfterWindow", "whole", {"ahead": 2}, values, broken)
        for values, broken in [
            ({"whole": "2028"}, False), ({"whole": "2029"}, True), ({"whole": "1950"}, False), ({"whole": "x"}, False),
            ({}, False),
        ]
    ),
    *(
        ("monthsApart", "later", {"property": "day", "term": "whole", "tolerance": 2}, values, broken)
        for values, broken in [
            ({"day": "2026-03-16", "whole": "240", "later": "2046-03-16"}, False),
            ({"day": "2026-03-31", "whole": "240", "later": "2046-05-01"}, False),
            ({"day": "2026-03-01", "whole": "240", "later": "2046-05-31"}, False),
            ({"day": "2026-03-31", "whole": "240", "later": "2046-06-01"}, True),
            ({"day": "2026-03-01", "whole": "240", "later": "2046-01-01"}, False),
            ({"day": "2026-03-01", "whole": "240", "later": "2045-12-31"}, True),
            ({"day": "2026-12-01", "whole": "1", "later": "2027-01-31"}, False),
            ({"day": "2026-03-01", "whole": "-999999999999999", "later": "2026-03-01"}, True),
            ({"day": "0001-01-01", "whole": "119987", "later": "9999-12-31"}, False),
            ({"day": "2026-03-16", "later": "2046-03-16"}, False), ({"day": "2026-03-16", "whole": "1"}, False),
            ({"whole": "1", "later": "2046-03-16"}, False),
            ({"day": "2026-02-30", "whole": "1", "later": "2046-03-16"}, False),
        ]
    ),
    *(
        ("paysBack", column, {"property": other, "term": "whole", "percent": 98},
         {column: payment, "whole": term, other: amount}, broken)
        for column, other, payment, term, amount, broken in [
            ("number", "price", "100.00", "10", "1000.00", False), ("number", "price", "98.00", "10", "1000.00", False),
            ("number", "price", "97.999999", "10", "1000.00", True), ("number", "price", "0", "10", "0.00", False),
            ("number", "price", "0", "10", "0.000001", True), ("number", "price", "10.00", "12 mo", "1000", False),
            # 2^64 millionths and more are next to nothing in 64 bits.
            ("number", "price", "184467440737.09", "100", "18446744073.09", False),
            ("number", "price", "999999999999.999999", "999999999999999", "999999999999.999999", False),
            ("number", "price", "-999999999999.999999", "999999999999999", "999999999999.999999", True),
        ]
    ),
    # The amount may be a whole number; the term is one.
    *(
        ("paysBack", "number", {"property": "whole", "term": "whole", "percent": 98}, {"number": payment, "whole": "7"},
         broken)
        for payment, broken in [("0.98", False), ("0.979999", True)]
    ),
    ("paysBack", "number", PAYS_BACK, {"number": "1", "whole": "1"}, False),
    ("paysBack", "number", PAYS_BACK, {"price": "9", "whole": "1"}, False),
    ("paysBack", "number", PAYS_BACK, {"price": "9", "number": "1"}, False),
    *(
        ("negativeOnlyWhen", column, {"property": "other", "equals": "CREDIT"}, values, broken)
        for column in ("number", "whole")
        for values, broken in [
            ({column: "-1", "other": "CREDIT"}, False), ({column: "-1", "other": "CLOSED"}, True),
            ({column: "-1"}, True), ({column: "-1", "other": "credit"}, True), ({column: "0", "other": "OPEN"}, False),
            ({column: "-0", "other": "OPEN"}, False), ({column: "1", "other": "CREDIT"}, False),
            ({column: "(1)", "other": "OPEN"}, False), ({"other": "OPEN"}, False),
        ]
    ),
]  # fmt: skip
