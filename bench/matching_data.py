"""A million contacts and a million rows that are about some of them, the same at every run."""

from __future__ import annotations

import io
from typing import Final

import polars as pl
import psycopg2

from include.matching.keys import ROW_COLUMNS
from local.sample.draws import Numbers, uniform, whole

POINTS: Final = {"NUMBER": "number", "EMAIL": "email", "SECOND_EMAIL": "second_email", "HOME": "home", "CELL": "cell"}
_SYLLABLES = (
    "ba",
    "cor",
    "den",
    "fa",
    "gil",
    "hol",
    "jan",
    "kes",
    "lor",
    "mar",
    "nol",
    "pet",
    "ros",
    "sten",
    "tur",
    "vic",
)
_FIRST_NAMES = 2_000
_LAST_NAMES = 40_000
_TABLES = """
create table contact (contact_id bigint not null, first text, last text);
create table point (contact_id bigint not null, kind text not null, value text not null);
"""
_INDEXES = """
alter table contact add primary key (contact_id);
create index on point (kind, value);
analyze contact;
analyze point;
"""


def fill(dsn: str, contacts: int) -> None:
    """Write the contacts' keys into an empty database; leave it as it is if it has so many already."""
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('contact') is not null")
        if cursor.fetchone() == (True,):
            cursor.execute("select count(*) from contact")
            if cursor.fetchone() == (contacts,):
                return
            cursor.execute("drop table contact, point")
        cursor.execute(_TABLES)
        everyone = people(contacts)
        points = pl.concat(
            everyone.select("contact_id", pl.lit(kind).alias("kind"), pl.col(name).alias("value")).drop_nulls()
            for kind, name in POINTS.items()
        )
        for table, frame in (("contact", everyone.select("contact_id", "first", "last")), ("point", points)):
            text = io.BytesIO()
            frame.write_csv(text, include_header=False)
            text.seek(0)
            cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv)", text)
        cursor.execute(_INDEXES)


def rows(count: int, contacts: int) -> pl.DataFrame:
    """
    Return rows as a partner writes them: half with a number, most with some address, one in seven about somebody new.

    One in twenty has another first name than its contact, and so goes to review or becomes a contact of its own.
    """
    keys = pl.Series(range(count)).to_numpy()
    known = uniform(1, "known", keys) < 0.86
    about = whole(1, "about", keys, contacts)
    person = people(contacts)[about]
    stranger = people(count, seed=2)

    def either(name: str, share: float) -> pl.Series:
        values = person[name].zip_with(pl.Series(known), stranger[name])
        return values.set(pl.Series(uniform(1, f"lacks/{name}", keys) >= share), None)

    second = either("second_email", 1.0)
    odd = pl.Series(uniform(1, "odd", keys) < 0.05)
    return pl.DataFrame(
        {
            "row": keys,
            "dms_customer_number": either("number", 0.5),
            "first_name": _name(either("first", 1.0).zip_with(~odd, stranger["first"])),
            "last_name": _name(either("last", 1.0)),
            "company_name": pl.Series([None], dtype=pl.String).new_from_index(0, count),
            "email": second.zip_with(pl.Series(uniform(1, "writes/second", keys) < 0.1), either("email", 0.8)),
            "home_phone": either("home", 0.7),
            "cell_phone": either("cell", 0.7),
        }
    ).select("row", *ROW_COLUMNS)


def people(count: int, seed: int = 1) -> pl.DataFrame:
    """Return ``count`` people and the values by which they are compared; each is the same whatever ``count`` is."""
    keys = pl.Series(range(count)).to_numpy()
    start = (seed - 1) * 100_000_000

    def some(name: str, share: float, values: pl.Series) -> pl.Series:
        return values.set(pl.Series(uniform(seed, f"has/{name}", keys) >= share), None)

    # Households: every third shares mailbox, telephone and last name with its neighbour.
    house = keys - (keys % 3 == 1)
    return pl.DataFrame(
        {
            "contact_id": keys + 1,
            "first": _words(whole(seed, "first", keys, _FIRST_NAMES)),
            "last": _words(whole(seed, "last", house, _LAST_NAMES) + _FIRST_NAMES),
            "number": some("number", 0.6, _text("C{}", keys + start)),
            "email": some("email", 0.7, _text("person.{}@mail.example", house + start)),
            "second_email": some("second", 0.1, _text("other.{}@work.example", keys + start)),
            "home": some("home", 0.5, _text("5{}", house + start + 200_000_000)),
            "cell": some("cell", 0.7, _text("6{}", keys + start + 200_000_000)),
        }
    )


def _text(form: str, numbers: Numbers) -> pl.Series:
    before, _, after = form.partition("{}")
    return pl.DataFrame({"n": numbers}).select(
        pl.concat_str(pl.lit(before), pl.col("n").cast(pl.String), pl.lit(after))
    ).to_series()  # fmt: skip


def _words(numbers: Numbers) -> pl.Series:
    size = len(_SYLLABLES)
    syllables = pl.Series(_SYLLABLES)
    parts = [syllables[(numbers // size**place % size)] for place in range(4)]
    return pl.DataFrame([part.alias(str(place)) for place, part in enumerate(parts)]).select(
        pl.concat_str(pl.all())
    ).to_series()  # fmt: skip


def _name(names: pl.Series) -> pl.Series:
    return names.str.to_titlecase()
