"""dags/ says what happens; plugins/ knows Airflow; include/ knows neither, nor the machine it runs on."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FORBIDDEN = {
    "include": {"airflow", "plugins", "dags", "local", "bench", "tests"},
    "plugins": {"dags", "local", "bench", "tests"},
    "dags": {"dags", "local", "bench", "tests"},
    "local": {"plugins", "dags", "bench", "tests"},
    "bench": {"plugins", "dags", "tests"},
}
HEAVY = {"pandas", "polars", "great_expectations", "pyarrow", "asyncssh", "numpy", "scipy", "alembic", "sqlalchemy"}


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_layer_imports_nothing_from_above(layer: str) -> None:
    files = sorted((ROOT / layer).rglob("*.py"))
    offenders = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in files
        if (found := _imported_roots(ast.walk(ast.parse(path.read_text()))) & FORBIDDEN[layer])
    }
    assert files
    assert offenders == {}


@pytest.mark.parametrize("layer", ["dags", "plugins"])
def test_nothing_heavy_is_imported_while_a_dag_file_is_parsed(layer: str) -> None:
    offenders = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in sorted((ROOT / layer).rglob("*.py"))
        if (found := _imported_roots(iter(ast.parse(path.read_text()).body)) & HEAVY)
    }
    assert offenders == {}


def test_no_folder_or_module_hides_what_is_in_it() -> None:
    vague = {"utils", "common", "helpers", "base", "manager", "misc"}
    found = [
        str(path.relative_to(ROOT))
        for layer in (*FORBIDDEN, "tests")
        for path in (ROOT / layer).rglob("*")
        if path.stem in vague and "__pycache__" not in path.parts
    ]
    assert found == []


def _imported_roots(nodes: Iterable[ast.AST]) -> set[str]:
    names: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return {name.split(".")[0] for name in names}
