"""The page of figures: aged claims, matched share, money on account, by dealer; no claim, no vehicle, no formula."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

from include.quality.data_docs import build, external_references
from include.warranty.disputes import BANDS, Figures
from include.warranty.report import figures_page, write_figures
from tests.warranty.books import VIN, Books, claim, line

INTERFACE = "renault_warranty_payments"
DAY = date(2026, 4, 10)  # forty days after the submissions


def cells(page: str) -> list[list[str]]:
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(<td>.*?)</tr>", page)]


def test_figures_are_in_the_report_and_its_index_lists_them(books: Books, tmp_path: Path) -> None:
    books.load(claim("C1"), claim("C2"), claim("C3", submitted_on="2026-01-02"), claim("C4", retail_code="R2"))
    books.pay("P1", line("C1"), line("C2", "60.00"), line("C9", "12.50"), line("C5", "7.00", retail_code="R9"))
    page = write_figures(books.dsn, INTERFACE, str(tmp_path), as_of=DAY)
    index = build(INTERFACE, str(tmp_path)).read_text()
    assert f'href="{page.name}"' in index
    assert page.is_file(), "the next building of the report took it away"
    text = page.read_text()
    first, second = cells(text)
    assert first == ["dealer_1", "GBP", "", "1: 40.00", "", "1: 100.00", "2: 140.00", "3", "66.7 %", "12.50", "0.00"]
    assert second[:8] == ["dealer_2", "GBP", "", "1: 100.00", "", "", "1: 100.00", "0"]
    assert "7.00 GBP in suspense" in text
    assert external_references(text) == []
    assert VIN not in text
    assert "C9" not in text


def test_an_empty_book_and_a_hostile_label_are_pages_as_well(books: Books, tmp_path: Path) -> None:
    assert "no claim and no payment yet" in write_figures(books.dsn, INTERFACE, str(tmp_path), as_of=DAY).read_text()
    nothing = (0, Decimal(0))
    odd = Figures("<script>", "GBP", dict.fromkeys(BANDS, nothing), 0, 0, Decimal("0"), Decimal("0"))
    assert "<script>" not in figures_page(INTERFACE, [odd], as_of=DAY)


def test_a_report_without_books_has_no_such_link(tmp_path: Path) -> None:
    assert "figures.html" not in build(INTERFACE, str(tmp_path)).read_text()
