"""A contract's own words for columns, forms and derivations, and the gate over what was accepted by it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import fsspec
import polars as pl
import pytest

from include.contract import load_contract
from include.contract_vocabulary import DERIVED as DERIVED_BY_CONTRACT
from include.contract_vocabulary import SOURCE_FORMS
from include.inbound.check import check_arrival
from include.inbound.derive import DERIVED
from include.inbound.judge import arrangement_of
from include.inbound.normalise import FORMS
from include.quality.reports import open_context
from include.quality.validation import judge_files
from include.quality.verdicts import GateFile, GateRun, GateVerdict
from include.staging import Staging
from include.window import day_window
from tests.inbound.arrangement import COLUMNS, HEADER, arrangement, contract, table

DAY = day_window(date(2026, 3, 16), "America/Chicago")
ROWS = ["Sample,14/03/2026,,,,,,", "Sample,14/03/2026,5,240,1,01/03/2026,,", "short"]


def test_forms_and_derivations_are_those_that_a_contract_may_name() -> None:
    assert {*FORMS, "date"} == set(SOURCE_FORMS)
    assert set(DERIVED) == set(DERIVED_BY_CONTRACT)


def test_a_contract_says_which_columns_are_read_and_how() -> None:
    told = arrangement_of(contract(), encoding="UTF8", date_format="%d/%m/%Y")
    assert told.columns == COLUMNS
    assert (told.table, told.delimiter, told.encoding, told.date_format) == (table(), ",", "utf-8", "%d/%m/%Y")


def test_what_is_no_contract_of_a_partner_or_no_setting_of_a_feed_is_refused() -> None:
    with pytest.raises(ValueError, match="go out"):
        arrangement_of(load_contract("merkle_sar_daily"), encoding="utf-8", date_format="%m/%d/%Y")
    with pytest.raises(ValueError, match="utf-16"):
        arrangement_of(contract(), encoding="utf-16", date_format="%m/%d/%Y")
    with pytest.raises(ValueError, match="month"):
        arrangement_of(contract(), encoding="utf-8", date_format="%d")
    assert arrangement().table.columns[-2:] == ("cash_purchase", "identifier_type")


def gated(path: Path, rows: int) -> GateVerdict:
    file = GateFile(1, "d1", str(path), rows, None, 1, "live", DAY)
    verdicts, _ = judge_files(open_context(), contract(), GateRun("tests_sales", "run", [file]))
    return verdicts[0]


def test_great_expectations_passes_what_the_row_check_accepted_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "landed"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="cp1252")
    staging = Staging(fsspec.filesystem("file"), str(tmp_path))
    told = check_arrival(
        contract(),
        path,
        dealer="d1",
        encoding="cp1252",
        date_format="%d/%m/%Y",
        window=DAY,
        staging=staging,
        batch=1,
        arrival_id=1,
    )
    assert (told.accepted, told.rejected) == (2, 1)
    accepted = tmp_path / told.accepted_name
    good = gated(accepted, 2)
    assert (good.passed, good.rows_in_file, good.rows_read, good.problems) == (True, 2, 2, [])
    assert {one.rule: one.failed for one in good.results if one.failed} == {"sold_date-notAfter": 1}
    assert gated(accepted, 3).problems == ["2 accepted rows are staged, the row check says 3"]
    pl.read_parquet(accepted).with_columns(term=pl.lit("20 years")).write_parquet(accepted)
    bad = gated(accepted, 2)
    assert not bad.passed
    assert {one.rule: one.failed for one in bad.results if one.status == "fail"} == {
        "term-integer": 2,
        "sold_date-notAfter": 1,
    }


def test_a_day_without_rows_passes_the_gate(tmp_path: Path) -> None:
    empty = tmp_path / "empty.parquet"
    pl.DataFrame(schema={"line": pl.Int64, **dict.fromkeys(table().columns, pl.String)}).write_parquet(empty)
    assert gated(empty, 0).passed
