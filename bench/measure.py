"""Wall time, CPU time and memory of a child process and everything it starts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil

SAMPLE_SECONDS = 0.1
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Run:
    """One measured run: what the child printed as JSON, and the highest sum of PSS over its processes, in MB."""

    result: dict[str, Any]
    peak_mb: float


def measured(arguments: Sequence[str], request: dict[str, Any]) -> Run:
    """
    Run ``python -m <arguments>`` with ``request`` on its standard input until it ends.

    :raises RuntimeError: with the end of its errors, if it fails.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(request).encode())
    child.stdin.close()
    peak = 0.0
    process = psutil.Process(child.pid)
    while child.poll() is None:
        peak = max(peak, _tree_mb(process))
        time.sleep(SAMPLE_SECONDS)
    assert child.stdout is not None
    assert child.stderr is not None
    errors = child.stderr.read().decode()
    if child.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{errors[-2000:]}")
    return Run(json.loads(child.stdout.read().splitlines()[-1]), peak)


def _tree_mb(process: psutil.Process) -> float:
    total = 0.0
    try:
        for member in [process, *process.children(recursive=True)]:
            # Shared pages count once over the tree, which adding up resident sizes would not do.
            total += member.memory_full_info().pss / MEGABYTE
    except psutil.Error:
        return 0.0
    return total
