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

KEY = ("dealer_code", "document_type", "document_number", "line_number")


def test_every_kind_of_document_across_a_month_end_differs_in_its_good_lines() -> None:
    parameters = Parameters(12, 60, 200_000, 1, date(2026, 11, 20))
    masters = masters_.build(parameters)
    documents = documents_.build(parameters, masters)
    planted_on = documents.kind > 0
    documents.document_day[planted_on] = documents.day[planted_on] - 31
    # Read from what goes into the database: all lines, and those that were made wrong.
    lines, wrong = (pl.concat(frames) for frames in zip(*lines_.line_frames(1, documents, masters), strict=True))
    codes = masters.dealer.select(pl.col("dealer_id").cast(pl.Int64), dealer_code="renault_dealer_number")
    moved = (
        pl.concat(lines_.document_frames(documents))
        .with_columns(pl.Series("number", documents.kind))
        .filter(planted_on)
        .join(codes, on="dealer_id")
        .select("parts_invoice_id", *KEY[:-1], "number")
    )
    good = lines.join(wrong, left_on="parts_invoice_line_id", right_on="invoice_line_id", how="anti").join(
        moved, on="parts_invoice_id"
    )
    assert set(good["number"]) == {NUMBER[kind.name] for kind in KINDS if kind.where == "line"}, "no others have any"

    difference = second_act(parameters, masters, documents).planted_difference
    found = difference.filter(pl.col("kind").is_in(["LATE_CREDIT", "BACK_DATED"])).join(
        moved, on=list(KEY[:-1]), how="semi"
    )
    assert found.height == good.height > 300
    assert set(found.select(KEY).iter_rows()) == set(good.select(KEY).iter_rows())
