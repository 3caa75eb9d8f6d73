"""
Libraries that Great Expectations imports for a rule that nobody here uses, left unloaded until somebody touches them.

SciPy's statistics and Altair are imported for one expectation about distributions, and are two fifths of the import:
1.4 of 3.5 CPU seconds and 77 MB, for each run of each interface. `importlib.util.LazyLoader` does not help, since
Python 3.11's import statement itself looks at an attribute of the module and so loads it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

UNUSED = ("altair", "scipy.stats")


class _Deferred(ModuleType):
    """Stands for a module until its first attribute is asked for; then the module itself takes its place."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def defer(names: tuple[str, ...] = UNUSED) -> None:
    """Put off the import of ``names``, where it has not happened yet. Call it before the import that would do it."""
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is not None and name not in sys.modules:
            module = _Deferred(name)
            module.__spec__ = spec
            sys.modules[name] = module
