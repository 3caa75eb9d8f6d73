"""The manifest beside a file: for one application, which records and fields of it the dealer allows it to see."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from lxml import etree

from include.agreements.authorisations import Authorisation, instant_of

if TYPE_CHECKING:
    from include.contract import Contract
    from include.ledger import FileRow

ROOT = "application_manifest"
# The code becomes part of a file name on the partner's side.
APPLICATION = re.compile(r"[A-Z0-9_]{2,20}")


class ManifestError(ValueError):
    """No manifest can be made of what the DMS says; the message says what to correct."""


def manifest_name(file_name: str, application: str) -> str:
    """
    Return the name of the manifest of ``application`` beside ``file_name``: ``<stem>.<APPLICATION>.manifest.xml``.

    :raises ManifestError: for a code that must not stand in a file name.
    """
    if not APPLICATION.fullmatch(application):
        raise ManifestError(
            f"application code {application!r} is not 2 to 20 capitals, digits and underscores, and cannot stand in "
            f"the name of a manifest of {file_name}; correct the application in the DMS"
        )
    return f"{PurePosixPath(file_name).stem}.{application}.manifest.xml"


def manifest(
    contract: Contract,
    file: FileRow,
    authorisation: Authorisation,
    documents: Mapping[str, int],
    made_at: datetime,
) -> bytes:
    """
    Return the manifest of a rendered ``file`` for one application, as UTF-8 XML in the contract's namespace.

    Only an AUTHORISED one lists records: each kind that the scope names, how many documents of it the file has and
    which of their fields the application may see. Equal arguments give equal bytes.

    :param documents: how many documents the file has by kind; a kind that is absent has none.
    :raises ManifestError: if the file has no bytes yet, or a text cannot stand in XML.
    """
    if file.file_name is None or file.sha256 is None:
        raise ManifestError(f"{file.label} has no bytes yet; its manifests are made when it is rendered")
    told: dict[str, str | None] = {
        "application": authorisation.application,
        "name": authorisation.name,
        "status": authorisation.status,
        "file_name": file.file_name,
        "sha256": file.sha256,
        "made_at": instant_of(made_at),
        "authorised_at": instant_of(authorisation.authorised_at),
        "valid_from": authorisation.valid_from.isoformat(),
        "valid_to": authorisation.valid_to.isoformat() if authorisation.valid_to else None,
        "revoked_at": instant_of(authorisation.revoked_at),
    }
    namespace = f"{{{contract.namespace}}}"
    unprefixed: dict[Any, str] = {None: contract.namespace}
    root = etree.Element(f"{namespace}{ROOT}", nsmap=unprefixed)
    for name, value in told.items():
        if value is not None:
            try:
                etree.SubElement(root, f"{namespace}{name}").text = value
            except ValueError:
                raise ManifestError(
                    f"the {name} of application {authorisation.application!r} has a character that XML does not allow; "
                    "correct it in the DMS"
                ) from None
    for kind, fields in _allowed(contract, authorisation):
        record = etree.SubElement(root, f"{namespace}record", kind=kind, documents=str(documents.get(kind, 0)))
        for field in fields:
            etree.SubElement(record, f"{namespace}field").text = field
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _allowed(contract: Contract, authorisation: Authorisation) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give kinds and fields in the file's order; never one that it does not have, whoever made the authorisation."""
    if authorisation.status != "AUTHORISED":
        return
    for table in contract.tables:
        wanted = frozenset(authorisation.scope.get(table.name, ()))
        if fields := tuple(field for field in table.delivered if field in wanted):
            yield table.name, fields
