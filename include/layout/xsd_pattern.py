"""A contract's pattern in the regular expressions of XML Schema, which have neither anchors nor control characters."""

from __future__ import annotations

from collections.abc import Iterator

# What XML 1.0 can carry; a schema cannot even name another character.
CHARACTERS = ((0x9, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
# Unicode's white space, which is what \s means to both readers; to XML Schema it means four characters.
WHITE = ((0x9, 0xA), (0xD, 0xD), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A),
         (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000))  # fmt: skip
CONTROLS = {"t": 0x9, "n": 0xA, "r": 0xD, "f": 0xC, "v": 0xB}
OPERATORS = "()|?*+{}"
Range = tuple[int, int]


class PatternError(ValueError):
    """A contract's pattern cannot be said in XML Schema."""


def in_xml_schema(pattern: str) -> str:
    """
    Return ``pattern`` so that XML Schema accepts the same texts; its own patterns always mean the whole value.

    :raises PatternError: saying what XML Schema does not have; nothing is translated half.
    """
    inner = pattern
    if pattern.startswith("^"):
        inner = inner[1:]
    if inner.endswith("$") and not inner.endswith(r"\$"):
        inner = inner[:-1]
    if inner != pattern and _splits_outside(inner):
        raise PatternError(f"{pattern!r}: put brackets around the alternatives, ^ and $ would belong to one of them")
    return "".join(_Translation(inner).parts())


def _splits_outside(pattern: str) -> bool:
    """True if an alternative stands outside brackets."""
    depth, at, in_class = 0, 0, False
    while at < len(pattern):
        one = pattern[at]
        if one == "\\":
            at += 1
        elif in_class:
            in_class = one != "]"
        elif one == "[":
            in_class = True
        elif one == "|" and depth == 0:
            return True
        else:
            depth += {"(": 1, ")": -1}.get(one, 0)
        at += 1
    return False


class _Translation:
    """Goes through one pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern, self._at = pattern, 0

    def parts(self) -> Iterator[str]:
        while self._at < len(self._pattern):
            one = self._take()
            if one == "\\":
                yield self._escaped()
            elif one == "[":
                yield self._class()
            elif one == "(":
                yield self._bracket()
            elif one in "^$":
                raise PatternError(f"{self._pattern!r}: XML Schema has no {one} within a pattern")
            elif one in "?*+}" and self._pattern[self._at : self._at + 1] in ("?", "+"):
                raise PatternError(f"{self._pattern!r}: XML Schema has no lazy and no possessive repetition")
            elif one in OPERATORS or one == ".":
                yield one if one != "." else r"[^\n]"
            else:
                yield _literal(ord(one))

    def _take(self) -> str:
        one = self._pattern[self._at]
        self._at += 1
        return one

    def _bracket(self) -> str:
        if self._pattern.startswith("?", self._at):
            if not self._pattern.startswith("?:", self._at):
                raise PatternError(f"{self._pattern!r}: of the brackets with ? XML Schema has (?:…) only")
            self._at += 2
        return "("

    def _escaped(self) -> str:
        one = self._pattern[self._at]
        if one in "sS":
            self._at += 1
            return _class_of(WHITE, negated=one == "S")
        return _class_of(_carried([self._character()]), negated=False)

    def _character(self) -> Range:
        """Read what stands behind a backslash as one character."""
        one = self._take()
        if one in "xu":
            length = 2 if one == "x" else 4
            code = self._pattern[self._at : self._at + length]
            self._at += length
            try:
                return int(code, 16), int(code, 16)
            except ValueError:
                raise PatternError(f"{self._pattern!r}: write a character as \\xHH or \\uHHHH") from None
        if one in CONTROLS:
            return CONTROLS[one], CONTROLS[one]
        if one.isalnum():
            raise PatternError(f"{self._pattern!r}: XML Schema has no \\{one}, or means something else by it")
        return ord(one), ord(one)

    def _class(self) -> str:
        negated = self._pattern.startswith("^", self._at)
        self._at += negated
        ranges: list[Range] = []
        begin = self._at
        while (one := self._take()) != "]" or self._at == begin + 1:
            if one == "[":
                raise PatternError(f"{self._pattern!r}: write \\[ within a class")
            if one == "\\" and self._pattern[self._at] == "s":
                self._at += 1
                ranges += WHITE
                continue
            low = self._character()[0] if one == "\\" else ord(one)
            high = low
            if self._pattern.startswith("-", self._at) and not self._pattern.startswith("-]", self._at):
                self._at += 1
                last = self._take()
                high = self._character()[0] if last == "\\" else ord(last)
            ranges.append((low, high))
        return _class_of(_carried(ranges), negated=negated)


def _carried(ranges: list[Range]) -> tuple[Range, ...]:
    """Leave of the ranges what XML can carry."""
    return tuple(
        (max(low, first), min(high, last))
        for low, high in ranges
        for first, last in CHARACTERS
        if max(low, first) <= min(high, last)
    )


def _class_of(ranges: tuple[Range, ...], *, negated: bool) -> str:
    if not ranges:
        if negated:
            return r"[\s\S]"
        raise PatternError("the pattern asks for a character that XML cannot carry")
    if len(ranges) == 1 and not negated and ranges[0][0] == ranges[0][1]:
        return _literal(ranges[0][0])
    inner = "".join(part for low, high in ranges for part in _range(low, high))
    return f"[{'^' if negated else ''}{inner}]"


def _range(low: int, high: int) -> Iterator[str]:
    """Say a range whose ends need no backslash: libxml2 takes others for something else."""
    while low <= high and len(_in_class(low)) > 1:
        yield _in_class(low)
        low += 1
    behind = ""
    while low <= high and len(_in_class(high)) > 1:
        behind = _in_class(high) + behind
        high -= 1
    if low <= high:
        yield chr(low) if low == high else f"{chr(low)}-{chr(high)}"
    yield behind


def _in_class(code: int) -> str:
    return _named(code) or (f"\\{chr(code)}" if chr(code) in r"\[]^-" else chr(code))


def _literal(code: int) -> str:
    return _named(code) or (f"\\{chr(code)}" if chr(code) in r"\[]^.-" + OPERATORS else chr(code))


def _named(code: int) -> str:
    return {0x9: r"\t", 0xA: r"\n", 0xD: r"\r"}.get(code, "")
