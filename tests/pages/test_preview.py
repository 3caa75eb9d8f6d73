"""The first rows of a file on its page, for everybody who sees the file, and masked for everybody."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from include.archive import Archive
from include.contract import load_contract
from tests.imports.importing import file_of, sold
from tests.ledger.arrival_cases import NOW, a_feed, entry
from tests.ledger.conftest import bring, intent
from tests.pages.conftest import Pages


def archived(content: bytes, folder: Path) -> str:
    """Store the bytes where the pages look for them; returns their hash."""
    with Archive(LocalFileSystem(), str(folder / "archive")).writer() as writer:
        writer.write(content)
    return hashlib.sha256(content).hexdigest()


def delivered(pages: Pages, folder: Path) -> int:
    """A file of one row, whose buyer is a person."""
    contract = load_contract("merkle_sar_daily")
    row = ["D", *(f"of-{name}" for name in contract.table.delivered)]
    sha256 = archived(
        (contract.delimiter.join(["H", "x"]) + "\n" + contract.delimiter.join(row) + "\n").encode(), folder
    )
    return bring(pages.ledger, pages.ledger.plan(**intent()), "GATED", sha256=sha256).id


def come(pages: Pages, content: bytes, folder: Path) -> int:
    feed = a_feed(pages.ledger)
    (row,) = pages.ledger.seen(feed.id, [entry(size=len(content))], at=NOW)
    return pages.ledger.land(row.id, sha256=archived(content, folder), size=len(content)).id


def test_from_a_file_to_its_first_rows_and_back(pages: Pages, tmp_path: Path) -> None:
    number = delivered(pages, tmp_path)
    for role in ("viewer", "admin"):
        assert f'href="/exchange/files/{number}/preview"' in pages.of(role).get(f"/exchange/files/{number}").text
        page = pages.of(role).get(f"/exchange/files/{number}/preview").text
        assert "of-part_number" in page
        assert "of-buyer_name" not in page
        assert "•••" in page
        assert f'href="/exchange/files/{number}"' in page


def test_of_a_file_that_came_in_names_are_masked_and_bad_rows_not_shown(pages: Pages, tmp_path: Path) -> None:
    bad = sold(DealNumber="D2", SoldDate="Zaunkoenig", StockNumber="Zaunkoenig")
    number = come(pages, file_of(sold(LastName="Zaunkoenig", StockNumber="S-7<b>"), bad), tmp_path)
    page = pages.of("admin").get(f"/exchange/arrivals/{number}/preview").text
    assert "S-7&lt;b&gt;" in page
    assert "Zaunkoenig" not in page
    assert "sold_date-date (1)" in page


def test_what_cannot_be_shown_says_why(pages: Pages, tmp_path: Path) -> None:
    viewer = pages.of("viewer")
    planned = pages.ledger.plan(**intent("82600009"))
    assert viewer.get(f"/exchange/files/{planned.id}/preview").status_code == 404
    assert viewer.get("/exchange/files/999999/preview").status_code == 404
    answer = viewer.get(f"/exchange/arrivals/{come(pages, b'a,b', tmp_path)}/preview")
    assert answer.status_code == 409
    assert "HEADER_MISSING" in answer.text
    gone = delivered(pages, tmp_path)
    Archive(LocalFileSystem(), str(tmp_path / "archive")).remove(
        pages.ledger.file(gone).sha256 or "", reason="retention"
    )
    answer = viewer.get(f"/exchange/files/{gone}/preview")
    assert answer.status_code == 409
    assert "retention" in answer.text
