"""Past days delivered in one process: by date, once, and without the day that is not to be sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from include.contract import Contract, load_contract
from include.ledger import FileRow, Ledger
from include.migrations.run import Name, migrate
from include.sftp import TransferError
from include.window import Window, day_window
from local.history import WHY_NOT_SENT, deliver_past
from local.outcome import NotSent
from local.partners.process import PartnerEndpoint, start_partner
from local.postgres import Postgres
from local.progress import Progress
from local.sample import fill
from local.settings import Settings

LAST_DAY = date(2026, 11, 20)
DAYS = [LAST_DAY - timedelta(days=back) for back in (5, 4, 3, 2, 1, 0)]
NAMES: tuple[Name, ...] = ("dms", "ledger")
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def settings(postgres: Postgres) -> Iterator[Settings]:
    """The test process's own run folder, with a sample in its DMS and an empty ledger."""
    made = Settings(postgres.data_dir.parents[1])
    made.make_folders()
    for name in NAMES:
        migrate(name, postgres.create_database(name, replace=True))
    fill(made.dsn("dms"), dealers=4, days=10, lines=1500, seed=3, until=LAST_DAY)
    yield made
    for name in NAMES:
        postgres.drop_database(name)


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract("merkle_sar_daily")


@pytest.fixture(scope="module")
def windows(contract: Contract) -> list[Window]:
    return [day_window(day, contract.zone) for day in DAYS]


@pytest.fixture(scope="module")
def merkle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartnerEndpoint]:
    with start_partner(tmp_path_factory.mktemp("partners"), ["merkle"]) as partners:
        yield partners["merkle"]


def files(settings: Settings) -> list[FileRow]:
    with Ledger(settings.dsn("ledger"), actor="test") as ledger:
        return ledger.files(interface="merkle_sar_daily")


def at_partner(merkle: PartnerEndpoint) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (merkle.home / "inbound" / "sar").iterdir()}


def staged(settings: Settings) -> set[str]:
    return {path.name for path in (settings.run_dir / "staging").iterdir()}


def test_a_partner_out_of_reach_ends_it_with_what_the_line_said(
    settings: Settings, contract: Contract, windows: list[Window], merkle: PartnerEndpoint
) -> None:
    nobody = replace(merkle.endpoint(), port=1)
    with pytest.raises(TransferError, match=r"127\.0\.0\.1"):
        deliver_past(
            contract, windows[:3], settings=settings, endpoint=nobody, not_sent=None, show=lambda progress: None
        )
    assert at_partner(merkle) == {}


def test_days_go_in_their_order_and_all_but_the_one_not_to_be_sent(
    settings: Settings, contract: Contract, windows: list[Window], merkle: PartnerEndpoint
) -> None:
    dealers = sorted({file.dealer for file in files(settings)})
    assert len(dealers) > 1
    unsent = NotSent(dealers[0], DAYS[-1])
    left_by_the_test_before = staged(settings)
    said: list[Progress] = []
    done = deliver_past(
        contract, windows, settings=settings, endpoint=merkle.endpoint(), not_sent=unsent, show=said.append
    )
    assert str(done) == "6 of 6 days done"
    assert [progress.done for progress in said] == sorted(progress.done for progress in said)
    assert said[0].done == 0
    assert said[-1] == done

    found = files(settings)
    assert {file.state for file in found} == {"PUBLISHED"}
    assert {(file.dealer, file.business_date) for file in found} == {
        (dealer, day) for dealer in dealers for day in DAYS if NotSent(dealer, day) != unsent
    }
    for dealer in dealers:
        numbers = [file.sequence for file in found if file.dealer == dealer]  # oldest window first
        assert numbers == list(range(1, len(numbers) + 1))
    assert at_partner(merkle).keys() == {file.file_name for file in found}
    with Ledger(settings.dsn("ledger"), actor="test") as ledger:
        assert ledger.feed_state(contract.id, unsent.dealer, "live") == "enabled"
        paused = [event for event in ledger.events() if event.kind == "FEED" and event.reason == WHY_NOT_SENT]
    assert len(paused) == 1
    assert staged(settings) <= left_by_the_test_before


def test_again_it_sends_nothing(
    settings: Settings, contract: Contract, windows: list[Window], merkle: PartnerEndpoint
) -> None:
    before, rows = at_partner(merkle), {file.id: file.state for file in files(settings)}
    deliver_past(
        contract, windows[:2], settings=settings, endpoint=merkle.endpoint(), not_sent=None, show=lambda progress: None
    )
    assert at_partner(merkle) == before
    assert {file.id: file.state for file in files(settings)} == rows
