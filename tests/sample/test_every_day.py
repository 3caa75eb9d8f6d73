"""The sample delivers on whatever date it is made: no dealer's day is all bad."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from local.sample.documents import TRADE, build
from local.sample.masters import build as masters_of
from local.sample.parameters import Parameters


@pytest.mark.parametrize(
    ("dealers", "days", "lines", "seed"), [(12, 130, 40_000, 1), (6, 130, 12_000, 1), (2, 70, 900, 7)]
)
def test_each_dealers_day_with_bad_documents_has_a_good_one(dealers: int, days: int, lines: int, seed: int) -> None:
    for number in range(12):
        until = date(2026, 11, 20) + timedelta(days=31 * number)
        parameters = Parameters(dealers, days, lines, seed, until)
        masters = masters_of(parameters)
        documents = build(parameters, masters)
        trade = (documents.payer == TRADE) & (masters.is_trade_partner[documents.dealer] == 1)
        place = documents.dealer * 100_000 + documents.day
        planted = documents.kind > 0
        assert planted.any()
        assert set(np.unique(place[planted])) <= set(np.unique(place[trade & ~planted])), f"until {until}"
