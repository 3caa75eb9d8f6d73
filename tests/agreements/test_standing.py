"""Nothing leaves without both signatures and a place in the feed; and the reason says which, where and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.agreements.standing import Agreement, Eligibility, Terms, standing_of
from include.window import day_window
from tests.agreements.saying import (
    AT,
    CONTRACT,
    OTHER_SIREN,
    SIREN,
    TERMS,
    TODAY,
    agreement,
    both,
    eligible,
    point_of_sale,
)

SECOND = timedelta(seconds=1)


def test_both_signed_and_eligible_goes_from_the_later_signature_on() -> None:
    signed = [
        agreement("DATA_PROCESSING", signed_at=datetime(2026, 9, 14, 10, tzinfo=UTC)),
        # 23:30 in London is half past midnight of the 16th in Paris.
        agreement("SERVICE", signed_at=datetime(2026, 9, 15, 22, 30, tzinfo=UTC)),
    ]
    standing = standing_of(point_of_sale(), signed, [eligible()], AT, TERMS)
    assert (standing.since, standing.withheld, standing.faults) == (date(2026, 9, 16), (), ())


def test_the_terms_are_the_contracts() -> None:
    assert Terms.of(CONTRACT) == TERMS


@pytest.mark.parametrize(
    ("missing", "document"),
    [("DATA_PROCESSING", "data processing agreement (DPA)"), ("SERVICE", "service contract (SA)")],
)
def test_one_signature_is_not_enough(missing: str, document: str) -> None:
    signed = [one for one in both() if one.kind != missing]
    standing = standing_of(point_of_sale(), signed, [eligible()], AT, TERMS)
    assert standing.since is None
    [reason] = standing.withheld
    assert reason.startswith(f"no {document} of SIREN {SIREN} (Groupe Exemple) with FCS is on record")


def test_without_any_agreement_each_is_named() -> None:
    standing = standing_of(point_of_sale(), [], [eligible()], AT, TERMS)
    assert len(standing.withheld) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"siren_signed": OTHER_SIREN}, f"signed on 2026-09-14 names SIREN {OTHER_SIREN}, and this legal entity has"),
        ({"siren_signed": "73282932000074"}, "signed on 2026-09-14 names a SIRET (73282932000074)"),
        ({"siren_signed": None}, "names SIREN none"),
        ({"counterparty": "Other"}, "was signed with Other, not with FCS"),
        ({"ended_at": datetime(2026, 10, 31, 23, 30, tzinfo=UTC)}, "signed on 2026-09-14 ended on 2026-11-01"),
        ({"ended_at": AT}, "ended on 2026-11-20"),
        ({"signed_at": AT + SECOND}, "signed on 2026-11-20 lies in the future"),
        ({"legal_entity_id": 11}, "is on record"),
    ],
)
def test_an_agreement_that_does_not_count_says_why(changes: dict[str, object], said: str) -> None:
    signed = [replace(agreement("DATA_PROCESSING"), **changes), agreement("SERVICE")]  # type: ignore[arg-type]
    standing = standing_of(point_of_sale(), signed, [eligible()], AT, TERMS)
    assert standing.since is None
    [reason] = standing.withheld
    assert said in reason
    assert "data processing agreement (DPA)" in reason
    assert SIREN in reason


@pytest.mark.parametrize(
    "changes", [{"signed_at": AT}, {"ended_at": AT + SECOND}, {"siren_signed": "732 829 320"}, {"counterparty": "fcs"}]
)
def test_an_agreement_counts_from_its_signature_up_to_its_end(changes: dict[str, object]) -> None:
    signed = [replace(agreement("DATA_PROCESSING"), **changes), agreement("SERVICE")]  # type: ignore[arg-type]
    assert standing_of(point_of_sale(), signed, [eligible()], AT, TERMS).withheld == ()


def test_a_renewal_without_a_gap_goes_back_to_the_first_signature() -> None:
    renewed = datetime(2026, 10, 20, 8, tzinfo=UTC)
    first = [agreement(kind, ended_at=renewed) for kind in TERMS.kinds]
    again = [agreement(kind, signed_at=renewed) for kind in TERMS.kinds]
    assert standing_of(point_of_sale(), [*again, *first], [eligible()], AT, TERMS).since == date(2026, 9, 14)


def test_after_a_gap_files_go_from_the_second_signature_on() -> None:
    ended = datetime(2026, 10, 20, 8, tzinfo=UTC)
    first = agreement("SERVICE", ended_at=ended)
    again = agreement("SERVICE", signed_at=ended + SECOND)
    signed = [agreement("DATA_PROCESSING"), again, first]
    assert standing_of(point_of_sale(), signed, [eligible()], AT, TERMS).since == date(2026, 10, 20)


def test_a_renewal_for_another_company_does_not_bridge_the_gap() -> None:
    ended = datetime(2026, 10, 20, 8, tzinfo=UTC)
    back = ended + timedelta(days=5)
    signed = [
        agreement("DATA_PROCESSING"),
        agreement("SERVICE", ended_at=ended),
        agreement("SERVICE", signed_at=ended, ended_at=back, siren_signed=OTHER_SIREN),
        agreement("SERVICE", signed_at=back),
    ]
    assert standing_of(point_of_sale(), signed, [eligible()], AT, TERMS).since == date(2026, 10, 25)


def test_the_latest_agreement_is_the_one_spoken_of() -> None:
    signed = [
        agreement("SERVICE"),
        agreement(signed_at=datetime(2026, 3, 1, 9, tzinfo=UTC), ended_at=datetime(2026, 4, 1, 9, tzinfo=UTC)),
        agreement(siren_signed=OTHER_SIREN),
    ]
    [reason] = standing_of(point_of_sale(), signed, [eligible()], AT, TERMS).withheld
    assert "2026-09-14" in reason


def test_opel_without_dcsnet_is_sent_to_the_sade_note() -> None:
    rows = [eligible("OP", dms_product="DCSnet"), eligible("AP")]
    standing = standing_of(point_of_sale(brand="OP", dms_product="Other"), both(), rows, AT, TERMS)
    [reason] = standing.withheld
    assert "Opel only with DCSnet, this site has Other: see the SADE to DDC migration note" in reason
    # The signatures are there all the same.
    assert standing.since == date(2026, 9, 14)
    assert standing_of(point_of_sale(brand="OP"), both(), rows, AT, TERMS).withheld == ()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "Peugeot takes no part in fcs_ddc_daily on 2026-11-20"),
        ([eligible(feed="another")], "takes no part"),
        ([eligible("AC")], "takes no part"),
        ([eligible(valid_to=TODAY)], "takes no part"),
        ([eligible(valid_from=TODAY + timedelta(days=1))], "it does from 2026-11-21 on"),
        ([eligible(dms_product="Other")], "Peugeot only with Other, this site has DCSnet"),
        ([eligible(role="DISTRIGO")], "takes part with the roles DISTRIGO, and this point of sale has REPAIRER"),
        # No row fits both: what fits the DMS asks for another role, what fits the role for another DMS.
        ([eligible(role="DISTRIGO"), eligible(role="REPAIRER", dms_product="Other")], "with the roles DISTRIGO"),
    ],
)
def test_who_is_not_eligible_hears_why(rows: list[Eligibility], said: str) -> None:
    [reason] = standing_of(point_of_sale(), both(), rows, AT, TERMS).withheld
    assert said in reason


@pytest.mark.parametrize(
    "row",
    [
        eligible(valid_from=TODAY),
        eligible(valid_to=TODAY + timedelta(days=1)),
        eligible(dms_product="DCSnet", role="REPAIRER"),
    ],
)
def test_one_row_that_fits_is_enough(row: Eligibility) -> None:
    assert standing_of(point_of_sale(), both(), [eligible("OP"), row], AT, TERMS).withheld == ()


def test_eligibility_goes_by_the_day_in_paris() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    row = eligible(valid_from=date(2026, 11, 21))
    assert standing_of(point_of_sale(), both(), [row], late, TERMS).withheld == ()
    assert standing_of(point_of_sale(), both(), [row], late - timedelta(hours=1), TERMS).withheld != ()


def test_a_fault_of_the_numbers_is_told_beside_what_is_withheld() -> None:
    standing = standing_of(point_of_sale(siret="7328293200007"), [], [], AT, TERMS)
    assert len(standing.withheld) == 3
    assert len(standing.faults) == 1


def test_without_a_siren_no_agreement_is_this_companys() -> None:
    standing = standing_of(point_of_sale(siren=None), both(siren_signed=None), [eligible()], AT, TERMS)
    assert standing.since is None
    assert len(standing.withheld) == 2


instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
agreements = st.builds(
    Agreement,
    st.sampled_from([10, 10, 10, 11]),
    st.sampled_from(["DATA_PROCESSING", "SERVICE", "ANOTHER"]),
    st.sampled_from(["FCS", "FCS", "Other"]),
    st.sampled_from([SIREN, SIREN, OTHER_SIREN, None]),
    instants,
    st.none() | instants,
)


@given(st.lists(agreements, max_size=8), instants)
def test_nothing_goes_unless_each_document_is_in_force(signed: list[Agreement], at: datetime) -> None:
    def in_force(kind: str, moment: datetime) -> bool:
        return any(
            one.kind == kind
            and one.legal_entity_id == 10
            and (one.counterparty, one.siren_signed) == ("FCS", SIREN)
            and one.signed_at <= moment
            and not (one.ended_at is not None and one.ended_at <= moment)
            for one in signed
        )

    standing = standing_of(point_of_sale(), signed, [eligible()], at, TERMS)
    pair = all(in_force(kind, at) for kind in TERMS.kinds)
    assert (standing.withheld == ()) is pair
    assert (standing.since is not None) is pair
    if standing.since is not None:
        # Whole since that day: at the end of it, and whenever anything was signed or ended after it.
        end_of_day = datetime.combine(standing.since + timedelta(days=1), datetime.min.time(), UTC)
        changes = {instant for one in signed for instant in (one.signed_at, one.ended_at) if instant is not None}
        for moment in {min(end_of_day, at), *(change for change in changes if end_of_day <= change <= at)}:
            assert all(in_force(kind, moment) for kind in TERMS.kinds)


@given(st.lists(agreements, max_size=6), instants, agreements)
def test_ending_an_agreement_never_lets_anything_go(signed: list[Agreement], at: datetime, one: Agreement) -> None:
    before = standing_of(point_of_sale(), [*signed, one], [eligible()], at, TERMS)
    after = standing_of(point_of_sale(), [*signed, replace(one, ended_at=at)], [eligible()], at, TERMS)
    assert after.since is None or before.since is not None


def test_what_lies_before_the_later_signature_stays_back() -> None:
    # Signed on 14 September: that day goes whole, the day before never does.
    standing = standing_of(point_of_sale(), both(), [eligible()], AT, TERMS)
    assert standing.objection(day_window(date(2026, 9, 14), TERMS.zone)) is None
    objection = standing.objection(day_window(date(2026, 9, 13), TERMS.zone)) or ""
    assert "since 2026-09-14" in objection


@given(st.lists(agreements, max_size=8), instants, st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_no_window_leaves_without_both_documents(signed: list[Agreement], at: datetime, day: date) -> None:
    standing = standing_of(point_of_sale(), signed, [eligible()], at, TERMS)
    window = day_window(day, TERMS.zone)
    if standing.objection(window) is None:
        # By the end of the day both were signed, and both are in force now.
        for kind in TERMS.kinds:
            valid = [one for one in signed if (one.kind, one.siren_signed) == (kind, SIREN)]
            assert any(one.signed_at < window.end for one in valid)
            assert any(one.counts(at) for one in valid)
