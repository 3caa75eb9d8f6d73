"""
The warranty books for people: money on account, differences, decisions, disputes.

``python -m include.warranty`` with ``lines``, ``differences``, ``decide``, ``move``, ``reverse``, ``decisions``,
``disputes``, ``figures``, ``retail-dealer`` and ``tolerance``.

The database is named by DMS_DSN. Lists name claims, documents and amounts, never a vehicle or a person. Exit code 0:
done; 1: refused, or the database cannot be used; 2: called wrongly.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from include.ledger.cli_decisions import login
from include.warranty.claims import set_retail_dealer, set_tolerance
from include.warranty.connection import WarrantyError
from include.warranty.decisions import DIFFERENCES, decide, decisions, move, reverse
from include.warranty.disputes import UNPAID_AFTER_DAYS, disputes, figures
from include.warranty.open_items import open_claims, open_lines

PRIVATE = 0o600


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    asked = _parser().parse_args(arguments)
    dsn = os.environ.get("DMS_DSN", "")
    if not dsn:
        sys.stderr.write("DMS_DSN is not set; it names the DMS database with the claims, e.g. postgresql:///dms\n")
        return 2
    try:
        asked.run(dsn, asked)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has seen enough, as `head` does; the interpreter's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except WarrantyError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except UnicodeError:
        sys.stderr.write("an argument is not UTF-8; nothing was written\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.warranty",
        description="Warranty claims and what was paid for them. DMS_DSN names the database.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, what, run in (
        ("lines", "list payment lines whose money is on account or in suspense", _lines),
        ("differences", "list claims that were paid too little or too much", _differences),
        ("decisions", "list decisions", _decisions),
    ):
        _command(commands, name, what, run).add_argument("--dealer", help="only this dealer")
    one = _command(commands, "decide", "decide about the difference of a claim", _decide)
    one.add_argument("claim", type=int, metavar="CLAIM")
    one.add_argument("kind", choices=[_word(kind) for kind in DIFFERENCES])
    one.add_argument("--expect", type=_money, metavar="AMOUNT", help="the difference as you saw it")
    _why(one)
    moved = _command(commands, "move", "move money to another claim", _move)
    source = moved.add_mutually_exclusive_group(required=True)
    source.add_argument("--line", type=int, metavar="LINE", help="of this payment line")
    source.add_argument("--claim", type=int, metavar="CLAIM", help="what this claim was paid too much")
    moved.add_argument("--to", type=int, required=True, metavar="CLAIM")
    moved.add_argument("--amount", type=_money, help="how much (default: all)")
    _why(moved)
    back = _command(commands, "reverse", "let a decision hold no longer", _reverse)
    back.add_argument("decision", type=int, metavar="DECISION")
    _why(back)
    disputed = _command(commands, "disputes", "write what to take up with the manufacturer, as CSV", _disputes)
    disputed.add_argument("--to", type=Path, required=True, metavar="FILE")
    disputed.add_argument("--days", type=int, default=UNPAID_AFTER_DAYS, help="unpaid after (default: %(default)s)")
    counted = _command(commands, "figures", "show aged open claims, matched share and money on account", _figures)
    for each in (disputed, counted):
        each.add_argument("--dealer", help="only this dealer")
        each.add_argument("--as-of", type=_day, help="ages as of this day (default: today, UTC)")
    code = _command(commands, "retail-dealer", "say whose a retail dealer code is", _retail_dealer)
    code.add_argument("code", metavar="CODE")
    code.add_argument("--main", required=True, metavar="CODE", help="the main dealer's code")
    code.add_argument("--dealer", required=True)
    allowed = _command(commands, "tolerance", "say up to which difference a payment is full", _tolerance)
    allowed.add_argument("dealer", metavar="DEALER")
    allowed.add_argument("--since", type=_day, required=True, metavar="DAY", help="payment date")
    allowed.add_argument("--amount", type=_money, required=True)
    allowed.add_argument("--percent", type=_money, required=True)
    return parser


def _command(commands: Any, name: str, what: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=f"{what.capitalize()}.")
    parser.set_defaults(run=run)
    return parser


def _why(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, in one sentence; it stays in the record")
    parser.add_argument("--actor", default=login(), metavar="NAME", help="who does it (default: %(default)s)")


def _word(kind: str) -> str:
    return kind.lower().replace("_", "-")


def _money(text: str) -> Decimal:
    try:
        amount = Decimal(text)
        whole = amount.is_finite() and amount == round(amount, 2)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount") from None
    if not whole:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount with at most two decimals")
    return amount


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day like 2026-03-31") from None


def _flat(text: str) -> str:
    """One line of a list: whoever writes two lines as a reason makes no second decision by it."""
    return " ".join(text.split())


def _lines(dsn: str, asked: argparse.Namespace) -> None:
    found = open_lines(dsn, dealer=asked.dealer)
    for each in found:
        candidates = ", ".join(map(str, each.candidates)) or "nobody"
        sys.stdout.write(
            f"{each.id:>8}  {each.dealer}  {each.document_number} line {each.line_no}  {each.amount} {each.currency}  "
            f"claim {each.claim_number or '-'} of {each.retail_code}  {each.reason}: {candidates}\n"
        )
    sys.stderr.write(f"{len(found)} lines\n")


def _differences(dsn: str, asked: argparse.Namespace) -> None:
    found = open_claims(dsn, dealer=asked.dealer)
    for each in found:
        sys.stdout.write(
            f"{each.id:>8}  {each.dealer}  claim {each.claim_number}  status {each.status}  claimed {each.claimed} "
            f"{each.currency}  open {each.open}  too much {each.on_account}\n"
        )
    sys.stderr.write(f"{len(found)} claims\n")


def _decisions(dsn: str, asked: argparse.Namespace) -> None:
    found = decisions(dsn, dealer=asked.dealer)
    for each in found:
        place = f"line {each.line_id}" if each.claim_id is None else f"claim {each.claim_id}"
        to = f" to claim {each.to_claim_id}" if each.to_claim_id else ""
        back = f"; reversed by {each.reversed_by}: {_flat(each.reversed_why or '')}" if each.reversed_by else ""
        sys.stdout.write(
            f"{each.id:>8}  {each.dealer}  {_word(each.kind)}  {place}{to}  {each.amount}  "
            f"{each.decided_at:%Y-%m-%d} {each.decided_by}: {_flat(each.why)}{back}\n"
        )
    sys.stderr.write(f"{len(found)} decisions\n")


def _decide(dsn: str, asked: argparse.Namespace) -> None:
    [kind] = [each for each in DIFFERENCES if _word(each) == asked.kind]
    done = decide(dsn, asked.claim, kind, reason=asked.reason, who=asked.actor, expected=asked.expect)
    sys.stdout.write(f"decision {done}\n")


def _move(dsn: str, asked: argparse.Namespace) -> None:
    source = {"line_id": asked.line, "claim_id": asked.claim}
    done = move(dsn, asked.to, **source, amount=asked.amount, reason=asked.reason, who=asked.actor)
    sys.stdout.write(f"decision {done}\n")


def _reverse(dsn: str, asked: argparse.Namespace) -> None:
    reverse(dsn, asked.decision, reason=asked.reason, who=asked.actor)
    sys.stdout.write(f"decision {asked.decision} holds no longer; what it posted is countered\n")


def _disputes(dsn: str, asked: argparse.Namespace) -> None:
    told = disputes(dsn, as_of=asked.as_of or _today(), unpaid_after_days=asked.days, dealer=asked.dealer)
    if asked.to.is_dir():
        raise WarrantyError(f"{asked.to} is a folder; name the file to write, as in {asked.to / 'disputes.csv'}")
    beside = asked.to.with_suffix(f"{asked.to.suffix}.part")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file:
        file.write(told)
    beside.replace(asked.to)
    sys.stdout.write(f"{asked.to}\n")


def _figures(dsn: str, asked: argparse.Namespace) -> None:
    for each in figures(dsn, as_of=asked.as_of or _today(), dealer=asked.dealer):
        aged = ", ".join(f"{band} days: {count} of {amount}" for band, (count, amount) in each.aged.items())
        share = f"{each.matched} of {each.lines}"
        sys.stdout.write(
            f"{each.dealer} {each.currency}: {aged}; lines matched {share}; on account {each.on_account}; "
            f"written off {each.written_off}\n"
        )


def _today() -> date:
    return datetime.now(UTC).date()


def _retail_dealer(dsn: str, asked: argparse.Namespace) -> None:
    journal = set_retail_dealer(dsn, asked.code, dealer_code=asked.main, dealer=asked.dealer)
    sys.stdout.write("nothing had to be posted\n" if journal is None else f"journal {journal}\n")


def _tolerance(dsn: str, asked: argparse.Namespace) -> None:
    set_tolerance(dsn, asked.dealer, valid_from=asked.since, amount=asked.amount, percent=asked.percent)
    sys.stdout.write(
        f"dealer {asked.dealer}: payments from {asked.since} on are full within {asked.amount} and {asked.percent} %\n"
    )
