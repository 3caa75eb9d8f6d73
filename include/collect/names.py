"""
Which names of a partner's directory are taken at their word, and how any other is written down.

A name is the partner's, not ours: it is matched, shown and handed back to the same server, and never becomes a local
path. What lies here is called by its hash.
"""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_NAME_BYTES: Final = 200
"""Longer names are refused: no dealer's export has one, and 255 is where file systems end."""
MAX_LABEL: Final = 240


def label(name: bytes) -> str:
    r"""
    ``name`` as text that is safe to show: a sound name as it is, each byte of trouble as ``\xNN``.

    Cut at 240 characters, the end saying how many bytes there were.
    """
    shown = "".join(
        character if _shows(character) else _escaped(character) for character in name.decode(errors="surrogateescape")
    )
    return shown if len(shown) <= MAX_LABEL else f"{shown[:MAX_LABEL]}… ({len(name)} bytes)"


def fault_of(name: bytes) -> str | None:
    """Say what is wrong with ``name``, or ``None`` for one that may be asked for again as it stands."""
    if len(name) > MAX_NAME_BYTES:
        return f"the name is {len(name)} bytes long, {MAX_NAME_BYTES} at most are taken"
    try:
        text = name.decode()
    except UnicodeDecodeError as error:
        return f"the name is not UTF-8 at byte {error.start}"
    if "/" in text or "\\" in text:
        return "the name holds a path separator"
    if not text or ".." in text:
        return "the name is empty or holds '..'"
    if any(not _shows(character) for character in text):
        return "the name holds a control or invisible character"
    if text != text.strip():
        return "the name begins or ends with a space"
    return None


def _shows(character: str) -> bool:
    # Categories C: control, format (which turns the reading order), surrogate, private use, unassigned; and the
    # separators of lines and paragraphs.
    return character == " " or (character != "\\" and unicodedata.category(character)[0] not in "CZ")


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogatepass"))
