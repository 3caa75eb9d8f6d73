"""One Great Expectations validation over the rows of all files of a run, taken apart again into a verdict per file."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from include.contract import Contract, Rule
from include.quality.reader import FileText, read_file
from include.quality.rules import DECIMALS, FILE, FILE_DEALER, typed
from include.quality.suite import build_suite, columns_of
from include.quality.verdicts import GateFile, GateRun, GateVerdict, RuleResult, Status
from include.window import Window

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

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


def judge_frame(context: AbstractDataContext, contract: Contract, window: Window, frame: pd.DataFrame) -> Judged:
    """
    Validate ``frame`` (unique integer index, ``FILE`` and ``FILE_DEALER`` beside text columns) with GX, once.

    On no rows GX passes every rule, so it is not asked.
    """
    suite = build_suite(contract, window, frame.columns)
    context.suites.add_or_update(suite)
    if frame.empty:
        return Judged({}, None)
    # ValidationDefinition.run would also put the whole result, row labels included, through the store as JSON.
    from great_expectations.validator.v1_validator import Validator

    source = context.data_sources.add_or_update_pandas("rendered")
    batch = source.add_dataframe_asset("files").add_batch_definition_whole_dataframe("all")
    validator = Validator(batch_definition=batch, batch_parameters={"dataframe": frame}, result_format=RESULT_FORMAT)
    result = validator.validate_expectation_suite(suite)
    broken = {_rule_of(one): _labels(one) for one in result.results}
    missing = {rule.id for rule in rules_for(contract, frame.columns)} - set(broken)
    return Judged({**broken, **dict.fromkeys(missing)}, result)


def rules_for(contract: Contract, columns: Collection[str]) -> list[Rule]:
    """Return the row rules that need no column beyond ``columns``."""
    return [rule for rule in contract.row_rules if columns_of(rule) <= set(columns)]


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
    texts = [read_file(Path(file.path), contract, _share(file.rows, total, run.gate_rows)) for file in run.files]
    frames = []
    for number, (file, text) in enumerate(zip(run.files, texts, strict=True)):
        text.problems += _form_problems(contract, file, text)
        labelled = text.frame.copy(deep=False)
        labelled[FILE] = number
        labelled[FILE_DEALER] = pd.Series(file.dealer, text.frame.index, "str")
        frames.append(labelled)
        text.frame = text.frame.iloc[:0]  # Held once, in ``frames``.
    lengths = [len(frame) for frame in frames]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*contract.delivered])
    frames.clear()
    judged = judge_frame(context, contract, run.window, frame)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    rules = rules_for(contract, contract.delivered)
    per_file = {rule.id: _per_file(judged.broken.get(rule.id, []), starts) for rule in rules}
    verdicts = [
        _verdict(file, text, lengths[number], rules, {rule: counts[number] for rule, counts in per_file.items()})
        for number, (file, text) in enumerate(zip(run.files, texts, strict=True))
    ]
    return verdicts, judged.result


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


def _verdict(
    file: GateFile, text: FileText, read: int, rules: Sequence[Rule], counts: Mapping[str, int | None]
) -> GateVerdict:
    problems = list(text.problems)
    results = []
    for rule in rules if read else []:
        failed = counts[rule.id]
        status: Status = "error" if failed is None else "fail" if failed else "pass"
        results.append(RuleResult(rule.id, rule.severity, status, read, failed or 0))
        if status == "error":
            problems.append(f"{rule.id} could not be judged")
        elif status == "fail" and rule.severity == "error":
            problems.append(f"{rule.id} is broken by {failed} of {read} rows read")
    return GateVerdict(file.file_id, not problems, text.records, read, results, problems)


def _form_problems(contract: Contract, file: GateFile, text: FileText) -> list[str]:
    """Hold header and trailer to the ledger, the contract and the rows."""
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
        if text.whole and not _same_amount(stated, added := _add_up(contract, text.frame)):
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


def _add_up(contract: Contract, frame: pd.DataFrame) -> str:
    column = str(contract.control_total)
    logical_type = next(field.logical_type for field in contract.fields if field.name == column)
    # Python's integers: the sum of a file of the widest numbers would not fit 64 bits.
    total = sum(int(value) for value in typed(frame[column], logical_type).dropna())
    return str(Decimal(total).scaleb(-DECIMALS) if logical_type == "number" else total)
