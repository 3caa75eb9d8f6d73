"""
The bytes of a file as UTF-8, strictly: the first byte that is no text of the declared encoding ends the reading.

What follows works on UTF-8, in which delimiters, quotes and line ends are single bytes that are part of nothing else.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import IO

from include.inbound.refusals import FileRefused

UTF8_MARK = codecs.BOM_UTF8
# The longer marks first: that of UTF-32 begins as that of UTF-16 does.
FOREIGN_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
SIGNATURES = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word document"),
    (b"%PDF-", "a PDF document"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"-----BEGIN PGP", "a PGP message"),
    (b"<?xml", "an XML document"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
)
MARK_BYTES = 64
ASCII = bytes(range(128))


def require_encoding(encoding: str) -> str:
    """
    Return the canonical name of ``encoding``.

    :raises ValueError: if Python does not know it, or ASCII is not a part of it; a feed is never set up so.
    """
    try:
        name = codecs.lookup(encoding).name
        plain = ASCII.decode(name) == ASCII.decode("ascii") and ASCII.decode("ascii").encode(name) == ASCII
    except (LookupError, UnicodeError):
        plain = False
    if not plain:
        raise ValueError(f"a feed cannot be read as {encoding!r}: use utf-8, cp1252, latin-1 or another one over ASCII")
    return "utf-8" if name in ("utf-8-sig", "ascii") else name


class Utf8Chunks:
    """
    Reads ``source`` in pieces of ``size`` bytes and gives them on as UTF-8.

    A piece may end anywhere, but never inside a character.
    """

    def __init__(self, source: IO[bytes], encoding: str, size: int) -> None:
        self._source = source
        self._size = size
        self.encoding = require_encoding(encoding)
        self._decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        self._as_utf8 = codecs.getincrementaldecoder("utf-8")("strict")
        self._could_be_utf8 = self.encoding != "utf-8"
        self._beyond_ascii = False
        self._read = 0

    def __iter__(self) -> Iterator[bytes]:
        """
        Yield the pieces, without a byte order mark.

        :raises FileRefused: ``EMPTY``, ``NOT_CSV``, ``ENCODING``.
        """
        first = True
        # The first piece is long enough for any mark and signature.
        while chunk := self._source.read(max(self._size, MARK_BYTES) if first else self._size):
            start, self._read = self._read, self._read + len(chunk)
            if first:
                first = False
                bare = self._without_mark(chunk)
                start += len(chunk) - len(bare)
                chunk = bare
            yield self._utf8(chunk, start, final=False)
        if first:
            raise FileRefused("EMPTY", "the file has no bytes; ask the partner to send it again", byte_offset=0)
        yield self._utf8(b"", self._read, final=True)
        self._require_no_utf8()

    def place(self, behind: bytes) -> int:
        """Return the offset in the file at which ``behind``, the last of what was given on, begins."""
        return self._read - len(self._decoder.getstate()[0]) - len(behind.decode().encode(self.encoding))

    def _without_mark(self, chunk: bytes) -> bytes:
        for mark, name in FOREIGN_MARKS:
            if chunk.startswith(mark):
                raise FileRefused(
                    "ENCODING",
                    f"the file begins with the byte order mark of {name}, the feed says {self.encoding}; "
                    f"ask the partner for {self.encoding}",
                    byte_offset=0,
                )
        for signature, what in SIGNATURES:
            if chunk[:16].lower().startswith(signature.lower()):
                raise FileRefused("NOT_CSV", f"the file is {what}, not text; ask the partner for CSV", byte_offset=0)
        if not chunk.startswith(UTF8_MARK):
            return chunk
        if self.encoding != "utf-8":
            raise FileRefused(
                "ENCODING",
                f"the file begins with the byte order mark of UTF-8, the feed says {self.encoding}; "
                "if the partner has changed over, set the feed's encoding to utf-8",
                byte_offset=0,
            )
        return chunk[len(UTF8_MARK) :]

    def _utf8(self, chunk: bytes, start: int, *, final: bool) -> bytes:
        held = self._decoder.getstate()[0]
        if not held and chunk.isascii():
            if self._could_be_utf8:
                self._try_utf8(chunk, final=final)
            return chunk
        self._beyond_ascii = True
        if self._could_be_utf8:
            self._try_utf8(chunk, final=final)
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            offset = start - len(held) + error.start
            hint = (
                "it is probably Windows-1252: if the partner has always sent that, set the feed's encoding to cp1252"
                if self.encoding == "utf-8"
                else "look at what the partner says of its encoding, and at the feed's"
            )
            raise FileRefused(
                "ENCODING", f"the byte at offset {offset} is no {self.encoding} text; {hint}", byte_offset=offset
            ) from None
        if self.encoding == "utf-8":
            # Known to be UTF-8 now, so it need not be made again.
            whole = held + chunk
            return whole[: len(whole) - len(self._decoder.getstate()[0])]
        return text.encode()

    def _try_utf8(self, chunk: bytes, *, final: bool) -> None:
        try:
            self._as_utf8.decode(chunk, final)
        except UnicodeDecodeError:
            self._could_be_utf8 = False

    def _require_no_utf8(self) -> None:
        # A code page with one byte per character reads any UTF-8, as two or three wrong characters for each.
        if self._beyond_ascii and self._could_be_utf8:
            raise FileRefused(
                "ENCODING",
                f"every character beyond ASCII in the file is whole UTF-8, and the feed says {self.encoding}: "
                "names would be garbled; set the feed's encoding to utf-8",
            )
