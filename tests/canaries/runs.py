"""Real runs of the exchange over planted values: files that go out, sold units and payments that come in."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import psycopg2
from psycopg2.extensions import parse_dsn

from include.feeds import add_feed
from include.warranty.decisions import decide
from tests.canaries.planted import DATABASE_PASSWORD, PERSON, Canaries
from tests.collect.collecting import drop
from tests.imports.importing import file_of, sold
from tests.imports.payments import paid, payment
from tests.warranty.books import Books, claim

if TYPE_CHECKING:
    import pytest

    from tests.dags.airflow_world import AirflowWorld

LAST_DAY: Final = date(2026, 11, 20)  # A Friday.
SAMPLE: Final[dict[str, Any]] = {"dealers": 2, "days": 3, "lines": 600, "seed": 7, "until": LAST_DAY}
# Of each point of sale one customer and one invoice are bad, so that the rest of its file still goes.
PLANT: Final = """
WITH moved AS (SELECT customer_id, row_number() OVER (PARTITION BY point_of_sale_id ORDER BY customer_id) = 1 AS bad
                 FROM dms.customer WHERE erased_at IS NULL AND customer_type = 'PRIVATE'
                  AND changed_at >= %(day)s AND changed_at < %(day)s + interval '1 day')
UPDATE dms.customer c
   SET given_name = %(first)s, family_name = %(last)s, address_line_1 = %(street)s, city = %(city)s,
       postal_code = %(postcode)s, country_code = 'FR',
       email = CASE WHEN bad THEN replace(%(mail)s, '@', ' at ') ELSE %(mail)s END
  FROM moved WHERE c.customer_id = moved.customer_id RETURNING bad;
"""
# A vehicle's kilometres only grow, so one number of a vehicle cannot stand on everybody's invoice: its end does.
PLANT_INVOICES: Final = """
WITH posted AS (SELECT workshop_invoice_id AS id,
                       point_of_sale_id %% 2 = 0 AS bad
                  FROM dms.workshop_invoice WHERE posted_at >= %(day)s AND posted_at < %(day)s + interval '1 day')
UPDATE dms.workshop_invoice i
   SET vin = left(vin, 9) || right(%(vin)s, 8) || CASE WHEN bad THEN '-' ELSE '' END, registration = %(plate)s
  FROM posted WHERE i.workshop_invoice_id = posted.id AND length(vin) = 17 RETURNING bad;
"""
SOLD: Final = {
    "FirstName": PERSON["first name"],
    "LastName": PERSON["last name"],
    "Email": PERSON["e-mail"],
    "CellPhone": PERSON["phone"],
    "Address": PERSON["street"],
    "City": PERSON["city"],
    "Zip": PERSON["postcode"],
    "VIN": PERSON["VIN"],
}


def connect_databases(world: AirflowWorld, canaries: Canaries, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the connections a password, and tell what of the connections is secret."""
    for name, url in (("dms", world.dms_dsn), ("ledger", world.ledger_dsn)):
        parts = parse_dsn(url)
        told = {"conn_type": "postgres", "host": parts["host"], "login": parts["user"], "schema": parts["dbname"]}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(told | {"password": DATABASE_PASSWORD}))
    lines = world.partner.private_key.read_text().splitlines()[1:-1]
    # The first lines of every key of a kind are the same; the last may be short.
    canaries.add_secret("private key", *[line for line in lines[2:] if len(line) >= 12])


def deliver(world: AirflowWorld) -> str:
    """Plant into the DMS and deliver the day; returns all that the partner was given, as one text."""
    binds = {
        "day": LAST_DAY,
        "first": PERSON["first name"],
        "last": PERSON["last name"],
        "mail": PERSON["e-mail"],
        "street": PERSON["street"],
        "city": PERSON["city"],
        "postcode": PERSON["postcode"],
        "vin": PERSON["VIN"],
        "plate": PERSON["registration"],
    }
    with closing(psycopg2.connect(world.dms_dsn)) as connection, connection, connection.cursor() as cursor:
        for statement in (PLANT, PLANT_INVOICES):
            cursor.execute(statement, binds)
            planted = [bad for (bad,) in cursor.fetchall()]
            assert set(planted) == {True, False}, "good and bad rows are needed; the sample has none that day"
    world.run(LAST_DAY)
    with world.ledger() as ledger:
        assert sum(file.rejected or 0 for file in ledger.files(interface=world.dag_id)) > 0
    return "".join(content.decode() for content in world.home().values())


def import_sales(world: AirflowWorld) -> None:
    """Let sold units come: good ones, refused ones, a doubtful one, a file of no encoding and one without headers."""
    home = world.partner.home / "lakeside"
    home.mkdir(parents=True)
    _feed(world, "proresponse_sales", "lakeside", "lakeside", r"_SL\.csv$")
    # A letter less in the first name, no number and no e-mail: it could be the same person.
    doubt = {**SOLD, "FirstName": PERSON["first name"][:-1], "CustomerNumber": "", "Email": "", "DealNumber": "D9"}
    refused = [
        sold(**{**SOLD, "DealNumber": "D2", "SoldDate": PERSON["last name"]}),
        sold(**{**SOLD, "DealNumber": "D3", "Email": PERSON["e-mail"].replace("@", " at ")}),
        sold(**{**SOLD, "DealNumber": "D4", "Term": PERSON["bank account"], "CellPhone": PERSON["street"]}),
        sold(**{**SOLD, "DealNumber": "D5", "Amount_Financed": PERSON["registration"]}),
        f"{PERSON['first name']} {PERSON['last name']}",
    ]
    good = [sold(**{**SOLD, "DealNumber": f"G{n}", "StockNumber": f"G{n}"}) for n in range(40)]
    drop(home / "a_SL.csv", file_of(*good, *refused), mtime=1_790_000_000)
    drop(home / "b_SL.csv", file_of(sold(**doubt)), mtime=1_790_000_100)
    drop(home / "c_SL.csv", b"\xff\xfe" + file_of(sold(**SOLD)))
    drop(home / "d_SL.csv", "\n".join([sold(**SOLD), sold(**SOLD), ""]).encode())
    world.run(None)
    # The database refuses a row, and says all of it to whoever asks what was wrong.
    with closing(psycopg2.connect(world.dms_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE crm.activity ADD CONSTRAINT nobody_buys CHECK (stock_number <> 'S-666')")
    drop(home / "e_SL.csv", file_of(sold(**{**SOLD, "DealNumber": "D6", "StockNumber": "S-666"})))
    world.run(None)


def post_payments(world: AirflowWorld) -> None:
    """
    Let payment files come: lines with and without a claim, and texts where amounts belong.

    Of two claims that are paid too little, one is decided about.
    """
    books = Books(world.dms_dsn).open()
    books.load(*(claim(number, vin=PERSON["VIN"]) for number in ("C1", "C2", "C3")))
    home = world.partner.home / "payments"
    home.mkdir(parents=True)
    _feed(world, "renault_warranty_payments", "uk_group", "payments", r"^GAREXP_[0-9]+\.csv$", date_format="%d/%m/%Y")
    lines = [
        paid("C1", VIN=PERSON["VIN"]),
        paid("C2", "60.00", VIN=PERSON["VIN"]),
        paid("C3", "60.00", VIN=PERSON["VIN"]),
        paid("C8", VIN=PERSON["VIN"]),
        paid("C9", RetailDealer="R7", VIN=PERSON["VIN"]),
    ]
    drop(home / "GAREXP_1.csv", payment("CN1", *lines))
    bad = payment("CN2", paid("C1", VIN=PERSON["VIN"], Reason=PERSON["last name"]), Labour="0.00")
    drop(home / "GAREXP_2.csv", bad.replace(b"100.00", PERSON["bank account"].encode()))
    world.run(None)
    ((claim_id,),) = books.rows("SELECT claim_id FROM warranty.submission WHERE claim_number = 'C3'")
    decide(world.dms_dsn, claim_id, "WRITE_OFF_LEAVE_OPEN", reason="seen", who="sam")


def _feed(world: AirflowWorld, interface: str, dealer: str, directory: str, pattern: str, **more: str) -> None:
    with world.ledger() as ledger:
        add_feed(
            ledger,
            interface=interface,
            dealer=dealer,
            directory=directory,
            pattern=pattern,
            conn_id=f"{interface.partition('_')[0]}_sftp",
            delete_from_server=True,
            **more,
        )
