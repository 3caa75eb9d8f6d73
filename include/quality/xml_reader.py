"""
A rendered XML file read back from its bytes: form from every byte, rows from all of it or from a stated part.

Written without a look at ``include/layout/``, which wrote the file. Every document is held to the schema in
``include/schemas/`` and forgotten, so that memory does not grow with the file. Problems are sentences without values of
rows: of what the parser says, the line and the kind of error alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import pandas as pd
from lxml import etree

from include.quality.xml_rows import Choice

if TYPE_CHECKING:
    from include.contract import Contract, Table

SCHEMAS = Path(__file__).parent.parent / "schemas"
XS = "{http://www.w3.org/2001/XMLSchema}"
DECLARATION = re.compile(rb"""<\?xml version=["']1\.0["'] encoding=["']UTF-8["']\?>""", re.IGNORECASE)
PIECE_BYTES = 1 << 16
# A tree takes up to fifty times the bytes that it is made of; the largest invoice that anybody saw has 60 KB.
MOST_DOCUMENT_BYTES = 4 << 20
MOST_PROBLEMS = 10
Events = Iterator[tuple[str, etree._Element]]

# What libxml2 calls its findings, in words; of any other its name is said.
IN_WORDS = {
    "SCHEMAV_CVC_PATTERN_VALID": "a value has not the form that its column has",
    "SCHEMAV_CVC_ENUMERATION_VALID": "a value is none of those listed",
    "SCHEMAV_CVC_ELT_1": "the element is none of the schema's",
    "SCHEMAV_CVC_IDC": "a key stands there twice, or is not complete",
    "SCHEMAV_ELEMENT_CONTENT": "elements are missing, too many, or not in order",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "an attribute is none of the schema's",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "an attribute is missing",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": "a value is not of its type",
    "SCHEMAV_CVC_MAXLENGTH_VALID": "a value is too long",
    "SCHEMAV_CVC_MINLENGTH_VALID": "a value is too short",
    "SCHEMAV_CVC_MININCLUSIVE_VALID": "a number is too small",
    "SCHEMAV_CVC_MAXINCLUSIVE_VALID": "a number is too large",
    "SCHEMAV_CVC_FRACTIONDIGITS_VALID": "a number has too many decimals",
    "ERR_TAG_NAME_MISMATCH": "a start tag and an end tag are not the same",
    "ERR_TAG_NOT_FINISHED": "the file is cut off",
    "ERR_DOCUMENT_EMPTY": "the file is cut off",
    "ERR_DOCUMENT_END": "something follows the end",
    "ERR_INVALID_ENCODING": "bytes are no UTF-8 text",
    "ERR_INVALID_CHAR": "a character is none that XML allows",
    "ERR_RESOURCE_LIMIT": "it is deeper or larger than a reader has to stand",
}
NAMED = re.compile(r"Element '(?:\{[^}]*\})?([^'{}]*)'(?:, attribute '([^']*)')?")


@dataclass
class XmlText:
    """
    What a file says, and what is wrong with its form.

    ``records`` counts the rows of the whole file and ``documents`` its documents by table. ``whole`` says whether all
    rows were read. Of the trailer, ``documents:<table>`` is what it says of a table's documents.
    """

    header: dict[str, str] = field(default_factory=dict)
    trailer: dict[str, str] = field(default_factory=dict)
    records: int = 0
    documents: dict[str, int] = field(default_factory=dict)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    whole: bool = True
    problems: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        """How many rows were read, and are not yet taken."""
        return sum(len(frame) for frame in self.frames.values())

    def rows(self, table: Table) -> pd.DataFrame:
        """Return the rows of ``table``: text columns, ``table.delivered``, null where a value is absent."""
        return self.frames[table.name]

    def take(self, table: Table) -> pd.DataFrame:
        """Return the rows of ``table`` and forget them, so that they are held once."""
        frame = self.frames[table.name]
        self.frames[table.name] = frame.iloc[:0]
        return frame.copy(deep=False)


def read_xml(path: Path, contract: Contract, most_rows: int, schemas: Path = SCHEMAS) -> XmlText:
    """
    Read the file at ``path``: all rows if it has at most ``most_rows``, else every n-th document of each table.

    The first and the last document of a table are always among them, n is the least power of two with which the rest
    comes to at most ``most_rows``. The choice depends on the file alone.

    :raises OSError: if the file cannot be read.
    """
    found = XmlText(documents={table.name: 0 for table in contract.tables})
    choice = Choice(contract, most_rows)
    if (schema := _schema(contract, schemas, found.problems)) is not None:
        with path.open("rb") as file:
            if _is_ours(file, contract, found.problems):
                _Reading(contract, schema, found, choice).read(file)
    found.whole = choice.step == 1
    found.frames = {table.name: choice.frame(table) for table in contract.tables}
    return found


def _schema(contract: Contract, schemas: Path, problems: list[str]) -> etree.XMLSchema | None:
    """The schema of whole files, in which each kind of document is declared by itself as well."""
    path = schemas / f"{contract.id}.xsd"
    if not path.is_file():
        problems.append(f"there is no schema {path.name} to hold the file to; write it with make xsd")
        return None
    root = etree.parse(path, _parser()).getroot()
    if root.get("version") != contract.version or root.get("targetNamespace") != contract.namespace:
        problems.append(f"the schema {path.name} is of another version than the contract; write it with make xsd")
        return None
    for table in contract.tables:
        for element in root.iterfind(f".//{XS}element[@name='{table.name}']"):
            alone = deepcopy(element)
            for name in ("minOccurs", "maxOccurs"):
                if name in alone.attrib:
                    del alone.attrib[name]
            # Names of keys are the whole schema's, and the original has taken them.
            for key in alone.iter(f"{XS}key", f"{XS}unique"):
                key.set("name", f"{key.get('name')}_alone")
            root.append(alone)
            break
    return etree.XMLSchema(root)


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, remove_pis=True)


def _is_ours(file: IO[bytes], contract: Contract, problems: list[str]) -> bool:
    """Look at the beginning: nothing is parsed as a whole that is not the contract's, or that brings a DTD along."""
    head = file.read(PIECE_BYTES)
    file.seek(0)
    if not DECLARATION.match(head):
        problems.append("it does not begin as XML 1.0 in UTF-8")
        return False
    if b"<!DOCTYPE" in head:
        problems.append("it has a document type, which may name entities and files; nothing of it was read")
        return False
    root = _first_element(head)
    wanted = etree.QName(contract.namespace, contract.id)
    if root is None:
        problems.append(f"it has no element {wanted.localname} within its first {PIECE_BYTES} bytes")
    elif root.tag != wanted.text:
        other = "another namespace" if etree.QName(root).localname == wanted.localname else "another root element"
        problems.append(f"it has {other} than the contract's {wanted.localname} in {contract.namespace}")
    return root is not None and root.tag == wanted.text


def _first_element(head: bytes) -> etree._Element | None:
    parser = etree.XMLPullParser(events=("start",), resolve_entities=False, load_dtd=False, no_network=True)
    try:
        for line in head.splitlines(keepends=True):
            parser.feed(line)
            for _, element in cast("Events", parser.read_events()):
                return element
    except etree.XMLSyntaxError:
        return None
    return None


class _Reading:
    """Goes through one file, document by document."""

    def __init__(self, contract: Contract, schema: etree.XMLSchema, found: XmlText, choice: Choice) -> None:
        space = f"{{{contract.namespace}}}"
        self._contract, self._schema, self._found, self._choice = contract, schema, found, choice
        self._tables = {f"{space}{table.name}": table for table in contract.tables}
        self._sections = {f"{space}{table.name}_records": table for table in contract.tables}
        self._header, self._trailer = f"{space}header", f"{space}trailer"
        self._columns = frozenset(name for table in contract.tables for name in table.delivered)
        self._strayed = self._invalid = self._line = 0
        self._mixed = False

    def read(self, file: IO[bytes]) -> None:
        """Read to the end, or to where it makes no sense to go on."""
        parser = etree.XMLPullParser(
            events=("end",),
            tag=[*self._tables, *self._sections, self._header, self._trailer],
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            remove_comments=True,
            remove_pis=True,
        )
        unheard = 0
        try:
            # By lines, since the writer has one for each document: the parser never runs far ahead of us.
            while piece := file.readline(PIECE_BYTES):
                self._line += 1
                parser.feed(piece)
                if len(parser.feed_error_log):
                    # Not every error ends the parsing at once, and the next piece begins another log.
                    self._malformed(parser)
                    break
                unheard += len(piece)
                for _, element in cast("Events", parser.read_events()):
                    if self._hear(element):
                        unheard = 0
                if unheard > MOST_DOCUMENT_BYTES:
                    self._problem(
                        f"more than {MOST_DOCUMENT_BYTES} bytes without the end of a document; reading stopped"
                    )
                    break
            else:
                self._end(parser.close())
        except etree.XMLSyntaxError:
            self._malformed(parser)
        self._sum_up()

    def _malformed(self, parser: etree.XMLPullParser) -> None:
        """Say the cause by its kind; the parser's own sentence may quote the file."""
        first = next(iter(parser.feed_error_log), None)
        kind, line = ("", None) if first is None else (first.type_name, first.line)
        self._problem(f"not well-formed XML: {_in_words(kind)}", line)

    def _hear(self, element: etree._Element) -> bool:
        """Take what has come to its end; True if it was a document where documents are."""
        if (table := self._tables.get(element.tag)) is not None:
            parent = element.getparent()
            if parent is None or self._sections.get(parent.tag) is not table:
                return False  # It stays in the tree, for the schema to find.
            self._document(table, element)
            while (before := parent[0]) is not element:
                self._forget(table, before)
                del parent[0]
            return True
        if (section := self._sections.get(element.tag)) is not None:
            documents = [child for child in element if self._tables.get(child.tag) is section]
            if documents:
                self._choice.end(section, documents[-1])
            for child in element:
                self._forget(section, child)
            del element[:]
        elif element.tag == self._header:
            told = _texts(element)
            # What is absent has no value; that it should have one is for the caller to say.
            self._found.header = {name: told.get(name, "") for name in self._contract.header}
        else:
            self._found.trailer = _texts(element)
            for one in element.iterchildren(f"{{{self._contract.namespace}}}records"):
                self._found.trailer[f"documents:{one.get('kind')}"] = one.get("documents", "")
            self._found.trailer.pop("records", None)
        return False

    def _forget(self, table: Table, child: etree._Element) -> None:
        """Note what the schema cannot see any more when ``child`` is gone from the section of ``table``."""
        self._strayed += self._tables.get(child.tag) is not table
        self._mixed |= bool((child.tail or "").strip())

    def _document(self, table: Table, element: etree._Element) -> None:
        if not self._schema.validate(element):
            self._note_invalid()
        found = self._found
        found.records += max(1, self._choice.lines(table, element))
        self._choice.offer(table, found.documents[table.name], element)
        found.documents[table.name] += 1

    def _end(self, root: etree._Element) -> None:
        """Hold what is left of the file, its frame without documents, to the schema."""
        if not self._schema.validate(root):
            self._note_invalid()

    def _note_invalid(self) -> None:
        log: Any = self._schema.error_log
        for error in log:
            self._invalid += 1
            if self._invalid <= MOST_PROBLEMS:
                kind = f"{_in_words(error.type_name)}{self._place(error.message)}"
                self._problem(f"not valid by the schema: {kind}", error.line)

    def _place(self, message: str) -> str:
        """Which column a message is about, if it is one of the contract's."""
        match = NAMED.match(message)
        name = match and (match[2] or match[1])
        return f" ({name})" if name in self._columns else ""

    def _problem(self, text: str, line: int | None = None) -> None:
        self._found.problems.append(f"line {line or self._line}: {text}")

    def _sum_up(self) -> None:
        found = self._found
        if self._invalid > MOST_PROBLEMS:
            found.problems.append(f"{self._invalid - MOST_PROBLEMS} more places are not valid by the schema")
        if self._strayed:
            found.problems.append(f"{self._strayed} elements stand in a section that is not theirs, or in none")
        if self._mixed:
            found.problems.append("there is text between documents")
        if not found.header:
            found.problems.append("there is no header")
        if not found.trailer:
            found.problems.append("there is no trailer")
            return
        for table in self._contract.tables:
            stated, counted = found.trailer.get(f"documents:{table.name}"), found.documents[table.name]
            if table.array is not None and stated != str(counted):
                said = stated if stated is not None and stated.isdecimal() else "no number"
                found.problems.append(f"{counted} documents of {table.name} in the file, the trailer says {said}")


def _texts(element: etree._Element) -> dict[str, str]:
    return {etree.QName(child).localname: child.text or "" for child in element}


def _in_words(kind: str) -> str:
    return IN_WORDS.get(kind) or kind.removeprefix("ERR_").replace("_", " ").lower() or "it cannot be taken apart"
