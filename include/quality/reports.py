"""
Reduced results of the gate, as Great Expectations stores them: counts and rules, no value and no label of a row.

Layout under ``<root>/<interface>/``: ``validations/`` (one JSON per reading, where GX's own file store would put it),
``site/`` (the pages, ``include/quality/data_docs.py``).
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.contract import Contract
from include.quality.verdicts import GateRun, GateVerdict

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext

KEPT_COUNTS = ("element_count", "missing_count", "unexpected_count", "unexpected_percent", "missing_percent")


def open_context() -> EphemeralDataContext:
    """
    Return a GX context made by code, that keeps nothing on disk.

    GX's file stores rewrite in place, and its project file without a lock: a run beside this one would read half a
    suite. What must last is written by ``store_report``, in the layout of GX's file store.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, ProgressBarsConfig

    def memory(kind: str) -> dict[str, Any]:
        return {"class_name": kind, "store_backend": {"class_name": "InMemoryStoreBackend"}}

    config = DataContextConfig(
        config_version=4,
        stores={
            "expectations": memory("ExpectationsStore"),
            "validations": memory("ValidationResultsStore"),
            "checkpoints": memory("CheckpointStore"),
            "validation_definition_store": memory("ValidationDefinitionStore"),  # GX looks for exactly this name.
        },
        expectations_store_name="expectations",
        validation_results_store_name="validations",
        checkpoint_store_name="checkpoints",
        data_docs_sites={},
        analytics_enabled=False,
        # TQDM_DISABLE has no effect on GX.
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def put(path: Path, content: bytes) -> None:
    """
    Write ``content`` to ``path`` so that a reader finds the old file or the new one, and nothing in between.

    :raises OSError: if the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def run_name(run_key: str) -> str:
    """Return a name for files and addresses that is one-to-one with ``run_key``."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", run_key).strip("-")[:80]
    return f"{plain}-{hashlib.sha256(run_key.encode()).hexdigest()[:8]}"


def store_report(
    context: EphemeralDataContext,
    folder: Path,
    contract: Contract,
    run: GateRun,
    verdicts: Sequence[GateVerdict],
    result: ExpectationSuiteValidationResult | None,
) -> None:
    """
    Store what the gate found below ``folder``, without values.

    :raises OSError: if the folder cannot be written.
    """
    from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    reduced = [reduce_result(one) for one in result.results] if result is not None else []
    passed = sum(bool(one.success) for one in reduced)
    run_id = RunIdentifier(run_name=run_name(run.run_key), run_time=datetime.now(UTC))
    report = ExpectationSuiteValidationResult(
        success=all(verdict.passed for verdict in verdicts),
        results=reduced,
        suite_name=contract.id,
        statistics={
            "evaluated_expectations": len(reduced),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(reduced) - passed,
            "success_percent": 100 * passed / len(reduced) if reduced else None,
        },
        meta={"run_id": run_id, "gate": _summary(contract, run, verdicts)},
        batch_id="files",
    )
    # GX's own calls here carry no types.
    key: Any = ValidationResultIdentifier(ExpectationSuiteIdentifier(contract.id), run_id, "files")
    place = folder.joinpath("validations", *key.to_tuple())
    store: Any = context.validation_results_store
    put(place.with_name(f"{place.name}.json"), store.serialize(report).encode())


def reduce_result(one: ExpectationValidationResult) -> ExpectationValidationResult:
    """Return ``one`` with its counts only; of an exception only that there was one, since its text may quote a row."""
    from great_expectations.core import ExpectationValidationResult

    from include.quality.validation import raised

    broke = raised(one)
    return ExpectationValidationResult(
        success=one.success,
        expectation_config=one.expectation_config,
        result={name: _plain(one.result[name]) for name in KEPT_COUNTS if one.result.get(name) is not None},
        exception_info={
            "raised_exception": broke,
            "exception_message": "This rule could not be judged." if broke else None,
            "exception_traceback": "" if broke else None,
        },
    )


def _plain(value: Any) -> int | float:
    return float(value) if isinstance(value, float) else int(value)


def _summary(contract: Contract, run: GateRun, verdicts: Sequence[GateVerdict]) -> dict[str, Any]:
    return {
        "interface": contract.id,
        "title": contract.name,
        "contract_version": contract.version,
        "run_key": run.run_key,
        "business_date": run.window.business_date.isoformat(),
        "zone": run.window.zone,
        "rows_in_files": sum(verdict.rows_in_file for verdict in verdicts),
        "rows_read": sum(verdict.rows_read for verdict in verdicts),
        "files": [
            {
                "dealer": file.dealer,
                "sequence": file.sequence,
                "environment": file.environment,
                **{name: value for name, value in asdict(verdict).items() if name != "results"},
                "broken": [f"{one.rule}: {one.failed}" for one in verdict.results if one.status == "fail"],
            }
            for file, verdict in zip(run.files, verdicts, strict=True)
        ],
    }
