"""What payment lines, or claims, cost at least: carry them to PostgreSQL and join them once, or read all claims out."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any, Final

import psycopg2

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

# The planner's own choice at these sizes; said all the same, so that it is a hash join whatever the statistics say.
_SETTINGS: Final = (
    "SET LOCAL work_mem TO '64MB'; SET LOCAL jit TO off; SET LOCAL enable_nestloop TO off; "
    "SET LOCAL enable_mergejoin TO off"
)
_JOINS: Final = {
    "lines": "SELECT b.line_no, s.claim_id, s.seq FROM brought b JOIN warranty.submission s "
    "ON s.retail_code = b.retail_code AND s.claim_number = b.claim_number",
    "claims": "SELECT b.source_key, b.job, c.claim_id FROM brought b "
    "JOIN warranty.retail_dealer r ON r.retail_code = b.retail_code "
    "JOIN warranty.claim c ON c.dealer = r.dealer AND c.source_key = b.source_key",
}
_SUBMISSIONS: Final = "SELECT claim_id, retail_code, claim_number FROM warranty.submission"


def hash_join(dsn: str, what: str, brought: pl.DataFrame) -> dict[str, Any]:
    """``COPY`` the rows (``what``: lines or claims) into a temporary table, and write their join into another."""
    started = time.perf_counter()
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        _columns_of_text(cursor, brought.columns)
        text = io.BytesIO()
        brought.write_csv(text, include_header=False)
        text.seek(0)
        cursor.copy_expert("COPY brought FROM STDIN (FORMAT csv)", text)
        cursor.execute("ANALYZE brought")
        copied = time.perf_counter()
        cursor.execute(f"CREATE TEMPORARY TABLE joined AS {_JOINS[what]}")
        joined = cursor.rowcount
    connection.close()
    ended = time.perf_counter()
    return {
        "joined": joined,
        "steps": {"copy": round(copied - started, 2), "join": round(ended - copied, 2)},
    }


def in_polars(dsn: str, lines: pl.DataFrame) -> dict[str, Any]:
    """Read the numbers of all claims out, whole, and join the lines in this process."""
    import polars as pl

    from include.matching.reading import copy_frame

    started = time.perf_counter()
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        numbers = copy_frame(
            cursor, _SUBMISSIONS, {"claim_id": pl.Int64, "retail_code": pl.String, "claim_number": pl.String}
        )
    connection.close()
    read = time.perf_counter()
    joined = lines.join(numbers, on=["retail_code", "claim_number"]).select("line_no", "claim_id").height
    ended = time.perf_counter()
    return {"joined": joined, "steps": {"read": round(read - started, 2), "join": round(ended - read, 2)}}


def _columns_of_text(cursor: Any, columns: Sequence[str]) -> None:
    told = ", ".join(f'{name} text COLLATE "C"' for name in columns)
    cursor.execute(f"CREATE TEMPORARY TABLE brought ({told})")
