"""Frames of documents and of their lines, in chunks, as the tables take them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from local.sample.defects import NUMBER
from local.sample.documents import CHANNELS, SOURCES, TRADE, WORKSHOP, Documents
from local.sample.draws import Numbers, uniform
from local.sample.masters import PARTS, Masters, pence

DOCUMENTS_PER_CHUNK = 60_000
VAT_PERCENT = 20
#: Room for the line numbers of one document in the key of a draw.
LINES_LIMIT = 4096
DISCOUNTS_TRADE = np.array([1000, 1500, 1750, 2000, 2250, 2500, 3000])  # hundredths of a per cent


def document_frames(documents: Documents) -> Iterator[pl.DataFrame]:
    """Rows of ``dms.parts_invoice``, in the order of posting."""
    types = pl.Series(["INVOICE", "CREDIT_MEMO"])
    letters = pl.Series(["PI", "PC"])
    for start in range(0, len(documents), DOCUMENTS_PER_CHUNK):
        part = slice(start, min(start + DOCUMENTS_PER_CHUNK, len(documents)))
        credit = documents.is_credit[part]
        original = documents.original[part]
        account, customer = documents.account[part], documents.customer[part]
        yield pl.DataFrame(
            {
                "parts_invoice_id": np.arange(part.start, part.stop) + 1,
                "dealer_id": documents.dealer[part] + 1,
                "document_type": types.gather(credit.astype(np.uint32)),
                "letters": letters.gather(credit.astype(np.uint32)),
                "number": documents.number[part] + 1_000_000,
                "document_date": pl.Series(documents.document_day[part]).cast(pl.Int32).cast(pl.Date),
                "posted_at": pl.from_epoch(pl.Series(documents.posted[part]), "s").dt.replace_time_zone("UTC"),
                "original_number": pl.Series(documents.number[original] + 1_000_000),
                "credit": credit,
                "sale_channel": pl.Series(CHANNELS).gather(documents.channel[part]),
                "order_source": pl.Series(SOURCES).gather(documents.source[part]),
                "trade_account_id": account,
                "customer_id": customer,
            }
        ).select(
            "parts_invoice_id",
            "dealer_id",
            "document_type",
            pl.concat_str("letters", "number").alias("document_number"),
            "document_date",
            "posted_at",
            pl.when("credit").then(pl.format("PI{}", "original_number")).alias("original_document_number"),
            "sale_channel",
            "order_source",
            pl.when(pl.col("trade_account_id") > 0).then("trade_account_id"),
            pl.when(pl.col("customer_id") > 0).then("customer_id"),
        )


def line_frames(seed: int, documents: Documents, masters: Masters) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Rows of ``dms.parts_invoice_line`` and, for each chunk, of ``sample.sample_defect``."""
    first_id = 1
    for start in range(0, len(documents), DOCUMENTS_PER_CHUNK):
        stop = min(start + DOCUMENTS_PER_CHUNK, len(documents))
        lines, planted = _chunk(seed, documents, masters, start, stop, first_id)
        first_id += len(lines)
        yield lines, planted


def _chunk(
    seed: int, documents: Documents, masters: Masters, start: int, stop: int, first_id: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    counts = documents.lines[start:stop]
    document = np.repeat(np.arange(start, stop), counts)
    ends = np.cumsum(counts)
    line = np.arange(len(document)) - np.repeat(ends - counts, counts) + 1
    kind = documents.kind[document]
    last = line == np.repeat(counts, counts)
    # The last line becomes its neighbour: the same number, and with it the same draws.
    line = line - ((kind == NUMBER["line_twice"]) & last)
    first_line = line == 1

    original = documents.original[document]
    credit = original >= 0
    key = np.where(credit, original, document) * LINES_LIMIT + line
    part = (uniform(seed, "part", key) ** 2.2 * PARTS).astype(np.int64)
    quantity = np.array([1, 2, 3, 4, 5, 6, 10, 12])[
        np.searchsorted([0.58, 0.78, 0.84, 0.92, 0.94, 0.97, 0.99], uniform(seed, "quantity", key))
    ]
    price = masters.part_price[part]
    percent = _discounts(seed, documents, document, key)
    discount = (quantity * price * percent + 5_000) // 10_000
    net = quantity * price - discount
    vat = (net * VAT_PERCENT + 50) // 100

    net = net + np.where((kind == NUMBER["net_is_gross"]) & first_line, vat, 0)
    sign = np.where(credit & (kind != NUMBER["credit_positive"]), -1, 1)
    sign = np.where((kind == NUMBER["quantity_zero"]) & first_line, 0, sign)
    numbers = masters.part["part_number"].gather(part)
    damaged = np.flatnonzero((kind == NUMBER["part_number_scientific"]) & first_line)
    if len(damaged):
        as_number = [f"{int(number.rstrip('R')):.1E}" for number in numbers.gather(damaged)]
        numbers = numbers.scatter(damaged, as_number)

    frame = pl.DataFrame(
        {
            "parts_invoice_line_id": np.arange(len(document)) + first_id,
            "parts_invoice_id": document + 1,
            "line_number": line,
            "part_number": numbers,
            "part_family_code": masters.part["part_family_code"].gather(part),
            "quantity": sign * quantity,
            "unit_price": pence(price),
            "discount_percent": pence(percent),
            "discount_amount": pence(sign * discount),
            "net_amount": pence(sign * net),
            "vat_amount": pence(sign * vat),
        }
    )
    return frame, _planted(kind, first_line, last, np.repeat(counts, counts), first_id)


def _discounts(seed: int, documents: Documents, document: Numbers, key: Numbers) -> Numbers:
    """Hundredths of a per cent: a band for each trade account, now and then an extra; little for anybody else."""
    band = DISCOUNTS_TRADE[documents.account[document] % len(DISCOUNTS_TRADE)]
    extra = np.where(uniform(seed, "extra discount", key) < 0.08, 250, 0)
    other = np.where(uniform(seed, "retail discount", key) < 0.1, 500, 0)
    payer = documents.payer[document]
    return np.where(payer == TRADE, band + extra, np.where(payer <= WORKSHOP, 0, other))


def _planted(kind: Numbers, first_line: Numbers, last: Numbers, counts: Numbers, first_id: int) -> pl.DataFrame:
    """Which of the chunk's lines bear what; of a line that stands twice, both."""
    bears = kind > 0
    for name in ("net_is_gross", "part_number_scientific", "quantity_zero"):
        bears &= (kind != NUMBER[name]) | first_line
    # The twin stands just before the last line.
    pair = last | np.append(last[1:], False)
    bears &= (kind != NUMBER["line_twice"]) | (pair & (counts > 1))
    where = np.flatnonzero(bears)
    names = pl.Series(["", *NUMBER]).gather(kind[where])
    return pl.DataFrame({"invoice_line_id": where + first_id, "kind": names})
