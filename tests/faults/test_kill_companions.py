"""kill -9 at every step of a file with companions, then a re-run: one of each, and the file never without them."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from include.archive import Archive
from include.ledger import Ledger
from include.publish import COMPANION_STEPS, STEPS
from local.partners import PartnerEndpoint
from tests.faults.invariants import assert_invariants
from tests.faults.publisher import run_all, start
from tests.faults.test_kill import LEASE_SECONDS, Killed, is_stopped, orders_for, rerun, wait_until
from tests.faults.waiting_files import gated_file

# Each step of the first companion, of the second, and of the file after them.
POINTS = [
    *((f"{when}_{step}", nth) for nth in (1, 2) for step in COMPANION_STEPS for when in ("before", "after")),
    *((f"{when}_{step}", 1) for step in STEPS for when in ("before", "after")),
]


def folder_of(step: str, nth: int) -> str:
    return f"inbound/kill-companions-{step}-{nth}"


@pytest.fixture(scope="module")
def killed(
    ledger_dsn: str, archive: Archive, archive_root: Path, merkle: PartnerEndpoint
) -> Iterator[dict[tuple[str, int], Killed]]:
    """One set per point, killed there; all before the first re-run, so that leases run out together."""
    with Ledger(ledger_dsn, actor="test:kill") as ledger:
        files = {point: gated_file(ledger, archive, companions=(9_000, 400)) for point in POINTS}
        orders = []
        for (step, nth), file in files.items():
            folder = folder_of(step, nth)
            (merkle.home / folder).mkdir()
            general = orders_for(ledger_dsn, archive_root, merkle, folder)
            orders.append(replace(general, file_ids=[file.id], signal_at=step, signal_nth=nth))
        results = run_all(orders)
        yield {
            point: Killed(
                file=files[point],
                exit_code=code,
                said=said,
                names=[path.name for path in (merkle.home / folder_of(*point)).iterdir()],
                state=ledger.file(files[point].id).state,
            )
            for point, (code, said) in zip(POINTS, results, strict=True)
        }


@pytest.mark.parametrize(("step", "nth"), POINTS)
def test_killed_at_any_step_the_next_attempt_completes_the_set_once(
    killed: dict[tuple[str, int], Killed],
    ledger: Ledger,
    ledger_dsn: str,
    archive: Archive,
    merkle: PartnerEndpoint,
    step: str,
    nth: int,
) -> None:
    left = killed[step, nth]
    home = merkle.home / folder_of(step, nth)
    assert json.loads(left.said) == {"reached": step}, "the attempt got there"
    assert left.exit_code == -signal.SIGKILL
    of_a_companion = "companion" in step
    renamed = [name for name in left.names if not name.startswith(".")]
    order = [*left.file.beside, left.file.name]
    assert sorted(renamed) == sorted(order[: len(renamed)]), "in their order, the file last"
    if of_a_companion:
        passed = step in ("after_companion_rename", "before_companion_mark_published", "after_companion_mark_published")
        assert len(renamed) == nth - 1 + passed
        assert left.state == "UPLOADING"
    assert_invariants(ledger, ledger_dsn, home, [left.file])

    outcome = rerun(ledger, archive, merkle, folder_of(step, nth), left.file)

    assert outcome.state == "PUBLISHED"
    assert {path.name: path.read_bytes() for path in home.iterdir()} == {
        **left.file.beside, left.file.name: left.file.content,
    }, "one of each, and no temporary file is left"  # fmt: skip
    assert_invariants(ledger, ledger_dsn, home, [left.file])


ZOMBIE_POINTS = [f"before_companion_{step}" for step in ("mark_uploading", "upload", "verify", "fence", "rename")]


def test_an_attempt_that_was_declared_dead_and_wakes_up_brings_no_companion_again(
    ledger: Ledger, ledger_dsn: str, archive: Archive, archive_root: Path, merkle: PartnerEndpoint, folder: str
) -> None:
    """Stopped at each of several points of the second companion, so that their leases run out together."""
    files = {point: gated_file(ledger, archive, companions=(9_000, 400)) for point in ZOMBIE_POINTS}
    home = merkle.home / folder
    general = orders_for(ledger_dsn, archive_root, merkle, folder)
    processes = {
        point: start(
            replace(
                general,
                file_ids=[file.id],
                signal_at=point,
                signal_nth=2,
                signal_name="SIGSTOP",
                lease_seconds=LEASE_SECONDS,
            )
        )
        for point, file in files.items()
    }
    try:
        for process in processes.values():
            wait_until(partial(is_stopped, process.pid))
        for point, file in files.items():
            assert rerun(ledger, archive, merkle, folder, file).action == "published", point
        # The partner takes what it has: a zombie that brought it again would now be seen.
        for path in list(home.iterdir()):
            path.rename(home / f"taken-{path.name}")
        said = {}
        for point, process in processes.items():
            process.send_signal(signal.SIGCONT)
            said[point] = process.communicate(timeout=30)[0].splitlines()[-1]
    finally:
        for process in processes.values():
            with suppress(ProcessLookupError):
                process.kill()
    assert {point: json.loads(line).get("error") for point, line in said.items()} == dict.fromkeys(
        ZOMBIE_POINTS, "LeaseLostError"
    )
    # One that slept between its writing down and its writing may leave a temporary file of its own, and nothing else.
    names = [path.name for path in home.iterdir()]
    assert [name for name in names if not name.startswith(("taken-", "."))] == []
    for path in list(home.iterdir()):
        if path.name.startswith("taken-"):
            path.rename(home / path.name.removeprefix("taken-"))
    assert_invariants(ledger, ledger_dsn, home, files.values())
