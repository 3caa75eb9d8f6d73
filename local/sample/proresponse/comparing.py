"""What became of the sample, beside what had to: file by file, row by row, activity by activity."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg2

from local.sample.proresponse.book import Book, Fate, Key, SampleFile, Told, Wave
from local.sample.proresponse.plan import ProresponseSample

ACTIVITIES: Final = """
SELECT a.dealer, a.type, coalesce(a.deal_number, a.work_order_number, ''), coalesce(a.branch, ''),
       coalesce(a.stock_number, ''), a.occurred_on, coalesce(a.amount_financed, a.work_order_amount), a.cash_purchase,
       a.line_count, a.contact_id, d.rule, d.outcome
  FROM crm.activity a JOIN crm.match_decision d USING (activity_id)
"""
REJECTED: Final = """
SELECT i.arrival_id, r.line, r.reasons FROM crm.rejected_row r JOIN crm.import i USING (import_id) ORDER BY 1, 2
"""
ENDS: Final = ("REMOVED", "KEPT", "REJECTED", "HELD")
COUNTS: Final = ("created", "updated", "unchanged", "linked", "new", "review")


@dataclass
class Line:
    """One dealer's files of one kind: what is counted, for the table."""

    dealer: str
    interface: str
    states: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass
class Comparison:
    """``lines`` of what was found, ``foretold`` the same by the sample's own list, ``differences`` in words."""

    lines: list[Line]
    foretold: list[Line]
    differences: list[str]

    def table(self) -> str:
        """One line for each dealer and kind; where what is found is not what was foretold, that stands beside it."""
        names = ("rows", "rejected", *COUNTS)
        head = f"  {'dealer':<20} {'files of':<20} {'files':<36}" + "".join(f"{name:>11}" for name in names)
        rows = [head]
        for found, told in zip(self.lines, self.foretold, strict=True):
            states = ", ".join(f"{number} {state.lower()}" for state, number in sorted(found.states.items()))
            cells = [
                str(found.counts[name])
                + ("" if found.counts[name] == told.counts[name] else f" not {told.counts[name]}")
                for name in names
            ]
            if found.states != told.states:
                states += " (not as foretold)"
            rows.append(
                f"  {found.dealer:<20} {found.interface:<20} {states:<36}" + "".join(f"{cell:>11}" for cell in cells)
            )
        return "\n".join(rows)


def compare(sample: ProresponseSample, *, ledger_dsn: str, dms_dsn: str, home: Path) -> Comparison:
    """Hold ledger, CRM and the partner's directories against the sample's own list."""
    arrivals = _rows(
        ledger_dsn,
        "SELECT id, interface, dealer, remote_name, state, reject_code, sha256, bytes, rows_read, rows_rejected "
        "FROM ledger.arrival ORDER BY id",
    )
    events = dict(
        _rows(
            ledger_dsn,
            "SELECT (detail ->> 'arrival')::bigint, detail FROM ledger.event WHERE kind = 'APPLIED' "
            "AND detail ->> 'arrival' IS NOT NULL",
        )
    )
    lines = {(feed.dealer, feed.interface): Line(feed.dealer, feed.interface) for feed in sample.feeds}
    foretold = {key: Line(*key) for key in lines}
    differences: list[str] = []
    waiting = defaultdict(list)
    for file in sample.files:
        if file.fate is not None:
            waiting[(file.feed.dealer, file.feed.interface, _name_of(file))].append(file)
            _foretell(foretold[(file.feed.dealer, file.feed.interface)], file.fate)
    rejected: dict[int, dict[int, tuple[str, ...]]] = defaultdict(dict)
    for arrival_id, number, reasons in _rows(dms_dsn, REJECTED):
        rejected[arrival_id][number] = tuple(sorted(reasons))
    others: set[str] = set()
    for arrival_id, interface, dealer, name, state, code, _, _, rows_read, rows_rejected in arrivals:
        key = (dealer, interface, name)
        if (line := lines.get(key[:2])) is None or key not in waiting:
            others.add(dealer)  # Somebody has put a file of their own down.
            continue
        line.states[state] += 1
        told = events.get(arrival_id)
        if told is not None:
            line.counts.update({"rows": rows_read, "rejected": rows_rejected})
            line.counts.update({each: told[each] for each in COUNTS})
        if not waiting[key]:
            differences.append(f"{dealer}, {name}: arrival {arrival_id} was not foretold ({state})")
            continue
        file = waiting[key].pop(0)
        differences += _differences(file, f"{dealer}, {name} ({file.case})", state, code, told, rejected[arrival_id])
    for (dealer, _, name), files in waiting.items():
        differences += [f"{dealer}, {name} ({file.case}): the ledger does not know it" for file in files]
    differences += _at_partner(sample, home)
    differences += _activities(sample, dms_dsn, others)
    return Comparison(list(lines.values()), list(foretold.values()), differences)


def settled(sample: ProresponseSample, waves: Iterable[Wave], *, ledger_dsn: str) -> tuple[int, int]:
    """How many of the waves' files have come to an end, whichever, and how many there are."""
    wanted = set(waves)
    expected = sum(file.fate is not None and file.wave in wanted for file in sample.files)
    dealers = sorted({feed.dealer for feed in sample.feeds})
    query = "SELECT count(*) FROM ledger.arrival WHERE state = ANY(%s) AND dealer = ANY(%s)"
    [(found,)] = _rows(ledger_dsn, query, [list(ENDS), dealers])
    return min(found, expected), expected


def _name_of(file: SampleFile) -> str:
    """The name as the ledger shows it; unsafe ones are escaped there."""
    from include.collect.names import label

    return label(file.name)


def _foretell(line: Line, fate: Fate) -> None:
    line.states[fate.state] += 1
    if fate.rows is not None:
        line.counts.update({"rows": fate.rows, "rejected": len(fate.rejected)})
        line.counts.update({name: getattr(fate, name) for name in COUNTS})


def _differences(
    file: SampleFile, what: str, state: str, code: str | None, told: dict[str, Any] | None, rejected: dict[int, Any]
) -> Iterator[str]:
    fate = file.fate
    assert fate is not None
    if (state, code) != (fate.state, fate.code):
        yield f"{what}: {state} {code or ''}, not {fate.state} {fate.code or ''}"
        return
    if (told is not None) != (fate.rows is not None):
        yield f"{what}: {'imported' if told else 'not imported'}, foretold otherwise"
    elif told is not None:
        wrong = {name: (told[name], getattr(fate, name)) for name in COUNTS if told[name] != getattr(fate, name)}
        for name, (found, wanted) in wrong.items():
            yield f"{what}: {found} {name}, not {wanted}"
    if dict(rejected) != dict(fate.rejected):
        for number in sorted(rejected.keys() | fate.rejected.keys()):
            found, wanted = rejected.get(number), fate.rejected.get(number)
            if found != wanted:
                yield f"{what}, line {number}: rejected for {found}, not {wanted}"


def _at_partner(sample: ProresponseSample, home: Path) -> Iterator[str]:
    """Whether what ought to lie at the partner still does, and nothing else of the sample."""
    wanted: dict[tuple[str, bytes], bool] = {}
    for file in sample.files:
        wanted[(file.feed.directory, file.name)] = file.fate is None or file.fate.stays
    for (directory, name), stays in wanted.items():
        there = os.path.lexists(os.fsencode(home / directory) + b"/" + name)
        if there != stays:
            shown = name.decode(errors="backslashreplace")
            yield f"{directory}/{shown}: {'still there' if there else 'removed'} at the partner, foretold otherwise"


def _activities(sample: ProresponseSample, dms_dsn: str, others: Collection[str]) -> Iterator[str]:
    """
    Each activity's content, the rule by which it found its contact, and that one person is one contact.

    :param others: dealers of whom files came that are none of the sample's, and may bring activities of their own.
    """
    books = {book.dealer: book for book in sample.books}
    people: dict[tuple[str, str], set[int]] = defaultdict(set)
    contacts: dict[int, set[str]] = defaultdict(set)
    seen: dict[str, set[Key]] = defaultdict(set)
    for dealer, *key, day, amount, cash, lines, contact_id, rule, outcome in _rows(dms_dsn, ACTIVITIES):
        if (book := books.get(dealer)) is None:
            continue
        found: Key = (key[0], key[1], key[2], key[3])
        seen[dealer].add(found)
        if found not in book.activities:
            if dealer not in others:
                yield f"{dealer}, {' '.join(key)}: an activity that was not foretold"
            continue
        yield from _content(dealer, found, book.activities[found], (day, amount, cash, lines))
        whose = book.whose[found]
        wanted = "REVIEW" if whose.who is None else "CREATED" if whose.rule == "NEW" else "LINKED"
        if (rule, outcome) != (whose.rule, wanted):
            yield f"{dealer}, {' '.join(key)}: {outcome} by {rule}, not {wanted} by {whose.rule}"
        elif whose.who is not None:
            people[(dealer, whose.who)].add(contact_id)
            contacts[contact_id].add(whose.who)
    for book in sample.books:
        yield from (f"{book.dealer}, {' '.join(key)}: is no activity" for key in _missing(book, seen[book.dealer]))
    yield from (f"{dealer}: {who} is {len(ids)} contacts" for (dealer, who), ids in people.items() if len(ids) > 1)
    yield from (f"contact {number} is {', '.join(sorted(whos))}" for number, whos in contacts.items() if len(whos) > 1)


def _missing(book: Book, seen: set[Key]) -> Iterable[Key]:
    return sorted(book.activities.keys() - seen)


def _content(dealer: str, key: Key, told: Told, found: tuple[Any, ...]) -> Iterator[str]:
    wanted = (told.day, Decimal(told.amount or 0), told.cash, told.lines)
    day, amount, cash, lines = found
    if wanted != (day, Decimal(amount or 0), cash, lines):
        yield f"{dealer}, {' '.join(key)}: does not say what it has to ({', '.join(_parts(wanted, found))})"


def _parts(wanted: tuple[Any, ...], found: tuple[Any, ...]) -> Iterator[str]:
    for name, one, other in zip(("day", "amount", "cash", "lines"), wanted, found, strict=True):
        if one != (Decimal(other or 0) if name == "amount" else other):
            yield name


def _rows(dsn: str, query: str, asked: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query, asked or None)
        return cursor.fetchall()
