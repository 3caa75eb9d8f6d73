"""Files in any order, whole or again, end in what the newest file says of each work order."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crm.dealing import Dealing, worked

lines = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 3)), max_size=5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(lines, min_size=1, max_size=4), order=st.randoms(use_true_random=False))
def test_the_newest_file_that_speaks_of_an_order_counts(
    crm: Dealing, files: list[list[tuple[int, int, int]]], order: Random
) -> None:
    dealer = f"dealer_{crm.last}"
    arrivals = [
        crm.check(
            "proresponse_service",
            *(worked(WONumber=f"W{number}", Line=str(line), RO_Amount=f"{amount}.00") for number, line, amount in file),
            dealer=dealer,
        )
        for file in files
    ]
    again = [*arrivals, *arrivals]
    order.shuffle(again)
    done = [crm.apply(each) for each in again]
    # Of one line that stands twice in a file the later counts; of two files the newer one, for the whole order.
    wanted: dict[str, Decimal] = {}
    for file in files:
        told = {(number, line): amount for number, line, amount in file}
        for whole in {number for number, _ in told}:
            wanted[f"W{whole}"] = Decimal(sum(amount for (number, _), amount in told.items() if number == whole))
    stands = crm.rows("SELECT work_order_number, work_order_amount FROM crm.activity WHERE dealer = %s", (dealer,))
    assert dict(stands) == wanted
    assert len(stands) == len(wanted)
    first = [each for each in done if not each.already]
    assert len(first) == len(files)
    assert sum(each.created for each in first) == len(wanted)
    people = crm.value("SELECT count(*) FROM crm.contact WHERE dealer = %s", (dealer,))
    assert people == (1 if wanted else 0)
