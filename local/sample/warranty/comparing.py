"""What became of the sample, beside what had to: file by file, line by line, claim by claim, and every balance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg2

from local.sample.warranty.book import INTERFACE, Key, SampleFile, Told, Wave
from local.sample.warranty.plan import DIRECTORY, GROUP, WarrantySample

LINES: Final = """
SELECT p.document_number, l.line_no, l.line_id, a.outcome, coalesce(a.rule, a.reason), c.dealer, c.source_key, a.dealer,
       l.gross, a.vat_differs
  FROM warranty.payment p JOIN warranty.payment_line l USING (payment_id) JOIN warranty.assessment a USING (line_id)
  LEFT JOIN warranty.claim c USING (claim_id)
 ORDER BY 1, 2
"""
CLAIMS: Final = """
SELECT claim_id, dealer, source_key, status, settled, written_off, on_account FROM warranty.v_claim ORDER BY 2, 3
"""
BALANCES: Final = """
SELECT dealer, account, currency, sum(amount) FROM warranty.entry GROUP BY 1, 2, 3 HAVING sum(amount) <> 0
"""
PAID: Final = """
SELECT p.document_number, e.dealer, sum(e.amount)
  FROM warranty.entry e JOIN warranty.payment p USING (payment_id) GROUP BY 1, 2 HAVING sum(e.amount) <> 0
"""
UNBALANCED: Final = """
SELECT journal_id, dealer, currency, sum(amount) FROM warranty.entry GROUP BY 1, 2, 3 HAVING sum(amount) <> 0
"""
DECISIONS: Final = "SELECT dealer, claim_id, to_claim_id, line_id FROM warranty.decision"
ENDS: Final = ("REMOVED", "KEPT", "REJECTED", "HELD")
Place = tuple[str, int]  # document and line number


@dataclass(frozen=True)
class Found:
    """What a line became."""

    outcome: str
    why: str
    claim: Key | None
    dealer: str
    gross: Decimal
    vat_differs: bool

    @property
    def label(self) -> str:
        return f"{self.outcome} {self.why}" + (", another VAT" if self.vat_differs else "")


@dataclass
class Comparison:
    """
    Lines and claims as planted and as found, by document and line number or by key, and ``differences`` in words.

    ``files`` counts what became of the files, by state and code.
    """

    planted: dict[Place, Told]
    found: dict[Place, Found]
    claims: tuple[int, int]
    """Claims that stand as they have to, of all."""
    files: Counter[str]
    differences: list[str]

    @property
    def wrong_matches(self) -> int:
        """Lines that were given to a claim without asking anybody, and are not that claim's."""
        return sum(
            line.claim is not None and line.claim != self.planted[place].claim for place, line in self.found.items()
        )

    @property
    def precision(self) -> float:
        """Of the lines that were given to a claim, how many are that claim's."""
        given = [place for place, line in self.found.items() if line.claim is not None]
        return _share(len(given) - self.wrong_matches, len(given))

    @property
    def recall(self) -> float:
        """Of the lines that are a claim's beyond doubt, how many were given to it."""
        sure = [place for place, line in self.planted.items() if line.claim is not None]
        right = [self.found[place].claim == self.planted[place].claim for place in sure if place in self.found]
        return _share(sum(right), len(sure))

    def table(self) -> str:
        """One line for each outcome with its rule or reason, then lines, claims and files as a whole."""
        planted = Counter(line.label for line in self.planted.values())
        found = Counter(line.label for line in self.found.values())
        right = Counter(line.label for place, line in self.found.items() if _same(self.planted[place], line))
        rows = [f"  {'payment lines':<42}{'planted':>9}{'found':>9}{'precision':>11}{'recall':>9}"]
        for label in sorted(planted | found):
            precision, recall = _share(right[label], found[label]), _share(right[label], planted[label])
            rows.append(f"  {label:<42}{planted[label]:>9}{found[label]:>9}{precision:>11.3f}{recall:>9.3f}")
        sure = sum(line.claim is not None for line in self.planted.values())
        given = sum(line.claim is not None for line in self.found.values())
        counts = f"{sure:>9}{given:>9}{self.precision:>11.3f}{self.recall:>9.3f}"
        rows.append(f"  {'given to a claim without asking':<42}{counts}")
        cases = len({line.case for line in self.planted.values()})
        states = ", ".join(f"{number} {state}" for state, number in sorted(self.files.items()))
        rows.append(f"  wrong automatic matches: {self.wrong_matches}; {cases} kinds of cases were planted")
        rows.append(f"  claims that stand as they have to: {self.claims[0]} of {self.claims[1]}; files: {states}")
        return "\n".join(rows)


@dataclass(frozen=True)
class Others:
    """What people decided, or what documents of theirs paid: that is no difference. Dealers, claims and lines."""

    dealers: Collection[str]
    claims: Collection[Key]
    lines: Collection[int]


def compare(sample: WarrantySample, *, ledger_dsn: str, dms_dsn: str, home: Path) -> Comparison:
    """Hold ledger, warranty books and the partner's directory against the sample's own list."""
    planted = {
        (document.number, number): line.told
        for document in sample.documents
        for number, line in enumerate(document.lines, 1)
    }
    rows = _rows(dms_dsn, LINES)
    others = _others(dms_dsn, rows, planted)
    found: dict[Place, Found] = {}
    strangers = []
    for document, number, line_id, outcome, why, dealer, key, whose, gross, vat_differs in rows:
        place, claim = (document, number), None if key is None else (dealer, key)
        told = planted.get(place)
        if told is not None and (line_id in others.lines or {told.claim, claim} & set(others.claims)):
            del planted[place]
        elif told is not None:
            found[place] = Found(outcome, why, claim, whose, gross, vat_differs)
        elif document in {each.number for each in sample.documents}:
            strangers.append(f"document {document}, line {number}: was not foretold")
    states, differences = _files(sample, ledger_dsn, home)
    differences += [*strangers, *_lines(planted, found)]
    wrong = list(_claims(sample, dms_dsn, others))
    differences += [words for _, words in wrong]
    differences += _balances(sample, dms_dsn, others)
    standing = (len(sample.claims) - len({key for key, _ in wrong}), len(sample.claims))
    return Comparison(planted, found, standing, states, differences)


def settled(sample: WarrantySample, waves: Iterable[Wave], *, ledger_dsn: str) -> tuple[int, int]:
    """How many of the waves' files have come to an end, whichever, and how many there are."""
    wanted = set(waves)
    names = [file.name for file in sample.files if file.wave in wanted]
    query = (
        "SELECT count(DISTINCT remote_name) FROM ledger.arrival "
        "WHERE interface = %s AND dealer = %s AND state = ANY(%s) AND remote_name = ANY(%s)"
    )
    [(found,)] = _rows(ledger_dsn, query, [INTERFACE, GROUP, list(ENDS), names])
    return int(found), len(names)


def _same(told: Told, line: Found) -> bool:
    return (told.label, told.claim, told.dealer, told.gross) == (line.label, line.claim, line.dealer, line.gross)


def _lines(planted: dict[Place, Told], found: dict[Place, Found]) -> Iterator[str]:
    for place, told in planted.items():
        what = f"document {place[0]}, line {place[1]} ({told.case})"
        if (line := found.get(place)) is None:
            yield f"{what}: was not posted"
        elif line.claim != told.claim:
            yield f"{what}: given to {_name(line.claim)}, not {_name(told.claim)}"
        elif not _same(told, line):
            wanted = f"{told.label}, {told.gross} of {told.dealer}"
            yield f"{what}: {line.label}, {line.gross} of {line.dealer}, not {wanted}"


def _name(claim: Key | None) -> str:
    return "nobody" if claim is None else f"claim {claim[1]} of {claim[0]}"


def _claims(sample: WarrantySample, dms_dsn: str, others: Others) -> Iterator[tuple[Key, str]]:
    there = {(dealer, key): rest for _, dealer, key, *rest in _rows(dms_dsn, CLAIMS)}
    for claim in sample.claims:
        stands, key = claim.stands, claim.known_as
        if key not in there:
            yield key, f"{_name(key)}: is not in the books"
            continue
        wanted = [stands.status, stands.settled, stands.written_off, stands.on_account]
        if key in others.claims:
            continue
        for name, one, other in zip(
            ("status", "settled", "written off", "on account"), wanted, there[key], strict=True
        ):
            if one != other:
                yield key, f"{_name(key)}: {name} {other}, not {one}"


def _balances(sample: WarrantySample, dms_dsn: str, others: Others) -> Iterator[str]:
    wanted = sample.balances()
    found = {(dealer, account, currency): amount for dealer, account, currency, amount in _rows(dms_dsn, BALANCES)}
    for place in sorted(wanted.keys() | found.keys()):
        one, other = wanted.get(place, Decimal("0.00")), found.get(place, Decimal("0.00"))
        if one != other and place[0] not in others.dealers:
            yield f"{' '.join(place)}: {other}, not {one}"
    paid: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for document in sample.documents:
        for line in document.lines:
            paid[document.number, line.told.dealer] += line.told.gross
    posted = {(document, dealer): amount for document, dealer, amount in _rows(dms_dsn, PAID)}
    for (number, dealer), amount in paid.items():
        if (booked := posted.get((number, dealer), Decimal("0.00"))) != amount:
            yield f"document {number}: {booked} posted for {dealer}, not {amount}"
    for journal, dealer, currency, amount in _rows(dms_dsn, UNBALANCED):
        yield f"journal {journal}: {amount} {currency} of {dealer} are left over"


def _files(sample: WarrantySample, ledger_dsn: str, home: Path) -> tuple[Counter[str], list[str]]:
    """What became of each file, counted and in words; files that somebody else put down are nobody's difference."""
    arrivals = defaultdict(list)
    for name, *rest in _rows(
        ledger_dsn,
        "SELECT remote_name, state, reject_code, duplicate_of IS NOT NULL FROM ledger.arrival "
        "WHERE interface = %s AND dealer = %s ORDER BY id",
        [INTERFACE, GROUP],
    ):
        arrivals[name].append(tuple(rest))
    states: Counter[str] = Counter()
    differences = []
    for file in sample.files:
        what = f"{file.name} ({file.case})"
        wanted = (file.fate.state, file.fate.code, file.fate.copy)
        if not arrivals[file.name]:
            differences.append(f"{what}: the ledger does not know it")
        for found in arrivals[file.name]:
            states[_state(*found)] += 1
            if found != wanted:
                differences.append(f"{what}: {_state(*found)}, not {_state(*wanted)}")
        differences += _at_partner(file, what, home)
    return states, differences


def _state(state: str, code: str | None, copy: bool) -> str:
    return " ".join(filter(None, [state.lower(), code, "as a copy" if copy else ""]))


def _at_partner(file: SampleFile, what: str, home: Path) -> Iterator[str]:
    there = (home / DIRECTORY / file.name).exists()
    if there != file.fate.stays:
        yield f"{what}: {'still there' if there else 'removed'} at the partner, foretold otherwise"


def _others(dms_dsn: str, rows: list[tuple[Any, ...]], planted: Mapping[Place, Told]) -> Others:
    claim_of = {number: (dealer, key) for number, dealer, key, *_ in _rows(dms_dsn, CLAIMS)}
    decided = _rows(dms_dsn, DECISIONS)
    dealers: set[str] = {dealer for dealer, *_ in decided}
    claims: set[Key] = {claim_of[number] for _, *about, _ in decided for number in about if number is not None}
    lines: set[int] = {line_id for *_, line_id in decided if line_id is not None}
    documents = {document for document, _ in planted}
    for document, number, line_id, _, _, dealer, key, whose, *_ in rows:
        if document not in documents or line_id in lines:
            dealers.add(whose)
            claims.update([] if key is None else [(dealer, key)])
        if line_id in lines and (told := planted.get((document, number))) is not None and told.claim is not None:
            claims.add(told.claim)  # It was this claim's before it was moved.
    return Others(dealers, claims, lines)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _rows(dsn: str, query: str, asked: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query, asked or None)
        return cursor.fetchall()
