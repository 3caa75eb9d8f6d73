"""Render checked files once into the archive, and let the second reading decide whether they may go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from decimal import Decimal
from typing import TYPE_CHECKING

from include import layout
from include.ledger.errors import BatchReplacedError
from include.outbound.extract import Manifest

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
    # Starting the child first lets it import Great Expectations while the files are rendered.
    with gate or GateProcess() as reader:
        for file in files:
            if file.state != "CHECKED":
                continue
            try:
                _render(contract, file, batch_id, ledger, staging, archive)
            except BatchReplacedError as error:
                log(str(error))
        waiting = [file for file in map(ledger.file, file_ids) if file.state == "RENDERED"]
        obstacles = Manifest.read(staging, batch_id).obstacles if waiting else {}
        return _gate(contract, waiting, obstacles, reader, ledger, archive, reports_root, run_key, log)


def _render(
    contract: Contract, file: FileRow, batch_id: int, ledger: Ledger, staging: Staging, archive: Archive
) -> None:
    sequence = ledger.allot_sequence(file.id)
    corrected = _corrected(file, ledger)
    # Not `or`: a sum of 0.00 is false, and would lose its pennies.
    total = Decimal("0.00") if file.control_total is None else file.control_total
    first = layout.header(
        contract,
        {
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
    with (
        staging.reader(f"{batch_id}/{file.id}.body") as body,
        body.open("rb") as details,
        archive.writer() as target,
    ):
        target.write(first)
        while block := details.read(BLOCK_BYTES):
            target.write(block)
        target.write(layout.trailer(contract, rows=file.rows or 0, control_total=total))
    name = contract.file_for(file.dealer, file.business_date, sequence)
    ledger.move(
        file.id,
        "RENDERED",
        batch=batch_id,
        file_name=name,
        sha256=target.sha256,
        bytes=target.bytes,
        remote_path=f"{contract.remote_dir}/{name}",
    )


def _corrected(file: FileRow, ledger: Ledger) -> int | None:
    """Number of the file that this one replaces at the partner's, or None for an original."""
    return None if file.supersedes is None else ledger.file(file.supersedes).sequence


def _gate(
    contract: Contract,
    waiting: Sequence[FileRow],
    obstacles: Mapping[int, str],
    gate: GateProcess,
    ledger: Ledger,
    archive: Archive,
    reports_root: str,
    run_key: str,
    log: Callable[[str], None],
) -> dict[str, int]:
    from include.quality.gate import GateFile, GateRun

    if not waiting:
        return {"gated": 0, "held": 0}
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
                )
                for file in waiting
            ],
        )
        verdicts = {verdict.file_id: verdict for verdict in gate.read(run, reports_root=reports_root)}
    held = 0
    for file in waiting:
        held += not _conclude_gate(contract, file, verdicts[file.id], obstacles.get(file.id), ledger, log)
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
