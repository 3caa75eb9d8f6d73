"""A ledger of the first schema, with files and events as they were written then, is migrated and goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import psycopg2
import pytest
from alembic import command
from psycopg2.extras import RealDictCursor
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from include.ledger import Companion, Ledger, SchemaVersionError
from include.ledger import events as chain
from include.ledger.chain import verify
from include.migrations import run
from local.postgres import Postgres
from tests.ledger.conftest import bring, execute, scalar

# A day of British Summer Time: its midnights are not those of UTC.
WINDOW: dict[str, Any] = {
    "window_start": datetime(2026, 7, 6, 23, tzinfo=UTC),
    "window_end": datetime(2026, 7, 7, 23, tzinfo=UTC),
    "business_date": date(2026, 7, 7),
}
ASKED: dict[str, Any] = {
    "interface": "merkle_sar_daily", "partner": "merkle", "environment": "live", "contract_version": "1.0.0", **WINDOW,
}  # fmt: skip
BYTES: dict[str, Any] = {
    "file_name": "SAR_82600001_20260707_000001.csv", "sha256": "a" * 64, "content_hash": "a" * 32, "bytes": 1234,
    "rows": 10, "temp_name": ".SAR.part",
}  # fmt: skip
PUBLISHED_AT = datetime(2026, 7, 8, 4, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def first_ledger(postgres: Postgres) -> Callable[[], str]:
    """Makes a database at ledger_0001, as ``make migrate`` of that time left it."""

    def make() -> str:
        dsn = postgres.create_database(f"first_ledger_{next(numbers)}")
        engine = create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(dsn), poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text("CREATE SCHEMA ledger"))
            connection.commit()
            config = run._config("ledger")
            config.attributes.update(connection=connection, schema="ledger")
            command.upgrade(config, "ledger_0001")
            connection.commit()
        return dsn

    numbers = iter(range(1, 100))
    return make


class FirstLedger:
    """Writes rows and events the way the first ledger did: without a zone, the columns of each step in its event."""

    def __init__(self, cursor: RealDictCursor) -> None:
        self.cursor = cursor

    def plan(self, dealer: str, **changes: Any) -> int:
        columns = {**ASKED, "dealer": dealer, "batch_id": None, "revision": 0, **changes}
        return self.insert("PLANNED", columns, None)

    def insert(self, state: str, columns: dict[str, Any], reason: str | None) -> int:
        values = {**columns, "state": state, "reason": reason}
        self.cursor.execute(
            f"INSERT INTO ledger.file ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))}) RETURNING id",
            list(values.values()),
        )
        found = self.cursor.fetchone()
        assert found is not None
        file_id = int(found["id"])
        self.event(file_id, state, to_state=state, reason=reason, columns=columns)
        return file_id

    def move(self, file_id: int, before: str, to: str, reason: str | None = None, **columns: Any) -> None:
        values = {**columns, "state": to, "reason": reason}
        self.cursor.execute(
            f"UPDATE ledger.file SET {', '.join(f'{name} = %s' for name in values)} WHERE id = %s",
            [*values.values(), file_id],
        )
        self.event(file_id, to, from_state=before, to_state=to, reason=reason, columns=columns)

    def event(self, file_id: int, kind: str, *, columns: dict[str, Any] | None = None, **facts: Any) -> None:
        detail = {"columns": columns} if columns else {}
        chain.append(self.cursor, actor="airflow:first", kind=kind, file_id=file_id, detail=detail, **facts)


@pytest.fixture
def lived_in(first_ledger: Callable[[], str]) -> str:
    """Delivered, proposed, held and test files, a batch, a number, a paused feed."""
    dsn = first_ledger()
    with (
        closing(psycopg2.connect(dsn)) as connection,
        connection,
        connection.cursor(cursor_factory=RealDictCursor) as cursor,
    ):
        first = FirstLedger(cursor)
        delivered = first.plan("82600001")
        first.move(delivered, "PLANNED", "CHECKED", rejected=1, withheld=0)
        cursor.execute("INSERT INTO ledger.sequence VALUES ('merkle', 'merkle_sar_daily', '82600001', 'live', 1)")
        cursor.execute("UPDATE ledger.file SET sequence = 1 WHERE id = %s", [delivered])
        first.event(delivered, "SEQUENCE", columns={"sequence": 1})
        first.move(delivered, "CHECKED", "RENDERED", **BYTES)
        for before, to in (("RENDERED", "GATED"), ("GATED", "UPLOADING"), ("UPLOADING", "UPLOADED")):
            first.move(delivered, before, to)
        first.move(delivered, "UPLOADED", "PUBLISHED", remote_path="/in/1.csv", published_at=PUBLISHED_AT)
        first.insert(
            "PROPOSED",
            {
                **ASKED,
                "dealer": "82600001",
                "revision": 1,
                "content_hash": "b" * 32,
                "rows": 11,
                "supersedes": delivered,
            },
            "the data differ from revision 0, which was delivered",
        )
        held = first.plan("82600002")
        first.move(held, "PLANNED", "HELD", "dealer 7 has no number")
        first.plan("82600003", environment="test")
        cursor.execute(
            """
            INSERT INTO ledger.batch (interface, environment, window_start, window_end, business_date, run_id,
                contract_version, opened_by)
            VALUES ('merkle_sar_daily', 'live', %(window_start)s, %(window_end)s, %(business_date)s, 'manual', '1', 'x')
            """,
            WINDOW,
        )
        cursor.execute("INSERT INTO ledger.feed VALUES ('merkle_sar_daily', '82600002', 'live', 'paused', 'x')")
    return dsn


def test_before_the_migration_nothing_is_read_or_written(lived_in: str) -> None:
    with (
        Ledger(lived_in, actor="test") as ledger,
        pytest.raises(SchemaVersionError, match=r"is at ledger_0001, this checkout needs ledger_\d{4}: run `make migr"),
    ):
        ledger.files()


def test_a_ledger_that_has_lived_is_whole_after_the_migration(lived_in: str) -> None:
    said = "SELECT string_agg(hash, ' ' ORDER BY id) FROM ledger.event"
    before = scalar(lived_in, said)
    assert run.migrate("ledger", lived_in) == run.head("ledger")
    assert scalar(lived_in, said) == before, "no event is written anew"
    report = verify(lived_in)
    assert (report.whole, report.checked, report.drifts) == (True, 12, ())
    with Ledger(lived_in, actor="test") as ledger:
        files = ledger.files(environment=None)
        assert {file.zone for file in files} == {"Europe/London"}
        assert {file.period for file in files} == {"2026-07-07"}
        assert files[0].window.business_date == date(2026, 7, 7)
        assert ledger.batch(1).zone == "Europe/London"
        assert ledger.feed_state("merkle_sar_daily", "82600002", "live") == "paused"


def test_a_ledger_that_has_lived_goes_on(lived_in: str) -> None:
    run.migrate("ledger", lived_in)
    with Ledger(lived_in, actor="person:oncall") as ledger:
        asked = {**ASKED, "dealer": "82600001", "zone": "Europe/London", "batch_id": None}
        delivered = ledger.plan(**asked)
        assert (delivered.state, delivered.sequence, delivered.published_at) == ("PUBLISHED", 1, PUBLISHED_AT)
        assert ledger.redeliver(delivered.id, reason="lost").state == "GATED"
        for state in ("UPLOADING", "UPLOADED", "PUBLISHED"):
            again = ledger.move(delivered.id, state)
        assert again == delivered
        (proposal,) = ledger.files(states=["PROPOSED"])
        bring(ledger, ledger.release(proposal.id, reason="right"), "PUBLISHED")
        assert [file.state for file in ledger.files(dealer="82600001")] == ["SUPERSEDED", "PUBLISHED"]
        assert ledger.file(proposal.id).sequence == 2
        new = ledger.plan(**{**asked, "dealer": "82600009", "zone": "Europe/Paris", "environment": "preview"})
        assert (new.zone, new.environment) == ("Europe/Paris", "preview")
    assert verify(lived_in).whole


def test_files_of_before_can_be_withheld_and_get_companions(lived_in: str) -> None:
    run.migrate("ledger", lived_in)
    with Ledger(lived_in, actor="airflow:now") as ledger:
        files = ledger.files(environment=None)
        assert {file.records for file in files} == {None}
        assert [ledger.companions(file.id) for file in files] == [[]] * len(files)
        (held,) = ledger.files(states=["HELD"])
        assert ledger.move(held.id, "WITHHELD", reason="no contract").state == "WITHHELD"
        planned = ledger.move(held.id, "PLANNED", reason="signed")
        gated = bring(ledger, planned, "GATED")
        ledger.set_companions(gated.id, [Companion("a.xml", "manifest", "c" * 64, 1)], "noon")
        (delivered,) = ledger.files(states=["PUBLISHED"])
        assert ledger.window_before("merkle_sar_daily", "82600001", "live", WINDOW["window_end"]) == delivered
    assert verify(lived_in).whole


def test_after_the_migration_a_zone_must_be_named_and_stays(lived_in: str) -> None:
    run.migrate("ledger", lived_in)
    with pytest.raises(psycopg2.errors.NotNullViolation, match='"zone"'):
        execute(
            lived_in,
            "INSERT INTO ledger.batch (interface, environment, window_start, window_end, business_date, run_id, "
            "contract_version, opened_by) SELECT interface, environment, window_start, window_end, business_date, "
            "run_id, contract_version, opened_by FROM ledger.batch",
        )
    with (
        closing(psycopg2.connect(lived_in)) as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege, match="it is a record"),
    ):
        cursor.execute("UPDATE ledger.file SET zone = 'Europe/Paris'")


def test_an_edited_zone_is_noticed_where_an_event_names_it(lived_in: str) -> None:
    run.migrate("ledger", lived_in)
    with Ledger(lived_in, actor="test") as ledger:
        new = ledger.plan(**{**ASKED, "dealer": "82600009", "zone": "Europe/London", "batch_id": None})
    execute(lived_in, f"UPDATE ledger.file SET zone = 'Europe/Paris' WHERE id = {new.id}")
    assert [str(drift) for drift in verify(lived_in).drifts] == [f"file {new.id}: zone differ from what its events say"]


def test_migrating_twice_changes_nothing(lived_in: str) -> None:
    assert run.migrate("ledger", lived_in) == run.migrate("ledger", lived_in)
    assert verify(lived_in).whole
