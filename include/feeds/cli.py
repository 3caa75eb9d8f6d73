"""
Feeds and arrivals for people.

``python -m include.feeds {list,add,probe,pause,resume,terminate,arrivals,release,reject,reopen}``

The database is named by LEDGER_DSN. Exit code 0: done; 1: refused, or the ledger cannot be used; 2: called wrongly.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from include.feeds import cli_probe
from include.feeds.cli_settings import add_settings, settings_of
from include.feeds.commands import (
    STANDING,
    add_feed,
    feeds,
    pause_feed,
    resume_feed,
    terminate_feed,
)
from include.feeds.errors import FeedError
from include.feeds.feed import Feed
from include.feeds.printing import print_lines, print_table
from include.ledger import ARRIVAL_STATES, ArrivalRow, Ledger, LedgerError
from include.ledger.cli_decisions import login

CHANGES: Final = {
    "pause": (pause_feed, "take no new file of a feed until it is resumed"),
    "resume": (resume_feed, "take a paused feed's files again"),
    "terminate": (terminate_feed, "end a feed for good; its record stays"),
}
DECISIONS: Final = {
    "release": "let a held arrival go on",
    "reject": "refuse a held arrival; it stays at the partner",
    "reopen": "take a rejected arrival up again, once its cause is mended",
}


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    asked = _parser().parse_args(arguments)
    dsn = os.environ.get("LEDGER_DSN", "")
    if not dsn:
        sys.stderr.write("LEDGER_DSN is not set; it names the ledger's database, e.g. postgresql:///ledger\n")
        return 2
    given = getattr(asked, "actor", "command line")
    try:
        with Ledger(dsn, actor=given if ":" in given else f"person:{given}") as ledger:
            asked.run(ledger, asked)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has seen enough, as `head` does; the interpreter's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (FeedError, LedgerError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.feeds",
        description="Where partners' files lie, whether they are taken, and what became of each. LEDGER_DSN names the "
        "database.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _list = _command(commands, "list", "list the feeds, as a table or as JSON lines", _list_feeds)
    _choice(_list)
    _list.add_argument("--all", action="store_true", help="those that are terminated as well")
    adding = _command(commands, "add", "add a feed; it is live at once", _add)
    add_settings(adding, required=True)
    adding.add_argument(
        "--delete-from-server",
        action="store_true",
        help="remove a file at the partner once its import is committed (default: leave it there)",
    )
    _actor(adding)
    cli_probe.add_parser(
        _command(commands, "probe", "look at a partner as a run would, and change nothing", cli_probe.run)
    )
    for verb, (_, what) in CHANGES.items():
        changing = _command(commands, verb, what, _change)
        changing.add_argument("feed", type=int, metavar="FEED", help="the feed's number, as list shows it")
        _reason(changing, verb)
    arrivals = _command(commands, "arrivals", "list what arrived, as a table or as JSON lines", _list_arrivals)
    _choice(arrivals)
    arrivals.add_argument("--feed", type=int, metavar="FEED", help="only this feed's")
    arrivals.add_argument(
        "--state", action="append", choices=ARRIVAL_STATES, metavar="STATE", help="only this state; may be repeated"
    )
    arrivals.add_argument("--since", type=_day, metavar="YYYY-MM-DD", help="first seen on this day (UTC) or later")
    for verb, what in DECISIONS.items():
        deciding = _command(commands, verb, what, _decide)
        deciding.add_argument("arrival", type=int, metavar="ARRIVAL", help="its number, as arrivals shows it")
        _reason(deciding, verb)
    return parser


def _command(commands: Any, name: str, what: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=f"{what.capitalize()}.")
    parser.set_defaults(run=run)
    return parser


def _choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--interface", help="only this interface, e.g. proresponse_sales")
    parser.add_argument("--dealer", help="only this dealer")
    parser.add_argument("--json", action="store_true", help="one JSON object per line instead of a table")


def _reason(parser: argparse.ArgumentParser, verb: str) -> None:
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, in one sentence; it stays in the record")
    parser.set_defaults(verb=verb)
    _actor(parser)


def _actor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--actor", default=login(), metavar="NAME", help="who does it (default: the login name, %(default)s)"
    )


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)


def _list_feeds(ledger: Ledger, asked: argparse.Namespace) -> None:
    states = (*STANDING, "TERMINATED") if asked.all else STANDING
    found = feeds(ledger, interface=asked.interface, dealer=asked.dealer, states=states)
    if not found:
        _nothing(
            asked, "No feed matches; `python -m include.feeds list --all` shows every one, `add --help` adds one.\n"
        )
    elif asked.json:
        print_lines(asdict(feed) for feed in found)
    else:
        headings = (
            "Feed",
            "Interface",
            "Dealer",
            "State",
            "Connection",
            "Directory",
            "Pattern",
            "Reads",
            "Removes",
            "Why",
        )
        print_table(
            "feed",
            headings,
            [
                (
                    feed.id,
                    feed.interface,
                    feed.dealer,
                    feed.state,
                    feed.conn_id,
                    feed.directory,
                    feed.pattern,
                    f"{feed.encoding}, {feed.date_format}",
                    "yes" if feed.delete_from_server else "no",
                    feed.reason or "",
                )
                for feed in found
            ],
        )


def _add(ledger: Ledger, asked: argparse.Namespace) -> None:
    added = add_feed(ledger, **settings_of(asked), delete_from_server=asked.delete_from_server)
    removes = "are removed there once their import is committed" if added.delete_from_server else "stay there"
    sys.stdout.write(
        f"{_said(added)}: names by {added.pattern} in {added.directory} at {added.conn_id}, read as {added.encoding} "
        f"with dates like {added.date_format}; files {removes}.\n"
        f"Next: the next run of {added.interface} takes its files\n"
    )


def _change(ledger: Ledger, asked: argparse.Namespace) -> None:
    changed = CHANGES[asked.verb][0](ledger, asked.feed, reason=asked.reason)
    sys.stdout.write(f"{_said(changed)} ({asked.verb}, by {changed.changed_by})\n")


def _said(feed: Feed) -> str:
    return f"{feed.label} is {feed.state}"


def _list_arrivals(ledger: Ledger, asked: argparse.Namespace) -> None:
    found = ledger.arrivals(
        interface=asked.interface, dealer=asked.dealer, feed_id=asked.feed, states=asked.state, since=asked.since
    )
    if not found:
        _nothing(asked, "No arrival matches; `python -m include.feeds arrivals` shows every one.\n")
    elif asked.json:
        print_lines(asdict(row) for row in found)
    else:
        headings = (
            "Arrival",
            "Interface",
            "Dealer",
            "Name",
            "Version",
            "First seen",
            "Rows",
            "Rejected",
            "State",
            "Why",
        )
        print_table("arrival", headings, [_cells(row) for row in found])


def _cells(row: ArrivalRow) -> tuple[object, ...]:
    why = ": ".join(part for part in (row.reject_code, row.reason) if part)
    counts = ("" if number is None else f"{number:,}" for number in (row.rows_read, row.rows_rejected))
    seen = f"{row.first_seen_at:%Y-%m-%d %H:%M:%S}"
    return (row.id, row.interface, row.dealer, row.remote_name, row.version or "", seen, *counts, row.state, why)


def _decide(ledger: Ledger, asked: argparse.Namespace) -> None:
    before = ledger.arrival(asked.arrival)
    after: ArrivalRow = getattr(ledger, f"{asked.verb}_arrival")(asked.arrival, reason=asked.reason)
    held_for = f" It was: {before.reason}." if before.reason else ""
    onward = (
        "nothing, unless it is reopened" if after.state == "REJECTED" else f"a run of {after.interface} takes it up"
    )
    sys.stdout.write(
        f"{after.label}: {before.state} → {after.state} ({asked.verb}, by {ledger.actor}).{held_for}\nNext: {onward}\n"
    )


def _nothing(asked: argparse.Namespace, said: str) -> None:
    (sys.stderr if asked.json else sys.stdout).write(said)
