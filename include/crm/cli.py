"""
The CRM for people: rejected rows, doubts, contacts, leads.

``python -m include.crm {rejected,correct,discard,review,merge,rule,export}``

The database is named by DMS_DSN. Lists show where something stands and why, never what a row says; ``rejected ROW`` and
``review ITEM`` do show it, to one who has to decide. Texts of rows are read from a file or from standard input, since
arguments stay in a shell's history. Exit code 0: done; 1: refused, or the database cannot be used; 2: called wrongly.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.crm.arrival import Applied, CrmError
from include.crm.corrections import STATES, correct_row, discard_row, rejected_row, rejected_rows
from include.crm.lead_export import ExportedLead, export_leads, exported_leads, set_rule
from include.crm.review import create, dismiss, link, merge_contacts, open_items
from include.ledger.cli_decisions import login

PRIVATE = 0o600


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    asked = _parser().parse_args(arguments)
    dsn = os.environ.get("DMS_DSN", "")
    if not dsn:
        sys.stderr.write("DMS_DSN is not set; it names the DMS database with the CRM, e.g. postgresql:///dms\n")
        return 2
    try:
        asked.run(dsn, asked)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has seen enough, as `head` does; the interpreter's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CrmError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except UnicodeError:
        # Its own text would quote the row.
        sys.stderr.write("the text, or an argument, is not UTF-8; nothing was written\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.crm",
        description="Rejected rows, doubts, contacts and leads. DMS_DSN names the database.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    rejected = _command(commands, "rejected", "list rejected rows, or show one with its text", _rejected)
    rejected.add_argument("row", type=int, nargs="?", metavar="ROW", help="show this one, as it came")
    rejected.add_argument("--interface", help="only this interface, e.g. proresponse_sales")
    rejected.add_argument("--dealer", help="only this dealer")
    rejected.add_argument("--arrival", type=int, metavar="ARRIVAL", help="only of this arrival")
    rejected.add_argument(
        "--state", action="append", choices=STATES, help="only in this state; may be repeated (default: OPEN)"
    )
    correct = _command(commands, "correct", "apply a corrected text in place of a rejected row", _correct)
    correct.add_argument("row", type=int, metavar="ROW")
    correct.add_argument("--text", type=Path, metavar="FILE", help="the corrected row (default: standard input)")
    _why(correct)
    discard = _command(commands, "discard", "put a rejected row aside for good", _discard)
    discard.add_argument("row", type=int, metavar="ROW")
    _why(discard)
    review = _command(commands, "review", "list what waits for a person, show one, or decide it", _review)
    review.add_argument("item", type=int, nargs="?", metavar="ITEM")
    review.add_argument("--dealer", help="only this dealer")
    decision = review.add_mutually_exclusive_group()
    decision.add_argument("--link", type=int, metavar="CONTACT", help="it is this contact's")
    decision.add_argument("--create", action="store_true", help="it is a new contact's")
    decision.add_argument("--dismiss", action="store_true", help="it is nobody's")
    _why(review, required=False)
    merge = _command(commands, "merge", "make two contacts of a dealer one", _merge)
    merge.add_argument("keep", type=int, metavar="KEEP")
    merge.add_argument("goes", type=int, metavar="GOES")
    _why(merge)
    rule = _command(commands, "rule", "say whether a dealer's leads carry activities of a type", _rule)
    rule.add_argument("dealer", metavar="DEALER")
    rule.add_argument(
        "type", metavar="TYPE", choices=("NOTE", "CALL", "EMAIL", "SMS", "VISIT", "SOLD_UNIT", "WORK_ORDER")
    )
    said = rule.add_mutually_exclusive_group(required=True)
    said.add_argument("--exclude", action="store_true", help="left out, as without a rule")
    said.add_argument("--include", action="store_true", help="carried; never a sale, never a work order")
    _why(rule)
    export = _command(commands, "export", "write a dealer's new leads as ADF files", _export)
    export.add_argument("--dealer", required=True)
    export.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="one file for each lead")
    export.add_argument("--again", action="store_true", help="write all that ever went out, byte for byte")
    export.add_argument("--actor", default=login(), metavar="NAME", help="who does it (default: %(default)s)")
    return parser


def _command(commands: Any, name: str, what: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=f"{what.capitalize()}.")
    parser.set_defaults(run=run)
    return parser


def _why(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument(
        "--reason", required=required, default="", metavar="TEXT", help="why, in one sentence; it stays in the record"
    )
    parser.add_argument("--actor", default=login(), metavar="NAME", help="who does it (default: %(default)s)")


def _rejected(dsn: str, asked: argparse.Namespace) -> None:
    if asked.row is not None:
        row = rejected_row(dsn, asked.row)
        sys.stdout.write(_shown(f"{row.header}\n{row.raw}\n"))
        sys.stderr.write(f"line {row.line} of arrival {row.arrival_id} breaks {', '.join(row.reasons)}\n")
        return
    found = rejected_rows(
        dsn,
        interface=asked.interface,
        dealer=asked.dealer,
        arrival_id=asked.arrival,
        states=asked.state or ("OPEN",),
    )
    for row in found:
        decided = f"  {row.decided_by}: {row.why}" if row.decided_by else ""
        sys.stdout.write(
            f"{row.id:>8}  {row.interface}  {row.dealer}  arrival {row.arrival_id} line {row.line}  {row.state}  "
            f"{', '.join(row.reasons)}{decided}\n"
        )
    sys.stderr.write(f"{len(found)} rows\n")


def _shown(text: str) -> str:
    """As it came for a file or another command; on a terminal what would steer it stands as an escape."""
    if not sys.stdout.isatty():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def _correct(dsn: str, asked: argparse.Namespace) -> None:
    text = sys.stdin.buffer.read() if asked.text is None else asked.text.read_bytes()
    # The line end of a file that an editor wrote is none of the row.
    row = text.decode("utf-8").removesuffix("\n").removesuffix("\r")
    _say(correct_row(dsn, asked.row, row, reason=asked.reason, who=asked.actor))


def _discard(dsn: str, asked: argparse.Namespace) -> None:
    discard_row(dsn, asked.row, reason=asked.reason, who=asked.actor)


def _say(done: Applied) -> None:
    sys.stdout.write(
        f"import {done.import_id}: {done.created} created, {done.updated} updated, {done.unchanged} unchanged, "
        f"{done.older} left as a later file says; contacts: {done.linked} linked, {done.contacts_created} new, "
        f"{done.review} to review\n"
    )


def _review(dsn: str, asked: argparse.Namespace) -> None:
    told = {"reason": asked.reason, "who": asked.actor}
    if asked.item is None:
        if asked.link is not None or asked.create or asked.dismiss:
            raise CrmError("name the item that is decided; `python -m include.crm review` lists them")
        items = open_items(dsn, dealer=asked.dealer)
        for item in items:
            candidates = ", ".join(map(str, item.candidates)) or "nobody"
            sys.stdout.write(
                f"{item.id:>8}  {item.dealer}  {item.activity_type} {item.activity_id}  {item.rule}: {candidates}\n"
            )
        sys.stderr.write(f"{len(items)} wait for a decision\n")
    elif asked.link is not None:
        link(dsn, asked.item, asked.link, **told)
    elif asked.create:
        sys.stdout.write(f"contact {create(dsn, asked.item, **told)}\n")
    elif asked.dismiss:
        dismiss(dsn, asked.item, **told)
    else:
        said = [item.said for item in open_items(dsn) if item.id == asked.item]
        if not said:
            raise CrmError(f"review {asked.item} is not open; `python -m include.crm review` lists those that are")
        sys.stdout.write(json.dumps(said[0], ensure_ascii=False, indent=1) + "\n")


def _merge(dsn: str, asked: argparse.Namespace) -> None:
    moved = merge_contacts(dsn, asked.keep, asked.goes, reason=asked.reason, who=asked.actor)
    sys.stdout.write(f"contact {asked.goes} is {asked.keep} now; {moved} activities came along\n")


def _rule(dsn: str, asked: argparse.Namespace) -> None:
    set_rule(dsn, asked.dealer, asked.type, excluded=not asked.include, reason=asked.reason, who=asked.actor)


def _export(dsn: str, asked: argparse.Namespace) -> None:
    asked.to.mkdir(parents=True, exist_ok=True)
    found = exported_leads(dsn, asked.dealer) if asked.again else export_leads(dsn, asked.dealer, who=asked.actor)
    for lead in found:
        _write(asked.to / f"{asked.dealer}_lead_{lead.lead_id}.xml", lead)
    sys.stdout.write(f"{len(found)} leads written to {asked.to}\n")


def _write(path: Path, lead: ExportedLead) -> None:
    """A reader sees the whole file or none, and nobody but us may read it."""
    beside = path.with_suffix(".part")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file:
        file.write(lead.document)
    beside.replace(path)
