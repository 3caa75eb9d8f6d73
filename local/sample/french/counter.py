"""Invoices of the parts counter at the French points of sale, some of them to nobody in particular."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from local.sample.draws import Numbers, uniform
from local.sample.french.documents import Documents, document_columns, either, line_grid, totals, vat, where
from local.sample.french.workshop import part_numbers
from local.sample.masters import pence

LETTERS = ("MF", "MA")
CASH_SHARE = 0.4


def line_counts(seed: int, documents: Documents) -> Numbers:
    """One line to four."""
    return 1 + np.searchsorted([0.5, 0.8, 0.95], uniform(seed, "counter lines", documents.source)).astype(np.int64)


def document_frames(seed: int, documents: Documents) -> Iterator[pl.DataFrame]:
    """Rows of ``dms.counter_invoice``."""
    for part in documents.chunks():
        document, _, _, sign = line_grid(documents, part)
        _, _, net = _amounts(seed, documents, part)
        total_net, total_vat = (totals(document, part, sign * amounts) for amounts in (net, vat(net)))
        named = documents.bears("cash_sale_with_a_name")[part]
        cash = (uniform(seed, "counter cash", documents.source[part]) < CASH_SHARE) | named
        yield pl.DataFrame(
            {
                "counter_invoice_id": np.arange(part.start, part.stop) + 1,
                **document_columns(documents, part, LETTERS),
                "cash_sale": cash,
                "customer_id": where(~cash, pl.Series(documents.customer[part])),
                "buyer_name": either(named, "Prénom Échantillon", None),
                "total_net": pence(total_net),
                "total_vat": pence(total_vat),
                "total_gross": pence(total_net + total_vat),
            }
        )


def line_frames(seed: int, documents: Documents) -> Iterator[pl.DataFrame]:
    """Rows of ``dms.counter_invoice_line``, in the order of their documents."""
    first_id = 1
    for part in documents.chunks():
        document, line, key, sign = line_grid(documents, part)
        (quantity, price), discount, net = _amounts(seed, documents, part)
        yield pl.DataFrame(
            {
                "counter_invoice_line_id": np.arange(len(document)) + first_id,
                "counter_invoice_id": document + 1,
                "line_number": line,
                "part_number": part_numbers(seed, "counter", key),
                "quantity": sign * quantity,
                "unit_price": pence(price),
                "discount_amount": pence(sign * discount),
                "net_amount": pence(sign * net),
                "vat_amount": pence(sign * vat(net)),
            }
        )
        first_id += len(document)


def _amounts(seed: int, documents: Documents, part: slice) -> tuple[tuple[Numbers, Numbers], Numbers, Numbers]:
    """Of each line quantity and price (cents), discount and net amount; without a sign."""
    _, _, key, _ = line_grid(documents, part)
    quantity = np.array([1, 2, 4, 10])[np.searchsorted([0.6, 0.85, 0.97], uniform(seed, "counter pieces", key))]
    price = (120 + 25_000 * uniform(seed, "counter price", key) ** 4).astype(np.int64)
    gross = quantity * price
    percent = np.where(uniform(seed, "counter discount", key) < 0.25, 15, 0)
    discount = (gross * percent + 50) // 100
    return (quantity, price), discount, gross - discount
