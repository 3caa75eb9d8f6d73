"""A delivery that kills its own process with SIGKILL when it has said its Nth line. Run as a program by the tests."""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import date
from pathlib import Path

from include.quality.gate import GateProcess
from local.partners.process import PartnerEndpoint
from tests.outbound.world import World


class _Mortal(list[str]):
    """What the run says; the Nth line is its last."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.left = lines

    def append(self, line: str) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    request = json.loads(sys.stdin.read())
    partner = PartnerEndpoint(
        **{**request["partner"], **{key: Path(request["partner"][key]) for key in ("private_key", "home")}}
    )
    with GateProcess() as gate:
        world = World(Path(request["folder"]), request["dms_dsn"], request["ledger_dsn"], partner, gate)
        world.said = _Mortal(request["lines"])
        world.deliver(date.fromisoformat(request["day"]))
    sys.stdout.write(f"lived, {request['lines'] - world.said.left} lines said\n")


if __name__ == "__main__":
    main()
