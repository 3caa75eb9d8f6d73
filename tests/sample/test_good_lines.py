"""Of a document with one bad line the others differ all the same: too rare in a sample to be left to its chance."""

from __future__ import annotations

from datetime import date

import polars as pl

from local.sample import documents as documents_
from local.sample import lines as lines_
from local.sample import masters as masters_
from local.sample.defects import KINDS, NUMBER
from local.sample.differences import second_act
from local.sample.parameters import Parameters


def test_every_kind_of_document_across_a_month_end_differs_in_its_good_lines() -> None:
    parameters = Parameters(12, 60, 200_000, 1, date(2026, 11, 20))
    masters = masters_.build(parameters)
    documents = documents_.build(parameters, masters)
    planted_on = documents.kind > 0
    documents.document_day[planted_on] = documents.day[planted_on] - 31
    # Read from what goes into the database: all lines, and those that were made wrong.
    lines, wrong = (pl.concat(frames) for frames in zip(*lines_.line_frames(1, documents, masters), strict=True))
    numbers = pl.concat(lines_.document_frames(documents)).select(
        "parts_invoice_id", "document_type", "document_number", "dealer_id"
    )
    codes = masters.dealer.select("dealer_id", "renault_dealer_number")
    kinds = pl.DataFrame({"parts_invoice_id": pl.Series(range(1, len(documents) + 1)), "number": documents.kind})
    good = (
        lines.join(wrong, left_on="parts_invoice_line_id", right_on="invoice_line_id", how="anti")
        .join(kinds.filter(pl.col("number") > 0), on="parts_invoice_id")
        .join(numbers, on="parts_invoice_id")
        .join(codes.with_columns(pl.col("dealer_id").cast(numbers["dealer_id"].dtype)), on="dealer_id")
    )
    expected = set(good.select("renault_dealer_number", "document_type", "document_number", "line_number").iter_rows())
    partly = {NUMBER[kind.name] for kind in KINDS if kind.where == "line"}
    assert set(good["number"]) == partly, "the other kinds have no good line"

    moved = set(kinds.filter(pl.col("number") > 0).join(numbers, on="parts_invoice_id")["document_number"])
    difference = second_act(parameters, masters, documents).planted_difference
    found = difference.filter(
        pl.col("kind").is_in(["LATE_CREDIT", "BACK_DATED"]) & pl.col("document_number").is_in(moved)
    )
    keys = ("dealer_code", "document_type", "document_number", "line_number")
    # Numbers run per dealer, so another dealer's document may have the number of one that was moved.
    theirs = {(code, number) for code, _, number, _ in expected}
    assert {row for row in found.select(keys).iter_rows() if (row[0], row[2]) in theirs} == expected
