"""
The child's side of the gate: reads requests as JSON lines on its input, writes answers as JSON lines on its output.

Started by ``include/quality/gate.py`` as ``python -m include.quality.gate_process <caller's pid> <seconds to live>``.
Whatever a library prints goes to the error output, so that nothing but answers is on the output.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from include.quality.deferred import defer


def main() -> int:
    """Serve until the input ends."""
    # The caller's pid comes from the caller: it may be gone before this line, and another one be our parent.
    caller, lifetime = int(sys.argv[1]), float(sys.argv[2])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    threading.Thread(target=_outlive_nobody, args=(caller, lifetime), daemon=True).start()
    # Before the import: GX logs a line per registered function, some 200.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    defer()
    # Seconds and 200 MB; that is what this process is for. The caller renders files meanwhile.
    import include.quality.validation  # noqa: F401

    while True:
        answer = _answer(requests.get())
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _answer(line: bytes) -> dict[str, Any]:
    from include.contract import load_contract
    from include.quality.reports import open_context, store_report
    from include.quality.validation import judge_files
    from include.quality.verdicts import run_from_json

    doing = "reading the request"
    try:
        request = json.loads(line)
        run = run_from_json(request["run"])
        contract = load_contract(run.interface, Path(request["contracts_dir"]))
        doing = "reading the files"
        context = open_context()
        verdicts, result = judge_files(context, contract, run)
        doing = f"storing the report in {request['reports_root']}"
        store_report(context, Path(request["reports_root"]) / contract.id, contract, run, verdicts, result)
    except Exception as error:
        logging.getLogger(__name__).exception("%s failed", doing)
        return {"error": f"{doing} failed with {_kind(error)}"}
    return {"verdicts": [asdict(verdict) for verdict in verdicts]}


def _kind(error: Exception) -> str:
    """Return what may be said of ``error``: the message of any but the operating system's could quote a row."""
    from include.contract_vocabulary import ContractError

    if isinstance(error, ContractError | OSError):
        return f"{type(error).__name__}: {error}"
    return type(error).__name__


def _listen(requests: IO[bytes], into: queue.Queue[bytes]) -> None:
    for line in requests:
        into.put(line)
    # The caller has closed its end or has died.
    os._exit(0)


def _outlive_nobody(parent: int, lifetime: float) -> None:
    # A process forked off the caller may hold its end of the pipe open, so the end of input is not enough.
    end = time.monotonic() + lifetime
    while os.getppid() == parent and time.monotonic() < end:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
