"""The environment's stamp, the pin of uv, and what make passes on. Making one anew is what every fresh clone does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from local import environment


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a repository whose environment is made."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "requirements.txt").write_text("polars==1.0.0 \\\n    --hash=sha256:00\n")
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(environment, "STAMP", tmp_path / ".venv" / "made-from")
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "requirements.txt")
    environment.STAMP.write_text(environment._wanted())
    assert environment._is_made()
    return tmp_path


def test_a_changed_requirement_a_lost_python_and_a_missing_stamp_are_each_noticed(made: Path) -> None:
    text = environment.REQUIREMENTS.read_text()
    environment.REQUIREMENTS.write_text(text.replace("1.0.0", "1.0.1"))
    assert not environment._is_made()
    environment.REQUIREMENTS.write_text(text)
    assert environment._is_made()

    environment.PYTHON.unlink()
    assert not environment._is_made()
    environment.PYTHON.symlink_to(made / "python that was uninstalled")
    assert not environment._is_made()
    environment.PYTHON.unlink()
    environment.PYTHON.symlink_to(sys.executable)
    assert environment._is_made()

    environment.STAMP.unlink()
    assert not environment._is_made()


def test_an_environment_that_was_moved_is_made_again(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = made.parent / "moved"
    made.rename(moved)
    monkeypatch.setattr(environment, "VENV", moved / ".venv")
    monkeypatch.setattr(environment, "PYTHON", moved / ".venv" / "bin" / "python")
    monkeypatch.setattr(environment, "STAMP", moved / ".venv" / "made-from")
    monkeypatch.setattr(environment, "REQUIREMENTS", moved / "requirements.txt")
    assert not environment._is_made(), "its programs name the folder it was made in"


def test_pip_gets_the_pinned_uv_with_every_hash_and_nothing_else() -> None:
    pinned = environment._pinned_uv()
    assert pinned.startswith(f"uv=={version('uv')} \\\n")
    assert pinned.count("--hash=sha256:") > 10
    assert pinned.count("==") == 1
    assert not re.search(r"\\\s*\Z", pinned)


def test_every_requirement_is_pinned_and_hashed_and_names_no_place(repository: Path) -> None:
    text = (repository / "requirements.txt").read_text()
    pins = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(pins) > 150
    assert [pin.split()[0] for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []
    assert re.findall(r"(?m)^.*(?:://|^\s*#.*\s/|-index|find-links).*$", text) == []
    assert "#    make lock" in text


@pytest.mark.parametrize(
    ("given", "exported", "expected"),
    [
        (["ONCE=1", "DAYS=10", "PORT=8085"], {}, "--once --port 8085 --days 10"),
        (["ONCE=0"], {}, ""),
        ([], {"LINES": "50", "PORT": "80", "ONCE": "1"}, ""),
    ],
    ids=["given", "off", "exported by a shell"],
)
def test_make_passes_on_what_was_given_to_it_and_not_what_a_shell_exports(
    repository: Path, given: list[str], exported: dict[str, str], expected: str
) -> None:
    environ = {"PATH": os.environ["PATH"], **exported}
    done = subprocess.run(
        ["make", "-n", "run", *given], cwd=repository, env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1].split() == f"exec .venv/bin/python -m local.run {expected}".split()


def test_a_reason_comes_through_make_and_the_shell_as_it_was_written(repository: Path, tmp_path: Path) -> None:
    shows = tmp_path / "shows"
    shows.write_text('#!/bin/sh\nprintf "%s|%s|%s" "$*" "$DECIDE_FILE" "$DECIDE_REASON"\n')
    shows.chmod(0o700)
    reason = """the partner's "disk" was full: $5, `echo no` & $(HOME) # again"""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = ["make", "--silent", "redeliver", f"PYTHON={shows}", "PYTHON311=true", "FILE=17", f"REASON={reason}"]
    done = subprocess.run(command, cwd=repository, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == f"-m local.verbs redeliver|17|{reason}"


def test_make_alone_lists_every_target_that_a_person_starts(repository: Path) -> None:
    done = subprocess.run(["make"], cwd=repository, capture_output=True, text=True, check=True)
    started = ("run", "test", "lint", "bench", "files", "verify", "purge", "migrate", "sample", "clean", "help")
    for target in (*started, "release", "reject", "redeliver", "reopen", "reconciliation", "airflow"):
        assert re.search(rf"^  make {target} +\S", done.stdout, re.MULTILINE), target
