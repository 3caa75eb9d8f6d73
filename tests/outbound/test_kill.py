"""A run killed anywhere between the DMS and the partner, and run again, ends as if nothing had happened."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from include.ledger.chain import verify
from tests.outbound.world import LAST_DAY, World, sha256_of, trailer_of

ROOT = Path(__file__).resolve().parents[2]
# With three dealers a run says a line in extract and three in check, gate and publish each: one of each here, and two
# of the last.
LINES = [1, 3, 6, 8, 9]


def deliver_and_die(world: World, lines: int) -> int:
    """Run a delivery in a process of its own that kills itself at the Nth line; return its exit code."""
    partner = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(world.partner).items()}
    request = {
        "folder": str(world.folder),
        "dms_dsn": world.dms_dsn,
        "ledger_dsn": world.ledger_dsn,
        "partner": partner,
        "day": LAST_DAY.isoformat(),
        "lines": lines,
    }
    child = subprocess.run(
        [sys.executable, "-m", "tests.outbound.deliver_and_die"],
        cwd=ROOT,
        input=json.dumps(request).encode(),
        capture_output=True,
        check=False,
    )
    assert child.returncode in (0, -9), child.stderr.decode()[-1000:]
    return child.returncode


@pytest.mark.parametrize("lines", LINES)
def test_run_killed_at_a_line_and_run_again_delivers_each_file_once(world: World, lines: int) -> None:
    assert deliver_and_die(world, lines) == -9
    with world.ledger() as ledger:
        for file in ledger.files():
            assert (file.state == "PUBLISHED") == (file.published_at is not None)
            # The ledger is never ahead of the partner's folder.
            assert file.state != "PUBLISHED" or str(file.file_name) in world.home()
    run = world.deliver()
    home, recount = world.home(), world.recount(LAST_DAY)
    files = world.files(run)
    assert {file.state for file in files} == {"PUBLISHED"}
    assert sorted(home) == sorted(str(file.file_name) for file in files)
    assert {file.sequence for file in files} == {1}
    for file in files:
        content = home[str(file.file_name)]
        assert sha256_of(content) == file.sha256
        assert trailer_of(content) == (file.rows, file.control_total) == recount.get(file.dealer, (0, 0))
    assert verify(world.ledger_dsn).first_broken_event_id is None
