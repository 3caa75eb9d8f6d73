"""
Properties that one contract shares with another by reference, in ODCS's own notation.

``authoritativeDefinitions: [{type: definition, url: "<file>#/schema/<table>/properties/<property>"}]`` takes that
property over; keys that the referring property has itself replace the referred one's as a whole. The name and the
logical type stand on both sides, since a reader of plain ODCS asks for them, and must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from include.contract_vocabulary import ContractError, only_known

KEY = "authoritativeDefinitions"
REFERENCE = re.compile(r"(?P<file>[a-z][a-z0-9_]*\.yaml)#/schema/(?P<table>[^/]+)/properties/(?P<name>[^/]+)")


def resolved(column: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """
    Return the property as it stands once its reference, if it has one, is followed.

    :raises ContractError: if the reference is no such notation, leads nowhere, or to another reference: a reader should
        find the definition at the first place he is sent to.
    """
    if KEY not in column:
        return dict(column)
    where = f"property {column.get('name')!r}"
    if len(column[KEY]) != 1:
        raise ContractError(f"{where}: exactly one definition can be taken over, {len(column[KEY])} are named")
    (definition,) = column[KEY]
    only_known(definition, ("type", "url"), f"{where}, {KEY}")
    match = REFERENCE.fullmatch(definition["url"])
    if definition["type"] != "definition" or match is None:
        raise ContractError(
            f"{where}: {KEY} must be one of type definition with a url such as "
            f'"merkle_sar_daily.yaml#/schema/trade_parts_sale_line/properties/dealer_code", not {definition["url"]!r}'
        )
    shared = _property(folder / match["file"], match["table"], match["name"], where)
    if KEY in shared:
        raise ContractError(f"{where}: {definition['url']} is itself a reference; refer to where it is defined")
    own = {key: value for key, value in column.items() if key != KEY}
    for key in ("name", "logicalType"):
        if own.get(key) != shared[key]:
            raise ContractError(f"{where}: its {key} is {own.get(key)!r}, that of what it takes over {shared[key]!r}")
    return {**shared, **own}


def read_document(path: Path) -> Any:
    """
    Return a contract file as plain values, read once however many properties refer to it; nobody may change them.

    :raises FileNotFoundError: if there is none.
    :raises yaml.YAMLError: if it is no YAML.
    """
    stat = path.stat()
    return _parsed(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _parsed(path: Path, changed: int, size: int) -> Any:
    return yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)


def _property(path: Path, table: str, name: str, where: str) -> dict[str, Any]:
    try:
        document = read_document(path)
    except FileNotFoundError:
        raise ContractError(f"{where}: it refers to {path.name}, which is not in {path.parent.name}/") from None
    except yaml.YAMLError as error:
        raise ContractError(f"{where}: it refers to {path.name}, which is not readable as YAML: {error}") from error
    tables = {found["name"]: found for found in document["schema"]}
    if table not in tables:
        raise ContractError(f"{where}: {path.name} has no schema {table!r}; there are {', '.join(tables)}")
    properties: dict[str, dict[str, Any]] = {found["name"]: found for found in tables[table]["properties"]}
    if name not in properties:
        raise ContractError(f"{where}: {path.name} has no property {name!r}; there are {', '.join(properties)}")
    return properties[name]
