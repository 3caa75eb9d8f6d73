"""A dealer's contacts and its file of sold units, the same at every run; everybody and every number is invented."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import psycopg2

from bench.matching_data import POINTS, people, rows
from include.checks.identifiers import VIN_VALUES, VIN_WEIGHTS
from local.sample.draws import Numbers, uniform, whole

DAY: Final = date(2026, 11, 10)
"""The newest sale; the file comes the day after."""
CONTACTS: Final = 100_000
BAD_SHARE: Final = 0.01
CHANGED_SHARE: Final = 0.01
NEW_SHARE: Final = 0.001
_SEED: Final = 5
_MAKERS: Final = ["Samplecraft", "Roamland", "Lakeline", "Northwind", "Bluewater"]
_TYPES: Final = ["Travel Trailer", "Fifth Wheel", "Motor Home", "Pontoon", "Fishing Boat", "Outboard"]
_VIN_SIGNS: Final = np.frombuffer("".join(VIN_VALUES).encode(), np.uint8)
_COLUMNS: Final = (
    "CustomerNumber", "FirstName", "LastName", "Company", "Email", "HomePhone", "CellPhone", "Address", "City", "State",
    "Zip", "Mfg", "Make", "Model", "Year", "Type", "StockNumber", "VIN", "DealNumber", "SoldDate", "Amount.Financed",
    "Term", "Monthly Payment", "LastPayment",
)  # fmt: skip
_PERSON: Final = _COLUMNS[:7]


def fill_contacts(dsn: str, dealer: str, contacts: int) -> None:
    """Write a dealer's contacts and where they are reached into an empty CRM."""
    everyone = people(contacts)
    contact = everyone.select(
        "contact_id",
        pl.lit(dealer).alias("dealer"),
        pl.lit("PERSON").alias("kind"),
        pl.col("first").str.to_titlecase().alias("first_name"),
        pl.col("last").str.to_titlecase().alias("last_name"),
        pl.col("number").alias("dms_customer_number"),
        pl.col("first").alias("first_key"),
        pl.col("last").alias("last_key"),
        pl.col("number").alias("number_key"),
        pl.lit("bench").alias("created_by"),
    )
    points = pl.concat(
        everyone.select(
            "contact_id", pl.lit(kind).alias("kind"), pl.col(name).alias("normalised"), pl.col(name).alias("as_given")
        ).drop_nulls()
        for kind, name in POINTS.items()
        if kind != "NUMBER"
    )
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        for table, frame in (("contact", contact), ("contact_point", points)):
            text = io.BytesIO(frame.write_csv(include_header=False).encode())
            columns = ", ".join(frame.columns)
            cursor.copy_expert(f"COPY crm.{table} ({columns}) FROM STDIN (FORMAT csv)", text)
            cursor.execute(f"ANALYZE crm.{table}")
        cursor.execute("SELECT setval('crm.contact_contact_id_seq', %s)", (contacts,))


def write_sales(whole_file: Path, good_rows: Path, count: int, *, again: bool = False) -> None:
    """
    Write a file of ``count`` sold units, one in a hundred of which no reader accepts, and one of its good rows alone.

    Six of seven rows are about one of ``CONTACTS`` contacts, as ``bench.matching_data.rows`` says. Bad are: a sentinel
    date, a day to come, a wrong check digit, an impossible model year, nobody named, and one value too many.

    :param again: the same sales a day later; one in a hundred says something new of its unit, one in a thousand is new.
    """
    total = count + round(count * NEW_SHARE) if again else count
    keys = np.arange(total, dtype=np.int64)
    frame = pl.concat([_written_by(total), _unit(keys, again=again), _sale(keys)], how="horizontal")
    bad = uniform(_SEED, "bad", keys) < BAD_SHARE
    fault = np.where(bad, whole(_SEED, "fault", keys, 6), -1)
    frame = _spoilt(frame.with_columns(fault=pl.Series(fault)))
    lines = frame.select(_COLUMNS).write_csv(quote_style="necessary").encode().splitlines()
    for place in np.flatnonzero(fault == 5):
        lines[place + 1] += b",beyond"
    header, records = lines[0], lines[1:]
    _write(whole_file, [header, *records])
    _write(good_rows, [header, *(records[place] for place in np.flatnonzero(~bad))])


def _write(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"\n".join([*lines, b""]))


def _written_by(count: int) -> pl.DataFrame:
    person = rows(count, CONTACTS).drop("row")
    keys = np.arange(count, dtype=np.int64)
    spaced = pl.Series(uniform(_SEED, "phones", keys) < 0.5)

    def phone(name: str) -> pl.Expr:
        text = pl.col(name)
        parts = pl.format("({}) {}-{}", text.str.slice(0, 3), text.str.slice(3, 3), text.str.slice(6))
        return pl.when(spaced).then(parts).otherwise(text)

    person = person.with_columns(phone("home_phone"), phone("cell_phone"))
    person.columns = list(_PERSON)
    number = pl.Series(whole(_SEED, "house", keys, 9_000) + 1)
    town = pl.Series(whole(_SEED, "town", keys, 300))
    return person.with_columns(
        Address=pl.format("{} Sample Street", number),
        City=pl.format("Sampleton {}", town),
        State=pl.Series(["OH", "IN", "MI", "FL", "TX"])[whole(_SEED, "state", keys, 5)],
        Zip=(town * 331 + 501).cast(pl.String).str.zfill(5),
    )


def _unit(keys: Numbers, *, again: bool) -> pl.DataFrame:
    maker = pl.Series(_MAKERS)[whole(_SEED, "maker", keys, len(_MAKERS))]
    changed = pl.Series((uniform(_SEED, "changed", keys) < CHANGED_SHARE) & again)
    told = uniform(_SEED, "identifier", keys)
    serial = pl.Series(keys + 100_000)
    return pl.select(
        maker.alias("Mfg"),
        maker.alias("Make"),
        pl.format(
            "R{}{}",
            pl.Series(whole(_SEED, "model", keys, 60)),
            pl.when(changed).then(pl.lit(" LE")).otherwise(pl.lit("")),
        ).alias("Model"),
        pl.Series(whole(_SEED, "year", keys, 25) + 2002).cast(pl.String).alias("Year"),
        pl.Series(_TYPES)[whole(_SEED, "type", keys, len(_TYPES))].alias("Type"),
        pl.format("S{}", serial).alias("StockNumber"),
        pl.when(pl.Series(told < 0.7))
        .then(_vins(keys))
        .when(pl.Series(told < 0.9))
        .then(pl.format("ABC{}A626", pl.Series(keys % 100_000).cast(pl.String).str.zfill(5)))
        .otherwise(pl.format("SN-{}", serial))
        .alias("VIN"),
        pl.format("D{}", serial).alias("DealNumber"),
    )


def _vins(keys: Numbers) -> pl.Series:
    """VINs of 49 CFR 565.15, check digit included."""
    places = np.stack([whole(_SEED, f"vin/{place}", keys, len(VIN_VALUES)) for place in range(17)], axis=1)
    counts = np.array([int(value) for value in VIN_VALUES.values()])[places]
    signs = _VIN_SIGNS[places]
    signs[:, 8] = np.frombuffer(b"0123456789X", np.uint8)[counts.dot(VIN_WEIGHTS) % 11]
    text = signs.tobytes().decode()
    return pl.Series([text[start : start + 17] for start in range(0, len(text), 17)])


def _sale(keys: Numbers) -> pl.DataFrame:
    """Half are financed; money is written plainly or as a spreadsheet shows it, terms with and without their unit."""
    financed = pl.Series(uniform(_SEED, "financed", keys) < 0.55)
    zero = pl.Series(uniform(_SEED, "zero", keys) < 0.02)
    term = pl.Series(whole(_SEED, "term", keys, 16) * 12 + 60)
    cents = pl.Series(whole(_SEED, "amount", keys, 9_000_000) + 500_000)
    monthly = cents * 13 // (term * 10)
    sold = pl.Series([DAY]).cast(pl.Date).dt.epoch("d")[0] - pl.Series(whole(_SEED, "sold", keys, 730))
    marked = pl.Series(uniform(_SEED, "marked", keys) < 0.5)
    return pl.DataFrame({"sold": sold.cast(pl.Int32).cast(pl.Date), "term": term}).select(
        pl.col("sold").dt.strftime("%m/%d/%Y").alias("SoldDate"),
        pl.when(financed)
        .then(_money(cents, marked))
        .when(zero)
        .then(pl.lit("0.00"))
        .alias("Amount.Financed"),
        pl.when(financed)
        .then(pl.format("{}{}", "term", pl.when(marked).then(pl.lit(" mo")).otherwise(pl.lit(""))))
        .alias("Term"),
        pl.when(financed).then(_money(monthly, marked)).alias("Monthly Payment"),
        pl.when(financed)
        .then(pl.col("sold").dt.offset_by(pl.format("{}mo", "term")).dt.strftime("%m/%d/%Y"))
        .alias("LastPayment"),
    )  # fmt: skip


def _money(cents: pl.Series, marked: pl.Series) -> pl.Expr:
    fraction = (cents % 100).cast(pl.String).str.zfill(2)
    thousands, rest = cents // 100_000, (cents // 100 % 1000).cast(pl.String)
    plain = pl.format("{}.{}", cents // 100, fraction)
    grouped = pl.format("${},{}.{}", thousands, rest.str.zfill(3), fraction)
    return pl.when(marked & (thousands > 0)).then(grouped).otherwise(plain)


def _spoilt(frame: pl.DataFrame) -> pl.DataFrame:
    def instead(fault: int, name: str, value: str | None) -> pl.Expr:
        return pl.when(pl.col("fault") == fault).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)

    frame = frame.with_columns(
        instead(0, "SoldDate", "01/01/1900"),
        instead(2, "VIN", "1M8GDM9A0KP042788"),
        instead(3, "Year", "1900"),
        *(instead(4, name, None) for name in _PERSON),
    )
    return frame.with_columns(instead(1, "SoldDate", f"{DAY:%m/%d}/{DAY.year + 40}"))
