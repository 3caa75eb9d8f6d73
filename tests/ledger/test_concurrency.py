"""Several runs at once, killed and stopped processes: one row, one number each, one holder, one chain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from include.ledger import LeaseHeldError, LeaseLostError, Ledger, LedgerUnavailableError
from include.ledger.chain import verify
from tests.ledger.conftest import DAY, at_once, bring, intent, scalar

ROOT = Path(__file__).parents[2]


def test_eight_runs_that_plan_one_window_get_one_row(dsn: str) -> None:
    asked = intent()
    rows = at_once(dsn, lambda ledger, _: ledger.plan(**asked))
    assert len({row.id for row in rows}) == 1
    with Ledger(dsn, actor="test") as ledger:
        assert [event.kind for event in ledger.events(rows[0].id)] == ["PLANNED"]


def test_eight_runs_that_number_one_file_get_one_number(dsn: str, ledger: Ledger) -> None:
    file = ledger.plan(**intent())
    assert at_once(dsn, lambda worker, _: worker.allot_sequence(file.id)) == [1] * 8


def test_eight_files_numbered_at_once_leave_no_gap(dsn: str, ledger: Ledger) -> None:
    dealer = intent()["dealer"]
    files = [ledger.plan(**intent(dealer, DAY + timedelta(days=n))) for n in range(8)]
    numbers = at_once(dsn, lambda worker, n: worker.allot_sequence(files[n].id))
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [row.sequence for row in ledger.files(dealer=dealer)] == numbers


def test_of_many_who_want_the_lease_one_gets_it(dsn: str, ledger: Ledger) -> None:
    file = ledger.plan(**intent())
    found = at_once(dsn, lambda worker, _: worker.take_lease(file.id, seconds=30))
    tokens = [token for token in found if isinstance(token, int)]
    refused = [error for error in found if isinstance(error, LeaseHeldError)]
    assert (len(tokens), len(refused)) == (1, 7)
    holder = found.index(tokens[0])
    assert all(error.holder == f"test:worker {holder}" for error in refused)
    assert f"worked on by test:worker {holder} until 20" in str(refused[0])


def test_two_attempts_cannot_both_take_a_step(dsn: str, ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "UPLOADED")

    def publish(worker: Ledger, _: int) -> Any:
        try:
            return worker.move(file.id, "PUBLISHED", remote_path="/in/x.csv").state
        except Exception as error:
            return type(error).__name__

    assert sorted(at_once(dsn, publish)) == ["PUBLISHED"] + ["TransitionError"] * 7
    assert [event.kind for event in ledger.events(file.id)].count("PUBLISHED") == 1


def test_proposals_made_at_once_are_one(dsn: str, ledger: Ledger) -> None:
    delivered = bring(ledger, ledger.plan(**intent()), "PUBLISHED")
    rows = at_once(
        dsn,
        lambda worker, _: worker.propose_revision(
            delivered, batch_id=None, content_hash="new", rows=11, control_total=None, difference={"rows_after": 11}
        ),
    )
    assert len({row.id for row in rows}) == 1


def test_revisions_published_and_proposed_at_once_never_wait_for_each_other(dsn: str, ledger: Ledger) -> None:
    """Both lock two rows of one window; in different orders they would end in a deadlock."""
    for round_number in range(5):
        delivered = bring(ledger, ledger.plan(**intent()), "PUBLISHED")
        proposal = ledger.propose_revision(
            delivered, batch_id=None, content_hash="new", rows=11, control_total=None, difference={}
        )
        ledger.move(proposal.id, "PLANNED", reason="released")
        bring(ledger, proposal, "UPLOADED", sha256=f"{round_number:x}" * 64)

        def work(worker: Ledger, number: int, old: Any = delivered, new: int = proposal.id) -> str:
            try:
                if number % 2:
                    return worker.move(new, "PUBLISHED", remote_path="/in/r1.csv").state
                worker.propose_revision(
                    old, batch_id=None, content_hash=f"{number}", rows=1, control_total=None, difference={}
                )
            except LedgerUnavailableError as error:
                return f"deadlock: {error}"
            except Exception as error:
                return type(error).__name__
            return "proposed"

        assert not [text for text in at_once(dsn, work, 4) if text.startswith("deadlock")]
        assert ledger.file(delivered.id).state == "SUPERSEDED"


def test_the_chain_has_no_fork_however_many_write(fresh_dsn: str) -> None:
    def work(worker: Ledger, number: int) -> None:
        for day in range(5):
            bring(worker, worker.plan(**intent(f"8269999{number}", DAY + timedelta(days=day))), "CHECKED")
            worker.note(None, "NOTE", {"number": number})

    at_once(fresh_dsn, work)
    report = verify(fresh_dsn)
    assert report.whole
    assert report.checked == 8 * 5 * 3
    assert scalar(fresh_dsn, "SELECT count(DISTINCT prev_hash) FROM ledger.event") == report.checked


def test_a_lease_that_ran_out_goes_to_a_larger_token_and_the_old_holder_stops(dsn: str, ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "UPLOADING")
    with Ledger(dsn, actor="test:zombie") as zombie:
        old = zombie.take_lease(file.id, seconds=0.2)
        zombie.assert_lease(file.id, old)
        with pytest.raises(LeaseHeldError, match="test:zombie"):
            ledger.take_lease(file.id, seconds=30)
        time.sleep(0.25)
        with pytest.raises(LeaseLostError, match="it expired at"):
            zombie.assert_lease(file.id, old)
        new = ledger.take_lease(file.id, seconds=30)
        assert new > old
        for stopped in (
            lambda: zombie.assert_lease(file.id, old),
            lambda: zombie.renew_lease(file.id, old, seconds=30),
            lambda: zombie.move(file.id, "UPLOADED", token=old),
        ):
            with pytest.raises(LeaseLostError, match="a newer attempt has taken over"):
                stopped()
        zombie.release_lease(file.id, old)
    ledger.assert_lease(file.id, new)
    assert ledger.move(file.id, "UPLOADED", token=new).state == "UPLOADED"
    taken = [event.detail for event in ledger.events(file.id) if event.kind == "LEASE"]
    assert [detail["expired_holder"] for detail in taken] == [None, "test:zombie"]


def test_a_lease_lasts_while_it_is_renewed_and_ends_when_released(ledger: Ledger) -> None:
    file = ledger.plan(**intent())
    token = ledger.take_lease(file.id, seconds=0.4)
    for _ in range(3):
        time.sleep(0.2)
        ledger.renew_lease(file.id, token, seconds=0.4)
    ledger.assert_lease(file.id, token)
    ledger.release_lease(file.id, token)
    with pytest.raises(LeaseLostError, match="it was released"):
        ledger.assert_lease(file.id, token)
    assert ledger.take_lease(file.id, seconds=5) > token


def test_a_token_of_another_file_opens_nothing(ledger: Ledger) -> None:
    one, other = ledger.plan(**intent()), ledger.plan(**intent())
    ledger.take_lease(one.id, seconds=30)
    token = ledger.take_lease(other.id, seconds=30)
    with pytest.raises(LeaseLostError, match="never given out for this file"):
        ledger.assert_lease(one.id, token)


@pytest.fixture
def process(dsn: str) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a Python process that runs the given lines with a ``ledger`` of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(lines: str) -> subprocess.Popen[str]:
        program = (
            f"import sys\nfrom include.ledger import Ledger\nledger = Ledger({dsn!r}, actor='test:child')\n{lines}"
        )
        child = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()


def test_a_process_killed_inside_a_transaction_leaves_nothing_of_it(
    ledger: Ledger, process: Callable[[str], subprocess.Popen[str]]
) -> None:
    file = ledger.plan(**intent())
    child = process(
        f"""
with ledger.transaction() as cursor:
    cursor.execute("UPDATE ledger.file SET state = 'CHECKED' WHERE id = {file.id}")
    from include.ledger import events
    events.append(cursor, actor='test:child', kind='CHECKED', file_id={file.id}, to_state='CHECKED')
    print('inside', flush=True)
    __import__('time').sleep(60)
"""
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "inside\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert ledger.move(file.id, "HELD", reason="x").state == "HELD"
    assert [event.kind for event in ledger.events(file.id)] == ["PLANNED", "HELD"]


def test_killed_at_any_moment_the_rows_and_the_chain_agree(
    fresh_dsn: str, process: Callable[[str], subprocess.Popen[str]]
) -> None:
    for pause in (0.0, 0.05, 0.15):
        child = process(
            f"""
from datetime import timedelta
from tests.ledger.conftest import DAY, bring, intent
ledger = Ledger({fresh_dsn!r}, actor='test:child')
ledger.plan(**intent('82600000'))
print('going', flush=True)
for day in range(1, 1000):
    bring(ledger, ledger.plan(**intent('82600000', DAY + timedelta(days=day))), 'PUBLISHED')
"""
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "going\n"
        time.sleep(pause)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert verify(fresh_dsn).whole


def cut_connections(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """
        )


def test_a_cut_connection_is_worth_another_try_on_the_same_ledger(fresh_dsn: str) -> None:
    with Ledger(fresh_dsn, actor="test") as ledger:
        file = ledger.plan(**intent())
        cut_connections(fresh_dsn)
        with pytest.raises(LedgerUnavailableError, match=r"the connection broke.*Read the row again"):
            ledger.move(file.id, "CHECKED")
        assert ledger.file(file.id).state == "PLANNED"
        assert ledger.move(file.id, "CHECKED").state == "CHECKED"


def test_one_ledger_may_be_shared_by_threads(ledger: Ledger) -> None:
    file = ledger.plan(**intent())
    token = ledger.take_lease(file.id, seconds=30)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ledger.renew_lease(file.id, token, seconds=30), range(40)))
        list(pool.map(lambda n: ledger.note(file.id, "NOTE", {"n": n}), range(20)))
    assert len(ledger.events(file.id)) == 22
