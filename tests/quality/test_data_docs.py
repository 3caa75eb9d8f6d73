"""The report: bounded, readable without internet, without a personal value, whole at every moment."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from include.contract import Contract
from include.quality.data_docs import ReportError, build, external_references, page_name
from include.quality.gate import GateProcess
from tests.quality.conftest import Renderer, numbered
from tests.samples import Row


@pytest.fixture(scope="module")
def stored(
    gate: GateProcess, contract: Contract, window: object, good: Row, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Reports of three runs: one with rows that break rules in personal columns, an empty one, a good one."""
    from include.window import Window

    assert isinstance(window, Window)
    root = tmp_path_factory.mktemp("reports")
    canaries = {field.name: f"CANARY-{field.name}" for field in contract.fields if field.personal}
    odd = {"part_family_code": "CANARY-LONGER-THAN-TEN", "original_document_number": "CANARY ?", "quantity": "CANARY"}
    for run_key, rows in (
        ("scheduled__2026-03-16T00:00:00+00:00", numbered(good, 5, **canaries, **odd)),
        ("manual <b>&", []),
        ("third", numbered(good, 5)),
    ):
        renderer = Renderer(tmp_path_factory.mktemp("files"), contract, window)
        renderer.file(rows)
        gate.read(renderer.run(run_key=run_key), reports_root=str(root))
    return root


@pytest.fixture(scope="module")
def site(stored: Path, contract: Contract) -> Path:
    return build(contract.id, str(stored)).parent


def texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_no_byte_of_report_or_page_holds_a_value_of_a_row(stored: Path, site: Path) -> None:
    found = texts(stored)
    assert len([name for name in found if name.endswith("files.json")]) == 3
    assert len([name for name in found if name.endswith(".html")]) == 5
    assert [name for name, text in found.items() if "CANARY" in text] == []


def test_stored_results_hold_counts_and_no_labels_of_rows(stored: Path, site: Path) -> None:
    for path in stored.rglob("files.json"):
        for one in json.loads(path.read_text())["results"]:
            assert set(one["result"]) <= {
                "element_count", "missing_count", "unexpected_count", "unexpected_percent", "missing_percent",
            }  # fmt: skip


def test_great_expectations_own_store_reads_what_is_stored(stored: Path, contract: Contract) -> None:
    from great_expectations.data_context.store.validation_results_store import ValidationResultsStore

    folder = str(stored / contract.id / "validations")
    store: Any = ValidationResultsStore(
        store_backend={"class_name": "TupleFilesystemStoreBackend", "base_directory": folder}
    )
    results = [store.get(key) for key in store.list_keys()]
    assert sorted(result.meta["gate"]["rows_read"] for result in results) == [0, 5, 5]
    assert sorted(result.success for result in results) == [False, True, True]


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    found = {name: external_references(text) for name, text in texts(site).items() if not name.endswith(".md")}
    assert {name.rpartition(".")[2] for name in found} == {"html", "css", "js"}
    assert {name: left for name, left in found.items() if left} == {}


@pytest.mark.parametrize(
    "reference",
    [
        '<script src="https://cdn.example/x.js">', "<img src=//cdn.example/x.png>", '<a href = "http://example.com">',
        "background: url('https://example.com/x.png')", "url(//example.com/x)", '@import "https://example.com/x.css";',
    ],
)  # fmt: skip
def test_a_reference_to_elsewhere_would_be_noticed(reference: str) -> None:
    assert external_references(reference)


def test_everything_a_page_loads_is_there(site: Path) -> None:
    import re

    for name, text in texts(site).items():
        if name.endswith(".html"):
            for address in re.findall(r'(?:src|href)="([^"#]+)', text):
                assert address.startswith("data:") or (site / address).is_file(), f"{name}: {address}"


def test_a_page_says_what_was_read_of_what(site: Path, contract: Contract) -> None:
    page = (site / page_name("third")).read_text(encoding="utf-8")
    assert "<title>merkle_sar_daily, 2026-03-16: 5 of 5 rows read</title>" in page
    assert page.count("<title>") == 1
    assert f"Contract merkle_sar_daily {contract.version}, run third." in page
    assert "[currency-enum, error] currency is one of GBP." in page
    empty = (site / page_name("manual <b>&")).read_text(encoding="utf-8")
    assert "no rows</title>" in empty
    assert "run manual &lt;b&gt;&amp;." in empty
    assert "only the form of the files was judged" in empty


def test_the_index_lists_every_run_and_what_was_held(site: Path) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    for run_key in ("scheduled__2026-03-16T00:00:00+00:00", "manual <b>&", "third"):
        assert f'href="{page_name(run_key)}"' in index
    assert index.count('<span class="held">1 held</span>') == 1
    assert index.count('<span class="passed">passed</span>') == 2


def test_names_of_runs_stay_apart() -> None:
    assert len({page_name(key) for key in ("a b", "a-b", "a/b", "../a", "é" * 300)}) == 5
    assert "/" not in page_name("../../a/b")
    assert len(page_name("x" * 500)) < 100


@pytest.fixture
def copied(stored: Path, tmp_path: Path) -> Path:
    """The reports as the gate left them, without pages."""
    return Path(shutil.copytree(stored, tmp_path / "reports", ignore=shutil.ignore_patterns("site", ".report.lock")))


def pages(root: Path, contract: Contract) -> list[str]:
    return sorted(path.name for path in (root / contract.id / "site").glob("*.html"))


def runs(root: Path) -> int:
    return len(list(root.rglob("files.json")))


def test_only_the_latest_runs_are_kept(copied: Path, contract: Contract) -> None:
    build(contract.id, str(copied))
    assert runs(copied) == 3
    build(contract.id, str(copied), keep_runs=1)
    assert runs(copied) == 1
    assert pages(copied, contract) == sorted(["contract.html", "index.html", page_name("third")])
    assert len(list((copied / contract.id / "validations" / contract.id).iterdir())) == 1


def test_of_a_run_read_twice_the_last_reading_is_shown(
    copied: Path, contract: Contract, gate: GateProcess, renderer: Renderer, good: Row
) -> None:
    build(contract.id, str(copied))
    renderer.file(numbered(good, 7))
    gate.read(renderer.run(run_key="third"), reports_root=str(copied))
    site = build(contract.id, str(copied)).parent
    assert "7 of 7 rows read" in (site / page_name("third")).read_text(encoding="utf-8")
    assert runs(copied) == 3


def test_two_builders_and_a_reader_never_see_half_a_page(copied: Path, contract: Contract) -> None:
    failed: list[BaseException] = []
    site = copied / contract.id / "site"

    def building(keeps: Sequence[int]) -> None:
        try:
            for keep in keeps:
                for page in site.glob("third*.html"):
                    page.unlink(missing_ok=True)
                build(contract.id, str(copied), keep_runs=keep)
        except BaseException as error:
            failed.append(error)

    builders = [threading.Thread(target=building, args=([3] * 6,)) for _ in range(2)]
    for builder in builders:
        builder.start()
    while any(builder.is_alive() for builder in builders):
        for page in site.glob("[!.]*.html"):
            try:
                text = page.read_text(encoding="utf-8")
            except FileNotFoundError:
                continue
            assert text.rstrip().endswith("</html>"), page.name
    assert failed == []
    assert len(pages(copied, contract)) == 5
    assert [path for path in site.rglob(".*") if path.is_file()] == []


def test_an_interface_that_was_never_read_has_an_index(tmp_path: Path) -> None:
    index = build("merkle_sar_daily", str(tmp_path))
    assert "No run has been read yet" in index.read_text(encoding="utf-8")


def test_a_page_that_reaches_out_is_an_error(copied: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.render.view.view import DefaultJinjaPageView

    html = '<html><head></head><body><img src="https://cdn.example/pixel.png"></body></html>'
    monkeypatch.setattr(DefaultJinjaPageView, "render", lambda *_: html)
    with pytest.raises(ReportError, match=r"would load src=.https://cdn\.example/pixel\.png"):
        build(contract.id, str(copied))
    assert "index.html" not in pages(copied, contract)
