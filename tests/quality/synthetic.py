"""A contract of columns of every type, for rules with arguments that no contract has yet."""

from __future__ import annotations

from dataclasses import replace

from include.contract import Contract, Field, Rule

TYPES = {
    "key": "string", "text": "string", "other": "string", "whole": "integer", "number": "number", "price": "number",
    "discount": "number", "net": "number", "day": "date", "later": "date", "moment": "timestamp", "flag": "boolean",
}  # fmt: skip


def synthetic(contract: Contract, rules: list[Rule]) -> Contract:
    """Return a contract of columns of every type, with ``rules``; rows of one ``key`` are a document."""
    fields = tuple(
        Field(name, kind, False, name == "key", name != "flag", name == "key", None, None, None, "")
        for name, kind in TYPES.items()
    )
    table = replace(contract.table, array="lines", fields=fields, rules=tuple(rules), withhold={})
    return replace(contract, tables=(table,), trailer=("record_count",))
