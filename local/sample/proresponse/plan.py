"""The whole sample: six dealers, three days that are past and today, and everything that can come in between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from local.sample.proresponse.book import SALES, SERVICE, Book, Fate, FeedPlan, SampleFile, Whose
from local.sample.proresponse.dealing import DealerPlan, Dealing
from local.sample.proresponse.files import again, plain, refused, stamp, unsafe_names
from local.sample.proresponse.odd_rows import bad_sales, bad_work, odd_sales, odd_work
from local.sample.proresponse.who import OwnAddress, Standing, matching_cases, own_addresses

PAST_DAYS: Final = 3
LONG_AGO, FAR_AHEAD = 915_148_800, 4_070_908_800
"""1 January 1999 and 2099: times that a copy kept, or a clock that is wrong."""


def _dealer(name: str, number: int, kind: str, service: str, **told: object) -> DealerPlan:
    apart = bool(told.pop("apart", False))
    accented = bool(told.pop("accented", False))
    feeds = {
        interface: FeedPlan(
            dealer=name,
            interface=interface,
            directory=f"{name}/{folder}" if apart else f"{name}/out",
            pattern=pattern,
            **told,  # type: ignore[arg-type]
        )
        for interface, folder, pattern in ((SALES, "sales", r"_SL\.csv$"), (SERVICE, "service", service))
    }
    return DealerPlan(name, number, kind, feeds, accented)


DEALERS: Final = (
    _dealer("lakeside_rv", 11, "rv", r"_SV\.csv$"),
    _dealer("harbor_marine", 12, "marine", r"^service_[0-9]+\.csv$", apart=True, encoding="cp1252", accented=True),
    _dealer("prairie_powersports", 13, "power", r"_WO\.csv$", date_format="%d/%m/%Y", removes=False),
    _dealer("summit_trailers", 14, "rv", r"_SV\.csv$"),
    _dealer("coastal_boats", 15, "marine", r"_SV\.csv$", apart=True, date_format="%Y-%m-%d"),
    _dealer("desert_campers", 16, "rv", r"_SV\.csv$"),
)


@dataclass(frozen=True)
class ProresponseSample:
    """All feeds, all files, and what stood in the CRM before; with what must become of each."""

    until: date
    feeds: tuple[FeedPlan, ...]
    files: tuple[SampleFile, ...]
    standing: tuple[Standing, ...]
    own: tuple[OwnAddress, ...]
    books: tuple[Book, ...]


def proresponse_sample(seed: int, until: date) -> ProresponseSample:
    """Return the sample whose last day is ``until``, which has ended; the same for the same two."""
    files: list[SampleFile] = []
    standing: list[Standing] = []
    own: list[OwnAddress] = []
    books = []
    for plan in DEALERS:
        deals = Dealing(plan, seed, until)
        files += _past(deals, until)
        more, stood = _today(deals, until)
        files += more
        standing += stood
        own += own_addresses(deals)
        books.append(deals.book)
    feeds = tuple(feed for plan in DEALERS for feed in plan.feeds.values())
    return ProresponseSample(until, feeds, tuple(files), tuple(standing), tuple(own), tuple(books))


def _name(feed: FeedPlan, day: date) -> str:
    """A day's file, as this feed's pattern has it."""
    if feed.pattern.startswith("^service_"):
        return f"service_{day:%Y%m%d}.csv"
    return f"{feed.dealer}_{day:%m%d%Y}{feed.pattern.removesuffix('$').replace(chr(92), '')}"


def _past(deals: Dealing, until: date) -> list[SampleFile]:
    """Ordinary days. Sales are imported before work orders are, so work may be done for whoever bought."""
    files = []
    days = [until - timedelta(days=back) for back in range(PAST_DAYS, 0, -1)]
    for interface, write in ((SALES, deals.sales), (SERVICE, deals.work)):
        feed = deals.plan.feeds[interface]
        for day in days:
            sheet = deals.sheet(interface)
            write(sheet, day, known=list(deals.customers))
            files.append(plain(sheet, "a day", "past", _name(feed, day), stamp(day)))
    return files


def _today(deals: Dealing, day: date) -> tuple[list[SampleFile], list[Standing]]:
    """
    Today's files, and who must have stood in the CRM for them. Both kinds are imported beside each other, so nobody is
    new in both.
    """
    known = list(deals.customers)
    sales, service = deals.sheet(SALES), deals.sheet(SERVICE)
    deals.sales(sales, day, known=known)
    deals.work(service, day, known=known)
    standing: list[Standing] = []
    extra: list[SampleFile] = []
    feed = deals.plan.feeds[SALES]
    match deals.plan.name:
        case "lakeside_rv":
            odd_sales(deals, sales, day)
            bad_sales(deals, sales, day)
            standing = matching_cases(deals, sales, day)
        case "harbor_marine" | "prairie_powersports":
            odd_work(deals, service, day)
            bad_work(deals, service, day)
    files = [
        plain(sales, "a day", "today", _name(feed, day), stamp(day)),
        plain(service, "a day", "today", _name(service.feed, day), stamp(day, 1)),
    ]
    match deals.plan.name:
        case "prairie_powersports":
            extra = [again(files[0], "the same file under another name", "copy_SL.csv", stamp(day, 5))]
        case "summit_trailers":
            extra = [*refused(deals, feed, day), *unsafe_names(feed, files[0].content, day)]
        case "coastal_boats":
            extra = [again(files[0], "the same file once more", files[0].label, stamp(day, 200)), _held(deals, day)]
            extra[0] = replace(extra[0], wave="later")
            extra += _edited(deals, day)
        case "desert_campers":
            extra = _odd_times(deals, day)
    return files + extra, standing


def _held(deals: Dealing, day: date) -> SampleFile:
    """More bad rows than the contract allows: nothing of it is imported until a person has looked."""
    sheet = deals.sheet(SALES)
    for count in range(40):
        reasons = ("never applied",)
        told = {"SoldDate": ""} if count % 4 else {}
        sheet.sale(deals.town.person(), deals.yard.unit(), deals.deal(), day, reasons=reasons, texts=told)
    fate = Fate(state="HELD", stays=True)
    return SampleFile(sheet.feed, "too many bad rows", "today", b"odd_SL.csv", sheet.content, stamp(day, 9), fate)


def _edited(deals: Dealing, day: date) -> list[SampleFile]:
    """Deals that come again after an edit, under the name under which they came first."""
    people = [(deals.town.person(), deals.yard.unit(), deals.deal()) for _ in range(5)]
    files = []
    for minute, case in ((20, "deals to be edited"), (40, "the same name, edited")):
        sheet = deals.sheet(SALES)
        for count, (person, unit, deal) in enumerate(people):
            financed = "18000.00" if count == 2 and minute == 40 else "15000.00"
            sheet.sale(person, unit, deal, day, financed=financed, whose=Whose("NEW", person.who))
        if minute == 40:
            person = deals.town.person()
            sheet.sale(person, deals.yard.unit(), deals.deal(), day, whose=Whose("NEW", person.who))
        files.append(plain(sheet, case, "today", "deals_SL.csv", stamp(day, minute)))
    files[1] = replace(files[1], wave="later")
    return files


def _odd_times(deals: Dealing, day: date) -> list[SampleFile]:
    """A file with a header alone, one with the mark of UTF-8, times long ago and far ahead, and a writer who paused."""
    feed = deals.plan.feeds[SALES]
    files = [plain(deals.sheet(SALES), "a header and no rows", "today", "idle_SL.csv", stamp(day, 3))]
    for case, name, mtime in (
        ("a time long ago", "old_SL.csv", LONG_AGO),
        ("a time far ahead", "future_SL.csv", FAR_AHEAD),
        ("the mark of UTF-8", "marked_SL.csv", stamp(day, 4)),
    ):
        sheet = deals.sheet(SALES)
        person = deals.town.person()
        sheet.sale(person, deals.yard.unit(), deals.deal(), day, whose=Whose("NEW", person.who))
        files.append(plain(sheet, case, "today", name, mtime))
    files[-1] = replace(files[-1], content=b"\xef\xbb\xbf" + files[-1].content)
    sheet = deals.sheet(SALES)
    for _ in range(6):
        person = deals.town.person()
        sheet.sale(person, deals.yard.unit(), deals.deal(), day, whose=Whose("NEW", person.who))
    half = Fate(state="REJECTED", code="TRUNCATED", stays=False)
    content = sheet.content
    paused = b"paused_SL.csv"
    cut = content.rindex(b",", 0, len(content) // 2)
    return [
        *files,
        SampleFile(feed, "half a file, whose writer paused", "today", paused, content[:cut], stamp(day, 6), half),
        replace(plain(sheet, "the whole file", "today", paused.decode(), stamp(day, 30)), wave="later"),
    ]
