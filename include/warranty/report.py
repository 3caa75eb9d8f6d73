"""The page of figures in the quality report: aged claims, matched share, money on account, dealer by dealer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from pathlib import Path

from include.quality.data_docs import FIGURES_PAGE, HEAD
from include.quality.reports import put
from include.warranty.disputes import BANDS, Figures, figures

NOBODY = "UNKNOWN"


def write_figures(dms_dsn: str, interface: str, reports_root: str, *, as_of: date) -> Path:
    """
    Write the page beside the interface's others, whose index lists it when it is built next; returns its place.

    :raises WarrantyError: if the books cannot be read.
    :raises OSError: if the folder cannot be written.
    """
    page = Path(reports_root) / interface / "site" / FIGURES_PAGE
    put(page, figures_page(interface, figures(dms_dsn, as_of=as_of), as_of=as_of).encode())
    return page


def figures_page(interface: str, found: Sequence[Figures], *, as_of: date) -> str:
    """Return the page: sums and counts, no claim and no vehicle; nothing is loaded from elsewhere."""
    title = f"{interface}: figures of {as_of.isoformat()}"
    heads = ("Dealer", "Currency", *(f"Owed for {band} days" for band in BANDS), "Owed in all", "Payment lines",
             "Matched", "On account", "Written off")  # fmt: skip
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    known = [each for each in found if each.dealer != NOBODY]
    body = "".join(f"<tr>{_line(each)}</tr>" for each in known)
    suspense = "".join(
        f'<p><span class="held">{each.on_account:,.2f} {escape(each.currency)} in suspense</span>, of {each.lines:,} '
        "lines with retail dealer codes that are nobody's here.</p>"
        for each in found
        if each.dealer == NOBODY and (each.on_account or each.lines)
    )
    table = (
        f'<table class="table table-sm"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        if known
        else "<p>There is no claim and no payment yet.</p>"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><title>{escape(title)}</title>\n{HEAD}</head><body>'
        f'<header class="delivery"><p><a href="index.html">All readings</a></p><h1>{escape(title)}</h1>'
        "<p>Owed: claims that were submitted and not paid in full, by days since the last submission: how many, how "
        "much. On account: money that no claim takes. Written off: a loss above zero.</p>"
        f"{suspense}{table}</header></body></html>\n"
    )


def _line(each: Figures) -> str:
    def number(text: str) -> str:
        return f'<td class="number">{text}</td>'

    aged = [each.aged[band] for band in BANDS]
    count, amount = sum(many for many, _ in aged), sum(money for _, money in aged)
    share = f"{each.matched * 100 / each.lines:.1f} %" if each.lines else ""
    cells = [
        f"<td>{escape(each.dealer)}</td><td>{escape(each.currency)}</td>",
        *(number(f"{many:,}: {money:,.2f}" if many else "") for many, money in aged),
        number(f"{count:,}: {amount:,.2f}" if count else ""),
        number(f"{each.lines:,}"),
        number(share),
        number(f"{each.on_account:,.2f}"),
        number(f"{each.written_off:,.2f}"),
    ]
    return "".join(cells)
