"""A number that is missing, doubled or used up: once it is mended, no day of the point of sale is lost."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest

from include.ledger import FileRow, TransitionError
from include.sftp import RemoteNoSpace
from include.window import day_window
from local.partners.behaviour import Behaviour
from local.partners.process import start_partner
from tests.outbound.french import FIRST_DAY, SIREN, Group, at, luhn_completed
from tests.outbound.world import World

DAYS = [FIRST_DAY + timedelta(days=back) for back in range(5)]
ZONE = "Europe/Paris"


def give(world: World, point: int, code: str | None) -> None:
    world.change(
        "UPDATE dms.point_of_sale SET rrdi_code = %(code)s WHERE point_of_sale_id = %(point)s",
        {"code": code, "point": point},
    )


def files_of(world: World, dealer: str) -> list[FileRow]:
    with world.ledger() as ledger:
        return ledger.files(dealer=dealer)


def went(world: World, dealer: str) -> list[tuple[object, object]]:
    """First and last day of each file of the dealer that the partner has, in the order of the windows."""
    files = [file for file in files_of(world, dealer) if file.state == "PUBLISHED"]
    assert [one.window_end for one in files[:-1]] == [one.window_start for one in files[1:]]
    return [(file.business_date, file.window.last_date) for file in files]


def test_a_code_that_was_missing_is_entered_and_the_days_before_go_under_it(ddc: World, sites: Group) -> None:
    give(ddc, sites.peugeot, None)
    ddc.deliver(DAYS[0])
    ddc.deliver(DAYS[1])
    unnamed = f"dms:{sites.peugeot}"
    assert [file.state for file in files_of(ddc, unnamed)] == ["HELD", "HELD"]
    assert "has no dealer number" in str(files_of(ddc, unnamed)[0].reason)
    give(ddc, sites.peugeot, Group.rrdi)
    ddc.deliver(DAYS[2])
    assert went(ddc, Group.rrdi) == [(day, day) for day in DAYS[:3]]
    assert [file.state for file in files_of(ddc, unnamed)] == ["CANCELLED", "CANCELLED"]
    assert f"number is {Group.rrdi} now" in str(files_of(ddc, unnamed)[0].reason)
    ddc.deliver(DAYS[3])
    assert went(ddc, Group.rrdi) == [(day, day) for day in DAYS[:4]]


def test_two_sites_with_one_code_each_send_all_their_days_once_it_is_mended(ddc: World, sites: Group) -> None:
    ddc.deliver(DAYS[0])
    second = sites.french.point(sites.french.site(sites.company, luhn_completed(f"{SIREN}0009")), Group.rrdi)
    for number, day in enumerate(DAYS[1:3]):
        sites.french.workshop(second, f"S{number}", at(day))
    ddc.deliver(DAYS[1])
    ddc.deliver(DAYS[2])
    for point in (sites.peugeot, second):
        held = files_of(ddc, f"dms:{point}")
        assert [file.state for file in held] == ["HELD", "HELD"]
        assert f"have the one number {Group.rrdi} in the DMS" in str(held[0].reason)
    assert went(ddc, Group.rrdi) == [(DAYS[0], DAYS[0])]
    assert went(ddc, Group.other_rrdi) == [(day, day) for day in DAYS[:3]]
    give(ddc, second, "0999AP")
    ddc.deliver(DAYS[3])
    # The site that had the code goes on where it stopped; the other begins with the first day that it owes.
    assert went(ddc, Group.rrdi) == [(day, day) for day in DAYS[:4]]
    assert went(ddc, "0999AP") == [(day, day) for day in DAYS[1:4]]
    assert [file.rows for file in files_of(ddc, "0999AP")] == [2, 2, 0]
    for point in (sites.peugeot, second):
        assert {file.state for file in files_of(ddc, f"dms:{point}")} == {"CANCELLED"}


def test_what_was_given_up_while_the_code_was_doubled_goes_all_the_same(ddc: World, sites: Group) -> None:
    second = sites.french.point(sites.french.site(sites.company, luhn_completed(f"{SIREN}0009")), Group.rrdi)
    sites.french.workshop(second, "S1", at(DAYS[0]))
    ddc.deliver(DAYS[0])
    # One of the two can be asked for by what the ledger calls it.
    ddc.deliver(DAYS[1], dealers=[f"dms:{second}"])
    with ddc.ledger("person:oncall") as ledger:
        ledger.reject(files_of(ddc, f"dms:{second}")[0].id, reason="tidying up", contiguous=True)
    give(ddc, second, "0999AP")
    ddc.deliver(DAYS[2])
    assert went(ddc, "0999AP") == [(day, day) for day in DAYS[:3]]
    assert [file.rows for file in files_of(ddc, "0999AP")] == [2, 0, 0]
    assert {file.state for file in files_of(ddc, f"dms:{second}")} == {"CANCELLED"}


def test_a_point_of_sale_that_closed_without_a_code_still_sends_its_days_once_it_has_one(
    ddc: World, sites: Group
) -> None:
    give(ddc, sites.peugeot, None)
    ddc.deliver(DAYS[0])
    ddc.change(
        "UPDATE dms.point_of_sale SET valid_to = %(day)s WHERE point_of_sale_id = %(point)s",
        {"day": DAYS[2], "point": sites.peugeot},
    )
    give(ddc, sites.peugeot, Group.rrdi)
    ddc.deliver(DAYS[3])
    assert went(ddc, Group.rrdi) == [(day, day) for day in DAYS[:2]]
    assert files_of(ddc, Group.rrdi)[-1].window_end == day_window(DAYS[1], ZONE).end


def test_a_revocation_between_manifest_and_file_gives_the_number_up_and_not_the_movements(
    ddc: World, sites: Group
) -> None:
    sites.french.workshop(sites.peugeot, "FLONG", at(DAYS[0], 12), lines=200)
    run = ddc.extract(DAYS[0], dealers=[Group.rrdi])
    ddc.check(run)
    ddc.render(run)
    folder = ddc.contract.remote_dir.lstrip("/")
    with start_partner(ddc.folder / "full", ["fcs"], Behaviour(disk_full_after=10_000)) as full:
        with pytest.raises(RemoteNoSpace):
            replace(ddc, partner=full["fcs"]).publish(run)
        (manifest,) = [path for path in (full["fcs"].home / folder).iterdir() if path.name.endswith(".manifest.xml")]
        shutil.copy(manifest, ddc.partner.home / folder)
    sites.french.revoke(sites.focus)
    ddc.publish(run)
    (file,) = files_of(ddc, Group.rrdi)
    assert file.state == "HELD"
    assert "`reject` it: the next file holds its window too, under a number of its own" in str(file.reason)
    with ddc.ledger("person:oncall") as ledger:
        ledger.reject(file.id, reason="FOCUS was revoked", contiguous=True)
        with pytest.raises(TransitionError, match=r"manifest\.xml of it is with the partner"):
            ledger.reopen(file.id, reason="anew", contiguous=True)
    ddc.deliver(DAYS[1])
    assert went(ddc, Group.rrdi) == [(DAYS[0], DAYS[1])]
    (last,) = [file for file in files_of(ddc, Group.rrdi) if file.state == "PUBLISHED"]
    assert last.sequence == 2
    assert b"FLONG" in ddc.home()[str(last.file_name)]
    assert b"REVOKED" in ddc.home()[str(last.file_name).replace(".xml", ".FOCUS.manifest.xml")]
