"""An arrangement of the tests' own: a few columns of a sale with rules of each kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from include.contract import Contract, load_contract
from include.contract_table import Table, table_of
from include.inbound.headers import Column
from include.inbound.judge import Arrangement

HEADER = "LastName,SoldDate,Amount.Financed,Term,Monthly Payment,LastPayment,VIN,Zip"
COLUMNS = (
    Column("last_name", "LastName", "name"),
    Column("sold_date", "SoldDate", "date"),
    Column("amount_financed", "Amount.Financed", "money"),
    Column("term", "Term", "term"),
    Column("monthly_payment", "Monthly Payment", "money"),
    Column("last_payment_date", "LastPayment", "date"),
    Column("unit_identifier", "VIN"),
    Column("postal_code", "Zip", optional=True),
)


def _rule(column: str, kind: str, severity: str, **arguments: Any) -> dict[str, Any]:
    return {
        "id": f"{column}-{kind}",
        "type": "custom",
        "engine": "dealer-interfaces",
        "severity": severity,
        "dimension": "conformity",
        "description": f"{column} {kind}.",
        "implementation": {"rule": kind, "arguments": arguments},
    }


def table() -> Table:
    """Return the rows of the arrangement, compiled as a contract's are."""
    properties: list[dict[str, Any]] = [
        {"name": "last_name", "logicalType": "string", "required": True, "logicalTypeOptions": {"maxLength": 40}},
        {
            "name": "sold_date",
            "logicalType": "date",
            "required": True,
            "quality": [
                _rule("sold_date", "notAfterWindow", "error"),
                _rule("sold_date", "notAfter", "warning", property="last_payment_date"),
            ],
        },
        {
            "name": "amount_financed",
            "logicalType": "number",
            "logicalTypeOptions": {"minimum": 0},
            "quality": [_rule("amount_financed", "emptyWhen", "warning", property="cash_purchase", equals="t")],
        },
        {"name": "term", "logicalType": "integer", "logicalTypeOptions": {"minimum": 1, "maximum": 480}},
        {"name": "monthly_payment", "logicalType": "number"},
        {"name": "last_payment_date", "logicalType": "date"},
        {"name": "unit_identifier", "logicalType": "string"},
        {"name": "postal_code", "logicalType": "string"},
        {"name": "cash_purchase", "logicalType": "boolean"},
        {"name": "identifier_type", "logicalType": "string"},
    ]
    columns = {column.name: column for column in COLUMNS}
    for told in properties:
        if (column := columns.get(told["name"])) is not None:
            own = {"sourceForm": column.form, "headerOptional": column.optional}
            told["physicalName"] = column.header
            told["customProperties"] = [{"property": name, "value": value} for name, value in own.items()]
    return table_of({"name": "sale", "physicalName": "sale"}, properties, "tests_sales", alone=True, inbound=True)


def arrangement(encoding: str = "utf-8", date_format: str = "%m/%d/%Y") -> Arrangement:
    """Return the arrangement as a feed with ``encoding`` and ``date_format`` has it."""
    return Arrangement(COLUMNS, table(), ",", encoding, date_format)


def contract() -> Contract:
    """Return an inbound contract of the arrangement's table; what else it says is another contract's."""
    return replace(load_contract("merkle_sar_daily"), direction="inbound", delimiter=",", tables=(table(),))
