"""An import that dies between any two of its statements leaves nothing, or all of it; the next one ends the same."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg2

from include.crm.arrival import Applied
from include.crm.review import merge_contacts
from include.migrations.run import Name
from tests.crm.dealing import Dealing, sold, worked

# Ids and times differ from run to run; who belongs to whom does not.
STORY = """
SELECT a.type, a.source_key, a.description, a.amount_financed, a.work_order_amount, a.line_count, a.content_hash::text,
       c.last_name, c.dms_customer_number, m.rule, m.outcome, m.lines, m.inputs_hash, r.said::text,
       (SELECT array_agg(p.kind || p.normalised ORDER BY 1) FROM crm.contact_point p WHERE p.contact_id = c.contact_id),
       (SELECT array_agg(s.last_name ORDER BY 1) FROM crm.contact s WHERE s.contact_id = ANY(r.candidates)),
       f.arrival_id, l.arrival_id, k.arrival_id
  FROM crm.activity a LEFT JOIN crm.contact c USING (contact_id)
  JOIN crm.match_decision m USING (activity_id)
  LEFT JOIN crm.review_item r USING (match_decision_id)
  JOIN crm.import f ON f.import_id = a.first_import_id
  JOIN crm.import l ON l.import_id = a.last_import_id
  LEFT JOIN crm.import k ON k.import_id = c.created_by_import
 ORDER BY 1, 2
"""
ASIDE = """
SELECT i.arrival_id, i.kind, i.counts::text, r.line, r.reasons, r.raw, cardinality(n.activity_ids)
  FROM crm.import i LEFT JOIN crm.rejected_row r USING (import_id) LEFT JOIN crm.import_confirmation n USING (import_id)
 ORDER BY i.arrival_id, r.line
"""
COUNTS = [f"SELECT count(*) FROM crm.{table}" for table in ("contact", "contact_point", "activity", "match_decision")]


def story(crm: Dealing) -> list[Any]:
    return [crm.rows(STORY), crm.rows(ASIDE), *(crm.value(count) for count in COUNTS)]


FIRST = [
    sold(),
    sold(DealNumber="D5"),
    sold(DealNumber="D6", CustomerNumber="C6", LastName="Six", Email="six@example.org"),
]
SECOND = [
    sold(Amount_Financed="5.00"),
    sold(DealNumber="D5"),
    sold(DealNumber="D7", CustomerNumber="C7", LastName="Seven", Email="seven@example.org"),
    sold(DealNumber="D8", CustomerNumber="", FirstName="Averil", CellPhone="5550100199", Email=""),
    sold(DealNumber="D9", SoldDate="1000-01-01"),
]


def test_a_kill_before_any_statement_leaves_nothing_and_the_next_import_ends_the_same(
    crm: Dealing, new_database: Callable[[Name], str], tmp_path: Path
) -> None:
    straight = Dealing(new_database("dms"), tmp_path / "straight")
    straight.folder.mkdir()
    for each in (straight, crm):
        each.sales(*FIRST)
    straight.sales(*SECOND)
    arrival = crm.check("proresponse_sales", *SECOND)
    told = tmp_path / "arrival"
    told.write_bytes(pickle.dumps((arrival, *crm.paths[arrival.id])))
    before = (1, 3, 2, 0)
    after = (2, 5, 3, 1)
    done = subprocess.run(
        [sys.executable, "-m", "tests.crm.killing", crm.dsn, str(told)], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    ends = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    deaths = [end for end in ends if end[0] == -signal.SIGKILL]
    assert len(deaths) > 30
    assert {end[1:] for end in deaths} == {before, after}
    # Only the last deaths come after the commit; from then on each attempt finds the mark, and is done sooner.
    first = next(number for number, end in enumerate(ends) if end[1:] == after)
    assert {end[1:] for end in ends[:first]} == {before}
    assert {end[1:] for end in ends[first:]} == {after}
    assert ends[-1][0] == 0
    assert story(crm) == story(straight)


def test_files_of_one_dealer_applied_at_once_end_as_one_after_the_other(crm: Dealing) -> None:
    files = [
        crm.check("proresponse_sales", *(sold(DealNumber=f"D{n}", Amount_Financed=f"{number}.00") for n in range(20)))
        for number in range(1, 4)
    ]
    files.append(crm.check("proresponse_service", *(worked(WONumber=f"W{n}") for n in range(20))))
    files += files  # Twice each, as if two runs had taken them.
    done: list[Applied] = []
    threads = [Thread(target=lambda each=each: done.append(crm.apply(each))) for each in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.already for each in done) == [False] * 4 + [True] * 4
    assert crm.value("SELECT count(*) FROM crm.contact") == 1
    assert crm.rows("SELECT type, count(*), max(amount_financed)::int, min(amount_financed)::int FROM crm.activity "
                    "GROUP BY 1 ORDER BY 1") == [("SOLD_UNIT", 20, 3, 3), ("WORK_ORDER", 20, None, None)]  # fmt: skip


def test_imports_and_merges_of_a_dealer_wait_for_each_other(crm: Dealing) -> None:
    """Else an activity came to a contact that is just being merged, and stayed there."""
    other = {"CustomerNumber": "C200", "LastName": "Other", "Email": "other@example.org", "CellPhone": ""}
    crm.sales(sold(), sold(DealNumber="D2", **other))
    keep, goes = [row for (row,) in crm.rows("SELECT contact_id FROM crm.contact ORDER BY last_name DESC")]
    arrival = crm.check("proresponse_sales", sold(DealNumber="D3", **other))
    threads = [
        Thread(target=crm.apply, args=(arrival,)),
        Thread(target=merge_contacts, args=(crm.dsn, keep, goes), kwargs={"reason": "r", "who": "kim"}),
    ]
    with closing(psycopg2.connect(crm.dsn)) as holder, holder, holder.cursor() as cur:
        cur.execute("SELECT crm.lock_dealer('lakeside_rv')")
        for thread in threads:
            thread.start()
        until = time.monotonic() + 20
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while crm.value(waiting) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        assert crm.value(waiting) == 2
        assert crm.sales(sold(), dealer="harbour_marine").created == 1  # Another dealer's goes on.
    for thread in threads:
        thread.join()
    assert crm.rows("SELECT contact_id, count(*) FROM crm.activity WHERE dealer = 'lakeside_rv' GROUP BY 1") == [
        (keep, 3)
    ]
