"""The table of interfaces in the README, made from the contracts and the DAGs: `python -m local.catalogue`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from include.contract import Contract, contract_ids, load_contract
from include.contract_vocabulary import WEEKDAYS
from local.settings import Settings

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

REPOSITORY = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- interfaces: made by `make docs` -->", "<!-- /interfaces -->"


def interfaces_table(bag: DagBag) -> str:
    """One Markdown row per interface, what goes out first: what goes where, when, and by when it is promised."""
    rows = [
        "| Interface | | Recipient | What | When | Promised by | Where |",
        "|---|---|---|---|---|---|---|",
    ]
    for direction in ("outbound", "inbound"):
        for name in contract_ids(direction):
            contract, timetable = load_contract(name), bag.dags[name].timetable
            when, where = getattr(timetable, "summary", ""), f"`sftp {contract.partner}:{contract.remote_dir}`"
            if direction == "inbound":
                when, where = "soon after files stand still, and every hour", f"`sftp {contract.partner}`, by feed"
            rows.append(
                f"| [{name}](dags/{name}.py) | {'out' if direction == 'outbound' else 'in'} | {contract.recipient} "
                f"| {contract.name}, {_files(contract)}: [contract {contract.version}](include/contracts/{name}.yaml) "
                f"| {when} | {_promise(contract)} | {where} |"
            )
    return "\n".join(rows)


def _files(contract: Contract) -> str:
    """A file that its own header adds up is a document of the partner's, and may be about many dealers."""
    return "one file per dealer" if contract.file_rule("headerTotals") is None else "several dealers in each file"


def _promise(contract: Contract) -> str:
    """By when the partner is promised a file: a time of day, and for a month the working day of which calendar."""
    said = f"{contract.due:%H:%M} {contract.zone}"
    if len(contract.expected_on) < len(WEEKDAYS):
        said += f", each {' and '.join(WEEKDAYS[day] for day in sorted(contract.expected_on))}"
    if contract.due_working_day is None:
        return said
    return f"{said}, working day {contract.due_working_day} ({contract.working_calendar})"


def in_readme(table: str, readme: str) -> str:
    """Return ``readme`` with ``table`` between its two marks."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main() -> int:
    """Write the table into README.md."""
    # Airflow makes its home where this says, also for a look at the DAGs; never in the person's own home.
    os.environ.setdefault("AIRFLOW_HOME", str(Settings.from_environment().airflow_home))
    from airflow.dag_processing.dagbag import DagBag

    folder = REPOSITORY / "dags"
    bag = DagBag(str(folder), bundle_path=folder, bundle_name="dags-folder")
    readme = REPOSITORY / "README.md"
    readme.write_text(in_readme(interfaces_table(bag), readme.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
