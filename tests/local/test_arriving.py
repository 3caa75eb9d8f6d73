"""What comes in beside Airflow, where it goes wrong."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

import pytest

from local.arriving import Arriving
from local.settings import Settings


def test_an_error_while_files_are_put_down_is_raised_and_not_waited_for(tmp_path: Path) -> None:
    """It happens in a thread of its own; unheard, ``make run`` would wait ten minutes for files that nobody brings."""
    arriving = Arriving(Settings(tmp_path), seed=1, until=date(2026, 11, 20))
    arriving.begin_today()  # no partner has a home here

    def until_it_has_ended() -> None:
        for thread in threading.enumerate():
            if thread.name == "arriving":
                thread.join()

    with pytest.raises(FileNotFoundError):
        arriving.wait(lambda words: None, until_it_has_ended)
