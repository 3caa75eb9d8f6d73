"""What must hold after any fault, whatever happened: the delivery invariants, checked against disk and ledger."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from include.ledger import FileRow, Ledger
from include.ledger.chain import verify
from include.sftp import open_sessions
from tests.faults.waiting_files import Waiting

AT_REST = frozenset({"PUBLISHED", "HELD", "UNKNOWN", "GATED", "UPLOADING", "UPLOADED"})
"""A file is done, waits for a person, or waits for the next attempt; there is nothing else."""


def assert_invariants(ledger: Ledger, dsn: str, home: Path, waiting: Iterable[Waiting]) -> None:
    """
    Check I1, I2 and I4 to I11 for ``waiting``, whose partner's home is ``home``; every failure names its invariant.

    I3 (each row sent, withheld or rejected) is decided before publishing and is checked where rows are.
    """
    files = list(waiting)
    rows = {each.id: ledger.file(each.id) for each in files}
    for each in files:
        row = rows[each.id]
        copies = [path for path in home.rglob(each.name) if path.is_file()]
        whole = [path for path in copies if path.read_bytes() == each.content]
        assert row.state == "HELD" or copies == whole, f"I1: {each.name} is on the server with other content"
        assert len(copies) <= 1, f"I2: {each.name} is on the server {len(copies)} times"
        events = ledger.events(each.id)
        published = [event for event in events if event.to_state == "PUBLISHED"]
        assert len(published) <= 1, f"I2: {each.name} was recorded as published {len(published)} times"
        _assert_companions(ledger, home, each, seen=bool(copies))
        assert row.state != "PUBLISHED" or whole, f"I4: the ledger says PUBLISHED, the server has no {each.name}"
        started = [event.id for event in events if event.kind == "ATTEMPT_STARTED"]
        for event in events:
            if event.to_state in ("UPLOADING", "UPLOADED"):
                assert started, f"I5: {each.name} went to {event.to_state} without an attempt on record"
                assert started[0] < event.id, f"I5: {each.name} went to {event.to_state} before its attempt"
        assert row.state in AT_REST, f"I9: {each.name} is left in {row.state}"
        assert row.state not in ("HELD", "UNKNOWN") or row.reason, f"I9: {each.name} is {row.state} without a reason"
        text = repr(events)
        assert "PRIVATE KEY" not in text, "I7: a key is in the ledger"
        # Shorter content occurs in any text by chance.
        assert len(each.content) < 24 or each.content[:24].decode("latin-1") not in text, "I7: content is in the ledger"
    assert open_sessions() == 0, "I6: a connection is still open"
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("sftp-")]
    assert left == [], f"I6: {left} still run"
    _assert_sequences(rows.values())
    report = verify(dsn)
    assert report.first_broken_event_id is None, f"I10: the chain breaks at event {report.first_broken_event_id}"


def _assert_companions(ledger: Ledger, home: Path, file: Waiting, *, seen: bool) -> None:
    """Whoever sees the file sees its companions; each is there whole, once, and recorded once."""
    events = ledger.events(file.id)
    rows = {row.name: row for row in ledger.companions(file.id)}
    assert set(rows) == set(file.beside), f"I11: {file.name} goes with {set(rows)}"
    held = ledger.file(file.id).state == "HELD"
    for name, content in file.beside.items():
        copies = [path.read_bytes() for path in home.rglob(name) if path.is_file()]
        told = [
            event
            for event in events
            if event.kind == "COMPANION_PUBLISHED" and event.detail["companion"]["name"] == name
        ]
        assert held or copies in ([], [content]), f"I1: the companion {name} is not whole, or not once"
        assert len(told) <= 1, f"I2: the companion {name} was recorded {len(told)} times"
        assert (rows[name].published_at is not None) == bool(told), f"I4: the companion {name} and its events disagree"
        assert not told or copies == [content], f"I4: the ledger has the companion {name}, the server has not"
        assert told or not seen, f"I11: {file.name} is there and its companion {name} was never brought"


def _assert_sequences(rows: Iterable[FileRow]) -> None:
    numbers = defaultdict(list)
    for row in rows:
        numbers[(row.partner, row.interface, row.dealer, row.environment)].append(row.sequence)
    for key, found in numbers.items():
        given = sorted(number for number in found if number is not None)
        twice = [number for number, count in Counter(given).items() if count > 1]
        assert twice == [], f"I2: {key} used the numbers {twice} twice"
        gaps = [pair for pair in itertools.pairwise(given) if pair[1] != pair[0] + 1]
        assert gaps == [], f"I8: {key} has gaps after {gaps}"
