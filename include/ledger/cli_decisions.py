"""``python -m include.ledger release|reject|redeliver|reopen FILE --reason TEXT``: a person decides about one file."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any, Final

from include.contract import all_contract_ids, load_contract
from include.ledger import DELIVERED, FileRow, Ledger, LedgerError
from include.ledger.states import PREVIEW

VERBS: Final = {
    "release": "let a proposed revision or a held file go on",
    "reject": "give up a proposed revision or a held file, or take a redelivery back",
    "redeliver": "have the same bytes sent again, under the same name and number",
    "reopen": "take up again what was given up",
}


def add_parsers(commands: Any) -> None:
    """Add a command for each verb to argparse's ``commands``."""
    for verb, what in VERBS.items():
        parser = commands.add_parser(verb, help=what, description=f"{what.capitalize()}; it stays in the record.")
        parser.add_argument("file", metavar="FILE", help="the file's number in the ledger, or its name")
        parser.add_argument("--reason", required=True, metavar="TEXT", help="why, in one sentence")
        parser.add_argument(
            "--actor", default=login(), metavar="NAME", help="who decides (default: the login name, %(default)s)"
        )
        parser.set_defaults(run=_decide, verb=verb)


def next_step(file: FileRow) -> str:
    """Return what has to happen for the file to get to its partner now, as a command where there is one."""
    if file.state in DELIVERED:
        return f"nothing: the partner has it, as {file.remote_path}"
    if file.state == "CANCELLED":
        return "nothing: no run takes it up again (reopen would)"
    return f"run its window, for this dealer alone:\n{trigger(file)}"


def trigger(file: FileRow) -> str:
    """Return the command that has Airflow run the file's window for its dealer."""
    return shlex.join(["airflow", "dags", "trigger", file.interface, "--conf", json.dumps(run_parameters(file))])


def run_parameters(file: FileRow) -> dict[str, object]:
    """Return the parameters of the run that takes up this very file: its period, its dealer."""
    period = {"month": file.period} if file.is_month else {"business_date": file.window.last_date.isoformat()}
    return {**period, "dealers": [file.dealer]}


def _decide(dsn: str, asked: argparse.Namespace) -> int:
    actor = asked.actor if ":" in asked.actor else f"person:{asked.actor}"
    with Ledger(dsn, actor=actor) as ledger:
        before = _find(ledger, asked.file)
        after = decide(ledger, asked.verb, before, asked.reason)
    held_for = f" It was: {before.reason}." if before.reason else ""
    sys.stdout.write(
        f"{after.label}: {before.state} → {after.state} ({asked.verb}, by {actor}).{held_for}\n"
        f"Next: {next_step(after)}\n"
    )
    return 0


def decide(ledger: Ledger, verb: str, file: FileRow, reason: str) -> FileRow:
    """
    Carry out one of ``VERBS`` on the file, by the rules of its interface's contract, and return it as it stands now.

    :raises TransitionError: with what stands in the way and what to do instead.
    """
    more = {"contiguous": _is_contiguous(file.interface)} if verb in ("reject", "reopen") else {}
    after: FileRow = getattr(ledger, verb)(file.id, reason=reason, **more)
    return after


def _is_contiguous(interface: str) -> bool:
    """Whether the interface's files follow each other; one that has no contract any more has none to follow."""
    return interface in all_contract_ids() and load_contract(interface).contiguous is not None


def _find(ledger: Ledger, name: str) -> FileRow:
    """A number is the ledger's own; a name must be one file's, and a preview's name counts only if no other has it."""
    if name.isdecimal():
        return ledger.file(int(name))
    found = ledger.files(environment=None, file_name=Path(name).name)
    found = [file for file in found if file.environment != PREVIEW] or found
    if not found:
        raise LedgerError(
            f"the ledger has no file named {name}; `python -m include.ledger files` lists them, those without a name "
            "by their number"
        )
    if len(found) > 1:
        numbers = ", ".join(f"{file.id} ({file.interface}, {file.environment}, {file.state})" for file in found)
        raise LedgerError(f"{len(found)} files are named {name}; give the number of the one you mean: {numbers}")
    return found[0]


def login() -> str:
    """Return the name of the user of this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name; the number says as much as there is to say.
        return f"uid {os.getuid()}"
