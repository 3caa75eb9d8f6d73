"""A file's manifests follow the authorisations until it is tried; from then on a change stops it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from include.agreements.authorisations import Authorisation, authorisations_of, scopes_on
from include.agreements.renewal import accompany
from include.archive import Archive
from include.ledger import CompanionRow, FileRow, Ledger
from tests.agreements.saying import AT, CONTRACT, DELIVERED, TODAY, ZONE, authorised, scope
from tests.ledger.conftest import bring, intent

DAY = timedelta(days=1)
SCOPES, _ = scopes_on(
    [scope("customer", "email"), scope("invoice", "vin"), scope("invoice", "number", "CUSTOMER_FIRST")],
    DELIVERED,
    TODAY,
)
ROWS = [authorised("FOCUS"), authorised("CUSTOMER_FIRST", name="Leads")]
BOTH = authorisations_of(ROWS, SCOPES, AT, ZONE)
REVOKED = authorisations_of([replace(ROWS[0], revoked_at=AT), ROWS[1]], SCOPES, AT, ZONE)


def a_file(ledger: Ledger, state: str) -> FileRow:
    """A file of a point of sale of its own, with three customers and two invoices, brought to ``state``."""
    planned = ledger.plan(**intent(interface=CONTRACT.id, partner=CONTRACT.partner))
    return bring(ledger, planned, state, records={"customer": 3, "invoice": 2})


def said(archive: Archive, companions: list[CompanionRow]) -> dict[str, tuple[str | None, int]]:
    """Status and number of records by application, out of the archived bytes."""
    found = {}
    for companion in companions:
        with archive.open(companion.sha256) as source:
            content = source.read()
        assert len(content) == companion.bytes
        root = etree.fromstring(content)
        application = root.findtext("{urn:exemple}application") or ""
        records = root.findall("{urn:exemple}record")
        found[application] = (root.findtext("{urn:exemple}status"), len(records))
    return found


def tell(
    file: FileRow, authorisations: tuple[Authorisation, ...], ledger: Ledger, archive: Archive, later: timedelta
) -> str | None:
    return accompany(CONTRACT, file, authorisations, ledger=ledger, archive=archive, at=AT + later)


def test_each_application_has_its_manifest_beside_the_file(ledger: Ledger, archive: Archive) -> None:
    file = a_file(ledger, "GATED")
    assert tell(file, BOTH, ledger, archive, timedelta()) is None
    companions = ledger.companions(file.id)
    stem = (file.file_name or "").removesuffix(".csv")
    assert [one.name for one in companions] == [f"{stem}.CUSTOMER_FIRST.manifest.xml", f"{stem}.FOCUS.manifest.xml"]
    assert said(archive, companions) == {"CUSTOMER_FIRST": ("AUTHORISED", 1), "FOCUS": ("AUTHORISED", 2)}


def test_what_still_holds_is_left_alone_byte_for_byte(ledger: Ledger, archive: Archive) -> None:
    file = a_file(ledger, "GATED")
    tell(file, BOTH, ledger, archive, timedelta())
    before = ledger.companions(file.id)
    assert tell(file, BOTH[::-1], ledger, archive, timedelta(hours=2)) is None
    assert ledger.companions(file.id) == before


def test_a_revocation_before_the_first_attempt_is_in_the_file_that_goes(ledger: Ledger, archive: Archive) -> None:
    file = a_file(ledger, "GATED")
    tell(file, BOTH, ledger, archive, timedelta())
    assert tell(file, REVOKED, ledger, archive, timedelta(hours=2)) is None
    assert said(archive, ledger.companions(file.id)) == {"CUSTOMER_FIRST": ("AUTHORISED", 1), "FOCUS": ("REVOKED", 0)}


def test_without_applications_there_is_nothing_beside_the_file(ledger: Ledger, archive: Archive) -> None:
    file = a_file(ledger, "GATED")
    assert tell(file, (), ledger, archive, timedelta()) is None
    assert ledger.companions(file.id) == []
    tell(file, BOTH, ledger, archive, timedelta())
    assert tell(file, (), ledger, archive, timedelta()) is None
    assert ledger.companions(file.id) == []


@pytest.mark.parametrize("state", ["UPLOADING", "UPLOADED", "PUBLISHED"])
@pytest.mark.parametrize("now", [REVOKED, BOTH[:1], ()], ids=["revoked", "one fewer", "none"])
def test_a_change_after_the_first_attempt_stops_the_file(
    ledger: Ledger, archive: Archive, state: str, now: tuple[Authorisation, ...]
) -> None:
    file = a_file(ledger, "GATED")
    tell(file, BOTH, ledger, archive, timedelta())
    before = ledger.companions(file.id)
    for step in ("UPLOADING", "UPLOADED", "PUBLISHED"):
        file = ledger.move(file.id, step, remote_path=f"/in/{file.id}.xml")
        if step == state:
            break
    assert tell(file, BOTH, ledger, archive, timedelta(hours=2)) is None
    reason = tell(file, now, ledger, archive, timedelta(hours=2)) or ""
    assert file.label in reason
    assert "so it must not go as it is" in reason
    assert ("takes the redelivery back" in reason) is (state == "PUBLISHED")
    assert ledger.companions(file.id) == before


def test_a_redelivery_goes_only_with_what_still_holds(ledger: Ledger, archive: Archive) -> None:
    file = a_file(ledger, "GATED")
    tell(file, BOTH, ledger, archive, timedelta())
    for step in ("UPLOADING", "UPLOADED", "PUBLISHED"):
        file = ledger.move(file.id, step, remote_path=f"/in/{file.id}.xml")
    file = ledger.redeliver(file.id, reason="the partner lost it")
    assert file.state == "GATED"
    assert tell(file, BOTH, ledger, archive, DAY) is None
    assert "FOCUS REVOKED" in (tell(file, REVOKED, ledger, archive, DAY) or "")


def test_an_application_that_came_after_the_first_attempt_stops_the_file(ledger: Ledger, archive: Archive) -> None:
    file = a_file(ledger, "GATED")
    assert tell(file, (), ledger, archive, timedelta()) is None
    file = ledger.move(file.id, "UPLOADING", remote_path=f"/in/{file.id}.xml")
    assert tell(file, (), ledger, archive, timedelta()) is None
    assert "CUSTOMER_FIRST AUTHORISED, FOCUS AUTHORISED" in (tell(file, BOTH, ledger, archive, timedelta()) or "")


def test_new_bytes_get_new_manifests_after_a_failed_attempt(ledger: Ledger, archive: Archive) -> None:
    file = a_file(ledger, "GATED")
    tell(file, BOTH, ledger, archive, timedelta())
    ledger.move(file.id, "UPLOADING", remote_path=f"/in/{file.id}.xml")
    ledger.move(file.id, "HELD", reason="an application was revoked")
    ledger.reject(file.id, reason="it must not go as it is")
    file = bring(ledger, ledger.reopen(file.id, reason="anew"), "GATED", sha256="c" * 64, records={"customer": 1})
    assert tell(file, REVOKED, ledger, archive, DAY) is None
    companions = ledger.companions(file.id)
    assert said(archive, companions) == {"CUSTOMER_FIRST": ("AUTHORISED", 1), "FOCUS": ("REVOKED", 0)}
    with archive.open(companions[0].sha256) as source:
        assert b"c" * 64 in source.read()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"application": "focus/../x"}, "application code 'focus/../x' is not"),
        ({"name": "a\x00b"}, "a character that XML does not allow"),
    ],
)
def test_a_manifest_that_cannot_be_made_stops_the_file(
    ledger: Ledger, archive: Archive, changes: dict[str, str], said: str
) -> None:
    file = a_file(ledger, "GATED")
    reason = tell(file, (replace(BOTH[0], **changes), BOTH[1]), ledger, archive, timedelta())  # type: ignore[arg-type]
    assert said in (reason or "")
    assert ledger.companions(file.id) == []
