"""What a person reads at the end of a `make run`: files, reconciliation, what is missing, and where to go on."""

from __future__ import annotations

import os
import subprocess
import sys
import webbrowser
from collections.abc import Sequence

from local.due import Due
from local.incoming import Comparison, Incoming
from local.outcome import Outcome
from local.settings import REPOSITORY, USERS, Settings, command_environment


def show(
    dues: Sequence[Due], found: Sequence[Outcome], arrived: Sequence[tuple[Incoming, Comparison]], settings: Settings
) -> None:
    """
    Print the table of files and that of the reconciliation, how many went where, and a line for each that did not; then
    what came in, beside each sample's own list.

    The days before Airflow's are one line: a table of them would hide the rest.
    """
    for each in dues:
        if each.recent:
            print(f"\n{each.contract.id}", flush=True)
            since = each.recent[0].business_date.isoformat()
            _command(settings, "include.ledger", "files", "--interface", each.contract.id, "--since", since)
        if each.past:
            first, last = each.past[0].business_date, each.past[-1].business_date
            print(f"  and {len(each.past)} days before, {first} to {last}: make files", flush=True)
    for each in dues:
        if each.contract.reconciled_with is not None:
            for window in each.recent:
                print(f"\n{each.contract.id} against {each.contract.reconciled_with}", flush=True)
                _command(settings, "include.reconcile", f"{window.business_date:%Y-%m}")
    print()
    for outcome in found:
        print(f"{outcome}: {settings.partners / outcome.contract.partner}")
        for missing in outcome.missing:
            print(f"  missing  {missing}")
        for dealer, why in sorted(outcome.kept_back.items()):
            print(f"  kept back {dealer}: {why}")
    for incoming, compared in arrived:
        print(f"\nWhat came in from {settings.partners / incoming.partner}")
        print(compared.table())
        for difference in compared.differences:
            print(f"  not as planted  {difference}")
        if not compared.differences:
            print(f"  all of it is what the sample's own list says, {incoming.exactly}")
    print(flush=True)


def show_ways_in(address: str, dag_ids: Sequence[str], health: str, settings: Settings) -> None:
    """Print the UI's addresses and logins, and what can be done beside it; show the morning page where one looks."""
    keys = settings.secrets()
    logins = ", ".join(f"{user} / {keys[f'password_{user}']} ({role})" for user, role in USERS.items())
    morning = f"{address}/plugin/interfaces"
    print(f"\nmorning   {morning}")
    print("Airflow   " + "\n          ".join(f"{address}/dags/{dag_id}" for dag_id in dag_ids))
    print(f"health    {health}")
    print(f"login     {logins}")
    print("commands  make files, make reconciliation, make airflow ARGS='backfill create --help', make help")
    print("Ctrl-C stops everything.", flush=True)
    # A person before a screen sees it at once; a browser of letters would take their terminal.
    if sys.stdout.isatty() and (sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()):
        webbrowser.open(morning)


def _command(settings: Settings, module: str, *arguments: str) -> None:
    """Run one of `include`'s commands, which prints for itself; what it cannot do, it says itself."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **command_environment(settings)}
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=REPOSITORY, env=environment, check=False)
