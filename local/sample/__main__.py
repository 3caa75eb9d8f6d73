"""``python -m local.sample``: fill the database that DMS_DSN names."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from local.sample import SampleError, fill
from local.sample.masters import ZONE


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.sample", description=__doc__)
    parser.add_argument("--dealers", type=int, default=12)
    parser.add_argument("--days", type=int, default=130)
    parser.add_argument("--lines", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--until", type=_day, help="last business day, YYYY-MM-DD (default: yesterday)")
    parser.add_argument("--defects", action=argparse.BooleanOptionalAction, default=True, help="plant bad data")
    parser.add_argument("--trade-only", action="store_true", help="nothing but good trade lines, for the benchmark")
    parser.add_argument("--dealer-without-number", action="store_true", help="one dealer has no Renault number")
    parser.add_argument("--french", action=argparse.BooleanOptionalAction, default=True, help="the two French groups")
    parser.add_argument("--workshop-only", action="store_true", help="nothing but good French workshop lines")
    parser.add_argument("--replace", action="store_true", help="remove another sample that is there")
    options = vars(parser.parse_args(arguments))
    dsn = os.environ.get("DMS_DSN")
    if not dsn:
        sys.stderr.write("The environment variable DMS_DSN is not set; it names the DMS database to fill\n")
        return 2
    options["until"] = options["until"] or datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1)
    try:
        report = fill(dsn, progress=lambda text: print(f"sample: {text}", flush=True), **options)
    except SampleError as error:
        sys.stderr.write(f"sample: {error}\n")
        return 1
    print(report.table())
    return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day (YYYY-MM-DD)") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
