"""How the commands show rows: a table for people, JSON lines for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

WIDTH_WITHOUT_TERMINAL: Final = 200


def print_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print each row as one line of JSON; instants as UTC with a Z."""
    for row in rows:
        sys.stdout.write(json.dumps(_plain(row)) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def print_table(what: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print ``rows`` under ``headings``; the title counts them as ``what``."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{len(rows)} {what}{'s' if len(rows) != 1 else ''}", title_justify="left")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        # Text and not str: square brackets in a name or a pattern are not markup.
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=WIDTH_WITHOUT_TERMINAL)
    console.print(table)
