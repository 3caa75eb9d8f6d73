"""What the heartbeat finds in Airflow, whom it tells and how often, and what an outside monitor is answered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from include.contract import all_contract_ids
from include.ledger import Ledger
from local.settings import free_port
from tests.ledger.conftest import bring as bring_file
from tests.ledger.conftest import intent
from tests.pages.conftest import connection


@dataclass
class Mails:
    """A mail server that keeps what it gets."""

    port: int
    got: list[Message] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library calls it so
        self.got.append(message_from_bytes(envelope.content))
        return "250 OK"


@dataclass
class Posts:
    """A web server that keeps what is posted to it, and answers with ``status``."""

    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200


@contextmanager
def web_server(answer: Callable[[BaseHTTPRequestHandler], int]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.send_response(answer(self))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *told: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class World:
    ledger: Ledger
    mails: Mails
    posts: Posts

    def look(self) -> Any:
        from plugins.heartbeat.rounds import look_around

        return look_around("test/1", seconds=60)

    def subjects(self) -> list[tuple[str, str]]:
        return [(row.kind, row.subject) for row in self.ledger.open_notices()]


@pytest.fixture
def world(airflow_database: str, new_ledger_dsn: str, dms_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Airflow whose parts live and whose DAGs are known and switched on; a ledger; nobody to tell."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    for name, dsn in (("LEDGER", new_ledger_dsn), ("DMS", dms_dsn)):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", connection(dsn))
    posts = Posts()

    def take(request: BaseHTTPRequestHandler) -> int:
        if request.command == "GET":
            return 200 if request.path == "/execution/health" else 404
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        posts.got.append((request.headers["Idempotency-Key"], body))
        return posts.status

    mails = Mails(free_port())
    with web_server(take) as port, airflow_parts(), Ledger(new_ledger_dsn, actor="test:heartbeat") as ledger:
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", f"http://127.0.0.1:{port}/execution/")
        monkeypatch.setenv(
            "AIRFLOW_CONN_ONCALL_WEBHOOK", json.dumps({"conn_type": "http", "host": f"http://127.0.0.1:{port}/hook"})
        )
        extra = {"from_email": "exchange@example.com", "disable_ssl": True, "disable_tls": True, "retry_limit": 1}
        smtp = {"conn_type": "smtp", "host": "127.0.0.1", "port": mails.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_ONCALL_SMTP", json.dumps(smtp))
        monkeypatch.setenv("AIRFLOW_VAR_ONCALL_MAIL_TO", "one@example.com, two@example.com")
        yield World(ledger, mails, posts)


@contextmanager
def mail_server(mails: Mails) -> Iterator[None]:
    server = Controller(mails, hostname="127.0.0.1", port=mails.port)
    server.start()
    try:
        yield
    finally:
        server.stop()


@contextmanager
def airflow_parts() -> Iterator[None]:
    """A heartbeat of each of Airflow's parts, and each interface's DAG, known and not paused."""
    from airflow.jobs.job import Job
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.models.errors import ParseImportError
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    def remove() -> None:
        with create_session() as session:
            for model in (Job, ParseImportError, DagRun, DagModel):
                session.execute(delete(model))

    remove()
    with create_session() as session:
        if session.get(DagBundleModel, "tests") is None:
            session.add(DagBundleModel(name="tests"))
            session.flush()
        for name in ("SchedulerJob", "TriggererJob", "DagProcessorJob"):
            job = Job(job_type=name, state="running")  # type: ignore[no-untyped-call]
            job.latest_heartbeat = datetime.now(UTC)
            session.add(job)
        for name in all_contract_ids():
            told = {"is_paused": False, "is_stale": False, "bundle_name": "tests", "fileloc": name}
            session.add(DagModel(dag_id=name, **told))  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        remove()


def change(model: str, attribute: str, value: object, **where: object) -> None:
    from airflow.jobs.job import Job
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    of = {"Job": Job, "DagModel": DagModel}[model]
    with create_session() as session:
        for row in session.scalars(select(of).filter_by(**where)):
            setattr(row, attribute, value)


def a_run_that(state: str, run_id: str, minutes: int) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunType

    now = datetime.now(UTC)
    with create_session() as session:
        run = DagRun(
            dag_id="merkle_sar_daily", run_id=run_id, run_type=DagRunType.MANUAL, run_after=now,
            state=DagRunState(state),
        )  # fmt: skip
        run.end_date = now + timedelta(minutes=minutes)
        session.add(run)


def of_airflow(world: World) -> list[tuple[str, str]]:
    kinds = ("COMPONENT", "PAUSED_DAG", "BROKEN_DAG", "ABSENT_DAG", "FAILED_RUN")
    return [each for each in world.subjects() if each[0] in kinds]


def test_when_all_is_well_with_airflow_nothing_is_said_of_it(world: World) -> None:
    world.look()
    assert of_airflow(world) == []


@pytest.mark.parametrize(
    ("job", "part"),
    [("SchedulerJob", "scheduler"), ("TriggererJob", "triggerer"), ("DagProcessorJob", "dag_processor")],
)
def test_a_part_that_stands_still_is_noticed_and_its_return_too(world: World, job: str, part: str) -> None:
    change("Job", "latest_heartbeat", datetime.now(UTC) - timedelta(hours=1), job_type=job)
    world.look()
    assert of_airflow(world) == [("COMPONENT", part)]
    change("Job", "latest_heartbeat", datetime.now(UTC), job_type=job)
    world.look()
    assert of_airflow(world) == []


def test_an_api_server_that_does_not_answer_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", f"http://127.0.0.1:{free_port()}/execution/")
    world.look()
    assert of_airflow(world) == [("COMPONENT", "api-server")]


def test_a_paused_a_stale_and_a_broken_dag_and_a_failed_run_are_noticed(world: World) -> None:
    from airflow.models.errors import ParseImportError
    from airflow.utils.session import create_session

    change("DagModel", "is_paused", True, dag_id="fcs_ddc_daily")
    change("DagModel", "is_stale", True, dag_id="proresponse_sales")
    with create_session() as session:
        session.add(ParseImportError(filename="renault.py", bundle_name="tests", stacktrace="canary in a trace"))
    a_run_that("success", "one", 0)
    a_run_that("failed", "two", 1)
    world.look()
    assert sorted(of_airflow(world)) == [
        ("ABSENT_DAG", "proresponse_sales"), ("BROKEN_DAG", "renault.py"), ("FAILED_RUN", "merkle_sar_daily two"),
        ("PAUSED_DAG", "fcs_ddc_daily"),
    ]  # fmt: skip
    assert not [row for row in world.ledger.open_notices() if "canary" in row.said]
    a_run_that("success", "three", 2)
    world.look()
    assert ("FAILED_RUN", "merkle_sar_daily two") not in of_airflow(world)


def test_mail_and_webhook_are_told_once_and_of_the_end_once(world: World) -> None:
    file = bring_file(world.ledger, world.ledger.plan(**intent("82600001")), "GATED")
    world.ledger.move(file.id, "HELD", reason="40 of 50 rows rejected <b>{{ 7 * 7 }}")
    with mail_server(world.mails):
        assert world.look().failed == {}
        assert world.look().failed == {}
        (mail,) = world.mails.got
        ((key, post),) = world.posts.got
        assert str(mail["Subject"]).startswith("Dealer exchange: ")
        assert mail["Message-ID"] == f"<{key}@dealer-exchange>"
        assert mail["To"] == "one@example.com, two@example.com"
        (part,) = [part for part in mail.walk() if part.get_content_type() == "text/html"]
        body = part.get_payload(decode=True)
        assert isinstance(body, bytes)
        assert "40 of 50 rows rejected &lt;b&gt;{{ 7 * 7 }}" in body.decode()
        assert [each["said"] for each in post["opened"] if each["kind"] == "HELD"] == [
            f"merkle_sar_daily, dealer 82600001: file {file.id} of {file.period} is HELD: "
            "40 of 50 rows rejected <b>{{ 7 * 7 }}"
        ]
        world.ledger.reject(file.id, reason="sold twice")
        world.look()
        world.look()
        assert len(world.mails.got) == len(world.posts.got) == 2
        assert [each["kind"] for each in world.posts.got[1][1]["ended"]] == ["HELD"]
        assert world.posts.got[1][1]["opened"] == []


def test_a_dead_mail_server_costs_no_webhook_and_is_told_once_it_lives(world: World) -> None:
    assert world.look().failed == {"oncall_smtp": "ConnectionRefusedError"}
    assert len(world.posts.got) == 1
    with mail_server(world.mails):
        assert world.look().failed == {}
        assert len(world.mails.got) == 1
    assert len(world.posts.got) == 1


def test_a_webhook_that_refuses_is_tried_again_with_the_same_key(world: World) -> None:
    world.posts.status = 500
    assert "oncall_webhook" in world.look().failed
    world.posts.status = 200
    assert "oncall_webhook" not in world.look().failed
    (one, _), (two, _) = world.posts.got
    assert one == two


def test_mail_to_nobody_is_said_in_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_ONCALL_MAIL_TO", " ")
    assert "names nobody" in world.look().failed["oncall_smtp"]


def test_a_channel_without_its_connection_is_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_ONCALL_SMTP")
    monkeypatch.delenv("AIRFLOW_CONN_ONCALL_WEBHOOK")
    assert world.look().failed == {}
    assert world.posts.got == []


def test_what_cannot_be_looked_at_is_noticed_and_keeps_nobody_from_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = bring_file(world.ledger, world.ledger.plan(**intent("82600001")), "GATED")
    world.ledger.move(file.id, "HELD", reason="40 of 50 rows rejected")
    there = os.environ["AIRFLOW_CONN_DMS"]
    monkeypatch.setenv("AIRFLOW_CONN_DMS", '{"conn_type": "postgres", "port": "canary"}')
    world.look()
    unseen = {subject for kind, subject in world.subjects() if kind == "UNSEEN"}
    assert "merkle_sar_daily" in unseen
    assert "airflow" not in unseen
    beat = world.ledger.last_beat()
    assert beat is not None
    assert beat.seen_at is None
    monkeypatch.setenv("AIRFLOW_CONN_DMS", there)
    world.look()
    assert not [kind for kind, _ in world.subjects() if kind == "UNSEEN"]
    assert ("HELD", f"file {file.id}") in world.subjects()


def test_a_second_heartbeat_stands_by(world: World) -> None:
    from plugins.heartbeat.rounds import look_around

    world.look()
    assert look_around("test/2", seconds=60).standby == "test/1"
    assert len(world.posts.got) == 1


def test_the_outside_monitor_is_told_what_is_wrong(world: World) -> None:
    from plugins.heartbeat.health import Health

    health = Health(seconds=60)
    now = datetime.now(UTC)
    assert health.answer(now)[0] == 200  # it has just begun
    with mail_server(world.mails):
        health.looked(world.look())
    assert health.answer(now)[0] == 200
    assert "nobody has looked since" in health.answer(now + timedelta(minutes=4))[1]["wrong"][0]
    change("Job", "latest_heartbeat", now - timedelta(hours=1), job_type="SchedulerJob")
    health.looked(world.look())
    assert health.answer(now)[1]["wrong"][0] == "Airflow's scheduler stands still"
    health.could_not_look("the ledger does not answer")
    assert "the ledger does not answer" in health.answer(now)[1]["wrong"]


def test_the_process_looks_answers_and_ends_when_asked(
    world: World, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, lineage = free_port(), tmp_path / "lineage.jsonl"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(lineage))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    command = [sys.executable, "-m", "plugins.heartbeat", "--seconds", "1", "--port", str(port)]
    process = subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        with mail_server(world.mails):
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    answer = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5))
                except (urllib.error.URLError, OSError):
                    time.sleep(0.2)
                    continue
                if answer["last"] is not None:
                    break
            assert answer["healthy"]
            assert answer["last"]["standby"] is None
            bring_file(world.ledger, world.ledger.plan(**intent("82600001")), "PUBLISHED")
            while time.monotonic() < deadline and not (lineage.exists() and "COMPLETE" in lineage.read_text()):
                time.sleep(0.2)
            told = [json.loads(line) for line in lineage.read_text().splitlines()]
            assert [each["eventType"] for each in told] == ["START", "COMPLETE"]
            assert {each["job"]["name"] for each in told} == {"merkle_sar_daily"}
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
    finally:
        process.terminate()
        said = process.communicate(timeout=30)[0]
    assert process.returncode == 0, said
    assert f"health at http://127.0.0.1:{port}/health" in said
    beat = world.ledger.last_beat()
    assert beat is not None
    assert beat.owner == "nobody"
