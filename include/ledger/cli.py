"""
The ledger for people: its files, decisions about them, its chain, its retention.

``python -m include.ledger {files,release,reject,redeliver,reopen,verify,purge}``; the database is named by LEDGER_DSN.
Exit code 0: done; 1: a record that is not whole, a refused decision, or a ledger or archive that cannot be used; 2:
called wrongly.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.ledger import STATES, FileRow, Ledger, LedgerError, cli_decisions
from include.ledger.arrival_retention import ArrivalPurgeItem, purge_arrivals
from include.ledger.chain import verify
from include.ledger.retention import PurgeItem, purge, purge_unnamed
from include.ledger.states import ENVIRONMENTS

if TYPE_CHECKING:
    from rich.table import Table

DEFAULT_ARCHIVE: Final = (Path(__file__).parents[2] / ".run" / "archive").as_uri()
# A log or a pipe has no width of its own; the widest table still fits one line per file.
WIDTH_WITHOUT_TERMINAL: Final = 200
STYLES: Final = {
    "PUBLISHED": "green",
    "ACKED": "green",
    "HELD": "red",
    "UNKNOWN": "red",
    "PROPOSED": "yellow",
    "WITHHELD": "yellow",
}
JSON_KEYS: Final = (
    "interface",
    "partner",
    "dealer",
    "environment",
    "window_start",
    "window_end",
    "zone",
    "business_date",
    "period",
    "revision",
    "sequence",
    "state",
    "reason",
    "file_name",
    "sha256",
    "content_hash",
    "bytes",
    "rows",
    "records",
    "rejected",
    "withheld",
    "control_total",
    "remote_path",
    "published_at",
    "purged_at",
    "contract_version",
    "batch_id",
    "id",
)


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    asked = _parser().parse_args(arguments)
    dsn = os.environ.get("LEDGER_DSN", "")
    if not dsn:
        sys.stderr.write("LEDGER_DSN is not set; it names the ledger's database, e.g. postgresql:///ledger\n")
        return 2
    try:
        code: int = asked.run(dsn, asked)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has seen enough, as `head` does; the interpreter's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (LedgerError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.ledger",
        description="What went where, what is held and why. LEDGER_DSN names the database.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    files = commands.add_parser("files", help="list the files, as a table or as JSON lines")
    files.add_argument("--json", action="store_true", help="one JSON object per line instead of a table")
    files.add_argument("--interface", help="only this interface, e.g. merkle_sar_daily")
    files.add_argument("--dealer", help="only this dealer number")
    files.add_argument(
        "--state", action="append", choices=STATES, metavar="STATE", help="only this state; may be repeated"
    )
    files.add_argument("--date", type=date.fromisoformat, metavar="YYYY-MM-DD", help="only this business date")
    files.add_argument("--since", type=date.fromisoformat, metavar="YYYY-MM-DD", help="business dates from this one on")
    files.add_argument("--until", type=date.fromisoformat, metavar="YYYY-MM-DD", help="business dates up to this one")
    files.add_argument("--environment", choices=(*ENVIRONMENTS, "all"), default="live", help="default: live")
    files.set_defaults(run=_files)
    cli_decisions.add_parsers(commands)
    check = commands.add_parser(
        "verify",
        help="check the chain of events and the numbers given out; exit 1 and the first fault if they are not whole",
    )
    check.set_defaults(run=_verify)
    clean = commands.add_parser(
        "purge",
        help="show what has outlived its contract's retention; with --apply, let it go",
        description="Shows which archived bytes and rejected rows have outlived the retention of their contract. "
        "ARCHIVE_URL names the archive (default: .run/archive of this checkout).",
    )
    clean.add_argument("--apply", action="store_true", help="remove them; without it nothing is changed")
    clean.add_argument(
        "--today", type=date.fromisoformat, metavar="YYYY-MM-DD", help="reckon as of this day (default: today, UTC)"
    )
    clean.set_defaults(run=_purge)
    return parser


def _files(dsn: str, asked: argparse.Namespace) -> int:
    with Ledger(dsn, actor="person:command line") as ledger:
        found = ledger.files(
            interface=asked.interface,
            environment=None if asked.environment == "all" else asked.environment,
            states=asked.state,
            dealer=asked.dealer,
            business_date=asked.date,
            since=asked.since,
            until=asked.until,
        )
        empty = not found and not ledger.interfaces()
    if not found:
        nothing = (
            "The ledger holds no files yet; `make run` (or a run of an interface's DAG) fills it.\n"
            if empty
            else "No file matches; `python -m include.ledger files --environment all` shows every file there is.\n"
        )
        (sys.stderr if asked.json else sys.stdout).write(nothing)
        return 0
    if asked.json:
        for row in found:
            sys.stdout.write(json.dumps({key: _json(getattr(row, key)) for key in JSON_KEYS}) + "\n")
        return 0
    _print(_files_table(found))
    return 0


def _files_table(found: list[FileRow]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{len(found)} file{'s' if len(found) != 1 else ''}", title_justify="left")
    table.add_column("File", justify="right", no_wrap=True)
    for name in ("Interface", "Dealer", "Period"):
        table.add_column(name, no_wrap=True)
    for name in ("Rev", "Seq", "Rows", "Rejected", "Withheld"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Where", overflow="fold")
    table.add_column("Reason", overflow="fold")
    for row in found:
        where = row.remote_path or row.file_name or ""
        cells = [str(row.id), row.interface, row.dealer, row.period, str(row.revision)]
        cells += ["" if n is None else f"{n:,}" for n in (row.sequence, row.rows, row.rejected, row.withheld)]
        # Text and not str: square brackets in a path or a reason are not markup.
        table.add_row(
            *map(Text, cells), Text(row.state, style=STYLES.get(row.state, "")), Text(where), Text(row.reason or "")
        )
    return table


def _verify(dsn: str, asked: argparse.Namespace) -> int:
    report = verify(dsn)
    if report.first_broken_event_id is not None:
        sys.stdout.write(
            f"BROKEN at event {report.first_broken_event_id}: {report.why}.\n"
            f"{report.checked:,} events before it are whole, the last with hash {report.head_hash}. Nothing after it "
            "can be relied on: compare with a backup, and find out who had superuser rights.\n"
        )
        return 1
    sys.stdout.write(f"{report.checked:,} events checked, the chain is whole; head {report.head_hash}\n")
    for drift in report.drifts:
        sys.stdout.write(f"DRIFT {drift}\n")
    if report.drifts:
        sys.stdout.write(
            f"{len(report.drifts)} row(s) were changed by hand; the events tell what they were (ledger.event, "
            "by file_id, or by the arrival or feed in detail).\n"
        )
    with Ledger(dsn, actor="verify") as ledger:
        gaps = ledger.sequence_gaps()
    explained = [gap for gap in gaps if gap.file_id is not None]
    if explained:
        sys.stdout.write(
            f"{len(explained)} sequence number(s) that the partner has not seen, each explained by a row:\n"
        )
    for gap in explained:
        sys.stdout.write(f"GAP {gap}\n")
    for gap in gaps:
        if gap.file_id is None:
            sys.stdout.write(
                f"LOST {gap}. The receiver will ask for it: find out who changed ledger.file or ledger.sequence\n"
            )
    return 0 if report.whole and len(explained) == len(gaps) else 1


def _purge(dsn: str, asked: argparse.Namespace) -> int:
    from include.archive import Archive
    from include.contract import ContractError, load_contract

    retention: dict[str, int] = {}
    with Ledger(dsn, actor="person:command line") as ledger:
        inbound = {feed.interface for feed in ledger.inbound_feeds(states=("LIVE", "PAUSED", "TERMINATED"))}
        for interface in sorted({*ledger.interfaces(), *inbound}):
            try:
                retention[interface] = load_contract(interface).retention_days
            except ContractError as error:
                sys.stderr.write(f"{interface}: kept, because its retention is not known: {error}\n")
    today = asked.today or datetime.now(UTC).date()
    url = os.environ.get("ARCHIVE_URL", "")
    if asked.apply and not url:
        sys.stderr.write("ARCHIVE_URL is not set; nothing is removed before it is sure which archive is meant\n")
        return 2
    archive = Archive.at(url or DEFAULT_ARCHIVE)
    how: dict[str, Any] = {"today": today, "dry_run": not asked.apply, "actor": "person:command line"}
    # Before files: one that waits for an arrival of the same bytes goes in the same call.
    arrived = purge_arrivals(dsn, archive, retention=retention, **how)
    items = purge(dsn, archive, retention=retention, **how)
    unnamed = purge_unnamed(dsn, archive, **how)
    if not items and not unnamed and not arrived:
        sys.stdout.write(f"Nothing has outlived its retention on {today}.\n")
        return 0
    done = "Removed" if asked.apply else "Would remove"
    if arrived:
        _print(_arrivals_table(arrived))
        came = sum({item.sha256: item.bytes for item in arrived}.values())
        sys.stdout.write(f"{done} {came:,} bytes of {len(arrived)} arrivals; ledger rows stay.\n")
    if items:
        _print(_purge_table(items))
        _say_of_files(items, done)
    if unnamed:
        sys.stdout.write(
            f"{done} {sum(each.bytes for each in unnamed):,} bytes in {len(unnamed)} object(s) that no file names any "
            "more: files were made anew, or what goes beside them was.\n"
        )
    if not asked.apply:
        sys.stdout.write("Nothing was changed. To let them go: make purge APPLY=1, or this command with --apply\n")
    return 0


def _say_of_files(items: list[PurgeItem], done: str) -> None:
    total = sum({item.sha256: item.bytes or 0 for item in items if item.sha256}.values())
    beside, beside_bytes = sum(item.companions for item in items), sum(item.companion_bytes for item in items)
    rejected = sum(item.rejected_rows for item in items)
    differences = sum(item.differences for item in items)
    sys.stdout.write(
        f"{done} {total:,} bytes of {len(items)} files, {beside_bytes:,} of {beside:,} companions, {rejected:,} "
        f"rejected rows and {differences:,} differences of reconciliations; ledger rows stay.\n"
    )


def _arrivals_table(items: list[ArrivalPurgeItem]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{len(items)} arrival{'s' if len(items) != 1 else ''} past retention", title_justify="left")
    for name in ("Interface", "Dealer", "State", "Since"):
        table.add_column(name, no_wrap=True)
    table.add_column("Name", overflow="fold")
    table.add_column("Bytes", justify="right", no_wrap=True)
    table.add_column("SHA-256", no_wrap=True)
    for item in items:
        facts = [item.interface, item.dealer, item.state, item.settled_on.isoformat(), item.remote_name]
        table.add_row(*map(Text, [*facts, f"{item.bytes:,}", item.sha256[:16]]))
    return table


def _purge_table(items: list[PurgeItem]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{len(items)} file{'s' if len(items) != 1 else ''} past retention", title_justify="left")
    for name in ("Interface", "Dealer", "Date", "State", "Since"):
        table.add_column(name, no_wrap=True)
    for name in ("Bytes", "Rejected rows"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("SHA-256", no_wrap=True)
    for item in items:
        facts = [item.interface, item.dealer, item.business_date.isoformat(), item.state, item.settled_on.isoformat()]
        facts += ["" if item.bytes is None else f"{item.bytes:,}", f"{item.rejected_rows:,}", (item.sha256 or "")[:16]]
        table.add_row(*map(Text, facts))
    return table


def _print(table: Table) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=WIDTH_WITHOUT_TERMINAL)
    console.print(table)


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
