"""The French part for other parameters than everybody's: seeds, single days, none at all, and a benchmark's."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import psycopg2
import pytest

from include.agreements import read_standings
from include.contract import load_contract
from include.window import day_window
from local.sample import Parameters, SampleError, fill, french_truth
from local.sample.french.build import build
from local.sample.french.defects import KINDS
from tests.dms.reading import Database
from tests.sample.french import broken_rules

FRIDAY = date(2026, 11, 20)
SUNDAY = date(2026, 11, 22)


def test_the_documentation_quotes_the_tables(repository: Path) -> None:
    page = (repository / "docs" / "sample-data.md").read_text(encoding="utf-8")
    for kind in KINDS:
        rules = ", ".join(f"`{rule}`" for rule in kind.rules) or "none"
        assert f"| `{kind.name}` | {kind.record} | {kind.outcome.lower()} | {rules} | {kind.description} |" in page
    for point in french_truth(Parameters(12, 130, 40_000, 1, FRIDAY)).points:
        told = next(line for line in page.splitlines() if f"`{point.rrdi}`" in line)
        assert point.reason is None or f"{point.fate.lower()}: `{point.reason}`" in told


def test_equal_parameters_are_equal_data_and_another_seed_is_not() -> None:
    one, same, other = (build(Parameters(4, 20, 4_000, seed, FRIDAY)) for seed in (1, 1, 2))
    for (name, mine), (_, theirs) in zip(one.frames(), same.frames(), strict=True):
        for left, right in zip(mine, theirs, strict=True):
            assert left.equals(right), name
    differing = {
        name
        for (name, mine), (_, theirs) in zip(one.frames(), other.frames(), strict=True)
        for left, right in zip(mine, theirs, strict=True)
        if not left.equals(right)
    }
    assert {"customer", "contact_preference", "workshop_invoice_line", "counter_invoice_line"} <= differing
    assert "point_of_sale" not in differing


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("days", [1, 2, 5, 40])
def test_whatever_is_to_be_planted_is_planted_and_leaves_a_good_one(seed: int, days: int) -> None:
    parameters = Parameters(3, days, 3_000, seed, FRIDAY + timedelta(days=seed % 2))
    french, truth = build(parameters), french_truth(parameters)
    assert {one.kind for one in truth.planted} == {kind.name for kind in KINDS}
    for point in truth.points:
        for day in truth.working_days:
            assert len(truth.rejected(point.rrdi, day)) <= 25
    for record, documents in french.documents.items():
        cells = set(zip(documents.point.tolist(), documents.day.tolist(), strict=True))
        good = (documents.kind == 0) & ~documents.credit
        left = set(zip(documents.point[good].tolist(), documents.day[good].tolist(), strict=True))
        assert left == cells, record
        assert len(cells) == len(truth.points) * len(truth.working_days)
        assert np.all(np.diff(documents.posted) >= 0)


@pytest.mark.parametrize("seed", range(8))
def test_a_vehicle_is_ordered_and_came_in_before_each_of_its_sales(seed: int) -> None:
    french = build(Parameters(3, 60, 3_000, seed, FRIDAY, defects=False))
    [sales] = [pl.concat(frames) for name, frames in french.frames() if name == "vehicle_sale"]
    assert sales.filter(pl.col("order_date") > pl.col("document_date")).height == 0
    assert sales.filter(pl.col("taken_in_on") > pl.col("document_date")).height == 0
    assert sales.filter(pl.col("delivery_date") < pl.col("document_date")).height == 0
    invoices = sales.filter(pl.col("document_type") == "INVOICE")
    sold_again = invoices.filter(pl.col("vin").is_duplicated())
    assert sold_again.height > 10
    # Each but the last of a vehicle's sales was taken back.
    credited = sales["original_document_number", "point_of_sale_id"].drop_nulls()
    back = sold_again.join(
        credited, left_on=["document_number", "point_of_sale_id"], right_on=credited.columns, how="semi"
    )
    assert sold_again.height - back.height <= sold_again["vin"].n_unique()


def test_without_defects_nothing_is_planted() -> None:
    parameters = Parameters(3, 10, 3_000, 1, FRIDAY, defects=False)
    assert french_truth(parameters).planted == ()
    assert len(french_truth(parameters).points) == 16


def test_a_sunday_alone_has_points_of_sale_and_no_documents(new_dms_dsn: str) -> None:
    report = fill(new_dms_dsn, dealers=2, days=1, lines=500, seed=1, until=SUNDAY)
    assert (report.french_points_of_sale, report.french_documents, report.french_lines) == (16, 0, 0)
    assert french_truth(Parameters(2, 1, 500, 1, SUNDAY)).working_days == ()


def test_without_the_french_there_is_none_of_them(new_dms_dsn: str) -> None:
    report = fill(new_dms_dsn, dealers=2, days=3, lines=500, seed=1, until=FRIDAY, french=False)
    assert report.french_points_of_sale == 0
    with closing(psycopg2.connect(new_dms_dsn)) as connection:
        assert Database(connection).value("SELECT count(*) FROM dms.v_points_of_sale") == 0
    with pytest.raises(SampleError, match=r"--no-french; asked for is"):
        fill(new_dms_dsn, dealers=2, days=3, lines=500, seed=1, until=FRIDAY)


def test_the_british_part_is_the_same_with_and_without_them(new_dms_dsn: str) -> None:
    def british() -> list[object]:
        with closing(psycopg2.connect(new_dms_dsn)) as connection:
            database = Database(connection)
            queries = (
                "dms.parts_invoice t",
                "dms.parts_invoice_line t",
                "dms.customer t WHERE point_of_sale_id IS NULL",
            )
            return [
                database.value(f"SELECT md5(string_agg(t::text, '/' ORDER BY t::text)) FROM {rows}") for rows in queries
            ]

    fill(new_dms_dsn, dealers=3, days=5, lines=2_000, seed=1, until=FRIDAY)
    both = british()
    fill(new_dms_dsn, dealers=3, days=5, lines=2_000, seed=1, until=FRIDAY, french=False, replace=True)
    assert british() == both


@pytest.mark.parametrize("lines", [4_000, 4_003])
def test_a_benchmark_is_one_window_of_good_workshop_lines(
    new_dms_dsn: str, lines: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    report = fill(new_dms_dsn, dealers=12, days=1, lines=lines, seed=1, until=SUNDAY, workshop_only=True)
    assert (report.lines, report.french_lines, report.french_planted) == (0, lines, {k.name: 0 for k in KINDS})
    contract = load_contract("fcs_ddc_daily")
    window = day_window(SUNDAY, contract.zone)
    with closing(psycopg2.connect(new_dms_dsn)) as connection:
        database = Database(connection)
        points = dict(database.rows("SELECT rrdi_code, point_of_sale_id FROM dms.v_points_of_sale"))
        assert len(points) == 12
        broken, read = broken_rules(database, contract, SUNDAY, points, tmp_path_factory.mktemp("bench"))
        assert (broken, read) == ({}, lines)
        sizes = database.rows(
            "SELECT n, count(*) FROM (SELECT count(*) AS n FROM dms.workshop_invoice_line "
            "GROUP BY workshop_invoice_id) AS each GROUP BY n ORDER BY count(*) DESC"
        )
        assert sizes[0] == (4, lines // 4)
        for standing in read_standings(connection, contract, window.end).values():
            assert standing.faults == standing.withheld == ()
            assert standing.objection(window) is None
        assert database.value("SELECT count(*) FROM dms.v_dealers WHERE trade_partner_dealer") == 0


def test_a_benchmark_has_one_kind_of_line() -> None:
    with pytest.raises(SampleError, match="one kind of line"):
        Parameters(2, 1, 100, 1, FRIDAY, trade_only=True, workshop_only=True)
