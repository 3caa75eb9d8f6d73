"""Adding feeds, pausing, resuming and ending them. Each change is an event of the ledger and says who and why."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from include.contract import contract_ids
from include.feeds.errors import FeedError
from include.feeds.feed import Feed
from include.feeds.pattern import require_sound, shared_name

if TYPE_CHECKING:
    from include.ledger import InboundFeedRow, Ledger

# What a feed gets that names none; without one it must. ProResponse's own setup text shows the sales pattern for both
# kinds; run as written, whichever feed came first would eat the other's file.
DEFAULT_PATTERNS: Final = {"proresponse_sales": r"_SL\.csv$"}
# A wrong guess would read 05/03 as a day in May, and nothing would tell.
DEFAULT_DATE_FORMATS: Final = {"proresponse_sales": "%m/%d/%Y", "proresponse_service": "%m/%d/%Y"}
DATE_FORMATS: Final = ("%m/%d/%Y", "%m/%d/%y", "%d/%m/%Y", "%d.%m.%Y", "%Y-%m-%d", "%Y%m%d", "%d-%b-%Y")
STANDING: Final = ("LIVE", "PAUSED")
_DEALER: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_CONNECTION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,249}")


def add_feed(
    ledger: Ledger,
    *,
    interface: str,
    dealer: str,
    directory: str,
    conn_id: str,
    pattern: str | None = None,
    encoding: str = "utf-8",
    date_format: str | None = None,
    delete_from_server: bool = False,
) -> Feed:
    """
    Add a LIVE feed, if its settings are sound and it can share no file with another in its directory.

    ``directory`` is relative to the partner's home and stored without needless parts. ``pattern`` and ``date_format``
    may be left out only where the interface has a default. Feeds of *other* dealers in the same directory count as
    well: rows of one dealer must not come to another's customers.

    :raises FeedError: naming the setting that is refused, or the other feed and a name that both would take.
    :raises LedgerError: if the dealer has a standing feed of the interface already.
    """
    settings = sound_settings(
        interface=interface,
        dealer=dealer,
        directory=directory,
        conn_id=conn_id,
        pattern=pattern,
        encoding=encoding,
        date_format=date_format,
        delete_from_server=delete_from_server,
    )

    def refuse(standing: Sequence[InboundFeedRow]) -> None:
        for other in standing:
            if (why := clash(settings["pattern"], other)) is not None:
                raise FeedError(why)

    return Feed.of(ledger.add_inbound_feed(settings, refuse=refuse))


def proposed_feed(ledger: Ledger, **settings: Any) -> tuple[Feed, tuple[str, ...]]:
    """
    Return the feed that :func:`add_feed` would add with these settings, numbered 0, and why it would refuse to.

    Adds nothing. Settings that are not sound by themselves raise :class:`FeedError` as they do there.
    """
    sound = sound_settings(**settings)
    now = datetime.now(UTC)
    feed = Feed(id=0, **sound, state="LIVE", reason=None, changed_at=now, changed_by=ledger.actor, created_at=now)
    objections = []
    for other in ledger.inbound_feeds():
        if (other.interface, other.dealer) == (feed.interface, feed.dealer):
            objections.append(f"{other.label} is {other.state}; a dealer has one standing feed of an interface")
        elif (other.conn_id, other.directory) == (feed.conn_id, feed.directory):
            objections += [why for why in (clash(feed.pattern, other),) if why is not None]
    return feed, tuple(objections)


def clash(pattern: str, other: InboundFeedRow) -> str | None:
    """Say which name both ``pattern`` and the feed beside it would take; None if there is none."""
    name = shared_name(pattern, other.pattern)
    if name is None:
        return None
    return (
        f"{other.label} takes files of the same directory ({other.directory} at {other.conn_id}) by "
        f"{other.pattern!r}, and {pattern!r} could take the same ones, e.g. {name!r}: whichever came first "
        "would eat the other's file. Next: make the patterns exclude each other, or give the feeds "
        "directories of their own"
    )


def sound_settings(
    *,
    interface: str,
    dealer: str,
    directory: str,
    conn_id: str,
    pattern: str | None = None,
    encoding: str = "utf-8",
    date_format: str | None = None,
    delete_from_server: bool = False,
) -> dict[str, Any]:
    """Return the settings as a feed's row has them; :class:`FeedError` naming the one that is refused."""
    if interface not in (inbound := contract_ids("inbound")):
        raise FeedError(f"{interface!r} is no inbound interface; there are {', '.join(inbound)}")
    if not _DEALER.fullmatch(dealer):
        raise FeedError(f"the dealer {dealer!r} is no label: lower-case letters, digits, _ and -, e.g. lakeside_rv")
    if not _CONNECTION.fullmatch(conn_id):
        raise FeedError(f"{conn_id!r} is no connection id: letters, digits, '_', '.' and '-'")
    chosen = pattern if pattern is not None else DEFAULT_PATTERNS.get(interface)
    if chosen is None:
        raise FeedError(
            f"{interface} has no default pattern, and one that fits too much takes another feed's files. Ask the "
            "partner how these files are named, then give --pattern"
        )
    require_sound(chosen)
    written = date_format if date_format is not None else DEFAULT_DATE_FORMATS.get(interface)
    if written is None:
        raise FeedError(
            f"{interface} has no default date format, and a wrong one takes May for March without a word. Ask the "
            f"partner how its dates are written, then give --date-format: {', '.join(DATE_FORMATS)}"
        )
    return {
        "interface": interface,
        "dealer": dealer,
        "directory": clean_directory(directory),
        "pattern": chosen,
        "conn_id": conn_id,
        "encoding": known_encoding(encoding),
        "date_format": known_date_format(written),
        "delete_from_server": delete_from_server,
    }


def pause_feed(ledger: Ledger, feed_id: int, *, reason: str) -> Feed:
    """Take no new file of the feed until it is resumed; :class:`TransitionError` if it is not LIVE."""
    return Feed.of(ledger.move_inbound_feed(feed_id, "PAUSED", reason=reason))


def resume_feed(ledger: Ledger, feed_id: int, *, reason: str) -> Feed:
    """Take the feed's files again; :class:`TransitionError` if it is not PAUSED."""
    return Feed.of(ledger.move_inbound_feed(feed_id, "LIVE", reason=reason))


def terminate_feed(ledger: Ledger, feed_id: int, *, reason: str) -> Feed:
    """End the feed for good; :class:`TransitionError` if it has ended, or a file of it is under way or held."""
    return Feed.of(ledger.move_inbound_feed(feed_id, "TERMINATED", reason=reason))


def feed(ledger: Ledger, feed_id: int) -> Feed:
    """Return the feed; :class:`LedgerError` if there is none."""
    return Feed.of(ledger.inbound_feed(feed_id))


def feeds(
    ledger: Ledger, *, interface: str | None = None, dealer: str | None = None, states: Iterable[str] = STANDING
) -> list[Feed]:
    """Return the feeds in ``states`` that match everything given, by interface and dealer."""
    return [Feed.of(row) for row in ledger.inbound_feeds(interface=interface, dealer=dealer, states=states)]


def clean_directory(directory: str) -> str:
    """Return the directory without needless parts; :class:`FeedError` if it is not one below the partner's home."""
    if directory.startswith("/"):
        raise FeedError(f"the directory {directory!r} is absolute; give it relative to the partner's home, e.g. out/rv")
    if "\\" in directory or any(unicodedata.category(character)[0] == "C" for character in directory):
        raise FeedError(f"the directory {directory!r} holds a backslash or a control character; correct it")
    parts = [part for part in directory.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise FeedError(f"the directory {directory!r} leads out of where it begins ('..'); give the path without")
    if len(directory) > 500:
        raise FeedError(f"the directory is {len(directory)} characters long; 500 at most are allowed")
    return "/".join(parts) or "."


def known_encoding(encoding: str) -> str:
    """Return the one name of a text encoding; :class:`FeedError` if Python knows none of that name."""
    try:
        found = codecs.lookup(encoding)
    except (LookupError, ValueError) as error:
        raise FeedError(f"the encoding {encoding!r} is not known; use utf-8 or cp1252, or ask the partner") from error
    if not getattr(found, "_is_text_encoding", True) or found.name.startswith(("utf-16", "utf-32", "utf-7", "idna")):
        raise FeedError(
            f"the encoding {encoding!r} is not one that files come in here; use utf-8 or a one-byte one such as cp1252"
        )
    return found.name


def known_date_format(date_format: str) -> str:
    """Return the format; :class:`FeedError` if it is none of those that can be told apart."""
    if date_format not in DATE_FORMATS:
        raise FeedError(f"the date format {date_format!r} is none of {', '.join(DATE_FORMATS)}")
    return date_format
