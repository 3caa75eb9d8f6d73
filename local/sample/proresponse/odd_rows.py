"""Rows as they really come: odd ones that are right all the same, and bad ones with every reason that they break."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from local.sample.proresponse.book import Sheet, Whose
from local.sample.proresponse.dealing import Dealing
from local.sample.proresponse.rows import UNIT, vin

NOBODY = ("dms_customer_number-anyOf",)
UNNAMED = dict.fromkeys(("number", "first", "last", "email", "cell"), "")


def odd_sales(deals: Dealing, sheet: Sheet, day: date) -> None:
    """Sales that look wrong and are not; each to a new customer."""
    town, yard = deals.town, deals.yard

    def sale(texts: Mapping[str, str], *, financed: str = "", numbered: bool = True, **told: str) -> None:
        person, deal = town.person().but(**told), deals.deal() if numbered else ""
        sheet.sale(person, yard.unit(), deal, day, financed=financed, whose=Whose("NEW", person.who), texts=texts)

    sale({"Amount.Financed": " 45250 "}, financed="45250.00")
    sale({"Amount.Financed": "0.00"})  # Zero is cash, with a warning.
    sale({"Amount.Financed": "$ -"})
    sale({"Term": "120", "Monthly Payment": "99.00"})  # Cash; what is said of a loan is left out.
    sale({"Term": "180 mo"}, financed="31000.00")
    sale({"VIN": ""})  # A trailer that nobody registers.
    sale({}, first="JOHN & MARY", last="MILLERSON")
    sale({}, first="", last="HARPERTON, DANA")
    sale({}, email="none@none.com", cell="000-000-0000")
    sale({}, address="7 Sample Street\nUnit 4")
    sale({"Model": '=HYPERLINK("http://example.invalid")'})
    sale({"Model": '24" Special'}, postal_code="00501")
    # A household's telephone: the second one is somebody else.
    first = town.person()
    for person in (first, town.person().but(cell=first.cell, last="Otherfolk")):
        sheet.sale(person, yard.unit(), deals.deal(), day, whose=Whose("NEW", person.who))
    # Without a deal number: known by day, customer and unit.
    sale({}, numbered=False)


def bad_sales(deals: Dealing, sheet: Sheet, day: date) -> None:
    """A sale for each reason, and one with two of them."""
    future = (day + timedelta(days=40)).strftime(sheet.feed.date_format)
    # As systems write that there is none; a year of four digits, which strftime would not pad.
    old = sheet.feed.date_format.replace("%m", "01").replace("%d", "01").replace("%Y", "1000")
    before = (day - timedelta(days=400)).strftime(sheet.feed.date_format)
    bad: list[tuple[dict[str, str], tuple[str, ...]]] = [
        ({"SoldDate": ""}, ("sold_date-required",)),
        ({"SoldDate": old}, ("sold_date-notBefore",)),
        ({"SoldDate": future, "LastPayment": ""}, ("sold_date-notAfterWindow",)),
        ({"SoldDate": "31/31/2026"}, ("sold_date-date",)),
        ({"Amount.Financed": "1.234,56"}, ("amount_financed-number",)),
        ({"Amount.Financed": "4.5E+04"}, ("amount_financed-number",)),
        ({"Amount.Financed": "($1,200.00)"}, ("amount_financed-minimum",)),
        ({"Term": "700"}, ("term-maximum",)),
        ({"Term": "20 years"}, ("term-integer",)),
        ({"LastPayment": before}, ("sold_date-notAfter",)),
        ({"VIN": vin(1)[:8] + "Q" + vin(1)[9:]}, ("unit_identifier-unitIdentifier",)),
        ({"VIN": _wrong_check_digit(vin(1))}, ("unit_identifier-unitIdentifier",)),
        ({"Year": str(day.year + 9)}, ("unit_year-yearNotAfterWindow",)),
        ({"SoldDate": old, "Term": "700"}, ("sold_date-notBefore", "term-maximum")),
    ]
    for told, reasons in bad:
        person, unit = deals.town.person(), deals.yard.unit()
        sheet.sale(person, unit, deals.deal(), day, financed="20000.00", reasons=reasons, texts=told)
    nobody = deals.town.person().but(**UNNAMED)
    sheet.sale(nobody, deals.yard.unit(), deals.deal(), day, reasons=NOBODY)
    sheet.raw("C1,one,value,too,few", ("row-columns",))
    sheet.raw("C1,A\x00B" + "," * 22, ("row-control",))


def odd_work(deals: Dealing, sheet: Sheet, day: date) -> None:
    """Work orders that look wrong and are not."""
    town, yard = deals.town, deals.yard
    # Two branches count alike: two orders, each of two lines.
    number = deals.order_number()
    for branch in ("NORTH", "SOUTH"):
        person, unit = town.person(), yard.unit()
        for job in ("1", "2"):
            sheet.order(
                person, unit, number, day, "150.25", branch=branch, job=job, closed=day, whose=Whose("NEW", person.who)
            )
    # Without a number: the lines of one customer, day and unit are one order.
    person, unit = town.person(), yard.unit()
    for job in ("1", "2", "3"):
        sheet.order(person, unit, "", day, "80.00", job=job, closed=day, whose=Whose("NEW", person.who))
    person = town.person()
    sheet.order(person, yard.unit(), deals.order_number(), day, "-60.00", status="CREDIT", closed=day,
                whose=Whose("NEW", person.who))  # fmt: skip
    person = town.person()
    unit = yard.unit()
    only_words = dict.fromkeys(UNIT, "") | {"StockNumber": unit.stock, "Model": "my old trailer, the blue one"}
    sheet.order(person, unit, deals.order_number(), day, "45.00", closed=day, whose=Whose("NEW", person.who),
                texts=only_words)  # fmt: skip
    # Work on a unit that somebody else has by now links nobody.
    sold = deals.customers[0][1]
    person = town.person()
    sheet.order(person, sold, deals.order_number(), day, "99.00", closed=day, whose=Whose("NEW", person.who))


def bad_work(deals: Dealing, sheet: Sheet, day: date) -> None:
    """A work order for each reason."""
    after = day - timedelta(days=9)

    def order(reason: str, texts: Mapping[str, str], amount: str = "70.00") -> None:
        person, unit = deals.town.person(), deals.yard.unit()
        sheet.order(person, unit, deals.order_number(), day, amount, reasons=(reason,), texts=texts)

    order("work_order_amount-required", {"RO.Amount": ""})
    order("work_order_amount-number", {"RO.Amount": "seventy"})
    order("work_order_amount-negativeOnlyWhen", {}, "-70.00")
    order("open_date-notAfter", {"CloseDate": after.strftime(sheet.feed.date_format), "Status": "CLOSED"})
    order("status-enum", {"Status": "PDI"})
    order("work_order_number-anyOf", {"WONumber": "", "OpenDate": "", "CloseDate": ""})
    # Internal work and preparation before delivery are nobody's.
    nobody = deals.town.person().but(**UNNAMED)
    sheet.order(nobody, deals.yard.unit(), deals.order_number(), day, "70.00", reasons=NOBODY)


def _wrong_check_digit(right: str) -> str:
    return right[:8] + ("1" if right[8] != "1" else "2") + right[9:]


__all__ = ["bad_sales", "bad_work", "odd_sales", "odd_work"]
