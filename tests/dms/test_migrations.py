from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest

from include.migrations import run
from include.migrations.run import MigrationError, current, head, migrate
from local.postgres import Postgres


@pytest.fixture
def bare_dsn(postgres: Postgres, request: pytest.FixtureRequest) -> str:
    """A database without any schema of ours."""
    return postgres.create_database(f"bare_{abs(hash(request.node.nodeid))}")


def test_a_database_comes_from_nothing_to_head_and_stays_there(bare_dsn: str) -> None:
    assert current("dms", bare_dsn) is None
    assert migrate("dms", bare_dsn) == head("dms")
    assert migrate("dms", bare_dsn) == head("dms") == current("dms", bare_dsn)


def test_two_environments_share_a_database_and_keep_their_revisions_apart(bare_dsn: str) -> None:
    migrate("dms", bare_dsn)
    assert current("ledger", bare_dsn) is None
    migrate("ledger", bare_dsn)
    assert (current("dms", bare_dsn), current("ledger", bare_dsn)) == (head("dms"), head("ledger"))


def test_migrations_started_at_once_take_turns(bare_dsn: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        revisions = list(pool.map(lambda _: migrate("dms", bare_dsn), range(4)))
    assert revisions == [head("dms")] * 4


def test_a_database_ahead_of_the_code_is_left_alone(bare_dsn: str) -> None:
    migrate("dms", bare_dsn)
    with closing(psycopg2.connect(bare_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("UPDATE dms.schema_version SET version_num = 'dms_9999'")
    with pytest.raises(MigrationError, match=r"dms_9999.*newer version"):
        migrate("dms", bare_dsn)
    assert current("dms", bare_dsn) == "dms_9999"


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("host=127.0.0.1 port=1 dbname=dealers user=u password=secret-word", "cannot connect to database 'dealers'"),
        ("postgresql://u:secret-word@127.0.0.1:1/dealers", "cannot connect to database 'dealers'"),
        ("host=a password=secret-word nonsense", "DMS_DSN is not a libpq connection string"),
    ],
)
def test_an_unusable_connection_is_named_without_its_password(dsn: str, said: str) -> None:
    with pytest.raises(MigrationError, match=said) as raised:
        migrate("dms", dsn)
    assert "secret-word" not in str(raised.value)


def test_the_command_says_what_it_did_and_what_it_lacks(
    bare_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LEDGER_DSN", raising=False)
    monkeypatch.setenv("DMS_DSN", bare_dsn)
    assert run.main(["all"]) == 2
    assert "LEDGER_DSN" in capsys.readouterr().err
    assert current("dms", bare_dsn) is None, "half of 'all' was done although the other half cannot be"
    assert run.main(["dms"]) == 0
    assert run.main(["dms"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"dms: migrated from nothing to {head('dms')}",
        f"dms: already at {head('dms')}",
    ]
    assert run.main(["else"]) == 2
