"""Matching agrees with the slow reference on crowds in which everybody shares something with somebody."""

from __future__ import annotations

import random

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from include.matching.candidates import Contacts
from include.matching.match import decide
from tests.matching.reference import Contact, Decision, Row, levenshtein, reference


def some(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


def maybe(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    return st.none() | texts


FIRST = some("j", "john", "joan", "johnny", "(company)")
LAST = some("lee", "lee", "lee", "ode")
EMAIL = some("a@x.co", "b@x.co")
PHONE = some("5552010111", "5552010122")
NUMBER = some("A1", "A2")
KEYS = {
    "row": pl.Int64, "number": pl.String, "email": pl.String, "home": pl.String, "cell": pl.String,
    "first": pl.String, "last": pl.String, "co_buyer": pl.String,
}  # fmt: skip


@st.composite
def batches(draw: st.DrawFn) -> list[Row]:
    count = draw(st.integers(0, 9))
    numbers = draw(st.lists(st.integers(0, 99), min_size=count, max_size=count, unique=True))
    return [
        {
            "row": number,
            "number": draw(maybe(NUMBER)),
            "email": draw(maybe(EMAIL)),
            "home": draw(maybe(PHONE)),
            "cell": draw(maybe(PHONE)),
            "first": draw(maybe(FIRST)),
            "last": draw(maybe(LAST)),
            "co_buyer": None,
        }
        for number in numbers
    ]


@st.composite
def crowds(draw: st.DrawFn) -> list[Contact]:
    points = st.one_of(
        st.tuples(st.sampled_from(["EMAIL", "SECOND_EMAIL"]), EMAIL),
        st.tuples(st.sampled_from(["HOME", "CELL"]), PHONE),
        st.tuples(st.just("NUMBER"), NUMBER),
    )
    return [
        Contact(number, draw(maybe(FIRST)), draw(maybe(LAST)), draw(st.frozensets(points, max_size=4)))
        for number in range(draw(st.integers(0, 6)))
    ]


def keys_of(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=KEYS, orient="row")


def contacts_of(crowd: list[Contact]) -> Contacts:
    names = [(each.contact_id, each.first, each.last) for each in crowd]
    points = [(each.contact_id, *point) for each in crowd for point in each.points]
    return Contacts(
        pl.DataFrame(names, schema={"contact_id": pl.Int64, "first": pl.String, "last": pl.String}, orient="row"),
        pl.DataFrame(points, schema={"contact_id": pl.Int64, "kind": pl.String, "value": pl.String}, orient="row"),
    )


def decisions(rows: list[Row], crowd: list[Contact]) -> dict[int, Decision]:
    return {
        each["row"]: Decision(
            each["outcome"], each["rule"], each["contact_id"], each["new_contact"], tuple(each["candidates"])
        )
        for each in decide(keys_of(rows), contacts_of(crowd)).to_dicts()
    }


@settings(max_examples=150, deadline=None)
@given(batches(), crowds())
def test_decides_as_the_reference(rows: list[Row], crowd: list[Contact]) -> None:
    assert decisions(rows, crowd) == reference(rows, crowd)


@settings(max_examples=40, deadline=None)
@given(batches(), crowds(), st.integers())
def test_order_makes_no_difference(rows: list[Row], crowd: list[Contact], seed: int) -> None:
    mixed_rows, mixed_crowd = list(rows), list(crowd)
    random.Random(seed).shuffle(mixed_rows)
    random.Random(seed).shuffle(mixed_crowd)
    straight = decide(keys_of(rows), contacts_of(crowd))
    assert straight.equals(decide(keys_of(mixed_rows), contacts_of(mixed_crowd)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.text("abé", max_size=6), st.text("abé", max_size=6)), min_size=1, max_size=20))
def test_edits_are_counted_up_to_two(pairs: list[tuple[str, str]]) -> None:
    from include.matching.first_names import edits

    found = edits(pl.Series([a for a, _ in pairs]), pl.Series([b for _, b in pairs]))
    assert [min(int(n), 3) for n in found] == [min(levenshtein(a, b), 3) for a, b in pairs]
