"""What each application may see at a moment: status, fields, and that a revocation only ever takes away."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.agreements.authorisations import (
    Authorisation,
    AuthorisationRow,
    ScopeRow,
    authorisations_of,
    fingerprint,
    row_faults,
    scopes_on,
    status_of,
)
from tests.agreements.saying import AT, DELIVERED, TODAY, ZONE, authorised, scope

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
SCOPES, _ = scopes_on([scope("customer", "email"), scope("invoice", "vin")], DELIVERED, TODAY)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "AUTHORISED"),
        ({"valid_from": TODAY}, "AUTHORISED"),
        ({"valid_from": TODAY + DAY}, "NOT_YET"),
        ({"authorised_at": AT}, "AUTHORISED"),
        ({"authorised_at": AT + SECOND}, "NOT_YET"),
        ({"valid_to": TODAY + DAY}, "AUTHORISED"),
        ({"valid_to": TODAY}, "EXPIRED"),
        ({"revoked_at": AT}, "REVOKED"),
        ({"revoked_at": AT + SECOND}, "AUTHORISED"),
        ({"revoked_at": AT, "valid_to": TODAY}, "REVOKED"),
        ({"revoked_at": AT, "valid_from": TODAY + DAY}, "REVOKED"),
        # It ends before it begins: our own DMS refuses that, another may hold it.
        ({"valid_from": TODAY + DAY, "valid_to": TODAY - DAY}, "EXPIRED"),
        ({"valid_from": TODAY + DAY, "valid_to": TODAY + DAY}, "EXPIRED"),
        ({"valid_from": TODAY - DAY, "valid_to": TODAY - DAY}, "EXPIRED"),
    ],
)
def test_status_at_a_moment(changes: dict[str, object], status: str) -> None:
    row = replace(authorised(), **changes)  # type: ignore[arg-type]
    assert status_of(row, AT, ZONE) == status


def test_a_day_is_one_in_paris() -> None:
    row = authorised(valid_from=date(2026, 11, 20), valid_to=date(2026, 11, 21))
    instants = [datetime(2026, 11, 19, 22, 59, 59, tzinfo=UTC), datetime(2026, 11, 19, 23, tzinfo=UTC)]
    instants += [instant + DAY for instant in instants]
    assert [status_of(row, at, ZONE) for at in instants] == ["NOT_YET", "AUTHORISED", "AUTHORISED", "EXPIRED"]


def test_an_application_sees_its_scope_while_authorised_and_nothing_after() -> None:
    [one] = authorisations_of([authorised()], SCOPES, AT, ZONE)
    assert one.scope == {"customer": ("email",), "invoice": ("vin",)}
    [one] = authorisations_of([authorised(revoked_at=AT)], SCOPES, AT, ZONE)
    assert (one.status, one.scope, one.revoked_at) == ("REVOKED", {}, AT)


def test_an_application_without_a_scope_sees_nothing() -> None:
    [one] = authorisations_of([authorised("CUSTOMER_FIRST")], SCOPES, AT, ZONE)
    assert (one.status, one.scope) == ("AUTHORISED", {})


@pytest.mark.parametrize(
    ("rows", "speaks"),
    [
        # Revoked in October and given again in November.
        (
            [
                authorised(revoked_at=datetime(2026, 10, 15, tzinfo=UTC)),
                authorised(authorised_at=datetime(2026, 11, 1, tzinfo=UTC), valid_from=date(2026, 11, 2)),
            ],
            (1, "AUTHORISED"),
        ),
        # The newer of two that overlap is revoked: the older still holds.
        ([authorised(), authorised(authorised_at=datetime(2026, 11, 1, tzinfo=UTC), revoked_at=AT)], (0, "AUTHORISED")),
        # Of two that hold the newer speaks.
        ([authorised(), authorised(authorised_at=datetime(2026, 11, 1, tzinfo=UTC))], (1, "AUTHORISED")),
        # What ran out is today's answer, what is to come is not.
        (
            [
                authorised(valid_to=date(2026, 11, 1)),
                authorised(authorised_at=datetime(2026, 11, 1, tzinfo=UTC), valid_from=date(2026, 12, 1)),
            ],
            (0, "EXPIRED"),
        ),
        ([authorised(valid_to=date(2026, 11, 1)), authorised(revoked_at=AT)], (1, "REVOKED")),
        # What ends before it begins never speaks for another.
        ([authorised(valid_from=TODAY + DAY, valid_to=TODAY), authorised(valid_from=TODAY + DAY)], (1, "NOT_YET")),
    ],
)
def test_of_several_the_one_that_holds_speaks(rows: list[AuthorisationRow], speaks: tuple[int, str]) -> None:
    # In either order; each is told apart by the day on which it was given.
    number, status = speaks
    for several in (rows, rows[::-1]):
        [one] = authorisations_of(several, SCOPES, AT, ZONE)
        spoken = rows[number]
        assert one.status == status
        assert (one.authorised_at, one.valid_to) == (spoken.authorised_at, spoken.valid_to)


def test_each_application_by_its_code() -> None:
    told = authorisations_of([authorised("FOCUS"), authorised("CUSTOMER_FIRST")], SCOPES, AT, ZONE)
    assert [one.application for one in told] == ["CUSTOMER_FIRST", "FOCUS"]


@pytest.mark.parametrize(
    "row",
    [
        scope("customer", "row_id"),  # read, and not delivered
        scope("customer", "birth_date"),  # no such field
        scope("prospect", "email"),  # no such record
        scope("customer", "vin"),  # a field of another record
    ],
)
def test_a_scope_beyond_the_file_is_told_and_not_passed_on(row: ScopeRow) -> None:
    scopes, faults = scopes_on([row, row, scope("customer", "city")], DELIVERED, TODAY)
    assert scopes == {"FOCUS": {"customer": ("city",)}}
    [fault] = faults
    assert f"application FOCUS: its scope names {row.record}.{row.field}" in fault


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"valid_from": TODAY}, True),
        ({"valid_from": TODAY + DAY}, False),
        ({"valid_to": TODAY + DAY}, True),
        ({"valid_to": TODAY}, False),
    ],
)
def test_a_field_is_in_scope_on_its_days(changes: dict[str, Any], seen: bool) -> None:
    scopes, _ = scopes_on([scope("customer", "email", **changes)], DELIVERED, TODAY)
    assert (scopes == {"FOCUS": {"customer": ("email",)}}) is seen


def test_a_scope_that_has_ended_is_not_told_as_a_mistake() -> None:
    assert scopes_on([scope("prospect", "email", valid_to=TODAY)], DELIVERED, TODAY) == ({}, ())


def test_fields_come_in_the_files_order() -> None:
    rows = [scope("invoice", "net_amount"), scope("customer", "city"), scope("customer", "number")]
    scopes, _ = scopes_on(rows, DELIVERED, TODAY)
    assert list(scopes["FOCUS"].items()) == [("customer", ("number", "city")), ("invoice", ("net_amount",))]


def test_an_authorisation_that_ends_before_it_begins_is_told() -> None:
    [fault] = row_faults([authorised(), authorised(valid_to=date(2026, 10, 1))])
    assert "the authorisation of FOCUS ends on 2026-10-01, not after it begins (2026-10-01)" in fault


PLAIN = Authorisation(
    "FOCUS", "Quality surveys", "AUTHORISED", AT, TODAY, TODAY + DAY, None, {"customer": ("email", "city")}
)


@pytest.mark.parametrize(
    "changes",
    [
        {"application": "FOCUS2"},
        {"name": "Quality"},
        {"status": "EXPIRED"},
        {"authorised_at": AT + SECOND},
        {"valid_from": TODAY - DAY},
        {"valid_to": None},
        {"revoked_at": AT},
        {"scope": {"customer": ("email",)}},
        {"scope": {"customer": ("email",), "invoice": ("city",)}},
        {"scope": {}},
    ],
)
def test_whatever_a_manifest_says_is_in_the_fingerprint(changes: dict[str, object]) -> None:
    assert fingerprint([replace(PLAIN, **changes)]) != fingerprint([PLAIN])  # type: ignore[arg-type]


def test_the_fingerprint_is_that_of_the_set() -> None:
    other = replace(PLAIN, application="CUSTOMER_FIRST")
    assert fingerprint([PLAIN, other]) == fingerprint([other, PLAIN])
    assert fingerprint([PLAIN]) != fingerprint([PLAIN, other])
    assert fingerprint([]) != fingerprint([PLAIN])


applications = st.sampled_from(["FOCUS", "CUSTOMER_FIRST"])
days = st.dates(date(2026, 9, 1), date(2027, 2, 1))
instants = st.datetimes(datetime(2026, 9, 1), datetime(2027, 2, 1), timezones=st.just(UTC))  # noqa: DTZ001
rows = st.builds(
    AuthorisationRow, st.just(1), applications, st.just("Name"), instants, days, st.none() | days, st.none() | instants
)
scope_rows = st.builds(
    ScopeRow,
    applications,
    st.sampled_from(["customer", "invoice", "prospect"]),
    st.sampled_from(["number", "email", "city", "vin", "net_amount", "row_id", "birth_date"]),
    days,
    st.none() | days,
)


def seen(rows: list[AuthorisationRow], scope: list[ScopeRow], at: datetime) -> set[tuple[str, str, str]]:
    """Each application, kind of record and field that anybody may see."""
    scopes, _ = scopes_on(scope, DELIVERED, at.date())
    return {
        (one.application, record, field)
        for one in authorisations_of(rows, scopes, at, ZONE)
        for record, fields in one.scope.items()
        for field in fields
    }


@given(st.lists(rows, min_size=1, max_size=6), st.lists(scope_rows, max_size=12), instants, instants, st.data())
def test_a_revocation_never_widens_anything(
    several: list[AuthorisationRow], scope: list[ScopeRow], at: datetime, revoked_at: datetime, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(several) - 1))
    earlier = min(filter(None, (several[number].revoked_at, revoked_at)))
    revoked = [replace(row, revoked_at=earlier) if n == number else row for n, row in enumerate(several)]
    assert seen(revoked, scope, at) <= seen(several, scope, at)


@given(st.lists(rows, max_size=6), st.lists(scope_rows, max_size=12), instants)
def test_nobody_sees_more_than_the_file_the_scope_and_a_valid_authorisation_allow(
    several: list[AuthorisationRow], scope: list[ScopeRow], at: datetime
) -> None:
    valid = {row.application for row in several if status_of(row, at, ZONE) == "AUTHORISED"}
    named = {(row.application, row.record, row.field) for row in scope}
    for application, record, field in seen(several, scope, at):
        assert application in valid
        assert field in DELIVERED[record]
        assert (application, record, field) in named


@given(st.lists(rows, max_size=6), instants)
def test_every_application_that_was_ever_named_is_told_once(several: list[AuthorisationRow], at: datetime) -> None:
    told = [one.application for one in authorisations_of(several, {}, at, ZONE)]
    assert told == sorted({row.application for row in several})
