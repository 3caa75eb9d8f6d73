"""Judge every staged row, keep the accepted ones as detail records, and say in the ledger what became of the others."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from include import layout, snapshot
from include.ledger.errors import BatchReplacedError, TransitionError
from include.outbound.extract import Manifest, reads_rows
from include.staging import StagingError

if TYPE_CHECKING:
    import polars as pl

    from include.contract import Contract
    from include.ledger import FileRow, Ledger, RejectedRow
    from include.staging import Staging
    from include.window import Window


@dataclass
class Findings:
    """What the row check found in one dealer's rows, and the fingerprint of what remains."""

    rows: int = 0
    accepted: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    control_total: Decimal = Decimal("0.00")
    content_hash: str = ""
    rejected: list[pl.DataFrame] = field(default_factory=list)

    @property
    def rejected_count(self) -> int:
        """Rows that broke an error rule."""
        return sum(frame.height for frame in self.rejected)


def check(
    contract: Contract,
    window: Window,
    batch_id: int,
    file_ids: Sequence[int],
    *,
    ledger: Ledger,
    staging: Staging,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """
    Check the files of a run that have rows staged; return how many rows were accepted, rejected and withheld.

    An undelivered file becomes CHECKED, or HELD when a file rule of severity error is broken. A delivered one is
    compared: the same content is noted, other content becomes a proposed revision.

    :raises SnapshotError: if the staged rows are cut short.
    """
    try:
        manifest = Manifest.read(staging, batch_id)
    except StagingError:
        if any(ledger.file(file_id).awaits_bytes for file_id in file_ids):
            raise
        log("the run's rows are gone, and none of its files needs them any more; clear from `extract` on to compare")
        return {}
    files = {
        file.id: file
        for file in map(ledger.file, file_ids)
        if file.id in manifest.file_of_dealer.values() and _may_be_judged(file, batch_id, log)
    }
    totals: Counter[str] = Counter()
    with ExitStack() as bodies:
        judges = {
            dealer_id: _Judge(contract, window, files[file_id], staging, batch_id, bodies)
            for dealer_id, file_id in manifest.file_of_dealer.items()
            if file_id in files
        }

        def judge(part: str) -> None:
            with staging.reader(f"{batch_id}/{part}") as source:
                for frame in snapshot.frames(source, contract.columns):
                    for rows in frame.partition_by("dealer_id", maintain_order=True):
                        dealer_id = int(rows["dealer_id"][0])
                        if dealer_id not in manifest.file_of_dealer:
                            raise snapshot.SnapshotError(
                                f"{part} has rows of dealer {dealer_id}, who was not asked for"
                            )
                        if dealer_id in judges:
                            judges[dealer_id].hear(rows)

        with ThreadPoolExecutor(max(1, len(manifest.parts)), thread_name_prefix="check") as pool:
            list(pool.map(judge, manifest.parts))
    for judged in judges.values():
        file, findings = judged.file, judged.findings()
        totals.update(accepted=findings.accepted, rejected=findings.rejected_count, withheld=findings.withheld.total())
        log(
            f"{file.dealer}: {findings.rows} rows, {findings.accepted} accepted, "
            f"{findings.rejected_count} rejected, {findings.withheld.total()} withheld"
        )
        if file.awaits_bytes:
            try:
                _conclude_check(contract, file, batch_id, findings, ledger, log)
            except BatchReplacedError as error:
                log(str(error))
        elif findings.content_hash == file.content_hash:
            ledger.note(file.id, "UNCHANGED", {"batch_id": batch_id, "rows": findings.accepted})
            log(f"{file.dealer}: delivered already with the same content; nothing to do")
        else:
            try:
                _propose(file, findings, batch_id, contract, ledger, log)
            except TransitionError as error:
                # Somebody released or cancelled a proposal meanwhile; the next run sees what they made of it.
                log(str(error))
    return dict(totals)


def _may_be_judged(file: FileRow, batch_id: int, log: Callable[[str], None]) -> bool:
    """Whether this run's rows still are the ones that count for the file."""
    if file.awaits_bytes and file.batch_id != batch_id:
        log(f"{file.dealer}: batch {file.batch_id} has taken this window over; left to it")
        return False
    return reads_rows(file)


class _Judge:
    """One dealer's rows as they come, block after block: split, counted, and the accepted ones written down."""

    def __init__(
        self, contract: Contract, window: Window, file: FileRow, staging: Staging, batch_id: int, bodies: ExitStack
    ) -> None:
        from include.checks import RowCheck

        self.file = file
        self._contract = contract
        self._row_check = RowCheck(contract, window)
        self._fingerprint = hashlib.blake2b(digest_size=32)
        self._findings = Findings()
        path = bodies.enter_context(staging.writer(f"{batch_id}/{file.id}.body"))
        self._body = bodies.enter_context(path.open("wb", buffering=0))

    def hear(self, rows: pl.DataFrame) -> None:
        """Judge the next rows, in the order of the extraction."""
        checked = self._row_check.check(rows, self.file.dealer)
        details = io.BytesIO()
        layout.write_details(self._contract, checked.accepted, details)
        self._fingerprint.update(details.getbuffer())
        self._body.write(details.getbuffer())
        found = self._findings
        found.rows += checked.rows
        found.accepted += checked.accepted.height
        found.withheld.update(checked.withheld)
        found.failed.update(checked.failed)
        found.control_total += layout.control_total(self._contract, checked.accepted)
        if checked.rejected.height:
            found.rejected.append(checked.rejected)

    def findings(self) -> Findings:
        """Return what was found, once all rows were heard."""
        self._findings.content_hash = self._fingerprint.hexdigest()
        return self._findings


def _conclude_check(
    contract: Contract,
    file: FileRow,
    batch_id: int,
    findings: Findings,
    ledger: Ledger,
    log: Callable[[str], None],
) -> None:
    if ledger.file(file.id).batch_id != batch_id:
        log(f"{file.dealer}: another run has planned this window since; its findings stand")
        return
    problems = _record_findings(contract, file, findings, ledger)
    if findings.rejected_count and not findings.accepted:
        problems.append(f"all {findings.rejected_count} rows are rejected; an empty file would say nothing was sold")
    changed = file.supersedes is not None and file.content_hash not in (None, findings.content_hash)
    if changed:
        problems.append(
            "the data have changed again since this revision was released; cancel it, and the next run proposes anew"
        )
    columns: dict[str, Any] = {
        "rows": findings.accepted,
        "rejected": findings.rejected_count,
        "withheld": findings.withheld.total(),
        "control_total": findings.control_total,
        # What a person released stays on record until exactly that goes.
        "content_hash": file.content_hash if changed else findings.content_hash,
        "contract_version": contract.version,
    }
    if problems:
        reason = "; ".join(problems)
        ledger.move(file.id, "HELD", reason=reason, batch=batch_id, **columns)
        log(f"{file.dealer}: held: {reason}")
    elif not findings.accepted and contract.empty_file == "skip":
        reason = "no rows, and the contract sends no empty file"
        ledger.move(file.id, "CANCELLED", reason=reason, batch=batch_id, **columns)
    else:
        ledger.move(file.id, "CHECKED", batch=batch_id, **columns)


def _record_findings(contract: Contract, file: FileRow, findings: Findings, ledger: Ledger) -> list[str]:
    """Store rejected rows and rule results; return the broken file rules of severity error, in words."""
    from include.checks import rejected_rows, same_weekday_volume
    from include.ledger import QualityResult

    ledger.replace_rejected_rows(file.id, _rejected(findings.rejected))
    read = findings.rows - findings.withheld.total()
    results = [
        QualityResult(
            reader="row_check",
            rule=rule.id,
            columns=rule.columns,
            dimension=rule.dimension,
            severity=rule.severity,
            status="fail" if findings.failed[rule.id] else "pass",
            checked=read,
            failed=findings.failed[rule.id],
            observed=None,
        )
        for rule in contract.row_rules
    ]
    problems = []
    for kind in ("rejectedRows", "sameWeekdayVolume"):
        rule = contract.file_rule(kind)
        if rule is None:
            continue
        if kind == "rejectedRows":
            verdict = rejected_rows(rule, rows=read, rejected=findings.rejected_count)
        else:
            history = ledger.row_counts_history(
                interface=file.interface,
                dealer=file.dealer,
                environment=file.environment,
                weekday=file.business_date.weekday(),
                before=file.business_date,
                weeks=int(rule.arguments["weeks"]),
            )
            verdict = same_weekday_volume(rule, rows=findings.accepted, history=history[::-1])
        results.append(
            QualityResult(
                reader="volume" if kind == "sameWeekdayVolume" else "row_check",
                rule=rule.id,
                columns=(),
                dimension=rule.dimension,
                severity=rule.severity,
                status="pass" if verdict.passed else "fail",
                checked=read,
                failed=int(not verdict.passed),
                observed=f"{verdict.observed}; {verdict.allowed}",
            )
        )
        if verdict.holds:
            problems.append(f"{rule.id}: {verdict.observed}, allowed {verdict.allowed}")
    ledger.replace_quality_results(file.id, results)
    if problems and findings.failed:
        worst = ", ".join(
            f"{count} of {rule}" for rule, count in findings.failed.most_common(3) if _is_error(contract, rule)
        )
        problems[-1] += f" (most often {worst})" if worst else ""
    return problems


def _is_error(contract: Contract, rule_id: str) -> bool:
    return any(rule.id == rule_id and rule.severity == "error" for rule in contract.rules)


def _rejected(frames: Iterable[pl.DataFrame]) -> Iterator[RejectedRow]:
    from include.ledger import RejectedRow

    for frame in frames:
        for key, reasons in frame.iter_rows():
            yield RejectedRow(row_key=key or "(none)", reasons=tuple(reasons))


def _propose(
    delivered: FileRow,
    findings: Findings,
    batch_id: int,
    contract: Contract,
    ledger: Ledger,
    log: Callable[[str], None],
) -> None:
    proposal = ledger.propose_revision(
        delivered,
        batch_id=batch_id,
        content_hash=findings.content_hash,
        rows=findings.accepted,
        control_total=findings.control_total,
        difference={
            "rows_before": delivered.rows,
            "rows_after": findings.accepted,
            "total_before": delivered.control_total,
            "total_after": findings.control_total,
        },
    )
    _record_findings(contract, proposal, findings, ledger)
    log(
        f"{delivered.dealer}: delivered as revision {delivered.revision}, and the DMS says otherwise now: "
        f"{delivered.rows} → {findings.accepted} rows, {delivered.control_total} → {findings.control_total}; "
        f"revision {proposal.revision} is proposed and waits for a person"
    )
