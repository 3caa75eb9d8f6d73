"""Programs beside us: none outlives us, and one ``make run`` at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from local.instance import only_instance, running_pid
from local.processes import ProcessEndedError, Processes, SessionMark, end_left_over
from local.settings import SettingsError
from tests.process_facts import alive

# A program whose child goes into a process group of its own and ignores SIGTERM, as Airflow's tasks may.
STUBBORN = """
import os, signal, sys, time
if os.fork() == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
"""
STARTER = """
import sys, time
from pathlib import Path
from local.instance import only_instance
from local.processes import Processes
folder = Path(sys.argv[1])
with only_instance(folder) as instance:
    instance.address = "http://127.0.0.1:4711"
    processes = Processes(folder / "logs", instance.write)
    processes.start("stubborn", [sys.executable, "-c", sys.argv[2], sys.argv[3]], {})
    while not Path(sys.argv[3]).exists():
        time.sleep(0.02)
    print("ready", flush=True)
    time.sleep(600)
"""


def written_pid(path: Path) -> int:
    deadline = time.monotonic() + 10
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(path.read_text())


def check_until_it_raises(processes: Processes) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        processes.check()
        time.sleep(0.02)


@pytest.fixture
def quick_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ignores SIGTERM is killed after half a second instead of sixteen."""
    monkeypatch.setattr("local.processes.LEADER_SECONDS", 0.3)
    monkeypatch.setattr("local.processes.TERM_SECONDS", 0.3)


@pytest.mark.usefixtures("quick_end")
def test_stopping_ends_descendants_in_other_groups_that_ignore_it(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    leader = processes.start("stubborn", [sys.executable, "-c", STUBBORN, str(tmp_path / "child")], {})
    child = written_pid(tmp_path / "child")
    assert os.getpgid(child) != os.getpgid(leader)
    processes.check()
    processes.stop()
    assert not alive(leader)
    assert not alive(child)


def test_a_program_that_ends_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("brief", [sys.executable, "-c", "print('why it ended'); raise SystemExit(3)"], {})
    with pytest.raises(ProcessEndedError) as ended:
        check_until_it_raises(processes)
    assert "brief ended with code 3" in str(ended.value)
    assert "why it ended" in str(ended.value)
    assert str(tmp_path / "brief.log") in str(ended.value)
    processes.stop()


def test_waiting_returns_after_success_and_raises_after_failure(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("good", [sys.executable, "-c", "pass"], {})
    processes.wait("good")
    processes.start("bad", [sys.executable, "-c", "raise SystemExit(1)"], {})
    with pytest.raises(ProcessEndedError, match="bad ended with code 1"):
        processes.wait("bad")


def test_logs_are_ours_alone_and_the_previous_one_is_kept(tmp_path: Path) -> None:
    for text in ("first", "second"):
        processes = Processes(tmp_path / "logs")
        processes.start("talker", [sys.executable, "-c", f"print('{text}')"], {})
        processes.wait("talker")
    assert (tmp_path / "logs" / "talker.log").read_text() == "second\n"
    assert (tmp_path / "logs" / "talker.previous.log").read_text() == "first\n"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "logs").iterdir())


@pytest.mark.usefixtures("quick_end")
def test_a_second_start_is_refused_and_one_after_kill_9_cleans_up(tmp_path: Path, repository: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path / "run"), STUBBORN, str(tmp_path / "child")]
    first = subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE)
    assert first.stdout is not None
    first.stdout.readline()
    child = written_pid(tmp_path / "child")

    with pytest.raises(SettingsError) as refused, only_instance(tmp_path / "run"):
        pass
    assert f"process {first.pid} and answers at http://127.0.0.1:4711" in str(refused.value)
    assert running_pid(tmp_path / "run") == first.pid
    assert alive(child)

    first.kill()
    first.wait()
    assert running_pid(tmp_path / "run") is None
    assert alive(child), "nobody was there to end it"
    with only_instance(tmp_path / "run"):
        assert not alive(child)
    assert running_pid(tmp_path / "run") is None


def test_a_program_that_has_got_an_old_number_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        old = SessionMark("scheduler", stranger.pid, psutil.Process(stranger.pid).create_time() - 100)
        assert end_left_over([old]) == []
        assert alive(stranger.pid)
        same = SessionMark("scheduler", stranger.pid, psutil.Process(stranger.pid).create_time())
        assert end_left_over([same]) == ["scheduler"]
        assert stranger.wait(5) == -signal.SIGTERM
    finally:
        stranger.kill()
        stranger.wait()
