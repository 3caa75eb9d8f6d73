"""Which column of a file is which field of the contract: by the exact header, never by position."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from include.inbound.refusals import FileRefused

MOST_COLUMNS = 1000
OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}


@dataclass(frozen=True)
class Column:
    """
    A field that the contract wants from a file.

    :param header: as the partner writes it; upper and lower case and spaces around it do not matter.
    :param form: how its values are written, one of ``include.inbound.normalise.FORMS``.
    :param optional: whether a file may come without the whole column.
    """

    name: str
    header: str
    form: str = "text"
    optional: bool = False


@dataclass(frozen=True)
class Headers:
    """
    The first line of a file: ``positions`` of the contract's columns by name, and how many columns there are.

    ``missing`` names optional columns that the file lacks. ``ignored`` counts the columns that the contract does not
    know; their headers are the partner's text and are not repeated.
    """

    positions: dict[str, int]
    width: int
    missing: tuple[str, ...]
    ignored: int


def read_headers(record: str, columns: Sequence[Column], delimiter: str) -> Headers:
    """
    Find ``columns`` in the header record of a file.

    :raises FileRefused: ``HEADER_MISSING``, ``HEADER_DOUBLED``, ``DELIMITER``, ``NOT_CSV`` or ``TOO_LARGE``.
    """
    if any(character < " " and character not in "\t\r\n" for character in record):
        raise FileRefused(
            "NOT_CSV",
            "the first line holds control characters: this is no text, or UTF-16 without its mark; ask the partner",
            line=1,
        )
    found = _split(record, columns, delimiter)
    if len(found) > MOST_COLUMNS:
        raise FileRefused("TOO_LARGE", f"the file has {len(found)} columns, more than {MOST_COLUMNS}", line=1)
    places: dict[str, list[int]] = {}
    for place, header in enumerate(found):
        places.setdefault(_plain(header), []).append(place)
    wanted = [column for column in columns if _plain(column.header) not in places]
    if any(not column.optional for column in wanted):
        raise _missing(record, columns, [column for column in wanted if not column.optional], found, delimiter)
    doubled = [column.header for column in columns if len(places.get(_plain(column.header), ())) > 1]
    if doubled:
        raise FileRefused(
            "HEADER_DOUBLED",
            f"the file has {', '.join(map(repr, doubled))} more than once, and nobody can say which one counts; "
            "ask the partner to send the file again",
            line=1,
        )
    positions = {column.name: places[_plain(column.header)][0] for column in columns if column not in wanted}
    return Headers(positions, len(found), tuple(column.name for column in wanted), len(found) - len(positions))


def _plain(header: str) -> str:
    return header.strip().casefold()


def _bare(header: str) -> str:
    return re.sub(r"[\W_]+", "", header).casefold()


def _split(record: str, columns: Sequence[Column], delimiter: str) -> list[str]:
    try:
        return next(csv.reader([record], delimiter=delimiter, strict=True), [])
    except csv.Error:
        raise _other_delimiter(record, columns, delimiter, 0) or FileRefused(
            "NOT_CSV",
            "the first line cannot be taken apart: a quote stands where none may, or a value has no end",
            line=1,
        ) from None


def _other_delimiter(record: str, columns: Sequence[Column], delimiter: str, here: int) -> FileRefused | None:
    """Say which delimiter finds more than ``here`` of the contract's headers, if one does."""
    known = {_plain(column.header) for column in columns}
    for other, name in OTHER_DELIMITERS.items():
        if other != delimiter and sum(_plain(part.strip('"')) in known for part in record.split(other)) > here:
            return FileRefused(
                "DELIMITER",
                f"the first line is divided by {name}, the contract says {OTHER_DELIMITERS.get(delimiter, delimiter)}; "
                "ask the partner to write the file as agreed, or agree on a new version of the contract",
                line=1,
            )
    return None


def _missing(
    record: str, columns: Sequence[Column], missing: Sequence[Column], found: Sequence[str], delimiter: str
) -> FileRefused:
    """Say what is missing; only those headers of the file are quoted that look like a contract's."""
    known = {_plain(column.header) for column in columns}
    here = sum(_plain(header) in known for header in found)
    if (refusal := _other_delimiter(record, columns, delimiter, here)) is not None:
        return refusal
    if not here:
        return FileRefused(
            "HEADER_MISSING",
            "the first line names none of the contract's columns: the file has no header row, or is another file; "
            "ask the partner",
            line=1,
        )
    bare = Counter(_bare(column.header) for column in missing)
    alike = {_bare(header): header.strip() for header in found if _bare(header) in bare and _plain(header) not in known}
    named = [
        f"{column.header!r}" + (f" (it has {alike[_bare(column.header)]!r})" if _bare(column.header) in alike else "")
        for column in missing
    ]
    return FileRefused(
        "HEADER_MISSING",
        f"the file has no column {', '.join(named)}; a renamed header is a change of the layout, so ask the partner "
        "whether it will stay, and change the contract then",
        line=1,
    )
