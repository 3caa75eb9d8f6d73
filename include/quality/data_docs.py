"""
The quality report of an interface: Great Expectations' pages of the last readings, and an index of our own.

Built off the data path from the results that the gate stored. Every file is written beside its place and renamed, and
the index comes last, so that a reader never meets half a page; pages hold counts and rules, no value of a row, and load
nothing from elsewhere.
"""

from __future__ import annotations

import fcntl
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

from include.contract import CONTRACTS_DIR, Contract, load_contract
from include.quality.reports import put, run_name
from include.window import period_window

ASSETS = Path(__file__).parent / "assets"
LOADED = ("bootstrap.min.css", "bootstrap.bundle.min.js", "jquery.min.js", "report.css")
KEEP_RUNS = 30
# Pages that include/reconcile writes; a run's page has a hash at the end of its name.
RECONCILIATION, MONTH = "reconciliation-", "[0-9][0-9][0-9][0-9]-[0-9][0-9]"
FIGURES_PAGE = "figures.html"
"""A page that whoever keeps an interface's books may write beside ours; the index lists it if it is there."""
HEAD = """<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="assets/bootstrap.min.css">
<link rel="stylesheet" href="assets/report.css">
<link rel="icon" href="data:,">
"""
SCRIPTS = '<script src="assets/jquery.min.js"></script>\n<script src="assets/bootstrap.bundle.min.js"></script>\n'
EXTERNAL = re.compile(
    r"""(?:src|href|action)\s*=\s*["']?\s*(?:https?:)?//[^"'\s>]*|url\(\s*["']?\s*(?:https?:)?//[^)]*\)|"""
    r"""@import\s+["']?(?:https?:)?//[^;]*""",
    re.IGNORECASE,
)


class ReportError(RuntimeError):
    """The report cannot be built; deliveries are not concerned."""


@dataclass(frozen=True)
class _Reading:
    """One stored result; ``name`` is that of its run and of its page."""

    name: str
    path: Path
    gate: dict[str, Any]


def page_name(run_key: str) -> str:
    """Return the name of the page of a run, beside ``index.html``."""
    return f"{run_name(run_key)}.html"


def reconciliation_page(month: date) -> str:
    """Return the name of the page of a month's reconciliation, beside ``index.html``, which lists it."""
    return f"{RECONCILIATION}{month:%Y-%m}.html"


def external_references(text: str) -> list[str]:
    """Return what a page or asset would load from elsewhere, or link to."""
    return EXTERNAL.findall(text)


def build(interface: str, reports_root: str, keep_runs: int = KEEP_RUNS, contracts_dir: Path = CONTRACTS_DIR) -> Path:
    """
    Bring the pages of ``interface`` up to date with the stored results and return the index.

    Keeps the last reading of each of the ``keep_runs`` latest runs; older results and pages are removed.

    :raises ReportError: if a page would load something from elsewhere.
    :raises OSError: if the folder cannot be written.
    """
    folder = Path(reports_root) / interface
    site = folder / "site"
    (site / "assets").mkdir(parents=True, exist_ok=True)
    with _alone(folder / ".report.lock"):
        kept, dropped = _readings(folder, interface, keep_runs)
        for name in LOADED:
            if not _same(site / "assets" / name, content := (ASSETS / name).read_bytes()):
                put(site / "assets" / name, content)
        stale = [one for one in kept if not _current(site / f"{one.name}.html", one.path)]
        if stale:
            _render(load_contract(interface, contracts_dir), site, stale)
        reconciled = sorted((page.name for page in site.glob(f"{RECONCILIATION}{MONTH}.html")), reverse=True)
        has_figures = (site / FIGURES_PAGE).is_file()
        put(site / "index.html", _index(interface, kept, reconciled, has_figures=has_figures).encode())
        wanted = {"index.html", FIGURES_PAGE, "contract.html", *(f"{one.name}.html" for one in kept), *reconciled}
        for page in site.glob("*.html"):
            if page.name not in wanted:
                page.unlink(missing_ok=True)
        for path in dropped:
            _remove(path, folder / "validations")
    return site / "index.html"


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _readings(folder: Path, interface: str, keep_runs: int) -> tuple[list[_Reading], list[Path]]:
    """Return the readings to show, latest first, and the stored results to remove."""
    stored = sorted(
        (folder / "validations" / interface).glob("*/*/*.json"), key=lambda path: path.parent.name, reverse=True
    )
    kept: dict[str, _Reading] = {}
    dropped = []
    for path in stored:
        name = path.parent.parent.name
        if name in kept or len(kept) >= keep_runs:
            dropped.append(path)
            continue
        kept[name] = _Reading(name, path, json.loads(path.read_bytes())["meta"]["gate"])
    return list(kept.values()), dropped


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _current(page: Path, source: Path) -> bool:
    return page.is_file() and page.stat().st_mtime_ns > source.stat().st_mtime_ns


def _remove(path: Path, upto: Path) -> None:
    """Remove a result and the folders that are empty without it."""
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == upto or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()


def _render(contract: Contract, site: Path, stale: list[_Reading]) -> None:
    if "great_expectations" not in sys.modules:
        logging.getLogger("great_expectations").setLevel(logging.WARNING)  # It logs a line per registered function.
    from great_expectations.render.renderer.page_renderer import (
        ExpectationSuitePageRenderer,
        ValidationResultsPageRenderer,
    )
    from great_expectations.render.view.view import DefaultJinjaPageView

    from include.quality.reports import open_context
    from include.quality.suite import contract_suite

    # GX's own calls here carry no types.
    store: Any = open_context().validation_results_store
    view: Any = DefaultJinjaPageView()
    result_page: Any = ValidationResultsPageRenderer(run_info_at_end=True)
    suite_page: Any = ExpectationSuitePageRenderer()
    for one in stale:
        html = str(view.render(result_page.render(store.deserialize(one.path.read_text(encoding="utf-8")))))
        put(site / f"{one.name}.html", _ours(html, _title(one.gate), _reading_head(one.gate)).encode())
    day = date.fromisoformat(stale[0].gate["business_date"])
    window = period_window(contract.period_unit, day, contract.zone)
    html = str(view.render(suite_page.render(contract_suite(contract, window))))
    title = f"{contract.id}: the rules of contract {contract.version} on delivered columns"
    head = f'<p><a href="index.html">All readings</a></p><h1>{escape(title)}</h1>'
    put(site / "contract.html", _ours(html, title, head).encode())


def _ours(html: str, title: str, head: str) -> str:
    """Return GX's page with our title and head, loading our assets and nothing else."""
    html = re.sub(r'<script [^>]*src="[^"]*"[^>]*>\s*</script>\s*', "", html)
    html = re.sub(r"<link [^>]*>\s*", "", html)
    html = re.sub(r"<title>.*?</title>\s*", "", html, flags=re.DOTALL)
    html = re.sub(r"<footer>.*?</footer>\s*", "", html, flags=re.DOTALL)
    html = re.sub(r'<nav class="navbar.*?</nav>\s*</div>\s*</nav>', "", html, flags=re.DOTALL)
    html = re.sub(r"""url\(['"]?https?://[^)]*\)""", "none", html)
    html = re.sub(r'<a href="https?://[^"]*"[^>]*>(.*?)</a>', r"\1", html, flags=re.DOTALL)
    html = re.sub(r'href="(?:\.\./)+expectations/[^"]*"', 'href="contract.html"', html)
    html = re.sub(r'href="(?:\.\./)+index\.html[^"]*"', 'href="index.html"', html)
    html = html.replace("<head>", f"<head>\n<title>{escape(title)}</title>\n{HEAD}{SCRIPTS}", 1)
    html = re.sub(r"<body[^>]*>", lambda body: f'{body[0]}\n<header class="delivery">{head}</header>', html, count=1)
    if left := external_references(html):
        raise ReportError(
            f"a page would load {left[0]}, so it would not be readable without internet; Great Expectations' page has "
            "changed: teach include/quality/data_docs.py to take that out"
        )
    return html


def _title(gate: dict[str, Any]) -> str:
    return f"{gate['interface']}, {gate['business_date']}: {_read(gate)}"


def _read(gate: dict[str, Any]) -> str:
    if not gate["rows_in_files"]:
        return "no rows"
    return f"{gate['rows_read']:,} of {gate['rows_in_files']:,} rows read"


def _reading_head(gate: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(file['dealer'])}</td>"
        f'<td class="number">{file["sequence"]}</td><td>{escape(file["environment"])}</td>'
        f'<td class="number">{file["rows_read"]:,} of {file["rows_in_file"]:,}</td>'
        f"<td>{_fate(file['passed'])}</td>"
        f"<td>{'<br>'.join(map(escape, [*file['problems'], *_only_counted(file)]))}</td></tr>"
        for file in gate["files"]
    )
    nothing = (
        ""
        if gate["rows_in_files"]
        else "<p>No rows: only the form of the files was judged, header, trailer and counts.</p>"
    )
    return (
        '<p><a href="index.html">All readings</a> · <a href="contract.html">The rules</a></p>'
        f"<h1>{escape(gate['title'])}: {escape(gate['business_date'])} ({escape(gate['zone'])})</h1>"
        f"<p>Contract {escape(gate['interface'])} {escape(gate['contract_version'])}, run {escape(gate['run_key'])}. "
        f"Great Expectations read the rendered files: {_read(gate)}.</p>{nothing}"
        '<table class="table table-sm"><thead><tr><th>Dealer</th><th>Sequence</th><th>Environment</th>'
        f"<th>Rows read</th><th>Gate</th><th>Why; what was only counted</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _only_counted(file: dict[str, Any]) -> list[str]:
    """Broken warnings and infos, which hold nothing back; broken error rules are among the problems already."""
    said = {problem.partition(" ")[0] for problem in file["problems"]}
    return [f"{line} rows" for line in file["broken"] if line.partition(":")[0] not in said]


def _fate(passed: bool) -> str:
    return '<span class="passed">passed</span>' if passed else '<span class="held">held</span>'


def _index(interface: str, kept: list[_Reading], reconciled: list[str], *, has_figures: bool) -> str:
    def line(one: _Reading) -> str:
        gate = one.gate
        held = [file for file in gate["files"] if not file["passed"]]
        fate = _fate(not held) if not held else f'<span class="held">{len(held)} held</span>'
        return (
            f'<tr><td><a href="{one.name}.html">{escape(gate["business_date"])}</a></td>'
            f'<td>{escape(gate["run_key"])}</td><td class="number">{len(gate["files"])}</td><td>{fate}</td>'
            f'<td class="number">{_read(gate)}</td><td>{escape(gate["contract_version"])}</td>'
            f"<td>{escape(_when(one.path.parent.name))}</td></tr>"
        )

    title = f"{interface}: readings before delivery"
    body = (
        '<table class="table table-sm"><thead><tr><th>Business date</th><th>Run</th><th>Files</th><th>Gate</th>'
        "<th>Great Expectations</th><th>Contract</th><th>Read at</th></tr></thead><tbody>"
        f"{''.join(map(line, kept))}</tbody></table>"
        if kept
        else "<p>No run has been read yet.</p>"
    )
    rules = '<p><a href="contract.html">The rules</a></p>' if kept else ""
    if has_figures:
        rules += f'<p><a href="{FIGURES_PAGE}">Figures</a></p>'
    if reconciled:
        months = [(page, page.removeprefix(RECONCILIATION).removesuffix(".html")) for page in reconciled]
        links = " · ".join(f'<a href="{escape(page)}">{escape(month)}</a>' for page, month in months)
        rules += f"<p>Reconciled: {links}</p>"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><title>{escape(title)}</title>\n{HEAD}</head><body>'
        f'<header class="delivery"><h1>{escape(title)}</h1>{rules}{body}</header></body></html>\n'
    )


def _when(stamp: str) -> str:
    """``20260316T040509.000000Z`` as people write it."""
    return f"{stamp[0:4]}-{stamp[4:6]}-{stamp[6:8]} {stamp[9:11]}:{stamp[11:13]} UTC"
