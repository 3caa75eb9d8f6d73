"""
The normal form of what a row says about a person: the values by which it is compared, null where one is no key.

What thousands share is nobody's: ``none@none.com``, ``000-000-0000``, customer number ``CASH``, and the dealer's own
addresses, which its staff types in for want of the customer's.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import polars as pl

from include.matching.names import name_keys

ROW_COLUMNS: Final = (
    "dms_customer_number", "first_name", "last_name", "company_name", "email", "home_phone", "cell_phone",
)  # fmt: skip
KEY_COLUMNS: Final = ("number", "email", "home", "cell", "first", "last")
FORM: Final = 1
"""Goes into each hash of inputs; count it up when the normal form changes, and rebuild the contacts' stored keys."""

NO_MAILBOXES: Final = (
    "none", "no", "na", "n.a", "n/a", "noemail", "no.email", "no-email", "no_email", "nomail", "noemailaddress",
    "nobody", "unknown", "notgiven", "notprovided", "declined", "refused", "donotemail", "noreply", "no-reply", "test",
    "email", "customer", "cash", "x", "xx", "xxx",
)  # fmt: skip
NO_DOMAINS: Final = (
    "none.com", "noemail.com", "nomail.com", "noemail.net", "na.com", "unknown.com", "test.com", "declined.com",
    "refused.com", "nobody.com", "xxx.com",
)  # fmt: skip
NO_NUMBERS: Final = ("CASH", "INTERNAL", "NONE", "N/A", "NA", "NEW", "UNKNOWN", "TEST", "WALKIN", "WALK-IN", "-", ".")
_EMAIL = r"^[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]{2,}$"
_EXTENSION = r"(?i)(?:ext\.?|x|#).*$"
# One digit all through, however long the number may be; regular expressions without memory cannot say that shorter.
_ONE_DIGIT = "^(?:0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)$"
_LOCAL_DIGITS: Final = 10


@dataclass(frozen=True)
class OwnAddresses:
    """What belongs to the dealer itself and therefore to none of its customers; as written, in any form."""

    emails: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()


NOTHING_OWN: Final = OwnAddresses()


def normal_form(rows: pl.DataFrame, own: OwnAddresses = NOTHING_OWN) -> pl.DataFrame:
    """
    Bring ``rows`` to the columns ``row``, ``KEY_COLUMNS`` and ``co_buyer``; all but ``row`` are text or null.

    Telephone numbers are their last ten digits, so that ``+1 555 …`` and ``(555) …`` are one. The normal form of a
    normal form is itself, but for a company, whose mark no field can hold.

    :param rows: ``row`` (int, unique) and ``ROW_COLUMNS`` (text or null); other columns are left out.
    :raises polars.exceptions.ColumnNotFoundError: if one is missing.
    """
    texts = rows.select("row", *(pl.col(name).cast(pl.String) for name in ROW_COLUMNS))
    names = name_keys(texts["first_name"], texts["last_name"], texts["company_name"])
    own_phones = _phones(pl.Series(sorted(own.phones), dtype=pl.String)).drop_nulls().to_list()
    return pl.DataFrame(
        [
            texts["row"].cast(pl.Int64),
            _numbers(texts["dms_customer_number"]).alias("number"),
            _emails(texts["email"], own).alias("email"),
            _unless(_phones(texts["home_phone"]), own_phones).alias("home"),
            _unless(_phones(texts["cell_phone"]), own_phones).alias("cell"),
            names["first"],
            names["last"],
            names["co_buyer"],
        ]
    )


def inputs_hash(keys: pl.DataFrame) -> pl.Series:
    """
    Return for each row BLAKE2b (32 hexadecimal digits) of its normal form: equal inputs show, no value stands there.

    Who can guess an address can check the guess against it: it is a pseudonym, and kept as restricted as the row.
    """
    text = keys.select(
        pl.concat_str([pl.lit(str(FORM)), *(pl.col(name).fill_null("") for name in KEY_COLUMNS)], separator="\x1f")
    ).to_series()
    # The one step that is a call for each row: no engine here has a cryptographic hash. A microsecond each.
    digests = [blake2b(each, digest_size=16).digest() for each in text.cast(pl.Binary)]
    return pl.Series("inputs_hash", digests, dtype=pl.Binary).bin.encode("hex")


def _numbers(values: pl.Series) -> pl.Series:
    values = values.str.strip_chars().str.to_uppercase()
    return _where(~(values.is_in(("", *NO_NUMBERS)) | values.str.contains("^(?:0+|9{4,})$")), values)


def _emails(values: pl.Series, own: OwnAddresses) -> pl.Series:
    values = values.str.strip_chars().str.to_lowercase()
    nobodys = "|".join(_literal(name) for name in NO_MAILBOXES)
    domains = "|".join(_literal(name) for name in (*NO_DOMAINS, *sorted(name.strip().lower() for name in own.domains)))
    sound = values.str.contains(_EMAIL) & ~values.str.contains(rf"^(?:{nobodys})@|@(?:{domains})$")
    return _unless(_where(sound, values), sorted(name.strip().lower() for name in own.emails))


def _phones(values: pl.Series) -> pl.Series:
    if values.str.contains("[^0-9]").any():
        values = values.str.replace(_EXTENSION, "").str.replace_all("[^0-9]", "")
    values = _where(values.str.len_bytes() >= _LOCAL_DIGITS, values).str.tail(_LOCAL_DIGITS)
    nobodys = values.str.contains(_ONE_DIGIT + "|0000000$|^000|^1234567890$|^0123456789$|^9876543210$")
    return _where(~nobodys, values)


def _unless(values: pl.Series, forbidden: list[str]) -> pl.Series:
    return _where(~values.is_in(forbidden), values) if forbidden else values


def _where(kept: pl.Series, values: pl.Series) -> pl.Series:
    return values.set(~kept.fill_null(value=False), None)


def _literal(text: str) -> str:
    return text.replace(".", r"\.")
