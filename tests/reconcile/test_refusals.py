"""What cannot be compared waits alone, and a release is for the lines that were seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from include.contract import load_contract
from include.ledger import ReconciliationDifference
from include.reconcile.run import REASON, _hold, _reason
from tests.reconcile.conftest import FRIDAY, OCTOBER, Month

pytestmark = pytest.mark.timeout(600)
DAILY = load_contract("merkle_sar_daily")


def scribble(path: Path) -> None:
    """Change a letter, as a bad disk would: rows, trailer and total stay what they were."""
    content = path.read_bytes()
    changed = content.replace(b"INVOICE", b"INVOICF", 1)
    assert changed != content
    path.chmod(0o600)
    path.write_bytes(changed)


def test_a_damaged_daily_file_is_no_correction_and_holds_its_dealer_alone(whole: Month) -> None:
    code, *others = whole.members()
    with whole.daily.ledger() as ledger:
        (file,) = ledger.files(interface=DAILY.id, dealer=code, business_date=FRIDAY, states=["PUBLISHED"])
    scribble(Path(whole.daily.archive.path(str(file.sha256))))
    whole.run()
    assert whole.file(code).state == "HELD"
    _, differences = whole.found(code)
    (one,) = [one for one in differences if not one.explained]
    assert (one.kind, one.posted_on, one.net_here) == ("BYTES_GONE", FRIDAY, one.net_there)
    assert "damaged" in one.note
    assert {whole.file(dealer).state for dealer in others} == {"PUBLISHED"}


def test_a_month_that_cannot_be_read_waits_alone_and_goes_on_once_it_can(whole: Month) -> None:
    run = whole.monthly.extract(OCTOBER)
    whole.monthly.check(run)
    whole.monthly.render(run)
    code, *others = whole.members()
    file = whole.file(code)
    staged = whole.monthly.folder / "staging" / str(file.batch_id) / f"{file.id}.fates"
    kept = staged.read_bytes()
    staged.unlink()
    rendered = Path(whole.monthly.archive.path(str(file.sha256)))
    content = rendered.read_bytes()
    scribble(rendered)
    counts = whole.reconcile(run)
    assert (counts["failed"], counts["held"], counts["compared"]) == (1, 1, len(others))
    held = whole.file(code)
    assert held.state == "HELD"
    assert str(held.reason).startswith(REASON)
    assert "damaged" in str(held.reason)
    assert {whole.file(dealer).state for dealer in others} == {"GATED"}
    rendered.write_bytes(content)
    staged.write_bytes(kept)
    assert whole.reconcile(run)["held"] == 0
    assert whole.file(code).state == "GATED"


def test_what_it_was_held_for_beside_the_comparison_stays(month: Month) -> None:
    run = month.run(publish=False)
    code = month.members()[0]
    with month.monthly.ledger() as ledger:
        file = month.file(code)
        ledger.move(file.id, "HELD", reason="its franchise changed")
        assert _hold(month.file(code), f"{REASON}one", ledger, month.monthly.said.append)
        assert month.file(code).reason == f"its franchise changed; {REASON}one"
        assert _hold(month.file(code), f"{REASON}two", ledger, month.monthly.said.append)
        assert month.file(code).reason == f"its franchise changed; {REASON}two"
        assert not _hold(month.file(code), None, ledger, month.monthly.said.append)
        assert (month.file(code).state, month.file(code).reason) == ("HELD", "its franchise changed")
    assert file.id in run.file_ids


def test_a_release_is_for_the_lines_that_were_seen(month: Month) -> None:
    month.monthly.extract(OCTOBER, month.members()[:1])
    file = month.file(month.members()[0])
    seen = [one(number, Decimal("1.00")) for number in ("A", "B", "C", "D")]
    assert _reason(DAILY, file, seen) == _reason(DAILY, file, list(reversed(seen)))
    # The same counts and the same first days, and other lines behind them.
    assert _reason(DAILY, file, seen) != _reason(DAILY, file, [*seen[:3], one("E", Decimal("1.00"))])
    assert _reason(DAILY, file, seen) != _reason(DAILY, file, [*seen[:3], one("D", Decimal("9.00"))])
    assert _reason(DAILY, file, [replace(seen[0], explained=True)]) is None


def one(number: str, net: Decimal) -> ReconciliationDifference:
    day = date(2026, 10, 14)
    return ReconciliationDifference("UNEXPLAINED", False, "INVOICE", number, "1", day, day, net, None, None, "why")
