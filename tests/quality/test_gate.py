"""The gate reads exactly what will be sent, says which file may go, and lets nothing go when it cannot read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from include.contract import Contract
from include.quality.gate import GateError, GateProcess, GateVerdict
from include.window import Window
from tests.process_facts import alive
from tests.quality.conftest import Renderer, numbered
from tests.samples import Row

Read = Callable[..., list[GateVerdict]]


@pytest.fixture
def read(gate: GateProcess, renderer: Renderer, tmp_path: Path) -> Read:
    def reading(gate_rows: int = 100_000) -> list[GateVerdict]:
        return gate.read(renderer.run(gate_rows=gate_rows), reports_root=str(tmp_path / "reports"))

    return reading


def broken(verdict: GateVerdict) -> dict[str, int]:
    return {result.rule: result.failed for result in verdict.results if result.status != "pass"}


def test_a_good_file_passes_every_rule_on_its_columns(
    renderer: Renderer, good: Row, contract: Contract, read: Read
) -> None:
    renderer.file(numbered(good, 50))
    (verdict,) = read()
    assert verdict.passed
    assert (verdict.rows_in_file, verdict.rows_read, verdict.problems) == (50, 50, [])
    control = {field.name for field in contract.fields if not field.delivered}
    wanted = {
        rule.id
        for rule in contract.row_rules
        if not control & {*rule.columns, *(str(value) for value in rule.arguments.values())}
    }
    assert {result.rule for result in verdict.results} == wanted
    assert {(result.status, result.checked) for result in verdict.results} == {("pass", 50)}


def test_failures_are_those_of_the_file_they_stand_in(renderer: Renderer, good: Row, read: Read) -> None:
    other = "82600001"
    renderer.file([])
    renderer.file(numbered(good, 3))
    renderer.file(numbered(good, 4, dealer_code=other, currency="EUR"), dealer=other)
    renderer.file([])
    renderer.file([*numbered(good, 2), *numbered(good, 1, dealer_code="82600002", part_number="MOTRIO")])
    found = read()
    assert [verdict.passed for verdict in found] == [True, True, False, True, False]
    assert [broken(verdict) for verdict in found] == [
        {}, {}, {"currency-enum": 4}, {}, {"dealer_code-equalsFile": 1, "part_number-genuinePart": 1},
    ]  # fmt: skip
    assert found[2].problems == ["currency-enum is broken by 4 of 4 rows read"]
    # The same key in two files is no duplicate; the files after an empty one keep their rows.
    assert [verdict.rows_read for verdict in found] == [0, 3, 4, 0, 3]


def test_a_warning_alone_holds_nothing(renderer: Renderer, good: Row, read: Read) -> None:
    renderer.file(numbered(good, 2, document_date="2026-01-02", part_number="MOTRIO"))
    (verdict,) = read()
    assert verdict.passed
    assert broken(verdict) == {"document_date-notBeforeWindow": 2, "part_number-genuinePart": 2}


def test_duplicates_are_found_within_a_file(renderer: Renderer, good: Row, read: Read) -> None:
    renderer.file([*numbered(good, 2), *numbered(good, 2)])
    (verdict,) = read()
    assert broken(verdict) == {"dealer_code+document_type+document_number+line_number-duplicateValues": 2}


def test_on_an_empty_set_only_the_form_is_judged(renderer: Renderer, read: Read) -> None:
    renderer.file([])
    renderer.file([], spoil=lambda content: content.replace(b"T;0;", b"T;1;"))
    good, bad = read()
    assert (good.passed, good.results, good.rows_read) == (True, [], 0)
    assert not bad.passed
    assert bad.problems == ["0 detail records in the file, the trailer says 1"]


def one_line_less(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[:2] + lines[3:])


def other_trailer(trailer: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(b"\nT;3;67.50\n", b"\n" + trailer + b"\n")


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (other_trailer(b"T;4;67.50"), "3 detail records in the file, the trailer says 4"),
        (other_trailer(b"T;3;67.51"), "the trailer's control total is 67.51, the ledger's 67.50"),
        (other_trailer(b"T;3;67.51"), "the trailer's control total is 67.51, the rows add up to 67.50"),
        (other_trailer(b"T;3;"), "the trailer's control total is , "),
        (lambda content: content.replace(b"\nD;", b"\nT;1;1\nD;", 1), "detail records have not 20 values"),
        (lambda content: content.replace(b"\nD;", b"\n\nD;", 1), "4 detail records in the file, the ledger says 3"),
        (one_line_less, "2 detail records in the file, the ledger says 3"),
    ],
)
def test_a_file_that_does_not_add_up_is_held(
    renderer: Renderer, good: Row, read: Read, spoil: Callable[[bytes], bytes], problem: str
) -> None:
    renderer.file(numbered(good, 3), spoil=spoil)
    (verdict,) = read()
    assert not verdict.passed
    assert any(problem in told for told in verdict.problems), verdict.problems


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dealer", "82600009"), ("sequence", 7), ("revision", 2), ("environment", "LIVE"), ("interface", "other"),
        ("layout_version", "0.9.0"), ("business_date", "2026-03-15"), ("window_start", "2026-03-16"), ("sequence", "x"),
    ],
)  # fmt: skip
def test_a_header_that_speaks_of_another_file_is_held(
    renderer: Renderer, good: Row, read: Read, name: str, value: str | int
) -> None:
    renderer.file(numbered(good, 1), header={name: value})
    (verdict,) = read()
    assert not verdict.passed
    assert [problem for problem in verdict.problems if problem.startswith(f"the header's {name} is '{value}'")]


def test_a_large_set_is_read_in_part_and_the_verdict_says_so(renderer: Renderer, good: Row, read: Read) -> None:
    renderer.file(numbered(good, 3000))
    renderer.file(numbered(good, 1000, dealer_code="82600001", currency="EUR"), dealer="82600001")
    large, small = read(gate_rows=2000)
    assert (large.passed, large.rows_in_file) == (True, 3000)
    assert 1400 < large.rows_read < 1600
    assert (small.passed, small.rows_in_file) == (False, 1000)
    assert broken(small) == {"currency-enum": small.rows_read}
    assert 400 < small.rows_read < 600


def test_a_rule_that_breaks_holds_the_file(renderer: Renderer, good: Row, tmp_path: Path, contract: Contract) -> None:
    # A repetition that compiles in Python and not in the engine behind the frame's text columns.
    folder = tmp_path / "contracts"
    folder.mkdir()
    text = (Path(__file__).parents[2] / "include" / "contracts" / f"{contract.id}.yaml").read_text(encoding="utf-8")
    (folder / f"{contract.id}.yaml").write_text(
        text.replace("^(?:[0-9]{10}|", "^(?:(?:[0-9]{1000}){1000}|"), encoding="utf-8"
    )
    renderer.file(numbered(good, 2))
    with GateProcess(contracts_dir=folder) as gate:
        (verdict,) = gate.read(renderer.run(), reports_root=str(tmp_path / "reports"))
    assert not verdict.passed
    assert verdict.problems == ["part_number-genuinePart could not be judged"]
    assert [result.status for result in verdict.results].count("error") == 1
    stored = "".join(path.read_text() for path in (tmp_path / "reports").rglob("files.json"))
    assert "This rule could not be judged" in stored
    assert "Traceback" not in stored


def test_an_unknown_contract_or_a_vanished_file_is_an_error(
    gate: GateProcess, renderer: Renderer, good: Row, tmp_path: Path
) -> None:
    file = renderer.file(numbered(good, 1))
    with pytest.raises(GateError, match=r"run a run: nothing is sent.*FileNotFoundError.*gone\.csv"):
        gate.read(renderer.run(replace(file, path=str(tmp_path / "gone.csv"))), reports_root=str(tmp_path / "reports"))
    with pytest.raises(GateError, match=r"nobody\.yaml: no such contract"):
        gate.read(replace(renderer.run(), interface="nobody"), reports_root=str(tmp_path / "reports"))
    # The child has survived both.
    assert gate.read(renderer.run(), reports_root=str(tmp_path / "reports"))[0].passed


def test_a_report_that_cannot_be_stored_lets_nothing_go(
    gate: GateProcess, renderer: Renderer, good: Row, tmp_path: Path
) -> None:
    renderer.file(numbered(good, 1))
    (tmp_path / "reports").write_text("a file where a folder should be")
    with pytest.raises(GateError, match=r"nothing is sent.*(NotADirectoryError|FileExistsError).*reports"):
        gate.read(renderer.run(), reports_root=str(tmp_path / "reports"))


def test_a_child_that_dies_is_an_error(renderer: Renderer, good: Row, tmp_path: Path) -> None:
    renderer.file(numbered(good, 1))
    with GateProcess() as gate:
        os.kill(gate.pid, signal.SIGKILL)
        with pytest.raises(GateError, match="ended with code -9 before it answered; nothing is sent"):
            gate.read(renderer.run(), reports_root=str(tmp_path))


def test_a_child_that_hangs_is_ended(renderer: Renderer, good: Row, tmp_path: Path) -> None:
    renderer.file(numbered(good, 1))
    with GateProcess(answer_seconds=1) as gate:
        os.kill(gate.pid, signal.SIGSTOP)
        with pytest.raises(GateError, match="no answer within 1 s and was ended; nothing is sent"):
            gate.read(renderer.run(), reports_root=str(tmp_path))
        pid = gate.pid
    assert not psutil.pid_exists(pid)


def test_the_child_ends_with_its_block() -> None:
    with GateProcess() as gate:
        pid = gate.pid
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


# The second parent leaves a process behind that holds its end of the pipe open.
@pytest.mark.parametrize("bystander", ["0", "os.fork() or time.sleep(60)"], ids=["alone", "pipe held open"])
def test_the_child_ends_with_its_parent_however_that_ends(bystander: str) -> None:
    starter = f"""if True:
        import os, time
        from include.quality.gate import GateProcess
        with GateProcess() as gate:
            print(gate.pid, {bystander}, flush=True)
            time.sleep(60)
    """
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, cwd=root, start_new_session=True)
    try:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline().split()[0])
        parent.kill()
        parent.wait()
        end = time.monotonic() + 30
        while alive(orphan):
            assert time.monotonic() < end, "the child outlives its parent"
            time.sleep(0.1)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


def test_the_child_sees_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DMS", "postgresql://somebody:secret@nowhere/dms")
    with GateProcess() as gate:
        environment = psutil.Process(gate.pid).environ()
    assert "AIRFLOW_CONN_DMS" not in environment
    assert environment["GX_ANALYTICS_ENABLED"] == "false"


def test_a_verdict_holds_counts_and_rules_only(
    renderer: Renderer, good: Row, contract: Contract, window: Window, read: Read
) -> None:
    canaries = {field.name: f"CANARY-{field.name}" for field in contract.fields if field.personal}
    assert canaries
    late = (window.end + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    renderer.file(numbered(good, 3, **canaries, posted_at=late))
    (verdict,) = read()
    assert not verdict.passed
    assert "CANARY" not in str(asdict(verdict))
