"""Each kind of rule, with arguments that no contract has yet, says the same in both readers: what is written here."""

from __future__ import annotations

import pytest

from include.contract import Contract, Rule
from include.contract_vocabulary import ROW_RULES
from include.window import Window
from tests.quality.inbound_cases import INBOUND, Case
from tests.quality.synthetic import TYPES, synthetic
from tests.quality.two_readers import SampleFile, great_expectations_says, row_check_says
from tests.samples import ANY_DEALER, Row

CASES: list[Case] = [
    ("required", "text", {}, {"text": "\u2003\x1f"}, True),
    ("required", "text", {}, {"text": "\u200b"}, False),
    ("requiredWhen", "text", {"property": "whole", "equals": 7}, {"whole": "7", "text": " "}, True),
    ("requiredWhen", "text", {"property": "whole", "equals": 7}, {"whole": "8"}, False),
    ("requiredWhen", "text", {"property": "whole", "equals": 7}, {"whole": "7", "text": "x"}, False),
    ("emptyWhen", "text", {"property": "whole", "equals": 7}, {"whole": "7", "text": "x"}, True),
    ("emptyWhen", "text", {"property": "whole", "equals": 7}, {"whole": "7", "text": "\u2003"}, False),
    ("emptyWhen", "text", {"property": "whole", "equals": 7}, {"whole": "7"}, False),
    ("emptyWhen", "text", {"property": "whole", "equals": 7}, {"whole": "8", "text": "x"}, False),
    ("emptyWhen", "text", {"property": "whole", "equals": 7}, {"text": "x"}, False),
    ("enum", "text", {"values": ["a", "b", "c", "d", "e", "f"]}, {"text": "f"}, False),
    ("enum", "text", {"values": ["a", "b", "c", "d", "e", "f"]}, {"text": "g"}, True),
    ("enum", "whole", {"values": [1, 2]}, {"whole": "2"}, False),
    ("enum", "whole", {"values": [1, 2]}, {"whole": "3"}, True),
    ("pattern", "text", {"value": "A|B+"}, {"text": "BBB"}, False),
    ("pattern", "text", {"value": "A|B+"}, {"text": "AB"}, True),
    ("pattern", "text", {"value": "A|B+"}, {"text": "BA"}, True),
    ("pattern", "text", {"value": "A|B+"}, {"text": "A\n"}, True),
    ("matches", "text", {"pattern": "[a-z]*"}, {"text": "abc"}, False),
    ("matches", "text", {"pattern": "[a-z]*"}, {"text": "abc1"}, True),
    ("minLength", "text", {"value": 2}, {"text": "é"}, True),
    ("minLength", "text", {"value": 2}, {"text": "é🚗"}, False),
    ("maxLength", "text", {"value": 2}, {"text": "é🚗"}, False),
    ("maxLength", "text", {"value": 2}, {"text": "e\u0301🚗"}, True),
    ("minimum", "whole", {"value": 0.5}, {"whole": "0"}, True),
    ("minimum", "whole", {"value": 0.5}, {"whole": "1"}, False),
    ("minimum", "number", {"value": -0.1}, {"number": "-0.1"}, False),
    ("minimum", "number", {"value": -0.1}, {"number": "-0.100001"}, True),
    ("minimum", "number", {"value": "0.0000005"}, {"number": "0"}, True),
    ("maximum", "whole", {"value": 0.5}, {"whole": "1"}, True),
    ("maximum", "whole", {"value": 0.5}, {"whole": "0"}, False),
    ("maximum", "number", {"value": 0.3}, {"number": "0.300000"}, False),
    ("maximum", "number", {"value": 0.3}, {"number": "0.300001"}, True),
    ("multipleOf", "number", {"value": 0.3}, {"number": "0.9"}, False),
    ("multipleOf", "number", {"value": 0.3}, {"number": "-0.9"}, False),
    ("multipleOf", "number", {"value": 0.3}, {"number": "1.0"}, True),
    ("multipleOf", "number", {"value": 0.01}, {"number": "123456789012.01"}, False),
    ("multipleOf", "number", {"value": 0.01}, {"number": "123456789012.010001"}, True),
    ("equalsFile", "text", {"value": "dealer"}, {"text": ANY_DEALER}, False),
    ("equalsFile", "text", {"value": "dealer"}, {"text": "82600001"}, True),
    ("equalsProperty", "text", {"property": "other"}, {"text": "a", "other": "a"}, False),
    ("equalsProperty", "text", {"property": "other"}, {"text": "a", "other": "b"}, True),
    ("equalsProperty", "text", {"property": "other"}, {"text": "a"}, False),
    ("equalsProperty", "text", {"property": "other"}, {"other": "a"}, False),
    ("integer", "whole", {}, {"whole": "-999999999999999"}, False),
    ("integer", "whole", {}, {"whole": "1000000000000000"}, True),
    ("number", "number", {}, {"number": "-999999999999.999999"}, False),
    ("number", "number", {}, {"number": "1e2"}, True),
    ("date", "day", {}, {"day": "2024-02-29"}, False),
    ("date", "day", {}, {"day": "2026-02-29"}, True),
    ("timestamp", "moment", {}, {"moment": "2026-03-16T23:59:59Z"}, False),
    ("timestamp", "moment", {}, {"moment": "2026-03-16T23:59:60Z"}, True),
    ("boolean", "flag", {}, {"flag": "f"}, False),
    ("boolean", "flag", {}, {"flag": "F"}, True),
    ("withinWindow", "moment", {}, {"moment": "2026-03-16T00:00:00Z"}, False),
    ("withinWindow", "moment", {}, {"moment": "2026-03-17T00:00:00Z"}, True),
    ("withinPeriod", "day", {}, {"day": "2026-03-16"}, False),
    ("withinPeriod", "day", {}, {"day": "2026-03-15"}, True),
    ("withinPeriod", "day", {}, {"day": "2026-03-17"}, True),
    ("withinPeriod", "day", {}, {}, False),
    ("notAfter", "day", {"property": "later"}, {"day": "2026-03-16", "later": "2026-03-16"}, False),
    ("notAfter", "day", {"property": "later"}, {"day": "2026-03-17", "later": "2026-03-16"}, True),
    ("notAfter", "day", {"property": "later"}, {"day": "2026-03-17"}, False),
    ("notAfter", "day", {"property": "later"}, {"day": "2026-03-17", "later": "2026-02-30"}, False),
    ("notAfterWindow", "day", {}, {"day": "2026-03-16"}, False),
    ("notAfterWindow", "day", {}, {"day": "2026-03-17"}, True),
    ("notBeforeWindow", "day", {"days": 0}, {"day": "2026-03-16"}, False),
    ("notBeforeWindow", "day", {"days": 0}, {"day": "2026-03-15"}, True),
    *(
        (
            "signFollows", column, {"property": "other", "positive": ["P", "Q"], "negative": ["N"], "zero": zero},
            {"other": word, column: value}, broken,
        )
        for column in ("whole", "number")
        for zero, word, value, broken in [
            (True, "P", "0", False), (False, "P", "0", True), (True, "N", "-0", False), (False, "N", "-0", True),
            (True, "Q", "-1", True), (False, "Q", "1", False), (True, "N", "1", True), (False, "N", "-1", False),
            (False, "Z", "0", False), (True, "Z", "-1", False),
        ]
    ),
    *(
        (
            "lineArithmetic", "net",
            {"quantity": quantity, "unitPrice": "price", "discount": "discount", "tolerance": 0.01},
            {quantity: count, "price": price, "discount": discount, "net": net}, broken,
        )
        for quantity, count, price, discount, net, broken in [
            ("whole", "3", "1.10", "0.10", "3.20", False),
            ("whole", "3", "1.10", "0.10", "3.21", False),
            ("whole", "3", "1.10", "0.10", "3.210001", True),
            ("whole", "3", "1.10", "0.10", "3.19", False),
            ("whole", "3", "1.10", "0.10", "3.189999", True),
            ("number", "2.5", "1.000001", "0", "2.5000025", False),
            ("number", "2.500001", "1.000001", "0", "2.51", False),
            ("number", "2.500001", "1.000001", "0", "2.510004", True),
            # 2^32 times 2^32 millionths is nothing at all in 64 bits.
            ("whole", "4294967296", "4294.967296", "0", "0", True),
            # So is 15625 times 2^64 in units of 10^-12.
            ("whole", "1", "0", "0", "288230376151.711744", True),
            ("whole", "999999999999999", "999999999999.999999", "0", "0", True),
            ("whole", "-999999999999999", "999999999999.999999", "-999999999999.999999", "999999999999.999999", True),
            ("whole", "1", "999999999999.999999", "-0.000001", "999999999999.999999", False),
            ("whole", "x", "1", "1", "9", False),
        ]
    ),
    ("requiredUnless", "text", {"property": "whole", "equals": 7}, {"whole": "8"}, True),
    ("requiredUnless", "text", {"property": "whole", "equals": 7}, {"whole": "8", "text": "\u2003"}, True),
    ("requiredUnless", "text", {"property": "whole", "equals": 7}, {}, True),
    ("requiredUnless", "text", {"property": "whole", "equals": 7}, {"whole": "x"}, True),
    ("requiredUnless", "text", {"property": "whole", "equals": 7}, {"whole": "7"}, False),
    ("requiredUnless", "text", {"property": "whole", "equals": 7}, {"whole": "8", "text": "x"}, False),
    *(
        ("matchesWhen", "text", {"property": "other", "equals": "FR", "pattern": "^[0-9]{5}$|x"}, values, broken)
        for values, broken in [
            ({"other": "FR", "text": "01000"}, False), ({"other": "FR", "text": "1000"}, True),
            ({"other": "FR", "text": "010001"}, True), ({"other": "FR", "text": "01000\n"}, True),
            ({"other": "FR", "text": "x0"}, True), ({"other": "FR", "text": "x"}, False),
            ({"other": "FR", "text": "0100\u0660"}, True), ({"other": "FR", "text": ""}, True),
            ({"other": "FR"}, False), ({"other": "fr", "text": "1000"}, False), ({"text": "1000"}, False),
        ]
    ),
    *(
        ("equalsWhen", "text", {"property": "other", "equals": "VN", "value": "STANDARD"}, values, broken)
        for values, broken in [
            ({"other": "VN", "text": "STANDARD"}, False), ({"other": "VN", "text": "MARGIN"}, True),
            ({"other": "VN", "text": "STANDARD\n"}, True), ({"other": "VN", "text": " "}, True),
            ({"other": "VN"}, False), ({"other": "VO", "text": "MARGIN"}, False), ({"text": "MARGIN"}, False),
        ]
    ),
    *(
        ("equalsWhen", column, {"property": "other", "equals": "M", "value": wanted}, {"other": "M", column: text}, bad)
        for column, wanted, text, bad in [
            ("number", "0.00", "0", False), ("number", "0.00", "-0.000000", False),
            ("number", "0.00", "0.000001", True), ("number", 0.1, "0.1", False),
            ("number", "-999999999999.999999", "-999999999999.999999", False),
            ("number", "0.00", "nothing", False), ("number", 0, " ", False),
            ("whole", 12, "12", False), ("whole", "12", "012", False), ("whole", 12, "-12", True),
            ("whole", 12, "12.0", False),
        ]
    ),
    ("equalsWhen", "number", {"property": "other", "equals": "M", "value": 0}, {"other": "N", "number": "1"}, False),
    *(
        ("notBelow", column, {"property": other}, {column: value, other: bound}, broken)
        for column, other, value, bound, broken in [
            ("whole", "number", "12", "12.000000", False), ("whole", "number", "12", "12.000001", True),
            ("number", "whole", "11.999999", "12", True), ("number", "whole", "12.0", "12", False),
            ("number", "price", "-0.01", "0", True), ("number", "price", "10.00", "9.99", False),
            ("whole", "number", "999999999999999", "999999999999.999999", False),
            ("number", "whole", "999999999999.999999", "999999999999999", True),
            # The whole number is next to nothing in 64 bits of millionths.
            ("number", "whole", "0", "18446744073709", True), ("whole", "number", "18446744073710", "1", False),
            ("whole", "number", "x", "1", False), ("whole", "number", "1", "x", False),
        ]
    ),
    ("notBelow", "whole", {"property": "number"}, {"whole": "1"}, False),
    ("notBelow", "whole", {"property": "number"}, {"number": "1"}, False),
    *(
        ("sumOf", "number", {"properties": ["net", "price"], "tolerance": 0.02},
         {"number": total, "net": net, "price": price}, broken)
        for total, net, price, broken in [
            ("120.00", "100.00", "20.00", False), ("120.02", "100.00", "20.00", False),
            ("120.020001", "100.00", "20.00", True), ("119.98", "100.00", "20.00", False),
            ("119.979999", "100.00", "20.00", True), ("-120.00", "-100.00", "-20.00", False),
            ("120.00", "-100.00", "-20.00", True), ("0.3", "0.1", "0.220001", True), ("0.3", "0.1", "0.22", False),
            ("0", "999999999999.999999", "-999999999999.999999", False),
            ("999999999999.999999", "999999999999.999999", "999999999999.999999", True),
            ("120.00", "100.00", "x", False), ("1,0", "100.00", "20.00", False), ("9.00", "1.00", " ", False),
        ]
    ),
    ("sumOf", "number", {"properties": ["net", "price"], "tolerance": 0.02}, {"number": "9", "net": "1"}, False),
    ("sumOf", "number", {"properties": ["net", "price"], "tolerance": 0.02}, {"net": "9", "price": "1"}, False),
    ("sumOf", "number", {"properties": ["net"], "tolerance": 0}, {"number": "1.000001", "net": "1"}, True),
    ("sumOf", "whole", {"properties": ["net", "number"], "tolerance": 0}, {"whole": "3", "net": "1.5", "number": "1.5"},
     False),
    # 18446744073709.551616 is 2^64 millionths, which is nothing at all in 64 bits.
    ("sumOf", "whole", {"properties": ["net", "number"], "tolerance": 1},
     {"whole": "18446744073709", "net": "0", "number": "0"}, True),
    ("sumOf", "number", {"properties": ["whole", "whole"], "tolerance": 0},
     {"number": "0.448384", "whole": "9223372036855"}, True),
    *(
        ("sumOfLines", "number", {"property": "net", "tolerance": 0.02}, {"number": total, "net": net}, broken)
        for total, net, broken in [
            ("1.02", "1.00", False), ("1.020001", "1.00", True), ("0.979999", "1.00", True), ("1", "x", False),
        ]
    ),
    ("sumOfLines", "number", {"property": "net", "tolerance": 0.02}, {"number": "0.03"}, True),
    ("sumOfLines", "number", {"property": "net", "tolerance": 0.02}, {"net": "0.03"}, False),
    ("sumOfLines", "whole", {"property": "net", "tolerance": 0}, {"whole": "18446744073709", "net": "0"}, True),
    *(
        ("siren", "text", {}, {"text": text}, broken)
        for text, broken in [
            ("732829320", False), ("552144503", False), ("642050199", False), ("356000000", False),
            ("732829321", True), ("73282932000074", True), ("73282932", True), ("732 829 320", True),
            ("732829320\n", True), (" 732829320", True), ("73282932\u0660", True), ("732.829.320", True),
            ("MONACOCON", False), ("MONACOcon", True), ("MONACO", True), ("", True), (" ", True),
        ]
    ),
    ("siren", "text", {}, {}, False),
    *(
        ("siret", "text", {}, {"text": text}, broken)
        for text, broken in [
            ("73282932000074", False), ("35600000000048", False), ("35600000049837", False),
            # Of La Poste, and valid by Luhn only; valid by neither.
            ("35600000000014", True), ("35600000049838", True), ("73282932000075", True),
            # Its own check digit is right, its SIREN's is not.
            ("73282932100072", True), ("732829320", True), ("732 829 320 00074", True), ("73282932000074 ", True),
            ("73282932000074\n", True), ("7328293200007\u0664", True), ("732829320000740", True),
            # A leading zero makes no difference to the check digit, and yet is missing.
            ("00032500100014", False), ("0032500100014", True),
            ("MONACOCONFO001", False), ("MONACOCONFO01", True), ("MONACOCONFO00\u0661", True), ("", True),
        ]
    ),
    ("siret", "text", {}, {}, False),
    *(
        ("vin", "text", {}, {"text": text}, broken)
        for text, broken in [
            ("1M8GDM9AXKP042788", False), ("2G4WF52L6S1472882", False), ("1HD1KBM36GB675217", False),
            # North America's check digit would be another one than H.
            ("VF1AAAAAHAA123456", False), ("VF3M45GZRLS123456", False),
            ("vf3M45GZRLS123456", True), ("VF3M45GZRLS12345", True), ("VF3M45GZRLS1234567", True),
            ("VF3M45GZRLI123456", True), ("VF3M45GZRLO123456", True), ("VF3M45GZRLQ123456", True),
            ("VF3M45GZRLS1A3456", False), ("VF3M45GZRLS12A456", True), ("VF3M45GZRLS12345S", True),
            ("11111111111111111", True), ("00000000000000000", True), ("11111111111111112", False),
            ("VF3M45GZRLS123456\n", True), ("VF3M45GZRLS 23456", True), ("VF3M45GZRLS12345\u0666", True), ("", True),
        ]
    ),
    ("vin", "text", {}, {}, False),
    *(
        ("startsWithFor", "text", {"property": "other", "prefixes": {"AP": ["VF3", "VR3"], "OP": ["W0L"], 7: ["."]}},
         values, broken)
        for values, broken in [
            ({"other": "AP", "text": "VR3X"}, False), ({"other": "AP", "text": "VF3"}, False),
            ({"other": "AP", "text": "W0LX"}, True), ({"other": "OP", "text": "VF3X"}, True),
            ({"other": "AP", "text": "xVF3"}, True), ({"other": "AP", "text": "vf3"}, True),
            ({"other": "AP", "text": "VF"}, True), ({"other": "AP", "text": ""}, True), ({"other": "AP"}, False),
            ({"other": "ZZ", "text": "VF7X"}, False), ({"text": "VF7X"}, False),
            # A beginning is text and no pattern.
            ({"other": "7", "text": "a"}, True), ({"other": "7", "text": ".a"}, False),
        ]
    ),
    *INBOUND,
]  # fmt: skip


@pytest.fixture(scope="module")
def found(contract: Contract, window: Window) -> tuple[list[bool], list[bool]]:
    """What each reader says of each case: a row of its own, judged by a rule of its own, in one reading."""
    from include.quality.reports import open_context

    rules = [
        Rule(f"case-{number}", kind, (column,), "error", "conformity", arguments, "")
        for number, (kind, column, arguments, _, _) in enumerate(CASES)
    ]
    narrow = synthetic(contract, rules)
    empty: Row = dict.fromkeys(TYPES)
    file = SampleFile(
        ANY_DEALER,
        window,
        [{**empty, "key": f"{number:04d}", **values} for number, (*_, values, _) in enumerate(CASES)],
    )
    first = row_check_says(narrow, file)
    (second,) = great_expectations_says(open_context(), narrow, [file])
    numbers = range(len(CASES))
    return (
        [number in first[f"case-{number}"] for number in numbers],
        [number in second[f"case-{number}"] for number in numbers],
    )


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)])
def test_both_readers_say_what_is_written(number: int, found: tuple[list[bool], list[bool]]) -> None:
    kind, column, arguments, values, broken = CASES[number]
    said = {"row check": found[0][number], "Great Expectations": found[1][number]}
    assert said == dict.fromkeys(said, broken), f"{kind} of {column} {arguments} on {values}"


def test_every_kind_has_a_case_that_holds_and_one_that_breaks() -> None:
    kinds = ROW_RULES - {"duplicateValues", "wholeDocument"}  # Over several rows: test_row_check.py and test_gate.py.
    assert {kind for kind, *_, broken in CASES if broken} == kinds
    assert {kind for kind, *_, broken in CASES if not broken} == kinds
