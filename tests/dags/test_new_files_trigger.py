"""The watch in its own loop, against a real partner: one event for new files that stand still, none for old ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from include.feeds import add_feed
from plugins.triggers.new_files import NewFilesTrigger
from tests.collect.collecting import drop
from tests.imports.importing import file_of, sold

if TYPE_CHECKING:
    from tests.dags.airflow_world import AirflowWorld

POLL_SECONDS = 0.1


def test_watch_wakes_once_for_what_came_and_not_for_what_it_told(
    make_airflow_world: Callable[..., AirflowWorld],
) -> None:
    world = make_airflow_world("proresponse_sales", None)
    home = world.partner.home / "lakeside"
    home.mkdir()
    with world.ledger() as ledger:
        for interface, pattern in (("proresponse_sales", r"_SL\.csv$"), ("proresponse_service", r"_SV\.csv$")):
            add_feed(
                ledger,
                interface=interface,
                dealer="lakeside",
                directory="lakeside",
                pattern=pattern,
                conn_id="proresponse_sftp",
            )
    events = asyncio.run(_events(home))
    assert events == [None, {"interface": "proresponse_sales", "files": 2}, None]


async def _events(home: Path) -> list[object]:
    """What is told before anything is there, of two files of ours and one of another's, and after that."""
    watch = NewFilesTrigger("proresponse_sales", poll_seconds=POLL_SECONDS).run()
    told = asyncio.ensure_future(anext(watch))
    found: list[object] = [await _within(told, 1.5)]
    for name in ("a_SL.csv", "b_SL.csv", "c_SV.csv"):
        drop(home / name, file_of(sold()))
    found.append(await _within(told, 20))
    told = asyncio.ensure_future(anext(watch))
    found.append(await _within(told, 1.5))
    told.cancel()
    return found


async def _within(told: asyncio.Future[Any], seconds: float) -> object:
    """The event's payload, or None if there was none in time."""
    done, _ = await asyncio.wait([told], timeout=seconds)
    return getattr(told.result(), "payload", "no event") if done else None


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_watch_without_pause_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="poll_seconds"):
        NewFilesTrigger("proresponse_sales", poll_seconds=seconds)
