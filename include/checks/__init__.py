"""The first reading: every row of a set against the rules of its contract, and whole-file tolerances."""

from include.checks.documents import whole_documents
from include.checks.file_rules import FileVerdict, header_totals, rejected_rows, same_weekday_volume
from include.checks.row_check import Checked, RowCheck, RowOrderError

__all__ = [
    "Checked",
    "FileVerdict",
    "RowCheck",
    "RowOrderError",
    "header_totals",
    "rejected_rows",
    "same_weekday_volume",
    "whole_documents",
]
