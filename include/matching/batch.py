"""Which rows of one batch are the same person as each other, where no contact answers: they share one fate."""

from __future__ import annotations

import polars as pl

NODES = {"row": pl.Int64, "node": pl.String}
_END = "\x1f"


def joined_rows(open_rows: pl.DataFrame, decided: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """
    Return two frames: ``row`` and ``person`` for every open row, and ``person`` and ``row`` of decided rows beside it.

    Two rows are the same person if an exact tier says so of them (T1, T2, T4), and if a third row is the same as both.
    ``person`` is the smallest ``row`` of those that are joined. A decided row stands beside a person if it is the same
    as one of its rows, and joins nobody else: its own contact, or its doubt, is what it has to say.

    :param open_rows: normal form of the rows that no tier answered; ``decided``: of all others.
    """
    everyone = pl.concat([open_rows, decided])
    asked = _nodes(everyone, _contradicted(everyone, open_rows))
    ours = asked.join(open_rows.select("row"), on="row", how="semi")
    theirs = asked.join(decided.select("row"), on="row", how="semi").join(ours, on="node", how="semi")
    persons = _persons(open_rows["row"], ours)
    beside = (
        theirs.join(ours, on="node", suffix="_open")
        .select("row", pl.col("row_open"))
        .join(persons, left_on="row_open", right_on="row")
        .select("person", "row")
        .unique()
    )
    return persons, beside


def _contradicted(everyone: pl.DataFrame, open_rows: pl.DataFrame) -> pl.DataFrame:
    """
    Return the pairs of ``email`` and ``last`` that rows with contradicting first names share: no one person's.

    First names agree if all begin the longest of them. Where they do not, an initial could be either's, and only rows
    with the very same first name are one.
    """
    asked = open_rows.lazy().select("email", "last").drop_nulls().unique()
    mailboxes = everyone.lazy().join(asked, on=["email", "last"], how="semi").select("email", "last", "first")
    longest = pl.col("first").sort_by(pl.col("first").str.len_bytes()).last()
    return (
        mailboxes.drop_nulls()
        .unique()
        .with_columns(longest=longest.over("email", "last"))
        .filter(~pl.col("longest").str.starts_with(pl.col("first")))
        .select("email", "last")
        .unique()
        .collect()
    )


def _nodes(rows: pl.DataFrame, contradicted: pl.DataFrame) -> pl.DataFrame:
    """Return ``row`` and ``node``, a text that two rows share if and only if an exact tier makes them one."""
    lazy = rows.lazy()
    mailboxes = lazy.join(contradicted.lazy().with_columns(apart=pl.lit(value=True)), on=["email", "last"], how="left")
    parts = [
        lazy.select("row", node=pl.concat_str(pl.lit("N"), "number", separator=_END)),
        mailboxes.select(
            "row",
            node=pl.concat_str(
                pl.lit("E"),
                "email",
                "last",
                pl.when(pl.col("apart")).then(pl.col("first").fill_null("")).otherwise(pl.lit("")),
                separator=_END,
            ),
        ),
        *(
            lazy.select("row", node=pl.concat_str(pl.lit("P"), phone, "last", "first", separator=_END))
            for phone in ("home", "cell")
        ),
    ]
    return pl.concat(pl.collect_all([part.drop_nulls("node") for part in parts])).unique()


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
