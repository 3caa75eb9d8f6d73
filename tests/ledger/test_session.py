"""Reaching the ledger, or not; and whether its schema is the one this code was written for."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from include.ledger import Ledger, LedgerError, LedgerUnavailableError, SchemaVersionError
from include.ledger.session import known_revisions
from include.migrations.run import head
from local.postgres import Postgres
from tests.ledger.conftest import execute, intent

SECRET = "correct-horse"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port on which nothing listens, because this test holds it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize("form", ["url", "words"])
def test_a_database_that_does_not_answer_is_named_without_the_password(silent_port: int, form: str) -> None:
    dsn = {
        "url": f"postgresql://ledger_app:{SECRET}@127.0.0.1:{silent_port}/books",
        "words": f"host=127.0.0.1 port={silent_port} dbname=books user=ledger_app password={SECRET}",
    }[form]
    with Ledger(dsn, actor="test") as ledger, pytest.raises(LedgerUnavailableError) as caught:
        ledger.files()
    assert f"cannot reach the ledger at 127.0.0.1:{silent_port}/books" in str(caught.value)
    assert "Check that PostgreSQL runs there" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_database_that_does_not_exist_is_not_worth_another_try(postgres: Postgres) -> None:
    with Ledger(postgres.dsn("nowhere"), actor="test") as ledger, pytest.raises(LedgerError) as caught:
        ledger.files()
    assert not isinstance(caught.value, LedgerUnavailableError)
    assert 'database "nowhere" does not exist' in str(caught.value)


def test_what_is_no_dsn_is_not_repeated() -> None:
    with pytest.raises(LedgerError, match="not a libpq connection string") as caught:
        Ledger(f"ledger password={SECRET}", actor="test")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_session_needs_an_actor(dsn: str) -> None:
    with pytest.raises(LedgerError, match="needs an actor"):
        Ledger(dsn, actor=" ")


def test_the_code_knows_its_newest_revision_without_alembic() -> None:
    assert known_revisions()[-1] == head("ledger")
    program = (
        "import sys, include.ledger; print(sorted({'alembic', 'sqlalchemy', 'pandas', 'fsspec'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_a_database_without_a_ledger_names_the_command(postgres: Postgres) -> None:
    dsn = postgres.create_database("without_a_ledger", replace=True)
    with Ledger(dsn, actor="test") as ledger, pytest.raises(SchemaVersionError, match="run `make migrate`"):
        ledger.plan(**intent())


@pytest.mark.parametrize(
    ("revision", "says"),
    [("ledger_9999", "this checkout is older than the database"), (None, "holds no ledger: run `make migrate`")],
)
def test_another_schema_is_refused_before_anything_is_written(fresh_dsn: str, revision: str | None, says: str) -> None:
    own = known_revisions()[-1]
    execute(fresh_dsn, "DELETE FROM ledger.schema_version")
    if revision:
        execute(fresh_dsn, f"INSERT INTO ledger.schema_version VALUES ('{revision}')")
    try:
        with Ledger(fresh_dsn, actor="test") as ledger:
            for ask in (ledger.check_schema, lambda: ledger.plan(**intent()), lambda: ledger.note(None, "X", {})):
                with pytest.raises(SchemaVersionError, match=says):
                    ask()
    finally:
        execute(fresh_dsn, "DELETE FROM ledger.schema_version", f"INSERT INTO ledger.schema_version VALUES ('{own}')")
    with Ledger(fresh_dsn, actor="test") as ledger:
        ledger.check_schema()
        assert ledger.files() == []


def test_an_older_schema_names_both_revisions(fresh_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.ledger import session

    monkeypatch.setattr(session, "known_revisions", lambda: (*known_revisions(), "ledger_0999"))
    with Ledger(fresh_dsn, actor="test") as ledger, pytest.raises(SchemaVersionError, match="needs ledger_0999: run"):
        ledger.check_schema()


def test_a_refusal_of_the_database_is_a_ledger_error(ledger: Ledger) -> None:
    file = ledger.plan(**intent())
    with pytest.raises(LedgerError, match="file_counts"):
        ledger.move(file.id, "CHECKED", rejected=-1)
    assert ledger.file(file.id).state == "PLANNED"


def test_a_process_that_stops_inside_a_transaction_is_ended_by_the_server(dsn: str) -> None:
    with Ledger(dsn, actor="test") as ledger, ledger.transaction() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == {"idle_in_transaction_session_timeout": "1min"}


def test_the_server_sees_who_is_connected(dsn: str) -> None:
    with Ledger(dsn, actor="airflow:merkle_sar_daily/x/publish/try 2") as ledger:
        ledger.files()
        with psycopg2.connect(dsn) as watching, watching.cursor() as cursor:
            cursor.execute(
                "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'ledger airflow%'"
            )
            assert cursor.fetchall() == [("ledger airflow:merkle_sar_daily/x/publish/try 2",)]
