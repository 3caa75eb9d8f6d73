"""Arguments of rules that would break a reader, or judge nothing, are refused before any row is read."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from include.contract import Contract, Rule
from include.contract_sense import require_sense
from include.contract_vocabulary import ContractError
from include.window import Window
from tests.quality.synthetic import synthetic


@pytest.mark.parametrize(
    ("kind", "column", "arguments", "message"),
    [
        ("sumOf", "number", {"properties": [], "tolerance": 0}, "properties is a list of columns"),
        ("sumOf", "number", {"properties": ["nothing"], "tolerance": 0}, "speaks of 'nothing'"),
        ("sumOf", "number", {"properties": ["net"], "tolerance": -0.01}, "tolerance is an amount from 0 on"),
        ("sumOf", "number", {"properties": ["net"], "tolerance": "0.01"}, "tolerance is an amount from 0 on"),
        ("sumOfLines", "number", {"property": "net", "tolerance": True}, "tolerance is an amount from 0 on"),
        ("sumOf", "number", {"properties": ["text"], "tolerance": 0}, "text is a string; sumOf asks for a number"),
        ("notBelow", "number", {"property": "day"}, "day is a date; notBelow asks for a number"),
        ("notBelow", "text", {"property": "number"}, "text is a string; notBelow asks for a number"),
        ("siren", "whole", {}, "whole is a integer; siren asks for a string"),
        ("vin", "moment", {}, "moment is a timestamp; vin asks for a string"),
        ("requiredUnless", "text", {"property": "nothing", "equals": 1}, "speaks of 'nothing'"),
        ("requiredUnless", "text", {"property": "whole", "equals": "x"}, "whole is a integer and never 'x'"),
        ("requiredUnless", "text", {"property": "other", "equals": False}, "other is a string and never False"),
        ("requiredUnless", "text", {"property": "flag", "equals": "true"}, "flag is never 'true'"),
        ("matchesWhen", "text", {"property": "other", "equals": "FR", "pattern": "[0-9"}, "the pattern is none"),
        ("matchesWhen", "text", {"property": "other", "equals": "FR", "pattern": "(?=a)"}, "no look-around"),
        ("equalsWhen", "whole", {"property": "other", "equals": "M", "value": "0.5"}, "whole is a integer and never"),
        ("equalsWhen", "number", {"property": "other", "equals": "M", "value": "0,00"}, "number is a number and never"),
        ("equalsWhen", "day", {"property": "other", "equals": "M", "value": "16/03/2026"}, "day is a date and never"),
        ("startsWithFor", "text", {"property": "other", "prefixes": {}}, "prefixes is a list of beginnings"),
        ("startsWithFor", "text", {"property": "other", "prefixes": ["VF3"]}, "prefixes is a list of beginnings"),
        ("startsWithFor", "text", {"property": "other", "prefixes": {"AP": []}}, "prefixes is a list of beginnings"),
        ("startsWithFor", "text", {"property": "other", "prefixes": {"AP": "VF3"}}, "prefixes is a list of beginnings"),
        ("startsWithFor", "text", {"property": "other", "prefixes": {"AP": [""]}}, "prefixes is a list of beginnings"),
        ("startsWithFor", "text", {"property": "other", "prefixes": {"AP": [936]}}, "one of digits alone needs quotes"),
        ("anyOf", "text", {"properties": []}, "properties is a list of columns"),
        ("anyOf", "text", {"properties": ["nothing"]}, "speaks of 'nothing'"),
        ("unitIdentifier", "whole", {}, "whole is a integer; unitIdentifier asks for a string"),
        ("notBefore", "day", {"day": date(1980, 1, 1)}, "day is a day such as '1980-01-01', in quotes"),
        ("notBefore", "day", {"day": "1980-1-1"}, "day is a day such as '1980-01-01', in quotes"),
        ("notBefore", "day", {"day": "19800101"}, "day is a day such as '1980-01-01', in quotes"),
        ("notBefore", "moment", {"day": "1980-01-01"}, "moment is a timestamp; notBefore asks for a date"),
        ("yearNotAfterWindow", "whole", {"ahead": -1}, "ahead is a whole number from 0 to 100"),
        ("yearNotAfterWindow", "whole", {"ahead": True}, "ahead is a whole number from 0 to 100"),
        ("yearNotAfterWindow", "day", {"ahead": 2}, "day is a date; yearNotAfterWindow asks for a integer"),
        ("monthsApart", "later", {"property": "day", "term": "whole", "tolerance": 0.5}, "tolerance is a whole number"),
        ("monthsApart", "later", {"property": "text", "term": "whole", "tolerance": 2}, "text is a string; months"),
        ("monthsApart", "text", {"property": "day", "term": "whole", "tolerance": 2}, "text is a string; months"),
        ("monthsApart", "later", {"property": "day", "term": "number", "tolerance": 2}, "number is a number; monthsA"),
        ("monthsApart", "later", {"property": "day", "term": "nothing", "tolerance": 2}, "speaks of 'nothing'"),
        ("paysBack", "net", {"property": "price", "term": "whole", "percent": 98.5}, "percent is a whole number"),
        ("paysBack", "net", {"property": "price", "term": "number", "percent": 98}, "number is a number; paysBack"),
        ("paysBack", "net", {"property": "text", "term": "whole", "percent": 98}, "text is a string; paysBack"),
        ("negativeOnlyWhen", "text", {"property": "other", "equals": "C"}, "text is a string; negativeOnlyWhen asks"),
        ("negativeOnlyWhen", "net", {"property": "flag", "equals": "C"}, "flag is never 'C'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_when_the_contract_is_read(
    contract: Contract, kind: str, column: str, arguments: dict[str, Any], message: str
) -> None:
    rule = Rule("a-rule", kind, (column,), "error", "conformity", arguments, "")
    with pytest.raises(ContractError, match=rf"^a-rule.*{re.escape(message)}"):
        require_sense(synthetic(contract, [rule]))


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
        RowCheck(synthetic(contract, [rule]).table, window)
