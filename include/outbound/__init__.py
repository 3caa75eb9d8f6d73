"""
The steps of an outbound run: extract, check, render, publish, conclude.

Each takes file ids and leaves what it found in the ledger, so that any of them can be run again, by a retry, a cleared
task, a second scheduler or a backfill, and the effect happens once.
"""
