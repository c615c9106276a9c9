"""Character encodings: the contract's, never a guess.

Lives here: which encodings can be split into rows before decoding, transcoding of the others, naming the encodings
that would decode a row. Does not live here: rows themselves (`text_records.py`).
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from orchestration.errors import CxwError

# One byte per character and ASCII below 128: line feeds, quotes and delimiters can be found before decoding.
_SINGLE_BYTE = ("ascii", "latin", "iso8859", "cp125", "koi8", "mac", "cp437", "cp850", "cp852")
_USUAL = ("utf-8", "cp1252", "iso8859-15", "cp1250", "cp1251", "mac-roman")


def is_single_byte(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith(_SINGLE_BYTE)


def utf8_blocks(blocks: Iterator[bytes], encoding: str, where: str) -> Iterator[bytes]:
    """The same text in UTF-8, or unchanged in a one-byte encoding; without a byte order mark.

    Raises:
        CxwError: E-CSV-004 for UTF-16 that the contract does not declare, or text cut in the middle of a character.
    """
    name = codecs.lookup(encoding).name
    first = next(blocks, b"")
    if name in ("utf-8", "utf-8-sig") or is_single_byte(encoding):
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in first[:4]:
            raise CxwError("E-CSV-004", f"looks like UTF-16, the contract says {encoding}", where=where)
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from blocks
        return
    # Half a surrogate pair passes here and is found where rows are checked, so that it costs one row only.
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass" if name.startswith("utf-16") else "strict")
    try:
        yield decoder.decode(first).removeprefix("\ufeff").encode("utf-8", "surrogatepass")
        for block in blocks:
            yield decoder.decode(block).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CxwError("E-CSV-004", f"not {encoding}: {error.reason}", where=where) from None


def would_decode(raw: bytes, encoding: str) -> list[str]:
    """Usual encodings, other than the contract's, that know every byte of a row."""
    return [usual for usual in _USUAL if usual != encoding and _decodes(raw, usual)]


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
