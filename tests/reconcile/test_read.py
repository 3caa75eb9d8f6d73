"""Delivered bytes read back: what the ledger says of them must be so, or they are not taken."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from include.archive import Archive
from include.contract import load_contract
from include.delivered import UnreadableError, details
from include.layout import Totals, control_total, delimited
from include.ledger import FileRow
from include.reconcile.days import days_of
from include.reconcile.read import sent
from include.reconcile.shape import shape_of
from include.window import day_window

DAILY = load_contract("merkle_sar_daily")
SHAPE = shape_of(load_contract("renault_sar_monthly"), DAILY)
DAY = date(2026, 10, 14)
NETS = ("12.50", "-2.25", "0.00")


def frame(nets: tuple[str, ...] = NETS) -> pl.DataFrame:
    """Rows as a file holds them; part numbers with all that a dialect has to quote."""
    rows = [
        {
            **dict.fromkeys(DAILY.table.delivered),
            "dealer_code": "82600001",
            "document_number": f"D{number}",
            "line_number": str(number),
            "part_number": 'a;"b"\nc',
            "net_amount": net,
        }
        for number, net in enumerate(nets)
    ]
    return pl.DataFrame(rows, dict.fromkeys(DAILY.table.delivered, pl.String))


def rendered(rows: pl.DataFrame, *, count: int | None = None, total: str | None = None) -> bytes:
    """A file of the contract's dialect, with a header of an earlier version of it: two values fewer."""
    body = io.BytesIO()
    delimited.write_details(DAILY, rows, body)
    header = b"H;" + b";".join([b"x"] * (len(DAILY.header) - 2)) + b"\n"
    stated = Decimal(total) if total is not None else control_total(DAILY, DAILY.table, rows)
    return header + body.getvalue() + delimited.closing(DAILY, Totals(rows.height if count is None else count, stated))


def filed(archive: Archive, content: bytes, *, rows: int = 3, total: str = "10.25") -> FileRow:
    """The ledger's row of a file with these bytes."""
    sha256 = hashlib.sha256(content).hexdigest()
    with archive.writer() as target:
        target.write(content)
    window = day_window(DAY, "Europe/London")
    nothing = dict.fromkeys(("reason", "batch_id", "remote_path", "temp_name", "lease_token", "supersedes"))
    return FileRow(
        id=7,
        interface=DAILY.id,
        partner=DAILY.partner,
        dealer="82600001",
        environment="live",
        window_start=window.start,
        window_end=window.end,
        zone=window.zone,
        business_date=DAY,
        revision=0,
        sequence=1,
        state="PUBLISHED",
        contract_version="1.0.0",
        file_name="SAR.csv",
        sha256=sha256,
        content_hash=None,
        bytes=len(content),
        rows=rows,
        rejected=0,
        withheld=0,
        control_total=Decimal(total),
        created_at=datetime(2026, 10, 15, tzinfo=UTC),
        published_at=datetime(2026, 10, 15, tzinfo=UTC),
        **nothing,
    )


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.at((tmp_path / "archive").as_uri())


def test_what_was_rendered_is_read_back_whatever_is_quoted_in_it(archive: Archive) -> None:
    rows = frame()
    assert details(DAILY, filed(archive, rendered(rows)), archive).equals(rows)


def test_a_file_without_records_has_no_rows(archive: Archive) -> None:
    none = frame(())
    assert details(DAILY, filed(archive, rendered(none), rows=0, total="0.00"), archive).height == 0


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut off": (lambda content: content[:-3], "no whole file|no trailer"),
    "without trailer": (lambda content: content[: content.rstrip(b"\n").rfind(b"\n") + 1], "no trailer|no whole"),
    "without header": (lambda content: content.partition(b"\n")[2], "header or trailer is missing"),
    "empty": (lambda content: b"", "no whole file"),
    "a value too few": (
        lambda content: content.replace(b"D;82600001;", b"D;", 1),
        "have not the 20 values of merkle_sar_daily",
    ),
    "a value too many": (
        lambda content: content.replace(b"D;82600001;", b"D;82600001;x;", 1),
        "have not the 20 values of merkle_sar_daily",
    ),
    "a stranger": (lambda content: content.replace(b"\nD;", b"\nX;", 1), "no detail record"),
    "another amount": (lambda content: content.replace(b"12.50", b"12.51"), "come to 10.26, its trailer says 10.25"),
    "no amount": (lambda content: content.replace(b"12.50", b"twelve"), "cannot be added up"),
    "another total": (lambda content: content.replace(b"T;3;10.25", b"T;3;10.26"), "its trailer says 10.26"),
    "another count": (lambda content: content.replace(b"T;3;10.25", b"T;4;10.25"), "its trailer says 4"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_bytes_that_are_not_what_the_ledger_says_are_refused_without_a_value(archive: Archive, damage: str) -> None:
    harm, says = DAMAGES[damage]
    content = rendered(frame())
    harmed = harm(content)
    assert harmed != content
    with pytest.raises(UnreadableError, match=says) as refused:
        details(DAILY, filed(archive, harmed), archive)
    assert "82600001" not in str(refused.value)


def test_a_ledger_that_counts_otherwise_is_not_believed_either(archive: Archive) -> None:
    file = filed(archive, rendered(frame()), rows=4)
    with pytest.raises(UnreadableError, match="it has 3 rows, its trailer says 3, the ledger 4"):
        details(DAILY, file, archive)


def test_a_ledger_that_adds_up_otherwise_is_not_believed_either(archive: Archive) -> None:
    file = filed(archive, rendered(frame()), total="10.26")
    with pytest.raises(UnreadableError, match=r"come to 10\.25, its trailer says 10\.25, the ledger 10\.26"):
        details(DAILY, file, archive)


def test_the_days_say_why_bytes_could_not_be_read(archive: Archive) -> None:
    file = filed(archive, rendered(frame()))
    days = days_of([file])
    lines, told = sent(DAILY, SHAPE, [file], days, archive)
    assert (lines.height, told[DAY].unread, set(lines["daily_file"])) == (3, None, {7})
    archive.remove(str(file.sha256), reason="retention of 62 days", at=datetime(2026, 12, 31, tzinfo=UTC))
    lines, told = sent(DAILY, SHAPE, [file], days, archive)
    assert (lines.height, told[DAY].unread, told[DAY].purged) == (0, "its bytes were purged on 2026-12-31", True)
    elsewhere = replace(file, sha256="0" * 64)
    _, told = sent(DAILY, SHAPE, [elsewhere], days, archive)
    assert "restore them from the backup" in str(told[DAY].unread)
    assert not told[DAY].purged


STANDING: tuple[tuple[str, bool, tuple[bool, bool, bool]], ...] = (
    # state, whether it was ever published, and then: sent, pending, given up
    ("PUBLISHED", True, (True, False, False)),
    ("ACKED", True, (True, False, False)),
    ("GATED", True, (True, False, False)),
    ("HELD", True, (True, False, False)),
    ("UNKNOWN", True, (True, False, False)),
    ("HELD", False, (False, True, False)),
    ("UNKNOWN", False, (False, True, False)),
    ("PLANNED", False, (False, True, False)),
    ("GATED", False, (False, True, False)),
    ("UPLOADING", False, (False, True, False)),
    ("CANCELLED", False, (False, False, True)),
)


@pytest.mark.parametrize(("state", "published", "stands"), STANDING)
def test_which_daily_file_the_partner_has(
    archive: Archive, state: str, published: bool, stands: tuple[bool, bool, bool]
) -> None:
    file = filed(archive, rendered(frame()))
    file = replace(file, state=state, reason="why", published_at=file.published_at if published else None)
    day = days_of([file])[DAY]
    assert (day.sent is not None, day.pending is not None, day.given_up is not None) == stands


def test_of_revisions_the_one_that_speaks_counts(archive: Archive) -> None:
    first = filed(archive, rendered(frame()))
    second = replace(first, id=8, revision=1, rows=4, supersedes=7)
    superseded = replace(first, state="SUPERSEDED")
    assert days_of([second, superseded])[DAY].sent == 8
    proposed = days_of([first, replace(second, state="PROPOSED", published_at=None)])[DAY]
    assert (proposed.sent, proposed.pending) == (7, None)
    released = days_of([first, replace(second, state="PLANNED", published_at=None)])[DAY]
    assert (released.sent, released.pending) == (7, "daily file 8, revision 1, is PLANNED")
    refused = days_of([first, replace(second, state="CANCELLED", published_at=None)])[DAY]
    assert (refused.sent, refused.pending, refused.given_up) == (7, None, None)
