"""Each kind of rule, with arguments that no contract has yet, says the same in both readers: what is written here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from include.contract import Contract, Field, Rule
from include.contract_vocabulary import ROW_RULES, ContractError
from include.window import Window
from tests.quality.two_readers import SampleFile, great_expectations_says, row_check_says
from tests.samples import ANY_DEALER, Row

TYPES = {
    "key": "string", "text": "string", "other": "string", "whole": "integer", "number": "number", "price": "number",
    "discount": "number", "net": "number", "day": "date", "later": "date", "moment": "timestamp", "flag": "boolean",
}  # fmt: skip
# Kind, column, arguments; values of the row; whether the row breaks the rule.
CASES: list[tuple[str, str, dict[str, Any], dict[str, str], bool]] = [
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
]  # fmt: skip


def synthetic(contract: Contract, rules: list[Rule]) -> Contract:
    """Return a contract of columns of every type, with ``rules``."""
    fields = tuple(
        Field(name, kind, False, name == "key", name != "flag", name == "key", None, None, None, "")
        for name, kind in TYPES.items()
    )
    return replace(contract, fields=fields, rules=tuple(rules), withhold={}, trailer=("record_count",))


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
    kinds = ROW_RULES - {"duplicateValues"}  # Over several rows: test_row_check.py and test_gate.py.
    assert {kind for kind, *_, broken in CASES if broken} == kinds
    assert {kind for kind, *_, broken in CASES if not broken} == kinds


@pytest.mark.parametrize(
    ("kind", "column", "arguments", "message"),
    [
        ("multipleOf", "number", {"value": 0.0000001}, "at least 0.000001"),
        ("multipleOf", "number", {"value": 0}, "at least 0.000001"),
        ("equalsFile", "text", {"value": "partner"}, "only 'dealer' is known of a file"),
    ],
)
def test_an_argument_that_cannot_be_kept_is_an_error_of_the_contract(
    contract: Contract, window: Window, kind: str, column: str, arguments: dict[str, Any], message: str
) -> None:
    from include.checks import RowCheck

    rule = Rule("a-rule", kind, (column,), "error", "conformity", arguments, "")
    with pytest.raises(ContractError, match=f"merkle_sar_daily: a-rule .*{message}"):
        RowCheck(synthetic(contract, [rule]), window)
