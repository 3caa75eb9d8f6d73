"""Judge every staged row, keep the accepted ones as detail records, and say in the ledger what became of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from include import snapshot
from include.delivered import section
from include.ledger.errors import BatchReplacedError, TransitionError
from include.ledger.states import delivering
from include.outbound.difference import difference, in_words
from include.outbound.judge import Findings, Judge, body_name
from include.outbound.manifest import Manifest, Part, reads_rows
from include.staging import StagingError

if TYPE_CHECKING:
    import polars as pl

    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import FileRow, Ledger, RejectedRow
    from include.staging import Staging


def check(
    contract: Contract,
    batch_id: int,
    file_ids: Sequence[int],
    *,
    ledger: Ledger,
    staging: Staging,
    archive: Archive,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """
    Check the files of a run that have rows staged; return how many rows were accepted, rejected and withheld.

    An undelivered file becomes CHECKED, or HELD when a file rule of severity error is broken. A delivered one is
    compared: the same content is noted, other content becomes a proposed revision. What a file was held for is waived
    if a person released it for just that, and its content is the same.

    :raises SnapshotError: if the staged rows are cut short.
    """
    try:
        manifest = Manifest.read(staging, batch_id)
    except StagingError:
        if any(ledger.file(file_id).awaits_bytes for file_id in file_ids):
            raise
        log("the run's rows are gone, and none of its files needs them any more; clear from `extract` on to compare")
        return {}
    read = {file_id for part in manifest.parts for file_id in part.file_of_dealer.values()}
    files = {
        file.id: file for file in map(ledger.file, file_ids) if file.id in read and _may_be_judged(file, batch_id, log)
    }
    totals: Counter[str] = Counter()
    with ExitStack() as bodies:
        judges = {file.id: Judge(contract, file, staging, batch_id, bodies) for file in files.values()}

        def judge(connection: int) -> None:
            for part in manifest.parts:
                if part.connection == connection:
                    _judge_part(contract, part, batch_id, judges, staging)

        connections = sorted({part.connection for part in manifest.parts})
        with ThreadPoolExecutor(max(1, len(connections)), thread_name_prefix="check") as pool:
            list(pool.map(judge, connections))
        found = {file_id: judge.findings() for file_id, judge in judges.items()}
    for file_id, findings in found.items():
        file = files[file_id]
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
                _propose(file, findings, batch_id, contract, ledger, staging, archive, log)
            except TransitionError as error:
                # Somebody released or cancelled a proposal meanwhile; the next run sees what they made of it.
                log(str(error))
    return dict(totals)


def _judge_part(contract: Contract, part: Part, batch_id: int, judges: Mapping[int, Judge], staging: Staging) -> None:
    from include.checks import whole_documents

    table = next(table for table in contract.tables if table.name == part.table)
    with staging.reader(f"{batch_id}/{part.name}") as source:
        key = ("dealer_id", *table.document_key) if table.document_key else ()
        for frame in whole_documents(snapshot.frames(source, table.columns), key):
            for rows in frame.partition_by("dealer_id", maintain_order=True):
                dealer_id = int(rows["dealer_id"][0])
                if dealer_id not in part.file_of_dealer:
                    raise snapshot.SnapshotError(f"{part.name} has rows of dealer {dealer_id}, who was not asked for")
                if (file_id := part.file_of_dealer[dealer_id]) in judges:
                    judges[file_id].hear(table, rows)


def _may_be_judged(file: FileRow, batch_id: int, log: Callable[[str], None]) -> bool:
    """Whether this run's rows still are the ones that count for the file."""
    if file.awaits_bytes and file.batch_id != batch_id:
        log(f"{file.dealer}: batch {file.batch_id} has taken this window over; left to it")
        return False
    return reads_rows(file)


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
    if findings.documents:
        columns["records"] = dict(findings.documents)
    reason = "; ".join(problems)
    released = ledger.released(file.id) if problems else None
    if released is not None and (released.held_for, released.content_hash) == (reason, findings.content_hash):
        ledger.note(file.id, "WAIVED", {"batch_id": batch_id, "rejected": findings.rejected_count})
        log(f"{file.dealer}: {reason}; released for that by {released.actor}: {released.reason}")
        problems = []
    if problems:
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
                # A preview is measured against what was really sent.
                environment=delivering(file.environment),
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
    staging: Staging,
    archive: Archive,
    log: Callable[[str], None],
) -> None:
    rows = {}
    for table in contract.tables:
        with staging.reader(body_name(batch_id, delivered.id, table)) as body:
            rows[table.name] = section(contract, table, body.read_bytes())
    numbers = difference(contract, delivered, archive, rows, findings.control_total)
    proposal = ledger.propose_revision(
        delivered,
        batch_id=batch_id,
        content_hash=findings.content_hash,
        rows=findings.accepted,
        control_total=findings.control_total,
        difference=numbers,
    )
    changed = f"{delivered.dealer}: delivered as revision {delivered.revision}, and the DMS says otherwise now: "
    changed += in_words(numbers)
    if proposal.state == "CANCELLED":
        log(f"{changed}; a person refused just that as revision {proposal.revision} ({proposal.reason})")
        return
    _record_findings(contract, proposal, findings, ledger)
    log(f"{changed}; revision {proposal.revision} is proposed and waits for a person")
