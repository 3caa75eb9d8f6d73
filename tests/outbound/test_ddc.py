"""The daily DDC file end to end: who may send, what each application may see, what moves once, what is kept back."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

import include.publish as publishing
from include.ledger import FileRow, TransitionError
from include.ledger.chain import verify
from include.outbound.conclude import UndeliveredError
from include.outbound.extract import Extraction
from tests.outbound.french import FIRST_DAY, OTHER_SIREN, SIREN, Group, at, luhn_completed
from tests.outbound.world import World

SCHEMA = Path(__file__).parents[2] / "include" / "schemas" / "fcs_ddc_daily.xsd"
NS = "{urn:dealer-interfaces:fcs-ddc:1}"
DAYS = [FIRST_DAY + timedelta(days=back) for back in range(5)]


def state_of(world: World, dealer: str) -> FileRow:
    with world.ledger() as ledger:
        return ledger.files(dealer=dealer)[-1]


def document(content: bytes) -> etree._Element:
    """Parse a delivered file and hold it to the committed schema."""
    root = etree.fromstring(content)
    etree.XMLSchema(etree.parse(str(SCHEMA))).assertValid(root)
    return root


def sent(world: World, day: int = 0, dealer: str = Group.rrdi) -> etree._Element:
    (name,) = [name for name in data_files(world) if name.startswith(f"DDC_{dealer}_{DAYS[day]:%Y%m%d}_")]
    return document(world.home()[name])


def data_files(world: World) -> list[str]:
    return [name for name in world.home() if not name.endswith(".manifest.xml")]


def texts(root: etree._Element, path: str) -> list[str | None]:
    """Texts of the elements at ``path``, which is written without the namespace."""
    return [found.text for found in root.findall(re.sub(r"(\w+)", rf"{NS}\1", path))]


def manifests(world: World, day: int) -> dict[str, etree._Element]:
    """By application, what lies beside the Peugeot file of a day."""
    stem = f"DDC_{Group.rrdi}_{DAYS[day]:%Y%m%d}_"
    found = [name for name in world.home() if name.startswith(stem) and name.endswith(".manifest.xml")]
    return {name.split(".")[1]: document(world.home()[name]) for name in found}


def test_each_point_of_sale_gets_one_file_that_the_schema_knows(ddc: World, sites: Group) -> None:
    ddc.deliver(DAYS[0])
    assert sorted(data_files(ddc)) == [f"DDC_{rrdi}_20261102_000001.xml" for rrdi in (Group.other_rrdi, Group.rrdi)]
    root = sent(ddc)
    assert texts(root, ".//siren") == [SIREN]
    assert texts(root, ".//brand") == ["AP"]
    assert texts(root, ".//family_name") == ["Échantillon & Fils"]
    assert [len(customer) > 0 for customer in root.iter(f"{NS}contact_preferences")] == [True]
    answers = [item.get("opted_in") for item in root.iter(f"{NS}contact_preferences") for item in item]
    assert answers == ["false"] * 10, "what nobody answered is no"
    assert texts(root, ".//trailer/record_count") == ["12"]
    assert verify(ddc.ledger_dsn).whole


@pytest.mark.skipif(shutil.which("xmllint") is None, reason="xmllint is not installed (Debian: libxml2-utils)")
def test_xmllint_validates_what_was_delivered(ddc: World, sites: Group) -> None:
    ddc.deliver(DAYS[0])
    folder = ddc.partner.home / "inbound" / "ddc"
    paths = [str(path) for path in folder.iterdir()]
    assert len(paths) == 3
    done = subprocess.run(["xmllint", "--noout", "--schema", str(SCHEMA), *paths], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("missing", ["DATA_PROCESSING", "SERVICE"])
def test_nothing_leaves_without_both_signatures(ddc: World, sites: Group, missing: str) -> None:
    ddc.change("UPDATE dms.agreement SET ended_at = now() - interval '1 hour' WHERE kind = %(k)s", {"k": missing})
    run = ddc.deliver(DAYS[0])
    assert ddc.home() == {}
    for file in ddc.files(run):
        assert (file.state, file.rows, file.sha256) == ("WITHHELD", None, None)
        assert file.reason is not None
        assert SIREN in file.reason
    assert ddc.conclude(run) == {"WITHHELD": 2}
    assert any("2 of 2 files are withheld" in line for line in ddc.said)
    with ddc.ledger("person:oncall") as ledger, pytest.raises(TransitionError, match="signature"):
        ledger.release(run.file_ids[0], reason="I want to")


def test_an_agreement_for_another_company_is_none(ddc: World, sites: Group) -> None:
    ddc.change("UPDATE dms.agreement SET ended_at = now() WHERE kind = 'SERVICE'")
    sites.french.sign(sites.company, "SERVICE", OTHER_SIREN)
    ddc.deliver(DAYS[0])
    assert ddc.home() == {}
    assert OTHER_SIREN in str(state_of(ddc, Group.rrdi).reason)


def test_an_agreement_that_ends_before_the_sending_stops_what_is_ready(ddc: World, sites: Group) -> None:
    run = ddc.extract(DAYS[0])
    ddc.check(run)
    ddc.render(run)
    assert {file.state for file in ddc.files(run)} == {"GATED"}
    ddc.change("UPDATE dms.agreement SET ended_at = now() WHERE kind = 'DATA_PROCESSING'")
    ddc.publish(run)
    assert ddc.home() == {}
    assert {file.state for file in ddc.files(run)} == {"WITHHELD"}


def test_it_goes_from_the_day_of_the_second_signature_on(ddc: World, sites: Group) -> None:
    ddc.change("UPDATE dms.agreement SET ended_at = '2025-06-01' WHERE kind = 'SERVICE'")
    for day in DAYS[:2]:
        ddc.deliver(day)
    assert ddc.home() == {}
    sites.french.sign(sites.company, "SERVICE", SIREN, at(DAYS[2], 15))
    ddc.deliver(DAYS[4])
    days = sorted(name.split("_")[2] for name in data_files(ddc) if Group.rrdi in name)
    assert days == [f"{day:%Y%m%d}" for day in DAYS[2:]], "from that day on, whenever the next run comes"
    ddc.deliver(DAYS[1])
    with ddc.ledger() as ledger:
        (early,) = ledger.files(dealer=Group.rrdi, business_date=DAYS[1])
    assert (early.state, str(DAYS[2]) in str(early.reason)) == ("WITHHELD", True)


def ready(world: World, day: int = 0) -> Extraction:
    """Make a day's files, up to the moment before they leave."""
    run = world.extract(DAYS[day])
    world.check(run)
    world.render(run)
    assert {file.state for file in world.files(run)} == {"GATED"}
    return run


def test_what_was_made_for_one_company_does_not_leave_under_anothers_agreements(ddc: World, sites: Group) -> None:
    run = ready(ddc)
    french = sites.french
    other = french.company(OTHER_SIREN)
    for kind in ("DATA_PROCESSING", "SERVICE"):
        french.sign(other, kind, OTHER_SIREN)
    ddc.change(
        "UPDATE dms.dealer SET legal_entity_id = %(other)s, siret = %(siret)s WHERE dealer_id = %(site)s",
        {"other": other, "siret": luhn_completed(f"{OTHER_SIREN}0001"), "site": sites.site},
    )
    ddc.publish(run)
    assert ddc.home() == {}
    assert {file.state for file in ddc.files(run)} == {"HELD"}
    assert all(SIREN in str(file.reason) and OTHER_SIREN in str(file.reason) for file in ddc.files(run))


def test_a_code_that_stands_at_two_sites_by_now_does_not_leave(ddc: World, sites: Group) -> None:
    run = ready(ddc)
    french = sites.french
    french.point(french.site(sites.company, luhn_completed(f"{SIREN}0009")), Group.rrdi)
    ddc.publish(run)
    states = {file.dealer: (file.state, str(file.reason)) for file in ddc.files(run)}
    assert states[Group.other_rrdi][0] == "PUBLISHED"
    assert states[Group.rrdi][0] == "HELD"
    assert "one number" in states[Group.rrdi][1]


def test_agreements_are_asked_for_before_each_file_of_a_row(
    ddc: World, sites: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    ddc.deliver(DAYS[0])
    run = ddc.extract(DAYS[3])
    ddc.check(run)
    ddc.render(run)
    published = publishing.publish_files

    def publish_and_end(*given: Any, **named: Any) -> Any:
        outcomes = published(*given, **named)
        ddc.change("UPDATE dms.agreement SET ended_at = now() WHERE ended_at IS NULL")
        return outcomes

    monkeypatch.setattr(publishing, "publish_files", publish_and_end)
    ddc.publish(run)
    by_day = {file.business_date: file.state for file in ddc.files(run)}
    assert by_day == {DAYS[1]: "PUBLISHED", DAYS[2]: "WITHHELD", DAYS[3]: "GATED"}
    assert all(file.sha256 is None for file in ddc.files(run) if file.state == "WITHHELD")


def test_a_preview_says_that_a_file_would_be_withheld(ddc: World, sites: Group) -> None:
    ddc.change("UPDATE dms.agreement SET ended_at = now() - interval '1 hour'")
    run = ddc.extract(DAYS[0], environment="preview")
    ddc.check(run)
    ddc.render(run)
    assert ddc.conclude(run) == {"previewed": 2}
    assert {str(file.reason).partition(":")[0] for file in ddc.files(run)} == {"would be withheld"}


def test_a_point_of_sale_that_may_not_take_part_is_withheld_and_one_that_is_not_itself_is_held(
    ddc: World, sites: Group
) -> None:
    french = sites.french
    french.point(french.site(sites.company, luhn_completed(f"{SIREN}0002"), "OtherDMS"), "0456OP", "OP")
    french.point(french.site(sites.company, luhn_completed(f"{SIREN}0003")), "0456DC", "OP")
    french.point(french.site(sites.company, luhn_completed(f"{SIREN}0004")[1:]), "0789AP")
    twice = [french.site(sites.company, luhn_completed(f"{SIREN}{number:04}")) for number in (5, 6)]
    doubled = [french.point(site, "0999AP") for site in twice]
    run = ddc.deliver(DAYS[0])
    told = {file.dealer: (file.state, str(file.reason)) for file in ddc.files(run)}
    assert {dealer: state for dealer, (state, _) in told.items()} == {
        Group.rrdi: "PUBLISHED",
        Group.other_rrdi: "PUBLISHED",
        "0456OP": "WITHHELD",
        "0456DC": "PUBLISHED",
        "0789AP": "HELD",
        **{f"dms:{point}": "HELD" for point in doubled},
    }
    assert "DCSnet" in told["0456OP"][1]
    assert "13" in told["0789AP"][1]
    assert all("one number 0999AP" in told[f"dms:{point}"][1] for point in doubled)
    with pytest.raises(UndeliveredError, match="0789AP"):
        ddc.conclude(run)


def test_each_application_sees_what_was_authorised_and_a_revocation_counts_from_the_next_file(
    ddc: World, sites: Group
) -> None:
    ddc.deliver(DAYS[0])
    before = manifests(ddc, 0)
    assert set(before) == {"FOCUS"}
    allowed = {record.get("kind"): [field.text for field in record] for record in before["FOCUS"].iter(f"{NS}record")}
    assert allowed == {"customer": ["customer_id", "email"], "workshop_invoice": ["document_number", "vin"]}
    assert texts(before["FOCUS"], ".//status") == ["AUTHORISED"]
    sites.french.revoke(sites.focus)
    sites.french.authorise(sites.peugeot, "CUSTOMER_FIRST")
    ddc.deliver(DAYS[1])
    after = manifests(ddc, 1)
    assert set(after) == {"FOCUS", "CUSTOMER_FIRST"}
    assert texts(after["FOCUS"], ".//status") == ["REVOKED"]
    assert list(after["FOCUS"].iter(f"{NS}record")) == []
    assert set(manifests(ddc, 0)) == {"FOCUS"}, "what was delivered stays as it was"


def test_a_revocation_between_rendering_and_sending_counts(ddc: World, sites: Group) -> None:
    run = ddc.extract(DAYS[0])
    ddc.check(run)
    ddc.render(run)
    sites.french.revoke(sites.focus)
    ddc.publish(run)
    assert texts(manifests(ddc, 0)["FOCUS"], ".//status") == ["REVOKED"]


def test_what_was_sent_under_a_revoked_authorisation_is_not_sent_again(ddc: World, sites: Group) -> None:
    ddc.deliver(DAYS[0])
    sites.french.revoke(sites.focus)
    file = state_of(ddc, Group.rrdi)
    with ddc.ledger("person:oncall") as ledger:
        ledger.redeliver(file.id, reason="FCS lost it")
    ddc.deliver(DAYS[0], dealers=[Group.rrdi])
    file = state_of(ddc, Group.rrdi)
    assert file.state == "HELD"
    assert "FOCUS REVOKED" in str(file.reason)


def test_an_erased_customer_is_sent_once_as_delete_and_never_again(ddc: World, sites: Group) -> None:
    french = sites.french
    customer = french.customer(sites.peugeot, at(DAYS[0], 11))
    ddc.deliver(DAYS[0])
    assert str(customer) in texts(sent(ddc), ".//customer/customer_id")
    french.erase(customer, at(DAYS[1], 12))
    french.workshop(sites.peugeot, "FLATE", at(DAYS[2], 12), customer_id=customer)
    ddc.change("UPDATE dms.customer SET changed_at = %(at)s WHERE customer_id = %(id)s",
               {"at": at(DAYS[2], 13), "id": customer})  # fmt: skip
    for day in DAYS[1:4]:
        ddc.deliver(day)
    erased = [one for one in sent(ddc, 1).iter(f"{NS}customer") if one.findtext(f"{NS}customer_id") == str(customer)]
    assert [etree.QName(child).localname for child in erased[0]] == ["customer_id", "movement", "changed_at"]
    assert erased[0].findtext(f"{NS}movement") == "DELETE"
    for later in (2, 3):
        assert str(customer) not in texts(sent(ddc, later), ".//customer/customer_id")
    late = next(one for one in sent(ddc, 2).iter(f"{NS}workshop_invoice")
                if one.findtext(f"{NS}document_number") == "FLATE")  # fmt: skip
    assert (late.findtext(f"{NS}buyer"), late.findtext(f"{NS}customer_id")) == ("ERASED", None)


def test_nothing_made_before_an_erasure_leaves_after_it(ddc: World, sites: Group) -> None:
    french = sites.french
    customer = french.customer(sites.peugeot, at(DAYS[0], 11))
    run = ready(ddc)
    french.erase(customer, datetime.now(UTC))
    ddc.publish(run)
    told = {file.dealer: (file.state, str(file.reason)) for file in ddc.files(run)}
    assert told[Group.other_rrdi][0] == "PUBLISHED"
    assert told[Group.rrdi][0] == "WITHHELD"
    assert "1 customers were erased" in told[Group.rrdi][1]
    ddc.deliver(DAYS[0])
    assert str(customer) not in texts(sent(ddc), ".//customer/customer_id"), "made anew, without them"


def test_what_would_bring_an_erased_customer_back_is_not_sent_again(ddc: World, sites: Group) -> None:
    ddc.deliver(DAYS[0])
    (customer,) = ddc.query("SELECT min(customer_id) FROM dms.customer WHERE point_of_sale_id = %(p)s",
                            {"p": sites.peugeot})[0]  # fmt: skip
    sites.french.erase(customer, datetime.now(UTC))
    file = state_of(ddc, Group.rrdi)
    with ddc.ledger("person:oncall") as ledger:
        ledger.redeliver(file.id, reason="FCS lost it")
    ddc.deliver(DAYS[0], dealers=[Group.rrdi])
    file = state_of(ddc, Group.rrdi)
    assert (file.state, "would bring them back" in str(file.reason)) == ("HELD", True)


def test_a_point_of_sale_that_closes_still_sends_its_last_days(ddc: World, sites: Group) -> None:
    ddc.deliver(DAYS[0])
    ddc.change("UPDATE dms.point_of_sale SET valid_to = %(day)s WHERE point_of_sale_id = %(p)s",
               {"day": DAYS[3], "p": sites.peugeot})  # fmt: skip
    ddc.deliver(DAYS[4])
    days = [name.split("_")[2] for name in data_files(ddc) if Group.rrdi in name]
    assert days == [f"{day:%Y%m%d}" for day in DAYS[:3]]
    run = ddc.deliver(DAYS[4] + timedelta(days=1))
    assert Group.rrdi not in {file.dealer for file in ddc.files(run)}, "it owes nothing any more"


def test_an_erasure_in_a_day_that_was_given_up_goes_with_the_next_file(ddc: World, sites: Group) -> None:
    ddc.deliver(DAYS[0])
    (customer,) = ddc.query("SELECT min(customer_id) FROM dms.customer WHERE point_of_sale_id = %(p)s",
                            {"p": sites.peugeot})[0]  # fmt: skip
    sites.french.erase(customer, at(DAYS[1], 12))
    run = ddc.extract(DAYS[1], dealers=[Group.rrdi])
    with ddc.ledger("person:oncall") as ledger:
        ledger.move(run.file_ids[0], "HELD", reason="a fault")
        ledger.reject(run.file_ids[0], reason="not wanted", contiguous=True)
    ddc.deliver(DAYS[2], dealers=[Group.rrdi])
    assert texts(sent(ddc, 1), ".//movement").count("DELETE") == 1


def test_a_document_with_one_bad_line_is_kept_back_whole_and_the_others_go(ddc: World, sites: Group) -> None:
    bad = sites.french.workshop(sites.peugeot, "FBAD", at(DAYS[0], 14), lines=3)
    ddc.change("UPDATE dms.workshop_invoice_line SET part_number = '8.2E+09' "
               "WHERE workshop_invoice_id = %(id)s AND line_number = 2", {"id": bad})  # fmt: skip
    ddc.deliver(DAYS[0])
    assert "FBAD" not in texts(sent(ddc), ".//workshop_invoice/document_number")
    file = state_of(ddc, Group.rrdi)
    assert (file.state, file.rejected) == ("PUBLISHED", 3)
    with ddc.ledger() as ledger:
        reasons = [row.reasons for row in ledger.rejected_rows(file.id)]
    assert sorted(reasons) == [
        ("workshop_invoice.lines-wholeDocument",),
        ("workshop_invoice.lines-wholeDocument",),
        ("workshop_invoice.part_number-pattern",),
    ]


def test_a_day_without_movements_is_said_with_an_empty_file(ddc: World, sites: Group) -> None:
    quiet = DAYS[0] - timedelta(days=1)
    ddc.deliver(quiet)
    (name,) = [name for name in data_files(ddc) if Group.rrdi in name]
    root = document(ddc.home()[name])
    assert texts(root, ".//trailer/record_count") == ["0"]
    assert {record.get("documents") for record in root.iter(f"{NS}records")} == {"0"}


def test_the_same_day_again_sends_nothing_and_other_content_is_proposed(ddc: World, sites: Group) -> None:
    ddc.deliver(DAYS[0])
    home = ddc.home()
    ddc.deliver(DAYS[0])
    assert ddc.home() == home
    sites.french.workshop(sites.peugeot, "FLATER", at(DAYS[0], 16))
    ddc.deliver(DAYS[0])
    assert ddc.home() == home
    with ddc.ledger() as ledger:
        (proposal,) = ledger.files(states=["PROPOSED"])
    assert proposal.difference is not None
    assert {key: proposal.difference[key] for key in ("rows_added", "rows_removed", "rows_changed")} == {
        "rows_added": 2,
        "rows_removed": 0,
        "rows_changed": 0,
    }
    with ddc.ledger("person:oncall") as ledger:
        ledger.release(proposal.id, reason="entered late")
    ddc.deliver(DAYS[0])
    (name,) = [name for name in data_files(ddc) if name not in home]
    assert texts(document(ddc.home()[name]), ".//mark") == ["CORRECTION"]


def test_each_file_says_where_the_one_before_ended(ddc: World, sites: Group) -> None:
    for day in (DAYS[0], DAYS[3]):
        ddc.deliver(day)
    assert texts(sent(ddc, 0), ".//previous_window_end") == []
    for place in (1, 2, 3):
        root = sent(ddc, place)
        assert texts(root, ".//previous_window_end") == texts(root, ".//window_start")
        assert datetime.fromisoformat(str(texts(root, ".//window_start")[0])) == at(DAYS[place], 0).astimezone(UTC)


def test_an_invoice_without_lines_is_kept_back_under_a_number_that_leads_to_it(ddc: World, sites: Group) -> None:
    empty = sites.french.workshop(sites.peugeot, "FEMPTY", at(DAYS[0], 12), lines=0)
    ddc.deliver(DAYS[0])
    with ddc.ledger() as ledger:
        rejected = ledger.rejected_rows(state_of(ddc, Group.rrdi).id)
    assert [row.row_key for row in rejected] == [str(-empty)]
    assert "FEMPTY" not in texts(sent(ddc), ".//document_number")
