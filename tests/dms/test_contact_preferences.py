"""Contact preferences: what a row may say, what is kept of a change, what an erasure takes, what a merger leaves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from tests.dms.french import DAY, LONG_AGO, NOON, France, Row
from tests.dms.reading import Database

CHANNELS = ("EMAIL", "SMS", "LETTER", "TELEPHONE", "SOCIAL_MEDIA")
BASES = ("CONSENT", "SOFT_OPT_IN", "LEGITIMATE_INTEREST", "LEGITIMATE_INTEREST_MIGRATION")
THEM = {"party": "THIRD_PARTY", "third_party_name": "Sample Partner"}
NO = {"opted_in": False}
REVIEWED = {"reviewed_at": NOON, "reviewed_by": "CUSTOMER_PORTAL"}
HISTORY = (
    "SELECT what, customer_id, before->>'opted_in', after->>'opted_in' FROM dms.contact_preference_history ORDER BY 1"
)


def merge(france: France, keep: int, gone: int) -> list[Row]:
    """Merge two customers; returns what is left of the preferences."""
    france.database.rows("SELECT dms.merge_contact_preferences(%s, %s)", (keep, gone))
    return [row for (row,) in france.database.rows("SELECT to_jsonb(p) FROM dms.contact_preference p ORDER BY channel")]


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"service_follow_up": True},
        {"service_follow_up": True, "general_marketing": True},
        NO,
        NO | {"legal_basis": None},
        NO | {"withdrawn_at": NOON},
        NO | {"withdrawn_at": LONG_AGO},
        {"legal_basis": "LEGITIMATE_INTEREST_MIGRATION"},
        {"legal_basis": "SOFT_OPT_IN"} | REVIEWED,
        {"reviewed_at": LONG_AGO, "reviewed_by": "DEALER"},
        THEM | NO | {"third_party_name": None},
        {"legacy_flag": "NO_FOLLOW_UP", "general_marketing": True},
        # Nothing was ever said about being telephoned.
        {"legacy_flag": "NO_MARKETING", "channel": "TELEPHONE"},
    ],
)
def test_what_a_customer_can_have_answered_is_taken(france: France, told: Row) -> None:
    france.preference(france.customer(), **told)
    assert france.database.value("SELECT count(*) FROM dms.contact_preference") == 1


@pytest.mark.parametrize(
    ("told", "constraint"),
    [
        ({"legal_basis": None}, "preference_opt_in_has_a_basis"),
        (NO | {"service_follow_up": True}, "preference_purpose_needs_an_opt_in"),
        (NO | {"general_marketing": True}, "preference_purpose_needs_an_opt_in"),
        (THEM | {"third_party_name": None}, "preference_third_party_has_a_name"),
        ({"legal_basis": "LEGITIMATE_INTEREST_MIGRATION"} | REVIEWED, "preference_migrated_is_never_reviewed"),
        (NO | {"legal_basis": "LEGITIMATE_INTEREST_MIGRATION"} | REVIEWED, "preference_migrated_is_never_reviewed"),
        ({"withdrawn_at": NOON}, "preference_withdrawal_beats_a_tick"),
        ({"reviewed_at": NOON}, "preference_review_names_its_side"),
        ({"reviewed_by": "DEALER"}, "preference_review_names_its_side"),
        (REVIEWED | {"reviewed_at": date(2025, 1, 7)}, "preference_times_in_order"),
        (NO | {"withdrawn_at": date(2025, 1, 7)}, "preference_times_in_order"),
        ({"legacy_flag": "NO_FOLLOW_UP", "service_follow_up": True}, "preference_legacy_flag_is_kept"),
        ({"legacy_flag": "NO_MARKETING", "service_follow_up": True}, "preference_legacy_flag_is_kept"),
        ({"legacy_flag": "NO_MARKETING", "general_marketing": True}, "preference_legacy_flag_is_kept"),
        ({"legacy_flag": "NO_PARKING"}, "contact_preference_legacy_flag_check"),
        ({"channel": "FAX"}, "contact_preference_channel_check"),
        ({"party": "MANUFACTURER"}, "contact_preference_party_check"),
        ({"legal_basis": "HABIT"}, "contact_preference_legal_basis_check"),
        (REVIEWED | {"reviewed_by": "NOBODY"}, "contact_preference_reviewed_by_check"),
    ],
)
def test_what_no_customer_can_have_answered_is_refused(france: France, told: Row, constraint: str) -> None:
    customer = france.customer()
    with pytest.raises(psycopg2.errors.CheckViolation, match=f'"{constraint}"'):
        france.preference(customer, **told)


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("channel", CHANNELS)
def test_third_parties_write_electronically_with_consent_alone(france: France, channel: str, basis: str) -> None:
    customer = france.customer()
    france.preference(customer, channel=channel, legal_basis=basis)
    if basis == "CONSENT" or channel in ("LETTER", "TELEPHONE"):
        france.preference(customer, channel=channel, legal_basis=basis, **THEM)
        return
    with pytest.raises(psycopg2.errors.CheckViolation, match="preference_third_party_needs_consent"):
        france.preference(customer, channel=channel, legal_basis=basis, **THEM)


@pytest.mark.parametrize("column", ["captured_at", "reviewed_at", "withdrawn_at"])
def test_nobody_answers_tomorrow(france: France, column: str) -> None:
    told: Row = {"opted_in": False, "reviewed_by": "DEALER" if column == "reviewed_at" else None}
    now: datetime = france.database.value("SELECT clock_timestamp()")
    # The clock of a counter may be a little fast.
    france.preference(france.customer(), **told, **{column: now + timedelta(seconds=30)})
    customer = france.customer()
    with pytest.raises(psycopg2.errors.RaiseException, match=f"customer {customer} says .* still to come: correct"):
        france.preference(customer, **told, **{column: now + timedelta(minutes=5)})


@pytest.mark.parametrize("column", ["source", "captured_by", "captured_at", "opted_in", "service_follow_up"])
def test_an_answer_says_where_it_comes_from_and_null_is_no_answer(france: France, column: str) -> None:
    customer = france.customer()
    with pytest.raises(psycopg2.errors.NotNullViolation, match=f'"{column}"'):
        france.preference(customer, **{column: None})


def test_a_customer_answers_once_for_each_party_and_channel(france: France) -> None:
    customer = france.customer()
    france.preference(customer)
    france.preference(customer, **THEM)
    with pytest.raises(psycopg2.errors.UniqueViolation):
        france.preference(customer, opted_in=False)


def test_a_withdrawal_takes_the_ticks_with_it_or_is_refused(france: France) -> None:
    france.preference(france.customer(), service_follow_up=True)
    database = france.database
    database.rows("SAVEPOINT tried")
    with pytest.raises(psycopg2.errors.CheckViolation, match="preference_withdrawal_beats_a_tick"):
        database.rows("UPDATE dms.contact_preference SET withdrawn_at = now()")
    database.rows("ROLLBACK TO SAVEPOINT tried")
    database.rows("UPDATE dms.contact_preference SET withdrawn_at = now(), opted_in = false, service_follow_up = false")


def test_a_withdrawal_beats_ticks_in_the_feed_even_where_both_could_be_stored(france: France) -> None:
    france.database.rows(
        "ALTER TABLE dms.contact_preference DROP CONSTRAINT preference_withdrawal_beats_a_tick; "
        "ALTER TABLE dms.contact_preference DISABLE TRIGGER USER"
    )
    ticks = {"service_follow_up": True, "general_marketing": True}
    customer = france.customer()
    france.preference(customer, withdrawn_at=NOON, **ticks)
    france.preference(customer, channel="SMS", **ticks)
    told = {
        row["channel"]: (row["opted_in"], row["service_follow_up"], row["general_marketing"])
        for row in france.records("customer", DAY)
        if row["party"] == "US"
    }
    assert (told["EMAIL"], told["SMS"]) == (("f",) * 3, ("t",) * 3)


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO dms.contact_preference (customer_id, party, channel, source, captured_by, captured_at) "
        "VALUES (%s, 'US', 'SMS', 'counter', 'sample', now())",
        "UPDATE dms.contact_preference SET wording_version = 'w2' WHERE customer_id = %s",
        "DELETE FROM dms.contact_preference WHERE customer_id = %s",
    ],
    ids=["given", "changed", "removed"],
)
def test_a_preference_moves_its_customer_and_no_other(france: France, change: str) -> None:
    customer, other = france.customer(LONG_AGO), france.customer(LONG_AGO)
    france.preference(customer)
    database = france.database
    database.rows("UPDATE dms.customer SET changed_at = %s", (LONG_AGO,))
    database.rows(change, (customer,))
    moved = "SELECT customer_id FROM dms.customer WHERE changed_at = now()"
    assert database.rows(moved) == [(customer,)]
    assert database.value("SELECT changed_at FROM dms.customer WHERE customer_id = %s", (other,)) == LONG_AGO


def test_a_preference_does_not_move_its_customer_back(france: France) -> None:
    ahead = datetime(2126, 1, 1, tzinfo=UTC)
    france.preference(france.customer(LONG_AGO, changed_at=ahead))
    assert france.database.value("SELECT changed_at FROM dms.customer") == ahead


def test_every_change_is_kept_with_before_and_after(france: France) -> None:
    customer = france.customer()
    france.preference(customer)
    france.database.rows("UPDATE dms.contact_preference SET opted_in = false")
    france.database.rows("DELETE FROM dms.contact_preference")
    assert france.database.rows(HISTORY) == [
        ("DELETE", customer, "false", None),
        ("INSERT", customer, None, "true"),
        ("UPDATE", customer, "true", "false"),
    ]


@pytest.mark.parametrize("rewritten", ["DELETE FROM {}", "UPDATE {} SET what = 'DELETE'", "UPDATE {} SET after = NULL"])
def test_history_is_not_rewritten(france: France, rewritten: str) -> None:
    france.preference(france.customer())
    with pytest.raises(psycopg2.errors.RaiseException, match="only added to"):
        france.database.rows(rewritten.format("dms.contact_preference_history"))


def test_a_preference_does_not_change_hands(france: France) -> None:
    customer, other = france.customer(), france.customer()
    france.preference(customer)
    with pytest.raises(psycopg2.errors.RaiseException, match=f"customer {customer} does not become one of .* {other}"):
        france.database.rows("UPDATE dms.contact_preference SET customer_id = %s", (other,))


def test_an_erasure_takes_preferences_and_history_of_this_customer_alone(france: France) -> None:
    customer, other = france.customer(LONG_AGO), france.customer(LONG_AGO)
    for whose in (customer, other):
        france.preference(whose)
        france.preference(whose, channel="SMS")
    france.database.rows("UPDATE dms.contact_preference SET wording_version = 'w2'")
    france.database.rows("SELECT dms.erase_customer(%s)", (customer,))
    for table, left in (("contact_preference", 2), ("contact_preference_history", 4)):
        found = france.database.rows(f"SELECT customer_id, count(*) FROM dms.{table} GROUP BY 1")
        assert found == [(other, left)], table


def test_who_was_erased_answers_nothing_any_more(france: France) -> None:
    customer = france.customer(LONG_AGO)
    france.database.rows("SELECT dms.erase_customer(%s)", (customer,))
    with pytest.raises(psycopg2.errors.RaiseException, match=f"customer {customer} was erased and has no preferences"):
        france.preference(customer)


@pytest.mark.parametrize(
    ("answers", "left"),
    [
        (({}, {}), True),
        (({}, NO), False),
        ((NO, {}), False),
        ((NO, NO), False),
        (({}, None), False),
    ],
)
def test_a_merger_keeps_the_stricter_answer(france: France, answers: tuple[Row, Row | None], left: bool) -> None:
    keep, gone = france.customer(), france.customer()
    for whose, told in zip((keep, gone), answers, strict=True):
        if told is not None:
            france.preference(whose, **told)
    [row] = merge(france, keep, gone)
    assert (row["customer_id"], row["opted_in"]) == (keep, left)


def test_a_merger_looks_at_each_purpose_and_each_channel(france: France) -> None:
    keep, gone = france.customer(), france.customer()
    france.preference(keep, service_follow_up=True, general_marketing=True)
    france.preference(gone, service_follow_up=True)
    france.preference(keep, channel="SMS", service_follow_up=True)
    france.preference(gone, channel="SMS", opted_in=False)
    france.preference(gone, channel="LETTER")
    found = [
        (row["channel"], row["opted_in"], row["service_follow_up"], row["general_marketing"])
        for row in merge(france, keep, gone)
    ]
    assert found == [("EMAIL", True, True, False), ("SMS", False, False, False)], "a yes of one record alone is no"


@pytest.mark.parametrize(
    ("flags", "left"),
    [
        ((None, "NO_FOLLOW_UP"), "NO_FOLLOW_UP"),
        (("NO_FOLLOW_UP", None), "NO_FOLLOW_UP"),
        (("NO_FOLLOW_UP", "NO_MARKETING"), "NO_MARKETING"),
        (("NO_MARKETING", "NO_FOLLOW_UP"), "NO_MARKETING"),
        ((None, None), None),
    ],
)
def test_a_merger_keeps_the_stricter_flag(france: France, flags: tuple[str, str], left: str | None) -> None:
    keep, gone = france.customer(), france.customer()
    for whose, flag in zip((keep, gone), flags, strict=True):
        france.preference(whose, legacy_flag=flag)
    [row] = merge(france, keep, gone)
    assert row["legacy_flag"] == left


@pytest.mark.parametrize(
    ("kept", "other", "withdrawn"),
    [
        ({}, NO | {"withdrawn_at": NOON}, NOON),
        (NO | {"withdrawn_at": NOON}, {}, NOON),
        (NO | {"withdrawn_at": NOON}, NO | {"withdrawn_at": NOON - timedelta(days=1)}, NOON - timedelta(days=1)),
        (NO | {"withdrawn_at": NOON - timedelta(days=1)}, NO | {"withdrawn_at": NOON}, NOON - timedelta(days=1)),
        # The other record withdrew before this one's answer was even asked for.
        ({"captured_at": NOON}, NO | {"withdrawn_at": LONG_AGO}, NOON),
        (NO | {"captured_at": NOON, "withdrawn_at": NOON}, NO | {"withdrawn_at": LONG_AGO}, NOON),
        (None, NO | {"withdrawn_at": NOON}, NOON),
    ],
)
def test_a_merger_loses_no_withdrawal(france: France, kept: Row | None, other: Row, withdrawn: datetime) -> None:
    keep, gone = france.customer(), france.customer()
    if kept is not None:
        france.preference(keep, **kept)
    france.preference(gone, **other)
    [row] = merge(france, keep, gone)
    assert (row["customer_id"], row["opted_in"]) == (keep, False)
    assert datetime.fromisoformat(row["withdrawn_at"]) == withdrawn


@pytest.mark.parametrize(("name", "left"), [("Sample Partner", True), ("Another Partner", False)])
def test_a_yes_to_one_third_party_is_none_to_another(france: France, name: str, left: bool) -> None:
    keep, gone = france.customer(), france.customer()
    france.preference(keep, **THEM)
    france.preference(gone, **THEM | {"third_party_name": name})
    [row] = merge(france, keep, gone)
    assert (row["opted_in"], row["third_party_name"]) == (left, "Sample Partner")


def test_a_merger_is_in_the_history_of_both(france: France) -> None:
    keep, gone = france.customer(), france.customer()
    france.preference(keep)
    france.preference(gone, opted_in=False)
    merge(france, keep, gone)
    assert france.database.rows(HISTORY)[0] == ("DELETE", gone, "false", None)
    assert france.database.rows(HISTORY)[-1] == ("UPDATE", keep, "true", "false")


@pytest.mark.parametrize("case", ["itself", "nobody", "erased"])
def test_a_merger_with_anything_but_another_living_customer_changes_nothing(france: France, case: str) -> None:
    keep, erased = france.customer(LONG_AGO), france.customer(LONG_AGO)
    france.database.rows("SELECT dms.erase_customer(%s)", (erased,))
    france.preference(keep)
    other = {"itself": keep, "nobody": 4711, "erased": erased}[case]
    for pair in ((keep, other), (other, keep)):
        france.database.rows("SAVEPOINT tried")
        with pytest.raises(psycopg2.errors.RaiseException, match="nothing was merged"):
            merge(france, *pair)
        france.database.rows("ROLLBACK TO SAVEPOINT tried")
    assert france.database.value("SELECT opted_in FROM dms.contact_preference")


@pytest.mark.parametrize(
    ("reviewed", "due"),
    [
        ("NULL", True),
        ("now()", False),
        ("now() - interval '6 months'", False),
        ("now() - interval '6 months' - interval '1 second'", True),
    ],
)
def test_a_review_is_due_after_six_calendar_months(france: France, reviewed: str, due: bool) -> None:
    told: dict[str, Any] = {"captured_at": datetime(2020, 1, 1, tzinfo=UTC)}
    france.preference(france.customer(), **told)
    by = "NULL" if reviewed == "NULL" else "'DEALER'"
    france.database.rows(f"UPDATE dms.contact_preference SET reviewed_at = {reviewed}, reviewed_by = {by}")
    assert france.database.value("SELECT review_due FROM dms.v_contact_preferences") is due


def test_the_feed_sees_a_changed_preference_as_a_movement(france: France) -> None:
    customer = france.customer(NOON - timedelta(days=30), changed_at=NOON - timedelta(days=30))
    assert france.records("customer", DAY) == []
    france.preference(customer)
    france.database.rows("UPDATE dms.customer SET changed_at = %s", (NOON,))
    rows = france.records("customer", DAY)
    assert {row["movement"] for row in rows} == {"UPDATE"}
    assert [row["channel"] for row in rows if row["opted_in"] == "t"] == ["EMAIL"]


def test_an_answer_given_during_an_erasure_waits_for_it_and_is_refused(new_dms_dsn: str) -> None:
    with closing(psycopg2.connect(new_dms_dsn)) as one, closing(psycopg2.connect(new_dms_dsn)) as two:
        first, second = Database(one), Database(two)
        first.rows(
            "INSERT INTO dms.legal_entity (name) VALUES ('Societe (sample)'); "
            "INSERT INTO dms.dealer (legal_entity_id, name, trade_partner_dealer, time_zone, active_from) "
            "VALUES (1, 'Nord', false, 'Europe/Paris', '2020-01-01'); "
            "INSERT INTO dms.customer (dealer_id, family_name) VALUES (1, 'Sample')"
        )
        one.commit()
        first.rows("SELECT dms.erase_customer(1)")
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(France(second).preference, 1)
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = %s"
            for _ in range(500):
                if first.value(waiting, (two.info.backend_pid,)) == 1:
                    break
                first.rows("SELECT pg_sleep(0.01), pg_stat_clear_snapshot()")
            else:
                raise AssertionError("the answer did not wait for the erasure")
            one.commit()
            with pytest.raises(psycopg2.errors.RaiseException, match="customer 1 was erased"):
                answer.result(timeout=10)
        two.rollback()
        assert second.value("SELECT count(*) FROM dms.contact_preference_history") == 0
