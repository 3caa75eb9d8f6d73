"""The settings of a feed as options of a command."""

from __future__ import annotations

import argparse
from typing import Any, Final

from include.contract import contract_ids
from include.feeds.commands import DATE_FORMATS
from include.feeds.errors import FeedError

NEEDED: Final = ("interface", "dealer", "directory", "conn_id")


def add_settings(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Let the command take a feed's settings; ``required`` those that have no default."""
    parser.add_argument("--interface", required=required, choices=contract_ids("inbound"), help="what its files are")
    parser.add_argument("--dealer", required=required, metavar="LABEL", help="our name of the dealer, e.g. lakeside_rv")
    parser.add_argument("--directory", required=required, metavar="PATH", help="relative to the partner's home")
    parser.add_argument("--conn-id", required=required, metavar="ID", help="the Airflow connection of the partner")
    parser.add_argument(
        "--pattern",
        metavar="REGEX",
        help=r"which names are its own; ends in $ (default for proresponse_sales: _SL\.csv$; others have none)",
    )
    parser.add_argument("--encoding", metavar="CODEC", help="default: utf-8")
    parser.add_argument("--date-format", choices=DATE_FORMATS, metavar="FORMAT", help=_formats_help())


def settings_of(asked: argparse.Namespace) -> dict[str, Any]:
    """
    Return the settings that were given; one that was not keeps the default it has for a new feed.

    :raises FeedError: if one is missing that has no default.
    """
    names = (*NEEDED, "pattern", "encoding", "date_format")
    given = {name: getattr(asked, name) for name in names if getattr(asked, name) is not None}
    missing = [f"--{name.replace('_', '-')}" for name in NEEDED if name not in given]
    if missing:
        raise FeedError(
            f"a feed that does not stand yet needs {', '.join(missing)}; or give the number of one that does"
        )
    return given


def _formats_help() -> str:
    # argparse reads a per cent sign as the beginning of a placeholder.
    told = f"how its dates are written: {', '.join(DATE_FORMATS)} (default of proresponse: the first; others have none)"
    return told.replace("%", "%%")
