"""Kinds of rule that look at several columns, at a condition or at a number with a form of its own: at random text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from include.contract import Contract, Rule
from include.contract_sense import require_sense
from include.window import Window
from tests.quality.synthetic import TYPES, synthetic
from tests.quality.two_readers import SampleFile, great_expectations_says, row_check_says
from tests.samples import ANY_DEALER, Row

if TYPE_CHECKING:
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

AT_RANDOM: list[tuple[str, str, dict[str, Any]]] = [
    ("requiredUnless", "text", {"property": "other", "equals": "FR"}),
    ("matchesWhen", "text", {"property": "other", "equals": "FR", "pattern": "[0-9]{5}|.A"}),
    ("equalsWhen", "text", {"property": "other", "equals": "FR", "value": "01000"}),
    ("equalsWhen", "number", {"property": "other", "equals": "FR", "value": "0.00"}),
    ("equalsWhen", "whole", {"property": "other", "equals": "AP", "value": 0}),
    ("notBelow", "number", {"property": "price"}),
    ("notBelow", "whole", {"property": "price"}),
    ("notBelow", "price", {"property": "whole"}),
    ("sumOf", "number", {"properties": ["price", "net"], "tolerance": 0.02}),
    ("sumOf", "whole", {"properties": ["price", "net", "discount"], "tolerance": 0}),
    ("sumOfLines", "number", {"property": "net", "tolerance": 0.02}),
    ("sumOfLines", "whole", {"property": "net", "tolerance": 0}),
    ("siren", "text", {}),
    ("siret", "text", {}),
    ("vin", "text", {}),
    ("anyOf", "text", {"properties": ["other"]}),
    ("unitIdentifier", "text", {}),
    ("paysBack", "number", {"property": "price", "term": "whole", "percent": 98}),
    ("negativeOnlyWhen", "net", {"property": "other", "equals": "FR"}),
    ("yearNotAfterWindow", "whole", {"ahead": 2}),
    ("startsWithFor", "text", {"property": "other", "prefixes": {"FR": ["01", "VF"], "AP": ["\u00e9"], "0": ["7"]}}),
]
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=18)
DIGITS = st.text("0123456789", min_size=8, max_size=15)
TEXTS = st.one_of(
    st.none(),
    ANYTHING,
    DIGITS,
    DIGITS.map(lambda digits: digits + str(next(d for d in range(10) if _luhn(f"{digits}{d}")))),
    st.integers(0, 99999).map(lambda number: f"356000000{number:05d}"),
    st.integers(0, 99999).map(lambda number: f"732829320{number:05d}"),
    st.from_regex(r"MONACO[0-9A-Z]{2,9}", fullmatch=True),
    st.from_regex(r"[A-HJ-NPR-Z0-9]{12,14}[0-9]{4}", fullmatch=True),
    st.from_regex(r"[A-HJ-NPR-Z0-9]{8}", fullmatch=True).map(lambda half: f"{half}{_check(half)}{half}"),
    st.from_regex(r"V[A-Z0-9]{15}[0-9\n]", fullmatch=True),
    st.sampled_from(["", " ", "\u2003", "01000", "01000\n", "7328293200007\u0664", "7" * 17, "STANDARD"]),
)
AMOUNTS = st.one_of(
    st.none(),
    ANYTHING,
    st.integers(-3, 3).map(str),
    st.integers(-300, 300).map(lambda cents: f"{cents / 100:.2f}"),
    st.decimals(-(10**12) + 1, 10**12 - 1, places=6).map(lambda amount: f"{amount:f}"),
    st.sampled_from(["", " ", "-0", "00", "+1", "1.", "0.02", "0.020001", "999999999999.999999", "999999999999999"]),
    st.sampled_from(["18446744073709", "9223372036854.775808", "-18446744073709.551616"]),
)
# What Hypothesis draws depends on the modules that are loaded, so what must be compared in any case stands here: sums
# over the lines of a document, right and wrong.
SUMS: list[Row] = [
    {"key": key, "whole": str(whole), "number": f"{whole}.00", "net": net}
    for key, whole, nets in (("a", 3, ("1.00", "2.00")), ("b", 4, ("1.00", "2.00")))
    for net in nets
]
ROWS = st.fixed_dictionaries(
    {
        # Few rows to a document: one that is no number keeps the sum over its lines from being judged.
        "key": st.sampled_from("abcdefghijklmnopqrst"),
        "text": TEXTS,
        "other": st.one_of(st.sampled_from(["FR", "AP", "0", None, "fr", "FR\n"]), ANYTHING),
        **dict.fromkeys(["whole", "number", "price", "discount", "net"], AMOUNTS),
    }
)


def _check(half: str) -> str:
    """The ninth character of the vehicle number whose first and last eight are ``half``, by 49 CFR 565.15."""
    worth = dict(
        zip(
            "ABCDEFGHJKLMNPRSTUVWXYZ0123456789",
            [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10), *range(10)],
            strict=True,
        )
    )
    places = (8, 7, 6, 5, 4, 3, 2, 10, 9, 8, 7, 6, 5, 4, 3, 2)
    return "0123456789X"[sum(worth[sign] * place for sign, place in zip(half * 2, places, strict=True)) % 11]


def _luhn(number: str) -> bool:
    """The check as it is told in words: from the right, each second digit doubled, of two digits both added."""
    told = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(int(digit) for value in told for digit in str(value)) % 10 == 0


@pytest.fixture(scope="module")
def context() -> AbstractDataContext:
    from include.quality.reports import open_context

    return open_context()


def test_both_readers_agree_on_random_text(contract: Contract, window: Window, context: AbstractDataContext) -> None:
    rules = [
        Rule(f"{number}-{kind}", kind, (column,), "error", "conformity", arguments, "")
        for number, (kind, column, arguments) in enumerate(AT_RANDOM)
    ]
    narrow = synthetic(contract, rules)
    empty: Row = dict.fromkeys(TYPES)
    broken: set[str] = set()
    kept: set[str] = set()

    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],  # Shrinking would ask Great Expectations hundreds of times.
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(ROWS, min_size=20, max_size=60))
    @example(SUMS)
    def agree(drawn: list[Row]) -> None:
        file = SampleFile(ANY_DEALER, window, [empty | row for row in sorted(drawn, key=lambda row: str(row["key"]))])
        first = row_check_says(narrow, file)
        (second,) = great_expectations_says(context, narrow, [file])
        for rule in rules:
            (column,) = rule.columns
            told = [file.rows[place] for place in sorted(first[rule.id] ^ second[rule.id])]
            assert told == [], f"the readers differ about {rule.kind} of {column} {rule.arguments}"
            broken.update({rule.id} if first[rule.id] else ())
            present = {place for place, row in enumerate(file.rows) if row[column] is not None}
            kept.update({rule.id} if present - first[rule.id] else ())

    agree()
    # What never happened among the rows was not compared either.
    assert broken == kept == {rule.id for rule in rules}


def test_the_last_digits_of_a_sum_over_lines_are_not_lost(
    contract: Contract, window: Window, context: AbstractDataContext
) -> None:
    """Lines that add up to 2^64 millionths are nothing at all in 64 bits; those of two documents are not mixed."""
    rule = Rule("a-rule", "sumOfLines", ("number",), "error", "accuracy", {"property": "net", "tolerance": 0}, "")
    empty: Row = dict.fromkeys(TYPES)
    wide = [*["999999999999.999999"] * 18, "446744073709.551634"]
    assert sum(int(net.replace(".", "")) for net in wide) == 2**64
    rows = [empty | {"key": "a", "number": "0", "net": net} for net in wide]
    rows += [empty | {"key": "b", "number": "0.03", "net": net} for net in ("0.01", "0.02", None)]
    rows += [empty | {"key": "c", "number": "9", "net": net} for net in ("0.01", "x")]
    file = SampleFile(ANY_DEALER, window, rows)
    narrow = synthetic(contract, [rule])
    assert row_check_says(narrow, file) == {"a-rule": set(range(len(wide)))}
    assert great_expectations_says(context, narrow, [file]) == [{"a-rule": set(range(len(wide)))}]


def test_arguments_of_the_kinds_read_at_random_make_sense(contract: Contract) -> None:
    for kind, column, arguments in AT_RANDOM:
        require_sense(synthetic(contract, [Rule("a-rule", kind, (column,), "error", "conformity", arguments, "")]))
