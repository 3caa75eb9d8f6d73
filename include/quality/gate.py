"""The caller's side of the gate: a child process that holds Great Expectations, asked and answered in JSON."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from include.contract import CONTRACTS_DIR
from include.quality.verdicts import (
    GATE_ROWS,
    GateError,
    GateFile,
    GateRun,
    GateVerdict,
    RuleResult,
    run_to_json,
    verdict_from_json,
)

__all__ = ["GATE_ROWS", "GateError", "GateFile", "GateProcess", "GateRun", "GateVerdict", "RuleResult"]

ANSWER_SECONDS = 900.0
LIFETIME_SECONDS = 6 * 3600
ROOT = Path(__file__).resolve().parents[2]
# The child reads files and writes reports; credentials in the environment are none of its business.
PASSED_ON = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "TZ", "VIRTUAL_ENV")

# Telemetry off; one allocator without a pool per thread: some 45 MB less at its peak for 100 000 rows.
SETTINGS = {"GX_ANALYTICS_ENABLED": "false", "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}


class GateProcess:
    """
    Great Expectations in a process of its own, because importing it takes seconds and some 200 MB.

    Enter it before the files are rendered and it imports meanwhile; leaving it ends the child, and so does the end of
    this process, however it comes.

    :param contracts_dir: where the child finds the contract.
    :param answer_seconds: how long one reading may take before it counts as stuck.
    """

    def __init__(self, contracts_dir: Path = CONTRACTS_DIR, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.contracts_dir = contracts_dir
        self.answer_seconds = answer_seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._noise: IO[bytes] | None = None
        self._answers: queue.Queue[bytes] = queue.Queue()

    def __enter__(self) -> GateProcess:
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
        environment |= SETTINGS
        self._noise = tempfile.TemporaryFile()
        self._child = subprocess.Popen(  # noqa: S603 -- our own module, no shell, no value from outside.
            [sys.executable, "-m", "include.quality.gate_process", str(os.getpid()), str(LIFETIME_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            cwd=ROOT,
            env=environment,
        )
        threading.Thread(target=self._listen, args=(self._child,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        child = self._running()
        try:
            if child.stdin is not None:
                child.stdin.close()
        except OSError:
            pass  # It has gone already.
        try:
            child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if self._noise is not None:
            self._noise.close()

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._running().pid

    def read(self, run: GateRun, *, reports_root: str) -> list[GateVerdict]:
        """
        Judge every file of ``run`` and store the report under ``<reports_root>/<interface>/``.

        :returns: one verdict per file, in their order.
        :raises GateError: if the reading cannot be done, takes too long or cannot be stored. Then nothing may go.
        """
        request = {"run": run_to_json(run), "reports_root": reports_root, "contracts_dir": str(self.contracts_dir)}
        answer = self._ask(request, run)
        if "error" in answer:
            raise GateError(f"{run.interface}, run {run.run_key}: nothing is sent, the gate failed: {answer['error']}")
        verdicts = [verdict_from_json(values) for values in answer["verdicts"]]
        if [verdict.file_id for verdict in verdicts] != [file.file_id for file in run.files]:
            raise GateError(f"{run.interface}, run {run.run_key}: the gate answered for other files than it was asked")
        return verdicts

    def _ask(self, request: Mapping[str, Any], run: GateRun) -> dict[str, Any]:
        child = self._running()
        where = f"{run.interface}, run {run.run_key}"
        try:
            if child.stdin is None:
                raise BrokenPipeError
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            line = self._answers.get(timeout=self.answer_seconds)
        except queue.Empty:
            child.kill()
            raise GateError(
                f"{where}: the gate gave no answer within {self.answer_seconds:.0f} s and was ended; nothing is sent. "
                "Run the task again; if it happens again, look at the machine's load and memory"
            ) from None
        except BrokenPipeError:
            line = b""
        if not line:
            raise GateError(
                f"{where}: the gate's process ended with code {child.wait()} before it answered; nothing is sent. "
                f"A code of -9 often means that memory ran out. Its last words: {self._last_words()}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        if child.stdout is not None:
            for line in child.stdout:
                self._answers.put(line)
        self._answers.put(b"")

    def _last_words(self) -> str:
        if self._noise is None:
            return "none"
        self._noise.seek(0)
        lines = [line for line in self._noise.read().decode(errors="replace").splitlines() if line.strip()]
        # The kind of an error, without its message, which could quote a row.
        return lines[-1].partition(":")[0][:80] if lines else "none"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise GateError("the gate is used outside its with block")
        return self._child
