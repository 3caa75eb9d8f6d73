r"""
File patterns of feeds: what they match, and whether two of them can match one same name.

A pattern is a regular expression that ends in ``$``. It is searched for in the name, and its ``$`` is the very end of
the whole of it: ``_SL\.csv$`` takes ``x_SL.csv`` and neither ``x_SL.csv.tmp`` nor ``x_SL.csv`` and a line break. A
``^`` may stand at its beginning and holds for the whole of it as well. Case counts, unless it begins with ``(?i)``.
"""

from __future__ import annotations

import re
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Final

from include.feeds.errors import FeedError

if TYPE_CHECKING:
    from interegular.fsm import FSM, State

MAX_PATTERN: Final = 200
MAX_REPEATS: Final = 200
# Pairs of sets of states looked at before we give up; the pairs that people write need tens.
MAX_PAIRS: Final = 20_000
LOOKS: Final = {"(?=": "looks ahead", "(?!": "looks ahead", "(?<=": "looks behind", "(?<!": "looks behind"}
# What a witness is spelled with, if there is a choice; then what is left of printable ASCII but the path separator.
NICE: Final = "xab0123456789cdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-. "
ALL: Final = NICE + "".join(chr(code) for code in range(33, 127) if chr(code) not in NICE + "/") + "éß中/\n\x00"


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """
    Return what finds the names of ``pattern``.

    :raises FeedError: if the pattern is not anchored, too long, no regular expression, or more than one.
    """
    flags, begins, body = _parts(pattern)
    return re.compile(f"{flags}{begins}(?:{body})\\Z", re.ASCII)


def require_sound(pattern: str) -> None:
    """Raise :class:`FeedError` unless the pattern can be judged, and takes some names but not all."""
    _automaton(pattern)
    if compiled(pattern).search("") is not None:
        raise FeedError(
            f"the pattern {pattern!r} takes every name, or none at all is enough for it; say how the feed's files end, "
            r"e.g. _SL\.csv$"
        )


def shared_name(one: str, other: str) -> str | None:
    """
    Return the shortest name that both patterns take, or None if there is none.

    Decided on the two regular languages, not on samples: both automata are walked side by side, each begun anew at
    every character unless its pattern begins with ``^``.

    :raises FeedError: if a pattern is one that cannot be judged, or the walk would not end in reasonable time.
    """
    machines = (_automaton(one), _automaton(other))
    anchored = (_parts(one)[1] != "", _parts(other)[1] != "")
    letters = _letters(*machines)
    start = (frozenset({machines[0].initial}), frozenset({machines[1].initial}))
    found: dict[tuple[frozenset[State], frozenset[State]], str] = {start: ""}
    waiting = deque([start])
    while waiting:
        pair = waiting.popleft()
        name = found[pair]
        if all(states & machine.finals for states, machine in zip(pair, machines, strict=True)):
            return name
        for letter in letters:
            left, right = (
                _step(machine, states, letter, begin_anew=not fixed)
                for machine, states, fixed in zip(machines, pair, anchored, strict=True)
            )
            if left and right and (left, right) not in found:
                found[left, right] = name + letter
                waiting.append((left, right))
        if len(found) > MAX_PAIRS:
            raise FeedError(
                f"whether {one!r} and {other!r} can match one same name cannot be decided in reasonable time; write "
                "them simpler, with fewer wildcards before the end, or give one of the feeds a directory of its own"
            )
    return None


def _parts(pattern: str) -> tuple[str, str, str]:
    """Flags at the beginning, ``^`` or nothing, and what stands between it and the ``$`` at the end."""
    if len(pattern) > MAX_PATTERN:
        raise FeedError(f"the pattern is {len(pattern)} characters long; {MAX_PATTERN} at most are allowed")
    if not pattern.endswith("$") or _backslashes_before_end(pattern) % 2:
        raise FeedError(
            f"the pattern {pattern!r} does not end in $, so it would also take names that go on, such as a file that "
            r"is still being written (x_SL.csv.tmp). End it like _SL\.csv$"
        )
    try:
        # Without \A or \Z around it: what is wrong must be wrong in the pattern itself.
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise FeedError(f"the pattern {pattern!r} is no regular expression: {error}") from error
    rest = pattern[:-1]
    flags = "(?i)" if rest.startswith("(?i)") else ""
    rest = rest.removeprefix("(?i)")
    begins = "^" if rest.startswith("^") else ""
    return flags, begins, rest.removeprefix("^")


def _backslashes_before_end(pattern: str) -> int:
    body = pattern[:-1]
    return len(body) - len(body.rstrip("\\"))


@cache
def _automaton(pattern: str) -> FSM:
    """
    The automaton of the pattern's body.

    :raises FeedError: for what is no regular language, or is one that the library reads otherwise than Python does.
    """
    import interegular
    from interegular.patterns import InvalidSyntax, Unsupported

    flags, _, body = _parts(pattern)
    bare = re.sub(r"\\.", "", body, flags=re.DOTALL)
    for part, what in LOOKS.items():
        if part in bare:
            raise FeedError(
                f"the pattern {pattern!r} {what} ({part}…)), so it cannot be judged whether it takes names of another "
                "feed; write it without"
            )
    if re.search(r"\(\?\(|\(\?P=|\(\?P?>|[*+?}]\+", bare):
        raise FeedError(
            f"the pattern {pattern!r} refers back to itself or takes what it can get (possessive), so it cannot be "
            "judged whether it takes names of another feed; write it without"
        )
    if "(?i)" in bare or re.search(r"\(\?[aiLmsux-]+[:)]", bare):
        raise FeedError(f"the pattern {pattern!r} has flags inside; only (?i) at its very beginning is allowed")
    if not body.isascii():
        raise FeedError(f"the pattern {pattern!r} is not ASCII; name files by letters, digits, '_', '-' and '.'")
    if sum(int(number) for number in re.findall(r"\d+(?=,?\d*\})", bare)) > MAX_REPEATS:
        raise FeedError(f"the pattern {pattern!r} counts to more than {MAX_REPEATS}; names have at most 200 characters")
    try:
        return interegular.parse_pattern(f"{flags}{body}").to_fsm()
    except (Unsupported, InvalidSyntax, NotImplementedError) as error:
        raise FeedError(
            f"the pattern {pattern!r} holds something by which it cannot be judged whether it takes names of another "
            f"feed ({error}): anchors inside, references to groups and word boundaries are such. Write it without"
        ) from error


def _letters(*machines: FSM) -> tuple[str, ...]:
    """One character for each way in which the machines can tell characters apart, readable ones where possible."""
    chosen: dict[tuple[object, ...], str] = {}
    named = {character for machine in machines for character in machine.alphabet if isinstance(character, str)}
    for letter in [*ALL, *sorted(named)]:
        chosen.setdefault(tuple(machine.alphabet[letter] for machine in machines), letter)
    return tuple(chosen.values())


def _step(machine: FSM, states: frozenset[State], letter: str, *, begin_anew: bool) -> frozenset[State]:
    symbol = machine.alphabet[letter]
    onward = {machine.map[state][symbol] for state in states if symbol in machine.map.get(state, {})}
    return frozenset({*onward, machine.initial} if begin_anew else onward)
