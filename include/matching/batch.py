"""Which rows of one batch are the same person as each other, where no contact answers: they share one fate."""

from __future__ import annotations

import polars as pl

_END = "\x1f"


def joined_rows(open_rows: pl.DataFrame, decided: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """
    Return two frames: ``row`` and ``person`` for every open row, and ``person`` and ``row`` of decided rows beside it.

    Two rows are the same person if an exact tier says so of them (T1, T2, T4), and if a third row is the same as both.
    ``person`` is the smallest ``row`` of those that are joined. A decided row stands beside a person if it is the same
    as one of its rows, and joins nobody else: its own contact, or its doubt, is what it has to say.

    :param open_rows: normal form of the rows that no tier answered; ``decided``: of all others.
    """
    ours, theirs = _nodes(open_rows, decided)
    persons = _persons(open_rows["row"], ours)
    beside = (
        theirs.join(ours, on="node", suffix="_open")
        .select("row", "row_open")
        .join(persons, left_on="row_open", right_on="row")
        .select("person", "row")
        .unique()
    )
    return persons, beside


def _nodes(open_rows: pl.DataFrame, decided: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """
    Return ``row`` and ``node`` of the open and of the decided rows.

    A node is a text that two rows share if and only if an exact tier makes them one; of the decided rows there are only
    nodes that an open row has, and of the open ones only those that some other row has.
    """
    phones = [pl.col("row", phone, "last", "first").name.map(_as_phone) for phone in ("home", "cell")]
    open_phones, decided_phones = (
        pl.concat([rows.select(each).drop_nulls() for each in phones]).unique() for rows in (open_rows, decided)
    )
    kinds = [
        _sharing("N", open_rows.select("row", "number").drop_nulls(), decided.select("row", "number"), ["number"]),
        _sharing("P", open_phones, decided_phones, ["phone", "last", "first"]),
        _mailboxes(open_rows, decided),
    ]
    return pl.concat([ours for ours, _ in kinds]), pl.concat([theirs for _, theirs in kinds])


def _as_phone(name: str) -> str:
    return "phone" if name in ("home", "cell") else name


def _sharing(
    kind: str, ours: pl.DataFrame, theirs: pl.DataFrame, values: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    beside = theirs.join(ours, on=values, how="semi", nulls_equal=True)
    repeated = ours.filter(pl.struct(values).is_duplicated())
    known = ours.join(beside, on=values, how="semi", nulls_equal=True)
    node = pl.concat_str(pl.lit(kind), *(pl.col(name).fill_null("") for name in values), separator=_END)
    return pl.concat([repeated, known]).unique().select("row", node=node), beside.select("row", node=node)


def _mailboxes(open_rows: pl.DataFrame, decided: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """
    Do the same for one e-mail and last name, whose first names must not contradict each other.

    They do not if all begin the longest of them. Else an initial could be anybody's, and only rows with the very same
    first name are one.
    """
    columns = ["row", "email", "last", "first"]
    ours = open_rows.select(columns).drop_nulls(["email", "last"])
    theirs = decided.select(columns).join(ours, on=["email", "last"], how="semi")
    everyone = pl.concat([ours, theirs])
    longest = pl.col("first").sort_by(pl.col("first").str.len_bytes()).last()
    contradicted = (
        everyone.filter(pl.struct("email", "last").is_duplicated())
        .select("email", "last", "first")
        .drop_nulls()
        .unique()
        .with_columns(longest=longest.over("email", "last"))
        .filter(~pl.col("longest").str.starts_with(pl.col("first")))
        .select("email", "last", apart=pl.lit(value=True))
        .unique()
    )

    def told(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.join(contradicted, on=["email", "last"], how="left").with_columns(
            first=pl.when("apart").then(pl.col("first").fill_null("")).otherwise(pl.lit(""))
        )

    return _sharing("E", told(ours), told(theirs), ["email", "last", "first"])


def _persons(rows: pl.Series, nodes: pl.DataFrame) -> pl.DataFrame:
    """Return ``row`` and ``person``: the smallest row that a chain of shared nodes leads to."""
    shared = nodes.filter(pl.col("node").is_duplicated())
    numbered = shared.select("row", node=pl.col("node").rank("dense"))
    persons = numbered.select("row", person="row").unique()
    while True:
        smallest = (
            numbered.join(persons, on="row")
            .with_columns(least=pl.col("person").min().over("node"))
            .group_by("row")
            .agg(person=pl.col("least").min())
        )
        # Each step also goes where that row has come to, so that a long chain takes few steps.
        nearer = smallest.join(persons, left_on="person", right_on="row", suffix="_next").select(
            "row", person=pl.min_horizontal("person", "person_next")
        )
        if nearer.sort("row").equals(persons.sort("row")):
            break
        persons = nearer
    alone = pl.DataFrame({"row": rows}).join(persons, on="row", how="anti").with_columns(person="row")
    return pl.concat([persons, alone.select(persons.columns)])
