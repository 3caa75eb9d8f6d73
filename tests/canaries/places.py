"""Where canaries are looked for: every text of every table, every file, every page that a reader can get to."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import sql

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from tests.canaries.planted import Canaries

MOST_PAGES = 600
COLUMNS = """
SELECT c.table_schema, c.table_name, c.column_name, c.data_type
  FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
 WHERE t.table_type = 'BASE TABLE' AND c.table_schema = ANY (%s)
   AND c.data_type NOT IN ('boolean', 'smallint', 'integer', 'double precision', 'date', 'timestamp with time zone',
                           'timestamp without time zone', 'uuid')
"""


def in_database(canaries: Canaries, dsn: str, schemas: Sequence[str]) -> dict[str, set[str]]:
    """Return ``schema.table.column`` → the kinds that stand there, of each column that can hold a text."""
    found: dict[str, set[str]] = {}
    looked_at = 0
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(COLUMNS, (list(schemas),))
        for schema, table, column, kind in cursor.fetchall():
            looked_at += 1
            # Bytes are looked at as the text that they may be; a pickle writes text as it stands.
            form = "{}" if kind == "bytea" else "{}::text"
            query = sql.SQL("SELECT DISTINCT " + form + " FROM {} WHERE {} IS NOT NULL")
            name = sql.Identifier(column)
            cursor.execute(query.format(name, sql.Identifier(schema, table), name))
            text = "\n".join(_text(value) for (value,) in cursor.fetchall())
            if kinds := canaries.kinds_in(text):
                found[f"{schema}.{table}.{column}"] = kinds
    assert looked_at > 20, f"{looked_at} columns are no database of ours"
    return found


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", errors="replace") if isinstance(value, memoryview) else str(value)


def in_files(canaries: Canaries, root: Path) -> tuple[dict[str, set[str]], int]:
    """Return path below ``root`` → the kinds that stand in that file or its name, and how many files there are."""
    paths = [path for path in root.rglob("*") if path.is_file()]
    texts = {path: f"{path.name}\n{path.read_bytes().decode('utf-8', errors='replace')}" for path in paths}
    kinds = {str(path.relative_to(root)): canaries.kinds_in(text) for path, text in texts.items()}
    return {path: told for path, told in kinds.items() if told}, len(paths)


def in_pages(
    canaries: Canaries, browser: TestClient, prefix: str, begin: Sequence[str]
) -> tuple[dict[str, set[str]], set[str]]:
    """
    Follow every link below ``prefix``; return path → the kinds that stand in its answer, and all paths answered.

    Headers count as well. What is refused is no page.
    """
    waiting, seen = list(begin), set(begin)
    found: dict[str, set[str]] = {}
    answered: set[str] = set()
    while waiting:
        path = waiting.pop()
        answer = browser.get(prefix + path)
        assert answer.status_code < 500, f"{path} was answered {answer.status_code}"
        if answer.status_code >= 400:
            continue
        answered.add(path.partition("?")[0])
        if kinds := canaries.kinds_in(f"{answer.text}\n{dict(answer.headers)}"):
            found[path] = kinds
        for link in _links(answer, prefix):
            if link not in seen:
                seen.add(link)
                waiting.append(link)
        assert len(seen) < MOST_PAGES, "the pages lead to ever more pages"
    return found, answered


def _links(answer: Any, prefix: str) -> Iterator[str]:
    told = (
        re.findall(r'(?:href|src)="([^"#]+)', answer.text) if "html" in answer.headers.get("content-type", "") else []
    )
    for link in [*told, *([answer.headers["location"]] if "location" in answer.headers else [])]:
        whole = answer.url.join(html.unescape(link))
        if whole.host == answer.url.host and whole.path.startswith(prefix):
            yield whole.raw_path.decode().removeprefix(prefix)
