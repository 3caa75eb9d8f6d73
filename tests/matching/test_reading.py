"""Keys as PostgreSQL hands them out."""

from __future__ import annotations

import polars as pl
import psycopg2
import pytest

from include.matching.reading import copy_frame
from local.postgres import Postgres

SCHEMA: dict[str, type[pl.DataType]] = {"contact_id": pl.Int64, "value": pl.String}


def test_text_comes_as_it_is_and_null_is_not_empty(postgres: Postgres) -> None:
    told = [(1, 'a,"b"\nc'), (2, ""), (3, None), (4, "0042"), (5, "é")]
    with psycopg2.connect(postgres.dsn()) as connection, connection.cursor() as cursor:
        cursor.execute("create temp table key (contact_id bigint, value text)")
        cursor.executemany("insert into key values (%s, %s)", told)
        query = "select contact_id, value from key order by contact_id"
        assert copy_frame(cursor, query, SCHEMA).rows() == told
        nothing = copy_frame(cursor, cursor.mogrify("select * from key where value = %s", ("x",)), SCHEMA)
        assert nothing.equals(pl.DataFrame(schema=SCHEMA))
        assert nothing.dtypes == [pl.Int64, pl.String]
        with pytest.raises(pl.exceptions.PolarsError):
            copy_frame(cursor, query, SCHEMA | {"third": pl.String})
