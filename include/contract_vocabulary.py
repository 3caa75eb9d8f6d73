"""The part of ODCS v3.2 that the code enforces: which keys, rules and arguments a contract here may use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

ENGINE = "dealer-interfaces"

KEYS: dict[str, frozenset[str]] = {
    "contract": frozenset(
        {
            "apiVersion", "kind", "id", "name", "version", "status", "domain", "description", "team",
            "customProperties", "servers", "slaProperties", "schema",
        }
    ),
    "description": frozenset({"purpose", "usage", "limitations"}),
    "server": frozenset({"server", "type", "location", "format", "customProperties"}),
    "schema": frozenset(
        {"name", "physicalName", "dataGranularityDescription", "customProperties", "quality", "properties"}
    ),
    "sla": frozenset({"timeOfAvailability", "workingDay", "retention"}),
    "property": frozenset(
        {
            "name", "logicalType", "logicalTypeOptions", "required", "primaryKey", "primaryKeyPosition", "enum",
            "classification", "description", "customProperties", "quality",
        }
    ),
    # The header of the column in the partner's file stands in physicalName; a derived one has none.
    "inbound property": frozenset(
        {
            "name", "physicalName", "logicalType", "logicalTypeOptions", "required", "enum", "classification",
            "description", "customProperties", "quality",
        }
    ),
    "array": frozenset({"name", "logicalType", "description", "items"}),
    "items": frozenset({"logicalType", "properties"}),
    "quality": frozenset(
        {"id", "type", "engine", "severity", "dimension", "description", "implementation"}
    ),
    "implementation": frozenset({"rule", "arguments"}),
}  # fmt: skip

CUSTOM_PROPERTIES: dict[str, frozenset[str]] = {
    "contract": frozenset(
        {
            "direction",
            "partner",
            "dealers",
            "recipient",
            "sharedWith",
            "recipientStorage",
            "timeZone",
            "period",
            "reconciledWith",
            "workingCalendar",
            "agreements",
            "contiguous",
            "erasures",
        }
    ),
    "server": frozenset({"delimiter", "encoding", "lineEnd", "namespace", "emptyFile", "header", "trailer"}),
    "schema": frozenset({"withhold"}),
    "property": frozenset({"delivered", "rowKey", "purpose", "legalBasis"}),
    "inbound contract": frozenset({"direction", "partner", "recipient", "timeZone", "expectedOn"}),
    "inbound server": frozenset({"delimiter", "headerRow"}),
    "inbound schema": frozenset(),
    "inbound property": frozenset({"sourceForm", "headerOptional", "purpose", "legalBasis"}),
}
OPTIONAL_PROPERTIES: dict[str, frozenset[str]] = {
    "contract": frozenset({"direction", "reconciledWith", "workingCalendar", "agreements", "contiguous", "erasures"}),
    "inbound contract": frozenset({"expectedOn"}),
    "inbound csv": frozenset(),
    "csv": frozenset(),
    "xml": frozenset(),
}
REQUIRED_PROPERTIES = {
    "contract": CUSTOM_PROPERTIES["contract"] - OPTIONAL_PROPERTIES["contract"],
    "csv": CUSTOM_PROPERTIES["server"] - {"namespace"},
    "xml": CUSTOM_PROPERTIES["server"] - {"delimiter", "lineEnd"},
    "inbound contract": CUSTOM_PROPERTIES["inbound contract"] - OPTIONAL_PROPERTIES["inbound contract"],
    "inbound csv": CUSTOM_PROPERTIES["inbound server"],
}
Direction = Literal["inbound", "outbound"]
DIRECTIONS: tuple[Direction, ...] = ("inbound", "outbound")
FORMATS: dict[Direction, tuple[str, ...]] = {"inbound": ("csv",), "outbound": ("csv", "xml")}
# How a partner writes values (include/inbound/normalise.py), and the logical types that such a value can be.
SOURCE_FORMS: dict[str, frozenset[str]] = {
    "text": frozenset({"string", "integer", "number"}),
    "name": frozenset({"string"}),
    "email": frozenset({"string"}),
    "phone": frozenset({"string"}),
    "money": frozenset({"number"}),
    "term": frozenset({"integer"}),
    "date": frozenset({"date"}),
}
# Columns of an inbound contract that no file has: include/inbound/derive.py gives them.
DERIVED = ("cash_purchase", "identifier_type")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CONTIGUOUS = ("windows", "span")
# Kinds of agreement in the DMS; one of another name is signed by nobody, so nothing would ever leave.
AGREEMENTS = ("DATA_PROCESSING", "SERVICE")
PERIOD_UNITS = ("day", "month")
PERIOD_ZONES = ("contract", "dealer")

HEADER_FIELDS = frozenset(
    {
        "interface", "layout_version", "dealer", "recipient", "business_date", "window_start", "window_end",
        "sequence", "revision", "mark", "corrects_sequence", "period_type", "period", "environment", "created_at",
        "previous_window_end", "siren", "siret", "brand",
    }
)  # fmt: skip

OPTIONS_OF_TYPE: dict[str, frozenset[str]] = {
    "string": frozenset({"pattern", "minLength", "maxLength"}),
    "integer": frozenset({"minimum", "maximum"}),
    "number": frozenset({"minimum", "maximum", "multipleOf"}),
    "date": frozenset(),
    "timestamp": frozenset({"timezone"}),
    "boolean": frozenset(),
}

ARGUMENTS_OF_RULE: dict[str, frozenset[str]] = {
    "equalsFile": frozenset({"value"}),
    "equalsProperty": frozenset({"property"}),
    "matches": frozenset({"pattern"}),
    "requiredWhen": frozenset({"property", "equals"}),
    "emptyWhen": frozenset({"property", "equals"}),
    "signFollows": frozenset({"property", "positive", "negative", "zero"}),
    "lineArithmetic": frozenset({"quantity", "unitPrice", "discount", "tolerance"}),
    "withinWindow": frozenset(),
    "withinPeriod": frozenset(),
    "notAfter": frozenset({"property"}),
    "notAfterWindow": frozenset(),
    "notBeforeWindow": frozenset({"days"}),
    "requiredUnless": frozenset({"property", "equals"}),
    "matchesWhen": frozenset({"property", "equals", "pattern"}),
    "equalsWhen": frozenset({"property", "equals", "value"}),
    "notBelow": frozenset({"property"}),
    "sumOf": frozenset({"properties", "tolerance"}),
    "sumOfLines": frozenset({"property", "tolerance"}),
    "siren": frozenset(),
    "siret": frozenset(),
    "vin": frozenset(),
    "startsWithFor": frozenset({"property", "prefixes"}),
    "anyOf": frozenset({"properties"}),
    "unitIdentifier": frozenset(),
    "notBefore": frozenset({"day"}),
    "yearNotAfterWindow": frozenset({"ahead"}),
    "monthsApart": frozenset({"property", "term", "tolerance"}),
    "paysBack": frozenset({"property", "term", "percent"}),
    "negativeOnlyWhen": frozenset({"property", "equals"}),
    "rejectedRows": frozenset({"percent", "rows"}),
    "sameWeekdayVolume": frozenset({"weeks", "minimumHistory", "deviations", "floorPercent", "floorRows"}),
    "headerTotals": frozenset({"property", "header", "count", "totals", "same"}),
}
FILE_RULES = frozenset({"rejectedRows", "sameWeekdayVolume", "headerTotals"})
COLUMN_RULES = frozenset(ARGUMENTS_OF_RULE) - FILE_RULES
IMPLIED_RULES = frozenset(
    {
        "required", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "multipleOf",
        "integer", "number", "date", "timestamp", "boolean", "duplicateValues", "wholeDocument",
    }
)  # fmt: skip
ROW_RULES = COLUMN_RULES | IMPLIED_RULES


class ContractError(ValueError):
    """A contract file says something that nothing here understands or enforces."""


def only_known(mapping: Mapping[str, Any], allowed: Collection[str], where: str) -> None:
    """
    Hold the keys of ``mapping`` to ``allowed``.

    :raises ContractError: naming the unknown keys, the place and what is allowed there.
    """
    if unknown := set(mapping) - set(allowed):
        raise ContractError(
            f"{where}: nothing here enforces {', '.join(sorted(map(str, unknown)))}; "
            f"allowed are {', '.join(sorted(allowed)) or 'none'}"
        )


def properties_of(element: Mapping[str, Any], level: str) -> dict[str, Any]:
    """Return the ``customProperties`` of an element as a mapping, held to those known at ``level``."""
    found = {item["property"]: item["value"] for item in element.get("customProperties", [])}
    only_known(found, CUSTOM_PROPERTIES[level], f"customProperties of the {level}")
    return found
