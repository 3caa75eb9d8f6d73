"""One Great Expectations validation over the rows of all files of a run, taken apart again into a verdict per file."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from include.contract import Contract, Table
from include.quality.reader import FileText, read_file
from include.quality.rules import DECIMALS, FILE, FILE_DEALER, typed
from include.quality.suite import build_suite, judgeable
from include.quality.verdicts import GateFile, GateRun, GateVerdict, RuleResult, Status
from include.window import Window

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

    from include.quality.xml_reader import XmlText

logger = logging.getLogger(__name__)

# Labels of broken rows and nothing else: without the last two switches a result would hold values of rows.
RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
}
LEAST_ROWS_OF_FILE = 200


@dataclass(frozen=True)
class Judged:
    """Which labels of a frame break which rule (None: the rule itself broke), and GX's own result (None: no rows)."""

    broken: Mapping[str, Sequence[int] | None]
    result: ExpectationSuiteValidationResult | None


def judge_frame(
    context: AbstractDataContext, contract: Contract, table: Table, window: Window, frame: pd.DataFrame
) -> Judged:
    """
    Validate rows of ``table`` (unique integer index, ``FILE`` and ``FILE_DEALER`` beside text columns) with GX, once.

    On no rows GX passes every rule, so it is not asked.
    """
    if frame.empty:
        return Judged({}, None)
    suite = build_suite(contract, table, window, frame.columns)
    # ValidationDefinition.run would also put the whole result, row labels included, through the store as JSON.
    from great_expectations.validator.v1_validator import Validator

    source = context.data_sources.add_or_update_pandas("rendered")
    batch = source.add_dataframe_asset("files").add_batch_definition_whole_dataframe("all")
    validator = Validator(batch_definition=batch, batch_parameters={"dataframe": frame}, result_format=RESULT_FORMAT)
    result = validator.validate_expectation_suite(suite)
    broken = {_rule_of(one): _labels(one) for one in result.results}
    missing = {rule.id for rule in judgeable(table, frame.columns)} - set(broken)
    return Judged({**broken, **dict.fromkeys(missing)}, result)


def _rule_of(one: ExpectationValidationResult) -> str:
    # Results come grouped by column, not in the suite's order.
    config = one.expectation_config
    return str((config.meta or {})["rule"]) if config is not None else ""


def raised(one: ExpectationValidationResult) -> bool:
    """True if the expectation broke instead of judging; GX says so in one of two shapes."""
    told = one.exception_info or {}
    if "raised_exception" in told:
        return bool(told["raised_exception"])
    return any(part.get("raised_exception") for part in told.values())


def _labels(one: ExpectationValidationResult) -> Sequence[int] | None:
    if raised(one):
        logger.error("the expectation of %s broke", _rule_of(one))
        return None
    labels = one.result.get("unexpected_index_list")
    if labels is None:
        # A built-in without broken rows gives no list; success without a count would be no judgement at all.
        return [] if one.success and one.result.get("unexpected_count") == 0 else None
    return list(labels)


def judge_files(
    context: AbstractDataContext, contract: Contract, run: GateRun
) -> tuple[list[GateVerdict], ExpectationSuiteValidationResult | None]:
    """Read and judge all files of ``run``."""
    total = sum(file.rows for file in run.files)
    texts = [_read(file, contract, _share(file.rows, total, run.gate_rows)) for file in run.files]
    for file, text in zip(run.files, texts, strict=True):
        text.problems += _form_problems(contract, file, text)
    read = [text.read for text in texts]
    results: list[list[RuleResult]] = [[] for _ in run.files]
    judged = [_judge_table(context, contract, table, run, texts, results) for table in contract.tables]
    verdicts = [
        _verdict(file, text, rows, found)
        for file, text, rows, found in zip(run.files, texts, read, results, strict=True)
    ]
    return verdicts, _joined(contract, [one.result for one in judged if one.result is not None])


def _read(file: GateFile, contract: Contract, most_rows: int) -> FileText | XmlText:
    if contract.direction == "inbound":
        from include.inbound.accepted_reader import read_accepted

        return read_accepted(Path(file.path), contract.table, most_rows)
    if contract.format == "xml":
        from include.quality.xml_reader import read_xml

        return read_xml(Path(file.path), contract, most_rows)
    return read_file(Path(file.path), contract, most_rows)


def _judge_table(
    context: AbstractDataContext,
    contract: Contract,
    table: Table,
    run: GateRun,
    texts: Sequence[FileText | XmlText],
    results: Sequence[list[RuleResult]],
) -> Judged:
    """Validate the rows of one table of all files at once, and add each file's share to ``results``."""
    frames = []
    for number, (file, text) in enumerate(zip(run.files, texts, strict=True)):
        labelled = text.take(table)
        labelled[FILE] = number
        labelled[FILE_DEALER] = pd.Series(file.dealer, labelled.index, "str")
        frames.append(labelled)
    lengths = [len(frame) for frame in frames]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*table.delivered])
    frames.clear()
    judged = judge_frame(context, contract, table, run.window, frame)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    for rule in judgeable(table, table.delivered):
        counts = _per_file(judged.broken.get(rule.id, []), starts)
        for found, rows, failed in zip(results, lengths, counts, strict=True):
            if rows:
                status: Status = "error" if failed is None else "fail" if failed else "pass"
                found.append(RuleResult(rule.id, rule.severity, status, rows, failed or 0))
    return judged


def _joined(
    contract: Contract, results: Sequence[ExpectationSuiteValidationResult]
) -> ExpectationSuiteValidationResult | None:
    """One result for the report: the tables' rules behind each other, each named in its description."""
    if len(results) <= 1:
        return results[0] if results else None
    from great_expectations.core import ExpectationSuiteValidationResult

    return ExpectationSuiteValidationResult(
        success=all(result.success for result in results),
        results=[one for result in results for one in result.results],
        suite_name=contract.id,
        statistics={},
        meta={},
    )


def _share(rows: int, total: int, gate_rows: int) -> int:
    """How many rows of a file with ``rows`` to read, so that all files together come to about ``gate_rows``."""
    if total <= gate_rows:
        return max(rows, gate_rows)  # The ledger may be wrong about one file; the file itself decides.
    return max(LEAST_ROWS_OF_FILE, -(-gate_rows * rows // total))


def _per_file(labels: Sequence[int] | None, starts: np.ndarray[Any, Any]) -> list[int | None]:
    files = len(starts) - 1
    if labels is None:
        return [None] * files
    # Files without rows share their start with the next one; side="right" leaves them empty.
    place = np.searchsorted(starts, np.asarray(labels, dtype="int64"), side="right") - 1
    return [int(count) for count in np.bincount(place, minlength=files)[:files]]


def _verdict(file: GateFile, text: FileText | XmlText, read: int, results: list[RuleResult]) -> GateVerdict:
    problems = list(text.problems)
    for result in results:
        if result.status == "error":
            problems.append(f"{result.rule} could not be judged")
        elif result.status == "fail" and result.severity == "error":
            problems.append(f"{result.rule} is broken by {result.failed} of {result.checked} rows read")
    return GateVerdict(file.file_id, not problems, text.records, read, results, problems)


def _form_problems(contract: Contract, file: GateFile, text: FileText | XmlText) -> list[str]:
    """Hold header and trailer to the ledger, the contract and the rows; of accepted rows, how many there are."""
    if contract.direction == "inbound":
        told = f"{text.records} accepted rows are staged, the row check says {file.rows}"
        return [] if text.records == file.rows else [told]
    if not (text.header and text.trailer):
        return []  # Said already.
    found = [
        f"the header's {name} is {text.header[name]!r}, expected {wanted!r}"
        for name, wanted in _expected_header(contract, file).items()
        if name in text.header and not _same(text.header[name], wanted)
    ]
    for name, wanted in (("the trailer", text.trailer.get("record_count")), ("the ledger", file.rows)):
        if wanted is not None and not _same(str(text.records), wanted):
            found.append(f"{text.records} detail records in the file, {name} says {wanted}")
    if contract.control_total is not None:
        stated = text.trailer.get("control_total", "")
        if file.control_total is not None and not _same_amount(stated, file.control_total):
            found.append(f"the trailer's control total is {stated}, the ledger's {file.control_total}")
        if text.whole and not _same_amount(stated, added := _add_up(contract, text)):
            found.append(f"the trailer's control total is {stated}, the rows add up to {added}")
    return found


def _expected_header(contract: Contract, file: GateFile) -> dict[str, Any]:
    day = file.window.business_date.isoformat()
    wanted: dict[str, Any] = {
        "interface": contract.id,
        "layout_version": contract.version,
        "dealer": file.dealer,
        "business_date": day,
        "period_type": "M" if contract.period_unit == "month" else "D",
        "period": day[:7] if contract.period_unit == "month" else day,
        "window_start": file.window.start,
        "window_end": file.window.end,
        "sequence": file.sequence,
        "mark": "ORIGINAL" if file.corrects_sequence is None else "CORRECTION",
        "corrects_sequence": "" if file.corrects_sequence is None else file.corrects_sequence,
        "environment": file.environment,
    }
    wanted |= {name: value for name, value in file.told.items() if value}
    return wanted if file.revision is None else {**wanted, "revision": file.revision}


def _same(text: str, wanted: Any) -> bool:
    try:
        if isinstance(wanted, int):
            return int(text) == wanted
        if isinstance(wanted, datetime):
            return datetime.fromisoformat(text) == wanted
    except ValueError:
        return False
    return text == str(wanted)


def _same_amount(one: str, other: str) -> bool:
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return False


def _add_up(contract: Contract, text: FileText | XmlText) -> str:
    column = str(contract.control_total)
    total = Decimal(0)
    for table in contract.tables:
        if column in table.delivered:
            logical_type = table.type_of(column)
            # Python's integers: the sum of a file of the widest numbers would not fit 64 bits.
            units = sum(int(value) for value in typed(text.rows(table)[column], logical_type).dropna())
            total += Decimal(units).scaleb(-DECIMALS) if logical_type == "number" else Decimal(units)
    return str(total)
