"""Frames of text into temporary tables; money is exact, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.crm.copying import copy_in
from include.warranty.connection import WarrantyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from psycopg2.extensions import cursor

AMOUNTS: Final = ("labour", "parts", "subcontract", "handling", "vat")
_MONEY: Final = r"^-?[0-9]{1,12}(\.[0-9]{1,2})?$"


def stage(cur: cursor, frame: pl.DataFrame, columns: Sequence[str], table: str, what: str) -> None:
    """
    Copy ``columns`` of ``frame`` into the temporary table ``table``; blanks around text go, empty text becomes null.

    :param what: whose rows they are, for messages.
    :raises WarrantyError: if a column is missing, an amount is a float, or has more than two decimals.
    """
    import polars as pl

    if missing := [name for name in columns if name not in frame.columns]:
        raise WarrantyError(f"{what}: the rows lack {', '.join(missing)}; nothing was written")
    if inexact := [name for name in AMOUNTS if frame.schema[name].is_float()]:
        raise WarrantyError(f"{what}: {', '.join(inexact)} are floats, which hold no pennies; give text or decimals")
    text = frame.select(columns).with_columns(pl.all().cast(pl.String).str.strip_chars().replace("", None))
    good = pl.all_horizontal(pl.col(name).str.contains(_MONEY).fill_null(value=False) for name in AMOUNTS)
    if (wrong := text.with_row_index("row", 1).filter(~good)).height:
        raise WarrantyError(
            f"{what}: row {wrong['row'][0]} has an amount that is none of money (digits, at most two after the point); "
            f"{wrong.height} rows are so. Have the file checked again; nothing was written"
        )
    copy_in(cur, text, table)
    cur.execute(f"ANALYZE {table}")
