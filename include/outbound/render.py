"""Render checked files once into the archive, and let the second reading decide whether they may go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from include.layout import Totals, layout_of
from include.layout.values import text_of
from include.ledger.errors import BatchReplacedError
from include.outbound.judge import body_name
from include.outbound.manifest import DEALER_KEY, Manifest

if TYPE_CHECKING:
    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import FileRow, Ledger
    from include.quality.gate import GateProcess, GateVerdict
    from include.staging import Staging

BLOCK_BYTES = 1 << 20
PERIOD_TYPES = {"day": "D", "month": "M"}


def render(
    contract: Contract,
    batch_id: int,
    file_ids: Sequence[int],
    *,
    ledger: Ledger,
    staging: Staging,
    archive: Archive,
    reports_root: str,
    run_key: str,
    gate: AbstractContextManager[GateProcess] | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """
    Render each CHECKED file and pass each RENDERED one through the gate; return counts of gated and held files.

    A file with an obstacle is held after the gate: releasing it sends the very bytes that a person could look at.

    :param gate: a gate that runs already, for a caller with many runs; without one this run starts its own.
    :raises GateError: if the second reading cannot be done; the files stay RENDERED and nothing goes.
    """
    from include.quality.gate import GateProcess

    files = [ledger.file(file_id) for file_id in file_ids]
    if not any(file.state in ("CHECKED", "RENDERED") for file in files):
        log("no file is waiting to be rendered or read")
        return {"gated": 0, "held": 0}
    manifest = Manifest.read(staging, batch_id)
    # Starting the child first lets it import Great Expectations while the files are rendered.
    with gate or GateProcess() as reader:
        for file in files:
            if file.state != "CHECKED":
                continue
            try:
                _render(contract, file, batch_id, manifest, ledger, staging, archive)
            except BatchReplacedError as error:
                log(str(error))
        waiting = [file for file in map(ledger.file, file_ids) if file.state == "RENDERED"]
        gated = held = 0
        # One reading is of one window: rules over dates go by it, and so does its report.
        for window in dict.fromkeys(file.window for file in waiting):
            files = [file for file in waiting if file.window == window]
            key = run_key if len(files) == len(waiting) else f"{run_key} {files[0].period}"
            counts = _gate(contract, files, manifest, reader, ledger, archive, reports_root, key, log)
            gated, held = gated + counts["gated"], held + counts["held"]
        return {"gated": gated, "held": held}


def _render(
    contract: Contract,
    file: FileRow,
    batch_id: int,
    manifest: Manifest,
    ledger: Ledger,
    staging: Staging,
    archive: Archive,
) -> None:
    sequence = ledger.allot_sequence(file.id)
    corrected = _corrected(file, ledger)
    # Not `or`: a sum of 0.00 is false, and would lose its pennies.
    total = Decimal("0.00") if file.control_total is None else file.control_total
    layout = layout_of(contract)
    first = layout.opening(
        contract,
        {
            **_told(contract, file, manifest, ledger),
            "interface": contract.id,
            "layout_version": contract.version,
            "dealer": file.dealer,
            "recipient": contract.partner,
            "business_date": file.business_date,
            "period_type": PERIOD_TYPES[contract.period_unit],
            "period": file.period,
            "window_start": file.window_start,
            "window_end": file.window_end,
            "sequence": sequence,
            "revision": file.revision,
            "mark": "ORIGINAL" if file.supersedes is None else "CORRECTION",
            "corrects_sequence": "" if corrected is None else corrected,
            "environment": file.environment,
            # The intent row's time: rendering again, after a crash or beside another run, gives the same bytes.
            "created_at": file.created_at,
        },
    )
    with archive.writer() as target:
        target.write(first)
        for table in contract.tables:
            with staging.reader(body_name(batch_id, file.id, table)) as body, body.open("rb") as part:
                while block := part.read(BLOCK_BYTES):
                    target.write(block)
        target.write(layout.closing(contract, Totals(file.rows or 0, total, file.records or {})))
    name = contract.file_for(file.dealer, file.business_date, sequence)
    ledger.move(
        file.id,
        "RENDERED",
        batch=batch_id,
        file_name=name,
        sha256=target.sha256,
        bytes=target.bytes,
        dealer_key=manifest.headers.get(file.id, {}).get(DEALER_KEY),
    )


def _told(contract: Contract, file: FileRow, manifest: Manifest, ledger: Ledger) -> dict[str, Any]:
    """What the header says beyond the file itself: what the dealers' SQL gave, and where the file before it ended."""
    told: dict[str, Any] = dict(manifest.headers.get(file.id, {}))
    if contract.contiguous is not None:
        before = ledger.window_before(contract.id, file.dealer, file.environment, file.window_start)
        told["previous_window_end"] = None if before is None else before.window_end
    return told


def _corrected(file: FileRow, ledger: Ledger) -> int | None:
    """Number of the file that this one replaces at the partner's, or None for an original."""
    return None if file.supersedes is None else ledger.file(file.supersedes).sequence


def _gate(
    contract: Contract,
    waiting: Sequence[FileRow],
    manifest: Manifest,
    gate: GateProcess,
    ledger: Ledger,
    archive: Archive,
    reports_root: str,
    run_key: str,
    log: Callable[[str], None],
) -> dict[str, int]:
    from include.quality.gate import GateFile, GateRun

    with ExitStack() as stack:
        paths = {file.id: stack.enter_context(archive.local_path(str(file.sha256))) for file in waiting}
        run = GateRun(
            interface=contract.id,
            run_key=run_key,
            files=[
                GateFile(
                    file_id=file.id,
                    dealer=file.dealer,
                    path=str(paths[file.id]),
                    rows=file.rows or 0,
                    control_total=str(file.control_total),
                    sequence=file.sequence or 0,
                    environment=file.environment,
                    revision=file.revision,
                    window=file.window,
                    corrects_sequence=_corrected(file, ledger),
                    told={name: text_of(value) for name, value in _told(contract, file, manifest, ledger).items()},
                )
                for file in waiting
            ],
        )
        verdicts = {verdict.file_id: verdict for verdict in gate.read(run, reports_root=reports_root)}
    held = 0
    for file in waiting:
        held += not _conclude_gate(contract, file, verdicts[file.id], manifest.obstacles.get(file.id), ledger, log)
    return {"gated": len(waiting) - held, "held": held}


def _conclude_gate(
    contract: Contract,
    file: FileRow,
    verdict: GateVerdict,
    obstacle: str | None,
    ledger: Ledger,
    log: Callable[[str], None],
) -> bool:
    from include.ledger import QualityResult

    rules = {rule.id: rule for rule in contract.rules}
    ledger.replace_quality_results(
        file.id,
        [
            QualityResult(
                reader="gate",
                rule=result.rule,
                columns=rules[result.rule].columns,
                dimension=rules[result.rule].dimension,
                severity=result.severity,
                status=result.status,
                checked=result.checked,
                failed=result.failed,
                observed=None,
            )
            for result in verdict.results
        ],
    )
    if ledger.file(file.id).state != "RENDERED":
        log(f"{file.dealer}: another run has taken {file.file_name} further; left to it")
        return True
    detail = {"rows_in_file": verdict.rows_in_file, "rows_read": verdict.rows_read}
    if verdict.passed and obstacle is None:
        ledger.move(file.id, "GATED", reason=None, detail=detail)
        read = f"{verdict.rows_read} of {verdict.rows_in_file} rows read"
        log(f"{file.dealer}: {file.file_name} passed the gate ({read})")
        return True
    # Both, since a release is for what the person was told.
    told = ["gate: " + "; ".join(verdict.problems)] if verdict.problems else []
    reason = "; ".join([*told, *([obstacle] if obstacle else [])])
    ledger.move(file.id, "HELD", reason=reason, detail=detail)
    log(f"{file.dealer}: {file.file_name} held: {reason}")
    return False
