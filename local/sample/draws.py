"""Random numbers that depend on a seed, a name and a key only, never on the order in which they are drawn.

A credit draws its lines with the keys of the invoice it corrects and so repeats its parts and prices; a chunk of
lines is the same whatever the size of the chunks.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Shares = NDArray[np.float64]


def uniform(seed: int, name: str, keys: Numbers) -> Shares:
    """One number in [0, 1) for each key (non-negative integers), by SplitMix64 (Steele, Lea, Flood 2014)."""
    salt = int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "little")
    z = keys.astype(np.uint64)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(salt)
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    # The upper 53 bits are what a double holds exactly.
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def whole(seed: int, name: str, keys: Numbers, below: int | Numbers) -> Numbers:
    """One integer in [0, below) for each key."""
    return (uniform(seed, name, keys) * below).astype(np.int64)


def rank_within(group: Numbers, draw: Numbers | Shares) -> Numbers:
    """Place of each element within its group, from 0, in the order of ``draw``."""
    order = np.lexsort((draw, group))
    grouped = group[order]
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.searchsorted(grouped, grouped)
    return rank
