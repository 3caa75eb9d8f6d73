"""
One interface's file (here) against the sum of another's delivered files (there): each differing line, and why.

``reconcile`` is the step between render and publish; ``python -m include.reconcile 2026-10`` shows what it found.
docs/reconciliation.md tells the rest.
"""

from __future__ import annotations
