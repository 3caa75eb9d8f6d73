"""What the gate leaves unloaded is there all the same for whoever touches it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def said_by(code: str) -> list[str]:
    """Run ``code`` in a process that has imported nothing yet; return the lines it prints."""
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return found.stdout.split()


def test_great_expectations_is_imported_without_what_nobody_uses() -> None:
    code = (
        "from include.quality.deferred import defer; defer()\n"
        "import sys, include.quality.validation\n"
        "print(any(name.startswith('altair.') for name in sys.modules), 'scipy.stats._stats_py' in sys.modules)"
    )
    assert said_by(code) == ["False", "False"]


def test_deferred_library_loads_when_it_is_touched() -> None:
    code = (
        "from include.quality.deferred import defer; defer()\n"
        "from scipy import stats\n"
        "import sys\n"
        "before = 'scipy.stats._stats_py' in sys.modules\n"
        "print(before, stats.norm.cdf(0), type(sys.modules['scipy.stats']).__name__)"
    )
    assert said_by(code) == ["False", "0.5", "module"]


def test_library_that_is_loaded_already_stays() -> None:
    code = (
        "import scipy.stats as before\n"
        "from include.quality.deferred import defer; defer()\n"
        "import scipy.stats as after\n"
        "print(before is after)"
    )
    assert said_by(code) == ["True"]
