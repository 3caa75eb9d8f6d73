"""
The XML Schema of a contract's files, and of the manifests beside them, made from the contract.

``python -m include.layout.xsd <contract> [--check]`` writes ``include/schemas/<contract>.xsd``, or says whether what is
there is what the contract gives. The schema says form: elements and their order, types, patterns, lists of values, keys
of documents and of their lines. What one value has to do with another is judged by the contract's rules.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lxml import etree

from include.layout.xml import ITEM, section_of
from include.layout.xsd_pattern import PatternError, in_xml_schema

if TYPE_CHECKING:
    from include.contract import Contract, Field, Table

SCHEMAS = Path(__file__).parent.parent / "schemas"
XS = "http://www.w3.org/2001/XMLSchema"
MANIFEST = "application_manifest"
STATUS = ("AUTHORISED", "REVOKED", "EXPIRED", "NOT_YET")
OWN = "f"  # Prefix of the contract's namespace: an XPath in a schema has no default one.
DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
FACETS = {"minimum": "minInclusive", "maximum": "maxInclusive", "minLength": "minLength", "maxLength": "maxLength"}
TYPES = {"string": "xs:string", "integer": "xs:integer", "number": "xs:decimal"}
NAMED_TYPES = {"date": "day", "timestamp": "instant", "boolean": "flag"}

# Fields of a header: the type, whether each file has it, and what it says.
HEADER: Mapping[str, tuple[str, bool, str]] = {
    "interface": ("xs:string", True, "Which feed."),
    "layout_version": ("xs:string", True, "Version of the contract that the file was made by."),
    "dealer": ("text", True, "Whose data: the code by which the recipient knows the dealer or point of sale."),
    "recipient": ("text", True, "Who the file is for."),
    "siren": ("siren", True, "Legal entity: nine digits, leading zeros kept."),
    "siret": ("siret", True, "Establishment: fourteen digits, leading zeros kept."),
    "brand": ("text", True, "Brand of the point of sale."),
    "business_date": ("day", True, "The day, or the first day of the month, that the file is about."),
    "period_type": ("xs:string", True, "D for a day, M for a month."),
    "period": ("xs:string", True, "The day or month."),
    "window_start": ("instant", True, "From when on changes are in the file, this instant included."),
    "window_end": ("instant", True, "Until when changes are in the file, this instant not included."),
    "previous_window_end": ("instant", False, "Where the dealer's last file ended; absent in the first one."),
    "sequence": ("xs:positiveInteger", True, "Number of the file among those of this dealer; none is used twice."),
    "revision": ("xs:nonNegativeInteger", True, "How often this window was made anew."),
    "mark": ("mark", True, "ORIGINAL, or CORRECTION for a file that replaces one."),
    "corrects_sequence": ("xs:positiveInteger", False, "Which file a CORRECTION replaces, as a whole."),
    "environment": ("text", True, "live or test."),
    "created_at": ("instant", True, "When the file was decided on; making it again changes nothing."),
}


def schema_of(contract: Contract) -> bytes:
    """
    Return the XML Schema of the files of ``contract``, the same bytes for the same contract.

    :raises PatternError: naming the column whose pattern cannot be said in XML Schema.
    """
    root = etree.Element(
        f"{{{XS}}}schema",
        {
            "targetNamespace": contract.namespace,
            "elementFormDefault": "qualified",
            "version": contract.version,
        },
        nsmap={"xs": XS, OWN: contract.namespace},
    )
    root.append(etree.Comment(f" Made from the contract {contract.id} by `make xsd`; change that one. "))
    _say(root, f"{contract.name}. {contract.purpose}")
    _file(root, contract)
    _manifest(root, contract)
    _named_types(root)
    etree.indent(root, "  ")
    # Not as UTF-8: a class of characters in a pattern has some that no editor shows.
    return etree.tostring(root, xml_declaration=True, encoding="US-ASCII") + b"\n"


def _file(root: etree._Element, contract: Contract) -> None:
    content = _sequence(_element(root, contract.id, f"One file: {contract.name}, of one dealer and period."))
    header = _sequence(_element(content, "header", "Who, what and when."))
    for name in contract.header:
        kind, always, text = HEADER[name]
        _element(header, name, text, kind=_kind(kind), least=int(always))
    for table in contract.tables:
        _section(content, table)
    trailer = _sequence(_element(content, "trailer", "What a reader can add up."))
    _element(
        trailer,
        "record_count",
        "Rows of all sections: each line, and each record without lines.",
        kind="xs:nonNegativeInteger",
    )
    if contract.control_total is not None:
        _element(trailer, "control_total", f"Sum of {contract.control_total} over all sections.", kind=_kind("amount"))
    documents = [table for table in contract.tables if table.array is not None]
    if documents:
        records = _element(trailer, "records", "How many records of a kind the file has.", most=str(len(documents)))
        records.set("minOccurs", str(len(documents)))
        counted = _add(records, "complexType")
        _enumerated(_add(counted, "attribute", name="kind", use="required"), [table.name for table in documents])
        _add(counted, "attribute", name="documents", type="xs:nonNegativeInteger", use="required")


def _section(content: etree._Element, table: Table) -> None:
    fields = [field for field in table.fields if field.delivered]
    section = _element(content, section_of(table), f"Every {table.name} of the file.")
    document = _element(_sequence(section), table.name, "", least=0, most="unbounded")
    _unique(section, table, [table.name], [field for field in fields if field.primary_key and not field.item])
    columns = _sequence(document)
    for field in fields:
        if not field.item:
            _typed(_element(columns, field.name, _told(field), least=int(field.required)), table, field)
    if table.array is not None:
        array = _element(columns, table.array, "Absent if there is none.", least=0)
        item = _element(_sequence(array), ITEM, "", most="unbounded")
        attributes = _add(item, "complexType")
        for field in fields:
            if field.item:
                use = "required" if field.required else "optional"
                attribute = _add(attributes, "attribute", name=field.name, use=use)
                _say(attribute, _told(field))
                _typed(attribute, table, field)
        keys = [field for field in fields if field.primary_key and field.item]
        _unique(document, table, [table.array, ITEM], keys)


def _unique(place: etree._Element, table: Table, path: Iterable[str], fields: list[Field]) -> None:
    """A key if each of its columns is always there, else what is there is unique."""
    if not fields:
        return
    kind = "key" if all(field.required for field in fields) else "unique"
    steps = list(path)
    key = _add(place, kind, name=f"{table.name}_{steps[-1]}_key")
    _add(key, "selector", xpath="/".join(f"{OWN}:{step}" for step in steps))
    for field in fields:
        _add(key, "field", xpath=f"@{field.name}" if field.item else f"{OWN}:{field.name}")


def _typed(place: etree._Element, table: Table, field: Field) -> None:
    """Give an element or attribute the type of its column."""
    if field.logical_type in NAMED_TYPES:
        place.set("type", _kind(NAMED_TYPES[field.logical_type]))
        return
    told = {rule.kind: rule.arguments for rule in table.rules if rule.columns == (field.name,)}
    base = TYPES[field.logical_type]
    if not told.keys() & {"pattern", "multipleOf", "enum", *FACETS}:
        place.set("type", base)
        return
    restriction = _add(_add(place, "simpleType"), "restriction", base=base)
    if "pattern" in told:
        try:
            _add(restriction, "pattern", value=in_xml_schema(str(told["pattern"]["value"])))
        except PatternError as error:
            raise PatternError(f"schema {table.name!r}, {field.name}: {error}") from None
    if "multipleOf" in told:
        _add(restriction, "fractionDigits", value=str(_decimals(table, field, told["multipleOf"]["value"])))
    for option, facet in FACETS.items():
        if option in told:
            _add(restriction, facet, value=str(told[option]["value"]))
    for value in told["enum"]["values"] if "enum" in told else ():
        _add(restriction, "enumeration", value=str(value))


def _decimals(table: Table, field: Field, step: Any) -> int:
    exact = Decimal(str(step)).normalize()
    exponent = exact.as_tuple().exponent
    if exact != Decimal(1).scaleb(int(exponent)) or int(exponent) > 0:
        raise PatternError(
            f"schema {table.name!r}, {field.name}: XML Schema counts decimals, and has no multiples of {step}"
        )
    return -int(exponent)


def _told(field: Field) -> str:
    """What the contract says of a column, and why it may be in the file if it is about a person."""
    if not field.personal:
        return field.description
    why = f"Personal data ({field.classification}). Purpose: {field.purpose} Legal basis: {field.legal_basis}"
    return f"{field.description} {why}".strip()


def _manifest(root: etree._Element, contract: Contract) -> None:
    """What an application may see of one file, written by include/agreements/manifests.py."""
    content = _sequence(
        _element(root, MANIFEST, "Beside a file: what one application may see of it, by the dealer's authorisation.")
    )
    _element(content, "application", "Code of the application.", kind=_kind("application"))
    _element(content, "name", "Its name.", kind=_kind("text"))
    _enumerated(
        _element(content, "status", "Only AUTHORISED allows anything."), ["AUTHORISED", "REVOKED", "EXPIRED", "NOT_YET"]
    )
    _element(content, "file_name", "The data file.", kind=_kind("text"))
    _element(content, "sha256", "Hash of the data file's bytes.", kind=_kind("sha256"))
    for name, kind, always, text in (
        ("made_at", "instant", True, "The moment whose authorisations this states."),
        ("authorised_at", "instant", True, "When the dealer authorised the application."),
        ("valid_from", "day", True, "First day of the authorisation."),
        ("valid_to", "day", False, "Last day of the authorisation; absent if none was said."),
        ("revoked_at", "instant", False, "When the dealer took it back."),
    ):
        _element(content, name, text, kind=_kind(kind), least=int(always))
    record = _element(content, "record", "A kind of record that the application may see.", least=0, most="unbounded")
    inner = _add(record, "complexType")
    _element(
        _add(inner, "sequence"),
        "field",
        "An element or attribute that it may see.",
        kind=_kind("name"),
        most="unbounded",
    )
    _enumerated(_add(inner, "attribute", name="kind", use="required"), [table.name for table in contract.tables])
    _add(inner, "attribute", name="documents", type="xs:nonNegativeInteger", use="required")


def _named_types(root: etree._Element) -> None:
    for name, base, facet, value, text in (
        ("day", "xs:date", "pattern", DAY, "A day, without a time zone."),
        ("instant", "xs:dateTime", "pattern", f"{DAY}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}Z", "UTC, to the second."),
        ("flag", "xs:boolean", "pattern", "true|false", ""),
        ("amount", "xs:decimal", "fractionDigits", "2", ""),
        ("text", "xs:string", "minLength", "1", ""),
        (
            "siren",
            "xs:string",
            "pattern",
            "[0-9]{9}|MONACO[0-9A-Z]{3}",
            "Nine digits; in Monaco a name in their place.",
        ),
        ("siret", "xs:string", "pattern", "[0-9]{14}|MONACO[0-9A-Z]{8}", "14 digits; in Monaco a name in their place."),
        ("mark", "xs:string", "pattern", "ORIGINAL|CORRECTION", ""),
        ("application", "xs:string", "pattern", "[A-Z0-9_]{2,20}", ""),
        ("sha256", "xs:string", "pattern", "[0-9a-f]{64}", ""),
        ("name", "xs:string", "pattern", "[a-z][a-z0-9_]*", ""),
    ):
        kind = _add(root, "simpleType", name=name)
        _say(kind, text)
        _add(_add(kind, "restriction", base=base), facet, value=value)


def _element(
    place: etree._Element, name: str, text: str, *, kind: str | None = None, least: int = 1, most: str = "1"
) -> etree._Element:
    element = _add(place, "element", name=name)
    if kind is not None:
        element.set("type", kind)
    if least != 1:
        element.set("minOccurs", str(least))
    if most != "1":
        element.set("maxOccurs", most)
    _say(element, text)
    return element


def _sequence(element: etree._Element) -> etree._Element:
    return _add(_add(element, "complexType"), "sequence")


def _enumerated(place: etree._Element, values: Iterable[str]) -> None:
    restriction = _add(_add(place, "simpleType"), "restriction", base="xs:string")
    for value in values:
        _add(restriction, "enumeration", value=value)


def _say(place: etree._Element, text: str) -> None:
    if text:
        _add(_add(place, "annotation"), "documentation").text = text


def _add(place: etree._Element, kind: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(place, f"{{{XS}}}{kind}", attributes)


def _kind(name: str) -> str:
    return name if name.startswith("xs:") else f"{OWN}:{name}"


def main(arguments: list[str] | None = None) -> int:
    """Write the schema of one contract, or compare it; 1 if it is not what the contract gives."""
    from include.contract import load_contract

    parser = argparse.ArgumentParser(prog="include.layout.xsd", description=__doc__.split("\n\n")[0].strip())
    parser.add_argument("contract", help="id of a contract whose format is xml")
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the schema is up to date")
    asked = parser.parse_args(arguments)
    contract = load_contract(asked.contract)
    if contract.format != "xml":
        parser.error(f"{contract.id} goes as {contract.format} and has no XML Schema")
    path = SCHEMAS / f"{contract.id}.xsd"
    made = schema_of(contract)
    if not asked.check:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(made)
    elif not path.is_file() or path.read_bytes() != made:
        sys.stderr.write(f"{path.name} is not what the contract {contract.id} gives; write it with make xsd\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
