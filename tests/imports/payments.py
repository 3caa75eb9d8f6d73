"""Warranty payment files told in few words."""

from __future__ import annotations

from decimal import Decimal

HEADER = "Record,CreditNote,PaymentDate,Currency,Lines,Line,Dealer,RetailDealer,Claim,WorkOrder,VIN,RepairDate,Labour,Parts,SubContract,Handling,VAT,Reason"  # noqa: E501
COLUMNS = HEADER.split(",")
AMOUNTS = ("Labour", "Parts", "SubContract", "Handling", "VAT")
VIN = "VF1AA000012345678"


def paid(number: str, labour: str = "100.00", **told: str) -> dict[str, str]:
    """One line for the claim ``number``; keywords are headers."""
    return {
        "Dealer": "M1", "RetailDealer": "R1", "Claim": number, "VIN": VIN, **dict.fromkeys(AMOUNTS, "0.00"),
        "Labour": labour, **told,
    }  # fmt: skip


def payment(document: str, *lines: dict[str, str], day: str = "20/03/2026", **header: str) -> bytes:
    """A payment file whose header adds up its lines; keywords are headers of its first record."""
    sums = {name: str(sum((Decimal(line[name]) for line in lines), Decimal("0.00"))) for name in AMOUNTS}
    shared = {"CreditNote": document, "PaymentDate": day, "Currency": "GBP"}
    records = [{"Record": "H", **shared, "Lines": str(len(lines)), **sums, **header}]
    records += [{"Record": "D", **shared, "Line": str(number), **line} for number, line in enumerate(lines, 1)]
    return written(*records)


def written(*records: dict[str, str]) -> bytes:
    rows = [",".join(record.get(name, "") for name in COLUMNS) for record in records]
    return "\n".join([HEADER, *rows, ""]).encode()
