"""``python -m include.feeds probe``: what a run would find at a partner, for a feed that stands or one that may."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from include.feeds.cli_settings import add_settings, settings_of
from include.feeds.commands import feed as standing_feed
from include.feeds.commands import proposed_feed
from include.feeds.errors import FeedError
from include.feeds.printing import print_lines, print_table

if TYPE_CHECKING:
    from include.feeds.feed import Feed
    from include.feeds.probe import Probe, ProbedContent
    from include.ledger import Ledger

SHOWN: Final = 50
"""Files shown in the table, the newest first; JSON has all."""
SETTINGS: Final = ("interface", "dealer", "directory", "conn_id", "pattern", "encoding", "date_format")


def add_parser(parser: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    parser.epilog = "AIRFLOW_CONN_<CONN ID> holds the partner's connection as JSON, as it does for Airflow."
    parser.add_argument("feed", type=int, nargs="?", metavar="FEED", help="a standing feed's number; or its settings:")
    add_settings(parser, required=False)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a text")


def run(ledger: Ledger, asked: argparse.Namespace) -> None:
    """Probe and print; :class:`FeedError` with the reason if the partner cannot be asked."""
    from include.contract import ContractError, load_contract
    from include.feeds.probe import probe
    from include.sftp import TransferError
    from include.sftp.from_connection import ConnectionUnusable, endpoint_from_environment

    chosen, objections = _chosen(ledger, asked)
    try:
        endpoint = endpoint_from_environment(chosen.conn_id, os.environ)
        found = probe(chosen, endpoint, load_contract(chosen.interface), ledger=ledger)
    except (ConnectionUnusable, ContractError, TransferError) as error:
        raise FeedError(str(error)) from None
    if asked.json:
        print_lines([{"feed": chosen.id or None, "objections": objections, **asdict(found)}])
    else:
        _print(chosen, objections, found)


def _chosen(ledger: Ledger, asked: argparse.Namespace) -> tuple[Feed, tuple[str, ...]]:
    """The feed to probe, and what keeps a run from taking its files."""
    if asked.feed is None:
        feed, why = proposed_feed(ledger, **settings_of(asked))
        return feed, tuple(f"`add` would refuse this feed: {each}" for each in why)
    given = [f"--{name.replace('_', '-')}" for name in SETTINGS if getattr(asked, name) is not None]
    if given:
        raise FeedError(f"feed {asked.feed} has settings of its own; leave out its number, or {', '.join(given)}")
    feed = standing_feed(ledger, asked.feed)
    if feed.state == "LIVE":
        return feed, ()
    return feed, (f"no run takes these files: the feed is {feed.state} ({feed.reason})",)


def _print(feed: Feed, objections: tuple[str, ...], found: Probe) -> None:
    name = feed.label if feed.id else f"a new feed ({feed.interface}, dealer {feed.dealer})"
    out = sys.stdout.write
    out(f"{name}: names by {feed.pattern} in {feed.directory} at {feed.conn_id}\n")
    for objection in objections:
        out(f"NOTE {objection}\n")
    out(
        f"{found.listed:,} names listed, {len(found.files):,} are its own, {found.others:,} another feed's; whether "
        "a file stands still is unknown from one look\n"
    )
    if found.files:
        rows = [
            (
                file.name,
                "" if file.size is None else f"{file.size:,}",
                "" if file.mtime is None else f"{file.mtime:%Y-%m-%d %H:%M:%S}",
                file.verdict,
                file.says,
            )
            for file in found.files[:SHOWN]
        ]
        print_table("file", ("Name", "Bytes", "Time", "", "Why"), rows)
        if len(found.files) > SHOWN:
            out(f"… and {len(found.files) - SHOWN:,} older ones; --json lists them all\n")
    if found.content is None:
        out(f"No content was looked at: {found.unread}\n")
    else:
        out("".join(f"{line}\n" for line in _of_content(found.content)))
    out("Nothing was changed: not in the ledger, not in the archive, not at the partner.\n")


def _of_content(content: ProbedContent) -> Iterator[str]:
    part = "all" if content.whole else "the first"
    yield f"Newest, {content.name}, {part} {content.bytes:,} bytes:"
    if content.refused is not None:
        yield f"  the file would be refused: {content.refused}"
        return
    if content.copy_of is not None:
        yield f"  the content of arrival {content.copy_of} again: a copy is not imported"
    yield f"  columns found: {', '.join(content.headers)}"
    if content.missing:
        yield f"  optional columns that it lacks: {', '.join(content.missing)}"
    yield f"  columns that are not read: {content.ignored}"
    yield f"  {content.rows:,} rows: {content.accepted:,} accepted, {content.rejected:,} rejected"
    yield from _counted("rejected for", content.reasons)
    yield from _counted("noted", content.notes)


def _counted(what: str, counts: Mapping[str, int]) -> Iterator[str]:
    for reason, count in counts.items():
        yield f"    {what} {reason}: {count:,}"
