"""What a pattern takes, which patterns are refused, and whether two can take one same name: against brute force."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.feeds.errors import FeedError
from include.feeds.pattern import compiled, require_sound, shared_name

TAKEN = {
    r"_SL\.csv$": (["x_SL.csv", "_SL.csv"], ["x_SL.csv.tmp", "x_SL.csv.gz", "x_SL.csv\n", "x_SLxcsv", "x_sl.csv", ""]),
    r"^rv_.*\.csv$": (["rv_1.csv"], ["old_rv_1.csv", "rv_1.csv.bak"]),
    r"(?i)_sl\.csv$": (["x_SL.CSV"], ["x_SV.csv"]),
    r"_SL|_SV\.csv$": (["x_SL", "x_SV.csv"], ["x_SL.csv", "x_SL.tmp"]),
    r"^a|b$": (["a", "b"], ["ab", "xb", "ax"]),
    r"\d{8}_SL\.csv$": (["20261120_SL.csv"], ["2026112_SL.csv", "٢٠٢٦١١٢٠_SL.csv"]),
    r"price\$$": (["price$"], ["price"]),
}


@pytest.mark.parametrize("pattern", TAKEN)
def test_a_pattern_takes_names_to_their_very_end(pattern: str) -> None:
    taken, left = TAKEN[pattern]
    require_sound(pattern)
    assert [name for name in [*taken, *left] if compiled(pattern).search(name)] == taken


REFUSED = {
    r"_SL\.csv": "does not end in \\$",
    r"_SL\.csv\$": "does not end in \\$",
    r"_SL\.csv$\n": "does not end in \\$",
    "": "does not end in \\$",
    "_SL(.csv$": "no regular expression",
    "a" * 200 + "$": "201 characters long; 200 at most",
    "$": "takes every name",
    "^$": "takes every name",
    ".*$": "takes every name",
    "(x|)$": "takes every name",
    r"(a)\1$": "cannot be judged",
    r"(?P<n>a)(?P=n)$": "refers back",
    "(?=a)a$": r"looks ahead \(\(\?=",
    "(?!a)b$": "looks ahead",
    "(?<=a)b$": "looks behind",
    "(?<!a)b$": "looks behind",
    r"\\(?=a)a$": "looks ahead",
    "a*+b$": "possessive",
    "(?>a)b$": "possessive",
    r"\ba$": "cannot be judged",
    "a^b$": "cannot be judged",
    "a$b$": "cannot be judged",
    r"a\Z$": "cannot be judged",
    "(?s)a$": "flags inside",
    "(?i:a)b$": "flags inside",
    "é$": "not ASCII",
    "a{201}$": "counts to more than 200",
    "a{150}b{100,}$": "counts to more than 200",
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_a_pattern_that_is_open_or_cannot_be_judged_is_refused(pattern: str) -> None:
    with pytest.raises(FeedError, match=REFUSED[pattern]):
        require_sound(pattern)


SHARED = {
    (r"_SL\.csv$", r"_SL\.csv$"): "_SL.csv",
    (r"_SL\.csv$", r"_SV\.csv$"): None,
    (r".*\.csv$", r"_SV\.csv$"): "_SV.csv",
    (r"^sales_.*\.csv$", r"^service_.*\.csv$"): None,
    (r"^sales_.*\.csv$", r"_SV\.csv$"): "sales_SV.csv",
    (r"(?i)_sl\.csv$", r"_SL\.csv$"): "_SL.csv",
    (r"_sl\.csv$", r"_SL\.csv$"): None,
    (r"S[^L]\.csv$", r"_SL\.csv$"): None,
    (r"S[^L]\.csv$", r"_S[A-Z]\.csv$"): "_SA.csv",
    (r"\d{14}_SL\.csv$", r"\d{8}_SL\.csv$"): "00000000000000_SL.csv",
}


@pytest.mark.parametrize(("one", "other"), SHARED)
def test_two_patterns_share_a_name_or_not(one: str, other: str) -> None:
    expected = SHARED[one, other]
    found = [shared_name(one, other), shared_name(other, one)]
    if expected is None:
        assert found == [None, None]
        return
    for name in found:
        assert name is not None
        assert len(name) == len(expected), "the shortest there is"
        assert compiled(one).search(name)
        assert compiled(other).search(name)


def test_a_pair_beyond_reason_is_refused_and_not_waited_for() -> None:
    with pytest.raises(FeedError, match="cannot be decided in reasonable time"):
        shared_name(r"_.{30}\.csv$", r"x.{31}\.csv$")


LETTERS = "ab."
ATOMS = st.sampled_from(["a", "b", r"\.", ".", "[ab]", "[^a]", "[^b.]", "[a-b]", r"\w", r"\W"])
BODIES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}"])).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    ),
    max_leaves=5,
)
PATTERNS = st.tuples(st.sampled_from(["", "^"]), BODIES).map(lambda parts: f"{parts[0]}{parts[1]}$")
WORDS = ["".join(word) for length in range(6) for word in product(LETTERS, repeat=length)]


@settings(max_examples=150, deadline=None)
@given(PATTERNS, PATTERNS)
def test_overlap_is_what_brute_force_finds(one: str, other: str) -> None:
    """Every name of up to five characters out of three, by Python's own engine; and each witness is true."""
    finders = [re.compile(f"{pattern[:-1]}\\Z", re.ASCII) for pattern in (one, other)]
    both = [word for word in WORDS if all(finder.search(word) for finder in finders)]
    witness = shared_name(one, other)
    if witness is None:
        assert both == []
    else:
        assert all(finder.search(witness) for finder in finders)
        assert not both or len(witness) <= len(both[0])
        assert both or len(witness) > 5 or not set(witness) <= set(LETTERS)
