"""Feeds as data: each setting accepted and refused, never two for one file, every change recorded with its why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from include.feeds import Feed, FeedError, add_feed, feed, feeds, pause_feed, resume_feed, terminate_feed
from include.ledger import Ledger, LedgerError, TransitionError
from include.ledger.chain import verify
from tests.ledger.arrival_cases import arrive, bring, entry, look

_NUMBERS = count(1)


def settings(**changes: Any) -> dict[str, Any]:
    dealer = f"dealer_{next(_NUMBERS)}"
    return {
        "interface": "proresponse_sales",
        "dealer": dealer,
        "directory": f"{dealer}/out",
        "conn_id": "proresponse_sftp",
        **changes,
    }


ACCEPTED: list[tuple[dict[str, Any], str, Any]] = [
    ({}, "pattern", r"_SL\.csv$"),
    ({}, "state", "LIVE"),
    ({}, "delete_from_server", False),
    ({"interface": "proresponse_service", "pattern": r"_SV\.csv$"}, "pattern", r"_SV\.csv$"),
    ({"directory": "a//b/./c/"}, "directory", "a/b/c"),
    ({"directory": "."}, "directory", "."),
    ({"directory": "..a/b.."}, "directory", "..a/b.."),
    ({"encoding": "Windows-1252"}, "encoding", "cp1252"),
    ({"encoding": "UTF8"}, "encoding", "utf-8"),
    ({"encoding": "utf-8-sig"}, "encoding", "utf-8-sig"),
    ({"date_format": "%Y-%m-%d"}, "date_format", "%Y-%m-%d"),
    ({"delete_from_server": True}, "delete_from_server", True),
]


@pytest.mark.parametrize(("changes", "name", "expected"), ACCEPTED)
def test_a_sound_setting_is_stored(ledger: Ledger, changes: dict[str, Any], name: str, expected: Any) -> None:
    added = add_feed(ledger, **settings(**changes))
    assert getattr(added, name) == expected
    assert feed(ledger, added.id) == added


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"interface": "merkle_sar_daily"}, "no inbound interface; there are proresponse_sales"),
    ({"interface": "proresponse_service"}, "has no default pattern"),
    ({"interface": "renault_warranty_payments"}, "has no default pattern"),
    ({"interface": "renault_warranty_payments", "pattern": "^GAREXP_[0-9]+$"}, "has no default date format"),
    ({"pattern": ""}, "does not end in"),
    ({"pattern": r"_SL\.csv"}, "does not end in"),
    ({"pattern": r"(a)\1$"}, "cannot be judged"),
    ({"dealer": ""}, "is no label"),
    ({"dealer": "Lakeside RV"}, "is no label"),
    ({"dealer": "a\n"}, "is no label"),
    ({"conn_id": "a b"}, "is no connection id"),
    ({"directory": "/srv/x"}, "is absolute"),
    ({"directory": "a/../b"}, "leads out"),
    ({"directory": ".."}, "leads out"),
    ({"directory": "a\\..\\b"}, "backslash"),
    ({"directory": "a\nb"}, "control character"),
    ({"directory": "a/" * 300}, "500 at most"),
    ({"encoding": "klingon"}, "is not known"),
    ({"encoding": "utf-8\x00"}, "is not known"),
    ({"encoding": "rot13"}, "is not one that files come in"),
    ({"encoding": "base64"}, "is not one that files come in"),
    ({"encoding": "utf-16"}, "is not one that files come in"),
    ({"date_format": "%d/%m"}, "none of %m/%d/%Y"),
    ({"date_format": ""}, "none of %m/%d/%Y"),
]


@pytest.mark.parametrize(("changes", "why"), REFUSED)
def test_an_unsound_setting_is_refused_and_nothing_is_stored(ledger: Ledger, changes: dict[str, Any], why: str) -> None:
    before = feeds(ledger)
    with pytest.raises(FeedError, match=why):
        add_feed(ledger, **settings(**changes))
    assert feeds(ledger) == before


def test_sales_and_service_of_one_directory_never_share_a_name(ledger: Ledger) -> None:
    """The partner's own setup text has one pattern for both: whichever ran first would eat the other's file."""
    sales = add_feed(ledger, **settings())
    beside = {"dealer": sales.dealer, "directory": f"{sales.directory}/", "interface": "proresponse_service"}
    with pytest.raises(FeedError, match=r"could take the same ones, e\.g\. '_SL\.csv'"):
        add_feed(ledger, **settings(**beside, pattern=r"_SL\.csv$"))
    with pytest.raises(FeedError, match=r"could take the same ones, e\.g\. '_SL\.csv'"):
        add_feed(ledger, **settings(**beside, pattern=r"\.csv$"))
    service = add_feed(ledger, **settings(**beside, pattern=r"_SV\.csv$"))
    for name in ("1_SL.csv", "1_SV.csv", "1.csv"):
        assert not (sales.matches(name) and service.matches(name))


def test_a_feed_of_another_dealer_in_the_same_directory_counts_too(ledger: Ledger) -> None:
    first = add_feed(ledger, **settings())
    with pytest.raises(FeedError, match=rf"feed {first.id} \(proresponse_sales, dealer {first.dealer}\) takes files"):
        add_feed(ledger, **settings(directory=first.directory))
    add_feed(ledger, **settings(directory=first.directory, conn_id="another_partner"))


def test_a_paused_feed_keeps_its_names_and_a_terminated_one_gives_them_up(ledger: Ledger) -> None:
    first = add_feed(ledger, **settings())
    pause_feed(ledger, first.id, reason="the dealer moves")
    with pytest.raises(FeedError, match="could take the same ones"):
        add_feed(ledger, **settings(directory=first.directory))
    terminate_feed(ledger, first.id, reason="the dealer left")
    add_feed(ledger, **settings(directory=first.directory))


def test_a_dealer_has_one_feed_of_an_interface(ledger: Ledger) -> None:
    first = add_feed(ledger, **settings())
    with pytest.raises(LedgerError, match=r"is LIVE already.*terminate it with a reason"):
        add_feed(ledger, **settings(dealer=first.dealer))


def test_of_two_that_are_added_at_once_one_is(ledger_dsn: str) -> None:
    asked = [settings(directory="one/place") for _ in range(6)]

    def add(each: dict[str, Any]) -> Feed | FeedError:
        with Ledger(ledger_dsn, actor="test:at once") as own:
            try:
                return add_feed(own, **each)
            except FeedError as error:
                return error

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(add, asked))
    assert sum(isinstance(each, Feed) for each in done) == 1


def test_each_change_says_who_when_and_why_in_the_chain(ledger: Ledger, ledger_dsn: str) -> None:
    added = add_feed(ledger, **settings())
    paused = pause_feed(ledger, added.id, reason="their server is being moved")
    resumed = resume_feed(ledger, added.id, reason="it has moved")
    ended = terminate_feed(ledger, added.id, reason="the dealer left")
    assert [each.state for each in (added, paused, resumed, ended)] == ["LIVE", "PAUSED", "LIVE", "TERMINATED"]
    assert added.changed_at < paused.changed_at < resumed.changed_at < ended.changed_at
    events = ledger.inbound_feed_events(added.id)
    assert [(each.kind, each.to_state, each.reason, each.actor, each.file_id) for each in events] == [
        ("FEED_ADDED", "LIVE", None, "test:feeds", None),
        ("FEED_PAUSED", "PAUSED", "their server is being moved", "test:feeds", None),
        ("FEED_RESUMED", "LIVE", "it has moved", "test:feeds", None),
        ("FEED_TERMINATED", "TERMINATED", "the dealer left", "test:feeds", None),
    ]
    assert events[0].detail["columns"]["pattern"] == r"_SL\.csv$"
    assert verify(ledger_dsn).whole


REFUSED_STEPS = [
    ("LIVE", resume_feed, "is LIVE and cannot become LIVE. Next: from LIVE it can become PAUSED or TERMINATED"),
    ("PAUSED", pause_feed, "from PAUSED it can become LIVE or TERMINATED"),
    ("TERMINATED", pause_feed, "add a new one"),
    ("TERMINATED", resume_feed, "add a new one"),
    ("TERMINATED", terminate_feed, "add a new one"),
]


@pytest.mark.parametrize(("state", "verb", "why"), REFUSED_STEPS)
def test_a_change_that_is_none_is_refused(ledger: Ledger, state: str, verb: Any, why: str) -> None:
    added = add_feed(ledger, **settings())
    if state == "PAUSED":
        pause_feed(ledger, added.id, reason="x")
    if state == "TERMINATED":
        terminate_feed(ledger, added.id, reason="x")
    before = feed(ledger, added.id)
    with pytest.raises(TransitionError, match=why):
        verb(ledger, added.id, reason="once more")
    assert feed(ledger, added.id) == before


@pytest.mark.parametrize("verb", [pause_feed, terminate_feed])
def test_a_change_without_a_reason_is_refused(ledger: Ledger, verb: Any) -> None:
    added = add_feed(ledger, **settings())
    with pytest.raises(TransitionError, match="needs a reason"):
        verb(ledger, added.id, reason=" ")
    with pytest.raises(LedgerError, match="no inbound feed 99999"):
        verb(ledger, 99999, reason="x")


@pytest.mark.parametrize("state", ["LANDED", "CHECKED", "HELD"])
def test_a_feed_does_not_end_over_a_file_that_is_under_way(ledger: Ledger, state: str) -> None:
    added = add_feed(ledger, **settings())
    row = arrive(ledger, added, "a")
    if state == "CHECKED":
        bring(ledger, row, "CHECKED")
    if state == "HELD":
        ledger.move_arrival(row.id, "HELD", reason="odd")
    with pytest.raises(TransitionError, match=rf"arrival {row.id} .* is {state}\. Next: let a run finish"):
        terminate_feed(ledger, added.id, reason="the dealer left")
    assert feed(ledger, added.id).state == "LIVE"


def test_what_is_only_seen_ends_with_its_feed(ledger: Ledger) -> None:
    added = add_feed(ledger, **settings())
    (row,) = look(ledger, added, entry())
    terminate_feed(ledger, added.id, reason="the dealer left")
    assert (ledger.arrival(row.id).state, ledger.arrival(row.id).reason) == (
        "VANISHED",
        "its feed was terminated before it was read",
    )


def test_feeds_are_found_by_what_is_asked(ledger: Ledger) -> None:
    one, two = add_feed(ledger, **settings()), add_feed(ledger, **settings())
    terminate_feed(ledger, two.id, reason="x")
    assert feeds(ledger, dealer=one.dealer) == [one]
    assert feeds(ledger, dealer=two.dealer) == []
    assert [each.state for each in feeds(ledger, dealer=two.dealer, states=["TERMINATED"])] == ["TERMINATED"]
    assert feeds(ledger, dealer=one.dealer, interface="proresponse_service") == []
