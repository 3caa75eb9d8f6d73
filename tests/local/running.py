"""A `make run` that a test has started, and what a test asks of it as people do: its words, its ledger, its Airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from local.airflow import Api
from local.settings import Settings

FINISHED = ("success", "failed")


class Run:
    """A ``python -m local.run`` over its own run folder, and what it has said so far."""

    def __init__(self, run_dir: Path, repository: Path, *options: str) -> None:
        self.run_dir = run_dir
        self._said = run_dir.parent / f"said-{time.monotonic_ns()}"
        self._repository = repository
        with self._said.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.run", *options],
                cwd=repository,
                env=self._environment(),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def settings(self) -> Settings:
        return Settings(self.run_dir)

    @property
    def address(self) -> str:
        """Where its Airflow answers."""
        return str(json.loads((self.run_dir / "instance.json").read_text())["address"])

    def wait_for(self, text: str, seconds: float = 1000) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.2)

    def finish(self, seconds: float = 400) -> int:
        return self.process.wait(seconds)

    def command(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of this repository's modules beside it; the caller looks at the exit code."""
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self._repository,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def beside(self, module: str, *arguments: str) -> list[dict[str, Any]]:
        """What a command over its databases says in JSON lines, as ``make files JSON=1`` does."""
        done = self.command("local.beside_postgres", sys.executable, "-m", module, *arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def files(self, interface: str) -> list[dict[str, Any]]:
        """The ledger's files of an interface, oldest window first."""
        return self.beside("include.ledger", "files", "--json", "--interface", interface)

    def at_partner(self, partner: str) -> dict[str, bytes]:
        """What lies in the folder that the partner reads."""
        folder = self.settings.partners / partner / "inbound" / "sar"
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    def api(self) -> Api:
        return Api(self.address, "oncall", self.settings.secrets()["password_oncall"])

    def airflow(self, *arguments: str, seconds: float = 120) -> str:
        """Run Airflow's own command line as `make airflow` does, and return its output.

        Airflow takes a backfill for running until the scheduler next looks, every half minute: then it is tried again.
        """
        deadline = time.monotonic() + seconds
        while True:
            done = self.command("local.airflow_command", *arguments)
            if done.returncode == 0:
                return done.stdout
            assert "AlreadyRunningBackfill" in done.stdout + done.stderr, done.stdout + done.stderr
            assert time.monotonic() < deadline, done.stderr
            time.sleep(5)

    def ends_of_runs(self, dag_id: str) -> dict[str, str]:
        """When each finished run of the DAG ended, by its logical date."""
        found = self.api().get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
        return {
            run["logical_date"]: run["end_date"] for run in found if run["state"] in FINISHED and run["logical_date"]
        }

    def wait_for_runs(self, dag_id: str, starts: list[str], before: dict[str, str], seconds: float = 400) -> None:
        """Return once the run of each logical date has ended later than ``before`` says."""
        deadline = time.monotonic() + seconds
        while True:
            ended = self.ends_of_runs(dag_id)
            if all(start in ended and ended[start] != before.get(start) for start in starts):
                return
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, (starts, before, ended)
            time.sleep(1)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "RUN_DIR": str(self.run_dir)}
