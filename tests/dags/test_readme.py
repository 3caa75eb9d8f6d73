"""The README's first screen says what there is, and is held to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from local.catalogue import in_readme, interfaces_table

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

README = Path(__file__).resolve().parents[2] / "README.md"


def test_table_of_interfaces_is_the_one_that_contracts_and_dags_give(bag: DagBag) -> None:
    readme = README.read_text(encoding="utf-8")
    assert readme == in_readme(interfaces_table(bag), readme), "run `make docs` and commit the README"
