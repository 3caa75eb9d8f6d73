"""Two million warranty claims and files that pay them, the same at every run; every number and vehicle is invented."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np
import polars as pl
import psycopg2

from include.warranty.claims import COLUMNS as CLAIM_COLUMNS
from include.warranty.claims import set_retail_dealer, set_tolerance
from include.warranty.frames import AMOUNTS
from include.warranty.payments import COLUMNS as LINE_COLUMNS
from local.sample.draws import Numbers, uniform, whole

PAYMENT_DATE: Final = date(2026, 3, 20)
FIRST_REPAIR: Final = date(2025, 3, 1)
REPAIR_DAYS: Final = 300
"""Every claim is submitted, and submitted again, before the payment."""
RETAIL_DEALERS: Final = 12
DEALERS: Final = 4
UNKNOWN_RETAIL_DEALER: Final = "RX"
_SEED: Final = 6
_SLICE: Final = 200_000
_STEP: Final = 1_234_577
"""Prime, and so of no common divisor with the number of claims: each is met once before any is met again."""
_CASES: Final = {
    "FULL": 0.86, "WITHIN_TOLERANCE": 0.03, "UNDER": 0.04, "OVER": 0.02, "REJECTED": 0.02, "OTHER_VIN": 0.005,
    "BY_WORK_ORDER": 0.01, "NO_CLAIM": 0.01, "UNKNOWN_RETAIL_DEALER": 0.005,
}  # fmt: skip
_OUTCOMES: Final = {
    "FULL": "FULL", "WITHIN_TOLERANCE": "FULL", "UNDER": "UNDER", "OVER": "OVER", "REJECTED": "REJECTED",
}  # fmt: skip
_AGAIN_SHARE: Final = 0.01


@dataclass(frozen=True)
class PaymentFile:
    """A file's lines as text, its header's totals, its outcomes, and how many lines' numbers lead to some claim."""

    lines: pl.DataFrame
    totals: dict[str, str]
    outcomes: dict[str, int]
    by_number: int


def fill(dsn: str, claims: int) -> None:
    """Write retail dealers, tolerances, and ``claims`` claims with their jobs and submissions into empty tables."""
    for number in range(RETAIL_DEALERS):
        main, dealer = f"M{number % 2}", f"dealer_{number % DEALERS}"
        set_retail_dealer(dsn, f"R{number}", dealer_code=main, dealer=dealer)
    for number in range(DEALERS):
        set_tolerance(dsn, f"dealer_{number}", valid_from=FIRST_REPAIR, amount=Decimal("1.00"), percent=Decimal("2.00"))
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        # The rows keep their foreign keys by construction; to look each of them up takes a minute.
        cursor.execute("SET session_replication_role TO replica")
        slices = [np.arange(start, min(start + _SLICE, claims)) for start in range(0, claims, _SLICE)]
        # While the server takes one slice in, the next is made.
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(_texts, slices[0])
            for following in [*slices[1:], None]:
                ready = coming.result()
                if following is not None:
                    coming = ahead.submit(_texts, following)
                for statement, text in ready:
                    cursor.copy_expert(statement, io.BytesIO(text))
        cursor.execute("SELECT setval('warranty.claim_claim_id_seq', %s)", (claims,))


def told(keys: Numbers, changed: Numbers | None = None) -> pl.DataFrame:
    """
    Return what a dealer's system tells of claims, as ``load_claims`` takes it: one row for each job, all text.

    :param changed: those of ``keys`` that were submitted once more since.
    """
    changed = np.array([], dtype=np.int64) if changed is None else changed
    again = pl.col("key").is_in(changed.tolist())
    claim = _claims(keys).with_columns(
        claim_number=pl.when(again).then(pl.format("A{}", "key")).otherwise("claim_number"),
        submission_number=pl.when(again).then(pl.lit("9")).otherwise("submission_number"),
        submitted_on=pl.when(again).then(pl.lit(PAYMENT_DATE)).otherwise("submitted_on"),
    )
    return claim.join(_jobs(keys), on="key", maintain_order="left").select(pl.col(CLAIM_COLUMNS).cast(pl.String))


def payment_file(claims: int, lines: int, number: int) -> PaymentFile:
    """
    Return the ``number``-th file of ``lines`` lines, counted from 0; no two files pay the same claim.

    :raises ValueError: if there are not claims enough for so many files.
    """
    again = round(lines * _AGAIN_SHARE)
    looked_at = lines * 5 // 4
    if (number + 1) * looked_at > claims:
        raise ValueError(f"{claims} claims are too few for {number + 1} files of {lines} lines")
    keys = (np.arange(number * looked_at, (number + 1) * looked_at, dtype=np.int64) * _STEP) % claims
    keys = keys[_open(keys)][: lines - again]
    case = np.array(list(_CASES))[
        np.searchsorted(np.cumsum(list(_CASES.values()))[:-1], uniform(_SEED, "case", keys), side="right")
    ]
    frame = _lines(keys, case)
    # What was paid in full is paid once more, in the same file.
    frame = pl.concat([frame, frame.filter(case="FULL").head(again).with_columns(case=pl.lit("AGAIN"))])
    outcome = pl.col("case").replace_strict({**_OUTCOMES, "AGAIN": "DUPLICATE"}, default="UNMATCHED")
    counted = frame.group_by(outcome).len()
    cents = [name + "_cents" for name in AMOUNTS]
    sums = frame.select(pl.col(cents).sum()).row(0)
    return PaymentFile(
        lines=frame.with_columns(
            line_no=pl.int_range(1, pl.len() + 1), **{name: _money(name + "_cents") for name in AMOUNTS}
        ).select(pl.col(LINE_COLUMNS).cast(pl.String)),
        totals={name: f"{Decimal(total) / 100:.2f}" for name, total in zip(AMOUNTS, sums, strict=True)},
        outcomes=dict(sorted(counted.rows())),
        by_number=frame.filter(pl.col("case").is_in(["BY_WORK_ORDER", "NO_CLAIM", "UNKNOWN_RETAIL_DEALER"]).not_())
        .height,
    )  # fmt: skip


def _open(keys: Numbers) -> np.ndarray:
    """One in ten is not submitted yet, or complete since long."""
    return keys % 20 > 1


def _claims(keys: Numbers) -> pl.DataFrame:
    """One row for each claim with its present numbers; three in twenty were submitted twice."""
    first = pl.lit(FIRST_REPAIR)
    frame = pl.DataFrame(
        {
            "key": keys,
            "days": whole(_SEED, "repaired", keys, REPAIR_DAYS),
            "twice": (uniform(_SEED, "twice", keys) < 0.15) & _open(keys),
            "state": keys % 20,
            "odometer": whole(_SEED, "odometer", keys, 90_000) + 10,
        }
    )
    repaired = first + pl.duration(days="days")
    frame = frame.with_columns(
        retail_code=pl.format("R{}", pl.col("key") % RETAIL_DEALERS),
        dealer=pl.format("dealer_{}", pl.col("key") % RETAIL_DEALERS % DEALERS),
        source_key=pl.format("K{}", "key"),
        claim_number=pl.when("twice").then(pl.format("B{}", "key")).otherwise(pl.format("C{}", "key")),
        submission_number=pl.when("twice").then(pl.lit("2")).otherwise(pl.lit("1")),
        submitted_on=pl.when(pl.col("state") != 0).then(
            repaired + pl.duration(days=pl.when("twice").then(40).otherwise(7))
        ),
        work_order=pl.format("W{}", pl.col("key")),
        vin=pl.format("VF1{}", (pl.col("key") % 700_001).cast(pl.String).str.zfill(14)),
        repair_date=repaired,
        odometer_unit=pl.lit("MI"),
        status=pl.when(pl.col("state") == 0).then(10).when(pl.col("state") == 1).then(99).otherwise(20),
        completed_on=pl.when(pl.col("state") == 1).then(repaired + pl.duration(days=50)),
        held=pl.lit("false"),
        currency=pl.lit("GBP"),
    )
    return frame.with_columns(pl.col("submitted_on", "repair_date", "completed_on").cast(pl.Date))


def _jobs(keys: Numbers) -> pl.DataFrame:
    """One row for each job of each claim; three claims in ten have two."""
    both = []
    for job in ("1", "2"):
        of = keys if job == "1" else keys[uniform(_SEED, "jobs", keys) < 0.3]
        labour, parts = (whole(_SEED, f"{name}/{job}", of, 40_000) + 5_000 for name in ("labour", "parts"))
        subcontract = np.where(uniform(_SEED, f"sub/{job}", of) < 0.1, 7_500, 0)
        handling = parts // 10
        vat = (labour + parts + subcontract + handling) // 5
        cents = dict(zip(AMOUNTS, (labour, parts, subcontract, handling, vat), strict=True))
        both.append(pl.DataFrame({"key": of, "job": [job] * len(of), **{f"{k}_cents": v for k, v in cents.items()}}))
    return pl.concat(both).sort("key", "job").with_columns(**{name: _money(name + "_cents") for name in AMOUNTS})


def _rows(keys: Numbers) -> dict[str, pl.DataFrame]:
    """Rows of the tables, ``claim_id`` being one more than the key."""
    claim_id = (pl.col("key") + 1).alias("claim_id")
    claims = _claims(keys)
    sequence = pl.when("twice").then(2).otherwise(1)
    earlier = claims.filter("twice").select(
        claim_id, pl.lit(1).alias("seq"), "retail_code", pl.format("C{}", "key").alias("claim_number"),
        pl.lit("1").alias("submission_number"), (pl.col("repair_date") + pl.duration(days=7)).alias("submitted_on"),
    )  # fmt: skip
    present = claims.select(
        claim_id, sequence.alias("seq"), "retail_code", "claim_number", "submission_number", "submitted_on"
    )
    return {
        "claim": claims.select(
            claim_id, "dealer", "retail_code", "source_key", "work_order", "vin", "repair_date", "odometer",
            "odometer_unit", pl.col("status").alias("told_status"), "status", "completed_on", "held", "currency",
            sequence.alias("last_seq"),
        ),
        "submission": pl.concat([earlier, present]).sort("claim_id", "seq"),
        "claim_job": _jobs(keys).select(claim_id, "job", *AMOUNTS),
    }  # fmt: skip


def _texts(keys: Numbers) -> list[tuple[str, bytes]]:
    return [
        (
            f"COPY warranty.{table} ({', '.join(frame.columns)}) FROM STDIN (FORMAT csv)",
            frame.write_csv(include_header=False).encode(),
        )
        for table, frame in _rows(keys).items()
    ]


def _lines(keys: Numbers, case: Sequence[str] | np.ndarray) -> pl.DataFrame:
    """Lines that pay the claims ``keys`` as ``case`` says; seven in ten name vehicle, work order and day as well."""
    cents = [pl.col(name + "_cents") for name in AMOUNTS]
    claimed = _jobs(keys).group_by("key").agg(pl.sum(*(name + "_cents" for name in AMOUNTS)))
    told_more = uniform(_SEED, "tells", keys) < 0.7
    frame = (
        _claims(keys)
        .with_columns(
            case=pl.Series(case),
            more=pl.Series(told_more),
            old=pl.Series(uniform(_SEED, "old number", keys) < 0.3),
        )
        .join(claimed, on="key", maintain_order="left")
    )
    is_case = pl.col("case").eq
    return frame.with_columns(
        dealer_code=pl.format("M{}", pl.col("key") % RETAIL_DEALERS % 2),
        retail_code=pl.when(is_case("UNKNOWN_RETAIL_DEALER")).then(pl.lit(UNKNOWN_RETAIL_DEALER)).otherwise("retail_code"),
        claim_number=pl.when(is_case("BY_WORK_ORDER")).then(None)
        .when(is_case("NO_CLAIM")).then(pl.format("X{}", "key"))
        .when(pl.col("twice") & pl.col("old")).then(pl.format("C{}", "key"))
        .otherwise("claim_number"),
        vin=pl.when(is_case("OTHER_VIN")).then(pl.lit("VF1OTHER000000001"))
        .when(is_case("BY_WORK_ORDER") | pl.col("more") & ~is_case("NO_CLAIM")).then("vin"),
        work_order=pl.when(is_case("BY_WORK_ORDER") | pl.col("more") & ~is_case("NO_CLAIM")).then("work_order"),
        repair_date=pl.when(is_case("BY_WORK_ORDER") | pl.col("more") & ~is_case("NO_CLAIM")).then("repair_date"),
        reject_code=pl.when(is_case("REJECTED")).then(pl.lit("R17")),
    ).with_columns(
        pl.when(is_case("REJECTED")).then(0).otherwise(each).alias(each.meta.output_name()) for each in cents
    ).with_columns(
        labour_cents=pl.col("labour_cents")
        + pl.when(is_case("UNDER")).then(-2_000).when(is_case("OVER")).then(2_500)
        .when(is_case("WITHIN_TOLERANCE")).then(-3).otherwise(0),
    )  # fmt: skip


def _money(name: str) -> pl.Expr:
    cents = pl.col(name)
    return pl.format("{}.{}", cents // 100, (cents % 100).cast(pl.String).str.zfill(2))
