"""Whole files that go wrong: on their way, in their form, in their name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from local.sample.proresponse.book import Fate, FeedPlan, SampleFile, Sheet, Wave
from local.sample.proresponse.dealing import Dealing

UNSAFE = Fate(state="REJECTED", code="NAME_UNSAFE", stays=True)
LONG_NAME = 240


def stamp(day: date, minute: int = 0) -> int:
    """Seconds since 1970 at which a file of ``day`` was written: in the small hours of the day after."""
    return int((datetime.combine(day, time(5), UTC) + timedelta(days=1, minutes=minute)).timestamp())


def plain(sheet: Sheet, case: str, wave: Wave, name: str, mtime: int) -> SampleFile:
    """The sheet as a file that is imported as it is."""
    return SampleFile(sheet.feed, case, wave, name.encode(), sheet.content, mtime, sheet.applied())


def again(file: SampleFile, case: str, name: str, mtime: int) -> SampleFile:
    """The same bytes once more: nothing of them may be imported."""
    feed = file.feed
    fate = Fate(state="REMOVED" if feed.removes else "KEPT", stays=not feed.removes)
    return SampleFile(feed, case, "today", name.encode(), file.content, mtime, fate)


def refused(deals: Dealing, feed: FeedPlan, day: date) -> Iterator[SampleFile]:
    """Files of which no row can be read, each with the code that says why. Their customers come to nothing."""
    sheet = Sheet(deals.book, feed)
    sheet.sale(deals.town.person(), deals.yard.unit(), deals.deal(), day, reasons=("never read",))
    sheet.sale(deals.town.person(), deals.yard.unit(), deals.deal(), day, reasons=("never read",))
    whole = sheet.content
    header, rest = whole.split(b"\n", 1)
    bodies = {
        "zero byte": (b"", "EMPTY"),
        "truncated upload": (whole[:-30], "TRUNCATED"),
        "in UTF-16": (whole.decode().encode("utf-16"), "ENCODING"),
        "Windows-1252 in a feed of UTF-8": (whole.replace(b"Sample Street", b"Stra\xdfe"), "ENCODING"),
        "header renamed": (header.replace(b"Amount.Financed", b"AmountFinanced") + b"\n" + rest, "HEADER_MISSING"),
        "header doubled": (header + b",VIN\n" + rest.replace(b"\n", b",x\n"), "HEADER_DOUBLED"),
        "semicolons": (whole.replace(b",", b";"), "DELIMITER"),
        "a workbook": (b"PK\x03\x04" + whole, "NOT_CSV"),
    }
    for number, (case, (content, code)) in enumerate(bodies.items()):
        name = f"refused_{number}_SL.csv".encode()
        fate = Fate(state="REJECTED", code=code, stays=True)
        yield SampleFile(feed, case, "today", name, content, stamp(day, number), fate)


def unsafe_names(feed: FeedPlan, content: bytes, day: date) -> Iterator[SampleFile]:
    """Names that may not be asked for, of files that would be good; and one that is no file of ours at all."""
    names = {
        "a line end in the name": b"two\nlines_SL.csv",
        "a terminal's escape in the name": b"\x1b[31mred_SL.csv",
        "an endless name": b"n" * (LONG_NAME - 7) + b"_SL.csv",
        "a name that is no UTF-8": b"caf\xe9_SL.csv",
    }
    for case, name in names.items():
        yield SampleFile(feed, case, "today", name, content, stamp(day), UNSAFE)
    yield SampleFile(feed, "a link", "today", b"link_SL.csv", b"", stamp(day), UNSAFE, link_to="/etc/hostname")
    yield SampleFile(feed, "still being written, by its name", "today", b"new_SL.csv.part", content, stamp(day), None)
    yield SampleFile(feed, "a backup", "today", b"old_SL.csv.bak", content, stamp(day), None)
