"""
What a run would find at a partner, without being one: nothing changes in the ledger, the archive or at the partner.

A probe uses the same listing, names, headers and rules as a run, so that what it says is what would happen.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from include.feeds.errors import FeedError
from include.window import day_window

if TYPE_CHECKING:
    from include.contract import Contract
    from include.feeds.feed import Feed
    from include.ledger import ArrivalRow, Ledger, SeenEntry
    from include.sftp import Endpoint, RemoteEntry, Session, TransferLimits

BEGINNING_BYTES: Final = 64 * 1024
Verdict = Literal["NEW", "KNOWN", "REFUSED"]


@dataclass(frozen=True)
class ProbedFile:
    """
    One match of the feed's pattern, ``name`` as a label.

    NEW: a run would see it, and land it once it stands still, which one look cannot tell. KNOWN: it is an arrival.
    REFUSED: it would never be opened. ``says``: which one, or why.
    """

    name: str
    size: int | None
    mtime: datetime | None
    verdict: Verdict
    says: str


@dataclass(frozen=True)
class ProbedContent:
    """
    The beginning of the newest match, judged as a run judges it; no value of a row.

    ``bytes`` were read, ``whole`` says whether that is all. ``refused``: why the file cannot be used, with its code;
    then nothing was counted. ``headers`` stand in it, ``missing`` are those of the contract that it may lack and does,
    ``ignored`` counts columns that the contract does not know. ``rows`` = ``accepted`` + ``rejected``; ``reasons``
    count why rows are rejected (a row may have several), ``notes`` what is only noted. ``copy_of``: the arrival that
    brought this content before, known of a whole file alone.
    """

    name: str
    bytes: int
    whole: bool
    refused: str | None
    headers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    ignored: int = 0
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)
    copy_of: int | None = None


@dataclass(frozen=True)
class Probe:
    """
    What stands in the feed's directory: ``listed`` entries, of which ``files`` are the feed's, the newest first.

    ``others`` are taken by another standing feed of the directory. ``unread`` says why no content was looked at.
    """

    listed: int
    others: int
    files: tuple[ProbedFile, ...]
    content: ProbedContent | None
    unread: str | None


def probe(
    feed: Feed,
    endpoint: Endpoint,
    contract: Contract,
    *,
    ledger: Ledger,
    now: datetime | None = None,
    limits: TransferLimits | None = None,
) -> Probe:
    """
    Look once into the directory of ``feed``, which need not be in the ledger, and into its newest file.

    :raises TransferError: if the partner cannot be reached or the directory cannot be listed.
    :raises FeedError: if the feed's encoding is one that no file is read in.
    """
    from include.collect.run import entries_of
    from include.sftp import Session, TransferError

    with Session(endpoint, limits) as session:
        listing = session.entries(feed.directory)
        entries = sorted(entries_of(feed, listing), key=_age, reverse=True)
        known = ledger.arrivals(interface=feed.interface, dealer=feed.dealer)
        files = tuple(_file(entry, feed, known) for entry in entries)
        # What was refused for its name or type is an arrival by now, and still never opened.
        readable = (file for entry, file in zip(entries, files, strict=True) if entry.reject_code is None)
        newest = next((file for file in readable if file.verdict != "REFUSED"), None)
        content, unread = None, None
        if newest is None:
            unread = "no file that may be read matches the pattern"
        elif not endpoint.remote_profile.readable:
            unread = "at this partner reading a file counts as collecting it (its connection says readable: false)"
        else:
            try:
                content = _content(session, feed, newest, listing, contract, known, now or datetime.now(UTC))
            except TransferError as error:
                if error.endpoint_wide:
                    raise
                unread = str(error)
    return Probe(len(listing), _others(feed, listing, ledger), files, content, unread)


def _age(entry: SeenEntry) -> tuple[datetime, str]:
    return entry.mtime or datetime.min.replace(tzinfo=UTC), entry.remote_name


def _others(feed: Feed, listing: Sequence[RemoteEntry], ledger: Ledger) -> int:
    """Count the entries that other standing feeds of the directory take."""
    from include.feeds.commands import feeds

    beside = [
        other
        for other in feeds(ledger)
        if other.id != feed.id and (other.conn_id, other.directory) == (feed.conn_id, feed.directory)
    ]
    names = [entry.name.decode(errors="backslashreplace") for entry in listing]
    return sum(any(other.matches(name) for other in beside) for name in names)


def _file(entry: SeenEntry, feed: Feed, known: Sequence[ArrivalRow]) -> ProbedFile:
    verdict, says = _verdict(entry, feed, known)
    return ProbedFile(entry.remote_name, entry.size, entry.mtime, verdict, says)


def _verdict(entry: SeenEntry, feed: Feed, known: Sequence[ArrivalRow]) -> tuple[Verdict, str]:
    from include.collect import CollectLimits
    from include.ledger.arrival_states import GONE

    named = [row for row in known if (row.directory, row.remote_name) == (feed.directory, entry.remote_name)]
    for row in named:
        if row.feed_id == feed.id and row.state not in GONE and (row.size, row.mtime) == (entry.size, entry.mtime):
            return "KNOWN", f"arrival {row.id} is {row.state}" + (f": {row.reason}" if row.reason else "")
    if entry.reject_code is not None:
        return "REFUSED", f"{entry.reject_code}: {entry.reason}"
    if entry.size is not None and entry.size > (most := CollectLimits().file_bytes):
        return "REFUSED", f"TOO_LARGE: {entry.size:,} bytes; we read {most:,} at most"
    landed = [row for row in named if row.sha256 is not None]
    if landed:
        return "NEW", f"this name was arrival {landed[-1].id} before ({landed[-1].state}); its content decides"
    return "NEW", "is landed once two looks find it unchanged"


def _content(
    session: Session,
    feed: Feed,
    file: ProbedFile,
    listing: Sequence[RemoteEntry],
    contract: Contract,
    known: Sequence[ArrivalRow],
    now: datetime,
) -> ProbedContent:
    entry = next(entry for entry in listing if entry.name == file.name.encode() and entry.size == file.size)
    path = posixpath.join(feed.directory, file.name)
    found = session.beginning(path, expected=entry, max_bytes=BEGINNING_BYTES)
    whole = len(found) == entry.size
    sha256 = hashlib.sha256(found).hexdigest()
    copies = [row.id for row in known if whole and row.sha256 == sha256 and row.state != "REJECTED"]
    about = ProbedContent(file.name, len(found), whole, None, copy_of=copies[0] if copies else None)
    return _judged(about, feed, contract, found, now)


def _judged(about: ProbedContent, feed: Feed, contract: Contract, found: bytes, now: datetime) -> ProbedContent:
    """Judge the beginning of a file as a run that lands it now would judge it."""
    from include.inbound.judge import Judge, arrangement_of
    from include.inbound.refusals import ROW_REASONS, FileRefused

    try:
        told = arrangement_of(contract, encoding=feed.encoding, date_format=feed.date_format)
    except ValueError as error:
        raise FeedError(str(error)) from error
    if not about.whole:
        # What is cut may end within a character.
        found = found[: max(found.rfind(b"\n"), found.rfind(b"\r")) + 1] or found
    today = now.astimezone(ZoneInfo(contract.zone)).date()
    judge = Judge(told, dealer=feed.dealer, window=day_window(today, contract.zone))
    accepted = rejected = 0
    failed: Counter[str] = Counter()
    try:
        for part in judge.judge(io.BytesIO(found), whole=about.whole):
            accepted += part.accepted.height
            rejected += part.rejected.height
            failed.update(part.failed)
    except FileRefused as refused:
        return replace(about, refused=str(refused))
    assert judge.headers is not None
    headers = {column.name: column.header for column in told.columns}
    fatal = ROW_REASONS.keys() | {rule.id for rule in told.table.row_rules if rule.severity == "error"}
    return replace(
        about,
        headers=tuple(header for name, header in headers.items() if name in judge.headers.positions),
        missing=tuple(headers[name] for name in judge.headers.missing),
        ignored=judge.headers.ignored,
        rows=accepted + rejected,
        accepted=accepted,
        rejected=rejected,
        reasons={name: count for name, count in failed.most_common() if name in fatal},
        notes={name: count for name, count in failed.most_common() if name not in fatal},
    )
