"""Dealers, customers, trade accounts and parts of the sample group: invented names, nobody's data.

Postcodes of the area ZZ and the dealers' towns do not exist; telephone numbers are from the range that the regulator
keeps for drama (01632 960xxx); mail addresses end in ``.invalid``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

from local.sample.defects import KINDS
from local.sample.draws import Numbers, uniform, whole
from local.sample.parameters import Parameters

ZONE = "Europe/London"
#: Clock of the one dealer abroad: an hour ahead, and changed in the same nights.
ZONE_ABROAD = "Europe/Gibraltar"
ZONES = (ZONE, ZONE_ABROAD)
GOOD_ACCOUNTS = 40  # per trade-partner dealer
PLAIN_ACCOUNTS = 12  # per other dealer
CUSTOMERS = 150  # per dealer
PARTS = 8_000
FAMILIES_PER_GROUP = 6
FAMILY_GROUPS = ("Engine", "Braking", "Body", "Electrical", "Service", "Accessories")
TOWNS = (
    "Farrowmere", "Oxleyford", "Harnswick", "Brindlecombe", "Tarnholt", "Wexbury", "Calderstoke", "Pellingham",
    "Ravensthwaite", "Ellerdon", "Mossgate", "Dunscar", "Winterbridge", "Hollowby", "Stannerley", "Quarrington",
)  # fmt: skip
STREETS = ("Mill Lane", "Station Road", "Forge Way", "Canal Street", "Quarry Hill", "Depot Close", "Orchard Row")
TRADES = ("Motors", "Garage", "Vehicle Services", "Autocentre", "Body Repairs", "Car Care", "Service Station")
CHANGES_FRANCHISE = 4  # its dealer_id
#: Kinds that live on an account of their own, in the order of those accounts behind a dealer's good ones.
ACCOUNT_KINDS = tuple(kind.name for kind in KINDS if kind.where == "account")


@dataclass(frozen=True)
class Masters:
    """Frames ready for COPY into the tables of their names, and what documents need to know of them.

    ``account_start[d]`` is the id of dealer d's first trade account; its good ones are followed, at a trade-partner
    dealer, by one for each of ``ACCOUNT_KINDS``. Dealers count from 0 here, ids from 1.
    """

    legal_entity: pl.DataFrame
    dealer: pl.DataFrame
    dealer_franchise: pl.DataFrame
    customer: pl.DataFrame
    trade_account: pl.DataFrame
    trade_partner_registration: pl.DataFrame
    part_family: pl.DataFrame
    part: pl.DataFrame
    is_trade_partner: Numbers
    zone: Numbers  # of each dealer, position in ZONES
    account_start: Numbers
    good_accounts: Numbers
    part_price: Numbers  # pence


def build(parameters: Parameters) -> Masters:
    """The group's master data; the first row of each numbered table has id 1."""
    dealers = _dealers(parameters)
    accounts, registrations, starts, good = _accounts(parameters, dealers)
    families = [
        (f"{group[:2].upper()}{number:02}" if number else group[:2].upper(), f"{group} {number}" if number else group)
        for group in FAMILY_GROUPS
        for number in range(FAMILIES_PER_GROUP + 1)
    ]
    part, price = _parts(parameters.seed, [code for code, _ in families if len(code) > 2])
    return Masters(
        legal_entity=pl.DataFrame(
            {
                "legal_entity_id": [1, 2],
                "name": ["Farrowmere Motor Group Ltd (sample)", "Tarnholt Automotive Ltd (sample)"],
                "company_number": ["SAMPLE01", "SAMPLE02"],
            }
        ),
        dealer=dealers,
        dealer_franchise=_franchises(parameters, dealers),
        customer=_customers(parameters),
        trade_account=accounts,
        trade_partner_registration=registrations,
        part_family=pl.DataFrame(
            {
                "part_family_code": [code for code, _ in families],
                "description": [text for _, text in families],
                "parent_family_code": [code[:2] if len(code) > 2 else None for code, _ in families],
            }
        ),
        part=part,
        is_trade_partner=dealers["trade_partner_dealer"].to_numpy().astype(np.int64),
        zone=np.array([ZONES.index(zone) for zone in dealers["time_zone"]], dtype=np.int64),
        account_start=starts,
        good_accounts=good,
        part_price=price,
    )


def renault_dealer_number(index: int) -> str:
    """The manufacturer's number of the dealer at that place, from 0."""
    return f"826{90_001 + 7 * index}"


def _dealers(parameters: Parameters) -> pl.DataFrame:
    count = parameters.dealers
    # Two of a dozen are outside the scheme: their trade sales are for nobody's file.
    outside = 0 if parameters.trade_only else min(2, count // 4)
    partners = count - outside
    numbers: list[str | None] = [renault_dealer_number(index) for index in range(count)]
    if parameters.dealer_without_number:
        numbers[min(2, partners - 1)] = None
    turns = range(count)
    return pl.DataFrame(
        {
            "dealer_id": [index + 1 for index in turns],
            # The first two thirds belong to one company, the rest to the other.
            "legal_entity_id": [1 if 3 * index < 2 * count else 2 for index in turns],
            "name": [_place(index, TOWNS) + " Renault" for index in turns],
            "renault_dealer_number": numbers,
            "trade_partner_dealer": [index < partners for index in turns],
            # The last of those outside the scheme is abroad.
            "time_zone": [ZONE_ABROAD if outside and index == count - 1 else ZONE for index in turns],
            "active_from": [parameters.first_day - timedelta(days=1_500 + 30 * (index % 40)) for index in turns],
            "active_to": pl.Series([None] * count, dtype=pl.Date),
        }
    )


def _franchises(parameters: Parameters, dealers: pl.DataFrame) -> pl.DataFrame:
    """
    What each dealer sells, since when; the fourth of six or more took Dacia on within the third month before the last.

    So early that the month whose file a sample's last day makes due is a whole one.
    """
    rows: list[dict[str, object]] = []
    for dealer_id, active_from in dealers.select("dealer_id", "active_from").iter_rows():
        franchise = "RENAULT" if dealer_id % 3 == 1 else "RENAULT_DACIA"
        changed = dealer_id == CHANGES_FRANCHISE and len(dealers) >= 6 and not parameters.trade_only
        day = changed_on(parameters) if changed else None
        rows.append({"dealer_id": dealer_id, "franchise": franchise, "valid_from": active_from, "valid_to": day})
        if day is not None:
            rows.append({"dealer_id": dealer_id, "franchise": "RENAULT_DACIA", "valid_from": day, "valid_to": None})
    return pl.DataFrame(rows, schema_overrides={"valid_to": pl.Date})


def changed_on(parameters: Parameters) -> date:
    """The twelfth of the third month before the sample's last."""
    months = parameters.until.year * 12 + parameters.until.month - 1 - 3
    return date(months // 12, months % 12 + 1, 12)


def _place(index: int, names: tuple[str, ...]) -> str:
    """The name, with a number from the second round on."""
    turn, place = divmod(index, len(names))
    return names[place] + (f" {turn + 1}" if turn else "")


def _customers(parameters: Parameters) -> pl.DataFrame:
    # No feed tells of them, so nobody asks when they changed; the same day for all is not the clock's.
    known = datetime.combine(parameters.first_day - timedelta(days=400), time(), tzinfo=UTC)
    return pl.DataFrame(
        [
            {
                "customer_id": number,
                "dealer_id": (number - 1) // CUSTOMERS + 1,
                "given_name": "Sample",
                "family_name": f"Customer {number:06}",
                "email": f"customer{number:06}@example.invalid",
                "telephone": f"01632 960{number % 1000:03}",
                "created_at": known,
                "changed_at": known,
            }
            for number in range(1, parameters.dealers * CUSTOMERS + 1)
        ]
    )


def code_of(account: int) -> str:
    """Four letters for an account id; distinct for the first 456,976, scattered by a step prime to that number."""
    number = account * 174_763 % 26**4
    letters = ""
    for _ in range(4):
        number, letter = divmod(number, 26)
        letters += chr(ord("A") + letter)
    return letters


def _accounts(parameters: Parameters, dealers: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, Numbers, Numbers]:
    rows: list[dict[str, object]] = []
    register: list[dict[str, object]] = []
    starts, good_counts = [], []
    before_the_sample = parameters.first_day - timedelta(days=30)
    for dealer_id, partner in dealers.select("dealer_id", "trade_partner_dealer").iter_rows():
        good = GOOD_ACCOUNTS if partner else PLAIN_ACCOUNTS
        first = len(rows) + 1
        starts.append(first)
        good_counts.append(good)
        for turn, kind in enumerate([""] * good + list(ACCOUNT_KINDS if partner else ())):
            account = first + turn
            row = _account(account, dealer_id, kind, first, before_the_sample)
            valid_from = parameters.first_day - timedelta(days=1_200)
            if not partner:
                row["address_line_1"] = _street(account)
            else:
                register.append(
                    {
                        "trade_partner_registration_id": len(register) + 1,
                        "trade_partner_id": code_of(account),
                        "trade_account_id": account,
                        "valid_from": valid_from,
                        "valid_to": before_the_sample if kind == "account_merged" else None,
                    }
                )
            rows.append(row)
    dates = {"sharing_objection_on": pl.Date, "closed_on": pl.Date, "merged_into": pl.Int64}
    return (
        pl.DataFrame(rows, schema_overrides=dates),
        pl.DataFrame(register, schema_overrides={"valid_to": pl.Date}),
        np.array(starts, dtype=np.int64),
        np.array(good_counts, dtype=np.int64),
    )


def _account(account: int, dealer_id: int, kind: str, first: int, before: date) -> dict[str, object]:
    """One trade account; ``kind`` is what is wrong with it, empty for a good one."""
    code = code_of(account)
    street = _street(account)
    # A street in capitals ends in four letters that look just like a code: only the register tells.
    endings = {
        "code_missing": street.upper() if dealer_id % 2 else street,
        "code_of_another": f"{street} {code_of(first)}",
        "code_five_letters": f"{street} {code}{code[0]}",
        "code_lower_case": f"{street} {code.lower()}",
    }
    sole_trader = kind == "sharing_objection" or account % 7 == 0
    name = (
        f"Sole Trader {account:05}" if sole_trader else f"{_place(account * 5, TOWNS)} {TRADES[account % len(TRADES)]}"
    )
    return {
        "trade_account_id": account,
        "dealer_id": dealer_id,
        "account_number": f"T{account:05}",
        "name": f"{name} (sample)",
        "address_line_1": endings.get(kind, f"{street} {code}"),
        "address_line_2": None,
        "town": TOWNS[account % len(TOWNS)],
        "postcode": f"ZZ{account % 90 + 1} {account % 9}AA",
        "sole_trader": sole_trader,
        "sharing_objection_on": before if kind == "sharing_objection" else None,
        "closed_on": before if kind == "account_merged" else None,
        "merged_into": first if kind == "account_merged" else None,
    }


def _street(account: int) -> str:
    return f"{account % 180 + 1} {STREETS[account % len(STREETS)]}"


def _parts(seed: int, families: list[str]) -> tuple[pl.DataFrame, Numbers]:
    keys = np.arange(PARTS, dtype=np.int64)
    prefix = np.array([77, 60, 82])[whole(seed, "part prefix", keys, 3)]
    # A step prime to ten million gives each part its own seven digits.
    digits = keys * 3_141_593 % 10_000_000
    ends_in_r = uniform(seed, "part R", keys) < 0.3
    numbers = [
        f"{start}{middle:07}R" if r else f"{start}{middle:07}{last}"
        for start, middle, r, last in zip(prefix, digits, ends_in_r, whole(seed, "part last", keys, 10), strict=True)
    ]
    family = whole(seed, "part family", keys, len(families))
    price = (120 + 60_000 * uniform(seed, "part price", keys) ** 4).astype(np.int64)
    # One in sixteen was superseded, by a part that was not.
    superseded = keys % 16 == 3
    return (
        pl.DataFrame(
            {
                "part_number": numbers,
                "description": [f"Part of family {families[index]}" for index in family],
                "part_family_code": [families[index] for index in family],
                "list_price": pence(price),
                "superseded_by": [
                    numbers[index + 1 if index + 1 < PARTS else 0] if old else None
                    for index, old in enumerate(superseded)
                ],
            }
        ),
        price,
    )


def pence(amounts: Numbers) -> pl.Series:
    """Whole pence as decimals of two places; no float on the way."""
    return (pl.Series(amounts).cast(pl.Decimal(14, 2)) / 100).cast(pl.Decimal(12, 2))
